"""Which figures speak of what a query asks for, and how sure a hit is by that.

A figure speaks plainly of a concept where its title, diagnosis, topic or caption affirms it or a kind of it; what findings,
discussion or history say counts for less, and what is denied for nothing. Mentions were read when the figure was stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Literal

from mirage.language.asking import SPANISH, modifiers
from mirage.language.concepts import lexicon
from mirage.language.denying import HOW
from mirage.language.laterality import SIDES
from mirage.language.mentions import REST, number_of
from mirage.language.reading import NORMAL, VARIANT, AskedConcept, QueryReading
from mirage.language.sentences import cut
from mirage.language.stated import agreement, asked_beside_names, may_tell_side, without_shown
from mirage.search.confidence import Basis, Confidence
from mirage.search.making import made_as_asked, made_otherwise, made_so, named_in
from mirage.storage.searched import SearchRow, StoredMention

# What counts where a calibration does not say: ``concepts`` is what a figure gains that speaks plainly of all that is asked,
# in units of a channel's first place; ``in title`` and the like, how much of that a field is worth.
CONCEPT_WEIGHTS: Mapping[str, float] = {
    "concepts": 3.0, "in title": 1.0, "in diagnosis": 1.0, "in topic": 0.9, "in caption": 0.8, "in findings": 0.4,
    f"in {REST}": 0.12,
}  # fmt: skip
PLAIN_FIELDS = frozenset({"title", "diagnosis", "topic", "caption"})
COUNTED_FIELDS = (*sorted(PLAIN_FIELDS), "findings")  # what `spoken` and `normality` go by
KIND_WEIGHTS: Mapping[str, float] = {"disease": 1.0, "finding": 0.8, "procedure": 0.7, "device": 0.7, "anatomy": 0.4}
BY_PLACE = 0.6  # of that weight where a figure says the general name, and the place elsewhere
# Organs that are everywhere: a disease of one may lie in any place.
_TISSUES = frozenset(
    "bone|joint|muscle|artery|vein|nerve|lymph node|tendon|ligament|cartilage|meninges|skin|bone marrow|soft tissue"
    "|subcutaneous tissue|blood vessel".split("|")
)
_OF_WHOM = frozenset("adult male man men".split())  # seldom said of a picture of a structure
_GENERAL = 12  # kinds of a thing from which its name alone tells little
_FAR_TOO_GENERAL = 100  # to lift all figures of any of them, as of a cancer
_VERY_GENERAL = 300  # of a lesion, a tumor
Support = Literal["plain", "said", "denied", "none"]
UNWANTED = ""  # in what `spoken` gives: the figure speaks plainly of what the query says is not to be there
_METASTASIS = "metastasis"
_CLAUSE = re.compile(r"[,;:()]")
_AT_ONCE = re.compile(
    r"(?i)\b(?:left and (?:the )?right|right and (?:the )?left|izquierd\w+ y derech\w+|derech\w+ e izquierd\w+)\b"
)
_LIST = re.compile(r"(?:^|(?<=[.!?]\s))\w+: [^.!?]*[.!?]?")  # "Shows: left lung, right lung."
# How a picture is hung, which is no side of what it shows.
_HUNG = re.compile(r"\b(?:left|right)\b.*\b(?:picture|image|film|screen|viewer|observer)\b", re.IGNORECASE)
_BETTER: Mapping[Support, int] = {"plain": 0, "denied": 1, "said": 2, "none": 3}


def numbers(reading: QueryReading, weights: Mapping[str, float]) -> dict[int, float]:
    """What the index is asked for: the number of each concept in each field to its weight.

    Parameters
    ----------
    reading : QueryReading
    weights : mapping
        Of the calibration; `CONCEPT_WEIGHTS` counts for those that it lacks.
    """
    counted = {**CONCEPT_WEIGHTS, **weights}
    fields = {name.removeprefix("in "): weight for name, weight in counted.items() if name.startswith("in ")}
    shares = {each.name: KIND_WEIGHTS.get(each.kind, 0.0) for each in reading.wanted}
    total = sum(shares.values()) or 1.0
    asked: dict[int, float] = {}
    for each in reading.wanted:
        names = dict.fromkeys(reading.doubtful.get(each.name, (each.name,)), 1.0)
        if each.general and len(lexicon().children(each.general)) < _FAR_TOO_GENERAL:
            names[each.general] = BY_PLACE
        names |= dict.fromkeys(each.nearly, BY_PLACE)
        for name, share in names.items():
            asked |= {number_of(name, field): share * shares[each.name] * weight / total for field, weight in fields.items()}
    return asked


def spoken(
    wanted: Sequence[AskedConcept],
    mentions: Sequence[StoredMention],
    unwanted: Set[str] = frozenset(),
    diagnosis: str = "",
) -> dict[str, Support]:
    """How plainly one figure speaks of each concept that is asked for, by name.

    Parameters
    ----------
    wanted : sequence of AskedConcept
    mentions : sequence of StoredMention
        The figure's and its case's.
    unwanted : set of str
        What the query says is not to be there; a figure that speaks plainly of it speaks plainly of nothing else.
    diagnosis : str
        The figure's. Where it names another disease, the topic does not say plainly what the figure shows.
    """
    support: dict[str, Support] = {}
    told_in: dict[str, set[str]] = {}  # the fields that tell each most plainly
    places = [each for each in wanted if each.kind == "anatomy"]
    place = places[0] if len(places) == 1 else None
    for concept in wanted:
        if (concept.general and _in_place(concept, mentions)) or (
            concept.nearly and any(one.concept in concept.nearly and _said(one) == "plain" for one in mentions)
        ):
            support[concept.name] = "said"
        for mention in mentions:
            if mention.concept == concept.name or mention.concept in concept.narrower:
                said = _said(mention)
                if place and concept is not place and said in ("plain", "said"):
                    where = lexicon().organ(mention.concept)
                    if where == place.name or where in place.narrower:  # who says "meniscal tear" speaks of the knee
                        better = min((said, support.get(place.name, "none")), key=_BETTER.__getitem__)
                        support[place.name] = better
                    elif not lexicon().organ(concept.name) and (
                        _elsewhere(where, place)
                        or (len(concept.narrower) > _VERY_GENERAL and not _beside(mention, place, mentions))
                    ):
                        said = "said"  # a cancer of the bladder in a text that names the lung is no cancer of the lung
                if _BETTER[said] < _BETTER[support.get(concept.name, "none")]:
                    support[concept.name], told_in[concept.name] = said, {mention.field}
                elif said == support.get(concept.name) and concept.name in told_in:
                    told_in[concept.name].add(mention.field)
        if told_in.get(concept.name) == {"topic"} and concept.kind == "disease" and _another(diagnosis, concept):
            support[concept.name] = "said"
    if any(one.concept in unwanted and _said(one) == "plain" for one in mentions):
        support = {name: "said" if said == "plain" else said for name, said in support.items()}
        support[UNWANTED] = "denied"
    return support


def _another(diagnosis: str, concept: AskedConcept) -> bool:
    """Whether a diagnosis names diseases of which none is what is asked, a kind of it, or what it is a kind of."""
    known = lexicon()
    named = {match.concept for match in known.find(diagnosis).matches if known.kind(match.concept) == "disease"}
    return bool(named) and named.isdisjoint({concept.name, *concept.narrower, *known.parents(concept.name)})


def _elsewhere(organ: str, place: AskedConcept) -> bool:
    return bool(organ) and organ not in _TISSUES and organ not in lexicon().parents(place.name)


def _beside(mention: StoredMention, place: AskedConcept, mentions: Sequence[StoredMention]) -> bool:
    """Whether the title, diagnosis or topic that affirms something names the place too; a caption names much beside."""
    fields = {one.field for one in mentions if one.concept == place.name or one.concept in place.narrower}
    return mention.field in fields - {"caption"}


def _in_place(concept: AskedConcept, mentions: Sequence[StoredMention]) -> bool:
    """Whether a figure says the general name of a concept plainly, or a kind that has no place, and speaks of the place.

    Not where it has something of the sort elsewhere: a breast cancer and a nodule of the lung are no cancer of the lung.
    """
    known = lexicon()
    plain = [one for one in mentions if one.field in PLAIN_FIELDS and one.polarity == "affirmed" and one.concept in known]
    affirmed = {one.concept for one in plain}
    main = {one.concept for one in plain if one.field in ("title", "diagnosis")}
    if concept.places.isdisjoint(affirmed.union(map(known.organ, affirmed))):
        return False
    spread = {_METASTASIS} | known.children(_METASTASIS)
    if concept.general not in spread:
        main -= spread
    broader = (each for each in known.parents(concept.general) if len(known.children(each)) < _VERY_GENERAL)
    sort = {concept.general, *broader}
    anywhere = {_METASTASIS} if concept.general == _METASTASIS else known.children(concept.general) - spread
    here = concept.general in affirmed or any(not known.organ(one) and one in anywhere for one in main)
    places = {*concept.places, *known.parents(known.organ(concept.name))}
    return here and not any(
        known.organ(one) and known.organ(one) not in places | _TISSUES and not sort.isdisjoint(known.parents(one))
        for one in affirmed - spread
    )


def _said(mention: StoredMention) -> Support:
    """What discussion, history and differential tell of is not what the case shows."""
    if mention.field in PLAIN_FIELDS:
        told: dict[str, Support] = {"affirmed": "plain", "denied": "denied", "possible": "said", "history": "said"}
        return told.get(mention.polarity, "none")
    return "said" if (mention.field, mention.polarity) == ("findings", "affirmed") else "none"


SAYING_NORMAL: Mapping[int, float] = {number_of(NORMAL, field): 1.0 for field in ("title", "diagnosis")}
CALLED_NORMAL = 1.0  # what being called normal counts where that is asked for: as much as all else that is
Normality = Literal["said", "partly", "silent", "ill"]


def normality(figure: SearchRow, mentions: Iterable[StoredMention], wanted: Sequence[AskedConcept]) -> Normality:
    """Whether a figure is said to be normal, or its title, diagnosis, topic or caption affirms a disease or a finding.

    A diagnosis in which no concept is found is a disease that the lexicon lacks. Who asks for what is normal wants no
    variant either.

    Parameters
    ----------
    figure : SearchRow
    mentions : iterable of StoredMention
        The figure's and its case's.
    wanted : sequence of AskedConcept

    Returns
    -------
    {"said", "partly", "silent", "ill"}
        *partly* where a case is ill, and the caption calls all that is wanted normal and tells of nothing ill.
    """
    known = lexicon()
    plain = [one for one in mentions if one.field in PLAIN_FIELDS and one.concept in known]
    affirmed = {one.concept for one in plain if one.polarity in ("affirmed", "possible")}
    variants = {VARIANT} | known.children(VARIANT)
    if any(one.concept in variants for one in plain if one.field in ("title", "diagnosis")):
        return "ill"
    affirmed -= _elsewhere_in_case(plain, wanted)
    kinds = {known.kind(name) for name in affirmed - {NORMAL} - variants}
    if "disease" in kinds or (figure.diagnosis and not any(one.field == "diagnosis" for one in plain)):
        told = {one.concept for one in plain if one.field == "caption" and one.polarity in ("affirmed", "possible")}
        well = {NORMAL, *(each.name for each in wanted)} <= told and len(wanted) > 0
        return "partly" if well and not any(known.kind(one) in ("disease", "finding") for one in told - {NORMAL}) else "ill"
    if NORMAL in affirmed and not any(one.concept in variants for one in plain):
        return "said"
    return "ill" if "finding" in kinds else "silent"


def _elsewhere_in_case(plain: Sequence[StoredMention], wanted: Sequence[AskedConcept]) -> set[str]:
    """What only the topic of the case tells, and of another organ than is asked for: a nodule, to the windpipe."""
    known = lexicon()
    near = {name for each in wanted for name in (each.name, *each.narrower, *known.parents(each.name))}
    told: dict[str, set[str]] = {}
    for one in plain:
        told.setdefault(one.concept, set()).add(one.field)
    return {name for name, fields in told.items() if fields == {"topic"} and near and known.organ(name) not in {"", *near}}


def confidence(
    base: Confidence,
    reading: QueryReading,
    figure: SearchRow,
    support: Mapping[str, Support],
    normal: Normality,
) -> tuple[Confidence, Basis]:
    """How sure a hit is, and by what.

    Parameters
    ----------
    base : {"strong", "likely", "weak"}
        By vectors and words alone.
    reading : QueryReading
    figure : SearchRow
    support : mapping
        As `spoken` gives it.
    normal : {"said", "partly", "silent", "ill"}
        As `normality` gives it; counts only where *normal* is asked for.

    Returns
    -------
    confidence : {"strong", "likely", "weak"}
        *strong* only where all that is asked is spoken of plainly, with the number and the side that the query states;
        *weak* where a disease or a finding is not spoken of, or another number or side is told.
    basis : {"named", "mentioned", "structure", "words", "alike"}
        ``alike`` where only the picture speaks for it.
    """
    sure, basis = _confidence(base, reading, figure, support)
    if sure != "weak" and not reading.versus:
        texts = f"{figure.title}. {figure.diagnosis}", figure.caption
        asked = asked_beside_names(reading.text)
        nothing_else = not asked.ranks and asked.adjectives.keys() == {"side"}
        sided = _where_a_side_is_told(reading, *texts, nothing_else) if "side" in asked.adjectives else texts
        agreed = agreement(asked, sided)
        if agreed == "contrary":
            return "weak", "alike"
        sure = sure if agreed == "held" else _at_most_likely(sure)
    if not reading.normal:
        return sure, basis
    if normal == "ill":
        return "weak", "alike"
    return (sure if normal == "said" else _at_most_likely(sure)), basis


def _where_a_side_is_told(reading: QueryReading, head: str, caption: str, nothing_else: bool) -> Iterator[str]:
    """A figure's words, those that likeliest say the side of what is asked for first; most are not asked for.

    A caption that lists *left lung, right lung* has a nodule in one: what counts is the clause that names the nodule,
    then the sentence that does, then the clause that names the organ, then all that is no list and does not say how the
    picture is hung. Of an organ lists count, too. Where nothing else is asked for than the side, what tells none is not
    looked at.
    """
    things = [each for each in reading.wanted if each.kind != "anatomy"]
    if things or any(word not in SIDES for word in reading.others):
        head, caption = without_shown(head), without_shown(caption)
    others = {word for word in reading.others if word not in SIDES}  # a *screw* that is no concept is a thing, too
    lists = caption if not (things or others) else _LIST.sub(" ", caption)
    prose = [each for each in cut(lists) if not _HUNG.search(each)]

    def that_name(concepts: Sequence[AskedConcept], parts: Iterable[str]) -> Iterator[str]:
        names = frozenset[str]().union(*({each.name, *each.narrower} for each in concepts))
        return (
            part
            for part in parts
            if not names.isdisjoint(named_in(part)) or (others and not others.isdisjoint(lexicon().words(part)))
        )

    def naming(concepts: Sequence[AskedConcept], parts: Iterable[str]) -> str:
        return ". ".join(that_name(concepts, (part for part in parts if not nothing_else or may_tell_side(part))))

    def clauses(of: Iterable[str]) -> list[str]:
        return [clause for sentence in of for clause in _CLAUSE.split(sentence)]

    if things or others:
        if any(True for _part in that_name(things, [head, *prose])):
            yield naming(things, clauses([head, *prose]))
            yield naming(things, [head, *prose])
            yield naming(reading.wanted, clauses(prose))
            yield head
        else:  # another wording, or only its case names it: a title may list organs of both sides
            yield naming(reading.wanted, clauses(prose))
        yield _of_one_side(" ".join(prose))
        return
    yield naming(reading.wanted, clauses([head, *prose]))
    yield head
    yield " ".join(each for each in cut(_LIST.sub(" ", caption)) if not _HUNG.search(each))


def _of_one_side(text: str) -> str:
    """A text that names one side, or both at once; empty where it names one and the other: nobody knows which is meant."""
    words = (SPANISH.get(word, word) for word in lexicon().words(_AT_ONCE.sub("both", text)))
    return "" if {SIDES[word] for word in words if word in SIDES} >= {"left", "right"} else text


def _confidence(  # noqa: PLR0911 - each return is one sentence of the rule
    base: Confidence, reading: QueryReading, figure: SearchRow, support: Mapping[str, Support]
) -> tuple[Confidence, Basis]:
    def others() -> bool:
        return not reading.others or figure.words.issuperset(reading.others)

    def made() -> bool:
        return made_as_asked(reading, figure)

    if UNWANTED in support:
        return "weak", "alike"
    if not reading.wanted:
        return _without_concepts(base, reading, others, made)
    held = {concept: _held(concept, figure, support) for concept in reading.wanted}
    things = [each for concept, each in held.items() if concept.kind != "anatomy"]
    if all(each == "plain" for each in held.values()) and not reading.doubtful and made() and others():
        return "strong", "named" if things else "structure"
    if (reading.versus or reading.joined) and "plain" in things:  # one of two that somebody wants
        return "likely", "named"
    if "denied" in things or ("none" in things and not _named_beside(held)):
        return "weak", "alike"
    if any(each.kind in HOW and made_otherwise(each, figure) for each in reading.concepts) and not made():
        return "weak", "alike"  # a CT of the liver answers nobody who asks for an ultrasound of it
    nowhere = any(concept.kind == "anatomy" and said == "none" for concept, said in held.items())
    if things and nowhere:  # the right disease in another place
        return "weak", "alike"
    if things and _in_general(reading) and not figure.words.issuperset(set(reading.others) - modifiers()):
        return "weak", "alike"  # a word that is not understood says which abscess, and the figure's words do not hold it
    if things:
        return "likely", "named" if all(each == "plain" for each in things) else "mentioned"
    if reading.joined and "plain" in held.values() and others() and made():  # one of several structures
        return "likely", "structure"
    if "none" in held.values():  # the structure is not said, and whatever looks alike shows others
        return "weak", "alike"
    if not others():  # a structure, and something beside it that its words do not say
        whose = made() and (_OF_WHOM | figure.words).issuperset(reading.others)
        return ("likely", "structure") if whose else (_at_most_likely(base), "alike")
    kinds = [each for each in reading.concepts if each.kind == "modality" and lexicon().organ(each.name)]
    # An echocardiogram is no ultrasound of the heart of a fetus.
    return ("likely", "structure") if all(made_so(each, figure) for each in kinds) else ("weak", "alike")


def _named_beside(held: Mapping[AskedConcept, Support]) -> bool:
    """Whether a certain disease or finding is plainly there, and nothing is missing but a device or what was done."""
    missing = {concept.kind for concept, said in held.items() if said == "none" and concept.kind != "anatomy"}
    certain = (each for each, said in held.items() if said == "plain" and each.kind in ("disease", "finding"))
    return missing <= {"device", "procedure"} and any(lexicon().organ(each.name) or not each.narrower for each in certain)


def _in_general(reading: QueryReading) -> bool:
    """Whether nothing is asked for but what may lie anywhere, as an *abscess*."""
    return bool(reading.others) and not any(
        each.kind == "anatomy" or len(each.narrower) < _GENERAL or lexicon().organ(each.name) for each in reading.wanted
    )


def _without_concepts(
    base: Confidence, reading: QueryReading, others: Callable[[], bool], made: Callable[[], bool]
) -> tuple[Confidence, Basis]:
    if reading.others:
        if not others():
            return "weak", "alike"
        return (("likely" if base == "weak" and reading.concepts else base) if made() else _at_most_likely(base)), "words"
    if reading.concepts:  # how the picture was made, and nothing else
        return ("strong", "structure") if made() else ("weak", "alike")
    return _at_most_likely(base), "alike"


def _at_most_likely(base: Confidence) -> Confidence:
    return "likely" if base == "strong" else base


def _held(concept: AskedConcept, figure: SearchRow, support: Mapping[str, Support]) -> Support:
    if concept.kind == "anatomy" and figure.region and figure.region in {concept.name, *concept.narrower}:
        return "plain"
    said = support.get(concept.name, "none")
    # The words of a name, scattered over a text, name neither a disease nor a structure: a left ventricle, a renal pelvis.
    one = len(concept.words) == 1 if concept.kind == "anatomy" else concept.kind != "disease"
    between = concept.name.endswith(" disc space")  # of two vertebrae that are both named
    if said == "none" and (one or between) and figure.words.issuperset(concept.words):
        return "said"
    return said
