"""The router of a server, and the engines of its conversations that go by it."""

from collections.abc import Mapping
from typing import Protocol

from voice.config import Settings
from voice.engines.names import Role
from voice.engines.protocols import LanguageModel, SpeechToText, TextToSpeech
from voice.engines.registry import Choice, Engine
from voice.engines.spares import Spares
from voice.providers.config import ProviderConfig
from voice.providers.local_chat import LocalChat
from voice.providers.local_embeddings import LocalEmbeddings
from voice.providers.local_listening import LocalListening
from voice.providers.local_speech import LocalSpeech
from voice.providers.remote import REMOTE
from voice.routing.candidates import RetryPolicy
from voice.routing.configured import policy_of, registry_of, routed_choice, usual_routes
from voice.routing.kinds import AUDIO, ROLES, ModelKind
from voice.routing.language_model import RoutedLanguageModel
from voice.routing.local import EngineSource, NoEngines, ServerEngines
from voice.routing.local_audio import ServerAudio
from voice.routing.registry import Registry, is_openai
from voice.routing.router import Router
from voice.routing.speech_to_text import RoutedSpeechToText
from voice.routing.targets import Route, Target
from voice.routing.text_to_speech import RoutedTextToSpeech
from voice.search.grounding import informed
from voice.search.knowledge import Knowledge

ONCE = RetryPolicy(attempts=1)


class Hosting(EngineSource, Protocol):
    """Has the engines of conversations, and others beside them."""

    other_ears: Spares[SpeechToText]
    other_voices: Spares[TextToSpeech]
    other_models: Spares[LanguageModel]
    knowledge: Knowledge


def router_of(settings: Settings, source: Hosting) -> Router:
    """The router that the settings ask for. Raises `ModelsError`."""
    registry = registry_of(settings)
    texts = ServerEngines(
        source,
        lambda llm: LocalChat(informed(llm, source.knowledge.library)),
        LocalEmbeddings,
        others=registry.local_models("chat"),
        open_other=source.other_models.get,
    )
    sounds = ServerAudio(
        source,
        source.other_ears,
        source.other_voices,
        lambda stt: LocalListening(stt, settings.engines.vad),
        LocalSpeech,
        named=[name for kind in AUDIO for name in registry.local_models(kind)],
    )
    return _router(registry, settings, texts, sounds)


def router_without_engines(settings: Settings) -> Router:
    """A router to the remote models of the settings alone. Raises `ModelsError`."""
    return _router(registry_of(settings), settings, NoEngines(), NoEngines())


def _router(
    registry: Registry,
    settings: Settings,
    texts: ServerEngines | NoEngines,
    sounds: ServerAudio | NoEngines,
) -> Router:
    usual = usual_routes(settings, registry)
    return Router(registry, REMOTE, texts, sounds, usual=usual, policy=policy_of(settings))


def router_to(
    provider: ProviderConfig, kind: ModelKind, model: str, voices: tuple[str, ...] = ()
) -> Router:
    """A router to one model of one server, by the server's name.

    It asks once: the server may be one that tries again itself.
    """
    route = Route(provider.name, (Target(provider.name, model, voices=voices),), kind=kind)
    registry = Registry([provider])
    return Router(registry, REMOTE, NoEngines(), NoEngines(), usual={kind: route}, policy=ONCE)


def conversing(router: Router, settings: Settings) -> Mapping[Role, tuple[Choice, Engine]]:
    """The engines of conversations that go by the router, and what is said of them."""
    return {
        ROLES[kind]: (
            routed_choice(router.registry, kind, route),
            routed_engine(router, kind, route, settings),
        )
        for kind, route in router.usual.items()
    }


def routed_engine(router: Router, kind: ModelKind, route: Route, settings: Settings) -> Engine:
    """A model as an engine."""
    if kind == "chat":
        return RoutedLanguageModel(router, route.name)
    if kind == "speech":
        rate_hz = settings.speech.rate_hz
        return RoutedTextToSpeech(router, route.name, voices=route.voices, rate_hz=rate_hz)
    target = route.targets[0]
    provider = router.registry.providers.get(target.provider)
    has_times = "whisper" in target.model or not (provider and is_openai(provider))
    return RoutedSpeechToText(router, route.name, has_times=has_times)
