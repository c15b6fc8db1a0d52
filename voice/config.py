"""The settings of a server: from flags, else the environment, else a `.env` file, else defaults.

A field `server.port` is the variable `SERVER__PORT`. Empty variables count as unset. Nothing is
ignored silently where it could be meant for us: a misspelt name is an error that says the right one.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from voice.config_values import (
    Address,
    Folder,
    IceUrl,
    Origin,
    Ports,
    ServerUrl,
    Url,
    parse_json,
    parse_list,
)
from voice.engines.names import Role, parse_name
from voice.providers.kinds import OPENAI_URL, ProviderKind

ROUTED: tuple[Role, ...] = ("stt", "llm", "tts")
"""The roles that models of the file of models may have."""
MODELS_FILE = Path("models.toml")
"""Read from the working folder where the settings name no other."""


class SettingsError(Exception):
    """Settings that cannot be meant; one line for each, fit for a user's eyes."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(Section):
    host: str = "127.0.0.1"
    """The address to listen on; 0.0.0.0 lets other machines in, and then wants API keys."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """0 takes a free one."""
    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"


class AuthSettings(Section):
    api_keys: Annotated[tuple[SecretStr, ...], BeforeValidator(parse_list)] = ()
    """A JSON list; none lets everybody in who reaches the port."""


class IceServer(Section):
    """A STUN or TURN server, as browsers write it."""

    urls: Annotated[
        tuple[IceUrl, ...],
        BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    ]
    username: str | None = None
    credential: SecretStr | None = None


class RtcSettings(Section):
    ice_servers: Annotated[tuple[IceServer, ...], BeforeValidator(parse_json)] = ()
    """STUN and TURN servers as a JSON list of {"urls", "username", "credential"}; the first of each
    kind is used."""
    public_address: Address | None = None
    """The address under which other networks reach the ports of calls."""
    udp_ports: Ports = None
    """The ports of calls, as `40000-40100`; unset takes any that are free."""

    @property
    def udp_range(self) -> range | None:
        return range(self.udp_ports[0], self.udp_ports[1] + 1) if self.udp_ports else None


class LocalSettings(Section):
    model_dir: Folder = Path("models")
    """Where to look for GGUF files and model folders, next to the Hugging Face cache."""
    n_ctx: Annotated[int, Field(ge=256)] = 4096
    """Context of a local language model, in tokens."""
    n_threads: Annotated[int, Field(ge=0)] = 0
    """0 takes what the machine has."""
    n_gpu_layers: Annotated[int, Field(ge=-1)] = 0
    """-1 puts all layers on the GPU."""


class OpenAISettings(Section):
    api_key: SecretStr = SecretStr("")


class AnthropicSettings(Section):
    api_key: SecretStr = SecretStr("")


class EngineSettings(Section):
    stt: str = "auto"
    llm: str = "auto"
    tts: str = "auto"
    embed: str = "auto"
    vad: Literal["webrtcvad", "silero"] = "webrtcvad"

    @field_validator("embed")
    @classmethod
    def _known(cls, value: str) -> str:
        return str(parse_name("embed", value))


class SessionSettings(Section):
    max_minutes: Annotated[float, Field(ge=0)] = 0
    """How long a conversation may last; 0 sets no limit."""
    max_sessions: Annotated[int, Field(ge=0)] = 0
    """How many conversations at a time; 0 sets no limit."""
    lead_ms: Annotated[int, Field(ge=20, le=2000)] = 160
    """How far ahead of real time audio is sent."""
    speculate: bool = True
    """Work on a reply while it is not yet sure that the user has finished."""


class SpeechSettings(Section):
    max_characters: Annotated[int, Field(ge=1)] = 4096
    """Of one request to /v1/audio/speech."""
    base_url: ServerUrl | None = None
    """The server of `openai:MODEL` as a voice; unset means that of the language model."""
    api_key: SecretStr = SecretStr("")
    voices: Annotated[tuple[str, ...], BeforeValidator(parse_list)] = ()
    """What its voices are called, the usual one first; none means as OpenAI's."""
    rate_hz: Annotated[int, Field(ge=8000, le=48_000)] = 24_000
    """Of the PCM it sends."""


class TranscriptionSettings(Section):
    max_upload_mb: Annotated[float, Field(gt=0)] = 25
    """Of one file sent to /v1/audio/transcriptions or /v1/audio/translations, in MiB."""
    base_url: ServerUrl | None = None
    """The server of `openai:MODEL` as speech-to-text; unset means that of the language model."""
    api_key: SecretStr = SecretStr("")


class EmbeddingSettings(Section):
    """Of requests to /v1/embeddings.

    The limits are OpenAI's, and cannot be raised: a client that keeps to them works everywhere.
    They are not lower by default, for stock clients fill them, with a thousand inputs at a time.
    """

    max_inputs: Annotated[int, Field(ge=1, le=2048)] = 2048
    max_tokens: Annotated[int, Field(ge=1, le=300_000)] = 300_000
    """Of all inputs of a request together."""
    max_characters: Annotated[int, Field(ge=1, le=131_072)] = 131_072
    """Of one input; no text of OpenAI's 8192 tokens is longer. The model's own limit is below."""
    compute_type: Literal["int8", "float32"] = "int8"
    """Of `minilm`; float32 takes twice the time and four times the memory for vectors that differ
    by a hundredth."""
    base_url: ServerUrl | None = None
    """The server of `openai:MODEL` for embeddings; unset means that of the language model."""
    api_key: SecretStr = SecretStr("")


class SearchSettings(Section):
    """Of the user's documents."""

    database: str | None = None
    """A path, or a postgresql:// URL; unset means `search.db` among the user's data."""
    chunk_tokens: Annotated[int, Field(ge=100, le=4096)] = 256
    """Of the longest passage that `voice index` makes."""
    overlap_tokens: Annotated[int, Field(ge=0, le=2048)] = 32
    """What the parts of a long section share; half of a passage at most."""
    max_file_mb: Annotated[float, Field(gt=0, le=1024)] = 64
    """Of one file, in MiB; larger ones are not read."""

    @field_validator("overlap_tokens")
    @classmethod
    def _fits(cls, value: int, info: ValidationInfo) -> int:
        most = info.data.get("chunk_tokens", value * 2) // 2
        if value > most:
            raise ValueError(f"is at most {most}, half of SEARCH__CHUNK_TOKENS")
        return value

    @property
    def location(self) -> str:
        """Of the database."""
        if self.database:
            return self.database
        data = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()
        return str(data / "inferno-voice" / "search.db")


class Settings(Section):
    server: ServerSettings = ServerSettings()
    auth: AuthSettings = AuthSettings()
    local: LocalSettings = LocalSettings()
    openai: OpenAISettings = OpenAISettings()
    anthropic: AnthropicSettings = AnthropicSettings()
    engines: EngineSettings = EngineSettings()
    session: SessionSettings = SessionSettings()
    rtc: RtcSettings = RtcSettings()
    speech: SpeechSettings = SpeechSettings()
    transcription: TranscriptionSettings = TranscriptionSettings()
    embeddings: EmbeddingSettings = EmbeddingSettings()
    search: SearchSettings = SearchSettings()

    service_name: str = "inferno-voice"
    """What the lines of a JSON log are signed with."""
    log_format: Literal["json", "pretty"] = Field(
        default_factory=lambda: "pretty" if sys.stderr.isatty() else "json"
    )
    cors_allowed_origins: Annotated[tuple[Origin, ...] | None, BeforeValidator(parse_list)] = None
    """Whose web pages may use the server; `*` for all. Unset means all where there are API keys, and
    else the server's own page and those of the visitor's machine."""
    server_ssl_enabled: bool = False
    """Speak HTTPS and WSS, with the certificate of the two below."""
    tls_server_cert_path: Folder | None = None
    """The certificate and those up to its root, as PEM."""
    tls_server_key_path: Folder | None = None
    """Its key, as PEM without a password; unset means in the file of the certificate."""
    documents: Folder | None = None
    """A folder that is indexed, and followed, to answer from; unset means the samples until another
    one is indexed."""

    llm_model_path: Folder | None = None
    """A GGUF file, or a folder of them."""
    llm_default_temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    llm_default_top_p: Annotated[float, Field(ge=0, le=1)] = 0.9
    llm_default_max_tokens: Annotated[int, Field(ge=1)] = 512

    models_file: Folder | None = None
    """The providers and models that can be asked for by name."""
    llm_allowed_models: Annotated[tuple[str, ...], BeforeValidator(parse_list)] = ("*",)
    """The models that clients may ask for by name; `*` in a name stands for anything."""

    inference_provider_type: ProviderKind = "openai"
    """What the remote server is, and what models of it are called by: `vllm:MODEL`."""
    inference_base_url: ServerUrl | None = None
    """Any OpenAI-compatible server."""
    inference_api_key: SecretStr = SecretStr("")
    inference_model: str | None = None
    inference_timeout: Annotated[float, Field(gt=0)] = 60.0
    """The longest silence of a remote server, in seconds."""
    inference_deadline: Annotated[float, Field(gt=0)] = 300.0
    """How long all attempts at an answer together may take until it begins, in seconds."""
    inference_max_retries: Annotated[int, Field(ge=1)] = 3
    """How many attempts are made at each model, the first included."""
    inference_max_connections: Annotated[int, Field(ge=1)] = 1000
    """How many connections are open to each remote server at a time."""

    hf_home: Folder | None = None
    hf_endpoint: Url | None = None
    hf_token: SecretStr = SecretStr("")
    hf_hub_offline: bool = False

    @property
    def models_path(self) -> Path | None:
        """The file of models, where there is one."""
        return self.models_file or (MODELS_FILE if MODELS_FILE.exists() else None)

    @property
    def remote_kind(self) -> ProviderKind:
        """What stands before the colon in the names of models at `remote_url`."""
        return self.inference_provider_type if self.inference_base_url else "openai"

    @property
    def embeddings_url(self) -> str | None:
        """The server of the remote embedding model, if one was configured."""
        return self.embeddings.base_url or self.remote_url

    @property
    def embeddings_key(self) -> str:
        """The key for `embeddings_url`; that of the language model is sent to its server alone."""
        if self.embeddings.base_url:
            return self.embeddings.api_key.get_secret_value()
        return self.remote_key

    @property
    def remote_url(self) -> str | None:
        """The server of the remote language model, if one was configured."""
        has_key = self.openai.api_key.get_secret_value()
        return self.inference_base_url or (OPENAI_URL if has_key else None)

    @property
    def remote_key(self) -> str:
        """The key for `remote_url`; OpenAI's is sent to nobody else."""
        if self.inference_base_url:
            return self.inference_api_key.get_secret_value()
        return self.openai.api_key.get_secret_value()


def load_settings(
    *, environment: Mapping[str, str] | None = None, env_file: Path = Path(".env"), **flags: Any
) -> Settings:
    """Read the settings; a flag is called as its variable in lower case, and None is not given.

    Raises `SettingsError`.
    """
    given = variables(environment, env_file)
    if strange := list(_strange_names(given)):
        raise SettingsError("\n".join(strange))
    values: dict[str, object] = {name: given[name] for name in VARIABLES if name in given}
    values |= {name.upper(): value for name, value in flags.items() if value is not None}
    try:
        settings = Settings.model_validate(_nested(values))
    except ValidationError as error:
        problems = [_problem(tuple(map(str, e["loc"])), e["msg"], values) for e in error.errors()]
        raise SettingsError("\n".join(problems)) from None
    _check_models(settings, given)
    return settings


def variables(
    environment: Mapping[str, str] | None = None, env_file: Path = Path(".env")
) -> dict[str, str]:
    """What is set in the environment or else in the file, by names in upper case."""
    given = _read_file(env_file) | dict(os.environ if environment is None else environment)
    return {name.upper(): value for name, value in given.items() if value}


def _check_models(settings: Settings, environment: Mapping[str, str]) -> None:
    """Complain about models that are neither engines nor in the file of models."""
    if "inference_provider_type" in settings.model_fields_set and not settings.inference_base_url:
        raise SettingsError(
            "INFERENCE_PROVIDER_TYPE says what the server at INFERENCE_BASE_URL is: set that, too"
        )
    problems: dict[Role, str] = {}
    for role in ROUTED:
        try:
            parse_name(role, getattr(settings.engines, role))
        except ValueError as error:
            problems[role] = f"ENGINES__{role.upper()}: {error}"
    if not (problems or settings.models_path):
        return
    # Most commands get here without it, and it takes long to import.
    from voice.routing.configured import elsewhere, registry_of  # noqa: PLC0415
    from voice.routing.models_file import ModelsError  # noqa: PLC0415

    try:
        registry = registry_of(settings, environment)
    except ModelsError as error:
        raise SettingsError(str(error)) from None
    if wrong := [
        told for role, told in problems.items() if not elsewhere(settings, registry, role)
    ]:
        raise SettingsError("\n".join(wrong))


def _variables(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from _variables(kind, f"{prefix}{name.upper()}__")
        else:
            yield prefix + name.upper()


VARIABLES = tuple(_variables(Settings))
_SECTIONS = tuple(sorted({name.split("__")[0] for name in VARIABLES if "__" in name}))


def _read_file(path: Path) -> dict[str, str]:
    try:
        return {name: value for name, value in dotenv_values(path).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from None


def _strange_names(given: Mapping[str, str]) -> Iterator[str]:
    """Complain about variables that are ours by their section, or nearly one of ours."""
    for name in given:
        if "__" not in name or name in VARIABLES:
            continue
        near = get_close_matches(name, VARIABLES, n=1, cutoff=0.85)
        section = name.split("__")[0]
        if near:
            yield f"{name} is no setting; did you mean {near[0]}?"
        elif section in _SECTIONS:
            ours = ", ".join(known for known in VARIABLES if known.startswith(f"{section}__"))
            yield f"{name} is no setting; there is {ours}"


def _nested(values: Mapping[str, object]) -> dict[str, object]:
    """`{"SERVER__PORT": 1}` as `{"server": {"port": 1}}`."""
    tree: dict[str, dict[str, object]] = {section.lower(): {} for section in _SECTIONS}
    leaves: dict[str, object] = {}
    for name, value in values.items():
        section, _, field = name.lower().partition("__")
        if field and section in tree:
            tree[section][field] = value
        else:
            leaves[name.lower()] = value
    return leaves | tree


def _problem(location: tuple[str, ...], message: str, values: Mapping[str, object]) -> str:
    names = ("__".join(location[:length]).upper() for length in (2, 1))
    name = next((name for name in names if name in values), "__".join(location).upper())
    message = message.removeprefix("Value error, ")
    value = str(values.get(name, ""))
    if name not in VARIABLES:
        near = get_close_matches(name, VARIABLES, n=1)
        return f"{name} is no setting" + (f"; did you mean {near[0]}?" if near else "")
    secret = "KEY" in name or "TOKEN" in name.split("_") or "credential" in value or "@" in value
    if secret:
        return f"{name}: {message[0].lower()}{message[1:]} (its value is not shown)"
    near = get_close_matches(value, re.findall(r"'([^']+)'", message), n=1)
    hint = f"; did you mean {near[0]!r}?" if near and repr(value) not in message else ""
    subject = name if repr(value) in message else f"{name}={value!r}"
    return f"{subject}: {message[0].lower()}{message[1:]}{hint}"
