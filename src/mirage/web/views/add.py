"""What adding files would bring, as pages and the API show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from mirage.corpora.base import Refused
from mirage.corpora.preview import TableRead, by_kind
from mirage.storage.preview import Preview
from mirage.storage.staging import Batch
from mirage.web.forms import with_query
from mirage.web.root import at
from mirage.web.views.figures import ApiModel

_LISTED = 1_000  # a table of a million rows may name a million files that are not there


class PreviewFigureView(ApiModel):
    """A figure that would come."""

    label: str = Field(description="Its file.")
    words_from: str = Field(description="Where its words stand: `line 3 of figures.csv`; empty where there are none.")
    title: str
    caption: str
    diagnosis: str
    modality: str
    plane: str
    region: str
    licence: str
    width: int
    height: int
    slices: int = Field(description="0 for a single picture.")
    state: Literal["new", "there", "replaces"] = Field(description="Whether the atlas has it, and whether it has changed.")
    warnings: list[str] = Field(description="What a person should look at before it is added.")
    thumbnail: str = Field(description="Address of a small picture; empty beyond the first few hundred.")


class PreviewView(ApiModel):
    """What adding would bring; nothing has been added."""

    corpus: str = Field(description="What the atlas would call it.")
    title: str
    held: int = Field(description="How many figures the atlas has of a corpus of this name.")
    stranger: bool = Field(description="Whether that seems to be another folder of the same name.")
    figures: list[PreviewFigureView]
    new: int
    there: int
    replaces: int
    left_out: int = Field(description="How many cannot be taken.")
    skipped: list[Refused] = Field(description="The first of them, and why.")
    passed_over: list[Refused] = Field(description="Files that are no pictures; the first of them.")
    tables: list[TableRead]
    advice: str
    gone: list[str] = Field(description="What the atlas has of it and it has no more, by name; the first of them.")
    gone_count: int = Field(description="How many those are. Adding takes them out only when that is asked for.")
    gone_doubt: str = Field(description="What speaks against taking them out; empty where nothing does.")


def preview_view(job_id: str, found: Preview) -> PreviewView:
    """Show a preview.

    Parameters
    ----------
    job_id : str
        Of the job that looked.
    found : mirage.storage.preview.Preview
    """
    figures = [
        PreviewFigureView.of(each, thumbnail=at(f"/api/previews/{job_id}/thumbnails/{place}") if each.thumbnail else "")
        for place, each in enumerate(found.figures)
    ]
    counts = {state: found.count(state) for state in ("new", "there", "replaces")}
    bounded: dict[str, object] = {key: _bounded(getattr(found, key)) for key in ("skipped", "passed_over")}
    gone = [called for _, called in found.gone.figures]
    bounded |= {"gone": gone[:_LISTED], "gone_count": len(gone), "gone_doubt": found.gone.doubt}
    return PreviewView.of(found, figures=figures, left_out=len(found.skipped), **counts, **bounded)


def _bounded(refused: Sequence[Refused]) -> list[Refused]:
    return list(refused) if len(refused) <= _LISTED else by_kind(refused)[:_LISTED]


class UploadView(ApiModel):
    """Files that were sent and are not in the atlas."""

    id: str = Field(description="Who knows it may look and add.")
    files: int
    bytes: int
    refused: list[Refused] = Field(description="What was not taken, by name, and why.")
    page: str


def upload_view(batch: Batch) -> UploadView:
    """Show what somebody sent."""
    return UploadView.of(batch, page=with_query(at("/add"), {"batch": batch.id}))
