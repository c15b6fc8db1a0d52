"""Words as they are spoken and misheard: tokens, numbers, stems, and how alike two words sound."""

import functools
import re
from difflib import SequenceMatcher

FORM = 0.95
"""How close two forms of one word are."""


def list_of(words: str) -> list[str]:
    return words.split()


def word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_TOKEN = re.compile(r"\d+|[^\W\d_]+(?:['’][^\W\d_]+)*")
_ONES = list_of(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
)
_TENS = list_of("zero ten twenty thirty forty fifty sixty seventy eighty ninety")

NUMBER_WORDS = frozenset((*_ONES, *_TENS, "hundred", "thousand", "million"))

_SUFFIXES = (
    ("iest", "y"), ("iness", "y"), ("ingly", ""), ("edly", ""), ("ation", ""), ("ment", ""),
    ("ness", ""), ("ings", ""), ("ies", "y"), ("ied", "y"), ("ing", ""), ("ers", ""),
    ("est", ""), ("ed", ""), ("er", ""), ("es", ""), ("ly", ""), ("s", ""), ("e", ""),
)  # fmt: skip

_ENDINGS = word_set(
    "able age al ally ary en ened ful hood ic ical ion ional ions ish ist ity ive less ship ward y"
)
"""What may stand after a whole word in another that is made from it."""

_IRREGULAR = dict(
    form.split(":")
    for form in list_of(
        "kept:keep sold:sell bought:buy brought:bring made:make took:take taken:take gave:give"
        " given:give began:begin begun:begin grew:grow grown:grow fed:feed held:hold built:build"
        " paid:pay left:leave froze:freeze frozen:freeze wore:wear worn:wear swam:swim drank:drink"
        " ate:eat eaten:eat met:meet lent:lend lost:lose spoke:speak spoken:speak broke:break"
        " broken:break children:child feet:foot teeth:tooth men:man women:woman leaves:leaf"
        " stung:sting mice:mouse geese:goose knives:knife loaves:loaf people:person"
    )
)

_SYNONYMS = tuple(
    frozenset(group.split())
    for group in (
        "start begin", "cost price fee charge dollar cent euro free", "close shut", "large big", "small little",
        "buy purchase", "fix repair", "hot warm heat temperature", "child kid",
        "telephone phone", "film movie", "autumn fall", "trash garbage rubbish waste",
        "trail path hike", "switch turn", "wrong broken fault problem", "allow permit welcome",
        "forbid prohibit", "broken fault", "tent camp", "toilet restroom bathroom", "shop store",
        "join member membership", "borrow lend loan", "foam froth", "refrigerator fridge",
        "evening night", "length long", "bake cook", "town city", "photo picture image",
        "kilometer km", "centimeter cm", "mile mi", "foot ft", "minute min mins", "hour hr hrs",
        "kilogram kilo kg", "saint st", "street st",
    )
)  # fmt: skip

# English letters to a coarse sound: what is said alike is written alike.
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"^(?:kn|gn|pn)", "n"), (r"^wr", "r"), (r"^ps", "s"), (r"^x", "s"), (r"^wh", "w"),
        (r"mb$", "m"), (r"tch", "X"), (r"t(?=io[nu]|ia)", "X"), (r"[sc]h|s(?=io[nu])", "X"),
        (r"ph", "f"), (r"th", "0"), (r"dge|j|g(?=[eiy])", "J"), (r"gh(?=[^aeiou]|$)", ""),
        (r"ck|q|x|c(?![eiy])|g", "k"), (r"c|z", "s"), (r"v", "f"), (r"d", "t"), (r"b", "p"),
        (r"h", ""), (r"(?<=[aeiouy])w|w(?=[aeiouy]*r)", "e"), (r"[aeiouy]+", "A"),
        (r"(?<!^)A", ""), (r"(.)\1+", r"\1"),
    )
)  # fmt: skip

STOP_WORDS = word_set(
    """a about after again all also am an and any anybody anyone anything are as ask at be because
    been before being both but by can can't come could did didn't do does doesn't doing don't each
    else ever every find for from get getting give go going good gonna got had has have having he
    hear hello her here hers hey hi him his how how's however i i'd i'll i'm i've if in into is isn't
    it it'll it's its just know let let's like make many may maybe me mean might mine more most much
    must my need no not now of off oh ok okay on one's only or other our ours out over please put
    question really right say see shall she should so some somebody something sorry stop such sure
    take tell than thank thanks that that's the their theirs them then there there's these they
    they're thing things think this those to too uh uhm um up us use very wait want wanted was way we
    well went were what what's whatever when when's where where's which who who's whom whose why
    will with won't would yeah yes yet you you'd you'll you're your yours long often soon big far
    actually
    """
)


LONG_NUMBER = 20
"""Of so many digits: read one by one, for Python refuses to make a number of thousands."""


def tokens(text: str) -> list[str]:
    """The words of `text` in lower case, numbers spelled out, possessive endings dropped."""
    words: list[str] = []
    for token in _TOKEN.findall(text.lower().replace("’", "'")):
        if not token.isdecimal():  # "²" is a digit, and no number
            words.append(token.removesuffix("'s"))
        elif len(token) < LONG_NUMBER:
            words += number_words(int(token))
        else:
            words += [_ONES[int(digit)] for digit in token]
    return words


def content_words(text: str) -> list[str]:
    """The words that say what a question is about, each once, in order."""
    return list(dict.fromkeys(word for word in tokens(text) if word not in STOP_WORDS))


def number_words(number: int) -> list[str]:
    """A whole number as it is said: 42 is "forty two"; digit by digit from a million on."""
    if number < 20:
        return [_ONES[number]]
    if number < 100:
        tens, ones = divmod(number, 10)
        return [_TENS[tens], *([_ONES[ones]] if ones else [])]
    if number < 1_000_000:
        size, name = (1_000, "thousand") if number >= 1_000 else (100, "hundred")
        count, rest = divmod(number, size)
        return [*number_words(count), name, *(number_words(rest) if rest else [])]
    return [_ONES[int(digit)] for digit in str(number)]


@functools.lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The word without its common English endings, irregular forms by their plain one."""
    word = _IRREGULAR.get(word, word)
    for suffix, instead in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            root = word[: -len(suffix)] + instead
            # "swimming" and "swim" share a stem, "grass" keeps its own.
            doubled = len(root) > 3 and root[-1] == root[-2] and root[-1] not in "sl"
            return root[:-1] if doubled else root.removesuffix("e")
    return word


@functools.lru_cache(maxsize=65_536)
def sound(word: str) -> str:
    """A key that words said alike share: "flour" and "flower", "there" and "their"."""
    key = word.replace("'", "")
    for pattern, instead in _SOUNDS:
        key = pattern.sub(instead, key)
    return key


def closeness(word: str, other: str) -> float:
    """How likely `other` was meant by `word`: 1 the same, 0 unrelated."""
    if word == other:
        return 1.0
    roots = {stem(word), stem(other)}
    if len(roots) == 1:
        return FORM
    if _is_derived(*sorted(roots, key=len)):
        return 0.8
    if any(roots <= group for group in _SYNONYM_STEMS):
        return 0.8
    return _heard_alike(word, other)


def synonyms(word: str) -> frozenset[str]:
    """The stems of the words that mean the same in an everyday question, `word`'s among them."""
    groups = (group for group in _SYNONYM_STEMS if stem(word) in group)
    return frozenset({stem(word)}).union(*groups)


def _is_derived(short: str, long: str) -> bool:
    """Whether two stems are of one word, as "photograph" and "photography" are."""
    shared = len(_common_prefix(short, long))
    if shared == len(short):
        return shared >= 4 and long[shared:] in _ENDINGS
    return shared >= 5 and shared >= 0.65 * len(long)


def _heard_alike(word: str, other: str) -> float:
    mine, theirs = sound(word), sound(other)
    spelled = SequenceMatcher(None, word, other).ratio()
    if mine == theirs and len(mine) >= 2 and spelled >= 0.44:
        return 0.7
    if min(len(mine), len(theirs)) < 3 or mine[0] != theirs[0]:
        return 0.0
    said = SequenceMatcher(None, mine, theirs).ratio()
    return 0.5 if said * 0.6 + spelled * 0.4 >= 0.8 else 0.0


def _common_prefix(word: str, other: str) -> str:
    for length, (a, b) in enumerate(zip(word, other, strict=False)):
        if a != b:
            return word[:length]
    return min(word, other, key=len)


_SYNONYM_STEMS = tuple(frozenset(stem(word) for word in group) for group in _SYNONYMS)
