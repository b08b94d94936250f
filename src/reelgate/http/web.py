"""The playground's files, at `/`: static, of this origin alone, and never stale.

The page names its scripts and styles under the digest of all of them. A browser may keep those for
ever: a new version has other addresses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from reelgate.errors import RouteNotFound
from reelgate.media.ranges import not_modified

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).parent.parent / "web" / "static"
PAGE = "index.html"
BASE = "/web"
PLACEHOLDER = b"{base}"
"""Where the page names the folder of its files."""
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
DIGEST_CHARS = 16

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob:",
    "media-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
"""Nothing but our own files, and no text that becomes code (https://www.w3.org/TR/CSP3/)."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
FOR_EVER = "public, max-age=31536000, immutable"
ASK_FIRST = "no-cache"
"""Keep it, and ask each time whether it is still so."""


@dataclass(frozen=True, slots=True)
class Site:
    """The files, and the digest of them all."""

    digest: str
    files: Mapping[str, bytes]


@cache
def site() -> Site:
    """The site, read when somebody first asks for the page."""
    paths = sorted(path for path in FOLDER.iterdir() if path.suffix in TYPES)
    files = {path.name: path.read_bytes() for path in paths}
    digest = hashlib.sha256()
    for name, text in files.items():
        digest.update(name.encode() + b"\x00" + text)
    return Site(digest.hexdigest()[:DIGEST_CHARS], files)


@router.get("/")
async def page(request: Request) -> Response:
    """The page itself."""
    known = site()
    redirects = request.app.state.context.settings.redirect_content
    etag = f'"{known.digest}{"-r" if redirects else ""}"'
    headers = {
        **HEADERS,
        "Cache-Control": ASK_FIRST,
        "ETag": etag,
        "Content-Security-Policy": policy(redirects=redirects),
    }
    if not_modified(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    shown = known.files[PAGE].replace(PLACEHOLDER, f"{BASE}/{known.digest}".encode())
    return Response(shown, media_type=TYPES[".html"], headers=headers)


@router.get("/favicon.ico")
async def favicon() -> Response:
    """The mark, for whoever does not read the page's own link to it."""
    return Response(
        site().files["mark.svg"],
        media_type=TYPES[".svg"],
        headers={**HEADERS, "Cache-Control": "public, max-age=86400"},
    )


@router.get(BASE + "/{digest}/{name}")
async def file(digest: str, name: str) -> Response:
    """One of the page's files; a page of another version asks for one that is no longer there.

    Raises:
        RouteNotFound: there is no such file.
    """
    known = site()
    if name == PAGE or name not in known.files:
        message = f"the playground has no file {name[:80]!r}"
        raise RouteNotFound(message)
    # Another version's page gets today's file, but does not keep it under that address.
    kept = FOR_EVER if digest == known.digest else "no-store"
    headers = {**HEADERS, "Cache-Control": kept, "ETag": f'"{known.digest}"'}
    return Response(known.files[name], media_type=TYPES[Path(name).suffix], headers=headers)


def policy(*, redirects: bool) -> str:
    """The page's Content-Security-Policy; videos may come from a bucket where they are there."""
    media = {"media-src": "'self' https: http:", "img-src": "'self' blob: https: http:"}
    rules = {**POLICY, **(media if redirects else {})}
    return "; ".join(f"{name} {value}" for name, value in rules.items())
