"""The figures of an atlas in another atlas, some without their words and some left out, with the vectors they have.

Encoding pictures is what takes time, so one atlas is encoded and the atlases that a measurement needs are made from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mirage.atlas import Atlas
from mirage.figure import Figure
from mirage.storage.ingest import caption_text, encode_captions
from mirage.storage.records import FigureRecord


def copied(atlas: Atlas, path: Path, change: Callable[[Figure], Figure | None] = lambda figure: figure) -> Atlas:
    """Copy an atlas's figures into a new atlas.

    Image vectors are taken as they are. The vector of a caption is made anew where its text changes. Cases and pictures
    are not copied.

    Parameters
    ----------
    atlas : Atlas
        Open in this process.
    path : Path
        The new atlas's folder, missing or empty.
    change : callable
        A figure to the figure in its place, with the same id; None leaves it out.

    Returns
    -------
    Atlas
        Open; the caller closes it.
    """
    made = Atlas.open(path, encoder=atlas.encoder, create=True)
    digest = atlas.encoder.info().digest
    for rows in atlas.store.each():
        vectors = atlas.store.vectors([row.key for row in rows], digest)
        kept = [(row, figure) for row in rows if row.key in vectors and (figure := change(row.figure)) is not None]
        captions = [vectors[row.key][1] for row, _ in kept]
        anew = [n for n, (row, figure) in enumerate(kept) if caption_text(row.figure) != caption_text(figure)]
        for number, vector in zip(anew, encode_captions(atlas.encoder, [kept[n][1] for n in anew]), strict=True):
            captions[number] = vector
        records = [
            FigureRecord(figure, None, "copied", row.picture, vectors[row.key][0], caption)
            for (row, figure), caption in zip(kept, captions, strict=True)
        ]
        made.store.put(records, digest, stamp=1)
    made.reconcile()
    made.changed()
    return made


def untitled(figure: Figure) -> Figure:
    """A figure that cannot be found by its case's name: neither word search nor the caption's vector has it."""
    return replace(figure, title="", diagnosis="")


def uncaptioned(figure: Figure) -> Figure:
    """A figure of which only the picture and the modality are there, as out of a folder of DICOM files."""
    return replace(figure, caption="", title="", diagnosis="", modality_detail="", plane="", region="")
