import pytest

from voice.cli.open_files import ENOUGH, allow_many

resource = pytest.importorskip("resource", reason="Windows has no such limit")


@pytest.fixture
def limits():
    """The limits of this process, which are as before in the end."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_is_raised_as_far_as_allowed(limits):
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    allow_many()
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (wanted, hard)


def test_a_limit_that_is_high_enough_stays(limits, monkeypatch):
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    monkeypatch.setattr("voice.cli.open_files.ENOUGH", 100)
    allow_many()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(256, hard), hard)
