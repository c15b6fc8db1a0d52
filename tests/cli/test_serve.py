import socket

import pytest
from click.testing import CliRunner

from voice.audio.files import write_recording
from voice.cli.main import main


@pytest.fixture
def voice(monkeypatch, tmp_path):
    """Run a `voice` command in an empty folder and an empty environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("AUTH__API_KEYS", "SERVER__HOST", "SERVER__PORT", "DOCUMENTS"):
        monkeypatch.delenv(name, raising=False)
    return lambda *arguments: CliRunner().invoke(main, arguments)


def test_help_names_every_command(voice):
    result = voice("--help")
    assert result.exit_code == 0
    for command in ("serve", "demo", "ask", "pull", "models", "doctor", "bench"):
        assert f"  {command} " in result.output


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.5", "example.org"])
def test_without_keys_any_host_but_loopback_is_refused(voice, host):
    result = voice("serve", "--host", host)
    assert result.exit_code == 1
    assert "AUTH__API_KEYS" in result.output
    assert "--insecure" in result.output


def test_a_port_in_use_is_named(voice):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = voice("serve", "--port", str(port))
    assert result.exit_code == 1
    assert f"port {port} on 127.0.0.1 is in use" in result.output


@pytest.mark.parametrize(
    ("name", "trouble"), [("gone", "does not exist"), ("a.md", "is no folder")]
)
def test_documents_that_are_no_folder_stop_the_start(voice, tmp_path, name, trouble):
    (tmp_path / "a.md").write_text("One.")
    result = voice("serve", "--documents", name)
    assert result.exit_code == 1
    assert f"{name} {trouble}" in result.output


def test_an_invalid_setting_stops_the_start_and_says_what_is_allowed(voice, monkeypatch):
    monkeypatch.setenv("ENGINES__VAD", "silera")
    result = voice("serve")
    assert result.exit_code == 1
    assert "ENGINES__VAD" in result.output
    assert "silero" in result.output


def test_a_recording_that_is_none_is_named(voice, tmp_path):
    (tmp_path / "noise.wav").write_bytes(b"no audio")
    result = voice("ask", "noise.wav")
    assert result.exit_code == 1
    assert "noise.wav" in result.output


def test_a_server_that_is_not_there_is_named(voice, tmp_path):
    write_recording(tmp_path / "hello.wav", 24_000, bytes(4800))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    result = voice("ask", "--url", url, "hello.wav")
    assert result.exit_code == 1
    assert url in result.output
