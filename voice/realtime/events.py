"""Server events as plain dictionaries, and how they become frames."""

import secrets

import msgspec

Event = dict[str, object]
"""A server event without its `event_id`."""

_encoder = msgspec.json.Encoder()


def new_id(prefix: str) -> str:
    """A fresh identifier such as `item_5kPzq...`, at most 32 characters; `prefix` ends in `_`."""
    return prefix + secrets.token_urlsafe(15)


def stamp(event: Event) -> Event:
    """The event with a unique `event_id`."""
    return {"event_id": new_id("event_"), **event}


def encode(event: Event) -> str:
    """The text frame that carries the event."""
    return _encoder.encode(stamp(event)).decode()
