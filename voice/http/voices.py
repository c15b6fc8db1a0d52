"""`GET /v1/audio/voices`: the voices of each engine, and which of them OpenAI's names stand for."""

from litestar import get
from litestar.datastructures import State
from litestar.params import FromQuery

from voice.engines.protocols import TextToSpeech
from voice.http.speech import engine
from voice.server import Server
from voice.session.voices import SPEECH_VOICES, installed_voice, voice_language


@get("/v1/audio/voices")
async def list_voices(state: State, model: FromQuery[str | None] = None) -> dict[str, object]:
    """The voices of the engines that run, or of one that is started for it if need be."""
    server: Server = state.server
    usual = (await server.warm()).tts
    if model is None:
        shown = [usual, *server.other_voices.started()]
    else:
        shown = [await engine(server, model)]
    running = {tts.name for tts in shown}
    return {
        "object": "list",
        "data": [entry for tts in shown for entry in _voices(tts)],
        "engines": [_engine(tts, is_usual=tts.name == usual.name) for tts in shown],
        "other_engines": [name for name in server.other_voices.names() if name not in running],
    }


def _voices(tts: TextToSpeech) -> list[dict[str, object]]:
    return [
        {
            "id": name,
            "object": "audio.voice",
            "name": name,
            "language": voice_language(name),
            "model": tts.name,
        }
        for name in tts.voices
    ]


def _engine(tts: TextToSpeech, *, is_usual: bool) -> dict[str, object]:
    """What OpenAI's names stand for; null is the voice that the engine takes by itself."""
    names = {name: installed_voice(name, tts.voices) or None for name in SPEECH_VOICES}
    return {
        "model": tts.name,
        "default": is_usual,
        "instructions": "instructions" in tts.accepts,
        "openai_voices": names,
    }
