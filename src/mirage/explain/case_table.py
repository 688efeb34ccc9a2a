"""In the cases here: how many cases of a diagnosis say that a finding is there, deny it, or say nothing of it.

It counts what captions and findings say, as mentions that were read when they were stored. Somebody chose these cases to
teach with, so the counts tell nothing of how often a finding happens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from mirage.explain.evidence import Evidence
from mirage.explain.subject import Subject, subject_of
from mirage.language.concepts import lexicon
from mirage.language.mentions import Polarity
from mirage.storage.searched import StoredMention
from mirage.wording import N_, _, ngettext

if TYPE_CHECKING:
    from mirage.storage.store import Store

HEADING = N_("In the cases here: selected teaching cases, not how often it happens")
MOST_CASES, MOST_ROWS = 20, 8
_TELLING = frozenset(("caption", "findings"))  # fields that say what this case's pictures show
_FEWEST = 2  # cases, below which nothing is counted, and that must speak of a finding
# True of many a picture, whatever it shows: that so many cases say it teaches nothing.
UNTELLING = frozenset(
    "lesion|mass|nodule|normal|normal variant|abnormality|imaging sign|artifact|incidental finding|opacity|gas|effusion"
    "|hyperintensity|hypointensity|isointensity|hypoattenuation|dilation|enlargement|displacement|deformity|thickening"
    "|entrapment|bone lesion|soft tissue mass|solid tumor|congenital anomaly|pain|inflammation|degeneration|trauma".split(
        "|"
    )
)
_STONE = "calculus"
# What is affirmed with the first denies the second.
OPPOSITES = {"absent enhancement": "contrast enhancement"}


@dataclass(frozen=True, slots=True)
class CaseCount:
    """So many cases, and the figures that say so.

    Attributes
    ----------
    cases : tuple of str
        Their ids.
    figures : tuple of str
        Ids: for each case the figure whose caption says it, or where only the case's findings do, its first one.
    """

    cases: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding over the cases.

    Attributes
    ----------
    finding : str
        A concept.
    present, denied, possible, silent : CaseCount
        Which cases say that it is there, say that it is not, leave it open, and say nothing of it.
    """

    finding: str
    present: CaseCount
    denied: CaseCount
    possible: CaseCount
    silent: CaseCount

    @property
    def words(self) -> str:
        """As a line to read: "enhancement: 4 of 5 say so, 1 says nothing"."""
        total = sum(len(each.cases) for each in (self.present, self.denied, self.possible, self.silent))
        parts = [_("%(number)s of %(total)s say so", number=len(self.present.cases), total=total)]
        if denied := len(self.denied.cases):
            parts.append(ngettext("%(num)s denies it", "%(num)s deny it", denied))
        if possible := len(self.possible.cases):
            parts.append(ngettext("%(num)s leaves it open", "%(num)s leave it open", possible))
        if silent := len(self.silent.cases):
            parts.append(ngettext("%(num)s says nothing", "%(num)s say nothing", silent))
        return f"{self.finding}: {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class CaseTable:
    """Findings counted over the cases with a diagnosis.

    Attributes
    ----------
    diagnosis : str
    cases : tuple of str
        Ids of the cases that are counted.
    known : int
        How many cases with the diagnosis there are.
    rows : tuple of FindingRow
        Those that most cases speak of first.
    """

    diagnosis: str
    cases: tuple[str, ...]
    known: int
    rows: tuple[FindingRow, ...]

    @property
    def heading(self) -> str:
        """What stands above it."""
        some, counted = len(self.cases) < self.known, len(self.cases)
        cases = _("%(some)s of %(all)s cases", some=counted, all=self.known) if some else _("%(all)s cases", all=counted)
        return _("%(heading)s (%(cases)s of %(diagnosis)s)", heading=_(HEADING), cases=cases, diagnosis=self.diagnosis)


def case_table(question: str, evidence: Sequence[Evidence], store: Store) -> CaseTable | None:
    """Count findings over the cases whose diagnosis is what a question asks for; None where there are not two of them.

    Parameters
    ----------
    question : str
    evidence : sequence of Evidence
        Of the figures found; their cases are counted first.
    store : Store
    """
    subject = subject_of(question, evidence)
    if subject is None or subject.sort != "disease":
        return None
    by_case = store.mentions.diagnosed(subject.narrower)
    found_first = {item.case: place for place, item in reversed(list(enumerate(evidence)))}
    chosen = sorted(by_case, key=lambda case: (found_first.get(case, len(evidence)), case))[:MOST_CASES]
    if subject.places:
        by_case = {name: by_case[name] for name, case in store.cases(by_case).items() if subject.filed_in_place(case)}
        chosen = [case for case in chosen if case in by_case]
    others = {name for name, case in store.cases(chosen).items() if not subject.confirmed(case)}
    chosen = [case for case in chosen if case not in others]
    if len(chosen) < _FEWEST:
        return None
    said = store.mentions.of([key for case in chosen for key in by_case[case]], fields=_TELLING)
    counts = cache(partial(_counts, subject=subject))
    told = {case: _told({name: said[key] for key, name in by_case[case].items()}, counts) for case in chosen}
    rows = _rows(chosen, told, {case: next(iter(by_case[case].values())) for case in chosen})
    return CaseTable(" or ".join(subject.names), tuple(chosen), len(by_case) - len(others), rows) if rows else None


_Told = Mapping[str, tuple[Polarity, str]]  # finding to how it is spoken of, and the figure that says so
_WEAKEST_FIRST: tuple[Polarity, ...] = ("possible", "denied", "affirmed")  # one figure may show what another does not


def _told(said: Mapping[str, Iterable[StoredMention]], counts: Callable[[str], bool]) -> _Told:
    """What a case says of findings; a finding that is said to be there is said of wider findings too, a disease is not."""
    known = lexicon()
    first = next(iter(said))
    told: dict[str, tuple[Polarity, str]] = {}
    for polarity in _WEAKEST_FIRST:
        for figure, mentions in said.items():
            for mention in mentions:
                concept, said_so = mention.concept, mention.polarity
                if said_so == "affirmed" and concept in OPPOSITES:
                    concept, said_so = OPPOSITES[concept], "denied"
                if said_so != polarity or concept not in known:
                    continue
                wider = _wider(concept) if polarity == "affirmed" else ()
                for name in (concept, *wider):
                    if counts(name) and (name not in told or told[name][0] != polarity):
                        told[name] = (polarity, figure if mention.field == "caption" else first)
    return told


def _wider(concept: str) -> Iterable[str]:
    """Wider findings that are said with a concept: of a disease only those that its name names ("epidural hematoma").

    A gallstone is a calcified thing by its kind, but nobody said that a calcification was seen.
    """
    known = lexicon()
    parents = known.parents(concept)
    if known.kind(concept) == "finding" and _STONE not in parents:
        return parents
    return (name for name in parents if concept.endswith(f" {name}"))


def _counts(name: str, subject: Subject) -> bool:
    """Whether a count of a finding teaches something of what is asked: "hematoma" is what a subdural hematoma is."""
    if lexicon().kind(name) != "finding" or name in UNTELLING or name in OPPOSITES:
        return False
    return subject.foreign(name) and not any(each.endswith(f" {name}") for each in subject.narrower)


def _rows(cases: Sequence[str], told: Mapping[str, _Told], first: Mapping[str, str]) -> tuple[FindingRow, ...]:
    known = lexicon()
    spoken = Counter(name for case in cases for name in told[case])
    rows: list[FindingRow] = []
    # Of two that as many speak of, the narrower says more.
    for name, count in sorted(spoken.items(), key=lambda one: (-one[1], -len(known.parents(one[0])), one[0])):
        if count < _FEWEST or len(rows) == MOST_ROWS:
            break
        # A wider finding that says no more than a narrower one that is counted already would say it twice.
        same = [row for row in rows if row.finding in known.children(name) or name in known.children(row.finding)]
        row = _row(name, cases, told, first)
        if not any(row.present.cases == other.present.cases and row.denied.cases == other.denied.cases for other in same):
            rows.append(row)
    return tuple(rows)


def _row(name: str, cases: Sequence[str], told: Mapping[str, _Told], first: Mapping[str, str]) -> FindingRow:
    def count(polarity: str) -> CaseCount:
        mine: dict[str, tuple[str, str]] = {case: told[case].get(name, ("", first[case])) for case in cases}
        cited = {case: figure for case, (said, figure) in mine.items() if said == polarity}
        return CaseCount(tuple(cited), tuple(cited.values()))

    return FindingRow(name, count("affirmed"), count("denied"), count("possible"), count(""))
