"""Requests in OpenAI's words become Anthropic's, or are refused by the name of the field."""

import pytest

from voice.gateway.errors import ApiError
from voice.providers.anthropic_messages import OPENING
from voice.providers.anthropic_models import capabilities
from voice.providers.anthropic_request import request_of
from voice.providers.protocol import Call

OLD = "claude-sonnet-4-20250514"
MODEL = "claude-sonnet-4-6"
NEW = "claude-opus-4-8"
USER = {"role": "user", "content": "Hi"}


def request(model: str = MODEL, **fields: object) -> dict:
    return request_of(Call("chat/completions", model, {"messages": [USER], **fields}))


def refusal(model: str = MODEL, **fields: object) -> ApiError:
    with pytest.raises(ApiError) as caught:
        request(model, **fields)
    assert caught.value.status == 400
    return caught.value


def text(words: str) -> dict:
    return {"type": "text", "text": words}


def user(*blocks: dict) -> dict:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: dict) -> dict:
    return {"role": "assistant", "content": list(blocks)}


CALL = {"id": "c1", "type": "function", "function": {"name": "time", "arguments": '{"a": 1}'}}
USE = {"type": "tool_use", "id": "c1", "name": "time", "input": {"a": 1}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}


# ---------------------------------------------------------------- messages


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([USER], [user(text("Hi"))]),
        ([USER, USER], [user(text("Hi"), text("Hi"))]),
        (
            [{"role": "user", "content": [{"type": "text", "text": "?"}, IMAGE]}],
            [
                user(
                    text("?"),
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
                    },
                )
            ],
        ),
        (
            [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "https://a.org/b"}}],
                }
            ],
            [user({"type": "image", "source": {"type": "url", "url": "https://a.org/b"}})],
        ),
        (
            [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "file",
                            "file": {
                                "filename": "a.pdf",
                                "file_data": "data:application/pdf;base64,AAAA",
                            },
                        }
                    ],
                }
            ],
            [
                user(
                    {
                        "type": "document",
                        "source": {
                            "type": "base64",
                            "media_type": "application/pdf",
                            "data": "AAAA",
                        },
                        "title": "a.pdf",
                    }
                )
            ],
        ),
        (
            [
                USER,
                {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "c2"}]},
                {"role": "tool", "tool_call_id": "c1", "content": "12:00"},
                {"role": "tool", "tool_call_id": "c2", "content": ""},
                {"role": "user", "content": "So?"},
            ],
            [
                user(text("Hi")),
                assistant(USE, {**USE, "id": "c2"}),
                user(
                    {"type": "tool_result", "tool_use_id": "c1", "content": [text("12:00")]},
                    {"type": "tool_result", "tool_use_id": "c2"},
                    text("So?"),
                ),
            ],
        ),
        (
            [USER, {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
            [user(text("Hi")), assistant(text("No."))],
        ),
        (
            [{"role": "assistant", "content": "Hello!"}, USER],
            [user(text(OPENING)), assistant(text("Hello!")), user(text("Hi"))],
        ),
        ([USER, {"role": "assistant", "content": ""}, USER], [user(text("Hi"), text("Hi"))]),
    ],
)
def test_messages_take_turns(messages: list[dict], expected: list[dict]):
    assert request(messages=messages)["messages"] == expected


def test_instructions_stand_apart():
    """Wherever they were said, and by whichever of their two roles."""
    messages = [
        {"role": "system", "content": "Be brief."},
        USER,
        {"role": "developer", "content": [{"type": "text", "text": "In French."}]},
    ]
    sent = request(messages=messages)
    assert sent["system"] == "Be brief.\n\nIn French."
    assert sent["messages"] == [user(text("Hi"))]


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ("Hi", "messages"),
        ([], "messages"),
        ([{"role": "system", "content": "x"}], "messages"),
        ([{"role": 5}], "messages[0].role"),
        ([{"content": "x"}], "messages[0]"),
        ([{"role": "function", "content": "x"}], "messages[0].role"),
        ([USER, {"role": "tool", "content": "x"}], "messages[1].tool_call_id"),
        (
            [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}],
            "messages[0].content[0]",
        ),
        (
            [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}],
            "messages[0].content[0]",
        ),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}],
            "messages[0].content[0].image_url.url",
        ),
        (
            [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "file:///x"}}],
                }
            ],
            "messages[0].content[0].image_url.url",
        ),
        ([{"role": "system", "content": [IMAGE]}], "messages[0].content[0]"),
        (
            [USER, {"role": "assistant", "tool_calls": [{"id": "c", "custom": {}}]}],
            "messages[1].tool_calls[0].function",
        ),
        (
            [
                USER,
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "[1]"}}],
                },
            ],
            "messages[1].tool_calls[0].function.arguments",
        ),
    ],
)
def test_what_cannot_be_said_is_refused_where_it_stands(messages: object, param: str):
    assert refusal(messages=messages).param == param


# ---------------------------------------------------------------- fields

SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}
FORMAT = {"type": "json_schema", "schema": SCHEMA}
TOOLS = [
    {
        "type": "function",
        "function": {"name": "time", "description": "d", "parameters": SCHEMA, "strict": True},
    },
    {"type": "function", "function": {"name": "now"}},
]
GIVEN_TOOLS = [
    {"name": "time", "description": "d", "strict": True, "input_schema": SCHEMA},
    {"name": "now", "input_schema": {"type": "object", "properties": {}}},
]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"stop": "a"}, {"stop_sequences": ["a"]}),
        ({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
        ({"user": "me"}, {"metadata": {"user_id": "me"}}),
        ({"top_k": 5}, {"top_k": 5}),
        ({"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
        ({"reasoning_effort": "minimal"}, {"output_config": {"effort": "low"}}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"response_format": {"type": "text"}}, {}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}},
            {"output_config": {"format": FORMAT}},
        ),
        (
            {"guided_json": SCHEMA, "reasoning_effort": "high"},
            {"output_config": {"effort": "high", "format": FORMAT}},
        ),
        ({"tools": TOOLS}, {"tools": GIVEN_TOOLS}),
        ({"tools": []}, {}),
        ({"tool_choice": "auto", "parallel_tool_calls": False}, {}),
        ({"metadata": {"a": "b"}, "store": True, "service_tier": "auto"}, {}),
        ({"n": 1, "presence_penalty": 0, "logprobs": False, "seed": None}, {}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {}),
    ],
)
def test_fields_are_translated(fields: dict, expected: dict):
    sent = request(**fields)
    assert (sent.pop("model"), sent.pop("max_tokens")) == (MODEL, 64_000)
    del sent["messages"]
    assert sent == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "now"}}},
            {"type": "tool", "name": "now"},
        ),
        ({"parallel_tool_calls": True}, None),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"parallel_tool_calls": False, "tool_choice": "required"},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        ({"parallel_tool_calls": False, "tool_choice": "none"}, {"type": "none"}),
    ],
)
def test_the_choice_of_tools_is_translated(fields: dict, expected: dict | None):
    assert request(tools=TOOLS, **fields).get("tool_choice") == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 2),
        ("logprobs", True),
        ("logit_bias", {"5": 1}),
        ("seed", 5),
        ("presence_penalty", 0.5),
        ("frequency_penalty", 0.5),
        ("audio", {"voice": "alloy", "format": "wav"}),
        ("modalities", ["text", "audio"]),
        ("functions", [{"name": "f"}]),
        ("min_p", 0.1),
        ("guided_regex", "a+"),
        ("verbosity", "low"),
        ("response_format", {"type": "json_object"}),
        ("invented", 1),
    ],
)
def test_what_anthropic_lacks_is_refused(field: str, value: object):
    error = refusal(**{field: value})
    assert (error.code, error.param) == ("unsupported_parameter", field)
    assert "Anthropic" in error.message


def test_tools_that_are_no_functions_are_refused():
    assert refusal(tools=[TOOLS[0], {"type": "custom", "custom": {}}]).param == "tools[1]"
    choice = {"type": "allowed_tools", "allowed_tools": {}}
    assert refusal(tools=TOOLS, tool_choice=choice).param == "tool_choice"


@pytest.mark.parametrize(
    ("model", "fields", "expected"),
    [
        (OLD, {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
        (MODEL, {"temperature": 0.5}, {"temperature": 0.5}),
        (MODEL, {"temperature": 1}, {"temperature": 1}),
        (MODEL, {"temperature": 0.5, "top_p": 1}, {"temperature": 0.5}),
        (MODEL, {"temperature": 1.0, "top_p": 0.9}, {"top_p": 0.9}),
        (NEW, {"temperature": 1, "top_p": 1.0}, {}),
        (NEW, {}, {}),
        ("qwen3", {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
    ],
)
def test_sampling_is_passed_on_as_far_as_the_model_takes_it(
    model: str, fields: dict, expected: dict
):
    sent = request(model, **fields)
    assert {name: sent[name] for name in ("temperature", "top_p") if name in sent} == expected


@pytest.mark.parametrize(
    ("model", "fields", "param"),
    [
        (MODEL, {"temperature": 0.5, "top_p": 0.9}, "top_p"),
        (NEW, {"temperature": 0.5}, "temperature"),
        (NEW, {"top_p": 0.5}, "top_p"),
        (NEW, {"top_k": 5}, "top_k"),
        (OLD, {"temperature": 1.5}, "temperature"),
    ],
)
def test_sampling_that_a_model_does_not_take_is_refused(model: str, fields: dict, param: str):
    """To drop it would answer another question."""
    assert refusal(model, **fields).param == param


@pytest.mark.parametrize(
    ("model", "max_tokens", "sampling"),
    [
        ("claude-3-haiku-20240307", 4096, "free"),
        ("claude-3-5-sonnet-20241022", 8192, "free"),
        ("claude-3-7-sonnet-latest", 64_000, "free"),
        ("claude-opus-4-20250514", 32_000, "free"),
        ("claude-opus-4-1-20250805", 32_000, "one"),
        ("claude-haiku-4-5-20251001", 64_000, "one"),
        ("anthropic.claude-sonnet-4-6", 64_000, "one"),
        ("claude-opus-4-7", 64_000, "none"),
        ("claude-sonnet-5", 64_000, "none"),
        ("claude-haiku-5-5", 64_000, "none"),
        ("claude-mythos-preview", 64_000, "none"),
        ("claude-opus-12-1", 64_000, "none"),
        ("qwen3", 4096, "free"),
    ],
)
def test_models_are_told_apart_by_their_versions(model: str, max_tokens: int, sampling: str):
    assert capabilities(model) == (max_tokens, sampling)


def test_a_limit_of_the_client_counts():
    assert request(max_tokens=5)["max_tokens"] == 5
    assert request(max_completion_tokens=6)["max_tokens"] == 6


# ---------------------------------------------------------------- other operations


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
def test_a_prompt_is_said_by_the_user(prompt: object):
    sent = request_of(Call("completions", MODEL, {"prompt": prompt, "echo": False}))
    assert sent["messages"] == [user(text("Once"))]


@pytest.mark.parametrize("prompt", [None, "", [], ["a", "b"], [1, 2], [[1, 2]]])
def test_other_prompts_are_refused(prompt: object):
    with pytest.raises(ApiError) as caught:
        request_of(Call("completions", MODEL, {"prompt": prompt}))
    assert caught.value.param == "prompt"


def test_embeddings_are_refused():
    with pytest.raises(ApiError, match="has no embeddings"):
        request_of(Call("embeddings", MODEL, {"input": "a"}))
