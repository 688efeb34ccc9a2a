"""The benchmark's queries: MedPix 2.0 figures with the words that should find them, exactly as the data set has them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mirage.corpora.medpix import find_folder
from mirage.errors import BadInput


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure and its query.

    Attributes
    ----------
    name : str
        Of the image, without ending.
    case : str
    query : str
        ``{Plane} {Modality}. {Caption}``, raw.
    caption : str
        Raw.
    modality : str
        ``CT`` or ``MR``.
    plane, location, category : str
        Raw; empty when the data set has none.
    """

    name: str
    case: str
    query: str
    caption: str
    modality: str
    plane: str
    location: str
    category: str

    @property
    def key(self) -> tuple[str, str]:
        """Case and caption: figures that share it answer the same query."""
        return self.case, self.caption

    @property
    def kind(self) -> tuple[str, str, str]:
        """Modality, plane and region: what a coarse look tells."""
        return self.modality, self.plane, self.category


def read_pairs(path: Path, split: str) -> list[Pair]:
    """Read the figures of one split of MedPix 2.0, in the order of the data set.

    Parameters
    ----------
    path : Path
        A copy of the data set in its own layout.
    split : str
        ``train``, ``dev`` or ``test``.

    Raises
    ------
    mirage.errors.BadInput
        When the copy or the split is not there.
    """
    file = find_folder(path) / "splitted_dataset" / f"descriptions_{split}.jsonl"
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError as error:
        raise BadInput(f"The split “{split}” is not there: {file} ({error.strerror}).") from error
    pairs = []
    for line in lines:
        if not line.strip():
            continue
        row = json.loads(line)
        told = row.get("Description") or {}
        plane, modality, caption = (str(told.get(name) or "") for name in ("Plane", "Modality", "Caption"))
        pairs.append(
            Pair(
                name=str(row["image"]),
                case=str(row["U_id"]),
                query=f"{plane} {modality}. {caption}",
                caption=caption,
                modality=str(row.get("Type") or ""),
                plane=plane,
                location=str(row.get("Location") or ""),
                category=str(row.get("Location Category") or ""),
            )
        )
    return pairs
