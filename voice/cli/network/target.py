"""The server that is checked, and whether it is reached at all."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import click

from voice.cli.checks import Check
from voice.config import Settings

REACH_S = 5.0
RENEW_DAYS = 14
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_SELF_SIGNED = {18, 19}  # OpenSSL's codes: the certificate itself, or one above it
_EXPIRED = 10
_OTHER_NAME = {62, 64}


@dataclass(frozen=True, slots=True)
class Target:
    host: str
    port: int
    secure: bool
    key: str | None = None
    accept_self_signed: bool = False

    @classmethod
    def of_url(cls, url: str, key: str | None, *, accept_self_signed: bool) -> "Target":
        """The server at an address such as https://voice.example:8443.

        Raises `ClickException` for what is no such address.
        """
        found = urlsplit(url)
        if found.scheme not in {"http", "https"} or not found.hostname:
            raise click.ClickException(
                f"--url must be an address like http://localhost:8000, not {url}"
            )
        secure = found.scheme == "https"
        port = found.port or (443 if secure else 80)
        return cls(found.hostname, port, secure, key, accept_self_signed)

    @classmethod
    def of_settings(
        cls, settings: Settings, key: str | None, *, accept_self_signed: bool
    ) -> "Target":
        """The server that these settings would start, from this machine."""
        host = _ANY.get(settings.server.host, settings.server.host)
        keys = settings.auth.api_keys
        return cls(
            host,
            settings.server.port,
            settings.server_ssl_enabled,
            key or (keys[0].get_secret_value() if keys else None),
            accept_self_signed,
        )

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"http{'s' if self.secure else ''}://{self.address}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    @property
    def tls(self) -> ssl.SSLContext | None:
        """How its certificate is judged; None without TLS."""
        if not self.secure:
            return None
        context = ssl.create_default_context()
        if self.accept_self_signed:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


async def reach(target: Target) -> AsyncIterator[Check]:
    """Whether the port answers, and what its certificate is worth; a problem is the last check."""
    began_s = time.monotonic()
    try:
        await _connect(target, None)
    except (OSError, TimeoutError) as error:
        yield Check("problem", "address", *_why_unreachable(target, error))
        return
    took_ms = (time.monotonic() - began_s) * 1000
    yield Check("ok", "address", f"{target.address} answers in {took_ms:.0f} ms")
    if target.tls is not None:
        yield await _certificate(target, target.tls)


def _why_unreachable(target: Target, error: Exception) -> tuple[str, str]:
    if isinstance(error, socket.gaierror):
        return f"nobody knows the name {target.host}", "look for a typing error in --url"
    if isinstance(error, TimeoutError):
        remedy = f"let TCP port {target.port} through the firewall or router before the server"
        return f"{target.address} does not answer within {REACH_S:.0f} s", remedy
    if isinstance(error, ConnectionRefusedError):
        remedy = "start it there with 'voice serve', or say with --url where it is"
        return f"nobody listens at {target.address}", remedy
    return f"{target.address} cannot be reached: {error}", "see whether the network is up"


async def _certificate(target: Target, tls: ssl.SSLContext) -> Check:
    try:
        certificate = await _connect(target, tls)
    except ssl.SSLCertVerificationError as error:
        return Check("problem", "certificate", *_what_is_wrong(target, error))
    except (OSError, TimeoutError) as error:
        remedy = f"it may speak plain HTTP: try --url http://{target.address}"
        return Check("problem", "certificate", f"no TLS at {target.address}: {error}", remedy)
    if target.accept_self_signed:
        remedy = "browsers warn before they open the page; one from an authority spares it"
        return Check("note", "certificate", "accepted without a look, as was asked for", remedy)
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    text = f"valid until {ends:%Y-%m-%d}"
    if (ends - datetime.now(UTC)).days < RENEW_DAYS:
        return Check("note", "certificate", text, "renew it soon (TLS_SERVER_CERT_PATH)")
    return Check("ok", "certificate", text)


def _what_is_wrong(target: Target, error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    if error.verify_code in _SELF_SIGNED:
        remedy = "--accept-self-signed, if it is that of your own server"
        return "it is signed by itself, not by an authority", remedy
    if error.verify_code == _EXPIRED:
        return "it has expired", "renew it (TLS_SERVER_CERT_PATH)"
    if error.verify_code in _OTHER_NAME:
        return f"it is not for {target.host}", "use a name that it is for, or get one for this name"
    remedy = "serve it with those up to its root in one file (TLS_SERVER_CERT_PATH)"
    return error.verify_message, remedy


async def _connect(target: Target, tls: ssl.SSLContext | None) -> dict[str, object]:
    """Connect once, and give the certificate that was shown."""
    async with asyncio.timeout(REACH_S):
        _, writer = await asyncio.open_connection(target.host, target.port, ssl=tls)
        found = writer.get_extra_info("peercert") if tls else None
        writer.close()
        return found or {}
