"""What a text states beside the names of things: a number with its word, a side, one of two contrary adjectives.

*Type 2*, *Bosniak IV*, *hepatitis B*, *left*, *medial*: a figure that is to show it has to say it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from mirage.language.asking import SPANISH, fillers
from mirage.language.concepts import lexicon
from mirage.language.laterality import SIDES
from mirage.language.reading import contrast_of
from mirage.language.words import remembered

Agreement = Literal["held", "silent", "contrary"]

GRADED = frozenset(
    "type grade stage class category level zone phase group degree who tipo grado estadio clase nivel grupo".split()
)
_RANK = (
    r"(?P<value>\d{1,2}|[IVX]{1,4}|ii|iii|iv|v|vi|vii|viii|ix|[A-H]|[b-h])"
    r"(?P<part>[a-dfA-DF])?(?![\w%°/×]|\.\d|[-–'’](?![\s\d]|$)|,\d|"
    r"\s*(?:[x×%]|(?:mm|cm|ml|mg|hu|years?|yr|yo|months?|weeks?|days?|hours?|minutes?|times|cases|patients|views?|tesla|contrast"
    r"|gadolinium|fluids?|injection|of)\b))"
)
_GRADED = rf"(?i:{'|'.join(sorted(GRADED, key=len, reverse=True))})s?"
# Each word is begun with once, and a name ends after 60 letters: others write the text, and it may be one word.
_NUMBERED = re.compile(
    rf"(?:(?<![^\W\d_])(?P<before>[^\W\d_][\w'’/-]{{0,60}}[^\W\d_])[\s,(:-]+)?(?P<graded>{_GRADED}(?:\s+{_GRADED}){{0,3}})[\s-]*"
    rf"{_RANK.replace('[b-h]', '[a-i]')}"
    r"(?:[\s)-]+(?P<after>[^\W\d_]{3,}))?"
    r"|(?<![^\W\d_])(?P<name>[^\W\d_][\w'’-]{0,60}[^\W\d_])[\s-]+(?<!\w-)(?<![,.]\s)"
    rf"{_RANK.replace('<value>', '<own>').replace('<part>', '<own_part>')}"
)
_LEVEL = re.compile(r"(?i)\b(low|high)(?:er)?[ -](?:to[ -]\w+[ -])?grade\b|\bgrado (bajo|alto)\b|\b(bajo|alto) grado\b")
# What a disease is usually without being called so: appendicitis is acute.
_TAKEN_FOR_GRANTED = frozenset({"acute", "primary", "congenital"})
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10}
_LOW = 2  # a tumor of the second grade is still a low-grade one
# Words beside a number that are no name of what is numbered.
_NO_NAMES = frozenset(
    "a an and or of in on at to the with without for from by is are was were has had as than about approximately least most "
    "figure fig image series case patient part panel age aged day week month year after before over under between within "
    "every all only first last next these those post pre vitamin complex factor".split()
)
# Each line is one place; what stands there excludes the rest of the line.
_CONTRARY = tuple(
    tuple(line.split())
    for line in """
medial lateral
proximal distal
anterior posterior
ventral dorsal
superior inferior
acute chronic
benign malignant
congenital acquired
displaced nondisplaced undisplaced
open closed
complete incomplete partial
superficial deep
central peripheral
primary secondary
communicating noncommunicating
supratentorial infratentorial
intraaxial extraaxial
intradural extradural
intraperitoneal extraperitoneal
intracapsular extracapsular
""".strip().splitlines()
)
_PLACES = {word: (line[0], word) for line in _CONTRARY for word in line} | {"undisplaced": ("displaced", "nondisplaced")}
# "Bilateral effusions, larger on the right": what is more on one side is on both. "More than one on the right" is not.
_MORE_ON = re.compile(
    r"(?i)\b(?:both|bilateral\w*|ambos|ambas)\b[^.;]{0,60}\b(?:larger|greater|more|worse|mayor|más)"
    r"(?: (?:severe|marked|pronounced|prominent|extensive))? (?:on|to|in|en|a) (?:the |el |la )?$"
)
# Where *both* says what is shown, or which organs are as they should be, and not where something is.
_BOTH = r"(?P<both>both|bilateral|ambos|ambas|(?:the )?left and (?:the )?right|(?:the )?right and (?:the )?left)"
_PICTURE = (
    r"(?:CTs?|MRIs?|MR|PET|TC|RM|radiogra\w+|x-?rays?|films?|views?|imag\w+|scans?|tomogra\w+|ultraso\w+|sonogra\w+"
    r"|mammogra\w+|angiogra\w+|venogra\w+|examinations?|stud(?:y|ies)|sections?|ecograf\w+|mamograf\w+|proyecci\w+)"
)
_SHOWS_BOTH = re.compile(rf"(?i)\b{_PICTURE}(?: \w+){{0,2}}? (?:of|through|de)(?: the| los| las)? {_BOTH}\b")
_WELL = r"shown|seen|imaged|examined|included|visible|visuali[sz]ed|normal|unremarkable|intact"
_NOT_OF_IT = re.compile(
    rf"(?i)\b(?:{_BOTH}(?= {_PICTURE}\b)|(?:one|either) of (?P<one>both)\b"
    rf"|(?P<well>both)(?= (?:\w+ ){{1,3}}?(?:(?:is|are|was|were|appear) (?:\w+ )?(?:{_WELL})|\w+ normally)))"
)
_NO_LETTERS = re.compile(r"[\W_]+")
_NEAR = 60  # characters behind "both" in which a name begins or ends


@dataclass(frozen=True, slots=True)
class Rank:
    """A number, Roman numeral or letter that belongs to a word.

    Attributes
    ----------
    value : str
        *4* for IV, *b* for B, *2a* for IIA; *low* and *high* for grades that are told so.
    names : frozenset of str
        The things that it is a number of, folded: *bosniak*, *diabetes*, *astrocytoma*.
    graded : frozenset of str
        *type*, *grade* and the like.
    """

    value: str
    names: frozenset[str]
    graded: frozenset[str]


@dataclass(frozen=True, slots=True)
class Stated:
    """What one text states.

    Attributes
    ----------
    ranks : tuple of Rank
    adjectives : dict
        Place, as *side*, to the words of it that the text holds. *Both* holds *left* and *right*, but where the text names
        one of them as well: "right pleural effusion, both lungs are clear".
    granted : frozenset of str
        Places of which a figure may be silent: who says *appendicitis* has said *acute appendicitis*.
    """

    ranks: tuple[Rank, ...]
    adjectives: dict[str, frozenset[str]]
    granted: frozenset[str] = frozenset()


@remembered(4096)
def stated(text: str) -> Stated:
    """All that a text states."""
    adjectives: dict[str, set[str]] = {}
    for word, start, _ in lexicon().spans(text):
        low = word.lower()
        low = SPANISH.get(low, low)
        place, value = ("side", SIDES[low]) if low in SIDES else _PLACES.get(low, ("", ""))
        if word.isupper() and (side := _sided().get(word)):
            place, value = "side", side
        if place and not (place == "side" and _MORE_ON.search(text, max(0, start - 2 * _NEAR), start)):
            adjectives.setdefault(place, set()).add(value)
    if contrast := contrast_of(text):
        adjectives["contrast"] = set(contrast)
    sides = adjectives.get("side", set())
    if sides == {"both"} or sides >= {"left", "right"}:
        sides |= {"left", "right", "both"}
    ranks = [_rank(found) for found in _NUMBERED.finditer(text)]
    ranks += [
        Rank(
            "low" if (found[1] or found[2] or found[3]).lower() in ("low", "bajo") else "high",
            frozenset(),
            frozenset({"grade"}),
        )
        for found in _LEVEL.finditer(text)
    ]
    return Stated(
        tuple(rank for rank in ranks if rank.names or rank.graded),
        {key: frozenset(each) for key, each in adjectives.items()},
    )


@lru_cache(maxsize=128)
def asked_beside_names(text: str) -> Stated:
    """What a query states beside what the names of its concepts hold: the number of *grade 4 astrocytoma*.

    The side is always stated: *right lung* is said of much that shows the left one too.
    """
    known, rest = lexicon(), list(text)
    granted: set[str] = set()
    for match in known.find(text, typed=True, eponyms=True).matches:
        of_name = stated(match.concept)
        held = stated(text[match.start : match.end])
        name = set(known.words(match.concept))
        granted |= _TAKEN_FOR_GRANTED & held.adjectives.keys()
        for place, values in held.adjectives.items():
            if place != "side" and values <= of_name.adjectives.get(place, frozenset()):
                rest[match.start : match.end] = " " * (match.end - match.start)
        if known.kind(match.concept) in ("anatomy", "modality", "sequence", "plane"):  # "knee 3", "T2"
            rest[match.start : match.end] = [sign if sign.isspace() else "." for sign in rest[match.start : match.end]]
        elif {_value(word, "") for word in name} & {rank.value for rank in held.ranks} or (
            any(sign.isdigit() for sign in match.concept)
        ):
            rest[match.start : match.end] = " " * (match.end - match.start)
    left, every = stated("".join(rest)), stated(text)
    sides = {place: every.adjectives[place] for place in ("side", "contrast") if place in every.adjectives}
    if len(sides.get("side", ())) == 2:  # "both kidneys, stone on the right" asks for one on the right
        sides["side"] -= {"both"}
    ranks = tuple(rank for rank in left.ranks if rank.graded or not rank.names <= fillers())
    return Stated(ranks, left.adjectives | sides, frozenset(granted))


def agreement(asked: Stated, texts: Iterable[str]) -> Agreement:
    """How a figure's words agree with what a query states.

    Parameters
    ----------
    asked : Stated
    texts : iterable of str
        The figure's own, what counts most first: what its diagnosis states of a side counts before its caption.
    """
    if not (asked.ranks or asked.adjectives):  # most queries state nothing, and reading 64 captions takes long
        return "held"
    told, left = list[Stated](), iter(texts)

    def in_turn() -> Iterator[Stated]:
        """What the texts state, each read when it is come to and once."""
        yield from told
        for text in left:
            if text:
                told.append(stated(text))
                yield told[-1]

    ranks = [rank for each in in_turn() for rank in each.ranks] if asked.ranks else []
    found: set[Agreement] = {_of_rank(rank, ranks) for rank in asked.ranks}
    for place, values in asked.adjectives.items():
        said = next((each.adjectives[place] for each in in_turn() if place in each.adjectives), frozenset[str]())
        if place in asked.granted and not said:
            continue
        another = (said.isdisjoint(values) or (place == "side" and "both" in values)) and "both" not in said
        found.add("held" if values <= said else "contrary" if said and another else "silent")
    return "contrary" if "contrary" in found else "silent" if "silent" in found else "held"


def without_shown(text: str) -> str:
    """A text without *both* where that does not say where something is: "radiograph of both hips with a fracture".

    Parameters
    ----------
    text : str
    """
    known = lexicon()
    gone: list[tuple[int, int]] = []
    for found in _SHOWS_BOTH.finditer(text):
        named = known.find(text[found.end() : found.end() + _NEAR]).matches
        if named and named[0].start <= 1 and known.kind(named[0].concept) == "anatomy":  # "CT of bilateral renal stones"
            gone.append(found.span("both"))
    gone += [found.span(str(found.lastgroup)) for found in _NOT_OF_IT.finditer(text)]
    for start, end in sorted(gone, reverse=True):
        text = text[:start] + text[end:]
    return text


def _of_rank(asked: Rank, told: Iterable[Rank]) -> Agreement:
    """What is told of the same thing counts before what is told by the same word of another."""
    own = [rank for rank in told if rank.names & asked.names]
    beside = own or [rank for rank in told if rank.graded & asked.graded]
    compared = {_compared(asked.value, rank.value) for rank in beside}
    return "held" if "held" in compared else "silent" if "silent" in compared or not compared else "contrary"


def _compared(asked: str, told: str) -> Agreement:
    if told == asked or (told[:-1] == asked and told[-1] in "abcd"):
        return "held"
    if {asked, told} & {"low", "high"}:
        number = next((each for each in (asked, told) if each.isdigit()), "")
        level = asked if told == number else told
        if not number:
            return "contrary" if {asked, told} == {"low", "high"} else "silent"
        same = (int(number) <= _LOW) == (level == "low")
        return "contrary" if not same else "held" if level == asked else "silent"
    return "silent" if asked[:-1] == told and asked[-1].isalpha() else "contrary"


def _rank(found: re.Match[str]) -> Rank:
    if found["own"]:
        return Rank(_value(found["own"], found["own_part"]), _names(found["name"]), frozenset())
    graded = frozenset(word.lower().removesuffix("s") for word in found["graded"].split())
    return Rank(_value(found["value"], found["part"]), _names(found["before"], found["after"]), _graded(graded))


def _graded(words: frozenset[str]) -> frozenset[str]:
    """ "Class" without its s is still one; who says *WHO* grades."""
    english = {"clas": "class", "tipo": "type", "grado": "grade", "estadio": "stage", "clase": "class", "nivel": "level",
               "grupo": "group", "who": "grade"}  # fmt: skip
    return frozenset(english.get(word, word) for word in words)


def _value(value: str, part: str | None) -> str:
    low = value.lower()
    return f"{_ROMAN.get(low, low)}{(part or '').lower()}"


def _names(*words: str | None) -> frozenset[str]:
    folded = (lexicon().canonical(word) for word in words if word and word.lower() not in _NO_NAMES)
    return frozenset(word for word in folded if word not in GRADED and word not in SIDES)


def may_tell_side(text: str) -> bool:
    """Whether a text holds letters that name a side; where it does not, `stated` finds none. Much faster than that.

    Parameters
    ----------
    text : str
    """
    words, short = _letters_of_sides()
    return bool(words.search(_NO_LETTERS.sub("", text)) or short.search(text))


@lru_cache(maxsize=1)
def _letters_of_sides() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Words for sides wherever they stand in a text without blanks and hyphens, and short forms as they are written."""
    words = [*SIDES, *(word for word, english in SPANISH.items() if english in SIDES)]
    return re.compile("|".join(words), re.IGNORECASE), re.compile(rf"\b(?:{'|'.join(map(re.escape, _sided()))})\b")


@lru_cache(maxsize=1)
def _sided() -> dict[str, str]:
    """Short forms of what lies on one side: *RUL* for the right upper lobe."""
    sides: dict[str, str] = {}
    for short in lexicon().short_forms():
        names = lexicon().find(short).matches
        first = names[0].concept.split()[0] if len(names) == 1 else ""
        if first in ("left", "right"):
            sides[short] = first
    return sides
