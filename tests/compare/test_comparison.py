"""What two answers share and what tells them apart, over the starter atlas."""

from __future__ import annotations

import pytest

from mirage.atlas import Atlas
from mirage.errors import BadQuery
from mirage.explain.evidence import Claim


@pytest.fixture(scope="session")
def atlas(starter: Atlas) -> Atlas:
    return starter


def test_what_each_side_shows_tells_them_apart(atlas: Atlas) -> None:
    found = atlas.compare("heart ultrasound", "axial brain MRI")
    assert ("region", "heart") in [(trait.kind, trait.words) for trait in found.of_a]
    assert ("region", "brain") in [(trait.kind, trait.words) for trait in found.of_b]
    assert not any(trait.kind == "modality" for trait in found.of_a), "how it was taken is no difference of the conditions"
    ids_a = {hit.figure.id for hit in found.a.hits}
    assert all(set(trait.a) <= ids_a for trait in found.of_a), "every trait comes with figures that show it"


def test_figures_of_one_modality_and_plane_are_set_side_by_side(atlas: Atlas) -> None:
    found = atlas.compare("axial brain MRI thalamus", "axial brain MRI cerebellum")
    assert found.alike
    for pair in found.alike:
        assert pair.a
        assert pair.b
        kinds = {(hit.figure.modality, hit.figure.plane) for hit in (*pair.a, *pair.b)}
        assert kinds == {(pair.modality, pair.plane)}


def test_the_difference_is_explained_from_both_sides(atlas: Atlas) -> None:
    found = atlas.compare("axial brain MRI thalamus", "axial brain MRI cerebellum")
    events = list(atlas.contrasting(found, explainer="extractive"))
    began = next(event for event in events if type(event).__name__ == "Began")
    side = {item.number: item.side for item in began.evidence}
    assert set(side.values()) == {"a", "b"}
    cited = {side[number] for event in events if isinstance(event, Claim) for number in event.cites}
    assert cited == {"a", "b"}


def test_identical_queries_differ_in_nothing(atlas: Atlas) -> None:
    found = atlas.compare("brain MRI thalamus", "brain MRI thalamus")
    assert not found.of_a
    assert not found.of_b
    assert any("same" in note for note in found.notes)


def test_a_side_that_finds_nothing_is_told(atlas: Atlas) -> None:
    found = atlas.compare("axial brain MRI thalamus", "gallbladder ileus stone")
    assert not found.b.fits
    assert found.notes


def test_a_modification_that_leaves_nothing_is_told(atlas: Atlas) -> None:
    with pytest.raises(BadQuery, match="cancel"):
        atlas.compare("brain", less=["brain"])


def test_less_of_turns_the_search_round(atlas: Atlas) -> None:
    found = atlas.compare("axial brain MRI", less=["axial"], more=["coronal"])
    assert sum(hit.figure.plane == "coronal" for hit in found.b.hits[:10]) > 5
    assert sum(hit.figure.plane == "coronal" for hit in found.a.hits[:10]) < 3
