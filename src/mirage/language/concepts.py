"""Concepts: one thing of medicine under all its names, and where a text names it.

The lexicon is plain data that was written for this project, one concept a line of JSON in ``shipped/lexicon``, by organ
system. A file of somebody's own may add to it. Names are compared in the forms of `mirage.language.words.fold`, with an
organ's adjective read as the organ and with "of the" turned round, so that *haemorrhages of the adrenal gland* needs no
entry beside *adrenal hemorrhage*.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, count, repeat
from typing import Any, Self

from mirage.errors import BadInput
from mirage.language.lexicon_files import (
    FOLDER,
    NEXT,
    SEPARATOR,
    TABLES,
    Concept,
    digest_of,
    files,
    folded,
    read_all,
    split,
    tables_of,
)
from mirage.language.short_forms import ALSO, BESIDE, EVERYDAY, elsewhere, is_titled, shouted, spelled
from mirage.language.words import MAY_BE_PARTED, PARTED, WORD, joined, remembered
from mirage.wording import _

_STOPS = frozenset(".;:!?()")  # no name goes across one
_WORD_OR_STOP = re.compile(rf"{WORD.pattern}|[.;:!?()]")
_ARTICLES = frozenset("the a an la el los las".split())
_OF = frozenset("of de del".split())
# What stands between a thing and its place: "metastatic to the brain", "stress fracture right femoral neck".
_BETWEEN = _OF | frozenset("to in into within involving right left bilateral".split())
_ILL = frozenset({"disease", "finding"})
_LYING_IN = frozenset("in into within involving".split())  # what lies in a place is named with it only where it has spread
_SPREAD = frozenset("metastatic metastasis met metastasize metastasized".split())
_FARTHEST_SPREAD = 6  # words from "metastatic" to "to the lungs"
_USUAL = "usually"  # among the settling words of a short form's meaning: what it means in a text that settles nothing
_LONGEST_AROUND_OF = 4
_LONGEST_BETWEEN = 8  # words from "of" to the place that the thing is in
_BESIDE_LA = frozenset("de del el en con sin un una los las por y que se como".split())  # where *la* is Spanish
_PICTURES_LA = frozenset({"tc", "tac", "rm", "rmn", "rx", "eco"})
_AFTER_LA = ("a", "ión", "dad", "ente")
_NEAR = 12  # words
_LETTERS_ALIKE = 4  # from which on words are of one stem
_SIDES = frozenset({"left", "right"})
_GRADED = frozenset({"type", "grade", "stage", "class", "tipo", "grado"})
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6"}
_BESIDE_EPONYMS = frozenset({"anatomy", "modality", "sequence", "plane"})
_ELSE = -1  # in place of the number of a concept: what the lexicon has none for


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
                raise BadInput(_("The lexicon has “%(concept)s” twice.", concept=concept.name))
            known[concept.name] = concept
        self._use(tables_of(known), digest, lambda: known)

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
        self._names: Sequence[str] = split(tables["names"])
        self._kinds = dict(zip(self._names, split(tables["kinds"]), strict=True))
        owners = chain.from_iterable(map(repeat, count(), tables["forms of each"]))
        self._forms: Mapping[str, int] = dict(zip(split(tables["forms"]), owners, strict=True))
        self._longest: Mapping[str, int] = dict(zip(split(tables["first words"]), tables["lengths of each"], strict=True))
        self._lengths: Sequence[Sequence[int]] = tables["lengths"]
        self._eponyms: Mapping[str, int] = tables["eponyms"]
        self.adjectives: Mapping[str, str] = tables["adjectives"]
        also = {short: (_ELSE, frozenset(map(self.canonical, settling))) for short, settling in ALSO.items()}
        self._short: Mapping[str, Sequence[tuple[int, Collection[str]]]] = {
            short: (*meanings, also[short.lower()]) if short.lower() in also else meanings
            for short, meanings in tables["short"].items()
        }
        self._small: dict[str, str] = {short.lower(): short for short in self._short if short.lower() not in EVERYDAY}
        self._broader: dict[str, frozenset[str]] = {}
        self._narrower: dict[str, frozenset[str]] = {}

    @cached_property
    def concepts(self) -> Mapping[str, Concept]:
        """Concept by name, with all that the files say of it."""
        return self._read()

    @cached_property
    def _parents(self) -> Mapping[str, Sequence[str]]:
        parents = zip(self._names, self.tables["parents"].split(NEXT), strict=False)  # without names there is one empty text
        return {name: of.split(SEPARATOR) for name, of in parents if of}

    @cached_property
    def _organs(self) -> Mapping[str, str]:
        return dict(zip(self._names, self.tables["organs"].split(SEPARATOR), strict=False))

    @cached_property
    def _children(self) -> Mapping[str, Sequence[str]]:
        children: dict[str, list[str]] = {}
        for name, parents in self._parents.items():
            for parent in parents:
                children.setdefault(parent, []).append(name)
        return children

    @cached_property
    def _beginnings(self) -> Mapping[int, Set[str]]:
        """How the words of the names begin that what has short forms goes by."""
        found: dict[int, set[str]] = {own: set() for meanings in self._short.values() for own, _ in meanings}
        for form, own in self._forms.items():
            if own in found:
                found[own].update(word[:_LETTERS_ALIKE] for word in form.split())
        return found

    @cached_property
    def _last_words(self) -> frozenset[str]:
        return frozenset(form.rsplit(" ", 1)[-1] for form in self._forms)

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every word of every name, in the form that words are compared in."""
        return frozenset(word for form in self._forms for word in form.split())

    @cached_property
    def _telling(self) -> frozenset[str]:
        return frozenset(self._longest).union(self._eponyms, _GRADED, _SPREAD, ("to", "and"))

    def _may_name(self, words: Sequence[str], place: int) -> bool:
        """Whether a name other than a short form may begin at a word; at half of the words of a text none does."""
        word = words[place]
        return word in self._telling or (
            word in self.vocabulary and not _BETWEEN.isdisjoint(words[place + 1 : place + 1 + _LONGEST_AROUND_OF])
        )

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
        if name not in self._narrower:
            found = _all_of(name, self._children)
            apart = self._apart & found
            self._narrower[name] = found - {each for each in apart if name not in self.parents(each)} if apart else found
        return self._narrower[name]

    @cached_property
    def _apart(self) -> frozenset[str]:
        """Concepts that are no kind of something that their parents are, and those below them."""
        return frozenset(self.tables["apart"]).union(*(_all_of(name, self._children) for name in self.tables["apart"]))

    def parents(self, name: str) -> frozenset[str]:
        """All broader concepts, whatever the number of steps, without those that a concept on the way is set apart from."""
        if name not in self._broader:
            found = _all_of(name, self._parents)
            apart = {each for one in (name, *found) for each in self.tables["apart"].get(one, ())}
            self._broader[name] = _all_of(name, self._parents, apart) if apart else found
        return self._broader[name]

    def broader(self, name: str) -> Sequence[str]:
        """What a concept is a kind of, one step up."""
        return self._parents.get(name, ())

    def general(self, name: str) -> str:
        """The broader concept that a name says with nothing but its organ added, if there is one.

        *hepatic hemangioma* is *hemangioma* of the liver; *giant hemangioma* is more than a *hemangioma*.
        """
        organ = self.organ(name)
        place = {*self.words(organ), *_OF, *_ARTICLES}
        own = [word for word in self.words(name) if word not in place]
        # "Lumbar spinal stenosis" is "spinal stenosis" of the lumbar spine.
        same = (parent for parent in self._parents.get(name, ()) if own and set(own) == set(self.words(parent)) - place)
        by_other_name = self._forms.get(" ".join(own))  # "esophageal cancer" is "cancer", a malignant neoplasm
        called = "" if by_other_name is None else self._names[by_other_name]
        return next(same, called if called in self.parents(name) else "") if organ else ""

    def short_forms(self) -> Iterable[str]:
        """All short forms, as they are written."""
        return self._short.keys()

    def spans(self, text: str) -> list[tuple[str, int, int]]:
        """Words and full stops of a text with their places; a word that is written in two parts, *sub-arachnoid*, is one.

        What is no word of a name when it is joined stays two, but for *non-*: *non-displaced* is not *displaced*.
        """
        parted: dict[int, tuple[str, int, int]] = {}
        for found in PARTED.finditer(text) if MAY_BE_PARTED.search(text) else ():
            word = joined(found.group())
            if word.lower().startswith("non") or self.canonical(word) in self.vocabulary:
                parted[found.start()] = (word, found.start(), found.end())
        if not parted:
            return [(plain.group(), plain.start(), plain.end()) for plain in _WORD_OR_STOP.finditer(text)]
        spans: list[tuple[str, int, int]] = []
        for plain in _WORD_OR_STOP.finditer(text):
            if not spans or plain.start() >= spans[-1][2]:
                spans.append(parted.get(plain.start(), (plain.group(), plain.start(), plain.end())))
        return spans

    @staticmethod
    def begins(text: str, place: int) -> bool:
        """Whether a word in two parts begins at a place of a text."""
        return PARTED.match(text, place) is not None

    def words(self, text: str) -> list[str]:
        """The words of a text, in the form that words are compared in."""
        return [self.canonical(word) for word, _, _ in self.spans(text) if word not in _STOPS]

    def folded(self, text: str) -> str:
        """The different words of a text as `words` gives them, in order and with spaces between, as they are stored."""
        return " ".join(sorted(set(self.words(text))))

    def canonical(self, word: str) -> str:
        """The form that a word is compared in: folded, without accents, and the organ in place of its adjective."""
        plain = folded(word)
        return self.adjectives.get(plain, plain)

    def knows(self, word: str) -> bool:
        """Whether a word stands in any name, or is a short form."""
        return self.canonical(word) in self.vocabulary or bool(self._short_form(word, typed=True))

    def is_name(self, word: str) -> bool:
        """Whether one word is a whole name."""
        return self.canonical(word) in self._forms

    def find(self, text: str, *, typed: bool = False, eponyms: bool = False) -> Found:
        """Find what a text names.

        Parameters
        ----------
        text : str
        typed : bool
            Somebody typed it: short forms may be in small letters.
        eponyms : bool
            A name of a person may stand for the thing that is called after it, *Crohn's* for Crohn disease.
        """
        return self._find(text, typed=typed, eponyms=eponyms) if typed or eponyms else self._remembered(text)

    @cached_property
    def _remembered(self) -> Callable[[str], Found]:
        # Sentences of a source are found by many queries, and each is read for several things.
        return remembered(8192)(self._find)

    def _find(self, text: str, *, typed: bool = False, eponyms: bool = False) -> Found:
        spans = self.spans(text)
        words = [word if word in _STOPS else self.canonical(word) for word, _, _ in spans]
        there = frozenset(words)
        matches: list[Match] = []
        doubtful: dict[str, tuple[str, ...]] = {}
        loud = shouted(text, len(words))
        place = 0
        while place < len(words):
            written, start, _other = spans[place]
            short = self._short_form(written, typed, loud=loud)
            if not short and words[place] not in BESIDE and not self._may_name(words, place):
                place += 1
                continue
            concept, length = self._named_at(words, place)
            # "LIP in HIV" is no lip; in a text of capitals it may be.
            lettered = length == 1 and written in self._short and not loud and (typed or not text.isupper())
            if short or words[place] in BESIDE:
                may = self._meant_elsewhere(text, spans, place, short, concept if length > 1 else "", typed)
                may = self._named_or_shortened(concept, written, there) if may is None and lettered and typed else may
                if may is not None:
                    doubtful |= {short or written.upper(): may} if may else {}
                    place += 1
                    continue
            # "Right lung window", "left kidney stone"
            sided = typed and length and words[place] in _SIDES and self._named_at(words, place + 1)[1] >= length
            if lettered or sided:
                concept, length = "", 0
            if words[place] in _GRADED and (numbered := self._numbered_at(words, place))[1] > length:
                concept, length = numbered
            if not length and eponyms and not _is_somebody(text, start) and (called := self._called_after(words, place)):
                concept, length = called, 1
            elif not length and short:
                concept, length = self._shortened(short, there, typed, doubtful)
                if (more := self._numbered_short(short, words, place))[1]:
                    doubtful.pop(short, None)
                    concept, length = more
            if length == 1 and (_is_article(spans, place, typed) or self._is_before_organ(spans, words, place, typed)):
                concept = ""
                doubtful.pop(short, None)
            bare = not concept or (length == 1 and self.kind(concept) == "anatomy")
            if bare and not typed and (shared := self._shared(words, place, text.startswith("/", spans[place][2]))):
                concept, length = shared, 1
            if concept:
                matches.append(Match(concept, spans[place][1], spans[place + length - 1][2]))
            place += length or 1
        return Found(tuple(matches), doubtful)

    def _is_before_organ(self, spans: Sequence[tuple[str, int, int]], words: Sequence[str], place: int, typed: bool) -> bool:
        """Whether a typed *la* stands before an organ or a picture, *la RM*: nobody writes so of the left atrium."""
        if not typed or spans[place][0] != "la" or place + 1 == len(words):
            return False
        if words[place + 1] in _PICTURES_LA:
            return True
        named = self._named_at(words, place + 1)[0]
        return bool(named) and self.kind(named) == "anatomy"

    def _short_form(self, word: str, typed: bool, loud: bool = False) -> str:
        """The short form that a word is, or of which it is the plural; or empty, as for *AS* in a text of capitals only."""
        if word in self._short:
            return "" if loud and word.lower() in EVERYDAY and not self._is_how(word) else word
        if typed and word.lower() in self._small:
            return self._small[word.lower()]
        one = word.removesuffix("s").rstrip("'’")
        if one == word or len(one) < 2:
            return ""
        if one in self._short and one.isupper():
            return one
        plural = typed and len(one) > 2 and self.canonical(word) not in self.vocabulary
        return self._small.get(one.lower(), "") if plural else ""

    def _named_or_shortened(self, concept: str, short: str, there: frozenset[str]) -> tuple[str, ...] | None:
        """What letters may mean that are a name too, *TOS*, where no other word settles what they are short for."""
        names = tuple(self._names[own] for own, _ in self._short[short] if own != _ELSE)
        settled = concept in names or any(there.intersection(context) for _, context in self._short[short])
        return None if settled else (concept, *names)

    def _is_nobody(self, word: str) -> bool:
        """Whether a word is one of medicine, and no surname that something is called after."""
        return self.knows(word) and self.canonical(word) not in self._eponyms

    def _tells(self, word: str) -> bool:
        """Whether a word is the name of something, or a short form."""
        return word in self._forms or word in self._small

    def _is_how(self, short: str) -> bool:
        """Whether a short form may say how a picture is made."""
        return any(own != _ELSE and self.kind(self._names[own]) == "modality" for own, _ in self._short[short])

    def _meant_elsewhere(
        self, text: str, spans: Sequence[tuple[str, int, int]], place: int, short: str, longer: str, typed: bool
    ) -> tuple[str, ...] | None:
        """What letters may still mean of which the text says that they are something else; None where it does not.

        A longer name that begins with them is what it says, *T1 vertebra*; but "free T4 level" tells of no spine.
        """
        written, start, _other = spans[place]
        low, nobody = written.lower(), self._is_nobody if typed else None
        may = elsewhere(text, start, low, nobody) if low in BESIDE else None
        if longer:
            return may if may == () and self.kind(longer) == "anatomy" else None
        if may is not None or not short:
            return may
        raw = [word for word, _, _ in spans[max(0, place - _NEAR) : place + 2]]
        here = min(place, _NEAR)
        if (explained := spelled(raw, here)) is None:
            return None
        words = {self.canonical(word)[:_LETTERS_ALIKE] for word in raw[slice(*explained)]}  # "computed tomogram (CT)"
        return () if all(words.isdisjoint(self._beginnings[own]) for own, _ in self._short[short] if own != _ELSE) else None

    def _named_at(self, words: Sequence[str], place: int) -> tuple[str, int]:
        """The concept of the longest name that begins at a place and how many words it takes; also "stone of the kidney"."""
        concept, length = "", 0
        first = self._longest.get(words[place])
        for most in () if first is None else self._lengths[first]:
            found = self._forms.get(" ".join(words[place : place + most]))
            if found is not None:
                concept, length = self._names[found], min(most, len(words) - place)
                break
        if ")" in words[place + 1 : place + 2 + 2 * _LONGEST_AROUND_OF]:
            around, most = self._around_brackets(words, place)
            if most > length:
                concept, length = around, most
        if not _BETWEEN.isdisjoint(words[place + 1 : place + 1 + _LONGEST_AROUND_OF]):
            turned, most = self._turned_at(words, place)
            if most > length:
                return turned, most
        if not length and words[place] in ("to", "and") and (reached := self._spread_to(words, place))[1]:
            return reached
        return concept, length

    def _called_after(self, words: Sequence[str], place: int) -> str:
        """What is called after a person whose name stands alone; "Crohn's of the ileum", but not "Crohn's tumor"."""
        eponym = self._eponyms.get(words[place])
        if eponym is None:
            return ""
        after = place + 1
        while after < len(words) and words[after] in (*_OF, *_ARTICLES, "in", "on"):
            after += 1
        alone = after >= len(words) or words[after] in (*_STOPS, "vs", "versus", "and", "or")
        beside = "" if alone else self._named_at(words, after)[0]
        return self._names[eponym] if alone or (beside and self.kind(beside) in _BESIDE_EPONYMS) else ""

    def _around_brackets(self, words: Sequence[str], place: int) -> tuple[str, int]:
        """A name with brackets in it, *vestibular (acoustic) schwannoma* or *(conjoined) twins*."""
        closed = words.index(")", place)
        before = words[place - 1 : place] == ["("]
        opened = closed if before else next((at for at in range(place, closed) if words[at] == "("), place)
        if opened <= place or opened - place > _LONGEST_AROUND_OF or closed - opened > _LONGEST_AROUND_OF + 1:
            return "", 0
        after = closed + 1
        for most in range(min(_LONGEST_AROUND_OF, len(words) - after), 0, -1):
            found = self._forms.get(" ".join((*words[place:opened], *words[after : after + most])))
            if found is not None:
                return self._names[found], after + most - place
        return "", 0

    def _shared(self, words: Sequence[str], place: int, slash: bool) -> str:
        """What a word means that shares its noun with the next one, *perinephric/subcapsular hematoma*."""
        noun = place + 2 if slash else place + 3 if words[place + 1 : place + 2] in (["and"], ["or"]) else 0
        named = " ".join((words[place], words[noun])) if 0 < noun < len(words) else ""
        return self._names[self._forms[named]] if named in self._forms else ""

    def _numbered_at(self, words: Sequence[str], place: int) -> tuple[str, int]:
        """What is named with its number behind: *type 2 neurofibromatosis*."""
        for most in range(min(_LONGEST_AROUND_OF, len(words) - place - 2), 0, -1):
            found = self._forms.get(" ".join((*words[place + 2 : place + 2 + most], *words[place : place + 2])))
            if found is not None:
                return self._names[found], most + 2
        return "", 0

    def _numbered_short(self, short: str, words: Sequence[str], place: int) -> tuple[str, int]:
        """What a short form means together with the number behind it: *MEN 2*, *MEN type 2*."""
        after = words[place + 1 : place + 3]
        if not after or not (after[0] in _GRADED or after[0][0].isdigit() or after[0] in _ROMAN):
            return "", 0
        for own, _other in self._short[short]:
            if own == _ELSE:
                continue
            name = self.words(self._names[own])
            graded = after[0] in _GRADED
            number = after[1:] if graded else after[:1]
            plain = [_ROMAN.get(each, each) for each in number]
            for way in ((*name, *number), (*name, "type", *number), (*name, *plain), (*name, "type", *plain)):
                found = self._forms.get(" ".join(way)) if number else None
                if found is not None:
                    return self._names[found], 2 + graded
        return "", 0

    def _turned_at(self, words: Sequence[str], place: int) -> tuple[str, int]:
        middle = next(at for at in range(place + 1, len(words)) if words[at] in _BETWEEN)
        spread = words[middle - 1] in _SPREAD
        if not spread and (words[middle - 1] not in self._last_words or words[middle] in _LYING_IN):
            return "", 0
        what = tuple("metastasis" if word in _SPREAD else word for word in words[place:middle])
        return self._in_a_place(words, place, middle, what)

    def _spread_to(self, words: Sequence[str], place: int) -> tuple[str, int]:
        """Where something has spread to, *to lungs* in "metastatic breast cancer to lungs"; "and liver" after it."""
        first = max(0, place - _FARTHEST_SPREAD)
        before = words[max((at + 1 for at in range(first, place) if words[at] in _STOPS), default=first) : place]
        spread = not _SPREAD.isdisjoint(before) and (words[place] == "to" or "to" in before)
        return self._in_a_place(words, place, place, ("metastasis",)) if spread else ("", 0)

    def _in_a_place(self, words: Sequence[str], place: int, middle: int, what: tuple[str, ...]) -> tuple[str, int]:
        """The name that has a place, which follows, before the thing."""
        after = middle + 1
        while after < min(len(words), middle + _LONGEST_BETWEEN) and (words[after] in _ARTICLES or words[after] in _BETWEEN):
            after += 1
        for most in range(min(_LONGEST_AROUND_OF, len(words) - after), 0, -1):
            found = self._forms.get(" ".join((*words[after : after + most], *what)))
            # "Radiograph of the right knee" speaks of the knee too.
            if found is not None and (set(words[middle:after]) <= _OF | _ARTICLES or self.kind(self._names[found]) in _ILL):
                return self._names[found], after + most - place
        return "", 0

    def _shortened(
        self, short: str, there: frozenset[str], typed: bool, doubtful: dict[str, tuple[str, ...]]
    ) -> tuple[str, int]:
        meanings = self._short.get(short)
        if not meanings:
            return "", 0
        settled = sorted(((len(there.intersection(context)), own) for own, context in meanings), reverse=True)
        if not settled[0][0] and any(self._tells(word) for word in there - {short.lower()}):  # "OCD knee"
            meanings = [each for each in meanings if each[0] != _ELSE]
        names = tuple(self._names[own] for own, _ in meanings if own != _ELSE)
        if settled[0][0] and (len(settled) == 1 or settled[0][0] > settled[1][0]):
            return (self._names[settled[0][1]] if settled[0][1] != _ELSE else ""), 1
        usual = [own for own, context in meanings if own != _ELSE and (not context or _USUAL in context)]
        if len(meanings) == 1 and typed:
            usual = [meanings[0][0]]
        if len(usual) == 1 and (not typed or self._stands_alone(usual[0], [own for own, _ in meanings])):
            return self._names[usual[0]], 1
        doubtful[short] = names
        return "", 1

    def _stands_alone(self, usual: int, meanings: Sequence[int]) -> bool:
        """Whether a typed short form means the usual thing although it has other meanings.

        So do *MR*, which says how a picture is made, and *TB*, of which the other meaning is a kind.
        """
        name = self._names[usual]
        others = {self._names[own] for own in meanings if own != _ELSE} - {name}
        is_kind = _ELSE not in meanings and others <= self.children(name) | self.parents(name)
        return self.kind(name) in ("modality", "sequence", "plane") or is_kind


def _is_somebody(text: str, start: int) -> bool:
    """Whether a person's name stands for that person, or is half of a name: "Niemann-Pick" is not called after Pick."""
    return text.endswith("-", 0, start) or is_titled(text, start)


def _is_article(spans: Sequence[tuple[str, int, int]], place: int, typed: bool) -> bool:
    """Whether a word, as it is written, is an article of Spanish, no *uña* and not always LA; or *año*, that is no *ano*."""
    word = spans[place][0]
    if word.lower() in ("una", "unas", "año", "años"):
        return True
    if not typed or word != "la" or place + 1 == len(spans):
        return False
    near = spans[max(0, place - _NEAR) : place + _NEAR]
    return spans[place + 1][0].endswith(_AFTER_LA) or not _BESIDE_LA.isdisjoint(word.lower() for word, _, _ in near)


def _all_of(name: str, steps: Mapping[str, Sequence[str]], without: Set[str] = frozenset()) -> frozenset[str]:
    """All that is reached from a name by any number of steps, none of them to what is left out."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for other in steps.get(waiting.pop(), ()):
            if other not in found and other not in without:
                found.add(other)
                waiting.append(other)
    return frozenset(found)


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The lexicon that ships, with somebody's own file where the setting `lexicon` names one; read once.

    Raises
    ------
    mirage.errors.BadInput
        When their own file is missing or broken.
    """
    from mirage.settings import Settings  # noqa: PLC0415 - with all that settings are checked by

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
            _(
                "The lexicon %(own)s cannot be read: %(strerror)s. Check the setting 'lexicon'.",
                own=own or FOLDER,
                strerror=error.strerror,
            )
        ) from error
