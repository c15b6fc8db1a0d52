"""Downloads from the Hugging Face hub, or a mirror of it, into the cache that all its users share.

A download that was cut is taken up where it ended, even by another run, and what arrived is
compared with the hub's digest before it gets its name; so a file in the cache is a whole one.
(The hub's own client starts anew at each run since its version 2.)
"""

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self
from urllib.parse import quote

import aiohttp
import msgspec

from voice.engines.weights import repo_folder

HUB_URL = "https://huggingface.co"
CHUNK_BYTES = 1 << 20
ATTEMPTS = 5
DELAY_S = 1.0
SILENCE_S = 30.0

_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

Report = Callable[[str, int, int], None]
"""Called with a file's name, the bytes of it that are here, and its size."""


class HubError(Exception):
    """A download failed; the message says why and what to do."""


class BrokenOffError(HubError):
    """The connection or the hub failed; the next attempt may get further."""


class File(msgspec.Struct, frozen=True):
    """A file of a repository. Its digest is a SHA-256, or a git blob's SHA-1 when it is small."""

    path: str
    size: int
    digest: str


class Lfs(msgspec.Struct, frozen=True):
    sha256: str


class Sibling(msgspec.Struct, frozen=True):
    rfilename: str
    size: int = 0
    blob_id: str = msgspec.field(name="blobId", default="")
    lfs: Lfs | None = None


class Repository(msgspec.Struct, frozen=True):
    """What the hub says of a repository: the commit its main branch is at, and its files."""

    sha: str
    siblings: list[Sibling]

    def files(self) -> list[File]:
        """Raises `HubError` for what could not be stored or checked."""
        return [checked(each) for each in self.siblings]


class Hub:
    """A connection to the hub, open within `async with`."""

    def __init__(self, cache: Path, *, endpoint: str | None = None, token: str = "") -> None:
        self._cache = cache
        self._endpoint = (endpoint or HUB_URL).rstrip("/")
        # Compressed, a part of a file would not be a part of it.
        self._headers = {"Accept-Encoding": "identity"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=SILENCE_S, sock_read=SILENCE_S)
        self._session = aiohttp.ClientSession(
            headers=self._headers, timeout=timeout, trust_env=True
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def repository(self, repo: str) -> Repository:
        """Look a repository up. Raises `HubError`."""
        url = f"{self._endpoint}/api/models/{quote(repo)}?blobs=true"
        try:
            async with self._session.get(url) as response:
                self._check(response, repo)
                return msgspec.json.decode(await response.read(), type=Repository)
        except msgspec.DecodeError as error:
            raise HubError(f"{self._endpoint} does not answer like a model hub: {error}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._unreachable(error) from error

    async def fetch(self, repo: str, commit: str, files: list[File], report: Report) -> Path:
        """Bring files of a repository into the cache; returns the folder that has their names.

        Raises `HubError`.
        """
        folder = repo_folder(self._cache, repo)
        blobs, snapshot = folder / "blobs", folder / "snapshots" / commit
        blobs.mkdir(parents=True, exist_ok=True)
        check_space(blobs, files)
        for file in files:
            if (blobs / file.digest).exists():
                report(file.path, file.size, file.size)
            else:
                url = f"{self._endpoint}/{quote(repo)}/resolve/{commit}/{quote(file.path)}"
                await self._fetch_blob(url, file, blobs / file.digest, report)
            link(blobs / file.digest, snapshot / file.path)
        # Only now does the cache know of this version: who looks finds all its files or none.
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / "main").write_text(commit, encoding="utf-8")
        return snapshot

    async def _fetch_blob(self, url: str, file: File, blob: Path, report: Report) -> None:
        partial = blob.with_name(f"{blob.name}.incomplete")
        with exclusively(partial, file) as target:
            await self._fill(target, url, file, report)
            if digest(target, file) != file.digest:
                partial.unlink()
                raise HubError(f"{file.path} arrived damaged and was thrown away; pull it again")
            partial.rename(blob)

    async def _fill(self, target: BufferedRandom, url: str, file: File, report: Report) -> None:
        failures = 0
        while (start := target.seek(0, os.SEEK_END)) < file.size:
            try:
                async for chunk in self._rest(target, url, file):
                    write(target, chunk, file)
                    report(file.path, target.tell(), file.size)
            except BrokenOffError:
                failures = 1 if target.tell() > start else failures + 1
                if failures == ATTEMPTS:
                    raise
                await asyncio.sleep(DELAY_S * failures)

    async def _rest(self, target: BufferedRandom, url: str, file: File) -> AsyncIterator[bytes]:
        """What the hub has of a file beyond what is here."""
        here = target.tell()
        try:
            async with self._session.get(url, headers={"Range": f"bytes={here}-"}) as response:
                self._check(response, file.path)
                if here and response.status != 206:
                    target.truncate(0)  # It cannot send a part.
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    yield chunk
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._unreachable(error) from error

    def _check(self, response: aiohttp.ClientResponse, what: str) -> None:
        status = response.status
        if status in {401, 403}:
            raise HubError(
                f"{what} is not on {self._endpoint}, or not open to you: check its name, or set "
                "HF_TOKEN to the token of an account that may read it"
            )
        if status == 404:
            raise HubError(f"{what} is not on {self._endpoint}: check its name")
        if status >= 400:
            kind = BrokenOffError if status == 429 or status >= 500 else HubError
            raise kind(f"{self._endpoint} answers {status} for {what}; try again later")

    def _unreachable(self, error: Exception) -> BrokenOffError:
        why = str(error) or type(error).__name__
        return BrokenOffError(
            f"{self._endpoint} cannot be reached ({why}): check the network, or set HF_ENDPOINT "
            "to a mirror"
        )


def checked(sibling: Sibling) -> File:
    """What the hub says of a file, unless its path or digest would lead out of the cache."""
    path = PurePosixPath(sibling.rfilename)
    digest = sibling.lfs.sha256 if sibling.lfs else sibling.blob_id
    if path.is_absolute() or ".." in path.parts or not _DIGEST.fullmatch(digest):
        raise HubError(f"the hub lists {sibling.rfilename!r}, which cannot be stored")
    return File(sibling.rfilename, sibling.size, digest)


def check_space(folder: Path, files: Iterable[File]) -> None:
    """Raises `HubError` when the disk cannot hold what is not here yet."""
    partial = [(file, folder / f"{file.digest}.incomplete") for file in files]
    needed = sum(
        file.size - (path.stat().st_size if path.exists() else 0)
        for file, path in partial
        if not (folder / file.digest).exists()
    )
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise HubError(
            f"{folder} has room for {free / 1e9:.1f} GB and {needed / 1e9:.1f} GB are needed: "
            "make room, or set HF_HOME to another disk"
        )


@contextmanager
def exclusively(partial: Path, file: File) -> Iterator[BufferedRandom]:
    """Open what is here of a file, unless another process is fetching it."""
    with partial.open("a+b") as target:
        try:
            fcntl.flock(target, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HubError(f"{file.path} is being fetched by another process") from None
        yield target


def write(target: BufferedRandom, chunk: bytes, file: File) -> None:
    try:
        target.write(chunk)
    except OSError as error:
        raise HubError(f"{file.path} cannot be stored: {error.strerror}") from error


def digest(target: BufferedRandom, file: File) -> str:
    """The digest of what arrived, of the kind that the hub gave."""
    target.seek(0)
    if len(file.digest) == 64:
        return hashlib.file_digest(target, "sha256").hexdigest()
    blob = target.read()
    header = b"blob %d\0" % len(blob)
    return hashlib.sha1(header + blob, usedforsecurity=False).hexdigest()


def link(blob: Path, name: Path) -> None:
    """Give a blob its name in a snapshot, as a copy where the disk knows no links."""
    name.parent.mkdir(parents=True, exist_ok=True)
    if name.exists():
        return
    name.unlink(missing_ok=True)
    try:
        name.symlink_to(os.path.relpath(blob, name.parent))
    except OSError:
        shutil.copyfile(blob, name)
