"""Which fields of a request a local engine can honour. Pure."""

from collections.abc import Mapping
from typing import Any, cast

from voice.gateway.errors import ApiError, unsupported_parameter
from voice.http.body import converted
from voice.http.chat_messages import AssistantMessage, CustomCall, Message
from voice.http.chat_types import (
    AllowedToolsChoice,
    ChatRequest,
    CompletionRequest,
    CustomTool,
    Sampling,
)
from voice.http.unknown_fields import unknown_field
from voice.providers.neutral import is_among
from voice.providers.protocol import Operation

Json = dict[str, Any]

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
    "functions": "tools",
    "tool_choice": "tool_choice",
    "function_call": "tool_choice",
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
    *("user", "metadata", "store", "service_tier", "safety_identifier", "prediction", "verbosity"),
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
    "functions": ([],),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
}
"""Values that ask for what happens anyway."""
GUIDES = ("guided_json", "guided_regex", "guided_choice", "guided_grammar")
TYPES: Mapping[Operation, type[Sampling]] = {
    "chat/completions": ChatRequest,
    "completions": CompletionRequest,
}


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
    try:
        request = converted(dict(body), TYPES[operation])
    except ApiError as error:
        return error
    for field in fields:
        if field in SERVED[operation] or field in ADVISORY or _only_picks_tools(field, request):
            continue
        if NEEDS.get(field) not in accepts:
            return unsupported_parameter(field, f"is not supported by {who}.")
    if place := unknown_field(dict(body), request):
        return ApiError(f"Unknown parameter: '{place}'.", code="unknown_parameter", param=place)
    if isinstance(request, ChatRequest) and (stranger := _stranger(request, accepts, who)):
        return stranger
    guides = [field for field in (*GUIDES, "response_format") if field in fields]
    if len(guides) > 1:
        return ApiError(
            f"Only one of '{guides[0]}' and '{guides[1]}' can be given.", param=guides[1]
        )
    return None


def _only_picks_tools(field: str, request: Sampling) -> bool:
    """Whether a choice leaves it to the model what to call, if only from fewer tools."""
    if field != "tool_choice":
        return False
    choice = cast("ChatRequest", request).tool_choice
    return isinstance(choice, AllowedToolsChoice) and choice.allowed_tools.mode == "auto"


def _stranger(request: ChatRequest, accepts: frozenset[str], who: str) -> ApiError | None:
    """The first part of a chat that the engine cannot read."""
    for number, tool in enumerate(request.tools or ()):
        if isinstance(tool, CustomTool):
            return _custom(f"tools[{number}]", who)
    kinds = {"text", "refusal"} | ({"image_url"} if "images" in accepts else set())
    for number, message in enumerate(request.messages):
        place = f"messages[{number}]"
        if found := _strange_part(message, kinds):
            return unsupported_parameter(f"{place}.{found}", f"is not supported by {who}.")
        calls = message.tool_calls if isinstance(message, AssistantMessage) else None
        for at, call in enumerate(calls or ()):
            if isinstance(call, CustomCall):
                return _custom(f"{place}.tool_calls[{at}]", who)
    return None


def _strange_part(message: Message, kinds: set[str]) -> str:
    if isinstance(message, AssistantMessage) and message.audio:
        return "audio"
    for at, part in enumerate(message.content if isinstance(message.content, list) else ()):
        if part.__struct_config__.tag not in kinds:
            return f"content[{at}]"
    return ""


def _custom(place: str, who: str) -> ApiError:
    return unsupported_parameter(
        place,
        f"is a custom tool, which {who} cannot call; describe it as a function that takes one "
        "string.",
    )
