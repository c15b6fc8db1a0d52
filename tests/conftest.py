"""What all tests share."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

# A build tries the same examples each time; a developer's machine goes on looking for new ones.
settings.register_profile("build", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile("build" if os.environ.get("CI") else "search")

_NUMBERS = count()


@pytest.fixture(autouse=True, scope="session")
def _no_users_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Servers of tests keep documents apart from those of whoever runs the tests."""
    folder: Path = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder))
        yield


@pytest.fixture(autouse=True)
def _no_other_tests_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What one test indexes, no other finds."""
    folder = tmp_path_factory.getbasetemp() / f"data-{next(_NUMBERS)}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder))
        yield


@pytest.fixture(autouse=True)
def _usual_logs() -> Iterator[None]:
    """What a command sets up for its own log is undone before the next test."""
    yield
    structlog.reset_defaults()
