"""The documentation's site, at `/docs`: the files that `make docs` writes."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.dependencies import anyone
from api.shipped_files import ROOT

FOLDER = ROOT / "build" / "docs"
_FIRST_PAGE = "index.html"
_NOT_BUILT = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Documentation</title>'
    "<p>The documentation is not built here. Run <code>make docs</code> in a clone of Njangi.</p></html>"
)
_POLICY = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


class Documentation(Mount):
    """Serve the site to everybody, packed where the browser accepts that."""

    endpoint = staticmethod(anyone)  # the right that this route asks for
    methods = ("GET", "HEAD")

    def __init__(self, folder: Path = FOLDER) -> None:
        super().__init__("/docs", app=GZipMiddleware(_Site(folder)))


class _Site(StaticFiles):
    """The files of a folder; `/docs` leads to the first page."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, check_dir=False)
        self._folder = folder

    async def check_config(self) -> None:
        """Accept a folder that is not there: the site may be built later."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not (self._folder / _FIRST_PAGE).is_file():
            return HTMLResponse(_NOT_BUILT, status_code=404)
        if path == ".":
            return RedirectResponse(f"/docs/{_FIRST_PAGE}", headers={"Cache-Control": "no-cache"})
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"  # browsers ask each time and get 304 while nothing has changed
        if Headers(raw=response.raw_headers).get("content-type", "").startswith("text/html"):
            page = self._folder / path
            response.headers["Content-Security-Policy"] = _policy(page, page.stat().st_mtime_ns)
        return response


@lru_cache(maxsize=1000)
def _policy(page: Path, written: int) -> str:
    """Return a policy that allows the scripts inside this page, and no other inline script."""
    scripts = (script.encode() for script in _INLINE_SCRIPT.findall(page.read_text(encoding="utf-8")))
    hashes = (base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts)
    return _POLICY.format(scripts=" ".join(sorted({f"'sha256-{digest}'" for digest in hashes})))
