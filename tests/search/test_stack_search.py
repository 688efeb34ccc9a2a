"""A search finds a stack by its best slice, says which that is, and lets no stack fill the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mirage.atlas import Atlas
from mirage.query import Query
from mirage.search.answer import Answer
from mirage.search.stacks import MOST, cosine_of_best, together
from mirage.storage.ingest import add
from squares import Squares
from stack_maker import Volumes, picture, volume

VOLUMES = {
    "liver": volume(seed=1, labels=True),
    "chest": volume(seed=2),
    "pelvis": volume(130, seed=3, apart=1.0, side=32),
}
SINGLES = {"liver": tuple(range(12)), "chest": (2, 5)}
CAPTIONS = {
    "liver": "Axial CT of the abdomen. Marked: left kidney, aorta.",
    "liver 7": "Axial CT of the abdomen with the spleen.",
    "chest 5": "Axial CT of the mediastinum.",
}


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    with Atlas.open(tmp_path_factory.mktemp("stacks") / "atlas", encoder=Squares(), create=True) as made:
        report = add(made, Volumes(VOLUMES, SINGLES, CAPTIONS))
        assert not report.refused
        yield made


def like(atlas: Atlas, name: str, number: int, **more: object) -> Answer:
    term = atlas.embed(picture(VOLUMES[name], number))
    return atlas.search(Query.of(pictures=[term], **more))


def ids(answer: Answer) -> list[str]:
    return [hit.figure.id for hit in answer.hits]


@pytest.mark.parametrize(("name", "number"), [("liver", 0), ("chest", 5), ("chest", 11), ("pelvis", 3), ("pelvis", 128)])
def test_a_picture_of_a_slice_finds_its_stack_and_the_slice(atlas: Atlas, name: str, number: int) -> None:
    answer = like(atlas, name, number)
    hit = next(hit for hit in answer.hits if hit.figure.id == f"volumes:{name}")
    assert hit.slice is not None
    assert abs(hit.slice.number - number) <= 1
    assert (hit.slice.view, hit.slice.label) == ("axial", "")
    # The figure that is cut there may come first; this encoder's captions say nothing of pictures.
    assert next(match.rank for match in hit.channels if match.channel == "image") <= 2


@pytest.mark.parametrize(
    ("words", "label", "number"),
    [("left kidney", "left kidney", 2), ("kidneys", "left kidney", 2), ("aorta, axial CT", "aorta", 10)],
)
def test_where_a_marked_structure_is_asked_for_its_largest_section_is_shown(
    atlas: Atlas, words: str, label: str, number: int
) -> None:
    hit = next(hit for hit in atlas.search(words).hits if hit.figure.id == "volumes:liver")
    assert hit.slice is not None
    assert (hit.slice.label, hit.slice.number) == (label, number)
    assert hit.slice.why == f"{label} is largest here"


def test_what_is_not_marked_or_denied_chooses_no_label(atlas: Atlas) -> None:
    for words in ("abdomen CT", "abdomen CT without left kidney"):
        hit = next(hit for hit in atlas.search(words).hits if hit.figure.id == "volumes:liver")
        assert hit.slice is not None
        assert hit.slice.label == ""
    assert all(hit.slice is None for hit in atlas.search("abdomen CT").hits if hit.figure.stack is None)


def test_a_stack_leaves_room_for_others(atlas: Atlas) -> None:
    for answer in (atlas.search("axial CT"), like(atlas, "liver", 4)):
        found = [hit for hit in answer.hits if hit.figure.id.startswith("volumes:liver")]
        assert len(found) == MOST
        assert "volumes:liver" in [hit.figure.id for hit in found]
        assert {"volumes:chest", "volumes:pelvis"} <= set(ids(answer))


def test_the_stack_leads_where_its_title_is_asked_for_and_the_figure_whose_caption_fits_better(atlas: Atlas) -> None:
    assert ids(atlas.search("chest"))[0] == "volumes:chest"
    assert ids(atlas.search("mediastinum"))[0] == "volumes:chest 5"
    assert ids(atlas.search("liver"))[0] == "volumes:liver"
    assert ids(atlas.search("spleen"))[0] == "volumes:liver 7"


def test_a_stack_is_found_although_more_of_its_slices_are_nearer_than_are_listed(tmp_path: Path) -> None:
    captions = {"spine": "A volume."} | {f"spine {number}": "Axial CT of spine fracture." for number in range(90)}
    given = {"spine": volume(90, seed=5, side=16), "chest": volume(seed=2)}
    with Atlas.open(tmp_path / "atlas", encoder=Squares(), create=True) as atlas:
        add(atlas, Volumes(given, {"spine": tuple(range(90))}, captions))
        for words in ("spine", "spine fracture", "axial CT spine"):
            assert "volumes:spine" in ids(atlas.search(words, k=5))
        assert ids(atlas.search("spine", k=5))[0] == "volumes:spine"
        assert "volumes:spine" not in ids(atlas.search("spine fracture", k=5, modality="CT"))[:1]


def test_a_figure_that_is_the_picture_of_its_stack_does_not_hide_it(atlas: Atlas) -> None:
    stack = atlas.figure("volumes:liver").stack
    assert stack is not None
    found = ids(like(atlas, "liver", stack.best))
    assert {"volumes:liver", f"volumes:liver {stack.best}"} <= set(found)


def test_many_slices_alone_make_no_hit_surer(atlas: Atlas) -> None:
    answer = like(atlas, "pelvis", 64)
    stack = next(hit for hit in answer.hits if hit.figure.id == "volumes:chest")
    raw = next(match.score for match in stack.channels if match.channel == "image")
    assert stack.features is not None
    assert stack.features.image == pytest.approx(cosine_of_best(raw, 12))
    assert stack.features.image < raw
    assert cosine_of_best(0.9, 1) == 0.9
    assert cosine_of_best(0.9, 128) < cosine_of_best(0.9, 16) < 0.9
    single = next(hit for hit in answer.hits if hit.figure.stack is None)
    assert single.features is not None
    assert single.features.image == next(match.score for match in single.channels if match.channel == "image")


def test_feedback_does_not_change_how_sure_a_stack_is(atlas: Atlas) -> None:
    query = Query.of("chest", k=10)
    plain, refined = atlas.search(query), atlas.search(replace(query, refine=True))
    first, second = ({hit.figure.id: hit.confidence for hit in answer.hits} for answer in (plain, refined))
    assert first["volumes:chest"] == second["volumes:chest"]


def test_figures_of_a_stack_keep_the_places_that_they_have_among_others() -> None:
    families = {1: "a", 2: "a", 3: "a", 4: "a", 7: "b", 8: "b"}
    assert together([2, 9, 3, 4, 7, 1, 8], families, {1, 7}, ()) == [2, 9, 3, 1, 7, 8]
    assert together([2, 9, 3, 4, 7, 1, 8], families, {1, 7}, {1}) == [1, 9, 2, 3, 7, 8]
    assert together([2, 3, 4, 5], families, (), ()) == [2, 3, 4, 5]
    assert together([5, 6], families, {1}, ()) == [5, 6]


def test_an_atlas_without_stacks_has_no_slices(tmp_path: Path, small: Path) -> None:
    with Atlas.open(small) as atlas:
        assert all(hit.slice is None for hit in atlas.search("phantom").hits)
        assert atlas.store.families() == {}
