"""Whatever providers do, a client gets one answer at most, whole, in time, and nothing is left."""

import asyncio
from contextlib import aclosing

from hypothesis import given
from hypothesis import strategies as st

from tests.routing.worlds import chat, models, router
from tests.virtual_time import run
from voice.gateway.errors import ApiError, unsupported_parameter
from voice.providers.fake import FakeProvider, Reply, failing
from voice.providers.protocol import ProviderError
from voice.routing.candidates import RetryPolicy

CHAT = "chat/completions"
TROUBLES = st.sampled_from(
    ["unavailable", "timeout", "rate_limit", "quota", "auth", "context", "content", "request"]
)
DELAYS_S = st.sampled_from([0.0, 0.1, 5.0, 30.0, 1000.0])
RETRY_AFTER_S = st.none() | st.sampled_from([0.5, 3.0, 50.0, 1e9, -1.0])
BLOCKS = (b"one ", b"two ", b"three")

troubles = st.builds(
    lambda trouble, delay_s, asked_s, after: failing(
        trouble, delay_s=delay_s, retry_after_s=asked_s, after=BLOCKS[:after]
    ),
    TROUBLES,
    DELAYS_S,
    RETRY_AFTER_S,
    st.sampled_from([0, 0, 0, 1, 2]),
)
answers = st.builds(lambda delay_s: Reply(BLOCKS, delay_s, interval_s=1.0), DELAYS_S)
nothing = st.just(Reply(()))
replies = st.lists(troubles | answers | nothing, min_size=1, max_size=4)
refuses = st.sampled_from([None, None, None, unsupported_parameter("n", "is unknown.")])


class World:
    """Three providers behind a model and its fallback, for a few requests in a row."""

    def __init__(self, data, chance: float) -> None:
        def fake(name: str) -> FakeProvider:
            refusal = data.draw(refuses)
            return FakeProvider(name, *data.draw(replies), refuses=lambda _: refusal)

        self.fakes = [fake(name) for name in "abc"]
        orders = [data.draw(st.integers(1, 2)) for _ in range(2)]
        targets = [{"model": f"{p}:x", "order": o} for p, o in zip("ab", orders, strict=True)]
        file = models(m={"targets": targets, "fallbacks": {"any": ["c:y"]}})
        self.policy = RetryPolicy(deadline_s=data.draw(st.sampled_from([4.0, 40.0, 300.0])))
        self.router = router(*self.fakes, file=file, policy=self.policy, chance=chance)

    @property
    def calls(self) -> int:
        return sum(len(fake.calls) for fake in self.fakes)

    async def is_quiet(self) -> bool:
        await asyncio.sleep(0)
        return not any(fake.running for fake in self.fakes) and len(asyncio.all_tasks()) == 1


async def asked(world: World, method: str) -> tuple[bytes, dict[str, str]]:
    """What a client gets, and the headers; text before an error in a stream included."""
    got = b""
    try:
        routed = await getattr(world.router, method)("m", CHAT, chat())
    except ApiError as error:
        return b"", error.headers
    if method == "answer":
        return routed.value, routed.headers
    async with aclosing(routed.value) as blocks:
        try:
            async for block in blocks:
                got += block
        except ProviderError:
            got += b"!"
    return got, routed.headers


@given(st.data(), st.sampled_from(["answer", "stream"]), st.floats(0, 0.99))
def test_no_text_comes_twice_and_attempts_and_time_are_bounded(data, method, chance):
    async def main():
        world = World(data, chance)
        loop = asyncio.get_running_loop()
        for _ in range(data.draw(st.integers(1, 4))):
            began_s, calls = loop.time(), world.calls
            got, headers = await asked(world, method)
            whole = b"".join(BLOCKS)
            assert got in {b"", whole} or (method == "stream" and whole.startswith(got[:-1]))
            assert world.calls - calls <= 2 * world.policy.attempts
            # A stream may go on for as long as its blocks take, once it has begun.
            assert loop.time() - began_s <= world.policy.deadline_s + 2.0 + 1e-6
            if "x-voice-attempts" in headers:
                assert int(headers["x-voice-attempts"]) == world.calls - calls
            if "Retry-After" in headers:
                assert 1 <= int(headers["Retry-After"]) <= 3600
            assert await world.is_quiet()

    run(main())


@given(st.data(), st.sampled_from(["answer", "stream"]), st.floats(0.0, 60.0))
def test_a_client_that_leaves_at_any_moment_leaves_nothing_behind(data, method, after_s):
    async def main():
        world = World(data, 0.5)
        asking = asyncio.create_task(asked(world, method))
        await asyncio.wait([asking], timeout=after_s)
        asking.cancel()
        await asyncio.wait([asking])
        assert await world.is_quiet()

    run(main())


@given(st.data(), st.floats(0, 0.99))
def test_an_only_target_is_asked_by_every_request_however_it_has_failed(data, chance):
    async def main():
        a = FakeProvider("a", *data.draw(st.lists(troubles, min_size=1, max_size=3)))
        routing = router(a, chance=chance)
        for _ in range(5):
            calls = len(a.calls)
            try:
                routed = await routing.stream("a:x", CHAT, chat())
                await routed.value.aclose()
            except ApiError:
                pass
            assert len(a.calls) > calls

    run(main())


@given(st.data(), st.integers(2, 12))
def test_requests_at_once_are_answered_each_for_itself(data, clients):
    async def main():
        world = World(data, 0.3)
        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(asked(world, "stream")) for _ in range(clients)]
        for task in asking:
            got, _ = task.result()
            assert got == b"" or b"".join(BLOCKS).startswith(got.removesuffix(b"!"))
        assert await world.is_quiet()
        assert world.calls <= clients * 2 * world.policy.attempts

    run(main())
