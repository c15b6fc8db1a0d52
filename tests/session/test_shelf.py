from voice.realtime.items import InputAudio, OutputAudio
from voice.session.shelf import LIMIT_BYTES, AudioShelf

HALF = LIMIT_BYTES // 2


def test_the_audio_of_recent_items_is_kept_and_the_oldest_forgotten():
    shelf = AudioShelf()
    parts = [InputAudio(bytes(HALF)) for _ in range(3)]
    for part in parts:
        shelf.keep(part, HALF)
    assert [part.audio is not None for part in parts] == [False, True, True]


def test_answers_are_forgotten_like_questions_and_keep_their_words():
    shelf = AudioShelf()
    answer = OutputAudio("It is noon.", audio=lambda _: b"")
    shelf.keep(answer, HALF)
    shelf.keep(InputAudio(bytes(HALF + 1)), HALF + 1)
    assert answer.audio is None
    assert answer.transcript == "It is noon."


def test_what_is_too_large_is_not_kept_and_drives_out_the_rest():
    shelf = AudioShelf()
    small, large = InputAudio(b"\0\0"), InputAudio(bytes(LIMIT_BYTES + 2))
    shelf.keep(small, 2)
    shelf.keep(large, LIMIT_BYTES + 2)
    assert small.audio is None
    assert large.audio is None
    later = InputAudio(bytes(LIMIT_BYTES))
    shelf.keep(later, LIMIT_BYTES)
    assert later.audio is not None


def test_a_cleared_shelf_keeps_nothing_and_can_be_filled_again():
    shelf = AudioShelf()
    first, second = InputAudio(bytes(HALF)), InputAudio(bytes(LIMIT_BYTES))
    shelf.keep(first, HALF)
    shelf.clear()
    shelf.keep(second, LIMIT_BYTES)
    assert first.audio is None
    assert second.audio is not None


def test_an_answer_takes_the_place_of_older_audio_while_it_grows():
    shelf = AudioShelf()
    question, answer = InputAudio(bytes(HALF)), OutputAudio("It is noon.", audio=lambda _: b"")
    shelf.keep(question, HALF)
    shelf.keep(answer, HALF)
    assert question.audio is not None
    shelf.keep(answer, HALF + 2)
    assert question.audio is None
    assert answer.audio is not None
    shelf.keep(answer, LIMIT_BYTES)
    assert answer.audio is not None
