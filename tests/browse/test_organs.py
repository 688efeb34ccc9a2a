"""Concepts are sorted by the organ system that the lexicon has them in."""

from __future__ import annotations

import pytest

from mirage.browse.inventory import Inventory
from mirage.browse.organs import ANYWHERE, NAMES, system_named, systems_of
from mirage.errors import NotFound
from mirage.language.concepts import lexicon


class _Keys(list):
    def tolist(self) -> list[int]:
        return self


@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("meningioma", "brain"),
        ("spinal meningioma", "spine"),
        ("retinal detachment", "eye"),
        ("appendicitis", "digestive"),
        ("esophagus", "digestive"),
        ("renal cell carcinoma", "urinary"),
        ("aortic dissection", "vessels"),
        ("pneumothorax", "chest"),
        ("ectopic pregnancy", "women"),
        ("prostate cancer", "men"),
        ("mandible", "head"),
        ("femur", "bones"),
        ("osteosarcoma", "bones"),
        ("breast cancer", "breast"),
        ("metastasis", ANYWHERE),
    ],
)
def test_a_concept_is_of_the_system_of_its_organ(name, system):
    assert name in lexicon()
    inventory = Inventory({name: _Keys([1])}, frozenset({name}), {}, {name: 1})
    assert [each.key for each in systems_of(inventory)] == [system]


def test_conditions_findings_and_structures_stand_apart_the_commonest_first():
    found = {"glioma": [1, 2], "meningioma": [1, 2, 3], "cerebral edema": [4], "thalamus": [1]}
    inventory = Inventory({name: _Keys(keys) for name, keys in found.items()}, frozenset(found), {}, dict.fromkeys(found, 1))
    (brain,) = systems_of(inventory)
    assert [each.name for each in brain.conditions] == ["meningioma", "glioma"]
    assert [each.name for each in brain.findings] == ["cerebral edema"]
    assert [(each.name, each.figures) for each in brain.structures] == [("thalamus", 1)]
    assert brain.figures == 4


def test_the_whole_body_is_no_structure_of_a_system():
    inventory = Inventory(
        {"body": _Keys([1, 2]), "metastasis": _Keys([3])},
        frozenset({"body", "metastasis"}),
        {},
        {"body": 1, "metastasis": 3},
    )
    (anywhere,) = systems_of(inventory)
    assert (anywhere.key, anywhere.structures, anywhere.figures) == (ANYWHERE, (), 1)


def test_a_system_of_which_nothing_is_held_is_not_there():
    assert systems_of(Inventory({}, frozenset(), {}, {})) == []
    for key in ("brain", "no such", "../etc"):
        with pytest.raises(NotFound, match="nothing under"):
            system_named([], key)


def test_every_anatomy_of_the_lexicon_but_a_few_has_a_system():
    from mirage.browse.organs import system_of

    known = lexicon()
    lost = {name for name in known.concepts if known.kind(name) == "anatomy" and system_of(name, known) == ANYWHERE}
    assert lost <= {"body", "paraspinal muscle", "serosa", "adipose tissue", "mucosa", "fascia"}, lost
    assert set(NAMES) >= {system_of(name, known) for name in known.concepts}
