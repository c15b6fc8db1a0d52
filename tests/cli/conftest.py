from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from voice.cli.main import main
from voice.config import VARIABLES

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch, tmp_path) -> Run:
    """Run a `voice` command in an empty folder, with no settings but those given."""
    monkeypatch.chdir(tmp_path)
    for name in (*VARIABLES, "HF_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    def invoke(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(main, arguments, env=environment)

    return invoke
