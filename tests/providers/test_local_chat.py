import json
from collections.abc import Iterator

import pytest

from voice.engines.fakes import FakeLanguageModel, calling
from voice.engines.protocols import (
    EngineError,
    Finished,
    Piece,
    Prompt,
    TextDelta,
    TokenLogprob,
)
from voice.gateway.errors import ApiError
from voice.providers.local_chat import LocalChat
from voice.providers.protocol import Call, ProviderError

USER = {"role": "user", "content": "Is it open?"}
ALL = frozenset(
    [
        "images",
        "tools",
        "tool_choice",
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "repetition_penalty",
        "logit_bias",
        "logprobs",
        "json_schema",
        "regex",
        "choices",
        "grammar",
        "text",
        "suffix",
    ]
)


CUSTOM = {"type": "custom", "custom": {"name": "shell"}}
CUSTOM_CALL = {"id": "c", "type": "custom", "custom": {"name": "shell", "input": "ls"}}


class Able(FakeLanguageModel):
    accepts = ALL


def chat(**fields: object) -> Call:
    return Call("chat/completions", "fake", {"model": "fake", "messages": [USER], **fields})


def text(**fields: object) -> Call:
    return Call("completions", "fake", {"model": "fake", "prompt": "Once", **fields})


async def answered(model: FakeLanguageModel, call: Call) -> dict:
    return json.loads(await LocalChat(model, lambda: 1700000000.9).answer(call))


async def streamed(model: FakeLanguageModel, call: Call) -> list[dict]:
    blocks = [block async for block in LocalChat(model).stream(call)]
    *events, done, rest = b"".join(blocks).split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    return [json.loads(event.removeprefix(b"data: ")) for event in events]


async def test_a_whole_answer_has_every_field_of_a_chat_completion():
    answer = await answered(Able("It is open."), chat())
    assert answer.pop("id").startswith("chatcmpl-")
    message = {"role": "assistant", "content": "It is open.", "refusal": None}
    assert answer == {
        "object": "chat.completion",
        "created": 1700000000,
        "model": "fake",
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"},
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6},
    }


async def test_a_stream_begins_with_the_role_and_ends_with_a_reason_and_no_usage_unasked():
    chunks = await streamed(Able("It is open."), chat(stream=True))
    choices = [chunk["choices"][0] for chunk in chunks]
    assert choices[0]["delta"] == {"role": "assistant", "content": ""}
    assert "".join(choice["delta"].get("content", "") for choice in choices) == "It is open."
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in chunks)
    assert not any("usage" in chunk for chunk in chunks)


async def test_usage_that_was_asked_for_comes_in_a_last_chunk_without_choices():
    call = chat(stream=True, stream_options={"include_usage": True})
    *chunks, last = await streamed(Able("It is open."), call)
    assert all(chunk["usage"] is None for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}


async def test_tool_calls_come_whole_or_in_fragments():
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    model = Able(calling("look", {"where": "here"}))
    choice = (await answered(model, chat(tools=[tool])))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    (call,) = choice["message"]["tool_calls"]
    assert call == {
        "id": "call_1",
        "type": "function",
        "function": {"name": "look", "arguments": '{"where": "here"}'},
    }
    chunks = await streamed(model, chat(tools=[tool], stream=True))
    fragments = [
        fragment
        for chunk in chunks
        for fragment in chunk["choices"][0]["delta"].get("tool_calls", ())
    ]
    assert fragments[0]["id"] == "call_1"
    assert fragments[0]["function"] == {"name": "look", "arguments": ""}
    assert all(fragment["index"] == 0 for fragment in fragments)
    assert "".join(fragment["function"]["arguments"] for fragment in fragments) == (
        '{"where": "here"}'
    )


async def test_parallel_calls_that_are_not_wanted_are_not_made():
    two = [*calling("a", {}, "call_1")[:-1], *calling("b", {}, "call_2")]
    tools = [{"type": "function", "function": {"name": name}} for name in "ab"]
    call = chat(tools=tools, parallel_tool_calls=False)
    message = (await answered(Able(two), call))["choices"][0]["message"]
    assert [each["function"]["name"] for each in message["tool_calls"]] == ["a"]


async def test_several_choices_are_numbered_vary_by_seed_and_read_the_prompt_once():
    model = Able(lambda prompt: f"Seed {prompt.seed}.")
    answer = await answered(model, chat(n=3, seed=7))
    assert [each["index"] for each in answer["choices"]] == [0, 1, 2]
    assert [each["message"]["content"] for each in answer["choices"]] == [
        "Seed 7.",
        "Seed 8.",
        "Seed 9.",
    ]
    assert answer["usage"]["prompt_tokens"] == 3
    chunks = await streamed(model, chat(n=2, seed=7, stream=True))
    assert {chunk["choices"][0]["index"] for chunk in chunks} == {0, 1}


async def test_the_engine_gets_exactly_what_was_set():
    model = Able()
    schema = {"type": "object", "properties": {"open": {"type": "boolean"}}}
    await answered(
        model,
        chat(
            messages=[
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Hi."}]},
            ],
            temperature=0.5,
            top_k=40,
            min_p=0.1,
            max_completion_tokens=9,
            max_tokens=8,
            stop="END",
            presence_penalty=1,
            logit_bias={"5": -100},
            logprobs=True,
            top_logprobs=2,
            response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
        ),
    )
    (prompt,) = model.prompts
    assert [(each.role, each.content) for each in prompt.messages] == [
        ("system", "Be brief."),
        ("user", "Hi."),
    ]
    assert prompt == Prompt(
        messages=prompt.messages,
        temperature=0.5,
        top_k=40,
        min_p=0.1,
        max_tokens=9,
        stop=("END",),
        presence_penalty=1,
        logit_bias={5: -100},
        logprobs=2,
        json_schema=schema,
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"guided_json": '{"type":"array"}'}, {"json_schema": {"type": "array"}}),
        ({"guided_regex": "a+"}, {"regex": "a+"}),
        ({"guided_choice": ["yes", "no"]}, {"choices": ("yes", "no")}),
        ({"guided_grammar": "root ::= x"}, {"grammar": "root ::= x"}),
        ({"response_format": {"type": "json_object"}}, {"json_schema": {"type": "object"}}),
        ({"response_format": {"type": "text"}}, {"json_schema": None}),
    ],
)
async def test_each_constraint_reaches_the_engine(fields, expected):
    model = Able()
    await answered(model, chat(**fields))
    (prompt,) = model.prompts
    assert {name: getattr(prompt, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"logprobs": True}, "logprobs"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"guided_regex": "a"}, "guided_regex"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        ({"tools": [CUSTOM]}, "tools[0]"),
        ({"messages": [USER, {"role": "assistant", "tool_calls": [CUSTOM_CALL]}]},
         "messages[1].tool_calls[0]"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"made_up": 1}, "made_up"),
    ],
)  # fmt: skip
def test_what_the_engine_cannot_honour_is_refused_by_name(fields, param):
    refused = LocalChat(FakeLanguageModel()).refusal(chat(**fields))
    assert refused is not None
    assert (refused.status, refused.code, refused.param) == (400, "unsupported_parameter", param)
    assert param in refused.message


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [USER | {"foo": 1}]}, "messages[0].foo"),
        ({"stream_options": {"foo": 1}}, "stream_options.foo"),
        ({"response_format": {"type": "text", "foo": 1}}, "response_format.foo"),
    ],
)
def test_a_field_that_nobody_knows_is_refused_with_its_place(fields, param):
    refused = LocalChat(Able()).refusal(chat(**fields))
    assert refused is not None
    assert (refused.status, refused.code, refused.param) == (400, "unknown_parameter", param)


def test_an_image_is_refused_by_an_engine_that_does_not_see():
    class Blind(FakeLanguageModel):
        accepts = frozenset()

    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    call = chat(
        messages=[USER, {"role": "user", "content": [{"type": "text", "text": "?"}, image]}]
    )
    refused = LocalChat(Blind()).refusal(call)
    assert refused is not None
    assert refused.param == "messages[1].content[1]"
    assert LocalChat(Able()).refusal(call) is None


def test_neutral_values_and_labels_need_nothing_of_an_engine():
    neutral = {
        "temperature": None,
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "logit_bias": {},
        "logprobs": False,
        "n": 1,
        "user": "me",
        "metadata": {"a": "b"},
        "response_format": {"type": "text"},
        "store": False,
        "stream": False,
    }
    assert LocalChat(FakeLanguageModel()).refusal(chat(**neutral)) is None


async def test_logprobs_have_their_bytes_and_alternatives():
    token = TokenLogprob(token="é", logprob=-0.5, top=(TokenLogprob(token="a", logprob=-1.0),))
    pieces = [TextDelta(text="é", logprobs=(token,)), Finished(reason="stop")]
    answer = await answered(Able(pieces), chat(logprobs=True, top_logprobs=1))
    assert answer["choices"][0]["logprobs"] == {
        "content": [
            {
                "token": "é",
                "logprob": -0.5,
                "bytes": [195, 169],
                "top_logprobs": [{"token": "a", "logprob": -1.0, "bytes": [97]}],
            }
        ],
        "refusal": None,
    }
    chunks = await streamed(Able(pieces), chat(logprobs=True, stream=True))
    told = [chunk["choices"][0]["logprobs"] for chunk in chunks if chunk["choices"][0]["logprobs"]]
    assert told[0]["content"][0]["token"] == "é"


# ---------------------------------------------------------------- text completions


async def test_text_goes_on_without_a_chat_and_at_most_sixteen_tokens():
    model = Able("upon a time")
    answer = await answered(model, text())
    assert answer["object"] == "text_completion"
    assert answer["choices"] == [
        {"index": 0, "text": "upon a time", "logprobs": None, "finish_reason": "stop"}
    ]
    (prompt,) = model.prompts
    assert (prompt.text, prompt.messages, prompt.max_tokens) == ("Once", (), 16)


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("Once", ["Once"]),
        (["Once", "Twice"], ["Once", "Twice"]),
        ([1, 2, 3], [(1, 2, 3)]),
        ([[1, 2], [3]], [(1, 2), (3,)]),
        (None, [""]),
    ],
)
async def test_a_prompt_may_be_text_or_tokens_or_several_of_them(prompt, texts):
    model = Able("and on")
    answer = await answered(model, text(prompt=prompt, n=2))
    assert [each.text for each in model.prompts] == [each for each in texts for _ in "ab"]
    assert [each["index"] for each in answer["choices"]] == list(range(2 * len(texts)))


@pytest.mark.parametrize("prompt", [[], [1.5], [[]], [1, "a"], {"a": 1}, [True]])
async def test_a_prompt_of_another_form_is_refused(prompt):
    with pytest.raises(ApiError) as refused:
        await answered(Able(), text(prompt=prompt))
    assert refused.value.param == "prompt"


async def test_echo_repeats_the_prompt():
    assert (await answered(Able(" upon"), text(echo=True)))["choices"][0]["text"] == "Once upon"
    chunks = await streamed(Able(" upon"), text(echo=True, stream=True))
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "Once upon"


async def test_the_best_of_several_answers_is_the_likeliest():
    def pieces(prompt: Prompt) -> Iterator[Piece]:
        likely = {1: -3.0, 2: -0.5, 3: -2.0}[prompt.seed]
        token = TokenLogprob(token=f"{prompt.seed}", logprob=likely)
        return iter([TextDelta(text=f"{prompt.seed}", logprobs=(token,)), Finished("stop", 1, 1)])

    answer = await answered(Able(pieces), text(best_of=3, n=2, seed=1))
    assert [(each["index"], each["text"]) for each in answer["choices"]] == [(0, "2"), (1, "3")]
    assert answer["choices"][0]["logprobs"] is None
    assert answer["usage"]["completion_tokens"] == 3


async def test_text_logprobs_are_arrays_side_by_side():
    tokens = [TokenLogprob(token=word, logprob=-1.0) for word in (" upon", " a")]
    pieces = [*(TextDelta(text=t.token, logprobs=(t,)) for t in tokens), Finished(reason="length")]
    choice = (await answered(Able(pieces), text(logprobs=1)))["choices"][0]
    assert choice["finish_reason"] == "length"
    assert choice["logprobs"]["tokens"] == [" upon", " a"]
    assert choice["logprobs"]["text_offset"] == [0, 5]
    assert choice["logprobs"]["token_logprobs"] == [-1.0, -1.0]


# ---------------------------------------------------------------- failures


async def test_a_failing_engine_is_a_provider_error_before_the_first_chunk():
    with pytest.raises(ProviderError) as failed:
        await streamed(Able([EngineError("The worker died.")]), chat(stream=True))
    assert (failed.value.status, failed.value.trouble) == (503, "unavailable")


async def test_closing_a_stream_closes_the_generation():
    model = Able("one two three")
    stream = LocalChat(model).stream(chat(stream=True))
    await anext(stream)
    await stream.aclose()
    assert model.abandoned == 1


@pytest.mark.parametrize(
    ("param", "call", "field"),
    [
        ("regex", chat(guided_regex="(?=a)"), "guided_regex"),
        ("json_schema", chat(response_format={"type": "json_object"}), "response_format"),
        ("text", text(prompt=[1]), "prompt"),
        ("messages", chat(), "messages"),
    ],
)
async def test_an_engines_complaint_names_the_clients_field(param, call, field):
    wrong = EngineError("That cannot be.", "invalid_value", param)
    with pytest.raises(ProviderError) as failed:
        await answered(Able([wrong]), call)
    assert (failed.value.status, failed.value.trouble) == (400, "request")
    assert (failed.value.code, failed.value.param) == ("invalid_value", field)


async def test_a_model_that_knows_only_chats_is_asked_by_a_message_and_says_so():
    model = FakeLanguageModel("upon a time")
    assert LocalChat(model).refusal(text()) is None
    answer = await answered(model, text(echo=True))
    assert answer["choices"][0]["text"] == "Onceupon a time"
    assert "chats" in answer["warnings"][0]
    (prompt,) = model.prompts
    assert (prompt.text, prompt.messages[0].content) == (None, "Once")
    refused = LocalChat(model).refusal(text(prompt=[1, 2]))
    assert refused is not None
    assert refused.param == "prompt"


async def test_answers_beyond_count_are_refused_before_any_is_made():
    model = Able()
    with pytest.raises(ApiError) as refused:
        await answered(model, text(prompt=[""] * 100, n=128))
    assert refused.value.param == "prompt"
    assert not model.prompts


def test_echo_is_for_texts_and_zero_logprobs_are_not_none():
    echoed = LocalChat(Able()).refusal(chat(echo=True))
    assert echoed is not None
    assert echoed.param == "echo"
    told = LocalChat(FakeLanguageModel()).refusal(text(logprobs=0))
    assert told is not None
    assert told.param == "logprobs"


async def test_a_text_of_no_tokens_is_the_prompt_and_its_count():
    model = Able([TextDelta(text="more"), Finished(reason="stop", input_tokens=4, output_tokens=1)])
    answer = await answered(model, text(max_tokens=0, echo=True))
    (choice,) = answer["choices"]
    assert (choice["text"], choice["finish_reason"]) == ("Once", "length")
    assert answer["usage"] == {"prompt_tokens": 4, "completion_tokens": 0, "total_tokens": 4}


async def test_only_the_allowed_tools_are_offered():
    model = Able("Yes.")
    tools = [{"type": "function", "function": {"name": name}} for name in ("f", "g", "h")]
    wanted = {"mode": "required", "tools": tools[1:]}
    choice = {"type": "allowed_tools", "allowed_tools": wanted}
    await answered(model, chat(tools=tools, tool_choice=choice))
    (prompt,) = model.prompts
    assert [tool.name for tool in prompt.tools] == ["g", "h"]
    assert prompt.tool_choice == "required"


def test_fewer_tools_can_be_offered_by_an_engine_that_makes_its_own_choice():
    class Chooser(FakeLanguageModel):
        accepts = frozenset({"tools"})

    tools = [{"type": "function", "function": {"name": "f"}}]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": tools}}
    chooser = LocalChat(Chooser())
    assert chooser.refusal(chat(tools=tools, tool_choice=choice)) is None
    choice["allowed_tools"]["mode"] = "required"
    refused = chooser.refusal(chat(tools=tools, tool_choice=choice))
    assert refused is not None
    assert refused.param == "tool_choice"
