from typing import Annotated, Literal

import msgspec
import pytest

from voice.realtime.errors import WireError
from voice.realtime.validation import convert, quoted


class Cat(msgspec.Struct, tag="cat", tag_field="kind", forbid_unknown_fields=True):
    lives: Annotated[int, msgspec.Meta(ge=1, le=9)] = 9
    colour: Literal["black", "ginger"] | None = None


class Dog(msgspec.Struct, tag="dog", tag_field="kind"):
    name: str


class Home(msgspec.Struct):
    pets: list[Cat | Dog] = []
    rooms: dict[str, Literal["warm", "cold"]] = {}
    floors: int = 1
    tall: bool = False


def complaint(value: object) -> tuple[str | None, str, str | None]:
    with pytest.raises(WireError) as caught:
        convert(value, Home, "home")
    return caught.value.code, caught.value.message, caught.value.param


def test_a_good_value_becomes_the_struct():
    home = convert(
        {"pets": [{"kind": "cat", "lives": 3}, {"kind": "dog", "name": "Rex"}]}, Home, ""
    )
    assert home.pets == [Cat(lives=3), Dog(name="Rex")]


@pytest.mark.parametrize(
    ("value", "code", "message", "param"),
    [
        (
            {"pets": [{"kind": "dog"}]},
            "missing_required_parameter",
            "Missing required parameter: 'home.pets[0].name'.",
            "home.pets[0].name",
        ),
        (
            {"pets": [{"kind": "cat", "tail": 1}]},
            "unknown_parameter",
            "Unknown parameter: 'home.pets[0].tail'.",
            "home.pets[0].tail",
        ),
        (
            {"pets": [{"kind": "cow"}]},
            "invalid_value",
            "Invalid value: 'cow'. Supported values are: 'cat' and 'dog'.",
            "home.pets[0].kind",
        ),
        (
            {"pets": [{"kind": "cat", "colour": "blue"}]},
            "invalid_value",
            "Invalid value: 'blue'. Supported values are: 'black' and 'ginger'.",
            "home.pets[0].colour",
        ),
        (
            {"rooms": {"hall": "damp"}},
            "invalid_value",
            "Invalid value: 'damp'. Supported values are: 'cold' and 'warm'.",
            "home.rooms[...]",
        ),
        (
            {"pets": [{"kind": "cat", "lives": 10}]},
            "invalid_value",
            "Invalid value for 'home.pets[0].lives': expected integer <= 9.",
            "home.pets[0].lives",
        ),
        (
            {"floors": "two"},
            "invalid_value",
            "Invalid value for 'home.floors': expected integer, got string.",
            "home.floors",
        ),
        (
            {"tall": 1},
            "invalid_value",
            "Invalid value for 'home.tall': expected boolean, got integer.",
            "home.tall",
        ),
        ([], "invalid_value", "Invalid value for 'home': expected object, got array.", "home"),
    ],
)
def test_a_bad_value_is_told_apart_by_code_message_and_place(value, code, message, param):
    assert complaint(value) == (code, message, param)


def test_a_value_that_looks_like_the_end_of_a_message_breaks_nothing():
    """What a client sends is quoted in the message that is taken apart."""
    code, message, param = complaint({"pets": [{"kind": "x` - at `$.floors"}]})
    assert (code, param) == ("invalid_value", "home.pets[0].kind")
    assert "Supported values are: 'cat' and 'dog'." in message
    assert complaint({"pets": [{"kind": "cat", "a` - at `$.b": 1}]})[0] == "unknown_parameter"


def test_lists_are_quoted_as_a_person_writes_them():
    assert quoted(["a"]) == "'a'"
    assert quoted(["a", "b", "c"]) == "'a', 'b' and 'c'"
