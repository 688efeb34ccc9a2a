"""Words and fields for many figures: those of real ones, a fifth of the words of each replaced and all of them shuffled."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

from benchmarks import many
from mirage.atlas import Atlas
from mirage.storage.folder import points_of

_NAME = "words.json"


@dataclass(frozen=True, slots=True)
class Words:
    """What real figures say.

    Attributes
    ----------
    figures : list
        Words and fields of each.
    vocabulary : list of str
        Every word as often as it stands there.
    """

    figures: list[tuple[str, dict[str, str]]]
    vocabulary: list[str]

    @classmethod
    def read(cls, folder: Path) -> Words:
        """What `keep` wrote."""
        figures = [(words, fields) for words, fields in json.loads((folder / _NAME).read_text("utf-8"))]
        return cls(figures, [word for words, _ in figures for word in words.split()])

    def of(self, number: int) -> tuple[str, dict[str, str]]:
        """Words and fields of a figure by its number, always the same."""
        words, fields = self.figures[number % len(self.figures)]
        dice = random.Random(number)
        changed = [dice.choice(self.vocabulary) if dice.random() < many.CHANGED else word for word in words.split()]
        dice.shuffle(changed)
        return " ".join(changed), fields


def keep(real: Path, folder: Path, texts: int) -> None:
    """Write words and fields of a real atlas's figures, and distinct texts to ask for, to a folder."""
    with Atlas.open(real) as atlas:
        rows = [row for batch in atlas.store.each() for row in batch]
        points = points_of(atlas.store, rows, atlas.encoder_info.digest)
    said = {row.key: row.figure.words for row in rows}
    figures = [(said[point.key], dict(point.fields)) for point in points]
    (folder / _NAME).write_text(json.dumps(figures), "utf-8")
    (folder / "texts.json").write_text(json.dumps(many.queries(real, texts)), "utf-8")
