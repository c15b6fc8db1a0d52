"""HTTPS over real connections, and what is said of files that cannot be used."""

import asyncio
import hashlib
import ssl
import stat
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import click
import pytest
from cryptography.hazmat.primitives import serialization

from voice.audio.files import write_recording
from voice.bench.engines import FakeEngines
from voice.cli import tls as tls_module
from voice.cli.ask import _ask
from voice.cli.caller import CallEndedError, call
from voice.cli.hosting import hosting
from voice.cli.tls import Tls, tls_of
from voice.config import AuthSettings, ServerSettings, Settings, load_settings
from voice.gateway.certificates import self_signed
from voice.server import Server

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "inferno-voice" / "self-signed.pem"


def made(**server: object) -> Tls:
    """The certificate that a server makes for itself."""
    found = tls_of(Settings(server=ServerSettings(**server)), make=True)
    assert found
    return found


@asynccontextmanager
async def secured(tls: Tls, keys=()):
    settings = Settings(server=ServerSettings(port=0), auth=AuthSettings(api_keys=keys))
    server = Server(settings, FakeEngines(0).open)
    async with hosting(settings, server=server, tls=tls) as hosted:
        yield hosted.url


def trusting(tls: Tls) -> ssl.SSLContext:
    """Takes this certificate and no other."""
    return ssl.create_default_context(cafile=str(tls.certificate))


# ---------------------------------------------------------------- connections


@pytest.mark.server
async def test_https_and_wss_work_for_who_trusts_the_certificate_that_was_made():
    tls = made()
    async with secured(tls) as url:
        assert url.startswith("https://127.0.0.1:")
        async with aiohttp.ClientSession() as client:
            async with client.get(f"{url}/health", ssl=trusting(tls)) as answer:
                assert answer.status == 200
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await client.get(f"{url}/health")
        with pytest.raises(ssl.SSLCertVerificationError):
            async with call(url):
                pass
        async with call(url, accept_self_signed=True) as caller:
            assert caller.count("session.created") == 1
        async with call(url.replace("https", "wss"), accept_self_signed=True) as caller:
            assert caller.count("session.created") == 1


@pytest.mark.server
async def test_the_certificate_that_is_shown_is_the_one_whose_fingerprint_is_told():
    tls = made()
    async with secured(tls) as url:
        port = int(url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(tls))
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
    assert tls.says.fingerprint == hashlib.sha256(shown).digest().hex(":").upper()


@pytest.mark.server
async def test_ask_says_how_to_accept_a_certificate_and_what_a_server_refuses(tmp_path):
    write_recording(tmp_path / "hello.wav", 24_000, bytes(4800))
    questions = [(tmp_path / "hello.wav", bytes(4800))]
    async with secured(made(), keys=("sesame",)) as url:
        with pytest.raises(click.ClickException, match="--accept-self-signed"):
            await _ask(questions, url, "sesame", tmp_path, accept_self_signed=False)
        with pytest.raises(CallEndedError, match=r"401.*Incorrect API key"):
            await _ask(questions, url, "wrong", tmp_path, accept_self_signed=True)


# ---------------------------------------------------------------- a certificate of its own


def test_a_certificate_of_its_own_is_for_the_user_alone_and_stays(cache):
    first = made()
    assert first.certificate == cache
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    assert {"localhost", "127.0.0.1", "::1"} <= first.says.names
    assert made().says == first.says
    assert list(cache.parent.iterdir()) == [cache]


def test_another_address_or_a_near_end_or_a_broken_or_open_file_brings_a_new_one(
    cache, monkeypatch
):
    first = made()
    second = made(host="192.0.2.7")
    assert "192.0.2.7" in second.says.names
    monkeypatch.setattr(tls_module, "lan_addresses", lambda: ["198.51.100.4"])
    third = made()
    assert "198.51.100.4" in third.says.names
    cache.write_bytes(self_signed(third.says.names, NOW - timedelta(days=380)))
    fourth = made()
    cache.write_text("broken")
    fifth = made()
    cache.chmod(0o644)
    sixth = made()
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    prints = [each.says.fingerprint for each in (first, second, third, fourth, fifth, sixth)]
    assert len(set(prints)) == 6


def test_a_cache_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(click.ClickException, match=r"self-signed\.pem: not a directory"):
        made()


# ---------------------------------------------------------------- a given certificate


@pytest.fixture
def pem(tmp_path):
    """Writes a certificate and its key as two files."""

    def write(name: str) -> tuple[Path, Path]:
        both = self_signed(["box"], NOW)
        cut = both.index(b"-----BEGIN CERTIFICATE")
        certificate, key = tmp_path / f"{name}.crt", tmp_path / f"{name}.key"
        certificate.write_bytes(both[cut:])
        key.write_bytes(both[:cut])
        return certificate, key

    return write


def given(certificate: Path | None, key: Path | None = None) -> Tls | None:
    paths = {"TLS_SERVER_CERT_PATH": certificate, "TLS_SERVER_KEY_PATH": key}
    environment = {name: str(path) for name, path in paths.items() if path}
    environment |= {"SERVER_SSL_ENABLED": "true"}
    return tls_of(load_settings(environment=environment), make=False)


def complaint(*paths: Path | None) -> str:
    with pytest.raises(click.ClickException) as error:
        given(*paths)
    return error.value.message


@pytest.mark.server
async def test_a_server_speaks_https_with_the_certificate_that_was_given(pem):
    certificate, key = pem("box")
    tls = given(certificate, key)
    async with secured(tls) as url, aiohttp.ClientSession() as client:
        context = trusting(tls)
        answer = await client.get(f"{url}/health", ssl=context, server_hostname="box")
        assert answer.status == 200
        answer.release()


def test_without_being_asked_a_server_speaks_plain_http(pem):
    certificate, key = pem("box")
    settings = Settings(tls_server_cert_path=certificate, tls_server_key_path=key)
    assert tls_of(settings, make=False) is None


def test_one_file_may_hold_both(tmp_path):
    both = tmp_path / "both.pem"
    both.write_bytes(self_signed(["box"], NOW))
    assert given(both).key == both


def test_https_without_a_certificate_says_what_to_set():
    assert "TLS_SERVER_CERT_PATH" in complaint(None)
    assert "--tls-self-signed" in complaint(None)


def test_files_that_are_not_there_are_named(pem, tmp_path):
    certificate, key = pem("box")
    missing = tmp_path / "nothing.pem"
    assert f"TLS_SERVER_CERT_PATH={missing} cannot be read: no such file" in complaint(missing, key)
    assert f"TLS_SERVER_KEY_PATH={missing} cannot be read" in complaint(certificate, missing)
    assert "is a directory" in complaint(tmp_path, key)


def test_a_key_that_is_not_that_of_the_certificate_is_said(pem):
    (certificate, _), (_, other) = pem("box"), pem("other")
    assert "is not that of the certificate" in complaint(certificate, other)


def test_files_of_another_kind_are_said(pem, tmp_path):
    certificate, key = pem("box")
    noise = tmp_path / "noise.pem"
    noise.write_bytes(b"\x00\xff noise")
    assert "holds no certificate as PEM" in complaint(noise, key)
    assert "holds no private key as PEM" in complaint(certificate, noise)
    assert "holds no private key as PEM" in complaint(certificate)


def test_an_encrypted_key_is_not_asked_a_password_for(pem):
    certificate, key = pem("box")
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"secret")
    pkcs8 = serialization.PrivateFormat.PKCS8
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, pkcs8, encryption))
    assert "is encrypted" in complaint(certificate, key)


def test_a_made_and_a_given_certificate_exclude_each_other(pem):
    certificate, key = pem("box")
    settings = Settings(tls_server_cert_path=certificate, tls_server_key_path=key)
    with pytest.raises(click.ClickException, match="do not set"):
        tls_of(settings, make=True)
