"""The curves of a run: a table that grows by a row a step, and a drawing of it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from html import escape
from pathlib import Path

from mirage_research.evaluation.ranking import AT

WAYS = ("text_to_image", "image_to_text")

COLUMNS = (
    *("step", "epoch", "loss", "rate", "scale", "seconds", "pool"),
    *(f"{way}_r{k}" for way in (*WAYS, "chance") for k in AT),
)
_WIDTH, _HEIGHT, _MARGIN = 760, 250, 54
_MOST_POINTS = 400
_COLOURS = ("#1b6ca8", "#b3541e", "#3f7d20")

Row = dict[str, str]


def score(row: dict[str, float]) -> float:
    """One number to choose by: the mean recall at 1, 5 and 10, both ways."""
    return sum(row[f"{way}_r{k}"] for way in WAYS for k in AT) / (len(WAYS) * len(AT))


def describe(row: dict[str, float]) -> str:
    """A measurement as the log tells it."""
    words, pictures, chance = ("/".join(f"{row[f'{name}_r{k}']:.3f}" for k in AT) for name in (*WAYS, "chance"))
    return f"R@1/5/10 text→image {words}, image→text {pictures} (pool {row['pool']:,}, chance {chance})"


class RecallCurves:
    """``curves.csv`` and ``curves.svg`` in a folder.

    Parameters
    ----------
    folder : Path
    step : int
        Rows after this step are taken away: a run that goes on from a checkpoint makes them again.
    """

    def __init__(self, folder: Path, step: int = -1) -> None:
        self._table, self._drawing = folder / "curves.csv", folder / "curves.svg"
        kept = [row for row in self.rows() if (row["step"] or "").isdigit() and int(row["step"]) <= step]
        self.seconds = float(kept[-1]["seconds"] or 0) if kept else 0.0
        with self._table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(kept)

    def rows(self) -> list[Row]:
        """All rows as they stand in the table."""
        if not self._table.is_file():
            return []
        with self._table.open(encoding="utf-8", newline="") as file:
            return [row for row in csv.DictReader(file) if None not in row.values()]

    def add(self, values: dict[str, object]) -> None:
        """Add one row; what it does not name stays empty."""
        with self._table.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, COLUMNS, restval="").writerow(values)

    def draw(self) -> None:
        """Draw loss and recall over the steps."""
        rows = self.rows()
        loss = {"loss": _points(rows, "loss")}
        recall = {f"text→image R@{k}": _points(rows, f"text_to_image_r{k}") for k in AT}
        pool = next((row["pool"] for row in rows if row["pool"]), "")
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {2 * _HEIGHT}" '
            'font-family="sans-serif" font-size="12">',
            f'<rect width="{_WIDTH}" height="{2 * _HEIGHT}" fill="white"/>',
            *_panel("Loss", loss, 0, None),
            *_panel(f"Held-out recall, pool of {pool} figures" if pool else "Held-out recall", recall, _HEIGHT, 1.0),
            "</svg>",
        ]
        self._drawing.write_text("\n".join(parts) + "\n", "utf-8")


def _points(rows: Sequence[Row], name: str) -> list[tuple[float, float]]:
    found = [(float(row["step"]), float(row[name])) for row in rows if row[name]]
    return found[:: max(1, len(found) // _MOST_POINTS)]


def _panel(title: str, lines: dict[str, list[tuple[float, float]]], top: float, highest: float | None) -> list[str]:
    """One diagram: a frame with its ends named, and a line for each list of points."""
    every = [point for points in lines.values() for point in points]
    last = max((x for x, _ in every), default=1.0) or 1.0
    high = highest or max((y for _, y in every), default=1.0) or 1.0
    left, right, low, up = _MARGIN, _WIDTH - _MARGIN, top + _HEIGHT - 36, top + 56
    parts = [
        f'<text x="{left}" y="{top + 20}" font-weight="bold">{escape(title)}</text>',
        f'<path d="M{left} {up}V{low}H{right}" fill="none" stroke="#888"/>',
        f'<text x="{left - 6}" y="{up + 4}" text-anchor="end">{high:.3g}</text>',
        f'<text x="{left - 6}" y="{low}" text-anchor="end">0</text>',
        f'<text x="{right}" y="{low + 18}" text-anchor="end">step {last:.0f}</text>',
    ]
    for number, (name, points) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        placed = [(left + (right - left) * x / last, low - (low - up) * min(y / high, 1.0)) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"/>' for x, y in placed if len(placed) < 60]
        parts.append(
            f'<text x="{right}" y="{top + 20 + 14 * number}" text-anchor="end" fill="{colour}">{escape(name)}</text>'
        )
    return parts
