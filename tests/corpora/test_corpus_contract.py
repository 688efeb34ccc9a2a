"""What every corpus keeps to, whoever wrote it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commons_maker import make_commons
from idc_maker import make_idc
from isic_maker import make_isic
from live_server import Place, living
from medpix_maker import make_medpix
from mirage import corpora
from mirage.corpora.base import Corpus, CorpusCard, CorpusInfo, Item, Refused
from mirage.corpora.contract import faults
from mirage.corpora.live.pmc import PmcCorpus
from mirage.corpora.options import CorpusOption
from mirage.errors import BadInput, NotFound
from mirage.figure import Figure, Source
from mirage.images import DecodedPicture
from pmc_maker import Paper, fig, hold, pmc_settings
from roco_maker import make_roco, make_rocov2


def medpix(folder: Path) -> Corpus:
    if real := os.environ.get("MIRAGE_MEDPIX"):
        return corpora.load("medpix", path=real)
    return corpora.load("medpix", path=make_medpix(folder))


def folder(place: Path) -> Corpus:
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 255, (30, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{number}.png")
    (place / "figures.csv").write_text("file,caption,modality,plane\n0.png,A square,MRI,axial\nnone.png,Lost,,\n")
    (place / "broken.png").write_bytes(b"")
    return corpora.load("folder", path=place)


def pmc(place: Path) -> Corpus:
    source = Place()
    with living(source):
        hold(
            source, Paper(1), Paper(2, figures=(fig(1), fig(2, fig_type="table"))), Paper(3, metadata={"is_retracted": True})
        )
        opened = PmcCorpus("aortic dissection", settings=pmc_settings(source, place))
        opened.prepare()
    return opened


MAKERS: dict[str, Callable[[Path], Corpus]] = {
    "medpix": medpix,
    "folder": folder,
    "roco": lambda place: corpora.load("roco", path=make_roco(place)),
    "rocov2": lambda place: corpora.load("rocov2", path=make_rocov2(place)),
    "pmc": pmc,
    "starter": lambda _: corpora.load("starter"),
    "commons": make_commons,
    "idc": make_idc,
    "isic": make_isic,
}


@pytest.fixture(params=corpora.available())
def corpus(request: pytest.FixtureRequest, tmp_path: Path) -> Corpus:
    if request.param not in MAKERS:
        pytest.skip(f"no recipe for the corpus {request.param!r} of another package")
    return MAKERS[request.param](tmp_path)


def test_it_keeps_to_the_contract(corpus: Corpus) -> None:
    assert faults(corpus) == []


class Careless:
    """A corpus that does much wrong."""

    card = CorpusCard("Careless", "No sentence", options=(CorpusOption("colour", "no sentence"),))

    def info(self) -> CorpusInfo:
        return CorpusInfo("careless", "", "It errs.", "1")

    def items(self) -> Iterator[Item | Refused]:
        figure = Figure("other:1", " blank", Source("other", ""), modality="MRI", title="n/a", region="Brain")
        yield Item(figure, None, "one", "")
        yield Item(figure, None, "two", "x")
        yield Refused("three", "no sentence")

    def read(self, item: Item) -> DecodedPicture:
        return DecodedPicture(Image.new("RGBA", (4, 4)), "PNG")

    def __len__(self) -> int:
        return 9


def test_each_fault_of_a_corpus_is_told() -> None:
    told = "\n".join(faults(Careless()))
    for words in (
        "a summary in sentences", "colour is no parameter", "no title", "yields 3", "the same id", "begins with the name",
        "its source names", "a fingerprint", "MODALITIES", "lower case", "an attribution", "no blanks", "a sentence why",
        "mode L or RGB",
    ):  # fmt: skip
        assert words in told
    assert faults(object()) == ["It lacks a method of mirage.corpora.base.Corpus, or its card."]


def test_an_unknown_corpus_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(NotFound, match=r"folder.*medpix"):
        corpora.load("nowhere")


def test_options_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadInput, match="colour"):
        corpora.load("folder", colour="red")


@pytest.mark.parametrize("name", corpora.available())
def test_what_ships_or_is_downloaded_needs_no_option(name: str) -> None:
    card = corpora.card(name)
    assert not ((card.ships or card.downloads) and any(option.required for option in card.options))


def test_what_ships_can_be_opened_without_being_told_anything() -> None:
    assert corpora.shipped()
    for name in corpora.shipped():
        assert len(corpora.load(name)) > 0


def test_options_are_read_from_text() -> None:
    card = CorpusCard(
        "Title",
        "Summary.",
        options=(
            CorpusOption("path", "A folder.", Path, required=True, is_folder=True),
            CorpusOption("frames", "How many.", int),
            CorpusOption("all", "Whether all.", bool),
            CorpusOption("splits", "Which.", several=True, choices=("train", "test")),
        ),
    )
    given = {"path": "~/pictures", "frames": "3", "all": "yes", "splits": "train, test"}
    read = {"path": Path("~/pictures").expanduser(), "frames": 3, "all": True, "splits": ("train", "test")}
    assert card.read(given) == read
    assert card.read(read) == read
    assert card.read({"path": "here", "frames": None}) == {"path": Path("here")}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, r"needs the option path\. A folder\."),
        ({"path": "x", "colour": "red"}, r"no option 'colour'\. It has: path, frames, all, splits\."),
        ({"path": "x", "frames": "many"}, "frames is a whole number, not 'many'"),
        ({"path": "x", "frames": True}, "frames is a whole number"),
        ({"path": "x", "all": "maybe"}, "all is yes or no, not 'maybe'"),
        ({"path": "x", "splits": "dev"}, "splits is one of train, test; not 'dev'"),
        ({"path": "x", "splits": 3}, "with commas"),
        ({"path": 3}, "path is a path, not 3"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_in_words(given: dict[str, object], said: str) -> None:
    options = (
        CorpusOption("path", "A folder.", Path, required=True),
        CorpusOption("frames", "How many.", int),
        CorpusOption("all", "Whether all.", bool),
        CorpusOption("splits", "Which.", several=True, choices=("train", "test")),
    )
    with pytest.raises(BadInput, match=said):
        CorpusCard("Title", "Summary.", options=options).read(given)
