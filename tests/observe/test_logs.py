import json

import structlog

from voice.observe.logs import set_up_logs


def test_a_json_line_says_which_service_wrote_it(capsys):
    set_up_logs("info", "json", "voice-2")
    structlog.get_logger().info("hello", number=3)
    line = json.loads(capsys.readouterr().err)
    assert (line["service"], line["event"], line["number"]) == ("voice-2", "hello", 3)


def test_a_person_is_not_told_the_service_with_every_line(capsys):
    set_up_logs("info", "pretty", "voice-2")
    structlog.get_logger().info("hello")
    assert "voice-2" not in capsys.readouterr().err
