"""Kokoro as a synthesizer, on a tiny model whose every phoneme is a hiss of 100 ms."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("kokoro", reason="Kokoro is not installed")

import torch

from tests.engines import models
from voice.engines import kokoro as adapter
from voice.engines.kokoro import LEAD_S, RATE_HZ, Kokoro, leading_quiet
from voice.engines.protocols import EngineError, SpeakOptions, Speech, Word

pytestmark = pytest.mark.engine

PHONEME_S = models.FRAMES * 0.025
VOICES = ("af_heart", "bf_emma", "ff_siwis", "jf_alpha", "xx_odd")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.kokoro(tmp_path_factory.mktemp("kokoro"), VOICES)


@pytest.fixture(scope="session")
def kokoro(folder: Path) -> Kokoro:
    return Kokoro(str(folder), device="cpu")


def never() -> bool:
    return False


def speak(kokoro: Kokoro, text: str, **options: object) -> list[Speech]:
    torch.manual_seed(5)  # The model adds noise of its own.
    return list(kokoro.speak(text, SpeakOptions(**options), never))


def duration_s(pieces: list[Speech]) -> float:
    return sum(len(piece.pcm) for piece in pieces) / 2 / RATE_HZ


def words(pieces: list[Speech]) -> list[Word]:
    return [word for piece in pieces for word in piece.words]


def test_it_says_what_it_is(kokoro: Kokoro):
    """Rate and voices are what a client may ask for."""
    assert kokoro.rate_hz == 24_000
    assert kokoro.voices == VOICES


def test_each_phoneme_is_heard(kokoro: Kokoro):
    """Audio comes as int16 at the model's rate, with a lead-in and a lead-out."""
    pieces = speak(kokoro, "yes")
    assert duration_s(pieces) == pytest.approx((len("j\u02c8\u025bs") + 2) * PHONEME_S)
    samples = np.frombuffer(pieces[0].pcm, "<i2")
    assert samples.std() > 0


def test_words_are_timed(kokoro: Kokoro):
    """Each word sounds as long as its phonemes, three frames earlier than the durations say."""
    hello, there = words(speak(kokoro, "Hello there."))
    assert (hello.text, there.text) == ("Hello", "there.")
    assert hello.start_s == pytest.approx(PHONEME_S - 3 * 0.025)
    assert hello.end_s - hello.start_s == pytest.approx(len("h\u0259l\u02c8O") * PHONEME_S)
    assert there.start_s - hello.end_s == pytest.approx(PHONEME_S)


def test_sentences_come_one_by_one_and_times_go_on(kokoro: Kokoro):
    """The second piece counts from the start of the call."""
    text = "The first of two sentences is long enough. And so is the second of them, I think."
    pieces = speak(kokoro, text)
    assert len(pieces) == 2
    assert " ".join(word.text for word in words(pieces)) == text
    first_s = duration_s(pieces[:1])
    assert pieces[0].words[-1].end_s <= first_s <= pieces[1].words[0].start_s
    assert pieces[1].words[-1].end_s <= duration_s(pieces)


def test_speed_shortens_speech_and_its_times(kokoro: Kokoro):
    """Twice as fast takes half as long."""
    slow, fast = speak(kokoro, "Hello there."), speak(kokoro, "Hello there.", speed=2.0)
    assert duration_s(fast) == pytest.approx(duration_s(slow) / 2)
    assert words(fast)[-1].end_s < words(slow)[-1].end_s / 1.8


@pytest.mark.parametrize("speed", [0.0, 0.2, 4.1])
def test_an_impossible_speed_is_an_error(kokoro: Kokoro, speed: float):
    """The range is in the message."""
    with pytest.raises(EngineError, match=r"speed must be 0\.25 to 4, not"):
        speak(kokoro, "Hello", speed=speed)


def test_voices_differ_and_can_be_mixed(kokoro: Kokoro):
    """A mixture is a voice of its own."""
    said = {
        voice: speak(kokoro, "Hello", voice=voice)[0].pcm
        for voice in ("af_heart", "bf_emma", "af_heart,bf_emma")
    }
    assert len(set(said.values())) == 3


def test_a_voice_speaks_its_own_language(kokoro: Kokoro):
    """The first letter of its name is its language."""
    english, french = (words(speak(kokoro, "Bonjour", voice=v)) for v in ("af_heart", "ff_siwis"))
    assert english[0].end_s != french[0].end_s
    assert [word.text for word in french] == ["Bonjour"]


def test_a_language_chooses_a_voice(kokoro: Kokoro):
    """Unless a voice is named, or the default voice speaks it already."""
    french = speak(kokoro, "Bonjour", voice="ff_siwis")
    assert speak(kokoro, "Bonjour", language="fr-CA") == french
    assert speak(kokoro, "Bonjour", language="en") == speak(kokoro, "Bonjour")
    assert speak(kokoro, "Bonjour", language="xx") == speak(kokoro, "Bonjour")
    assert speak(kokoro, "Bonjour", voice="af_heart", language="fr") == speak(kokoro, "Bonjour")


def test_an_unknown_voice_is_an_error(kokoro: Kokoro):
    """The error lists those that are here."""
    with pytest.raises(EngineError, match=r"no voice 'af_none' here; it has af_heart, bf_emma"):
        speak(kokoro, "Hello", voice="af_heart,af_none")


def test_a_voice_of_an_unknown_language_is_an_error(kokoro: Kokoro):
    """The error lists the languages."""
    with pytest.raises(
        EngineError, match=r"no language of Kokoro begins with 'x'; it has a \(en-us"
    ):
        speak(kokoro, "Hello", voice="xx_odd")


def test_a_language_that_needs_another_package_says_so(
    kokoro: Kokoro, monkeypatch: pytest.MonkeyPatch
):
    """Japanese needs a dictionary of a gigabyte."""
    monkeypatch.setitem(sys.modules, "misaki.ja", None)
    with pytest.raises(EngineError, match=r'begin with .j. need pip install "misaki\[ja\]"'):
        speak(kokoro, "\u306f\u3044", voice="jf_alpha")


@pytest.mark.parametrize("text", ["", "  ", "..."])
def test_what_has_no_words_does_not_fail(kokoro: Kokoro, text: str):
    """A chunk may be nothing but punctuation."""
    assert words(speak(kokoro, text)) == []


def test_a_text_longer_than_the_models_context_is_spoken_whole(
    kokoro: Kokoro, monkeypatch: pytest.MonkeyPatch
):
    """Numbers are short to write and long to say."""
    monkeypatch.setattr(adapter, "LONGEST_PHONEMES", 60)
    pieces = speak(kokoro, "777 777 777", speed=4.0)
    assert len(pieces) == 3
    assert " ".join(word.text for word in words(pieces)) == "777 777 777"


def test_a_cancelled_call_ends_before_the_next_piece(kokoro: Kokoro):
    """What is being made is finished, nothing else is begun."""
    text = "The first of two sentences is long enough. And so is the second of them, I think."
    flags = iter([False])
    assert len(list(kokoro.speak(text, SpeakOptions(), lambda: next(flags, True)))) == 1


def test_the_pause_before_the_first_word_is_cut():
    """A short lead stays, so that nothing is clipped."""
    audio = np.zeros(RATE_HZ, np.float32)
    assert leading_quiet(audio) == 0
    audio[RATE_HZ // 2] = 0.1
    assert leading_quiet(audio) == RATE_HZ // 2 - int(LEAD_S * RATE_HZ)
    audio[100] = 0.1
    assert leading_quiet(audio) == 0


# ---------------------------------------------------------------- loading


def test_missing_weights_say_how_to_get_them():
    """Nothing is downloaded unasked."""
    with pytest.raises(EngineError, match="not on this machine; `voice pull kokoro` fetches them"):
        Kokoro("hexgrad/Kokoro-82M")


def test_a_folder_that_is_no_model_is_an_error(tmp_path: Path):
    """The error says what is missing."""
    with pytest.raises(EngineError, match="is no Kokoro: config"):
        Kokoro(str(tmp_path))


def test_an_unknown_default_voice_is_an_error(folder: Path):
    """It is found when the engine starts."""
    with pytest.raises(EngineError, match="no voice 'af_none'"):
        Kokoro(str(folder), voice="af_none", device="cpu")


@pytest.mark.parametrize("file", ["kokoro-tiny.pth", "voices/af_heart.pt"])
def test_a_damaged_file_is_an_error(tmp_path: Path, file: str):
    """A download that broke off must not be heard as noise."""
    models.kokoro(tmp_path)
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes()[:1000])
    with pytest.raises(EngineError, match=r"Kokoro cannot (load|read)"):
        Kokoro(str(tmp_path), device="cpu")


def test_an_impossible_device_is_an_error(folder: Path):
    """The reason is in the message."""
    with pytest.raises(EngineError, match=r"cannot load .* on 'toaster'"):
        Kokoro(str(folder), device="toaster")
