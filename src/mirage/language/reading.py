"""How a query is read: typing errors mended, words that only ask set aside, and concepts found."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple, Self

from rapidfuzz import process
from rapidfuzz.distance import OSA

from mirage.language.concepts import Lexicon, lexicon
from mirage.language.lexicon_files import KINDS
from mirage.language.mentions import mentions
from mirage.language.vocabulary import is_common
from mirage.language.words import BEGINNINGS, FILLERS, WORD, stem

_ASKING = tomllib.loads(Path(__file__).with_name("asking.toml").read_text("utf-8"))
_QUOTED = re.compile(r"[\"“”«»]([^\"“”«»]+)[\"“”«»]")
_VERSUS = [re.compile(rf"(?i)\s*(?:{pattern})\s*\??\s*") for pattern in _ASKING["versus"]]
_NORMAL = frozenset(_ASKING["normal"].split())
SPANISH: Mapping[str, str] = _ASKING["spanish"]  # words beside the names of things, in English
_ORDINAL = re.compile(r"(?i)\b(\d{1,2})(?:st|nd|rd|th)\b")
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
NORMAL, VARIANT = "normal", "normal variant"  # concepts
_DENYING = re.compile(r"(?i)\b(?:no|not|without|sin|except|excluding|other than|rather than)\b")
_WORD_BETWEEN = re.compile(r"(?i)\b(?!an?\b|the\b|any\b)\w")
_SHORTEST = 4  # letters of a word that is mended
_LONG = 8  # letters from which two errors are believed, and how many of them beside a beginning and an ending
_LONG_CORE = 7
_STARTS = tuple(sorted({*BEGINNINGS, "exo", "ante", "ab", "ad", "mid"}, key=len, reverse=True))
_ENDINGS = tuple(
    "ectomy otomy ostomy opathy megaly plasia trophy itis osis iasis emia uria algia rrhea cele oma oid".split()
)
_MOST_MENDED = 40  # words of a query; what is longer is a pasted text
# "CT of the head without contrast" is a noncontrast CT, and denies nothing.
_PLAIN = re.compile(
    r"(?i)\s*(?<!and )(?<!or )\b(?:(?:without|w/o|no)\s(?:any\s|iv\s|i\.v\.\s|intravenous\s|oral\s|the\s)*"
    r"(?:contrast(?:\s(?:material|medium|media|agent|enhancement|administration))?|gadolinium|gad)|sin contraste)(?![\w-])"
)
_MADE_WITH = re.compile(r"(?i)\b(?:CT|CAT scan|TC|MRI|MR|RM|T1\w*|T2\w*)\b")
# Whether contrast medium was given: `contrast_of` tells it of a text.
_UNENHANCED = re.compile(
    r"(?i)\b(?:(?:without|w/o|no|sin|before)\s(?:[\w.]+\s){0,2}?(?:contrast\w*|gadolinium)|non[ -]?contrast|unenhanced"
    r"|precontrast|CT[ -]KUB)\b"
)
_ENHANCED = re.compile(
    r"(?i)\b(?:(?:with|after|post|following|con|iv|i\.v\.|intravenous)[ -](?:[\w.]+\s){0,2}?(?:contrast\w*|gadolinium|gad)"
    r"|post-?contrast|contrast[ -]enhanced|gad[ -]enhanced|gadolinium(?:[ -]enhanced)?|contrast(?=$|\s(?:CT|MRI?)\b)"
    r"|(?:arterial|portal[ -]venous|venous) phase)"
    r"(?:\s(?:medium|media|material|agent|administration))?\b"
)
_AGENT = "contrast agent"
_STAIN = re.compile(r"\bH ?(?:&|and|\+) ?E\b", re.IGNORECASE)  # letters that stand alone are not read
_SIZES = frozenset("solitary single multiple small large tiny giant focal incidental".split())
_PLACING = frozenset("of in on at within the a an left right both de del la el en los las".split())
_JOINING = re.compile(r"(?i)\s*(?:[,/+&;]|,?\s*(?:or|and|and/or|y|o|u|e))\s*")
HOW = frozenset({"modality", "sequence", "plane"})  # kinds that say how a picture was made


def _either(short: str, names: Sequence[str]) -> AskedConcept:
    known = lexicon()
    kinds = {known.kind(name) for name in names}
    narrower = frozenset(names).union(*map(known.children, names))
    return AskedConcept(short, next(kind for kind in KINDS if kind in kinds), narrower, (known.canonical(short),))


@lru_cache(maxsize=1)
def fillers() -> frozenset[str]:
    """Words that say that somebody asks, folded."""
    return frozenset(lexicon().canonical(word) for word in (*_ASKING["fillers"].split(), *FILLERS))


@lru_cache(maxsize=1)
def modifiers() -> frozenset[str]:
    """Words that say of a thing how large, how old or on which side it is, but not which thing, folded."""
    return frozenset(lexicon().canonical(word) for word in _ASKING["modifiers"].split())


@lru_cache(maxsize=1024)
def _nearly(name: str) -> frozenset[str]:
    known = lexicon()
    words, organ = set(known.words(name)) - _SIZES, known.organ(name)
    masses = known.children("mass") if organ and known.general(name) == "neoplasm" else frozenset[str]()
    return frozenset(
        broader
        for broader in known.broader(name)
        if set(known.words(broader)) == words or (organ == known.organ(broader) and known.general(broader) == "lesion")
    ) | frozenset(each for each in masses if known.organ(each) == organ and known.general(each) == "mass")


class Mended(NamedTuple):
    """A word as it was typed, and as it was read."""

    typed: str
    read: str


@dataclass(frozen=True, slots=True)
class AskedConcept:
    """A concept that a query names.

    Attributes
    ----------
    name, kind : str
    narrower : frozenset of str
        All concepts that are kinds of it.
    words : tuple of str
        Those that name it in the query, folded.
    general : str
        The broader concept that it is with nothing but its place added, as *hemangioma* to *hepatic hemangioma*; or empty.
    places : frozenset of str
        Where that has to be for it.
    """

    name: str
    kind: str
    narrower: frozenset[str]
    words: tuple[str, ...]
    general: str = ""
    places: frozenset[str] = frozenset()

    @classmethod
    def of(cls, name: str, words: tuple[str, ...]) -> Self:
        """A concept of the lexicon.

        Parameters
        ----------
        name : str
        words : tuple of str
            Those that name it in the query, folded.
        """
        known, general = lexicon(), lexicon().general(name)
        places = known.children(known.organ(name)) | {known.organ(name)} if general else frozenset[str]()
        return cls(name, known.kind(name), known.children(name), words, general, places)

    @property
    def nearly(self) -> frozenset[str]:
        """What is the same but for its size or number, as *pulmonary nodule* to *solitary pulmonary nodule*.

        A lesion or a mass of an organ that is not said to be a tumor may be one.
        """
        return _nearly(self.name)

    @property
    def told_by(self) -> frozenset[str]:
        """All concepts that a figure may tell it by."""
        return self.narrower | {self.name} | self.nearly | ({self.general, *self.places} if self.general else set())


@dataclass(frozen=True)
class QueryReading:
    """What a query's words ask for.

    Attributes
    ----------
    typed : str
    text : str
        Errors mended.
    english : str
        The same with the preferred names of the concepts, for what knows English only.
    concepts : tuple of AskedConcept
        What is asked for and how the picture is to be made, in order; without *normal*.
    doubtful : dict
        Short form that the words do not settle to the concepts that it may mean.
    mended : tuple of Mended
    others : tuple of str
        Words that ask for something and are in no concept's name, folded.
    versus : tuple of two str, or None
        What somebody wants side by side.
    joined : bool
        Whether it names diseases, or structures, with *or*, *and* or a comma between: a figure of one of them answers too.
    normal : bool
        Whether what is not diseased is asked for.
    denied : tuple of str
        Concepts that the words say are not to be there; they are not looked for.
    only_asks : bool
        Whether there are words, and some are set aside.
    """

    typed: str
    text: str
    english: str
    concepts: tuple[AskedConcept, ...]
    doubtful: dict[str, tuple[str, ...]]
    mended: tuple[Mended, ...]
    others: tuple[str, ...]
    versus: tuple[str, str] | None
    joined: bool
    normal: bool
    denied: tuple[str, ...] = ()
    only_asks: bool = False

    @cached_property
    def wanted(self) -> tuple[AskedConcept, ...]:
        """What figures can speak of: not how a picture was made; a doubtful short form is any of its meanings."""
        either = [_either(short, names) for short, names in self.doubtful.items()]
        return (*(each for each in self.concepts if each.kind not in HOW), *either)

    @cached_property
    def unwanted(self) -> frozenset[str]:
        """What the words say is not to be there, and all kinds of it."""
        return frozenset(self.denied).union(*map(lexicon().children, self.denied))

    @property
    def says_nothing(self) -> bool:
        """Whether it has no word but those that ask."""
        return self.only_asks and not (self.concepts or self.doubtful or self.others or self.normal)


def read(
    text: str,
    known: Callable[[str], bool],
    more: Callable[[], Collection[str]] = lambda: (),
    told: Callable[[str], bool] = lambda _: False,
) -> QueryReading:
    """Read a query.

    Parameters
    ----------
    text : str
        As typed. What stands in quotes is not mended.
    known : callable
        Whether the atlas has a word.
    more : callable
        Words of the atlas that an error may be mended to, folded; called only where there is an error.
    told : callable
        Whether the stories of its cases have a word. They have errors of their own: one letter of such a word is mended.
    """
    kept = {word.lower() for quoted in _QUOTED.findall(text) for word in WORD.findall(quoted)}
    plain = _STAIN.sub("hematoxylin and eosin", _QUOTED.sub(r"\1", text))
    plain = _with_more_named(plain, _ORDINAL.sub(_ordinal, plain))
    mended, changes = _mend(_plain(_with_more_named(plain, _singular(plain, kept))), kept, lexicon(), known, more, told)
    sides = None if kept else sides_of(mended)
    found = lexicon().find(mended, typed=True, eponyms=True)
    concepts, covered, english, place = list[AskedConcept](), set[int](), list[str](), 0
    normal, denied, last, joined = False, list[str](), 0, False
    absent = _absent(mended)
    contrast = [found.span() for pattern in (_UNENHANCED, _ENHANCED) for found in pattern.finditer(mended)]
    agents = {_AGENT} | lexicon().children(_AGENT)
    for match in found.matches:
        if match.concept in agents and any(start <= match.start < end for start, end in contrast):
            continue
        words = tuple(lexicon().words(mended[match.start : match.end]))
        covered.update(range(match.start, match.end))
        english += [mended[place : match.start], match.concept]
        place = match.end
        if match.concept in absent:
            denied.append(match.concept)
            english.pop()
        elif match.concept == NORMAL:
            normal = True
        elif match.concept not in (each.name for each in concepts):
            concepts.append(AskedConcept.of(match.concept, words))
            between = lexicon().words(mended[last : match.start])
            both = len(concepts) > 1 and concepts[-2].kind == concepts[-1].kind in ("disease", "anatomy")
            joined = joined or (both and _JOINING.fullmatch(mended[last : match.start]) is not None)
            if len(concepts) > 1 and last and _PLACING.issuperset(between) and (one := _placed(*concepts[-2:])):
                concepts[-2:] = [one]
            last = match.end
    if any(each.kind not in (*HOW, "anatomy") and each.name != VARIANT for each in concepts):
        concepts = [each for each in concepts if each.name != VARIANT]  # "os acromiale, normal variant"
    others: list[str] = []
    for word, start, _ in lexicon().spans(mended):
        folded = lexicon().canonical(SPANISH.get(word.lower(), word))
        normal = normal or (folded in _NORMAL and start not in covered)
        if any(first <= start < last for first, last in contrast):
            continue
        short = word in found.doubtful or word.upper() in found.doubtful
        if not (start in covered or not word[0].isalnum() or short or folded in fillers() or folded in _NORMAL) and (
            len(folded) > 1 or not folded.isascii()
        ):
            others.append(folded)
    return QueryReading(
        text,
        mended,
        "".join((*english, mended[place:])),
        tuple(concepts),
        found.doubtful,
        changes,
        tuple(dict.fromkeys(others)),
        sides,
        joined,
        normal,
        tuple(denied),
        bool(WORD.search(mended)),
    )


def _placed(one: AskedConcept, other: AskedConcept) -> AskedConcept | None:
    """What something is called where it lies in a place: *lung cancer* for *carcinoma* and *lung*."""
    known = lexicon()
    what, where = (one, other) if other.kind == "anatomy" else (other, one)
    if where.kind != "anatomy" or what.kind not in ("disease", "finding") or known.organ(what.name):
        return None
    for place in (
        where.name,
        where.name.removeprefix("left ").removeprefix("right "),
    ):  # a "left lung nodule" is one of the lung
        name = f"{place} {what.name}"
        found = known.find(name, typed=True).matches
        if len(found) == 1 and found[0].end - found[0].start == len(name):
            called = AskedConcept.of(found[0].concept, (*one.words, *other.words))
            return replace(called, general=what.name, places=known.children(place) | {place})
    return None


def _plain(text: str) -> str:
    """A text in which what was made without contrast is called so before its modality, as in *noncontrast CT*."""
    rest, count = _PLAIN.subn("", text)
    if not count:
        return text
    made = _MADE_WITH.search(rest)
    place = made.start() if made else len(rest) - len(rest.lstrip())
    return f"{rest[:place]}noncontrast {rest[place:].lstrip()}".strip()


def contrast_of(text: str) -> frozenset[str]:
    """Whether a text says that contrast medium was given, *enhanced*, or that it was not, *plain*."""
    rest, plain = _UNENHANCED.subn(" ", text)
    return frozenset(({"plain"} if plain else set()) | ({"enhanced"} if _ENHANCED.search(rest) else set()))


def _absent(text: str) -> set[str]:
    """Concepts that are not to be there. Who types "knee MRI not CT" denies what follows, not what goes before."""
    denying = _DENYING.search(text)
    if not denying:
        return set()
    absent = {one.concept for one in mentions(text[denying.start() :]) if one.polarity == "denied"}
    for match in lexicon().find(text[denying.end() :], typed=True).matches[:1]:
        if not _WORD_BETWEEN.search(text[denying.end() : denying.end() + match.start]):
            absent.add(match.concept)  # "not CT"
    return absent


def _singular(text: str, kept: Collection[str]) -> str:
    """Plurals that Spanish makes, *cálculos renales*, in the singular."""
    known = lexicon()

    def one(found: re.Match[str]) -> str:
        word = found.group()
        if word.lower() in kept or len(word) < _SHORTEST or word.lower().endswith("ss"):  # a "mass" is no plural
            return word
        shorter = (word[: -len(end)] for end in ("es", "s") if word.lower().endswith(end))
        return next((each for each in shorter if known.knows(each)), word)

    return WORD.sub(one, text)


def _ordinal(found: re.Match[str]) -> str:
    """*fourth* for *4th*."""
    number = int(found[1])
    return _ORDINALS[number - 1] if 0 < number <= len(_ORDINALS) else found[0]


def _with_more_named(text: str, other: str) -> str:
    """The other wording of a text, where more of its words is then a name."""
    known = lexicon()

    def named(text: str) -> int:
        return sum(len(known.words(text[each.start : each.end])) for each in known.find(text, typed=True).matches)

    return other if other != text and named(other) > named(text) else text


def sides_of(text: str) -> tuple[str, str] | None:
    """The two things that somebody wants side by side, "A versus B" or "difference between A and B"; None for one thing."""
    for pattern in _VERSUS:
        if (found := pattern.fullmatch(text)) and (a := _bare(found["a"])) and (b := _bare(found["b"])):
            if not lexicon().find(a, typed=True, eponyms=True).matches:  # "epidural versus subdural hematoma"
                a = f"{a} {b.split()[-1]}"
            both = [lexicon().find(side, typed=True, eponyms=True) for side in (a, b)]
            if all(side.matches or side.doubtful for side in both):
                return a, b
    return None


def _bare(text: str) -> str:
    """Without the words at its beginning that only ask."""
    words = text.strip(" ?.,").split()
    while words and lexicon().canonical(words[0].strip("?.,")) in fillers():
        del words[0]
    return " ".join(words)


def _mend(
    text: str,
    kept: Collection[str],
    known_names: Lexicon,
    known: Callable[[str], bool],
    more: Callable[[], Collection[str]],
    told: Callable[[str], bool],
) -> tuple[str, tuple[Mended, ...]]:
    """The text with its typing errors mended, and which they were."""
    spans = [span for span in known_names.spans(text) if span[0][0].isalnum()]
    if len(spans) > _MOST_MENDED:
        return text, ()
    named = known_names.find(text, typed=True).matches
    changes: list[Mended] = []
    parts, place = list[str](), 0

    def mend(start: int, end: int, better: str) -> None:
        nonlocal place
        changes.append(Mended(text[start:end], better))
        parts.extend((text[place:start], better))
        place = end

    for number, (word, start, end) in enumerate(spans):
        long = len(word) >= _SHORTEST or word.lower() in BEGINNINGS
        strange = long and word.isalpha() and word.lower() not in kept
        following = spans[number + 1] if number + 1 < len(spans) else ("", end, end)
        both = word + following[0]
        within = [one for one in named if one.start < following[2] and start < one.end]
        apart = text[end : following[1]] == " " and all(" " not in text[one.start : one.end] for one in within)
        if start >= place and strange and apart and known_names.is_name(both):  # "wind pipe", which is in two words no name
            mend(start, following[2], both)
            continue
        if start < place or not strange or known_names.knows(word) or known_names.canonical(word) in fillers():
            continue
        if following[0] and known_names.canonical(both) in known_names.vocabulary:  # "pneumo thorax"
            mend(start, following[2], both)
            continue
        if len(word) < _SHORTEST:
            continue
        if known_names.begins(text, start):  # "peri-cardail effusion"
            word, end = both, following[2]  # noqa: PLW2901 - two parts of one word
        if _built(known_names.canonical(word), known_names, known):
            continue
        better = _nearest(word, (text[:start], text[end:]), known_names, more)
        if not better or better == known_names.canonical(word):
            continue
        own = known(word) or (told(word) and OSA.distance(word.lower(), better) > 1)
        # The atlas's own words are meant as they stand; "syndrom" is none, though its stem is one's.
        if not own or (stem(better) == stem(word) and better.startswith(word.lower())):
            mend(start, end, better)

    return "".join((*parts, text[place:])), tuple(changes)


def _built(word: str, known_names: Lexicon, known: Callable[[str], bool]) -> bool:
    """Whether a word is one that there is behind a beginning, *hypo* and *vascular*: it means what it says."""
    rests = (word[len(start) :] for start in _STARTS if len(start) >= _SHORTEST and word.startswith(start))
    return any(len(rest) > _SHORTEST and (rest in known_names.vocabulary or known(rest)) for rest in rests)


def _parts(word: str) -> tuple[str, str, str]:
    """A word's beginning, what lies between, and its ending."""
    start = next((one for one in _STARTS if word.startswith(one) and len(word) - len(one) > 2), "")
    end = next((one for one in _ENDINGS if word.endswith(one) and len(word) - len(start) - len(one) > 1), "")
    return start, word[len(start) : len(word) - len(end)], end


def _another_word(typed: str, candidate: str, distance: int, known_names: Lexicon) -> bool:
    """Whether what was typed differs from a name as words do, and not as errors do.

    *Hypocalcemia* is no error for *hypercalcemia*, nor *nephritis* for *neuritis*: what stands before the ending begins
    other names too.
    """
    start, core, end = _parts(typed)
    other, rest, _ = _parts(candidate)
    if start and other and start != other and OSA.distance(core, rest) <= 1:
        return True
    if distance > 1 and end and len(core) < _LONG_CORE:
        return True
    stem_typed = typed[: len(typed) - len(end)]
    alike = candidate.startswith(stem_typed) and candidate.endswith(end)  # "meningoma" is one for *meningioma*
    return bool(end) and len(stem_typed) >= _SHORTEST and not alike and _begins_names(stem_typed, known_names)


@lru_cache(maxsize=1_000)
def _begins_names(beginning: str, known_names: Lexicon) -> bool:
    return sum(1 for word in known_names.vocabulary if word.startswith(beginning)) > 1


@lru_cache(maxsize=2)
def _names_to_mend_to(known_names: Lexicon) -> list[str]:
    return list(dict.fromkeys((*known_names.vocabulary, *known_names.adjectives)))


def _is_structure(word: str, known_names: Lexicon) -> bool:
    return any(known_names.kind(one.concept) == "anatomy" for one in known_names.find(word).matches)


def _nearest(word: str, around: tuple[str, str], known_names: Lexicon, more: Callable[[], Collection[str]]) -> str:
    """The word that was meant, or an empty string where none is near enough.

    A word of general English, *leaving*, is meant as it stands, unless with its neighbours the other makes a name, or its
    letters are those of a structure: *brian*.
    """
    typed, common = known_names.canonical(word), is_common(word.lower())
    farthest = 1 if len(typed) < _LONG else 2
    titles = more()
    candidates = []
    # "Appendicties" is folded as a plural is; what was meant is near the word as it was typed.
    for form in dict.fromkeys((typed, word.lower(), typed.replace("f", "ph"))):  # "scafoid"
        for words in (_names_to_mend_to(known_names), list(titles)):
            candidates += process.extract(form, words, scorer=OSA.distance, score_cutoff=farthest, limit=12)
    ranked = []
    for candidate, distance, _ in candidates:
        if len(candidate) < _SHORTEST or _another_word(typed, candidate, round(distance), known_names):
            continue
        found = known_names.find(f"{around[0]}{candidate}{around[1]}", typed=True).matches
        at = len(around[0])
        within = max((match.end - match.start for match in found if match.start <= at < match.end), default=0)
        named = within > len(candidate) + 1  # with its neighbours it makes a name of several words
        if len(typed) < _LONG - 2 and candidate[0] != typed[0] and not named:
            continue
        if common and not named and not (sorted(candidate) == sorted(typed) and _is_structure(candidate, known_names)):
            continue
        ranked.append((not named, distance - (candidate[0] == typed[0]) * 0.5, -within, candidate not in titles, candidate))
    if ranked:
        return min(ranked)[-1]
    if common:
        return ""
    for cut in range(_SHORTEST, len(typed) - _SHORTEST + 1):  # two words written as one
        if {typed[:cut], known_names.canonical(typed[cut:])} <= known_names.vocabulary:
            return f"{typed[:cut]} {typed[cut:]}"
    return ""
