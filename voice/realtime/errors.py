"""The error that a client's event deserves."""

from voice.realtime.events import Event


class WireError(Exception):
    """An event could not be obeyed; the session stays open."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None,
        param: str | None = None,
        type: str = "invalid_request_error",  # noqa: A002 - the wire's own name
        event_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.type = type
        self.event_id = event_id

    def to_event(self, event_id: str | None = None) -> Event:
        """The `error` event; `event_id` names the client's event when the error does not know it."""
        return {
            "type": "error",
            "error": {
                "type": self.type,
                "code": self.code,
                "message": self.message,
                "param": self.param,
                "event_id": self.event_id or event_id,
            },
        }


def invalid_value(message: str, param: str) -> WireError:
    return WireError(message, code="invalid_value", param=param)


def missing_parameter(param: str) -> WireError:
    return WireError(
        f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param
    )


def unknown_parameter(param: str) -> WireError:
    return WireError(f"Unknown parameter: '{param}'.", code="unknown_parameter", param=param)


def unknown_item(verb: str, item_id: str) -> WireError:
    """The error of retrieving, truncating or deleting an item that is not there."""
    gerund = verb.removesuffix("e") + "ing"
    return WireError(
        f"Error {gerund} item: the item with id '{item_id}' does not exist.",
        code=f"item_{verb}_invalid_item_id",
        param="item_id",
    )


def commit_empty(buffered_ms: float) -> WireError:
    """The error of committing less than 100 ms of audio."""
    return WireError(
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
        f"but buffer only has {buffered_ms:.2f}ms of audio.",
        code="input_audio_buffer_commit_empty",
    )


def session_expired(minutes: int) -> WireError:
    """The error before a session is closed for its age."""
    return WireError(
        f"Your session hit the maximum duration of {minutes} minutes.", code="session_expired"
    )
