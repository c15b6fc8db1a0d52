"""Structured logs: JSON lines for machines, colours for people; never audio, text or keys."""

import logging
import sys
from typing import Literal

import structlog

# Tracebacks come without the values of local variables: those hold what people said.
_JSON: list[structlog.typing.Processor] = [
    structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    ),
    structlog.processors.JSONRenderer(),
]


_NO_ERROR = "ASGI callable returned without completing handshake."
"""What uvicorn says of every WebSocket that is refused with an HTTP error, as it should be."""


def _is_worth_saying(line: logging.LogRecord) -> bool:
    return line.msg != _NO_ERROR


def _pretty() -> structlog.typing.Processor:
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def set_up_logs(level: str, form: Literal["json", "pretty"], service: str = "") -> None:
    """Send all log lines to stderr, those of libraries from warnings up.

    In JSON every line says which `service` wrote it, so that the logs of several can be one.
    """

    def sign(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {"service": service, **line} if service and form == "json" else line

    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, force=True)
    logging.getLogger("uvicorn.error").addFilter(_is_worth_saying)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            sign,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_JSON if form == "json" else [_pretty()]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
