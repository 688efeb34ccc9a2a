"""A file of Wikimedia Commons as it is told there, and as a figure: nothing is said of it that its page does not say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from mirage.corpora.inferring import with_words
from mirage.corpora.live.base import Reason
from mirage.corpora.live.jats import cc_licence
from mirage.corpora.live.jats_rights import fold
from mirage.corpora.live.pace import AskedToWait
from mirage.errors import Unavailable
from mirage.figure import Figure, Licence, Source, clean_text, is_link
from mirage.licensing import terms_of
from mirage.locales import number
from mirage.wording import N_, Words, _, nN_

PAGES = "https://commons.wikimedia.org/wiki/"
FILES, THUMBS = "https://upload.wikimedia.org", "https://thumb.wikimedia.org"
LICENCES = ("CC BY", "CC BY-SA", "CC0", "public domain")
"""What may be asked for, whatever the version and the port."""
ENDINGS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/tiff": "tif",
    "image/gif": "gif",
}
_BUSY = ("maxlag", "ratelimited", "readonly")
_SOUND = Reason(*nN_("file with a video or a sound", "files with a video or a sound"))
_DOCUMENT = Reason(*nN_("file with a document, not a picture", "files with a document, not a picture"))
_NO_PICTURE = {
    "image/svg+xml": Reason(*nN_("file with a drawing of vectors (SVG)", "files with a drawing of vectors (SVG)")),
    "application/pdf": _DOCUMENT,
    "image/vnd.djvu": _DOCUMENT,
    "application/ogg": _SOUND,
    "image/x-xcf": Reason(*nN_("file of a program for drawing (XCF)", "files of a program for drawing (XCF)")),
}
_CC0 = re.compile(r"(?i)\bcc[\s-]?(0|zero)\b|creative commons (0|zero)|publicdomain/zero")
_DRAWN = re.compile(
    r"(?i)\b(diagram|drawing|illustration|schematic|scheme|sketch|painting|engraving|lithograph|cartoon|infographic|"
    r"flow ?chart|chart|graph|map|logo|icon|screenshot|artwork|poster|3d model)s?\b"
)
_MADE = re.compile(
    r"(?i)\bai[- ]generated\b|\bgenerated (?:by|with) (?:an )?(?:ai\b|artificial)|"
    r"\bmidjourney\b|\bdall[\s·•-]?e\b|stable diffusion"
)
_LANGUAGES = Words({
    "ar": N_("Arabic"), "cs": N_("Czech"), "de": N_("German"), "es": N_("Spanish"), "fr": N_("French"), "it": N_("Italian"),
    "ja": N_("Japanese"), "ko": N_("Korean"), "nl": N_("Dutch"), "pl": N_("Polish"), "pt": N_("Portuguese"),
    "ru": N_("Russian"), "sv": N_("Swedish"), "tr": N_("Turkish"), "uk": N_("Ukrainian"), "zh": N_("Chinese"),
})  # fmt: skip
_MOST_LINE, _MOST_CAPTION = 300, 6_000


class Lagging(AskedToWait):
    """The servers ask to come back in a few seconds."""


def _mapping(given: object) -> object:
    """PHP writes an empty mapping as an empty list."""
    return {} if given == [] else given


class Info(BaseModel):
    """What is told of a file; other fields there may come and go."""

    url: str = ""
    thumburl: str = ""
    size: int | None = Field(default=None, ge=0)
    width: int = Field(default=0, ge=0)
    height: int = Field(default=0, ge=0)
    mime: str = ""
    sha1: str = Field(default="", pattern=r"^([0-9a-f]{40})?$")
    duration: float | None = None
    pagecount: int | None = None
    extmetadata: Annotated[dict[str, Any], BeforeValidator(_mapping)] = {}
    strange: bool = False  # ours: whether it could not be read

    def told(self, name: str) -> tuple[str, str]:
        """What is stated, as text without mark-up, and the code of its language; English where it is there."""
        found = self.extmetadata.get(name)
        value = found.get("value") if isinstance(found, dict) else found
        language = ""
        if isinstance(value, dict):
            spoken = {str(code): text for code, text in value.items() if not str(code).startswith("_")}
            if not spoken:
                return "", ""
            english = (code for code in spoken if code.lower().partition("-")[0] == "en")
            language = next(english, next(iter(spoken)))
            value = spoken[language]
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        return clean_text(value), language.lower()

    def line(self, name: str) -> str:
        """What is stated, in a line."""
        return _line(self.told(name)[0])


def _or_strange(given: object, read: ValidatorFunctionWrapHandler) -> object:
    """One file that is told otherwise than documented keeps no other from coming."""
    try:
        return read(given)
    except ValidationError:
        return [Info(strange=True)]


class Page(BaseModel):
    """A file's page."""

    pageid: int = 0
    title: str = ""
    index: int = 0
    imageinfo: Annotated[list[Info], WrapValidator(_or_strange)] = []

    @property
    def name(self) -> str:
        """Of the file, without its namespace."""
        return _line(clean_text(self.title.partition(":")[2] or self.title))

    @property
    def info(self) -> Info:
        """Of the newest version; without an address where the file is gone or hidden."""
        return self.imageinfo[0] if self.imageinfo else Info()


class _Error(BaseModel):
    code: str
    info: str = ""


class _Hits(BaseModel):
    totalhits: int | None = Field(default=None, ge=0)


class _Category(BaseModel):
    files: int | None = Field(default=None, ge=0)


class _Counted(Page):
    categoryinfo: _Category | None = None
    missing: bool = False


class _Query(BaseModel):
    pages: list[_Counted] = []
    searchinfo: _Hits | None = None


class Told(BaseModel):
    """An answer of the interface."""

    error: _Error | None = None
    going_on: dict[str, str | int] = Field(default={}, alias="continue")
    query: Annotated[_Query, BeforeValidator(_mapping)] = _Query()
    batchcomplete: bool = False


def read_told(told: object) -> Told:
    """Read an answer.

    Raises
    ------
    Lagging
        When the servers have too much to do; they say so with the status 200.
    mirage.errors.Unavailable
        When the question is refused.
    ValueError
        When it is of another shape.
    """
    answer = Told.model_validate(told)
    if answer.error is not None:
        said = _line(clean_text(answer.error.info or answer.error.code))
        if answer.error.code in _BUSY or answer.error.code.startswith("internal_api_error"):
            raise Lagging(
                _("Wikimedia Commons is too busy (%(said)s). Try again later; what has arrived is kept.", said=said)
            )
        raise Unavailable(_("Wikimedia Commons refuses the question: %(said)s Write it otherwise.", said=said))
    if not isinstance(told, dict) or not told.keys() & {"query", "batchcomplete", "continue"}:
        raise ValueError(_("it lacks query and batchcomplete"))
    return answer


def licence_of(info: Info) -> Licence:
    """The licence in the words of the file's page, with the address that it gives."""
    name, url = info.line("LicenseShortName"), info.line("LicenseUrl")
    url = f"https:{url}" if url.startswith("//") else url
    licence = Licence(name, url if is_link(url) else "")
    return replace(licence, allows_sharing=terms_of(licence).known)


def why_not(info: Info, title: str, wanted: Sequence[str]) -> str:
    """Why a file does not come, as for `mirage.corpora.live.base.tally`; nothing where it does.

    Parameters
    ----------
    info : Info
    title : str
    wanted : sequence of str
        Of `LICENCES`.
    """
    licence, restrictions = licence_of(info), info.line("Restrictions")
    terms = terms_of(licence)
    why = ""
    if info.strange:
        why = Reason(
            *nN_(
                "file described otherwise than Wikimedia Commons documents",
                "files described otherwise than Wikimedia Commons documents",
            )
        )
    elif not info.url or not info.mime:
        why = Reason(*nN_("file whose content is gone or hidden", "files whose content is gone or hidden"))
    elif info.mime not in ENDINGS:
        sound = info.mime.startswith(("video/", "audio/"))
        other = Reason(
            *nN_("file that holds no picture (%(kind)s)", "files that hold no picture (%(kind)s)"), kind=info.mime[:40]
        )
        why = _SOUND if sound else _NO_PICTURE.get(info.mime, other)
    elif info.mime == "image/gif" and info.duration:
        why = Reason(*nN_("file with an animation (GIF)", "files with an animation (GIF)"))
    elif not info.url.startswith(f"{FILES}/"):
        why = Reason(*nN_("file from elsewhere than Wikimedia's servers", "files from elsewhere than Wikimedia's servers"))
    elif info.line("NonFree").lower() not in ("", "false", "0"):
        why = Reason(
            *nN_("file used there without a free licence (fair use)", "files used there without a free licence (fair use)")
        )
    elif restrictions:
        why = Reason(
            *nN_("file restricted by more than the licence (%(by)s)", "files restricted by more than the licence (%(by)s)"),
            by=restrictions[:60],
        )
    elif not licence.name:
        why = Reason(*nN_("file without a stated licence", "files without a stated licence"))
    elif not terms.known:
        why = Reason(
            *nN_(
                "file whose licence, %(licence)s, is not known to permit passing on",
                "files whose licence, %(licence)s, is not known to permit passing on",
            ),
            licence=licence.name[:60],
        )
    elif _contradicts(info, licence):
        why = Reason(
            *nN_(
                "file whose page states the licence, %(licence)s, in different ways",
                "files whose page states the licence, %(licence)s, in different ways",
            ),
            licence=licence.name[:60],
        )
    elif _wanted_as(licence) not in wanted:
        why = Reason(
            *nN_(
                "file under %(licence)s, a licence that was not asked for",
                "files under %(licence)s, a licence that was not asked for",
            ),
            licence=licence.name[:60],
        )
    elif _MADE.search(f"{title} {info.line('Categories')}") or _MADE.search(info.told("ImageDescription")[0]):
        why = Reason(*nN_("file made by a program that draws pictures", "files made by a program that draws pictures"))
    return why


def _contradicts(info: Info, licence: Licence) -> bool:
    """Whether other fields say less than the name of a licence of Creative Commons, or something that is not understood."""
    kind, usage = terms_of(licence).kind, info.line("UsageTerms")
    linked = cc_licence(licence.url)
    if terms_of(Licence(licence.name)).kind != kind:  # the address says another one than the name
        return True
    if kind.startswith("BY") and licence.url and (linked is None or terms_of(linked).kind != kind):
        return True
    said = terms_of(Licence(usage)) if usage else None
    restricts = re.search(r"(?i)non[\s-]*commercial|no[\s-]*deriv|\ball rights reserved\b", fold(usage))
    return bool(restricts and kind != (said.kind if said else "")) or bool(said and said.known and said.kind != kind)


def _wanted_as(licence: Licence) -> str:
    kind = terms_of(licence).kind
    if kind == "public domain":
        return "CC0" if _CC0.search(f"{licence.name} {licence.url}") else kind
    return f"CC {kind}"


def figure_of(page: Page) -> Figure:
    """A file as a figure; neither title nor categories become a diagnosis.

    Parameters
    ----------
    page : Page
    """
    info, licence = page.info, licence_of(page.info)
    title = info.line("ObjectName") or page.name.rpartition(".")[0] or page.name or f"File {page.pageid}"
    caption = _cut(info.told("ImageDescription")[0], _MOST_CAPTION)
    author = _cut(info.line("Attribution") or info.line("Artist"), _MOST_LINE) or "No author named"
    credit = _cut(info.line("Credit"), _MOST_LINE)
    parts = [author.rstrip("."), f"“{_cut(title, _MOST_LINE)}”"]
    parts += [f"Source: {credit.rstrip('.')}"] if credit and credit.lower() != "own work" else []
    attribution = f"{'. '.join(parts)}. {licence}, via Wikimedia Commons"
    address = PAGES + quote(page.title.replace(" ", "_"), safe="/:,;@!$()*'~")
    figure = Figure(
        f"commons:M{page.pageid}",
        caption,
        Source("commons", attribution, address, "figure", licence),
        title=_cut(title, _MOST_LINE),
    )
    # What kind of picture it is stands in the title as often as in the description.
    return replace(with_words(replace(figure, caption=f"{title}. {caption}")), caption=caption)


def notes_of(page: Page) -> tuple[str, ...]:
    """What to know of a file before it is taken, a sentence each."""
    info = page.info
    description, language = info.told("ImageDescription")
    found = []
    if drawn := _DRAWN.search(f"{page.name} | {info.line('Categories')} | {description[:_MOST_CAPTION]}"):
        found.append(_("It may be a drawing: its page says “%(word)s”.", word=drawn[0].lower()))
    base = language.partition("-")[0]
    if description and base not in ("", "en"):
        named = _LANGUAGES.get(base) or _("another language (%(code)s)", code=language[:12])
        found.append(_("Its description is in %(language)s.", language=named))
    if not info.line("Attribution") and not info.line("Artist"):
        found.append(_("Its page names no author."))
    if (info.pagecount or 1) > 1:
        found.append(_("It has %(pages)s pages; the first is taken.", pages=number(info.pagecount or 1)))
    return tuple(found)


def _line(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, most: int) -> str:
    """The text up to the end of the last word that fits."""
    return text if len(text) <= most else text[: max(text.rfind(" ", 0, most), most // 2)].rstrip() + " …"
