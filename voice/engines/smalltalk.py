"""What can be answered without any document: greetings, thanks, the clock and the date."""

import re
from collections.abc import Sequence
from datetime import datetime

from voice.engines.wordforms import number_words

MOST_TOPICS = 5

_FILLERS = re.compile(r"\b(?:um+|uh+|er+|please|okay|ok|well|so|oh|hey)\b[,.]?", re.IGNORECASE)
_SPACES = re.compile(r"[\s,.!?;:-]+")

_TIME = r"what time is it|what(?: i|')?s the time|(?:tell me|know) (?:what )?(?:the )?time|the current time|time is it"
_DATE = r"what day is (?:it|today)|(?:what(?: i|')?s|tell me) (?:the date|today's date|the day)|which day is it|the date today|today's date"
_ABILITY = r"what (?:can|do) you (?:do|know|offer)|what can i ask|who are you|what are you|(?:can you )?help(?: me)?|how do you work|what(?: i|')?s your name|what are your documents"
_GREETING = r"(?:hello|hi|hiya|good (?:morning|afternoon|evening|day)|greetings|howdy)(?: there| again| everyone)?"
_HOW_ARE_YOU = r"(?:(?:hello|hi) )?how are you(?: doing)?(?: today)?|how(?: i|')?s it going"
_THANKS = r"(?:no )?(?:many )?(?:thanks|thank you)(?: very much| so much| a lot| again)?"
_GOODBYE = r"(?:good ?bye|bye|bye bye|see you(?: later| soon| tomorrow)?|good night|farewell|that(?: i|')?s all|that will be all)"
_STOP = r"(?:wait|stop|hold on|be quiet|shut up|enough|never ?mind|cancel|pause)(?: it| that| please| now| a (?:second|moment|minute))*"
_ASSENT = r"(?:mm+ ?hm+|uh huh|yes|yeah|yep|no|nope|right|i see|all right|alright|sure|great|good|nice|cool|got it)"
_NOTHING = ""
_HOURS = r"(?:open|opens|close|closes|start|starts|begin|begins|end|ends)"


def simplified(text: str) -> str:
    """`text` in lower case, without punctuation and without words that only fill a pause."""
    return _SPACES.sub(" ", _FILLERS.sub(" ", text.lower().replace("’", "'"))).strip()


def small_talk(text: str, now: datetime, topics: Sequence[str] | None) -> str | None:
    """The reply to a remark that is no question to a document; None for everything else.

    `topics` are the documents' names as they are said; None where they are looked up.
    """
    said = simplified(text)
    replies = (
        (_NOTHING, "I did not catch that. Could you say it again?"),
        (_STOP, "All right."),
        (_THANKS, "You are welcome."),
        (f"(?:{_THANKS} )?{_GOODBYE}", "Goodbye, and have a nice day."),
        (_GREETING, f"Hello! {what_i_read(topics)} What would you like to know?"),
        (_HOW_ARE_YOU, "I am fine, thank you. What would you like to know?"),
        (_ASSENT, "All right. What else would you like to know?"),
    )
    for pattern, reply in replies:
        if re.fullmatch(f"(?:{pattern} ?)+" if pattern else pattern, said):
            return reply
    # A greeting may come before a question about the clock; before any other it is ignored.
    said = re.sub(f"^(?:{_GREETING}|{_STOP}) ", "", said)
    if re.search(rf"\b(?:{_TIME})\b(?!(?: \w+)* {_HOURS}\b)", said):
        return f"It is {spoken_time(now)}."
    if re.search(rf"\b(?:{_DATE})\b", said):
        return f"Today is {spoken_date(now)}."
    if re.fullmatch(rf"(?:{_ABILITY})(?: with| for me| here| today| about)?", said):
        return f"I read answers aloud from documents, and I tell the time and the date. {what_i_read(topics)}"
    return None


def what_i_read(topics: Sequence[str] | None) -> str:
    """A sentence that names the documents, the first few of many."""
    if topics is None:
        return "I look in the documents that you gave me."
    if not topics:
        return "I have no documents to read from yet."
    named = list(topics if len(topics) <= MOST_TOPICS else topics[: MOST_TOPICS - 1])
    if rest := len(topics) - len(named):
        named.append(f"{' '.join(number_words(rest))} other documents")
    listed = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    return f"I have read {listed}."


def spoken_time(now: datetime) -> str:
    """The time of day as it is said: "twenty five past three in the afternoon"."""
    if now.hour in {0, 12} and now.minute == 0:
        return "midnight" if now.hour == 0 else "noon"
    part = next(name for until, name in _PARTS if now.hour < until)
    minute = now.minute if now.minute <= 30 else 60 - now.minute
    hour = " ".join(number_words((now.hour + (now.minute > 30) - 1) % 12 + 1))
    if minute == 0:
        return f"{hour} o'clock {part}"
    side = "past" if now.minute <= 30 else "to"
    return f"{_MINUTES.get(minute) or _minutes(minute)} {side} {hour} {part}"


def spoken_date(now: datetime) -> str:
    """The date as it is said: "Friday, the twenty first of November, 2025"."""
    *tens, last = number_words(now.day)
    last = _ORDINALS.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")
    return f"{now:%A}, the {' '.join([*tens, last])} of {now:%B}, {now.year}"


def _minutes(minute: int) -> str:
    said = " ".join(number_words(minute))
    return said if minute % 5 == 0 else f"{said} minute{'s' if minute > 1 else ''}"


_PARTS = (
    (1, "at night"),
    (12, "in the morning"),
    (18, "in the afternoon"),
    (22, "in the evening"),
    (24, "at night"),
)
_MINUTES = {15: "a quarter", 30: "half"}
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
