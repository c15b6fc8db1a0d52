"""`voice transcribe` writes down recordings, or says why it cannot."""

import asyncio
import importlib
import json
from contextlib import asynccontextmanager

import pytest
from click.testing import CliRunner

from tests.audio.media import media, speech, wav
from tests.conformance import live
from voice.bundled import samples_path
from voice.cli.main import main
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.engines.protocols import EngineError

SAMPLES = samples_path() / "questions"
FAKE = ("--engine", "fake")

transcribing = importlib.import_module("voice.cli.transcribe")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "speech.wav"
    path.write_bytes(wav(speech()))
    return path


def test_the_text_comes_on_standard_output(run, file):
    result = run("transcribe", str(file), *FAKE)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Hello.\n", "")


@pytest.mark.parametrize(
    ("form", "begin"),
    [("text", "Hello."), ("srt", "1\n00:00:00,"), ("vtt", "WEBVTT\n\n00:00:00."), ("json", "{")],
)
def test_every_format(run, file, form, begin):
    assert run("transcribe", str(file), "--format", form, *FAKE).stdout.startswith(begin)


def test_verbose_json_has_words_and_segments(run, file):
    found = json.loads(run("transcribe", str(file), "--format", "verbose_json", *FAKE).stdout)
    assert [each["word"] for each in found["words"]] == ["Hello."]
    assert len(found["segments"]) == 1
    assert found["duration"] == pytest.approx(len(speech()) / 32_000, abs=0.01)


def test_a_translation_says_that_it_is_one(run, file):
    arguments = ("--format", "verbose_json", "--translate")
    assert json.loads(run("transcribe", str(file), *arguments, *FAKE).stdout)["task"] == "translate"


def test_one_file_is_written_to_its_name(run, file, tmp_path):
    result = run("transcribe", str(file), "-o", "new/out.txt", *FAKE)
    assert (tmp_path / "new" / "out.txt").read_text() == "Hello.\n"
    assert (result.stdout, result.stderr) == ("", "new/out.txt\n")


def test_several_files_are_written_to_a_folder(run, file, tmp_path):
    (tmp_path / "film.mp4").write_bytes(media("mp4", speech(rate_hz=48_000), picture=True))
    result = run("transcribe", str(file), "film.mp4", "-o", "out", "--format", "srt", *FAKE)
    assert result.exit_code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"speech.srt", "film.srt"}


def test_a_file_that_is_no_sound_is_named_and_the_others_are_written(run, file, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam, " * 50)
    result = run("transcribe", "letter.txt", str(file), *FAKE)
    assert result.exit_code == 1
    assert result.stdout == "Hello.\n"
    assert result.stderr.startswith("letter.txt: the file is no audio that can be decoded")


def test_a_file_that_is_cut_off_is_written_with_a_warning(run, tmp_path):
    (tmp_path / "cut.wav").write_bytes(wav(speech())[:30_000])
    result = run("transcribe", "cut.wav", *FAKE)
    assert (result.exit_code, result.stdout) == (0, "Hello.\n")
    assert result.stderr.startswith("cut.wav: The file is cut off: it holds 0.9")


def test_a_recording_may_come_on_standard_input(run, tmp_path):
    assert run  # for its empty folder
    arguments = ["transcribe", "-", *FAKE]
    film = media("mp4", speech(rate_hz=48_000), picture=True)
    result = CliRunner().invoke(main, arguments, input=film)
    assert (result.exit_code, result.stdout) == (0, "Hello.\n")
    result = CliRunner().invoke(main, [*arguments, "-o", str(tmp_path)], input=film)
    assert (tmp_path / "stdin.txt").read_text() == "Hello.\n"
    empty = CliRunner().invoke(main, arguments, input=b"")
    assert empty.exit_code == 1
    assert empty.stderr.startswith("standard input: the file is empty")


@pytest.mark.parametrize("form", ["text", "srt"])
def test_what_was_heard_before_a_failure_is_written(run, tmp_path, monkeypatch, form):
    def hear(_pcm: bytes) -> str:
        if ears.utterances[1:]:
            raise EngineError("the worker died")
        return "Hello."

    ears = FakeSpeechToText(hear)

    @asynccontextmanager
    async def opened(*_):
        yield ears

    monkeypatch.setattr(transcribing, "opened", opened)
    (tmp_path / "long.wav").write_bytes(wav(speech() + bytes(3 * 32_000) + speech()))
    result = run("transcribe", "long.wav", "-o", "out", "--format", form)
    assert (result.exit_code, "the worker died" in result.output) == (1, True)
    assert "Hello." in (tmp_path / "out").read_text()


def test_one_file_cannot_take_many_texts(run, file, tmp_path):
    result = run("transcribe", str(file), str(file), "-o", str(file), *FAKE)
    assert "is one file, and 2 are to be written" in result.output
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "wisper:base"], "is no speech-to-text engine; did you mean 'whisper:base'?"),
        (["--url", "http://127.0.0.1:9"], "cannot be reached"),
        (["--url", "ftp://x"], "must be like https://host/v1"),
        (["--engine", "sphinx", "--language", "de"], "understands English"),
    ],
)
def test_what_is_wrong_is_said(run, file, arguments, message):
    result = run("transcribe", str(file), *arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


@pytest.mark.server
async def test_a_running_server_listens_instead(run, file):
    ears = live.scripted(FakeSpeechToText("From afar."), FakeLanguageModel(), FakeTextToSpeech())
    async with live.serving(ears) as address:
        arguments = ("transcribe", str(file), "--url", f"http://{address}", "--key", live.KEY)
        result = await asyncio.to_thread(run, *arguments)
    assert (result.exit_code, result.stdout) == (0, "From afar.\n")


@pytest.mark.engine
def test_sphinx_writes_down_a_question(run):
    result = run("transcribe", str(SAMPLES / "library.wav"), "--engine", "sphinx")
    assert result.stdout == "When does the library close on saturday\n".replace("sat", "Sat")
