"""A model hub on loopback that lists and sends files, and does so badly on request."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 1000
"""From this size on a file counts as large and has a SHA-256."""


class FakeHub:
    """Repositories as dictionaries of files; `gets` lists what was asked for, with its range."""

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, bytes]] = {}
        self.gets: list[tuple[str, str | None]] = []
        self.cuts: list[int] = []
        """After how many bytes to break off, one for each of the next downloads."""
        self.knows_ranges = True
        self.damages = False
        self.statuses: list[int] = []
        """What to answer the next requests with instead."""
        self.tokens: list[str | None] = []
        self.files_at: str | None = None
        """Another server that downloads are sent to."""
        self.url = ""

    def listing(self, repo: str) -> bytes:
        siblings = [self._sibling(path, data) for path, data in self.repos[repo].items()]
        return json.dumps({"id": repo, "sha": COMMIT, "siblings": siblings}).encode()

    def _sibling(self, path: str, data: bytes) -> dict[str, object]:
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        sibling: dict[str, object] = {"rfilename": path, "size": len(data), "blobId": blob}
        if len(data) >= LARGE:
            digest = hashlib.sha256(data).hexdigest()
            sibling["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 1}
        return sibling


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.removeprefix("/")
        self.hub.tokens.append(self.headers["Authorization"])
        if self.hub.statuses:
            self._answer(self.hub.statuses.pop(0), b"")
        elif path.startswith("api/models/") and path[11:] in self.hub.repos:
            self._answer(200, self.hub.listing(path[11:]))
        elif (data := self._file(path)) is not None:
            self._send_file(path, data)
        else:
            self._answer(404, b"")

    def _file(self, path: str) -> bytes | None:
        repo, _, file = path.partition(f"/resolve/{COMMIT}/")
        return self.hub.repos.get(repo, {}).get(file)

    def _send_file(self, path: str, data: bytes) -> None:
        if self.hub.files_at:
            self._answer(302, b"", Location=f"{self.hub.files_at}{self.path}")
            return
        asked = self.headers["Range"]
        self.hub.gets.append((path.rsplit("/", 1)[1], asked))
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if self.hub.damages:
            data = data[:-1] + b"?"
        if asked and self.hub.knows_ranges:
            self._answer(206, data[start:])
        else:
            self._answer(200, data)

    def _answer(self, status: int, data: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.hub.cuts and status in {200, 206} and self.hub.gets:
            self.wfile.write(data[: self.hub.cuts.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[FakeHub]:
    """Serve a hub at its `url` from a thread of its own."""
    hub = FakeHub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
