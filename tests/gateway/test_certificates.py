from datetime import UTC, datetime, timedelta

import pytest

from voice.gateway.certificates import read_certificate, self_signed

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAMES = ["localhost", "box.local", "127.0.0.1", "::1", "192.168.1.5"]


def test_a_certificate_is_for_all_names_and_addresses_and_a_year():
    says = read_certificate(self_signed(NAMES, NOW))
    assert says.names == set(NAMES)
    assert timedelta(days=365) < says.expires_at - NOW < timedelta(days=398)
    assert len(says.fingerprint.split(":")) == 32
    assert says.fingerprint == says.fingerprint.upper()


def test_every_certificate_has_a_key_of_its_own():
    first, second = (read_certificate(self_signed(NAMES, NOW)) for _ in range(2))
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize("pem", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_is_refused(pem):
    with pytest.raises(ValueError):
        read_certificate(pem)
