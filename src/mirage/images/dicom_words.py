"""DICOM's coded words for modality, body part and plane, in the words of an atlas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_MODALITIES = {
    "CT": "CT", "MR": "MR", "US": "US", "IVUS": "US", "XA": "XA", "NM": "NM", "PT": "PT", "MG": "MG",
    "RF": "RF", "CR": "XR", "DX": "XR", "RG": "XR", "IO": "XR", "PX": "XR", "OP": "OP", "OPM": "OP",
    "SM": "SM",
}  # fmt: skip
# Defined terms of Body Part Examined (PS3.16, annex L) in our words. Anything else could be free text.
_REGIONS = {
    "BRAIN": "brain", "HEAD": "head", "SKULL": "head", "FACE": "face", "NECK": "neck",
    "HEADNECK": "head and neck", "CHEST": "thorax", "THORAX": "thorax", "LUNG": "thorax", "HEART": "heart",
    "AORTA": "aorta", "BREAST": "breast", "ABDOMEN": "abdomen", "LIVER": "liver", "KIDNEY": "kidney",
    "PANCREAS": "pancreas", "SPLEEN": "spleen", "STOMACH": "stomach", "COLON": "colon", "PELVIS": "pelvis",
    "BLADDER": "bladder", "PROSTATE": "prostate", "UTERUS": "uterus", "ABDOMENPELVIS": "abdomen",
    "CHESTABDPELVIS": "thorax and abdomen", "SPINE": "spine", "CSPINE": "cervical spine",
    "TSPINE": "thoracic spine", "LSPINE": "lumbar spine", "SSPINE": "sacrum", "SHOULDER": "shoulder",
    "ARM": "arm", "ELBOW": "elbow", "FOREARM": "forearm", "WRIST": "wrist", "HAND": "hand",
    "FINGER": "finger", "HIP": "hip", "THIGH": "thigh", "FEMUR": "thigh", "KNEE": "knee", "LEG": "leg",
    "ANKLE": "ankle", "FOOT": "foot", "CLAVICLE": "shoulder", "RIB": "thorax", "JAW": "jaw", "EYE": "eye",
    "ORBIT": "orbit", "SINUS": "sinuses", "CAROTID": "neck", "EXTREMITY": "extremity",
    "WHOLEBODY": "whole body",
}  # fmt: skip
_VIEWS = {
    "AP": "frontal",
    "PA": "frontal",
    "LL": "lateral",
    "RL": "lateral",
    "LLD": "lateral",
    "RLD": "lateral",
}
_SLICED = {"CT", "MR", "PT", "NM"}
_OBLIQUE_BELOW = 0.85


def modality_of(code: str) -> str:
    """Name the modality by a key of `mirage.figure.MODALITIES`; ``OT`` for others, empty for no code."""
    code = code.strip().upper()
    return _MODALITIES.get(code, "OT") if code else ""


def region_of(code: str) -> str:
    """Name the body part; empty unless the code is one of the standard's defined terms."""
    return _REGIONS.get(code.strip().upper().replace(" ", "").replace("_", ""), "")


def plane_of(modality: str, orientation: Any, view: str) -> str:
    """Name the plane, from the slice's normal for sliced modalities, from the view for projections.

    Parameters
    ----------
    modality : str
    orientation : sequence of 6 numbers, or None
        Image Orientation (Patient): direction cosines of rows and columns.
    view : str
        View Position.
    """
    if modality in _SLICED and isinstance(orientation, Sequence) and len(orientation) == 6:
        a, b, c, d, e, f = (float(value) for value in orientation)
        normal = (abs(b * f - c * e), abs(c * d - a * f), abs(a * e - b * d))
        length = sum(part * part for part in normal) ** 0.5
        if length < 1e-6:
            return ""
        largest = max(normal)
        if largest / length < _OBLIQUE_BELOW:
            return "oblique"
        return ("sagittal", "coronal", "axial")[normal.index(largest)]
    return _VIEWS.get(view.strip().upper(), "") if modality == "XR" else ""
