"""A figure with its words, the case it belongs to, and where both come from."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

NOT_STATED = "not stated"

# The field's usual short names (DICOM's Modality, 0008,0060, where it has one), and what to call them in words.
MODALITIES: dict[str, str] = {
    "CT": "CT",
    "MR": "MRI",
    "US": "Ultrasound",
    "XR": "X-ray",
    "XA": "Angiography",
    "NM": "Nuclear medicine",
    "PT": "PET",
    "MG": "Mammography",
    "RF": "Fluoroscopy",
    "OP": "Fundus photograph",
    "SM": "Microscopy",
    "OT": "Other",
}
PLANES: tuple[str, ...] = ("axial", "coronal", "sagittal", "frontal", "lateral", "oblique")

LinkKind = Literal["figure", "case", "collection"]


@dataclass(frozen=True, slots=True)
class Licence:
    """Under which terms a figure may be used.

    Attributes
    ----------
    name : str
        An SPDX identifier or the licence's own name; empty when the source states none.
    url : str
        Where its text is; may be empty.
    allows_sharing : bool
        Whether the text permits passing the picture on. False when nothing is stated: silence is not permission.
    """

    name: str = ""
    url: str = ""
    allows_sharing: bool = False

    def __str__(self) -> str:
        return self.name or NOT_STATED


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure or a case comes from.

    Attributes
    ----------
    corpus : str
        Name of the corpus: ``starter``, ``medpix``, ``folder``.
    attribution : str
        The line to print beside the figure, as its source wants it.
    url : str
        The closest page there is.
    url_of : {"figure", "case", "collection"}
        What that page is about: the figure itself, else its case, else the whole collection.
    licence : Licence
    """

    corpus: str
    attribution: str
    url: str = ""
    url_of: LinkKind = "collection"
    licence: Licence = Licence()


@dataclass(frozen=True, slots=True)
class Figure:
    """One image with its words.

    Attributes
    ----------
    id : str
        ``corpus:name``, unique in an atlas and the same every time the corpus is read.
    caption : str
        What the source says of this image; may be empty.
    title, diagnosis : str
        Of the case, or of the picture where there is no case; may be empty.
    modality : str
        A key of `MODALITIES`; empty when the source does not say.
    modality_detail : str
        The source's own words for it, e.g. "CT - noncontrast" or "T1 weighted"; may be empty.
    plane : str
        One of `PLANES`; empty when the source does not say.
    region : str
        Body region in lower case, e.g. "brain", "thorax"; empty when the source does not say.
    case_id : str
        ``corpus:case``; empty for a figure without a case.
    patient : str
        Age and sex as the source gives them, e.g. "73-year-old man"; may be empty.
    source : Source
    """

    id: str
    caption: str
    source: Source
    title: str = ""
    diagnosis: str = ""
    modality: str = ""
    modality_detail: str = ""
    plane: str = ""
    region: str = ""
    case_id: str = ""
    patient: str = ""

    @property
    def words(self) -> str:
        """The field that word search looks in: caption, title, diagnosis, and what the picture is, once each."""
        parts = [self.caption, self.title, self.diagnosis, self.plane, MODALITIES.get(self.modality, "")]
        parts += [self.modality, self.modality_detail, self.region]
        seen: dict[str, None] = {}
        for part in parts:
            if part.strip():
                seen.setdefault(part.strip(), None)
        return ". ".join(seen)

    @property
    def alt(self) -> str:
        """What to tell somebody who cannot see the picture: the caption, else what kind of picture it is."""
        kind = " ".join(filter(None, [self.plane, MODALITIES.get(self.modality, self.modality), self.region]))
        return self.caption or self.title or kind or "Medical image without a caption"


@dataclass(frozen=True, slots=True)
class Case:
    """The patient story that some figures share. Every passage may be empty.

    The order of the fields is the order a reader wants: from what the patient said to what it was.
    """

    id: str
    title: str
    source: Source
    history: str = ""
    exam: str = ""
    findings: str = ""
    differential: str = ""
    diagnosis: str = ""
    diagnosis_by: str = ""
    treatment: str = ""
    discussion: str = ""
    topic: str = ""

    PASSAGES = ("history", "exam", "findings", "differential", "diagnosis", "diagnosis_by", "treatment", "discussion")

    @property
    def passages(self) -> dict[str, str]:
        """The passages that say something, by name, in reading order."""
        return {name: text for name in self.PASSAGES if (text := getattr(self, name))}


_TAG = re.compile(r"<[^>\n]{1,300}>")
_NOTHING = {"", "n/a", "na", "none", "null", "nan", "-", "--", ".", "not available", "not applicable"}


def clean_text(text: object) -> str:
    """Text as a person would want to read it: no mark-up, no control characters, no "N/A".

    Parameters
    ----------
    text : object
        Whatever a source has in the place: a string, None, a number.

    Returns
    -------
    str
        Unicode NFC, paragraphs kept, other white space folded; empty when the source has nothing to say.
    """
    if text is None:
        return ""
    import html  # noqa: PLC0415 - only needed where sources are read

    value = html.unescape(html.unescape(str(text)))
    value = re.sub(r"(?i)<\s*(br|/p|/li|/div)\s*/?>", "\n", value)
    value = _TAG.sub(" ", value)
    value = unicodedata.normalize("NFC", value).replace("\r\n", "\n").replace("\r", "\n")
    value = "".join(c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") else " " for c in value)
    value = re.sub(r"[ \t\f\v\u00a0]+", " ", value)
    value = re.sub(r" *\n *", "\n", value)
    value = re.sub(r"\n{3,}", "\n\n", value).strip()
    return "" if value.lower().strip(" .:;") in _NOTHING or value.lower() in _NOTHING else value
