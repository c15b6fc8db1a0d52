"""The voice that a request for speech names, as the model that is asked calls it."""

from collections.abc import Sequence
from difflib import get_close_matches

from voice.gateway.errors import ApiError
from voice.session.voices import SPEECH_VOICES, installed_voice

LONGEST_NAME = 100
"""Of what is compared with what there is."""
LISTED_VOICES = 40
"""More names than this help nobody in an error."""


def chosen_voice(name: str, voices: Sequence[str], who: str) -> str:
    """The model's voice for a name, "" for its usual one. Raises `ApiError`."""
    if not name or name in SPEECH_VOICES or name in voices:
        return installed_voice(name, tuple(voices)) if name else ""
    listed = ", ".join(voices[:LISTED_VOICES])
    more = len(voices) - LISTED_VOICES
    others = f" and {more} more, which GET /v1/audio/voices lists" if more > 0 else ""
    near = get_close_matches(name[:LONGEST_NAME], (*voices, *SPEECH_VOICES), n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ApiError(
        f"{who} has no voice {name[:LONGEST_NAME]!r}; {hint}It has {listed}{others}; and OpenAI's "
        f"names stand for one of them: {', '.join(SPEECH_VOICES)}.",
        code="invalid_value",
        param="voice",
    )


def voice_name(voice: object) -> str:
    """The name of a voice, which may be given as an object with its id."""
    name = voice.get("id") if isinstance(voice, dict) else voice
    return str(name or "")
