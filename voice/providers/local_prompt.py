"""What a local engine is asked: a request's fields as the prompts of one language model. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from voice.engines.protocols import Message, Prompt, Tool, ToolCall
from voice.gateway.errors import ApiError, unsupported_parameter
from voice.http.body import converted
from voice.http.chat_types import (
    AudioPart,
    ChatMessage,
    ChatRequest,
    CompletionRequest,
    FilePart,
    FunctionTool,
    ImagePart,
    JsonObjectFormat,
    JsonSchemaFormat,
    NamedTool,
    RefusalPart,
    Sampling,
    TextPart,
)
from voice.providers.neutral import is_among
from voice.providers.protocol import Operation

Json = dict[str, Any]

ANY_OBJECT: Json = {"type": "object"}

# What a field asks of the engine, by the names of `Prompt`.
NEEDS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "repetition_penalty": "repetition_penalty",
    "logit_bias": "logit_bias",
    "logprobs": "logprobs",
    "top_logprobs": "logprobs",
    "best_of": "logprobs",
    "tools": "tools",
    "tool_choice": "tool_choice",
    "response_format": "json_schema",
    "guided_json": "json_schema",
    "guided_regex": "regex",
    "guided_choice": "choices",
    "guided_grammar": "grammar",
    "prompt": "text",
    "suffix": "suffix",
}
_ALWAYS_SERVED = frozenset({"model", "stream", "stream_options", "max_tokens", "stop", "n"})
SERVED: Mapping[Operation, frozenset[str]] = {
    "chat/completions": _ALWAYS_SERVED
    | {"messages", "max_completion_tokens", "parallel_tool_calls"},
    "completions": _ALWAYS_SERVED | {"echo"},
    "embeddings": frozenset(),
}
"""Fields that need nothing of the engine."""
ADVISORY = {
    *("user", "metadata", "service_tier", "safety_identifier", "prediction", "verbosity"),
    *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
}
"""Fields that may be left without effect: they label a request, or hint how to serve it."""
NEUTRAL: dict[str, tuple[object, ...]] = {
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "repetition_penalty": (1,),
    "logit_bias": ({},),
    "best_of": (1,),
    "logprobs": (False,),
    "top_k": (-1, 0),
    "min_p": (0,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "store": (False,),
}
"""Values that ask for what happens anyway."""
DEFAULT_COMPLETION_TOKENS = 16
"""What OpenAI writes when nobody says how much."""
MOST_ANSWERS = 2048
"""To one request for text: as many as there may be inputs to embed."""
MOST_TOKEN = 2**31 - 1
GUIDES = ("guided_json", "guided_regex", "guided_choice", "guided_grammar")


def field_for(param: str | None, body: Mapping[str, object]) -> str | None:
    """The field of the body that asked an engine for what it names by its own field."""
    asking = (name for name in set_fields(body) if NEEDS.get(name) == param)
    return next(asking, param)


def set_fields(body: Mapping[str, object]) -> list[str]:
    """The fields that ask for something."""
    return [
        name
        for name, value in body.items()
        if value is not None and not is_among(value, NEUTRAL.get(name, ()))
    ]


def refusal(
    operation: Operation, body: Mapping[str, object], accepts: frozenset[str], who: str
) -> ApiError | None:
    """Why an engine with these abilities cannot do what the body asks, or None."""
    fields = set_fields(body)
    for field in fields:
        if field in SERVED[operation] or field in ADVISORY:
            continue
        if NEEDS.get(field) not in accepts:
            return unsupported_parameter(field, f"is not supported by {who}.")
    if place := _first_part(body.get("messages"), images="images" in accepts):
        return unsupported_parameter(place, f"is not supported by {who}.")
    guides = [field for field in (*GUIDES, "response_format") if field in fields]
    if len(guides) > 1:
        return ApiError(
            f"Only one of '{guides[0]}' and '{guides[1]}' can be given.", param=guides[1]
        )
    return None


def _first_part(messages: object, *, images: bool) -> str:
    """The place of the first part of a chat that is no text, nor an image where those are seen."""
    taken = {"text", "refusal", "image_url"} if images else {"text", "refusal"}
    for number, message in enumerate(messages if isinstance(messages, list) else ()):
        if not isinstance(message, dict):
            continue
        if message.get("audio"):
            return f"messages[{number}].audio"
        parts = message.get("content")
        for at, part in enumerate(parts if isinstance(parts, list) else ()):
            if isinstance(part, dict) and part.get("type") not in taken:
                return f"messages[{number}].content[{at}]"
    return ""


# ---------------------------------------------------------------- chat


def chat_prompt(body: Mapping[str, object]) -> tuple[ChatRequest, Prompt]:
    """A chat request and its prompt. Raises `ApiError`."""
    request = converted(dict(body), ChatRequest)
    if request.stop == []:
        request = msgspec.structs.replace(request, stop=None)
    prompt = Prompt(
        messages=tuple(_message(each, number) for number, each in enumerate(request.messages)),
        tools=tuple(_tool(tool) for tool in request.tools or ()),
        tool_choice=_tool_choice(request),
        logprobs=(request.top_logprobs or 0) if request.logprobs else None,
        **_sampling(request, request.max_completion_tokens or request.max_tokens),
    )
    return request, _guided(prompt, request, request.response_format)


def _message(message: ChatMessage, number: int) -> Message:
    parts = message.content
    if isinstance(parts, str) or parts is None:
        parts = [TextPart(text=parts)] if parts else []
    texts: list[str] = []
    images: list[str] = []
    for at, part in enumerate(parts):
        match part:
            case TextPart(text=text) | RefusalPart(refusal=text):
                texts.append(text)
            case ImagePart(image_url=image):
                images.append(image.url)
            case AudioPart() | FilePart():
                place = f"messages[{number}].content[{at}]"
                raise unsupported_parameter(place, "is not supported by this model.")
    return Message(
        role="system" if message.role == "developer" else message.role,
        content="\n".join(texts),
        tool_calls=tuple(
            ToolCall(call_id=call.id, name=call.function.name, arguments=call.function.arguments)
            for call in message.tool_calls or ()
        ),
        tool_call_id=message.tool_call_id,
        images=tuple(images),
    )


def _tool(tool: FunctionTool) -> Tool:
    function = tool.function
    return Tool(
        name=function.name,
        description=function.description or "",
        parameters=function.parameters or {},
    )


def _tool_choice(request: ChatRequest) -> str:
    choice = request.tool_choice
    if isinstance(choice, NamedTool):
        names = [tool.function.name for tool in request.tools or ()]
        if choice.function.name not in names:
            raise ApiError(
                f"Tool choice '{choice.function.name}' is none of the tools.", param="tool_choice"
            )
        return choice.function.name
    if choice == "required" and not request.tools:
        raise ApiError("Tool choice 'required' needs tools.", param="tool_choice")
    return choice or "auto"


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
            **_sampling(request, request.max_tokens or DEFAULT_COMPLETION_TOKENS),
        )
        for text in texts
    ]
    return request, [_guided(prompt, request, None) for prompt in prompts]


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
