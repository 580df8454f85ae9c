from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from njangi_agent.errors import AccessRefusedError, RequestRejectedError, ServiceUnavailableError
from njangi_agent.proof import NONCE_HEADER, PROOF_HEADER, STORED_HEADER, key_of, proof
from njangi_agent.protocol import Machine, SyncRequest
from njangi_agent.service.client import Remote
from njangi_agent.service.http_client import HttpService

from .service import FakeService

NOTHING = SyncRequest(slots=1)


@contextmanager
def answering(*answers: bytes, secret: str | None = "s") -> Iterator[str]:
    """A server that reads a request and sends these bytes, once per connection, and hangs up.

    It proves that it knows the caller's `secret`, unless that is None.
    """

    def serve() -> None:
        for answer in answers:
            connection, _ = listening.accept()
            with connection:
                request = _read(connection)
                first, line, rest = answer.partition(b"\r\n")
                if secret is not None and first.startswith(b"HTTP/"):
                    nonce = request.partition(f"{NONCE_HEADER}: ")[2].partition("\r\n")[0]
                    signed = proof(key_of(secret), nonce, int(first.split()[1]), _stored(answer))
                    first += f"\r\n{PROOF_HEADER}: {signed}".encode()
                connection.sendall(first + line + rest)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def _read(connection: socket.socket) -> str:
    """Return the head of a request, when all of it has come."""
    with connection.makefile("rb") as stream:
        head = b"".join(iter(stream.readline, b"\r\n")).decode()
        stream.read(int(head.partition("Content-Length: ")[2].partition("\r\n")[0] or 0))
        return head


def _stored(answer: bytes) -> str:
    return answer.partition(f"{STORED_HEADER}: ".encode())[2].partition(b"\r\n")[0].decode()


def test_blobs_go_up_and_come_down(service: FakeService, tmp_path: Path) -> None:
    client = HttpService(service.url, service.secret)
    (tmp_path / "up").write_bytes(b"x" * 1_000_000)
    sha256 = hashlib.sha256(b"x" * 1_000_000).hexdigest()
    client.put_blob(sha256, tmp_path / "up")
    client.fetch_blob(sha256, tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == b"x" * 1_000_000
    client.close()


def test_a_blob_that_is_not_what_its_name_says_is_rejected(service: FakeService, tmp_path: Path) -> None:
    client = HttpService(service.url, service.secret)
    service.blobs["0" * 64] = b"something else"
    with pytest.raises(RequestRejectedError, match="not what its name says"):
        client.fetch_blob("0" * 64, tmp_path / "down")
    with pytest.raises(RequestRejectedError, match="no such blob"):
        client.fetch_blob("1" * 64, tmp_path / "down")
    client.close()


def test_a_blob_that_has_come_survives_a_power_failure(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    monkeypatch.setattr(os, "fsync", lambda handle: synced.add(os.fstat(handle).st_ino))
    with closing(HttpService(service.url, service.secret)) as client:
        sha256 = hashlib.sha256(b"input").hexdigest()
        service.blobs[sha256] = b"input"
        client.fetch_blob(sha256, tmp_path / "down")
    assert (tmp_path / "down").stat().st_ino in synced


def test_a_blob_that_breaks_off_is_worth_another_try(tmp_path: Path) -> None:
    with (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort") as url,
        pytest.raises(ServiceUnavailableError, match="did not arrive"),
    ):
        HttpService(url, "s").fetch_blob("0" * 64, tmp_path / "down")


def test_an_idle_connection_that_the_service_ended_is_replaced() -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with answering(reply, reply) as url:
        client = HttpService(url, "s")
        assert client.sync(NOTHING) == client.sync(NOTHING)
        client.close()


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", ServiceUnavailableError, "503 Busy"),
        (b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", ServiceUnavailableError, "429 Slow"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", AccessRefusedError, "Forbidden"),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", RequestRejectedError, "302"),
        (b'HTTP/1.1 422 No\r\nContent-Length: 17\r\n\r\n{"detail": "bad"}', RequestRejectedError, "bad"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", ServiceUnavailableError, "no JSON object"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"leases": [1]}', RequestRejectedError, "another version"),
        (b"SSH-2.0-OpenSSH\r\n", ServiceUnavailableError, "BadStatusLine"),
        (b"", ServiceUnavailableError, "RemoteDisconnected"),
    ],
    ids=["503", "429", "403", "redirect", "422", "captive portal", "other version", "no HTTP", "hung up"],
)
def test_every_kind_of_answer_becomes_one_of_three_errors(answer: bytes, error: type[Exception], says: str) -> None:
    with answering(answer) as url, pytest.raises(error, match=says) as caught, closing(HttpService(url, "s")) as client:
        client.sync(NOTHING)
    if says == "503 Busy":
        assert isinstance(caught.value, ServiceUnavailableError)
        assert caught.value.retry_after == 7.0


SIGN_IN = b"HTTP/1.1 %b\r\nContent-Length: 6\r\n\r\n<html>"
STATUSES = [b"200 OK", b"201 Created", b"302 Found", b"401 No", b"403 Forbidden", b"404 Not Found", b"413 Too Large"]


@pytest.mark.parametrize("status", STATUSES, ids=bytes.decode)
@pytest.mark.parametrize("secret", [None, "another"], ids=["no proof", "proof of another secret"])
def test_an_answer_that_is_not_the_services_is_waited_out(status: bytes, secret: str | None, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"x")
    (tmp_path / "large").write_bytes(b"x" * 2_000_000)
    calls: list[Callable[[HttpService], object]] = [
        lambda client: client.sync(NOTHING),
        lambda client: client.put_blob("0" * 64, tmp_path / "small"),
        lambda client: client.put_blob("0" * 64, tmp_path / "large"),
        lambda client: client.fetch_blob("0" * 64, tmp_path / "down"),
        lambda client: client.enrol("attic", Machine("Linux", "x86_64", "3.11", 1, 1, 1)),
    ]
    for call in calls:
        page = answering(SIGN_IN % status, secret=secret)
        with (
            page as url,
            closing(HttpService(url, "s")) as client,
            pytest.raises(ServiceUnavailableError, match="prove"),
        ):
            call(client)
    assert not (tmp_path / "down").exists()


def test_an_answer_to_an_earlier_request_proves_nothing() -> None:
    signed = proof(key_of("s"), "0" * 24, 200)
    replayed = f"HTTP/1.1 200 OK\r\n{PROOF_HEADER}: {signed}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    page = answering(replayed, secret=None)
    with page as url, closing(HttpService(url, "s")) as client, pytest.raises(ServiceUnavailableError, match="prove"):
        client.sync(NOTHING)


@pytest.mark.parametrize("size", [1, 2_000_000], ids=["in one go", "resumable"])
@pytest.mark.parametrize("stored", [b"", b"Njangi-Sha256: " + b"1" * 64 + b"\r\n"], ids=["nothing", "another blob"])
def test_an_upload_counts_only_when_the_service_names_what_it_has_stored(
    size: int, stored: bytes, tmp_path: Path
) -> None:
    (tmp_path / "up").write_bytes(b"x" * size)
    done = b"HTTP/1.1 201 Created\r\n" + stored + b"Location: /v1/agent/uploads/u\r\nContent-Length: 0\r\n\r\n"
    answers = [done] if stored or size == 1 else [done, done]
    expected = pytest.raises(ServiceUnavailableError, match="has not said that the blob is stored")
    with answering(*answers) as url, closing(HttpService(url, "s")) as client, expected:
        client.put_blob("0" * 64, tmp_path / "up")


def test_a_service_may_refuse_a_join_token_that_it_does_not_know() -> None:
    problem = b'{"type": "urn:njangi:unauthorized", "detail": "unknown token"}'
    refusal = b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n%b" % (len(problem), problem)
    service, refused = answering(refusal, secret=None), pytest.raises(AccessRefusedError, match="unknown token")
    with service as url, closing(HttpService(url, "s")) as client, refused:
        client.enrol("attic", Machine("Linux", "x86_64", "3.11", 1, 1, 1))


def test_what_a_sign_in_page_left_of_a_blob_is_fetched_anew(tmp_path: Path) -> None:
    sha256 = hashlib.sha256(b"content").hexdigest()
    (tmp_path / "down").write_bytes(b"<h>")
    rest = b"HTTP/1.1 206 Partial\r\nContent-Length: 4\r\n\r\ntent"
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncontent"
    with answering(rest, whole) as url, closing(HttpService(url, "s")) as client:
        with pytest.raises(ServiceUnavailableError, match="something else"):
            client.fetch_blob(sha256, tmp_path / "down")
        client.fetch_blob(sha256, tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == b"content"


async def test_a_blob_that_came_as_another_is_fetched_again(tmp_path: Path) -> None:
    sha256 = hashlib.sha256(b"content").hexdigest()
    altered, whole = (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n" + said for said in (b"<html>!", b"content"))
    with answering(altered, whole) as url:
        remote = Remote(HttpService(url, "s"))
        await remote.fetch(sha256, tmp_path / "down")
        remote.close()
    assert (tmp_path / "down").read_bytes() == b"content"


def test_a_full_disk_is_not_waited_out_as_a_bad_line_is(tmp_path: Path) -> None:
    (tmp_path / "down").symlink_to("/dev/full")
    page = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncontent")
    refused = pytest.raises(RequestRejectedError, match=r"this machine cannot keep it.*No space left")
    with page as url, closing(HttpService(url, "s")) as client, refused:
        client.fetch_blob("0" * 64, tmp_path / "down")
    assert not (tmp_path / "down").is_symlink()


@pytest.mark.parametrize(("secret", "seconds"), [("s", 1800.0), (None, 60.0)], ids=["proven", "not proven"])
def test_what_proves_nothing_has_an_agent_wait_for_a_minute_at_most(secret: str | None, seconds: float) -> None:
    answer = b"HTTP/1.1 503 Busy\r\nRetry-After: 1800\r\nContent-Length: 0\r\n\r\n"
    page, waits = answering(answer, secret=secret), pytest.raises(ServiceUnavailableError)
    with page as url, waits as caught, closing(HttpService(url, "s")) as client:
        client.sync(NOTHING)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("url", ["", "localhost:8400", "file:///etc/passwd", "http://"])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is no http"):
        HttpService(url, "s")
