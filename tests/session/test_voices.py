import pytest

from voice.session.voices import installed_voice, known_voices, voice_language

KOKORO = ("af_heart", "af_alloy", "am_echo")


def test_openai_names_and_the_engines_own_are_known():
    assert {"alloy", "marin", "af_heart"} <= known_voices(KOKORO)
    assert "robot" not in known_voices(KOKORO)


def test_a_voice_of_the_engine_is_itself():
    assert installed_voice("am_echo", KOKORO) == "am_echo"


def test_an_openai_name_takes_its_namesake():
    assert installed_voice("alloy", KOKORO) == "af_alloy"


def test_a_name_without_a_namesake_takes_the_default_voice():
    assert installed_voice("marin", KOKORO) == ""
    assert installed_voice("alloy", ("af", "en-us")) == ""


@pytest.mark.parametrize(
    ("voice", "language"),
    [
        ("de", "de"),
        ("fr-fr", "fr"),
        ("en-us+f2", "en"),
        ("ff_siwis", "fr"),
        ("af_heart", "en"),
        ("zm_yunxi", "zh"),
        ("alloy", "en"),
        ("", "en"),
    ],
)
def test_the_name_of_a_voice_tells_its_language(voice, language):
    assert voice_language(voice) == language
