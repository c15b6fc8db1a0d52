"""Whisper as a recognizer, on a tiny model that hears one known sentence in everything."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.engines import models
from voice.audio.resample import resample
from voice.engines.espeak import Espeak
from voice.engines.protocols import (
    STT_RATE_HZ,
    EngineError,
    ListenOptions,
    SpeakOptions,
    Transcript,
)
from voice.engines.whisper import Whisper
from voice.engines.whisper_model import content_frames, window_frames
from voice.engines.whisper_text import token_probabilities

pytestmark = pytest.mark.engine

SENTENCE = models.SENTENCE.strip()
Maker = Callable[..., Whisper]


@pytest.fixture(scope="session")
def make_whisper(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Builds a recognizer over a model with these traits; each model is made once."""
    folders: dict[object, Path] = {}

    def make(*, options: dict[str, object] | None = None, **traits: object) -> Whisper:
        key = tuple(sorted(traits.items()))
        if key not in folders:
            folders[key] = models.whisper(tmp_path_factory.mktemp("whisper"), **traits)
        return Whisper(str(folders[key]), **{"device": "cpu", "threads": 1} | (options or {}))

    return make


@pytest.fixture(scope="session")
def whisper(make_whisper: Maker) -> Whisper:
    return make_whisper()


@pytest.fixture(scope="session")
def speech() -> bytes:
    """2.2 s of a voice; what it says does not matter to a tiny model."""
    espeak = Espeak()
    pieces = espeak.speak("Hello there, how are you today?", SpeakOptions(), lambda: False)
    pcm = b"".join(piece.pcm for piece in pieces)
    return resample(pcm, espeak.rate_hz, STT_RATE_HZ)


def seconds(pcm: bytes, duration_s: float) -> bytes:
    """The audio over and over, for so long."""
    size = int(duration_s * STT_RATE_HZ) * 2
    return (pcm * (size // len(pcm) + 1))[:size]


def noise(duration_s: float, level: float = 0.05) -> bytes:
    rng = np.random.default_rng(3)
    samples = rng.normal(size=int(duration_s * STT_RATE_HZ)) * level * 32767
    return samples.clip(-32768, 32767).astype("<i2").tobytes()


def hear(whisper: Whisper, pcm: bytes, **options: object) -> Transcript:
    whisper.open(1, ListenOptions(**options))
    try:
        whisper.feed(1, pcm)
        return whisper.transcript(1)
    finally:
        whisper.close(1)


def count_calls(whisper: Whisper, name: str, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The results of a method of the underlying model, as they come."""
    results: list[object] = []
    method = getattr(whisper._model, name)

    def counted(*args: object, **kwargs: object) -> object:
        results.append(method(*args, **kwargs))
        return results[-1]

    monkeypatch.setattr(whisper._model, name, counted)
    return results


# ---------------------------------------------------------------- transcripts


def test_a_transcript_has_text_language_words_and_probabilities(whisper: Whisper, speech: bytes):
    """Everything that the HTTP and realtime doors can ask for."""
    heard = hear(whisper, speech)
    assert heard.text == SENTENCE
    assert heard.language == "en"
    assert heard.duration_s == pytest.approx(len(speech) / 2 / STT_RATE_HZ)
    assert " ".join(word.text for word in heard.words) == SENTENCE
    times = [time for word in heard.words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= heard.duration_s + 0.1
    assert "".join(token.token for token in heard.logprobs) == models.SENTENCE
    assert b"".join(token.raw for token in heard.logprobs) == models.SENTENCE.encode()
    assert all(-0.2 < token.logprob <= 0 for token in heard.logprobs)


def test_a_transcript_has_segments_with_all_that_the_model_knows(whisper: Whisper, speech: bytes):
    heard = hear(whisper, seconds(speech, 65))
    assert [segment.text for segment in heard.segments] == [SENTENCE] * 3
    assert [segment.start_s // 30 for segment in heard.segments] == [0, 1, 2]
    for segment in heard.segments:
        assert segment.start_s < segment.end_s <= 65.1
        assert whisper._model.hf_tokenizer.decode(segment.tokens) == models.SENTENCE
        assert segment.temperature == 0
        assert -0.2 < segment.avg_logprob <= 0
        assert 0.5 < segment.compression_ratio < 1.5
        assert 0 <= segment.no_speech_prob < 0.4


def test_translation_and_temperature_reach_the_model(
    whisper: Whisper, speech: bytes, monkeypatch: pytest.MonkeyPatch
):
    """The tiny model cannot translate; that it is asked to can be seen."""
    prompts = count_calls(whisper, "get_prompt", monkeypatch)
    hear(whisper, speech, translate=True, language="de")
    to_translate = whisper._model.hf_tokenizer.token_to_id("<|translate|>")
    assert all(to_translate in prompt for prompt in prompts)
    (segment,) = hear(whisper, speech, temperature=0.7).segments
    assert segment.temperature == pytest.approx(0.7)


def test_audio_longer_than_a_window_is_heard_to_its_end(whisper: Whisper, speech: bytes):
    """Each window of 30 s says the sentence once more, with times that go on."""
    heard = hear(whisper, seconds(speech, 65))
    assert heard.text == " ".join([SENTENCE] * 3)
    assert heard.words[0].start_s < 30
    assert 60 <= heard.words[-1].end_s <= 65.1
    assert heard.duration_s == 65


def test_more_may_be_fed_after_a_transcript(whisper: Whisper, speech: bytes):
    """A turn that goes on is transcribed again from its beginning."""
    whisper.open(1, ListenOptions())
    whisper.feed(1, speech[:32_001])
    first = whisper.transcript(1)
    whisper.feed(1, speech[32_001:])
    second = whisper.transcript(1)
    whisper.close(1)
    assert first.duration_s == 1.0
    assert second == hear(whisper, speech)


def test_asking_twice_decodes_once(
    whisper: Whisper, speech: bytes, monkeypatch: pytest.MonkeyPatch
):
    """The speculative transcript is the final one when nothing was said in between."""
    decoded = count_calls(whisper, "transcribe", monkeypatch)
    whisper.open(1, ListenOptions())
    whisper.feed(1, speech)
    assert whisper.transcript(1) is whisper.transcript(1)
    whisper.close(1)
    assert len(decoded) == 1


def test_closing_ends_the_decoding_of_what_is_long(
    whisper: Whisper, speech: bytes, monkeypatch: pytest.MonkeyPatch
):
    """Of three windows only the one under way is decoded to its end."""
    decode = whisper._model.generate_with_fallback
    decoded = []

    def decode_once(*args: object, **kwargs: object) -> object:
        decoded.append(decode(*args, **kwargs))
        whisper.close(1)
        return decoded[-1]

    monkeypatch.setattr(whisper._model, "generate_with_fallback", decode_once)
    whisper.open(1, ListenOptions())
    whisper.feed(1, seconds(speech, 85))
    whisper.transcript(1)
    assert len(decoded) == 1


def test_prompt_and_keywords_reach_the_model(
    whisper: Whisper, speech: bytes, monkeypatch: pytest.MonkeyPatch
):
    """They go before the audio, cut to what leaves room for the text."""
    prompts = count_calls(whisper, "get_prompt", monkeypatch)
    heard = hear(whisper, speech, prompt="ask " * 500, keywords=("country",) * 300)
    assert heard.text == SENTENCE
    (prompt,) = prompts
    told = whisper._model.hf_tokenizer.decode(prompt)
    assert told.startswith(" country, country,")
    assert told.endswith(" ask ask")
    assert len(prompt) < 200


def test_the_shortest_words_are_heard(whisper: Whisper, speech: bytes):
    """A "yes" of 150 ms is an answer; 50 ms are a click."""
    voiced = speech[8_000:]
    assert hear(whisper, voiced[:4_800]).text == SENTENCE
    assert not hear(whisper, voiced[:1_600]).text


# ---------------------------------------------------------------- languages


def test_a_given_language_is_not_detected(
    whisper: Whisper, speech: bytes, monkeypatch: pytest.MonkeyPatch
):
    """Detection costs a step, and may be wrong where the caller knows."""
    detected = count_calls(whisper, "detect_language", monkeypatch)
    assert hear(whisper, speech, language="de").language == "de"
    assert hear(whisper, speech, language="fr-CA").language == "fr"
    assert not detected


def test_the_language_is_detected_once_per_utterance(
    whisper: Whisper, speech: bytes, monkeypatch: pytest.MonkeyPatch
):
    """From 2 s on it stays; before that it is looked for again."""
    detected = count_calls(whisper, "detect_language", monkeypatch)
    whisper.open(1, ListenOptions())
    whisper.feed(1, speech[:48_000])
    whisper.partial(1)
    whisper.feed(1, speech[48_000:])
    for _ in range(3):
        whisper.partial(1)
    assert whisper.transcript(1).language == "en"
    whisper.close(1)
    assert len(detected) == 2


def test_a_window_is_encoded_once_for_its_language_and_its_text(
    whisper: Whisper, speech: bytes, monkeypatch: pytest.MonkeyPatch
):
    """The encoder is the dearest part of a short utterance."""
    encoded = count_calls(whisper, "encode", monkeypatch)
    hear(whisper, speech)
    assert len(encoded) == 2
    assert encoded[0] is encoded[1]


def test_the_configured_language_is_the_default(make_whisper: Maker, speech: bytes):
    """The caller's choice goes before the operator's."""
    german = make_whisper(options={"language": "de"})
    assert hear(german, speech).language == "de"
    assert hear(german, speech, language="ja").language == "ja"


def test_an_unknown_language_is_refused(whisper: Whisper):
    """The error names it; a transcript in the wrong language would not."""
    with pytest.raises(EngineError, match="knows no language 'klingon'"):
        whisper.open(1, ListenOptions(language="klingon"))


def test_an_english_model_needs_no_detection(make_whisper: Maker, speech: bytes):
    """Models whose names end in .en know nothing else."""
    english = make_whisper(multilingual=False)
    heard = hear(english, speech)
    assert (heard.text, heard.language) == (SENTENCE, "en")
    with pytest.raises(EngineError, match="knows no language 'de'"):
        english.open(1, ListenOptions(language="de"))


# ---------------------------------------------------------------- partials


def test_a_partial_is_the_text_so_far(whisper: Whisper, speech: bytes):
    """A tiny model hears its sentence as soon as there is a voice."""
    whisper.open(1, ListenOptions())
    assert whisper.partial(1) == ""
    whisper.feed(1, speech)
    assert whisper.partial(1) == SENTENCE
    whisper.close(1)


def test_a_long_utterance_is_committed_bit_by_bit(
    whisper: Whisper, speech: bytes, monkeypatch: pytest.MonkeyPatch
):
    """A partial never decodes more than 15 s twice, and forgets nothing."""
    whisper.open(1, ListenOptions())
    lengths: list[float] = []
    transcribe = whisper._model.transcribe
    monkeypatch.setattr(
        whisper._model,
        "transcribe",
        lambda audio, **options: (
            lengths.append(len(audio) / STT_RATE_HZ) or transcribe(audio, **options)
        ),
    )
    previous = ""
    for _ in range(12):
        whisper.feed(1, seconds(speech, 4))
        partial = whisper.partial(1)
        committed = whisper._speech[1].committed.strip()
        assert partial.startswith(committed)
        assert committed.startswith(previous)
        previous = committed
    assert whisper._speech[1].start > 25 * STT_RATE_HZ
    assert max(lengths) <= 19
    assert previous
    whisper.close(1)


def test_a_partial_leaves_the_transcript_alone(whisper: Whisper, speech: bytes):
    """The final text is decoded from all the audio, whatever was committed."""
    long = seconds(speech, 20)
    whisper.open(1, ListenOptions())
    whisper.feed(1, long)
    whisper.partial(1)
    final = whisper.transcript(1)
    whisper.close(1)
    assert final == hear(whisper, long)


# ---------------------------------------------------------------- phantoms


@pytest.mark.parametrize("pcm", [b"", bytes(96_000), noise(3, 0.001), noise(3), noise(0.4, 0.3)])
def test_no_voice_gives_no_text(whisper: Whisper, pcm: bytes, monkeypatch: pytest.MonkeyPatch):
    """Silence, hiss, noise and a cough are not even decoded."""
    decoded = count_calls(whisper, "transcribe", monkeypatch)
    whisper.open(1, ListenOptions())
    whisper.feed(1, pcm)
    assert whisper.partial(1) == ""
    assert whisper.transcript(1) == Transcript(text="", duration_s=len(pcm) / 2 / STT_RATE_HZ)
    whisper.close(1)
    assert not decoded


def test_an_unsure_text_over_noise_is_dropped(make_whisper: Maker, speech: bytes):
    """Long audio is decoded whole; a window in it without a voice must not be given words."""
    unsure = make_whisper(no_speech=4.0)
    heard = hear(unsure, seconds(speech, 29) + noise(40))
    assert heard.text
    assert all(word.end_s <= 31 for word in heard.words)


def test_a_text_that_the_model_takes_for_no_speech_is_dropped(make_whisper: Maker, speech: bytes):
    """Low confidence and "nobody speaks" together outweigh any voice."""
    deaf = make_whisper(confidence=0.3, no_speech=4.0)
    assert not hear(deaf, speech).text


def test_a_doubtful_text_over_a_voice_is_kept(make_whisper: Maker, speech: bytes):
    """Where Silero hears somebody, a text that is not hopeless stays."""
    doubting = make_whisper(no_speech=4.0)
    assert hear(doubting, speech).text == SENTENCE


def test_doubt_is_settled_in_the_full_window(
    make_whisper: Maker, speech: bytes, monkeypatch: pytest.MonkeyPatch
):
    """A short window is a little less accurate; when it shows, the audio is decoded again."""
    for traits, windows_s in (({}, [10]), ({"no_speech": 4.0}, [10, 30])):
        whisper = make_whisper(**traits)
        encoded = count_calls(whisper, "encode", monkeypatch)
        hear(whisper, speech, language="en")
        assert [output.shape[1] / 50 for output in encoded] == windows_s


# ---------------------------------------------------------------- windows


def test_short_windows_can_be_switched_off(
    make_whisper: Maker, speech: bytes, monkeypatch: pytest.MonkeyPatch
):
    """An operator may prefer the last bit of accuracy."""
    whisper = make_whisper(options={"short_windows": False})
    encoded = count_calls(whisper, "encode", monkeypatch)
    assert hear(whisper, speech, language="en").text == SENTENCE
    assert [output.shape[1] for output in encoded] == [1500]


@pytest.mark.parametrize(
    ("content_s", "window_s"),
    [(0, 10), (1, 10), (7.5, 10), (7.51, 15), (12.5, 15), (17.5, 20), (17.6, 30), (30, 30)],
)
def test_a_window_holds_the_audio_and_a_margin(content_s: float, window_s: float):
    """At least 2.5 s of silence follow, until the window is full."""
    assert window_frames(round(content_s * 100)) == window_s * 100


def test_padding_is_told_from_quiet_audio():
    """Only what is zero to the end in every band is padding."""
    features = np.zeros((80, 3000), np.float32)
    assert content_frames(features) == 0
    features[3, 100] = -0.5
    assert content_frames(features) == 101


def test_probabilities_are_found_for_the_tokens_that_were_kept():
    """Alignment has seen tokens of segments that were dropped later."""
    aligned = [(1, 0.1), (2, 0.2), (2, 0.3), (5, 0.5)]
    assert list(token_probabilities(aligned, [2, 5])) == [(2, 0.2), (5, 0.5)]
    assert list(token_probabilities([], [2])) == []


# ---------------------------------------------------------------- errors


def test_a_missing_model_says_how_to_get_it():
    """The name is right, but nothing is downloaded unasked."""
    with pytest.raises(EngineError, match="not on this machine; `voice pull whisper:tiny`"):
        Whisper("tiny")


def test_an_unknown_model_lists_the_known_ones():
    """A typing error shows the right names."""
    with pytest.raises(EngineError, match=r"'tiniest' is not on this machine;.*large-v3"):
        Whisper("tiniest")


def test_a_folder_that_is_no_model_says_what_is_missing(tmp_path: Path):
    """The likely mistake is a model of another format."""
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EngineError, match=r"model\.bin, tokenizer\.json is missing"):
        Whisper(str(tmp_path))


def test_a_damaged_model_is_an_error(tmp_path: Path):
    """A download that broke off must not end the process."""
    folder = models.whisper(tmp_path)
    weights = folder / "model.bin"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EngineError, match="cannot load"):
        Whisper(str(folder), device="cpu")


def test_an_impossible_device_is_an_error(make_whisper: Maker):
    """The reason is in the message."""
    with pytest.raises(EngineError, match=r"cannot load .* on 'toaster'"):
        make_whisper(options={"device": "toaster"})


def test_an_utterance_that_is_not_open_is_an_error(whisper: Whisper):
    """Closing twice is harmless, asking after it is not."""
    whisper.open(1, ListenOptions())
    whisper.close(1)
    whisper.close(1)
    with pytest.raises(EngineError, match="utterance 1 is not open"):
        whisper.transcript(1)
