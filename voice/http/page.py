"""The page for people: `/` to talk, `/check` to find out why one cannot, and their files."""

import hashlib
import re
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from voice.bundled import web_path

TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
"""What is served; a file of any other kind is not there."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(self), speaker-selection=(self)",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


@get(["/", "/check"], sync_to_thread=False)
def page(request: Request[Any, Any, Any]) -> Response[bytes]:
    name = "check.html" if request.scope["path"] == "/check" else "index.html"
    return _file(request, name, {"content-security-policy": _policy(request)})


@get("/web/{name:path}", sync_to_thread=False)
def page_file(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    return _file(request, name.lstrip("/"), {"content-security-policy": _policy(request)})


def _policy(request: Request[Any, Any, Any]) -> str:
    """Only this very host may be spoken to; to old browsers `'self'` does not mean its sockets."""
    host = request.headers.get("host", "")
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return POLICY.format(sockets=sockets)


def _file(request: Request[Any, Any, Any], name: str, headers: dict[str, str]) -> Response[bytes]:
    """A file of the page, or 304 where the browser has it; it asks each time, as files change."""
    path = _found(name)
    body = path.read_bytes()
    # Weak, since the body may be compressed on its way.
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**HEADERS, **headers, "cache-control": "no-cache", "etag": tag}
    if tag in _tags(request.headers.get("if-none-match", "")):
        return Response(b"", status_code=304, headers=headers, media_type=TYPES[path.suffix])
    return Response(body, headers=headers, media_type=TYPES[path.suffix])


def _found(name: str) -> Path:
    """The file of that name below the folder of the page; raises `NotFoundException`."""
    root = web_path().resolve()
    try:
        path = (root / name).resolve()
        there = path.is_relative_to(root) and path.suffix in TYPES and path.is_file()
    except (OSError, ValueError):  # a name too long, or with a null in it
        there = False
    if not there:
        raise NotFoundException(f"the page has no file '{name}'")
    return path


def _tags(header: str) -> set[str]:
    return {tag.strip() for tag in header.split(",")}
