"""A PostgreSQL of the tests' own, in a temporary folder, gone when they are over."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import pytest

USER = "postgres"
UNPRIVILEGED = "guest"


class Cluster:
    """A running server that only answers on a socket in its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, database: str, user: str = USER) -> str:
        return f"postgresql:///{database}?host={quote(str(self._folder), safe='')}&user={user}"

    def run(self, sql: str, database: str = "postgres") -> list[tuple]:
        psycopg = pytest.importorskip("psycopg")
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []


def programs(user: str | None) -> Path:
    """Where initdb and pg_ctl are that this user may run; skips where they are not.

    The one of the package index comes first, for it brings pgvector.
    """
    packaged, found = find_spec("pgserver"), shutil.which("initdb")
    folders = (
        [Path(packaged.origin).parent / "pginstall/bin"] if packaged and packaged.origin else []
    )
    folders += [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        with suppress(OSError):  # as for a virtual environment that only root may look into
            subprocess.run([folder / "initdb", "--version"], user=user, check=True, cwd="/")
            return folder
    pytest.skip("PostgreSQL is not installed")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start a server; as another user when the tests run as root, which PostgreSQL refuses."""
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    user = _user()
    binaries = programs(user)
    folder = Path(tempfile.mkdtemp(prefix="inferno-voice-postgres-"))
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"

    def run(program: str, *arguments: str) -> None:
        command = [binaries / program, "-D", data, *arguments]
        subprocess.run(command, user=user, check=True, cwd=folder, stdout=subprocess.DEVNULL)

    try:
        run("initdb", "-U", USER, "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield Cluster(folder)
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _user() -> str | None:
    """Whom to run as; None for the one that runs the tests."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)
