import pytest

from voice.gateway.secrets import ClientSecrets
from voice.realtime.config import SessionConfig

CONFIG = SessionConfig(instructions="Speak like a pirate.")
NOW = 1_800_000_000.7


def test_a_secret_stands_for_its_configuration_until_it_expires():
    secrets = ClientSecrets()
    secret = secrets.mint(CONFIG, 600, NOW)
    assert secret.value.startswith("ek_")
    assert secret.expires_at == 1_800_000_600
    for _ in range(3):
        assert secrets.find(secret.value, secret.expires_at - 0.1) == secret
    assert secrets.find(secret.value, secret.expires_at) is None


@pytest.mark.parametrize("shown", ["", "ek_", "ek_0", "ek_\xe4\ufffd"])
def test_what_was_never_minted_is_not_found(shown):
    secrets = ClientSecrets()
    secrets.mint(CONFIG, 600, NOW)
    assert secrets.find(shown, NOW) is None


def test_every_secret_is_another_one():
    secrets = ClientSecrets()
    assert len({secrets.mint(CONFIG, 600, NOW).value for _ in range(100)}) == 100


def test_expired_secrets_are_forgotten_when_another_is_minted():
    secrets = ClientSecrets()
    for _ in range(5):
        secrets.mint(CONFIG, 10, NOW)
    lasting = secrets.mint(CONFIG, 600, NOW)
    secrets.mint(CONFIG, 600, NOW + 11)
    assert len(secrets) == 2
    assert secrets.find(lasting.value, NOW + 11) is not None


def test_of_too_many_secrets_the_oldest_die_first():
    secrets = ClientSecrets(max_secrets=2)
    first, second, third = (secrets.mint(CONFIG, 600, NOW) for _ in range(3))
    assert secrets.find(first.value, NOW) is None
    assert secrets.find(second.value, NOW)
    assert secrets.find(third.value, NOW)


def test_the_configurations_together_are_bounded():
    large = SessionConfig(instructions="x" * 1000)
    secrets = ClientSecrets(max_bytes=5000)
    minted = [secrets.mint(large, 600, NOW) for _ in range(10)]
    alive = [secrets.find(each.value, NOW) is not None for each in minted]
    assert 2 <= alive.count(True) <= 4
    assert alive == sorted(alive)


def test_a_configuration_beyond_the_bound_leaves_nothing_behind():
    secrets = ClientSecrets(max_bytes=100)
    secrets.mint(SessionConfig(instructions="x" * 1000), 600, NOW)
    assert len(secrets) == 0
    assert secrets.mint(SessionConfig(), 600, NOW).value.startswith("ek_")
