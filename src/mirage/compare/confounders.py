"""Confounders: in what else than the question two sides differ, so that a reader does not take it for the difference."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from mirage.compare.keyness import CaseFindings
from mirage.figure import MODALITIES, Figure
from mirage.wording import N_, _, looked_up

OVERLAP = 0.5  # two sides that share less of their values differ
FEWEST = 2  # cases of a side that have to say something
_AGE = re.compile(r"(\d{1,3})[- ](year|month|week|day)")
_MALE = re.compile(r"\b(?:man|boy|male)\b")
_FEMALE = re.compile(r"\b(?:woman|girl|female)\b")
_ADULT, _OLD = 18, 65


def _region(figure: Figure) -> str:
    return figure.region


def _modality(figure: Figure) -> str:
    return "" if figure.modality == "OT" else MODALITIES.get(figure.modality, figure.modality)


def _plane(figure: Figure) -> str:
    return figure.plane


def age_group(figure: Figure) -> str:
    """How old the patient is, as far as the source says: children, adults or old people."""
    found = _AGE.search(figure.patient)
    if not found:
        return ""
    years = int(found[1]) if found[2] == "year" else 0
    if years < _ADULT:
        return _("children")
    return _("adults under %(years)s", years=_OLD) if years < _OLD else _("%(years)s or older", years=_OLD)


def sex(figure: Figure) -> str:
    """The patient's sex, as far as the source says."""
    return N_("female") if _FEMALE.search(figure.patient) else N_("male") if _MALE.search(figure.patient) else ""


# Of what it is said, and whether of all.
_SAID = {
    ("figures", True): N_("%(side)s's figures are all %(value)s (%(of)s)"),
    ("figures", False): N_("%(side)s's figures are mostly %(value)s (%(of)s)"),
    ("patients", True): N_("%(side)s's patients are all %(value)s (%(of)s)"),
    ("patients", False): N_("%(side)s's patients are mostly %(value)s (%(of)s)"),
}
# What is asked of each case, how it is said of a side, and why it matters.
_ASKED: tuple[tuple[str, Callable[[Figure], str], str, str], ...] = (
    ("modality", _modality, "figures", N_("how they were taken")),
    ("plane", _plane, "figures", N_("how they were taken")),
    ("region", _region, "figures", N_("where they were taken")),
    (N_("age"), age_group, "patients", N_("whom they show")),
    (N_("sex"), sex, "patients", N_("whom they show")),
)


def confounders(a: Sequence[CaseFindings], b: Sequence[CaseFindings]) -> Iterator[str]:
    """One sentence for each thing in which the two sides differ by how, where or of whom their pictures were taken.

    Cases that do not say it are not counted, and the sentence says how many do.

    Parameters
    ----------
    a, b : sequence of CaseFindings
    """
    for name, read, who, why in _ASKED:
        sides = [_values(side, read) for side in (a, b)]
        said = [len(side) for side in sides]
        if min(said) < FEWEST:
            continue
        shares = [_shares(side) for side in sides]
        if sum(min(share, shares[1].get(value, 0.0)) for value, share in shares[0].items()) >= OVERLAP:
            continue
        most = [max(share, key=lambda value: share[value]) for share in shares]
        if most[0] == most[1]:
            continue
        told = [
            _(_SAID[who, share[value] > 0.99], side=side, value=looked_up(value), of=_of(count, len(cases)))
            for side, share, value, count, cases in zip("AB", shares, most, said, (a, b), strict=True)
        ]
        yield _(
            "%(told)s, %(told2)s: this difference in %(name)s is %(why)s, and may explain others.",
            told=told[0],
            told2=told[1],
            name=looked_up(name),
            why=_(why),
        )


def _of(count: int, cases: int) -> str:
    if count == cases:
        return _("all %(cases)s cases say it", cases=cases)
    return _("%(count)s of %(cases)s cases say it", count=count, cases=cases)


def _values(cases: Sequence[CaseFindings], read: Callable[[Figure], str]) -> list[Counter[str]]:
    """Of each case that says it, its values, all together weighing as one case."""
    counts = (Counter(value for figure in case.figures if (value := read(figure))) for case in cases)
    return [count for count in counts if count]


def _shares(values: Sequence[Counter[str]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for count in values:
        for value, number in count.items():
            found[value] = found.get(value, 0.0) + number / count.total() / len(values)
    return found
