from pathlib import Path

import pytest

from voice.config import OPENAI_URL, VARIABLES, Settings, SettingsError, load_settings

NO_FILE = Path("/nowhere/.env")


def load(environment: dict[str, str] | None = None, **flags: object) -> Settings:
    return load_settings(environment=environment or {}, env_file=NO_FILE, **flags)


def complaint(environment: dict[str, str] | None = None, **flags: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load(environment, **flags)
    return str(caught.value)


def test_nothing_set_gives_the_defaults():
    settings = load()
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)
    assert (settings.engines.stt, settings.engines.vad) == ("auto", "webrtcvad")
    assert (settings.session.lead_ms, settings.session.speculate) == (160, True)
    assert settings.auth.api_keys == ()
    assert settings == Settings()


def test_variables_set_the_fields_of_their_section():
    settings = load(
        {
            "SERVER__PORT": "9001",
            "session__speculate": "false",
            "LLM_DEFAULT_TEMPERATURE": "0.2",
            "ENGINES__TTS": "espeak",
            "DOCUMENTS": "~/papers",
        }
    )
    assert settings.server.port == 9001
    assert settings.session.speculate is False
    assert settings.llm_default_temperature == 0.2
    assert settings.engines.tts == "espeak"
    assert settings.documents == Path.home() / "papers"


def test_flags_go_before_the_environment_and_that_before_the_file(tmp_path):
    env_file = tmp_path / ".env"
    env_file.write_text("SERVER__PORT=1\nSERVER__HOST=a\nSERVICE_NAME=file\nOTHER_THING=x\n")
    settings = load_settings(
        environment={"SERVER__PORT": "2", "SERVER__HOST": "b"},
        env_file=env_file,
        server__port=3,
        server__host=None,
    )
    assert settings.server.port == 3
    assert settings.server.host == "b"
    assert settings.service_name == "file"


def test_empty_variables_count_as_unset():
    assert load({"SERVER__PORT": "", "INFERENCE_BASE_URL": ""}) == Settings()


def test_variables_of_other_programs_are_left_alone():
    strangers = {"SESSION": "gnome", "AUTH": "1", "LLM_OTHER": "x", "GIT__THING": "y"}
    assert load(strangers) == Settings()


@pytest.mark.parametrize("keys", ['["one", "two"]', "one, two", "one,two,"])
def test_keys_are_a_json_list_or_stand_between_commas(keys):
    settings = load({"AUTH__API_KEYS": keys})
    assert [key.get_secret_value() for key in settings.auth.api_keys] == ["one", "two"]
    assert "two" not in repr(settings)


@pytest.mark.parametrize("keys", ['["secret"', '["secret", 5]', '["secret", {}]'])
def test_a_bad_list_of_keys_is_refused_without_showing_them(keys):
    message = complaint({"AUTH__API_KEYS": keys})
    assert message.startswith("AUTH__API_KEYS: ")
    assert "secret" not in message


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SERVER__PROT", "SERVER__PORT"),
        ("ENGINE__STT", "ENGINES__STT"),
        ("session__lead_sm", "SESSION__LEAD_MS"),
    ],
)
def test_a_misspelt_variable_is_an_error_that_says_the_right_one(name, meant):
    assert complaint({name: "1"}) == f"{name.upper()} is no setting; did you mean {meant}?"


def test_an_unknown_variable_of_a_section_lists_what_there_is():
    message = complaint({"AUTH__ROLES": "x"})
    assert message == "AUTH__ROLES is no setting; there is AUTH__API_KEYS"


def test_a_misspelt_flag_is_an_error():
    assert complaint(engines__sst="sphinx").endswith("did you mean ENGINES__STT?")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "SERVER__PORT",
            "99999",
            "SERVER__PORT='99999': input should be less than or equal to 65535",
        ),
        (
            "SERVER__LOG_LEVEL",
            "debgu",
            "SERVER__LOG_LEVEL='debgu': input should be 'debug', 'info', 'warning', 'error' or 'critical'; did you mean 'debug'?",
        ),
        (
            "ENGINES__STT",
            "wisper:base",
            "ENGINES__STT: 'wisper:base' is no speech-to-text engine; did you mean 'whisper:base'?",
        ),
        (
            "INFERENCE_BASE_URL",
            "localhost:1",
            "INFERENCE_BASE_URL='localhost:1': must be an address like http://localhost:8001/v1",
        ),
    ],
)
def test_an_invalid_value_is_named_with_what_is_allowed(variable, value, message):
    assert complaint({variable: value}) == message


def test_all_problems_are_told_at_once():
    lines = complaint({"SERVER__PORT": "x", "SESSION__LEAD_MS": "1"}).splitlines()
    assert [line.split("=")[0] for line in lines] == ["SERVER__PORT", "SESSION__LEAD_MS"]


def test_a_password_in_an_address_is_not_shown():
    message = complaint({"INFERENCE_BASE_URL": "ftp://me:hunter2@host"})
    assert "hunter2" not in message


def test_an_unreadable_file_is_named(tmp_path):
    env_file = tmp_path / ".env"
    env_file.write_bytes(b"A=\xff\xfe")
    with pytest.raises(SettingsError, match=r"\.env cannot be read"):
        load_settings(environment={}, env_file=env_file)


def test_the_key_of_openai_is_sent_to_openai_only():
    keys = {"OPENAI__API_KEY": "sk-1", "INFERENCE_API_KEY": "local"}
    assert (load(keys).remote_url, load(keys).remote_key) == (OPENAI_URL, "sk-1")
    elsewhere = load(keys | {"INFERENCE_BASE_URL": "http://gpu:8001/v1/"})
    assert (elsewhere.remote_url, elsewhere.remote_key) == ("http://gpu:8001/v1", "local")
    assert load().remote_url is None


@pytest.mark.parametrize("name", ["INFERENCE", "SPEECH", "TRANSCRIPTION", "EMBEDDINGS"])
def test_the_address_of_a_server_holds_no_password(name):
    variable = f"{name}_BASE_URL" if name == "INFERENCE" else f"{name}__BASE_URL"
    message = complaint({variable: "http://me:hunter2@host/v1"})
    assert message.startswith(f"{variable}: holds a password; give it as the API key instead")
    assert "hunter2" not in message


def test_origins_stand_between_commas():
    origins = "https://a.example, https://b.example"
    assert load({"CORS_ALLOWED_ORIGINS": origins}).cors_allowed_origins == (
        "https://a.example",
        "https://b.example",
    )


@pytest.mark.parametrize(
    ("given", "meant"),
    [("*", "*"), ("null", "null"), ("HTTPS://App.Example:8443/", "https://app.example:8443")],
)
def test_an_origin_is_taken_as_browsers_write_it(given, meant):
    assert load({"CORS_ALLOWED_ORIGINS": given}).cors_allowed_origins == (meant,)


@pytest.mark.parametrize(
    "given", ["app.example", "https://app.example/page", "https://", "*.example"]
)
def test_what_is_no_origin_is_said(given):
    with pytest.raises(SettingsError, match=r"CORS_ALLOWED_ORIGINS.*must be"):
        load({"CORS_ALLOWED_ORIGINS": given})


def test_every_field_has_its_variable():
    assert {"SERVER__HOST", "HF_HOME", "LOCAL__N_GPU_LAYERS", "SERVICE_NAME"} <= set(VARIABLES)


def test_the_limits_of_embeddings_can_be_lowered_but_not_raised():
    lowered = {"EMBEDDINGS__MAX_INPUTS": "100", "EMBEDDINGS__MAX_CHARACTERS": "8000"}
    settings = load_settings(environment=lowered, env_file=Path("/nowhere"))
    assert (settings.embeddings.max_inputs, settings.embeddings.max_characters) == (100, 8000)
    assert "less than or equal to 2048" in complaint({"EMBEDDINGS__MAX_INPUTS": "4096"})


def test_the_key_of_one_server_is_not_sent_to_that_of_embeddings():
    keys = {"INFERENCE_BASE_URL": "http://one/v1", "INFERENCE_API_KEY": "k1"}
    settings = load_settings(environment=keys, env_file=Path("/nowhere"))
    assert (settings.embeddings_url, settings.embeddings_key) == ("http://one/v1", "k1")
    keys |= {"EMBEDDINGS__BASE_URL": "http://two/v1"}
    settings = load_settings(environment=keys, env_file=Path("/nowhere"))
    assert (settings.embeddings_url, settings.embeddings_key) == ("http://two/v1", "")


def test_servers_for_calls_are_a_json_list_as_browsers_write_it():
    given = '[{"urls": "stun:a.example:3478"}, {"urls": ["turn:b.example?transport=tcp"], '
    given += '"username": "u", "credential": "secret"}]'
    stun, turn = load({"RTC__ICE_SERVERS": given}).rtc.ice_servers
    assert stun.urls == ("stun:a.example:3478",)
    assert turn.credential.get_secret_value() == "secret"


def test_ports_of_calls_are_a_range():
    rtc = load({"RTC__UDP_PORTS": "40000-40010", "RTC__PUBLIC_ADDRESS": "203.0.113.7"}).rtc
    assert (rtc.udp_range, rtc.public_address) == (range(40_000, 40_011), "203.0.113.7")
    assert load().rtc.udp_range is None


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("RTC__UDP_PORTS", "40000", "a range like 40000-40100"),
        ("RTC__UDP_PORTS", "40010-40000", "the lower first"),
        ("RTC__UDP_PORTS", "80-90", "from 1024"),
        ("RTC__PUBLIC_ADDRESS", "example.com", "an IP address like 203.0.113.7"),
        ("RTC__ICE_SERVERS", "stun:a.example", "JSON"),
        ("RTC__ICE_SERVERS", '[{"urls": "http://a.example"}]', "like stun:HOST:3478"),
    ],
)
def test_settings_of_calls_that_are_wrong_say_what_would_be_right(variable, value, says):
    assert says in complaint({variable: value})


def test_the_credential_of_a_server_for_calls_is_not_shown():
    given = '[{"urls": "http://a.example", "credential": "hunter2"}]'
    assert "hunter2" not in complaint({"RTC__ICE_SERVERS": given})
