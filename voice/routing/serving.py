"""The router of a server."""

from collections.abc import Awaitable, Callable

from voice.config import Settings
from voice.engines.protocols import LanguageModel
from voice.providers.local_chat import LocalChat
from voice.providers.local_embeddings import LocalEmbeddings
from voice.providers.remote import REMOTE
from voice.routing.configured import policy_of, registry_of, routed
from voice.routing.language_model import RoutedLanguageModel
from voice.routing.local import EngineSource, ServerEngines
from voice.routing.router import Router


def router_of(
    settings: Settings,
    source: EngineSource,
    open_other: Callable[[str], Awaitable[LanguageModel]],
) -> Router:
    """The router that the settings ask for; `open_other` starts a language model by its name.

    Raises `ModelsError`.
    """
    registry = registry_of(settings)
    local = ServerEngines(
        source,
        LocalChat,
        LocalEmbeddings,
        others=registry.local_models(),
        open_other=open_other,
    )
    return Router(registry, REMOTE, local, policy=policy_of(settings))


def conversing(router: Router, settings: Settings) -> RoutedLanguageModel | None:
    """The language model of conversations, where the settings want one that is routed."""
    route = routed(router.registry, settings)
    return RoutedLanguageModel(router, settings.engines.llm) if route else None
