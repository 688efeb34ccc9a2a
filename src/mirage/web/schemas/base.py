"""What all answers share."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """An answer, or a body: names that are not known are refused."""

    model_config = ConfigDict(extra="forbid")


class LicenceView(Model):
    """Terms of use; `name` is "not stated" when the source states none."""

    name: str
    stated: bool
    url: str = Field(description="Where the licence's text is; may be empty.")
    allows_sharing: bool = Field(description="False when nothing is stated: silence is not permission.")
    no_derivatives: bool = Field(description="Whether it forbids passing on altered copies.")


class SourceView(Model):
    """Where a figure or a case comes from."""

    corpus: str
    attribution: str = Field(description="The line to print beside the figure, as its source wants it.")
    url: str = Field(description="The closest page there is; may be empty.")
    url_of: Literal["figure", "case", "article", "collection"] = Field(description="What that page is about.")
    licence: LicenceView
