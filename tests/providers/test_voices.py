"""What clients are told of voices that there are not."""

import pytest

from voice.gateway.errors import ApiError
from voice.providers.voices import chosen_voice

MANY = tuple(f"en-{number}" for number in range(244))


def refused(name: str, voices: tuple[str, ...]) -> str:
    with pytest.raises(ApiError) as wrong:
        chosen_voice(name, voices, "espeak")
    assert wrong.value.param == "voice"
    return wrong.value.message


def test_of_few_voices_all_are_named():
    assert "has no voice 'xx'; there is tone, bell. OpenAI's names" in refused(
        "xx", ("tone", "bell")
    )
    assert "did you mean 'tone'? There is tone, bell." in refused("tones", ("tone", "bell"))


def test_of_many_voices_the_nearest_are_named_and_where_the_others_are():
    message = refused("en_243", MANY)
    assert "did you mean 'en-243' or" in message
    assert "GET /v1/audio/voices lists its 244 voices." in message
    assert len(message) < 400


def test_a_name_without_end_is_not_repeated():
    assert len(refused("x" * 10_000, MANY)) < 400
