"""What an atlas is and holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mirage.encoders.base import EncoderInfo
from mirage.figure import Licence
from mirage.storage import manifest
from mirage.storage.store import Store


@dataclass(frozen=True, slots=True)
class CorpusRow:
    """What an atlas holds of one corpus; `complete` is False while adding has not ended."""

    name: str
    title: str
    summary: str
    version: str
    homepage: str
    licence: Licence
    figures: int
    cases: int
    bytes: int
    complete: bool


@dataclass(frozen=True, slots=True)
class AtlasInfo:
    """What an atlas is and holds."""

    path: Path
    format: int
    encoder: EncoderInfo
    figures: int
    cases: int
    bytes: int
    corpora: tuple[CorpusRow, ...]


def of(store: Store, path: Path, encoder: EncoderInfo) -> AtlasInfo:
    """Count what an atlas holds, corpus by corpus."""
    counts = store.counts()
    rows = tuple(
        CorpusRow(
            name=row["name"],
            title=row["title"],
            summary=row["summary"],
            version=row["version"],
            homepage=row["homepage"],
            licence=Licence(row["licence"], row["licence_url"]),
            figures=counts.get(row["name"], (0, 0, 0))[0],
            cases=counts.get(row["name"], (0, 0, 0))[1],
            bytes=counts.get(row["name"], (0, 0, 0))[2],
            complete=row["complete"],
        )
        for row in store.corpora()
    )
    figures, cases, size = (sum(count[i] for count in counts.values()) for i in range(3))
    return AtlasInfo(path, manifest.FORMAT, encoder, figures, cases, size, rows)
