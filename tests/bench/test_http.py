"""`voice bench http` itself, with few requests."""

import json

import pytest
from click.testing import CliRunner

from voice.cli.main import main


def run(*options):
    return CliRunner().invoke(main, ["bench", "http", *options])


@pytest.mark.server
@pytest.mark.slow
def test_chats_go_through_the_router_and_come_back_right(tmp_path):
    to = tmp_path / "bench.json"
    options = ("--seconds", "0.3", "--rate", "50", "--streams", "20", "--json", str(to))
    ended = run("--only", "chat,relay,held", *options)
    assert ended.exit_code == 0, ended.output
    result = json.loads(to.read_text())["result"]
    assert result["problems"] == []
    assert [each["streamed"] for each in result["overheads"]] == [False, True]
    assert {each["ms"]["count"] for each in result["latencies"]} == {15}
    assert [each["right"] for each in result["held"]] == [20, 20]
    assert "a percentile through the router less the same percentile direct" in ended.output


@pytest.mark.server
@pytest.mark.slow
def test_a_server_to_compare_with_that_is_not_there_is_a_problem():
    ended = run("--only", "relay", "--against", "http://127.0.0.1:9/v1")
    assert ended.exit_code == 1
    assert "problem: against: no connection to 127.0.0.1:9" in ended.output


@pytest.mark.engine
@pytest.mark.server
@pytest.mark.slow
def test_the_installed_voice_speaks_in_every_format(tmp_path):
    to = tmp_path / "bench.json"
    ended = run("--only", "speech", "--seconds", "0.1", "--json", str(to))
    assert ended.exit_code == 0, ended.output
    spoken = json.loads(to.read_text())["result"]["spoken"]
    assert [each["format"] for each in spoken] == ["pcm", "wav", "mp3", "opus"]
    assert all(each["audio_s"] > 50 for each in spoken)


def test_parts_that_are_none_are_refused():
    ended = run("--only", "chat,talk")
    assert ended.exit_code == 2
    assert "'talk' is none of chat, relay, held, speech, transcription" in ended.output


@pytest.mark.parametrize("url", ["localhost:4000", "ftp://x/v1", "http://"])
def test_a_base_url_that_is_none_is_refused(url):
    ended = run("--against", url)
    assert ended.exit_code == 2
    assert "must be like http://127.0.0.1:4000/v1" in ended.output
