"""The names that clients may ask for, and the targets behind each.

Built once from providers and the file of models; every reference in it leads somewhere.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from types import MappingProxyType
from urllib.parse import urlsplit

from voice.engines.names import KINDS, NONE
from voice.gateway.errors import ApiError
from voice.providers.config import ProviderConfig
from voice.routing.kinds import AUDIO, ModelKind, engine_kinds
from voice.routing.models_file import ModelsError, ModelsFile, ModelTable
from voice.routing.targets import LOCAL, Route, Target

NOTHING = ModelsFile()
LONGEST_NAME = 200
"""Of a model, to be compared with others or shown."""

ENGINE_KINDS = frozenset(kind for kinds in KINDS.values() for kind in kinds) - {"openai", NONE}

ENGINE_NAMES = ("reader", "llama:MODEL", "minilm", "whisper:MODEL", "sphinx", "kokoro", "espeak")
"""What engines are called, for people to read."""

RESERVED = ENGINE_KINDS | {NONE, LOCAL, "auto"}


FOR_ONE_KIND = frozenset({"transcription", "speech"})
"""The providers that are servers for models of one kind, after which they are called."""


class Registry:
    """Raises `ModelsError` for names that are taken twice or lead nowhere."""

    def __init__(
        self,
        providers: Iterable[ProviderConfig] = (),
        file: ModelsFile = NOTHING,
        *,
        allowed: Iterable[str] = ("*",),
    ) -> None:
        self.providers: Mapping[str, ProviderConfig] = MappingProxyType(
            {each.name: each for each in providers}
        )
        self._allowed = tuple(allowed)
        self._aliases: dict[str, str] = {}
        self._routes: dict[str, Route] = {}
        if troubles := list(self._read(file)):
            raise ModelsError("\n".join(troubles))

    def find(self, name: str) -> Route | None:
        """The targets of a model of the file, an alias, a `provider:model`, or the name of an
        engine that this server may have.
        """
        if route := self._routes.get(self._aliases.get(name, name)):
            return route
        if target := self._remote(name):
            return Route(name, (target,))
        if target := self._engine(name):
            return Route(name, (target,), kind=_only(engine_kinds(name)))
        return None

    def at_openai(self, name: str) -> Route | None:
        """The model of OpenAI's own server, if one of the providers is that."""
        for provider in self.providers.values():
            if is_openai(provider):
                return Route(name, (Target(provider.name, name),))
        return None

    def allows(self, name: str) -> bool:
        """Whether clients may ask for it: under this name, or for what it is an alias of."""
        names = {name, self._aliases.get(name, name)}
        return any(fnmatchcase(each, pattern) for each in names for pattern in self._allowed)

    def names(self) -> dict[str, ModelKind]:
        """The models of the file and their aliases, as far as clients may ask for them, and what
        they do. Those that listen and speak are never forbidden.
        """
        kinds = {name: self._kind(name) for name in (*self._routes, *self._aliases)}
        return {name: kind for name, kind in kinds.items() if kind in AUDIO or self.allows(name)}

    def local_models(self, kind: ModelKind) -> list[str]:
        """The engines of this server that models of the file count on."""
        routes = (route for route in self._routes.values() if (route.kind or "chat") == kind)
        targets = (target for route in routes for target in route.targets)
        names = dict.fromkeys(each.model for each in targets if each.provider == LOCAL)
        return [name for name in names if kind in engine_kinds(name)]

    def context_tokens(self, name: str) -> int | None:
        """What all targets of a model hold, as far as that was said."""
        route = self.find(name)
        sizes = [target.context_tokens for target in route.targets] if route else []
        return min((size for size in sizes if size is not None), default=None)

    def _kind(self, name: str) -> ModelKind:
        return self._routes[self._aliases.get(name, name)].kind or "chat"

    def _remote(self, name: str) -> Target | None:
        prefix, _, model = name.partition(":")
        if not model:
            return None
        if prefix in self.providers:
            return Target(prefix, model)
        others = (each for each in self.providers.values() if each.name not in FOR_ONE_KIND)
        of_kind = [each.name for each in others if each.kind == prefix]
        return Target(of_kind[0], model) if len(of_kind) == 1 else None

    def _engine(self, name: str) -> Target | None:
        return Target(LOCAL, name) if name.partition(":")[0] in ENGINE_KINDS else None

    # ------------------------------------------------------------ reading

    def _read(self, file: ModelsFile) -> Iterator[str]:
        """Take in the models; yields what is wrong with them."""
        for name in file.providers:
            if ":" in name or name in RESERVED:
                yield f"providers.{name}: the name is taken or holds a colon; choose another"
        for name, table in file.models.items():
            for own in (name, *table.aliases):
                if own.partition(":")[0] in RESERVED:
                    yield f"models.{name}: {own!r} is what an engine is called; choose another name"
            targets = [self._target(name, number, table) for number in range(len(table.targets))]
            yield from (target for target in targets if isinstance(target, str))
            found = tuple(target for target in targets if isinstance(target, Target))
            yield from _mixed(name, table, found)
            fallbacks = {kind: tuple(names) for kind, names in table.fallbacks.lists().items()}
            self._routes[name] = Route(name, found, fallbacks, table.kind or _told(found))
        yield from self._read_aliases(file)
        for name, table in file.models.items():
            yield from self._dangling(name, table)

    def _target(self, name: str, number: int, table: ModelTable) -> Target | str:
        wanted = table.targets[number]
        target = self._remote(wanted.model) or self._engine(wanted.model)
        if target is None:
            known = ", ".join([*(f"{each}:MODEL" for each in self.providers), *ENGINE_NAMES])
            return (
                f"models.{name}.targets.{number}: {wanted.model!r} leads nowhere; there is {known}"
            )
        return Target(
            target.provider,
            target.model,
            wanted.weight,
            wanted.order,
            wanted.context_tokens,
            tuple(wanted.voices),
        )

    def _read_aliases(self, file: ModelsFile) -> Iterator[str]:
        for name, table in file.models.items():
            for alias in table.aliases:
                owner = alias if alias in self._routes else self._aliases.get(alias)
                if owner is not None:
                    yield f"models.{name}.aliases: {alias!r} is a name of models.{owner} already"
                self._aliases.setdefault(alias, name)

    def _dangling(self, name: str, table: ModelTable) -> Iterator[str]:
        own = self._routes[name].kind
        for kind, names in table.fallbacks.lists().items():
            where = f"models.{name}.fallbacks.{kind}"
            for wanted in names:
                if self._aliases.get(wanted, wanted) == name:
                    yield f"{where}: {wanted!r} is the model itself"
                elif (route := self.find(wanted)) is None:
                    known = ", ".join([*self._routes, *self._aliases])
                    yield f"{where}: there is no model {wanted!r}; there is {known}"
                elif route.kind and route.kind != own and {route.kind, own} & AUDIO:
                    yield f"{where}: {wanted!r} is for {route.kind}, not for {own or 'chat'}"


def _told(targets: Iterable[Target]) -> ModelKind | None:
    """What the engines among some targets do, where they leave no choice."""
    kinds = [engine_kinds(each.model) for each in targets if each.provider == LOCAL]
    return _only(set.intersection(*kinds)) if kinds else None


def _only(kinds: set[ModelKind]) -> ModelKind | None:
    return next(iter(kinds)) if len(kinds) == 1 else None


def _mixed(name: str, table: ModelTable, targets: Iterable[Target]) -> Iterator[str]:
    """Complain about engines that cannot do what the model does."""
    kind = table.kind
    for target in targets:
        kinds = engine_kinds(target.model) if target.provider == LOCAL else set()
        if not kinds:
            continue
        if kind and kind not in kinds:
            yield f"models.{name}: {target.model!r} is no engine for {kind}"
        kind = kind or _only(kinds)


def is_openai(provider: ProviderConfig) -> bool:
    """Whether this is OpenAI's own server, and not one that speaks like it."""
    host = urlsplit(provider.base_url).hostname or ""
    return host == "openai.com" or host.endswith(".openai.com")


def model_not_found(name: str, known: Iterable[str]) -> ApiError:
    """The answer to a name that nobody has, with the nearest that somebody does."""
    known = list(known)
    if name in known:
        return ApiError(
            f"The model '{name}' cannot do this; another endpoint is the one for it.",
            status=404,
            code="model_not_found",
            param="model",
        )
    shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."
    return ApiError(
        f"The model '{shown}' does not exist{near(name, known) or '; GET /v1/models lists those that do.'}",
        status=404,
        code="model_not_found",
        param="model",
    )


def near(name: str, known: Iterable[str]) -> str:
    """A hint to the names nearest to one; empty when none is near."""
    lowered = {each.lower(): each for each in known}
    wanted = name[:LONGEST_NAME].lower()
    nearest = [lowered[each] for each in get_close_matches(wanted, lowered, n=3, cutoff=0.5)]
    return f"; did you mean {' or '.join(map(repr, nearest))}?" if nearest else ""
