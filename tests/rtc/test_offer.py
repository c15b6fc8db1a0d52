"""What is made of an offer before it is answered."""

import pytest

from voice.gateway.errors import ApiError
from voice.rtc.offer import chosen_codec, largest_message, trimmed

HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"


def audio(types: str, *lines: str) -> str:
    return f"{HEAD}m=audio 9 UDP/TLS/RTP/SAVPF {types}\r\n" + "".join(f"{x}\r\n" for x in lines)


@pytest.mark.parametrize(
    ("offer", "name"),
    [
        (audio("111", "a=rtpmap:111 opus/48000/2"), "opus"),
        (audio("0 111", "a=rtpmap:0 PCMU/8000", "a=rtpmap:111 OPUS/48000/2"), "opus"),
        (audio("8 0", "a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000"), "PCMU"),
        (audio("8"), "PCMA"),
        (audio("96 8", "a=rtpmap:96 opus/16000"), "PCMA"),
    ],
)
def test_the_best_codec_that_is_offered_is_chosen(offer: str, name: str):
    assert chosen_codec(offer).name == name


def test_codecs_of_other_media_do_not_count():
    video = "m=video 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n"
    with pytest.raises(ApiError, match="it has g722; send opus, PCMU, PCMA"):
        chosen_codec(audio("9", "a=rtpmap:9 G722/8000") + video)
    with pytest.raises(ApiError, match="it has none"):
        chosen_codec(audio("9") + video)


def test_hidden_addresses_and_the_end_of_candidates_are_left_out():
    offer = audio(
        "0",
        "a=candidate:1 1 udp 2113937151 7d2cf4f0.local 51000 typ host",
        "a=candidate:2 1 udp 2113937151 192.0.2.9 51000 typ host",
        "a=end-of-candidates",
        "a=mid:0",
    )
    assert trimmed(offer) == audio(
        "0", "a=candidate:2 1 udp 2113937151 192.0.2.9 51000 typ host", "a=mid:0"
    )


def test_line_ends_of_any_kind_become_those_of_sdp():
    assert trimmed("v=0\ns=-\n\n  t=0 0 \n") == "v=0\r\ns=-\r\nt=0 0\r\n"


@pytest.mark.parametrize(
    ("line", "size"),
    [("a=max-message-size:1000", 1000), ("a=mid:1", 65_536)],
)
def test_the_largest_message_is_what_the_client_says_or_what_the_standard_does(line, size):
    assert largest_message(f"{HEAD}{line}\r\n") == size


def test_a_client_that_takes_messages_of_any_size_says_0():
    assert largest_message("a=max-message-size:0\r\n") > 2**30
