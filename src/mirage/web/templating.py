"""Jinja2 templates and the few words they need."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mirage.figure import MODALITIES, NOT_STATED
from mirage.web import assets, links

CHANNEL_WORDS = {"image": "picture", "caption": "meaning", "words": "words"}
CHANNEL_HINTS = {
    "image": "the picture itself is close to what you look for",
    "caption": "its caption means something close",
    "words": "it uses the same words",
}
CONFIDENCE_HINTS = {
    "strong": "stands out clearly from the rest of the atlas for this query",
    "likely": "stands out from the rest of the atlas for this query",
    "weak": "near, but not clearly nearer than unrelated figures",
}
FIELD_WORDS = {
    "modality": "Modality",
    "plane": "Plane",
    "region": "Region",
    "corpus": "Collection",
    "licence": "Licence",
}
PASSAGE_WORDS = {
    "history": "History",
    "exam": "Examination",
    "findings": "Findings",
    "differential": "Differential diagnosis",
    "diagnosis": "Diagnosis",
    "diagnosis_by": "How the diagnosis was made",
    "treatment": "Treatment and follow-up",
    "discussion": "Discussion",
}


def bytes_words(size: float) -> str:
    """1234567 as "1.2 MB"."""
    if size < 1000:
        return f"{size:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 1000 or unit == "GB":
            break
    return f"{size:.0f} {unit}" if size >= 10 else f"{size:.1f} {unit}"


def seconds_words(seconds: float | None) -> str:
    """Time left in words a person would use; empty when it is not known."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def value_words(field: str, value: str) -> str:
    """A filter's value for people: MR as MRI, an empty one as "not stated"."""
    if not value:
        return NOT_STATED
    return MODALITIES.get(value, value) if field == "modality" else value


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("mirage.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "bytes": bytes_words,
        "seconds": seconds_words,
        "number": lambda value: f"{value:,}",
    }
    made.globals |= {
        "asset": assets.address,
        "links": links,
        "value_words": value_words,
        "CHANNEL_WORDS": CHANNEL_WORDS,
        "CHANNEL_HINTS": CHANNEL_HINTS,
        "CONFIDENCE_HINTS": CONFIDENCE_HINTS,
        "FIELD_WORDS": FIELD_WORDS,
        "PASSAGE_WORDS": PASSAGE_WORDS,
    }
    return made


_ENVIRONMENT = _environment()


def render(template: str, **values: Any) -> str:
    """Fill a template."""
    return _ENVIRONMENT.get_template(template).render(**values)
