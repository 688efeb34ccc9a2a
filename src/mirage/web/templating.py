"""Jinja2 templates and the few words they need; style sheets and scripts, read once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Hashable, Iterable, MutableMapping
from contextvars import ContextVar
from functools import lru_cache
from gettext import NullTranslations
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter
from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mirage import locales
from mirage.errors import Busy, MirageError
from mirage.explain.evidence import ASPECTS
from mirage.figure import MODALITIES, NOT_STATED, PLANES, PROOFS
from mirage.language.hyphenation import hyphenated
from mirage.locales import listed, number
from mirage.people.roles import ROLE_WORDS, Right, may
from mirage.people.visitor import ALONE, visitor
from mirage.study.along.taking import FORMATS
from mirage.web.forms import (
    SearchForm,
    keep_address,
    preview_address,
    quiz_address,
    repeat_address,
    take_address,
    with_query,
)
from mirage.web.forms import address as page_of
from mirage.web.rights import wants
from mirage.web.root import at, root, rooted_source, rooted_text
from mirage.web.speaking import choices, here
from mirage.wording import N_, Words, _, language, looked_up, translations

if TYPE_CHECKING:
    from mirage.web.views.figures import FigureView

FOREVER = "public, max-age=31536000, immutable"
_READ_ONLY: ContextVar[bool] = ContextVar("read_only", default=False)
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

router = APIRouter(include_in_schema=False, dependencies=[wants("enter")])

_PASSAGES = {
    "history": N_("History"),
    "exam": N_("Examination"),
    "findings": N_("Findings"),
    "differential": N_("Differential diagnosis"),
    "diagnosis": N_("Diagnosis"),
    "diagnosis_by": N_("How the diagnosis was made"),
    "treatment": N_("Treatment and follow-up"),
    "discussion": N_("Discussion"),
}
# By the names that templates use: what a value is called, and what it means.
_WORDS = {
    "ASPECTS": Words(ASPECTS),
    "CHANNEL_WORDS": Words(
        {
            "image": N_("picture"),
            "caption": N_("meaning"),
            "words": N_("words"),
            "case": N_("case"),
            "concepts": N_("concepts"),
        }
    ),
    "CHANNEL_HINTS": Words(
        {
            "image": N_("the picture itself is close to what you look for"),
            "caption": N_("its caption means something close"),
            "words": N_("it uses the same words"),
            "case": N_("all that is written about it, its case too, uses the same words"),
            "concepts": N_("it or its case names what you ask for"),
        }
    ),
    "CONFIDENCE_WORDS": Words({"strong": N_("Strong"), "likely": N_("Likely"), "weak": N_("Weak")}),
    "CONFIDENCE_HINTS": Words(
        {
            "strong": N_(
                "its title, diagnosis, topic or caption names all you ask, or it is of this structure, plane and modality"
            ),
            "likely": N_("its findings mention what you ask for, its words are yours, or it looks alike"),
            "weak": N_("similar, but it may be unrelated"),
        }
    ),
    "BASIS_WORDS": Words(
        {
            "named": N_("named in its title, diagnosis, topic or caption"),
            "mentioned": N_("in its findings"),
            "structure": N_("this structure, plane and modality"),
            "words": N_("has your words"),
            "alike": N_("looks alike"),
        }
    ),
    "UNSURE_BASIS_WORDS": Words(
        {
            "named": N_("named, but perhaps not all that you ask"),
            "structure": N_("this structure, perhaps another plane or modality"),
        }
    ),
    "SUPPORT_WORDS": Words(
        {"partly": N_("Partly supported"), "unsupported": N_("Unsupported"), "contradicted": N_("Contradicted")}
    ),
    "SUPPORT_HINTS": Words(
        {
            "partly": N_("The sources support only a part of it."),
            "unsupported": N_("No source here supports it."),
            "contradicted": N_("A source here says otherwise."),
        }
    ),
    "TRAIT_WORDS": Words({"finding": N_("finding"), "disease": N_("disease"), "anatomy": N_("anatomy")}),
    "KEPT_WORDS": Words(
        {
            "figure": N_("Figure"),
            "case": N_("Case"),
            "search": N_("Search"),
            "comparison": N_("Comparison"),
        }
    ),
    "KIND_WORDS": Words({"caption": N_("Caption"), **_PASSAGES}),
    "FIELD_WORDS": Words(
        {
            "modality": N_("Modality"),
            "plane": N_("Plane"),
            "region": N_("Region"),
            "proof": N_("Diagnosis by"),
            "corpus": N_("Library"),
            "licence": N_("Licence"),
        }
    ),
    "PROOF_WORDS": Words(PROOFS),
    "PASSAGE_WORDS": Words(_PASSAGES),
}

# What stands in a figure as a word of English, by what it is a value of; sources have others, too.
_VALUES: dict[str, dict[str, str]] = {
    "modality": MODALITIES,
    "proof": PROOFS,
    "plane": {plane: plane for plane in PLANES},
    "region": {
        "abdomen": N_("abdomen"),
        "ankle": N_("ankle"),
        "aorta": N_("aorta"),
        "arm": N_("arm"),
        "bladder": N_("bladder"),
        "brain": N_("brain"),
        "breast": N_("breast"),
        "central nervous system": N_("central nervous system"),
        "cervical spine": N_("cervical spine"),
        "colon": N_("colon"),
        "elbow": N_("elbow"),
        "endocrine": N_("endocrine"),
        "eye": N_("eye"),
        "extremity": N_("extremity"),
        "face": N_("face"),
        "finger": N_("finger"),
        "foot": N_("foot"),
        "forearm": N_("forearm"),
        "gastrointestinal": N_("gastrointestinal"),
        "genitourinary": N_("genitourinary"),
        "hand": N_("hand"),
        "head": N_("head"),
        "head and neck": N_("head and neck"),
        "heart": N_("heart"),
        "heart and great vessels": N_("heart and great vessels"),
        "hematopoietic": N_("hematopoietic"),
        "hip": N_("hip"),
        "jaw": N_("jaw"),
        "kidney": N_("kidney"),
        "knee": N_("knee"),
        "leg": N_("leg"),
        "liver": N_("liver"),
        "lower leg": N_("lower leg"),
        "lumbar spine": N_("lumbar spine"),
        "mouth and teeth": N_("mouth and teeth"),
        "musculoskeletal": N_("musculoskeletal"),
        "neck": N_("neck"),
        "orbit": N_("orbit"),
        "pancreas": N_("pancreas"),
        "pelvis": N_("pelvis"),
        "peripheral nerves": N_("peripheral nerves"),
        "prostate": N_("prostate"),
        "sacrum": N_("sacrum"),
        "shoulder": N_("shoulder"),
        "sinuses": N_("sinuses"),
        "skin": N_("skin"),
        "small parts": N_("small parts"),
        "spine": N_("spine"),
        "spleen": N_("spleen"),
        "stomach": N_("stomach"),
        "thigh": N_("thigh"),
        "thoracic spine": N_("thoracic spine"),
        "thorax": N_("thorax"),
        "thorax and abdomen": N_("thorax and abdomen"),
        "uterus": N_("uterus"),
        "vascular": N_("vascular"),
        "whole body": N_("whole body"),
        "wrist": N_("wrist"),
    },
    "window": {
        "abdomen": N_("abdomen"),
        "angiography": N_("angiography"),
        "as stored": N_("as stored"),
        "automatic": N_("automatic"),
        "bone": N_("bone"),
        "brain": N_("brain"),
        "graft": N_("graft"),
        "liver": N_("liver"),
        "lung": N_("lung"),
        "mediastinum": N_("mediastinum"),
        "MRI": N_("MRI"),
        "soft tissue": N_("soft tissue"),
    },
}


def bytes_words(size: float) -> str:
    """1234567 as "1.2 MB"."""
    if size < 1000:
        return _("%(number)s bytes", number=number(size))
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 1000 or unit == "GB":
            break
    return f"{number(size, 0 if size >= 10 else 1)} {unit}"


def seconds_words(seconds: float) -> str:
    """Time left in words a person would use."""
    if seconds < 60:
        return _("%(number)s s", number=max(1, round(seconds)))
    if seconds < 3600:
        return _("%(number)s min", number=round(seconds / 60))
    return _("%(number)s h", number=number(seconds / 3600, 1))


def value_words(field: str, value: str) -> str:
    """A value for people: MR as MRI, an empty one as "not stated"; one of a source's own as the source says it.

    Parameters
    ----------
    field : str
        What it is a value of: a filter's name, or ``window``.
    value : str
    """
    if not value:
        return _(NOT_STATED)
    named = _VALUES.get(field, {})
    return _(named[value]) if value in named else value


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
    return at(f"/static/{digest}/{name}")


@lru_cache(maxsize=1)
def script_texts() -> frozenset[str]:
    """Give the texts that scripts look up."""
    scripts = b"\n".join(content for name, content in _static()[1].items() if name.endswith(".js")).decode()
    return frozenset(json.loads(literal) for literal in re.findall(r'\b_\(("(?:[^"\\]|\\.)*")', scripts))


def script_words() -> dict[str, str]:
    """Give what scripts say in the language of the request; empty in English, which stands in the scripts."""
    say = translations().gettext
    return {text: said for text in sorted(script_texts()) if (said := say(text)) != text}


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


class ReadOnly:
    """Offers on no page what cannot be done with the atlas.

    Parameters
    ----------
    app : ASGI application
    read_only : bool
        Whether the atlas is open to be read only.
    """

    def __init__(self, app: ASGIApp, *, read_only: bool) -> None:
        self._app, self._read_only = app, read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        before = _READ_ONLY.set(self._read_only)
        try:
            await self._app(scope, receive, send)
        finally:
            _READ_ONLY.reset(before)


def _offered(right: Right) -> bool:
    """Whether who asks may do something, and it can be done here."""
    return may(visitor().role, right) and not (_READ_ONLY.get() and right in ("add", "edit", "library"))


# -- pages ----------------------------------------------------------------------------------------------------------------


class _Rooted(Extension):
    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return rooted_source(source)


@lru_cache(maxsize=4096)
def _said(message: str, language: NullTranslations, here: str, filled: bool) -> Markup:
    """A text as it is to be filled, or as it reads where nothing is filled in."""
    said = Markup(rooted_text(language.gettext(message)))  # noqa: S704 - a template's own, or its translation
    return said if filled else said % {}


def _gettext(message: str, /, **variables: Any) -> Markup:
    """Say a text of a template; Jinja2's own finds its way three times through a context, which a page does 1,000 times."""
    said = _said(message, translations(), root(), bool(variables))
    return said % variables if variables else said


def _ngettext(one: str, many: str, number: int, /, **variables: Any) -> Markup:
    said = Markup(rooted_text(translations().ngettext(one, many, number)))  # noqa: S704 - as above
    return said % {"num": number, **variables}


class _Environment(Environment):
    """Jinja2's own, which looks what all templates know up in one place."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Give a template what it knows: a plain dict, which is found in ten times as fast as a chain of two."""
        return {**self.globals, **(d or {})}


_ENVIRONMENT = _Environment(
    loader=PackageLoader("mirage.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
    extensions=["jinja2.ext.i18n", _Rooted],
)
_ENVIRONMENT.policies["ext.i18n.trimmed"] = True
_ENVIRONMENT.newstyle_gettext = True  # type: ignore[attr-defined]


@lru_cache(maxsize=1)
def _parts() -> Any:
    return _ENVIRONMENT.get_template("parts.html").module


def once(figure: FigureView, part: str) -> Markup:
    """What a macro of ``parts.html`` draws of a figure alone: the same for all who look at it.

    Parameters
    ----------
    figure : FigureView
    part : str
        Name of the macro.
    """
    drawn = figure.drawn
    if (known := drawn.get(part)) is None:
        known = drawn[part] = getattr(_parts(), part)(figure)
    return known


@lru_cache(maxsize=1024)
def _of_few(part: str, _root: str, _language: NullTranslations, *given: Hashable) -> Markup:
    drawn: Markup = getattr(_parts(), part)(*given)
    return drawn


def of_few(part: str, *given: Hashable) -> Markup:
    """What a macro of ``parts.html`` draws that is given a few different things only.

    Parameters
    ----------
    part : str
        Name of the macro.
    *given : hashable
    """
    return _of_few(part, root(), translations(), *given)


def in_language(name: str = "") -> Markup:
    """Mark an element whose text is a source's: in English where nothing else is known, whatever the page is in.

    Parameters
    ----------
    name : str
        Of its language, in English; "another language" is not marked.
    """
    code = locales.code_of(name) if name else locales.ENGLISH
    return Markup(' lang="{}"').format(code) if code and code != language() else Markup("")


_ENVIRONMENT.globals |= {"in_language": in_language, "language_name": locales.said}
_ENVIRONMENT.globals |= {"once": once, "of_few": of_few}
_ENVIRONMENT.globals |= {"gettext": _gettext, "_": _gettext, "ngettext": _ngettext}
_ENVIRONMENT.globals |= {"value_words": value_words, "looked_up": looked_up}
_ENVIRONMENT.globals["page_of"] = page_of
_ENVIRONMENT.globals["search_for"] = lambda words: with_query(at("/search"), {"q": words})
_ENVIRONMENT.globals["remove_address"] = lambda **what: at(f"/remove?{urlencode(what, doseq=True)}")
_ENVIRONMENT.filters |= {
    "bytes": bytes_words,
    "seconds": seconds_words,
    "number": number,
    "listed": lambda texts: listed(list(texts)),
    "underlined": underlined,
    "hyphenated": hyphenated,
}
_ENVIRONMENT.globals |= {
    "asset": address,
    "root": root,
    "at": at,
    "twin": lambda page: at("/api" + page.removeprefix(root())),
    "script_words": script_words,
    "language": language,
    "languages": choices,
    "here_now": here,
    "form": SearchForm(),
    "preview_address": preview_address,
    "keep_address": keep_address,
    "repeat_address": repeat_address,
    "take_address": take_address,
    "formats": lambda: [(name, _(each.title), _(each.about)) for name, each in FORMATS.items()],
    "quiz_address": quiz_address,
    "visitor": visitor,
    "may": _offered,
    "alone": lambda: visitor() == ALONE,
    "ROLE_WORDS": ROLE_WORDS,
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


def page(template: str, answered: int | MirageError | None = None, /, **values: Any) -> HTMLResponse:
    """Fill a template and send it.

    Parameters
    ----------
    template : str
    answered : int or MirageError, optional
        The status of HTTP, or what went wrong, which has one and may say when to ask again; 200 where it is left out.
    **values
        What the template needs; ``form`` is the empty search form where it is not given.
    """
    if isinstance(answered, MirageError):
        return HTMLResponse(render(template, **values), answered.status, again_after(answered))
    return HTMLResponse(render(template, **values), answered or HTTPStatus.OK)


def again_after(error: MirageError) -> dict[str, str]:
    """Headers that say when somebody who is turned away may ask again."""
    return {"Retry-After": str(error.retry_after)} if isinstance(error, Busy) else {}
