"""What names a diagnosis: to ask only for what is plain, to keep quiet what gives it away, and to judge what is typed."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from mirage.errors import BadInput
from mirage.figure import Figure
from mirage.language import sentences
from mirage.language.asking import fillers, modifiers
from mirage.language.concepts import lexicon
from mirage.language.mentions import mentions
from mirage.language.reading import read
from mirage.language.stated import agreement, asked_beside_names
from mirage.language.vocabulary import is_common
from mirage.query import tidy
from mirage.study.quiz.question import Passage
from mirage.wording import _

ILL = frozenset({"disease", "finding"})
_LONGEST = 120  # characters of a diagnosis that is asked for; a longer one tells a story
_MOST_KINDS = 40  # narrower concepts: what has more, a mass or a tumor, names no diagnosis
_DOUBT = re.compile(r"(?i)\?|\b(?:unknown|await\w*|pending|vs\.?|versus|or|rule out|unclear|undetermined|inconclusive)\b")
_LONG = 6  # letters of a word that tells a concept by itself
_DERIVED = 8  # letters of a name from which other words are derived
_OF_SIS = ("sed", "sing", "siz", "tic", "us")  # what stands for *-sis* in them: *thrombo-* begins words of other things
_UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u2060\ufeff]+")
_BROKEN = re.compile(r"(?<=[^\W\d])[-\u2010\u2011][^\S\n]*[\r\n]\s*(?=[^\W\d])")
_HYPHEN = re.compile(r"(?<=[^\W\d])[-\u2010\u2011](?=[^\W\d])")
MOST_TYPED = 300

Verdict = Literal["right", "broader", "narrower", "contrary", "part", "wrong", "unknown", "passed"]
"""Right; not precise enough; more precise than the source; right but for a side or a number; a part of it; wrong; not a
diagnosis that is known; nothing was given."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A diagnosis that is plain enough to be asked for.

    Attributes
    ----------
    concept : str
    text : str
        As the source says it.
    part : tuple of str
        Findings that it names beside the disease.
    """

    concept: str
    text: str
    part: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def diagnosis_of(text: str) -> Diagnosis | None:
    """The one disease, or else the one finding, that a diagnosis names; None where it names several, or is in doubt.

    Where words beside it are names of nothing that the lexicon has, it may be another thing altogether.
    """
    known, told = lexicon(), mentions(text)
    named = list(dict.fromkeys(one.concept for one in told if known.kind(one.concept) in ILL))
    if not named or len(text) > _LONGEST or any(one.polarity != "affirmed" for one in told) or _DOUBT.search(text):
        return None
    named = [name for name in named if not any(name in known.parents(other) for other in named)]
    diseases = [name for name in named if known.kind(name) == "disease"]
    if len(diseases or named) != 1 or len(known.children((diseases or named)[0])) > _MOST_KINDS:
        return None
    places = {place for one in known.find(text).matches for place in range(one.start, one.end)}
    for word, start, _end in known.spans(text):
        plain = known.canonical(word) in fillers() | modifiers() or is_common(word.lower())
        if word[0].isalpha() and start not in places and not plain:
            return None
    (concept,) = diseases or named
    return Diagnosis(concept, tidy(text).rstrip("."), tuple(name for name in named if name != concept))


def kin(one: str, other: str) -> bool:
    """Whether two concepts are the same, or one is a kind of the other: of these both may be true at once."""
    known = lexicon()
    return one == other or one in known.parents(other) or other in known.parents(one)


def names_of(concept: str) -> tuple[str, ...]:
    """All names of a concept: preferred, other, lay and Spanish ones, and short forms."""
    if concept not in lexicon():
        return (concept,)
    told = lexicon().concepts[concept]
    return (told.name, *told.synonyms, *told.lay, *told.es, *told.abbreviations)


def gives_away(text: str, concepts: Collection[str]) -> bool:
    """Whether a text names one of some concepts, or a kind of one, by whatever name, affirmed or not.

    A word that is broken at the end of a line is read both ways, as one word and with its hyphen.
    """
    if not text or not concepts:
        return False
    seen = _as_seen(text)
    return any(_names(each, concepts) for each in dict.fromkeys((seen, _HYPHEN.sub("", seen))))


def _as_seen(text: str) -> str:
    """A text without what nobody sees, and with no line's end within a word."""
    return _BROKEN.sub("-", _UNSEEN.sub("", text))


def _names(text: str, concepts: Collection[str]) -> bool:
    known = lexicon()
    found = known.find(text, typed=True, eponyms=True)
    said = {match.concept for match in found.matches}.union(*found.doubtful.values())
    if any(concept in said or not known.children(concept).isdisjoint(said) for concept in concepts if concept in known):
        return True
    written = known.words(text)
    if any(not telling(concept).isdisjoint(written) for concept in concepts):
        return True
    stems = tuple(stem for concept in concepts for stem in _stems(concept))
    if any(word.startswith(stems) for word in written):
        return True
    words = f" {' '.join(written)} "
    names = (" ".join(known.words(name)) for concept in concepts for name in names_of(concept))
    return any(f" {name} " in words for name in names if name)


@lru_cache(maxsize=4096)
def _stems(concept: str) -> tuple[str, ...]:
    """How words derived from a concept's names begin: *meningiom* of *meningiomatous*, *thrombotic* of *thrombosis*."""
    words = [lexicon().words(name) for name in names_of(concept)]
    long = [word[0] for word in words if len(word) == 1 and len(word[0]) >= _DERIVED and word[0].isalpha()]
    stems = (
        [word[:-3] + ending for ending in _OF_SIS] if word.endswith("sis") else [re.sub("[aeiou]$", "", word)]
        for word in long
    )
    return tuple(dict.fromkeys(stem for each in stems for stem in each))


@lru_cache(maxsize=4096)
def telling(concept: str) -> frozenset[str]:
    """Words of a concept's names that no other one has but its kin, folded: *hemichorea* of *hyperglycemic hemichorea*."""
    named = (word for name in names_of(concept) for word in lexicon().words(name))
    return frozenset(
        word
        for word in named
        if len(word) >= _LONG
        and word.isalpha()
        and not is_common(word)
        and all(kin(each, concept) for each in _named_by(word))
    )


def _named_by(word: str) -> frozenset[str]:
    return _words_of_names().get(word, frozenset())


@lru_cache(maxsize=1)
def _words_of_names() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for concept in lexicon().concepts:
        for name in names_of(concept):
            for word in lexicon().words(name):
                found.setdefault(word, set()).add(concept)
    return {word: frozenset(concepts) for word, concepts in found.items()}


def kept_quiet(name: str, text: str, concepts: Collection[str]) -> Passage:
    """A passage without the sentences that give an answer away.

    Parameters
    ----------
    name, text : str
    concepts : collection of str
        Of the answer.
    """
    if not gives_away(text, concepts):
        return Passage(name, text)
    parts = sentences.split(_as_seen(text))
    staying = [one.text for one in parts if not gives_away(one.text, concepts)]
    return Passage(name, "\n".join(staying), len(parts) - len(staying))


def denies(figure: Figure, concept: str) -> bool:
    """Whether a figure's caption says that it does not show a diagnosis, or shows what is normal."""
    for one in mentions(figure.caption):
        if one.concept == "normal" and one.polarity == "affirmed":
            return True
        if one.polarity == "denied" and kin(one.concept, concept):
            return True
    return False


# -- what somebody types -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer is worth.

    Attributes
    ----------
    verdict : str
        Of `Verdict`.
    given : str
        Concept that was given; empty where none is known.
    text : str
        As it was given.
    read : str
        As it was read, where spelling was mended; else empty.
    place : (float, float) or None
        Where somebody pointed, as shares of the picture's width and height.
    """

    verdict: Verdict
    given: str = ""
    text: str = ""
    read: str = ""
    place: tuple[float, float] | None = None

    @property
    def right(self) -> bool:
        """Whether it is right."""
        return self.verdict == "right"

    @property
    def counts(self) -> bool:
        """Whether it can be told at all; what is more precise than the source says cannot."""
        return self.verdict != "narrower"


def judged(typed: str, concept: str, part: Collection[str] = (), source: str = "") -> Judgement:
    """Judge a diagnosis that somebody typed, by what it means.

    Parameters
    ----------
    typed : str
    concept : str
        The right answer.
    part : collection of str
        Concepts that are a part of it.
    source : str
        The diagnosis in the source's words, to compare sides, numbers and contraries with.

    Raises
    ------
    mirage.errors.BadInput
        When several diagnoses are given, or it is too long. Nothing is told of what is right.
    """
    text = tidy(typed)
    if not text:
        return Judgement("passed")
    if len(text) > MOST_TYPED:
        raise BadInput(
            _(
                "The answer has %(text)s characters; %(most_typed)s is the most. Name one diagnosis.",
                text=format(len(text), ","),
                most_typed=MOST_TYPED,
            )
        )
    known = lexicon()
    reading = read(text, lambda _: False)
    mended = reading.text if reading.mended else ""
    named = [one.name for one in reading.concepts if one.kind in ILL]
    # A short form is what it may mean; a message has it as it was typed, and so does not tell which meaning is right.
    short = {concept if concept in meanings else meanings[0]: form for form, meanings in reading.doubtful.items()}
    named += short
    named = [name for name in dict.fromkeys(named) if not any(name in known.parents(other) for other in named)]
    accepted = {concept, *part}
    if not named:
        same = source and known.folded(text) == known.folded(source)
        return Judgement("right" if same else "unknown", concept if same else "", text, mended)
    if len(named) > 1 and not set(named) <= accepted:
        told = ", ".join(short.get(name, name) for name in named[:4])
        raise BadInput(_("That names several: %(told)s. Name the one that you think it is.", told=told))
    given = concept if concept in named else named[0]
    return Judgement(_verdict(given, concept, part, text, source), given, text, mended)


def _verdict(given: str, concept: str, part: Collection[str], text: str, source: str) -> Verdict:
    known = lexicon()
    if given == concept:
        return "contrary" if agreement(asked_beside_names(text), (source,)) == "contrary" else "right"
    if given in known.parents(concept):
        return "broader"
    if given in part:
        return "part"
    return "narrower" if concept in known.parents(given) else "wrong"
