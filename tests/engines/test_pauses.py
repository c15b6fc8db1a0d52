"""Long pauses are taken out of speech, and the rest keeps its place in time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.engines.pauses import FRAME_S, Pauses, Piece
from voice.engines.vad import FRAME_BYTES


def is_voice(frame: bytes) -> float:
    return float(frame[0] > 0)


def audio(pattern: str) -> bytes:
    """A frame for each letter: numbered ones for "v", zeros for "-"."""
    frames = [bytes([1 + i % 250]) * FRAME_BYTES for i in range(len(pattern))]
    return b"".join(
        f if c == "v" else bytes(FRAME_BYTES) for c, f in zip(pattern, frames, strict=True)
    )


def cut(pattern: str, step: int = 1 << 30) -> list[Piece]:
    pauses, data = Pauses(is_voice), audio(pattern)
    return [p for at in range(0, len(data), step) for p in pauses.cut(data[at : at + step])]


def shape(pieces: list[Piece]) -> list[tuple[int, int, bool]]:
    return [(round(p.start_s / FRAME_S), len(p.pcm) // FRAME_BYTES, p.ends) for p in pieces]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("v" * 5, [(0, 5, False)]),
        ("-" * 50, []),
        ("-" * 50 + "v" * 5, [(35, 20, False)]),
        ("v" * 5 + "-" * 30 + "v" * 5, [(0, 40, False)]),
        ("v" * 5 + "-" * 31 + "v" * 5, [(0, 20, True), (21, 20, False)]),
        ("v" * 5 + "-" * 100 + "v" * 5 + "-" * 10, [(0, 20, True), (90, 30, False)]),
    ],
)
def test_only_long_pauses_are_cut(pattern: str, expected: list[tuple[int, int, bool]]) -> None:
    assert shape(cut(pattern)) == expected


@given(
    st.lists(st.tuples(st.sampled_from("v-"), st.integers(1, 60)), max_size=6),
    st.integers(1, 5 * FRAME_BYTES),
)
def test_every_voiced_frame_is_kept_in_its_place(runs: list[tuple[str, int]], step: int) -> None:
    pattern = "".join(letter * count for letter, count in runs)
    whole, kept = audio(pattern), bytearray(len(pattern) * FRAME_BYTES)
    for piece in cut(pattern, step):
        at = round(piece.start_s / FRAME_S) * FRAME_BYTES
        assert whole[at : at + len(piece.pcm)] == piece.pcm
        kept[at : at + len(piece.pcm)] = piece.pcm
    assert bytes(kept) == whole


def test_a_piece_says_whether_there_is_voice_in_it() -> None:
    pauses = Pauses(is_voice)
    assert [p.voiced for p in pauses.cut(audio("vv"))] == [True]
    assert [p.voiced for p in pauses.cut(audio("---"))] == [False]
    assert pauses.quiet_s == pytest.approx(3 * FRAME_S)
