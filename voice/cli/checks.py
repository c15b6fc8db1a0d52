"""What `voice doctor` looks at. Each check says how things are, and the command that changes them."""

import errno
import importlib.metadata
import socket
import sys
from collections.abc import Iterator
from typing import Literal, NamedTuple

from voice.config import Settings
from voice.engines.machine import this_machine
from voice.engines.names import NONE, ROLES
from voice.engines.protocols import EngineError
from voice.engines.vad import open_detector
from voice.engines.weights import weights_of
from voice.engines.wer_samples import measure_samples
from voice.gateway.origins import is_loopback
from voice.routing.configured import foreseen
from voice.search.formats import format_of
from voice.search.indexed import indexed_folders
from voice.server import Server

Verdict = Literal["ok", "note", "problem"]


# The packages that not everybody has, and what brings them.
OPTIONAL = {
    "llama-cpp-python": ("local language models", "inferno-voice[llama]"),
    "kokoro": ("a natural voice", "inferno-voice[kokoro]"),
}
REQUIRED = ("litestar", "uvicorn", "faster-whisper", "pocketsphinx", "espeakng-loader")


class Check(NamedTuple):
    """A `problem` keeps the server from running; a `note` is worth knowing."""

    verdict: Verdict
    subject: str
    text: str
    remedy: str = ""


def installation() -> Iterator[Check]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Check("ok", "machine", f"{this_machine()}; Python {python}")
    for name in REQUIRED:
        version = _version(name)
        if version is None:
            yield Check("problem", name, "is not installed", "pip install inferno-voice")
        else:
            yield Check("ok", name, version)
    for name, (use, requirement) in OPTIONAL.items():
        version = _version(name)
        if version is None:
            text = f"is not installed; it is for {use}"
            yield Check("note", name, text, f'pip install "{requirement}"')
        else:
            yield Check("ok", name, version)


def engines(settings: Settings) -> Iterator[Check]:
    """Which engines would be taken, without starting them."""
    for role, description in ROLES.items():
        try:
            choice = foreseen(settings, role)
        except EngineError as error:
            yield Check("problem", description, str(error))
            continue
        yield Check("ok", description, f"{choice.name}: {choice.reason}")
        if choice.hint:
            yield Check("note", description, "a better one can be had", choice.hint)
    try:
        open_detector(settings.engines.vad, 0.5)
        yield Check("ok", "voice activity", settings.engines.vad)
    except EngineError as error:
        yield Check("problem", "voice activity", str(error))


async def start(settings: Settings) -> list[Check]:
    """Whether the engines start."""
    try:
        async with Server(settings).opening() as opened:
            return [
                Check("ok", ROLES[choice.kind], f"{choice.name} starts")
                for choice in opened.choices
                if choice.name != NONE
            ]
    except EngineError as error:
        return [Check("problem", "engines", str(error))]


def understanding() -> Iterator[Check]:
    """How well the embedded recognizer understands the samples, without and with documents."""
    try:
        rates = measure_samples()
    except (EngineError, OSError) as error:
        yield Check("note", "word error rate", f"not measured: {error}")
        return
    yield Check(
        "ok",
        "word error rate",
        f"sphinx on the sample questions: {rates['general']:.0%} by itself, "
        f"{rates['documents']:.0%} with the words of their documents",
    )


def models(settings: Settings) -> Iterator[Check]:
    names = [model.name for model in weights_of(settings).models()]
    if names:
        yield Check("ok", "models", ", ".join(names))
    else:
        yield Check("note", "models", "none is downloaded", "voice pull --recommended")


def documents(settings: Settings) -> Iterator[Check]:
    """What is answered from."""
    folder = settings.documents
    if folder is None:
        indexed = indexed_folders(settings.search.location)
        if indexed:
            yield Check("ok", "documents", ", ".join(indexed))
        else:
            told = "the samples, for nothing is indexed"
            yield Check("note", "documents", told, "voice index FOLDER")
        return
    if not folder.is_dir():
        remedy = "set DOCUMENTS to a folder that exists"
        yield Check("problem", "documents", f"{folder} is no folder", remedy)
        return
    count = sum(bool(format_of(path.name)) for path in folder.rglob("*"))
    yield Check("ok" if count else "note", "documents", f"{count} in {folder}")


def address(settings: Settings) -> Iterator[Check]:
    """Whether the server may and can listen where it is told to."""
    host, port = settings.server.host, settings.server.port
    if not settings.auth.api_keys and not is_loopback(host):
        yield Check(
            "problem",
            "keys",
            f"without any the server does not listen on {host}",
            "set AUTH__API_KEYS='[\"a-secret\"]', or serve with --insecure",
        )
    trouble = _cannot_listen(host, port)
    if trouble:
        remedy = "stop what listens there, or set SERVER__PORT"
        yield Check("problem", "port", f"{host}:{port} {trouble}", remedy)
    else:
        yield Check("ok", "port", f"{host}:{port} is free")


def _cannot_listen(host: str, port: int) -> str:
    """Why nobody could listen there now; empty when one could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            return "is in use" if taken else f"cannot be listened on: {error.strerror}"
    return ""


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
