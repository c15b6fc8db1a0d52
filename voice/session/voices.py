"""Voice names: OpenAI's are always accepted and stand for voices of the engine that is there."""

import re

OPENAI_VOICES = (
    "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar",
)  # fmt: skip

SPEECH_VOICES = (*OPENAI_VOICES, "fable", "nova", "onyx")
"""Those that OpenAI offers for reading aloud, of which it does not use all in conversations."""

_CODE = re.compile(r"([a-z]{2,3})(?:[-+].*)?")
_LETTER = re.compile(r"([abefhijpz])[fm]_\w+")
_LETTERS = {"e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt", "z": "zh"}


def known_voices(installed: tuple[str, ...]) -> frozenset[str]:
    """All names a client may ask for."""
    return frozenset(OPENAI_VOICES) | frozenset(installed)


def installed_voice(name: str, installed: tuple[str, ...]) -> str:
    """The engine's voice for a name: itself, its namesake (`af_alloy`), or "" for the default."""
    if name in installed:
        return name
    return next((voice for voice in installed if voice.endswith(f"_{name}")), "")


def voice_language(voice: str) -> str:
    """The language of a voice called after it, as `fr-fr` and `ff_siwis` are; else English."""
    if found := _CODE.fullmatch(voice):
        return found[1]
    found = _LETTER.fullmatch(voice)
    return _LETTERS.get(found[1], "en") if found else "en"
