import threading

from voice.engines.jobs import Job, JobQueue
from voice.engines.protocols import Prompt
from voice.engines.wire import Generate, GetPartial, GetTranscript, Priority, Request

PROMPT = Generate(Prompt(messages=()))


def queued(*jobs: tuple[Priority, int, Request]) -> JobQueue:
    queue = JobQueue()
    for priority, number, request in jobs:
        queue.put(Job(priority, number, request))
    return queue


def taken(queue: JobQueue, count: int) -> list[int]:
    return [queue.take().number for _ in range(count)]


def test_the_most_urgent_goes_first_and_equals_in_order():
    queue = queued(
        (Priority.BATCH, 1, PROMPT),
        (Priority.NORMAL, 2, PROMPT),
        (Priority.FINAL, 3, GetTranscript(1)),
        (Priority.PARTIAL, 4, GetPartial(2)),
        (Priority.FIRST_CHUNK, 5, PROMPT),
        (Priority.NORMAL, 6, PROMPT),
    )
    assert taken(queue, 6) == [3, 5, 2, 6, 4, 1]


def test_a_newer_question_overtakes_the_partials_of_its_utterance():
    queue = queued((Priority.PARTIAL, 1, GetPartial(1)), (Priority.PARTIAL, 2, GetPartial(2)))
    overtaken = queue.put(Job(Priority.PARTIAL, 3, GetPartial(1)))
    assert [job.number for job in overtaken] == [1]
    assert taken(queue, 2) == [2, 3]


def test_a_transcript_is_never_overtaken():
    queue = queued((Priority.FINAL, 1, GetTranscript(1)))
    assert queue.put(Job(Priority.FINAL, 2, GetTranscript(1))) == []
    assert queue.put(Job(Priority.PARTIAL, 3, GetPartial(1))) == []
    assert taken(queue, 3) == [1, 2, 3]


def test_a_cancelled_job_is_not_taken():
    queue = queued((Priority.NORMAL, 1, PROMPT), (Priority.NORMAL, 2, PROMPT))
    queue.cancel(1)
    assert taken(queue, 1) == [2]


def test_a_running_job_sees_that_it_is_cancelled():
    queue = queued((Priority.NORMAL, 1, PROMPT))
    job = queue.take()
    assert not job.is_cancelled()
    queue.cancel(1)
    assert job.is_cancelled()
    queue.finished(job)
    queue.cancel(1)


def test_the_jobs_of_a_closed_utterance_are_dropped():
    queue = queued(
        (Priority.FINAL, 1, GetTranscript(1)),
        (Priority.PARTIAL, 2, GetPartial(1)),
        (Priority.FINAL, 3, GetTranscript(2)),
    )
    assert {job.number for job in queue.drop_utterance(1)} == {1, 2}
    assert taken(queue, 1) == [3]


def test_a_taker_waits_for_the_next_job():
    queue, numbers = JobQueue(), []
    taker = threading.Thread(target=lambda: numbers.append(queue.take().number))
    taker.start()
    queue.put(Job(Priority.NORMAL, 7, PROMPT))
    taker.join(timeout=20)
    assert numbers == [7]
