"""Sign and send webhook messages to addresses of strangers, without giving them a way into this network.

Signed as Standard Webhooks 1.0 says (webhook-id, webhook-timestamp, webhook-signature: v1). The address is checked when
the connection is made, so a name that resolves differently a moment later gains nothing; redirects are not followed, no
proxy of the environment is used, and of the answer nothing but its status is read.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlsplit

import httpcore

from storage.errors import NjangiError

TIMEOUT_SECONDS = 10.0
"""From the first packet to the answer's status."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class ForbiddenAddressError(NjangiError):
    """An address that messages do not go to."""

    code = "address-forbidden"
    says = (
        "{address} is not an address that messages may go to: it must be a public one over http or https, "
        "without user and password (the operator may allow private ones with NJANGI_WEBHOOKS_PRIVATE=1)"
    )
    names = ("address",)


def is_public(text: str) -> bool:
    """Whether an IP address is one of the open internet, whatever other address it may carry inside."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast


def check_url(url: str, *, private: bool) -> None:
    """Refuse what could never be posted to. Names are looked up only when a message goes out.

    Raises ForbiddenAddressError.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ForbiddenAddressError(url[:200]) from None
    plain = parts.scheme in ("http", "https") and host and parts.username is None and not parts.fragment
    if not plain or not url.isascii() or any(character.isspace() for character in url):
        raise ForbiddenAddressError(url[:200])
    try:
        literal = is_public(host or "")
    except ValueError:
        literal = not (host == "localhost" or str(host).endswith(".localhost"))
    if not literal and not private:
        raise ForbiddenAddressError(url[:200])


def signature(secret: str, id_: str, at: datetime, body: str) -> str:
    """Return the value of webhook-signature."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{id_}.{int(at.timestamp())}.{body}".encode()
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class _CheckedNetwork(httpcore.AnyIOBackend):
    """Connects to addresses that it has looked at itself."""

    def __init__(self, private: bool) -> None:
        self._private = private

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} has no address: {error}") from error
        addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
        if not self._private and not all(map(is_public, addresses)):
            raise ForbiddenAddressError(host)
        return await super().connect_tcp(addresses[0], port, timeout, local_address, socket_options)


class Poster:
    """Posts messages. Close it at the end."""

    def __init__(self, *, private: bool) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(), network_backend=_CheckedNetwork(private), max_connections=100
        )
        self._private = private

    async def close(self) -> None:
        await self._pool.aclose()

    async def post(self, url: str, secret: str, id_: str, body: str, *, now: datetime) -> int:
        """Send one message and return the answer's status. Raises PostingError when there is none."""
        headers: dict[bytes | str, bytes | str] = {
            "content-type": "application/json",
            "user-agent": "njangi-webhooks/1",
            "webhook-id": id_,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature(secret, id_, now, body),
        }
        try:
            check_url(url, private=self._private)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                async with self._pool.stream("POST", url, headers=headers, content=body.encode()) as answer:
                    return int(answer.status)
        except TimeoutError:
            raise PostingError(f"no answer within {TIMEOUT_SECONDS:g} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise PostingError(str(error) or type(error).__name__) from error
        except ForbiddenAddressError as error:
            raise PostingError(str(error)) from error


class PostingError(NjangiError):
    """A message got no answer; the text says why."""
