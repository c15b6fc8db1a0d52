"""Reads the file of models: providers, models and their targets, in TOML; strict in all of it."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from voice.providers.config import ProviderConfig
from voice.providers.kinds import USUAL_URLS, ProviderKind
from voice.routing.kinds import ModelKind
from voice.routing.targets import FALLBACK_CLASSES, FallbackClass


class ModelsError(Exception):
    """A file, or settings, that make no registry of models; a line for each trouble."""


def _check_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{value!r} must be an address like http://localhost:8001/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a password; give it as api_key instead")
    return value.rstrip("/")


def _check_name(value: str) -> str:
    if not value or any(char.isspace() or not char.isprintable() for char in value):
        raise ValueError(f"{value!r} must be a name without spaces")
    return value


def _as_table(value: object) -> object:
    """A target may be written as its model alone."""
    return {"model": value} if isinstance(value, str) else value


Name = Annotated[str, AfterValidator(_check_name)]
Names = list[Name]


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ProviderTable(Table):
    kind: ProviderKind
    base_url: Annotated[str, AfterValidator(_check_url)] | None = None
    api_key: SecretStr = SecretStr("")
    api_key_env: str | None = None
    timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    max_connections: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.base_url is None and self.kind not in USUAL_URLS:
            raise ValueError(f"a provider of kind '{self.kind}' needs a base_url")
        if self.api_key_env is not None and self.api_key.get_secret_value():
            raise ValueError("api_key and api_key_env exclude each other")
        return self


class TargetTable(Table):
    model: Name
    """`provider:model`, or an engine of this server."""
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    order: int = 1
    context_tokens: Annotated[int, Field(ge=1)] | None = None
    voices: Names = []
    """Of a model that speaks, the usual one first."""


class FallbackTable(Table):
    """Who steps in, by the trouble; those with `request` are the client's own."""

    unavailable: Names = []
    timeout: Names = []
    rate_limit: Names = []
    quota: Names = []
    auth: Names = []
    context: Names = []
    content: Names = []
    any: Names = []
    """For each trouble that has no list of its own."""

    def lists(self) -> dict[FallbackClass, list[str]]:
        """Those that hold a name."""
        kinds = {kind: getattr(self, kind) for kind in FALLBACK_CLASSES}
        return {kind: names for kind, names in kinds.items() if names}


class ModelTable(Table):
    kind: ModelKind | None = None
    """What it does; left out where an engine among the targets tells, and for text."""
    targets: Annotated[
        list[Annotated[TargetTable, BeforeValidator(_as_table)]], Field(min_length=1)
    ]
    aliases: Names = []
    fallbacks: FallbackTable = FallbackTable()


class ModelsFile(Table):
    providers: dict[Name, ProviderTable] = {}
    models: dict[Name, ModelTable] = {}


def read_models_file(path: Path) -> ModelsFile:
    """Raises `ModelsError` that names the file, the key and what is allowed there."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelsError(f"{path} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ModelsError(f"{path} is no TOML: {error}") from None
    try:
        return ModelsFile.model_validate(tables)
    except ValidationError as error:
        raise ModelsError(
            "\n".join(
                f"{path}: {_problem(each['loc'], each['type'], each['msg'])}"
                for each in error.errors(include_url=False, include_input=False)
            )
        ) from None


def provider_config(
    name: str,
    table: ProviderTable,
    environment: Mapping[str, str],
    *,
    timeout_s: float,
    max_connections: int,
) -> ProviderConfig:
    """A provider as the file wants it, with the server's settings for what it leaves open."""
    key = table.api_key.get_secret_value()
    if table.api_key_env is not None:
        key = environment.get(table.api_key_env.upper(), "")
        if not key:
            raise ModelsError(
                f"providers.{name}.api_key_env: the variable {table.api_key_env} is not set"
            )
    return ProviderConfig(
        name=name,
        kind=table.kind,
        base_url=table.base_url or USUAL_URLS[table.kind],
        api_key=key,
        timeout_s=table.timeout_s or timeout_s,
        max_connections=table.max_connections or max_connections,
    )


def _problem(location: tuple[int | str, ...], kind: str, message: str) -> str:
    # pydantic names the key of a dictionary twice where it is the key that is wrong.
    parts = [part for part in location if part != "[key]"]
    where = ".".join(str(part) for part in parts)
    message = message.removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"{where} is no key; allowed are {', '.join(_keys(parts[:-1]))}"
    if kind == "missing":
        return f"{where} is missing"
    return f"{where}: {message[:1].lower()}{message[1:]}"


def _keys(location: list[int | str]) -> list[str]:
    """The keys of the table at a place in the file."""
    kind: object = ModelsFile
    for part in location:
        if isinstance(kind, type) and issubclass(kind, Table):
            kind = kind.model_fields[str(part)].annotation
        else:
            kind = get_args(kind)[-1]
        while get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, Table) else []
