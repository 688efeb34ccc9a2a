"""Wikimedia Commons: each file with licence, author and link as its page has them, and what may not come stays out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from commons_maker import animation, commons_settings, fill, page, picture
from live_server import LOGIN, Place, Reply, of_json
from mirage.corpora.base import Infers, Item, Refused
from mirage.corpora.live import commons_source
from mirage.corpora.live.client import Client, Rate
from mirage.corpora.live.commons import CommonsCorpus
from mirage.corpora.live.commons_file import FILES, THUMBS
from mirage.errors import BadInput, NoNetwork, Unavailable
from mirage.licensing import may_leave

CC = "https://creativecommons.org"
_SLOW = Rate(1, 0.25)


@pytest.fixture
def place(served: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(commons_source, "RATE", Rate(1, 0.0005))
    monkeypatch.setattr(commons_source, "LAG", 0.001)
    monkeypatch.setattr(Client, "pause", 0.001)
    fill(served, [page(1)])
    return served


def opened(place: Place, folder: Path, query: str = "chest x-ray", **more: Any) -> CommonsCorpus:
    return CommonsCorpus(query, settings=commons_settings(place, folder, **more.pop("given", {})), **more)


def got(corpus: CommonsCorpus) -> tuple[list[Item], list[Refused]]:
    corpus.prepare()
    entries = list(corpus.items())
    return [each for each in entries if isinstance(each, Item)], [each for each in entries if isinstance(each, Refused)]


# -- what comes -------------------------------------------------------------------------------------------------------------


_STATED = (
    ("CC BY 4.0", f"{CC}/licenses/by/4.0", None),
    ("CC BY-SA 3.0 de", f"{CC}/licenses/by-sa/3.0/de/deed.en", None),
    ("CC BY-SA 2.5", "//creativecommons.org/licenses/by-sa/2.5", f"{CC}/licenses/by-sa/2.5"),
    ("CC0", f"{CC}/publicdomain/zero/1.0/deed.en", None),
    ("Public domain", "", None),
    ("CC BY 2.0", "javascript:alert(1)", ""),
)


def test_each_figure_is_what_its_page_states(place: Place, tmp_path: Path) -> None:
    said = [{"LicenseShortName": name, "LicenseUrl": url} for name, url, _ in _STATED]
    fill(place, [page(number, said=each) for number, each in enumerate(said, start=1)])
    corpus = opened(place, tmp_path)
    offer = corpus.offer()
    items, refused = got(corpus)
    assert isinstance(corpus, Infers)
    assert refused == []
    for number, (item, offered, (name, url, kept)) in enumerate(zip(items, offer.figures, _STATED, strict=True), start=1):
        figure, source = item.figure, item.figure.source
        assert (item.case, figure.diagnosis, figure.case_id) == (None, "", "")
        assert (figure.id, figure.title, figure.caption) == (
            f"commons:M{number}", f"Chest {number}", "Chest X-ray, frontal.",
        )  # fmt: skip
        assert (figure.modality, figure.inferred) == ("XR", ("modality",))
        assert (source.licence.name, source.licence.url) == (name, url if kept is None else kept)
        assert (source.url, source.url_of) == (f"https://commons.wikimedia.org/wiki/File:Chest_{number}.jpg", "figure")
        assert source.attribution == f"Ann {number}. “Chest {number}”. {name}, via Wikimedia Commons"
        assert may_leave(source.licence, "slide", "pass-on").allowed
        assert offered.thumbnail[8:12] == b"WEBP"
        assert (offered.licence, offered.attribution, offered.url) == (source.licence, source.attribution, source.url)
    assert all(agent.startswith("mirage-atlas/") for agent in place.agents)


def test_words_and_categories_are_asked_as_documented(place: Place, tmp_path: Path) -> None:
    offer = opened(place, tmp_path, query="pneumothorax").offer()
    assert (offer.unit, offer.total, offer.looked_at) == ("files", 1, 1)
    count, search = (asked for path, asked in place.asked if "api.php" in path)
    assert count["srsearch"] == search["gsrsearch"] == "pneumothorax filetype:bitmap"
    told = {key: search[key] for key in ("action", "generator", "gsrnamespace", "prop", "maxlag")}
    assert told == {
        "action": "query", "generator": "search", "gsrnamespace": "6", "prop": "imageinfo", "maxlag": "5",
    }  # fmt: skip
    offer = opened(place, tmp_path, query="category:Chest radiographs").offer()
    assert len(offer.figures) == 1
    asked = place.asked[-1][1]
    assert (asked["gcmtitle"], asked["gcmtype"]) == ("category:Chest radiographs", "file")
    with pytest.raises(Unavailable, match="has no category “Nothing”"):
        opened(place, tmp_path, query="Category:Nothing").offer()


def test_pages_are_turned_in_order_as_far_as_is_wanted_and_only_what_was_chosen_comes(place: Place, tmp_path: Path) -> None:
    fill(place, [page(number) for number in range(1, 8)], many=2)
    steps: list[tuple[str, int, int | None]] = []
    offer = opened(place, tmp_path, most=5).offer(lambda *told: steps.append(told))
    assert [each.id for each in offer.figures] == [f"commons:M{number}" for number in range(1, 6)]
    assert [asked["gsroffset"] for path, asked in place.asked if "gsroffset" in asked] == ["2", "4"]
    assert {what for what, *_ in steps} == {"asking", "fetching"}
    assert {each.group for each in offer.figures} == {"Files that fit"}
    asked = len(place.paths("api.php"))
    items, refused = got(opened(place, tmp_path, most=5, only=("commons:M4", "commons:M99")))
    assert [item.figure.id for item in items] == ["commons:M4"]
    assert "any more" in refused[0].reason
    assert len(place.paths("api.php")) == asked


def test_a_batch_that_comes_in_two_answers_is_one_and_a_circle_ends(place: Place, tmp_path: Path) -> None:
    bare = {key: value for key, value in page(1).items() if key != "imageinfo"}
    round_again = {"gsroffset": 0, "iicontinue": "x", "continue": "||"}
    answers = [
        {"continue": round_again, "query": {"pages": [bare, page(2)]}},
        {"batchcomplete": True, "continue": round_again, "query": {"pages": [page(1), bare | {"pageid": 2}]}},
    ]
    place.routes["/w/api.php"] = lambda asked: of_json(
        {"batchcomplete": True} if "list" in asked else answers["iicontinue" in asked]
    )
    offer = opened(place, tmp_path).offer()
    assert [each.id for each in offer.figures] == ["commons:M1", "commons:M2"]
    assert (offer.total, len(place.paths("api.php"))) == (None, 3)


def test_what_foreign_hands_wrote_becomes_text(place: Place, tmp_path: Path) -> None:
    said = {
        "Artist": '<div class="fn">Dr <b>Eve</b><script>alert(1)</script> &amp; <a href="javascript:x">Co</a></div>',
        "Credit": 'From <a href="https://example.org/x">a <i>book</i></a>',
        "ImageDescription": "<p>CT of the <b>head</b></p><style>p{}</style><p>axial &lt;b&gt;slice&lt;/b&gt;</p>",
        "ObjectName": "<i>Head</i>\nCT",
    }
    fill(place, [page(1, said=said, title='File:"><script>.jpg')])
    (figure,) = opened(place, tmp_path).offer().figures
    assert figure.attribution == "Dr Eve & Co. “Head CT”. Source: From a book. CC BY 4.0, via Wikimedia Commons"
    assert (figure.title, figure.caption, figure.modality) == ("Head CT", "CT of the head\naxial slice", "CT")
    assert figure.url == "https://commons.wikimedia.org/wiki/File:%22%3E%3Cscript%3E.jpg"


def test_hostile_words_take_linear_time(place: Place, tmp_path: Path) -> None:
    words = ("<a ", "<b", "<!--", "<script>", "&amp;", '<a title="', "generated by ", "(cc) ")
    names = ("Artist", "Credit", "ImageDescription", "ObjectName", "Categories")
    fill(place, [page(number, said=dict.fromkeys(names, word * 4_000)) for number, word in enumerate(words, start=1)])
    figures = opened(place, tmp_path).offer().figures
    assert len(figures) == len(words)
    assert all(len(each.attribution) < 2_000 and len(each.caption) < 7_000 for each in figures)


def test_the_description_is_english_where_there_is_one(place: Place, tmp_path: Path) -> None:
    described: list[tuple[Any, str, tuple[str, ...]]] = [
        ({"de": "Röntgenbild", "en": "Radiograph", "_type": "lang"}, "Radiograph", ()),
        ({"de": "Röntgenbild", "en-gb": "Radiograph"}, "Radiograph", ()),
        ({"de": "Röntgenbild", "fr": "Radiographie"}, "Röntgenbild", ("Its description is in German.",)),
        ({"xx": "Bld"}, "Bld", ("Its description is in another language (xx).",)),
        ({"_type": "lang"}, "", ()),
        ("Plain words", "Plain words", ()),
        (None, "", ()),
    ]
    fill(place, [page(n, said={"ImageDescription": given}) for n, (given, *_) in enumerate(described, start=1)])
    figures = opened(place, tmp_path).offer().figures
    assert [(each.caption, each.warnings) for each in figures] == [tuple(expected) for _, *expected in described]


def test_what_to_know_is_said(place: Place, tmp_path: Path) -> None:
    fill(
        place,
        [
            page(1, said={"Categories": "Diagrams of the heart"}),
            page(2, said={"Artist": ""}),
            page(3, info={"pagecount": 4}),
        ],
    )
    offer = opened(place, tmp_path).offer()
    assert [each.warnings for each in offer.figures] == [
        ("It may be a drawing: its page says “diagrams”.",),
        ("Its page names no author.",),
        ("It has 4 pages; the first is taken.",),
    ]
    assert offer.figures[1].attribution.startswith("No author named. “Chest 2”.")


def test_of_a_file_that_is_too_large_the_widest_copy_comes(place: Place, tmp_path: Path) -> None:
    large = {"size": 90_000_000, "width": 9_000, "height": 7_000}
    fill(
        place, [page(1, info=large), page(2, info=large | {"width": 900}), page(3, info={"width": 3_000, "height": 20_000})]
    )
    for width in (3840, 1920, 1280):
        place.routes[f"/files/wikipedia/commons/thumb/{width}.jpg"] = picture(9, side=50)
    offer = opened(place, tmp_path).offer()
    assert [(each.id, each.size) for each in offer.figures] == [("commons:M1", None), ("commons:M3", None)]
    assert "a copy of 3,840 pixels" in offer.figures[0].warnings[0]
    assert "a copy of 1,920 pixels" in offer.figures[1].warnings[0]
    assert offer.figures[0].attribution.endswith("via Wikimedia Commons. A smaller copy, of 3,840 pixels in width")
    assert offer.left_out == (("file of more than 30 MB or too many pixels, without a smaller copy", 1),)
    corpus = opened(place, tmp_path)
    items, refused = got(corpus)
    assert [each.label for each in refused] == ["Chest 2.jpg"]
    assert [corpus.read(item).image.width for item in items] == [50, 50]
    assert place.paths("/a/ab/") == []


def test_one_file_that_is_told_otherwise_costs_no_other(place: Place, tmp_path: Path) -> None:
    fill(place, [page(1), page(2, info={"size": -1}), page(3, info={"sha1": ["x"]})])
    offer = opened(place, tmp_path).offer()
    assert [each.id for each in offer.figures] == ["commons:M1"]
    assert offer.left_out == (("files described otherwise than Wikimedia Commons documents", 2),)


def test_a_search_that_gives_the_same_files_again_comes_to_an_end(place: Place, tmp_path: Path) -> None:
    fill(place, [page(1)])
    told = {"batchcomplete": True, "query": {"pages": [page(1)]}}
    place.routes["/w/api.php"] = lambda asked: of_json(told | {"continue": {"gsroffset": len(place.asked)}})
    assert [each.id for each in opened(place, tmp_path).offer().figures] == ["commons:M1"]
    assert len(place.paths("api.php")) == 3


def test_copies_may_be_on_the_server_for_copies(place: Place, tmp_path: Path) -> None:
    fill(place, [page(1, info={"thumburl": f"{THUMBS}/x.jpg"}), page(2, info={"thumburl": "http://10.0.0.1/x.jpg"})])
    place.routes["/thumbs/x.jpg"] = picture(1)
    first, second = opened(place, tmp_path).offer().figures
    assert first.thumbnail
    assert not second.thumbnail


# -- what stays out ---------------------------------------------------------------------------------------------------------

_OUT: dict[str, tuple[dict[str, Any], str]] = {
    "no licence": ({"said": {"LicenseShortName": "", "LicenseUrl": ""}}, "without a stated licence"),
    "nothing is told": ({"info": {"extmetadata": []}}, "without a stated licence"),
    "fair use": ({"said": {"LicenseShortName": "Fair use", "LicenseUrl": ""}}, "not known to permit"),
    "not free": ({"said": {"NonFree": "true"}}, "fair use"),
    "another licence": ({"said": {"LicenseShortName": "GFDL", "LicenseUrl": ""}}, "GFDL, is not known to permit"),
    "several, one unknown": ({"said": {"LicenseShortName": ["CC BY 4.0", "Mine"]}}, "CC BY 4.0, Mine, is not known"),
    "an address that is not known": ({"said": {"LicenseUrl": f"{CC}/licenses/nc-sa/1.0/"}}, "in different ways"),
    "stricter by its terms": (
        {"said": {"UsageTerms": "Creative Commons Attribution-NonCommercial 4.0"}},
        "in different ways",
    ),
    "a licence in other words": (
        {"said": {"LicenseShortName": "CC BY 4.0, keine kommerzielle Nutzung"}},
        "not known to permit",
    ),
    "stricter by its address": ({"said": {"LicenseUrl": f"{CC}/licenses/by-nc/4.0"}}, "in different ways"),
    "personality rights": ({"said": {"Restrictions": "personality"}}, "more than the licence (personality)"),
    "SVG": ({"info": {"mime": "image/svg+xml"}}, "vectors"),
    "PDF": ({"info": {"mime": "application/pdf"}}, "document"),
    "video": ({"info": {"mime": "video/webm", "duration": 9.0}}, "video"),
    "sound": ({"info": {"mime": "audio/mpeg"}}, "sound"),
    "animated GIF": ({"info": {"mime": "image/gif", "duration": 1.5}}, "animation"),
    "hidden": ({"imageinfo": [{"filehidden": True}]}, "gone or hidden"),
    "gone": ({"imageinfo": []}, "gone or hidden"),
    "elsewhere": ({"info": {"url": "https://example.org/x.jpg"}}, "elsewhere than Wikimedia's servers"),
    "nearly there": ({"info": {"url": f"{FILES}.example.org/x.jpg"}}, "elsewhere than Wikimedia's servers"),
    "made": ({"said": {"Categories": "AI-generated images"}}, "a program that draws"),
}


def test_what_may_not_come_stays_out_and_is_counted(place: Place, tmp_path: Path) -> None:
    fill(place, [page(number, **told) for number, (told, _) in enumerate(_OUT.values(), start=1)] + [page(99)])
    corpus = opened(place, tmp_path)
    offer = corpus.offer()
    assert [each.id for each in offer.figures] == ["commons:M99"]
    assert sum(count for _, count in offer.left_out) == len(_OUT) == offer.looked_at - 1
    assert dict(offer.left_out)["files without a stated licence"] == 2
    _, refused = got(corpus)
    assert [each.label for each in refused] == [f"Chest {number}.jpg" for number in range(1, len(_OUT) + 1)]
    for (name, (_, why)), each in zip(_OUT.items(), refused, strict=True):
        assert (name, why in each.reason, each.reason.endswith(".")) == (name, True, True)


def test_only_the_licences_that_are_asked_for_come(place: Place, tmp_path: Path) -> None:
    names = ("CC BY 4.0", "CC BY-SA 4.0", "CC0", "Public domain")
    fill(place, [page(n, said={"LicenseShortName": name, "LicenseUrl": ""}) for n, name in enumerate(names, start=1)])
    for number, each in enumerate(("CC BY", "CC BY-SA", "CC0", "public domain")):
        offer = opened(place, tmp_path, licences=(each,)).offer()
        assert [str(figure.licence) for figure in offer.figures] == [names[number]]
        assert sum(count for _, count in offer.left_out) == 3


def test_a_picture_that_is_not_the_one_stated_costs_no_other(place: Place, tmp_path: Path) -> None:
    moving = {kind: animation(kind) for kind in ("GIF", "WEBP")}
    fill(
        place,
        [
            *(page(number) for number in range(1, 6)),
            page(6, moving["GIF"], info={"mime": "image/gif"}),
            page(7, moving["WEBP"], info={"mime": "image/webp"}),
            page(8, picture(8, "GIF"), info={"mime": "image/gif"}),
        ],
        files={6: moving["GIF"], 7: moving["WEBP"], 8: picture(8, "GIF")},
    )
    wrong = [
        ("1.jpg", Reply(b"", 404), "moved or deleted"),
        ("2.jpg", Reply(picture(9, side=60)), "not the file that was wanted"),
        ("3.jpg", Reply(picture(3)[:-3] + b"abc"), "SHA-1"),
        ("4.jpg", Reply(b"x" * 31_000_000, promised=-1), "at most"),
    ]
    for name, reply, _ in wrong:
        place.faults[f"/ab/{name}"] = [reply] * 3
    items, refused = got(opened(place, tmp_path))
    assert [item.figure.id for item in items] == ["commons:M5", "commons:M8"]
    for (name, _, why), each in zip(wrong, refused, strict=False):
        assert (name, each.label, why in each.reason, each.reason.endswith(".")) == (name, f"Chest {name}", True, True)
    assert [each.reason for each in refused[4:]] == ["It is an animation, no single picture."] * 2


# -- a source that errs -----------------------------------------------------------------------------------------------------

_FAULTS: dict[str, tuple[str, Reply, type[Exception], str]] = {
    "a log-in page for a picture": ("/ab/1.jpg", Reply(LOGIN + b" " * (len(picture(1)) - len(LOGIN))), NoNetwork, "log-in"),
    "another shape": ("api.php", of_json({"items": []}), Unavailable, "it lacks query and batchcomplete"),
    "pages of another shape": ("api.php", of_json({"query": {"pages": {"1": {}}}}), Unavailable, "than it documents"),
    "a question refused": (
        "api.php", of_json({"error": {"code": "badvalue", "info": "Bad <b>title</b>."}}), Unavailable, r"Bad title \."
    ),
    "lagging": ("api.php", of_json({"error": {"code": "maxlag", "info": "9 s lagged.", "lag": 9}}), Unavailable, "busy"),
    "too busy for a picture": ("/ab/1.jpg", Reply(b"", 503), NoNetwork, "503|No network"),
    "who asks is not known": ("api.php", Reply(b"", 403), Unavailable, "MIRAGE_LIVE_CONTACT"),
    "who asks for a picture is not known": ("/ab/1.jpg", Reply(b"", 403), Unavailable, "MIRAGE_LIVE_CONTACT"),
    "a redirect into a private network": (
        "/ab/1.jpg", Reply(b"", 302, {"Location": "http://10.0.0.1/"}), Unavailable, "private network"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(_FAULTS))
def test_a_source_that_errs_is_told_apart_and_it_goes_on_later(place: Place, tmp_path: Path, name: str) -> None:
    part, reply, kind, why = _FAULTS[name]
    place.faults[part] = [reply] * 9
    with pytest.raises(kind, match=why):
        opened(place, tmp_path).prepare()
    place.faults.clear()
    assert len(got(opened(place, tmp_path))[0]) == 1


def test_servers_that_lag_are_asked_again_and_nothing_of_it_is_kept(place: Place, tmp_path: Path) -> None:
    place.faults["api.php"] = [of_json({"error": {"code": "maxlag", "info": "lagged"}})] * 2
    assert len(opened(place, tmp_path).offer().figures) == 1
    assert len(place.paths("api.php")) == 4


def test_what_was_deleted_since_is_told_with_the_way_to_take_it_out(place: Place, tmp_path: Path) -> None:
    fill(place, [page(1), page(2), page(3)])
    assert len(got(opened(place, tmp_path))[0]) == 3
    fill(place, [page(2), page(3)])  # the third is only not looked at
    asked = opened(place, tmp_path, most=1, refresh=True)
    items, refused = got(asked)
    assert [item.figure.id for item in items] == ["commons:M2"]
    said = "Wikimedia Commons has deleted it since it was fetched."
    assert [(each.label, each.reason) for each in refused] == [("Chest 1.jpg", said)]
    assert {each.id: each.said for each in asked.standings} == {"commons:M2": "", "commons:M1": said, "commons:M3": ""}
    assert [each.id for each in opened(place, tmp_path).offer(again=True).standings if each.said] == ["commons:M1"]
    fill(place, [page(1), page(2), page(3)])  # it was restored
    assert {each.said for each in opened(place, tmp_path, most=1).offer(again=True).standings} == {""}


def test_one_request_is_made_at_a_time(served: Place, tmp_path: Path) -> None:
    assert commons_source.RATE == _SLOW
    fill(served, [page(1)])
    opened(served, tmp_path).prepare()
    assert served.broken("api.php", 1, commons_source.RATE.seconds) == 0


def test_options_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    for given in (
        {"query": "Category: "}, {"query": "Category:A|B"}, {"query": "x" * 301}, {"most": 2_001},
    ):  # fmt: skip
        with pytest.raises(BadInput):
            opened(Place(), tmp_path, **given)
