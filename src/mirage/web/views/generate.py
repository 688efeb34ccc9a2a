"""Jobs, synthetic images and what makes them, as pages and the API show them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from PIL import Image
from pydantic import Field

from mirage.compare.dual import SIDES
from mirage.corpora.base import Noted, Refused
from mirage.errors import BadQuery
from mirage.generate.generators.copies import CopyCheck
from mirage.generate.outputs import OutputEntry
from mirage.generate.prompt_match import PromptMatch
from mirage.generate.provenance import FORMATS, STATEMENT
from mirage.generate.synthesis import GenerationOptions, SyntheticImage
from mirage.jobs.job import ADD, ASK, GENERATE, TITLES, Job
from mirage.query import Query, Term
from mirage.web import forms
from mirage.web.root import at
from mirage.web.views.figures import ApiBody, ApiModel, FigureView
from mirage.wording import N_, _, retold

EMPTY = N_("Say in words what the image shall show, for example “axial brain MRI”.")


class ChoicesBody(ApiBody):
    """What may be chosen beside the words; what is left out is the generator's own choice."""

    negative: str = Field("", description="What the image shall not show: counts as one more term of weight -1.")
    seed: int | None = Field(
        None, description="0 to 4,294,967,287. Same request, same seed, same image; random when left out."
    )
    steps: int | None = None
    guidance: float | None = Field(None, description="How closely to follow the words; 1 is no guidance.")
    width: int | None = Field(None, description="Pixels.")
    height: int | None = Field(None, description="Pixels.")
    count: int = Field(1, description="How many images, of this seed and those after it.")
    drafts: int | None = Field(
        None, description="From how many drafts the generator chooses each image; 1 for no choice, as in a comparison."
    )
    figure: str = Field("", description="Id of a figure to begin from, where the generator can.")
    strength: float = Field(0.6, description="With a picture to begin from: 0 keeps it, 1 draws anew.")

    def options(self) -> GenerationOptions:
        """Make the options that this chooses."""
        return GenerationOptions(**self.model_dump(include=set(ChoicesBody.model_fields)))


class WantedBody(ApiBody):
    """A piece of text with a weight."""

    text: str
    weight: float = Field(1.0, description="Negative means: less of this.")


class GenerateBody(ChoicesBody):
    """A synthetic image to be made."""

    sides: ClassVar[Sequence[str]] = ("",)
    terms: list[WantedBody]

    def queries(self) -> list[Query]:
        """Make its query."""
        return [query_of(self.terms)]


class PairBody(ChoicesBody):
    """A synthetic image of each of two queries, from the same seed."""

    a: list[WantedBody]
    b: list[WantedBody]
    sides: ClassVar[Sequence[str]] = SIDES

    def queries(self) -> list[Query]:
        """Make its two queries."""
        return [query_of(self.a), query_of(self.b)]


class JobView(ApiModel):
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
    refused: list[Refused]
    noted: list[Noted] = Field(
        description="What there is to know of figures that it took: words that may name somebody, text in the picture."
    )
    created: float = Field(description="Seconds since 1970-01-01 UTC.")
    finished: float | None
    ended: bool
    stopping: bool = Field(False, description="Whether it was asked to stop and has not ended yet.")
    page: str
    results: list[str] = Field(description="Ids of the synthetic images that it has made.")
    ahead: int = Field(description="How many wait before it.")
    added: int = Field(0, description="Figures that it has put into the atlas, known when it has ended.")
    kept: int = Field(0, description="Figures that were in the atlas already.")
    removed: int = Field(0, description="Figures that it has taken out of the atlas.")
    changed: list[str] = Field([], description="What took the place of what the atlas had, by name; the first of them.")
    gone: list[str] = Field([], description="What the atlas has and its source has no more, by name; the first of them.")
    gone_count: int = Field(0, description="How many those are.")
    exit_code: int = Field(0, description="What a command that waited for it ends with, when it failed; 0 otherwise.")
    query: str = Field("", description="What a living source was asked for.")
    again: bool = Field(False, description="Whether it can be begun again: `POST /api/jobs/{job_id}/again`.")


class ProgressView(ApiModel):
    """Event `preview`: the image as far as it has come."""

    image: str = Field(description="Its address; with the band. It changes with every step.")


class RecordView(ApiModel):
    """How an image was made; enough to make it again."""

    prompt: str
    terms: list[WantedBody]
    negative: str
    generator: str
    model: str
    revision: str
    seed: int
    steps: int
    guidance: float
    width: int
    height: int
    start: str = Field(description="What it began from: empty for noise, `an upload`, or a figure's id.")
    strength: float
    drafts: int = Field(description="From how many drafts it was chosen; 1 where nothing was chosen.")
    chooser: str = Field(description="By which encoder, with the beginning of its digest.")
    created: str
    software: str


class SyntheticBriefView(ApiModel):
    """A synthetic image in a list."""

    id: str
    prompt: str
    seed: int
    created: str
    generator: str
    page: str
    image: str = Field(description="Address of the marked image; empty when there is none to show.")
    alt: str
    withheld: bool
    reason: str = Field(description="Why there is no image to show.")


class SyntheticView(SyntheticBriefView):
    """A synthetic image and what stands beside it."""

    kind: Literal["synthetic"] = "synthetic"
    statement: str
    width: int
    height: int
    record: RecordView
    match: PromptMatch | None = Field(description="What could be checked of its words; null where there is no image.")
    copy_check: CopyCheck
    remarks: list[str]
    nearest: list[FigureView] = Field(description="The real figures of the atlas that look most like it, best first.")
    downloads: dict[str, str] = Field(description="Format to address; every file carries the marks.")


class SyntheticsView(ApiModel):
    """Synthetic images, newest first."""

    images: list[SyntheticBriefView]
    total: int
    page: int
    pages: int


class DeletedView(ApiModel):
    """What is gone."""

    id: str


def job_view(job: Job) -> JobView:
    """Show a job as it stands."""
    # An older program kept less of what was asked for, and another one more.
    sought: Any = (job.asked or {}).get("options") if job.kind in (ADD, ASK) else None
    page = forms.address("generate" if job.kind == GENERATE else "jobs", job.id)
    return JobView.of(
        job,
        title=retold(job.shown_title, TITLES),
        finished=job.finished or None,
        stopping=job.stopping and not job.ended,
        page=page if job.kind != ASK or not job.asked else look_address(job.asked["corpus"], job.asked["options"], job.id),
        query=str(sought.get("query", "")) if isinstance(sought, dict) else "",
        again=job.kind == ADD and sought is not None and job.state in ("failed", "cancelled"),
    )


def look_address(corpus: str, options: Mapping[str, object], job: str = "") -> str:
    """Where a living source is asked, with what it is asked for.

    Parameters
    ----------
    corpus : str
    options : mapping
        What was chosen, by name.
    job : str
        Of the question that was put.
    """
    texts = {
        name: ",".join(map(str, value)) if isinstance(value, (list, tuple)) else "yes" if value is True else str(value)
        for name, value in options.items()
        if value not in (None, False, "", ())
    }
    return forms.with_query(at("/look"), {"corpus": corpus, **texts, **({"job": job} if job else {})})


def query_of(terms: Sequence[WantedBody]) -> Query:
    """Make the query of weighted texts.

    Raises
    ------
    mirage.errors.BadQuery
        When they hold nothing to draw.
    """
    found = tuple(Term(text=term.text, weight=term.weight) for term in terms if term.weight != 0 and term.text.strip())
    if not any(term.weight > 0 for term in found):
        raise BadQuery(_(EMPTY))
    return Query(found)


def brief_view(entry: OutputEntry | SyntheticImage) -> SyntheticBriefView:
    """Show a synthetic image in a list."""
    record = entry.record
    return SyntheticBriefView.of(
        record,
        page=forms.address("synthetic", record.id),
        image="" if entry.reason else forms.image_address(record.id),
        alt=_("Synthetic image: %(prompt)s", prompt=record.prompt),
        withheld=entry.withheld,
        reason=entry.reason,
    )


def synthetic_view(synthetic: SyntheticImage, nearest: Sequence[FigureView]) -> SyntheticView:
    """Show a synthetic image and what stands beside it.

    Parameters
    ----------
    synthetic : mirage.generate.synthesis.SyntheticImage
    nearest : sequence of FigureView
        Those real figures that look most like it which the atlas still holds, best first.
    """
    record = synthetic.record
    brief = brief_view(synthetic)
    width, height = record.width, record.height
    if synthetic.data:
        with Image.open(io.BytesIO(synthetic.data)) as image:
            width, height = image.size
    return SyntheticView.of(
        synthetic,
        **brief.model_dump(),
        kind="synthetic",
        statement=_(STATEMENT),
        width=width,
        height=height,
        record=RecordView.of(record, terms=[WantedBody(text=text, weight=weight) for text, weight in record.terms]),
        copy_check=synthetic.copy,
        nearest=list(nearest),
        downloads={each: forms.image_address(record.id, each) for each in FORMATS} if brief.image else {},
    )
