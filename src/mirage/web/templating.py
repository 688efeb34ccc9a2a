"""Jinja2 templates and the few words they need; style sheets and scripts, read once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mirage.explain.evidence import ASPECTS
from mirage.figure import MODALITIES, NOT_STATED, PROOFS
from mirage.query import FILTERS
from mirage.web.forms import SearchForm, keep_address, preview_address, with_query
from mirage.web.forms import address as page_of

FOREVER = "public, max-age=31536000, immutable"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

router = APIRouter(include_in_schema=False)

_PASSAGES = {
    "history": "History",
    "exam": "Examination",
    "findings": "Findings",
    "differential": "Differential diagnosis",
    "diagnosis": "Diagnosis",
    "diagnosis_by": "How the diagnosis was made",
    "treatment": "Treatment and follow-up",
    "discussion": "Discussion",
}
# By the names that templates use: what a value is called, and what it means.
_WORDS = {
    "ASPECTS": ASPECTS,
    "CHANNEL_WORDS": {"image": "picture", "caption": "meaning", "words": "words", "case": "case", "concepts": "concepts"},
    "CHANNEL_HINTS": {
        "image": "the picture itself is close to what you look for",
        "caption": "its caption means something close",
        "words": "it uses the same words",
        "case": "all that is written about it, its case too, uses the same words",
        "concepts": "it or its case names what you ask for",
    },
    "CONFIDENCE_HINTS": {
        "strong": "its title, diagnosis, topic or caption names all you ask, or it is of this structure, plane and modality",
        "likely": "its findings mention what you ask for, its words are yours, or it looks alike",
        "weak": "similar, but it may be unrelated",
    },
    "BASIS_WORDS": {
        "named": "named in its title, diagnosis, topic or caption",
        "mentioned": "in its findings",
        "structure": "this structure, plane and modality",
        "words": "has your words",
        "alike": "looks alike",
    },
    "UNSURE_BASIS_WORDS": {
        "named": "named, but perhaps not all that you ask",
        "structure": "this structure, perhaps another plane or modality",
    },
    "SUPPORT_WORDS": {"partly": "Partly supported", "unsupported": "Unsupported", "contradicted": "Contradicted"},
    "SUPPORT_HINTS": {
        "partly": "The sources support only a part of it.",
        "unsupported": "No source here supports it.",
        "contradicted": "A source here says otherwise.",
    },
    "KIND_WORDS": {"caption": "Caption", **_PASSAGES},
    "FIELD_WORDS": {name: name.capitalize() for name in FILTERS} | {"corpus": "Collection", "proof": "Diagnosis by"},
    "PROOF_WORDS": PROOFS,
    "PASSAGE_WORDS": _PASSAGES,
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


def seconds_words(seconds: float) -> str:
    """Time left in words a person would use."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def value_words(field: str, value: str) -> str:
    """A filter's value for people: MR as MRI, an empty one as "not stated".

    Parameters
    ----------
    field : str
        The filter's name.
    value : str
    """
    if not value:
        return NOT_STATED
    return {"modality": MODALITIES, "proof": PROOFS}.get(field, {}).get(value, value)


def underlined(text: str, broken: Iterable[str]) -> Markup:
    """A sentence with the words in question in ``<u>``: those that stand in it, else all of it.

    Parameters
    ----------
    text : str
    broken : iterable of str
        The words in question.
    """
    found = [re.escape(words) for words in broken if words and words.lower() in text.lower()]
    if not found:
        return Markup("<u>{}</u>").format(text)
    parts = re.split(f"({'|'.join(sorted(found, key=len, reverse=True))})", text, flags=re.IGNORECASE)
    return Markup("").join(Markup("<u>{}</u>").format(part) if number % 2 else part for number, part in enumerate(parts))


# -- style sheets and scripts -------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _static() -> tuple[str, dict[str, bytes]]:
    """A digest of all static files, and the files by name."""
    folder = sorted((files("mirage.web") / "static").iterdir(), key=lambda entry: entry.name)
    found = {entry.name: entry.read_bytes() for entry in folder if Path(entry.name).suffix in _TYPES}
    return hashlib.sha256(repr(found).encode()).hexdigest()[:12], found


def address(name: str) -> str:
    """Where a static file is. Its folder names the content of all, so that modules may import one another."""
    digest, found = _static()
    if name not in found:
        raise KeyError(name)
    return f"/static/{digest}/{name}"


@router.get("/static/{version}/{name}")
async def static(version: str, name: str) -> Response:
    """Send a style sheet or a script.

    Parameters
    ----------
    version : str
        What the address says the content of all is.
    name : str
    """
    digest, found = _static()
    if name not in found:
        raise HTTPException(404)
    caching = FOREVER if version == digest else "no-cache"
    return Response(found[name], media_type=_TYPES[Path(name).suffix], headers={"Cache-Control": caching})


@router.get("/favicon.ico")
async def favicon() -> Response:
    """Send browsers to the icon; they ask for this whatever the page says."""
    return RedirectResponse(address("icon.svg"), 301)


@router.get("/robots.txt")
async def robots() -> Response:
    """Tell crawlers that nothing here is for them."""
    return Response("User-agent: *\nDisallow: /\n", media_type="text/plain")


# -- pages ----------------------------------------------------------------------------------------------------------------


_ENVIRONMENT = Environment(
    loader=PackageLoader("mirage.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_ENVIRONMENT.globals["value_words"] = value_words
_ENVIRONMENT.globals["page_of"] = page_of
_ENVIRONMENT.globals["search_for"] = lambda words: with_query("/search", {"q": words})
_ENVIRONMENT.globals["remove_address"] = lambda **what: with_query("/remove", what)
_ENVIRONMENT.filters |= {
    "bytes": bytes_words,
    "seconds": seconds_words,
    "number": lambda value: f"{value:,}",
    "underlined": underlined,
}
_ENVIRONMENT.globals |= {
    "asset": address,
    "form": SearchForm(),
    "preview_address": preview_address,
    "keep_address": keep_address,
    **_WORDS,
}


def render(template: str, **values: Any) -> str:
    """Fill a template.

    Parameters
    ----------
    template : str
        Name of its file.
    **values
        What it needs.
    """
    return _ENVIRONMENT.get_template(template).render(**values)


def page(template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """Fill a template and send it.

    Parameters
    ----------
    template : str
    status : int
        Of HTTP.
    **values
        What the template needs; ``form`` is the empty search form where it is not given.
    """
    return HTMLResponse(render(template, **values), status)
