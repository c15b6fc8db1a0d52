"""What a document's text says, without what cannot be listened to: markup, addresses, file endings."""

import re
from html import unescape

_HOST = r"(?:https?://(?:www\.)?|www\.)([\w.-]*\w)"
_PATH = r"(?::\d+)?(?:[/?#][^\s<>()\[\]]*[^\s<>()\[\].,;:!?'\"])?/?"
_URL = _HOST + _PATH
_ENDINGS = (
    "md|markdown|txt|rst|pdf|docx?|odt|rtf|epub|html?|xlsx?|pptx?|csv|json|ya?ml|toml|ini|png"
    "|jpe?g|gif|svg|zip"
)
_RULES = (
    (re.compile(r"\A---\n.*?\n---\n", re.DOTALL), ""),
    (re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.MULTILINE | re.DOTALL), ""),
    (re.compile(r"!\[[^\]]*\]\([^)]*\)"), ""),
    (re.compile(r"\[\^[^\]]+\]:?"), ""),
    (re.compile(rf"\[{_URL}\]\([^)]*\)"), r"\1"),
    (re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\[[^\]]*\])"), r"\1"),
    (re.compile(r"^\[[^\]]+\]:\s+\S+.*$", re.MULTILINE), ""),
    (re.compile(r"<!--.*?-->", re.DOTALL), ""),
    # Of an address the host alone is said, and in brackets not even that.
    (re.compile(rf"\s*[(\[](?:see |at )?{_URL}[)\]]", re.IGNORECASE), ""),
    (re.compile(rf"<?{_URL}>?", re.IGNORECASE), r"\1"),
    (re.compile(r"</?[a-zA-Z][^>]*>"), ""),
    (re.compile(r"(\*\*|__|~~|`)(.+?)\1"), r"\2"),
    (re.compile(r"(?<![\w\\])[*_](\S.*?)(?<!\\)[*_](?!\w)"), r"\1"),
    (re.compile(r"\\([*_#\[\]`~])"), r"\1"),
)
_FILE = re.compile(rf"(?<![\w@/.])((?:\w+[-_])*\w+)\.(?:{_ENDINGS})\b(?!\.\w)", re.IGNORECASE)
_SPACE = re.compile(r"[-_\s]+")

# What a voice would spell out that no later stage reads as words.
_SHORT_FORMS = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        (r"\b1 ?[Tt]bsp\b\.?", "1 tablespoon"), (r"\b1 ?tsp\b\.?", "1 teaspoon"),
        (r"(?<=\d) ?[Tt]bsps?\b\.?", " tablespoons"), (r"(?<=\d) ?tsps?\b\.?", " teaspoons"),
        (r"(?<=\d) EUR\b", " euros"), (r"(?<=\d) USD\b", " dollars"), (r"(?<=\d) GBP\b", " pounds"),
        (r"\bca\. ?(?=\d)", "about "), (r"(?<!\w)~ ?(?=\d)", "about "), (r"\bincl\.", "including"),
        (r"\bexcl\.", "excluding"), (r"\bMt\. (?=[A-Z])", "Mount "), (r"\b[Tt]el\.:?", "telephone"),
        (r"\bp\.p\.", "per person"), (r"(?<=\d) ?yrs?\b\.?", " years"),
        (r"(?<=\d) ?mins?\.(?= [a-z])", " minutes"), (r"(?<=\d) ?hrs?\.(?= [a-z])", " hours"),
        (r"\bJan\.", "January"), (r"\bFeb\.", "February"), (r"\bAug\.", "August"),
        (r"\bSept?\.", "September"), (r"\bOct\.", "October"), (r"\bNov\.", "November"),
        (r"\bDec\.", "December"), (r"\bMon\.", "Monday"), (r"\bTues?\.", "Tuesday"),
        (r"\bWed\.", "Wednesday"), (r"\bThu(?:rs)?\.", "Thursday"), (r"\bFri\.", "Friday"),
    )
)  # fmt: skip


def readable(text: str) -> str:
    """Markdown or plain text without its markup; headings, lists and tables keep their marks."""
    text = text.replace("\r\n", "\n")
    for pattern, plain in _RULES:
        text = pattern.sub(plain, text)
    text = _FILE.sub(lambda match: _SPACE.sub(" ", match[1]), unescape(text))
    for pattern, said in _SHORT_FORMS:
        text = pattern.sub(said, text)
    return text


def file_title(name: str) -> str:
    """The name of a file, or of what it is about, as one says it."""
    stem = re.sub(rf"\.(?:{_ENDINGS})\Z", "", name.rsplit("/", 1)[-1], flags=re.IGNORECASE)
    return _SPACE.sub(" ", stem).strip()
