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
from mirage.language.words import remembered
from mirage.wording import _

_SEQUENCE = re.compile(
    r"\b(?:(T1|T2)(?:w|wi)?|(FLAIR|DWI|ADC|STIR|GRE|SWI)|(gradient)[- ]echo|(diffusion)[- ]weighted)\b", re.IGNORECASE
)
_SHORT = {"GRADIENT": "GRE", "DIFFUSION": "DWI"}
# "Does not exclude" and "cannot prove" are no rules without exception.
_NOT_SO = re.compile(r"(?i)\b(?:no|not|cannot|can't|\w+n't|never|neither|nor|without)\b[^.;:]{0,40}$")
_RULES = frozenset(("always", "never"))
_RULE = re.compile(r"(?i)\b(?:always|invariabl[ey]|without exception|100 ?%)")
# What may bear out a rule without exception.
_ALL = re.compile(r"(?i)\b(?:all|every|each|any|only|both)\b")
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
        found += _strength(claim, chosen)
    return found


@lru_cache(maxsize=4096)
def _concepts(reading: Annotation, start: int = 0, end: int = 1 << 30) -> frozenset[str]:
    """What is named in a stretch of a sentence, as the vocabulary and as the lexicon have it."""
    held = {token.concept for token in reading.tokens if start <= token.start < end} & reading.concepts.keys()
    return frozenset(held).union(name for name, first, _ in named(reading.text) if start <= first < end)


def _contradicted(words: str, unit: EvidenceSentence, why: str) -> Break:
    return Break("term", words, f"{why}; [{unit.number}]: “{unit.reading.text[:160]}”", "contradicted")


# -- signal -------------------------------------------------------------------------------------------------------------


@remembered(4096)
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
    diseases = {name for name, _, _ in named(claim.text) if lexicon().kind(name) == "disease"}
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
            yield _contradicted(
                sequence,
                said[against[0]],
                _("The sentence gives %(sequence)s another signal than its source", sequence=sequence),
            )
        elif any(pair[1] == level for pair in here):
            unit = said[next(pair for pair in here if pair[1] == level)]
            reason = _(
                "[%(number)s] says this of another sequence than %(sequence)s.", number=unit.number, sequence=sequence
            )
            yield Break("modality", sequence, reason, "unsupported")


# -- strength -----------------------------------------------------------------------------------------------------------


def _said(text: str) -> dict[str, re.Match[str]]:
    """How strongly a text puts it: each level with the first words for it that are not denied."""
    found = dict[str, re.Match[str]]()
    for level, pattern in CUES["strength"].items():
        for match in pattern.finditer(text):
            if level != "always" or not _NOT_SO.search(text[: match.start()]):
                found.setdefault(level, match)
        text = pattern.sub(lambda match: " " * len(match[0]), text)  # "almost always" holds no "always"
    return found


def _strength(claim: Annotation, chosen: Sequence[EvidenceSentence]) -> Iterator[Break]:
    """A rule without exception where the source has exceptions."""
    rule = next((match for level, match in sorted(_said(claim.text).items()) if level in _RULES), None)
    lead = chosen[0]
    if rule is None or ("never" in _said(claim.text) and lead.reading.denies):
        return
    excepted = "sometimes" in _said(lead.reading.text) and not _RULE.search(lead.reading.text)
    ruled = any(_RULES & _said(unit.reading.text).keys() or _ALL.search(unit.reading.text) for unit in chosen)
    if excepted or not ruled:
        reason = _("The sentence says “%(words)s”; [%(number)s] does not go so far.", words=rule[0], number=lead.number)
        yield Break("term", rule[0], reason, "contradicted" if excepted else "unsupported")


# -- what is asserted ----------------------------------------------------------------------------------------------------


def _asserted(claim: Annotation, near: Sequence[EvidenceSentence], body: Body) -> Iterator[Break]:
    """A disease that the sentence states as proven and the evidence only considers."""
    cues, known = CUES["assertion"], lexicon()
    if cues["hedged"].search(claim.text) or not cues["certain"].search(claim.text):
        return
    for name, start, end in named(claim.text):
        if known.kind(name) != "disease":
            continue
        wanted = known.children(name) | {name}
        if any(wanted & set(_concepts(body.about[unit.number])) for unit in near):
            continue
        there = [unit for unit in near if wanted & set(_concepts(unit.reading))]
        if there and all(_aside(unit) for unit in there):
            words = claim.text[start:end]
            reason = _("The sentence states %(words)s; [%(number)s] only considers it.", words=words, number=there[0].number)
            yield Break("negation", words, reason, "contradicted")


def _aside(unit: EvidenceSentence) -> bool:
    return unit.evidence.kind == "differential" or bool(CUES["assertion"]["aside"].search(unit.reading.text))
