"""What the HTTP API answers. A page renders the same object that its JSON twin sends."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mirage.query import DEFAULT_K
from mirage.web.schemas.base import LicenceView, Model, SourceView
from mirage.web.schemas.explaining import (
    BeganView,
    BreakView,
    ClaimView,
    EndedView,
    EvidenceView,
    ExplainerView,
    ExplanationView,
    RemarkView,
    WritingView,
)

__all__ = [
    "AddBody",
    "AddableView",
    "AtlasView",
    "BeganView",
    "BreakView",
    "CaseView",
    "ClaimView",
    "CorporaView",
    "CorpusView",
    "EmbeddingView",
    "EncoderView",
    "EndedView",
    "EvidenceView",
    "ExplainerView",
    "ExplanationView",
    "FacetsView",
    "FigureView",
    "FoundView",
    "HitView",
    "ImportBody",
    "JobView",
    "JobsView",
    "LicenceView",
    "LinksView",
    "Problem",
    "QueryBody",
    "QueryView",
    "RebuildBody",
    "RefusedView",
    "RemarkView",
    "SearchView",
    "SourceView",
    "TermView",
    "WritingView",
]


class LinksView(Model):
    """Addresses on this site."""

    page: str
    twin: str = Field(description="The same as JSON.")
    picture: str
    thumbnail: str
    case: str = Field(description="Empty for a figure without a case.")
    similar: str


class FigureView(Model):
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
    case_id: str
    alt: str = Field(description="What to tell somebody who cannot see the picture.")
    width: int
    height: int
    source: SourceView
    citation: str
    links: LinksView


class FoundView(Model):
    """One channel's word on a figure."""

    channel: str
    rank: int
    score: float = Field(description="Raw score of that channel. A cosine here is no percentage of anything.")


class HitView(Model):
    """A figure found."""

    rank: int
    confidence: Literal["strong", "likely", "weak"]
    channels: list[FoundView]
    folded: list[str] = Field(description="Ids of near-duplicates that this hit stands for.")
    figure: FigureView


class TermView(Model):
    """One thing looked for: some text, a dropped picture's embedding, or a figure's id; with a weight."""

    text: str = ""
    picture: str = ""
    figure: str = ""
    weight: float = Field(default=1.0, description="Negative means: less of this.")


class QueryBody(Model):
    """A query as JSON. Values of one filter are alternatives; filters add up."""

    terms: list[TermView]
    filters: dict[str, list[str]] = Field(default_factory=dict)
    k: int = DEFAULT_K
    refine: bool = Field(False, description="Search twice, the second time with what explains the first hits.")


class QueryView(QueryBody):
    """A query as it was understood."""

    url: str = Field(description="Its page; empty with a dropped picture, for that never becomes an address.")


class SearchView(Model):
    """What a query found."""

    query: QueryView
    fits: bool = Field(description="False when nothing in the atlas fits; the hits are then the nearest there are.")
    notes: list[str]
    seconds: float
    hits: list[HitView]


class FacetsView(Model):
    """Field to value to number of figures. A field's own filter is left out of its own counts."""

    facets: dict[str, dict[str, int]]


class CaseView(Model):
    """The patient story that some figures share. `passages` are in reading order."""

    id: str
    title: str
    topic: str
    passages: dict[str, str]
    source: SourceView
    citation: str
    page: str
    figures: list[FigureView]


class CorpusView(Model):
    """A corpus in the open atlas."""

    name: str
    title: str
    summary: str
    version: str
    homepage: str
    licence: LicenceView
    figures: int
    cases: int
    bytes: int
    complete: bool = Field(description="False while it is being added, or when adding was cut short.")


class EncoderView(Model):
    """Who made the atlas's vectors."""

    name: str
    digest: str
    dimension: int
    max_tokens: int


class AtlasView(Model):
    """What the open atlas holds."""

    format: int
    encoder: EncoderView
    figures: int
    cases: int
    bytes: int
    corpora: list[CorpusView]


class AddableView(Model):
    """A corpus that can be added by a click."""

    name: str
    title: str
    summary: str
    homepage: str
    licence: LicenceView
    present: bool = Field(description="Whether all of it is in the atlas already.")
    downloads: bool = Field(description="Whether it can be downloaded when no folder is given.")
    folders: list[str] = Field(description="Folders under the roots that settings name.")


class CorporaView(Model):
    """What the atlas holds and what can be added."""

    corpora: list[CorpusView]
    addable: list[AddableView]


class AddBody(Model):
    """Start adding a corpus."""

    corpus: str
    path: str | None = Field(default=None, description="A folder under one of the roots that settings name.")


class RebuildBody(Model):
    """Start making the index anew."""

    encoder: str = Field(default="", description="Encode all pictures with this encoder; empty for the one there is.")
    model: str = Field(default="", description="Which model of that encoder, where it has several: a hub id or a folder.")


class ImportBody(Model):
    """Start importing an atlas file."""

    file: str = Field(description="An atlas file on the machine of the server.")
    encode: bool = Field(default=False, description="Encode the pictures anew where another encoder made the file.")
    replace: bool = Field(default=False, description="Replace figures and cases of the same id that differ.")


class RefusedView(Model):
    """Something that could not become a figure, and why."""

    label: str
    reason: str


class JobView(Model):
    """Long work, as it stands."""

    id: str
    kind: str
    title: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    done: int
    total: int
    rate: float = Field(description="Entries a second.")
    seconds_left: float | None
    message: str
    refused: list[RefusedView]
    created: float = Field(description="Seconds since 1970-01-01 UTC.")
    finished: float | None
    ended: bool
    page: str
    results: list[str] = Field(description="Ids of the synthetic images that it has made.")
    ahead: int = Field(description="How many wait before it.")


class JobsView(Model):
    """All jobs, newest first."""

    jobs: list[JobView]


class EmbeddingView(Model):
    """A dropped picture as its embedding; the picture itself is gone."""

    picture: str = Field(description="Use it as a term's `picture`.")
    width: int
    height: int
    synthetic: str = Field(default="", description="What marks it as synthetic, in a sentence; empty without a mark.")


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    model_config = ConfigDict(extra="forbid")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str = ""
