"""`GET /v1/audio/voices`: the voices of each model, and which of them OpenAI's names stand for."""

from dataclasses import dataclass

from litestar import get
from litestar.datastructures import State
from litestar.params import FromQuery

from voice.engines.protocols import TextToSpeech
from voice.routing.targets import LOCAL
from voice.server import Server
from voice.session.voices import SPEECH_VOICES, installed_voice, voice_language


@dataclass(frozen=True, slots=True)
class Speaker:
    """A model that speaks."""

    name: str
    voices: tuple[str, ...]
    takes_instructions: bool

    @classmethod
    def of(cls, tts: TextToSpeech) -> "Speaker":
        return cls(tts.name, tts.voices, "instructions" in tts.accepts)


@get("/v1/audio/voices")
async def list_voices(state: State, model: FromQuery[str | None] = None) -> dict[str, object]:
    """The voices of what speaks here, or of one engine that is started for it if need be."""
    server: Server = state.server
    usual = Speaker.of((await server.warm()).tts)
    if model is None:
        shown = [usual, *map(Speaker.of, server.other_voices.started()), *_remote(server)]
    else:
        shown = [await _speaker(server, model)]
    shown = list({speaker.name: speaker for speaker in reversed(shown)}.values())[::-1]
    running = {speaker.name for speaker in shown}
    return {
        "object": "list",
        "data": [entry for speaker in shown for entry in _voices(speaker)],
        "engines": [_engine(each, is_usual=each.name == usual.name) for each in shown],
        "other_engines": [name for name in server.other_voices.names() if name not in running],
    }


def _remote(server: Server) -> list[Speaker]:
    """The models of the file that speak."""
    registry = server.router.registry
    names = (name for name, kind in registry.names().items() if kind == "speech")
    routes = (route for name in names if (route := registry.find(name)))
    return [Speaker(each.name, each.voices, takes_instructions=True) for each in routes]


async def _speaker(server: Server, name: str) -> Speaker:
    """The model that a client means. Raises `ApiError` and `EngineError`."""
    route = await server.router.route(name, "audio/speech")
    target = route.targets[0]
    if target.provider != LOCAL:
        return Speaker(route.name, route.voices, takes_instructions=True)
    usual = (await server.warm()).tts
    tts = usual if target.model == usual.name else await server.other_voices.get(target.model)
    return Speaker.of(tts)


def _voices(speaker: Speaker) -> list[dict[str, object]]:
    return [
        {
            "id": name,
            "object": "audio.voice",
            "name": name,
            "language": voice_language(name),
            "model": speaker.name,
        }
        for name in speaker.voices
    ]


def _engine(speaker: Speaker, *, is_usual: bool) -> dict[str, object]:
    """What OpenAI's names stand for; null is the voice that the model takes by itself."""
    names = {name: installed_voice(name, speaker.voices) or None for name in SPEECH_VOICES}
    return {
        "model": speaker.name,
        "default": is_usual,
        "instructions": speaker.takes_instructions,
        "openai_voices": names,
    }
