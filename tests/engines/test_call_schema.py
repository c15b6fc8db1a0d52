"""A forced call gets a schema that holds for any of the tools, with definitions that are found."""

from voice.engines.call_schema import call_schema, complete_schema
from voice.engines.protocols import Tool

OBJECT = {"type": "object", "properties": {}}


def test_one_tool_makes_an_object_of_name_and_arguments():
    """Both are required, in this order."""
    schema = call_schema([Tool(name="time")], "arguments")
    assert schema == {
        "type": "object",
        "properties": {"name": {"const": "time"}, "arguments": OBJECT},
        "required": ["name", "arguments"],
    }


def test_several_tools_make_a_choice():
    """Each name goes with its own arguments."""
    schema = call_schema(
        [Tool(name="a"), Tool(name="b", parameters={"type": "object"})], "parameters"
    )
    first, second = schema["anyOf"]
    assert first["properties"] == {"name": {"const": "a"}, "parameters": OBJECT}
    assert second["properties"] == {"name": {"const": "b"}, "parameters": {"type": "object"}}


def test_definitions_move_to_the_top_and_stay_apart():
    """Two tools may use one name for different things."""

    def tool(name: str, kind: str) -> Tool:
        place = {"$ref": "#/$defs/Place"}
        parameters = {
            "type": "object",
            "properties": {"at": place, "all": {"type": "array", "items": place}},
            "$defs": {"Place": {"type": kind}, "Near": {"anyOf": [place, {"type": "null"}]}},
        }
        return Tool(name=name, parameters=parameters)

    schema = call_schema([tool("a", "string"), tool("b", "integer")], "arguments")
    assert schema["$defs"] == {
        "0-Place": {"type": "string"},
        "0-Near": {"anyOf": [{"$ref": "#/$defs/0-Place"}, {"type": "null"}]},
        "1-Place": {"type": "integer"},
        "1-Near": {"anyOf": [{"$ref": "#/$defs/1-Place"}, {"type": "null"}]},
    }
    arguments = schema["anyOf"][1]["properties"]["arguments"]
    assert arguments == {
        "type": "object",
        "properties": {
            "at": {"$ref": "#/$defs/1-Place"},
            "all": {"type": "array", "items": {"$ref": "#/$defs/1-Place"}},
        },
    }


def test_an_open_type_becomes_any_type():
    """A property with a description alone is legal, but no grammar can be made of it."""
    schema = {
        "type": "object",
        "properties": {"type": {"description": "what"}, "n": {"type": "integer"}},
        "additionalProperties": False,
    }
    complete = complete_schema(schema)
    assert {"type": "string"} in complete["properties"]["type"]["anyOf"]
    assert complete["properties"]["n"] == {"type": "integer"}
    assert complete["additionalProperties"] is False


def test_other_keys_are_left_alone():
    """Examples and defaults hold values, not schemas."""
    schema = {"type": "string", "default": {"x": 1}, "enum": ["a", {"b": 2}]}
    assert complete_schema(schema) == schema
