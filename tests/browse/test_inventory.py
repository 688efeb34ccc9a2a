"""A figure is under a condition only where its words, or its case's topic, affirm it."""

from __future__ import annotations

import pytest

from mirage.atlas import Atlas
from mirage.browse import Browse
from mirage.browse.inventory import Inventory
from mirage.corpora import load
from mirage.language.concepts import lexicon
from mirage.storage.ingest import add
from parts import picture_folder

ROWS = {
    "affirmed": ("CT of the abdomen. Acute appendicitis.", "", ""),
    "denied": ("CT of the abdomen. No appendicitis.", "", ""),
    "possible": ("CT of the abdomen, possible appendicitis.", "", ""),
    "titled but denied": ("No appendicitis is seen.", "Appendicitis", ""),
    "kind": ("CT of the pelvis. Perforated appendicitis.", "", ""),
    "healthy": ("CT of the abdomen: liver, spleen and both kidneys.", "", ""),
}


@pytest.fixture(scope="module")
def held(tmp_path_factory) -> tuple[Inventory, dict[str, int]]:
    place = tmp_path_factory.mktemp("held")
    folder = picture_folder(place / "told", len(ROWS))
    files = sorted(path.name for path in folder.iterdir() if path.suffix != ".csv")
    lines = ["file,caption,title,diagnosis"]
    lines += [
        f'{file},"{caption}",{title},{diagnosis}'
        for file, (caption, title, diagnosis) in zip(files, ROWS.values(), strict=True)
    ]
    (folder / "figures.csv").write_text("\n".join(lines), "utf-8")
    with Atlas.open(place / "atlas", create=True) as atlas:
        add(atlas, load("folder", path=folder))
        keys = {row.figure.caption: row.key for rows in atlas.store.each() for row in rows}
        yield Inventory.of(atlas.store), {name: keys[caption] for name, (caption, *_) in ROWS.items()}


def shown(held, concept: str) -> set[str]:
    inventory, keys = held
    found = set(inventory.figures.get(concept, ()))
    return {name for name, key in keys.items() if key in found}


def test_a_condition_that_is_denied_or_supposed_has_no_figure(held):
    assert shown(held, "appendicitis") == {"affirmed", "kind"}


def test_what_shows_a_kind_of_it_is_under_the_broader_concept_too(held):
    assert shown(held, "perforated appendicitis") == {"kind"}
    assert shown(held, "inflammation") >= {"affirmed", "kind"}


def test_healthy_organs_are_structures_and_no_conditions(held):
    inventory, keys = held
    assert "healthy" in shown(held, "liver") & shown(held, "spleen") & shown(held, "abdomen")
    ill = [
        name for name, found in inventory.figures.items() if keys["healthy"] in found and lexicon().kind(name) == "disease"
    ]
    assert ill == []


def test_the_example_of_a_concept_is_one_of_its_figures(held):
    inventory, _ = held
    assert all(inventory.examples[name] in found for name, found in inventory.figures.items())


def test_what_is_hidden_from_learners_is_in_no_list(some):
    hidden: set[int] = set()
    browse = Browse(some.store, some.path, some.encoder_info.digest, lambda: frozenset(hidden))
    spleen = browse.inventory.figures["spleen"].tolist()
    hidden.update(spleen[1:])
    assert browse.inventory.figures["spleen"].tolist() == spleen[:1]
    hidden.update(spleen)
    assert "spleen" not in browse.inventory.figures
    assert [each.text for each in browse.suggest("spleen") if each.text == "spleen"] == []


def test_an_atlas_of_the_brain_is_no_vertebra(starter):
    assert "atlas vertebra" not in starter.browse.inventory.figures
    assert {match.concept for match in lexicon().find("Fracture of the anterior arch of the atlas").matches} & {
        "atlas vertebra",
        "atlas fracture",
    }
