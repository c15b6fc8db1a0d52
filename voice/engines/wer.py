"""Word error rate: how far a transcript is from what was said."""

from collections.abc import Sequence

from voice.engines.wordforms import tokens


def word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """The fewest words to insert, delete or replace to turn one into the other."""
    row = list(range(len(hypothesis) + 1))
    for number, wanted in enumerate(reference, 1):
        before, row = row, [number]
        for column, heard in enumerate(hypothesis):
            changed = before[column] + (wanted != heard)
            row.append(min(before[column + 1] + 1, row[column] + 1, changed))
    return row[-1]


def word_error_rate(reference: str, hypothesis: str) -> float:
    """Word errors per word of `reference`; case, punctuation and the spelling of numbers are free.

    Can exceed 1. An empty reference counts as one word.
    """
    wanted = tokens(reference)
    return word_errors(wanted, tokens(hypothesis)) / max(1, len(wanted))
