"""Finds the tool calls in what a local model writes, as it writes it.

Each family of models writes them its own way:

- Hermes, Qwen: `<tool_call>{"name": "f", "arguments": {}}</tool_call>`, again for each call
- Llama 3: `{"name": "f", "parameters": {}}`, maybe after `<|python_tag|>`, with `;` between calls
- Mistral: `[TOOL_CALLS][{"name": "f", "arguments": {}}]`, or `[TOOL_CALLS]f[ARGS]{}`
- LFM: `<|tool_call_start|>[f(x=1)]<|tool_call_end|>`, in Python
- others: `<|tool_call|>[{...}]`, or the object in a fence of JSON

All are read alike: a marker, or an object at the very beginning that names a known function; what
follows is calls. Pure: text in, pieces out.
"""

import re
from collections.abc import Callable, Collection
from uuid import uuid4

from voice.engines.call_json import CallObject
from voice.engines.call_python import python_call
from voice.engines.protocols import CallDelta, CallStarted, Piece, TextDelta
from voice.engines.stop_strings import held_back

MARKERS = (
    "<tool_call>",
    "<|tool_call|>",
    "<|tool_call_start|>",
    "<|python_tag|>",
    "[TOOL_CALLS]",
)
ENDS = ("</tool_call>", "<|/tool_call|>", "<|tool_call_end|>")

_BARE = re.compile(r"(```(json)?\s*)?(\[\s*)?\{")
_MAYBE_BARE = re.compile(r"(`{0,3}|```j|```js|```jso|```(json)?\s*(\[\s*)?|\[\s*)")
_PYTHON = re.compile(r"[A-Za-z_][\w.]*\(")
_BETWEEN = " \t\r\n,;[]`"
_NAMED = re.compile(
    r"(TOOL_CALLS\])?[\s\[]*((?P<name>[\w.-]+)\s*(\[CALL_ID\][\w-]+)?(\[ARGS\])?)?\s*"
)


class BadToolCallError(Exception):
    """A model began a tool call and wrote something else."""


class ToolCallReader:
    """Splits a model's text into what is said and what is called. Raises `BadToolCallError`.

    `names` are the functions that an object without a marker may call; `forced` says that the text
    begins with a call, as when a grammar has left no choice.
    """

    def __init__(self, names: Collection[str], *, forced: bool = False) -> None:
        self._names = names
        self._state: Callable[[str], str] = self._between if forced else self._beginning
        self._pieces: list[Piece] = []
        self._held = ""
        self._call = CallObject()
        self._is_bare = False
        self.calls = 0

    @property
    def is_between_calls(self) -> bool:
        """Whether a call may begin, or none may come any more."""
        return self._state == self._between

    def feed(self, text: str) -> list[Piece]:
        """The pieces that may be passed on now."""
        # Each state takes what it understands and leaves the rest to the next.
        state = None
        while text or state != self._state:
            state = self._state
            text = state(text)
        pieces, self._pieces = self._pieces, []
        return pieces

    def finish(self) -> list[Piece]:
        """The text that was held back and turned out to be no call.

        A call that broke off is left as it is; its arguments are no JSON.
        """
        held, self._held = self._held, ""
        if self._state == self._object and not self._is_bare:
            held = ""
        elif self._state in {self._between, self._python}:
            if held and not self.calls:
                raise self._bad(held)
            held = ""
        return [TextDelta(held)] if held.strip() else []

    # ------------------------------------------------------------ states

    def _beginning(self, text: str) -> str:
        """Nothing but space so far: an object without a marker may come."""
        text, self._held = self._held + text, ""
        start = text.lstrip()
        if match := _BARE.match(start):
            brace = match.end() - 1
            self._held, self._is_bare = start[:brace], True
            self._begin_call("")
            return start[brace:]
        if _MAYBE_BARE.fullmatch(start):
            self._held = text
            return ""
        self._state = self._text
        return text

    def _text(self, text: str) -> str:
        """What is said, until a marker; the space before a marker is not said."""
        text, self._held = self._held + text, ""
        found = [(at, marker) for marker in MARKERS if (at := text.find(marker)) >= 0]
        if found:
            at, marker = min(found)
            self._say(text[:at].rstrip())
            self._state = self._between
            return text[at + len(marker) :]
        said = text[: len(text) - held_back(text, MARKERS)].rstrip()
        self._say(said)
        self._held = text[len(said) :]
        return ""

    def _between(self, text: str) -> str:
        """Before, between and after calls: an object may come, a name before one, or the end."""
        text, self._held = (self._held + text).lstrip(_BETWEEN), ""
        for tag in (*ENDS, *MARKERS):
            if text.startswith(tag):
                self._state = self._text if tag in ENDS else self._between
                return text[len(tag) :]
        if _PYTHON.match(text) and not self._is_bare:
            self._state = self._python
            return text
        name, brace, _ = text.partition("{")
        if self._is_bare and name:
            self._state = self._text
            return text
        if not brace:
            self._held = text
            return ""
        match = _NAMED.fullmatch(name)
        if not match:
            raise self._bad(text)
        self._begin_call(match["name"] or "")
        return text[len(name) :]

    def _python(self, text: str) -> str:
        """Within a call that is written as Python, which is passed on when it is complete."""
        text, self._held = self._held + text, ""
        for end in (match.end() for match in re.finditer(r"\)", text)):
            if call := python_call(text[:end]):
                name, arguments = call
                self._start(name)
                self._pieces.append(CallDelta(arguments))
                self._state = self._between
                return text[end:]
        self._held = text
        return ""

    def _object(self, text: str) -> str:
        """Within the object of a call."""
        call = self._call
        used = 0
        while used < len(text) and not (call.done or call.broken):
            call.push(text[used])
            used += 1
        if not call.is_started:
            self._held += text[:used]
            if self._is_bare and self._is_no_call(call):
                self._state, self._is_bare = self._text, False
                return text[used:]
        if call.broken or (call.done and not call.name):
            raise self._bad(self._held or "arguments that are no JSON")
        if call.name:
            self._pass_on(call)
        if call.done:
            self._state = self._between
        return text[used:]

    # ------------------------------------------------------------ parts of them

    def _begin_call(self, name: str) -> None:
        self._state, self._call = self._object, CallObject(name)

    def _is_no_call(self, call: CallObject) -> bool:
        """Whether an object without a marker is an answer in JSON."""
        named_otherwise = call.name and call.name not in self._names
        return bool(
            call.broken or call.is_foreign or named_otherwise or (call.done and not call.name)
        )

    def _pass_on(self, call: CallObject) -> None:
        if not call.is_started:
            call.is_started, self._held = True, ""
            self._start(call.name)
        if arguments := call.take_arguments():
            self._pieces.append(CallDelta(arguments))

    def _start(self, name: str) -> None:
        self.calls += 1
        self._pieces.append(CallStarted(f"call_{uuid4().hex}", name))

    def _say(self, text: str) -> None:
        if text:
            self._pieces.append(TextDelta(text))

    @staticmethod
    def _bad(text: str) -> BadToolCallError:
        return BadToolCallError(f"began a tool call and wrote {text.strip()[:80]!r}")
