"""What the HTTP API answers about explanations: each part as it is written, and the whole."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mirage.web.schemas.base import Model, SourceView


class ExplainerView(Model):
    """Who speaks."""

    name: str
    model: str = Field(description="The model behind it; empty for the extractive one.")
    revision: str
    generative: bool = Field(description="Whether it writes sentences of its own; otherwise it only quotes.")


class EvidenceView(Model):
    """One numbered passage that an explanation may use."""

    number: int
    kind: str = Field(description="caption, or a passage of a case: findings, differential, diagnosis, discussion.")
    text: str
    figures: list[str] = Field(description="Ids of the figures found that it speaks of, best first.")
    case_id: str
    title: str
    diagnosis: str
    modality: str
    modality_name: str
    plane: str
    region: str
    side: Literal["", "a", "b"] = Field(description="In a comparison, whose evidence it is.")
    source: SourceView
    page: str = Field(description="Page of the case for a case's passage, else of the figure.")


class BreakView(Model):
    """One thing in a sentence that its evidence does not bear out."""

    kind: str
    words: str = Field(description="The sentence's words in question.")
    reason: str = Field(description="What is wrong, for a person to read.")


class ClaimView(Model):
    """One sentence, with its citations and whether the evidence supports it."""

    text: str
    cites: list[int] = Field(description="Numbers of evidence.")
    support: Literal["supported", "partly", "unsupported", "contradicted"]
    breaks: list[BreakView]
    by: str = Field(description="Name of the explainer that wrote it.")
    quoted: bool = Field(description="Whether it stands word for word in the evidence it cites.")
    aspect: Literal["", "what", "where", "look", "differential"] = Field(description="What the sentence tells of.")


class ExplanationView(Model):
    """An explanation with all that it stands on."""

    question: str
    evidence: list[EvidenceView]
    claims: list[ClaimView]
    remarks: list[str]
    explainers: list[ExplainerView] = Field(description="Who spoke, in order; more than one after a failure.")
    stopped: bool
    seconds: float
    cited: str = Field(description="The text with its citations and what they point to, to paste elsewhere.")


class BeganView(Model):
    """Event `began`: an explainer is about to speak, over this evidence."""

    question: str
    explainer: ExplainerView
    evidence: list[EvidenceView]


class WritingView(Model):
    """Event `writing`: the sentence being written, as far as it has come."""

    text: str


class RemarkView(Model):
    """Event `remark`: something the reader should know."""

    text: str


class EndedView(Model):
    """Event `ended`: the last one."""

    stopped: bool
    seconds: float
    cited: str = Field(description="As in `ExplanationView`.")
