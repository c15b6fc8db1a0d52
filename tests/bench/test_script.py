from voice.bench.script import FRAME_MS, long_answer, nearest, recordings, short_answer


def test_the_bundled_questions_are_whole_frames_with_their_speech_inside():
    for recording in recordings():
        assert 0 < recording.start_ms < recording.end_ms < len(recording.frames) * FRAME_MS


def test_every_caller_has_answers_of_its_own():
    answers = {answer(caller) for caller in range(50) for answer in (short_answer, long_answer)}
    assert len(answers) == 100


def test_what_was_heard_belongs_to_the_question_with_most_of_its_words():
    questions = recordings()
    for question in questions:
        misheard = " ".join(question.words.split()[1:]).lower()
        assert nearest(misheard, questions) is question
