"""Concepts: one thing of medicine under all its names, and where a text names it.

The lexicon is plain data that was written for this project, one concept a line of JSON in ``shipped/lexicon``, by organ
system. A file of somebody's own may add to it. Names are compared in the forms of `mirage.language.words.fold`, with an
organ's adjective read as the organ and with "of the" turned round, so that *haemorrhages of the adrenal gland* needs no
entry beside *adrenal hemorrhage*.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from itertools import chain, count, repeat
from pathlib import Path
from typing import Any, Self

from mirage.errors import BadInput
from mirage.language.words import WORD, fold
from mirage.settings import SHIPPED, Settings

FOLDER = SHIPPED / "lexicon"
RULES = "3"  # goes up when texts are read by other rules, so that atlases read theirs anew
KINDS = ("disease", "finding", "anatomy", "procedure", "device", "modality", "sequence", "plane")
_STOPS = frozenset(".;:!?()")  # no name goes across one
_WORD_OR_STOP = re.compile(rf"{WORD.pattern}|[.;:!?()]")
# Beginnings that are written with a hyphen as well as without: *sub-arachnoid*, *osteo-arthritis*, *non-ossifying*.
_BEGINNINGS = (
    "adeno angio anti arthro bi bili broncho cardio cerebro cholangio cholecysto chondro co colo contra cranio cysto "
    "de dermato dextro di dys echo ecto electro encephalo endo entero epi extra fibro gastro hem hema hemangio hemi "
    "hemo hepato hetero hydro hyper hypo ileo infra inter intra iso juxta laryngo leio levo lipo litho lymph "
    "lymphangio lympho macro mal mega meningo meso meta micro mono multi myelo myo naso necro neo nephro neuro non "
    "oligo orbito osteo oto pan para patello peri pharyngo phlebo pleuro pneumo poly post pre pseudo pyelo pyo radio "
    "recto reno retro rhabdo rhino sacro scapho sclero semi sino spondylo steno sub super supra syn tachy teno tetra "
    "thrombo thyro tracheo trans tri ultra un uni uretero uro utero vaso ventriculo vertebro vesico xantho"
).split()
_HYPHENS = "-‐‑–"
_MAY_BE_PARTED = re.compile(rf"[{_HYPHENS}]|(?i:\bnon )")  # told at once, and most texts are not
_PARTED = re.compile(rf"(?i)\b(?:(?:{'|'.join(_BEGINNINGS)})[{_HYPHENS}]|non )+{WORD.pattern}")
_ARTICLES = frozenset("the a an la el los las".split())
_OF = frozenset("of de del".split())
_LONGEST_AROUND_OF = 4
_SEPARATOR, _NEXT = "|", "\t"  # no name holds one
# Short forms that are words of everyday English; in small letters they are taken for those.
_EVERYDAY = frozenset(
    "all aid arm as ash cat cope cut face fat gist had has hip his hot it lad lap mac map mass may me no or pad pan pas pet "
    "pie pit ram red sad sat sir so star tar tee us vs was who cm mm ml".split()
)


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing of medicine.

    Attributes
    ----------
    name : str
        Preferred, and unique.
    kind : str
        One of `KINDS`.
    synonyms, lay, es : tuple of str
        Other names, what people say who are no doctors, and Spanish names.
    abbreviations : mapping
        Short form to words of which one settles that it is meant; to none where it is meant unless another is settled.
    parents : tuple of str
        Broader concepts, by name.
    organ : str
        The anatomy that it concerns, by name.
    adjectives : tuple of str
        Of an anatomy: words that mean "of it".
    source, reviewed : str
        Who says so, where one could doubt; which clinician has read the entry, if one has.
    """

    name: str
    kind: str
    synonyms: tuple[str, ...] = ()
    lay: tuple[str, ...] = ()
    es: tuple[str, ...] = ()
    abbreviations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    organ: str = ""
    adjectives: tuple[str, ...] = ()
    source: str = ""
    reviewed: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A name that stands in a text, and where, in characters."""

    concept: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a text names.

    Attributes
    ----------
    matches : tuple of Match
        In order; none overlaps another, and of two that would the longer one stands.
    doubtful : dict
        Short form that the text does not settle to the concepts that it may mean.
    """

    matches: tuple[Match, ...]
    doubtful: dict[str, tuple[str, ...]]


class Lexicon:
    """Concepts by all their names.

    Parameters
    ----------
    concepts : iterable of Concept
    digest : str
        Of the files that they were read from, and of the rules that they are read by.

    Raises
    ------
    mirage.errors.BadInput
        When two concepts share a preferred name, a parent is unknown, or parents go round in a circle.
    """

    def __init__(self, concepts: Iterable[Concept], digest: str = "") -> None:
        known: dict[str, Concept] = {}
        for concept in concepts:
            if concept.name in known:
                raise BadInput(f"The lexicon has “{concept.name}” twice.")
            known[concept.name] = concept
        self._use(_tables_of(known), digest, lambda: known)

    @classmethod
    def from_tables(cls, tables: Mapping[str, Any], digest: str, read: Callable[[], Mapping[str, Concept]]) -> Self:
        """A lexicon from what `tables` gave for the same concepts, which are read only where they are asked for.

        Parameters
        ----------
        tables : mapping
        digest : str
        read : callable
            Gives the concepts by name.
        """
        made = cls.__new__(cls)
        made._use(tables, digest, read)
        return made

    def _use(self, tables: Mapping[str, Any], digest: str, read: Callable[[], Mapping[str, Concept]]) -> None:
        self.digest, self.tables, self._read = digest, tables, read
        self._names: Sequence[str] = _split(tables["names"])
        self._kinds = dict(zip(self._names, _split(tables["kinds"]), strict=True))
        owners = chain.from_iterable(map(repeat, count(), tables["forms of each"]))
        self._forms: Mapping[str, int] = dict(zip(_split(tables["forms"]), owners, strict=True))
        self._longest: Mapping[str, int] = dict(zip(_split(tables["first words"]), tables["lengths of each"], strict=True))
        self._lengths: Sequence[Sequence[int]] = tables["lengths"]
        self._short: Mapping[str, Sequence[tuple[int, Sequence[str]]]] = tables["short"]
        self._small: dict[str, str] = {short.lower(): short for short in self._short if short.lower() not in _EVERYDAY}
        self.adjectives: Mapping[str, str] = tables["adjectives"]
        self._broader: dict[str, frozenset[str]] = {}

    @cached_property
    def concepts(self) -> Mapping[str, Concept]:
        """Concept by name, with all that the files say of it."""
        return self._read()

    @cached_property
    def _parents(self) -> Mapping[str, Sequence[str]]:
        parents = zip(
            self._names, self.tables["parents"].split(_NEXT), strict=False
        )  # without names there is one empty text
        return {name: of.split(_SEPARATOR) for name, of in parents if of}

    @cached_property
    def _organs(self) -> Mapping[str, str]:
        return dict(zip(self._names, self.tables["organs"].split(_SEPARATOR), strict=False))

    @cached_property
    def _children(self) -> Mapping[str, Sequence[str]]:
        children: dict[str, list[str]] = {}
        for name, parents in self._parents.items():
            for parent in parents:
                children.setdefault(parent, []).append(name)
        return children

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every word of every name, in the form that words are compared in."""
        return frozenset(word for form in self._forms for word in form.split())

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def __len__(self) -> int:
        return len(self._names)

    def kind(self, name: str) -> str:
        """The kind of a concept, one of `KINDS`."""
        return str(self._kinds[name])

    def organ(self, name: str) -> str:
        """The anatomy that a concept concerns, by name; empty where none is said."""
        return self._organs.get(name, "")

    def children(self, name: str) -> frozenset[str]:
        """All narrower concepts, whatever the number of steps."""
        return _all_of(name, self._children)

    def parents(self, name: str) -> frozenset[str]:
        """All broader concepts, whatever the number of steps."""
        if name not in self._broader:
            self._broader[name] = _all_of(name, self._parents)
        return self._broader[name]

    def general(self, name: str) -> str:
        """The broader concept that a name says with nothing but its organ added, if there is one.

        *hepatic hemangioma* is *hemangioma* of the liver; *giant hemangioma* is more than a *hemangioma*.
        """
        organ = self.organ(name)
        own = set(self.words(name)) - {*self.words(organ), *_OF, *_ARTICLES}
        return next((parent for parent in self._parents.get(name, ()) if organ and own == set(self.words(parent))), "")

    def spans(self, text: str) -> list[tuple[str, int, int]]:
        """Words and full stops of a text with their places; a word that is written in two parts, *sub-arachnoid*, is one.

        What is no word of a name when it is joined stays two, but for *non-*: *non-displaced* is not *displaced*.
        """
        parted: dict[int, tuple[str, int, int]] = {}
        for found in _PARTED.finditer(text) if _MAY_BE_PARTED.search(text) else ():
            word = _joined(found.group())
            if word.lower().startswith("non") or self.canonical(word) in self.vocabulary:
                parted[found.start()] = (word, found.start(), found.end())
        spans: list[tuple[str, int, int]] = []
        for plain in _WORD_OR_STOP.finditer(text):
            if not spans or plain.start() >= spans[-1][2]:
                spans.append(parted.get(plain.start(), (plain.group(), plain.start(), plain.end())))
        return spans

    @staticmethod
    def begins(text: str, place: int) -> bool:
        """Whether a word in two parts begins at a place of a text."""
        return _PARTED.match(text, place) is not None

    def words(self, text: str) -> list[str]:
        """The words of a text, in the form that words are compared in."""
        return [self.canonical(word) for word, _, _ in self.spans(text) if word not in _STOPS]

    def canonical(self, word: str) -> str:
        """The form that a word is compared in: folded, without accents, and the organ in place of its adjective."""
        folded = _folded(word)
        return self.adjectives.get(folded, folded)

    def knows(self, word: str) -> bool:
        """Whether a word stands in any name, or is a short form."""
        return self.canonical(word) in self.vocabulary or bool(self._short_form(word, typed=True))

    def find(self, text: str, *, typed: bool = False) -> Found:
        """Find what a text names.

        Parameters
        ----------
        text : str
        typed : bool
            Somebody typed it: short forms may be in small letters.
        """
        spans = self.spans(text)
        words = [word if word in _STOPS else self.canonical(word) for word, _, _ in spans]
        matches: list[Match] = []
        doubtful: dict[str, tuple[str, ...]] = {}
        place = 0
        while place < len(words):
            concept, length = self._named_at(words, place)
            if not length:
                concept, length = self._shortened(spans[place][0], words, typed, doubtful)
            if concept:
                matches.append(Match(concept, spans[place][1], spans[place + length - 1][2]))
            place += length or 1
        return Found(tuple(matches), doubtful)

    def _short_form(self, word: str, typed: bool) -> str:
        """The short form that a word is, or of which it is the plural; or empty."""
        if word in self._short:
            return word
        if typed and word.lower() in self._small:
            return self._small[word.lower()]
        one = word.removesuffix("s").rstrip("'’")
        if one == word or len(one) < 2:
            return ""
        if one in self._short and one.isupper():
            return one
        plural = typed and len(one) > 2 and self.canonical(word) not in self.vocabulary
        return self._small.get(one.lower(), "") if plural else ""

    def _named_at(self, words: Sequence[str], place: int) -> tuple[str, int]:
        """The concept of the longest name that begins at a place and how many words it takes; also "stone of the kidney"."""
        concept, length = "", 0
        first = self._longest.get(words[place])
        for most in () if first is None else self._lengths[first]:
            found = self._forms.get(" ".join(words[place : place + most]))
            if found is not None:
                concept, length = self._names[found], min(most, len(words) - place)
                break
        if not _OF.isdisjoint(words[place + 1 : place + 1 + _LONGEST_AROUND_OF]):
            turned, most = self._turned_at(words, place)
            if most > length:
                return turned, most
        return concept, length

    def _turned_at(self, words: Sequence[str], place: int) -> tuple[str, int]:
        middle = next(at for at in range(place + 1, len(words)) if words[at] in _OF)
        after = middle + 1
        while after < len(words) and words[after] in _ARTICLES:
            after += 1
        for most in range(min(_LONGEST_AROUND_OF, len(words) - after), 0, -1):
            found = self._forms.get(" ".join((*words[after : after + most], *words[place:middle])))
            if found is not None:
                return self._names[found], after + most - place
        return "", 0

    def _shortened(
        self, word: str, words: Sequence[str], typed: bool, doubtful: dict[str, tuple[str, ...]]
    ) -> tuple[str, int]:
        short = self._short_form(word, typed)
        meanings = self._short.get(short)
        if not meanings:
            return "", 0
        there = set(words)
        settled = sorted(((len(there.intersection(context)), own) for own, context in meanings), reverse=True)
        if settled[0][0] and (len(settled) == 1 or settled[0][0] > settled[1][0]):
            return self._names[settled[0][1]], 1
        usual = [own for own, context in meanings if not context]
        if len(meanings) == 1 and typed:
            usual = [meanings[0][0]]
        if len(usual) == 1:
            return self._names[usual[0]], 1
        doubtful[short] = tuple(self._names[own] for own, _ in meanings)
        return "", 1


def _joined(text: str) -> str:
    """A text with the words joined that are written in two parts."""
    return _PARTED.sub(lambda found: re.sub(rf"[{_HYPHENS} ]", "", found.group()), text)


def _all_of(name: str, steps: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """All that is reached from a name by any number of steps."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for other in steps.get(waiting.pop(), ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return frozenset(found)


def _tables_of(concepts: Mapping[str, Concept]) -> dict[str, Any]:
    """What names are looked up in, so that JSON can hold it; long texts, because 20,000 small ones take longer to read."""
    _check_parents(concepts)
    adjectives = _organs_of_adjectives(concepts.values())

    def words_of(name: str) -> list[str]:
        folded = map(_folded, WORD.findall(_joined(name)))
        return [adjectives.get(word, word) for word in folded]

    forms: dict[str, int] = {}
    longest: dict[str, set[int]] = {}

    def take(name: str, number: int) -> None:
        if words := words_of(name):
            forms.setdefault(" ".join(words), number)
            longest.setdefault(words[0], set()).add(len(words))

    short: dict[str, list[tuple[int, list[str]]]] = {}
    for number, concept in enumerate(concepts.values()):
        for name in (concept.name, *concept.synonyms, *concept.lay, *concept.es):
            take(name, number)
        for each, context in concept.abbreviations.items():
            settling = sorted({word for phrase in context for word in words_of(phrase)})
            short.setdefault(each, []).append((number, settling))
    for number, concept in enumerate(concepts.values()):  # "sellar" is the sella turcica, where nothing else has that name
        for adjective in concept.adjectives:
            take(adjective, number)
    lengths = {word: tuple(sorted(several, reverse=True)) for word, several in longest.items()}
    different = sorted(set(lengths.values()))
    place = {each: number for number, each in enumerate(different)}
    owned = Counter(forms.values())
    return {
        "names": _SEPARATOR.join(concepts),
        "kinds": _SEPARATOR.join(concept.kind for concept in concepts.values()),
        "parents": _NEXT.join(_SEPARATOR.join(concept.parents) for concept in concepts.values()),
        "organs": _SEPARATOR.join(concept.organ for concept in concepts.values()),
        "forms": _SEPARATOR.join(sorted(forms, key=forms.__getitem__)),
        "forms of each": [owned[number] for number in range(len(concepts))],
        "first words": _SEPARATOR.join(lengths),
        "lengths of each": [place[each] for each in lengths.values()],
        "lengths": different,
        "short": short,
        "adjectives": adjectives,
    }


def _split(text: str) -> list[str]:
    return text.split(_SEPARATOR) if text else []


def _check_parents(concepts: Mapping[str, Concept]) -> None:
    right: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in right:
            return
        if name in path:
            raise BadInput(f"The lexicon's parents go round in a circle: {' → '.join((*path[path.index(name) :], name))}.")
        for parent in concepts[name].parents:
            if parent not in concepts:
                raise BadInput(f"The lexicon's “{name}” has the parent “{parent}”, which it does not have.")
            visit(parent, (*path, name))
        right.add(name)

    for name in concepts:
        visit(name, ())


def _organs_of_adjectives(concepts: Iterable[Concept]) -> dict[str, str]:
    """Adjective to the word for its organ, where both are one word and the adjective has one organ only."""
    organs: dict[str, set[str]] = {}
    for concept in concepts:
        if concept.kind == "anatomy" and " " not in concept.name:
            for adjective in concept.adjectives:
                if " " not in adjective:
                    organs.setdefault(_folded(adjective), set()).add(_folded(concept.name))
    return {adjective: next(iter(names)) for adjective, names in organs.items() if len(names) == 1}


@lru_cache(maxsize=50_000)
def _folded(word: str) -> str:
    if not word.isascii():
        word = "".join(sign for sign in unicodedata.normalize("NFKD", word) if not unicodedata.combining(sign))
    return fold(word)


_FORMS = {"abbreviations": "short forms, each with a list of words"}


def read(path: Path) -> list[Concept]:
    """Read the concepts of a file, one a line of JSON.

    Raises
    ------
    mirage.errors.BadInput
        When a line is broken; the message names it.
    """
    known = {each.name for each in fields(Concept)}
    concepts = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            strange = sorted(set(values) - known)
            if strange:
                raise ValueError(f"it has no field {strange[0]!r}")
            for name, each in values.items():
                several = name not in ("name", "kind", "organ", "source", "reviewed", "abbreviations")
                texts = each if several and isinstance(each, list) else [each]
                right = isinstance(each, dict) if name == "abbreviations" else isinstance(each, list if several else str)
                if not right or not (name == "abbreviations" or all(isinstance(one, str) and one.strip() for one in texts)):
                    raise ValueError(
                        f"its {name!r} has to be {_FORMS.get(name, 'a list of texts' if several else 'a text')}"
                    )
            if _SEPARATOR in values["name"]:
                raise ValueError(f"its name holds {_SEPARATOR!r}")
            if values["kind"] not in KINDS:
                raise ValueError(f"there is no kind {values['kind']!r}; there are: {', '.join(KINDS)}")
            read_values: dict[str, Any] = {
                name: tuple(each) if isinstance(each, list) else each for name, each in values.items()
            }
            concepts.append(Concept(**read_values))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadInput(f"Line {number} of the lexicon {path} cannot be read: {error}.") from error
    return concepts


TABLES = FOLDER / "tables.json"


def files(own: Path | None = None) -> list[Path]:
    """The files of the lexicon that ships, and somebody's own."""
    return sorted(FOLDER.glob("*.jsonl")) + ([own] if own else [])


def digest_of(paths: Iterable[Path]) -> str:
    """What changes when a file does, or the rules that texts are read by."""
    return hashlib.sha256(RULES.encode() + b"".join(path.read_bytes() for path in paths)).hexdigest()


def read_all(paths: Iterable[Path]) -> dict[str, Concept]:
    """Read the concepts of some files, by name.

    Raises
    ------
    mirage.errors.BadInput
        When a line is broken or a name stands twice; the message names it.
    """
    found: dict[str, Concept] = {}
    for path in paths:
        for concept in read(path):
            if concept.name in found:
                raise BadInput(
                    f"The lexicon {path} has “{concept.name}”, which stands before it already. Give it another name."
                )
            found[concept.name] = concept
    return found


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The lexicon that ships, with somebody's own file where the setting `lexicon` names one; read once.

    Raises
    ------
    mirage.errors.BadInput
        When their own file is missing or broken.
    """
    own = Settings.load().lexicon
    try:
        paths = files(own)
        digest = digest_of(paths)
        if own is None:
            # Folding 13,000 names takes 100 ms; the tables that ship hold what that gives, and count for these files only.
            kept = json.loads(TABLES.read_text("utf-8"))
            if kept["digest"] == digest:
                return Lexicon.from_tables(kept, digest, lambda: read_all(paths))
        return Lexicon(read_all(paths).values(), digest)
    except OSError as error:
        raise BadInput(
            f"The lexicon {own or FOLDER} cannot be read: {error.strerror}. Check the setting 'lexicon'."
        ) from error
