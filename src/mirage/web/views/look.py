"""What a living source would give, as the page and the API show it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from mirage.corpora.live.base import Offered
from mirage.storage.preview import SourcePreview
from mirage.web.root import at
from mirage.web.views.figures import ApiModel, LicenceView, licence_view
from mirage.wording import _

_HEAD = 160  # characters
_SHOWN = 500  # a page of more is looked at by nobody


class OfferedView(ApiModel):
    """A figure that a source would give."""

    id: str = Field(description="One of the option `only`, to choose it.")
    title: str
    head: str = Field(description="What tells it from the others of its group, in a line.")
    caption: str
    group: str = Field(description="What it belongs to at the source: its article, its series.")
    licence: LicenceView
    attribution: str
    url: str = Field(description="Its page at the source; empty where it names none.")
    modality: str
    size: int | None = Field(description="Bytes to fetch; null where the source does not state them.")
    slices: int = Field(description="0 for a single picture.")
    state: Literal["new", "there", "removed"] = Field(description="Whether the atlas has it, or had it before.")
    warnings: list[str] = Field(description="What to know of it before it is taken.")
    thumbnail: str = Field(description="Address of a small picture; empty where the source has none.")


class LeftOutView(ApiModel):
    """Why some do not come."""

    reason: str = Field(description="What they are, to be read behind their number: articles without figures.")
    figures: int = Field(description="How many: of articles, those of which no figure comes.")


class OfferView(ApiModel):
    """What a living source would give; nothing has been fetched but words and thumbnails."""

    corpus: str = Field(description="What the atlas calls it.")
    title: str
    unit: str = Field(description="What the source counts: articles, series, files.")
    total: int | None = Field(description="How many of those fit at the source, as it says itself.")
    looked_at: int = Field(description="How many of those were looked at.")
    figures: list[OfferedView]
    new: int
    there: int
    removed: int
    size: int = Field(description="Bytes to fetch for the new ones, as far as the source states them.")
    unsized: int = Field(description="For how many of the new ones it does not.")
    left_out: list[LeftOutView]
    withdrawn: list[str] = Field(
        description="Ids of figures of the atlas that the source has retracted or deleted; they are marked."
    )
    asked: float = Field(description="When the oldest of the answers was given, in seconds since 1970; they are kept.")

    @property
    def when(self) -> datetime:
        """When the oldest of the answers was given."""
        return datetime.fromtimestamp(self.asked, UTC)

    @property
    def groups(self) -> list[tuple[str, list[OfferedView]]]:
        """The figures that a page shows, by what they belong to, as they come."""
        found: dict[str, list[OfferedView]] = {}
        for each in self.figures[:_SHOWN]:
            found.setdefault(each.group, []).append(each)
        return list(found.items())

    @property
    def rest(self) -> list[OfferedView]:
        """The new figures that a page does not show."""
        return [each for each in self.figures[_SHOWN:] if each.state == "new"]


def offer_view(job_id: str, found: SourcePreview) -> OfferView:
    """Show what a source would give.

    Parameters
    ----------
    job_id : str
        Of the job that asked.
    found : mirage.storage.preview.SourcePreview
    """
    heads = [_head(each) for each in found.offer.figures]
    several = Counter(heads)
    figures = [
        OfferedView.of(
            each,
            head=head if several[head] == 1 else f"{head} ({each.id.partition(':')[2] or each.id})",
            licence=licence_view(replace(each.licence, url=_link(each.licence.url))),
            url=_link(each.url),
            state=state,
            warnings=list(each.warnings),
            thumbnail=at(f"/api/previews/{job_id}/thumbnails/{place}") if each.thumbnail else "",
        )
        for place, (each, state, head) in enumerate(zip(found.offer.figures, found.states, heads, strict=True))
    ]
    fresh = [each for each in figures if each.state == "new"]
    return OfferView.of(
        found.offer,
        corpus=found.corpus,
        title=found.title,
        figures=figures,
        **{state: sum(each.state == state for each in figures) for state in ("new", "there", "removed")},
        size=sum(each.size or 0 for each in fresh),
        unsized=sum(each.size is None for each in fresh),
        withdrawn=list(found.withdrawn),
        left_out=[LeftOutView(reason=reason, figures=number) for reason, number in found.offer.left_out],
    )


def _head(each: Offered) -> str:
    """Its title, where its group does not say that already; else its caption; on one line, and not too long for it."""
    own = "" if each.group.startswith(each.title) else each.title
    words = " ".join((own or each.caption or each.title or _("No words")).split())
    return words if len(words) <= _HEAD else f"{words[:_HEAD]} …"


def _link(url: str) -> str:
    """An address that a page may lead to; others wrote it."""
    return url if url.lower().startswith(("https://", "http://")) else ""
