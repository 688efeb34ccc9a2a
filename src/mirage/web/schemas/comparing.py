"""What the HTTP API answers about two queries side by side."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mirage.web.schemas import QueryBody, SearchView
from mirage.web.schemas.base import Model


class CompareBody(Model):
    """Two queries as JSON, either of which may hold a dropped picture."""

    a: QueryBody
    b: QueryBody


class TraitView(Model):
    """Something that figures of one side, or of both, show."""

    kind: Literal["diagnosis", "finding", "region", "modality", "plane"]
    words: str
    a: list[str] = Field(description="Ids of A's figures that show it, best first.")
    b: list[str]
    share_a: float = Field(description="Share of A's cases that have it, 0 to 1.")
    share_b: float


class PairingView(Model):
    """Figures of both sides taken in one way, to look at together."""

    modality: str
    modality_name: str
    plane: str = Field(description="Empty where the sources do not say.")
    a: list[str] = Field(description="Ids of A's figures, best first.")
    b: list[str]


class ComparisonView(Model):
    """Two queries answered side by side."""

    url: str = Field(description="Its page; empty with a dropped picture, for that never becomes an address.")
    modified: bool = Field(description="Whether B is A with less of some terms and more of others.")
    same: bool = Field(description="Whether both sides ask the same.")
    words: tuple[str, str]
    a: SearchView
    b: SearchView
    shared: list[TraitView] = Field(description="What both sides have, and more of than the atlas at large.")
    of_a: list[TraitView] = Field(description="What A has and B has not, or less of.")
    of_b: list[TraitView]
    alike: list[PairingView]
    both: list[str] = Field(description="Ids of figures that fit both sides.")
    notes: list[str]
    seconds: float
