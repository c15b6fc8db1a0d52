"""The registry that the settings ask for: from variables alone, or with a file of models."""

from collections.abc import Iterator, Mapping

from voice.config import Settings, variables
from voice.engines.names import AUTO, Role
from voice.engines.registry import Choice, preview
from voice.providers.config import ProviderConfig
from voice.providers.kinds import OPENAI_URL, USUAL_URLS
from voice.routing.candidates import RetryPolicy
from voice.routing.models_file import ModelsError, ModelsFile, provider_config, read_models_file
from voice.routing.registry import Registry
from voice.routing.targets import LOCAL, Route


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
        preferred = settings.engines.llm
        return Registry(
            providers.values(),
            file,
            allowed=settings.llm_allowed_models,
            preferred=None if preferred == AUTO else preferred,
        )
    except ModelsError as error:
        if path is None:
            raise
        lines = str(error).splitlines()
        raise ModelsError("\n".join(f"{path}: {line}" for line in lines)) from None


def routed(registry: Registry, settings: Settings) -> Route | None:
    """The route of the model of conversations, where that is more than one engine by its name."""
    name = settings.engines.llm
    route = None if name == AUTO else registry.find(name)
    if route is None:
        return None
    provider = registry.providers.get(route.targets[0].provider)
    is_engine = route.targets[0].key == (LOCAL, name)
    is_remote_engine = name == f"openai:{route.targets[0].model}" and provider is not None
    if is_engine or (is_remote_engine and provider and provider.base_url == settings.remote_url):
        return None
    return route


def foreseen(settings: Settings, role: Role) -> Choice:
    """The engine that would be taken for a role if it starts. Raises `EngineError`."""
    route = routed(registry_of(settings), settings) if role == "llm" else None
    if route is None:
        return preview(settings, role)
    targets = " or ".join(f"{each.provider}:{each.model}" for each in route.targets)
    return Choice(role, settings.engines.llm, f"routed to {targets}", "")


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
