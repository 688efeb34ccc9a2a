"""How a query is read: typing errors mended, words that only ask set aside, and concepts found."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Self

from mirage.language.asking import ASKING, SPANISH, fillers
from mirage.language.concepts import lexicon
from mirage.language.denying import HOW, apart, denied_in
from mirage.language.lexicon_files import KINDS
from mirage.language.mending import SHORTEST, Mended, mend
from mirage.language.words import WORD

_QUOTED = re.compile(r"[\"“”«»]([^\"“”«»]+)[\"“”«»]")
_BLANKS = re.compile(r"\s{2,}")
_NOTED = re.compile(rf"(?i)(?<![\w/])(?:{'|'.join(ASKING['noted'].split())})(?![\w/])")
_OPERATED = re.compile(rf"(?i)\b({'|'.join(ASKING['operated'].split())})[ -]?op\b")
_VERSUS = [re.compile(rf"(?i)\s*(?:{pattern})\s*\??\s*") for pattern in ASKING["versus"]]
_NORMAL = frozenset(ASKING["normal"].split())
_ORDINAL = re.compile(r"(?i)\b(\d{1,2})(?:st|nd|rd|th)\b")
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
NORMAL, VARIANT = "normal", "normal variant"  # concepts
_LONGEST_OF_TWO = 1_000  # characters that ask for two things side by side; what is longer is a pasted text
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


def _either(short: str, names: Sequence[str]) -> AskedConcept:
    known = lexicon()
    kinds = {known.kind(name) for name in names}
    narrower = frozenset(names).union(*map(known.children, names))
    return AskedConcept(short, next(kind for kind in KINDS if kind in kinds), narrower, (known.canonical(short),))


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
    text, typed = ASKING["codes"].get(text.strip(), text), text
    noted = _OPERATED.sub(r"\1operative", _BLANKS.sub(" ", _NOTED.sub(" ", text)))
    plain = _STAIN.sub("hematoxylin and eosin", _QUOTED.sub(r"\1", noted))
    plain = _with_more_named(plain, _ORDINAL.sub(_ordinal, plain))
    mended, changes = mend(_plain(_with_more_named(plain, _singular(plain, kept))), kept, lexicon(), known, more, told)
    sides = None if kept else sides_of(mended)
    parted = apart(mended)
    found = lexicon().find(parted, typed=True, eponyms=True)
    absent = denied_in(parted, found.matches)
    concepts, covered, english, place = list[AskedConcept](), set[int](), list[str](), 0
    normal, denied, last, joined = False, list[str](), 0, False
    contrast = [found.span() for pattern in (_UNENHANCED, _ENHANCED) for found in pattern.finditer(mended)]
    agents = {_AGENT} | lexicon().children(_AGENT)
    for match in found.matches:
        if match.concept in agents and any(start <= match.start < end for start, end in contrast):
            continue
        words = tuple(lexicon().words(mended[match.start : match.end]))
        covered.update(range(match.start, match.end))
        english += [mended[place : match.start], match.concept]
        place = match.end
        if match.start in absent.names:
            denied.append(match.concept)
            english.pop()
        elif match.start in absent.which:
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
        if any(first <= start < last for first, last in (*contrast, *absent.said)):
            continue
        short = word in found.doubtful or word.upper() in found.doubtful
        if not (start in covered or not word[0].isalnum() or short or folded in fillers() or folded in _NORMAL) and (
            len(folded) > 1 or not folded.isascii()
        ):
            others.append(folded)
    return QueryReading(
        typed,
        mended,
        WORD.sub(lambda word: SPANISH.get(word[0].lower(), word[0]), "".join((*english, mended[place:]))),
        tuple(concepts),
        found.doubtful,
        changes,
        tuple(dict.fromkeys(others)),
        sides,
        joined,
        normal,
        tuple(name for name in dict.fromkeys(denied) if name not in {each.name for each in concepts}),
        bool(WORD.search(text)),
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


def _singular(text: str, kept: Collection[str]) -> str:
    """Plurals that Spanish makes, *cálculos renales*, in the singular."""
    known = lexicon()

    def one(found: re.Match[str]) -> str:
        word = found.group()
        if word.lower() in kept or len(word) < SHORTEST or word.lower().endswith("ss"):  # a "mass" is no plural
            return word
        shorter = [word[: -len(end)] for end in ("es", "s") if word.lower().endswith(end)]
        # No plural of a short form ends in "es": "abces" is a misspelt abscess, and no aneurysmal bone cysts.
        return next((each for each in shorter if known.knows(each) and (len(each) >= SHORTEST or each == word[:-1])), word)

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
    if len(text) > _LONGEST_OF_TWO:
        return None
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


@lru_cache(maxsize=1024)
def from_spanish(text: str) -> str:
    """The same with Spanish names of concepts, and Spanish words beside them, in English; English as it is.

    `QueryReading.english` is of what a query asks for and puts preferred names in; this is for its further terms, of which
    English ones stay in the words that somebody chose.

    Parameters
    ----------
    text : str
    """
    known, parts, place = lexicon(), list[str](), 0
    for match in known.find(text, typed=True).matches:
        if match.start >= place and _is_spanish(text[match.start : match.end], match.concept):
            parts += [text[place : match.start], match.concept]
            place = match.end
    return WORD.sub(lambda word: SPANISH.get(word[0].lower(), word[0]), "".join((*parts, text[place:])))


def _is_spanish(name: str, concept: str) -> bool:
    """Whether this is a Spanish name of a concept: one of the lexicon, or one with a word that no English name of it has."""
    known = lexicon()
    one = known.concepts[concept]
    english = [each.lower() for each in (one.name, *one.synonyms, *one.lay)]
    if name.lower() in english:
        return False
    plain = {known.canonical(word) for each in english for word in WORD.findall(each)}
    spanish = {known.canonical(word) for each in one.es for word in WORD.findall(each)} - plain
    return name.lower() in one.es or not spanish.isdisjoint(map(known.canonical, WORD.findall(name)))
