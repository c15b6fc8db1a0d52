"""Questions to ask of a generator, and what to look at in its answers."""

from voice.engines.protocols import (
    Finished,
    Generator,
    Message,
    Piece,
    Prompt,
    TextDelta,
    TokenLogprob,
)

USER = Message(role="user", content="Hi")


def never() -> bool:
    return False


def prompt(*messages: Message, **fields: object) -> Prompt:
    """A prompt for the likeliest answer, unless a temperature is given."""
    return Prompt(**{"messages": messages or (USER,), "temperature": 0.0, **fields})


def answer(llama: Generator, *messages: Message, **fields: object) -> list[Piece]:
    return list(llama.generate(prompt(*messages, **fields), never))


def said(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, TextDelta))


def tokens(pieces: list[Piece]) -> list[TokenLogprob]:
    return [token for piece in pieces if isinstance(piece, TextDelta) for token in piece.logprobs]


def finished(pieces: list[Piece]) -> Finished:
    last = pieces[-1]
    assert isinstance(last, Finished)
    return last
