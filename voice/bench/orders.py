"""What the fake upstream is told to answer, and whether an answer is what was ordered.

The order is the last message of a chat, so it comes through any server in between. Every word of an
answer bears the number of its caller and its place: nothing can be lost, doubled or mixed up unseen.
"""

import msgspec

SYSTEM = (
    "You are a helpful assistant on a voice line. Answer briefly, in whole sentences, and without "
    "lists, tables, or anything else that cannot be spoken. Say so when you do not know something. "
)
DONE = b"data: [DONE]"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of `words` to a caller, `per_write` events at a time, `every_ms` apart."""

    caller: int
    words: int
    per_write: int = 1
    every_ms: float = 0.0
    last: bool = False
    """Close the connection after the answer."""


class Message(msgspec.Struct, gc=False):
    role: str = ""
    content: str | None = None


class Asked(msgspec.Struct, gc=False):
    """What the fake upstream reads of a request."""

    messages: list[Message]
    stream: bool | None = None


class _Choice(msgspec.Struct, gc=False):
    message: Message | None = None
    delta: Message | None = None
    finish_reason: str | None = None


class _Answer(msgspec.Struct, gc=False):
    choices: list[_Choice]


asked = msgspec.json.Decoder(Asked).decode
order_in = msgspec.json.Decoder(Order).decode
_answer = msgspec.json.Decoder(_Answer).decode


class WrongAnswerError(Exception):
    """An answer is not the one that was ordered; the message says how."""


def request_body(model: str, order: Order, *, stream: bool) -> bytes:
    """The JSON that asks a model for this."""
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": msgspec.json.encode(order).decode()},
    ]
    return msgspec.json.encode(
        {"model": model, "messages": messages} | ({"stream": True} if stream else {})
    )


def word(caller: int, place: int) -> str:
    return f" {caller}.{place}"


def text_of(order: Order) -> str:
    """The answer to an order."""
    return "".join(word(order.caller, place) for place in range(order.words))


def check_whole(body: bytes | bytearray, order: Order | None) -> None:
    """Raises `WrongAnswerError` unless this answers the order; without one, any answer is right."""
    try:
        said = _answer(body).choices[0].message
    except (msgspec.DecodeError, IndexError) as error:
        raise WrongAnswerError(
            f"the answer is no completion ({error}): {bytes(body[:200])!r}"
        ) from None
    _check_text((said and said.content) or "", order)


def check_stream(body: bytes | bytearray, order: Order | None) -> int:
    """The number of events, `[DONE]` included. Raises `WrongAnswerError`."""
    events = [event for event in body.split(b"\n\n") if event and not event.startswith(b":")]
    if not events or events[-1] != DONE:
        raise WrongAnswerError(f"the stream ends without [DONE]: {bytes(body[-200:])!r}")
    parts: list[str] = []
    finished = False
    for event in events[:-1]:
        try:
            choices = _answer(event.removeprefix(b"data: ")).choices
        except msgspec.DecodeError as error:
            shown = bytes(event[:200])
            raise WrongAnswerError(f"an event is no completion ({error}): {shown!r}") from None
        for choice in choices:
            parts.append((choice.delta and choice.delta.content) or "")
            finished = finished or choice.finish_reason is not None
    if not finished:
        raise WrongAnswerError("the stream gives no finish_reason")
    _check_text("".join(parts), order)
    return len(events)


def _check_text(said: str, order: Order | None) -> None:
    if order is not None and said != text_of(order):
        raise WrongAnswerError(
            f"the answer is not what was ordered: {len(said)} characters in place of "
            f"{len(text_of(order))}, {said[:60]!r}"
        )
