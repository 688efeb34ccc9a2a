"""Corpora that are read and encoded elsewhere, and what comes of it beside a plain addition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dicom_maker import make_dicom
from mirage import corpora
from mirage.atlas import Atlas
from mirage.jobs import change
from mirage.storage.ingest import add
from parts import picture_folder
from squares import Squares


def mixed_folder(folder: Path, pictures: int = 70) -> Path:
    """Pictures with words, one that cannot be read, and a series of DICOM files that is a stack."""
    picture_folder(folder, pictures)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    rng = np.random.default_rng(3)
    for number in range(9):
        pixels = rng.integers(0, 1000, (24, 24)).astype(np.uint16)
        tags = {
            "SeriesInstanceUID": "1.2.3",
            "SOPInstanceUID": f"1.2.3.{number}",
            "ImagePositionPatient": [0, 0, 5 * number],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "PixelSpacing": [1, 1],
            "InstanceNumber": number + 1,
            "Modality": "CT",
        }
        place = folder / "series" / f"{number:02}.dcm"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(make_dicom(pixels, **tags))
    return folder


def added(atlas: Atlas, corpus: str, given: dict[str, Any], on: str) -> dict[str, Any]:
    """Add a corpus with workers, as a job does; what the job says at the end."""
    told: dict[str, Any] = {}
    change.add_corpus(atlas, corpus, given, lambda **changes: told.update(changes), lambda: False, on=on)
    return told


def plainly(folder: Path, corpus: str, given: dict[str, Any]) -> Atlas:
    """An open atlas to which the corpus was added in one process."""
    atlas = Atlas.open(folder, encoder=Squares(), create=True)
    add(atlas, corpora.load(corpus, **given))
    return atlas


def contents(atlas: Atlas) -> dict[str, tuple[object, ...]]:
    """What an atlas has of each figure, but for its key: record, files, and vectors as they are kept."""
    digest = atlas.encoder_info.digest
    found: dict[str, tuple[object, ...]] = {}
    for key, row in atlas.store.rows(atlas.store.keys()).items():
        image, caption = atlas.store.vectors.of([key], digest)[key]
        slices = atlas.store.vectors.slices([key], digest)
        files = tuple(atlas.pictures.read(name) for name in sorted(row.files))
        small = atlas.pictures.read_thumbnail(row.picture.name)
        packed = [np.round(each, 3).tolist() for each in (image, [] if caption is None else caption)]
        many = [(each.numbers.tolist(), np.round(each.vectors, 3).tolist()) for each in slices.values()]
        found[_unkeyed(row)] = (row.figure.words, row.figure.modality, row.picture, row.stack, files, small, packed, many)
    return found


def _unkeyed(row: Any) -> str:
    """A name that does not depend on an atlas's own key."""
    return row.picture.name + row.figure.caption
