"""Reading a stream of text that has not all arrived: a rule that needs more of it stops."""

import re


class Incomplete(Exception):  # noqa: N818 - not an error: the reader waits for more text
    """The answer depends on text that is still to come."""


class Lookahead:
    """The text so far; every question it answers stays true whatever text follows.

    Raises `Incomplete` where that cannot be, unless `final` says that nothing follows.
    """

    def __init__(self, text: str, *, final: bool) -> None:
        self.text = text
        self.final = final

    def at(self, index: int) -> str:
        """The character at an index; the empty string after the end."""
        if index < len(self.text):
            return self.text[index]
        self._end()
        return ""

    def run(self, pattern: re.Pattern[str], start: int) -> int:
        """Where a run of characters ends that `pattern`, which may match nothing, takes greedily."""
        match = pattern.match(self.text, start)
        end = match.end() if match else start
        if end >= len(self.text):
            self._end()
        return end

    def find(self, pattern: re.Pattern[str], start: int, limit: int) -> int:
        """The index of the first single-character match among the next `limit`; -1 without one."""
        match = pattern.search(self.text, start, start + limit)
        if match:
            return match.start()
        if len(self.text) < start + limit:
            self._end()
        return -1

    def starts(self, text: str, start: int) -> bool:
        """Whether the text goes on with these characters."""
        found = self.text[start : start + len(text)]
        if len(found) < len(text) and text.startswith(found):
            self._end()
        return found == text

    def _end(self) -> None:
        if not self.final:
            raise Incomplete
