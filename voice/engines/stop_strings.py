"""Ends streamed text at the first of some strings, which may be cut across pieces."""

from collections.abc import Iterable


class StopStrings:
    """Passes text on until one of `stops` is complete; the stop itself is not passed on."""

    def __init__(self, stops: Iterable[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    def feed(self, text: str) -> str:
        """The part of the text so far that may be passed on now."""
        if self.stopped:
            return ""
        text = self._held + text
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        keep = len(text) - held_back(text, self._stops)
        self._held = text[keep:]
        return text[:keep]

    def finish(self) -> str:
        """What was held back and turned out to be no stop."""
        held, self._held = self._held, ""
        return held


def held_back(text: str, strings: Iterable[str]) -> int:
    """How many characters at the end of `text` may be the beginning of one of `strings`."""
    return max(
        (
            size
            for string in strings
            for size in range(1, min(len(string), len(text) + 1))
            if text.endswith(string[:size])
        ),
        default=0,
    )
