"""The ISIC Archive: what it states is what is shown, and nothing more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from isic_maker import entry, fill
from live_server import Place, Reply, of_json, settings_for
from mirage.corpora.base import Item, Refused
from mirage.corpora.live import isic
from mirage.corpora.live.client import Rate
from mirage.corpora.live.isic import BASE, IsicCorpus
from mirage.corpora.live.isic_entry import asked_as
from mirage.errors import Unavailable
from mirage.language.proof import proof_of


@pytest.fixture
def place(served: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    served.routes, served.faults, served.asked = {}, {}, []
    monkeypatch.setattr(isic, "_RATE", Rate(8, 0.0005))
    fill(served, [entry(1)])
    return served


def opened(place: Place, folder: Path, query: str = "melanoma", **more: Any) -> IsicCorpus:
    return IsicCorpus(query, settings=settings_for(folder, {"isic": place.address}), **more)


@pytest.mark.parametrize(
    ("query", "begins"),
    [
        ("melanoma", "Melanoma"),
        ("mole", "Nevus"),
        ("BCC", "Basal cell carcinoma"),
        ("actinic keratosis", "Solar or actinic keratosis"),
        ("solar lentigo", "Solar lentigo"),
        ('naevus" OR public:"', ""),
    ],
)
def test_words_become_a_diagnosis_on_each_level(query: str, begins: str) -> None:
    asked = asked_as(query)
    assert (f'diagnosis_3:"{begins}*"' in asked) if begins else asked == query


def test_a_figure_is_what_the_archive_states(place: Place, tmp_path: Path) -> None:
    corpus = opened(place, tmp_path)
    (offered,) = corpus.offer().figures
    assert place.asked[0][1] == {"query": asked_as("melanoma"), "limit": "100"}
    assert offered.thumbnail.startswith(b"RIFF")
    corpus.prepare()
    (item,) = corpus.items()
    assert isinstance(item, Item)
    figure, case = item.figure, item.case
    assert case is not None
    assert (figure.id, figure.diagnosis, figure.region, figure.modality) == (
        "isic:ISIC_0000001", "Melanoma Invasive", "head/neck", "XC",
    )  # fmt: skip
    assert figure.patient == "female, about 55 years"
    assert str(figure.source.licence) == "CC-BY"
    assert figure.source.attribution == "Hospital of Somewhere. ISIC Archive, ISIC_0000001."
    assert figure.source.url == "https://api.isic-archive.com/images/ISIC_0000001/"
    assert proof_of(case.diagnosis_by) == "pathology"
    assert corpus.read(item).image.size == (40, 30)
    assert "SECRET" not in repr(item)
    assert "IL_" not in repr(item)


def test_what_is_only_benign_or_is_not_stated_is_no_diagnosis(place: Place, tmp_path: Path) -> None:
    unknown = dict.fromkeys(("diagnosis_2", "diagnosis_3", "diagnosis_confirm_type", "sex", "age_approx"))
    fill(place, [entry(number, clinical={"diagnosis_1": wide, **unknown}) for number, wide in ((1, "Benign"), (2, None))])
    corpus = opened(place, tmp_path)
    corpus.prepare()
    items = [item for item in corpus.items() if isinstance(item, Item)]
    assert [item.figure.diagnosis for item in items] == ["", ""]
    assert [item.figure.title for item in items] == ["Skin lesion", "Skin lesion"]
    assert items[0].figure.caption == "Dermoscopic photograph. Site: head/neck. Stated as: Benign."
    assert all(item.case is not None and not item.case.diagnosis_by and not item.figure.patient for item in items)


def test_images_of_one_lesion_are_one_case(place: Place, tmp_path: Path) -> None:
    fill(place, [entry(1), entry(2, clinical={"lesion_id": "IL_0000001"}), entry(3)])
    corpus = opened(place, tmp_path)
    corpus.prepare()
    cases = [item.case for item in corpus.items() if isinstance(item, Item)]
    assert cases[0] is cases[1]
    assert cases[0] is not cases[2]


def test_what_may_not_be_taken_is_counted(place: Place, tmp_path: Path) -> None:
    fill(
        place,
        [
            entry(1),
            entry(2, copyright_license="CC-BY-NC"),
            entry(3, copyright_license=""),
            entry(4, public=False),
            entry(5, acquisition={"image_manipulation": "synthetic"}),
        ],
    )
    offer = opened(place, tmp_path).offer()
    assert [each.id for each in offer.figures] == ["isic:ISIC_0000001"]
    assert dict(offer.left_out) == {
        "image under CC-BY-NC, a licence that was not asked for": 1, "image without a stated licence": 1,
        "image that the archive keeps from the public": 1, "image made by a program, not a photograph of a person": 1,
    }  # fmt: skip
    assert (offer.total, offer.looked_at) == (5, 5)
    corpus = opened(place, tmp_path)
    corpus.prepare()
    refused = {each.label: each.reason for each in corpus.items() if isinstance(each, Refused)}
    assert len(refused) == 4
    assert refused["ISIC_0000004"] == "It is an image that the archive keeps from the public."
    more = opened(place, tmp_path, licences=("CC-BY-NC",)).offer()
    assert [str(each.licence) for each in more.figures] == ["CC-BY-NC"]


def test_one_image_that_is_told_otherwise_costs_no_other(place: Place, tmp_path: Path) -> None:
    odd = entry(2) | {"isic_id": "IMAGE-2"}
    place.routes["/images/search/"] = of_json({"count": 3, "next": None, "results": [odd, None, entry(1), 5]})
    offer = opened(place, tmp_path).offer()
    assert [each.id for each in offer.figures] == ["isic:ISIC_0000001"]
    assert (offer.looked_at, offer.left_out) == (4, (("images described otherwise than the archive documents", 3),))
    long = entry(1, attribution="A" * 100_000, clinical={"diagnosis_3": "B" * 100_000})
    place.routes["/images/search/"] = of_json({"results": [long]})
    figure = opened(place, tmp_path, "mole").offer().figures[0]
    assert max(map(len, (figure.title, figure.caption, figure.attribution))) < 600


def test_pages_without_end_and_an_address_that_leads_inside_cost_no_image(place: Place, tmp_path: Path) -> None:
    odd = (
        "http://[::ffff:127.0.0.1]/x",
        "https://[bad/x.jpg",
        "/etc/passwd",
        "http://8.8.8.8/\ud800",
        f"http://8.8.8.8/{'a' * 9_000}",
    )
    inside = [entry(2 + number) | {"files": {"full": {"url": url}}} for number, url in enumerate(odd)]
    told = {"count": 9, "results": [entry(1), *inside]}
    place.routes["/images/search/"] = lambda asked: of_json(
        told | {"next": f"{BASE}/images/search/?cursor={len(place.asked)}"}
    )
    corpus = opened(place, tmp_path)
    corpus.prepare()
    assert [type(each) for each in corpus.items()] == [Item, *[Refused] * 5]
    assert len(place.paths("/search/")) == 2


def test_pages_are_followed_as_far_as_is_wanted(place: Place, tmp_path: Path) -> None:
    fill(place, [entry(number) for number in range(1, 8)], page=2)
    offer = opened(place, tmp_path, most=5).offer()
    assert len(offer.figures) == 5
    assert len(place.paths("/images/search/")) == 3
    corpus = opened(place, tmp_path, most=5, only=(offer.figures[3].id,))
    corpus.prepare()
    assert [item.figure.id for item in corpus.items() if isinstance(item, Item)] == [offer.figures[3].id]
    assert len(place.paths("/images/search/")) == 3  # kept answers are not asked for again


def test_a_picture_that_is_gone_or_larger_costs_no_other(place: Place, tmp_path: Path) -> None:
    fill(place, [entry(1), entry(2)])
    place.faults["/files/ISIC_0000001"] = [Reply(b"", 404)]
    corpus = opened(place, tmp_path)
    corpus.prepare()
    entries = list(corpus.items())
    assert [type(each) for each in entries] == [Item, Refused]
    assert isinstance(entries[1], Refused)
    assert "does not give its picture any more (404)" in entries[1].reason


@pytest.mark.parametrize(
    ("reply", "kind", "told"),
    [
        (of_json({"results": [{"isic_id": "../../x"}]}), Unavailable, "otherwise than it documents"),
        (of_json({"images": []}), Unavailable, "otherwise than it documents"),
        (Reply(b'{"message": "bad query"}', 400), Unavailable, "answered 400"),
    ],
)
def test_an_answer_that_is_none_is_told(place: Place, tmp_path: Path, reply: Reply, kind: Any, told: str) -> None:
    place.routes["/images/search/"] = reply
    with pytest.raises(kind, match=told):
        opened(place, tmp_path).offer()


def test_a_next_page_that_leads_elsewhere_or_round_in_a_circle_is_left(place: Place, tmp_path: Path) -> None:
    page = {"count": 9, "results": [entry(1)]}
    place.routes["/images/search/"] = of_json(page | {"next": "http://10.0.0.7/steal"})
    with pytest.raises(Unavailable, match="private network"):
        opened(place, tmp_path).offer()
    place.routes["/images/search/"] = of_json(page | {"next": f"{isic.BASE}/images/search/?cursor=1"})
    assert len(opened(place, tmp_path / "other").offer().figures) == 1
    assert len(place.asked) <= 5


def test_what_the_archive_does_wrong_is_told_in_a_sentence_without_what_was_asked(place: Place, tmp_path: Path) -> None:
    fill(place, [entry(1)])
    place.faults["/images/search/"] = [of_json({"hello": 1})]
    with pytest.raises(Unavailable) as told:
        opened(place, tmp_path).offer()
    assert str(told.value).startswith(
        f"The ISIC Archive answers otherwise than it documents (results is missing) at {place.address}/images/search/. "
    )
