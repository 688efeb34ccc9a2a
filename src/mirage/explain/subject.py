"""What an explanation must be about, and which sentences of the evidence are about it.

A sentence is about what is asked where its own subject is it, or a kind of it; a sentence that names no disease is about
what the sentence before it, its heading or its case is about. Names are compared as concepts of the lexicon. Where a
question holds none, its words decide, and whole ones.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from mirage.explain.evidence import Evidence, Scope
from mirage.explain.focus import Focus, focus_of
from mirage.language import sentences
from mirage.language.concepts import Match, lexicon
from mirage.language.mentions import Mention, mentions
from mirage.language.words import FILLERS, fold, lowered, stem

Sort = Literal["disease", "finding", "other", "words"]
_HELD = 0.8  # of the words asked for, where no concept decides
_SUBJECTS: tuple[Sort, ...] = ("disease", "finding", "other")
_PICTURES = re.compile(r"(?:^|,\s*)like the (?:dropped picture|figure \S+)")
_LESS = re.compile(r",?\s*less of .*$", re.DOTALL)

# Verbs with which sentences of radiology say something of their subject.
VERB = re.compile(
    r"""(?ix)\b(?:is|are|was|were|has|have|had|can|may|might|could|should|will|must|does|do|did|shows?|showed
    |demonstrate[sd]?|reveal(?:s|ed)?|appear(?:s|ed)?|represent(?:s|ed)?|include[sd]?|involve[sd]?|occur(?:s|red)?|arises?
    |result(?:s|ed)?\s+(?:in|from)|causes?\s+(?!of)|consists?|refers?|describes?|means|develops?|affects?|produces?|leads?
    |accounts?|comprises?|contain(?:s|ed)?|exhibit(?:s|ed)?|extend(?:s|ed)?|measure[sd]|enhances?|displaces?
    |compress(?:es)|surrounds?|fills?|suggest(?:s|ed)?|indicates?|tends?|remains?|becomes?|var(?:y|ies)|originates?|grows?
    |mimics?|resembles?|displays?|depicts?|confirm(?:s|ed)?|occup(?:y|ies|ied)|presents?\s+(?:with|as|in)|lies?|lacks?
    |spares?|spread[s]?|divides?|depends?|communicates?|projects?|favors?|make[s]?|use[s]?)\b"""
)
_UNLIKE = re.compile(r"(?i)\b(?:unlike|in contrast (?:to|with)|as opposed to|compared (?:to|with)|rather than|other than)\b")
_LABEL = re.compile(r"^(?:[A-Z][\w/-]*)(?: [\w/&()-]+){0,3}(?::|\s[-–]) (?=[A-Z0-9])")
_ABOUT = re.compile(r"(?i)^about\b")
_OF_THE_CASE = re.compile(
    r"""(?ix)\b(?:this|our|the\s+present|the\s+above)\s+(?:case|patient|lesion|study|example|individual|man|woman|child)
    |\bthe\s+patient(?:'s)?\b|\b(?:he|she|his|her|him)\b|\b(?:was|were|demonstrated|revealed|showed|presented|underwent)\b"""
)
_IN_GENERAL = re.compile(r"(?i)\b(?:is|are|may|can|usually|typically|often|commonly|most|shows?|occurs?|appears?)\b")
_OPENING = 25  # characters before the name that a sentence of its own begins with
_DEPENDS = re.compile(r"(?i)\b(?:patients?|cases|complications?|associated|these|those|this|such|sometimes|also|secondary)\b")
# What a sentence without a name points back to may be something else than what is asked.
_POINTS_BACK = re.compile(
    r"(?i)\b(?:these|those|such|this (?!tumou?r|disease|disorder|condition|entity|syndrome)|the (?:latter|former))\b"
    r"|^\W*(?:(?:on|in|with|at|after|following|often)\b[^,]*, )?(?:they|it|its|their)\b"
)
_ENTRY = re.compile(r"^[A-Z][\w/ -]{2,40}?(?: [-–] |: )")
# Without a name and without such a word, what is said of "the mass" is said of one.
_DEFINITE = re.compile(
    r"(?i)\bthe (?:\w+ )?(?:lesions?|mass|masses|tumou?r|collection|abnormality|finding|cyst|left|right)\b|^there (?:is|are)\b|\b(?:left|right)\b"
)
_GENERIC = re.compile(
    r"(?i)\b(?:usual|typical|often|may|can|most|common|classic|general|frequent|tend|characteristic|sometimes|rare|always|variabl|predilection)"
)
# Who or what a sentence that opens so is limited to; "most common in women" limits nothing.
_LIMIT = re.compile(
    r"""(?ix)(?:^|[,;]\s)(?:however,\s|although\s)?((?:in|among|for|with|when\s+in)\s+(?:the\s+|an?\s+)?[^,;]{3,60}?),\s"""
)
_GROUPS = re.compile(
    r"""(?ix)^(?:in|among|for|with)\b.{0,40}\b(?:child|infant|neonat|newborn|adult|adolescen|elderly|wom[ae]n|m[ae]n\b|females?
    |males?|boys|girls|pregnan|patients|athlet|smokers|immun|cases|types?|forms?|variant|stage|minority|individuals
    |population|setting|presence|some|few|rare)"""
)
_WHO = re.compile(
    r"""(?ix)^(?:(?:in|among)\s+)?((?:some|few|rare(?:ly)?|occasional(?:ly)?|up\s+to\s+[1-4]?\d\s?%|[1-4]?\d(?:\s?[-–]\s?[1-4]?\d)?\s?%|a\s+minority|a\s+subset|one[- ]third)
    [^,]{0,40})"""
)
# Words before a name that limit it to nothing.
_NO_LIMIT = frozenset(
    """a an the most many all typical typically classic classical usual usually common true such any every each and or of in
    is are with by from to for on at as most these other so-called called primary solitary single suspected known untreated
    isolated simple if when while although because since approximately about between both left right these those this that
    adult""".split()
)


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
    """

    names: tuple[str, ...]
    sort: Sort
    narrower: frozenset[str]
    wider: frozenset[str]
    focus: Focus
    guessed: bool = False

    def named_in(self, text: str) -> bool:
        """Whether a title, diagnosis or heading names it or a kind of it."""
        if self.sort == "words":
            return self.focus.held(lowered(text)) >= _HELD
        return any(mention.concept in self.narrower and mention.polarity != "denied" for mention in _mentions(text))

    def alone_in(self, text: str) -> bool:
        """Whether a title or diagnosis names it and no other disease."""
        return self.named_in(text) and not (self.sort == "disease" and any(map(self.another, named(text))))

    def another(self, one: Named) -> bool:
        """Whether what a text names is another disease."""
        return one.kind == "disease" and self.foreign(one.concept)

    def alone(self, item: Evidence) -> bool:
        """Whether what a passage says without naming a disease can only be meant of it.

        The findings of a case are of the disease that its diagnosis names first; a discussion is of what the case is filed
        under, and where that is two diseases it leaves open of which.
        """
        if item.kind == "discussion":
            return self.alone_in(item.topic or item.diagnosis or item.title)
        first = next((one for one in named(item.diagnosis or item.title) if one.kind == "disease"), None)
        return self.case_of(item) and (first is None or self.sort == "words" or not self.another(first))

    def case_of(self, item: Evidence) -> bool:
        """Whether a passage's case is about it: by the diagnosis, and where that names no disease, by topic and title."""
        if item.diagnosis and (self.named_in(item.diagnosis) or any(one.kind == "disease" for one in named(item.diagnosis))):
            return self.named_in(item.diagnosis)
        return self.named_in(item.title) or self.named_in(item.topic)

    def foreign(self, concept: str) -> bool:
        """Whether a disease is another one: neither what is asked, nor a kind of it, nor what it is a kind of."""
        return concept not in self.narrower and concept not in self.wider


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of the evidence that is about what is asked.

    Attributes
    ----------
    text : str
        Word for word; a label before it left out.
    evidence : Evidence
    place : int
        0 for the first sentence of its passage.
    listed : bool
        Whether it is an item of a list.
    own : bool
        Whether it names what is asked, or a kind of it, itself.
    scope : {"", "case", "subset"}
        Whether it tells of one case, or of some only.
    limit : str
        Of which case or of which some, in words.
    """

    text: str
    evidence: Evidence
    place: int
    listed: bool
    own: bool
    scope: Scope = ""
    limit: str = ""


@lru_cache(maxsize=16_384)
def named(text: str) -> tuple[Named, ...]:
    """The concepts that a text names, in order."""
    known = lexicon()
    return tuple(Named(each.concept, known.concepts[each.concept].kind, each.start, each.end) for each in known.find(text).matches)


@lru_cache(maxsize=8192)
def _mentions(text: str) -> tuple[Mention, ...]:
    return tuple(mentions(text))


def subject_of(question: str, evidence: Sequence[Evidence]) -> Subject | None:
    """What a question asks for; for a picture alone, what the figures found are mostly about; None where nothing is asked.

    Parameters
    ----------
    question : str
    evidence : sequence of Evidence
        Settles which meaning a short form has, and how much each word tells.
    """
    known = lexicon()
    plain = _LESS.sub("", _PICTURES.sub("", question)).strip()
    if not plain:
        return _guessed(evidence)
    found = known.find(plain, typed=True)
    names = [match.concept for match in found.matches]
    for meanings in found.doubtful.values():
        counted = Counter(name for item in evidence for name in meanings if name in {one.concept for one in named(item.about)})
        names += [name for name, _ in counted.most_common(1)]
    focus = focus_of(plain, evidence)
    kinds = {name: known.concepts[name].kind for name in dict.fromkeys(names)}
    for sort in _SUBJECTS:
        wanted = tuple(
            name for name, kind in kinds.items() if (kind if kind in ("disease", "finding") else _other(kind)) == sort
        )
        if not wanted:
            continue
        if sort == "other" and _unread(plain, found.matches):
            break
        if sort == "disease" and (name := _longer(plain, found.matches, set(wanted))):
            return Subject((), "words", frozenset(), frozenset(), focus_of(name, evidence))
        return _subject(wanted, sort, focus)
    return Subject((), "words", frozenset(), frozenset(), focus) if focus.weights else None


def _other(kind: str) -> str:
    return "other" if kind in ("anatomy", "procedure", "device") else ""


def _unread(text: str, matches: Iterable[Match]) -> bool:
    """Whether a question says more than the concepts found in it: "Somebody's syndrome of the brain"."""
    rest = text
    for match in matches:
        rest = rest[: match.start] + " " * (match.end - match.start) + rest[match.end :]
    return any(word not in FILLERS and word not in _PLAIN and stem(word) is not None for word in lowered(rest))


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
            kind = lexicon().concepts[of.concept].kind if of else ""
            low = word[0].lower()
            if kind not in ("", "anatomy") or low in FILLERS or low in _DESCRIBES or low in _PLAIN or stem(low) is None:
                break
            start = of.start if of else word.start()
        if start < match.start:
            return text[start : match.end]
    return ""


# Words before a name that say how or where it is, and make no other disease of it.
_DESCRIBES = frozenset(
    """acute chronic subacute early late large small left right bilateral unilateral severe mild typical classic ruptured
    complicated recurrent primary secondary multiple solitary suspected new old""".split()
)
_PLAIN = frozenset("normal healthy anatomy weighted what does look like how where is find axial show me of in on with and or".split())


def _subject(names: tuple[str, ...], sort: Sort, focus: Focus, *, guessed: bool = False) -> Subject:
    known = lexicon()
    narrower = frozenset(names).union(*(known.children(name) for name in names))
    wider = frozenset[str]().union(*(known.parents(name) for name in names))
    return Subject(names, sort, narrower, wider - narrower, focus, guessed)


def _guessed(evidence: Sequence[Evidence]) -> Subject | None:
    counted: Counter[str] = Counter()
    for place, item in enumerate(evidence):
        for one in {each.concept for each in named(item.diagnosis or item.title) if each.kind == "disease"}:
            counted[one] += 1 / (3 + place)  # type: ignore[assignment]
    focus = focus_of("", evidence)
    if counted:
        return _subject((counted.most_common(1)[0][0],), "disease", focus, guessed=True)
    return Subject((), "words", frozenset(), frozenset(), focus, guessed=True) if focus.weights else None


def statements(item: Evidence, subject: Subject) -> list[Statement]:
    """The sentences of a passage that are about what is asked, each with how far it reaches.

    Parameters
    ----------
    item : Evidence
        A caption, findings or a discussion.
    subject : Subject
    """
    if item.kind in ("differential", "diagnosis"):
        return []
    return list(_told(item, subject))


def _told(item: Evidence, subject: Subject) -> Iterator[Statement]:
    of_case = subject.case_of(item)
    running, general = subject.alone(item), item.kind == "discussion"
    at_home = of_case or subject.named_in(item.topic)
    for sentence in sentences.split(item.text):
        if sentence.is_heading:
            running = _under(sentence.text, subject, running)
            at_home = at_home or running
            continue
        text = _unlabelled(sentence.text, subject)
        verb = VERB.search(text)
        told = _about(text, verb.start() if verb else len(text), subject, running)
        if told.moves is not None:
            running = told.moves and at_home
        if not told.about or (general and not at_home and not _stands_alone(text, told)):
            continue
        if not told.own and (_ENTRY.match(text) or (general and _POINTS_BACK.search(text))):
            continue
        scope, limit = _reach(text, told, item, subject, general)
        yield Statement(text, item, sentence.place, sentence.listed, told.own, scope, limit)


def _stands_alone(text: str, told: _Aboutness) -> bool:
    """Whether a sentence in a discussion of something else holds in general: it begins with what is asked and leans on nothing."""
    return bool(told.subjects) and told.subjects[0].start < _OPENING and not told.foreign and not _DEPENDS.search(text)


def _under(heading: str, subject: Subject, running: bool) -> bool:
    """Whether what stands under a heading is about what is asked."""
    if subject.named_in(heading):
        return True
    names_another = any(one.kind == "disease" and subject.foreign(one.concept) for one in named(heading))
    return False if names_another or (_ABOUT.match(heading) and not running) else running


def _unlabelled(text: str, subject: Subject) -> str:
    """A sentence without the label before it: "Imaging: the mass is …"; the entry "Thing: what it is" keeps its name."""
    label = _LABEL.match(text)
    return text[label.end() :] if label and not subject.named_in(label[0]) and VERB.search(text[label.end() :]) else text


class _Aboutness(NamedTuple):
    about: bool
    own: bool
    moves: bool | None  # what the sentences after it are about, where they name nothing
    subjects: tuple[Named, ...]
    foreign: bool = False  # whether it names another disease too


def _about(text: str, verb: int, subject: Subject, running: bool) -> _Aboutness:
    every = named(text)
    diseases = [one for one in every if one.kind == "disease"]
    if subject.sort == "words":
        own = subject.focus.held(lowered(text)) >= _HELD
        foreign = [one for one in diseases if not subject.focus.held(lowered(text[one.start : one.end])) >= 0.5]
        return _Aboutness(own if foreign else own or running, own, own or None if own else (False if foreign else None), ())
    asked = [one for one in every if one.concept in subject.narrower]
    if not diseases and not asked:
        return _Aboutness(running and subject.sort == "disease", False, None, ())
    only = {one.start for one in _mentions(text) if one.polarity in ("named", "denied")} if asked else set[int]()
    said = [one for one in asked if one.start not in only]
    if subject.sort != "disease":
        return _Aboutness(bool(said), bool(said), None, tuple(said))
    if _UNLIKE.search(text):
        return _Aboutness(False, False, None, ())
    before = [one for one in diseases if one.start < verb]
    foreign = [one for one in (before or diseases) if subject.foreign(one.concept)]
    leading = [one for one in before if one in said]
    if leading:
        # "Fibroids, adenomyosis and polyps are ..." is about three things, and "rupture of an aneurysm" about one.
        about = not foreign or foreign[0].start > leading[0].start
        others = any(map(subject.another, diseases))
        return _Aboutness(about, True, about and not others, tuple(leading), others)
    if foreign and before:
        return _Aboutness(False, False, False, ())
    if foreign:
        return _Aboutness(False, False, None, ())
    # A wider name alone ("tumours are ...") is about more than what is asked.
    if before and not said and not running:
        return _Aboutness(False, False, None, ())
    if before and not said:
        return _Aboutness(False, False, None, ())
    return _Aboutness(bool(said) or running, bool(said), True if said else None, tuple(said))


def _reach(
    text: str, told: _Aboutness, item: Evidence, subject: Subject, general: bool
) -> tuple[Scope, str]:
    """Whether a sentence tells of one case or of some only, and of which."""
    particular = _OF_THE_CASE.search(text) and not _IN_GENERAL.search(text)
    particular = particular or (not told.own and _DEFINITE.search(text) and not _GENERIC.search(text))
    if not general or particular:
        kinds = [one.concept for one in named(item.diagnosis) if one.concept in subject.narrower]
        child = next((name for name in kinds if name not in subject.names), "")
        return "case", "" if not child or set(kinds) & set(subject.names) else child
    limit = _LIMIT.search(text)
    if limit and _GROUPS.match(limit[1]):
        return "subset", limit[1]
    if who := _WHO.match(text):
        return "subset", who[1].strip()
    kinds = [_kind(text, one, subject) for one in told.subjects]
    return ("subset", kinds[0]) if kinds and all(kinds) else ("", "")


def _kind(text: str, one: Named, subject: Subject) -> str:
    """Which kind of what is asked a name means, as "retrocecal appendicitis"; empty where it means all of it."""
    if one.concept not in subject.names:
        return one.concept
    words = _modifier(text[: one.start])
    return f"{words} {text[one.start : one.end]}" if words else ""


def _modifier(before: str) -> str:
    """The words right before a name that say which of its kind is meant: "retrocecal", "chronic"."""
    words: list[str] = []
    for word in reversed(re.findall(r"[^\W\d_][\w'-]*|\S", before)):
        low = word.lower()
        if not word[0].isalpha() or low in _NO_LIMIT or low.endswith(("ly", "ing", "s")) or len(words) == 2:
            break
        words.insert(0, word)
    # A noun before it ("diagnosis of") ends in a preposition, at which the loop stopped; what is left are adjectives.
    if words and re.search(r"(?i)(?:al|ic|ar|ous|ed|ary|ent|ant|ive|oid|acute|chronic|severe|mild|large|small|early|late|rare)$", words[0]):
        return " ".join(words)
    return ""


def relevant(evidence: Sequence[Evidence], subject: Subject | None) -> tuple[Evidence, ...]:
    """The passages that hold something about what is asked.

    Parameters
    ----------
    evidence : sequence of Evidence
    subject : Subject or None
    """
    if subject is None:
        return ()
    kept = [
        item
        for item in evidence
        if (subject.case_of(item) if item.kind in ("differential", "diagnosis") else bool(statements(item, subject)))
    ]
    if not any(item.kind not in ("diagnosis", "differential") for item in kept):
        return ()
    return tuple(kept)


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
    own = {one.concept for one in named(f"{item.diagnosis}. {item.title}") if one.kind in ("disease", "finding")}
    own |= subject.narrower | subject.wider
    own |= {wide for one in tuple(own) if one in known.concepts for wide in (*known.parents(one), *known.children(one))}
    found = known.find(name)
    there = {one.concept for one in found.matches if known.concepts[one.concept].kind in ("disease", "finding")}
    there |= {meaning for meanings in found.doubtful.values() for meaning in meanings}
    if there & own or name.strip().lower() in {_initials(text) for text in (item.diagnosis, item.title)}:
        return True
    words = _content(name)
    texts = [_content(text) for text in (item.diagnosis, item.title)]
    return not there and bool(words) and any(words <= text or text <= words for text in texts if text)


def _initials(text: str) -> str:
    return "".join(word[0] for word in lowered(text))


def _content(text: str) -> frozenset[str]:
    return frozenset(fold(word) for word in lowered(text) if stem(word) is not None)


def strays(text: str, subject: Subject) -> str:
    """The other disease that a sentence is about; empty where it is about what is asked.

    Parameters
    ----------
    text : str
    subject : Subject
    """
    verb = VERB.search(text)
    told = _about(text, verb.start() if verb else len(text), subject, True)
    if told.about:
        return ""
    return next((text[one.start : one.end] for one in named(text) if subject.another(one)), "")
