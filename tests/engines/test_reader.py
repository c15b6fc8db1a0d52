"""The reader answers from documents, in conversation, and never from anywhere else."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from voice.bundled import samples_path
from voice.engines.protocols import (
    CallDelta,
    CallStarted,
    EngineError,
    Finished,
    Message,
    Piece,
    Prompt,
    Source,
    TextDelta,
    Tool,
    ToolCall,
)
from voice.engines.reader import Reader
from voice.engines.smalltalk import spoken_date, spoken_time

NOW = datetime(2026, 5, 2, 15, 20)  # noqa: DTZ001 - what a clock on the wall shows

WEATHER = Tool(
    name="get_weather",
    description="Get the weather for a city",
    parameters={
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city"],
    },
)
LIGHT = Tool(
    name="setLight",
    description="Switch a lamp",
    parameters={
        "type": "object",
        "properties": {
            "room": {"type": "string", "enum": ["kitchen", "living room"]},
            "on": {"type": "boolean"},
            "brightness": {"type": "integer"},
        },
        "required": ["room", "on"],
    },
)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(str(samples_path() / "documents"), lambda: NOW)


def pieces(reader: Reader, *messages: Message, **options: object) -> list[Piece]:
    return list(reader.generate(Prompt(messages=messages, **options), lambda: False))


def text(found: list[Piece]) -> str:
    return "".join(piece.text for piece in found if isinstance(piece, TextDelta))


def ask(reader: Reader, *questions: str, **options: object) -> str:
    """The answer to the last of several questions of one conversation."""
    messages: list[Message] = []
    answer = ""
    for question in questions:
        messages.append(Message(role="user", content=question))
        answer = text(pieces(reader, *messages, **options))
        messages.append(Message(role="assistant", content=answer))
    return answer


def called(found: list[Piece]) -> tuple[str, dict[str, object]]:
    start, *deltas, end = found
    assert isinstance(start, CallStarted)
    assert isinstance(end, Finished)
    assert end.reason == "tool_calls"
    assert all(isinstance(delta, CallDelta) for delta in deltas)
    return start.name, json.loads("".join(delta.arguments for delta in deltas))


def test_an_answer_names_its_source_and_quotes_it(reader: Reader) -> None:
    assert ask(reader, "When should I plant garlic?") == (
        "According to the garden calendar, plant garlic and tulips in October."
    )


def test_every_sentence_read_stands_in_a_document(reader: Reader) -> None:
    documents = " ".join(p.read_text() for p in (samples_path() / "documents").glob("*.md"))
    for question in ("how do I make bread", "is the trail steep", "what does the red light mean"):
        _, _, quoted = ask(reader, question).partition(", ")
        for sentence in quoted.split(". "):
            assert sentence[1:] in documents


def test_answers_are_short_enough_to_listen_to(reader: Reader) -> None:
    for question in ("how do I make bread", "tell me about the library", "how do I clean it"):
        assert len(ask(reader, question).split()) < 60


@pytest.mark.parametrize(
    ("questions", "words"),
    [
        (("When does the library open?", "And in winter?"), "closes at five"),
        (("When does the library open?", "And in winter?", "What about Sunday?"), "stays closed"),
        (("when should I plant garlic", "and potatoes?"), "middle of April"),
        (("what does the red light mean", "and the yellow one?"), "full of lime"),
        (("where can I camp", "how much does that cost"), "six dollars"),
        (("tell me about the trail", "is it steep"), "last mile"),
        (("when should I plant potatoes", "tell me more"), "Carrots and spinach"),
        (("what about the birds", "tell me more", "tell me more"), "That is all"),
        (("when should I plant garlic", "thank you", "say that again"), "You are welcome."),
    ],
)
def test_a_follow_up_leans_on_the_question_before(
    reader: Reader, questions: tuple[str, ...], words: str
) -> None:
    assert words in ask(reader, *questions)


def test_an_interruption_with_a_question_is_answered(reader: Reader) -> None:
    answer = ask(reader, "tell me about the trail", "Wait, stop. How long do I bake the bread?")
    assert "thirty five minutes" in answer


def test_what_is_in_no_document_is_not_answered(reader: Reader) -> None:
    answer = ask(reader, "Who is the president of France?")
    assert answer.startswith("I found nothing about that.")
    assert "the garden calendar" in answer


def test_a_weak_match_is_read_with_a_doubt(reader: Reader) -> None:
    answer = ask(reader, "how often do arises need water in ten weeks")
    assert answer.startswith("I am not sure that I understood. The garden calendar says: In dry")


def test_a_word_that_coincides_is_no_answer(reader: Reader) -> None:
    assert ask(reader, "can you play music").startswith("I found nothing about that.")


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("Hello.", "Hello!"),
        ("Um, hi there, good morning", "Hello!"),
        ("Thanks a lot!", "You are welcome."),
        ("thank you, goodbye", "Goodbye"),
        ("Wait, stop.", "All right."),
        ("Mm-hm.", "All right."),
        ("How are you?", "I am fine"),
        ("What can you do?", "I read answers aloud from documents"),
        ("What time is it?", "It is twenty past three in the afternoon."),
        ("Hello, what's the time please", "It is twenty past three in the afternoon."),
        ("what day is it today", "Today is Saturday, the second of May, 2026."),
        ("", "I did not catch that."),
    ],
)
def test_small_talk_needs_no_document(reader: Reader, said: str, reply: str) -> None:
    assert ask(reader, said).startswith(reply)


def test_what_time_something_opens_is_no_question_to_the_clock(reader: Reader) -> None:
    assert "nine in the morning" in ask(reader, "what time does the library open")
    assert "nine in the morning" in ask(reader, "tell me about the library", "what time is it open")


@pytest.mark.parametrize(
    ("hour", "minute", "said"),
    [
        (0, 0, "midnight"), (12, 0, "noon"), (9, 0, "nine o'clock in the morning"),
        (12, 30, "half past twelve in the afternoon"), (20, 45, "a quarter to nine in the evening"),
        (23, 59, "one minute to twelve at night"), (0, 20, "twenty past twelve at night"),
    ],
)  # fmt: skip
def test_the_time_is_said_as_people_say_it(hour: int, minute: int, said: str) -> None:
    assert spoken_time(NOW.replace(hour=hour, minute=minute)) == said


@pytest.mark.parametrize(
    ("day", "said"), [(1, "first"), (12, "twelfth"), (20, "twentieth"), (23, "twenty third")]
)
def test_the_date_is_said_as_people_say_it(day: int, said: str) -> None:
    assert f"the {said} of May, 2026" in spoken_date(NOW.replace(day=day))


def test_a_system_message_can_ask_for_one_sentence(reader: Reader) -> None:
    brief = Message(role="system", content="Answer in one sentence.")
    question = Message(role="user", content="how do I froth milk")
    assert text(pieces(reader, brief, question)).count(". ") == 0
    assert text(pieces(reader, question)).count(". ") > 0


def test_text_comes_word_by_word_and_is_counted(reader: Reader) -> None:
    *deltas, end = pieces(reader, Message(role="user", content="When should I plant garlic?"))
    assert [piece.text for piece in deltas][:3] == ["According", " to", " the"]
    assert end == Finished(reason="stop", input_tokens=5, output_tokens=len(deltas))


def test_max_tokens_cuts_the_answer(reader: Reader) -> None:
    question = Message(role="user", content="When should I plant garlic?")
    found = pieces(reader, question, max_tokens=3)
    assert text(found) == "According to the"
    assert found[-1] == Finished(reason="length", input_tokens=5, output_tokens=3)


def test_a_stop_sequence_ends_the_answer_before_it(reader: Reader) -> None:
    question = Message(role="user", content="When should I plant garlic?")
    assert text(pieces(reader, question, stop=("calendar",))) == "According to the garden"


def test_cancelling_ends_the_answer_without_a_finish(reader: Reader) -> None:
    prompt = Prompt(messages=(Message(role="user", content="hello"),))
    answers: Iterator[bool] = iter([False, False, True])
    found = list(reader.generate(prompt, lambda: next(answers)))
    assert len(found) == 2
    assert not any(isinstance(piece, Finished) for piece in found)


@pytest.mark.parametrize(
    ("said", "name", "arguments"),
    [
        ("What is the weather in San Francisco in celsius?", "get_weather",
         {"city": "San Francisco", "unit": "celsius"}),
        ("turn the light off in the kitchen", "setLight", {"room": "kitchen", "on": False}),
        ("set the light in the living room on to fifty", "setLight",
         {"room": "living room", "on": True, "brightness": 50}),
    ],
)  # fmt: skip
def test_a_tool_is_called_when_the_question_names_it(
    reader: Reader, said: str, name: str, arguments: dict[str, object]
) -> None:
    found = pieces(reader, Message(role="user", content=said), tools=(WEATHER, LIGHT))
    assert called(found) == (name, arguments)


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("When should I plant garlic?", "auto"),
        ("What does the yellow light mean?", "auto"),
        ("What is the weather in Rome?", "none"),
    ],
)
def test_other_questions_are_answered_although_tools_are_there(
    reader: Reader, said: str, choice: str
) -> None:
    question = Message(role="user", content=said)
    assert text(pieces(reader, question, tools=(WEATHER, LIGHT), tool_choice=choice))


@pytest.mark.parametrize("choice", ["required", "get_weather"])
def test_a_demanded_tool_is_called(reader: Reader, choice: str) -> None:
    question = Message(role="user", content="What is it like in Paris in a city")
    name, _ = called(pieces(reader, question, tools=(LIGHT, WEATHER), tool_choice=choice))
    assert name == "get_weather"


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("It rains in Rome", "It rains in Rome."),
        ('{"temperature": 21, "windSpeed": 3.5}', "The temperature is 21, the wind speed is 3.5."),
        ('{"result": ["red", "blue"]}', "Red, blue."),
        ('{"error": "no such city"}', "That did not work: no such city."),
        ("", "That is done."),
        ("true", "Yes."),
    ],
)
def test_a_tool_result_is_spoken(reader: Reader, result: str, said: str) -> None:
    call = ToolCall(call_id="1", name="get_weather", arguments="{}")
    found = pieces(
        reader,
        Message(role="user", content="What is the weather in Rome?"),
        Message(role="assistant", content="", tool_calls=(call,)),
        Message(role="tool", content=result, tool_call_id="1"),
        tools=(WEATHER,),
    )
    assert text(found) == said


def test_without_documents_it_says_so() -> None:
    answer = ask(Reader(now=lambda: NOW), "When should I plant garlic?")
    assert answer == "I found nothing about that. I have no documents to read from yet."


def test_a_missing_folder_is_named_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"gone does not exist.*DOCUMENTS"):
        Reader(str(tmp_path / "gone"))


def test_a_name_at_the_start_of_a_sentence_keeps_its_capital(tmp_path: Path) -> None:
    (tmp_path / "ferry.md").write_text("# Ferry times\n\nAnna Berg sails the ferry.\n")
    assert ask(Reader(str(tmp_path)), "who sails the ferry") == (
        "According to the ferry times, Anna Berg sails the ferry."
    )


def test_what_was_looked_up_is_all_that_is_read(reader: Reader) -> None:
    venus = Source(document_id="d", name="stars.md", title="Stars", text="Venus shines at dusk.")
    question = "How long should I bake the bread?"
    assert "thirty five minutes" in ask(reader, question)
    assert ask(reader, question, sources=(venus,)) == "I found nothing about that."
    assert ask(reader, question, sources=()) == "I found nothing about that."
    assert "I look in the documents that you gave me." in ask(reader, "Hello", sources=())


def test_of_what_was_looked_up_more_can_be_told(reader: Reader) -> None:
    told = "Venus shines at dusk. It is the hottest planet. It has no moon. Mars is red."
    venus = Source(document_id="d", name="stars.md", title="Stars", text=told)
    more = ask(reader, "When does Venus shine?", "Tell me more", sources=(venus,))
    assert more == "It is the hottest planet. It has no moon."


@pytest.mark.parametrize(
    ("question", "written", "said"),
    [
        ("How far is Mt. Gray?", "It is approx. 30 km to Mt. Gray via St. Ives.",
         "it is approx. 30 km to Mount Gray via St. Ives."),
        ("how do I reach saint ives", "The bus to St. Ives leaves at 9 a.m.",
         "the bus to St. Ives leaves at 9 a.m."),
        ("When is it closed on 24 Dec.?", "On 24 December the inn is closed until noon.",
         "on 24 December the inn is closed until noon."),
        ("How many kilometers is the trail?", "The trail is 12 km long.",
         "the trail is 12 km long."),
        ("How many minutes does it bake?", "Bake it for 12 min. Let it cool.",
         "bake it for 12 min."),
    ],
)  # fmt: skip
def test_short_forms_are_found_as_they_are_said(question: str, written: str, said: str) -> None:
    source = Source(document_id="d", name="notes.md", title="My notes", text=written)
    assert ask(Reader(), question, sources=(source,)) == f"According to my notes, {said}"
