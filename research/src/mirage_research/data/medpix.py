"""MedPix 2.0 as measurements want it: figures with the words that should find them, and prompts made of their metadata.

Words are exactly as the data set has them. A prompt asks for a kind: modality (CT or MR), plane (axial, coronal, sagittal)
and region, MedPix's location category. A figure whose plane is another, or that is a photograph, drawing, reconstruction or
montage, asks for nothing. Its prompt is one of three, in turn: ``axial abdomen CT`` (plane, place, modality), that and the
caption, and ``{Plane} {Modality}. {Caption}`` as MedPix has them. The place is the location in one word where MedPix gives
one that can be drawn, else a part of the body that the caption names, else the location category.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mirage.corpora.medpix import find_folder
from mirage.errors import BadInput
from mirage.query import MAX_TEXT

FORMS = ("kind", "kind and caption", "caption")
_PLANES = {"axial": "axial", "transverse": "axial", "coronal": "coronal", "sagittal": "sagittal"}
NOT_PLAIN = re.compile(r"photograph|drawing|pathology|montage|3d", re.IGNORECASE)
_MODALITIES = {"CT": "CT", "MR": "MRI"}
LOCATIONS = {
    "Brain and Neuro": "brain",
    "Chest, Pulmonary": "chest",
    "Cardiovascular": "chest",
    "Spine": "spine",
    "Gastrointestinal": "abdomen",
    "Abdomen": "abdomen",
    "Genitourinary": "abdomen and pelvis",
    "Head and Neck": "head and neck",
    "Eye and Orbit": "orbit",
    "Breast and Mammography": "breast",
}
_CATEGORIES = {
    "Head": "head",
    "Thorax": "chest",
    "Abdomen": "abdomen",
    "Spine and Muscles": "",
    "Reproductive and Urinary System": "abdomen and pelvis",
}
_PARTS = (
    "lumbar spine|cervical spine|thoracic spine|spine|knee|shoulder|hip|ankle|foot|wrist|hand|elbow|thigh|femur|leg|pelvis"
).split("|")


@dataclass(frozen=True, slots=True)
class MedPixPair:
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


def read_pairs(path: Path, split: str) -> list[MedPixPair]:
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
    for row in (json.loads(line) for line in lines if line.strip()):
        told = row.get("Description") or {}
        plane, modality, caption = (str(told.get(name) or "") for name in ("Plane", "Modality", "Caption"))
        pairs.append(
            MedPixPair(
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


def opened(folder: Path, pair: MedPixPair) -> Image.Image:
    """The figure's picture, mode L.

    Parameters
    ----------
    folder : Path
        Of the pictures.
    pair : MedPixPair

    Raises
    ------
    mirage.errors.BadInput
        When it is not there or cannot be decoded.
    """
    for ending in ("webp", "png", "jpg"):
        file = folder / f"{pair.name}.{ending}"
        if file.is_file():
            try:
                with Image.open(file) as image:
                    return image.convert("L")
            except OSError as error:
                raise BadInput(f"The picture {file} cannot be decoded ({error}).") from error
    raise BadInput(f"The picture of {pair.name} is not in {folder}.")


@dataclass(frozen=True, slots=True)
class FigurePrompt:
    """One prompt.

    Attributes
    ----------
    text : str
    form : str
        One of `FORMS`.
    kind : tuple of str
        Modality, plane, region: what a figure must be to answer it.
    pair : MedPixPair
        The figure it was made from.
    """

    text: str
    form: str
    kind: tuple[str, str, str]
    pair: MedPixPair


def kind_of(pair: MedPixPair) -> tuple[str, str, str] | None:
    """Modality, plane and region; None where a figure is no plain CT or MR image in one plane, or says no region."""
    plane = _PLANES.get(pair.plane.strip().lower())
    odd = NOT_PLAIN.search(f"{pair.plane} {pair.query.partition('.')[0]}")
    if pair.modality not in _MODALITIES or plane is None or odd or not pair.category:
        return None
    return pair.modality, plane, pair.category


def place_of(pair: MedPixPair) -> str:
    """Where in the body, in a word or two; empty when nothing says."""
    if pair.location in LOCATIONS:
        return LOCATIONS[pair.location]
    caption = pair.caption.lower()
    return next((part for part in _PARTS if re.search(rf"\b{part}\b", caption)), _CATEGORIES.get(pair.category, ""))


def plain_prompt(kind: tuple[str, str, str], place: str) -> str:
    """``axial abdomen CT``.

    Parameters
    ----------
    kind : tuple of str
        As `kind_of` gives it.
    place : str
        As `place_of` gives it; may be empty.
    """
    return " ".join(filter(None, (kind[1], place, _MODALITIES[kind[0]])))


def prompts(pairs: Sequence[MedPixPair]) -> list[FigurePrompt]:
    """One prompt for each figure that has a kind, in the order given."""
    made: list[FigurePrompt] = []
    for pair in pairs:
        kind = kind_of(pair)
        if kind is None:
            continue
        form = FORMS[len(made) % len(FORMS)]
        plain = plain_prompt(kind, place_of(pair))
        caption = " ".join(pair.caption.split())
        text = {"kind": plain, "kind and caption": f"{plain}. {caption}", "caption": " ".join(pair.query.split())}[form]
        made.append(FigurePrompt(text[:MAX_TEXT], form, kind, pair))
    return made
