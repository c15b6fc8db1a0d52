"""What an answer is bound to, as a grammar, and the grammar as llama.cpp has understood it."""

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from voice.engines import gbnf
from voice.engines.call_schema import complete_schema
from voice.engines.llama_library import LlamaModel, errors
from voice.engines.protocols import EngineError, Prompt
from voice.engines.regex_gbnf import regex_gbnf

MAX_DEPTH = 2000
"""llama.cpp reads brackets within brackets by recursion, and dies of too many."""


def constraint(prompt: Prompt) -> tuple[str, str] | None:
    """The grammar that the prompt sets, and the field it is in. Raises `EngineError`."""
    if prompt.grammar is not None:
        return prompt.grammar, "grammar"
    if prompt.regex is not None:
        return regex_gbnf(prompt.regex), "regex"
    if prompt.choices:
        return gbnf.one_of(prompt.choices), "choices"
    if prompt.json_schema is not None:
        return schema_gbnf(complete_schema(prompt.json_schema), "json_schema"), "json_schema"
    return None


def schema_gbnf(schema: dict[str, object], param: str) -> str:
    """A grammar of the JSON that keeps a schema. Raises `EngineError`."""
    from llama_cpp.llama_grammar import json_schema_to_gbnf  # noqa: PLC0415 - slow to import

    try:
        return str(json_schema_to_gbnf(json.dumps(schema)))
    except (
        AssertionError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        message = f"no grammar can be made of the JSON schema: {error}"
        raise EngineError(message, "invalid_value", param) from error


def compiled(model: LlamaModel, grammar: str, param: str) -> Any:
    """A sampler of what the grammar allows, to be freed. Raises `EngineError` when it is wrong."""

    def refusal(reason: str) -> EngineError:
        return EngineError(f"{_NAMES[param]}: {reason}", "invalid_value", param)

    if not grammar.strip():
        raise refusal("it is empty; at least `root ::= ...` is needed")
    if gbnf.depth(grammar) > MAX_DEPTH:
        raise refusal(f"more than {MAX_DEPTH} brackets are open at a time")
    errors.clear()
    # What is wrong with a grammar the library only prints.
    with _what_is_printed() as printed:
        sampler = model.lib.llama_sampler_init_grammar(model.vocabulary, grammar.encode(), b"root")
        said = printed()
    if not sampler:
        raise refusal(_reason(grammar, said))
    return sampler


_NAMES = {
    "grammar": "the grammar is no valid GBNF",
    "regex": "the regular expression makes no grammar that llama.cpp takes",
    "choices": "the choices make no grammar that llama.cpp takes",
    "json_schema": "the JSON schema makes no grammar that llama.cpp takes",
    "tools": "the tools make no grammar that llama.cpp takes",
}


def _reason(grammar: str, said: str) -> str:
    """What the library has said, with line and column where it quotes the rest of the grammar."""
    found = re.search(r"error parsing grammar: (.*)", said, re.DOTALL)
    if not found:
        return errors[0] if errors else "no reason was given"
    reason = found[1].rstrip("\n").removesuffix(grammar.rstrip("\n")).strip()
    what, _, rest = reason.partition(" at ")
    if not rest or not grammar.rstrip().endswith(rest):
        return reason
    before = grammar.rstrip()[: -len(rest)]
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    return f"{what} at line {line}, column {column}: {rest.splitlines()[0][:40]!r}"


@contextmanager
def _what_is_printed() -> Iterator[Callable[[], str]]:
    """Catches what native code writes to stderr meanwhile."""
    sys.stderr.flush()
    ours = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)

        def printed() -> str:
            file.seek(0)
            return file.read().decode(errors="replace")

        try:
            yield printed
        finally:
            os.dup2(ours, 2)
            os.close(ours)
