from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from njangi_agent.errors import Refused, Rejected, ServiceUnavailable
from njangi_agent.protocol import SyncRequest
from njangi_agent.service import Service

from .service import FakeService

NOTHING = SyncRequest(slots=1)


@contextmanager
def answering(*answers: bytes) -> Iterator[str]:
    """A server that reads a request and sends these bytes, once per connection, and hangs up."""

    def serve() -> None:
        for answer in answers:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def test_blobs_go_up_and_come_down(service: FakeService, tmp_path: Path) -> None:
    client = Service(service.url, service.secret)
    (tmp_path / "up").write_bytes(b"x" * 1_000_000)
    sha256 = hashlib.sha256(b"x" * 1_000_000).hexdigest()
    client.put_blob(sha256, tmp_path / "up")
    client.fetch_blob(sha256, tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == b"x" * 1_000_000
    client.close()


def test_a_blob_that_is_not_what_its_name_says_is_rejected(service: FakeService, tmp_path: Path) -> None:
    client = Service(service.url, service.secret)
    service.blobs["0" * 64] = b"something else"
    with pytest.raises(Rejected, match="not what its name says"):
        client.fetch_blob("0" * 64, tmp_path / "down")
    with pytest.raises(Rejected, match="no such blob"):
        client.fetch_blob("1" * 64, tmp_path / "down")
    client.close()


def test_a_blob_that_breaks_off_is_worth_another_try(tmp_path: Path) -> None:
    with (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort") as url,
        pytest.raises(ServiceUnavailable, match="did not arrive"),
    ):
        Service(url, "s").fetch_blob("0" * 64, tmp_path / "down")


def test_an_idle_connection_that_the_service_ended_is_replaced() -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with answering(reply, reply) as url:
        client = Service(url, "s")
        assert client.sync(NOTHING) == client.sync(NOTHING)
        client.close()


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", ServiceUnavailable, "503 Busy"),
        (b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", ServiceUnavailable, "429 Slow"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", Refused, "Forbidden"),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", Rejected, "302"),
        (b'HTTP/1.1 422 No\r\nContent-Length: 17\r\n\r\n{"detail": "bad"}', Rejected, "bad"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", ServiceUnavailable, "no JSON object"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"leases": [1]}', Rejected, "another version"),
        (b"SSH-2.0-OpenSSH\r\n", ServiceUnavailable, "BadStatusLine"),
        (b"", ServiceUnavailable, "RemoteDisconnected"),
    ],
    ids=["503", "429", "403", "redirect", "422", "captive portal", "other version", "no HTTP", "hung up"],
)
def test_every_kind_of_answer_becomes_one_of_three_errors(answer: bytes, error: type[Exception], says: str) -> None:
    with answering(answer) as url, pytest.raises(error, match=says) as caught, closing(Service(url, "s")) as client:
        client.sync(NOTHING)
    if says == "503 Busy":
        assert isinstance(caught.value, ServiceUnavailable)
        assert caught.value.retry_after == 7.0


@pytest.mark.parametrize("url", ["", "localhost:8400", "file:///etc/passwd", "http://"])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is no http"):
        Service(url, "s")
