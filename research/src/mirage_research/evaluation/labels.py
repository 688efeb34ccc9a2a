"""How many labels of MedPix are wrong, by reading; and which of them the rule of `mirage.language.labels` flags."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from mirage.figure import Figure
from mirage.language.labels import contradicted

_READ = Path(__file__).with_name("labels_read.toml")
_FLAGGED = ("modality", "plane")  # labels that the rule looks at


def evaluate(figures: Iterable[Figure]) -> dict[str, int]:
    """Compare the rule with what was read by hand.

    Parameters
    ----------
    figures : iterable of Figure
        Of MedPix; those that nobody read are only flagged.
    """
    read = tomllib.loads(_READ.read_text("utf-8"))
    by_name = {figure.id.partition(":")[2]: figure for figure in figures}
    flagged = {name for name, figure in by_name.items() if contradicted(figure)}
    drawn = {name: wrong for name, wrong in read["drawn"].items() if name in by_name}
    of_kind = {field: sum(field in wrong for wrong in drawn.values()) for field in (*_FLAGGED, "region")}
    wrong = {name for name, fields in drawn.items() if set(fields) & set(_FLAGGED)}
    verdicts = {name: read["flags"][name] for name in flagged & set(read["flags"])}
    return {
        "drawn": len(drawn),
        **{f"{field} wrong": count for field, count in of_kind.items()},
        "modality or plane wrong": len(wrong),
        "of these flagged": len(wrong & flagged),
        "flagged of all": len(flagged),
        "label wrong by the picture": sum(verdicts.values()),
        "label right, caption of another picture": len(verdicts) - sum(verdicts.values()),
        "flags not read": len(flagged) - len(verdicts),
    }
