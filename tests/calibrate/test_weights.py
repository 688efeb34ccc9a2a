"""Choosing the weights of the channels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import medpix_maker
from mirage.atlas import Atlas
from mirage.calibrate import queries, run, weights
from mirage.calibrate.queries import KnownAnswerQuery
from mirage.calibrate.weights import ChannelLists, ChannelReader, copied, gain, ordered, uncaptioned, untitled
from mirage.corpora.base import Item
from mirage.corpora.medpix import MedPixCorpus
from mirage.errors import BadInput
from mirage.query import Query
from mirage.search.confidence import DEFAULT_CALIBRATION, Calibration
from parts import copy_atlas

ODD = {"image": 0.3, "caption": 2.0, "words": 0.5, "coverage": 1.0}


@pytest.fixture(scope="module")
def half(starter: Atlas, tmp_path_factory: pytest.TempPathFactory):
    """The starter atlas, every second figure without a caption."""
    ids = sorted(row.figure.id for rows in starter.store.each() for row in rows)
    silent = set(ids[::2])
    with copied(
        starter, tmp_path_factory.mktemp("half") / "atlas", lambda f: uncaptioned(f) if f.id in silent else f
    ) as atlas:
        yield atlas


@pytest.mark.parametrize("given", [weights.EQUAL, ODD])
@pytest.mark.parametrize("text", ["hippocampus coronal T1 MRI", "chest X-ray", "where is the thalamus"])
def test_what_is_put_in_order_in_memory_is_what_a_search_shows(half: Atlas, text: str, given: dict[str, float]) -> None:
    query = Query.of(text)
    half.calibrate(replace(DEFAULT_CALIBRATION, weights=given))
    shown = [(hit.figure.id, *hit.folded) for hit in half.search(query).hits]
    assert ordered(ChannelReader(half).look(KnownAnswerQuery("starter", "", query, frozenset())), given) == shown


def test_a_picture_is_put_in_order_with_the_weights_for_pictures(starter: Atlas, half: Atlas) -> None:
    some = next(row.figure.id for rows in starter.store.each() for row in rows)
    with Image.open(starter.picture(some)) as stored:
        query = Query.of(pictures=[starter.embed(stored.convert("RGB"))])
    half.calibrate(replace(DEFAULT_CALIBRATION, picture_weights=ODD))
    shown = [(hit.figure.id, *hit.folded) for hit in half.search(query).hits]
    seen = ChannelReader(half).look(KnownAnswerQuery("picture", "", query, frozenset()))
    assert ordered(seen, ODD) == shown
    assert ordered(seen, weights.EQUAL) != shown


def test_figures_without_a_caption_are_found_beside_figures_that_have_one(half: Atlas) -> None:
    half.calibrate(replace(DEFAULT_CALIBRATION, weights={"image": 0.0, "caption": 0.25, "words": 1.0, "coverage": 1.0}))
    hits = half.search(Query.of("neuroanatomy lesson")).hits  # words that no figure has
    assert any(not hit.figure.caption for hit in hits)
    assert any(hit.figure.caption for hit in hits)


def test_gain_is_ndcg_at_ten() -> None:
    asked = KnownAnswerQuery("short", "", Query.of("x"), frozenset({"a", "b"}))
    best = 1 + 1 / np.log2(3)
    assert gain([("a",), ("b",)], asked) == 1
    assert gain([("z",), ("a",)], asked) == pytest.approx(1 / np.log2(3) / best)
    assert gain([("z", "a"), ("y",)], asked) == pytest.approx(1 / best)  # a near-duplicate stands for it
    assert gain([("z",)] * 10 + [("a",)], asked) == 0
    assert gain([], asked) == 0


def test_hits_that_a_query_does_without_are_passed_over() -> None:
    asked = KnownAnswerQuery("condition", "", Query.of("x"), frozenset({"b"}), frozenset({"a"}))
    assert gain([("a",), ("b",)], asked) == 1


def made(kind: str, case: str, image_right: bool) -> ChannelLists:
    """A query whose right figure heads the image channel's list, or else the words channel's."""
    lists = {"image": [(1, 0.9), (2, 0.5)], "words": [(2, 9.0), (1, 3.0)]}
    asked = KnownAnswerQuery(kind, case, Query.of("x"), frozenset({"one" if image_right else "two"}))
    return ChannelLists(asked, lists, {1: 0.0, 2: 0.0}, {1: "one", 2: "two"}, {}, {}, frozenset())


CANDIDATES = [weights.EQUAL, {**weights.EQUAL, "image": 0.5}, {**weights.EQUAL, "image": 2.0}]


def test_weights_that_help_are_chosen_and_what_they_gain_on_unseen_cases_is_told() -> None:
    found = weights.choose([made("short", f"medpix:{n}", n % 10 == 0) for n in range(60)], CANDIDATES)
    assert found.weights["image"] == 0.5
    assert 0 < found.unseen.low <= found.unseen.value <= found.unseen.high
    assert found.compared.chosen["short"] > found.compared.equal["short"]
    assert found.compared.queries == {"short": 60}


def test_equal_weights_stay_when_nothing_is_measurably_better() -> None:
    found = weights.choose([made("short", f"medpix:{n}", n % 2 == 0) for n in range(60)], CANDIDATES)
    assert found.weights == weights.EQUAL
    assert found.unseen.low <= 0


def test_one_kind_is_not_bought_at_anothers_cost() -> None:
    # Less weight for the image channel would help two kinds and harm the third.
    helped = [made(kind, f"medpix:{n}", False) for kind in ("short", "caption") for n in range(60)]
    harmed = [made("long", f"medpix:{n}", True) for n in range(60)]
    assert weights.choose(helped, CANDIDATES).best["image"] == 0.5
    assert weights.choose([*helped, *harmed], CANDIDATES).best["image"] >= 1


def test_too_few_cases_are_refused() -> None:
    with pytest.raises(BadInput, match="12 cases"):
        weights.choose([made("short", f"medpix:{n % 3}", True) for n in range(60)], CANDIDATES)


def test_candidates_hold_equal_weights_and_are_few() -> None:
    for candidates in (weights.for_words(), weights.for_pictures()):
        assert candidates.count(weights.EQUAL) == 1
        assert len(candidates) <= 100


def test_a_copied_atlas_holds_the_figures_that_it_should_without_their_names(starter: Atlas, tmp_path: Path) -> None:
    some = {row.figure.id: row for rows in starter.store.each() for row in rows[:20]}
    with copied(starter, tmp_path / "atlas", lambda f: untitled(f) if f.id in some else None) as bare:
        there = {row.figure.id: row for rows in bare.store.each() for row in rows}
        assert set(there) == set(some)
        assert all(not row.figure.title and not row.figure.diagnosis for row in there.values())
        assert len(bare.index) == len(some)
        digest = bare.encoder.info().digest
        for name, row in there.items():
            image, caption = bare.store.vectors([row.key], digest)[row.key]
            old_image, old_caption = starter.store.vectors([some[name].key], digest)[some[name].key]
            assert image @ old_image > 0.9999
            assert caption @ old_caption > 0.9999  # these have captions, so their titles were not in it


def test_figures_without_a_caption_are_told_from_those_with_one(half: Atlas) -> None:
    rows = [row for rows in half.store.each() for row in rows]
    assert half.store.uncaptioned([row.key for row in rows]) == {row.key for row in rows if not row.figure.caption}
    assert half.store.uncaptioned([]) == frozenset()


def medpix(folder: Path, monkeypatch: pytest.MonkeyPatch, train: int = 14, dev: int = 3) -> Path:
    splits = ["train"] * train + ["dev"] * dev
    cases = {
        f"MPX{n:04}": (split, [f"MPX{n:04}_synpic{2 * n}", f"MPX{n:04}_synpic{2 * n + 1}"]) for n, split in enumerate(splits)
    }
    monkeypatch.setattr(medpix_maker, "CASES", cases)
    monkeypatch.setattr(run, "set_aside", lambda: {f"medpix:MPX{n:04}" for n in range(train)})
    return medpix_maker.make_medpix(folder)


def test_a_withheld_title_is_answered_by_every_case_of_the_same_topic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [item for item in MedPixCorpus(medpix(tmp_path, monkeypatch)).items() if isinstance(item, Item)]
    asked = list(queries.withheld(items, {"medpix:MPX0001"}))
    assert [one.query.text for one in asked] == ["Invented syndrome of MPX0001", "Circle of MPX0001"]
    assert all(one.right == {item.figure.id for item in items} for one in asked)  # all cases share the topic “Circles”


def test_calibrating_chooses_on_the_cases_set_aside_and_reports_on_dev(
    starter_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = copy_atlas(starter_folder, tmp_path / "kept")
    asked: list[int] = []
    drawn = queries.off_topic_pictures
    monkeypatch.setattr(queries, "off_topic_pictures", lambda rng: drawn(rng, 6))
    monkeypatch.setattr(queries, "OFF_TOPIC", queries.OFF_TOPIC[:8])
    monkeypatch.setattr(weights, "for_words", lambda: CANDIDATES)
    result = run.calibrate(
        medpix(tmp_path, monkeypatch), keep=keep, starter_queries=5, asking=lambda done, total: asked.append(total)
    )
    run.write(result, tmp_path / "out" / "calibration.json")
    assert Calibration.read(tmp_path / "out" / "calibration.json") == result.calibration
    written = json.loads((tmp_path / "out" / "calibration.json").read_text("utf-8"))
    assert written["weights_chosen"]["words"]["compared"]["queries"]["withheld"] == 28
    assert set(written["weights_on_dev"]) == {"words", "pictures"}
    assert set(written["quality_on_dev"]) == {"MedPix, words", "MedPix, pictures"}
    assert result.calibration.weights in weights.for_words()
    assert result.calibration.picture_weights in weights.for_pictures()
    assert result.quality["MedPix, words"].on_topic == 28
    assert result.dev["MedPix, words"].on_topic == 6
    assert asked
    assert any(title == "weights, words" for title, _ in run.rows(result))


def test_a_copy_without_the_cases_set_aside_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="set aside"):
        run.calibrate(medpix_maker.make_medpix(tmp_path))


def test_the_shipped_encoders_calibration_lies_beside_it_and_anothers_in_the_users_folder() -> None:
    shipped = json.loads(run.SHIPPED_CALIBRATION.read_text("utf-8"))["encoder"]
    assert run.place_for(shipped) == run.SHIPPED_CALIBRATION
    assert run.place_for("ab12").name == "ab12.json"
