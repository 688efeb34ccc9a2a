"""Does the evidence say the same of the same thing: signal, direction, strength, cause, and what is asserted?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from mirage.explain.checker.cues import CUES
from mirage.explain.checker.matching import Alignment, Body, EvidenceSentence
from mirage.explain.checker.retelling import named
from mirage.explain.evidence import Break
from mirage.language.annotation import Annotation
from mirage.language.concepts import lexicon

_SEQUENCE = re.compile(
    r"\b(?:(T1|T2)(?:w|wi)?|(FLAIR|DWI|ADC|STIR|GRE|SWI)|(gradient)[- ]echo|(diffusion)[- ]weighted)\b", re.IGNORECASE
)
_SHORT = {"GRADIENT": "GRE", "DIFFUSION": "DWI"}
# "Does not exclude" and "cannot prove" are no rules without exception.
_NOT_SO = re.compile(
    r"(?i)\b(?:not|cannot|can't|\w+n't|never|neither|nor)(?: (?:by \w+|\w+))? "
    r"(?:rules? out|excludes?|proves?|necessarily)\b"
)
# What may bear out a rule without exception.
_ALL = re.compile(r"(?i)\b(?:all|every|each|any|only|both)\b")
# Shares in percent that make a thing usual or rare.
_HALF, _FEW = 50, 10
# Two sequences are listed together when no more signs than this lie between their beginnings.
_LISTED = 24
_ABOUT_IT = 0.45


def doubts(alignment: Alignment) -> list[Break]:
    """All that a sentence binds to another thing than its evidence does."""
    claim, chosen, near = alignment.claim, alignment.chosen, alignment.near
    found = [
        *_signals(claim, chosen, near),
        *_asserted(claim, near, alignment.body),
    ]
    if alignment.share >= _ABOUT_IT:
        found += _strength(claim, chosen, near)
    return found


@lru_cache(maxsize=4096)
def _concepts(reading: Annotation, start: int = 0, end: int = 1 << 30) -> frozenset[str]:
    """What is named in a stretch of a sentence, as the vocabulary and as the lexicon have it."""
    held = {token.concept for token in reading.tokens if start <= token.start < end} & reading.concepts.keys()
    return frozenset(held).union(name for name, first, _ in named(reading.text) if start <= first < end)


def _contradicted(words: str, unit: EvidenceSentence, why: str) -> Break:
    return Break("term", words, f"{why}; [{unit.number}]: “{unit.reading.text[:160]}”", "contradicted")


# -- signal -------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def signal_of(text: str) -> frozenset[tuple[str, str]]:
    """Sequence and signal, as a sentence binds them: "dark on T1 and bright on T2", "on T1 dark, on T2 bright"."""
    marks = [
        (match.start(), "sequence", _SHORT.get(word := next(filter(None, match.groups())).upper(), word))
        for match in _SEQUENCE.finditer(text)
    ]
    if not marks:
        return frozenset()
    for level, pattern in CUES["signal"].items():
        marks += [(match.start(), "signal", level) for match in pattern.finditer(text)]
    marks.sort()
    leading = marks[0][1] == "sequence"
    found: set[tuple[str, str]] = set()
    current: list[str] = []
    last = ""
    end = 0
    for start, kind, value in marks:
        if leading and kind == "sequence":
            current = [*current, value] if last == "sequence" and start - end < _LISTED else [value]
        elif leading:
            found |= {(sequence, value) for sequence in current}
        elif kind == "signal":
            current = [value]
        else:
            found |= {(value, level) for level in current}
        last, end = kind, start
    return frozenset(found)


def _signals(claim: Annotation, chosen: Sequence[EvidenceSentence], near: Sequence[EvidenceSentence]) -> Iterator[Break]:
    said = {pair: unit for unit in reversed(near) for pair in signal_of(unit.reading.text)}
    diseases = {name for name, _, _ in named(claim.text) if lexicon().concepts[name].kind == "disease"}
    own = [unit for unit in chosen if diseases & _concepts(unit.reading) and signal_of(unit.reading.text)]
    here = {pair for unit in own or chosen for pair in signal_of(unit.reading.text)}
    mine = signal_of(claim.text)
    for sequence, level in sorted(mine):
        if any((sequence, other) in here for one, other in mine if one == sequence and other != level):
            continue  # of several parts of one thing
        if (sequence, level) in here or ((sequence, level) in said and not any(pair[0] == sequence for pair in here)):
            continue
        against = [pair for pair in [*here, *said] if pair[0] == sequence and pair[1] != level]
        if against:
            yield _contradicted(sequence, said[against[0]], f"The sentence gives {sequence} another signal than its source")
        elif any(pair[1] == level for pair in here):
            unit = said[next(pair for pair in here if pair[1] == level)]
            reason = f"[{unit.number}] says this of another sequence than {sequence}."
            yield Break("modality", sequence, reason, "unsupported")


# -- strength -----------------------------------------------------------------------------------------------------------


def _said(text: str) -> set[str]:
    """How strongly a text puts it, in words."""
    found = set()
    text = _NOT_SO.sub(" ", text)
    for level, pattern in CUES["strength"].items():
        if pattern.search(text):
            found.add(level)
            text = pattern.sub(" ", text)  # "almost always" holds no "always"
    return found


def _levels(reading: Annotation) -> set[str]:
    shares = [quantity.values for quantity in reading.quantities if quantity.measure == "percent"]
    found = {"mostly" for each in shares if min(each) > _HALF} | {"rarely" for each in shares if max(each) < _FEW}
    return found | _said(reading.text) | ({"always"} if _ALL.search(reading.text) else set())


def _denies_it(levels: set[str], source: Annotation) -> bool:
    return "never" in levels and source.denies


def _strength(claim: Annotation, chosen: Sequence[EvidenceSentence], near: Sequence[EvidenceSentence]) -> Iterator[Break]:
    """A rule without exception where the source has exceptions, and what is rare taken for what is usual."""
    mine, lead = _said(claim.text), chosen[0]
    theirs = _levels(lead.reading)
    around = set[str]().union(*(_levels(unit.reading) for unit in chosen))
    open_rule = "sometimes" in theirs and "always" not in _said(lead.reading.text)
    if mine & {"always", "never"} and (open_rule or not around & {"always", "never"}) and not _denies_it(mine, lead.reading):
        level = min(mine & {"always", "never"})
        words = CUES["strength"][level].search(claim.text)
        support = "contradicted" if theirs else "unsupported"
        reason = f"The sentence says “{words[0] if words else level}”; [{lead.number}] does not go so far."
        yield Break("term", words[0] if words else level, reason, support)  # type: ignore[arg-type]


# -- what is asserted ----------------------------------------------------------------------------------------------------


def _asserted(claim: Annotation, near: Sequence[EvidenceSentence], body: Body) -> Iterator[Break]:
    """A disease that the sentence states as proven and the evidence only considers."""
    cues, known = CUES["assertion"], lexicon()
    if cues["hedged"].search(claim.text) or not cues["certain"].search(claim.text):
        return
    for name, start, end in named(claim.text):
        if known.concepts[name].kind != "disease":
            continue
        wanted = known.children(name) | {name}
        if any(wanted & set(_concepts(body.about[unit.number])) for unit in near):
            continue
        there = [unit for unit in near if wanted & set(_concepts(unit.reading))]
        if there and all(_aside(unit) for unit in there):
            words = claim.text[start:end]
            reason = f"The sentence states {words}; [{there[0].number}] only considers it."
            yield Break("negation", words, reason, "contradicted")


def _aside(unit: EvidenceSentence) -> bool:
    return unit.evidence.kind == "differential" or bool(CUES["assertion"]["aside"].search(unit.reading.text))
