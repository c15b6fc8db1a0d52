"""llama.cpp as a generator, on tiny models that say a known text after any line end."""

import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

from tests.engines import models
from tests.engines.answers import USER, answer, never, prompt, said
from tests.engines.conftest import HELLO
from voice.engines.llama import Llama
from voice.engines.protocols import (
    CallDelta,
    CallStarted,
    EngineError,
    Finished,
    Message,
    Piece,
    TextDelta,
    Tool,
)

pytestmark = pytest.mark.engine

CITIES = {"type": "object", "properties": {"city": {"enum": ["Ulm", "Rome"]}}, "required": ["city"]}
WEATHER = Tool(name="weather", description="Looks outside.", parameters=CITIES)
TIME = Tool(name="time")
TEMPLATE = models.CHATML + "{# tools: <tool_call> #}"

Maker = Callable[..., Llama]


def calls(pieces: list[Piece]) -> list[tuple[str, object]]:
    made: list[list[str]] = []
    for piece in pieces:
        if isinstance(piece, CallStarted):
            made.append([piece.name, ""])
        elif isinstance(piece, CallDelta):
            made[-1][1] += piece.arguments
    return [(name, json.loads(arguments)) for name, arguments in made]


# ---------------------------------------------------------------- text


def test_an_answer_is_streamed_in_whole_characters(llama: Llama):
    """Tokens end within characters; pieces never do."""
    pieces = answer(llama)
    assert said(pieces) == HELLO
    assert len(pieces) > 8
    assert "\ufffd" not in said(pieces)
    assert pieces[-1] == Finished(
        "stop", len(llama._sequence.tokens) - written(pieces), written(pieces)
    )


def written(pieces: list[Piece]) -> int:
    finished = pieces[-1]
    assert isinstance(finished, Finished)
    return finished.output_tokens


def test_the_prompt_is_counted_in_the_models_tokens(llama: Llama):
    """A tiny model reads letter by letter, and each control token is one."""
    *_, finished = answer(llama)
    rendered = "|user\nHi|\n|assistant\n"
    assert finished.input_tokens == len(rendered)


def test_a_length_limit_ends_the_answer(llama: Llama):
    """Reason and count are told."""
    pieces = answer(llama, max_tokens=2)
    assert pieces == [*pieces[:-1], Finished("length", pieces[-1].input_tokens, 2)]
    assert HELLO.startswith(said(pieces))
    assert answer(llama, max_tokens=0)[-1].reason == "length"


def test_a_character_cut_by_the_limit_is_replaced(make_llama: Maker):
    """The limit falls within the third letter of a language that needs three bytes for each."""
    pieces = answer(make_llama("a日本"), max_tokens=1)
    assert said(pieces) == "a\ufffd"


@pytest.mark.parametrize(
    ("stop", "text"),
    [
        ((" Today",), "Hello there, Zoë."),
        (("never", ", Zo"), "Hello there"),
        (("Hello",), ""),
        (("far away!!",), HELLO),
    ],
)
def test_a_stop_string_ends_the_answer(llama: Llama, stop: tuple[str, ...], text: str):
    """Stops cross the borders of tokens, and are not said."""
    pieces = answer(llama, stop=stop)
    assert said(pieces) == text
    assert pieces[-1].reason == "stop"


def test_thoughts_are_not_said(make_llama: Maker):
    """Neither those that the model opens nor those that its template has opened."""
    assert said(answer(make_llama("<think>Hm, 4?</think>\n\nFour."))) == "Four."
    opened = models.CHATML.replace("assistant\n", "assistant\n<think>\n")
    assert said(answer(make_llama("Hm, 4?</think>\n\nFour.", template=opened))) == "Four."


def test_a_seed_makes_an_answer_repeatable(make_llama: Maker):
    """The same seed gives the same text, others give others."""
    unsure = make_llama(certainty=0.2)
    hot = {"temperature": 2.0, "max_tokens": 30}
    first, again = (said(answer(unsure, seed=7, **hot)) for _ in range(2))
    others = {said(answer(unsure, seed=seed, **hot)) for seed in range(4)}
    assert first == again
    assert len(others) > 1


def test_the_default_temperature_keeps_to_the_point(llama: Llama):
    """What the prompt leaves open gets values that do not spoil a sure text."""
    assert said(answer(llama, temperature=None, seed=1)) == HELLO


def test_a_model_without_a_template_is_asked_in_chatml(make_llama: Maker):
    """Its control tokens are in every such vocabulary."""
    assert said(answer(make_llama(template=None))) == HELLO


def test_images_are_refused(llama: Llama):
    """An answer that ignored them would be a guess."""
    with pytest.raises(EngineError, match="takes no images"):
        answer(llama, Message(role="user", content="See", images=("data:image/png;base64,AA",)))


# ---------------------------------------------------------------- context


def test_a_prompt_that_is_too_long_is_an_error_with_numbers(make_llama: Maker):
    """The user learns how much is too much, and what could be raised, if it could."""
    long = Message(role="user", content="x" * 500)
    told = "has 519 tokens and the model's context holds 512: shorten it"
    with pytest.raises(EngineError, match=rf"{told}$") as error:
        answer(make_llama(), long)
    assert (error.value.code, error.value.param) == ("context_length_exceeded", "messages")
    with pytest.raises(EngineError, match=rf"{told}, or raise n_ctx \(the model allows 2048\)$"):
        answer(make_llama(context=2048), long)


def test_an_answer_that_fills_the_context_ends_with_length(make_llama: Maker):
    """The last tokens of the context are used."""
    small = make_llama(n_ctx=32)
    pieces = answer(small)
    assert pieces[-1].reason == "length"
    assert pieces[-1].input_tokens + pieces[-1].output_tokens == 33
    assert HELLO.startswith(said(pieces).rstrip("\ufffd"))


def test_the_context_is_never_larger_than_the_model_was_trained_for(make_llama: Maker):
    """Beyond that a model says nonsense; 0 asks for all of it."""
    assert make_llama(n_ctx=100_000, context=256).context_tokens == 256
    assert make_llama(n_ctx=0, context=256).context_tokens == 256


def test_the_beginning_that_two_prompts_share_is_read_once(
    llama: Llama, monkeypatch: pytest.MonkeyPatch
):
    """A conversation grows at its end; all before that stays in the model's memory."""
    read: list[int] = []
    decode = llama._sequence._decode
    monkeypatch.setattr(
        llama._sequence, "_decode", lambda tokens: read.append(len(tokens)) or decode(tokens)
    )
    answer(llama, Message(role="user", content="Something else"))
    first = said(answer(llama))
    more = (USER, Message(role="assistant", content=first), Message(role="user", content="More?"))
    read.clear()
    pieces = answer(llama, *more)
    assert said(pieces) == HELLO
    # What was generated in tokens of a few bytes is read again letter by letter.
    shared = len("|user\nHi|\n|assistant\n")
    assert read[0] == pieces[-1].input_tokens - shared
    read.clear()
    assert said(answer(llama, *more)) == HELLO
    assert read[0] == 1


# ---------------------------------------------------------------- cancellation


def test_a_cancelled_answer_ends_within_one_token(llama: Llama):
    """It ends without a last word, and the next answer is whole."""
    flags = iter([False] * 6)
    pieces = list(llama.generate(prompt(), lambda: next(flags, True)))
    assert len(said(pieces)) < 20
    assert not any(isinstance(piece, Finished) for piece in pieces)
    assert said(answer(llama)) == HELLO


def test_a_closed_answer_frees_its_sampler(llama: Llama):
    """The caller may stop looking; the next answer is whole."""
    pieces = llama.generate(prompt(), never)
    assert isinstance(next(pieces), TextDelta)
    pieces.close()
    assert said(answer(llama)) == HELLO


def test_reading_a_prompt_can_be_cancelled_between_batches(make_llama: Maker):
    """What was read stays, and is not read again."""
    model = make_llama("So.", n_ctx=2048, context=2048)
    long = Message(role="user", content="x" * 1500)

    def reading() -> Iterator[bool]:
        while len(model._sequence.tokens) < 512:
            yield False

    flags = reading()
    assert list(model.generate(prompt(long), lambda: next(flags, True))) == []
    assert len(model._sequence.tokens) == 512
    assert said(answer(model, long)) == "So."


def test_reading_a_prompt_can_be_cancelled_within_a_batch(make_llama: Maker):
    """A batch of a large model takes seconds: the library is told to stop in the middle."""
    model = make_llama("So.", n_ctx=2048, context=2048)
    long = Message(role="user", content="y" * 200)
    asked = count()
    # The first question comes before the batch, later ones from within it.
    assert list(model.generate(prompt(long), lambda: next(asked) > 2)) == []
    assert len(model._sequence.tokens) < 20
    assert said(answer(model, long)) == "So."


# ---------------------------------------------------------------- tools


def test_a_call_in_the_models_own_dialect_is_streamed(make_llama: Maker):
    """Text before the call is said, the markup is not."""
    model = make_llama(
        'Wait.\n<tool_call>{"name": "weather", "arguments": {"city": "Ulm"}}</tool_call>',
        template=TEMPLATE,
    )
    pieces = answer(model, tools=(WEATHER, TIME))
    assert said(pieces) == "Wait."
    assert calls(pieces) == [("weather", {"city": "Ulm"})]
    assert pieces[-1].reason == "tool_calls"
    assert sum(isinstance(piece, CallDelta) for piece in pieces) > 2


def test_a_control_token_may_mark_a_call(make_llama: Maker):
    """Mistral's and Llama's markers are control tokens; others of them are not written."""
    call = '{"name": "weather", "arguments": {"city": "Ulm"}}'
    model = make_llama(f"Wait.<|im_start|>[TOOL_CALLS] [{call}]", template=TEMPLATE)
    pieces = answer(model, tools=(WEATHER,))
    assert (said(pieces), calls(pieces)) == ("Wait.", [("weather", {"city": "Ulm"})])


def test_without_tools_a_call_is_text(make_llama: Maker):
    """The user asked to see one."""
    text = '{"name": "weather", "parameters": {"city": "Ulm"}}'
    assert said(answer(make_llama(text))) == text
    assert said(answer(make_llama(text), tools=(WEATHER,), tool_choice="none")) == text


@pytest.mark.parametrize(
    ("choice", "names"),
    [("required", {"weather", "time"}), ("weather", {"weather"}), ("time", {"time"})],
)
def test_a_forced_call_is_made(llama: Llama, choice: str, names: set[str]):
    """A grammar leaves even a model that wants to say hello no choice."""
    pieces = answer(llama, tools=(WEATHER, TIME), tool_choice=choice)
    assert said(pieces) == ""
    ((name, arguments),) = calls(pieces)
    assert name in names
    assert arguments in ({"city": "Ulm"}, {"city": "Rome"}, {})
    assert pieces[-1].reason == "tool_calls"


def test_a_forced_call_in_another_dialect_is_made(make_llama: Maker):
    """Llama's models have no marker and call the arguments parameters."""
    model = make_llama(template=models.CHATML + '{# tools "parameters" #}')
    assert calls(answer(model, tools=(TIME,), tool_choice="required")) == [("time", {})]


def test_an_unknown_choice_is_an_error(llama: Llama):
    """It would otherwise be forced into another tool."""
    with pytest.raises(EngineError, match="'launch', which is not among the tools"):
        answer(llama, tools=(WEATHER,), tool_choice="launch")


def test_a_call_that_is_none_is_an_error(make_llama: Maker):
    """Silence would leave the user wondering."""
    model = make_llama("<tool_call>the weather, please", template=TEMPLATE)
    with pytest.raises(EngineError, match="the model began a tool call and wrote 'the weather"):
        answer(model, tools=(WEATHER,))
    assert answer(model, tools=(WEATHER,), max_tokens=8)[-1].reason == "length"


def test_an_error_within_a_call_is_told(make_llama: Maker):
    """Broken JSON is found before the answer ends."""
    model = make_llama("<tool_call>{'name': 'weather'} and on", template=TEMPLATE)
    with pytest.raises(EngineError, match="the model began a tool call"):
        answer(model, tools=(WEATHER,))


# ---------------------------------------------------------------- grammars


def test_a_schema_is_kept(llama: Llama):
    """A grammar leaves a model that wants to say hello no choice."""
    schema = {
        "type": "object",
        "properties": {"city": {"$ref": "#/$defs/City"}, "far": {"type": "boolean"}},
        "required": ["city", "far"],
        "$defs": {"City": {"enum": ["Ulm", "Rome"]}},
    }
    pieces = answer(llama, json_schema=schema)
    found = json.loads(said(pieces))
    assert found["city"] in {"Ulm", "Rome"}
    assert isinstance(found["far"], bool)
    assert pieces[-1].reason == "stop"


def test_a_schema_is_kept_at_any_temperature(llama: Llama):
    """The grammar goes before chance."""
    for seed in range(5):
        pieces = answer(llama, json_schema=CITIES, temperature=2.0, seed=seed)
        assert json.loads(said(pieces))["city"] in {"Ulm", "Rome"}


def test_a_schema_that_the_model_keeps_by_itself_changes_nothing(make_llama: Maker):
    """The grammar is asked about each token, and agrees."""
    text = '{"city": "Rome"}'
    assert said(answer(make_llama(text), json_schema=CITIES)) == text


def test_a_schema_without_a_grammar_is_an_error(llama: Llama):
    """The reason is told."""
    with pytest.raises(EngineError, match="no grammar can be made of the JSON schema"):
        answer(llama, json_schema={"type": "object", "properties": {"x": {"type": "money"}}})
    with pytest.raises(EngineError, match="no grammar can be made of the JSON schema"):
        answer(llama, json_schema={"$ref": "#/$defs/Nowhere"})


# ---------------------------------------------------------------- files


def test_a_missing_file_is_named(tmp_path: Path):
    """The path is what the user can check."""
    with pytest.raises(EngineError, match=r"no model file .*none\.gguf"):
        Llama(str(tmp_path / "none.gguf"))


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", b"version https://git-lfs"])
def test_a_file_of_another_kind_is_named(tmp_path: Path, data: bytes):
    """A page or a pointer in place of a model is the usual accident."""
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    with pytest.raises(EngineError, match=rf"m\.gguf is no GGUF file: it begins with {data[:4]!r}"):
        Llama(str(path))


@pytest.mark.parametrize("part", [0.01, 0.5, 0.999])
def test_a_file_that_broke_off_is_named(tmp_path: Path, part: float):
    """The library's reason is in the message."""
    path = models.gguf(tmp_path / "m.gguf", HELLO)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(EngineError, match=r"cannot load .*m\.gguf: \w+"):
        Llama(str(path))
