"""The console's files, at `/`: packed when they were built, so that sending one costs nothing but the sending."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from api.dependencies import anyone

FILES = Path(__file__).parent.parent / "ui-config" / "console" / "dist"
_PAGE = "index.html"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_NOT_OURS = frozenset({"v1", "healthz", "readyz", "metrics", "openapi.json", "agent.pyz"})


@dataclass(frozen=True, slots=True)
class Packed:
    """One file in the forms in which it is sent. `etag` is that of its content."""

    gzip: bytes
    brotli: bytes
    type: str
    etag: str


class Console(BaseRoute):
    """The last route: files by name; every other address that a browser opens gives the page, which knows them all."""

    path = "/{console:path}"
    endpoint = staticmethod(anyone)
    """The right that it asks for: who may see what, the page asks the service."""

    def __init__(self, folder: Path = FILES) -> None:
        self._folder = folder
        self._names = frozenset(
            str(found.relative_to(folder).with_suffix("").as_posix()) for found in folder.rglob("*.gz")
        )
        self._read = cache(self._load)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return Match.NONE, {}
        name = scope["path"].lstrip("/")
        if name not in self._names:
            if name.split("/")[0] in _NOT_OURS or not self._names or not _for_a_browser(scope):
                return Match.NONE, {}
            name = _PAGE
        return Match.FULL, {"endpoint": self, "route": self, "console": name}

    def url_path_for(self, name: str, /, **_: object) -> str:  # type: ignore[override]
        raise NotImplementedError(name)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope["console"], Request(scope))(scope, receive, send)

    def _answer(self, name: str, request: Request) -> Response:
        packed = self._read(name)
        headers = {"ETag": packed.etag, "Vary": "Accept-Encoding", **_how_to_keep(name)}
        if packed.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        accepted = {part.partition(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")}
        if "br" in accepted:
            body, headers["Content-Encoding"] = packed.brotli, "br"
        elif "gzip" in accepted:
            body, headers["Content-Encoding"] = packed.gzip, "gzip"
        else:
            body = gzip.decompress(packed.gzip)
        return Response(body, media_type=packed.type, headers=headers)

    def _load(self, name: str) -> Packed:
        place = self._folder / name
        packed = place.with_name(place.name + ".gz").read_bytes()
        type_ = "application/manifest+json" if name.endswith(".webmanifest") else mimetypes.guess_type(name)[0]
        return Packed(
            gzip=packed,
            brotli=place.with_name(place.name + ".br").read_bytes(),
            type=type_ or "application/octet-stream",
            etag=f'"{hashlib.sha256(packed).hexdigest()[:32]}"',
        )


def _how_to_keep(name: str) -> Mapping[str, str]:
    """Hashed names never change their content; the page names them, so it is asked for each time."""
    if name.startswith("assets/"):
        return {"Cache-Control": "public, max-age=31536000, immutable"}
    return {"Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}


def _for_a_browser(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
