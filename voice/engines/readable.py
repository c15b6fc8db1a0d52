"""What a document's text says, without what cannot be listened to: markup, addresses, file endings."""

import re
from collections.abc import Iterable
from html import unescape

_HOST = r"(?:https?://(?:www\.)?|www\.)([\w.-]*\w)"
_PATH = r"(?::\d+)?(?:[/?#][^\s<>()\[\]]*[^\s<>()\[\].,;:!?'\"])?/?"
_URL = _HOST + _PATH
_ENDINGS = (
    "md|markdown|txt|rst|pdf|docx?|odt|rtf|epub|html?|xlsx?|pptx?|csv|json|ya?ml|toml|ini|png"
    "|jpe?g|gif|svg|zip"
)
# Each with a mark without which there is nothing to look for.
_RULES = (
    ("---", re.compile(r"\A---\n.*?\n---\n", re.DOTALL), ""),
    ("```", re.compile(r"^```.*?^```[^\n]*$", re.MULTILINE | re.DOTALL), ""),
    ("~~~", re.compile(r"^~~~.*?^~~~[^\n]*$", re.MULTILINE | re.DOTALL), ""),
    ("![", re.compile(r"!\[[^\]]*\]\([^)]*\)"), ""),
    ("[^", re.compile(r"\[\^[^\]]+\]:?"), ""),
    ("](", re.compile(rf"\[{_URL}\]\([^)]*\)"), r"\1"),
    ("]", re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\[[^\]]*\])"), r"\1"),
    ("]:", re.compile(r"^\[[^\]]+\]:\s+\S+.*$", re.MULTILINE), ""),
    ("<!--", re.compile(r"<!--.*?-->", re.DOTALL), ""),
    # Of an address the host alone is said, and in brackets not even that.
    *(
        rule
        for mark in ("://", "www.", "WWW.")
        for rule in (
            (mark, re.compile(rf"\s*[(\[](?:see |at )?{_URL}[)\]]", re.IGNORECASE), ""),
            (mark, re.compile(rf"<?{_URL}>?", re.IGNORECASE), r"\1"),
        )
    ),
    ("<", re.compile(r"</?[a-zA-Z][^>]*>"), ""),
    ("**", re.compile(r"\*\*(.+?)\*\*"), r"\1"),
    ("__", re.compile(r"__(.+?)__"), r"\1"),
    ("~~", re.compile(r"~~(.+?)~~"), r"\1"),
    ("`", re.compile(r"`(.+?)`"), r"\1"),
    ("*", re.compile(r"(?<![\w\\])\*(\S.*?)(?<!\\)\*(?!\w)"), r"\1"),
    ("_", re.compile(r"(?<![\w\\])_(\S.*?)(?<!\\)_(?!\w)"), r"\1"),
    ("\\", re.compile(r"\\([*_#\[\]`~])"), r"\1"),
)
_FILE = re.compile(rf"(?<![\w@/.-])(\w[\w-]*)\.(?:{_ENDINGS})\b(?!\.\w)", re.IGNORECASE)
_SPACE = re.compile(r"[-_\s]+")

# What a voice would spell out that no later stage reads as words.
_SHORT_FORMS = tuple(
    (mark, re.compile(pattern), said)
    for mark, pattern, said in (
        ("bsp", r"\b1 ?[Tt]bsp\b\.?", "1 tablespoon"), ("tsp", r"\b1 ?tsp\b\.?", "1 teaspoon"),
        ("bsp", r"(?<=\d) ?[Tt]bsps?\b\.?", " tablespoons"),
        ("tsp", r"(?<=\d) ?tsps?\b\.?", " teaspoons"), ("EUR", r"(?<=\d) EUR\b", " euros"),
        ("USD", r"(?<=\d) USD\b", " dollars"), ("GBP", r"(?<=\d) GBP\b", " pounds"),
        ("ca.", r"\bca\. ?(?=\d)", "about "), ("~", r"(?<!\w)~ ?(?=\d)", "about "),
        ("incl.", r"\bincl\.", "including"), ("excl.", r"\bexcl\.", "excluding"),
        ("Mt.", r"\bMt\. (?=[A-Z])", "Mount "), ("el", r"\b[Tt]el(?:\.:?|:)", "telephone"),
        ("p.p.", r"\bp\.p\.", "per person"), ("yr", r"(?<=\d) ?yrs?\b\.?", " years"),
        ("min", r"(?<=\d) ?mins?\.(?= [a-z])", " minutes"),
        ("hr", r"(?<=\d) ?hrs?\.(?= [a-z])", " hours"),
    )
)  # fmt: skip
# "Mar.", "May", "Sat." and "Sun." may be words.
_DATES = {
    "Jan": "January", "Feb": "February", "Aug": "August", "Sep": "September", "Sept": "September",
    "Oct": "October", "Nov": "November", "Dec": "December", "Mon": "Monday", "Tue": "Tuesday",
    "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Thurs": "Thursday", "Fri": "Friday",
}  # fmt: skip
_DATE = re.compile(rf"\b({'|'.join(_DATES)})\.")


def readable(text: str) -> str:
    """Markdown or plain text without its markup; headings, lists and tables keep their marks."""
    text = text.replace("\r\n", "\n")
    text = _replaced(text, _RULES)
    text = _FILE.sub(lambda match: _SPACE.sub(" ", match[1]), unescape(text))
    text = _DATE.sub(lambda match: _DATES[match[1]], text)
    return _replaced(text, _SHORT_FORMS)


def _replaced(text: str, rules: Iterable[tuple[str, re.Pattern[str], str]]) -> str:
    for mark, pattern, instead in rules:
        if mark in text:
            text = pattern.sub(instead, text)
    return text


def file_title(name: str) -> str:
    """The name of a file, or of what it is about, as one says it."""
    stem = re.sub(rf"\.(?:{_ENDINGS})\Z", "", name.rsplit("/", 1)[-1], flags=re.IGNORECASE)
    return _SPACE.sub(" ", stem).strip()
