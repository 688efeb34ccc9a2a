"""Figures, cases and the atlas that holds them, as pages and the API show them."""

from __future__ import annotations

from functools import lru_cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any, Literal, Self

from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from mirage import licensing
from mirage.atlas import Atlas
from mirage.figure import MODALITIES, PROOFS, Figure, Licence, Source
from mirage.storage.records import FigureRow
from mirage.web import forms
from mirage.web.root import root
from mirage.wording import _, looked_up, translations

_KEPT = 2_048  # figures, and what is drawn of each: some 10 kB together
_LONG = 8_000  # characters of a caption from which a figure is shown anew each time


class ApiModel(BaseModel):
    """An answer, or a body: names that are not known are refused."""

    # Only texts that have a bound are looked at: half of a character, "\ud800", is refused, where no table could keep it.
    model_config = ConfigDict(extra="forbid", from_attributes=True, str_max_length=2**28)

    @classmethod
    def of(cls, thing: object, **derived: Any) -> Self:
        """Make the view of an object: what is not given is its attribute of the same name, nested objects included.

        Parameters
        ----------
        thing : object
            A dataclass of the domain.
        **derived
            Fields that it does not have, or that are to be shown otherwise.
        """
        same = {name: getattr(thing, name) for name in cls.model_fields if name not in derived}
        return cls(**same, **derived)


class ApiBody(ApiModel):
    """A body: a value is of the kind that the description says, so that a yes is no 1 and a number no text."""

    model_config = ConfigDict(strict=True)


class Problem(ApiModel):
    """An error, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str = ""


class LicenceView(ApiModel):
    """Terms of use; `name` is "not stated" when the source states none."""

    name: str
    stated: bool = Field(description="Whether it is stated; of a corpus, whether it is of every figure.")
    url: str = Field(description="Where the licence's text is; may be empty.")
    kind: str = Field(description=f"What it comes to: {', '.join(licensing.KINDS)}.")
    allows_sharing: bool = Field(description="Whether it permits passing on, for gain too. Silence is not permission.")
    no_derivatives: bool = Field(description="Whether it forbids passing on altered copies.")
    passing_on: str = Field(description="What to know before passing a picture on, in words; empty where nothing is asked.")


class SourceView(ApiModel):
    """Where a figure or a case comes from."""

    corpus: str
    attribution: str = Field(description="The line to print beside the figure, as its source wants it.")
    url: str = Field(description="The closest page there is; may be empty.")
    url_of: Literal["figure", "case", "article", "collection"] = Field(description="What that page is about.")
    licence: LicenceView


class LinksView(ApiModel):
    """Addresses on this site."""

    page: str
    twin: str = Field(description="The same as JSON.")
    picture: str
    thumbnail: str
    case: str = Field(description="Empty for a figure without a case.")
    similar: str
    stack: str = Field(description="What there is to look at in a stack; empty for a single picture.")


class SlicePlaceView(ApiModel):
    """Of which stack a single picture is a slice."""

    stack: str = Field(description="Id of the stack's figure.")
    view: str = Field(description="The plane in which it was cut.")
    number: int = Field(description="From 0.")
    page: str = Field(description="The stack's page, open there.")


class WithdrawnView(ApiModel):
    """That the source of a figure has withdrawn it since: an article retracted, a file deleted."""

    said: str = Field(description="What the source says.")
    url: str = Field(description="Its page at the source; may be empty.")
    day: str = Field(description="The day on which it was seen: 2026-11-30.")


class FigureView(ApiModel):
    """One image with its words."""

    id: str
    caption: str
    title: str
    diagnosis: str
    modality: str = Field(description="Short name, for example MR; empty when the source does not say.")
    modality_name: str = Field(description="The same in words, for example MRI.")
    modality_detail: str
    plane: str
    region: str
    patient: str
    inferred: list[str] = Field(description="Which of modality and plane the source does not say: MIRAGE inferred them.")
    contradicted: dict[str, str] = Field(description="Labels that the caption contradicts, and what the caption says.")
    contradictions: list[str] = Field(description="The same in words.")
    language: str = Field(description="Of a caption that is not in English; empty otherwise.")
    edited: dict[str, str] = Field(description="Fields that were edited in an atlas, and on which day: 2026-11-29.")
    proof: str = Field(description=f"How the diagnosis was proven: {', '.join(PROOFS)}; empty when the source does not say.")
    case_id: str
    alt: str = Field(description="What to tell somebody who cannot see the picture.")
    width: int
    height: int
    slices: int = Field(description="How many slices a stack has, of which the picture is the best; 0 for a single picture.")
    slice_of: SlicePlaceView | None
    withdrawn: WithdrawnView | None = Field(
        description="What the source says, where it has withdrawn the figure; else null."
    )
    source: SourceView
    citation: str
    links: LinksView
    _drawn: dict[str, Markup] = PrivateAttr(default_factory=dict)

    @property
    def drawn(self) -> dict[str, Markup]:
        """What is drawn of it alone, by its name; see `mirage.web.templating.once`."""
        return self._drawn


class CaseView(ApiModel):
    """The patient story that some figures share. `passages` are in reading order."""

    id: str
    title: str
    topic: str
    proof: str = Field(description="How the diagnosis was proven; see the figures'.")
    passages: dict[str, str]
    source: SourceView
    citation: str
    page: str
    figures: list[FigureView]


class CorpusView(ApiModel):
    """A corpus in the open atlas."""

    name: str
    title: str
    summary: str
    version: str
    homepage: str
    licence: LicenceView
    figures: int
    withdrawn: int = Field(description="How many of the figures its source has withdrawn since.")
    cases: int
    bytes: int
    stated: int = Field(description="Of how many of its figures the licence is stated.")
    complete: bool = Field(description="False while it is being added, or when adding was cut short.")


class EncoderView(ApiModel):
    """Who made the atlas's vectors."""

    name: str
    digest: str
    dimension: int
    max_tokens: int


class AtlasView(ApiModel):
    """What the open atlas holds."""

    format: int
    encoder: EncoderView
    figures: int
    withdrawn: int = Field(description="How many of the figures their sources have withdrawn since.")
    cases: int
    bytes: int
    corpora: list[CorpusView]
    removed: list[str] = Field(description="Corpora that were removed from it, and not added again.")
    read_only: bool = Field(description="Whether it is open to be read only, so that nothing in it can be changed here.")


class FacetsView(ApiModel):
    """Field to value to number of figures. A field's own filter is left out of its own counts."""

    facets: dict[str, dict[str, int]]
    among: Literal["named", "shown", "all"] = Field(
        description="What is counted: the figures that name what is asked for, the hits alone, or all that pass the filters."
    )


def licence_view(licence: Licence) -> LicenceView:
    """Show a licence; "not stated" in those words when nothing is stated."""
    return _licence_view(licence, translations())


@lru_cache(maxsize=256)
def _licence_view(licence: Licence, _language: NullTranslations) -> LicenceView:
    terms = licensing.terms_of(licence)
    return LicenceView(
        name=str(licence),
        stated=bool(licence.name),
        url=licence.url,
        kind=terms.kind,
        allows_sharing=licensing.may_leave(licence, "file", "pass-on").allowed,
        no_derivatives=terms.no_derivatives,
        passing_on=licensing.passing_on(licence),
    )


def source_view(source: Source) -> SourceView:
    """Show where something comes from."""
    return SourceView.of(source, licence=licence_view(source.licence))


def citation(name: str, title: str, source: Source) -> str:
    """Make a line to cite a figure or case by, of what its source states and of nothing else.

    Parameters
    ----------
    name : str
        Id in the atlas.
    title : str
    source : mirage.figure.Source
    """
    licence = _("Licence: %(name)s", name=looked_up(str(source.licence))) + (
        f" ({source.licence.url})" if source.licence.url else ""
    )
    parts = [title.rstrip(". "), source.attribution.rstrip(". "), licence, _("MIRAGE atlas id: %(id)s", id=name)]
    cited = ". ".join(part for part in parts if part) + "."
    return f"{cited} {source.url}" if source.url else cited


def figure_view(figure: Figure, size: tuple[int, int], version: str) -> FigureView:
    """Show a figure with its addresses. Made once for many who look at it: nobody changes it.

    Parameters
    ----------
    figure : mirage.figure.Figure
    size : (int, int)
        Width and height of its picture, in pixels.
    version : str
        Names the picture's content.
    """
    make = _figure_view if len(figure.caption) <= _LONG else _figure_view.__wrapped__
    return make(figure, size, version, root(), translations())


@lru_cache(maxsize=_KEPT)
def _figure_view(figure: Figure, size: tuple[int, int], version: str, _root: str, _language: NullTranslations) -> FigureView:
    place = figure.slice_of
    return FigureView.of(
        figure,
        modality_name=MODALITIES.get(figure.modality, figure.modality),
        contradicted=dict(figure.contradicted),
        edited=dict(figure.edited),
        contradictions=list(figure.contradictions),
        width=size[0],
        height=size[1],
        slices=figure.stack.shape[0] if figure.stack else 0,
        slice_of=place and SlicePlaceView.of(place, page=forms.slice_address(place.stack, place.number, place.view)),
        withdrawn=WithdrawnView.of(figure.withdrawn) if figure.withdrawn else None,
        source=source_view(figure.source),
        citation=citation(figure.id, figure.title or figure.alt, figure.source),
        links=LinksView(
            page=forms.address("figure", figure.id),
            twin=forms.address("api/figures", figure.id),
            picture=forms.picture_address("pictures", figure.id, version),
            thumbnail=forms.picture_address("thumbnails", figure.id, version),
            case=forms.address("case", figure.case_id) if figure.case_id else "",
            similar=forms.similar_address(figure.id),
            stack=forms.address("api/stacks", figure.id) if figure.stack else "",
        ),
    )


def figure_in(atlas: Atlas, figure: str | Figure) -> FigureView:
    """Show a figure of an atlas.

    Parameters
    ----------
    atlas : mirage.atlas.Atlas
    figure : str or mirage.figure.Figure
        An id, or the figure itself.

    Raises
    ------
    mirage.errors.NotFound
    """
    return row_view(atlas.store.row(figure if isinstance(figure, str) else figure.id), figure)


def row_view(row: FigureRow, figure: str | Figure = "") -> FigureView:
    """Show a figure as an atlas keeps it.

    Parameters
    ----------
    row : mirage.storage.records.FigureRow
    figure : str or mirage.figure.Figure
        What is shown in its place, where it is a figure.
    """
    known, picture = row.figure if isinstance(figure, str) else figure, row.picture
    return figure_view(known, (picture.width, picture.height), Path(picture.name).stem)


def case_in(atlas: Atlas, case_id: str) -> CaseView:
    """Show a case of an atlas with its figures.

    Parameters
    ----------
    atlas : mirage.atlas.Atlas
    case_id : str

    Raises
    ------
    mirage.errors.NotFound
    """
    case = atlas.case(case_id)
    return CaseView.of(
        case,
        source=source_view(case.source),
        citation=citation(case.id, case.title, case.source),
        page=forms.address("case", case.id),
        figures=[row_view(row) for row in atlas.store.figures_of(case.id)],
    )


def atlas_view(atlas: Atlas) -> AtlasView:
    """Show what an atlas holds."""
    info = atlas.info()
    held = [(corpus, licence_view(Licence(corpus.licence, corpus.licence_url))) for corpus in info.corpora]
    whole = [licence.model_copy(update={"stated": licence.stated and each.stated == each.figures}) for each, licence in held]
    corpora = [CorpusView.of(corpus, licence=licence) for corpus, licence in zip(info.corpora, whole, strict=True)]
    return AtlasView.of(info, corpora=corpora, removed=list(info.removed))
