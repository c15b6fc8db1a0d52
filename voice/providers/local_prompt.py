"""What a local engine is asked: a request's fields as the prompts of one language model. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from voice.engines.protocols import Message, Prompt
from voice.gateway.errors import ApiError, unsupported_parameter
from voice.http.body import converted
from voice.http.chat_rules import check_tools
from voice.http.chat_types import (
    ChatRequest,
    CompletionRequest,
    JsonObjectFormat,
    JsonSchemaFormat,
    Sampling,
)
from voice.providers.local_messages import messages_of, tool_choice_of, tools_of

Json = dict[str, Any]

ANY_OBJECT: Json = {"type": "object"}
DEFAULT_COMPLETION_TOKENS = 16
"""What OpenAI writes when nobody says how much."""
MOST_ANSWERS = 2048
"""To one request for text: as many as there may be inputs to embed."""
MOST_TOKEN = 2**31 - 1


# ---------------------------------------------------------------- chat


def chat_prompt(body: Mapping[str, object]) -> tuple[ChatRequest, Prompt]:
    """A chat request and its prompt. Raises `ApiError`."""
    request = converted(dict(body), ChatRequest)
    check_tools(request)
    if request.stop == []:
        request = msgspec.structs.replace(request, stop=None)
    prompt = Prompt(
        messages=tuple(messages_of(request.messages)),
        tools=tuple(tools_of(request)),
        tool_choice=tool_choice_of(request),
        logprobs=(request.top_logprobs or 0) if request.logprobs else None,
        **_sampling(request, request.max_completion_tokens or request.max_tokens),
    )
    return request, _guided(prompt, request, request.response_format)


# ---------------------------------------------------------------- text


def completion_prompts(body: Mapping[str, object]) -> tuple[CompletionRequest, list[Prompt]]:
    """A text request and one prompt for each that it holds. Raises `ApiError`."""
    request = converted(dict(body), CompletionRequest)
    texts = _texts(request.prompt)
    _check_choices(request, len(texts))
    if request.echo and (
        request.logprobs is not None or not all(isinstance(t, str) for t in texts)
    ):
        raise unsupported_parameter("echo", "works with text, and without 'logprobs'.")
    prompts = [
        Prompt(
            text=text,
            suffix=request.suffix,
            logprobs=request.logprobs,
            **_sampling(request, _limit(request)),
        )
        for text in texts
    ]
    return request, [_guided(prompt, request, None) for prompt in prompts]


def _limit(request: CompletionRequest) -> int:
    """How many tokens to write; no engine writes none, so of what was to be nothing one is made."""
    wanted = request.max_tokens
    return DEFAULT_COMPLETION_TOKENS if wanted is None else max(wanted, 1)


def is_text(prompt: object) -> bool:
    """Whether a prompt is text, or a list of texts, or nothing."""
    texts = prompt if isinstance(prompt, list) else [prompt or ""]
    return all(isinstance(each, str) for each in texts)


def wrapped(prompt: Prompt) -> Prompt:
    """A text as the only message of a chat."""
    message = Message(role="user", content=str(prompt.text))
    return msgspec.structs.replace(prompt, text=None, messages=(message,))


def _check_choices(request: CompletionRequest, prompts: int) -> None:
    answers = prompts * max(request.n or 1, request.best_of or 1)
    if answers > MOST_ANSWERS:
        raise ApiError(
            f"{prompts} prompts ask for {answers} answers; at most {MOST_ANSWERS} are made at a time.",
            code="invalid_value",
            param="prompt",
        )
    if request.best_of is None:
        return
    if request.best_of < (request.n or 1):
        raise ApiError("'best_of' must be at least 'n'.", code="invalid_value", param="best_of")
    if request.best_of > (request.n or 1) and request.stream:
        raise ApiError("'best_of' cannot be streamed.", code="invalid_value", param="best_of")


def _texts(prompt: object) -> list[str | tuple[int, ...]]:
    """The prompts in any of the forms they may have: text, texts, tokens, lists of tokens."""
    wrong = ApiError(
        "Invalid value for 'prompt': expected text, tokens, or an array of either.",
        code="invalid_value",
        param="prompt",
    )
    if prompt is None:
        return [""]
    if isinstance(prompt, str):
        return [prompt]
    if not isinstance(prompt, list) or not prompt:
        raise wrong
    if all(map(_is_token, prompt)):
        return [tuple(prompt)]
    texts: list[str | tuple[int, ...]] = []
    for each in prompt:
        if isinstance(each, str):
            texts.append(each)
        elif isinstance(each, list) and each and all(map(_is_token, each)):
            texts.append(tuple(each))
        else:
            raise wrong
    return texts


def _is_token(value: object) -> bool:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return is_number and 0 <= value <= MOST_TOKEN  # type: ignore[operator] # it is a number


# ---------------------------------------------------------------- both


def _sampling(request: Sampling, max_tokens: int | None) -> dict[str, Any]:
    stop = (request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ())
    return {
        "max_tokens": max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k if request.top_k and request.top_k > 0 else None,
        "min_p": request.min_p,
        "seed": request.seed,
        "stop": stop,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "repetition_penalty": request.repetition_penalty,
        "logit_bias": _biases(request),
    }


def _biases(request: Sampling) -> dict[int, float]:
    given = request.logit_bias or {}
    if not all(token.isdecimal() and _is_token(int(token)) for token in given):
        raise ApiError(
            "Invalid value for 'logit_bias': its keys must be token ids.",
            code="invalid_value",
            param="logit_bias",
        )
    return {int(token): bias for token, bias in given.items()}


def _guided(prompt: Prompt, request: Sampling, asked: object) -> Prompt:
    replace = msgspec.structs.replace
    schema: Json | None = None
    match asked:
        case JsonObjectFormat():
            schema = ANY_OBJECT
        case JsonSchemaFormat(json_schema=given):
            schema = given.schema or ANY_OBJECT
    if request.guided_json is not None:
        schema = _schema(request.guided_json)
    return replace(
        prompt,
        json_schema=schema,
        regex=request.guided_regex,
        choices=tuple(request.guided_choice or ()),
        grammar=request.guided_grammar,
    )


def _schema(given: Json | str) -> Json:
    if isinstance(given, dict):
        return given
    try:
        return msgspec.json.decode(given, type=Json)
    except msgspec.DecodeError as error:
        raise ApiError(
            f"Invalid value for 'guided_json': it is no JSON schema ({error}).",
            code="invalid_value",
            param="guided_json",
        ) from None
