"""The brackets and quotes that are open at a place in running text."""

_PAIRS = {
    "(": ")", "[": "]", "{": "}", "（": "）", "［": "］", "｛": "｝", "「": "」", "『": "』",
    "《": "》", "〈": "〉", "【": "】", "“": "”", "„": "“”", "«": "»", '"': '"',
}  # fmt: skip
_REACH = 240
"""A mark that is not closed within this many characters is taken for a slip of the pen."""


class Nesting:
    """Follows the marks of a text in order; positions are offsets in it."""

    marks = frozenset("".join(_PAIRS) + "".join(_PAIRS.values()))

    def __init__(self) -> None:
        self._open: list[tuple[str, int]] = []

    def meet(self, char: str, position: int) -> None:
        """Take note of a bracket or quote; other characters change nothing."""
        self._drop_slips(position)
        for depth in range(len(self._open) - 1, -1, -1):
            if char in self._open[depth][0]:
                del self._open[depth:]
                return
        if char in _PAIRS:
            self._open.append((_PAIRS[char], position))

    def depth(self, position: int) -> int:
        """How many are open."""
        self._drop_slips(position)
        return len(self._open)

    def clear(self) -> None:
        """Take everything for closed, as at the end of a line."""
        self._open.clear()

    def _drop_slips(self, position: int) -> None:
        kept = 0
        while kept < len(self._open) and position - self._open[kept][1] >= _REACH:
            kept += 1
        del self._open[:kept]
