"""How sessions begin, at every door.

What a session starts with is decided here alone. A connection may name a model (`?model=`) or an intent (`?intent=transcription`), a call may bring a
`session` object, and either may show a client secret, which has a configuration of its own. The
secret is the base, and the `session` object is laid over it; but who minted a secret that names a
model has decided on the model.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import msgspec

from voice.config import Settings
from voice.engines.protocols import EngineError, Prompt
from voice.engines.registry import EngineSet
from voice.engines.vad import open_detector
from voice.gateway.errors import ApiError
from voice.realtime.config import SessionConfig
from voice.realtime.errors import WireError
from voice.realtime.validation import check_voice
from voice.server import Server
from voice.session.session import SessionOptions

MODEL = "gpt-realtime"
"""What the model is called where nobody names one."""
INSTRUCTIONS = (
    "You are a helpful voice assistant. Your words are spoken aloud: answer in one to three short "
    "sentences of plain speech, without lists or markup."
)
WARM_S = 60.0
"""How long a client waits for engines that are still loading."""
_REALTIME, _TRANSCRIPTION = "realtime", "transcription"


def opening_config(
    query: Mapping[str, str],
    voices: frozenset[str],
    *,
    secret: SessionConfig | None = None,
    session: Mapping[str, object] | None = None,
    resumed: SessionConfig | None = None,
) -> SessionConfig:
    """The configuration of a new session; `voices` are all names that a client may ask for.

    `query` is that of the address, `secret` what the client secret that was shown stands for, and
    `session` the part of that name of a call. A session that goes on with a conversation has that
    of before, which was `resumed`, and whatever model is named now. Raises `ApiError`.
    """
    kind = session_type(query, secret, session)
    base = resumed or secret or _usual(kind)
    pinned = secret.model if secret else ""
    config = requested_config(session, voices, _replaced(base, model=pinned))
    named = query.get("model", "")
    if config.type != _TRANSCRIPTION:
        return with_model(config, named or base.model)
    if named:
        message = "You must not provide a model parameter for transcription sessions"
        raise ApiError(message, param="model")
    return config


def session_type(
    query: Mapping[str, str],
    secret: SessionConfig | None = None,
    session: Mapping[str, object] | None = None,
) -> str:
    """The type of session that is asked for; see `opening_config`. Raises `ApiError`."""
    transcribes = query.get("intent") == _TRANSCRIPTION
    if secret is None:
        wanted = (session or {}).get("type")
        return _TRANSCRIPTION if transcribes or wanted == _TRANSCRIPTION else _REALTIME
    if transcribes and secret.type != _TRANSCRIPTION:
        message = "The client secret is for a realtime session, not for a transcription session."
        raise ApiError(message, code="invalid_value", param="intent")
    return secret.type


def requested_config(
    session: Mapping[str, object] | None,
    voices: frozenset[str],
    base: SessionConfig | None = None,
) -> SessionConfig:
    """A `session` object laid over a base; its model stays "" where nobody named one.

    Raises `ApiError`.
    """
    base = base or _usual(session_type({}, None, session))
    if session is None:
        return base
    try:
        config = base.updated(session)
        check_voice(config.audio.output.voice, voices, "session.audio.output.voice")
    except WireError as error:
        raise ApiError(error.message, code=error.code, param=error.param) from None
    return config


def with_model(config: SessionConfig, named: str = "") -> SessionConfig:
    """The configuration with a model, if it is one of conversations and has none yet."""
    if config.model or config.type == _TRANSCRIPTION:
        return config
    return _replaced(config, model=named or MODEL)


async def warm_engines(server: Server) -> EngineSet:
    """The engines of the server, once they are there. Raises `ApiError`."""
    try:
        async with asyncio.timeout(WARM_S):
            return await server.warm()
    except TimeoutError:
        message = f"The engines were not ready within {WARM_S:.0f} s."
        raise ApiError(message, status=503, kind="server_error") from None
    except EngineError as error:
        raise ApiError(str(error), status=503, kind="server_error") from error


@contextmanager
def seat(server: Server) -> Iterator[None]:
    """Count a session while the block runs. Raises `ApiError` when all seats are taken."""
    limit = server.settings.session.max_sessions
    if limit and server.sessions >= limit:
        message = f"All {limit} sessions of this server are taken; try again later."
        raise ApiError(message, status=503, kind="server_error")
    server.sessions += 1
    try:
        yield
    finally:
        server.sessions -= 1


def session_options(settings: Settings) -> SessionOptions:
    """What the settings say about conversations."""
    session = settings.session
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    return SessionOptions(
        open_detector=partial(open_detector, settings.engines.vad),
        lead_ms=session.lead_ms,
        speculate=session.speculate,
        max_minutes=session.max_minutes,
        defaults=Prompt(
            messages=(),
            temperature=given.get("llm_default_temperature"),
            top_p=given.get("llm_default_top_p"),
            max_tokens=given.get("llm_default_max_tokens"),
        ),
    )


def _usual(kind: str) -> SessionConfig:
    if kind == _TRANSCRIPTION:
        return SessionConfig(type="transcription")
    return SessionConfig(instructions=INSTRUCTIONS)


def _replaced(config: SessionConfig, *, model: str) -> SessionConfig:
    return msgspec.structs.replace(config, model=model)
