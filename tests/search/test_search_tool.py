"""A model that searches by itself, as often as it likes, up to a bound."""

import pytest

from voice.engines.fakes import FakeLanguageModel
from voice.engines.protocols import (
    CallDelta,
    CallStarted,
    Cited,
    Finished,
    Message,
    Piece,
    Prompt,
    Source,
    TextDelta,
    Tool,
)
from voice.search.grounding import supporting
from voice.search.search_tool import MOST_SEARCHES, NAME, answer_searching

CHESS = Source(document_id="a", name="library.md", text="The chess club meets on Thursday.")
CLOCK = Tool(name="clock")
QUESTION = Prompt(messages=(Message(role="user", content="When is chess?"),), tools=(CLOCK,))


def calling(name: str, arguments: str, call_id: str = "call_1") -> list[Piece]:
    return [CallStarted(call_id=call_id, name=name), CallDelta(arguments=arguments)]


def searching(query: str) -> list[Piece]:
    return [*calling(NAME, f'{{"query": "{query}"}}'), Finished(reason="tool_calls")]


class Library:
    """Finds the same for every query."""

    def __init__(self, *sources: Source) -> None:
        self.queries: list[str] = []
        self._sources = sources

    async def find(self, query: str) -> list[Source]:
        self.queries.append(query)
        return list(self._sources)


async def answered(model: FakeLanguageModel, library: Library, prompt: Prompt = QUESTION) -> list:
    stream = answer_searching(model, prompt, library.find, supporting)
    return [piece async for piece in stream]


async def test_a_search_is_made_between_two_answers_and_is_not_seen():
    def answer(prompt: Prompt):
        if prompt.messages[-1].role == "tool":
            return "The chess club meets on Thursday."
        return searching("chess club")

    model, library = FakeLanguageModel(answer), Library(CHESS)
    pieces = await answered(model, library)
    assert library.queries == ["chess club"]
    assert not any(isinstance(piece, CallStarted | CallDelta) for piece in pieces)
    text = "".join(piece.text for piece in pieces if isinstance(piece, TextDelta))
    assert text == "The chess club meets on Thursday."
    assert pieces[-2] == Cited(sources=(CHESS,))
    assert pieces[-1].reason == "stop"
    second = model.prompts[1]
    assert second.messages[-2].tool_calls[0].name == NAME
    assert "Thursday" in second.messages[-1].content


async def test_the_tools_of_the_user_are_offered_beside_the_search():
    model = FakeLanguageModel("Noon.")
    await answered(model, Library())
    assert [tool.name for tool in model.prompts[0].tools] == ["clock", NAME]


async def test_a_call_of_the_users_tool_is_handed_on_and_ends_the_answer():
    both = [
        *calling(NAME, '{"query": "x"}', "call_1"),
        *calling("clock", "{}", "call_2"),
        Finished(reason="tool_calls"),
    ]
    library = Library(CHESS)
    pieces = await answered(FakeLanguageModel(both), library)
    assert [piece.name for piece in pieces if isinstance(piece, CallStarted)] == ["clock"]
    assert [piece.arguments for piece in pieces if isinstance(piece, CallDelta)] == ["{}"]
    assert pieces[-1].reason == "tool_calls"
    assert library.queries == []


async def test_a_model_that_only_searches_is_stopped():
    library = Library()
    model = FakeLanguageModel(lambda _prompt: searching("again"))
    await answered(model, library)
    assert len(model.prompts) == MOST_SEARCHES + 1
    assert NAME not in [tool.name for tool in model.prompts[-1].tools]
    assert model.prompts[1].messages[-1].content == "Nothing was found."


@pytest.mark.parametrize("arguments", ["chess club", '{"q": "chess club"}', '"chess club"'])
async def test_arguments_of_another_shape_are_searched_for_as_they_are(arguments):
    def answer(prompt: Prompt):
        if prompt.messages[-1].role == "tool":
            return "Thursday."
        return [*calling(NAME, arguments), Finished(reason="tool_calls")]

    library = Library()
    await answered(FakeLanguageModel(answer), library)
    assert library.queries == [arguments]


async def test_a_search_that_had_to_be_made_need_not_be_made_again():
    def answer(prompt: Prompt):
        return "Thursday." if prompt.tool_choice == "auto" else searching("chess")

    model = FakeLanguageModel(answer)
    required = Prompt(messages=QUESTION.messages, tool_choice="required")
    await answered(model, Library(CHESS), required)
    assert [prompt.tool_choice for prompt in model.prompts] == ["required", "auto"]


async def test_the_tokens_of_all_its_rounds_are_counted():
    def answer(prompt: Prompt):
        if prompt.messages[-1].role == "tool":
            return [
                TextDelta(text="Thursday."),
                Finished(reason="stop", input_tokens=50, output_tokens=2),
            ]
        call = calling(NAME, '{"query": "chess"}')
        return [*call, Finished(reason="tool_calls", input_tokens=20, output_tokens=7)]

    pieces = await answered(FakeLanguageModel(answer), Library(CHESS))
    assert pieces[-1] == Finished(reason="stop", input_tokens=70, output_tokens=9)
