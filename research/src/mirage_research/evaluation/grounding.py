"""How often the checker catches what is wrong, and how often it is right when it marks a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirage.explain.checker import Checker
from mirage.explain.evidence import Claim, Draft
from mirage_research.evaluation.grounding_sets import ERRORS, Labelled
from mirage_research.evaluation.retrieval import Measured, bootstrap


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled sentence and what the checker made of it."""

    labelled: Labelled
    claim: Claim

    @property
    def names(self) -> frozenset[str]:
        """Kinds of its breaks."""
        return frozenset(broken.kind for broken in self.claim.breaks)


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table.

    Attributes
    ----------
    kind : str
    recall : Measured
        Share of the wrong sentences of this kind that are marked, for whatever reason.
    named : Measured
        Share that are marked for this very reason.
    precision : Measured
        Share that are wrong, of the sentences marked for this reason.
    """

    kind: str
    recall: Measured
    named: Measured
    precision: Measured


@dataclass(frozen=True, slots=True)
class Scored:
    """The whole table.

    Attributes
    ----------
    recall, precision : Measured
        Over all kinds: wrong sentences marked; marked sentences that are wrong.
    flagged : Measured
        Faithful sentences that are marked.
    partly : Measured
        Faithful sentences called "partly supported", which warns nobody.
    kinds : tuple of Kind
    cases : int
    """

    recall: Measured
    precision: Measured
    flagged: Measured
    partly: Measured
    kinds: tuple[Kind, ...]
    cases: int

    def table(self) -> dict[str, Any]:
        """As plain values: ``[value, low, high, count]`` each."""
        whole = {name: _row(getattr(self, name)) for name in ("recall", "precision", "flagged", "partly")}
        kinds = {
            kind.kind: {name: _row(getattr(kind, name)) for name in ("recall", "named", "precision")} for kind in self.kinds
        }
        return {"cases": self.cases, **whole, "kinds": kinds}


def judge(
    checker: Checker, examples: Sequence[Labelled], progress: Callable[[int, int], None] = lambda done, total: None
) -> list[Judged]:
    """Check every sentence, without citations and without a question: the checker finds the evidence by itself."""
    found = []
    for number, example in enumerate(examples, 1):
        found.append(Judged(example, checker.check(Draft(example.claim), example.evidence)))
        progress(number, len(examples))
    return found


def score(judged: Sequence[Judged]) -> Scored:
    """Recall and precision with 95 % bootstrap intervals over cases."""
    wrong = [item for item in judged if item.labelled.wrong]
    right = [item for item in judged if not item.labelled.wrong]
    marked = [item for item in judged if item.claim.marked]
    return Scored(
        recall=_share(wrong, lambda item: item.claim.marked),
        precision=_share(marked, lambda item: item.labelled.wrong),
        flagged=_share(right, lambda item: item.claim.marked),
        partly=_share(right, lambda item: item.claim.support == "partly"),
        kinds=tuple(_kind(kind, wrong, marked) for kind in ERRORS if any(item.labelled.kind == kind for item in wrong)),
        cases=len({item.labelled.case for item in judged}),
    )


def _kind(kind: str, wrong: Sequence[Judged], marked: Sequence[Judged]) -> Kind:
    of_kind = [item for item in wrong if item.labelled.kind == kind]
    return Kind(
        kind,
        recall=_share(of_kind, lambda item: item.claim.marked),
        named=_share(of_kind, lambda item: item.claim.marked and kind in item.names),
        precision=_share([item for item in marked if kind in item.names], lambda item: item.labelled.wrong),
    )


def _share(items: Sequence[Judged], which: Callable[[Judged], bool]) -> Measured:
    return bootstrap(np.array([float(which(item)) for item in items]), [item.labelled.case for item in items])


def _row(measured: Measured) -> list[float]:
    return [*(round(value, 4) for value in (measured.value, measured.low, measured.high)), measured.count]


def rows(scored: Scored) -> list[tuple[str, str]]:
    """The table for a person: what is measured, and its values."""
    found = [
        ("wrong sentences marked (recall)", _told(scored.recall)),
        ("marked sentences that are wrong (precision)", _told(scored.precision)),
        ("faithful sentences marked", _told(scored.flagged)),
        ("faithful sentences called partly supported", _told(scored.partly)),
    ]
    for kind in scored.kinds:
        found.append((f"{kind.kind}: marked", _told(kind.recall)))
        found.append((f"{kind.kind}: marked for that reason", _told(kind.named)))
        found.append((f"{kind.kind}: wrong when that reason is given", _told(kind.precision)))
    return found


def _told(measured: Measured) -> str:
    return f"{measured} of {measured.count}" if measured.count else "none"
