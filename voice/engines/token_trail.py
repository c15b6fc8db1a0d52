"""Which tokens a streamed text was made of, when parts of it are held back or dropped. Pure.

Tokens end anywhere, within characters too, and stop strings begin anywhere. Text is passed on in
the smallest parts that are made of whole tokens, so that both always say the same.
"""

from collections import deque
from dataclasses import dataclass, field

import msgspec

from voice.engines.protocols import TextDelta, TokenLogprob


class TokenTrail:
    """Text goes in token by token, and comes out with its tokens once it may be said."""

    def __init__(self) -> None:
        self._parts: deque[_Part] = deque()
        self._used = 0
        """How many characters of the first part were said or dropped."""

    def note(self, token: TokenLogprob | None, text: str, *, ends: bool) -> None:
        """Add a token and the characters that it made whole; `ends` unless it began another."""
        if not self._parts or self._parts[-1].ends:
            self._parts.append(_Part())
        part = self._parts[-1]
        part.text += text
        part.ends = ends
        if token:
            part.tokens.append(token)

    def keep_last(self, count: int) -> None:
        """Drop all but so many characters."""
        self._advance(len(self._waiting()) - count, said=False)

    def say(self, text: str) -> TextDelta | None:
        """Pass on a text that comes next, maybe after what was dropped."""
        waiting = self._waiting()
        # What is said after a tool call is at the end of what was written.
        at = 0 if waiting.startswith(text) else waiting.rfind(text)
        if at < 0:
            return TextDelta(text)
        self._advance(at, said=False)
        return _delta(self._advance(len(text), said=True))

    def finish(self) -> TextDelta | None:
        """The said part of a token of which the rest is dropped."""
        parts = [part for part in self._parts if part.said]
        self._parts.clear()
        self._used = 0
        return _delta(parts)

    def _waiting(self) -> str:
        return "".join(part.text for part in self._parts)[self._used :]

    def _advance(self, count: int, *, said: bool) -> list["_Part"]:
        """Say or drop so many characters; returns the parts that are thereby said."""
        done: list[_Part] = []
        while count > 0:
            part = self._parts[0]
            passed = part.text[self._used : self._used + count]
            part.said += passed if said else ""
            self._used += len(passed)
            count -= len(passed)
            if self._used == len(part.text) and part.ends:
                self._parts.popleft()
                self._used = 0
                done += [part] if part.said else []
        return done


@dataclass
class _Part:
    """Tokens that begin and end with a character, and what of their text was said."""

    text: str = ""
    tokens: list[TokenLogprob] = field(default_factory=list)
    ends: bool = False
    said: str = ""

    def said_tokens(self) -> list[TokenLogprob]:
        """The tokens, cut to what was said of them."""
        whole = b"".join(bytes_of(token) for token in self.tokens)
        at = whole.find(self.said.encode())
        if self.said == self.text or at < 0:
            return self.tokens
        end = at + len(self.said.encode())
        cut: list[TokenLogprob] = []
        start = 0
        for token in self.tokens:
            data = bytes_of(token)
            if left := data[max(at - start, 0) : max(end - start, 0)]:
                text, raw = as_text(left)
                cut.append(msgspec.structs.replace(token, token=text, raw=raw))
            start += len(data)
        return cut


def _delta(parts: list[_Part]) -> TextDelta | None:
    if not parts:
        return None
    tokens = tuple(token for part in parts for token in part.said_tokens())
    return TextDelta("".join(part.said for part in parts), tokens)


def bytes_of(token: TokenLogprob) -> bytes:
    return token.raw or token.token.encode()


def as_text(data: bytes) -> tuple[str, bytes]:
    """Bytes as `token` and `raw` of a `TokenLogprob`."""
    try:
        return data.decode(), b""
    except UnicodeDecodeError:
        return data.decode(errors="replace"), data
