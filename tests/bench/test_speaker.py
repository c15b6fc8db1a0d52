import pytest

from voice.bench.script import recordings, short_answer
from voice.bench.speaker import UNDERSTOOD, ReplyError, Speaker, session_for

QUESTIONS = recordings()


class Line:
    """A client to which this was said."""

    def __init__(self, heard: str = "", audio: bool = True) -> None:
        self.audio_s = {"resp": [1.0]} if audio else {}
        self.events = [(0.0, {"type": UNDERSTOOD, "transcript": heard})]

    def seen(self, kind, since=0):
        return [each for each in self.events[since:] if each[1]["type"] == kind]


def answer(text: str, status: str = "completed") -> dict:
    output = [{"content": [{"transcript": text}]}]
    return {"id": "resp", "status": status, "status_details": None, "output": output}


def check(response: dict, line: Line, *, scripted: bool) -> None:
    Speaker(3, line, QUESTIONS, scripted)._check(response, QUESTIONS[1], 0)


def test_a_callers_own_answer_is_right():
    check(answer(short_answer(3)), Line(), scripted=True)


def test_the_answer_to_another_caller_is_wrong():
    with pytest.raises(ReplyError, match="another's"):
        check(answer(short_answer(4)), Line(), scripted=True)


def test_an_answer_without_audio_is_wrong():
    with pytest.raises(ReplyError, match="no audio"):
        check(answer(short_answer(3)), Line(audio=False), scripted=True)


@pytest.mark.parametrize("status", ["failed", "cancelled", "incomplete"])
def test_an_answer_that_broke_off_is_wrong(status):
    with pytest.raises(ReplyError, match=status):
        check(answer(short_answer(3), status), Line(), scripted=True)


def test_a_real_engine_may_answer_anything_to_the_question_it_understood():
    check(answer("In autumn."), Line(heard=QUESTIONS[1].words.lower()), scripted=False)


def test_a_question_that_was_taken_for_another_is_wrong():
    with pytest.raises(ReplyError, match="was understood as"):
        check(answer("In autumn."), Line(heard=QUESTIONS[2].words), scripted=False)


def test_questions_go_around_from_the_callers_number_on():
    speaker = Speaker(3, Line(), QUESTIONS, scripted=True)
    asked = [QUESTIONS.index(speaker._question()) for _ in QUESTIONS]
    assert asked == [3, 4, 0, 1, 2]


def test_only_fakes_are_ordered_what_to_say():
    assert short_answer(7) in session_for(7, scripted=True)["instructions"]
    assert "instructions" not in session_for(7, scripted=False)
