"""`voice speak` writes what it was given, in the format asked for, or says why it cannot."""

import asyncio

import pytest
import soundfile
from click.testing import CliRunner

from tests.http.speaking import decoded, mouth
from voice.audio.pcm import duration_ms, level_dbfs
from voice.cli.main import main
from voice.engines.fakes import FakeTextToSpeech

TEXT = "The library closes at one."


@pytest.mark.engine
@pytest.mark.parametrize("suffix", ["mp3", "opus", "ogg", "aac", "flac", "wav"])
def test_the_name_of_the_file_decides_on_its_format(run, tmp_path, suffix):
    result = run("speak", TEXT, "-o", f"out.{suffix}", "--engine", "espeak")
    assert result.exit_code == 0, result.output
    pcm = decoded((tmp_path / f"out.{suffix}").read_bytes(), 24_000)
    assert 1000 < duration_ms(pcm, 24_000) < 3000
    assert level_dbfs(pcm) > -40
    assert f"out.{suffix}: " in result.stderr
    assert "by espeak" in result.stderr


@pytest.mark.engine
def test_a_whole_wav_knows_its_length(run, tmp_path):
    run("speak", TEXT, "-o", "out.wav", "--engine", "espeak")
    assert soundfile.info(tmp_path / "out.wav").duration == pytest.approx(1.6, abs=0.6)
    data = (tmp_path / "out.wav").read_bytes()
    assert int.from_bytes(data[40:44], "little") == len(data) - 44


@pytest.mark.engine
def test_without_a_name_it_is_speech_wav(run, tmp_path):
    assert run("speak", TEXT, "--engine", "espeak").exit_code == 0
    assert (tmp_path / "speech.wav").read_bytes().startswith(b"RIFF")


@pytest.mark.engine
def test_standard_input_is_spoken_to_standard_output(run):
    assert run  # for its empty folder
    arguments = ["speak", "-", "-o", "-", "--format", "flac", "--engine", "espeak"]
    result = CliRunner().invoke(main, arguments, input="Schöne Grüße!", catch_exceptions=False)
    assert duration_ms(decoded(result.stdout_bytes, 24_000), 24_000) > 500


@pytest.mark.engine
def test_speed_and_voice_are_kept(run, tmp_path):
    run("speak", TEXT, "-o", "slow.wav", "--engine", "espeak", "--speed", "0.6")
    run("speak", TEXT, "-o", "fast.wav", "--engine", "espeak", "--speed", "2")
    run("speak", TEXT, "-o", "german.wav", "--engine", "espeak", "--voice", "de")
    sizes = [(tmp_path / f"{name}.wav").stat().st_size for name in ("slow", "german", "fast")]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["🎉", "-o", "out.wav"], "nothing to say"),
        (["", "-o", "out.wav"], "nothing to say"),
        ([TEXT, "-o", "out.txt"], "out.txt: .txt is no format; name it .mp3,"),
        ([TEXT, "-o", "out"], "out: no suffix is no format"),
        ([TEXT, "-o", "x.ogg", "--format", "wav"], "x.ogg would be opus by its name, and --format"),
        ([TEXT, "--format", "m4a"], "'m4a' is not one of"),
        ([TEXT, "--speed", "9"], "9.0 is not in the range"),
        ([TEXT, "--engine", "harp"], "'harp' is no text-to-speech engine"),
        ([TEXT, "--engine", "fake", "-o", "no/such/folder/out.wav"], "cannot write no/such/folder"),
        (
            [TEXT, "--url", "http://127.0.0.1:9"],
            "the server at http://127.0.0.1:9 cannot be reached",
        ),
        ([TEXT, "--url", "nowhere"], "base_url must be like http"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_no_file(run, tmp_path, arguments, words):
    result = run("speak", *arguments)
    assert result.exit_code != 0
    assert words in result.output
    assert "Traceback" not in result.output
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


@pytest.mark.engine
def test_a_voice_that_is_not_there_leaves_no_file(run, tmp_path):
    result = run("speak", TEXT, "-o", "out.wav", "--engine", "espeak", "--voice", "robot")
    assert "no voice 'robot'" in result.output
    assert not (tmp_path / "out.wav").exists()


def test_text_that_is_no_text_is_refused(run):
    assert run  # for its empty folder
    result = CliRunner().invoke(main, ["speak", "-"], input=b"\xff\xfe\x00")
    assert "no UTF-8" in result.output


@pytest.mark.server
async def test_a_running_server_speaks_in_its_place(run, tmp_path):
    tts = FakeTextToSpeech()
    async with mouth(tmp_path, tts) as client:
        result = await asyncio.to_thread(
            run, "speak", TEXT, "-o", "out.mp3", "--url", client.hosted.url
        )
    assert result.exit_code == 0, result.output
    assert tts.texts == [TEXT]
    length_ms = duration_ms(decoded((tmp_path / "out.mp3").read_bytes(), 24_000), 24_000)
    assert length_ms == pytest.approx(60 * len(TEXT), abs=120)


@pytest.mark.server
async def test_a_server_that_fails_in_the_middle_leaves_no_file(run, tmp_path):
    async with mouth(tmp_path, FakeTextToSpeech(fails_on="two")) as client:
        result = await asyncio.to_thread(
            run, "speak", "This is one. This is two.", "-o", "out.mp3", "--url", client.hosted.url
        )
    assert "cannot say 'two'" in result.output
    assert not (tmp_path / "out.mp3").exists()
