"""How likely a model took its tokens to be, before sampling changed that."""

from collections.abc import Callable

import numpy as np

from voice.engines.protocols import TokenLogprob
from voice.engines.token_trail import as_text


def likelihood(
    logits: np.ndarray, token: int, top: int, spelled: Callable[[int], bytes]
) -> TokenLogprob:
    """The log-probability of a token, and those of the `top` likeliest, best first.

    `logits` are (n_tokens,) float32, as the model gave them.
    """
    highest = float(logits.max())
    total = highest + float(np.log(np.exp(logits - highest, dtype=np.float64).sum()))

    def told(number: int, best: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
        text, raw = as_text(spelled(number))
        return TokenLogprob(token=text, logprob=float(logits[number]) - total, raw=raw, top=best)

    return told(token, tuple(told(number) for number in _likeliest(logits, top)))


def _likeliest(logits: np.ndarray, count: int) -> list[int]:
    count = min(count, len(logits))
    found = np.argpartition(logits, -count)[-count:] if count else np.array([], int)
    ordered = found[np.argsort(-logits[found], kind="stable")]
    return [int(number) for number in ordered if np.isfinite(logits[number])]
