"""What its source has withdrawn is used for nothing: every use of figures, and every way out, before and after."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pytest
from PIL import Image

from mirage.atlas import Atlas
from mirage.compare.dual import Dual
from mirage.corpora.live.base import Standing
from mirage.errors import BadInput
from mirage.figure import Figure, Licence, Source, Withdrawal
from mirage.generate import synthesis
from mirage.generate.generators import DrawnImage
from mirage.images.marks import SyntheticRecord
from mirage.licensing import PURPOSES, WAYS, WITHDRAWN, behind, counted_as, may_leave, passing_on
from mirage.query import Query
from mirage.storage.archive_export import export
from mirage.storage.gone import heed
from mirage.study.along.bundle import Order
from mirage.study.along.gather import gather
from mirage.study.along.taking import bundle_of
from mirage.study.kept import Content
from mirage.study.quiz.making import MAKING
from mirage.study.quiz.origin import Origin, material
from mirage.study.reviews.pool import by_keywords
from mirage.web.views.map import tile_view
from parts import copy_atlas
from pencil import Pencil

GONE, OTHER = "starter:retina", "starter:retina-microaneurysms"
SAID, PAGE, SEEN = "The article was retracted.", "https://example.org/retraction", 1_790_000_000.0
WORD = Withdrawal(SAID, PAGE, SEEN)


def withdraw(atlas: Atlas, *ids: str, said: str = SAID, asked: float = SEEN) -> None:
    heed(atlas, "starter", [Standing(each, asked, said, PAGE) for each in ids])


@dataclass(frozen=True)
class Both:
    """The same atlas, as it was and with a figure withdrawn."""

    before: Atlas
    after: Atlas


@pytest.fixture(scope="module")
def both(some: Atlas, some_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with Atlas.open(copy_atlas(some_folder, tmp_path_factory.mktemp("withdrawn") / "atlas")) as atlas:
        withdraw(atlas, GONE)
        yield Both(some, atlas)


def ids(figures: Iterable[Figure]) -> set[str]:
    return {figure.id for figure in figures}


def of_keys(atlas: Atlas, keys: Iterable[int]) -> set[str]:
    return ids(row.figure for row in atlas.store.rows(sorted(set(keys))).values())


def on_the_map(atlas: Atlas) -> set[str]:
    made = atlas.browse.map()
    assert made is not None
    high, wide = made.levels[0].shape
    return {each.figure.id for each in tile_view(atlas, made, 0, 0, 0, wide, high).figures}


def beside_a_synthetic_image(atlas: Atlas) -> set[str]:
    """What stands beside an image that looks just like the figure."""
    with Image.open(atlas.picture(GONE)) as file:
        drawn = DrawnImage(file.convert("RGB").resize((64, 64)), 1)
    info = Pencil().info()
    request, _ = synthesis.request_of(atlas, Query.of("retina"), synthesis.GenerationOptions(seed=1), Pencil())
    record: SyntheticRecord = synthesis._record(request, info, drawn, "")
    found = synthesis._beside(atlas, record, drawn, None, (), False)
    return {reference.partition("~")[0] for reference in found.nearest}


USES: dict[str, Callable[[Atlas], set[str]]] = {
    "a search": lambda atlas: ids(hit.figure for hit in atlas.search("retina").hits),
    "a search twice": lambda atlas: ids(hit.figure for hit in atlas.search("retina", refine=True).hits),
    "a search for the like": lambda atlas: ids(hit.figure for hit in atlas.similar(OTHER).hits),
    "keyword search": lambda atlas: ids(by_keywords(atlas, "retina fundus", 20)),
    "an explanation": lambda atlas: {own for each in atlas.explain("retina").evidence for own in each.figures},
    "an explanation of a search for what was withdrawn": lambda atlas: {
        own for each in atlas.explain("retina", withdrawn=True).evidence for own in each.figures
    },
    "a comparison": lambda atlas: ids(hit.figure for hit in atlas.compare("retina", "skin histology").a.hits),
    "a comparison that asks for what was withdrawn": lambda atlas: ids(
        hit.figure for hit in atlas.compare(Dual.parse("a.q=retina&a.withdrawn=1&b.q=skin+histology")).a.hits
    ),
    "browsing": lambda atlas: of_keys(atlas, (int(key) for keys in atlas.browse.inventory.figures.values() for key in keys)),
    "the map": on_the_map,
    "a quiz of all": lambda atlas: ids(material(Origin("filter"), atlas, atlas.study.collections).figures),
    "a quiz of a search": lambda atlas: ids(
        material(Origin("search", "q=retina&withdrawn=1"), atlas, atlas.study.collections).figures
    ),
    "real figures beside a synthetic one": beside_a_synthetic_image,
}


@pytest.mark.parametrize("use", list(USES))
def test_nothing_uses_what_was_withdrawn(both: Both, use: str) -> None:
    assert GONE in USES[use](both.before)
    found = USES[use](both.after)
    assert GONE not in found
    assert found or "explanation" in use, "of others there is still something"


def test_it_is_counted_in_words_and_found_when_it_is_asked_for(both: Both) -> None:
    told = "1 figure that fits is left out: its source has withdrawn it."
    answer = both.after.search("retina")
    assert (answer.withdrawn, told in answer.notes) == (1, True)
    assert (both.before.search("retina").withdrawn, told in both.before.search("retina").notes) == (0, False)
    elsewhere = both.after.search("skin histology")
    assert (elsewhere.withdrawn, told in elsewhere.notes) == (0, False), "what does not fit is not counted"
    asked = both.after.search("retina", withdrawn=True)
    assert (asked.withdrawn, told in asked.notes) == (0, False)
    assert [(hit.figure.id, hit.rank) for hit in asked.hits] == [
        (hit.figure.id, hit.rank) for hit in both.before.search("retina").hits
    ]
    assert {hit.figure.id: hit.figure.withdrawn for hit in asked.hits}[GONE] == WORD
    assert both.after.similar(GONE).hits[0].figure.id == OTHER, "one may still look for the like of it"


def test_counts_beside_a_search_leave_it_out_unless_it_is_asked_for(both: Both) -> None:
    counts = [atlas.facets()["modality"]["OP"] for atlas in (both.before, both.after)]
    assert counts == [2, 1]
    answers = [both.before.search("retina"), both.after.search("retina"), both.after.search("retina", withdrawn=True)]
    atlases = both.before, both.after, both.after
    found = [atlas.facets_found(answer).counts["modality"]["OP"] for atlas, answer in zip(atlases, answers, strict=True)]
    assert found == [2, 1, 2]


def test_another_sources_same_picture_is_not_left_out_with_it(some_copy: Path) -> None:
    with Atlas.open(some_copy) as atlas:
        twin = "starter:tissue-he-tile-1"
        row, known = atlas.store.row(GONE), atlas.store.row(twin)
        with atlas.changing():  # the same picture, by look and by vector, under another id
            with atlas.store._database.writing() as connection:
                connection.exec_driver_sql(
                    "UPDATE figures SET look=(SELECT look FROM figures WHERE key=?) WHERE key=?",
                    (
                        row.key,
                        known.key,
                    ),
                )
                for name in ("title", "caption", "stems", "folded", "modality"):
                    connection.exec_driver_sql(
                        f"UPDATE figures SET {name}=(SELECT {name} FROM figures WHERE key=?) WHERE key=?",
                        (row.key, known.key),
                    )
                connection.exec_driver_sql(
                    "UPDATE vectors SET image=(SELECT image FROM vectors WHERE key=?), "
                    "caption=(SELECT caption FROM vectors WHERE key=?) WHERE key=?",
                    (row.key, row.key, known.key),
                )
            atlas.index_again([known.key])
        first = atlas.search("retina fundus photograph")
        assert any({GONE, twin} <= {hit.figure.id, *hit.folded} for hit in first.hits), "one stands for the other"
        withdraw(atlas, GONE)
        after = atlas.search("retina fundus photograph")
        assert twin in ids(hit.figure for hit in after.hits)
        assert all(GONE not in hit.folded for hit in after.hits)


@pytest.mark.parametrize("given", [{"figure": GONE}, {"like": GONE}])
def test_no_image_is_made_from_it(both: Both, given: dict[str, str]) -> None:
    query = Query.of(like=[GONE]) if "like" in given else Query.of("retina")
    options = synthesis.GenerationOptions(figure=given.get("figure", ""))
    synthesis.request_of(both.before, query, options, Pencil())
    with pytest.raises(BadInput, match="has withdrawn it, so no image is made from it"):
        synthesis.request_of(both.after, query, options, Pencil())


# -- ways out ---------------------------------------------------------------------------------------------------------------

LICENCES = ("CC0", "MIT", "CC BY 4.0", "CC BY-SA 4.0", "CC BY-NC 4.0", "CC BY-ND 4.0", "")


@pytest.mark.parametrize(("way", "licence"), list(product(WAYS, LICENCES)))
def test_by_no_way_and_under_no_licence_is_it_passed_on(way: str, licence: str) -> None:
    figure = Figure("a:1", "", Source("a", "", licence=Licence(licence)))
    gone = replace(figure, withdrawn=WORD)
    assert may_leave(figure, way, "pass-on", non_commercial=True) == may_leave(
        figure.source.licence, way, "pass-on", non_commercial=True
    )
    for altered, gainless in product((False, True), repeat=2):
        told = may_leave(gone, way, "pass-on", altered=altered, non_commercial=gainless)
        assert (told.allowed, told.carries) == (False, ())
    if licence not in ("", "CC BY-ND 4.0"):
        assert may_leave(figure, way, "pass-on", non_commercial=True).allowed
    assert may_leave(gone, way, "pass-on").why == "Its source has withdrawn it: it is not passed on."
    assert may_leave(gone, way, "myself").allowed
    assert passing_on(gone) == f"Its source has withdrawn it: do not pass it on. {SAID}"


def test_what_stays_is_counted_by_its_own_words() -> None:
    figure = Figure("a:1", "", Source("a", "", licence=Licence("CC BY 4.0")))
    stayed = [counted_as(figure), counted_as(replace(figure, withdrawn=WORD)), counted_as(replace(figure, withdrawn=WORD))]
    assert behind(stayed) == f"3 figures stayed behind: 2 {WITHDRAWN}, 1 CC BY 4.0."


@pytest.mark.parametrize(("way", "purpose"), list(product(("deck", "slide", "sheet", "quiz", "images"), PURPOSES)))
def test_it_is_not_taken_along_and_is_counted(both: Both, way: str, purpose: str) -> None:
    wanted = [Content(kind="figure", target=own, title=own) for own in (GONE, OTHER)]
    before, after = (
        gather(atlas, wanted, way, Order(purpose, True), key="k", title="Week 3") for atlas in (both.before, both.after)
    )
    assert [each.figure.id for each in before.pictures()] == [GONE, OTHER]
    assert [each.figure.id for each in after.pictures()] == [OTHER]
    assert before.stayed == ()
    assert after.stayed == ("1 picture stayed behind: its source has withdrawn it.",)


def test_an_atlas_file_to_pass_on_is_without_it_and_counts_it(both: Both, tmp_path: Path) -> None:
    before = export(both.before.path, tmp_path / "before.mirage", non_commercial=True)
    after = export(both.after.path, tmp_path / "after.mirage", non_commercial=True)
    assert (before.manifest.figures - after.manifest.figures, before.manifest.format) == (1, after.manifest.format)
    assert WITHDRAWN in after.behind
    assert WITHDRAWN not in before.behind
    assert after.manifest.left_out.unlicensed == before.manifest.left_out.unlicensed + 1


def test_a_notebook_says_it_beside_the_picture(both: Both) -> None:
    shown = next(hit for hit in both.after.search("retina", withdrawn=True).hits if hit.figure.id == GONE)._repr_html_()
    assert f"Its source has withdrawn it: do not pass it on. {SAID}" in shown


# -- what people keep -------------------------------------------------------------------------------------------------------


def test_what_people_keep_of_it_is_marked_and_not_asked(some_copy: Path) -> None:
    with Atlas.open(some_copy) as atlas:
        study = atlas.study
        mine = study.collections.make("Eyes")
        for own in (GONE, OTHER):
            study.collections.add(mine.id, "figure", own)
        of_case = study.collections.add(mine.id, "case", "starter:case-lung-mass")[0]
        quiz = study.quiz.make(Origin("case", "starter:case-lung-mass"), count=3, seed=1)
        made = MAKING["point"](atlas.figure("starter:lung-mass"), atlas, random.Random(1))
        assert not isinstance(made, str)
        study.repeating.add("figure", "starter:lung-mass", ["point"])
        assert study.schedule.today().new > 0
        figures = [row.figure.id for row in atlas.store.figures_of("starter:case-lung-mass")]
        withdraw(atlas, GONE, *figures[:-1])
        kept = {item.figure: (item.removed, item.withdrawn) for item in study.collections.get(mine.id).items}
        assert kept[GONE] == (False, True)
        assert kept[OTHER] == (False, False)
        assert kept[of_case.figure] == (False, False), "a figure of the case still stands"
        withdraw(atlas, "starter:case-lung-mass", asked=SEEN + 1)
        kept = {item.figure: (item.removed, item.withdrawn) for item in study.collections.get(mine.id).items}
        assert kept[of_case.figure] == (False, True)
        asked = study.quiz.get(quiz.id).asked
        bundle = bundle_of(atlas, study, "quiz", quiz.id, "quiz", Order())
        assert (bundle.count, bundle.removed, bundle.withdrawn > 0, bundle.questions) == (0, (), True, ())
        assert {(each.waits, each.removed, each.withdrawn) for each in asked} == {(False, True, True)}
        cards = study.schedule.cards()
        assert {(card.removed, card.withdrawn) for card in cards} == {(True, True)}
        assert (study.schedule.today().new, study.schedule.queue()) == (0, [])
        # Lifted again, all of it is as it was.
        withdraw(atlas, GONE, "starter:case-lung-mass", said="", asked=SEEN + 2)
        assert {item.withdrawn for item in study.collections.get(mine.id).items} == {False}
        assert all(each.waits for each in study.quiz.get(quiz.id).asked)
        assert study.schedule.today().new > 0


def test_an_atlas_tells_how_many_were_withdrawn(both: Both) -> None:
    assert (both.before.info().withdrawn, both.after.info().withdrawn) == (0, 1)
    assert [corpus.withdrawn for corpus in both.after.info().corpora] == [1]
    assert both.after.figure(GONE).withdrawn == WORD
    assert WORD.day == time.strftime("%Y-%m-%d", time.gmtime(SEEN))
