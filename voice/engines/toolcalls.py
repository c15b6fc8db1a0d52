"""Calling a tool without a language model: by the words of its name, arguments by its schema."""

import json
import re
from collections.abc import Sequence

from voice.engines.protocols import Message, Prompt, Tool
from voice.engines.wordforms import STOP_WORDS, closeness, number_words, tokens, word_set

CLEARLY = 0.8

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.\s]+")
_DOING = word_set("""call change control do fetch find function get list look lookup make query run set show switch
    tool turn update use""")
_LED_IN = re.compile(
    r"\b(?:in|at|for|to|from|about|of|on|called|named|saying|with|that|by)\s+", re.IGNORECASE
)
_ON = word_set("on yes true enable enabled start open")
_OFF = word_set("off no not false disable disabled stop close don't")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_SPOKEN_NUMBERS = {" ".join(number_words(n)): n for n in range(100, -1, -1)}


def chosen_tool(prompt: Prompt, question: str) -> Tool | None:
    """The tool to call now: the one demanded, or the one the question clearly names."""
    if not prompt.tools or prompt.tool_choice == "none":
        return None
    named = next((tool for tool in prompt.tools if tool.name == prompt.tool_choice), None)
    if named:
        return named
    best = max(prompt.tools, key=lambda tool: _likeness(tool, question))
    if prompt.tool_choice == "required":
        return best
    clear = _named(best, question) >= CLEARLY
    return best if clear and not missing(best, arguments(best, question)) else None


def arguments(tool: Tool, question: str) -> dict[str, object]:
    """What the question says about the tool's parameters; parameters it does not tell are absent."""
    properties = _properties(tool)
    required = tool.parameters.get("required")
    required = required if isinstance(required, list) else list(properties)
    numbers = _numbers(question)
    rest = _rest(tool, _without_choices(properties, question))
    found: dict[str, object] = {}
    for name, schema in properties.items():
        value = _value(schema, question, numbers)
        text = schema.get("type", "string") == "string" and "enum" not in schema
        if text and name in required:
            value, rest = rest, ""
        if value not in (None, ""):
            found[name] = value
    return found


def _without_choices(properties: dict[str, dict[str, object]], question: str) -> str:
    """The question less the words that are choices of some parameter, and what leads in to them."""
    for schema in properties.values():
        choices = schema.get("enum")
        for choice in choices if isinstance(choices, list) else []:
            said = rf"(?:\b(?:in|at|to|on|the)\s+)*\b{re.escape(str(choice))}\b"
            question = re.sub(said, "", question, flags=re.IGNORECASE)
    return question


def missing(tool: Tool, given: dict[str, object]) -> list[str]:
    """The required parameters that are not among the given ones."""
    required = tool.parameters.get("required", [])
    return [name for name in required if name not in given] if isinstance(required, list) else []


def spoken_result(results: Sequence[Message]) -> str:
    """The results of tools as one spoken answer."""
    return " ".join(_sentence(message.content) for message in results)


def _properties(tool: Tool) -> dict[str, dict[str, object]]:
    properties = tool.parameters.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: schema for name, schema in properties.items() if isinstance(schema, dict)}


def _name_words(tool: Tool) -> list[str]:
    words = [word.lower() for word in _CAMEL.split(tool.name) if word]
    return [word for word in words if word not in _DOING] or words


def _share(wanted: Sequence[str], said: Sequence[str]) -> float:
    best = [max((closeness(word, other) for other in said), default=0.0) for word in wanted]
    return sum(value for value in best if value >= 0.7) / len(best) if best else 0.0


def _named(tool: Tool, question: str) -> float:
    return _share(_name_words(tool), tokens(question))


def _likeness(tool: Tool, question: str) -> float:
    described = [word for word in tokens(tool.description) if word not in STOP_WORDS | _DOING]
    return _named(tool, question) + 0.5 * _share(described, tokens(question))


def _numbers(question: str) -> list[float]:
    """The numbers in the question, in order, whether as digits or as words."""
    text = f" {' '.join(tokens(question))} "
    found = [(question.find(m.group()), float(m.group())) for m in _NUMBER.finditer(question)]
    if not found:
        for words, number in _SPOKEN_NUMBERS.items():
            if (at := text.find(f" {words} ")) >= 0:
                found.append((at, number))
                text = text.replace(f" {words} ", " " * (len(words) + 2))
    return [number for _, number in sorted(found)]


def _value(schema: dict[str, object], question: str, numbers: list[float]) -> object:
    said = tokens(question)
    match schema:
        case {"enum": list(choices)}:
            share = {str(choice): _share(tokens(str(choice)), said) for choice in choices}
            return next((c for c in choices if share[str(c)] >= CLEARLY), None)
        case {"type": "integer"}:
            return int(numbers.pop(0)) if numbers else None
        case {"type": "number"}:
            return numbers.pop(0) if numbers else None
        case {"type": "boolean"}:
            return False if _OFF.intersection(said) else True if _ON.intersection(said) else None
        case _:
            return None


def _rest(tool: Tool, question: str) -> str:
    """The words a text parameter is about: after "in", "for", "to" ..., else all but the tool's name."""
    question = question.strip().rstrip("?.! ")
    leads = list(_LED_IN.finditer(question))
    for lead in reversed(leads):
        after = question[lead.end() :].strip()
        if [word for word in tokens(after) if word not in STOP_WORDS]:
            return re.sub(r"^(?:the|a|an)\s+", "", after, flags=re.IGNORECASE)
    name = _name_words(tool)
    kept = [
        word
        for word in question.split()
        if not set(tokens(word)) <= STOP_WORDS and _share(tokens(word), name) < CLEARLY
    ]
    return " ".join(kept).strip(" ,")


def _sentence(result: str) -> str:
    try:
        value = json.loads(result)
    except ValueError:
        value = result
    said = _said(value).strip()
    if not said:
        return "That is done."
    said = said[0].upper() + said[1:]
    return said if said[-1] in ".!?" else f"{said}."


def _said(value: object) -> str:
    match value:
        case {"error": error}:
            return f"That did not work: {_said(error)}"
        case dict() if len(value) == 1:
            return _said(next(iter(value.values())))
        case dict():
            words = (f"{_CAMEL.sub(' ', str(k)).lower()} is {_said(v)}" for k, v in value.items())
            return "the " + ", the ".join(words)
        case list():
            return ", ".join(map(_said, value))
    return {"None": "", "True": "yes", "False": "no"}.get(str(value), str(value))
