"""A request goes to who can answer it, is tried again where that helps, and leaves nothing behind."""

import asyncio

import pytest

from tests.routing.worlds import Engines, chat, config, models, router
from tests.virtual_time import run
from voice.gateway.errors import ApiError, unsupported_parameter
from voice.providers.fake import FakeProvider, Reply, failing
from voice.providers.protocol import ProviderError
from voice.routing.candidates import RetryPolicy
from voice.routing.local import NoEngines
from voice.routing.registry import Registry
from voice.routing.router import Router

CHAT = "chat/completions"
ANSWER = Reply((b"{}",))
TWO = {"m": {"targets": ["a:x", "b:y"]}}
IN_ORDER = {"m": {"targets": ["a:x", {"model": "b:y", "order": 2}]}}


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def refused(router, model="m", body=None) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await router.answer(model, CHAT, body or chat())
    return caught.value


async def test_a_target_gets_the_body_as_it_is_and_its_own_name_of_the_model():
    a = FakeProvider("a", ANSWER)
    body = chat()
    routed = await router(a, file=models(m={"targets": ["a:x"]})).answer("m", CHAT, body)
    assert routed.value == b"{}"
    (call,) = a.calls
    assert (call.model, call.operation) == ("x", CHAT)
    assert call.body is body
    assert routed.headers == {
        "x-voice-provider": "a",
        "x-voice-model": "x",
        "x-voice-attempts": "1",
    }


async def test_a_provider_can_be_named_directly_whatever_its_model_is_called():
    a = FakeProvider("a", ANSWER)
    routed = await router(a).answer("a:org/модель:4b", CHAT, chat())
    assert a.calls[0].model == "org/модель:4b"
    assert routed.headers["x-voice-model"].isascii()


async def test_a_target_that_cannot_do_what_is_asked_is_passed_over():
    blind = FakeProvider("a", ANSWER, refuses=lambda _: unsupported_parameter("n", "is not known."))
    b = FakeProvider("b", ANSWER)
    routed = await router(blind, b, file=models(**TWO)).answer("m", CHAT, chat())
    assert routed.headers["x-voice-provider"] == "b"
    assert routed.headers["x-voice-attempts"] == "1"
    assert blind.calls == []


async def test_when_all_refuse_the_client_hears_the_first():
    a = FakeProvider("a", refuses=lambda _: unsupported_parameter("n", "first"))
    b = FakeProvider("b", refuses=lambda _: unsupported_parameter("n", "second"))
    error = await refused(router(a, b, file=models(**IN_ORDER)))
    assert (error.code, error.message) == (
        "unsupported_parameter",
        "Unsupported parameter: 'n' first",
    )


@pytest.mark.parametrize(("chance", "chosen"), [(0.0, "a"), (0.24, "a"), (0.26, "b"), (0.99, "b")])
async def test_chance_chooses_by_weight(chance, chosen):
    fakes = [FakeProvider(name, ANSWER) for name in "ab"]
    weights = {"m": {"targets": ["a:x", {"model": "b:y", "weight": 3.0}]}}
    routed = await router(*fakes, file=models(**weights), chance=chance).answer("m", CHAT, chat())
    assert routed.headers["x-voice-provider"] == chosen


@pytest.mark.parametrize("trouble", ["unavailable", "timeout", "rate_limit", "quota", "auth"])
def test_another_target_is_asked_at_once(trouble):
    async def main():
        a, b = FakeProvider("a", failing(trouble)), FakeProvider("b", ANSWER)
        began_s = now_s()
        routed = await router(a, b, file=models(**IN_ORDER)).answer("m", CHAT, chat())
        assert now_s() == began_s
        assert routed.headers["x-voice-provider"] == "b"
        assert routed.headers["x-voice-attempts"] == "2"
        assert "x-voice-fallback" not in routed.headers

    run(main())


def test_the_only_target_is_tried_again_after_a_growing_wait():
    async def main():
        a = FakeProvider("a", failing(), failing(), ANSWER)
        began_s = now_s()
        routed = await router(a, file=models(m={"targets": ["a:x"]})).answer("m", CHAT, chat())
        assert routed.headers["x-voice-attempts"] == "3"
        assert now_s() - began_s == pytest.approx(0.5 + 1.0)

    run(main())


def test_waits_are_spread_by_chance():
    async def main():
        a = FakeProvider("a", failing(), ANSWER)
        began_s = now_s()
        await router(a, file=models(m={"targets": ["a:x"]}), chance=0.8).answer("m", CHAT, chat())
        assert now_s() - began_s == pytest.approx(0.5 * 0.6)

    run(main())


@pytest.mark.parametrize("reply", [failing("timeout"), failing(delay_s=60.0)])
def test_who_failed_slowly_is_not_asked_again(reply):
    async def main():
        a = FakeProvider("a", reply)
        error = await refused(router(a, file=models(m={"targets": ["a:x"]})))
        assert len(a.calls) == 1
        assert error.headers["x-voice-attempts"] == "1"

    run(main())


async def test_a_request_that_is_wrong_is_asked_once():
    a, b = FakeProvider("a", failing("request")), FakeProvider("b")
    file = models(m={"targets": ["a:x", "b:y"], "fallbacks": {"any": ["b:z"]}})
    error = await refused(router(a, b, file=file))
    assert (error.status, len(a.calls), b.calls) == (400, 1, [])
    assert error.headers["x-should-retry"] == "false"


def test_a_wish_to_be_left_alone_is_honoured_before_the_next_try():
    async def main():
        a = FakeProvider("a", failing("rate_limit", retry_after_s=7.0), ANSWER)
        began_s = now_s()
        await router(a, file=models(m={"targets": ["a:x"]})).answer("m", CHAT, chat())
        assert now_s() - began_s == pytest.approx(7.0)

    run(main())


def test_one_for_too_long_a_time_is_passed_on_to_the_client():
    async def main():
        a = FakeProvider("a", failing("rate_limit", retry_after_s=90.0))
        routing = router(a, file=models(m={"targets": ["a:x"]}))
        error = await refused(routing)
        assert (error.status, len(a.calls)) == (429, 1)
        assert error.headers == {
            "x-voice-provider": "a",
            "x-voice-model": "x",
            "x-voice-attempts": "1",
            "x-should-retry": "false",
            "Retry-After": "90",
        }
        await asyncio.sleep(60)
        # What the server says now is what counts, as long as it is not sooner than it said before.
        later = await refused(routing)
        assert later.headers["Retry-After"] == "90"

    run(main())


def test_a_client_is_told_when_the_first_target_recovers_and_not_the_last_asked():
    async def main():
        a = FakeProvider("a", failing("rate_limit", retry_after_s=20.0))
        b = FakeProvider("b", failing("rate_limit", retry_after_s=40.0, delay_s=5.0))
        error = await refused(router(a, b, file=models(**IN_ORDER)))
        assert error.headers["x-voice-provider"] == "b"
        assert error.headers["Retry-After"] == "15"

    run(main())


@pytest.mark.parametrize("trouble", ["auth", "context", "request"])
async def test_no_time_is_named_for_what_time_does_not_heal(trouble):
    error = await refused(
        router(FakeProvider("a", failing(trouble)), file=models(m={"targets": ["a:x"]}))
    )
    assert "Retry-After" not in error.headers


def test_a_target_that_cools_is_left_alone_while_there_is_another():
    async def main():
        a = FakeProvider("a", failing("rate_limit", retry_after_s=60.0), ANSWER)
        b = FakeProvider("b", ANSWER)
        routing = router(a, b, file=models(**IN_ORDER))
        for _ in range(5):
            assert (await routing.answer("m", CHAT, chat())).headers["x-voice-provider"] == "b"
        assert len(a.calls) == 1
        await asyncio.sleep(61)
        assert (await routing.answer("m", CHAT, chat())).headers["x-voice-provider"] == "a"

    run(main())


def test_when_all_cool_the_one_that_recovers_soonest_is_tried():
    async def main():
        a = FakeProvider("a", failing("rate_limit", retry_after_s=60.0), ANSWER)
        b = FakeProvider("b", failing("rate_limit", retry_after_s=30.0), ANSWER)
        routing = router(a, b, file=models(**IN_ORDER))
        await refused(routing)
        routed = await routing.answer("m", CHAT, chat())
        assert routed.headers["x-voice-provider"] == "b"

    run(main())


def test_only_one_request_probes_a_target_that_has_cooled_down():
    async def main():
        a = FakeProvider("a", failing("quota"), Reply((b"{}",), delay_s=3.0))
        b = FakeProvider("b", ANSWER)
        routing = router(a, b, file=models(**IN_ORDER))
        await routing.answer("m", CHAT, chat())
        await asyncio.sleep(10)
        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(routing.answer("m", CHAT, chat()))
        assert (len(a.calls), len(b.calls)) == (2, 10)

    run(main())


def test_who_has_begun_to_probe_is_seen_by_those_who_waited_meanwhile():
    class Slow(Engines):
        async def find(self, name, operation):
            await asyncio.sleep(1.0)
            return await super().find(name, operation)

    async def main():
        mine = FakeProvider("local", failing("quota"), Reply((b"{}",), delay_s=3.0))
        b = FakeProvider("b", ANSWER)
        file = models(m={"targets": ["reader", {"model": "b:y", "order": 2}]})
        routing = router(b, file=file, engines=Slow(("reader", mine)))
        await routing.answer("m", CHAT, chat())
        await asyncio.sleep(10)
        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(routing.answer("m", CHAT, chat()))
        assert (len(mine.calls), len(b.calls)) == (2, 10)

    run(main())


def test_a_wait_past_the_deadline_is_not_begun():
    async def main():
        a = FakeProvider("a", failing())
        began_s = now_s()
        error = await refused(router(a, policy=RetryPolicy(deadline_s=1.2)), "a:x")
        assert (error.status, error.headers["x-voice-attempts"]) == (503, "2")
        assert now_s() - began_s == pytest.approx(0.5)

    run(main())


def test_the_deadline_is_one_for_all_attempts():
    async def main():
        a = FakeProvider("a", failing("timeout", delay_s=200.0))
        b = FakeProvider("b", Reply((b"{}",), delay_s=200.0))
        began_s = now_s()
        error = await refused(router(a, b, file=models(**IN_ORDER)))
        assert now_s() - began_s == pytest.approx(300.0)
        assert (error.status, error.kind) == (504, "timeout_error")
        assert error.message == "No answer within 300 s, in 2 attempts."
        assert (b.running, b.abandoned) == (0, 1)

    run(main())


def test_the_time_for_engines_to_warm_up_is_part_of_the_deadline():
    class Cold(Engines):
        async def find(self, name, operation):
            await asyncio.Event().wait()

    async def main():
        began_s = now_s()
        policy = RetryPolicy(deadline_s=20.0)
        error = await refused(router(engines=Cold(), policy=policy), "reader")
        assert (error.status, now_s() - began_s) == (504, pytest.approx(20.0))

    run(main())


def test_the_gateways_own_limits_are_not_held_against_a_target():
    async def main():
        a = FakeProvider("a", Reply((b"{}",), delay_s=400.0))
        routing = router(a, file=models(m={"targets": ["a:x"]}), policy=RetryPolicy(deadline_s=1.0))
        for _ in range(5):
            await refused(routing)
        own = ApiError("busy here", status=429)
        b = FakeProvider("b", Reply((own,)), ANSWER)
        another = router(a, b, file=models(**IN_ORDER))
        assert routing._health(routing.registry.find("m").targets[0]).is_free(now_s())
        assert await refused(another, "b:y") is own
        assert another._health(another.registry.find("b:y").targets[0]).is_free(now_s())

    run(main())


# ---------------------------------------------------------------- fallbacks


@pytest.mark.parametrize(
    ("trouble", "stands_in"),
    [("context", "large"), ("content", "open"), ("quota", "other"), ("timeout", "other")],
)
async def test_each_trouble_has_its_own_fallbacks(trouble, stands_in):
    fakes = [FakeProvider("a", failing(trouble)), FakeProvider("b", ANSWER)]
    file = models(
        m={
            "targets": ["a:x"],
            "fallbacks": {"context": ["large"], "content": ["open"], "any": ["other"]},
        },
        large={"targets": ["b:large"]},
        open={"targets": ["b:open"]},
        other={"targets": ["b:other"]},
    )
    routed = await router(*fakes, file=file).answer("m", CHAT, chat())
    assert routed.headers["x-voice-fallback"] == stands_in
    assert routed.headers["x-voice-model"] == stands_in
    assert routed.headers["x-voice-attempts"] == "2"


async def test_a_prompt_that_is_too_long_goes_to_the_targets_that_hold_more():
    a, b = FakeProvider("a", failing("context")), FakeProvider("b", ANSWER)
    sizes = {"small": 4096, "small too": 4096, "large": 32_768}
    file = models(
        m={
            "targets": [
                {"model": "a:small", "context_tokens": sizes["small"]},
                {"model": "b:small", "context_tokens": sizes["small too"], "order": 2},
                {"model": "b:large", "context_tokens": sizes["large"], "order": 3},
                {"model": "b:unknown", "order": 4},
            ]
        }
    )
    routed = await router(a, b, file=file).answer("m", CHAT, chat())
    assert routed.headers["x-voice-model"] == "large"
    assert len(b.calls) == 1


async def test_what_a_content_filter_stopped_is_not_carried_to_the_next_target():
    a, b = FakeProvider("a", failing("content")), FakeProvider("b")
    await refused(router(a, b, file=models(**IN_ORDER)))
    assert b.calls == []


async def test_a_fallback_that_takes_no_such_request_does_not_hide_the_trouble():
    a = FakeProvider("a", failing("quota"))
    b = FakeProvider("b", failing("request"))
    c = FakeProvider("c", refuses=lambda _: unsupported_parameter("n", "is not known."))
    file = models(m={"targets": ["a:x"], "fallbacks": {"any": ["b:y", "c:z"]}})
    error = await refused(router(a, b, c, file=file))
    assert isinstance(error, ProviderError)
    assert error.trouble == "quota"
    assert error.headers["x-voice-attempts"] == "2"


# ---------------------------------------------------------------- engines of this server


async def test_engines_are_waited_for_only_when_one_is_asked():
    mine = FakeProvider("local", ANSWER)
    a, engines = FakeProvider("a", ANSWER), Engines(("reader", mine))
    file = models(m={"targets": ["a:x", {"model": "reader", "order": 2}]})
    routing = router(a, file=file, engines=engines)
    await routing.answer("m", CHAT, chat())
    await refused(routing, "nobody")
    assert engines.asked == 0
    routed = await routing.answer("reader", CHAT, chat())
    assert engines.asked > 0
    assert routed.headers["x-voice-provider"] == "local"
    assert routed.headers["x-voice-model"] == "reader"


async def test_an_engine_steps_in_for_a_server_that_is_down():
    mine = FakeProvider("local", ANSWER)
    file = models(m={"targets": ["a:x", {"model": "reader", "order": 2}]})
    routing = router(FakeProvider("a", failing()), file=file, engines=Engines(("reader", mine)))
    assert (await routing.answer("m", CHAT, chat())).headers["x-voice-provider"] == "local"


async def test_engines_that_do_not_open_leave_the_other_targets():
    file = models(m={"targets": ["reader", {"model": "a:x", "order": 2}]})
    engines = Engines(failure="no weights")
    routing = router(FakeProvider("a", ANSWER), file=file, engines=engines)
    assert (await routing.answer("m", CHAT, chat())).headers["x-voice-provider"] == "a"
    error = await refused(routing, "reader")
    assert (error.status, error.message) == (503, "no weights")


async def test_an_engine_that_is_not_one_of_this_server_is_not_found():
    error = await refused(
        router(engines=Engines(("reader", FakeProvider("local")))), "llama:missing"
    )
    assert (error.status, error.code, error.param) == (404, "model_not_found", "model")


@pytest.mark.parametrize("name", ["gpt-4o-mini", "auto", ""])
async def test_openais_names_mean_the_model_of_this_server(name):
    mine = FakeProvider("local", ANSWER)
    routed = await router(engines=Engines(("reader", mine))).answer(name, CHAT, chat())
    assert routed.headers["x-voice-model"] == "reader"


async def test_openais_names_mean_the_preferred_model_without_waiting_for_engines():
    engines = Engines()
    a = FakeProvider("a", ANSWER)
    routing = router(
        a, file=models(mine={"targets": ["a:x"]}), engines=engines, usual={"chat": "mine"}
    )
    assert (await routing.answer("gpt-4o", CHAT, chat())).headers["x-voice-model"] == "x"
    assert engines.asked == 0


@pytest.mark.parametrize(
    ("url", "name", "served"),
    [
        ("https://api.openai.com/v1", "gpt-4o", "gpt-4o"),
        ("https://api.openai.com/v1", "auto", "gpt-4o-mini"),
        ("http://gpu:8001/v1", "gpt-4o", "gpt-4o-mini"),
    ],
)
async def test_where_openai_itself_is_the_usual_server_its_names_mean_its_models(url, name, served):
    openai = FakeProvider("openai", ANSWER)
    registry = Registry([config("openai", url)])
    engines = Engines(("openai:gpt-4o-mini", FakeProvider("local")))
    routing = Router(registry, {"openai": lambda _: openai}, engines, NoEngines())
    assert (await routing.answer(name, CHAT, chat())).headers["x-voice-model"] == served


async def test_a_servers_own_answer_is_not_replaced_by_openais():
    """A local model stays in place though there is a key of OpenAI's."""
    registry = Registry([config("openai", "https://api.openai.com/v1")])
    mine = FakeProvider("local", ANSWER)
    routing = Router(registry, {}, Engines(("reader", mine)), NoEngines())
    assert (await routing.answer("gpt-4o", CHAT, chat())).headers["x-voice-provider"] == "local"


async def test_closing_the_router_closes_the_providers_that_were_used():
    a, b, mine = FakeProvider("a"), FakeProvider("b"), FakeProvider("local")
    routing = router(a, b, engines=Engines(("reader", mine)))
    await routing.answer("a:x", CHAT, chat())
    await routing.answer("reader", CHAT, chat())
    await routing.aclose()
    assert (a.closed, b.closed, mine.closed) == (True, False, False)


async def test_unknown_models_are_told_with_the_nearest_names():
    a = FakeProvider("a")
    file = models(assistant={"targets": ["a:x"], "aliases": ["helper"]})
    routing = router(a, file=file)
    error = await refused(routing, "assistent")
    assert error.status == 404
    assert (error.kind, error.code, error.param) == (
        "invalid_request_error",
        "model_not_found",
        "model",
    )
    assert error.message == "The model 'assistent' does not exist; did you mean 'assistant'?"
    far = await refused(routing, "x" * 5000)
    assert len(far.message) < 300
    assert routing.models() == ["assistant", "helper"]


async def test_a_list_of_allowed_models_hides_the_others():
    a = FakeProvider("a", ANSWER)
    file = models(one={"targets": ["a:x"], "aliases": ["uno"]}, two={"targets": ["a:y"]})
    mine = Engines(("reader", FakeProvider("local", ANSWER)))
    routing = router(a, file=file, engines=mine, allowed=("one", "a:small*"))
    assert routing.models() == ["one", "uno"]
    for name in ("one", "uno", "a:small-2"):
        await routing.answer(name, CHAT, chat())
    for name in ("two", "a:large", "reader", "gpt-4o"):
        assert (await refused(routing, name)).code == "model_not_found"


async def test_a_shared_server_does_not_remember_every_name_that_was_ever_asked_for(monkeypatch):
    monkeypatch.setattr("voice.routing.router.MANY_TARGETS", 10)
    routing = router(FakeProvider("a", failing("quota"), ANSWER))
    await refused(routing, "a:cooling")
    for number in range(50):
        await routing.answer(f"a:{number}", CHAT, chat())
    assert len(routing._healths) <= 11
    assert ("a", "cooling") in routing._healths


async def test_whether_a_model_can_do_something_is_known_without_asking_it():
    refusal = unsupported_parameter("n", "is not known.")
    blind = FakeProvider("a", refuses=lambda call: refusal if "n" in call.body else None)
    engines = Engines(failure="no weights")
    file = models(one={"targets": ["a:x"]}, two={"targets": ["a:x", "reader"]})
    routing = router(blind, file=file, engines=engines)
    assert await routing.refusal("one", CHAT, chat()) is None
    assert await routing.refusal("one", CHAT, chat() | {"n": 2}) is refusal
    assert await routing.refusal("two", CHAT, chat() | {"n": 2}) is refusal
    assert blind.calls == []
