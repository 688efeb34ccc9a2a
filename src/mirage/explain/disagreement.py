"""Where two sources say things of one disease that cannot both be true as they stand."""

from __future__ import annotations

import re
from typing import NamedTuple

from mirage.explain.checker.binding import signal_of
from mirage.explain.statements import VERB, Statement
from mirage.explain.subject import named
from mirage.language.concepts import lexicon
from mirage.language.mentions import mentions
from mirage.language.words import remembered

_FEMALE = r"(?:women|females?|girls)"
_MALE = r"(?:men|males?|boys)"
_MORE = r"(?:more (?:common|often|frequent)(?:ly)?|predominan\w+|predilection|preponderance|mostly|mainly|affects? more)"
_SEX = {
    "f": re.compile(rf"(?i)\b{_MORE}\b[^.;]{{0,25}}\b{_FEMALE}\b(?! (?:to|than|:) )|\b{_FEMALE}[ -]predomin\w+|\bf:m\b"),
    "m": re.compile(rf"(?i)\b{_MORE}\b[^.;]{{0,25}}\b{_MALE}\b(?! (?:to|than|:) )|\b{_MALE}[ -]predomin\w+|\bm:f\b"),
}
_BOTH = re.compile(r"(?i)\b(?:equal(?:ly)?|no (?:sex|gender)|both (?:sexes|genders))\b")
_AGE = re.compile(r"(?i)\b(?:ages?|years?(?: old)?|decades?)\b")
_YEARS = re.compile(
    r"(?i)(\d{1,2})(?:\s*(?:-|–|to|and)\s*(\d{1,2}))?\s*(?:years?|y/?o\b)"
    r"|\bages? (?:of )?(\d{1,2})(?:\s*(?:-|–|to|and)\s*(\d{1,2}))?"
)
_ORDINALS = {
    name: place for place, name in enumerate("first second third fourth fifth sixth seventh eighth ninth".split(), 1)
}
_DECADES = re.compile(rf"(?i)\b({'|'.join(_ORDINALS)}|\d(?:st|nd|rd|th))\b(?=[^.;]{{0,40}}\bdecades?\b)")
_USUAL = re.compile(
    r"(?i)\b(?:most|usual(?:ly)?|typical(?:ly)?|peaks?|mean|average|median|common(?:ly)?|incidence|affects?|occurs?)\b"
)
_OPEN = re.compile(
    r"(?i)\b(?:over|older than|above|under|younger than|below|before|after|less than|more than|follow|survival|within)\b"
)
_HEDGED = re.compile(
    r"(?i)\b(?:may|can|sometimes|occasional(?:ly)?|variabl[ey]|some|often|rare(?:ly)?|uncommon(?:ly)?|usually|most|typically)\b"
)
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)(?:\s*(?:-|–|to)\s*(\d{1,3}(?:\.\d+)?))?\s*%")
_APART = 1.5  # by how much the nearest of two shares must differ
_HEADS = frozenset(("finding", "anatomy"))
_AFTER_CONTRAST = re.compile(r"(?i)\b(?:enhanc\w+|contrast|gadolinium|gad)\b")


class _Said(NamedTuple):
    sexes: frozenset[str]
    ages: tuple[float, float] | None
    affirmed: frozenset[str]
    denied: frozenset[str]
    share: tuple[float, float] | None
    of: frozenset[str]
    signals: dict[str, set[str]]


def disagree(one: Statement, other: Statement) -> bool:
    """Whether two sources exclude each other: by sex, age, how often or signal, or one denies what the other affirms.

    Only what is said in general is held against each other; two cases may well differ.

    Parameters
    ----------
    one, other : Statement
    """
    if one.scope or other.scope or one.evidence.kind != "discussion" or other.evidence.kind != "discussion":
        return False
    if one.evidence.case == other.evidence.case:
        return False
    if _head(one) != _head(other):
        return False
    here, there = _said(one.text), _said(other.text)
    if _numbers_apart(here, there) or (here.sexes and there.sexes and not here.sexes & there.sexes):
        return True
    # "Isointense on T1, but can vary" and "hypointense on T1" are for the reader to weigh, however much one hedges.
    own = one.own and other.own  # a rim, a core or a calcified part has a signal of its own
    if own and any(
        here.signals[name].isdisjoint(there.signals[name]) for name in here.signals.keys() & there.signals.keys()
    ):
        return True
    # "Usually enhances" and "some do not enhance" go together; only what neither hedges excludes the other.
    sure = not _HEDGED.search(one.text) and not _HEDGED.search(other.text)
    return (
        sure and bool(here.affirmed & there.denied or here.denied & there.affirmed) and _same_picture(one.text, other.text)
    )


def _head(of: Statement) -> str:
    """The finding or place before the verb, of which a sentence speaks; empty where it speaks of what is asked."""
    if of.own and of.leads:
        return ""
    verb = VERB.search(of.text)
    first = next((each for each in named(of.text) if verb and each.end <= verb.start() and each.kind in _HEADS), None)
    return first.concept if first else ""


def _numbers_apart(here: _Said, there: _Said) -> bool:
    if here.ages and there.ages and _apart(here.ages, there.ages, 1.0):
        return True
    same = here.of and here.of == there.of
    return bool(same and here.share and there.share and _apart(here.share, there.share, _APART))


def _apart(one: tuple[float, float], other: tuple[float, float], times: float) -> bool:
    low, high = sorted((one, other))
    return low[1] * times < high[0]


_PICTURE = re.compile(r"\b(?:CT|MRI?|T1|T2|FLAIR|ultrasound|PET|DWI)\b")


def _same_picture(one: str, other: str) -> bool:
    here, there = set(_PICTURE.findall(one)), set(_PICTURE.findall(other))
    return here == there or not here or not there


@remembered(4096)
def _said(text: str) -> _Said:
    known = lexicon()
    features = [
        (each.concept, each.polarity) for each in mentions(text) if known.kind(each.concept) in ("finding", "anatomy")
    ]
    findings = [(name, said) for name, said in features if known.kind(name) == "finding"]
    sexes = frozenset() if _BOTH.search(text) else frozenset(sex for sex, pattern in _SEX.items() if pattern.search(text))
    percents = _PERCENT.findall(text)
    return _Said(
        sexes if len(sexes) == 1 else frozenset(),
        _ages(text),
        frozenset(name for name, said in findings if said == "affirmed"),
        frozenset(name for name, said in findings if said == "denied"),
        (float(percents[0][0]), float(percents[0][1] or percents[0][0])) if len(percents) == 1 else None,
        frozenset(name for name, _ in features),
        _signals(text),
    )


def _signals(text: str) -> dict[str, set[str]]:
    """Sequence to the signal, or signals, that a sentence gives it; nothing of what is seen after contrast."""
    found: dict[str, set[str]] = {}
    for sequence, level in () if _AFTER_CONTRAST.search(text) else signal_of(text):
        found.setdefault(sequence, set()).add(level)
    return found


def _ages(text: str) -> tuple[float, float] | None:
    """The usual ages that a sentence gives; None where it gives none, or several ranges, or only a bound."""
    if not _AGE.search(text) or not _USUAL.search(text) or _OPEN.search(text):
        return None
    found = [(float(a or c), float(b or d or a or c)) for a, b, c, d in _YEARS.findall(text)]
    decades = [_ORDINALS.get(one.lower()) or int(one[0]) for one in _DECADES.findall(text)]
    if decades:
        found.append((10.0 * (min(decades) - 1), 10.0 * max(decades)))
    return found[0] if len(found) == 1 else None
