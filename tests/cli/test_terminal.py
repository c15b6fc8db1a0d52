import asyncio
import os
import pty
import signal

import pytest

from voice.cli.terminal import InterruptedByUserError, Interrupts, harmless, read_line


@pytest.fixture
def terminal():
    person, program = pty.openpty()
    yield person, program
    os.close(person)
    os.close(program)


async def test_lines_are_read_one_at_a_time(terminal):
    person, program = terminal
    os.write(person, "Schön?\n two \n\n".encode())
    assert [await read_line(program) for _ in range(3)] == ["Schön?", "two", ""]


async def test_ctrl_d_is_the_end(terminal):
    person, program = terminal
    os.write(person, b"\x04")
    assert await read_line(program) is None


async def test_waiting_for_a_line_can_be_given_up(terminal):
    person, program = terminal
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await read_line(program)
    os.write(person, b"later\n")
    assert await read_line(program) == "later"


@pytest.mark.parametrize(("number", "for_good"), [(signal.SIGINT, False), (signal.SIGTERM, True)])
async def test_a_signal_ends_the_work_and_not_the_next(number, for_good):
    ended = []

    async def work():
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    interrupts = Interrupts()
    with interrupts.watched():
        with pytest.raises(InterruptedByUserError) as interrupted:
            await interrupts.unless(work())
        assert interrupted.value.for_good is for_good
        assert ended == [True]
        assert await interrupts.unless(asyncio.sleep(0, "done")) == "done"


async def test_an_error_of_the_work_comes_out_as_itself():
    async def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Interrupts().unless(fail())


def test_text_cannot_command_the_terminal():
    assert harmless("a\x1b[2J\x07b\r\n\tc\x9b1m\x7f é🎉") == "a[2Jb\n\tc1m é🎉"
