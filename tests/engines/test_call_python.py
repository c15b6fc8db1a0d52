"""A call in Python is read as data, never run."""

import pytest

from voice.engines.call_python import python_call


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("time()", ("time", "{}")),
        (
            " f(a=1, b='ö', c=[None, {'x': -2.5}]) ",
            ("f", '{"a": 1, "b": "ö", "c": [null, {"x": -2.5}]}'),
        ),
        ("mail.send(to='me')", ("mail.send", '{"to": "me"}')),
    ],
)
def test_keyword_arguments_become_json(text: str, call: tuple[str, str]):
    """Names of modules stay a part of the name."""
    assert python_call(text) == call


@pytest.mark.parametrize(
    "text", ["", "f", "f(", "f(1)", "f(a=b)", "f(a=g())", "f(a={1, 2})", "x = f()", "f(" * 300]
)
def test_anything_else_is_no_call(text: str):
    """Positions say nothing about names, and only literals are values."""
    assert python_call(text) is None
