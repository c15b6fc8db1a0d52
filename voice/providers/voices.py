"""The voice that a request for speech names, as the model that is asked calls it."""

from collections.abc import Sequence
from difflib import get_close_matches

from voice.gateway.errors import ApiError
from voice.session.voices import SPEECH_VOICES, installed_voice

LONGEST_NAME = 100
"""Of what is compared with what there is."""
LISTED_VOICES = 12
"""More names than this help nobody in an error."""


def chosen_voice(name: str, voices: Sequence[str], who: str) -> str:
    """The model's voice for a name, "" for its usual one. Raises `ApiError`."""
    if not name or name in SPEECH_VOICES or name in voices:
        return installed_voice(name, tuple(voices)) if name else ""
    raise ApiError(
        f"{who} has no voice {name[:LONGEST_NAME]!r}; {_others(name, voices)} OpenAI's names mean "
        f"one of its voices each: {', '.join(SPEECH_VOICES)}.",
        code="invalid_value",
        param="voice",
    )


def _others(name: str, voices: Sequence[str]) -> str:
    """What there is, as far as it can be read: all of a few, the nearest of many."""
    near = get_close_matches(name[:LONGEST_NAME], (*voices, *SPEECH_VOICES), n=3)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    if len(voices) > LISTED_VOICES:
        return f"{hint}GET /v1/audio/voices lists its {len(voices)} voices."
    return f"{hint}{'There' if near else 'there'} is {', '.join(voices)}."


def voice_name(voice: object) -> str:
    """The name of a voice, which may be given as an object with its id."""
    name = voice.get("id") if isinstance(voice, dict) else voice
    return str(name or "")
