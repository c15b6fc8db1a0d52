"""How a word that is in no dictionary is probably said: eSpeak's phonemes as ARPAbet."""

import re
from itertools import groupby

from voice.engines.espeak_library import Library

VOICE = "gmw/en-US"
SEPARATOR = "_"

# eSpeak's names for the sounds of American English, the longest first where one begins another.
_ARPABET = {
    "aI@": "AY ER", "aI3": "AY ER", "aU@": "AW ER", "I2": "IH", "I#": "IH", "IR": "IH R",
    "3:": "ER", "VR": "ER", "A@": "AA R", "A:": "AA", "A#": "AA", "a#": "AH", "aa": "AE",
    "aI": "AY", "aU": "AW", "eI": "EY", "e@": "EH R", "E2": "EH", "i@3": "IH R", "i@": "IY AH",
    "i:": "IY", "o@": "AO R", "oU": "OW", "O:": "AO", "O@": "AO R", "O2": "AO", "OI": "OY",
    "u:": "UW", "U@": "UH R", "@L": "AH L", "@2": "AH", "@5": "AH", "@-": "AH", "@": "AH", "0": "AA",
    "0#": "AA", "3": "ER", "a": "AE", "e": "EY", "E": "EH", "i": "IY", "I": "IH", "o": "OW",
    "O": "AO", "u": "UW", "U": "UH", "V": "AH", "tS": "CH", "dZ": "JH", "D": "DH", "T": "TH",
    "S": "SH", "Z": "ZH", "N": "NG", "t#": "T", "t2": "T", "r-": "R", "x": "K", "C": "K",
    "h": "HH", "j": "Y", "n-": "AH N", "m-": "AH M", "l#": "L", "w#": "W", "?": "",
} | {letter: letter.upper() for letter in "bdfgklmnprstvwz"}  # fmt: skip

_STRESS = re.compile(r"['\",%=|~`;]")
_LONGEST = max(map(len, _ARPABET))


def pronounce(library: Library, word: str) -> str | None:
    """The ARPAbet phones of an English word, None where eSpeak has no English for it."""
    return to_arpabet(library.phonemes(word, VOICE, SEPARATOR))


def to_arpabet(phonemes: str) -> str | None:
    """Turn `phonemes` in eSpeak's notation, one or many between separators, into ARPAbet."""
    phones: list[str] = []
    for sound in re.split(rf"[\s{SEPARATOR}]+", _STRESS.sub("", phonemes)):
        rest = sound
        while rest:
            size = next((n for n in range(_LONGEST, 0, -1) if rest[:n] in _ARPABET), 0)
            if not size:
                return None
            phones += _ARPABET[rest[:size]].split()
            rest = rest[size:]
    # Its vowels before an r sound the r themselves, and it is named once more after them.
    return " ".join(phone for phone, _ in groupby(phones)) or None
