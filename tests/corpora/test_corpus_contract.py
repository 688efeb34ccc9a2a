"""What every corpus keeps to, whoever wrote it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medpix_maker import make_medpix
from mirage import corpora, plugins
from mirage.corpora.base import Corpus, CorpusCard, CorpusOption, Item, Refused
from mirage.errors import BadInput, NotFound
from mirage.figure import MODALITIES, PLANES
from mirage.images import Picture
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


MAKERS: dict[str, Callable[[Path], Corpus]] = {
    "medpix": medpix,
    "folder": folder,
    "roco": lambda place: corpora.load("roco", path=make_roco(place)),
    "rocov2": lambda place: corpora.load("rocov2", path=make_rocov2(place)),
    "starter": lambda _: corpora.load("starter"),
}


@pytest.fixture(params=corpora.available())
def corpus(request: pytest.FixtureRequest, tmp_path: Path) -> Corpus:
    if request.param not in MAKERS:
        pytest.skip(f"no recipe for the corpus {request.param!r} of another package")
    return MAKERS[request.param](tmp_path)


def test_it_is_a_corpus_and_says_what_it_is(corpus: Corpus) -> None:
    assert isinstance(corpus, Corpus)
    info = corpus.info()
    assert info.name
    assert info.title
    assert info.summary
    assert info.version


def test_it_yields_as_many_entries_as_it_says_and_the_same_each_time(corpus: Corpus) -> None:
    first = list(corpus.items())
    assert len(first) == len(corpus) > 0
    assert list(corpus.items()) == first


def test_ids_are_unique_and_begin_with_the_name_of_the_corpus(corpus: Corpus) -> None:
    items = [item for item in corpus.items() if isinstance(item, Item)]
    ids = [item.figure.id for item in items]
    assert len(set(ids)) == len(ids)
    name = corpus.info().name
    for item in items:
        assert item.figure.id.startswith(f"{name}:")
        assert item.figure.source.corpus == name
        assert item.fingerprint
        assert item.label


def test_figures_use_the_words_of_an_atlas(corpus: Corpus) -> None:
    for item in corpus.items():
        if isinstance(item, Refused):
            assert item.label
            assert item.reason.endswith(".")
            continue
        figure = item.figure
        assert figure.modality in {"", *MODALITIES}
        assert figure.plane in {"", *PLANES}
        assert figure.region == figure.region.lower()
        assert figure.source.attribution
        assert figure.source.url.startswith("http") or not figure.source.url
        assert figure.case_id == (item.case.id if item.case else "")
        for text in (figure.caption, figure.title, figure.diagnosis):
            assert text == text.strip()
            assert text.lower() not in ("n/a", "none", "nan")


def test_pictures_are_eight_bit_and_bare(corpus: Corpus) -> None:
    items = [item for item in corpus.items() if isinstance(item, Item)]
    for item in items[:: max(1, len(items) // 8)]:
        picture = corpus.read(item)
        assert isinstance(picture, Picture)
        assert picture.image.mode in ("L", "RGB")
        assert picture.image.info == {}


def test_an_unknown_corpus_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(NotFound, match=r"folder.*medpix"):
        corpora.load("nowhere")


def test_options_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadInput, match="colour"):
        corpora.load("folder", colour="red")


@pytest.mark.parametrize("name", corpora.available())
def test_a_card_says_what_a_corpus_is_and_which_options_its_adapter_takes(name: str) -> None:
    card = corpora.card(name)
    assert card.title
    assert card.summary.endswith(".")
    taken = inspect.signature(plugins.load("mirage.corpora", name)).parameters
    for option in card.options:
        assert option.name in taken
        assert option.help.endswith(".")
        assert option.required == (taken[option.name].default is inspect.Parameter.empty)
    assert not (card.ships and any(option.required for option in card.options))
    assert not (card.downloads and any(option.required for option in card.options))


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
