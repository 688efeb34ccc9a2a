"""What a generator is asked for: prompts made from the metadata of figures, and the kind that each asks for.

A kind is modality (CT or MR), plane (axial, coronal, sagittal) and region, MedPix's location category. A figure whose
plane is another, or that is a photograph, drawing, reconstruction or montage, asks for nothing. Its prompt is one of three,
in turn: ``axial abdomen CT`` (plane, place, modality), that and the caption, and ``{Plane} {Modality}. {Caption}`` as MedPix
has them. The place is the location in one word where MedPix gives one that can be drawn, else a part of the body that the
caption names, else the location category.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mirage.query import MAX_TEXT
from mirage_research.evaluation.medpix import Pair

FORMS = ("kind", "kind and caption", "caption")
_PLANES = {"axial": "axial", "transverse": "axial", "coronal": "coronal", "sagittal": "sagittal"}
_NOT_ASKED = re.compile(r"photograph|drawing|pathology|montage|3d", re.IGNORECASE)
_MODALITIES = {"CT": "CT", "MR": "MRI"}
_LOCATIONS = {
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
class Asked:
    """One prompt.

    Attributes
    ----------
    text : str
    form : str
        One of `FORMS`.
    kind : tuple of str
        Modality, plane, region: what a figure must be to answer it.
    pair : Pair
        The figure it was made from.
    """

    text: str
    form: str
    kind: tuple[str, str, str]
    pair: Pair


def kind_of(pair: Pair) -> tuple[str, str, str] | None:
    """Modality, plane and region; None where a figure is no plain CT or MR image in one plane, or says no region."""
    plane = _PLANES.get(pair.plane.strip().lower())
    odd = _NOT_ASKED.search(f"{pair.plane} {pair.query.partition('.')[0]}")
    if pair.modality not in _MODALITIES or plane is None or odd or not pair.category:
        return None
    return pair.modality, plane, pair.category


def place_of(pair: Pair) -> str:
    """Where in the body, in a word or two; empty when nothing says."""
    if pair.location in _LOCATIONS:
        return _LOCATIONS[pair.location]
    caption = pair.caption.lower()
    return next((part for part in _PARTS if re.search(rf"\b{part}\b", caption)), _CATEGORIES.get(pair.category, ""))


def plainly(kind: tuple[str, str, str], place: str) -> str:
    """``axial abdomen CT``."""
    return " ".join(filter(None, (kind[1], place, _MODALITIES[kind[0]])))


def prompts(pairs: Sequence[Pair]) -> list[Asked]:
    """One prompt for each figure that has a kind, in the order given."""
    asked: list[Asked] = []
    for pair in pairs:
        kind = kind_of(pair)
        if kind is None:
            continue
        form = FORMS[len(asked) % len(FORMS)]
        plain = plainly(kind, place_of(pair))
        caption = " ".join(pair.caption.split())
        text = {"kind": plain, "kind and caption": f"{plain}. {caption}", "caption": " ".join(pair.query.split())}[form]
        asked.append(Asked(text[:MAX_TEXT], form, kind, pair))
    return asked
