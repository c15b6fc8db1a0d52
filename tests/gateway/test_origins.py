import pytest

from voice.gateway.origins import OriginPolicy, origin_policy

HOME = "localhost:8000"


def loopback(origins=None) -> OriginPolicy:
    """The policy of a server without keys that listens on loopback."""
    return origin_policy(origins, has_keys=False, listens_on="127.0.0.1")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8000", HOME),
        ("http://localhost:5173", HOME),
        ("http://app.localhost:5173", HOME),
        ("http://127.0.0.1", HOME),
        ("http://[::1]:3000", "127.0.0.1:8000"),
        ("https://localhost", HOME),
        ("capacitor://localhost", HOME),
        ("http://192.168.1.5:8000", "192.168.1.5:8000"),
        ("http://[fe80::1]:8000", "[fe80::1]:8000"),
        ("http://box.local", "box.local"),
        ("https://box.local", "box.local:443"),
        ("HTTP://Box.Local:80", "box.local"),
    ],
)
def test_a_server_without_keys_serves_its_own_page_and_those_of_the_machine(origin, host):
    assert loopback().admits_page(origin, host)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://evil.example:8000",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example:8000",
        "http://user@evil.example",
        "http://192.168.1.9:8000",
        "chrome-extension://localhosting",
        "file://",
        "null",
        "",
        "http://",
        "http://[",
        "http://localhost:x",
    ],
)
def test_a_server_without_keys_serves_no_other_page(origin):
    assert not loopback().admits_page(origin, HOME)


@pytest.mark.parametrize("origin", ["null", "file://"])
def test_pages_from_files_may_be_let_in(origin):
    assert loopback(["null"]).admits_page(origin, HOME)
    assert not loopback(["https://app.example"]).admits_page(origin, HOME)


def test_the_same_host_on_another_port_is_another_page():
    assert not loopback().admits_page("http://192.168.1.5:3000", "192.168.1.5:8000")
    assert not loopback().admits_page("https://box.local", "box.local:8443")


def test_with_keys_every_page_may_come():
    policy = origin_policy(None, has_keys=True, listens_on="0.0.0.0")
    assert policy.is_open
    assert policy.admits_page("https://anywhere.example", "voice.example")
    assert policy.admits_page("null", "voice.example")


@pytest.mark.parametrize("has_keys", [True, False])
def test_named_origins_come_in_and_others_do_not(has_keys):
    policy = origin_policy(["https://app.example"], has_keys=has_keys, listens_on="0.0.0.0")
    assert policy.admits_page("https://app.example", "voice.example")
    assert policy.admits_page("https://voice.example", "voice.example")
    assert not policy.admits_page("http://app.example", "voice.example")
    assert not policy.admits_page("https://other.example", "voice.example")


@pytest.mark.parametrize(
    "host",
    ["", "localhost", HOME, "127.0.0.1:8000", "[::1]:8000", "192.168.1.5", "voice:8000",
     "box.local:8000", "host.docker.internal:8000", "a.localhost", "LOCALHOST.", "nas.home.arpa"],
)  # fmt: skip
def test_a_loopback_server_answers_to_names_that_no_stranger_owns(host):
    assert loopback().admits_name(host)


@pytest.mark.parametrize("host", ["evil.example:8000", "evil.example", "local.evil.example.", "["])
def test_a_loopback_server_does_not_answer_to_a_strangers_name(host):
    assert not loopback().admits_name(host)


def test_a_name_that_was_allowed_or_a_key_or_another_address_needs_no_guard():
    assert loopback(["https://voice.example"]).admits_name("voice.example")
    assert loopback(["*"]).admits_name("evil.example")
    assert origin_policy(None, has_keys=True, listens_on="127.0.0.1").admits_name("voice.example")
    assert origin_policy(None, has_keys=False, listens_on="0.0.0.0").admits_name("voice.example")
