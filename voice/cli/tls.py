"""The certificate of a server that speaks HTTPS: a given one, or one of its own making."""

import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkstemp

import click
import ifaddr

from voice.config import Settings
from voice.gateway.certificates import Certificate, read_certificate, self_signed

RENEW = timedelta(days=30)
"""A certificate of our own is renewed when it has less than this to live."""
EVERY_ADDRESS = {"0.0.0.0", "::"}


@dataclass(frozen=True, slots=True)
class Tls:
    certificate: Path
    key: Path
    says: Certificate


def tls_of(settings: Settings, *, make: bool) -> Tls | None:
    """What the settings ask for; with `make`, a certificate of our own. None is plain HTTP.

    Raises `ClickException` for files that cannot be used.
    """
    certificate, key = settings.tls_server_cert_path, settings.tls_server_key_path
    if make:
        if certificate or key:
            raise click.ClickException(
                "--tls-self-signed makes a certificate of its own: do not set "
                "TLS_SERVER_CERT_PATH and TLS_SERVER_KEY_PATH beside it"
            )
        path = _own_certificate(settings.server.host)
        return _checked(path, path)
    if not settings.server_ssl_enabled:
        return None
    if certificate is None:
        raise click.ClickException(
            "SERVER_SSL_ENABLED needs TLS_SERVER_CERT_PATH, a certificate as PEM, and "
            "TLS_SERVER_KEY_PATH, its key; or start with --tls-self-signed instead"
        )
    return _checked(certificate, key or certificate)


def announce(tls: Tls, host: str, port: int) -> None:
    """Say where to find the server, and how to know its certificate."""
    names = lan_addresses() if host in EVERY_ADDRESS else []
    for name in names:
        click.echo(f"Also at https://{name}:{port}", err=True)
    click.echo(f"Certificate: SHA-256 {tls.says.fingerprint}", err=True)
    left = tls.says.expires_at - datetime.now(UTC)
    if left < timedelta():
        click.echo(f"Warning: it ran out on {tls.says.expires_at:%Y-%m-%d}", err=True)


def lan_addresses() -> list[str]:
    """The IPv4 addresses of this machine by which others can reach it.

    Those of IPv6 change from day to day, and with them would the certificate.
    """
    found = [str(each.ip) for card in ifaddr.get_adapters() for each in card.ips if each.is_IPv4]
    return sorted({each for each in found if not each.startswith(("127.", "169.254."))})


# ---------------------------------------------------------------- a given certificate


def _checked(certificate: Path, key: Path) -> Tls:
    """Both files, if a server can be started with them."""
    certificate_pem = _read(certificate, "TLS_SERVER_CERT_PATH")
    _read(key, "TLS_SERVER_KEY_PATH")
    try:
        says = read_certificate(certificate_pem)
    except ValueError as error:
        raise click.ClickException(
            f"TLS_SERVER_CERT_PATH={certificate} holds no certificate as PEM: {error}"
        ) from error
    try:
        # Without a password given it would ask for one, on a terminal that may not be there.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError) as error:
        raise click.ClickException(_what_is_wrong(key, certificate, error)) from error
    return Tls(certificate, key, says)


def _read(path: Path, variable: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{variable}={path} cannot be read: {reason}") from error


def _what_is_wrong(key: Path, certificate: Path, error: OSError) -> str:
    reason = getattr(error, "reason", None) or ""
    if reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key} is not that of the certificate in {certificate}"
    if b"ENCRYPTED" in key.read_bytes():
        return (
            f"the key in {key} is encrypted: take the password from it with "
            f"'openssl pkey -in {key} -out plain.pem', and keep that file to yourself"
        )
    if "PRIVATE KEY" not in key.read_text(errors="replace"):
        return f"TLS_SERVER_KEY_PATH={key} holds no private key as PEM"
    return f"the key in {key} and the certificate in {certificate} cannot be used: {error}"


# ---------------------------------------------------------------- one of our own


def _own_certificate(host: str) -> Path:
    """A file with a key and a certificate for this machine, kept from run to run."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    path = Path(base).expanduser() / "inferno-voice" / "self-signed.pem"
    names = list(dict.fromkeys(_names_of_this_machine(host)))
    now = datetime.now(UTC)
    try:
        if not _still_good(path, names, now):
            _keep(path, self_signed(names, now))
    except OSError as error:
        raise click.ClickException(
            f"the certificate cannot be kept as {path}: {(error.strerror or str(error)).lower()}"
        ) from error
    return path


def _names_of_this_machine(host: str) -> Iterator[str]:
    yield from ("localhost", "127.0.0.1", "::1")
    name = socket.gethostname().lower()
    if name.isascii() and name.replace("-", "").replace(".", "").isalnum():
        yield name
        if "." not in name:
            yield f"{name}.local"
    yield from lan_addresses()
    if host not in EVERY_ADDRESS:
        yield host


def _still_good(path: Path, names: list[str], now: datetime) -> bool:
    try:
        says = read_certificate(path.read_bytes())
        private = path.stat().st_mode & 0o077 == 0
    except (FileNotFoundError, ValueError):
        return False
    return private and says.names >= set(names) and says.expires_at - now > RENEW


def _keep(path: Path, pem: bytes) -> None:
    """Put the file there, for the user alone, in one step: other servers may be reading it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        Path(draft).replace(path)
    except OSError:
        Path(draft).unlink(missing_ok=True)
        raise
