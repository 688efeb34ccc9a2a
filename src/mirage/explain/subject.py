"""What an explanation must be about.

Names are compared as concepts of the lexicon. Where a question holds none, or only the end of a name, its words decide, and
whole ones.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal, NamedTuple

from mirage.explain.evidence import Evidence
from mirage.explain.focus import Focus, focus_of
from mirage.figure import Case
from mirage.language.asking import fillers
from mirage.language.concepts import Match, lexicon
from mirage.language.mentions import Mention, mentions
from mirage.language.words import fold, lowered, remembered, stem

Sort = Literal["disease", "finding", "other", "words"]
_SPELLED_ALIKE = 0.85  # from here on one name is taken for a misspelling of the other
_HELD = 0.8  # of the words asked for, where no concept decides
_SUBJECTS: tuple[Sort, ...] = ("disease", "finding", "other")
_SHORT = re.compile(r"[A-Z]{2,5}s?")
_PICTURED = frozenset(("modality", "sequence", "plane"))
NORMAL = frozenset(("normal", "normal finding", "normal variant"))
_PICTURES = re.compile(r"(?:^|,\s*)like the (?:dropped picture|figure \S+)")
_LESS = re.compile(r",?\s*less of .*$", re.DOTALL)


class Named(NamedTuple):
    """A concept that a sentence names, and where."""

    concept: str
    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked.

    Attributes
    ----------
    names : tuple of str
        Concepts; empty where words decide.
    sort : {"disease", "finding", "other", "words"}
        Of what sort they are.
    narrower, wider : frozenset of str
        The concepts and all kinds of them; and all that they are kinds of.
    focus : Focus
        The question's words, by how much they tell.
    guessed : bool
        Whether nobody asked for it in words: it is what the figures found are mostly about.
    places : frozenset of str
        Anatomy that is asked for beside a disease, which it can have anywhere; empty for none.
    normal : bool
        Whether normal pictures are asked for, so that no case with a disease can tell of it.
    beside : tuple of frozenset of str
        Devices and procedures that are asked for together with a disease or a finding, each with all kinds of it.
    """

    names: tuple[str, ...]
    sort: Sort
    narrower: frozenset[str]
    wider: frozenset[str]
    focus: Focus
    guessed: bool = False
    places: frozenset[str] = frozenset()
    normal: bool = False
    beside: tuple[frozenset[str], ...] = ()

    @property
    def is_structure(self) -> bool:
        """Whether parts of the body are asked for, and nothing else."""
        return self.sort == "other" and all(lexicon().kind(name) == "anatomy" for name in self.names)

    def named_in(self, text: str) -> bool:
        """Whether a title, diagnosis or heading names it or a kind of it."""
        if self.sort == "words":
            return self.focus.held(text) >= _HELD
        return any(mention.concept in self.narrower and mention.polarity != "denied" for mention in polarities(text))

    def alone_in(self, text: str) -> bool:
        """Whether a title or diagnosis names it and no other disease."""
        return self.named_in(text) and not (self.sort == "disease" and any(map(self.another, named(text))))

    def another(self, one: Named) -> bool:
        """Whether what a text names is another disease."""
        return one.kind == "disease" and self.foreign(one.concept)

    def alone(self, item: Evidence) -> bool:
        """Whether what a passage says without naming a disease can only be meant of it.

        The findings of a case are of the disease that its diagnosis names first, where it is so by the other ("A due to B");
        a discussion is of what the case is filed under. Where two diseases stand side by side it is open of which.
        """
        if item.kind == "discussion":
            return all(self.alone_in(text) for text in (item.topic, item.diagnosis or item.title) if text)
        diagnosis = item.diagnosis or item.title
        diseases = [one for one in named(diagnosis) if one.kind == "disease"]
        if not self.case_of(item) or self.sort == "words" or not any(map(self.another, diseases)):
            return self.case_of(item)
        one, *others = diseases
        between = diagnosis[one.end : others[0].start] if others else ","
        return (
            not self.another(one) and not _BESIDE.search(between) and (not between.strip() or bool(_FOLLOWS.search(between)))
        )

    def case_of(self, item: Evidence) -> bool:
        """Whether a passage's case is about it: by the diagnosis, and where that names no disease, by topic and title."""
        if item.diagnosis and (self.named_in(item.diagnosis) or any(one.kind == "disease" for one in named(item.diagnosis))):
            return self.named_in(item.diagnosis) and self.confirmed(item)
        return (self.named_in(item.title) or self.named_in(item.topic)) and self.confirmed(item)

    def confirmed(self, item: Evidence | Case) -> bool:
        """Whether a case whose title and diagnosis have only a short form of it ("PE tube") is filed under it too."""
        if self.sort != "disease" or not item.topic:
            return True
        related = self.narrower | self.wider
        if any(one.concept in related for one in named(item.topic)):
            return True
        about = f"{item.diagnosis}. {item.title}"
        texts = (about, *((item.text,) if isinstance(item, Evidence) and item.kind == "caption" else ()))
        return any(
            one.concept in self.narrower and not _SHORT.fullmatch(text[one.start : one.end])
            for text in texts
            for one in named(text)
        )

    def fits(self, item: Evidence) -> bool:
        """Whether a passage may tell of it: of what is normal only one whose case has no disease."""
        return not (self.normal and is_diseased(item))

    def together(self, evidence: Sequence[Evidence]) -> list[Evidence]:
        """The passages of those cases that have all that is asked for together; all of them where no case has.

        Asked for an aneurysm with a stent, another aneurysm is no answer where one with a stent is found.
        """
        if not self.beside:
            return list(evidence)
        cases: dict[str, set[str]] = {}
        for item in evidence:
            of = cases.setdefault(item.case or item.figures[0], set())
            of.update(one.concept for one in polarities(f"{item.about}. {item.text}") if one.polarity == "affirmed")
        whole = {case for case, has in cases.items() if all(has & each for each in (self.narrower, *self.beside))}
        return [item for item in evidence if not whole or (item.case or item.figures[0]) in whole]

    def placed(self, item: Evidence) -> bool:
        """Whether a passage's case is of the place that is asked for."""
        return not self.places or item.region in self.places or self.filed_in_place(item)

    def filed_in_place(self, item: Evidence | Case) -> bool:
        """Whether a case's title, diagnosis or topic names the place that is asked for, or a disease that lies there."""
        known = lexicon()
        texts = (item.title, item.diagnosis, item.topic)
        diseases = (one.concept for text in texts for one in named(text) if one.concept in self.narrower)
        return any(map(self.places_in, texts)) or any(known.organ(name) in self.places for name in diseases)

    def places_in(self, text: str) -> bool:
        """Whether a text names the place that is asked for."""
        return any(one.concept in self.places for one in named(text))

    def placed_by(self, every: Sequence[Named]) -> list[Named]:
        """Of what a sentence names, what is asked called without its place where the place is named beside it.

        "Metastases are the most common tumors of the liver" tells of hepatic metastases.
        """
        known = lexicon()
        of = {
            (parent, known.organ(name))
            for name in self.names
            for parent in known.parents(name)
            if name.endswith(f" {parent}") and known.organ(name) and not known.organ(parent)
        }
        there = {one.concept for one in every} | {known.organ(one.concept) for one in every}
        there = there.union(*(known.parents(one) for one in there if one in known))
        return [one for one in every if any(one.concept == parent and organ in there for parent, organ in of)]

    def foreign(self, concept: str) -> bool:
        """Whether a disease is another one: neither what is asked, nor a kind of it, nor what it is a kind of."""
        return concept not in self.narrower and concept not in self.wider


def is_diseased(item: Evidence) -> bool:
    """Whether the title, diagnosis or topic of a passage's case names a disease."""
    return any(one.kind == "disease" for one in named(". ".join((item.title, item.diagnosis, item.topic))))


@remembered(8192)
def named(text: str) -> tuple[Named, ...]:
    """The concepts that a text names, in order."""
    known = lexicon()
    return tuple(Named(each.concept, known.kind(each.concept), each.start, each.end) for each in known.find(text).matches)


@remembered(8192)
def polarities(text: str) -> tuple[Mention, ...]:
    """The concepts of a text, and how it speaks of each."""
    return tuple(mentions(text))


def subject_of(question: str, evidence: Sequence[Evidence]) -> Subject | None:
    """What a question asks for; for a picture alone, what the figures found are mostly about; None where nothing is asked.

    Parameters
    ----------
    question : str
    evidence : sequence of Evidence
        Settles which meaning a short form has, and how much each word tells.
    """
    return _subject_of(question, tuple(evidence))


@lru_cache(maxsize=64)
def _subject_of(question: str, evidence: tuple[Evidence, ...]) -> Subject | None:
    known = lexicon()
    plain = _LESS.sub("", _PICTURES.sub("", question)).strip()
    if not plain:
        return _guessed(evidence)
    found = known.find(plain, typed=True)
    names = [match.concept for match in _leading(plain, found.matches)]
    for meanings in found.doubtful.values():
        counted = Counter(
            name for item in evidence for name in meanings if name in {one.concept for one in named(item.about)}
        )
        names += [name for name, _ in counted.most_common(1)]
    focus = focus_of(plain, evidence)
    kinds = {name: known.kind(name) for name in dict.fromkeys(names) if name not in NORMAL}
    normal = any(name in NORMAL for name in names)
    for sort in _SUBJECTS:
        wanted = tuple(
            name for name, kind in kinds.items() if (kind if kind in ("disease", "finding") else _other(kind)) == sort
        )
        if not wanted:
            continue
        if sort == "other" and not normal and _unread(plain, found.matches):
            break
        if sort in ("disease", "finding") and (name := _longer(plain, found.matches, set(wanted))):
            return Subject((), "words", frozenset(), frozenset(), focus_of(name, evidence))
        devices = tuple(name for name in wanted if kinds[name] == "device")
        # A stent in the aorta: the stent is asked for, and the aorta is where.
        wanted = devices or wanted
        placed = sort == "disease" or bool(devices)
        places = [name for name, kind in kinds.items() if kind == "anatomy"] if placed else []
        used = [] if sort == "other" else [name for name, kind in kinds.items() if kind in ("device", "procedure")]
        beside = tuple(frozenset((name, *known.children(name))) for name in used)
        return replace(_subject(wanted, sort, focus, places=places, normal=normal), beside=beside)
    if kinds and not normal and _PICTURED.issuperset(kinds.values()) and not _unread(plain, found.matches):
        return None  # a kind of picture is no subject
    return Subject((), "words", frozenset(), frozenset(), focus, normal=normal) if focus.weights else None


def _leading(text: str, matches: Sequence[Match]) -> list[Match]:
    """The concepts that a question asks for: of "stroke due to a clot" the stroke."""
    known = lexicon()
    kept: list[Match] = []
    for match in matches:
        between = text[kept[-1].end : match.start] if kept else ""
        disease = kept and all(known.kind(one.concept) == "disease" for one in (kept[-1], match))
        if not (disease and _CAUSED.search(between)):
            kept.append(match)
    return kept


def _other(kind: str) -> str:
    return "other" if kind in ("anatomy", "procedure", "device") else ""


def _less(text: str, matches: Iterable[Match]) -> str:
    """A text without the names found in it."""
    for match in matches:
        text = text[: match.start] + " " * (match.end - match.start) + text[match.end :]
    return text


def _unread(text: str, matches: Iterable[Match]) -> bool:
    """Whether a question says more than the concepts found in it: "Somebody's syndrome of the brain"."""
    rest = _less(text, matches)
    return any(not _says_nothing(word) and stem(word) is not None for word in lowered(rest))


def _says_nothing(word: str) -> bool:
    """Whether a word of a question, in small letters, only asks, or says how a picture was made."""
    return word in _PLAIN or lexicon().canonical(word) in fillers()


def _longer(text: str, matches: Sequence[Match], wanted: set[str]) -> str:
    """A name that the lexicon has only the end of, as "colloid cyst" where it has "cyst"; empty where it has the whole."""
    places = {match.end: match for match in matches}
    for match in matches:
        if match.concept not in wanted:
            continue
        start = match.start
        for word in reversed(list(re.finditer(r"[^\W_]+(?:['’-][^\W_]+)*", text[: match.start]))):
            if re.search(r"[^\s-]", text[word.end() : start]):
                break
            of = places.get(word.end())
            kind = lexicon().kind(of.concept) if of else ""
            low = word[0].lower()
            if kind not in ("", "anatomy") or low in _DESCRIBES or _says_nothing(low) or stem(low) is None:
                break
            start = of.start if of else word.start()
        if start < match.start:
            return text[start : match.end]
    return ""


_BESIDE = re.compile(r"[.;,\n]|\band\b")
_FOLLOWS = re.compile(r"(?i)\b(?:secondary|due|with|from|after|in|causing|caused|complicat\w+|associated|status post)\b")
_CAUSED = re.compile(r"(?i)\b(?:secondary to|due to|caused by|because of|after|complicating)\b")
# Words before a name that say how or where it is, and make no other disease of it.
_DESCRIBES = frozenset(
    """acute chronic subacute early late large small left right bilateral unilateral severe mild typical classic ruptured
    complicated recurrent primary secondary multiple solitary suspected new old""".split()
)
_PLAIN = frozenset({"normal", "healthy", "weighted", "axial"})


def _subject(
    names: tuple[str, ...],
    sort: Sort,
    focus: Focus,
    *,
    guessed: bool = False,
    places: Sequence[str] = (),
    normal: bool = False,
) -> Subject:
    known = lexicon()
    # "PCP pneumonia" asks for one thing, by its name and by what it is a kind of.
    names = tuple(name for name in names if not any(name in known.parents(other) for other in names))
    narrower = frozenset(names).union(*(_kinds(name) for name in names))
    wider = frozenset[str]().union(*(known.parents(name) for name in names))
    if any(known.organ(name) in places for name in names):
        places = ()  # the disease is there by its nature
    where = frozenset(places).union(*(known.children(place) for place in places))
    return Subject(names, sort, narrower, wider - narrower, focus, guessed, where, normal)


_AXIS = frozenset(("head", "neck", "spine", "chest", "abdomen", "pelvis", "upper extremity", "lower extremity"))


@lru_cache(maxsize=1024)
def _kinds(name: str) -> frozenset[str]:
    """All kinds of a concept; of one named after a place ("brain tumor") none that lies elsewhere ("spinal meningioma")."""
    known = lexicon()
    kinds = known.children(name)
    organ = known.organ(name)
    if not organ or not _content(organ) <= _content(name):
        return kinds
    here = _AXIS & {organ, *known.parents(organ)}
    if not here:
        return kinds

    def elsewhere(kind: str) -> bool:
        place = known.organ(kind)
        there = _AXIS & {place, *(known.parents(place) if place in known else ())}
        return bool(there) and not there & here

    return frozenset(kind for kind in kinds if not elsewhere(kind))


def _guessed(evidence: Sequence[Evidence]) -> Subject | None:
    counted: Counter[str] = Counter()
    for place, item in enumerate(evidence):
        for one in {each.concept for each in named(item.diagnosis or item.title) if each.kind == "disease"}:
            counted[one] += 1 / (3 + place)  # type: ignore[assignment]
    focus = focus_of("", evidence)
    if counted:
        return _subject((counted.most_common(1)[0][0],), "disease", focus, guessed=True)
    return Subject((), "words", frozenset(), frozenset(), focus, guessed=True) if focus.weights else None


def is_itself(name: str, item: Evidence, subject: Subject) -> bool:
    """Whether an item of a differential is the case's own diagnosis, what is asked, a kind of it, or what it is a kind of.

    Parameters
    ----------
    name : str
        The item.
    item : Evidence
        The differential's.
    subject : Subject
    """
    known = lexicon()
    found = known.find(name)
    own = {one.concept for one in named(f"{item.diagnosis}. {item.title}") if one.kind in ("disease", "finding")}
    own.update(subject.names)
    own.update(*((*known.parents(one), *known.children(one), *unplaced(one)) for one in tuple(own)))
    there = {one.concept for one in found.matches if known.kind(one.concept) in ("disease", "finding")}
    there |= {meaning for meanings in found.doubtful.values() for meaning in meanings}
    initials = {"".join(word[0] for word in lowered(text)) for text in (item.diagnosis, item.title)}
    words = _content(name)
    asked = [each for one in subject.names for each in _spelled(one)] or [frozenset(subject.focus.weights)]
    if there & own or subject.named_in(name) or name.strip().lower() in initials or any(each <= words for each in asked):
        return True
    strange = _content(_less(name, found.matches)) if subject.names else words  # what no name of the lexicon explains
    if any(all(any(_alike(word, other) for word in strange) for other in each) for each in asked):
        return True
    if there:
        return False
    texts = [_content(text) for text in (item.diagnosis, item.title, *subject.names) if text]
    return any(words <= text or _alike(" ".join(sorted(words)), " ".join(sorted(text))) for text in texts)


@lru_cache(maxsize=1024)
def _spelled(concept: str) -> tuple[frozenset[str], ...]:
    """The words of each name of a concept."""
    of = lexicon().concepts[concept]
    return tuple(words for each in (of.name, *of.synonyms, *of.lay) if (words := _content(each)))


@lru_cache(maxsize=1024)
def unplaced(concept: str) -> frozenset[str]:
    """What kinds of a disease are called without their place: of a brain tumor "metastasis", of a stroke "infarction"."""
    known = lexicon()
    organ = known.organ(concept)
    if not organ:
        return frozenset()
    there = {organ, *known.children(organ)}
    kinds = (kind for kind in known.children(concept) if known.organ(kind) in there)
    return frozenset(
        wider for kind in kinds for wider in known.parents(kind) if known.kind(wider) == "disease" and not known.organ(wider)
    )


def _alike(one: str, other: str) -> bool:
    """Whether one name is likely a misspelling of the other."""
    return SequenceMatcher(None, one, other).ratio() > _SPELLED_ALIKE


def _content(text: str) -> frozenset[str]:
    return frozenset(fold(word) for word in lowered(text) if stem(word) is not None)
