"""MedPix's own words for modality, plane, region and patient, in the words of an atlas."""

from __future__ import annotations

import re
from typing import Any

from mirage.figure import clean_text

# Where the source names an organ system rather than a region, its own word stays.
_REGIONS = {
    "brain and neuro": "brain",
    "nerve, central": "central nervous system",
    "nerve, peripheral": "peripheral nerves",
    "chest, pulmonary": "thorax",
    "eye and orbit": "orbit",
    "ophthalmology": "orbit",
    "breast and mammography": "breast",
    "cardiovascular": "heart and great vessels",
    "dental, oral, or tooth": "mouth and teeth",
}
_REGIONS |= {own: own for own in ("spine", "abdomen", "gastrointestinal", "genitourinary", "musculoskeletal")}
_REGIONS |= {own: own for own in ("head and neck", "vascular", "endocrine", "hematopoietic")}
_CATEGORIES = {"spine and muscles": "musculoskeletal", "reproductive and urinary system": "genitourinary"}
_CATEGORIES |= {own: own for own in ("head", "thorax", "abdomen")}
_SEES_TOPIC = re.compile(
    r"(?i)^\W*(please\s+)?(for discussion,?\s+)?(please\s+)?(see|read)\s+(the\s+)?\W*(factoid|topic)\W*$"
)
_ADDRESS = re.compile(r"[\w.+-]+@[\w?-]+(?:\.[\w?-]+)+")
_PASSAGES = {
    "history": "History",
    "exam": "Exam",
    "findings": "Findings",
    "differential": "Differential Diagnosis",
    "diagnosis": "Case Diagnosis",
    "diagnosis_by": "Diagnosis By",
    "treatment": "Treatment & Follow Up",
}


def modality_of(kind: str, detail: str, plane: str) -> str:
    """Name the modality: ``CT`` or ``MR``, and ``OT`` for what the source calls a photograph or a drawing.

    Parameters
    ----------
    kind, detail, plane : str
        What the source has under Type, Modality and Plane.
    """
    if "photograph" in plane.lower() or "drawing" in (plane.lower(), detail.lower()):
        return "OT"
    return kind if kind in ("CT", "MR") else ""


def region_of(location: str, category: str) -> str:
    """Name the region from the source's location, or from its broader category where the location is none.

    Parameters
    ----------
    location, category : str
    """
    return _REGIONS.get(location.lower()) or _CATEGORIES.get(category.lower(), "")


def patient_of(age: str, sex: str) -> str:
    """Say age and sex in words: "73-year-old man".

    The source writes age 0 both for infants and for adults whose age is unknown, so 0 says nothing.

    Parameters
    ----------
    age : str
        In years.
    sex : str
    """
    years = int(age) if re.fullmatch(r"\d{1,3}", age) and 0 < int(age) < 125 else 0
    kind = sex.lower() if sex.lower() in ("male", "female") else ""
    if not years:
        return kind
    who = {"male": ("boy", "man"), "female": ("girl", "woman")}.get(kind)
    return f"{years}-year-old" + (f" {who[years >= 18]}" if who else "")


def case_passages(raw: dict[str, Any]) -> dict[str, str]:
    """Title and passages of one case, by the names of `mirage.figure.Case`.

    The discussion is the case's own; what the source says of the disease in general follows it under the
    topic's title, because a topic may be wider than the case, or beside it.
    """
    case, topic = inside(raw, "Case"), inside(raw, "Topic")
    words = {name: _passage(case.get(key)) for name, key in _PASSAGES.items()}
    own = _passage(case.get("Discussion"))
    general = _passage(topic.get("Disease Discussion"))
    title = _one_line(clean_text(case.get("Title")))
    subject = _one_line(clean_text(topic.get("Title")))
    if general and general != own:
        general = f"About {subject}:\n{general}" if subject else general
        own = f"{own}\n\n{general}" if own else general
    title = title or _one_line(words["diagnosis"]) or subject
    return {"title": title, **words, "discussion": own, "topic": subject}


def inside(raw: dict[str, Any], name: str) -> dict[str, Any]:
    """What an entry holds under a name; nothing where it is no object.

    Parameters
    ----------
    raw : dict
    name : str
    """
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def _passage(text: object) -> str:
    words = clean_text(text)
    return "" if _SEES_TOPIC.match(words) else _ADDRESS.sub("(address left out)", words)


def _one_line(text: str) -> str:
    return " ".join(text.split())
