"""Records in each database there is."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.search.libraries import store
from tests.search.postgres_cluster import UNPRIVILEGED, Cluster, cluster
from voice.search.opening import open_records
from voice.search.store import Records


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    with cluster() as running:
        running.run(f"CREATE ROLE {UNPRIVILEGED} LOGIN")
        running.run(f"CREATE DATABASE plain OWNER {UNPRIVILEGED}")
        running.run("CREATE DATABASE vectors")
        yield running


@pytest.fixture(params=["sqlite", "postgres", "pgvector"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty database is to be, or is."""
    if request.param == "sqlite":
        return str(tmp_path / "search.db")
    running: Cluster = request.getfixturevalue("postgres")
    name = "plain" if request.param == "postgres" else "vectors"
    if name == "vectors" and not running.run(
        "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"
    ):
        pytest.skip("PostgreSQL is without pgvector here")
    running.run("DROP SCHEMA IF EXISTS inferno_voice CASCADE", name)
    return running.url(name, UNPRIVILEGED if name == "plain" else "postgres")


@pytest.fixture
def opened(location: str) -> Iterator[Callable[[], Records]]:
    """Opens the database, each time as another process would."""
    all_opened: list[Records] = []

    def open_one() -> Records:
        all_opened.append(open_records(location))
        return all_opened[-1]

    yield open_one
    for each in all_opened:
        each.close()


@pytest.fixture
def records(opened: Callable[[], Records]) -> Records:
    """Records with an empty store."""
    found = opened()
    found.put_store(store())
    return found
