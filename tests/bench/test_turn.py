"""The benchmark itself, with one session and one question."""

import json

import pytest
from click.testing import CliRunner

from voice.cli.main import main


@pytest.mark.server
@pytest.mark.slow
def test_one_session_is_measured_and_answered_right(tmp_path):
    to = tmp_path / "bench.json"
    options = ("--sessions", "1", "--delay-ms", "0", "--turns", "1", "--json", str(to))
    ended = CliRunner().invoke(main, ["bench", "turn", *options])
    assert ended.exit_code == 0, ended.output
    (run,) = json.loads(to.read_text())["runs"]
    assert run["first_audio"]["total_ms"]["count"] == 2  # the question, and the interruption
    assert run["problems"] == []
    assert run["missing_frames"] == 0
    assert run["barge_in"]["overdue_frames"] == 0
    assert "own share" in ended.output


@pytest.mark.parametrize("sessions", ["0", "1,,2", "four", "1,-4"])
def test_numbers_of_sessions_that_are_none_are_refused(sessions):
    ended = CliRunner().invoke(main, ["bench", "turn", "--sessions", sessions])
    assert ended.exit_code == 2
    assert "as in 1,4,16" in ended.output
