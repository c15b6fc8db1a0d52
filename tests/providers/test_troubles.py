"""Errors of servers are understood by their codes, their words and their statuses."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from voice.providers.troubles import (
    ANTHROPIC,
    OPENAI,
    Rulings,
    WireError,
    provider_error,
    retry_after_s,
)


@pytest.mark.parametrize(
    ("rulings", "status", "body", "trouble"),
    [
        (OPENAI, 400, b'{"error": {"message": "x", "code": "context_length_exceeded"}}', "context"),
        (OPENAI, 400, b'{"error": {"type": "exceed_context_size_error", "code": 400}}', "context"),
        (OPENAI, 400, b'{"object": "error", "message": "maximum context length is 5"}', "context"),
        (OPENAI, 400, b'{"error": "the input length exceeds the context length"}', "context"),
        (OPENAI, 400, b'{"error": {"message": "x", "code": "content_filter"}}', "content"),
        (OPENAI, 400, b'{"error": {"message": "x", "type": "BadRequestError"}}', "request"),
        (OPENAI, 429, b'{"error": {"message": "x", "type": "insufficient_quota"}}', "quota"),
        (OPENAI, 429, b"slow down", "rate_limit"),
        (OPENAI, 402, b"", "quota"),
        (OPENAI, 418, b"", "request"),
        (OPENAI, 500, b'{"error": {"message": "no memory for the context window"}}', "unavailable"),
        (OPENAI, 503, b'{"error": {"code": 503, "type": "unavailable_error"}}', "unavailable"),
        (OPENAI, None, b'{"error": {"message": "x", "code": 429}}', "rate_limit"),
        (OPENAI, None, b'{"error": {"message": "x", "code": 503}}', "unavailable"),
        (OPENAI, None, b'{"error": {"message": "x"}}', "unavailable"),
        (ANTHROPIC, 400, b'{"error": {"message": "prompt is too long: 9 tokens"}}', "context"),
        (ANTHROPIC, 400, b'{"error": {"message": "Your credit balance is too low"}}', "quota"),
        (ANTHROPIC, 400, b'{"error": {"type": "invalid_request_error"}}', "request"),
        (ANTHROPIC, 402, b'{"error": {"type": "billing_error"}}', "quota"),
        (ANTHROPIC, 403, b'{"error": {"type": "permission_error"}}', "auth"),
        (ANTHROPIC, 404, b'{"error": {"type": "not_found_error"}}', "unavailable"),
        (ANTHROPIC, 504, b'{"error": {"type": "timeout_error"}}', "timeout"),
        (ANTHROPIC, None, b'{"error": {"type": "overloaded_error"}}', "unavailable"),
        (ANTHROPIC, None, b'{"error": {"type": "api_error"}}', "unavailable"),
    ],
)
def test_an_error_is_ruled_on(rulings: Rulings, status: int | None, body: bytes, trouble: str):
    assert rulings.of(WireError.read(body), status).trouble == trouble


def test_an_error_nested_without_an_end_is_no_trouble():
    assert WireError.read(b'{"error": ' + b"[" * 50_000).type is None


def test_a_wrong_request_keeps_what_the_server_says_of_it():
    """The client can mend only a field that it is told of."""
    wire = WireError.read(b'{"error": {"message": "x", "code": "bad", "param": "stop"}}')
    error = provider_error(OPENAI.of(wire, 400), "no", wire=wire)
    assert (error.code, error.param) == ("bad", "stop")


def test_codes_of_other_troubles_are_ours():
    """A server's code for its own key would be taken for one about the client's."""
    wire = WireError.read(b'{"error": {"message": "x", "code": "invalid_api_key"}}')
    error = provider_error(OPENAI.of(wire, 401), "no", wire=wire)
    assert (error.status, error.code) == (502, "provider_auth_failed")


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After-Ms": "250", "Retry-After": "7"}, 0.25),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "999999999"}, None),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0.0),
    ],
)
def test_the_time_to_wait_is_read(headers: dict[str, str], wait_s: float | None):
    assert retry_after_s(headers) == wait_s


def test_the_time_to_wait_may_be_a_date():
    later = datetime.now(UTC) + timedelta(hours=1)
    wait_s = retry_after_s({"Retry-After": format_datetime(later, usegmt=True)})
    assert wait_s is not None
    assert 3000 < wait_s <= 3600
