import pytest

from voice.http.body import converted
from voice.http.chat_types import ChatRequest
from voice.http.unknown_fields import unknown_field

USER = {"role": "user", "content": "Hi"}
TOOL = {"type": "function", "function": {"name": "f"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"any": "thing"}}}


def found(**fields):
    body = {"model": "a", "messages": [USER], **fields}
    return unknown_field(body, converted(body, ChatRequest))


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"foo": 1}, "foo"),
        ({"messages": [USER, USER | {"foo": 1}]}, "messages[1].foo"),
        ({"messages": [USER | {"tool_call_id": "a"}]}, "messages[0].tool_call_id"),
        (
            {"messages": [USER | {"content": [{"type": "text", "text": "a", "foo": 1}]}]},
            "messages[0].content[0].foo",
        ),
        ({"tools": [TOOL | {"foo": 1}]}, "tools[0].foo"),
        ({"tools": [{"type": "function", "function": {"name": "f", "foo": 1}}]},
         "tools[0].function.foo"),
        ({"stream_options": {"foo": True}}, "stream_options.foo"),
        ({"response_format": SCHEMA | {"foo": 1}}, "response_format.foo"),
        ({"response_format": {"type": "json_object", "foo": 1}}, "response_format.foo"),
        ({"tool_choice": TOOL | {"foo": 1}, "tools": [TOOL]}, "tool_choice.foo"),
    ],
)  # fmt: skip
def test_a_field_that_the_types_do_not_know_is_placed(fields, place):
    assert found(**fields) == place


@pytest.mark.parametrize(
    "fields",
    [
        {"foo": None},
        {"messages": [USER | {"foo": None, "name": "Ann"}]},
        {"response_format": SCHEMA},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"a": {"b": 1}}}}]},
        {"metadata": {"any": "thing"}, "logit_bias": {"7": 1}, "prompt_cache_options": {"ttl": "30m"}},
        {
            "messages": [
                USER | {"content": [{"type": "text", "text": "a", "cache_control": {"a": 1}},
                                    {"type": "image_url", "image_url": {"url": "https://a.org/b"},
                                     "prompt_cache_breakpoint": {"mode": "explicit"}}]},
                {
                    "role": "assistant",
                    "name": "Bob",
                    "content": None,
                    "refusal": None,
                    "annotations": [{"type": "url_citation", "url_citation": {}}],
                    "audio": {"id": "audio_1", "transcript": "a", "data": "b", "expires_at": 1},
                    "function_call": {"name": "f", "arguments": "{}"},
                    "reasoning_content": "hm",
                    "tool_calls": [{"id": "c", "index": 0, "type": "function",
                                    "function": {"name": "f", "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": "c", "name": "f", "content": "a"},
            ]
        },
    ],
)  # fmt: skip
def test_what_is_null_or_free_or_of_the_sdks_own_types_is_known(fields):
    assert found(**fields) is None
