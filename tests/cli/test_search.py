"""`voice search` shows the passages that fit, or says why there are none."""

import json

import pytest

from voice.cli.search import term_spans

pytestmark = pytest.mark.engine

NONE = {"ENGINES__EMBED": "none"}


@pytest.fixture
def indexed(run, tmp_path):
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "bread.md").write_text(
        "---\nmood: calm\nservings: 4\n---\n# Bread\n\n## Rye\n\nBake rye loaves for an hour."
    )
    (notes / "soup.md").write_text("# Soup\n\nCook the loaves of old bread in water.")
    assert run("index", "notes", **NONE).exit_code == 0
    return notes


def test_passages_are_shown_with_score_document_and_headings(run, indexed):
    result = run("search", "baking rye loaves", **NONE)
    assert result.exit_code == 0
    first, _, second = result.stdout.partition("\n\n0.")
    assert first.startswith("1.00  ")
    assert first.splitlines()[0].endswith(f"{indexed}/bread.md  Bread > Rye")
    assert first.endswith("Bake rye loaves for an hour.")
    assert "soup.md" in second


def test_passages_are_written_as_json_for_programs(run, indexed):
    lines = run("search", "rye", "--json", **NONE).stdout.splitlines()
    (found,) = map(json.loads, lines)
    assert found["document"] == "bread.md"
    assert found["headings"] == ["Bread", "Rye"]
    assert found["text"] == "Bread\n\nRye\n\nBake rye loaves for an hour."
    assert (found["start"], found["end"]) == (0, len(found["text"]))
    assert found["attributes"]["mood"] == "calm"
    assert type(found["attributes"]["servings"]) is int


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["mood=calm"], {"bread.md"}),
        (["mood!=calm"], {"soup.md"}),
        (["servings>=4"], {"bread.md"}),
        (["servings<4"], set()),
        (['servings="4"'], set()),
        (["format=markdown", "path=soup.md"], {"soup.md"}),
        (["mood = calm"], {"bread.md"}),
    ],
)
def test_filters_leave_documents_out(run, indexed, wanted, names):
    flags = [flag for each in wanted for flag in ("--filter", each)]
    result = run("search", "loaves", "--json", *flags, **NONE)
    assert {json.loads(line)["document"] for line in result.stdout.splitlines()} == names
    assert result.exit_code == (0 if names else 1)


def test_a_limit_is_kept(run, indexed):
    assert len(run("search", "loaves", "--json", "--limit", "1", **NONE).stdout.splitlines()) == 1


def test_a_question_needs_no_quotes_but_words(run, indexed):
    assert "bread.md" in run("search", "baking", "rye", "loaves", **NONE).stdout
    refused = run("search", "  ", **NONE)
    assert (refused.exit_code, "the question is empty" in refused.stderr) == (2, True)


def test_what_fits_nothing_says_so(run, indexed):
    result = run("search", "xylophone", **NONE)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Nothing fits.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--filter", "nonsense"), "'nonsense' is not like KEY=VALUE"),
        (("--limit", "51"), "51 is not in the range"),
        (("--mode", "vector"), "The index has no vectors: get a model by `voice pull minilm`"),
        (("--mode", "psychic"), "is not one of"),
    ],
)
def test_what_is_wrong_is_said(run, indexed, arguments, message):
    result = run("search", "bread", *arguments, **NONE)
    assert result.exit_code != 0
    assert message in result.output


def test_before_anything_is_indexed_the_way_is_said(run):
    result = run("search", "bread", **NONE)
    assert result.exit_code == 1
    assert "Nothing is indexed yet: voice index FOLDER" in result.output


def test_vectors_are_searched_where_there_are_some(run, indexed):
    assert run("index", ENGINES__EMBED="fake").exit_code == 0
    result = run("search", "rye loaves", "--mode", "vector", "--json", ENGINES__EMBED="fake")
    assert json.loads(result.stdout.splitlines()[0])["document"] == "bread.md"
    words = run("search", "rye loaves", "--json", **NONE)
    assert "searching by words alone" in words.stderr
    assert json.loads(words.stdout.splitlines()[0])["document"] == "bread.md"
    refused = run("search", "rye", "--mode", "vector", **NONE)
    assert "vectors of fake, which is not here" in refused.output


@pytest.mark.parametrize(
    ("text", "question", "marked"),
    [
        ("Baking bread. He bakes.", "How do I bake bread?", ["Baking", "bread", "bakes"]),
        ("Cafés and a cafe", "café", ["Cafés", "cafe"]),
        ("Two libraries", "Where is the library?", ["libraries"]),
        ("The theme", "the", ["The"]),
        ("nothing here", "bread", []),
    ],
)
def test_the_words_of_the_question_are_found_with_other_endings(text, question, marked):
    assert [text[start:end] for start, end in term_spans(text, question)] == marked
