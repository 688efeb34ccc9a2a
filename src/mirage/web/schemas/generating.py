"""What the HTTP API takes and answers about synthetic images."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mirage.web.schemas import ExplanationView, FigureView, JobView, QueryBody, SearchView
from mirage.web.schemas.base import Model
from mirage.web.schemas.comparing import ComparisonView


class ChoicesBody(Model):
    """What may be chosen beside the words; what is left out is the generator's own choice."""

    negative: str = Field("", description="What the image shall not show: counts as one more term of weight -1.")
    seed: int | None = Field(
        None, description="0 to 4,294,967,287. Same request, same seed, same image; drawn when left out."
    )
    steps: int | None = None
    guidance: float | None = Field(None, description="Weight of the words against none; 1 is no guidance.")
    width: int | None = Field(None, description="Pixels.")
    height: int | None = Field(None, description="Pixels.")
    count: int = Field(1, description="How many images, of this seed and those after it.")
    figure: str = Field("", description="Id of a figure to begin from, where the generator can.")
    strength: float = Field(0.6, description="With a picture to begin from: 0 keeps it, 1 draws anew.")


class WantedBody(Model):
    """A piece of text with a weight."""

    text: str
    weight: float = Field(1.0, description="Negative means: less of this.")


class GenerateBody(ChoicesBody):
    """A synthetic image to be made."""

    terms: list[WantedBody]


class PairBody(ChoicesBody):
    """A synthetic image of each of two queries, from the same seed."""

    a: list[WantedBody]
    b: list[WantedBody]


class AskBody(ChoicesBody):
    """A question, or two to be compared: hits, an explanation and a synthetic image of each."""

    a: QueryBody
    b: QueryBody | None = None
    explainer: str = Field("", description="Who shall speak; the settings' one when left out.")


class GeneratorView(Model):
    """Who draws, within which bounds, and how many wait."""

    ready: bool
    problem: str = Field(description="Why nothing can be made, for a person to read; empty when it can.")
    name: str
    model: str
    revision: str
    licence: str
    size: int = Field(description="Side of an image in pixels when nobody asks for another.")
    smallest: int
    largest: int
    multiple: int = Field(description="A side is a multiple of this.")
    steps: int
    most_steps: int
    guidance: float
    most_guidance: float
    most_images: int
    from_picture: bool = Field(description="Whether it can begin from a picture.")
    waiting: int = Field(description="How many wait or run.")
    most_waiting: int


class PairView(Model):
    """The two jobs of a comparison."""

    seed: int
    a: JobView
    b: JobView


class ProgressView(Model):
    """Event `preview`: the image as far as it has come."""

    image: str = Field(description="Its address; with the band. It changes with every step.")


class RecordView(Model):
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
    created: str
    software: str


class MatchView(Model):
    """How well an image matches its words, by the atlas's encoder."""

    better_than: float = Field(description="Share of the atlas's own figures that match the words less well, 0 to 1.")
    said: str


class CopyView(Model):
    """Whether an image is a near copy of one that the generator was trained on."""

    near: bool
    likeness: float
    threshold: float
    checked: bool
    said: str


class SyntheticBriefView(Model):
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
    match: MatchView | None
    copy_check: CopyView
    remarks: list[str]
    nearest: list[FigureView] = Field(description="The real figures of the atlas that look most like it, best first.")
    downloads: dict[str, str] = Field(description="Format to address; every file carries the marks.")


class SyntheticsView(Model):
    """Synthetic images, newest first."""

    images: list[SyntheticBriefView]
    total: int
    page: int
    pages: int


class DeletedView(Model):
    """What is gone."""

    id: str


class AskView(Model):
    """The paper's one gesture: what is real, what is said of it, and a synthetic image in the making."""

    search: SearchView | None = Field(description="Of one query.")
    comparison: ComparisonView | None = Field(description="Of two.")
    explanation: ExplanationView
    seed: int | None
    jobs: list[JobView] = Field(description="One for each query; follow `/api/jobs/{id}/events`.")
    no_image: str = Field(description="Why no image is being made; empty when one is.")
