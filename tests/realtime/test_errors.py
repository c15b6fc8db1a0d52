from voice.realtime.errors import WireError, commit_empty, session_expired, unknown_item


def test_an_error_event_names_the_event_that_caused_it():
    error = WireError("No.", code="invalid_value", param="session.x", event_id="mine")
    assert error.to_event() == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "code": "invalid_value",
            "message": "No.",
            "param": "session.x",
            "event_id": "mine",
        },
    }


def test_the_event_id_can_be_given_when_the_error_does_not_know_it():
    error = WireError("No.", code=None)
    assert error.to_event("e1")["error"]["event_id"] == "e1"
    assert error.to_event()["error"]["event_id"] is None


def test_the_commit_error_says_how_much_audio_there_was():
    error = commit_empty(0)
    assert error.code == "input_audio_buffer_commit_empty"
    assert error.message == (
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
        "but buffer only has 0.00ms of audio."
    )
    assert "only has 99.98ms of" in commit_empty(99.979).message


def test_each_way_of_missing_an_item_has_its_own_code():
    codes = {verb: unknown_item(verb, "X").code for verb in ("delete", "truncate", "retrieve")}
    assert codes == {
        "delete": "item_delete_invalid_item_id",
        "truncate": "item_truncate_invalid_item_id",
        "retrieve": "item_retrieve_invalid_item_id",
    }
    assert unknown_item("delete", "X").message == (
        "Error deleting item: the item with id 'X' does not exist."
    )


def test_the_age_limit_is_told_in_minutes():
    error = session_expired(60)
    assert error.code == "session_expired"
    assert error.message == "Your session hit the maximum duration of 60 minutes."
