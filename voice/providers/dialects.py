"""What the compatible servers understand of OpenAI's requests, where they differ: tables.

A field that a server would ignore is refused, one that it calls by another name is renamed, and
whatever is left as it was reaches the server as the client wrote it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from voice.gateway.errors import ApiError, unsupported_parameter
from voice.providers.answers import UNREADABLE
from voice.providers.media import image_refusal, sound_refusal
from voice.providers.protocol import Call, Operation

Json = dict[str, object]
Translation = Callable[[object], Json]
"""The value of a field, as the fields that say the same to the server."""

UNSET = (None,)


@dataclass(frozen=True)
class Dialect:
    title: str
    known: Mapping[Operation, frozenset[str]] | None = None
    """All the fields of each operation; None takes those that nobody here knows, too."""
    refused: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    """Fields it cannot honour, with the values that ask for nothing and are left out."""
    renamed: Mapping[tuple[Operation, str], str] = field(default_factory=dict)
    translated: Mapping[str, Translation] = field(default_factory=dict)
    image_urls: bool = True
    hears: str = ""
    """What the names of models have in them that hear and speak; empty where none does."""
    tokens: bool = True
    """Whether prompts and inputs may be lists of tokens."""
    prompt_lists: bool = True

    def refusal(self, call: Call) -> ApiError | None:
        """Why the server would ignore or refuse a part of the call, or None."""
        for name, value in call.body.items():
            if name not in self.translated and self._is_unknown(call.operation, name, value):
                return unsupported_parameter(name, f"is not supported by {self.title}.")
        return (
            self._sound_refusal(call)
            or self._input_refusal(call)
            or image_refusal(call.body, urls=self.image_urls)
        )

    def body(self, call: Call) -> Json:
        """The request in the server's words; the call is one that it does not refuse."""
        body: Json = {}
        for name, value in call.body.items():
            if name in self.translated:
                _merge(body, self.translated[name](value) if value is not None else {})
            elif not (name in self.refused or self._is_foreign(call.operation, name)):
                body[self._name(call, name)] = value
        body["model"] = call.model
        return body

    def _name(self, call: Call, name: str) -> str:
        new = self.renamed.get((call.operation, name), name)
        return name if call.body.get(new) is not None else new

    def _is_unknown(self, operation: Operation, name: str, value: object) -> bool:
        if name in self.refused:
            return value not in (*self.refused[name], *UNSET)
        return value is not None and self._is_foreign(operation, name)

    def _is_foreign(self, operation: Operation, name: str) -> bool:
        return self.known is not None and name not in self.known[operation]

    def _sound_refusal(self, call: Call) -> ApiError | None:
        if self.hears and self.hears in call.model:
            return None
        return sound_refusal(call.body, f"{call.model} at {self.title}")

    def _input_refusal(self, call: Call) -> ApiError | None:
        name = "input" if call.operation == "embeddings" else "prompt"
        given = call.body.get(name)
        if not isinstance(given, list) or not given:
            return None
        if not self.tokens and not isinstance(given[0], str):
            reason = f"as a list of tokens is not supported by {self.title}; send text."
            return unsupported_parameter(name, reason)
        if not self.prompt_lists and name == "prompt":
            return unsupported_parameter(name, f"as a list is not supported by {self.title}.")
        return None


def _merge(body: Json, fields: Json) -> None:
    """Add fields; those that are objects themselves are merged."""
    for name, value in fields.items():
        there = body.get(name)
        both = isinstance(there, dict) and isinstance(value, dict)
        body[name] = {**there, **value} if both else value  # type: ignore[dict-item] # both are


# ---------------------------------------------------------------- constraints on the answer


def schema_of(value: object) -> object:
    """A JSON schema; clients of vLLM write it as text, too."""
    try:
        return msgspec.json.decode(value) if isinstance(value, str) else value
    except UNREADABLE:
        return value  # for the server to complain about


def _structured(name: str) -> Translation:
    return lambda value: {"structured_outputs": {name: value}}


def _response_format(value: object) -> Json:
    schema = {"name": "answer", "schema": schema_of(value)}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _choice_grammar(choices: object) -> Json:
    """One of some texts, as a GBNF grammar, whose strings are quoted as in JSON."""
    texts = choices if isinstance(choices, list) else [choices]
    quoted = (msgspec.json.encode(str(text)).decode() for text in texts)
    return {"grammar": f"root ::= {' | '.join(quoted)}"}


VLLM_CONSTRAINTS: Mapping[str, Translation] = {
    "guided_json": _structured("json"),
    "guided_regex": _structured("regex"),
    "guided_choice": _structured("choice"),
    "guided_grammar": _structured("grammar"),
    "guided_whitespace_pattern": _structured("whitespace_pattern"),
    # Merged with the rest like any of them, whichever comes first.
    "structured_outputs": lambda value: {"structured_outputs": value},
}
LLAMA_CPP_CONSTRAINTS: Mapping[str, Translation] = {
    "guided_json": lambda value: {"json_schema": schema_of(value)},
    "guided_choice": _choice_grammar,
    "guided_grammar": lambda value: {"grammar": value},
}
SCHEMA_ONLY: Mapping[str, Translation] = {"guided_json": _response_format}
NO_CONSTRAINTS: dict[str, tuple[object, ...]] = dict.fromkeys(
    ("guided_regex", "guided_choice", "guided_grammar", "structured_outputs"), UNSET
)
ONCE_TOOLS: dict[str, tuple[object, ...]] = {
    "functions": (*UNSET, []),
    "function_call": (*UNSET, "none", "auto"),
}
"""What servers that came later never heard of, and ignore."""
GUIDED_REST: dict[str, tuple[object, ...]] = dict.fromkeys(
    ("guided_whitespace_pattern", "guided_decoding_backend"), UNSET
)

# ---------------------------------------------------------------- the dialects

OPENAI_FIELDS: Mapping[Operation, frozenset[str]] = {
    "chat/completions": frozenset(
        """
        messages model audio frequency_penalty presence_penalty function_call functions logit_bias
        logprobs top_logprobs max_completion_tokens max_tokens metadata modalities moderation n
        parallel_tool_calls prediction prompt_cache_key prompt_cache_options prompt_cache_retention
        reasoning_effort response_format safety_identifier seed service_tier stop store stream
        stream_options temperature top_p tools tool_choice user verbosity web_search_options
        """.split()  # noqa: SIM905 # a list of names that is read, not run
    ),
    "completions": frozenset(
        """
        model prompt best_of echo frequency_penalty logit_bias logprobs max_tokens n
        presence_penalty seed stop stream stream_options suffix temperature top_p user
        """.split()  # noqa: SIM905
    ),
    "embeddings": frozenset({"input", "model", "dimensions", "encoding_format", "user"}),
    "audio/transcriptions": frozenset(
        """
        model chunking_strategy include keywords known_speaker_names known_speaker_references
        language languages prompt response_format stream temperature timestamp_granularities
        """.split()  # noqa: SIM905
    ),
    "audio/translations": frozenset({"model", "prompt", "response_format", "temperature"}),
    "audio/speech": frozenset(
        {"input", "model", "voice", "instructions", "response_format", "speed", "stream_format"}
    ),
}

OPENAI = Dialect(
    "OpenAI",
    known=OPENAI_FIELDS,
    refused=NO_CONSTRAINTS | GUIDED_REST,
    renamed={("chat/completions", "max_tokens"): "max_completion_tokens"},
    translated=SCHEMA_ONLY,
    hears="audio",
)
VLLM = Dialect(
    "vLLM",
    refused=ONCE_TOOLS | {"guided_decoding_backend": UNSET},
    translated=VLLM_CONSTRAINTS,
)
LLAMA_CPP = Dialect(
    "llama.cpp",
    refused=ONCE_TOOLS | GUIDED_REST | {"guided_regex": UNSET, "structured_outputs": UNSET},
    renamed={("chat/completions", "max_completion_tokens"): "max_tokens"},
    translated=LLAMA_CPP_CONSTRAINTS,
)
OLLAMA = Dialect(
    "Ollama",
    refused=NO_CONSTRAINTS
    | GUIDED_REST
    | ONCE_TOOLS
    | {
        "tool_choice": ("auto",),
        "parallel_tool_calls": (True,),
        "n": (1,),
        "best_of": (1,),
        "logit_bias": ({},),
        "echo": (False,),
    },
    renamed={("chat/completions", "max_completion_tokens"): "max_tokens"},
    translated=SCHEMA_ONLY,
    image_urls=False,
    tokens=False,
    prompt_lists=False,
)
COMPATIBLE = Dialect(
    "a server of the kind 'openai' (there are 'vllm' and 'llama.cpp', too)",
    refused=NO_CONSTRAINTS | GUIDED_REST,
    translated=SCHEMA_ONLY,
    hears="audio",
)
"""A server that nobody has described: it gets what the client sent, but for constraints, which
those that do not know them ignore."""

DIALECTS: Mapping[str, Dialect] = {
    "openai": OPENAI,
    "vllm": VLLM,
    "llama.cpp": LLAMA_CPP,
    "ollama": OLLAMA,
    "compatible": COMPATIBLE,
}

HOSTS: Mapping[str, Dialect] = {"api.openai.com": OPENAI}


def dialect_of(host: str) -> Dialect:
    """The dialect of a host that is known by its name."""
    return HOSTS.get(host, COMPATIBLE)
