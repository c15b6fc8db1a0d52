"""Word error rates of PocketSphinx on the sample questions, without and with their documents."""

import json
from pathlib import Path

from voice.audio.files import read_recording
from voice.bundled import samples_path
from voice.engines.protocols import STT_RATE_HZ, ListenOptions, Recognizer
from voice.engines.wer import word_errors
from voice.engines.wordforms import tokens


def measure_samples() -> dict[str, float]:
    """Word error rates over all sample questions: `general` English, and knowing the `documents`.

    Takes some seconds. Raises `EngineError` where PocketSphinx is missing.
    """
    from voice.engines.sphinx import Sphinx  # noqa: PLC0415 - loads a language model

    folder = samples_path()
    said = {
        folder / q["file"]: q["words"] for q in json.loads((folder / "questions.json").read_text())
    }
    documents = str(folder / "documents")
    return {
        "general": error_rate(Sphinx(), said),
        "documents": error_rate(Sphinx(documents), said),
    }


def error_rate(recognizer: Recognizer, said: dict[Path, str]) -> float:
    """Word errors per word over recordings, each with what is said in it."""
    errors = words = 0
    for path, text in said.items():
        wanted = tokens(text)
        errors += word_errors(wanted, tokens(recognize(recognizer, path)))
        words += len(wanted)
    return errors / max(1, words)


def recognize(recognizer: Recognizer, path: Path) -> str:
    """The text of a recording of any rate."""
    recognizer.open(0, ListenOptions())
    try:
        recognizer.feed(0, read_recording(path, STT_RATE_HZ))
        return recognizer.transcript(0).text
    finally:
        recognizer.close(0)
