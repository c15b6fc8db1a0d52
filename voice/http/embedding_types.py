"""The request of `/v1/embeddings`, as OpenAI documents it, and what its input means. Pure."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from voice.config import EmbeddingSettings
from voice.engines.places import place
from voice.gateway.errors import ApiError

Input = str | tuple[int, ...]

CHARACTERS_PER_TOKEN = 8
"""Taken for the sum of a request's tokens: so many that no text within the limit is refused."""


class EmbeddingRequest(msgspec.Struct, kw_only=True, frozen=True):
    input: str | list[str | int | list[int]]
    model: str
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    user: str | None = None


def inputs_of(request: EmbeddingRequest) -> list[Input]:
    """The texts and token arrays to embed; one array of numbers is one input.

    Raises `ApiError` with the place of an input that is empty, or of another kind than the first.
    """
    given = request.input
    if isinstance(given, str):
        return [_filled(given, "input")]
    if not given:
        raise _invalid("'input' must not be empty: send a text, or an array of them.", "input")
    kind = type(given[0])
    for number, each in enumerate(given):
        if type(each) is not kind:
            raise _invalid(
                "All inputs must be of one kind: texts, or arrays of tokens, or the tokens of one.",
                place(number),
            )
    if kind is int:
        return [tuple(token for token in given if isinstance(token, int))]
    return [
        _filled(each if isinstance(each, str) else tuple(each), place(number))
        for number, each in enumerate(given)
        if not isinstance(each, int)
    ]


def param_of(request: EmbeddingRequest, number: int) -> str:
    """What to call an input in an error; one that came alone has no number."""
    given = request.input
    return "input" if isinstance(given, str) or isinstance(given[0], int) else place(number)


def check_limits(request: EmbeddingRequest, limits: EmbeddingSettings) -> None:
    """Raises `ApiError` for more than the server takes at a time, or what `inputs_of` refuses."""
    inputs = inputs_of(request)
    if len(inputs) > limits.max_inputs:
        raise _invalid(
            f"A request takes at most {limits.max_inputs} inputs, not {len(inputs)}; "
            "send them in several.",
            "input",
        )
    for number, each in enumerate(inputs):
        if isinstance(each, str) and len(each) > limits.max_characters:
            raise ApiError(
                f"An input takes at most {limits.max_characters} characters, and this one has "
                f"{len(each)}; split it.",
                code="string_above_max_length",
                param=param_of(request, number),
            )
    tokens = sum(
        len(each) // CHARACTERS_PER_TOKEN if isinstance(each, str) else len(each) for each in inputs
    )
    if tokens > limits.max_tokens:
        raise _invalid(
            f"A request takes at most {limits.max_tokens} tokens in all its inputs, and these are "
            f"{tokens} or more; send them in several.",
            "input",
        )


def _filled(each: Input, param: str) -> Input:
    if not each:
        raise _invalid("An input must not be empty; leave it out.", param)
    return each


def _invalid(message: str, param: str) -> ApiError:
    return ApiError(message, code="invalid_value", param=param)
