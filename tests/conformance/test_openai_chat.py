"""The official SDK, unmodified, chats with models of this server and with those behind it."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conformance.live import KEY
from tests.fake_settings import FAKES
from tests.providers.fake_upstream import FakeUpstream, Script
from voice.cli.hosting import hosting
from voice.config import load_settings
from voice.engines.fakes import calling

openai = pytest.importorskip("openai", reason="the SDK is not installed")

pytestmark = [pytest.mark.conformance, pytest.mark.server]

FILE = """
[providers.cloud]
kind = "openai"
base_url = "{openai}"
api_key = "sk-cloud"

[providers.gpu]
kind = "vllm"
base_url = "{vllm}"

[providers.claude]
kind = "anthropic"
base_url = "{anthropic}"
api_key = "sk-ant"

[models.assistant]
targets = ["cloud:gpt-x", {{ model = "gpu:qwen", order = 2 }}]
"""
SHAPES = ("openai", "vllm", "anthropic")
MODELS = ["fake", "cloud:gpt-x", "gpu:qwen", "claude:claude-x", "assistant", "gpt-4o"]
USER = {"role": "user", "content": "Hi"}


class Stage(NamedTuple):
    client: "openai.AsyncOpenAI"
    url: str
    upstreams: dict[str, FakeUpstream]


@asynccontextmanager
async def stage(tmp_path: Path, **scripts: Script):
    """A server with three servers behind it, and a client of it."""
    async with AsyncExitStack() as stack:
        upstreams = {
            shape: await stack.enter_async_context(
                FakeUpstream(shape, *([scripts[shape]] if shape in scripts else []))
            )
            for shape in SHAPES
        }
        path = tmp_path / "models.toml"
        path.write_text(FILE.format(**{name: each.url for name, each in upstreams.items()}))
        own = {"MODELS_FILE": str(path), "SERVER__PORT": "0", "AUTH__API_KEYS": f'["{KEY}"]'}
        settings = load_settings(environment=FAKES | own, env_file=Path("/nowhere"))
        hosted = await stack.enter_async_context(hosting(settings))
        url = f"{hosted.url}/v1"
        client = openai.AsyncOpenAI(api_key=KEY, base_url=url, max_retries=0)
        yield Stage(await stack.enter_async_context(client), url, upstreams)


async def keep_texts(stream, said: list[str]) -> None:
    """Append what a stream says, as far as it comes."""
    async for chunk in stream:
        said += [each.delta.content or "" for each in chunk.choices]


async def texts(stream) -> list[str]:
    said: list[str] = []
    await keep_texts(stream, said)
    return said


@pytest.mark.parametrize("model", MODELS)
async def test_a_chat_whole_and_streamed(tmp_path, model):
    async with stage(tmp_path) as (client, _, _):
        whole = await client.chat.completions.create(model=model, messages=[USER])
        stream = await client.chat.completions.create(
            model=model, messages=[USER], stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert whole.object == "chat.completion"
    assert whole.choices[0].message.role == "assistant"
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    assert chunks[0].choices[0].delta.role == "assistant"
    said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert said == whole.choices[0].message.content == "Hello there."
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


async def test_the_synchronous_client_does_too(tmp_path):
    def work(url: str) -> tuple[str, str]:
        with openai.OpenAI(api_key=KEY, base_url=url, max_retries=0) as client:
            whole = client.chat.completions.create(model="fake", messages=[USER])
            stream = client.chat.completions.create(model="fake", messages=[USER], stream=True)
            streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        return whole.choices[0].message.content, streamed

    async with stage(tmp_path) as (_, url, _):
        assert await asyncio.to_thread(work, url) == ("Hello there.", "Hello there.")


async def test_nothing_unasked_reaches_a_server_behind(tmp_path):
    async with stage(tmp_path) as (client, _, upstreams):
        await client.chat.completions.create(model="cloud:gpt-x", messages=[USER])
        await client.chat.completions.create(
            model="gpu:qwen", messages=[USER], extra_body={"guided_choice": ["yes", "no"]}
        )
    (asked,) = upstreams["openai"].received
    assert asked.body == {"model": "gpt-x", "messages": [USER]}
    assert asked.headers["Authorization"] == "Bearer sk-cloud"
    (guided,) = upstreams["vllm"].received
    assert guided.body["structured_outputs"] == {"choice": ["yes", "no"]}
    assert "guided_choice" not in guided.body


@pytest.mark.parametrize("model", ["cloud:gpt-x", "claude:claude-x"])
async def test_tools_are_called(tmp_path, model):
    calls = (("look", '{"where":"here"}'),)
    scripts = {
        "openai": Script(calls=calls, finish="tool_calls"),
        "anthropic": Script(calls=calls, finish="tool_use"),
    }
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    async with stage(tmp_path, **scripts) as (client, _, _):
        whole = await client.chat.completions.create(model=model, messages=[USER], tools=[tool])
        async with client.chat.completions.stream(
            model=model, messages=[USER], tools=[tool]
        ) as stream:
            streamed = await stream.get_final_completion()
    for answer in (whole, streamed):
        assert answer.choices[0].finish_reason == "tool_calls"
        (call,) = answer.choices[0].message.tool_calls
        assert call.function.name == "look"
        assert call.function.arguments.replace(" ", "") == '{"where":"here"}'


@pytest.mark.parametrize("fault", ["die", "garbage", "error", "empty", "page", "no_choices"])
@pytest.mark.parametrize("stream", [True, False])
async def test_another_target_steps_in_before_the_first_byte(tmp_path, fault, stream):
    async with stage(tmp_path, openai=Script(fault=fault)) as (client, _, upstreams):
        raw = await client.chat.completions.with_raw_response.create(
            model="assistant", messages=[USER], stream=stream
        )
        answer = raw.parse()
        said = await texts(answer) if stream else [answer.choices[0].message.content]
    assert "".join(said) == "Hello there."
    assert raw.headers["x-voice-provider"] == "gpu"
    assert len(upstreams["vllm"].received) == 1


@pytest.mark.parametrize("model", ["assistant", "cloud:gpt-x", "claude:claude-x"])
@pytest.mark.parametrize("fault", ["die_within", "error_within", "garbage_within", "cut"])
async def test_what_breaks_within_is_an_error_and_nothing_is_said_twice(tmp_path, model, fault):
    broken = Script(fault=fault)
    async with stage(tmp_path, openai=broken, anthropic=broken) as (client, _, upstreams):
        stream = await client.chat.completions.create(model=model, messages=[USER], stream=True)
        said: list[str] = []
        with pytest.raises(openai.APIError):
            await keep_texts(stream, said)
    assert "".join(said) in {"Hello", "Hello there", "Hello there."}
    assert not upstreams["vllm"].received


@pytest.mark.parametrize(
    ("status", "error_type", "error"),
    [
        (429, "rate_limit_error", openai.RateLimitError),
        (400, "invalid_request_error", openai.BadRequestError),
        (500, "server_error", openai.InternalServerError),
        (401, "authentication_error", openai.InternalServerError),
    ],
)
async def test_refusals_of_servers_behind_have_the_right_kind(tmp_path, status, error_type, error):
    refusing = Script(status=status, error_type=error_type)
    async with stage(tmp_path, openai=refusing) as (client, _, _):
        with pytest.raises(error) as refused:
            await client.chat.completions.create(model="cloud:gpt-x", messages=[USER])
    assert refused.value.body.keys() == {"message", "type", "param", "code"}
    assert "sk-cloud" not in str(refused.value)


async def test_a_client_that_leaves_within_a_stream_ends_the_work_behind(tmp_path):
    slow = Script(words=("a",) * 1000, interval_s=0.05)
    async with stage(tmp_path, openai=slow, vllm=Script(fault="hang_within")) as at:
        for model, upstream in (("cloud:gpt-x", "openai"), ("gpu:qwen", "vllm")):
            stream = await at.client.chat.completions.create(
                model=model, messages=[USER], stream=True
            )
            await anext(aiter(stream))
            await stream.close()
            async with asyncio.timeout(1):
                await at.upstreams[upstream].idle()
            assert at.upstreams[upstream].abandoned == 1


@pytest.mark.parametrize("fault", ["hang", "hang_silent"])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_while_nothing_comes_ends_the_work_behind(
    tmp_path, fault, stream
):
    async with stage(tmp_path, vllm=Script(fault=fault)) as (client, _, upstreams):
        asking = asyncio.create_task(
            client.chat.completions.create(model="gpu:qwen", messages=[USER], stream=stream)
        )
        await upstreams["vllm"].asked()
        asking.cancel()
        async with asyncio.timeout(1):
            await upstreams["vllm"].idle()
        assert upstreams["vllm"].abandoned == 1


async def test_a_stream_whose_last_mark_is_missing_ends_well(tmp_path):
    async with stage(tmp_path, openai=Script(fault="no_done")) as (client, _, _):
        stream = await client.chat.completions.create(
            model="cloud:gpt-x", messages=[USER], stream=True
        )
        assert "".join(await texts(stream)) == "Hello there."


async def test_wrong_requests_are_explained(tmp_path):
    async with stage(tmp_path) as (client, _, _):
        with pytest.raises(openai.NotFoundError) as missing:
            await client.chat.completions.create(model="asistant", messages=[USER])
        with pytest.raises(openai.BadRequestError) as hot:
            await client.chat.completions.create(model="fake", messages=[USER], temperature=3)
        with pytest.raises(openai.BadRequestError) as unable:
            await client.chat.completions.create(model="fake", messages=[USER], logprobs=True)
        with pytest.raises(openai.NotFoundError):
            await client.get("/nothing", cast_to=object)
        with pytest.raises(openai.AuthenticationError):
            await client.with_options(api_key="wrong").models.list()
    assert missing.value.code == "model_not_found"
    assert "'assistant'" in str(missing.value)
    assert (hot.value.param, unable.value.param) == ("temperature", "logprobs")
    assert unable.value.code == "unsupported_parameter"
    assert missing.value.request_id.startswith("req_")


async def test_models_are_listed_and_found(tmp_path):
    async with stage(tmp_path) as (client, _, _):
        ids = [model.id async for model in client.models.list()]
        one = await client.models.retrieve("assistant")
    assert {"assistant", "fake"} <= set(ids)
    assert (one.id, one.object) == ("assistant", "model")


async def test_text_completions_pass_through(tmp_path):
    async with stage(tmp_path) as (client, _, _):
        whole = await client.completions.create(model="cloud:gpt-x", prompt="Say")
        stream = await client.completions.create(model="cloud:gpt-x", prompt="Say", stream=True)
        streamed = [chunk.choices[0].text async for chunk in stream]
    assert "".join(streamed) == whole.choices[0].text == "Hello there."


FUNCTIONS = [{"name": "hours", "parameters": {"type": "object"}}]


async def test_functions_are_called_and_answered_as_before_there_were_tools(serve):
    answers = iter([calling("hours", {"day": "Sunday"}), calling("hours", {}), "At four."])
    async with serve(answers=lambda _: next(answers)) as live:
        client = openai.AsyncOpenAI(api_key=KEY, base_url=live.http_url, max_retries=0)
        create = partial(client.chat.completions.create, model="fake", functions=FUNCTIONS)
        async with client:
            whole = await create(messages=[USER], function_call="auto")
            chunks = [chunk async for chunk in await create(messages=[USER], stream=True)]
            told = {"role": "function", "name": "hours", "content": "4 pm"}
            last = await create(messages=[USER, whole.choices[0].message, told])
    assert whole.choices[0].finish_reason == "function_call"
    assert whole.choices[0].message.function_call.arguments == '{"day": "Sunday"}'
    assert chunks[-1].choices[0].finish_reason == "function_call"
    calls = [call for each in chunks if (call := each.choices[0].delta.function_call)]
    assert calls[0].name == "hours"
    assert last.choices[0].message.content == "At four."


async def test_an_answer_can_be_sent_back_as_it_came(serve):
    answers = iter([calling("look", {"where": "here"}), "Done.", "Fine."])
    async with serve(answers=lambda _: next(answers)) as live:
        client = openai.AsyncOpenAI(api_key=KEY, base_url=live.http_url, max_retries=0)
        async with client:
            messages = [USER]
            first = await client.chat.completions.create(model="fake", messages=messages)
            message = first.choices[0].message
            messages += [message, {"role": "tool", "tool_call_id": "call_1", "content": "?"}]
            second = await client.chat.completions.create(model="fake", messages=messages)
            messages += [second.choices[0].message.model_dump(), USER]
            third = await client.chat.completions.create(model="fake", messages=messages)
    assert third.choices[0].message.content == "Fine."
