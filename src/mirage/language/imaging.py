"""Which kinds of picture and which planes a sentence speaks of."""

from __future__ import annotations

from collections.abc import Sequence

from mirage.figure import MODALITIES
from mirage.language.lexicon import Token

_MODALITY_WORDS: dict[str, str] = {
    "ct": "CT", "cta": "CT", "ctpa": "CT", "hrct": "CT", "cat scan": "CT", "computed tomography": "CT",
    "computerized tomography": "CT", "computed tomographic": "CT", "computer tomography": "CT",
    "mr": "MR", "mri": "MR", "mra": "MR", "mrv": "MR", "mrcp": "MR", "magnetic resonance": "MR",
    "x ray": "XR", "xray": "XR", "radiograph": "XR", "radiography": "XR", "plain film": "XR", "cxr": "XR", "kub": "XR",
    "ultrasound": "US", "ultrasonography": "US", "sonography": "US", "sonogram": "US", "sonographic": "US",
    "ultrasonographic": "US", "doppler": "US", "echocardiography": "US", "echocardiogram": "US",
    "pet": "PT", "positron emission tomography": "PT", "scintigraphy": "NM", "bone scan": "NM", "nuclear medicine": "NM",
    "mammography": "MG", "mammogram": "MG", "fluoroscopy": "RF", "fluoroscopic": "RF",
    "angiography": "XA", "angiogram": "XA", "dsa": "XA",
}  # fmt: skip
# Kinds of one MRI examination; each is its own, all are MRI.
_SEQUENCES = {
    "t1": "T1", "t1w": "T1", "t1wi": "T1", "t2": "T2", "t2w": "T2", "t2wi": "T2", "flair": "FLAIR", "dwi": "DWI",
    "diffusion weighted": "DWI", "adc": "ADC", "stir": "STIR", "gre": "GRE", "swi": "SWI",
}  # fmt: skip
_PLANES = {
    "axial": "axial", "transverse": "axial", "transaxial": "axial", "coronal": "coronal", "sagittal": "sagittal",
    "parasagittal": "sagittal", "midsagittal": "sagittal",
}  # fmt: skip
# In anatomy "transverse" and "coronal" are parts of names: transverse colon, process, sinus; coronal suture.
_NOT_A_PLANE = frozenset("colon sinus process ligament myelitis foramen diameter fracture suture large bowel".split())
Mentions = tuple[dict[str, str], dict[str, str], frozenset[int]]


def mentions(tokens: Sequence[Token]) -> Mentions:
    """Modalities and planes with the words that say them, and the tokens that they take up."""
    modalities: dict[str, str] = {}
    planes: dict[str, str] = {}
    places: set[int] = set()
    for place, token in enumerate(tokens):
        pair = f"{token.word} {tokens[place + 1].word}" if place + 1 < len(tokens) else ""
        triple = f"{pair} {tokens[place + 2].word}" if place + 2 < len(tokens) else ""
        for name, count in ((triple, 3), (pair, 2), (token.word, 1)):
            kind = _MODALITY_WORDS.get(name) or _SEQUENCES.get(name)
            if kind and place not in places:
                modalities.setdefault(kind, token.text if count == 1 else name)
                places.update(range(place, place + count))
                break
        following = tokens[place + 1].word.split()[0] if place + 1 < len(tokens) else ""
        plane = _PLANES.get(token.word)
        if plane and following not in _NOT_A_PLANE:
            planes.setdefault(plane, token.text)
            places.add(place)
    return modalities, planes, frozenset(places)


def modality_name(kind: str) -> str:
    """A modality or sequence as people call it."""
    return MODALITIES.get(kind, kind)


def is_sequence(kind: str) -> bool:
    """Whether it is a kind of MRI picture rather than a modality."""
    return kind in _SEQUENCES.values()
