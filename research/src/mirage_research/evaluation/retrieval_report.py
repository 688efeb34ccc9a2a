"""The report page of `mirage evaluate retrieval`: one HTML file, plots as SVG, tables beside them, no script."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mirage.errors import Unavailable
from mirage.figure import MODALITIES
from mirage_research.evaluation.error_analysis import FailedQuery
from mirage_research.evaluation.evaluation_set import EvaluationSet
from mirage_research.evaluation.intervals import told
from mirage_research.evaluation.retrieval import RetrievalEvaluation

PAGE = "index.html"
_IGNORED = f"# The page shows pictures and texts whose licence may not allow passing them on.\n/{PAGE}\n/.gitignore\n"
_LONGEST = 240

SAID = {
    "text to image": "The figure's plane, modality and caption are asked for its picture. A hit: same caption, same case.",
    "image to text": "The picture is asked for its words.",
    "caption alone to image": "The caption without plane and modality is asked for the picture.",
    "condition queries": "A case's title or diagnosis is asked for figures of cases with that title, diagnosis or topic. "
    "Titles and diagnoses are in no channel.",
    "condition queries, asked twice": "The same, for a sample, with and without refine.",
    "image queries": "A figure is asked for figures of other cases: same title, diagnosis or topic where another case "
    "has it, else same region and modality.",
}


def bars(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a task's plot shows: each system by the measure by which they are compared, in per cent of the plot's width."""
    found = []
    for name, values in table["systems"].items():
        row = values[table["measure"]]
        value, low, high = (100 * number for number in row)
        found.append(
            {"name": name, "value": value, "low": low, "high": high, "text": told(row), "main": name == table["main"]}
        )
    return found


def write(evaluation: RetrievalEvaluation, folder: Path, command: str) -> Path:
    """Write the page.

    Parameters
    ----------
    evaluation : RetrievalEvaluation
    folder : Path
        Made when it is missing. A ``.gitignore`` that names the page is put beside it where there is none.
    command : str
        What made it.

    Raises
    ------
    mirage.errors.Unavailable
        When the folder cannot be written.
    """
    page = render(evaluation, command)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / ".gitignore").exists():
            (folder / ".gitignore").write_text(_IGNORED, "utf-8")
        (folder / PAGE).write_text(page, "utf-8")
    except OSError as error:
        raise Unavailable(f"The report could not be written to {folder}: {error.strerror or error}.") from error
    return folder / PAGE


def render(evaluation: RetrievalEvaluation, command: str) -> str:
    """The page as text.

    Parameters
    ----------
    evaluation : RetrievalEvaluation
    command : str
        What made it.
    """
    environment = Environment(
        loader=PackageLoader("mirage_research.evaluation", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pool, small = evaluation.pool, evaluation.thumbnails
    tasks = [
        {
            "name": name,
            "said": SAID.get(name, ""),
            "table": table,
            "measures": [key for key in next(iter(table["systems"].values())) if key not in ("median rank", "not found")],
            "bars": bars(table),
            "failures": [_failed(one, pool, small) for one in evaluation.failures.get(name, ())],
        }
        for name, table in evaluation.table["tasks"].items()
    ]
    template = environment.get_template("retrieval.html")
    return template.render(table=evaluation.table, tasks=tasks, command=command)


def _failed(failed: FailedQuery, pool: EvaluationSet, small: Mapping[int, bytes]) -> dict[str, Any]:
    return {
        "text": _cut(failed.text),
        "value": f"{failed.value:.2f}",
        "about": _figure(failed.place, pool, small),
        "wanted": [_figure(place, pool, small) for place in failed.wanted],
        "got": [{**_figure(place, pool, small), "confusion": kind} for place, kind in failed.got],
    }


def _figure(place: int, pool: EvaluationSet, small: Mapping[int, bytes]) -> dict[str, str]:
    figure = pool.figures[place]
    kind = " ".join(filter(None, [figure.plane, MODALITIES.get(figure.modality, figure.modality), figure.region]))
    picture = base64.b64encode(small[place]).decode() if place in small else ""
    return {
        "id": figure.id,
        "title": figure.title,
        "caption": _cut(figure.caption),
        "kind": kind or "kind not stated",
        "picture": f"data:image/webp;base64,{picture}" if picture else "",
        "attribution": figure.source.attribution,
        "url": figure.source.url if figure.source.url.startswith(("https://", "http://")) else "",
        "licence": str(figure.source.licence),
    }


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"
