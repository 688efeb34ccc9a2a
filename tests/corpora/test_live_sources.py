"""What every living source keeps to: nobody is asked unasked, what was chosen comes, and it goes on where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import commons_maker
import isic_maker
from idc_maker import Buckets, collection, make_index, series, slices, uuid
from live_server import LOGIN, Place, Reply, of_json, settings_for
from mirage.corpora.base import Downloads, Item, Refused
from mirage.corpora.live import commons_source, idc_bucket, isic, pmc_source
from mirage.corpora.live.base import Kept, Live, Reason, sentence, tally
from mirage.corpora.live.client import Client, Rate
from mirage.corpora.live.commons import CommonsCorpus
from mirage.corpora.live.idc import IdcCorpus
from mirage.corpora.live.isic import IsicCorpus
from mirage.corpora.live.pmc import PmcCorpus
from mirage.errors import BadInput, BadPicture, MirageError, NoNetwork, Unavailable
from mirage.locales import translations_of
from mirage.wording import speaking
from pmc_maker import Paper, fig, hold, pmc_settings


@dataclass(frozen=True)
class Kind:
    """A source, and how a test sets it up.

    Attributes
    ----------
    fill : callable
        Lets a stand-in hold just these figures, by number; gets a folder too.
    opened : callable
        The corpus of a query, with a folder and options.
    id_of : callable
        The id of a figure by its number.
    answers, pictures : str
        Parts of the paths by which it is asked for what there is, and for pictures.
    """

    fill: Callable[[Place, Path, list[int]], None]
    opened: Callable[..., Live]
    id_of: Callable[[int], str]
    answers: str
    pictures: str


def _emptied(place: Place) -> Place:
    place.routes, place.faults, place.asked, place.times = {}, {}, [], []
    return place


def _fill_idc(place: Place, folder: Path, numbers: list[int]) -> None:
    bucket = Buckets(_emptied(place))
    rows = [series(number, "one", **bucket.put(uuid(number), slices(3))) for number in numbers]
    make_index(folder, rows, [collection("One")])


def _idc(place: Place, folder: Path, query: str = "lung", live: bool = True, **more: Any) -> IdcCorpus:
    settings = settings_for(folder / "cache", {"idc": place.address}, live=live)
    return IdcCorpus(query, settings=settings, index=folder / "idc_index_data", **more)


def _isic(place: Place, folder: Path, query: str = "melanoma", live: bool = True, **more: Any) -> IsicCorpus:
    return IsicCorpus(query, settings=settings_for(folder / "cache", {"isic": place.address}, live=live), **more)


def _commons(place: Place, folder: Path, query: str = "chest x-ray", live: bool = True, **more: Any) -> CommonsCorpus:
    return CommonsCorpus(query, settings=commons_maker.commons_settings(place, folder / "cache", live=live), **more)


def _pmc(place: Place, folder: Path, query: str = "aortic dissection", live: bool = True, **more: Any) -> PmcCorpus:
    return PmcCorpus(query, settings=pmc_settings(place, folder / "cache", live=live), **more)


KINDS = {
    "pmc": Kind(
        lambda place, _, numbers: hold(place, *(Paper(number, figures=(fig(1),)) for number in numbers)),
        _pmc, lambda number: f"pmc:PMC{number}-F1", "esearch", ".jpg",
    ),
    "idc": Kind(_fill_idc, _idc, lambda number: f"idc:{uuid(number)}", "/", ".dcm"),
    "commons": Kind(
        lambda place, _, numbers: commons_maker.fill(place, [commons_maker.page(number) for number in numbers]),
        _commons, lambda number: f"commons:M{number}", "api.php", "/ab/",
    ),
    "isic": Kind(
        lambda place, _, numbers: isic_maker.fill(_emptied(place), [isic_maker.entry(number) for number in numbers]),
        _isic, lambda number: f"isic:ISIC_{number:07d}", "/images/search/", "/files/",
    ),
}  # fmt: skip
_ASKED_FIRST = [name for name in KINDS if name != "idc"]  # the index of that one is on this machine


@pytest.fixture
def place(served: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in ("EUTILS_RATE", "EUTILS_RATE_WITH_KEY", "BUCKET_RATE"):
        monkeypatch.setattr(pmc_source, name, Rate(4, 0.0005))
    for module, name in ((commons_source, "RATE"), (isic, "_RATE"), (idc_bucket, "_RATE")):
        monkeypatch.setattr(module, name, Rate(4, 0.0005))
    for owner, name in ((Client, "pause"), (idc_bucket, "_PAUSE"), (commons_source, "LAG")):
        monkeypatch.setattr(owner, name, 0.001)
    return served


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture(params=_ASKED_FIRST)
def asked_first(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def got(corpus: Live) -> tuple[list[Item], list[Refused]]:
    corpus.prepare()
    entries = list(corpus.items())
    assert len(corpus) == len(entries)
    return [each for each in entries if isinstance(each, Item)], [each for each in entries if isinstance(each, Refused)]


def test_nothing_is_asked_before_somebody_asks_and_nothing_when_reading(kind: Kind, place: Place, tmp_path: Path) -> None:
    kind.fill(place, tmp_path, [1])
    corpus = kind.opened(place, tmp_path)
    assert isinstance(corpus, Live)
    assert isinstance(corpus, Downloads)
    assert not corpus.ready
    with suppress(Unavailable):
        assert list(corpus.items()) == []
    corpus.info()
    assert (place.asked, corpus.advice) == ([], "")
    items, _ = got(corpus)
    asked = len(place.asked)
    again = kind.opened(place, tmp_path)
    assert again.ready
    again.prepare()
    assert list(again.items()) == items
    assert again.info() == corpus.info()
    assert min(again.read(items[0]).image.size) >= 30
    assert len(place.asked) == asked
    assert again.advice.endswith(".")


def test_what_was_not_fetched_is_told(asked_first: Kind, place: Place, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="not fetched yet"):
        len(asked_first.opened(place, tmp_path))


def test_only_what_was_chosen_comes_by_the_ids_that_were_offered(kind: Kind, place: Place, tmp_path: Path) -> None:
    kind.fill(place, tmp_path, [1, 2, 3])
    steps: list[str] = []
    offer = kind.opened(place, tmp_path).offer(lambda what, *_: steps.append(what))
    ids = [each.id for each in offer.figures]
    assert sorted(ids) == sorted(map(kind.id_of, (1, 2, 3)))
    assert all(each.thumbnail[8:12] == b"WEBP" and each.group and each.attribution for each in offer.figures)
    assert {"asking"} <= set(steps) <= {"asking", "fetching"}
    answers = place.paths(kind.answers)
    items, refused = got(kind.opened(place, tmp_path, only=(ids[1], kind.id_of(4))))
    assert [item.figure.id for item in items] == [ids[1]]
    assert ["any more" in each.reason for each in refused] == [True]
    if kind.answers != "/":
        assert place.paths(kind.answers) == answers


def test_stopped_and_started_again_it_goes_on(kind: Kind, place: Place, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(what: str, done: int, _: int | None) -> None:
        if what == "fetching" and done == 1:
            raise Stop

    kind.fill(place, tmp_path, [1, 2])
    with pytest.raises(Stop):
        kind.opened(place, tmp_path).prepare(stop)
    corpus = kind.opened(place, tmp_path)
    assert not corpus.ready
    before = place.paths(kind.pictures)
    assert len(got(corpus)[0]) == 2
    after = place.paths(kind.pictures)[len(before) :]
    assert after
    assert not set(before) & set(after)


def test_sources_that_are_turned_off_are_not_asked(kind: Kind, place: Place, tmp_path: Path) -> None:
    kind.fill(place, tmp_path, [1])
    corpus = kind.opened(place, tmp_path, live=False)
    for ask in (corpus.prepare, lambda: corpus.offer(again=True)):
        with pytest.raises(NoNetwork, match="MIRAGE_LIVE"):
            ask()
    assert place.asked == []


_FAULTS: dict[str, tuple[Reply, type[Exception], str]] = {
    "a log-in page": (Reply(LOGIN), NoNetwork, "log-in"),
    "a day": (Reply(b"", 429, {"Retry-After": "86400"}), Unavailable, "left alone until"),
    "too busy": (Reply(b"", 503), Unavailable, "too busy"),
    "another shape": (Reply(b'{"a": [}'), Unavailable, "otherwise than it documents"),
    "a redirect into a private network": (Reply(b"", 302, {"Location": "http://10.0.0.1/"}), Unavailable, "private network"),
}


@pytest.mark.parametrize("name", list(_FAULTS))
def test_a_source_that_errs_is_told_apart_and_it_goes_on_later(kind: Kind, place: Place, tmp_path: Path, name: str) -> None:
    reply, error, why = _FAULTS[name]
    kind.fill(place, tmp_path, [1])
    place.faults[kind.answers] = [reply] * 9
    with pytest.raises(error, match=why):
        kind.opened(place, tmp_path).prepare()
    place.faults.clear()
    if name != "a day":
        assert len(got(kind.opened(place, tmp_path))[0]) == 1


_ODD = (None, "\u202ex", -1e308, [[]])  # in place of what stands there


def _places(told: Any) -> Iterator[tuple[Any, ...]]:
    """The ways to each part of an answer, and to the whole."""
    yield ()
    parts = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    for key, value in parts:
        yield from ((key, *way) for way in _places(value))


def _changed(told: Any, way: tuple[Any, ...], odd: Any) -> Any:
    if not way:
        return odd
    changed = copy(told)
    changed[way[0]] = _changed(told[way[0]], way[1:], odd)
    return changed


def test_an_answer_of_any_other_shape_is_taken_or_told(asked_first: Kind, place: Place, tmp_path: Path) -> None:
    asked_first.fill(place, tmp_path, [1])
    for path in [each for each in place.routes if asked_first.answers in each or "metadata" in each]:
        route = place.routes[path]
        right = route({"retmax": "100"}) if callable(route) else route
        told = json.loads(right.body)
        for number, way in enumerate(_places(told)):
            place.routes[path] = of_json(_changed(told, way, _ODD[number % len(_ODD)]))
            with suppress(MirageError):
                offer = asked_first.opened(place, tmp_path, refresh=True).offer()
                words = "".join(each.title + each.caption + each.attribution + each.url for each in offer.figures)
                assert "\u202e" not in words
        place.routes[path] = route


def test_a_picture_that_is_gone_costs_no_other(kind: Kind, place: Place, tmp_path: Path) -> None:
    kind.fill(place, tmp_path, [1, 2])
    place.faults[kind.pictures] = [Reply(b"", 404)]
    items, refused = got(kind.opened(place, tmp_path))
    assert (len(items), len(refused)) == (1, 1)
    assert refused[0].reason.endswith(".")


def test_what_an_offer_asked_anew_is_what_comes(asked_first: Kind, place: Place, tmp_path: Path) -> None:
    asked_first.fill(place, tmp_path, [1, 2])
    assert len(got(asked_first.opened(place, tmp_path))[0]) == 2
    asked_first.fill(place, tmp_path, [2])
    assert len(asked_first.opened(place, tmp_path).offer().figures) == 2
    assert asked_first.opened(place, tmp_path).ready
    assert place.paths(asked_first.answers) == []
    assert len(asked_first.opened(place, tmp_path).offer(again=True).figures) == 1
    corpus = asked_first.opened(place, tmp_path)
    assert not corpus.ready
    assert [item.figure.id for item in got(corpus)[0]] == [asked_first.id_of(2)]


def test_a_picture_that_was_deleted_here_is_said(asked_first: Kind, place: Place, tmp_path: Path) -> None:
    asked_first.fill(place, tmp_path, [1])
    corpus = asked_first.opened(place, tmp_path)
    (item,), _ = got(corpus)
    for path in tmp_path.rglob("*.jpg"):
        path.unlink()
    assert not corpus.ready
    with pytest.raises(BadPicture, match="Add it again"):
        corpus.read(item)


_UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"query": "  "}, ": say what to look for, for example “"),
    ({"query": "the of and"}, ": “the of and” names nothing to look for"),
    ({"query": "lung\x07"}, r"cannot be seen \(U\+0007\)"),
    ({"query": "lung " * 1_000}, "has 4,999 characters, and at most (1,000|300) are taken"),
    ({"most": 0}, "most is a number from 1 to "),
    ({"most": 1_000_000}, "not 1,000,000"),
]


@pytest.mark.parametrize(("given", "said"), _UNFIT, ids=["blank", "no word", "unseen", "long", "none", "many"])
def test_options_that_cannot_be_used_are_told(
    kind: Kind, place: Place, tmp_path: Path, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        kind.opened(place, tmp_path, **given)


def test_reasons_read_right_behind_their_number_and_by_themselves() -> None:
    reasons = ["figure shown by permission of somebody else", "article without figures", "article without figures"]
    series = ["series larger than 200 MB"] * 1204
    assert tally(reasons) == (("articles without figures", 2), ("figure shown by permission of somebody else", 1))
    assert tally(series) == (("series larger than 200 MB", 1204),)
    assert sentence(reasons[0]) == "It is a figure shown by permission of somebody else."
    assert sentence(reasons[1]) == "It is an article without figures."


def test_reasons_and_what_is_kept_are_said_in_the_language_that_is_spoken():
    reason = Reason("file under %(licence)s, a licence that was not asked for",
                    "files under %(licence)s, a licence that was not asked for", licence="CC BY")  # fmt: skip
    kept = Kept("An expression of concern about the article was published.")
    assert (reason, tally([reason, reason])[0][1]) == ("file under CC BY, a licence that was not asked for", 2)
    with speaking(translations_of("es")):
        assert tally([reason]) == (("archivo bajo CC BY, una licencia que no se pidió", 1),)
        assert tally([reason, reason]) == (("archivos bajo CC BY, una licencia que no se pidió", 2),)
        assert sentence(reason) == "No se toma: archivo bajo CC BY, una licencia que no se pidió."
        assert (str(kept)[:13], kept.said[:11]) == ("An expression", "Se publicó ")


@pytest.mark.parametrize("licences", [(), ("MIT",)], ids=str)
def test_licences_that_cannot_be_asked_for_are_told(
    asked_first: Kind, place: Place, tmp_path: Path, licences: tuple[str, ...]
) -> None:
    with pytest.raises(BadInput, match="licences is one"):
        asked_first.opened(place, tmp_path, licences=licences)


def test_the_card_says_who_is_asked_for_what_and_that_each_entry_names_its_licence(
    kind: Kind, place: Place, tmp_path: Path
) -> None:
    card = kind.opened(place, tmp_path).card
    assert (card.live, bool(card.asks), bool(card.rate), bool(card.trial)) == (True, True, True, True)
    assert "; each " in card.licence.name
    assert card.licence.name.endswith(" names its own")
    assert card.info("made", "1").licence == card.licence
