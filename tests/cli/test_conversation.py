"""`voice demo` and `voice ask` as a new user runs them: on embedded engines, in real time."""

import json
import re
import shutil

import numpy as np
import pytest
import soundfile

from voice.bundled import samples_path

pytest.importorskip("pocketsphinx", reason="PocketSphinx is not installed")
pytestmark = [pytest.mark.engine, pytest.mark.server, pytest.mark.slow]

SAMPLES = samples_path()
TITLES = {
    "library.md": "library guide",
    "coffee-machine.md": "coffee machine manual",
    "garden-calendar.md": "garden calendar",
    "heron-lake-trail.md": "trail guide",
    "bread.md": "bread baking",
}


def test_the_demo_answers_each_question_from_its_document(run):
    result = run("demo", "--once", "--out", "demo.wav")
    assert result.exit_code == 0, result.output
    answers = re.findall(r"^ voice  (.*)$", result.output, re.MULTILINE)
    questions = json.loads((SAMPLES / "questions.json").read_text())
    assert len(answers) == len(questions) >= 3
    for question, answer in zip(questions, answers, strict=True):
        title = TITLES[question["document"]]
        interrupted = question["file"] == "questions/bread.wav"
        # Of what was interrupted only the beginning was heard.
        assert (title[: len("bread")] if interrupted else title) in answer, (question, answer)
    assert result.output.count("(interrupted)") == 1
    assert result.output.count("wait for the end of the turn") == len(questions)
    audio, _ = soundfile.read("demo.wav")  # (n_samples, 2)
    assert (np.abs(audio).max(axis=0) > 0.1).all()


def test_a_recorded_question_is_answered_aloud(run, tmp_path):
    shutil.copy(SAMPLES / "questions/library.wav", tmp_path)
    result = run("ask", "library.wav")
    assert result.exit_code == 0, result.output
    assert "you  When does the library close on Saturday" in result.output
    assert "one o'clock" in result.output
    answer, rate_hz = soundfile.read(tmp_path / "library.answer.wav")
    assert np.abs(answer).max() > 0.1
    assert len(answer) > 2 * rate_hz
