"""What waits for a session: bounded, sounds first."""

import asyncio

from tests.virtual_time import run
from voice.rtc.inbox import MAX_EVENT_BYTES, MAX_SOUNDS, OPENING_SOUNDS, Inbox
from voice.transports.transport import Sound


def test_sounds_come_before_events_and_both_in_order():
    async def main():
        inbox = Inbox()
        inbox.take("one")
        inbox.hear(b"1")
        inbox.take(b"two")
        inbox.hear(b"2")
        got = [await inbox.get() for _ in range(4)]
        assert got == [Sound(b"1"), Sound(b"2"), "one", b"two"]

    run(main())


def test_whoever_waits_gets_what_comes():
    async def main():
        inbox = Inbox()
        waiting = asyncio.ensure_future(inbox.get())
        await asyncio.sleep(1)
        inbox.hear(b"1")
        assert await waiting == Sound(b"1")

    run(main())


def test_before_anybody_listens_half_a_second_of_sound_is_kept():
    async def main():
        inbox = Inbox()
        for number in range(100):
            inbox.hear(bytes([number]))
        assert await inbox.get() == Sound(bytes([100 - OPENING_SOUNDS]))
        assert inbox.dropped == 0

    run(main())


def test_a_session_that_does_not_keep_up_loses_the_oldest_sound_and_that_is_counted():
    async def main():
        inbox = Inbox()
        inbox.hear(b"")
        await inbox.get()
        for number in range(MAX_SOUNDS + 3):
            inbox.hear(number.to_bytes(2, "big"))
        assert await inbox.get() == Sound(b"\0\3")
        assert inbox.dropped == 3

    run(main())


def test_too_many_events_are_told_and_empty_ones_count_too():
    inbox = Inbox()
    assert inbox.take("x" * 1000)
    assert not inbox.take("x" * MAX_EVENT_BYTES)
    many = Inbox()
    assert not all(many.take("") for _ in range(MAX_EVENT_BYTES // 100 + 2))


def test_events_that_were_taken_out_do_not_count():
    async def main():
        inbox = Inbox()
        for _ in range(5):
            assert inbox.take("x" * (MAX_EVENT_BYTES // 2))
            await inbox.get()

    run(main())


def test_a_closed_inbox_is_empty_for_ever():
    async def main():
        inbox = Inbox()
        inbox.hear(b"1")
        inbox.take("one")
        inbox.close()
        inbox.hear(b"2")
        assert inbox.take("two")
        assert [await inbox.get(), await inbox.get()] == [None, None]

    run(main())
