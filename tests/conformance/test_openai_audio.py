"""The official SDK sends recordings, and reads every answer as it reads OpenAI's."""

import asyncio
import io

import pytest
from pydantic import TypeAdapter

from tests.audio.media import media, speech, wav
from tests.conformance.live import KEY
from tests.conformance.router import WAYS, reached

openai = pytest.importorskip("openai", reason="the SDK is not installed")
audio = pytest.importorskip("openai.types.audio", reason="the SDK knows no audio")

pytestmark = [pytest.mark.conformance, pytest.mark.server]

TEXT = "Where is the heron?"
FILE = ("speech.wav", wav(speech() + bytes(3 * 32_000) + speech()))


@pytest.fixture
async def live(serve):
    async with serve(TEXT) as live:
        yield live


@pytest.fixture(params=WAYS)
async def base_url(live, request, tmp_path):
    async with reached(live, request.param, tmp_path) as base_url:
        yield base_url


@pytest.fixture
async def client(base_url):
    async with openai.AsyncOpenAI(api_key=KEY, base_url=base_url, max_retries=0) as client:
        yield client


@pytest.fixture
def create(client):
    async def create(**options):
        options = {"file": FILE, "model": "whisper-1"} | options
        return await client.audio.transcriptions.create(**options)

    return create


def checked(answer, kind):
    """An answer that is valid to the SDK's own type, strictly."""
    return TypeAdapter(kind).validate_python(answer.to_dict())


async def test_json(create):
    answer = checked(await create(), audio.Transcription)
    assert answer.text == f"{TEXT} {TEXT}"
    assert answer.languages[0].code == "en"
    assert answer.usage.type == "duration"


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
async def test_plain_formats_are_texts(create, form):
    answer = await create(response_format=form)
    assert isinstance(answer, str)
    assert TEXT in answer


@pytest.mark.parametrize("granularities", [["word"], ["segment"], ["word", "segment"]])
async def test_verbose_json_with_the_granularities_of_the_sdk(create, granularities):
    answer = await create(response_format="verbose_json", timestamp_granularities=granularities)
    assert isinstance(answer, audio.TranscriptionVerbose)
    assert answer.duration == pytest.approx(len(FILE[1]) / 32_000, abs=0.01)
    assert answer.language == "english"
    if "word" in granularities:
        assert [word.word for word in answer.words] == TEXT.split() * 2
    else:
        assert answer.words is None
    if "segment" in granularities:
        assert [segment.text for segment in answer.segments] == [f" {TEXT}"] * 2
    else:
        assert answer.segments is None


async def test_a_stream_has_the_sdks_events(create):
    events = [event async for event in await create(stream=True, model="gpt-4o-transcribe")]
    *deltas, done = events
    assert all(isinstance(event, audio.TranscriptionTextDeltaEvent) for event in deltas)
    assert isinstance(done, audio.TranscriptionTextDoneEvent)
    assert done.text == "".join(event.delta for event in deltas) == f"{TEXT} {TEXT}"


async def test_every_option_of_the_sdk(create, live):
    live.stt.accepts = frozenset({"logprobs"})
    await create(
        language="en",
        prompt="Birds.",
        temperature=0.5,
        keywords=["heron", "egret"],
        languages=["en"],
        include=["logprobs"],
        chunking_strategy={"type": "server_vad", "silence_duration_ms": 4000, "threshold": 0.3},
    )
    (utterance,) = live.stt.utterances
    assert utterance.options.keywords == ("heron", "egret")
    assert utterance.options.temperature == 0.5


@pytest.mark.parametrize("kind", ["mp3", "m4a", "webm", "ogg", "flac"])
async def test_files_of_all_kinds(create, kind):
    file = io.BytesIO(media(kind, speech(rate_hz=48_000)))
    file.name = f"speech.{kind}"
    assert (await create(file=file)).text == TEXT


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the SDK's own, of the door
async def test_translations(client):
    answer = await client.audio.translations.create(file=FILE, model="whisper-1")
    assert checked(answer, audio.Translation).text == f"{TEXT} {TEXT}"
    verbose = await client.audio.translations.create(
        file=FILE, model="whisper-1", response_format="verbose_json"
    )
    assert isinstance(verbose, audio.TranslationVerbose)
    assert verbose.language == "english"
    assert len(verbose.segments) == 2


async def test_refusals_are_the_sdks_errors(create):
    with pytest.raises(openai.BadRequestError) as caught:
        await create(file=("speech.wav", b""))
    assert (caught.value.param, caught.value.type) == ("file", "invalid_request_error")
    with pytest.raises(openai.BadRequestError) as caught:
        await create(response_format="diarized_json")
    assert caught.value.param == "response_format"
    with pytest.raises(openai.NotFoundError) as caught:
        await create(model="whispre-1")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.APIStatusError) as caught:
        await create(file=("speech.wav", bytes(26 * 2**20)))
    assert caught.value.status_code == 413


async def test_the_synchronous_client(base_url):
    def use() -> str:
        with openai.OpenAI(api_key=KEY, base_url=base_url, max_retries=0) as client:
            create = client.audio.transcriptions.create
            assert create(file=FILE, model="whisper-1").text == f"{TEXT} {TEXT}"
            return list(create(file=FILE, model="whisper-1", stream=True))[-1].text

    assert await asyncio.to_thread(use) == f"{TEXT} {TEXT}"
