"""The registry that the settings ask for: from variables alone, or with a file of models."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from voice.config import Settings, variables
from voice.engines.names import AUTO, Role
from voice.engines.registry import Choice, preview
from voice.providers.config import ProviderConfig
from voice.providers.kinds import OPENAI_URL, USUAL_URLS
from voice.routing.candidates import RetryPolicy
from voice.routing.kinds import ROLES, ModelKind
from voice.routing.models_file import ModelsError, ModelsFile, provider_config, read_models_file
from voice.routing.registry import Registry
from voice.routing.targets import LOCAL, Route, Target

OPENAI_MODEL = "gpt-4o-mini"
SERVED_MODEL = "default-model"
"""What is asked for where no model was named: at OpenAI, and at a server that may have but one."""


def registry_of(settings: Settings, environment: Mapping[str, str] | None = None) -> Registry:
    """Raises `ModelsError` for what leads nowhere. The environment holds the keys of providers."""
    path = settings.models_path
    file = read_models_file(path) if path else ModelsFile()
    given = variables() if environment is None else environment
    try:
        providers = {each.name: each for each in _from_variables(settings)}
        for name, table in file.providers.items():
            providers[name] = provider_config(
                name,
                table,
                given,
                timeout_s=settings.inference_timeout,
                max_connections=settings.inference_max_connections,
            )
        return Registry(providers.values(), file, allowed=settings.llm_allowed_models)
    except ModelsError as error:
        if path is None:
            raise
        lines = str(error).splitlines()
        raise ModelsError("\n".join(f"{path}: {line}" for line in lines)) from None


def usual_routes(settings: Settings, registry: Registry) -> dict[ModelKind, Route]:
    """Who talks, listens and speaks where nobody said who, as far as that is more than one engine
    of this server by its name.
    """
    found: dict[ModelKind, Route | None] = {
        "chat": _language_model(settings, registry),
        "transcription": _at_own_server(settings.engines.stt, "transcription", registry),
        "speech": _at_own_server(settings.engines.tts, "speech", registry, settings.speech.voices),
    }
    return {
        kind: replace(route, kind=kind)
        for kind, route in found.items()
        if route and route.targets[0].key != (LOCAL, route.name)
    }


def _language_model(settings: Settings, registry: Registry) -> Route | None:
    """A remote one goes before all others: somebody had to give its address."""
    name = settings.engines.llm
    if name == AUTO and settings.remote_url:
        usual = SERVED_MODEL if settings.inference_base_url else OPENAI_MODEL
        name = f"{settings.remote_kind}:{settings.inference_model or usual}"
    return registry.find(name)


def _at_own_server(
    name: str, own: str, registry: Registry, voices: tuple[str, ...] = ()
) -> Route | None:
    """Where a name leads; that of a remote model to a server for its kind, if there is one."""
    kind, _, model = name.partition(":")
    if kind == "openai" and own in registry.providers:
        return Route(name, (Target(own, model, voices=voices),))
    route = registry.find(name)
    if route and voices and kind == "openai":
        return replace(route, targets=(replace(route.targets[0], voices=voices),))
    return route


def elsewhere(settings: Settings, registry: Registry, role: Role) -> bool:
    """Whether the model of a role is one of the registry's that does what the role wants."""
    route = registry.find(getattr(settings.engines, role))
    return route is not None and (route.kind is None or ROLES[route.kind] == role)


def foreseen(settings: Settings, role: Role) -> Choice:
    """The engine that would be taken for a role if it starts. Raises `EngineError`."""
    registry = registry_of(settings)
    for kind, route in usual_routes(settings, registry).items():
        if ROLES[kind] == role:
            return routed_choice(registry, kind, route)
    return preview(settings, role)


def routed_choice(registry: Registry, kind: ModelKind, route: Route) -> Choice:
    """What is said of a model that is no single engine."""
    target, *others = route.targets
    provider = registry.providers.get(target.provider)
    reason = f"served at {provider.base_url}" if provider else ""
    if others or not provider:
        targets = " or ".join(f"{each.provider}:{each.model}" for each in route.targets)
        reason = f"routed to {targets}"
    return Choice(ROLES[kind], route.name, reason, "")


def policy_of(settings: Settings) -> RetryPolicy:
    return RetryPolicy(
        attempts=settings.inference_max_retries, deadline_s=settings.inference_deadline
    )


def _from_variables(settings: Settings) -> Iterator[ProviderConfig]:
    """The providers that need no file; a later one goes before an earlier of the same name."""
    common = settings.inference_timeout, settings.inference_max_connections
    if key := settings.openai.api_key.get_secret_value():
        yield ProviderConfig("openai", "openai", OPENAI_URL, key, *common)
    if key := settings.anthropic.api_key.get_secret_value():
        yield ProviderConfig("anthropic", "anthropic", USUAL_URLS["anthropic"], key, *common)
    if settings.inference_base_url:
        kind, key = settings.inference_provider_type, settings.inference_api_key.get_secret_value()
        yield ProviderConfig(kind, kind, settings.inference_base_url, key, *common)
        if not settings.openai.api_key.get_secret_value():
            yield ProviderConfig("openai", kind, settings.inference_base_url, key, *common)
    for name, own in (("transcription", settings.transcription), ("speech", settings.speech)):
        if own.base_url:
            key = own.api_key.get_secret_value()
            yield ProviderConfig(name, "openai", own.base_url, key, *common)
