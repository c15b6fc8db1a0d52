import json

from voice.realtime.events import encode, new_id, stamp


def test_every_frame_carries_a_fresh_event_id():
    """Clients drop an event without `event_id`, so no event leaves without one."""
    frames = [json.loads(encode({"type": "input_audio_buffer.cleared"})) for _ in range(100)]
    ids = {frame["event_id"] for frame in frames}
    assert len(ids) == 100
    assert all(each.startswith("event_") for each in ids)
    assert all(frame["type"] == "input_audio_buffer.cleared" for frame in frames)


def test_stamping_leaves_the_event_itself_alone():
    event = {"type": "error"}
    assert stamp(event).keys() == {"event_id", "type"}
    assert event == {"type": "error"}


def test_ids_keep_their_prefix_and_stay_within_32_characters():
    ids = {new_id("call_") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(each.startswith("call_") and len(each) <= 32 for each in ids)


def test_frames_are_text_with_unescaped_unicode():
    assert "größer" in encode({"type": "x", "delta": "größer"})
