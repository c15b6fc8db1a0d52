"""The index finds the right sentence for whole, misheard and unanswerable questions."""

from pathlib import Path

import pytest

from voice.bundled import samples_path
from voice.engines.documents import document_files, documents_of, parse_document
from voice.engines.passages import FolderIndex, reading
from voice.engines.protocols import EngineError, Source
from voice.engines.questions import extent_of
from voice.engines.wordforms import closeness, content_words, number_words, sound, tokens


@pytest.fixture(scope="module")
def index() -> FolderIndex:
    return FolderIndex(samples_path() / "documents")


@pytest.mark.parametrize(
    ("question", "source", "words"),
    [
        ("When does the library close on Saturday?", "library", "one o'clock"),
        ("how much does a guest card cost", "library", "two dollars"),
        ("how long may I keep a book", "library", "three weeks"),
        ("What does the yellow light mean?", "coffee", "full of lime"),
        ("how do I froth milk", "coffee", "steam pipe"),
        ("when should I plant garlic", "garden", "October"),
        ("what should I do in the garden in winter", "garden", "Prune"),
        ("where does the trail start", "trail", "old mill"),
        ("can I bring my dog on the trail", "trail", "leash"),
        ("why does my dough not rise", "bread", "too hot"),
        ("how long do I bake the bread", "bread", "thirty five minutes"),
        # As a recognizer may hear them.
        ("wind does the liberty close on saturday", "library", "one o'clock"),
        ("went should i plant garlic and two lips", "garden", "October"),
        ("how long to bake the bred", "bread", "thirty five minutes"),
        ("what happens if i meet a beer on the trial", "trail", "stay calm"),
    ],
)
def test_a_question_finds_its_sentence(
    index: FolderIndex, question: str, source: str, words: str
) -> None:
    hit = index.search(question, content_words(question))
    assert hit
    assert source in hit.document.spoken
    assert words in " ".join(reading(hit, extent_of(question)))
    assert hit.coverage > 0.4


@pytest.mark.parametrize(
    "question",
    [
        "who is the president of France",
        "how tall is Mount Everest",
        "what is the weather tomorrow",
        "who won the world cup",
        "",
    ],
)
def test_a_question_without_an_answer_covers_little(index: FolderIndex, question: str) -> None:
    hit = index.search(question, content_words(question))
    assert hit is None or hit.coverage < 0.4


def test_context_decides_between_equals(index: FolderIndex) -> None:
    def source(context: list[str]) -> str:
        hit = index.search("and in winter", ["winter"], context)
        return hit.document.spoken if hit else ""

    assert "library" in source(["library", "open"])
    assert "garden" in source(["garden", "plant"])


def test_files_that_change_are_read_again(tmp_path: Path) -> None:
    (tmp_path / "pets.md").write_text("# Pets\n\nThe cat eats fish.\n")
    index = FolderIndex(tmp_path)
    assert not index.refresh()
    (tmp_path / "more.txt").write_text("The parrot eats seeds.\n")
    assert index.refresh()
    hit = index.search("what does the parrot eat", ["parrot", "eat"])
    assert hit
    assert reading(hit) == ["The parrot eats seeds."]
    (tmp_path / "more.txt").unlink()
    assert index.refresh()
    assert index.search("parrot", ["parrot"]) is None


def test_a_missing_folder_is_named_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"nowhere does not exist.*DOCUMENTS"):
        FolderIndex(tmp_path / "nowhere")


def test_an_empty_folder_answers_nothing(tmp_path: Path) -> None:
    assert FolderIndex(tmp_path).search("anything", ["anything"]) is None


def test_hidden_and_foreign_files_are_left_out(tmp_path: Path) -> None:
    for name in (".git/notes.md", "a.md", "sub/b.txt", "image.png", "sub/.c.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("text")
    assert [path.name for path in document_files(tmp_path)] == ["a.md", "b.txt"]


def test_markdown_is_read_as_one_would_say_it() -> None:
    document = parse_document(
        "---\ndraft: yes\n---\n# Alder Bridge Rules\n\nIn Alder Bridge **all** [dogs](x.html) bark."
        ' Dr. Smith said: "No." It is so.\n\n- one _item_\n  goes on\n- another\n\n'
        "| when | where | who | why |\n|---|---|---|---|\n| now | here | I | |\n\n```sh\nrm\n```\n## Last\nEnd.\n",
        "rules",
    )
    assert document.spoken == "the Alder Bridge rules"
    assert [passage.sentences for passage in document.passages] == [
        ("In Alder Bridge all dogs bark.", 'Dr. Smith said: "No."', "It is so."),
        ("one item goes on", "another"),
        ("now: where here, who I",),
        ("End.",),
    ]
    assert document.passages[-1].section == "Last"


def test_the_items_of_a_long_list_stand_in_several_passages() -> None:
    document = parse_document("".join(f"- item {number}\n" for number in range(20)), "list")
    assert [len(passage.sentences) for passage in document.passages] == [12, 8]


def test_a_document_without_a_heading_is_named_by_its_file() -> None:
    assert parse_document("Some text.", "my_holiday-notes").spoken == "my holiday notes"


@pytest.mark.parametrize(
    ("title", "spoken"),
    [
        ("Heron Lake trail guide", "the Heron Lake trail guide"),
        ("The flight of Apollo Eleven", "the flight of Apollo Eleven"),
        ("The beekeeper's guide", "the beekeeper's guide"),
        ("The Heron Lake Trail", "the Heron Lake Trail"),
        ("Bread baking notes", "the bread baking notes"),
        ("How to bake bread", "the page on how to bake bread"),
        ("FAQ", "the FAQ"),
        ("holiday-notes_2.pdf", "the holiday notes 2"),
    ],
)
def test_a_source_is_named_as_one_says_it_whatever_its_passage_says(
    title: str, spoken: str
) -> None:
    source = Source(document_id="a", name="a.md", title=title, text="Nothing is told here.")
    assert [document.spoken for document in documents_of([source])] == [spoken]


def test_a_looked_up_document_without_a_title_is_named_by_its_file() -> None:
    source = Source(document_id="a", name="notes/my-holiday.md", text="It rained.")
    assert documents_of([source])[0].spoken == "my holiday"


def test_passages_of_one_document_are_read_once_and_without_their_headings() -> None:
    sources = [
        Source(
            document_id="a",
            name="a.md",
            title="Bees",
            headings=("Bees", heading),
            text=f"{start}{heading}\n\nBees dance.\n\n{text}",
        )
        for start, heading, text in (
            ("Bees\n\n", "Talk", "A"),
            ("", "Talk", "B"),
            ("", "Food", "C"),
        )
    ]
    (document,) = documents_of(sources)
    assert [(each.section, each.sentences) for each in document.passages] == [
        ("Talk", ("Bees dance.",)), ("Talk", ("A",)), ("Talk", ("B",)),
        ("Food", ("Bees dance.",)), ("Food", ("C",)),
    ]  # fmt: skip


def test_abbreviations_end_no_sentence() -> None:
    document = parse_document("The hut of Dr. Wu is approx. 5 km away, No. 7. Go there.", "x")
    assert document.passages[0].sentences == (
        "The hut of Dr. Wu is approx. 5 km away, No. 7.", "Go there.",
    )  # fmt: skip


def test_numbers_are_words_in_tokens() -> None:
    assert tokens("It's 9:30 on May 21, Smith’s") == [
        "it", "nine", "thirty", "on", "may", "twenty", "one", "smith",
    ]  # fmt: skip
    assert " ".join(number_words(1_234)) == "one thousand two hundred thirty four"


@pytest.mark.parametrize(
    ("word", "other"),
    [("flour", "flower"), ("knight", "night"), ("weather", "whether"), ("bear", "beer")],
)
def test_words_said_alike_are_close(word: str, other: str) -> None:
    assert sound(word) == sound(other)
    assert 0.5 <= closeness(word, other) < 1.0


@pytest.mark.parametrize(
    ("word", "other"), [("sunday", "monday"), ("joke", "jug"), ("tea", "car"), ("water", "weather")]
)
def test_different_words_are_not_close(word: str, other: str) -> None:
    assert closeness(word, other) == 0.0


@pytest.mark.parametrize(
    ("word", "other"),
    [("opening", "open"), ("swimming", "swim"), ("kept", "keep"), ("children", "kids")],
)
def test_forms_and_synonyms_are_close(word: str, other: str) -> None:
    assert closeness(word, other) >= 0.8
