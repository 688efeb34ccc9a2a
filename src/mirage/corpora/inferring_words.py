"""Modality and plane from the words of a caption, where a source does not say them.

Only what is said outright counts: one modality, or one plane, and no other beside it. "Axial and coronal CT" says the
modality and not the plane of the one picture that was printed. A word that is also anatomy ("lateral ventricle", "coronal
suture", "PA" for the pulmonary artery) counts only beside a word for a picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mirage.figure import Figure

# UMLS concepts that name a modality, and the two that name the direction of a radiograph.
_MODALITY_CONCEPTS = {
    "C0040405": "CT",
    "C0024485": "MR",
    "C0041618": "US",
    "C1306645": "XR",
    "C0002978": "XA",
    "C0032743": "PT",
}
_PLANE_CONCEPTS = {"C1996865": "frontal", "C1999039": "frontal"}

_ANGIO = r"(?i:angiogra\w+)"
_WHERE = r"(?i:chest|thora\w+|skull|cervical|lumbar|spine|knee|neck|hip|pelvi[cs]|abdominal|plain|supine|erect|decubitus)"
_OF = rf"(?:{_WHERE} ){{0,2}}"
_PICTURE = r"(?i:views?|radiogra\w+|x[ -]?rays?|projections?|films?|roentgen\w*|cephalogra\w+)"
_SLICED = r"(?i:planes?|sections?|views?|images?|slices?|ct|mr|scans?|t[12])"
# In this order: what an earlier pattern has read, a later one does not see: "MR angiogram" is MR, and "PET/CT" is PET.
# Without a key: another kind of picture, beside which nothing is certain.
_MODALITIES = (
    ("PT", r"(?i:positron[ -]emission[ -]tomogra\w+(?:\s?[/-]?\s?(?:computed tomography|ct\b))?)"),
    ("PT", r"\b(?:18F-?)?(?:FDG[ -])?PET(?:\s?[-/]?\s?(?:CT|MRI?)\b)?|\bFDG\b"),
    ("NM", r"(?i:\b(?:single[ -]photon\w*|scintigra\w+|bone scans?\b|radionuclide))|\bSPECT(?:[-/]CT)?\b"),
    ("", r"(?i:optical coherence tomogra\w+|\bendoscop\w+|\bhistolog\w+|\bmicrogra\w+|\bphotogra\w+)|\bOCT\b"),
    ("MR", r"(?i:\bmagnetic[ -]resonance(?: imag\w+| angiogra\w+| cholangio\w+| venogra\w+)?)"),
    ("MR", r"\bMR(?:[ -](?i:imag\w+|scans?|angiogra\w+|venogra\w+|cholangio\w+|urogra\w+|arthrogra\w+))|\bMR-"),
    ("MR", r"\b(?:[cf]?MRIs?|CMR|MRCP|MRA|MRV|FLAIR|STIR)\b"),
    ("MR", r"(?i:\bT[12]\*?[ -]?(?:weighted|wi?\b|images?\b))"),
    ("CT", rf"(?i:\bcompute(?:d|ri[sz]ed)(?: axial)?[ -]tomogra\w+)(?: {_ANGIO})?|(?i:\bcone[ -]beam(?: ct\b)?)"),
    ("CT", rf"\b(?:CE|NC|HR|MD|CB|MS)?CT(?:s|A|PA)?\b(?:[ -]{_ANGIO})?|\bCAT[ -]scan"),
    ("MG", r"(?i:\bmammogra\w+)"),
    ("US", r"(?i:\b\w*(?:ultraso(?:und|nogr)|sonogra|echocardiogra|echogra)\w*|\bdoppler)"),
    ("US", r"\b(?:EUS|IVUS|TEE|TTE|USG)\b"),
    ("RF", r"(?i:\bfluorosc\w+|\bbarium|\bo?esophagogra\w+|\bcystogra\w+|\b(?:cysto)?urethrogra\w+)"),
    ("RF", r"(?i:\bhysterosalpingogra\w+)"),
    ("XA", r"(?i:\b\w*angiogra\w+|\b(?:arterio|aorto|veno|phlebo)gra\w+)|\bDSA\b"),
    ("XR", r"(?i:\bx[ -]?rays?\b|\b\w*radiogra(?:phs?|ms?|phy|phies)\b|\bradiographic (?:image|view|film)s?\b)"),
    ("XR", r"(?i:\broentgen\w*|\bplain films?|\b(?:ortho)?pantomogra\w+)|\b(?:OPG|CXR|IOPA)\b"),
)
_PLANES = (
    ("axial", r"(?i:\b(?:trans)?axial\b(?! (?:load|spondyl|skeleton|length)))"),
    ("axial", rf"(?i:\btransver(?:se|sal)) (?={_SLICED})"),
    ("coronal", r"(?i:\bcoronal\b(?! sutur))"),
    ("sagittal", r"(?i:\b(?:mid|para)?-?sagittal\b(?! (?:sinus|sutur|balance|alignment)))"),
    ("oblique", rf"(?i:\boblique)[ -]{_OF}{_PICTURE}"),
    ("lateral", rf"(?i:\blateral)[ -]{_OF}{_PICTURE}"),
    ("frontal", rf"(?i:\b(?:frontal|postero-?anterior|antero-?posterior))[ -]{_OF}{_PICTURE}"),
    ("frontal", rf"\b(?:AP|PA)[ -]{_OF}{_PICTURE}"),
)
_READ_MODALITIES = tuple((key, re.compile(pattern)) for key, pattern in _MODALITIES)
_READ_PLANES = tuple((key, re.compile(pattern)) for key, pattern in _PLANES)


def modality_in(text: str) -> str:
    """The one modality that a text names, a key of `mirage.figure.MODALITIES`; empty when it names none or several."""
    return _only(_named(text, _READ_MODALITIES))


def plane_in(text: str) -> str:
    """The one plane that a text names, of `mirage.figure.PLANES`; empty when it names none or several."""
    return _only(_named(text, _READ_PLANES))


def with_words(figure: Figure, concepts: Iterable[str] = ()) -> Figure:
    """A figure with the modality and plane that its caption names, marked as inferred, where its source says none.

    Parameters
    ----------
    figure : Figure
    concepts : iterable of str
        UMLS concepts that the source gives it; asked where the caption does not decide.
    """
    given = tuple(concepts)
    found = {
        "modality": modality_in(figure.caption) or _only({_MODALITY_CONCEPTS[c] for c in given if c in _MODALITY_CONCEPTS}),
        "plane": plane_in(figure.caption) or _only({_PLANE_CONCEPTS[c] for c in given if c in _PLANE_CONCEPTS}),
    }
    new = {field: value for field, value in found.items() if value and not getattr(figure, field)}
    return replace(figure, **new, inferred=(*figure.inferred, *new)) if new else figure  # type: ignore[arg-type]


def _named(text: str, patterns: Sequence[tuple[str, re.Pattern[str]]]) -> set[str]:
    found: set[str] = set()
    for key, pattern in patterns:
        text, count = pattern.subn(" | ", text)
        if count:
            found.add(key)
    return found


def _only(found: set[str]) -> str:
    return next(iter(found)) if len(found) == 1 else ""
