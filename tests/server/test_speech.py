"""Speech over HTTP by real engines: it can be understood, it can be left, it talks elsewhere too."""

import asyncio

import pytest

from tests.eventually import eventually
from tests.http.speaking import decoded, mouth
from tests.server.test_faults import client_of, worker_of
from voice.audio.pcm import duration_ms, level_dbfs
from voice.bundled import samples_path
from voice.engines.protocols import ListenOptions, SpeakOptions
from voice.engines.sphinx import Sphinx
from voice.narration import unhurried

pytestmark = [pytest.mark.server, pytest.mark.engine]

FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
TEXT = "When does the library close on Saturday?"
LONG = "On Saturdays, the library closes at one. It opens again on Monday at nine. " * 50


@pytest.fixture(scope="module")
def understand():
    """What a recognizer makes of int16 mono PCM at 16 kHz."""
    sphinx = Sphinx(str(samples_path() / "documents"))

    def transcript(pcm: bytes) -> str:
        sphinx.open(1, ListenOptions())
        sphinx.feed(1, pcm + bytes(16_000))
        try:
            return sphinx.transcript(1).text.lower()
        finally:
            sphinx.close(1)

    return transcript


@pytest.mark.slow
@pytest.mark.parametrize("to", FORMATS)
async def test_what_is_said_can_be_understood_in_each_format(tmp_path, understand, to):
    async with mouth(tmp_path) as client:
        data, _ = await client.say(
            input=TEXT, response_format=to, sample_rate=16_000 * (to == "pcm") or None
        )
    pcm = data if to == "pcm" else decoded(data, 16_000)
    assert "library" in understand(pcm)
    assert "saturday" in understand(pcm)
    assert level_dbfs(pcm) > -35


async def test_twice_the_speed_is_about_half_the_time(tmp_path):
    async with mouth(tmp_path) as client:
        usual, _ = await client.say(input=TEXT, response_format="pcm")
        fast, _ = await client.say(input=TEXT, response_format="pcm", speed=2)
    assert len(usual) / len(fast) == pytest.approx(2, abs=0.5)


async def test_a_voice_of_another_language_reads_as_it_does(tmp_path):
    async with mouth(tmp_path) as client:
        assert (await client.say(input="Schöne Grüße, 3,5 kg!", voice="de"))[0]
        status, error = await client.refused(voice="xx")
    assert status == 400
    assert "GET /v1/audio/voices lists" in error["message"]


async def test_a_client_that_leaves_frees_the_engine(tmp_path):
    async with mouth(tmp_path) as client:
        espeak = worker_of(client.hosted, "espeak")
        async with client.post(input=LONG, response_format="pcm") as answer:
            await answer.content.readany()
            assert espeak.statistics().jobs <= 1
            answer.close()
        # Whoever left is not read to any further, so there comes a time without a job.
        await eventually(lambda: not espeak.statistics().jobs, within_s=1)
        assert (await client.say())[0]


async def test_reading_aloud_lets_conversations_go_first(tmp_path):
    """The engine is held up by a long text; then a reply overtakes what was asked before it."""
    async with mouth(tmp_path) as client, asyncio.TaskGroup() as group:
        live = client.hosted.server.engines.tts
        order: list[str] = []

        async def say(tts, what: str, text: str) -> None:
            async for _ in tts.speak(text, SpeakOptions(), first=False):
                if what not in order:
                    order.append(what)

        espeak = worker_of(client.hosted, "espeak")
        group.create_task(say(live, "held up", LONG))
        await eventually(lambda: espeak.statistics().jobs == 1)
        group.create_task(say(unhurried(live), "read aloud", TEXT))
        await eventually(lambda: espeak.statistics().jobs == 2)
        group.create_task(say(live, "reply", TEXT))
        await eventually(lambda: len(order) == 3)
        assert order == ["held up", "reply", "read aloud"]


async def test_an_engine_beside_the_usual_one_is_started_for_who_asks(tmp_path):
    async with mouth(tmp_path, engines__tts="fake") as client:
        tone, _ = await client.say(input=TEXT, response_format="pcm")
        speech, _ = await client.say(input=TEXT, response_format="pcm", model="espeak")
        assert duration_ms(tone, 24_000) == 60 * len(TEXT)
        assert len(speech) != len(tone)
        async with client.http.get("/v1/audio/voices", params={"model": "espeak"}) as answer:
            listed = await answer.json()
    assert "de" in [voice["id"] for voice in listed["data"]]
    assert listed["engines"][0]["model"] == "espeak"
    assert not listed["engines"][0]["default"]


async def test_a_server_talks_with_the_voice_of_another(tmp_path):
    """A conversation at one server is spoken by the endpoint of a second."""
    async with mouth(tmp_path) as speaker:
        remote = {"engines__tts": "openai:tts-1", "speech__base_url": f"{speaker.hosted.url}/v1"}
        async with mouth(tmp_path, **remote) as talker:
            async with client_of(talker.hosted) as client:
                await client.ask("Hello?")
                delta = await client.until("response.output_audio.delta")
                done = (await client.until("response.done"))["response"]
            data, _ = await talker.say(input=TEXT, response_format="wav")
            direct, _ = await speaker.say(input=TEXT, response_format="wav")
    assert delta["delta"]
    assert done["status"] == "completed"
    assert level_dbfs(decoded(data, 24_000)) > -35
    assert len(data) == pytest.approx(len(direct), rel=0.05)


async def test_a_remote_voice_that_is_gone_fails_the_request_by_its_name(tmp_path):
    remote = {"engines__tts": "openai:tts-1", "speech__base_url": "http://127.0.0.1:9/v1"}
    async with mouth(tmp_path, **remote) as client:
        status, error = await client.refused()
    assert status == 503
    assert "speech cannot be reached" in error["message"]
