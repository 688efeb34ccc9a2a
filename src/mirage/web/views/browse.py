"""What an atlas holds, to be looked through, as pages and the API show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from mirage.atlas import Atlas
from mirage.browse.organs import NAMES, Held, System, system_named
from mirage.browse.suggest import KINDS, Suggestion
from mirage.query import Query
from mirage.web import forms
from mirage.web.views.figures import ApiModel, FigureView, figure_view
from mirage.wording import Words

_SYSTEMS = Words(NAMES)
_COMMONEST = 3


class SuggestionView(ApiModel):
    """Something to search for that finds something here."""

    text: str = Field(description="What to search for.")
    kind: Literal["condition", "finding", "structure", "procedure", "device", "topic"]
    figures: int = Field(description="How many figures' title, diagnosis, caption or topic affirm it.")
    name: str = Field(description="The synonym or short form by which it was found; empty for the text itself.")
    mended: bool = Field(description="Whether a typing error was mended.")
    url: str


class SuggestView(ApiModel):
    """What may be meant by the beginning of a search."""

    typed: str
    suggestions: list[SuggestionView]


def suggestion_view(found: Suggestion) -> SuggestionView:
    """Show a suggestion."""
    return SuggestionView.of(found, url=forms.search_address(Query.of(found.text)))


class HeldView(ApiModel):
    """A condition, finding or structure that figures show."""

    name: str
    kind: Literal["condition", "finding", "structure"]
    organ: str = Field(description="Where it is, by the anatomy's name; empty where that is not one place.")
    figures: int = Field(description="How many figures' title, diagnosis, caption or topic affirm it or a kind of it.")
    url: str = Field(description="The search that finds them.")
    example: FigureView


class SystemView(ApiModel):
    """An organ system, or a part of the body, and how much the atlas holds of it."""

    key: str
    name: str
    figures: int
    conditions: int
    findings: int
    structures: int
    commonest: list[str] = Field(description="Of its conditions; where it has none, of its findings, or structures.")
    page: str
    twin: str
    example: FigureView


class BrowseView(ApiModel):
    """What the atlas holds, by organ system."""

    figures: int
    systems: list[SystemView]


class SystemContentsView(ApiModel):
    """What the atlas holds of one organ system, the commonest first."""

    system: SystemView
    conditions: list[HeldView]
    findings: list[HeldView]
    structures: list[HeldView]


def browse_view(atlas: Atlas) -> BrowseView:
    """Show what an atlas holds, by organ system."""
    systems = atlas.browse.systems
    examples = _examples(atlas, [_first(system)[0] for system in systems])
    found = [_system_view(system, examples) for system in systems if _first(system)[0].example in examples]
    return BrowseView(figures=len(atlas.store.keys()), systems=found)


def system_view(atlas: Atlas, key: str) -> SystemContentsView:
    """Show what an atlas holds of one organ system.

    Parameters
    ----------
    atlas : mirage.atlas.Atlas
    key : str
        One of `mirage.browse.organs.NAMES`.

    Raises
    ------
    mirage.errors.NotFound
    """
    system = system_named(atlas.browse.systems, key)
    parts = {"conditions": system.conditions, "findings": system.findings, "structures": system.structures}
    examples = _examples(atlas, [each for held in parts.values() for each in held])
    lists = {
        name: [_held_view(each, examples[each.example]) for each in held if each.example in examples]
        for name, held in parts.items()
    }
    return SystemContentsView(system=_system_view(system, examples), **lists)


def _first(system: System) -> Sequence[Held]:
    """What stands for a system."""
    return system.conditions or system.findings or system.structures


def _examples(atlas: Atlas, held: Sequence[Held]) -> dict[int, FigureView]:
    """The figures that stand for what is held, by key; those that were removed a moment ago are left out."""
    rows = atlas.store.rows(sorted({each.example for each in held}))
    return {
        key: figure_view(row.figure, (row.picture.width, row.picture.height), Path(row.picture.name).stem)
        for key, row in rows.items()
    }


def _held_view(held: Held, example: FigureView) -> HeldView:
    return HeldView.of(held, kind=KINDS[held.kind], url=forms.search_address(Query.of(held.name)), example=example)


def _system_view(system: System, examples: Mapping[int, FigureView]) -> SystemView:
    first = _first(system)
    return SystemView.of(
        system,
        name=_SYSTEMS[system.key],
        conditions=len(system.conditions),
        findings=len(system.findings),
        structures=len(system.structures),
        commonest=[each.name for each in first[:_COMMONEST]],
        page=forms.address("browse", system.key),
        twin=forms.address("api/browse", system.key),
        example=examples[first[0].example],
    )
