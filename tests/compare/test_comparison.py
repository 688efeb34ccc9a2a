"""What two answers share and what tells them apart, over the starter atlas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mirage.atlas import Atlas
from mirage.compare.comparison import Comparer, nearest, pairings
from mirage.compare.dual import Dual
from mirage.errors import BadQuery
from mirage.explain.evidence import Claim
from mirage.figure import Case, Figure, Source
from mirage.language.reading import read
from mirage.query import Query
from mirage.search.answer import Answer, Hit
from mirage.storage.records import FigureRecord, PictureRow
from mirage.storage.store import Store


@pytest.fixture(scope="session")
def atlas(starter: Atlas) -> Atlas:
    return starter


def test_how_and_where_it_was_taken_is_said_and_is_no_trait(atlas: Atlas) -> None:
    found = atlas.compare("heart ultrasound", "axial brain MRI")
    told = {one.concept for side in (found.of_a, found.of_b, found.shared) for one in side}
    assert told.isdisjoint({"heart", "brain", "ultrasound", "axial", "magnetic resonance imaging"})
    assert any("difference in region" in note and "heart" in note and "brain" in note for note in found.notes)
    assert any("difference in modality" in note for note in found.notes)


def test_figures_of_one_modality_plane_and_region_are_set_side_by_side(atlas: Atlas) -> None:
    found = atlas.compare("axial brain MRI thalamus", "axial brain MRI cerebellum")
    assert found.alike
    for pair in found.alike:
        assert pair.a
        assert pair.b
        kinds = {(hit.figure.modality, hit.figure.plane, hit.figure.region) for hit in (*pair.a, *pair.b)}
        assert kinds == {(pair.modality, pair.plane, pair.region)}


def test_figures_whose_source_leaves_the_region_blank_are_not_like_each_other() -> None:
    source = Source("made", "made for a test")
    figures = [Figure(f"made:{n}", "", source, modality="MR", plane="axial", region="") for n in range(2)]
    hits = [Hit(1, figure, "strong", (), 1.0) for figure in figures]
    assert not pairings(hits[:1], hits[1:])
    hits = [replace(hit, figure=replace(hit.figure, region="brain")) for hit in hits]
    assert pairings(hits[:1], hits[1:])


def test_where_none_are_alike_the_two_that_come_nearest_stand_side_by_side() -> None:
    source = Source("made", "made for a test")
    kinds = [("CT", "axial", "thorax"), ("MR", "axial", "brain"), ("CT", "coronal", "abdomen"), ("CT", "axial", "abdomen")]
    figures = [Figure(f"made:{n}", "", source, modality=m, plane=p, region=r) for n, (m, p, r) in enumerate(kinds)]
    a, *b = (Hit(max(1, n), figure, "strong", (), 1.0) for n, figure in enumerate(figures))
    assert [hit.figure.id for hit in nearest([a], b)] == ["made:0", "made:3"]
    assert [hit.figure.id for hit in nearest([a], b[:2])] == ["made:0", "made:1"], "of two that fit alike the better"
    assert nearest([a], [a]) == nearest([], b) == (), "a figure of both sides stands on neither"


def test_of_one_case_it_is_said_that_it_is_too_few_and_pictures_stand_side_by_side(atlas: Atlas) -> None:
    found = atlas.compare("aortic dissection", "aortic aneurysm")
    assert found.cases == (1, 1)
    assert "Too few cases to tell: this atlas has one case of A and one case of B." in found.notes[0]
    assert not found.alike
    assert [hit.figure.diagnosis for hit in found.beside] == ["Aortic dissection", "Abdominal aortic aneurysm"]
    assert not atlas.compare("lung mass", "lung nodule").beside, "these are alike"


def test_as_many_hits_are_shown_as_were_asked_for(atlas: Atlas) -> None:
    found = atlas.compare("axial brain MRI thalamus", "axial brain MRI cerebellum", k=5)
    assert len(found.a.hits) == len(found.b.hits) == 5
    assert found.a.query.k == 5


def test_the_difference_is_explained_from_both_sides(atlas: Atlas) -> None:
    found = atlas.compare("lung mass", "lung nodule")
    events = list(atlas.contrasting(found, explainer="extractive"))
    began = next(event for event in events if type(event).__name__ == "Began")
    side = {item.number: item.side for item in began.evidence}
    assert set(side.values()) == {"a", "b"}
    cited = {side[number] for event in events if isinstance(event, Claim) for number in event.cites}
    assert cited == {"a", "b"}
    assert not any(event.text.startswith("Shows:") for event in events if isinstance(event, Claim))


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
    assert sum(hit.figure.plane == "coronal" for hit in found.b.hits[:10]) > 3  # no more than a few of a stack
    assert sum(hit.figure.plane == "coronal" for hit in found.a.hits[:10]) < 3


def test_a_case_whose_short_form_means_something_else_stands_for_no_side(tmp_path: Path) -> None:
    source, vector = Source("made", "made for a test"), np.eye(16, dtype=np.float32)[0]
    cases = {
        "a": ("Acute PE", "Pulmonary embolism"),
        "b": ("Pulmonary embolism", ""),
        "c": ("Migration of PE (ear) tube", "Tympanostomy tube"),
    }
    records = []
    for name, (diagnosis, topic) in cases.items():
        figure = Figure(
            f"made:{name}", "CT shows a filling defect.", source, diagnosis=diagnosis, case_id=f"made:case-{name}"
        )
        case = Case(f"made:case-{name}", diagnosis, source, diagnosis=diagnosis, topic=topic)
        picture = PictureRow(f"{name * 64}.png", 8, 8, 10, 7)
        records.append(FigureRecord(figure, case, name, picture, vector, vector))
    store = Store.at(tmp_path / "records.sqlite")
    store.put(records, "encoder", 1)
    hits = tuple(Hit(1, made.figure, "strong", (), 1.0) for made in records)
    answer = Answer(Query.of("pulmonary embolism"), hits, True, (), 0.0, read("pulmonary embolism", lambda _: True))
    found = Comparer(store).compare(Dual(answer.query, Query.of("pneumonia")), answer, replace(answer, hits=()))
    store.close()
    assert found.cases == (2, 0)
