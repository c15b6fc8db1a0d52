"""Which engines a session talks with: those of the server, and the model that it names."""

from voice.engines.protocols import EngineError, LanguageModel
from voice.engines.registry import EngineSet
from voice.gateway.errors import ApiError
from voice.routing.language_model import RoutedLanguageModel
from voice.routing.targets import LOCAL
from voice.search.grounding import Grounded
from voice.server import Server
from voice.session.session import SessionEngines

_MESSAGES = [{"role": "user", "content": "Hello"}]


async def session_engines(server: Server, engines: EngineSet, model: str) -> SessionEngines:
    """The engines of a session whose configuration has this model; raises `ApiError`.

    A chat model of the server answers by its name. Any other name means the usual one, as stock
    clients ask for models of OpenAI that speak, and no other server has those.
    """
    try:
        llm = await language_model(server, model) or engines.llm
    except EngineError as error:
        raise ApiError(str(error), status=503, kind="server_error") from error
    knowing = Grounded(llm, server.knowledge.library)
    return SessionEngines(engines.stt, knowing, engines.tts, engines.busy)


async def language_model(server: Server, name: str) -> LanguageModel | None:
    """The chat model of the server with this name; None means the usual one, or that there is none.

    Raises `EngineError` for one that does not start.
    """
    router = server.router
    route = router.registry.find(name)
    if route is None or (server.engines and server.engines.llm.name == name):
        return None
    try:
        chat = {"model": name, "messages": _MESSAGES}
        if await router.refusal(name, "chat/completions", chat):
            return None
    except ApiError:
        return None
    (target, *others) = route.targets
    if target.provider == LOCAL and not others:
        # Asked for directly it says itself how much it holds.
        return await server.other_models.get(target.model)
    return RoutedLanguageModel(router, name)
