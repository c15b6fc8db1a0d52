"""Reads one JSON object that names a function and holds its arguments, letter by letter.

The arguments can be passed on before the object is complete. Pure.
"""

import json

_NAME, _FUNCTION = "name", "function"
_ARGUMENTS = frozenset({"arguments", "parameters"})
_KNOWN = _ARGUMENTS | {_NAME, _FUNCTION, "type", "id"}
_SPACE = " \t\r\n"


class CallObject:
    """An object like `{"name": "f", "arguments": {}}`, in any order of keys.

    Arguments may be called parameters, may be a string that holds JSON, and both may be inside of
    `"function"`. With a `name` from elsewhere the object itself is the arguments.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.done = False
        self.broken = False
        """Whether this is no JSON."""
        self.is_foreign = False
        """Whether it has a key that no call has."""
        self.is_started = False
        """Whether a reader has passed its beginning on."""
        self._is_arguments = bool(name)
        self._has_arguments = False
        self._ready: list[str] = []
        self._depth = 0
        self._level = 1
        self._in_string = self._escaped = False
        self._key: str | None = None
        self._raw = ""

    def take_arguments(self) -> str:
        """The text of the arguments since the last call."""
        if self.done and not self._has_arguments:
            self._has_arguments = True
            return "{}"
        text = "".join(self._ready)
        self._ready.clear()
        return text

    def push(self, letter: str) -> None:
        """Read one letter; the first must be the opening brace."""
        if self._is_arguments:
            self._track(letter)
            self._pass_on(letter)
            self.done = self._depth == 0
        elif self._depth == 0:
            self._track(letter)
        elif self._depth == self._level and not self._in_string:
            self._at_level(letter)
        else:
            self._take(letter)

    def _at_level(self, letter: str) -> None:
        """Among the keys and values that matter."""
        if letter in ":,}":
            self._punctuation(letter)
        elif self._key == _FUNCTION and letter == "{" and self._level == 1:
            # Name and arguments are one level down; what is read here is forgotten.
            self._level, self._key, self._raw = 2, None, ""
            self._track(letter)
        elif self._key is None and letter not in f'"{_SPACE}':
            self.broken = True
        else:
            self._take(letter)

    def _punctuation(self, letter: str) -> None:
        if letter == ":":
            self._begin_value()
            return
        if self._key is not None:
            self._end_value()
        elif self._raw.strip(_SPACE):
            self.broken = True
        if letter == "}":
            self._track(letter)
            self._level = 1
            self.done = self._depth == 0

    def _begin_value(self) -> None:
        try:
            key = json.loads(self._raw)
        except ValueError:
            self.broken = True
            return
        self.broken = self._key is not None
        self.is_foreign |= key not in _KNOWN
        self._key, self._raw = key, ""

    def _end_value(self) -> None:
        key, raw = self._key, self._raw.strip(_SPACE)
        self._key, self._raw = None, ""
        if key in _ARGUMENTS and raw.startswith("{"):
            return  # It was passed on letter by letter.
        try:
            value = json.loads(raw, strict=False)
        except ValueError:
            self.broken = True
            return
        if key in _ARGUMENTS:
            self.broken = value is not None and not isinstance(value, str)
            self._pass_on(value or "{}")
        elif key in {_NAME, _FUNCTION} and isinstance(value, str):
            self.name = value

    def _take(self, letter: str) -> None:
        self._track(letter)
        self._raw += letter
        if self._key in _ARGUMENTS and self._raw.lstrip(_SPACE).startswith("{"):
            self._pass_on(letter)

    def _pass_on(self, text: str) -> None:
        self._has_arguments = True
        self._ready.append(text)

    def _track(self, letter: str) -> None:
        """Follow strings and nesting."""
        if self._in_string:
            if self._escaped:
                self._escaped = False
            elif letter == "\\":
                self._escaped = True
            elif letter == '"':
                self._in_string = False
        elif letter == '"':
            self._in_string = True
        elif letter in "{[":
            self._depth += 1
        elif letter in "}]":
            self._depth -= 1
