import json
from contextlib import aclosing

import pytest

from voice.cli.dialogue import Dialogue
from voice.engines.fakes import FakeLanguageModel
from voice.engines.protocols import EngineError, Finished, TextDelta


async def said(dialogue: Dialogue, question: str) -> str:
    return "".join([text async for text in dialogue.ask(question)])


def roles(dialogue: Dialogue) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in dialogue.messages]


async def test_each_question_comes_with_all_that_was_said_before():
    model = FakeLanguageModel(lambda prompt: str(len(prompt.messages)))
    dialogue = Dialogue(model, "Be brief.")
    assert await said(dialogue, "one") == "2"
    assert await said(dialogue, "two") == "4"
    assert roles(dialogue) == [
        ("system", "Be brief."),
        *(("user", "one"), ("assistant", "2")),
        *(("user", "two"), ("assistant", "4")),
    ]


async def test_what_is_cleared_is_forgotten_but_for_the_system_prompt():
    dialogue = Dialogue(FakeLanguageModel("Yes."), "Be brief.")
    await said(dialogue, "Open?")
    dialogue.clear()
    assert roles(dialogue) == [("system", "Be brief.")]


async def test_of_an_answer_that_was_stopped_the_part_that_came_is_kept():
    model = FakeLanguageModel("It is open.")
    dialogue = Dialogue(model)
    async with aclosing(dialogue.ask("Open?")) as texts:
        assert await anext(texts) == "It"
    assert roles(dialogue) == [("user", "Open?"), ("assistant", "It")]
    assert model.abandoned == 1


async def test_a_question_without_an_answer_is_forgotten():
    dialogue = Dialogue(FakeLanguageModel([EngineError("It died.")]))
    with pytest.raises(EngineError):
        await said(dialogue, "Open?")
    assert dialogue.messages == []


@pytest.mark.parametrize(("reason", "cut"), [("length", True), ("stop", False)])
async def test_an_answer_that_was_cut_is_known(reason, cut):
    dialogue = Dialogue(FakeLanguageModel([TextDelta("It"), Finished(reason)]))
    await said(dialogue, "Open?")
    assert dialogue.cut is cut


@pytest.mark.parametrize("name", ["talk.txt", "talk"])
async def test_a_conversation_is_written_down_for_people(tmp_path, name):
    dialogue = Dialogue(FakeLanguageModel("Ja, schön."), "Be brief.")
    await said(dialogue, "Offen?")
    dialogue.save(tmp_path / name)
    assert (tmp_path / name).read_text(encoding="utf-8") == (
        "System: Be brief.\n\nYou: Offen?\n\nAssistant: Ja, schön.\n"
    )


async def test_a_conversation_is_written_down_for_programs(tmp_path):
    dialogue = Dialogue(FakeLanguageModel("Yes."))
    await said(dialogue, "Open?")
    dialogue.save(tmp_path / "talk.JSON")
    assert json.loads((tmp_path / "talk.JSON").read_text()) == [
        {"role": "user", "content": "Open?"},
        {"role": "assistant", "content": "Yes."},
    ]
