"""Checklist: calls over WebRTC with a stock aiortc client, over real sockets (36, 37, 40-44, 68)."""

import asyncio
import json
import re

import aiohttp
import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

from tests.conformance.live import dial
from tests.conformance.person import LONG
from tests.conformance.stage import HEARD, TRANSCRIBED, recording
from tests.conformance.stage import words as words_of
from tests.rtc.phone import Phone, calling, order, posting
from voice.config import RtcSettings

pytestmark = pytest.mark.server

STARTED, STOPPED, CLEARED = (
    f"output_audio_buffer.{what}" for what in ("started", "stopped", "cleared")
)
CALLS = "/v1/realtime/calls"


@pytest.mark.parametrize("path", [CALLS, "/realtime/calls", f"{CALLS}?model=gpt-realtime-2"])
async def test_36_a_raw_offer_is_answered_and_the_call_has_a_place(serve, path):
    async with serve() as live, calling(live.address, path=path) as phone:
        assert re.fullmatch(r"(/v1)?/realtime/calls/rtc_[\w-]+", phone.location)
        session = (await phone.until("session.created"))["session"]
        assert session["model"] == ("gpt-realtime-2" if "?" in path else "gpt-realtime")
        assert phone.types() == ["session.created"]


async def test_37_the_session_of_a_form_is_that_of_the_call(serve):
    wanted = {
        "type": "realtime",
        "model": "gpt-realtime-2",
        "instructions": "Be brief.",
        "audio": {"output": {"voice": "cedar"}},
    }
    async with serve() as live, calling(live.address, session=wanted) as phone:
        session = (await phone.until("session.created"))["session"]
        assert session["instructions"] == "Be brief."
        assert session["model"] == "gpt-realtime-2"
        assert session["audio"]["output"]["voice"] == "cedar"


async def test_37_parts_with_content_types_and_file_names_are_taken_too(serve):

    phone = Phone()
    form = aiohttp.FormData()
    form.add_field("sdp", await phone.offer(), content_type="application/sdp", filename="blob")
    session = json.dumps({"type": "realtime", "instructions": "Be brief."})
    form.add_field("session", session, content_type="application/json")
    async with serve() as live, posting(live.address, CALLS, form, kind=None) as response:
        await phone.take_answer(response)
        created = await phone.until("session.created")
        assert created["session"]["instructions"] == "Be brief."
        await phone.hang_up()


async def test_40_the_channel_gets_the_session_and_updates_of_it(serve):
    async with serve() as live, calling(live.address) as phone:
        await phone.until("session.created")
        phone.send("session.update", session={"type": "realtime", "instructions": "Be kind."})
        updated = await phone.until("session.updated")
        assert updated["session"]["instructions"] == "Be kind."


async def test_41_an_offer_without_candidates_connects(serve):
    async with serve() as live, calling(live.address, candidates=False) as phone:
        await phone.until("session.created")
        answer = phone.answer
        assert "a=msid:" in answer
        assert "opus/48000/2" in answer
        assert re.search(r"a=candidate:\S+ 1 udp \d+ \S+ \d+ typ host", answer)
        assert "a=max-message-size:262144" in answer
        assert answer.count("m=") == 2


async def test_42_an_answer_is_heard_and_told_in_order(serve):
    async with serve(HEARD) as live, calling(live.address) as phone:
        phone.send("session.update", session={"type": "realtime", **TRANSCRIBED})
        await phone.until("session.updated")
        phone.microphone.say(recording("winter"))
        await phone.until(STOPPED)
        types = phone.types()
        told = [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.input_audio_transcription.completed",
            "response.created",
            "response.content_part.added",
            STARTED,
            "response.output_audio.done",
            "response.done",
            STOPPED,
        ]
        assert sorted(told, key=types.index) == told
        assert "response.output_audio.delta" not in types
        heard = sum(len(utterance.pcm) for utterance in live.stt.utterances)
        assert heard > len(recording("winter")) * 2 // 3 * 0.8
        await phone.ear.hear(300)  # what was sent last is still in the client's jitter buffer
        said_s = sum(map(len, live.tts.texts)) * live.tts.seconds_per_character
        assert phone.ear.loud_s == pytest.approx(said_s, abs=0.1)
        assert phone.ear.pitch_hz() == pytest.approx(220, abs=2)


async def test_43_speech_over_an_answer_is_silence_within_150_ms_of_sound(serve):
    async with serve([HEARD, words_of("interrupt")], LONG) as live, calling(live.address) as phone:
        phone.microphone.say(recording("winter"))
        await phone.until(STARTED)
        await phone.ear.hear(1000)
        phone.microphone.say(recording("interrupt"))
        await phone.until("input_audio_buffer.speech_started", 2)
        heard = len(phone.ear.frames)
        cleared = await phone.until(CLEARED)
        truncated = await phone.until("conversation.item.truncated")
        await phone.ear.hear(300)
        loud = np.flatnonzero(np.array(phone.ear.levels()) > 100)
        assert (loud[-1] + 1 - heard) * 20 <= 150
        assert cleared["response_id"] == phone.of_type("response.created")[0]["response"]["id"]
        assert truncated["audio_end_ms"] == pytest.approx(len(loud) * 20, abs=100)


async def test_43_a_client_may_clear_what_is_playing(serve):
    async with serve(HEARD, LONG) as live, calling(live.address) as phone:
        phone.send("response.create")
        await phone.until(STARTED)
        await phone.ear.hear(500)
        phone.send("output_audio_buffer.clear")
        heard = len(phone.ear.frames)
        await phone.until(CLEARED)
        await phone.ear.hear(300)
        loud = np.flatnonzero(np.array(phone.ear.levels()) > 100)
        assert (loud[-1] + 1 - heard) * 20 <= 150


@pytest.mark.parametrize(("method", "what"), [("POST", "/hangup"), ("DELETE", "")])
async def test_44_a_call_that_is_hung_up_is_gone(serve, method, what):
    async with serve() as live, calling(live.address) as phone:
        await phone.until("session.created")
        assert await order(live.address, method, phone.location + what) == (200, b"")
        await phone.until_state("closed")
        status, body = await order(live.address, method, phone.location + what)
        error = json.loads(body)["error"]
        assert (status, error["code"]) == (404, "call_not_found")
        assert phone.location.rpartition("/")[2] in error["message"]


async def test_68_a_sideband_sees_the_call_and_may_change_it(serve):
    async with serve(HEARD) as live, calling(live.address) as phone:
        created = await phone.until("session.created")
        call_id = phone.location.rpartition("/")[2]
        async with dial(f"{live.ws_url}?call_id={call_id}", in_call=True) as side:
            first = await side.until("session.created", limit_ms=2000)
            assert first["session"] == created["session"]
            await side.send(
                "session.update", session={"type": "realtime", "instructions": "Be kind."}
            )
            await phone.until("session.updated")
            await side.until("session.updated")
            phone.microphone.say(recording("winter"))
            await phone.until(STOPPED)
            await side.until(STOPPED)
            assert [e["event_id"] for e in side.events[1:]] == [
                e["event_id"] for e in phone.events[1:]
            ]
        assert phone.state == "connected"
        phone.send("session.update", session={"type": "realtime"})
        await phone.until("session.updated", 2)


async def test_68_an_unknown_call_is_refused_and_an_ended_one_ends_its_sidebands(serve):
    async with serve() as live, calling(live.address) as phone:
        with pytest.raises(InvalidStatus) as refused:
            async with dial(f"{live.ws_url}?call_id=rtc_unknown"):
                pass
        assert refused.value.response.status_code == 404
        await phone.until("session.created")
        call_id = phone.location.rpartition("/")[2]
        async with dial(f"{live.ws_url}?call_id={call_id}", in_call=True) as side:
            await side.until("session.created", limit_ms=2000)
            await phone.hang_up()
            async with asyncio.timeout(5):
                await side.transport.socket.wait_closed()
            assert side.transport.socket.close_code == 1000


async def test_without_a_channel_only_sidebands_hear_of_the_call(serve):
    async with serve(HEARD) as live, calling(live.address, channel=False) as phone:
        await phone.until_state("connected")
        call_id = phone.location.rpartition("/")[2]
        async with dial(f"{live.ws_url}?call_id={call_id}", in_call=True) as side:
            await side.until("session.created", limit_ms=2000)
            phone.microphone.say(recording("winter"))
            await side.until(STOPPED)
        await phone.ear.hear(300)
        assert phone.ear.loud_s > 0.5


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_calls_in_g711_are_heard_and_answered(serve, codec):
    async with serve(HEARD) as live, calling(live.address, codecs=[codec]) as phone:
        assert f"{codec}/8000" in phone.answer
        assert "opus" not in phone.answer
        phone.microphone.say(recording("winter"))
        await phone.until(STOPPED)
        await phone.ear.hear(300)
        assert phone.ear.pitch_hz() == pytest.approx(220, abs=2)
        assert phone.ear.rate_hz == 8000
        heard = sum(len(utterance.pcm) for utterance in live.stt.utterances)
        assert heard > len(recording("winter")) * 2 // 3 * 0.8


@pytest.mark.parametrize("direction", ["sendonly", "recvonly", "inactive"])
async def test_a_client_may_only_speak_or_only_listen(serve, direction):
    async with serve(HEARD) as live, calling(live.address, direction=direction) as phone:
        await phone.until("session.created")
        phone.send("response.create")
        await phone.until(STOPPED)
        if direction == "recvonly":
            await phone.ear.hear(300)
            assert phone.ear.loud_s > 0.5


async def test_a_client_secret_opens_calls_with_its_session(serve):
    body = {"session": {"type": "realtime", "instructions": "Be brief."}}
    async with serve() as live:
        headers = {"Authorization": "Bearer sk-conformance"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(f"{live.http_url}/realtime/client_secrets", json=body) as minted,
        ):
            key = (await minted.json())["value"]
        async with calling(live.address, key=key) as phone:
            created = await phone.until("session.created")
            assert created["session"]["instructions"] == "Be brief."


OFFER = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\n"


@pytest.mark.parametrize(
    ("offer", "session", "status", "code", "param", "says"),
    [
        ("", None, 400, "missing_required_parameter", "sdp", "no SDP offer"),
        ("hello", None, 400, "invalid_sdp", "sdp", "begin with 'v=0'"),
        (b"\xff\xfe", None, 400, "invalid_sdp", "sdp", "UTF-8"),
        (OFFER, None, 400, "invalid_sdp", "sdp", "no audio"),
        (OFFER + AUDIO, None, 400, "invalid_sdp", "sdp", "no codec"),
        (
            f"{OFFER}{AUDIO}a=rtpmap:96 AMR-WB/16000\r\n",
            None, 400, "invalid_sdp", "sdp", "it has amr-wb; send opus, PCMU, PCMA",
        ),
        (f"{OFFER}{AUDIO}a=rtpmap:96 opus/48000/2\r\n", None, 400, "invalid_sdp", "sdp", "ICE"),
        (OFFER, "[1]", 400, "invalid_value", "session", "JSON object"),
        (OFFER, "{", 400, "invalid_json", "session", "not valid JSON"),
        (OFFER, {"type": "realtime", "colour": 1}, 400, "unknown_parameter", "session.colour", "colour"),
        (OFFER, {"instructions": "x"}, 400, "missing_required_parameter", "session.type", "type"),
        (OFFER, {"type": "realtime", "audio": {"output": {"voice": "nobody"}}}, 400,
         "invalid_value", "session.audio.output.voice", "nobody"),
    ],
)  # fmt: skip
async def test_an_offer_that_is_none_is_refused_and_said_why(
    serve, offer, session, status, code, param, says
):
    async with serve() as live, posting(live.address, CALLS, offer, session=session) as response:
        assert response.status == status
        error = (await response.json())["error"]
        assert (error["code"], error["param"]) == (code, param)
        assert says in error["message"]


async def test_other_kinds_of_bodies_and_parts_are_refused(serve):
    async with serve() as live:
        async with posting(live.address, CALLS, "{}", kind="application/json") as response:
            assert response.status == 415
            assert "application/sdp" in (await response.json())["error"]["message"]
        form = aiohttp.FormData({"sdp": OFFER, "colour": "red"}, default_to_multipart=True)
        async with posting(live.address, CALLS, form, kind=None) as response:
            assert response.status == 400
            assert (await response.json())["error"]["param"] == "colour"


async def test_the_limit_of_sessions_counts_calls(serve):
    async with serve(max_sessions=1) as live, calling(live.address) as phone:
        await phone.until("session.created")

        other = Phone()
        async with posting(live.address, CALLS, await other.offer()) as response:
            assert response.status == 503
            assert "sessions" in (await response.json())["error"]["message"]
        await other.hang_up()
        await order(live.address, "POST", phone.location + "/hangup")
        async with calling(live.address) as again:
            await again.until("session.created")


@pytest.mark.parametrize("action", ["accept", "reject", "refer"])
async def test_what_is_for_telephones_is_said_to_be(serve, action):
    async with serve() as live, calling(live.address) as phone:
        status, body = await order(live.address, "POST", f"{phone.location}/{action}")
        assert (status, json.loads(body)["error"]["code"]) == (501, "not_implemented")
        status, body = await order(live.address, "POST", f"{CALLS}/rtc_unknown/{action}")
        assert (status, json.loads(body)["error"]["code"]) == (404, "call_not_found")


async def test_an_event_that_the_channel_does_not_take_is_an_error_and_no_end(serve):
    phone = Phone()
    offer = (await phone.offer()).replace("a=max-message-size:262144", "a=max-message-size:20000")
    assert "20000" in offer
    async with serve() as live, posting(live.address, CALLS, offer) as response:
        await phone.take_answer(response)
        await phone.until("session.created")
        long = "x" * 20_000
        phone.send("session.update", session={"type": "realtime", "instructions": long})
        error = (await phone.until("error"))["error"]
        assert (error["code"], error["type"]) == ("event_too_large", "server_error")
        phone.send("session.update", session={"type": "realtime", "instructions": "short"})
        await phone.until("session.updated")
        await phone.hang_up()


async def test_much_text_at_once_goes_through_the_channel_whole(serve):
    async with serve(answers="word " * 4000) as live, calling(live.address) as phone:
        phone.send("response.create", response={"output_modalities": ["text"]})
        done = await phone.until("response.done")
        text = "".join(e["delta"] for e in phone.of_type("response.output_text.delta"))
        assert done["response"]["output"][0]["content"][0]["text"] == text == "word " * 4000


async def test_calls_stay_within_the_ports_of_the_settings(serve):
    rtc = RtcSettings(udp_ports="41200-41203", public_address="203.0.113.7")
    async with serve(rtc=rtc) as live, calling(live.address) as phone:
        await phone.until("session.created")
        found = re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ (\w+)", phone.answer)
        assert all(41200 <= int(port) <= 41203 for _, port, _ in found)
        assert ("203.0.113.7", "srflx") in {(address, kind) for address, _, kind in found}


async def test_when_all_ports_are_taken_the_next_call_is_refused(serve):
    rtc = RtcSettings(udp_ports="41210-41210")
    async with serve(rtc=rtc) as live, calling(live.address) as phone:
        await phone.until("session.created")

        other = Phone()
        async with posting(live.address, CALLS, await other.offer()) as response:
            assert response.status == 503
            assert "ports" in (await response.json())["error"]["message"]
        await other.hang_up()
