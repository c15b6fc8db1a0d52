"""How the values of settings are written, and what is wrong with those that cannot be meant."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, TypeAdapter


def parse_list(value: object) -> object:
    """A JSON list, or items between commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return TypeAdapter(list[str]).validate_json(value)
    return [item for part in value.split(",") if (item := part.strip())]


def parse_json(value: object) -> object:
    """The JSON of a setting that is a list of objects."""
    return (
        TypeAdapter(list[dict[str, Any]]).validate_json(value) if isinstance(value, str) else value
    )


def _parse_ports(value: object) -> object:
    """`40000-40100` as both ends."""
    if not isinstance(value, str):
        return value
    first, dash, last = value.partition("-")
    if not (dash and first.strip().isdecimal() and last.strip().isdecimal()):
        raise ValueError("must be a range like 40000-40100")
    return int(first), int(last)


def _check_ports(value: tuple[int, int] | None) -> tuple[int, int] | None:
    if value is not None and not 1024 <= value[0] <= value[1] <= 65535:
        raise ValueError("must be a range of ports from 1024 to 65535, the lower first")
    return value


def _check_address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError("must be an IP address like 203.0.113.7") from None


def _check_ice_url(value: str) -> str:
    if not re.fullmatch(r"(stun|turns?):[^?:\s]+(:\d+)?(\?transport=(udp|tcp))?", value):
        raise ValueError("must be an address like stun:HOST:3478 or turn:HOST:3478?transport=udp")
    return value


def _check_url(value: str) -> str:
    if urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).netloc:
        raise ValueError("must be an address like http://localhost:8001/v1")
    return value.rstrip("/")


def _check_origin(value: str) -> str:
    if value in {"*", "null"}:
        return value
    found = urlsplit(value.rstrip("/").lower())
    if not (found.scheme and found.hostname) or found.path or found.query or "@" in found.netloc:
        raise ValueError("must be * or an origin like https://app.example:8443, without a path")
    return found.geturl()


def _check_server(value: str) -> str:
    if "@" in urlsplit(value).netloc:
        raise ValueError("holds a password; give it as the API key instead")
    return value


Folder = Annotated[Path, AfterValidator(Path.expanduser)]
Url = Annotated[str, AfterValidator(_check_url)]
ServerUrl = Annotated[Url, AfterValidator(_check_server)]
Origin = Annotated[str, AfterValidator(_check_origin)]
Address = Annotated[str, AfterValidator(_check_address)]
IceUrl = Annotated[str, AfterValidator(_check_ice_url)]
Ports = Annotated[
    tuple[int, int] | None, BeforeValidator(_parse_ports), AfterValidator(_check_ports)
]
