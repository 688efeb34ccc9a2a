"""What an atlas holds and what can be added to it, as the Library page and the API show them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from mirage.atlas import Atlas
from mirage.corpora import CorpusCard, spoken
from mirage.figure import MODALITIES, NOT_STATED, Licence
from mirage.storage.contents import SourceCount
from mirage.web import forms
from mirage.web.root import at
from mirage.web.views.figures import ApiModel, CorpusView, LicenceView, licence_view
from mirage.wording import looked_up


class OptionView(ApiModel):
    """Something that may be chosen when a corpus is added."""

    name: str
    label: str = Field(description="What a form calls it.")
    help: str
    kind: Literal["text", "number", "yes or no"]
    required: bool
    choices: list[str] = Field(description="The only values that there are; empty for any.")
    choice_words: list[str] = Field(description="What a form calls each of them; empty for the values themselves.")
    default: Any = Field(description="What holds when it is left out; null where the help says it.")
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
    live: bool = Field(description="Whether it is a source on the network that is asked for words, the option `query`.")
    asks: str = Field(description="Of such a source: whose servers are asked for what.")
    rate: str = Field(description="Of such a source: how often it may be asked, as it documents.")


class ValueCountView(ApiModel):
    """How many figures have a value."""

    value: str
    name: str = Field(description="The same in words.")
    figures: int


class HeldStackView(ApiModel):
    """A stack that a corpus has."""

    id: str
    title: str
    slices: int
    page: str


class HeldSourceView(ApiModel):
    """How many figures come from one source under one licence."""

    attribution: str
    licence: str
    licence_url: str
    url: str = Field(description="Where they come from, where that is one page; else empty.")
    figures: int


class HeldCorpusView(CorpusView):
    """A corpus in the open atlas, with what its figures are. Of what is many, the most frequent are listed."""

    people: str = Field(description="Of how many people its figures are, as far as its makers say; empty where they do not.")
    modalities: list[ValueCountView]
    diagnoses: list[ValueCountView]
    different: int = Field(description="How many diagnoses there are.")
    stacks: list[HeldStackView]
    stacked: int = Field(description="How many stacks there are.")
    sources: list[HeldSourceView]
    origins: int = Field(description="How many sources there are.")
    notices: str = Field(description="Page of the notices that ship with it; empty where none do.")


class CorporaView(ApiModel):
    """What the atlas holds and what can be added."""

    corpora: list[HeldCorpusView]
    addable: list[AddableView]


def spoken_view(corpus: CorpusView) -> CorpusView:
    """The same with its title and summary in the reader's language, where they are not somebody's own."""
    title, summary = spoken(corpus.name, corpus.title, corpus.summary)
    return corpus.model_copy(update={"title": title, "summary": summary})


def held_view(atlas: Atlas, corpus: CorpusView, card: CorpusCard | None) -> HeldCorpusView:
    """Show what a corpus in an atlas holds.

    Parameters
    ----------
    atlas : Atlas
    corpus : CorpusView
    card : CorpusCard or None
        What its adapter says of it, where that is installed.
    """
    held = atlas.store.contents(corpus.name)
    corpus = spoken_view(corpus)
    if card and card.live and corpus.licence.name == NOT_STATED:  # as an older version added it
        corpus = corpus.model_copy(update={"licence": licence_view(card.licence)})
    return HeldCorpusView.of(
        held,
        **{name: getattr(corpus, name) for name in CorpusView.model_fields},
        people=looked_up(card.people) if card else "",
        modalities=[_counted(value, MODALITIES.get(value, value), number) for value, number in held.modalities],
        diagnoses=[_counted(value, value, number) for value, number in held.diagnoses],
        stacks=[
            HeldStackView(
                id=each.id, title=each.title or each.alt, slices=each.stack.shape[0], page=forms.address("figure", each.id)
            )
            for each in held.stacks
            if each.stack
        ],
        sources=[_source(each) for each in held.sources],
        notices=at("/notices") if card and card.ships else "",
    )


def _counted(value: str, name: str, number: int) -> ValueCountView:
    return ValueCountView(value=value, name=name, figures=number)


def _source(each: SourceCount) -> HeldSourceView:
    return HeldSourceView.of(each, licence=str(Licence(each.licence)))
