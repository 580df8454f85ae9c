"""The command line's uploads against a real service whose line breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from njangi_flows.cli.uploading import MOST_TRIES, upload

from tests.integration.api.conftest import Client
from tests.integration.api.test_blobs import SHA256, WHOLE


class BreakingLine(httpx.BaseTransport):
    """Hangs up after `most` bytes of a body, each time it is used for one."""

    def __init__(self, most: int) -> None:
        self._real = httpx.HTTPTransport()
        self._most = most

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH" and self._most:
            request = httpx.Request(request.method, request.url, headers=request.headers, content=self._cut(request))
        return self._real.handle_request(request)

    def close(self) -> None:
        self._real.close()

    def _cut(self, request: httpx.Request) -> Iterator[bytes]:
        sent = 0
        assert isinstance(request.stream, httpx.SyncByteStream)
        for piece in request.stream:
            yield piece
            sent += len(piece)
            if sent >= self._most:
                raise httpx.WriteError("the line broke")


def open_line(client: Client, most: int) -> httpx.Client:
    token = (client.home / "tokens" / "admin").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=client.url, headers=headers, transport=BreakingLine(most), timeout=30)


@pytest.mark.parametrize("most", [0, 1_000_000])
async def test_a_file_arrives_over_a_line_that_breaks_again_and_again(
    client: Client, tmp_path: Path, most: int
) -> None:
    (tmp_path / "file").write_bytes(WHOLE)
    pauses: list[float] = []
    with open_line(client, most) as http:
        answer = await asyncio.to_thread(upload, http, tmp_path / "file", SHA256, pause=pauses.append)
    assert answer.is_success
    assert b"".join([piece async for piece in client.services.stores.blobs.read(SHA256)]) == WHOLE
    assert bool(pauses) is bool(most)


async def test_it_gives_up_when_nothing_more_arrives(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(WHOLE)
    pauses: list[float] = []
    with httpx.Client(base_url="http://127.0.0.1:9") as http, pytest.raises(httpx.ConnectError):
        await asyncio.to_thread(upload, http, tmp_path / "file", SHA256, pause=pauses.append)
    assert len(pauses) == MOST_TRIES - 1


async def test_a_refusal_is_the_answer(client: Client, tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.truncate(client.services.settings.largest_blob_trusted + 1)
    with open_line(client, 0) as http:
        answer = await asyncio.to_thread(upload, http, tmp_path / "file", "0" * 64, pause=lambda _: None)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:njangi:too-large")
