import socket

import pytest

from voice.cli import checks
from voice.cli.checks import is_loopback
from voice.config import Settings


@pytest.fixture
def port(run):
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def test_a_fresh_installation_can_run(run, port):
    result = run("doctor", SERVER__PORT=port)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[-1] == "The server can run: voice serve"
    assert "ok       text-to-speech: espeak: embedded, instant, robotic" in lines
    assert "note     models: none is downloaded  ->  voice pull --recommended" in lines
    assert "ok       embeddings: none: search goes by words alone" in lines
    assert "note     embeddings: a better one can be had  ->  voice pull minilm" in lines
    assert f"ok       port: 127.0.0.1:{port} is free" in lines
    assert not any(line.startswith("problem") for line in lines)


def test_a_taken_port_is_a_problem(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("doctor", SERVER__PORT=str(port))
    assert result.exit_code == 1
    remedy = "stop what listens there, or set SERVER__PORT"
    assert f"problem  port: 127.0.0.1:{port} is in use  ->  {remedy}" in result.output
    assert "The server cannot run: 1 problem." in result.output


def test_wrong_settings_are_a_problem_each(run):
    result = run("doctor", SERVER__PRT="1", ENGINE__STT="sphinx")
    assert result.exit_code == 1
    assert (
        "problem  settings: SERVER__PRT is no setting; did you mean SERVER__PORT?" in result.output
    )
    assert "The server cannot run: 2 problems." in result.output


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({"DOCUMENTS": "/nowhere"}, "documents: /nowhere is no folder"),
        ({"SERVER__HOST": "0.0.0.0"}, "keys: without any the server does not listen on 0.0.0.0"),
        ({"ENGINES__STT": "whisper:small"}, "speech-to-text: Whisper 'small' is not here"),
    ],
)
def test_what_keeps_the_server_from_running_is_a_problem(run, port, environment, problem):
    result = run("doctor", SERVER__PORT=port, **environment)
    assert result.exit_code == 1
    assert f"problem  {problem}" in result.output


def test_keys_allow_other_hosts(run, port):
    result = run("doctor", SERVER__PORT=port, SERVER__HOST="0.0.0.0", AUTH__API_KEYS='["k"]')
    assert result.exit_code == 0


def test_a_missing_package_is_a_problem_with_its_command(monkeypatch):
    monkeypatch.setattr(checks, "REQUIRED", ("no-such-package",))
    monkeypatch.setattr(checks, "OPTIONAL", {"no-such-extra": ("dreams", "inferno-voice[x]")})
    found = {check.subject: check for check in checks.installation()}
    assert found["no-such-package"].verdict == "problem"
    assert found["no-such-package"].remedy == "pip install inferno-voice"
    assert found["no-such-extra"].verdict == "note"
    assert found["no-such-extra"].remedy == 'pip install "inferno-voice[x]"'


def test_an_empty_folder_of_documents_is_worth_a_note(tmp_path):
    (check,) = checks.documents(Settings(documents=tmp_path))
    assert (check.verdict, check.text) == ("note", f"0 in {tmp_path}")


@pytest.mark.engine
def test_the_engines_are_started_on_request(run, port):
    result = run(
        "doctor",
        "--start",
        SERVER__PORT=port,
        ENGINES__STT="fake",
        ENGINES__LLM="reader",
        ENGINES__TTS="espeak",
    )
    assert result.exit_code == 0
    assert "ok       language model: reader starts" in result.output
    assert "none starts" not in result.output


@pytest.mark.engine
def test_engines_that_do_not_start_are_a_problem(run, port, tmp_path):
    (tmp_path / "broken.gguf").write_bytes(b"not a model")
    pytest.importorskip("llama_cpp")
    result = run(
        "doctor",
        "--start",
        SERVER__PORT=port,
        ENGINES__STT="fake",
        ENGINES__LLM="llama:broken.gguf",
    )
    assert result.exit_code == 1
    assert "problem  engines: " in result.output


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("me.org", False),
    ],
)
def test_loopback_is_known_by_its_address(host, loopback):
    assert is_loopback(host) is loopback
