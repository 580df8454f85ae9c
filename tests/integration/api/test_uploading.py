"""Uploads of large files to a real service over a connection that breaks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from njangi_flows.client import Njangi, ProblemError, UnreachableError

from tests.integration.api.conftest import Client
from tests.integration.api.test_blobs import SHA256, WHOLE


class BreakingConnection(httpx.AsyncBaseTransport):
    """Breaks each upload after `most` bytes of its body; 0 for never."""

    def __init__(self, most: int) -> None:
        self._real = httpx.AsyncHTTPTransport()
        self._most = most

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH" and self._most:
            request = httpx.Request(request.method, request.url, headers=request.headers, content=self._cut(request))
        return await self._real.handle_async_request(request)

    async def aclose(self) -> None:
        await self._real.aclose()

    async def _cut(self, request: httpx.Request) -> AsyncIterator[bytes]:
        sent = 0
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for piece in request.stream:
            sent += len(piece)
            if sent > self._most:
                raise httpx.WriteError("the line broke")
            yield piece


class Uploader:
    """The typed client over a breaking connection; it does not wait, but counts its pauses and keeps the progress."""

    def __init__(self, client: Client, most: int) -> None:
        token = (client.home / "tokens" / "admin").read_text().strip()
        self.njangi = Njangi(client.url, token)
        to = self.njangi.transport
        to.http = httpx.AsyncClient(
            base_url=client.url, auth=to.http.auth, transport=BreakingConnection(most), timeout=30
        )
        to.pause = self._pause
        self.pauses = 0
        self.progress: list[int] = []

    async def _pause(self, seconds: float) -> None:
        self.pauses += 1

    def show(self, sent: int, size: int) -> None:
        assert size == len(WHOLE)
        self.progress.append(sent)


@pytest.mark.parametrize("most", [0, 1_000_000])
async def test_a_file_arrives_over_a_connection_that_breaks_again_and_again(
    client: Client, tmp_path: Path, most: int
) -> None:
    (tmp_path / "file").write_bytes(WHOLE)
    uploader = Uploader(client, most)
    async with uploader.njangi as njangi:
        assert await njangi.blobs.put(tmp_path / "file", uploader.show) == SHA256
    assert b"".join([piece async for piece in client.services.stores.blobs.read(SHA256)]) == WHOLE
    assert bool(uploader.pauses) is bool(most)
    assert (uploader.progress[0], uploader.progress[-1]) == (0, len(WHOLE))


async def test_it_gives_up_when_nothing_more_arrives(client: Client, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(WHOLE)
    uploader = Uploader(client, 1)
    async with uploader.njangi as njangi:
        with pytest.raises(UnreachableError, match="the line broke"):
            await njangi.blobs.put(tmp_path / "file")
    assert uploader.pauses > 3


async def test_a_refusal_is_told(client: Client, tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.truncate(client.services.settings.largest_blob_trusted + 1)
    async with Uploader(client, 0).njangi as njangi:
        with pytest.raises(ProblemError) as caught:
            await njangi.blobs.put(tmp_path / "file")
    assert (caught.value.status, caught.value.kind) == (413, "too-large")
