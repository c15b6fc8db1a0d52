"""Structured logs: JSON lines for machines, colours for people; never audio, text or keys."""

import logging
import sys
from typing import Literal

import structlog


def set_up_logs(level: str, form: Literal["json", "pretty"]) -> None:
    """Send all log lines to stderr, those of libraries from warnings up."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, force=True)
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks
            if form == "json"
            else structlog.processors.ExceptionPrettyPrinter(file=sys.stderr),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
