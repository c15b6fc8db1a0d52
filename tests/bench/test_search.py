"""What the search benchmark calls an answer, and that it finds those of the samples."""

import pytest
from click.testing import CliRunner

from tests.search.libraries import WordEmbedder
from voice.bench.search_bench import measure_search
from voice.bench.search_corpus import Question, typed_questions
from voice.bundled import samples_path
from voice.cli.bench_search import search


def test_every_question_has_its_answer_in_its_document():
    questions = typed_questions()
    assert len(questions) >= 20
    for question in questions:
        text = (samples_path() / "documents" / question.document).read_text()
        assert question.answer.lower() in text.lower(), question.text


async def test_questions_are_found_among_made_up_chunks():
    results = await measure_search(300, typed_questions(), [], WordEmbedder(max_tokens=500))
    assert [each.mode for each in results] == ["words", "meaning", "both"]
    by_words, _, by_both = (each.typed for each in results)
    assert by_both.recall >= 0.95
    assert by_words.mrr > 0.8


async def test_an_answer_that_stands_nowhere_is_not_found():
    nowhere = Question(
        text="When does the chess club meet?", document="bread.md", answer="Thursday"
    )
    (result,) = await measure_search(200, [nowhere], [nowhere], None)
    assert result.typed.recall == result.typed.mrr == 0
    assert result.heard is not None


@pytest.mark.parametrize("chunks", ["0", "many", "99"])
def test_numbers_of_chunks_that_cannot_be_are_refused(chunks):
    told = CliRunner().invoke(search, ["--chunks", chunks])
    assert told.exit_code == 2
    assert "must be numbers from 100" in told.output
