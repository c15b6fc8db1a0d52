"""How English reads what a synthesizer would read wrongly: money, units, ranges, dates, short forms."""

import re

from voice.turns.lookahead import Lookahead

_UNITS = {
    "km": ("kilometer", "kilometers"), "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"), "m": ("meter", "meters"), "mi": ("mile", "miles"),
    "ft": ("foot", "feet"), "km/h": ("kilometer per hour", "kilometers per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"), "mph": ("mile per hour", "miles per hour"),
    "m/s": ("meter per second", "meters per second"), "m²": ("square meter", "square meters"),
    "km²": ("square kilometer", "square kilometers"), "m³": ("cubic meter", "cubic meters"),
    "kg": ("kilogram", "kilograms"), "g": ("gram", "grams"), "mg": ("milligram", "milligrams"),
    "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"), "oz": ("ounce", "ounces"),
    "l": ("liter", "liters"), "L": ("liter", "liters"), "ml": ("milliliter", "milliliters"),
    "mL": ("milliliter", "milliliters"), "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"), "°": ("degree", "degrees"),
    "%": ("percent", "percent"), "ms": ("millisecond", "milliseconds"),
    "min": ("minute", "minutes"), "mins": ("minute", "minutes"), "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"), "KB": ("kilobyte", "kilobytes"), "kB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"), "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"), "Hz": ("hertz", "hertz"), "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"), "GHz": ("gigahertz", "gigahertz"), "W": ("watt", "watts"),
    "kW": ("kilowatt", "kilowatts"), "kWh": ("kilowatt hour", "kilowatt hours"),
}  # fmt: skip
_JOINED_UNITS = {unit: names for unit, names in _UNITS.items() if unit not in ("m", "l", "L", "W")}
"""Those that may touch their number: "5m" is five million as often as five meters."""

_SHORT = {
    "e.g.": "for example", "i.e.": "that is", "vs.": "versus",
    "vs": "versus", "approx.": "approximately", "mr.": "mister", "mrs.": "missus",
    "dr.": "doctor", "prof.": "professor", "w/": "with", "w/o": "without", "&": "and",
    "½": "one half", "¼": "one quarter", "¾": "three quarters", "1/2": "one half",
    "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters",
    "→": "to", "⇒": "so", "24/7": "24 7",
}  # fmt: skip
_BEFORE_NUMBER = {"no.": "number", "nos.": "numbers", "fig.": "figure", "p.": "page", "ch.": "chapter",
                  "vol.": "volume", "eq.": "equation", "sec.": "section"}  # fmt: skip
_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"), "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"), "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}  # fmt: skip
_SCALES = {"k": "thousand", "m": "million", "mm": "million", "b": "billion", "bn": "billion",
           "t": "trillion", "tn": "trillion", "thousand": "thousand", "million": "million",
           "billion": "billion", "trillion": "trillion"}  # fmt: skip
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December")  # fmt: skip
_DECADES = {"1": "tens", "2": "twenties", "3": "thirties", "4": "forties", "5": "fifties",
            "6": "sixties", "7": "seventies", "8": "eighties", "9": "nineties"}  # fmt: skip
_CENTURIES = {"17": "seventeen", "18": "eighteen", "19": "nineteen", "20": "twenty"}

_N = r"\d[\d,]*(?:\.\d+)?"
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_TRAILING = re.compile(r"[.,;:!?)\]}\"'”’»]*\Z")
_MONEY = re.compile(
    r"([$€£¥₹])(\d[\d,]*)(?:\.(\d+))?(k|m|mm|bn?|tn?)?(?:/([a-z]+))?([–-])?", re.IGNORECASE
)
_MEASURE = re.compile(rf"([-−]?{_N})({_UNIT})?(?:/([a-z]+))?")
_RANGE = re.compile(rf"({_N})(?:{_UNIT})?([–—-])({_N})({_UNIT})?")
_DATE = re.compile(r"(\d{4})-(0\d|1[0-2])-([0-2]\d|3[01])")
_TIME = re.compile(r"(\d{1,2}):(\d\d)(am|pm)?", re.IGNORECASE)
_TIME_RANGE = re.compile(
    r"(\d{1,2}:\d\d(?:am|pm)?|\d{1,2}(?:am|pm))[–-](\d{1,2}:\d\d(?:am|pm)?|\d{1,2}(?:am|pm))",
    re.IGNORECASE,
)
_DECADE = re.compile(r"(1[789]|20)(\d)0['’]?s")
_WORD = re.compile(r"[^\s*_`~<>\[\]|\\]{0,24}")


def reading(look: Lookahead, start: int, end: int) -> tuple[int, str]:
    """What to say for the word from `start` to `end`, and where what is said for it ends.

    A number takes its unit with it. Raises `Incomplete`.
    """
    word = look.text[start:end]
    if word.isalpha():
        return end, _SHORT.get(word, word)
    if short := _short(look, word, end):
        return end, short[0].upper() + short[1:] if word[0].isupper() else short
    tail = _TRAILING.search(word)
    marks = tail[0] if tail else ""
    core = word[: len(word) - len(marks)]
    if not any(char.isdigit() for char in core):
        return end, word
    for rule in (_money, _date, _time, _time_range, _range, _measure, _decade):
        if said := rule(look, core, marks, end):
            return said
    return end, f"number {word[1:]}" if core[0] == "#" and core[1:].isdigit() else word


def _short(look: Lookahead, word: str, end: int) -> str:
    bare = word.rstrip('.,;:!?)"”').lower()
    if bare in _SHORT and bare + "." not in _SHORT:
        return _SHORT[bare] + word[len(bare) :]
    key = word.rstrip(',;:)"”').lower()
    marks = word[len(key) :]
    if key in _SHORT:
        return _SHORT[key] + marks
    if key in _BEFORE_NUMBER and not marks:
        return _BEFORE_NUMBER[key] if look.at(end) == " " and look.at(end + 1).isdigit() else ""
    if key != "etc.":
        return ""
    follows = look.at(end + 1) if look.at(end) == " " and not marks else ""
    ends = look.at(end) in ("", "\n") or follows.isupper()
    return "et cetera" + ("." if ends and not marks else marks)


def _next_word(look: Lookahead, end: int) -> tuple[int, str]:
    """Where the next word on the line begins, and the word; empty when there is none."""
    if look.at(end) not in (" ", "\u00a0", "\u202f") or look.at(end + 1).isspace():
        return end, ""
    return end + 1, look.text[end + 1 : look.run(_WORD, end + 1)]


def _following(
    look: Lookahead, end: int, known: dict[str, str] | dict[str, tuple[str, str]]
) -> tuple[int, str]:
    """The next word, without its marks, when it is one of those known, and where it ends."""
    start, word = _next_word(look, end)
    tail = _TRAILING.search(word)
    core = word[: tail.start()] if tail else word
    return (start + len(core), core) if core in known else (end, "")


def _money(look: Lookahead, core: str, marks: str, end: int) -> tuple[int, str] | None:
    match = _MONEY.fullmatch(core)
    if not match:
        return None
    sign, whole, part, scale, per, dash = match.groups()
    one, many, small_one, small_many = _CURRENCIES[sign]
    if not scale and not marks:
        end, scale = _following(look, end, _SCALES)
    tail = (f" per {per}" if per else "") + (" to " if dash else "") + marks
    amount = f"{whole}.{part}" if part else whole
    if scale:
        return end, f"{amount} {_SCALES[scale.lower()]} {many}{tail}"
    if part and (len(part) != 2 or not small_one):
        return end, f"{amount} {many}{tail}"
    if not part or not int(part):
        return end, f"{whole} {one if whole == '1' else many}{tail}"
    if whole == "0":
        return end, f"{int(part)} {small_one if int(part) == 1 else small_many}{tail}"
    return end, f"{whole} {one if whole == '1' else many} {int(part)}{tail}"


def _measure(look: Lookahead, core: str, marks: str, end: int) -> tuple[int, str] | None:
    match = _MEASURE.fullmatch(core)
    if not match or (match[2] and match[2] not in _JOINED_UNITS):
        return None
    number, unit, per = match.groups()
    if not unit:
        if marks or per:
            return None
        end, unit = _following(look, end, _UNITS)
    if not unit:
        return _spaced_range(look, core, end)
    name = _UNITS[unit][0 if number in ("1", "-1") else 1]
    return end, f"{number} {name}" + (f" per {per}" if per else "") + marks


def _spaced_range(look: Lookahead, core: str, end: int) -> tuple[int, str] | None:
    """The first number of "3 – 5", with its dash."""
    start, dash = _next_word(look, end)
    if (
        dash not in ("–", "—")
        or not look.at(start + 1).isspace()
        or not look.at(start + 2).isdigit()
    ):
        return None
    return start + 1, f"{core} to"


def _range(look: Lookahead, core: str, marks: str, end: int) -> tuple[int, str] | None:
    match = _RANGE.fullmatch(core)
    if not match:
        return None
    low, dash, high, unit = match.groups()
    rising = len(low) <= len(high) and float(low.replace(",", "")) < float(high.replace(",", ""))
    if dash == "-" and not (rising and (len(high) <= 3 or len(low) == len(high) == 4)):
        return None
    if not unit and not marks:
        end, unit = _following(look, end, _UNITS)
    return end, f"{low} to {high}" + (f" {_UNITS[unit][1]}" if unit else "") + marks


def _date(_look: Lookahead, core: str, marks: str, end: int) -> tuple[int, str] | None:
    match = _DATE.fullmatch(core)
    if not match or not int(match[2]) or not int(match[3]):
        return None
    day = int(match[3])
    suffix = "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return end, f"{_MONTHS[int(match[2]) - 1]} {day}{suffix}, {match[1]}{marks}"


def _time(look: Lookahead, core: str, marks: str, end: int) -> tuple[int, str] | None:
    match = _TIME.fullmatch(core)
    if not match or int(match[1]) > 24 or int(match[2]) > 59:
        return None
    hour, minute, half = match.groups()
    if minute[0] != "0":
        return end, f"{hour}:{minute}" + (f" {half}" if half else "") + marks
    if minute != "00":
        return end, f"{hour} oh {minute[1]}" + (f" {half}" if half else "") + marks
    named = half or (
        not marks and _next_word(look, end)[1][:2].lower() in ("am", "pm", "a.", "p.", "o'")
    )
    return end, hour + (f" {half}" if half else "" if named else " o'clock") + marks


def _time_range(look: Lookahead, core: str, marks: str, end: int) -> tuple[int, str] | None:
    """The time from which, and the time until which: "9:00–10:30", "9am-5pm"."""
    match = _TIME_RANGE.fullmatch(core)
    if not match:
        return None
    since = _time(look, match[1], " ", end)
    until = _time(look, match[2], marks, end)
    first = since[1].removesuffix(" o'clock ").rstrip() if since else match[1]
    return end, f"{first} to {until[1] if until else match[2] + marks}"


def _decade(_look: Lookahead, core: str, marks: str, end: int) -> tuple[int, str] | None:
    match = _DECADE.fullmatch(core)
    if not match or match[2] == "0":
        return None
    return end, f"{_CENTURIES[match[1]]} {_DECADES[match[2]]}{marks}"
