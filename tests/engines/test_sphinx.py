"""PocketSphinx understands the sample questions, and the reader answers them."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("pocketsphinx", reason="PocketSphinx is not installed")

from voice.audio.files import read_recording
from voice.bundled import samples_path
from voice.engines.documents import read_document
from voice.engines.protocols import (
    STT_RATE_HZ,
    EngineError,
    ListenOptions,
    Message,
    Prompt,
    TextDelta,
)
from voice.engines.reader import Reader
from voice.engines.sphinx import Sphinx
from voice.engines.wer import word_error_rate
from voice.engines.wer_samples import recognize
from voice.engines.worker import facts_of

pytestmark = pytest.mark.engine

SAMPLES = samples_path()
QUESTIONS = {q["file"]: q for q in json.loads((SAMPLES / "questions.json").read_text())}
FRAME = 640
SECOND = 32_000


def recording(file: str) -> bytes:
    return read_recording(SAMPLES / file, STT_RATE_HZ)


LIBRARY, TRAIL = recording("questions/library.wav"), recording("questions/trail.wav")


@pytest.fixture(scope="module")
def sphinx() -> Sphinx:
    return Sphinx(str(SAMPLES / "documents"), ears=2)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(str(SAMPLES / "documents"))


def hear(sphinx: Sphinx, *audio: bytes) -> list[str]:
    """What a new utterance is taken for after each part of its audio."""
    sphinx.open(1, ListenOptions())
    texts = []
    for pcm in audio:
        sphinx.feed(1, pcm)
        texts.append(sphinx.transcript(1).text)
    sphinx.close(1)
    return texts


@pytest.mark.parametrize("file", QUESTIONS)
def test_a_sample_question_is_understood_and_answered_from_its_document(
    sphinx: Sphinx, reader: Reader, file: str
) -> None:
    question = QUESTIONS[file]
    heard = recognize(sphinx, SAMPLES / file)
    assert word_error_rate(question["words"], heard) <= 0.15
    before = QUESTIONS[question["after"]]["words"] if "after" in question else None
    messages = [Message(role="user", content=words) for words in (before, heard) if words]
    pieces = reader.generate(Prompt(messages=tuple(messages)), lambda: False)
    answer = "".join(piece.text for piece in pieces if isinstance(piece, TextDelta))
    source = read_document(SAMPLES / "documents" / question["document"]).spoken
    assert answer.startswith(f"According to {source}, ")


def test_the_documents_make_their_words_understood(tmp_path: Path) -> None:
    """A document that is added is expected from the next utterance on."""
    sphinx = Sphinx(str(tmp_path), ears=1)
    question = QUESTIONS["questions/garden.wav"]
    before = word_error_rate(question["words"], recognize(sphinx, SAMPLES / question["file"]))
    shutil.copy(SAMPLES / "documents" / question["document"], tmp_path)
    after = word_error_rate(question["words"], recognize(sphinx, SAMPLES / question["file"]))
    assert after < before


def test_partial_texts_grow_while_one_speaks(sphinx: Sphinx) -> None:
    sphinx.open(1, ListenOptions())
    partials = []
    for at in range(0, len(LIBRARY), 10 * FRAME):
        sphinx.feed(1, LIBRARY[at : at + 10 * FRAME])
        partials.append(sphinx.partial(1))
    final = sphinx.transcript(1).text
    sphinx.close(1)
    sizes = [len(text.split()) for text in partials]
    assert sizes[0] == 0
    assert sizes[-1] >= 6
    assert sum(a > b for a, b in pairwise(sizes)) <= 1
    assert word_error_rate(QUESTIONS["questions/library.wav"]["words"], final) == 0


def test_it_is_asked_for_partial_texts_since_it_decodes_only_when_asked(sphinx: Sphinx) -> None:
    assert facts_of(sphinx).incremental


def test_the_text_is_readable(sphinx: Sphinx) -> None:
    assert hear(sphinx, LIBRARY) == ["When does the library close on Saturday"]


def test_words_have_times_in_the_order_of_speech(sphinx: Sphinx) -> None:
    sphinx.open(1, ListenOptions())
    sphinx.feed(1, bytes(2 * SECOND) + LIBRARY)
    transcript = sphinx.transcript(1)
    sphinx.close(1)
    assert transcript.language == "en"
    assert transcript.duration_s == pytest.approx(2 + len(LIBRARY) / SECOND)
    assert [word.text for word in transcript.words][-1] == "Saturday"
    assert transcript.words[0].start_s == pytest.approx(2.1, abs=0.15)
    times = [time for word in transcript.words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert times[-1] <= transcript.duration_s


def test_asking_twice_gives_the_same(sphinx: Sphinx) -> None:
    first, second = hear(sphinx, LIBRARY, b"")
    assert first == second


def test_an_utterance_goes_on_after_its_transcript(sphinx: Sphinx) -> None:
    half = len(LIBRARY) // 2 // FRAME * FRAME
    early, late = hear(sphinx, LIBRARY[:half], LIBRARY[half:])
    assert len(early.split()) < len(late.split())
    assert word_error_rate(QUESTIONS["questions/library.wav"]["words"], late) <= 0.15


def test_two_questions_with_a_pause_between_are_one_utterance(sphinx: Sphinx) -> None:
    first, both = hear(sphinx, LIBRARY + bytes(SECOND), TRAIL)
    assert both.startswith(first)
    assert both.lower().endswith("how long is the trail around heron lake")


def test_silence_and_soft_noise_are_no_words(sphinx: Sphinx) -> None:
    assert hear(sphinx, bytes(5 * SECOND)) == [""]
    assert hear(sphinx, b"") == [""]


def test_more_utterances_than_ears_are_all_understood(sphinx: Sphinx) -> None:
    several = range(10, 13)
    for utterance in several:
        sphinx.open(utterance, ListenOptions())
    for at in range(0, len(LIBRARY), 20 * FRAME):
        for utterance in several:
            sphinx.feed(utterance, LIBRARY[at : at + 20 * FRAME])
    partials = [sphinx.partial(utterance) for utterance in several]
    assert [bool(text) for text in partials] == [True, True, False]
    texts = {sphinx.transcript(utterance).text for utterance in several}
    for utterance in several:
        sphinx.close(utterance)
    assert texts == {"When does the library close on Saturday"}


def test_an_utterance_that_is_closed_leaves_its_ear_to_others(sphinx: Sphinx) -> None:
    for utterance in range(20, 24):
        sphinx.open(utterance, ListenOptions())
        sphinx.feed(utterance, LIBRARY[: SECOND + SECOND // 4])
        assert sphinx.partial(utterance)
        sphinx.close(utterance)


def test_another_language_is_refused_by_name(sphinx: Sphinx) -> None:
    with pytest.raises(EngineError, match=r"English \('en'\) only, not 'de'"):
        sphinx.open(1, ListenOptions(language="de"))
    sphinx.open(1, ListenOptions(language="en-US"))
    sphinx.close(1)


def test_a_missing_folder_is_named_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"gone does not exist.*DOCUMENTS"):
        Sphinx(str(tmp_path / "gone"))


def test_each_stretch_is_a_segment_of_the_text(sphinx: Sphinx):
    """Two questions with a pause between them; nothing is said of what a segment's odds are."""
    sphinx.open(1, ListenOptions(translate=True))
    sphinx.feed(1, LIBRARY + bytes(2 * SECOND) + TRAIL)
    heard = sphinx.transcript(1)
    sphinx.close(1)
    assert len(heard.segments) == 2
    assert " ".join(segment.text for segment in heard.segments) == heard.text
    first, second = heard.segments
    assert 0 <= first.start_s < first.end_s < len(LIBRARY) / SECOND + 0.3
    assert len(LIBRARY) / SECOND + 1.9 < second.start_s < second.end_s <= heard.duration_s
    assert first.avg_logprob is None
    assert first.tokens == ()
