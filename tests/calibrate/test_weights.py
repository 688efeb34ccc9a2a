"""Choosing the weights of the channels, and calibrating an atlas as a whole."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import medpix_maker
from mirage.atlas import Atlas
from mirage.calibrate import queries, run, weights
from mirage.calibrate.queries import KnownAnswerQuery
from mirage.calibrate.weights import Weights, copied, gain, uncaptioned
from mirage.cli import app
from mirage.corpora.medpix import MedPixCorpus
from mirage.errors import BadInput, NotFound
from mirage.query import Query
from mirage.search import calibrations
from mirage.search.answer import Hit
from mirage.search.concepts import CONCEPT_WEIGHTS
from mirage.search.confidence import DEFAULT_CALIBRATION
from mirage.storage.ingest import add
from mirage.storage.manifest import CALIBRATION_FILE
from parts import copy_atlas, mirage

EQUAL: Weights = DEFAULT_CALIBRATION.weights


@pytest.fixture(scope="module")
def half(some: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """A part of the starter atlas, every second figure without a caption."""
    ids = sorted(row.figure.id for rows in some.store.each() for row in rows)
    silent = set(ids[::2])
    with copied(some, tmp_path_factory.mktemp("half") / "atlas", lambda f: uncaptioned(f) if f.id in silent else f) as atlas:
        yield atlas


def test_figures_without_a_caption_are_found_beside_figures_that_have_one(half: Atlas) -> None:
    half.calibrate(replace(DEFAULT_CALIBRATION, weights={"image": 0.0, "caption": 0.25, "words": 1.0, "coverage": 1.0}))
    hits = half.search(Query.of("neuroanatomy lesson")).hits  # words that no figure has
    assert any(not hit.figure.caption for hit in hits)
    assert any(hit.figure.caption for hit in hits)


def hits(atlas: Atlas, *shown: tuple[str, ...]) -> list[Hit]:
    """Hits of an atlas under other ids; further ids of a hit are folded into it."""
    hit = atlas.search("brain")[0]
    return [replace(hit, figure=replace(hit.figure, id=first), folded=tuple(folded)) for first, *folded in shown]


def test_gain_is_ndcg_at_ten(some: Atlas) -> None:
    asked = KnownAnswerQuery("short", "", Query.of("x"), frozenset({"a", "b"}))
    best = 1 + 1 / np.log2(3)
    assert gain(hits(some, ("a",), ("b",)), asked) == 1
    assert gain(hits(some, ("z",), ("a",)), asked) == pytest.approx(1 / np.log2(3) / best)
    assert gain(hits(some, ("z", "a"), ("y",)), asked) == pytest.approx(1 / best)  # a near-duplicate stands for it
    assert gain(hits(some, *[("z",)] * 10, ("a",)), asked) == 0
    assert gain([], asked) == 0


def test_hits_that_a_query_does_without_are_passed_over(some: Atlas) -> None:
    asked = KnownAnswerQuery("condition", "", Query.of("x"), frozenset({"b"}), frozenset({"a"}))
    assert gain(hits(some, ("a",), ("b",)), asked) == 1


def test_every_candidate_is_searched_with(some: Atlas) -> None:
    asked = []
    for words in ("tissue section with keratin", "echocardiogram with colour Doppler", "histology with glands"):
        query = Query.of(words)
        asked.append(KnownAnswerQuery("caption", "", query, frozenset({some.search(query)[0].figure.id})))
    told: list[int] = []
    silent = {"image": 0.0, "caption": 0.0, "words": 0.0, "case": 0.0, "coverage": 0.0, "concepts": 0.0}
    table = weights.gains(some, asked, [EQUAL, silent], lambda: told.append(1))
    assert (table[:, 0] > 0).all()
    assert (table[:, 0] != table[:, 1]).any()  # without weights the figures stand in another order
    assert len(told) == 2


CANDIDATES = [EQUAL, {**EQUAL, "image": 0.5}, {**EQUAL, "image": 2.0}]


def judged(*sorts: tuple[str, Callable[[int], bool]]) -> tuple[list[KnownAnswerQuery], np.ndarray]:
    """Sixty queries of each kind, which a smaller weight of the image channel helps, or else a larger one."""
    asked, table = [], []
    for kind, helped in sorts:
        for number in range(60):
            asked.append(KnownAnswerQuery(kind, f"case {number}", Query.of("x"), frozenset({"a"})))
            table.append([0.6, 1.0, 0.6] if helped(number) else [0.6, 0.3, 0.6])
    return asked, np.array(table)


def test_weights_that_help_are_chosen_and_what_they_gain_on_unseen_cases_is_told() -> None:
    found = weights.choose(*judged(("short", lambda n: n % 10 > 0)), CANDIDATES)
    value, low, high = found.unseen
    assert found.weights["image"] == 0.5
    assert 0 < low <= value <= high
    assert found.ndcg_best["short"] > found.ndcg_now["short"]
    assert found.queries == {"short": 60}


def test_the_weights_of_now_stay_when_nothing_is_measurably_better() -> None:
    found = weights.choose(*judged(("short", lambda n: n % 2 == 0)), CANDIDATES)
    assert found.weights == EQUAL
    assert found.unseen[1] <= 0


def test_one_kind_is_not_bought_at_anothers_cost() -> None:
    helped = [(kind, lambda _: True) for kind in ("short", "caption")]
    assert weights.choose(*judged(*helped), CANDIDATES).best["image"] == 0.5
    assert weights.choose(*judged(*helped, ("long", lambda _: False)), CANDIDATES).best["image"] >= 1


def test_too_few_cases_are_refused() -> None:
    asked, table = judged(("short", lambda _: True))
    with pytest.raises(BadInput, match="12 cases"):
        weights.choose(asked[:3], table[:3], CANDIDATES)


def test_a_copied_atlas_holds_the_figures_that_it_should_without_their_names(some: Atlas, tmp_path: Path) -> None:
    chosen = {row.figure.id: row for rows in some.store.each() for row in rows[:20]}
    with copied(some, tmp_path / "atlas", lambda f: replace(f, title="", diagnosis="") if f.id in chosen else None) as bare:
        there = {row.figure.id: row for rows in bare.store.each() for row in rows}
        assert set(there) == set(chosen)
        assert all(not row.figure.title and not row.figure.diagnosis for row in there.values())
        assert len(bare.index) == len(chosen)
        digest = bare.encoder.info().digest
        for name, row in there.items():
            image, caption = bare.store.vectors.of([row.key], digest)[row.key]
            old_image, old_caption = some.store.vectors.of([chosen[name].key], digest)[chosen[name].key]
            assert image @ old_image > 0.9999
            assert caption @ old_caption > 0.9999  # these have captions, so their titles were not in it


def test_a_copied_atlas_has_the_stacks_and_the_vectors_of_their_slices(some: Atlas, tmp_path: Path) -> None:
    with copied(some, tmp_path / "atlas", lambda f: f if f.stack or f.slice_of else None) as made:
        stacks = {row.figure.id: row for rows in some.store.each() for row in rows if row.stack}
        there = {row.figure.id: row for rows in made.store.each() for row in rows if row.stack}
        assert {name: (row.figure.stack, row.stack) for name, row in there.items()} == {
            name: (row.figure.stack, row.stack) for name, row in stacks.items()
        }
        digest = made.encoder.info().digest
        assert made.store.vectors.slice_counts(digest).keys() == {row.key for row in there.values()}
        for name, row in there.items():
            kept = made.store.vectors.slices([row.key], digest)[row.key]
            first = some.store.vectors.slices([stacks[name].key], digest)[stacks[name].key]
            assert kept.numbers.tolist() == first.numbers.tolist()
            assert np.allclose(kept.vectors, first.vectors, atol=1e-3)


def test_figures_without_a_caption_are_told_from_those_with_one(half: Atlas) -> None:
    rows = [row for rows in half.store.each() for row in rows]
    assert half.store.uncaptioned() == {row.key for row in rows if not row.figure.caption}


# -- an atlas of somebody's own -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas of 14 cases with two figures each, closed."""
    folder = tmp_path_factory.mktemp("own")
    cases = {f"MPX{n:04}": ("train", [f"MPX{n:04}_synpic{2 * n}", f"MPX{n:04}_synpic{2 * n + 1}"]) for n in range(14)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(medpix_maker, "CASES", cases)
        collection = MedPixCorpus(medpix_maker.make_medpix(folder))
    with Atlas.open(folder / "atlas", create=True) as atlas:
        add(atlas, collection)
    return folder / "atlas"


@pytest.fixture
def own(own_folder: Path, tmp_path: Path) -> Iterator[Atlas]:
    with Atlas.open(copy_atlas(own_folder, tmp_path / "atlas")) as atlas:
        yield atlas


def test_queries_are_drawn_of_an_atlass_own_words_and_pictures(own: Atlas) -> None:
    asked = list(queries.queries(own, queries.items_of(own)))
    assert {one.kind for one in asked} >= {"caption", "title", "condition", "picture"}
    titles = [one for one in asked if one.kind == "title" and one.case.startswith("medpix:MPX0001")]
    everything = {row.figure.id for rows in own.store.each() for row in rows}
    assert [one.query.text for one in titles] == ["Invented syndrome of MPX0001", "Circle of MPX0001"]
    assert all(one.right == everything for one in titles)  # all cases share the topic “Circles”
    for one in asked:
        assert one.right.isdisjoint(one.without)


def test_sentences_of_findings_are_cut_where_the_language_ends_them(own: Atlas) -> None:
    items = queries.items_of(own)
    case = replace(items[0].case, findings="Lesion of 3.5 cm, cf. Fig. 1, in the left lobe. No midline shift is seen")
    asked = queries.queries(own, [replace(item, case=case) for item in items[:2]])
    assert {one.query.text for one in asked if one.kind in ("short", "long")} == {
        "Lesion of 3.5 cm, cf. Fig. 1, in the left lobe.",
        "No midline shift is seen",
    }


def test_a_long_caption_is_asked_in_part(own: Atlas) -> None:
    item = queries.items_of(own)[0]
    wordy = replace(item, figure=replace(item.figure, caption="a wall that is thick, " * 1000))
    asked = [one for one in queries.queries(own, [wordy]) if one.kind == "caption"]
    assert 0 < len(asked[0].query.text) <= 500


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of candidates and of queries off the topic: choosing goes over all of them."""
    monkeypatch.setattr(weights, "for_words", lambda: CANDIDATES)
    monkeypatch.setattr(weights, "for_fields", lambda now: [{**now, "case": 0.5}])
    monkeypatch.setattr(queries, "OFF_TOPIC", queries.OFF_TOPIC[:8])


def test_each_weight_of_concepts_and_of_cases_is_tried_at_half_and_at_twice() -> None:
    now = {"image": 0.5, "words": 1.0, "case": 3.0}
    tried = weights.for_fields(now)
    for name, weight in {**CONCEPT_WEIGHTS, "case": 3.0}.items():
        assert {one[name] for one in tried} == {weight / 2, weight, weight * 2}
    assert all((one["image"], one["words"]) == (0.5, 1.0) for one in tried)


def test_weights_in_an_atlass_folder_change_its_order_and_another_encoders_do_not(own_folder: Path, tmp_path: Path) -> None:
    folder = copy_atlas(own_folder, tmp_path / "atlas")
    with Atlas.open(folder) as atlas:
        digest, before = atlas.encoder_info.digest, atlas.search("a circle").hits
    odd = replace(DEFAULT_CALIBRATION, weights={"image": 9.0, "caption": 0.0, "words": 0.0, "coverage": 0.0})
    for encoder, same in (("another", True), (digest, False)):
        calibrations.write(replace(odd, encoder=encoder), folder / CALIBRATION_FILE)
        with Atlas.open(folder) as atlas:
            assert ([hit.score for hit in atlas.search("a circle").hits] == [hit.score for hit in before]) is same


@pytest.mark.usefixtures("few")
def test_the_command_calibrates_an_atlas_and_its_searches_go_by_that(
    own_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_atlas(own_folder, tmp_path / "atlas")
    told: list[tuple[int, int]] = []
    results: list[tuple[run.CalibrationResult, list[Hit]]] = []
    calibrate = run.calibrate

    def watched(atlas: Atlas, *given: Any, progress: Callable[[int, int], None], **options: Any) -> run.CalibrationResult:
        def tell(done: int, total: int) -> None:
            told.append((done, total))
            progress(done, total)

        result = calibrate(atlas, *given, progress=tell, **options)
        results.append((result, atlas.search("a circle in the liver").hits))
        return result

    with Atlas.open(folder) as atlas:
        before = atlas.search("a circle in the liver")
    monkeypatch.setattr(run, "calibrate", watched)
    done = CliRunner().invoke(app, ["evaluate", "calibrate", "--atlas", str(folder), "--json"])
    assert done.exit_code == 0, done.stderr
    ((result, now),) = results
    assert told[-1][0] == told[-1][1] == len(told)
    assert any(name == "weights, words" for name, _ in result.report)
    printed = json.loads(done.stdout)
    assert printed["file"] == str(folder / CALIBRATION_FILE)
    assert json.loads((folder / CALIBRATION_FILE).read_text("utf-8"))["report"] == printed["report"]
    assert [name for name, _ in printed["report"]] == [name for name, _ in result.report]
    assert calibrations.read(folder / CALIBRATION_FILE).encoder == result.calibration.encoder
    with Atlas.open(folder) as atlas:
        assert result.calibration.encoder == atlas.encoder_info.digest
        with atlas.snapshot() as seen:
            assert seen.searcher.calibration == result.calibration
        assert [(hit.figure.id, hit.confidence, hit.score) for hit in atlas.search("a circle in the liver").hits] == [
            (hit.figure.id, hit.confidence, hit.score) for hit in now
        ]
    (folder / CALIBRATION_FILE).unlink()
    with Atlas.open(folder) as atlas:
        assert [hit.score for hit in atlas.search("a circle in the liver").hits] == [hit.score for hit in before.hits]


def test_an_atlas_with_too_few_words_is_told_so_and_stays_as_it_is(tmp_path: Path, pictures: Callable[..., Path]) -> None:
    folder = tmp_path / "atlas"
    assert mirage("add", "folder", pictures(3), "--atlas", folder).returncode == 0
    done = mirage("evaluate", "calibrate", "--atlas", folder)
    said = re.sub(r"\s+", " ", done.stderr)
    assert done.returncode == 2
    assert "needs 12 cases or more with words" in said
    assert "Traceback" not in said
    assert not (folder / CALIBRATION_FILE).exists()


def test_only_the_corpora_that_are_named_are_asked_for(own: Atlas) -> None:
    with pytest.raises(NotFound, match=r"no corpus 'elsewhere'. There are: medpix"):
        run.calibrate(own, ["elsewhere"])


@pytest.mark.usefixtures("few")
def test_without_figures_that_share_something_pictures_keep_their_weights(
    own: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = queries.queries
    monkeypatch.setattr(queries, "queries", lambda *a, **b: (one for one in drawn(*a, **b) if one.kind != "picture"))
    with own.snapshot() as now:
        before = now.searcher.calibration
    result = run.calibrate(own)
    assert "by picture" in " ".join(result.notes)
    assert result.calibration.picture == before.picture
    assert result.calibration.picture_weights == before.weights_for(words=False, picture=True)


def test_a_calibration_that_cannot_be_written_or_read_is_told(own_folder: Path, tmp_path: Path) -> None:
    folder = copy_atlas(own_folder, tmp_path / "atlas")
    (folder / CALIBRATION_FILE).write_text("{}", "utf-8")
    with pytest.raises(BadInput, match="is no calibration"):
        Atlas.open(folder)
    shutil.rmtree(folder)
    folder.write_text("", "utf-8")
    result = run.CalibrationResult(DEFAULT_CALIBRATION, [], [])
    with pytest.raises(BadInput, match="cannot be written"):
        run.write(result, folder / CALIBRATION_FILE)
