"""The files of the console, at `/`. They are packed when they are built, so that sending one is cheap."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from api.dependencies import anyone
from api.shipped_files import ROOT

FILES = ROOT / "ui-config" / "console" / "dist"
_PAGE = "index.html"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_NAME = re.compile(r"[\w-][\w.-]*(?:/[\w-][\w.-]*)*", re.ASCII)
"""What files are called: nothing that leads elsewhere."""
_LONGEST_NAME = 200
_NOT_OURS = frozenset({"v1", "healthz", "readyz", "metrics", "openapi.json", "agent.pyz", "docs"})


@dataclass(frozen=True, slots=True)
class Packed:
    """One file in the forms in which it is sent. `etag` is that of its content, `written` tells builds apart."""

    written: tuple[int, ...]
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
        self._known: dict[str, Packed] = {}
        self._found(_PAGE)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return Match.NONE, {}
        name = scope["path"].lstrip("/")
        if name.split("/")[0] in _NOT_OURS:
            return Match.NONE, {}
        packed = self._found(name)
        if packed is None and _for_a_browser(scope):
            name, packed = _PAGE, self._found(_PAGE)
        if packed is None:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self, "route": self, "console": (name, packed)}

    def url_path_for(self, name: str, /, **_: object) -> str:  # type: ignore[override]
        raise NotImplementedError(name)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        name, packed = scope["console"]
        await _answer(name, packed, Request(scope))(scope, receive, send)

    def _found(self, name: str) -> Packed | None:
        """Return a file as it is now, None if there is none.

        One that was sent before stays while the console is built anew: who has the page of before goes on with it.
        """
        if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
            return None
        known = self._known.get(name)
        if known is not None and _never_changes(name):
            return known
        packings = [self._folder / f"{name}.{form}" for form in ("gz", "br")]
        try:
            written = tuple(part for at in packings for part in _written(at))
            if known is None or known.written != written:
                self._known[name] = known = _packed(name, written, *(at.read_bytes() for at in packings))
        except (FileNotFoundError, NotADirectoryError):
            pass
        return known


def _written(file: Path) -> tuple[int, int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _packed(name: str, written: tuple[int, ...], gzipped: bytes, brotli: bytes) -> Packed:
    type_ = "application/manifest+json" if name.endswith(".webmanifest") else mimetypes.guess_type(name)[0]
    return Packed(
        written=written,
        gzip=gzipped,
        brotli=brotli,
        type=type_ or "application/octet-stream",
        etag=f'"{hashlib.sha256(gzipped).hexdigest()[:32]}"',
    )


def _answer(name: str, packed: Packed, request: Request) -> Response:
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


def _never_changes(name: str) -> bool:
    """Whether the name has the digest of the content in it."""
    return name.startswith("assets/")


def _how_to_keep(name: str) -> Mapping[str, str]:
    """The page names what never changes, so it is asked for each time."""
    if _never_changes(name):
        return {"Cache-Control": "public, max-age=31536000, immutable"}
    return {"Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}


def _for_a_browser(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
