"""The curves of a run: a table that grows by a row a step, and a drawing of it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
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
        pool = next((row["pool"] for row in rows if row["pool"]), "")
        recall = {f"text→image R@{k}": f"text_to_image_r{k}" for k in AT}
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {2 * _HEIGHT}" font-family="sans-serif">',
            f'<rect width="{_WIDTH}" height="{2 * _HEIGHT}" fill="white"/>',
            *_panel("Loss", rows, {"loss": "loss"}, 0),
            *_panel(f"Held-out recall, pool of {pool or 'no'} figures", rows, recall, _HEIGHT),
            "</svg>",
        ]
        self._drawing.write_text("\n".join(parts) + "\n", "utf-8")


def _panel(title: str, rows: Sequence[Row], columns: dict[str, str], top: int) -> Iterator[str]:
    """One diagram: a frame with its ends named, and a line for each column, with its name beside it."""
    lines = {
        name: [(float(row["step"]), float(row[column])) for row in rows if row[column]] for name, column in columns.items()
    }
    points = [point for line in lines.values() for point in line] or [(1.0, 1.0)]
    last, high = (max(values) or 1.0 for values in zip(*points, strict=True))
    left, right, up, low = _MARGIN, _WIDTH - _MARGIN, top + 64, top + _HEIGHT - 36
    yield f'<path d="M{left} {up}V{low}H{right}" fill="none" stroke="#888"/>'
    yield f'<text x="{left}" y="{top + 24}" font-weight="bold">{title}</text>'
    yield f'<text x="4" y="{up + 4}">{high:.3g}</text><text x="{right - 60}" y="{low + 20}">step {last:.0f}</text>'
    for number, (name, line) in enumerate(lines.items()):
        drawn = line[:: max(1, len(line) // _MOST_POINTS)]
        path = " ".join(f"{left + (right - left) * x / last:.1f},{low - (low - up) * y / high:.1f}" for x, y in drawn)
        yield f'<polyline points="{path}" fill="none" stroke="{_COLOURS[number]}" stroke-width="1.5"/>'
        yield f'<text x="{right - 150}" y="{top + 24 + 16 * number}" fill="{_COLOURS[number]}">{name}</text>'
