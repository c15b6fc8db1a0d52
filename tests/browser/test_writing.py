"""A person types to the page, and lets the model call functions."""

import json
import re

import pytest

from tests.browser.stage import serving, sounding, visiting
from tests.server.test_spoken_search import index
from voice.config import SearchSettings
from voice.engines.fakes import FakeLanguageModel, calling

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]


def caller(name: str, given: dict):
    """A model that calls a function once, and then says what it gave."""

    def answer(prompt):
        last = prompt.messages[-1]
        return f"It gave {last.content}" if last.role == "tool" else calling(name, given)

    return FakeLanguageModel(answer)


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
async def test_what_is_typed_is_answered_aloud_without_a_microphone(transport):
    async with serving() as server, visiting(server.url, allowed=False) as visitor:
        await visitor.prefer(transport=transport)
        await visitor.write("When does it close?")
        await visitor.sees(".caption.user[data-final=true]", "When does it close?")
        await visitor.sees(".caption.assistant[data-final=true]", "It closes at four.")
        await visitor.sees("#turns li", "heard after")
        mine, answer = await visitor.recording()
    assert sounding(mine) == []
    assert len(sounding(answer)) == 1
    assert visitor.errors == []


async def test_the_clock_is_read_and_the_answer_goes_on():
    llm = caller("clock", {"time_zone": "Asia/Tokyo"})
    async with serving(llm=llm) as server, visiting(server.url) as visitor:
        await visitor.prefer(transport="websocket")
        await visitor.page.click("#tab-tools")
        await visitor.page.check("#tool-on-clock")
        await visitor.write("What time is it in Tokyo?")
        await visitor.sees(".caption.tool", "clock")
        await visitor.sees(".caption.assistant[data-final=true]", "It gave")
        said = await visitor.text(".caption.tool")
    assert "Asia/Tokyo" in said
    assert re.search(r"\w+day", said)
    assert visitor.errors == []


async def indexed(folder) -> SearchSettings:
    """A database in which a document of the folder stands."""
    search = SearchSettings(database=str(folder / "search.db"))
    text = "# Camping rules\n\nIt costs ninety dollars to put up a tent in the valley.\n"
    (folder / "notes").mkdir()
    (folder / "notes" / "camping.md").write_text(text)
    await index(search.location, folder / "notes")
    return search


async def test_documents_are_searched_when_the_model_wants_it(tmp_path):
    llm = caller("search_documents", {"query": "What does a tent cost?"})
    search = await indexed(tmp_path)
    async with serving(llm=llm, search=search) as server, visiting(server.url) as visitor:
        await visitor.prefer(transport="websocket")
        await visitor.page.click("#tab-tools")
        await visitor.page.check("#tool-on-search_documents")
        await visitor.write("Look up the tent")
        await visitor.sees(".caption.tool", "camping.md: Camping rules")
        await visitor.sees(".caption.assistant[data-final=true]", "It gave")
    assert visitor.errors == []


async def test_an_answer_from_a_document_shows_what_it_was_taken_from(tmp_path):
    llm = FakeLanguageModel("It costs ninety dollars to put up a tent in the valley.")
    search = await indexed(tmp_path)
    async with serving(llm=llm, search=search) as server, visiting(server.url) as visitor:
        await visitor.write("What does a tent cost in the valley?")
        await visitor.sees(".caption.assistant .source summary", "from camping.md")
        assert not await visitor.page.is_visible(".source blockquote")
        await visitor.page.click(".source summary")
        await visitor.sees(".source blockquote", "ninety dollars")
    assert visitor.errors == []


async def test_a_function_of_ones_own_is_answered_by_hand():
    llm = caller("coffee_order", {"size": "large"})
    async with serving(llm=llm) as server, visiting(server.url) as visitor:
        await visitor.prefer(transport="websocket")
        await visitor.page.click("#tab-tools")
        await visitor.page.click(".own summary")
        await visitor.page.fill("#tool-json", '{"name": "no spaces"}')
        await visitor.page.click("#tool-form button")
        await visitor.sees("#tool-error", "letters, digits")
        definition = {
            "name": "coffee_order",
            "description": "Orders a coffee.",
            "parameters": {"type": "object", "properties": {"size": {"type": "string"}}},
        }
        await visitor.page.fill("#tool-json", json.dumps(definition))
        await visitor.page.click("#tool-form button")
        await visitor.write("A large coffee, please")
        await visitor.sees(".question pre", '"size": "large"')
        await visitor.page.fill(".question textarea", "on its way")
        await visitor.page.click(".question button")
        await visitor.sees(".caption.assistant[data-final=true]", "It gave on its way")
    (tool,) = llm.prompts[0].tools
    assert (tool.name, tool.description) == ("coffee_order", "Orders a coffee.")
    assert visitor.errors == []


async def test_a_new_message_stops_the_answer_to_the_last_one():
    llm = FakeLanguageModel(
        lambda prompt: "Done." if "stop" in prompt.messages[-1].content else "And on. " * 80
    )
    async with serving(llm=llm) as server, visiting(server.url) as visitor:
        await visitor.prefer(transport="websocket")
        await visitor.write("go on")
        await visitor.sees("#state", "Speaking")
        await visitor.write("stop that")
        await visitor.sees(".caption.assistant .mark", "interrupted after")
        await visitor.sees(".caption.assistant[data-final=true]", "Done.")
    assert visitor.errors == []


async def test_the_system_prompt_voice_and_model_reach_the_server():
    llm = FakeLanguageModel("Arr.")
    async with serving(llm=llm) as server, visiting(server.url) as visitor:
        await visitor.prefer(transport="websocket", instructions="Speak like a pirate.")
        await visitor.page.click("#tab-settings")
        await visitor.page.wait_for_selector("#voice option[value=tone]", state="attached")
        await visitor.page.select_option("#voice", "tone")
        await visitor.write("Hello")
        await visitor.sees(".caption.assistant[data-final=true]", "Arr.")
        reasons = await visitor.text("#engine-reasons")
    assert llm.prompts[0].messages[0].content == "Speak like a pirate."
    assert reasons.count("a test wants it") == 3
    assert visitor.errors == []
