"""A model of the registry talks in conversations as any other language model does."""

from contextlib import aclosing

import pytest

from tests.routing.worlds import models, router
from voice.engines.protocols import EngineError, Finished, Message, Piece, Prompt, TextDelta, Tool
from voice.gateway.errors import ApiError
from voice.providers.fake import DONE, FakeProvider, Reply, failing, saying
from voice.routing.language_model import RoutedLanguageModel

PROMPT = Prompt(messages=(Message(role="user", content="Hi"),), max_tokens=9)
TWO = {"m": {"targets": [{"model": "a:x", "context_tokens": 8000}, {"model": "b:y", "order": 2}]}}


def model(*fakes: FakeProvider) -> RoutedLanguageModel:
    tables = TWO if len(fakes) == 2 else {"m": {"targets": ["a:x"]}}
    return RoutedLanguageModel(router(*fakes, file=models(**tables)), "m")


async def said(model: RoutedLanguageModel, prompt: Prompt = PROMPT) -> list[Piece]:
    return [piece async for piece in model.generate(prompt)]


def text(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, TextDelta))


async def test_a_prompt_becomes_a_request_and_its_answer_pieces():
    a = FakeProvider("a", saying("Hello there."))
    pieces = await said(model(a))
    assert text(pieces) == "Hello there."
    assert pieces[-1] == Finished("stop")
    (call,) = a.calls
    assert call.streams
    assert call.body["messages"] == [{"role": "user", "content": "Hi"}]
    assert call.body["max_tokens"] == 9
    assert "temperature" not in call.body


async def test_tools_reach_the_provider():
    a = FakeProvider("a", saying("Hi"))
    tools = (Tool(name="look", parameters={"type": "object"}),)
    await said(model(a), Prompt(messages=PROMPT.messages, tools=tools, tool_choice="look"))
    assert a.calls[0].body["tool_choice"] == {"type": "function", "function": {"name": "look"}}


async def test_another_target_talks_when_the_first_is_down():
    a, b = FakeProvider("a", failing("quota")), FakeProvider("b", saying("Still here."))
    assert text(await said(model(a, b))) == "Still here."


async def test_thoughts_are_not_spoken():
    a = FakeProvider("a", saying("<think> what to say </think> Hello."))
    assert text(await said(model(a))) == "Hello."


async def test_what_cannot_be_answered_is_an_error_of_the_engine():
    with pytest.raises(EngineError, match="the server is in trouble: quota"):
        await said(model(FakeProvider("a", failing("quota"))))


async def test_an_answer_that_breaks_off_is_not_begun_again():
    first, *_ = saying("Hello there.").blocks
    a, b = FakeProvider("a", failing(after=(first,))), FakeProvider("b")
    pieces = model(a, b).generate(PROMPT)
    assert await anext(pieces) == TextDelta("Hello")
    with pytest.raises(EngineError, match="unavailable"):
        await anext(pieces)
    assert b.calls == []


@pytest.mark.parametrize(
    ("blocks", "told"),
    [((b"data: {]\n\n",), "m sent no chat completion"), ((b": ping\n\n",), "m broke off")],
)
async def test_what_is_no_answer_is_explained(blocks, told):
    with pytest.raises(EngineError, match=told):
        await said(model(FakeProvider("a", Reply(blocks))))


async def test_an_end_without_a_reason_is_one_when_the_stream_says_so():
    assert await said(model(FakeProvider("a", Reply((DONE,))))) == [Finished("stop")]


async def test_an_interrupted_answer_is_dropped_at_once():
    a = FakeProvider("a", saying("one two three"))
    async with aclosing(model(a).generate(PROMPT)) as pieces:
        await anext(pieces)
    assert (a.running, a.abandoned) == (0, 1)


def test_it_holds_what_its_smallest_target_does():
    assert model(FakeProvider("a"), FakeProvider("b")).context_tokens == 8000
    assert model(FakeProvider("a")).context_tokens > 8000


async def test_the_usual_model_talks_though_clients_may_not_ask_for_it():
    options = {"file": models(m={"targets": ["a:x"]}), "usual": {"chat": "m"}, "allowed": ("b:*",)}
    routing = router(FakeProvider("a", saying("Hello.")), **options)
    assert text(await said(RoutedLanguageModel(routing, "m"))) == "Hello."
    with pytest.raises(ApiError) as caught:
        await routing.stream("m", "chat/completions", {})
    assert caught.value.code == "model_not_found"
