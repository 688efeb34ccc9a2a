"""A figure on its way into the starter atlas: its picture in memory, its words, its source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from mirage.figure import SlicePlace
from mirage.images.volume import Volume


@dataclass(frozen=True, slots=True)
class Origin:
    """Where pictures come from and under which terms.

    Attributes
    ----------
    key : str
        Short name; the notice is ``NOTICES/<key>.txt``.
    title, package, licence_name, licence_url, attribution, url, url_of : str
    notice : str
        The licence or notice, word for word as the source gives it.
    treatment : str
        What was done to the pictures.
    """

    key: str
    title: str
    package: str
    licence_name: str
    licence_url: str
    attribution: str
    url: str
    url_of: str
    notice: str
    treatment: str


@dataclass(frozen=True, slots=True)
class Draft:
    """One figure before it is written.

    Attributes
    ----------
    name : str
        Becomes its file name and, with the corpus, its id.
    picture : PIL.Image.Image or None
        None for a stack, and for a slice of one: that is shown from the stack.
    volume : Volume or None
        Of a stack.
    slice_of : SlicePlace or None
    window : str
        In which a slice of a stack is shown: the name of one of the stack's.
    """

    name: str
    picture: Image.Image | None
    origin: Origin
    file: str
    caption: str
    title: str
    modality: str
    modality_detail: str = ""
    plane: str = ""
    region: str = ""
    diagnosis: str = ""
    patient: str = ""
    case_id: str = ""
    volume: Volume | None = None
    slice_of: SlicePlace | None = None
    window: str = ""
    extras: dict[str, Any] = field(default_factory=dict)
