"""A row of a folder's table, or a DICOM header, as a figure and a case."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mirage.corpora.base import plane_of
from mirage.figure import MODALITIES, Case, Figure, Licence, Source

if TYPE_CHECKING:
    from mirage.images.dicom_header import DicomHeader

_MODALITY_WORDS = {name.lower(): key for key, name in MODALITIES.items()} | {
    "mr": "MR", "magnetic resonance": "MR", "computed tomography": "CT", "xray": "XR", "x ray": "XR",
    "radiograph": "XR", "radiography": "XR", "cr": "XR", "dx": "XR", "chest x-ray": "XR", "us": "US",
    "sonography": "US", "echocardiography": "US", "angiogram": "XA", "mammogram": "MG", "fundus": "OP",
    "histology": "SM", "histopathology": "SM", "pathology": "SM", "pet": "PT", "nuclear": "NM",
}  # fmt: skip
STORY = ("history", "findings", "differential", "discussion")
"""Words that make a case of a single row."""
_AGE_AND_SEX = re.compile(
    r"(?i)(?:(?:\d{1,3}|years?|months?|weeks?|days?|old|aged?|y|yr?s?|yo|y/o|mo|m|f|male|female|man|woman|boy|girl|infant|"
    r"neonate|newborn|child|adult|an?)(?:[\s,.;:/-]+|$)|\d{1,3}(?:y|m|w|d|f)(?:[\s,.;:/-]+|$))*"
)
_SHARED = re.compile(r"(?i)^(cc0|cc[ -]by\b|creative commons|public domain|apache|mit\b|bsd|odc|pddl)")


def licence_of(name: str, url: str) -> Licence:
    """A licence by its name; sharing is allowed only where the name is one that is known to allow it.

    Parameters
    ----------
    name, url : str
    """
    return Licence(name, url if _is_link(url) else "", bool(_SHARED.match(name)))


def figure_of(
    identity: str, words: Mapping[str, str], defaults: Mapping[str, str], header: DicomHeader | None, case: Case | None
) -> Figure:
    """Make a figure of a row and a header; the row's words come before the header's.

    Parameters
    ----------
    identity : str
        ``corpus:name``.
    words : mapping
        The row, by the names of `mirage.corpora.folder_table.COLUMNS`; empty for a picture without words.
    defaults : mapping
        ``licence``, ``licence_url`` and ``attribution`` for what the row leaves open.
    header : DicomHeader or None
    case : Case or None
    """
    told = words.get("modality", "")
    modality = modality_of(told)
    return Figure(
        id=identity,
        caption=words.get("caption", ""),
        source=source_of(identity.partition(":")[0], words, defaults),
        title=words.get("title", ""),
        diagnosis=words.get("diagnosis", ""),
        modality=modality or (header.modality if header and not told else ""),
        modality_detail=told if told and told.upper() != modality else "",
        plane=plane_of(words.get("plane", "")) or (header.plane if header else ""),
        region=words.get("region", "").lower() or (header.region if header else ""),
        case_id=case.id if case else "",
        patient=age_and_sex(words.get("patient", "")),
    )


def age_and_sex(words: str) -> str:
    """What a table says of a patient, where it is nothing but age and sex; anything else may tell who it was."""
    return words if _AGE_AND_SEX.fullmatch(words) else ""


def modality_of(words: str) -> str:
    """A key of `mirage.figure.MODALITIES` for what somebody wrote; empty when it is none that we know."""
    return words.upper() if words.upper() in MODALITIES else _MODALITY_WORDS.get(words.lower(), "")


def source_of(corpus: str, words: Mapping[str, str], defaults: Mapping[str, str]) -> Source:
    """Where a row's figure comes from, in its own words or the folder's.

    Parameters
    ----------
    corpus : str
    words : mapping
        The row, by the names of `mirage.corpora.folder_table.COLUMNS`.
    defaults : mapping
        As for `figure_of`.
    """
    told = words if words.get("licence") else defaults
    licence = licence_of(told.get("licence", ""), told.get("licence_url", ""))
    attribution = words.get("attribution") or defaults["attribution"]
    if _is_link(url := words.get("url", "")):
        return Source(corpus, attribution, url, "figure", licence)
    return Source(corpus, attribution, licence=licence)


def case_of(corpus: str, identity: str, rows: Sequence[Mapping[str, str]], defaults: Mapping[str, str]) -> Case:
    """The case that some rows share: of each passage, the first that says something.

    Parameters
    ----------
    corpus : str
    identity : str
        Its name in the id.
    rows : sequence of mapping
        As for `figure_of`.
    defaults : mapping
        As for `figure_of`.
    """

    def first(name: str) -> str:
        return next((row[name] for row in rows if row.get(name)), "")

    return Case(
        id=f"{corpus}:case-{identity}",
        title=first("title") or first("diagnosis"),  # what the case is called may be whose it is
        source=source_of(corpus, rows[0], defaults),
        **{name: first(name) for name in (*STORY, "diagnosis")},
    )


def _is_link(text: str) -> bool:
    return text.startswith(("https://", "http://")) and not re.search(r"\s", text)
