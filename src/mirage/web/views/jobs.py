"""Corpora that can be added, and long work, as pages and the API show them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from mirage.corpora.base import Refused
from mirage.jobs.job import GENERATE, Job
from mirage.web import forms
from mirage.web.views.figures import ApiModel, CorpusView, LicenceView


class OptionView(ApiModel):
    """Something that may be chosen when a corpus is added."""

    name: str
    help: str
    kind: Literal["text", "number", "yes or no"]
    required: bool
    choices: list[str] = Field(description="The only values that there are; empty for any.")
    several: bool = Field(description="Whether it takes several values, with commas between them.")


class AddableView(ApiModel):
    """A corpus that can be added by a click."""

    name: str
    title: str
    summary: str
    homepage: str
    licence: LicenceView
    present: bool = Field(description="Whether all of it is in the atlas already.")
    downloads: bool = Field(description="Whether it can be downloaded when no folder is given.")
    folders: list[str] = Field(description="Folders under the roots that settings name.")
    options: list[OptionView] = Field(description="What else may be chosen.")


class CorporaView(ApiModel):
    """What the atlas holds and what can be added."""

    corpora: list[CorpusView]
    addable: list[AddableView]


class AddBody(ApiModel):
    """Start adding a corpus."""

    corpus: str
    path: str | None = Field(default=None, description="A folder under one of the roots that settings name.")
    options: dict[str, Any] = Field(default_factory=dict, description="What else is chosen, by name.")


class RebuildBody(ApiModel):
    """Start making the index anew."""

    encoder: str = Field(default="", description="Encode all pictures with this encoder; empty for the one there is.")
    model: str = Field(default="", description="Which model of that encoder, where it has several: a hub id or a folder.")


class ImportBody(ApiModel):
    """Start importing an atlas file."""

    file: str = Field(description="An atlas file on the machine of the server.")
    encode: bool = Field(default=False, description="Encode the pictures anew where another encoder made the file.")
    replace: bool = Field(default=False, description="Replace figures and cases of the same id that differ.")


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
    created: float = Field(description="Seconds since 1970-01-01 UTC.")
    finished: float | None
    ended: bool
    page: str
    results: list[str] = Field(description="Ids of the synthetic images that it has made.")
    ahead: int = Field(description="How many wait before it.")
    added: int = Field(0, description="Figures that it has put into the atlas, known when it has ended.")
    kept: int = Field(0, description="Figures that were in the atlas already.")
    exit_code: int = Field(0, description="What a command that waited for it ends with, when it failed; 0 otherwise.")


class JobsView(ApiModel):
    """All jobs, newest first."""

    jobs: list[JobView]


def job_view(job: Job) -> JobView:
    """Show a job as it stands."""
    return JobView.of(
        job,
        title=job.shown_title,
        finished=job.finished or None,
        page=forms.address("generate", job.id) if job.kind == GENERATE else forms.address("jobs", job.id),
    )
