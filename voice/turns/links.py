"""Where the links and addresses of a text end, and how an address is said."""

import re

from voice.turns.lookahead import Lookahead

_URL = re.compile(r"[^\s<>\"`“”|\\]{1,1000}")
_URL_START = re.compile(r"(?:https?://|www\.)(?=\w)", re.IGNORECASE)
_URL_STARTS = ("http://", "https://", "www.")
_HOST = re.compile(r"(?:[a-z]+://)?(?:www\.)?([^/?#:\s]+)", re.IGNORECASE)
_MAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_DEEPEST = 4
_AFTER_URL = ".,;:!?'’*_~]}”»"
_LABEL_MARK = re.compile(r"[\[\]\n]")
_TARGET_MARK = re.compile(r"[()\s]")
_TITLE_END = re.compile(r"[)\n]")
_REFERENCE_END = re.compile(r"[\]\n]")
_DOT = {
    "en": "dot", "de": "Punkt", "fr": "point", "es": "punto", "it": "punto", "pt": "ponto",
    "nl": "punt",
}  # fmt: skip
_AT = {"en": "at", "de": "at", "fr": "arobase", "es": "arroba", "it": "chiocciola", "pt": "arroba"}


def is_url(text: str) -> bool:
    return _URL_START.match(text) is not None


def may_be_url(text: str) -> bool:
    """Whether a text of which more may come begins an address."""
    text = text.lower()
    return any(start.startswith(text[: len(start)]) for start in _URL_STARTS)


def url_end(look: Lookahead, start: int) -> int:
    """Where the address that begins at `start` ends, before the marks of the sentence around it."""
    url = look.text[start : look.run(_URL, start)].rstrip(_AFTER_URL)
    while url.endswith(")") and url.count("(") < url.count(")"):
        url = url[:-1].rstrip(_AFTER_URL)
    return start + len(url)


def mail_in(word: str) -> str:
    """The mail address that the word begins with; empty without one."""
    match = _MAIL.match(word) if "@" in word else None
    return match[0] if match else ""


def say_url(url: str, language: str) -> str:
    """The host alone: nobody listens to a path."""
    match = _HOST.match(url)
    host = match[1].rpartition("@")[2].lower() if match else url
    return _dotted(host.capitalize() if url[0].isupper() else host, language)


def say_mail(mail: str, language: str) -> str:
    name, _, host = mail.partition("@")
    at = _AT.get(language)
    return f"{_dotted(name, language)} {at} {_dotted(host, language)}" if at else mail


def _dotted(host: str, language: str) -> str:
    dot = _DOT.get(language)
    return host.replace(".", f" {dot} ") if dot else host


def label_end(look: Lookahead, pos: int) -> int:
    """The bracket that closes the one at `pos`, on the same line; -1 without one."""
    depth = 0
    index = pos
    limit = pos + 400
    while index < limit:
        index = look.find(_LABEL_MARK, index, limit - index)
        if index < 0 or look.at(index) == "\n":
            return -1
        depth += 1 if look.at(index) == "[" else -1
        if depth > _DEEPEST:
            return -1
        if not depth:
            return index
        index += 1
    return -1


def target_end(look: Lookahead, start: int) -> int:
    """Where the address after a label ends; `start` when there is none."""
    if look.at(start) == "[":
        end = look.find(_REFERENCE_END, start, 120)
        return end + 1 if end >= 0 and look.at(end) == "]" else start
    if look.at(start) != "(":
        return start
    depth = 0
    index = start
    limit = start + 2000
    while index < limit:
        index = look.find(_TARGET_MARK, index, limit - index)
        if index < 0:
            return start
        mark = look.at(index)
        if mark.isspace():
            end = look.find(_TITLE_END, index, 300)
            return end + 1 if end >= 0 and look.at(end) == ")" else start
        depth += 1 if mark == "(" else -1
        index += 1
        if not depth:
            return index
    return start
