"""The marks inside a line of markdown, and the words between them."""

import html
import re
from collections.abc import Callable
from typing import NamedTuple

from voice.turns.formula import in_words
from voice.turns.links import is_url, label_end, mail_in, say_mail, say_url, target_end, url_end
from voice.turns.lookahead import Lookahead
from voice.turns.readings import reading
from voice.turns.words import SPACELESS

_EMOJI = (
    "\u2122\u00ae\u20e3\u2139\u231a-\u23ff\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u27bf"
    "\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299\ufe0e\ufe0f\u200d"
    "\U0001f000-\U0001faff\U000e0020-\U000e007f"
)
_WIDE = (
    "\u3001-\u3004\u3008-\u3011\u3014-\u301f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
_OPENERS = "([{\"'“‘„«¿¡"
_CLOSING = ".,;:!?)…。！？，、；："
_GAP = re.compile(rf"[ \t\r\u00a0\u202f{_EMOJI}]*")
_EMOJI_CHAR = re.compile(f"[{_EMOJI}]")
_SINGLE = re.compile(rf"[{SPACELESS}{_WIDE}]")
_WORD = re.compile(rf"[^\s*_`~<&\[\]$|\\—―…{SPACELESS}{_WIDE}{_EMOJI}]{{1,400}}")
_CODE_WORD = re.compile(r"[^\s`]{1,400}")
_ENTITY = re.compile(r"[#A-Za-z0-9]{0,12}")
_RUNS = {char: re.compile(re.escape(char) + "*") for char in "*_`~—…"}
_TAG_END = re.compile(r"[>\n]")
_MATH_END = re.compile(r"[$\n]")
_CITATION_END = re.compile(r"[】\n]")
_BREAK_TAG = re.compile(r"/?(?:br|p|li|ul|ol|div|tr|td|th|h[1-6]|hr)\b", re.IGNORECASE)


class Found(NamedTuple):
    """What was read: where it ends, and what is said for it."""

    end: int
    spoken: str
    opens: bool = False
    """Whether it belongs to what follows, as an opening mark does."""


class Inline:
    """Reads one element after another; raises `Incomplete` before it changes anything."""

    def __init__(self, language: str, plain: Callable[[str], str]) -> None:
        self._language = language
        self._plain = plain
        self._code = 0
        self._rules: dict[str, Callable[[Lookahead, int, str], Found | None]] = {
            "*": self._star, "_": self._underscore, "~": self._tilde, "`": self._tick,
            "\\": self._escape, "<": self._tag, "&": self._entity, "[": self._link, "!": self._image,
            "$": self._dollar, "|": self._bar, "【": self._citation, "—": self._run, "…": self._run,
        }  # fmt: skip
        self._silent = {char: self._rules[char] for char in "<[【"}

    def end_line(self) -> None:
        """Code that is not closed on its line was none."""
        self._code = 0

    def read(self, look: Lookahead, pos: int, before: str) -> Found:
        """The element at `pos`, which is not a newline; `before` is the character before it."""
        char = look.text[pos]
        if char.isspace() or _EMOJI_CHAR.match(char):
            return self._gap(look, pos)
        if self._code and char != "`":
            end = look.run(_CODE_WORD, pos)
            return Found(end, look.text[pos:end])
        rule = self._rules.get(char)
        return (rule(look, pos, before) if rule else None) or self._word(look, pos, before)

    # ------------------------------------------------------------------ words

    def _word(self, look: Lookahead, pos: int, before: str) -> Found:
        char = look.text[pos]
        if char in _OPENERS:
            return Found(pos + 1, char, opens=not before.isalnum())
        if _SINGLE.match(char) or not _WORD.match(char):
            return Found(pos + 1, char)
        end = look.run(_WORD, pos)
        word = look.text[pos:end]
        if is_url(word):
            end = url_end(look, pos)
            return Found(end, say_url(look.text[pos:end], self._language))
        if mail := mail_in(word):
            return Found(pos + len(mail), say_mail(mail, self._language))
        if word.endswith("!") and look.at(end) == "[" and len(word) > 1:
            end -= 1
        if self._language != "en":
            return Found(end, look.text[pos:end])
        return Found(*reading(look, pos, end))

    def _gap(self, look: Lookahead, pos: int) -> Found:
        """Whitespace, and what is silent, as emoji and citations are, with the whitespace around."""
        end = look.run(_GAP, pos)
        silent = _EMOJI_CHAR.search(look.text, pos, end) is not None
        while (rule := self._silent.get(look.at(end))) and (found := rule(look, end, " ")):
            if found.spoken or found.opens:
                break
            silent = True
            end = look.run(_GAP, found.end)
        if end == pos:
            return Found(pos + 1, " ")
        follows = look.at(end)
        unneeded = follows in ("", "\n") or (silent and follows in _CLOSING)
        return Found(end, "" if unneeded else " ")

    # ------------------------------------------------------------------ marks

    def _run(self, look: Lookahead, pos: int, _before: str) -> Found:
        end = look.run(_RUNS[look.text[pos]], pos)
        return Found(end, look.text[pos:end])

    def _star(self, look: Lookahead, pos: int, before: str) -> Found:
        end = look.run(_RUNS["*"], pos)
        after = look.at(end)
        if end - pos == 1 and before.isdigit() and after.isdigit():
            return Found(end, " times " if self._language == "en" else "*")
        if end - pos == 1 and before.isspace() and after.isspace():
            return Found(end, "times" if self._language == "en" else "*")
        return Found(end, "", opens=_opens(before, after))

    def _underscore(self, look: Lookahead, pos: int, before: str) -> Found:
        end = look.run(_RUNS["_"], pos)
        after = look.at(end)
        if before.isalnum() and after.isalnum():
            return Found(end, look.text[pos:end])
        return Found(end, "", opens=_opens(before, after))

    def _tilde(self, look: Lookahead, pos: int, before: str) -> Found:
        end = look.run(_RUNS["~"], pos)
        after = look.at(end)
        if end - pos == 1 and after.isdigit() and not before.isalnum() and self._language == "en":
            return Found(end, "about ")
        return Found(end, "", opens=_opens(before, after))

    def _tick(self, look: Lookahead, pos: int, _before: str) -> Found:
        end = look.run(_RUNS["`"], pos)
        length = end - pos
        if not self._code:
            self._code = length
            return Found(end, "", opens=True)
        if self._code == length:
            self._code = 0
        return Found(end, "")

    def _escape(self, look: Lookahead, pos: int, _before: str) -> Found | None:
        char = look.at(pos + 1)
        if char and char in "([":
            close = "\\)" if char == "(" else "\\]"
            return self._formula(look, pos + 2, close)
        if not char or char.isalnum() or char.isspace():
            return Found(pos + 1, "")
        return Found(pos + 2, char)

    def _formula(self, look: Lookahead, start: int, close: str) -> Found:
        end = look.text.find(close, start, start + 400)
        if end >= 0:
            return Found(end + 2, in_words(look.text[start:end], self._language))
        look.at(start + 400)
        return Found(start, "")

    def _tag(self, look: Lookahead, pos: int, _before: str) -> Found | None:
        char = look.at(pos + 1)
        if not (char.isalpha() or char in ("/", "!")):
            return Found(pos + 1, "<")
        end = look.find(_TAG_END, pos + 1, 400)
        if end < 0 or look.at(end) == "\n":
            return Found(pos + 1, "<")
        inside = look.text[pos + 1 : end]
        if is_url(inside):
            return Found(end + 1, say_url(inside, self._language))
        if inside and mail_in(inside) == inside:
            return Found(end + 1, say_mail(inside, self._language))
        return Found(end + 1, " " if _BREAK_TAG.match(inside) else "", opens=char.isalpha())

    def _entity(self, look: Lookahead, pos: int, _before: str) -> Found | None:
        end = look.run(_ENTITY, pos + 1)
        char = html.unescape(look.text[pos:end] + ";") if look.at(end) == ";" else ""
        if 0 < len(char) < 3:
            return Found(end + 1, " " if char.isspace() else char)
        return Found(
            pos + 1, "and" if look.at(pos + 1).isspace() and self._language == "en" else "&"
        )

    def _image(self, look: Lookahead, pos: int, before: str) -> Found | None:
        return self._link(look, pos + 1, before) if look.at(pos + 1) == "[" else None

    def _link(self, look: Lookahead, pos: int, _before: str) -> Found:
        close = label_end(look, pos)
        if close < 0:
            return Found(pos + 1, "", opens=True)
        label = look.text[pos + 1 : close]
        if label.startswith("^") or label.replace(",", "").replace(" ", "").isdigit():
            return Found(close + 1, "")
        end = target_end(look, close + 1)
        return Found(end, self._plain(label))

    def _dollar(self, look: Lookahead, pos: int, before: str) -> Found | None:
        after = look.at(pos + 1)
        if after.isdigit():
            end = look.run(_WORD, pos + 1)
            if self._language == "en":
                found, said = reading(look, pos, end)
                if said != look.text[pos:end]:
                    return Found(found, (" " if before.isalnum() else "") + said)
        if after == "$":
            return self._formula(look, pos + 2, "$$")
        close = look.find(_MATH_END, pos + 1, 200) if after and not after.isspace() else -1
        closed = close > 0 and look.at(close) == "$" and not look.text[close - 1].isspace()
        if closed and not look.at(close + 1).isdigit():
            return Found(close + 1, in_words(look.text[pos + 1 : close], self._language))
        return Found(pos + 1, "$")

    def _bar(self, _look: Lookahead, pos: int, _before: str) -> Found:
        return Found(pos + 1, ",")

    def _citation(self, look: Lookahead, pos: int, _before: str) -> Found | None:
        end = look.find(_CITATION_END, pos, 60)
        cited = end >= 0 and look.at(end) == "】" and "†" in look.text[pos:end]
        return Found(end + 1, "") if cited else None


def _opens(before: str, after: str) -> bool:
    """Whether a mark between these characters opens what it marks."""
    return (
        bool(after)
        and not after.isspace()
        and not before.isalnum()
        and before not in list(".,;:!?…。！？，")
    )
