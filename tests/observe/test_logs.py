import json
import logging

import pytest
import structlog

from voice.observe.logs import set_up_logs


@pytest.fixture(autouse=True)
def _handlers():
    """What is set up here writes to a stream that does not outlive the test."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_a_json_line_says_which_service_wrote_it(capsys):
    set_up_logs("info", "json", "voice-2")
    structlog.get_logger().info("hello", number=3)
    line = json.loads(capsys.readouterr().err)
    assert (line["service"], line["event"], line["number"]) == ("voice-2", "hello", 3)


def test_a_person_is_not_told_the_service_with_every_line(capsys):
    set_up_logs("info", "pretty", "voice-2")
    structlog.get_logger().info("hello")
    assert "voice-2" not in capsys.readouterr().err


def test_a_refused_websocket_is_no_error(capsys):
    set_up_logs("info", "json")
    logger = logging.getLogger("uvicorn.error")
    logger.error("ASGI callable returned without completing handshake.")
    logger.error("Something else")
    assert capsys.readouterr().err == "ERROR:uvicorn.error:Something else\n"
