"""An image of the ISIC Archive as the archive tells it, and as a figure: its diagnosis and proof where they are stated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from mirage.corpora.base import digest
from mirage.corpora.live.base import Reason
from mirage.figure import Case, Figure, Licence, Source, clean_text
from mirage.language.concepts import lexicon
from mirage.wording import nN_

PAGES = "https://api.isic-archive.com/images/"
LICENCES = {
    "CC-0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY": "",
    "CC-BY-NC": "",
}
"""The licences by the archive's own names, with where the text is; of those of which there are several versions, the archive
does not say which one it means."""
_LEVELS = ("diagnosis_1", "diagnosis_2", "diagnosis_3", "diagnosis_4", "diagnosis_5")
_ASKED = _LEVELS[:4]
# How the archive begins what the lexicon calls otherwise.
_CALLED = {
    "nevus": "Nevus",
    "actinic keratosis": "Solar or actinic keratosis",
    "squamous cell carcinoma of the skin": "Squamous cell carcinoma",
}
_OF_SKIN = frozenset({"basal cell carcinoma", "squamous cell carcinoma"})  # what a short form of several meanings means here
_WIDE = frozenset({"benign", "malignant", "indeterminate"})
UNREADABLE = Reason(
    *nN_("image described otherwise than the archive documents", "images described otherwise than the archive documents")
)
_OLDEST = 89
_MOST_TEXT = 500  # characters
_MADE = re.compile(r"(?i)synthetic|generated")


def _text(given: Any) -> str:
    text = " ".join(clean_text(given).split())
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]} …"


Text = Annotated[str, BeforeValidator(_text)]


class File(BaseModel):
    """Where a file is, and how large."""

    url: str
    size: int | None = Field(default=None, ge=0)


class Files(BaseModel):
    """The files of an image."""

    full: File
    thumbnail_256: File | None = None


class Metadata(BaseModel):
    """What is known of an image, by the archive's names."""

    acquisition: dict[str, Any] = {}
    clinical: dict[str, Any] = {}


class Entry(BaseModel):
    """An image; other fields there may come and go."""

    isic_id: str = Field(pattern=r"^ISIC_\d{7,10}$")
    copyright_license: Text = ""
    attribution: Text = ""
    public: bool = True
    files: Files
    metadata: Metadata = Metadata()

    def clinical(self, name: str) -> str:
        """What is stated of the patient or lesion; empty where nothing is."""
        return _text(self.metadata.clinical.get(name))

    def acquisition(self, name: str) -> str:
        """What is stated of the photograph; empty where nothing is."""
        return _text(self.metadata.acquisition.get(name))


def _readable(given: object, read: ValidatorFunctionWrapHandler) -> object:
    """The images, with None for each that is told otherwise than documented: the others still come."""
    found: list[object] = []
    for each in given if isinstance(given, list) else ():
        try:
            found += read([each])
        except ValidationError:
            found.append(None)
    return found if any(found) else read(given)  # which tells what is wrong with it


class Page(BaseModel):
    """A page of an answer."""

    count: int | None = Field(default=None, ge=0)
    next: str | None = None
    results: Annotated[list[Entry | None], WrapValidator(_readable)]


def asked_as(query: str) -> str:
    """A query in the archive's language: a diagnosis on any of its levels, where somebody gave words only.

    Parameters
    ----------
    query : str
    """
    if ":" in query:
        return query
    found = lexicon().find(query, typed=True)
    named = [match.concept for match in found.matches]
    named += [name for names in found.doubtful.values() for name in names if name in _OF_SKIN]
    name = named[0] if len(named) == 1 else query
    words = _CALLED.get(name, name).replace('"', " ").replace("*", " ")
    words = " ".join(words.split())
    begins = f"{words[:1].upper()}{words[1:]}"
    return " OR ".join(f'{level}:"{begins}*"' for level in _ASKED)


def why_not(entry: Entry, licences: Sequence[str]) -> str:
    """Why an image does not come, as for `mirage.corpora.live.base.tally`; nothing where it does.

    Parameters
    ----------
    entry : Entry
    licences : sequence of str
        Those that were asked for.
    """
    why = ""
    if not entry.public:
        why = Reason(*nN_("image that the archive keeps from the public", "images that the archive keeps from the public"))
    elif not entry.copyright_license:
        why = Reason(*nN_("image without a stated licence", "images without a stated licence"))
    elif entry.copyright_license not in licences:
        why = Reason(
            *nN_(
                "image under %(licence)s, a licence that was not asked for",
                "images under %(licence)s, a licence that was not asked for",
            ),
            licence=entry.copyright_license[:40],
        )
    elif not entry.files.full.url:
        why = Reason(*nN_("image without a picture to fetch", "images without a picture to fetch"))
    elif _MADE.search(f"{entry.acquisition('image_manipulation')} {entry.clinical('diagnosis_confirm_type')}"):
        why = Reason(
            *nN_(
                "image made by a program, not a photograph of a person",
                "images made by a program, not photographs of a person",
            )
        )
    return why


def diagnosis_of(entry: Entry) -> str:
    """The narrowest diagnosis that is stated; empty where only *benign* or *malignant* is, or nothing."""
    told = [entry.clinical(level) for level in (*reversed(_LEVELS), "diagnosis")]
    return next((each for each in told if each and each.lower() not in _WIDE), "")


def figure_of(entry: Entry) -> Figure:
    """An image as a figure.

    Parameters
    ----------
    entry : Entry
    """
    case, kind, site = case_of(entry), entry.acquisition("image_type"), entry.clinical("anatom_site_general")
    wide = entry.clinical("diagnosis_1") if not case.diagnosis else ""
    said = [
        f"{kind[:1].upper()}{kind[1:]} photograph." if kind else "",
        f"Site: {site}." if site else "",
        f"Stated as: {wide}." if wide else "",
    ]
    return Figure(
        f"isic:{entry.isic_id}",
        " ".join(filter(None, said)),
        Source("isic", case.source.attribution, f"{PAGES}{entry.isic_id}/", "figure", case.source.licence),
        title=case.title,
        diagnosis=case.diagnosis,
        modality="XC",
        modality_detail=", ".join(filter(None, (kind, entry.acquisition("dermoscopic_type")))),
        region=site.lower(),
        case_id=case.id,
        patient=_patient(entry),
    )


def case_of(entry: Entry) -> Case:
    """The lesion that an image shows, which others may show too.

    Parameters
    ----------
    entry : Entry
    """
    lesion = entry.clinical("lesion_id") or entry.isic_id
    who = entry.attribution or "The archive names no author"
    licence = Licence(entry.copyright_license, LICENCES.get(entry.copyright_license, ""), allows_sharing=True)
    source = Source("isic", f"{who}. ISIC Archive, {entry.isic_id}.", f"{PAGES}{entry.isic_id}/", "case", licence)
    diagnosis = diagnosis_of(entry)
    proven = entry.clinical("diagnosis_confirm_type")
    return Case(
        f"isic:lesion-{digest(lesion)[:16]}", diagnosis or "Skin lesion", source, diagnosis=diagnosis, diagnosis_by=proven
    )


def _patient(entry: Entry) -> str:
    """Age, which the archive rounds to five years, and sex."""
    age, sex = entry.clinical("age_approx"), entry.clinical("sex").lower()
    known = re.fullmatch(r"(\d{1,3})(?:\.0)?", age)
    years = f"about {known[1]} years" if known and 0 < int(known[1]) <= _OLDEST else ""
    return ", ".join(filter(None, (sex if sex in ("male", "female") else "", years)))
