"""Each kind of server gets what it understands, and the rest is refused by name."""

import pytest

from voice.gateway.errors import ApiError
from voice.providers.dialects import DIALECTS
from voice.providers.protocol import Call, Operation


def call(operation: Operation = "chat/completions", **fields: object) -> Call:
    return Call(operation, "tiny", fields)


def sent(dialect: str, operation: Operation = "chat/completions", **fields: object) -> dict:
    asked = call(operation, **fields)
    assert DIALECTS[dialect].refusal(asked) is None
    body = DIALECTS[dialect].body(asked)
    assert body.pop("model") == "tiny"
    return body


def refused(dialect: str, operation: Operation = "chat/completions", **fields: object) -> ApiError:
    error = DIALECTS[dialect].refusal(call(operation, **fields))
    assert error is not None
    assert error.status == 400
    return error


SCHEMA = {"type": "object"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_is_added(dialect: str):
    """Not even a default."""
    fields = {"messages": [], "temperature": 0.2, "stream": True}
    assert sent(dialect, **fields) == fields


@pytest.mark.parametrize(
    ("dialect", "fields", "expected"),
    [
        ("vllm", {"guided_json": SCHEMA}, {"structured_outputs": {"json": SCHEMA}}),
        ("vllm", {"guided_regex": "a+"}, {"structured_outputs": {"regex": "a+"}}),
        ("vllm", {"guided_choice": ["a"]}, {"structured_outputs": {"choice": ["a"]}}),
        ("vllm", {"guided_grammar": "g"}, {"structured_outputs": {"grammar": "g"}}),
        (
            "vllm",
            {"guided_json": SCHEMA, "guided_whitespace_pattern": " ", "structured_outputs": {}},
            {"structured_outputs": {"json": SCHEMA, "whitespace_pattern": " "}},
        ),
        ("vllm", {"guided_json": None}, {}),
        ("llama.cpp", {"guided_json": '{"type": "object"}'}, {"json_schema": SCHEMA}),
        ("llama.cpp", {"guided_grammar": "root ::= x"}, {"grammar": "root ::= x"}),
        ("llama.cpp", {"guided_choice": ['a"', "b"]}, {"grammar": 'root ::= "a\\"" | "b"'}),
        (
            "openai",
            {"guided_json": SCHEMA},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": SCHEMA},
                }
            },
        ),
        ("compatible", {"invented": 1}, {"invented": 1}),
        ("openai", {"functions": [{"name": "f"}]}, {"functions": [{"name": "f"}]}),
        ("vllm", {"functions": [], "function_call": "none"}, {}),
        ("openai", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        (
            "openai",
            {"max_tokens": 5, "max_completion_tokens": 6},
            {"max_tokens": 5, "max_completion_tokens": 6},
        ),
        ("vllm", {"max_completion_tokens": 5}, {"max_completion_tokens": 5}),
        ("llama.cpp", {"max_completion_tokens": 5}, {"max_tokens": 5}),
        ("ollama", {"max_completion_tokens": 5}, {"max_tokens": 5}),
        ("compatible", {"max_completion_tokens": 5}, {"max_completion_tokens": 5}),
        ("vllm", {"top_k": 5, "invented": 1}, {"top_k": 5, "invented": 1}),
        ("llama.cpp", {"mirostat": 2}, {"mirostat": 2}),
        ("ollama", {"keep_alive": "5m"}, {"keep_alive": "5m"}),
        ("openai", {"top_k": None, "seed": None}, {"seed": None}),
        ("ollama", {"n": 1, "tool_choice": "auto", "logit_bias": {}}, {}),
    ],
)
def test_fields_are_translated(dialect: str, fields: dict, expected: dict):
    assert sent(dialect, **fields) == expected


def test_completions_keep_their_limit():
    """Only chats have the new name."""
    assert sent("openai", "completions", prompt="a", max_tokens=5)["max_tokens"] == 5


@pytest.mark.parametrize(
    ("dialect", "field", "value"),
    [
        ("openai", "top_k", 5),
        ("openai", "invented", False),
        ("openai", "guided_regex", "a+"),
        ("openai", "guided_choice", ["a"]),
        ("openai", "guided_grammar", "g"),
        ("openai", "structured_outputs", {}),
        ("vllm", "guided_decoding_backend", "outlines"),
        ("llama.cpp", "guided_regex", "a+"),
        ("llama.cpp", "structured_outputs", {}),
        ("ollama", "tool_choice", "required"),
        ("ollama", "parallel_tool_calls", False),
        ("ollama", "n", 2),
        ("ollama", "logit_bias", {"5": 1}),
        ("ollama", "guided_choice", ["a"]),
        ("compatible", "guided_regex", "a+"),
        ("vllm", "functions", [{"name": "f"}]),
        ("llama.cpp", "function_call", {"name": "f"}),
        ("ollama", "functions", [{"name": "f"}]),
        ("vllm", "modalities", ["text", "audio"]),
        ("compatible", "modalities", ["audio"]),
    ],
)
def test_what_a_server_cannot_do_is_refused(dialect: str, field: str, value: object):
    """By the name of the field, and of the server."""
    error = refused(dialect, **{field: value})
    assert (error.code, error.param) == ("unsupported_parameter", field)
    assert DIALECTS[dialect].title in error.message


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("embeddings", {"input": [1, 2]}),
        ("embeddings", {"input": [[1, 2]]}),
        ("completions", {"prompt": [1, 2]}),
        ("completions", {"prompt": ["a", "b"]}),
    ],
)
def test_ollama_takes_text_alone(operation: Operation, fields: dict):
    assert refused("ollama", operation, **fields).param in fields
    assert DIALECTS["vllm"].refusal(call(operation, **fields)) is None


def with_image(url: str) -> list[dict]:
    text = {"type": "text", "text": "?"}
    image = {"type": "image_url", "image_url": {"url": url}}
    return [{"role": "user", "content": "Hi"}, {"role": "user", "content": [text, image]}]


def with_sound() -> list[dict]:
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    return [{"role": "user", "content": [{"type": "text", "text": "?"}, sound]}]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_sounds_go_to_nobody_who_does_not_hear(dialect: str):
    """So that this server hears and speaks for them."""
    earlier = [{"role": "assistant", "audio": {"id": "audio_1"}}]
    assert refused(dialect, messages=with_sound()).param == "messages[0].content[1]"
    assert refused(dialect, messages=earlier).param == "messages[0].audio"


def test_models_that_hear_get_the_sounds_as_they_are():
    fields = {"messages": with_sound(), "modalities": ["text", "audio"]}
    asked = Call("chat/completions", "gpt-audio", fields)
    assert DIALECTS["openai"].refusal(asked) is None
    assert DIALECTS["openai"].body(asked) == {"model": "gpt-audio", **fields}


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254\\@example.com/a.png",
        "http://metadata.google.internal./a",
        "http://localhost./a",
        "http://127.0.0.1./a",
        "http://\u24dbocalhost/a",
        "http://metadata.google\u3002internal/a",
        "http://redis:6379/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[::127.0.0.1]/",
        "http://a.localdomain/",
        "http://exam ple.com/a",
        "http://example.com/a\r\nHost: b",
    ],
)
def test_no_spelling_of_a_private_place_gets_through(url: str):
    assert refused("vllm", messages=with_image(url)).code == "invalid_image_url"


DATA = "data:image/png;base64,AAAA"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_images_may_be_data(dialect: str):
    messages = with_image(DATA)
    assert sent(dialect, messages=messages) == {"messages": messages}


def test_ollama_fetches_no_images():
    error = refused("ollama", messages=with_image("https://example.com/a.png"))
    assert error.param == "messages[1].content[1].image_url.url"
    assert "must be a data: URL" in error.message


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "ftp://example.com/a.png",
        "http://[::1/a.png",
        "http://127.0.0.1/a.png",
        "http://10.0.0.7/a.png",
        "http://[::1]/a.png",
        "http://169.254.169.254/latest",
        "http://0x7f000001/a.png",
        "http://localhost:8080/a.png",
        "http://db.internal/a.png",
    ],
)
def test_servers_are_not_sent_to_their_own_files_and_neighbours(url: str):
    assert refused("vllm", messages=with_image(url)).code == "invalid_image_url"
    assert DIALECTS["vllm"].refusal(call(messages=with_image("https://a.org/b.png"))) is None
