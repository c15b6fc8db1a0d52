"""The model of talk about documents knows their words, forms of them, and small talk."""

from voice.engines.documents import parse_document
from voice.engines.ngram import START
from voice.engines.spoken_corpus import document_words, spoken_model

DOCUMENT = parse_document(
    "# The ferry\n\nThe ferry closes at 9:30. Grumbs are carried for free.\n", "ferry"
)
UNSPEAKABLE = {"grumbs"}


def exists(word: str) -> bool:
    return word not in UNSPEAKABLE and word in {
        *document_words([DOCUMENT]), "close", "closed", "closing", "carry", "carries", "hello",
        "how", "do", "i", "tickets", "please", "what", "time", "does", "the",
    }  # fmt: skip


def test_it_expects_the_words_of_the_documents() -> None:
    model = spoken_model([DOCUMENT], (), exists)
    assert {"ferry", "closes", "nine", "thirty", "carried"} <= model.vocabulary
    assert model.probability("closes", ["the", "ferry"]) > model.probability("free", ["ferry"])


def test_it_expects_the_forms_that_questions_need() -> None:
    model = spoken_model([DOCUMENT], (), exists)
    assert {"close", "closing", "carry"} <= model.vocabulary
    assert model.probability("close", ["the", "ferry"]) > model.probability("free", ["ferry"])


def test_it_leaves_out_words_that_nobody_can_pronounce() -> None:
    assert not UNSPEAKABLE & spoken_model([DOCUMENT], (), exists).vocabulary


def test_it_expects_small_talk_and_given_phrases() -> None:
    model = spoken_model([], ("Tickets, please",), exists)
    assert model.probability("hello", [START]) > model.probability("time", [START])
    assert model.probability("please", ["tickets"]) > 0.3


def test_much_text_is_cut_short() -> None:
    text = " ".join(f"Word{i} is here." for i in range(60_000))
    assert len(document_words([parse_document(text, "long")])) < 60_000
