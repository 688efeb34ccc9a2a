"""Reviews: what is pooled and shown blind, rated, exchanged, closed, measured and hidden. All raters are simulated."""

from __future__ import annotations

import json
import random
import re
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from mirage.atlas import Atlas
from mirage.errors import BadInput, NotFound
from mirage.generate.generators.copies import unchecked
from mirage.generate.outputs import Outputs
from mirage.generate.synthesis import SyntheticImage
from mirage.images.marks import SyntheticRecord
from mirage.storage.databases import Databases
from mirage.storage.migrations import upgrade
from mirage.study import Study
from mirage.study.quiz.question import seen
from mirage.study.records import FILE, SCHEMA
from mirage.study.reviews import export as reviews_export
from mirage.study.reviews import files as reviews_files
from mirage.study.reviews import protocol as reviews_protocol
from mirage.study.reviews import results as reviews_results
from mirage.study.reviews.pool import Key, synthetic
from mirage.study.reviews.ratings import Rating, Reviewer, rating_of
from mirage.study.reviews.reviews import Closed, Review, Reviews, rated_by, shipped_reviewers

QUERY = "lung mass"


@pytest.fixture(scope="module")
def begun(some: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a review that was begun; it is copied for each test."""
    folder = tmp_path_factory.mktemp("begun")
    study = Study(Databases(folder), some.store, some)
    study.reviews.begin(some, QUERY)
    study.close()
    return folder


@pytest.fixture
def mine(some: Atlas, begun: Path, tmp_path: Path) -> Iterator[Reviews]:
    study = Study(Databases(Path(shutil.copytree(begun, tmp_path / "study"))), some.store, some)
    yield study.reviews
    study.close()


@pytest.fixture
def review(mine: Reviews) -> Review:
    return mine.list()[0]


@pytest.fixture
def atlas(some_copy: Path) -> Iterator[Atlas]:
    """An atlas with a review of its own."""
    with Atlas.open(some_copy) as opened:
        opened.study.reviews.begin(opened, QUERY)
        yield opened


def given(
    item: str, rating: str = "helpful", comment: str = "", words: str = "", region: str = "", at: float = 1e9
) -> Rating:
    return rating_of(item, rating, comment, words, region, at)


def with_picture(mine: Reviews, review: Review) -> str:
    """The id of an item that shows a picture; the order of items is drawn at random, and a sentence has none."""
    return next(item.id for item in mine.items(review.id) if item.content.pictures)


def simulate(mine: Reviews, review: Review, *names: str) -> None:
    """Ratings drawn by lot, by nobody: the same each time, though ids are random, and with them the order of items."""
    for name in names:
        for item in mine.items(review.id, name):
            rng = random.Random(f"{name} {item.content.model_dump_json()}")
            mine.rate(review.id, name, given(item.id, rng.choice(["misleading", "accurate", "helpful"]), at=time.time()))


def everything(mine: Reviews, review: Review) -> list[object]:
    return list(mine.rated(review.id))


# -- the pool, and that it is blind -----------------------------------------------------------------------------------------


def test_both_arms_are_pooled_what_both_found_is_one_item_and_ranks_are_those_of_the_searches(
    some: Atlas, mine: Reviews, review: Review
) -> None:
    figures = {item.content.pictures[0].figure: item.key.ranks for item in mine.keyed(review.id) if item.kind == "figure"}
    most = reviews_protocol.shipped().items.figures_per_arm
    found = [some.reference(hit.figure.id) for hit in some.search(QUERY).hits[:most]]
    assert [each for each, _ in sorted(figures.items(), key=lambda one: one[1].get("mirage", 99))][: len(found)] == found
    assert sorted(ranks["keywords"] for ranks in figures.values() if "keywords" in ranks)[0] == 1
    assert any(len(ranks) == 2 for ranks in figures.values())
    assert len(figures) == len(set(figures))


def test_nothing_that_is_shown_holds_a_rank_an_arm_or_how_sure_a_search_was(mine: Reviews, review: Review) -> None:
    for item in mine.items(review.id, "Anyone"):
        assert item.key == Key()
        assert mine.item(review.id, item.id).key == Key()
        told = item.content.model_dump_json()
        assert not any(word in told for word in ("mirage", "keywords", "rank", "strong", "weak", "supported"))


def test_the_order_is_the_reviewers_own_the_same_again_and_tells_nothing_of_ranks(mine: Reviews, review: Review) -> None:
    orders = {name: [item.id for item in mine.items(review.id, name)] for name in ("Ann", "ann", "Bob", "")}
    assert orders["Ann"] == orders["ann"]
    assert len({tuple(order) for order in orders.values()}) == 3
    ranks = {item.id: item.key.ranks.get("mirage", 99) for item in mine.keyed(review.id)}
    # Over many reviewers each item stands as often before another one as behind it.
    best, worst = min(ranks, key=lambda own: ranks[own]), max(ranks, key=lambda own: ranks[own])
    first = 0
    for number in range(200):
        order = [item.id for item in mine.items(review.id, f"Reviewer {number}")]
        first += order.index(best) < order.index(worst)
    assert 60 < first < 140


def test_opening_a_condition_again_goes_on_with_its_review_and_what_the_atlas_has_not_is_told(
    some: Atlas, mine: Reviews, review: Review
) -> None:
    assert mine.begin(some, QUERY.upper()).id == review.id
    with pytest.raises(BadInput, match="Nothing in this atlas fits 'acute appendicitis'"):
        mine.begin(some, "Acute Appendicitis")
    with pytest.raises(NotFound):
        mine.get("nowhere")


def test_synthetic_images_of_the_condition_are_among_the_items_and_marked(tmp_path: Path) -> None:
    record = SyntheticRecord(
        "0" * 16, f"axial CT, {QUERY}", ((QUERY, 1.0),), "", "starter", "m", "r", 1, 2, 3.0, 64, 64, "", ""
    )
    kept = SyntheticImage(record, b"a picture", (), None, unchecked("starter"), False)
    outputs = Outputs(tmp_path)
    outputs.put(kept)
    outputs.put(replace(kept, record=replace(record, id="1" * 16, prompt="knee")))
    made = list(synthetic(outputs, QUERY.title(), 3))
    assert [(item.content.pictures[0].figure, item.content.pictures[0].synthetic) for item in made] == [("0" * 16, True)]


# -- rating -----------------------------------------------------------------------------------------------------------------


def test_a_rating_is_changed_taken_back_and_kept_whatever_the_clock_says(mine: Reviews, review: Review) -> None:
    item = with_picture(mine, review)
    mine.rate(review.id, "Ann", given(item, "helpful", "why", "the edge", "0 10 20 30 40", 2e9))
    mine.rate(review.id, " ann ", given(item, "misleading", at=1e9))  # a clock that was set back
    (now,) = mine.rated(review.id)
    assert (now.name, now.rating.rating, now.rating.comment, now.rating.place.region) == ("ann", "misleading", "", None)
    mine.rate(review.id, "Ann", given(item, ""))
    assert mine.rated(review.id) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"rating": "nice"}, "is no rating"),
        ({"region": "1 2"}, "no region"),
        ({"region": "0 nan 0 1 1"}, "no region"),
        ({"region": "99 0 0 1 1"}, "cannot be kept"),
        ({"words": "x" * 600}, "cannot be kept"),
        ({"comment": "x" * 10_001}, "10,000 is the most"),
    ],
)
def test_a_rating_that_cannot_be_is_refused_in_words(changed: dict[str, str], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        given("0", **changed)


def test_a_region_that_reaches_over_the_edge_ends_there() -> None:
    region = given("0", region="0 90 -5 50 20").place.region
    assert region is not None
    assert (region.left, region.top, region.width, region.height) == (0.9, 0, 0.1, 0.2)


def test_a_name_is_needed_and_an_item_of_another_review_is_refused(mine: Reviews, review: Review) -> None:
    for name in ("", "  ", "x" * 101):
        with pytest.raises(BadInput):
            mine.rate(review.id, name, given(mine.items(review.id)[0].id))
    with pytest.raises(NotFound, match="has no item"):
        mine.rate(review.id, "Ann", given("elsewhere"))


def test_two_at_once_lose_nothing(mine: Reviews, review: Review) -> None:
    ids = [item.id for item in mine.items(review.id)]
    raters = [threading.Thread(target=simulate, args=(mine, review, f"Sim {number}")) for number in range(3)]
    for each in raters:
        each.start()
    for each in raters:
        each.join()
    assert len(mine.rated(review.id)) == 3 * len(ids)
    assert mine.educators() == 3


# -- files ------------------------------------------------------------------------------------------------------------------


def test_a_file_of_ratings_brings_all_back_and_twice_is_once(mine: Reviews, review: Review) -> None:
    simulate(mine, review, "Sim A", "Sim B")
    item = with_picture(mine, review)
    mine.rate(review.id, "Sim Ć", given(item, "", "only a comment\nof two lines", "«here»", "0 1.5 2.25 3 4"))
    before, file = everything(mine, review), reviews_files.printed(mine, review.id)
    for each in mine.rated(review.id):
        mine.rate(review.id, each.name, given(each.rating.item, ""))
    assert mine.rated(review.id) == []
    taken = reviews_files.take_in(mine, file)
    assert (taken.new, taken.changed, taken.same) == (len(before), 0, 0)
    assert everything(mine, review) == before
    again = reviews_files.take_in(mine, file)
    assert (again.new, again.changed, again.same) == (0, 0, len(before))
    assert everything(mine, review) == before
    assert json.loads(reviews_files.printed(mine, review.id))["reviewers"] == json.loads(file)["reviewers"]


def test_of_two_files_the_later_rating_stays_whichever_comes_first(mine: Reviews, review: Review) -> None:
    item = mine.items(review.id)[0].id
    mine.rate(review.id, "Ann", given(item, "accurate", at=5.0))
    early = reviews_files.printed(mine, review.id)
    mine.rate(review.id, "Ann", given(item, "misleading", at=9.0))
    late = reviews_files.printed(mine, review.id)
    mine.rate(review.id, "Ann", given(item, ""))
    for file in (early, late, early):
        reviews_files.take_in(mine, file)
    assert [each.rating.rating for each in mine.rated(review.id)] == ["misleading"]


def test_who_has_another_name_since_is_no_other_rater(mine: Reviews, review: Review) -> None:
    first, second = (item.id for item in mine.items(review.id)[:2])
    ada, other = Reviewer("Ada", "a" * 16), Reviewer("Olga", "b" * 16)
    mine.rate(review.id, other, given(first, "accurate", at=4.0))
    mine.rate(review.id, ada, given(first, "accurate", at=5.0))
    mine.rate(review.id, ada, given(second, "accurate", at=6.0))
    new = reviews_files.printed(mine, review.id)
    told = json.loads(new)
    for each in told["reviewers"]:
        assert "a" * 16 not in each.pop("person")
    old = json.dumps(told).encode()  # as a file of an earlier version, which has names alone

    def raters() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for each in mine.rated(review.id):
            found.setdefault(each.reviewer, set()).add(each.rating.item)
        return found

    whole = {ada.key: {first, second}, other.key: {first}}
    renamed = Reviewer("Ada Byron", ada.person)
    mine.rate(review.id, renamed, given(first, "helpful", at=7.0))
    assert {each["name"] for each in json.loads(reviews_files.printed(mine, review.id))["reviewers"]} == {
        "Ada Byron",
        "Olga",
    }
    for file in (old, new):
        mine.rate(review.id, Reviewer("Ada", "c" * 16), given(first, "misleading", at=1.0))  # who has that name now
        reviews_files.take_in(mine, file)
        assert raters() == whole | {f"P:{'c' * 16}": {first}}
        mine.rate(review.id, Reviewer("Ada", "c" * 16), given(first, ""))
    mine.rate(review.id, renamed, given(second, "helpful", at=8.0))  # nothing of hers is what the file has
    reviews_files.take_in(mine, new)
    assert raters() == whole
    for item in (first, second):
        mine.rate(review.id, renamed, given(item, ""))
    reviews_files.take_in(mine, new, people=lambda: [renamed])  # nor is anything of hers here
    assert raters() == whole


def test_a_reviewer_who_rates_nothing_is_told_so_and_counts_for_nothing(mine: Reviews, review: Review) -> None:
    taken = reviews_files.take_in(mine, reviews_files.printed(mine, review.id, "Nobody Yet"))
    assert taken.words == "Nobody Yet rated nothing in this file. Nothing was changed."
    assert mine.educators() == 0
    mine.close(review.id)
    found = reviews_results.results(mine)
    assert (found.educators, found.counting, found.kinds[0].ordinal.value) == (0, 0, None)
    assert {each.verdict for each in found.criteria} == {"not judged"}
    assert rated_by(found.educators) == "rated by 0 educators"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"review": "0" * 64}, "does not match: .* shows other items"),
        ({"review": "0" * 64, "query": "gout"}, "no such review is here"),
        ({"protocol": "0" * 64}, "does not match: its ratings follow a protocol"),
        ({"format": 2}, "Update MIRAGE"),
        ({"reviewers": [{"name": "Ann", "ratings": [{"item": "x", "rating": "nice"}]}]}, "cannot be taken in"),
        ({"reviewers": [{"name": "Ann", "ratings": [{"item": "x", "rating": "helpful"}]}]}, "has no item 'x'"),
        ({"reviewers": [{"name": "\u202e", "ratings": []}]}, "Give a name"),
        ({"reviewers": [{"name": "Ann", "ratings": [{"item": "x", "rated": 1e11}]}]}, "is no time"),
        ({"extra": 1}, "cannot be taken in"),
    ],
)
def test_ratings_that_do_not_match_are_told_and_change_nothing(
    mine: Reviews, review: Review, change: dict, told: str
) -> None:
    simulate(mine, review, "Sim A")
    before = everything(mine, review)
    with pytest.raises((BadInput, NotFound), match=told):
        reviews_files.take_in(mine, json.dumps({**json.loads(reviews_files.printed(mine, review.id)), **change}).encode())
    for data in (b"", b"[]", b"\xff\xfe", b"PK\x03\x04"):
        with pytest.raises(BadInput, match="holds no ratings"):
            reviews_files.take_in(mine, data)
    assert everything(mine, review) == before


# -- closing, results -------------------------------------------------------------------------------------------------------


def test_arms_are_told_apart_only_once_nobody_can_rate_any_more(mine: Reviews, review: Review) -> None:
    simulate(mine, review, "Sim A", "Sim B")
    file = reviews_files.printed(mine, review.id)
    open_rows = reviews_export.as_csv(mine).splitlines()
    assert reviews_results.results(mine).arms == ()
    assert all(row.endswith(",,,") for row in open_rows[1:])
    assert json.loads(reviews_export.judged_queries(mine))["queries"] == []
    mine.close(review.id)
    assert [arm.arm for arm in reviews_results.results(mine).arms] == ["mirage", "keywords", "difference"]
    assert not all(row.endswith(",,,") for row in reviews_export.as_csv(mine).splitlines()[1:])
    with pytest.raises(Closed, match="would not be blind"):
        mine.rate(review.id, "Late", given(mine.items(review.id)[0].id))
    with pytest.raises(Closed):
        reviews_files.take_in(mine, file)


def test_results_are_those_of_a_count_by_hand(mine: Reviews, review: Review) -> None:
    keyed = mine.keyed(review.id)
    right = {item.id for item in keyed if item.key.ranks.get("mirage", 99) <= 2}
    for name in ("Sim A", "Sim B"):
        for item in keyed:
            mine.rate(review.id, name, given(item.id, "helpful" if item.id in right else "misleading"))
    mine.close(review.id)
    found = reviews_results.results(mine)
    arms = {arm.arm: arm for arm in found.arms}
    ten = [item for item in keyed if item.kind == "figure" and item.key.ranks.get("mirage", 99) <= 10]
    assert arms["mirage"].ndcg.value == pytest.approx(1.0)
    assert arms["mirage"].precision.value == pytest.approx(len(right & {item.id for item in ten}) / len(ten))
    every = found.kinds[0]
    assert (every.helpful, every.misleading) == (2 * len(right), 2 * (len(keyed) - len(right)))
    assert every.ordinal.value == pytest.approx(1.0)
    judged = json.loads(reviews_export.judged_queries(mine))["queries"]
    assert judged[0]["query"] == QUERY
    assert len(judged[0]["right"]) == len(right & {item.id for item in keyed if item.kind == "figure"})


def test_the_bars_are_judged_by_enough_conditions_only_and_fail_where_they_are_missed(mine: Reviews, review: Review) -> None:
    simulate(mine, review, "Sim A", "Sim B", "Sim C")
    mine.close(review.id)
    shipped = reviews_protocol.shipped()
    planned = shipped.model_copy(update={"conditions": (reviews_protocol.Condition(query=QUERY),), "fewest_conditions": 1})
    assert {each.verdict for each in reviews_results.results(mine).criteria} == {"not judged"}
    told = {each.name: each.verdict for each in reviews_results.results(mine, planned).criteria}
    assert told["agreement of the raters (ordinal alpha)"] == "failed"  # they drew lots
    assert told["misleading among the ratings of figures that MIRAGE found"] == "failed"
    assert told["misleading among the ratings of synthetic images"] == "not judged"


def test_a_comment_is_no_formula_in_a_table(mine: Reviews, review: Review) -> None:
    mine.rate(review.id, "=cmd()", given(mine.items(review.id)[0].id, comment="=1+1"))
    assert ",'=cmd(),helpful,'=1+1," in reviews_export.as_csv(mine)


# -- hiding -----------------------------------------------------------------------------------------------------------------


def test_what_is_misleading_is_listed_and_once_hidden_leaves_searches_which_say_so(atlas: Atlas) -> None:
    mine = atlas.study.reviews
    review, hit = mine.list()[0], atlas.search(QUERY).hits[0]
    first, modality = hit.figure.id, hit.figure.modality
    item = next(each for each in mine.keyed(review.id) if each.key.ranks.get("mirage") == 1 and each.kind == "figure")
    held, named = atlas.facets(), atlas.facets_found(atlas.search(QUERY)).counts
    mine.rate(review.id, "Ann", given(item.id, "misleading", "wrong side"))
    (listed,) = reviews_export.misleading(mine)
    assert (listed.item.id, listed.misleading, listed.comments, listed.hidden) == (item.id, 1, ("wrong side",), False)
    assert listed.item.key == Key()
    mine.hidden.set(item.content.pictures[0].figure, True)
    answer = atlas.search(QUERY)
    assert first not in [hit.figure.id for hit in answer.hits]
    assert any(note.startswith("1 figure is left out") for note in answer.notes)
    assert first not in [hit.figure.id for hit in atlas.compare(QUERY, "brain").a.hits]
    assert atlas.facets()["modality"][modality] == held["modality"][modality] - 1
    assert atlas.facets({"modality": [modality]})["modality"] == {modality: held["modality"][modality] - 1}
    assert atlas.facets_found(answer).counts["modality"].get(modality, 0) == named["modality"][modality] - 1
    assert reviews_export.misleading(mine)[0].hidden
    mine.hidden.set(item.content.pictures[0].figure, False)
    shown = atlas.search(QUERY)
    assert shown.hits[0].figure.id == first
    assert not any("left out" in note for note in shown.notes)

    stack = atlas.figure("starter:abdomen-mri")
    mine.hidden.set(atlas.reference(stack.id), True)
    assert seen(atlas, [stack, shown.hits[0].figure]) == [shown.hits[0].figure]  # what a quiz may ask about
    mine.hidden.set("starter:gone~0123456789ab", True)  # removed since
    assert atlas.search(QUERY).hits


# -- the database -----------------------------------------------------------------------------------------------------------


def test_a_review_that_is_deleted_comes_back_with_its_ratings(mine: Reviews, review: Review) -> None:
    simulate(mine, review, "Sim A")
    before = everything(mine, review)
    mine.delete(review.id)
    assert (mine.list(), mine.educators()) == ([], 0)
    with pytest.raises(NotFound):
        mine.get(review.id)
    assert mine.restore(review.id).id == review.id
    assert everything(mine, review) == before


def test_a_database_of_before_gets_the_tables(tmp_path: Path) -> None:
    path = tmp_path / FILE
    engine = sa.create_engine(f"sqlite:///{path}")
    old = sa.MetaData()
    sa.Table("alembic_version", old, sa.Column("version_num", sa.String(32), primary_key=True))
    with engine.begin() as connection:
        old.create_all(connection)
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('0003')")
    engine.dispose()
    upgrade(path, SCHEMA)
    made = sa.inspect(sa.create_engine(f"sqlite:///{path}"))
    for table in ("reviews", "review_items", "ratings", "hidden"):
        assert {column["name"] for column in made.get_columns(table)} == set(SCHEMA.tables.tables[table].c.keys())


# -- what is said -----------------------------------------------------------------------------------------------------------


def test_the_protocol_has_twenty_conditions_and_a_hash_of_its_own() -> None:
    protocol = reviews_protocol.shipped()
    assert (len({each.query for each in protocol.conditions}), len(protocol.hash)) == (20, 64)
    assert protocol.condition("Acute Appendicitis") is not None


def test_the_readme_says_by_how_many_educators_what_ships_is_rated() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    assert re.findall(r"rated by [\d,]+ educators?", readme) == [rated_by(len(shipped_reviewers()))]


def test_the_page_of_the_protocol_says_what_the_protocol_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "review-protocol.md").read_text("utf-8")
    protocol = reviews_protocol.shipped()
    table = re.findall(r"^\| (\d+) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    assert [(query, versus) for _, query, versus in table] == [(each.query, each.versus) for each in protocol.conditions]
    told = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", page, re.MULTILINE))
    numbers = {**protocol.items.model_dump(), **protocol.failure.model_dump()}
    numbers |= {name: getattr(protocol, name) for name in ("raters", "fewest_raters", "fewest_conditions")}
    assert {name: float(value) for name, value in told.items()} == numbers
    assert protocol.hash in page


def test_another_protocol_has_another_hash_and_a_broken_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "protocol.toml"
    path.write_text(reviews_protocol.FILE.read_text("utf-8").replace("raters = 3", "raters = 2"), "utf-8")
    assert reviews_protocol.read(path).hash != reviews_protocol.shipped().hash
    path.write_text("raters = ", "utf-8")
    with pytest.raises(BadInput, match="is no protocol"):
        reviews_protocol.read(path)
