from hypothesis import given
from hypothesis import strategies as st

from voice.engines.llama_answer import Answer
from voice.engines.protocols import Finished, Prompt, TextDelta, TokenLogprob
from voice.engines.token_trail import TokenTrail, as_text, bytes_of


def token(data: bytes) -> TokenLogprob:
    text, raw = as_text(data)
    return TokenLogprob(token=text, logprob=-1.0, raw=raw)


def trail(*texts: str) -> TokenTrail:
    made = TokenTrail()
    for text in texts:
        made.note(token(text.encode()), text, ends=True)
    return made


def test_text_waits_for_the_end_of_its_token():
    made = trail("abc", "d")
    assert made.say("ab") is None
    assert made.say("cd") == TextDelta("abcd", (token(b"abc"), token(b"d")))


def test_a_token_is_cut_where_the_text_ends():
    made = trail("abc", "d")
    assert made.say("ab") is None
    assert made.finish() == TextDelta("ab", (token(b"ab"),))
    assert made.finish() is None


def test_the_tokens_of_a_character_come_together():
    made = TokenTrail()
    made.note(token(b"a\xe6"), "a", ends=False)
    assert made.say("a") is None
    made.note(token(b"\x97"), "", ends=False)
    made.note(token(b"\xa5"), "日", ends=True)
    assert made.say("日") == TextDelta("a日", (token(b"a\xe6"), token(b"\x97"), token(b"\xa5")))


def test_what_is_dropped_takes_its_tokens_with_it():
    made = trail("<x>", "F", "</x>\nF", "our")
    made.keep_last(4)
    assert made.say("Four") == TextDelta("Four", (token(b"F"), token(b"our")))


def test_text_that_was_never_noted_is_passed_on():
    assert trail("a").say("zzz") == TextDelta("zzz")


@given(
    text=st.text(alphabet="ab日é🎉<", max_size=20),
    cuts=st.lists(st.integers(1, 60), max_size=12),
    stops=st.lists(st.text(alphabet="ab日é<", min_size=1, max_size=3), max_size=2),
)
def test_text_and_tokens_say_the_same_however_they_are_cut(text, cuts, stops):
    """Tokens end within characters, stops within tokens; each piece is its tokens, byte for byte."""
    data = text.encode()
    ends = sorted({cut for cut in cuts if cut < len(data)} | {len(data)})
    prompt = Prompt(text="", stop=tuple(stops), logprobs=0)
    answer = Answer(prompt)
    pieces = []
    start = 0
    for end in ends:
        if data[start:end] and not answer.is_complete:
            pieces += answer.feed(data[start:end], token(data[start:end]))
        start = end
    pieces += answer.finish("stop")
    plain = Answer(Prompt(text="", stop=tuple(stops)))
    expected = "".join(piece.text for piece in [*plain.feed(data), *plain.finish("stop")])
    assert "".join(piece.text for piece in pieces) == expected
    assert not any(isinstance(piece, Finished) for piece in pieces)
    for piece in pieces:
        assert b"".join(map(bytes_of, piece.logprobs)) == piece.text.encode()
