"""eSpeak NG in process: audio in pieces, words where they stand in the text, voices by name."""

import itertools

import numpy as np
import pytest

from voice.engines.protocols import EngineError, SpeakOptions, Speech, Word

pytest.importorskip("espeakng_loader", reason="eSpeak NG is not installed")

from voice.engines.espeak import Espeak

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    return Espeak()


def say(espeak: Espeak, text: str, **options: object) -> list[Speech]:
    return list(espeak.speak(text, SpeakOptions(**options), lambda: False))


def words(pieces: list[Speech]) -> list[Word]:
    return [word for piece in pieces for word in piece.words]


def samples(pieces: list[Speech]) -> np.ndarray:
    return np.frombuffer(b"".join(piece.pcm for piece in pieces), "<i2").astype(int)


def test_audio_comes_in_pieces_of_whole_samples_and_is_loud_from_the_start(espeak: Espeak) -> None:
    pieces = say(espeak, "The library opens at nine.")
    assert len(pieces) > 5
    assert all(piece.pcm and len(piece.pcm) % 2 == 0 for piece in pieces)
    audio = samples(pieces)
    assert 1.0 < audio.size / espeak.rate_hz < 3.0
    assert abs(audio[0]) > 50
    assert 5_000 < abs(audio).max() < 32_700


@pytest.mark.parametrize(
    "text",
    [
        "The library opens at nine.",
        "Café olé, the naïve 42 dogs!",
        "Dr. Smith's well-known e-mail said: it's 3:45 p.m. on May 5th.",
        "It costs $5.50, or 10% of 1,234 euros.\nNext line.",
        "Wait 😀 what?",
    ],
)
def test_words_joined_by_spaces_are_the_text(espeak: Espeak, text: str) -> None:
    heard = words(say(espeak, text))
    assert " ".join(word.text for word in heard) == " ".join(text.split())


def test_word_times_rise_and_lie_inside_the_audio(espeak: Espeak) -> None:
    pieces = say(espeak, "Hello, world. It is good to see you, all 42 of you.")
    heard = words(pieces)
    assert heard[0].start_s == 0.0
    assert all(word.start_s < word.end_s for word in heard)
    assert all(a.end_s <= b.start_s for a, b in itertools.pairwise(heard))
    assert heard[-1].end_s < samples(pieces).size / espeak.rate_hz


def test_a_word_ends_where_its_pause_begins(espeak: Espeak) -> None:
    hello, world = words(say(espeak, "Hello, world"))
    assert world.start_s - hello.end_s > 0.1


def test_a_script_without_spaces_has_a_word_for_each_character(espeak: Espeak) -> None:
    heard = words(say(espeak, "世界很大。", language="zh"))
    assert [word.text for word in heard] == ["世", "界", "很", "大。"]


@pytest.mark.parametrize("text", ["", "  \n ", "\x01\x00"])
def test_a_text_of_nothing_is_no_audio(espeak: Espeak, text: str) -> None:
    assert say(espeak, text) == []


def test_speed_shortens_and_lengthens_the_audio(espeak: Espeak) -> None:
    seconds = [
        samples(say(espeak, "one two three four five six", speed=speed)).size / espeak.rate_hz
        for speed in (0.6, 1.0, 2.0, 4.0)
    ]
    assert seconds == sorted(seconds, reverse=True)
    assert seconds[1] / seconds[2] > 1.6


@pytest.mark.parametrize("voice", ["en-gb", "EN-US", "en-us+f3", "en-us+annie", "de", "fr"])
def test_a_voice_is_found_by_its_friendly_name(espeak: Espeak, voice: str) -> None:
    assert samples(say(espeak, "seven eleven", voice=voice)).size > 5_000


def test_every_listed_voice_is_accepted(espeak: Espeak) -> None:
    assert {"en-us", "en-gb", "de", "fr-fr", "en-us+f3"} <= set(espeak.voices)
    for voice in espeak.voices:
        espeak.speak("", SpeakOptions(voice=voice), lambda: False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SpeakOptions(voice="alloy"), "no voice 'alloy'"),
        (SpeakOptions(voice="en-us+nobody"), "no variant 'nobody'"),
        (SpeakOptions(speed=5), r"between 0\.25 and 4, not 5"),
    ],
)
def test_what_it_cannot_do_is_named(espeak: Espeak, options: SpeakOptions, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        list(espeak.speak("hello", options, lambda: False))


def test_the_language_chooses_the_voice_only_where_none_is_named(espeak: Espeak) -> None:
    def size(**options: object) -> int:
        return samples(say(espeak, "Wie spät ist es in Berlin", **options)).size

    german, american = size(voice="de+f2"), size(voice="en-us+f2")
    assert abs(german - american) > 1_500
    # The voice is not the same to the sample each time.
    assert size(language="de") == pytest.approx(german, abs=500)
    assert size(voice="en-us+f2", language="de") == pytest.approx(american, abs=500)
    assert size(language="en") == pytest.approx(american, abs=500)


def test_cancelling_ends_the_speech_at_once(espeak: Espeak) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    pieces = list(espeak.speak("word " * 2_000, SpeakOptions(), cancelled))
    assert len(pieces) <= 3


def test_a_dropped_speech_leaves_the_voice_free_for_the_next(espeak: Espeak) -> None:
    long = espeak.speak("word " * 2_000, SpeakOptions(), lambda: False)
    assert next(long).pcm
    long.close()
    assert samples(say(espeak, "next")).size > 5_000


def test_two_speeches_taken_in_turns_do_not_mix(espeak: Espeak) -> None:
    texts = ("one two three four", "five six seven eight")
    alone = [samples(say(espeak, text)).size for text in texts]
    both = [espeak.speak(text, SpeakOptions(), lambda: False) for text in texts]
    sizes = [0, 0]
    for first, second in zip(*both, strict=False):
        sizes[0] += len(first.pcm) // 2
        sizes[1] += len(second.pcm) // 2
    sizes = [
        size + sum(len(p.pcm) // 2 for p in rest) for size, rest in zip(sizes, both, strict=True)
    ]
    assert sizes == pytest.approx(alone, abs=5_000)


def test_a_language_that_nobody_here_speaks_is_left_to_the_default_voice(espeak: Espeak) -> None:
    usual = samples(say(espeak, "good morning to you")).size
    assert samples(say(espeak, "good morning to you", language="xx")).size == pytest.approx(
        usual, abs=500
    )
