"""A call in OpenAI's words, as a request to Anthropic's Messages API.

Whatever the API or the model cannot do is refused by name. Parameters of sampling are refused too
where a model takes none: to drop them would answer another question than the one that was asked,
and a refusal lets the router ask somebody who does take them. Values that ask for nothing are left
out.
"""

from collections.abc import Callable, Mapping

from voice.gateway.errors import ApiError, unsupported_parameter
from voice.providers.anthropic_messages import conversation
from voice.providers.anthropic_models import capabilities
from voice.providers.dialects import schema_of
from voice.providers.media import image_refusal, sound_refusal
from voice.providers.neutral import is_among
from voice.providers.protocol import Call

Json = dict[str, object]

UNASKED: Mapping[str, tuple[object, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "modalities": (["text"],),
    "functions": ([],),
    "function_call": ("none",),
    "verbosity": ("medium",),
    "echo": (False,),
    "suffix": ("",),
}
"""Fields that Anthropic lacks, with the values that ask for nothing."""

ADVISORY = frozenset(
    {
        "metadata",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
    }
)
"""Fields that no answer depends on."""

OWN = frozenset({"top_k", "thinking", "output_config", "cache_control"})
"""Anthropic's own fields, which are passed on as they are."""

READ = frozenset(
    {
        "model",
        "messages",
        "prompt",
        "stream",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "stop",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "guided_json",
        "reasoning_effort",
        "user",
    }
)
"""Fields that are translated."""

EFFORTS = {each: each for each in ("low", "medium", "high", "xhigh", "max")} | {"minimal": "low"}

TOOL_CHOICES: Mapping[str, Json] = {
    "auto": {"type": "auto"},
    "none": {"type": "none"},
    "required": {"type": "any"},
}


def request_of(call: Call, max_tokens: int | None = None) -> Json:
    """The request's JSON, but for `stream`; raises `ApiError` for what cannot be asked.

    `max_tokens` is the limit where the client set none; without it the model's own is taken.
    """
    if call.operation == "embeddings":
        raise unsupported_parameter(
            "model", f"{call.model!r} has no embeddings: Anthropic has none."
        )
    given = {name: value for name, value in call.body.items() if value is not None}
    for name, value in given.items():
        known = name in READ or name in OWN or name in ADVISORY
        if not known and not is_among(value, UNASKED.get(name, ())):
            raise unsupported_parameter(name, "is not supported by Anthropic.")
    if wrong := sound_refusal(given, "Anthropic") or image_refusal(given):
        raise wrong
    limit = given.get("max_completion_tokens") or given.get("max_tokens") or max_tokens
    request: Json = {"model": call.model}
    request["max_tokens"] = limit or capabilities(call.model).max_tokens
    request |= {name: given[name] for name in OWN if name in given}
    request |= _prompt(given) if call.operation == "completions" else _conversation(given)
    request |= _sampling(call.model, given)
    for name, translate in _TRANSLATIONS.items():
        if name in given:
            request |= translate(given[name], request)
    return request | _tool_choice(given)


def _conversation(given: Json) -> Json:
    return conversation(given.get("messages"))


def _prompt(given: Json) -> Json:
    """A text to go on from, as the one message of a user: there is no other way to ask."""
    prompt = given.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str) or not prompt:
        raise unsupported_parameter(
            "prompt", "must be one text: Anthropic takes no lists or tokens."
        )
    return conversation([{"role": "user", "content": prompt}])


# ---------------------------------------------------------------- sampling


def _sampling(model: str, given: Json) -> Json:
    """1 is the default of both, so it can be left out wherever it would offend."""
    taken = capabilities(model).sampling
    fields: Json = {name: given[name] for name in ("temperature", "top_p") if name in given}
    temperature = fields.get("temperature")
    if isinstance(temperature, int | float) and temperature > 1:
        message = f"temperature must be at most 1 for Anthropic's models, not {temperature:g}"
        raise ApiError(message, param="temperature")
    if taken == "free" or (taken == "one" and len(fields) < 2):
        return fields
    fields = {name: value for name, value in fields.items() if value != 1}
    if taken == "one" and len(fields) == 2:
        raise unsupported_parameter("top_p", f"goes not with 'temperature' for {model}: send one.")
    if taken == "none" and (fields or "top_k" in given):
        name = next(iter(fields), "top_k")
        raise unsupported_parameter(name, f"is not supported by {model}: leave it out.")
    return fields


# ---------------------------------------------------------------- the other fields


def _stop(value: object, _request: Json) -> Json:
    return {"stop_sequences": [value] if isinstance(value, str) else value}


def _user(value: object, _request: Json) -> Json:
    return {"metadata": {"user_id": value}}


def _effort(value: object, request: Json) -> Json:
    if value == "none":
        return {"thinking": {"type": "disabled"}}
    if not isinstance(value, str) or value not in EFFORTS:
        words = ", ".join(EFFORTS)
        raise ApiError(
            f"reasoning_effort must be one of none, {words}, not {value!r}",
            param="reasoning_effort",
        )
    return _output_config(request, "effort", EFFORTS[value])


def _guided_json(value: object, request: Json) -> Json:
    return _output_config(request, "format", {"type": "json_schema", "schema": schema_of(value)})


def _response_format(value: object, request: Json) -> Json:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "text":
        return {}
    wanted = value.get("json_schema") if isinstance(value, dict) else None
    if kind != "json_schema" or not isinstance(wanted, dict):
        reason = f"of type {kind!r} is not supported by Anthropic: send a 'json_schema'."
        raise unsupported_parameter("response_format", reason)
    return _guided_json(wanted.get("schema") or {}, request)


def _output_config(request: Json, name: str, value: object) -> Json:
    there = request.get("output_config")
    return {"output_config": {**(there if isinstance(there, dict) else {}), name: value}}


def _tools(value: object, _request: Json) -> Json:
    tools = value if isinstance(value, list) else []
    return {"tools": [_tool(tool, number) for number, tool in enumerate(tools)]} if tools else {}


def _tool(tool: object, number: int) -> Json:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or "name" not in function:
        where = f"tools[{number}]"
        raise unsupported_parameter(where, "must be a function: Anthropic takes no other tools.")
    # The schema is demanded, even of functions that take nothing.
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    kept = {
        name: function[name]
        for name in ("name", "description", "strict")
        if function.get(name) is not None
    }
    return {**kept, "input_schema": schema}


_TRANSLATIONS: Mapping[str, Callable[[object, Json], Json]] = {
    "stop": _stop,
    "user": _user,
    "reasoning_effort": _effort,
    "response_format": _response_format,
    "guided_json": _guided_json,
    "tools": _tools,
}


def _tool_choice(given: Json) -> Json:
    if not given.get("tools"):
        return {}
    choice = _chosen(given.get("tool_choice"))
    if given.get("parallel_tool_calls") is False and (choice or {}).get("type") != "none":
        choice = (choice or {"type": "auto"}) | {"disable_parallel_tool_use": True}
    return {"tool_choice": choice} if choice else {}


def _chosen(value: object) -> Json | None:
    if value is None:
        return None
    if isinstance(value, str) and value in TOOL_CHOICES:
        return dict(TOOL_CHOICES[value])
    function = value.get("function") if isinstance(value, dict) else None
    if isinstance(function, dict) and "name" in function:
        return {"type": "tool", "name": function["name"]}
    reason = "must be auto, none, required or a named function for Anthropic."
    raise unsupported_parameter("tool_choice", reason)
