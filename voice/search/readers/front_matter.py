"""What stands before a Markdown text between lines of `---`: the few kinds of YAML that people write."""

import re
import tomllib
from collections.abc import Iterator

from voice.search.records import Attributes, AttributeValue
from voice.search.rows import keepable

MOST_KEYS = 12
"""OpenAI allows 16 attributes; those of the folder and the format need room."""
LONGEST_KEY, LONGEST_VALUE = 64, 512
LARGEST_NUMBER = 1e15
_FRONT = re.compile(
    r"\A(---|\+\+\+)[^\S\n]*\n(.*?)^(?:\1|\.\.\.)[^\S\n]*(?:\n|\Z)", re.DOTALL | re.MULTILINE
)
_PAIR = re.compile(r"([\w-][\w .-]*?)\s*:(?:\s+(.*)|\s*)$")
_ITEM = re.compile(r"\s*-\s+(.*)$")
_COMMENT = re.compile(r"\s+#.*$")


def split_front_matter(text: str) -> tuple[Attributes, str]:
    """The plain values, lists joined by commas, and the rest of the text."""
    if not (found := _FRONT.match(text)):
        return {}, text
    mark, matter = found[1], found[2]
    pairs = _yaml(matter) if mark == "---" else _toml(matter)
    if mark == "---" and not pairs and matter.strip():
        return {}, text  # Two rules with a paragraph between them.
    kept = list(pairs.items())[:MOST_KEYS]
    attributes = {keepable(key)[:LONGEST_KEY]: _short(value) for key, value in kept if value != ""}
    return attributes, text[found.end() :]


def _short(value: AttributeValue) -> AttributeValue:
    return keepable(value)[:LONGEST_VALUE] if isinstance(value, str) else value


def _yaml(matter: str) -> Attributes:
    lists: dict[str, list[str]] = {}
    for key, value in _yaml_values(matter):
        lists.setdefault(key, []).append(value)
    return {key: _value(values) for key, values in lists.items()}


def _yaml_values(matter: str) -> Iterator[tuple[str, str]]:
    """Every value with its key; the items of a list one by one. What is nested is left out."""
    key = ""
    for line in matter.splitlines():
        if key and (item := _ITEM.match(line)):
            yield key, _scalar(item[1])
        elif pair := _PAIR.match(line):
            key, value = pair[1], pair[2] or ""
            if value.startswith("[") and value.rstrip().endswith("]"):
                for part in value.strip()[1:-1].split(","):
                    yield key, _scalar(part)
            elif value not in {"|", ">", "|-", ">-"}:
                yield key, _scalar(value)


def _scalar(text: str) -> str:
    text = text.strip()
    if text[:1] in {'"', "'"} and text[-1:] == text[:1] and len(text) > 1:
        return text[1:-1]
    return _COMMENT.sub("", text)


def _value(values: list[str]) -> AttributeValue:
    values = [value for value in values if value]
    return _typed(values[0]) if len(values) == 1 else ", ".join(values)


def _typed(text: str) -> AttributeValue:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if re.fullmatch(r"-?\d{1,15}(\.\d{1,9})?", text):
        return float(text)
    return text


def _toml(matter: str) -> Attributes:
    try:
        table = tomllib.loads(matter)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
    return {key: _from_toml(value) for key, value in table.items() if not isinstance(value, dict)}


def _from_toml(value: object) -> AttributeValue:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        # No database keeps NaN, and no float an integer of many digits.
        return float(value) if abs(value) < LARGEST_NUMBER else str(value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
