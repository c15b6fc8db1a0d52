"""Takes the thoughts out of streamed text, so that a voice does not read them out.

Reasoning models open their answer with `<think>...</think>`; a tag later in the text is a quote
and stays.
"""

OPEN = "<think>"
CLOSE = "</think>"


def thought_over(prompt: str) -> str:
    """The prompt with a thought that it has opened closed again, so that the answer is next."""
    opened = prompt.rstrip()
    return f"{opened}\n\n{CLOSE}\n\n" if opened.endswith(OPEN) else prompt


class Unthinking:
    """Passes text on except for a thought at its beginning.

    `inside` says that the prompt has opened the thought already.
    """

    def __init__(self, *, inside: bool = False) -> None:
        self._feed = self._thought if inside else self._beginning
        self._held = ""

    def feed(self, text: str) -> str:
        """The part of the text so far that may be passed on now."""
        return self._feed(text)

    def finish(self) -> str:
        """What was held back and turned out to be no tag; an unfinished thought is dropped."""
        held = self._held if self._feed == self._beginning else ""
        self._feed, self._held = self._rest, ""
        return held

    def _beginning(self, text: str) -> str:
        self._held += text
        start = self._held.lstrip()
        if start.startswith(OPEN):
            after, self._held = start.removeprefix(OPEN), ""
            self._feed = self._thought
            return self._thought(after)
        if OPEN.startswith(start):
            return ""
        return self.finish()

    def _thought(self, text: str) -> str:
        self._held += text
        _, tag, after = self._held.partition(CLOSE)
        if not tag:
            self._held = self._held[-len(CLOSE) :]
            return ""
        self._held = ""
        self._feed = self._gap
        return self._gap(after)

    def _gap(self, text: str) -> str:
        text = text.lstrip()
        if text:
            self._feed = self._rest
        return text

    def _rest(self, text: str) -> str:
        return text
