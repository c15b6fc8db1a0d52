"""Local agreement: the part of a changing transcript that two hypotheses in a row confirm."""

from dataclasses import dataclass

from voice.turns.words import plain, word_spans

_DRIFT_WORDS = 8
"""How many words longer than what was sent its counterpart in a new hypothesis may be."""


@dataclass(frozen=True, slots=True)
class _Token:
    """A word with the whitespace before it; `key` is what it has in common with its respellings."""

    text: str
    key: str


class Agreement:
    """Turns the hypotheses of one utterance into text that only ever grows.

    A word is sent once two hypotheses in a row agree on it and on the word after it.
    """

    def __init__(self) -> None:
        self.sent = ""
        self._previous: list[_Token] = []

    def push(self, hypothesis: str) -> str:
        """The newly stable text, with its leading space; empty when nothing new is stable."""
        tokens = _tokens(hypothesis)
        stable = _common_prefix(self._previous, tokens) - 1
        self._previous = tokens
        sent = [token.key for token in _tokens(self.sent)]
        start = _resume(sent, tokens)
        return self._send("".join(token.text for token in tokens[start : max(stable, start)]))

    def finish(self, final: str) -> str:
        """The last delta: all deltas together are `final`, unless more than spelling has changed.

        Then they are what was sent, followed by the words of `final` that align after it.
        """
        if final.startswith(self.sent):
            return self._send(final[len(self.sent) :])
        tokens = _tokens(final)
        sent = _tokens(self.sent)
        start = _resume([token.key for token in sent], tokens)
        rest = "".join(token.text for token in tokens[start:])
        if start and self.sent[-1].isalnum():
            rest = _closing_marks(tokens[start - 1].text) + rest
        return self._send(rest)

    def _send(self, delta: str) -> str:
        if not self.sent:
            delta = delta.lstrip()
        self.sent += delta
        return delta


def _tokens(text: str) -> list[_Token]:
    tokens = []
    end = 0
    for span in word_spans(text):
        word = text[end : span.end]
        tokens.append(_Token(word, plain(word)))
        end = span.end
    if tokens:
        last = tokens.pop()
        tokens.append(_Token(last.text + text[end:].rstrip(), last.key))
    return tokens


def _common_prefix(left: list[_Token], right: list[_Token]) -> int:
    count = 0
    for one, other in zip(left, right, strict=False):
        if one.key != other.key:
            break
        count += 1
    return count


def _resume(sent: list[str], tokens: list[_Token]) -> int:
    """The index of the first token that continues what was sent."""
    keys = [token.key for token in tokens]
    if keys[: len(sent)] == sent:
        return len(sent)
    return _aligned_end(sent, keys)


def _aligned_end(sent: list[str], keys: list[str]) -> int:
    """Where in `keys` the words of `sent` end: the cheapest edit of `sent` into a prefix of `keys`.

    A tie goes to the prefix that ends with the same word, then to that of the nearest length.
    """
    keys = keys[: len(sent) + _DRIFT_WORDS]
    costs = list(range(len(keys) + 1))
    for row, word in enumerate(sent, start=1):
        diagonal, costs[0] = costs[0], row
        for column, key in enumerate(keys, start=1):
            replaced = diagonal + (word != key)
            diagonal = costs[column]
            costs[column] = min(replaced, diagonal + 1, costs[column - 1] + 1)
    last = sent[-1]
    return min(
        range(len(costs)),
        key=lambda end: (costs[end], keys[end - 1 : end] != [last], abs(end - len(sent))),
    )


def _closing_marks(word: str) -> str:
    """The punctuation at the end of a word."""
    kept = len(word)
    while kept and not word[kept - 1].isalnum():
        kept -= 1
    return word[kept:]
