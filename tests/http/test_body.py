import msgspec
import pytest

from voice.gateway.errors import ApiError
from voice.http.body import converted, decoded
from voice.http.chat_types import ChatRequest

USER = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"seed": 2**64}, "seed"),
        (
            {"tools": [{"function": {"parameters": {"default": -(2**70)}}}]},
            "tools[0].function.parameters.default",
        ),
    ],
)
def test_an_integer_that_no_wire_takes_is_named(body, param):
    data = str(body).replace("'", '"').encode()
    with pytest.raises(ApiError) as wrong:
        decoded(data)
    assert (wrong.value.param, wrong.value.code) == (param, "invalid_value")


def test_long_digits_in_a_text_are_no_number():
    body = {"content": "9" * 30, "seed": 2**63 - 1}
    assert decoded(msgspec.json.encode(body)) == body


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "model"),
        ({"model": "a"}, "messages"),
        ({"model": "a", "messages": [USER, {"role": "cat"}]}, "messages[1].role"),
        ({"model": "a", "messages": [USER], "temperature": "hot"}, "temperature"),
        ({"model": "a", "messages": [USER], "top_k": 2**31}, "top_k"),
    ],
)
def test_the_first_field_that_is_wrong_is_named(fields, param):
    with pytest.raises(ApiError) as wrong:
        converted(fields, ChatRequest)
    assert wrong.value.param == param


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_said(data):
    with pytest.raises(ApiError) as wrong:
        decoded(data)
    assert wrong.value.code == "invalid_json"
