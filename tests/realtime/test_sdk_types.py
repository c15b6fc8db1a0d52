"""The events of a long session against the types of the official SDK."""

import pytest

from tests.realtime.talk import eventful_session
from voice.realtime.events import encode

pytestmark = pytest.mark.conformance


def test_every_event_is_valid_to_the_sdk():
    """Strict validation, as the SDK's own lenient construction would hide a mistake."""
    pydantic = pytest.importorskip("pydantic")
    types = pytest.importorskip("openai.types.realtime")
    adapter = pydantic.TypeAdapter(types.RealtimeServerEvent)
    events = eventful_session()
    parsed = [adapter.validate_json(encode(event)) for event in events]
    assert [each.type for each in parsed] == [event["type"] for event in events]
    unknown = {(each.type, name) for each in parsed for name in (each.model_extra or {})}
    assert unknown == set()
