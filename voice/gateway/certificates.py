"""Certificates for TLS: what one is for, and how to make one that nobody vouches for."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=397)
"""Some browsers take no certificate that is valid for longer."""
SKEW = timedelta(days=1)
"""The clocks of other machines may be behind."""


@dataclass(frozen=True, slots=True)
class Certificate:
    names: frozenset[str]
    """Host names and addresses it is for."""
    expires_at: datetime
    fingerprint: str
    """Of SHA-256, as browsers show it."""


def read_certificate(pem: bytes) -> Certificate:
    """What a certificate says; raises ValueError for what is none."""
    found = x509.load_pem_x509_certificate(pem)
    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        names = frozenset[str]()
    else:
        dns = extension.value.get_values_for_type(x509.DNSName)
        addresses = extension.value.get_values_for_type(x509.IPAddress)
        names = frozenset([*dns, *map(str, addresses)])
    digest = found.fingerprint(hashes.SHA256()).hex(":").upper()
    return Certificate(names, found.not_valid_after_utc, digest)


def self_signed(names: Iterable[str], now: datetime) -> bytes:
    """A new key and its certificate for these host names and addresses, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Inferno Voice on this machine")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_name(each) for each in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
