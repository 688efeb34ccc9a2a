"""Which sentences of the evidence are about what is asked, and how far each reaches.

A sentence is about what is asked where its own subject is it, or a kind of it. One that names no disease is about what the
sentence before it, its heading or its case is about. It tells of one case, of some cases, or in general.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from mirage.explain.evidence import Evidence, Scope
from mirage.explain.record import is_of_record
from mirage.explain.subject import NORMAL, Named, Subject, named, polarities
from mirage.language import sentences
from mirage.language.concepts import lexicon
from mirage.language.words import remembered

# Verbs with which sentences of radiology say something of their subject.
VERB = re.compile(
    r"""(?ix)\b(?:is|are|was|were|has|have|had|can|may|might|could|should|will|must|does|do|did|shows?|showed
    |demonstrate[sd]?|reveal(?:s|ed)?|appear(?:s|ed)?|represent(?:s|ed)?|include[sd]?|involve[sd]?|occur(?:s|red)?|arises?
    |result(?:s|ed)?\s+(?:in|from)|causes?\s+(?!of)|consists?|refers?|describes?|means|develops?|affects?|produces?|leads?
    |accounts?|comprises?|contain(?:s|ed)?|exhibit(?:s|ed)?|extend(?:s|ed)?|measure[sd]|enhances?|displaces?
    |compress(?:es)|surrounds?|fills?|suggest(?:s|ed)?|indicates?|tends?|remains?|becomes?|var(?:y|ies)|originates?|grows?
    |mimics?|resembles?|holds?|displays?|depicts?|confirm(?:s|ed)?|occup(?:y|ies|ied)|presents?\s+(?:with|as|in)|lies?|lacks?
    |spares?|spread[s]?|divides?|depends?|communicates?|projects?|favors?|make[s]?|use[s]?)\b"""
)
_UNLIKE = re.compile(r"(?i)\b(?:unlike|in contrast (?:to|with)|as opposed to|compared (?:to|with)|rather than|other than)\b")
# What something else is likened to: "similar to schwannomas, epidermoid cysts are …", "looked like a schwannoma".
_LIKENED = re.compile(
    r"(?i)\b(?:similar(?:ly)? to|like|alike to|akin to)\s(?:that of\s|those of\s)?(?:the\s|an?\s)?(?:[\w-]+\s)?$"
)
# What a name stands beside is the place of something else.
_LANDMARK = re.compile(
    r"(?i)\b(?:adjacent(?: to)?|toward|near(?:by)?|beside|next to|away from|underlying|prior|previous)\s(?:the\s|an?\s)?$"
)
_LABEL = re.compile(r"^[A-Z][\w/-]*,?(?: [\w/&()#-]+,?){0,8}?(?::|\s[-–]) (?:\(\d+ ?%\) )?(?=[A-Z0-9])")
# What follows it is somebody's conclusion about one patient, not a sentence on the thing.
_CONCLUDES = re.compile(
    r"(?i)^(?:d{1,2}x|(?:final |differential |radiologic )?diagnos[ie]s|impression|conclusion|assessment)\s*(?::|-)"
)
_ABOUT = re.compile(r"(?i)^about\b")
_OF_THE_CASE = re.compile(
    r"""(?ix)\b(?:this|our|the\s+present|the\s+above)\s+(?:case|patient|lesion|study|example|individual|man|woman|child)
    |\bthe\s+patient(?:'s)?\b|\b(?:he|she|his|her|him)\b|\b(?:was|were|demonstrated|revealed|showed|presented|underwent)\b"""
)
# Whatever general words stand beside it.
_SURELY_OF_THE_CASE = re.compile(
    r"(?i)\bthe (?:mass|lesion|tumou?r|finding|abnormality)s? (?:is|are|was|were) (?:most )?(?:likely|probably)\b"
    r"|\b(?:in|of) (?:this|our|the present) (?:case|patient)\b(?!.*\b(?:may|can|usual\w*|typical\w*|often|most|common\w*)\b)"
    r"|\bthe (?:mass|lesion|tumou?r|finding|abnormality)s? (?:looked|appeared)\b"
    r"|\bleading to the diagnosis\b|\bsuggests? that (?:there|the|this)\b|\bwas considered\b"
)
_IN_GENERAL = re.compile(r"(?i)\b(?:is|are|may|can|usually|typically|often|commonly|most|shows?|occurs?|appears?)\b")
_OPENING = 25  # characters before the name that a sentence of its own begins with
_DEPENDS = re.compile(
    r"(?i)\b(?:patients?|cases|complications?|associated|these|those|this|such|sometimes|also|secondary)\b"
)
_DEFINING = re.compile(r"(?:\s*\([^)]*\))?(?:\s+(?:is|are)\s+(?:an?|the)\b|,\s+an?\s[^,]*,\s+(?:is|are)\b)")
# What a sentence without a name points back to may be something else than what is asked.
_POINTS_BACK = re.compile(
    r"(?i)\b(?:these|those|such|this (?!tumou?r|disease|disorder|condition|entity|syndrome)|the (?:latter|former))\b"
    r"|^\W*(?:(?:on|in|with|at|after|following|often)\b[^,]*, )?(?:they|it|its|their)\b"
    r"|^\W*(?:in contra\w+|by contrast|conversely|on the contrary|on the other hand)\b"
)
_ENTRY = re.compile(r"^[A-Z][\w/ -]{0,40}?(?: [-–] |: )")
# Without a name and without such a word, what is said of "the mass" is said of one.
_DEFINITE = re.compile(
    r"(?i)\bthe (?:\w+ )?(?:lesions?|mass|masses|tumou?r|collection|abnormality|finding|cyst|left|right)\b"
    r"|\bthe (?:\w+ )?(?:films?|images?|radiographs?|scans?|study|CT|MRI?)\b|^there (?:is|are)\b|\b(?:left|right)\b"
)
_GENERIC = re.compile(
    r"(?i)\b(?:usual|typical|often|may|can|most|common|classic|general|frequent|tend|characteristic"
    r"|sometimes|rare|always|variabl|predilection)"
)
# What a thing is in general, whatever the case: "an abscess is a collection of pus".
_IS_A = re.compile(r"(?i)\b(?:is|are) (?:an?|one of|defined|caused|characteri[sz]ed|classified|divided)\b")
# Who or what a sentence that opens so is limited to; "most common in women" limits nothing.
_LIMIT = re.compile(
    r"""(?ix)(?:^|[,;]\s)(?:however,\s|although\s)?((?:in|among|for|with|when\s+in)\s+(?:the\s+|an?\s+)?[^,;]{3,60}?),\s"""
)
_ONLY_IF = re.compile(r"(?i)^((?:if|once|unless)\b[^,;]{3,80}?)(?:,|\s(?=the\b))")
_GROUPS = re.compile(
    r"""(?ix)^(?:in|among|for|with)\b.{0,40}\b(?:child|infant|neonat|newborn|adult|adolescen|elderly|wom[ae]n|m[ae]n\b|females?
    |males?|boys|girls|pregnan|patients|athlet|smokers|immun|cases|types?|forms?|variant|stage|minority|individuals
    |population|setting|presence|some|few|rare)"""
)
_WHO = re.compile(
    r"""(?ix)^(?:(?:in|among)\s+)?(?:some(?!\s+(?:suggest|authors|believe|report|have))|few|rare(?:ly)?|occasional(?:ly)?|up\s+to\s+[1-4]?\d\s?%
    |[1-4]?\d(?:\s?[-–]\s?[1-4]?\d)?\s?%|a\s+minority|a\s+subset|one[- ]third)"""
)
# "The disseminated form of", "type IV"; and after the name "in children".
_FORM = re.compile(
    r"(?i)\b(?:(?!(?:the|an?|most)\b|common|frequent|usual)[\w-]+ ){1,3}"
    r"(?:form|type|variant|subtype|variety)s? of (?:the )?$"
    r"|\b(?:type|grade|stage|class) [IVX\d]+[ab]? $"
)
_FORM_OF = re.compile(r"(?i) (?:form|type|variant|subtype|variety)s? of\b")
_WHOSE = re.compile(
    r"(?i) (?:in|of|during) (?:the )?(?:child\w*|infan\w+|neonat\w+|newborns?|adolescen\w+|adults?|elderly"
    r"|pregnan\w+|women|men)\b"
    r"| (?:arising|occurring|located|found) (?:from|in|within|at) [^,;]{3,40}?"
    r"(?= (?:is|are|tends?|may|can|ha(?:s|ve)|do(?:es)?)\b)"
)
_MANY = re.compile(r"(?:(?<![siu])s|i|ae)$")
_POINTING = re.compile(r"(?i)\b(these|those|this|the|multiple)\s$")
_PLURAL = re.compile(r"(?:ly|ing|(?<![uis])s)$")
_ADJECTIVE = re.compile(r"(?i)(?:al|ic|ar|ous|ed|ary|ent|ant|ive|oid|-type|acute|severe|mild|large|small|early|late|rare)$")
# Parts of the body that hold many organs.
_AXIS = frozenset(("body", "head", "neck", "chest", "abdomen", "pelvis", "trunk"))
_NOT_TOLD = ("differential", "diagnosis")  # passages that hold names, no sentences
_PART = 0.5  # of the words asked for, which the name of what is asked holds
# Words before a name that limit it to nothing.
_NO_LIMIT = frozenset(
    """a an the most many all typical typically classic classical usual usually common true such any every each and or of in
    is are with by from to for on at as most these other so-called called primary solitary single suspected known untreated
    isolated simple if when while although because since approximately about between both left right these those this that
    adult""".split()
)


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
    leads : bool
        Whether what is asked stands before the verb.
    """

    text: str
    evidence: Evidence
    place: int
    listed: bool
    own: bool
    scope: Scope = ""
    limit: str = ""
    leads: bool = True


def statements(item: Evidence, subject: Subject) -> list[Statement]:
    """The sentences of a passage that are about what is asked, each with how far it reaches.

    Parameters
    ----------
    item : Evidence
        A caption, findings or a discussion.
    subject : Subject
    """
    if item.kind in _NOT_TOLD:
        return []
    return list(_told(item, subject))


def _told(item: Evidence, subject: Subject) -> Iterator[Statement]:
    if not subject.fits(item):
        return
    of_case = subject.case_of(item)
    running, general = subject.alone(item), item.kind == "discussion" and not describes(item)
    at_home = running or subject.named_in(item.topic)
    placed, single = subject.placed(item), subject.alone_in(item.diagnosis or item.title)
    for sentence in sentences.split(item.text):
        if sentence.is_heading:
            running = _under(sentence.text, subject, running)
            at_home = at_home or running
            continue
        if _CONCLUDES.match(sentence.text) or is_of_record(sentence.text):
            continue
        text = _unlabelled(sentence.text, subject)
        verb = _verb(text)
        told = _about(text, verb, subject, running)
        if general and told.moves is not None:
            running = told.moves and at_home
        elif general and told.foreign and not single:
            running = False
        at_place = at_home or not general or (told.own and of_case)
        if not told.about or not (at_place or _stands_alone(text, told)):
            continue
        if subject.is_structure and not _of_structure(text, told, item, subject):
            continue
        if not placed and not subject.places_in(text):
            continue
        if not told.own and (_ENTRY.match(text) or (general and _POINTS_BACK.search(text))):
            continue
        scope, limit = _reach(text, told, item, subject, general)
        leads = not told.subjects or any(one.start < verb for one in told.subjects)
        yield Statement(text, item, sentence.place, sentence.listed, told.own, scope, limit, leads)


@remembered(8192)  # a sentence is read for each query that finds it
def _verb(text: str) -> int:
    """Where the verb of a sentence begins; its end where it has none."""
    found = VERB.search(text)
    return found.start() if found else len(text)


def describes(item: Evidence) -> bool:
    """Whether a discussion tells of nothing but its own case, as findings do: of it or its record, never in general."""
    return item.kind == "discussion" and _describes(item.text)


@lru_cache(maxsize=1024)
def _describes(text: str) -> bool:
    every = [one.text for one in sentences.split(text) if not one.is_heading]
    told = [one for one in every if not is_of_record(one)]
    of_record = len(every) - len(told)
    enough = max(of_record, 1)  # sentences in general, with which it is not of its case alone
    in_general = (one for one in told if _GENERIC.search(one) or _IS_A.search(one))
    if len(list(islice(in_general, enough))) == enough:
        return False
    return of_record > 0 or any(_OF_THE_CASE.search(one) and not _IN_GENERAL.search(one) for one in told)


def _stands_alone(text: str, told: _Aboutness) -> bool:
    """Whether a sentence in a discussion of something else holds by itself: it opens with the name and says what that is."""
    if not told.subjects or told.subjects[0].start >= _OPENING or told.foreign or _DEPENDS.search(text):
        return False
    return bool(_DEFINING.match(text[told.subjects[0].end :]))


def _of_structure(text: str, told: _Aboutness, item: Evidence, subject: Subject) -> bool:
    """Whether a sentence is about a part of the body itself: not about what befell it, nor about a part of it."""
    if item.kind != "discussion":
        found = named(". ".join((item.title, item.diagnosis, item.topic)))
        return not any(one.kind in ("disease", "finding") and one.concept not in NORMAL for one in found)
    first, verb = told.subjects[0], VERB.search(text)
    leads = verb is not None and first.end <= verb.start() and first.concept in subject.names
    return (
        leads
        and all(one.start >= first.start for one in named(text))
        and not any(one.kind == "disease" for one in named(text))
    )


def _under(heading: str, subject: Subject, running: bool) -> bool:
    """Whether what stands under a heading is about what is asked."""
    if subject.named_in(heading):
        return True
    names_another = any(one.kind == "disease" and subject.foreign(one.concept) for one in named(heading))
    return False if names_another or (_ABOUT.match(heading) and not running) else running


def _unlabelled(text: str, subject: Subject) -> str:
    """A sentence without the label before it: "Imaging: the mass is …"; the entry "Thing: what it is" keeps its name.

    A name that the sentence says again is a label like any other.
    """
    label = _LABEL.match(text)
    if not label or VERB.search(label[0]):
        return text
    rest = text[label.end() :]
    labels = VERB.search(rest) and (not subject.named_in(label[0]) or subject.named_in(rest))
    return rest if labels else text


class _Aboutness(NamedTuple):
    about: bool
    own: bool
    moves: bool | None  # what the sentences after it are about, where they name nothing
    subjects: tuple[Named, ...]
    foreign: bool = False  # whether it names another disease too


def _about(text: str, verb: int, subject: Subject, running: bool) -> _Aboutness:
    """What a sentence is about whose verb stands at `verb`; `running` is whether those before it are about what is asked."""
    every = named(text)
    # "The gangrenous form of" says which form, and names no other disease.
    diseases = [one for one in every if one.kind == "disease" and not _FORM_OF.match(text[one.end :])]
    if subject.sort == "words":
        own = subject.named_in(text)
        others = any(subject.focus.held(text[one.start : one.end]) < _PART for one in diseases)
        return _Aboutness(own or (running and not others), own, False if others and not own else None, ())
    asked = [one for one in every if one.concept in subject.narrower]
    if running and not asked:
        asked = subject.placed_by(every)
    unsaid = {one.start for one in polarities(text) if one.polarity in ("named", "denied")} if asked else set[int]()
    said = [
        one
        for one in asked
        if one.start not in unsaid
        and not _LIKENED.search(text[: one.start])
        and (running or not _LANDMARK.search(text[: one.start]))
    ]
    if subject.sort != "disease":
        return _Aboutness(bool(said), bool(said), None, tuple(said))
    if not diseases:
        return _Aboutness(running, False, None, ())
    return _of_diseases(text, verb, subject, diseases, said)


def _of_diseases(text: str, verb: int, subject: Subject, diseases: Sequence[Named], said: Sequence[Named]) -> _Aboutness:
    before = [one for one in diseases if one.start < verb]
    foreign = [one for one in (before or diseases) if subject.another(one)]
    leading = [] if _UNLIKE.search(text) else [one for one in before if one in said]
    if leading:
        # "Fibroids, adenomyosis and polyps are ..." is about three things, and "rupture of an aneurysm" about one.
        about = not foreign or foreign[0].start > leading[0].start
        others = any(map(subject.another, diseases))
        return _Aboutness(about, True, about and not others, tuple(leading), others)
    # A wider name alone ("tumours are ...") is about more than what is asked, or about another kind of it.
    if foreign or not said or _UNLIKE.search(text):
        return _Aboutness(False, False, False if foreign and before else None, (), bool(foreign))
    return _Aboutness(True, True, True, tuple(said))


def _reach(text: str, told: _Aboutness, item: Evidence, subject: Subject, general: bool) -> tuple[Scope, str]:
    """Whether a sentence tells of one case or of some only, and of which."""
    if subject.sort == "other":
        return ("case" if not general else ""), ""
    particular = _OF_THE_CASE.search(text) and not _IN_GENERAL.search(text)
    particular = particular or (not told.own and _DEFINITE.search(text) and not _GENERIC.search(text))
    if not general or particular or _SURELY_OF_THE_CASE.search(text):
        return "case", kind_of_case(item, subject)
    if condition := _ONLY_IF.match(text):
        return "subset", condition[1]
    limit = _LIMIT.search(text)
    if limit and _GROUPS.match(limit[1]) and not subject.named_in(limit[1]):
        return "subset", limit[1]
    if _WHO.match(text):
        verb = VERB.search(text)
        return "subset", text[: verb.start()].strip() if verb else text
    kinds = [_kind(text, one, subject) for one in told.subjects]
    if told.subjects and (one := _is_a_kind(text, told.subjects[0], subject)):
        kinds = [one]
    if not any(kinds) and all(_is_this(text, one) for one in told.subjects):
        # Without a name, or of "this abscess", it tells of what the discussion is about: perhaps a kind of what is asked.
        title = item.topic or item.diagnosis
        kinds = [_kind(title, one, subject) for one in named(title) if one.concept in subject.narrower]
    some = kinds[0] if kinds and all(kinds) else _in_one_place(text, item, subject)
    return ("subset", some) if some else ("", "")


def _in_one_place(text: str, item: Evidence, subject: Subject) -> str:
    """The place for which alone a sentence holds that tells of a place: of an adenocarcinoma of the bowel, the duodenum.

    Only a disease that can lie elsewhere is limited so, and no sentence that names the place as what it speaks of.
    """
    verb = VERB.search(text)
    parts = [one for one in named(text) if one.kind == "anatomy" and one.concept not in _AXIS]
    if subject.sort != "disease" or subject.places or not parts or not verb:
        return ""
    known = lexicon()
    homes = {known.organ(name) for name in subject.names}
    own = homes.union(*(known.children(home) | known.parents(home) for home in homes if home))
    for about in named(". ".join((item.topic, item.title, item.diagnosis))):
        of_kind = about.concept in subject.narrower and about.concept not in subject.names
        place = known.organ(about.concept) if of_kind else about.concept if about.kind == "anatomy" else ""
        if not place or place in own:
            continue
        there = {place, *known.children(place), *known.parents(place)}
        if all(one.concept in there and one.start > verb.start() for one in parts):
            return about.concept if of_kind else f"in the {place}"
    return ""


def _is_this(text: str, one: Named) -> bool:
    """Whether a name means what the sentences before it are about: "grown from these abscesses", "within the abscess"."""
    points = _POINTING.search(text[: one.start])
    return points is not None and not (points[1].lower() == "the" and _MANY.search(text[: one.end]))


def _is_a_kind(text: str, asked: Named, subject: Subject) -> str:
    """The kind that "the most common X is a Y" goes on to tell of; empty where it tells of X."""
    predicate = re.match(r" (?:is|are) (?:an? |the )?", text[asked.end :])
    begins = asked.end + predicate.end() if predicate else -1
    kinds = (one.concept for one in named(text) if one.start == begins and one.concept in subject.narrower)
    return next((name for name in kinds if name not in subject.names), "")


def kind_of_case(item: Evidence, subject: Subject) -> str:
    """The kind of what is asked that a passage's case is of; empty where the diagnosis names none.

    Parameters
    ----------
    item : Evidence
    subject : Subject
    """
    kinds = [one.concept for one in named(item.diagnosis) if one.concept in subject.narrower]
    return next((name for name in kinds if name not in subject.names), "")


def _kind(text: str, one: Named, subject: Subject) -> str:
    """Which kind of what is asked a name means, as "retrocecal appendicitis"; empty where it means all of it."""
    if one.concept not in subject.names:
        return one.concept
    name = text[one.start : one.end]
    if form := _FORM.search(text[: one.start]):
        return f"{form[0]}{name}"
    group = _WHOSE.match(text[one.end :])
    words = _modifier(text[: one.start])
    if words or group:
        return f"{words} {name}{group[0] if group else ''}".strip()
    return ""


def _modifier(before: str) -> str:
    """The words right before a name that say which of its kind is meant: "retrocecal", "chronic"."""
    words: list[str] = []
    for word in reversed(re.findall(r"[^\W\d_][\w'-]*|\S", before)):
        low = word.lower()
        if not word[0].isalpha() or low in _NO_LIMIT or _PLURAL.search(low) or len(words) == 2:
            break
        words.insert(0, word)
    # A noun before it ("diagnosis of") ends in a preposition, at which the loop stopped; what is left are adjectives.
    limit = " ".join(words)
    return limit if words and (_ADJECTIVE.search(words[0]) or any(one.kind == "anatomy" for one in named(limit))) else ""


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
        if (subject.case_of(item) if item.kind in _NOT_TOLD else next(_told(item, subject), None) is not None)
    ]
    if not any(item.kind not in _NOT_TOLD for item in kept):
        return ()
    return tuple(kept)


_IT = re.compile(r"(?i)\b(?:the|this|these|those|such|its?|an?)\s(?:\w+\s)?$")


def strays(text: str, subject: Subject) -> str:
    """The other disease that a sentence is about; empty where it is about what is asked.

    Parameters
    ----------
    text : str
    subject : Subject
    """
    told = _about(text, _verb(text), subject, True)
    if told.about:
        return ""
    # "Tumors are malignant" tells of more than a meningioma; "the tumor" may well be it.
    others = (
        one for one in named(text) if subject.another(one) or (one.kind == "disease" and not _IT.search(text[: one.start]))
    )
    return next((text[one.start : one.end] for one in others if one.concept not in subject.narrower), "")


def points_back(text: str) -> bool:
    """Whether a sentence speaks of what the one before it names."""
    return bool(_POINTS_BACK.search(text))
