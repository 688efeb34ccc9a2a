"""The stacks of the starter atlas: what captions say is in the labels, sides are right, and nobody can be recognised."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from functools import cache

import numpy as np
import pytest
from starter_queries import ATLAS, read_jsonl

from mirage.corpora.base import HasStacks, Item
from mirage.corpora.starter import StarterCorpus
from mirage.errors import BadPicture
from mirage.images.stack_file import StackFile
from mirage.images.stacks import cut, stack_of
from mirage.images.volume import Volume

RECORDS = read_jsonl(ATLAS / "figures.jsonl")
CORPUS = StarterCorpus()
ITEMS = {item.figure.id: item for item in CORPUS.items() if isinstance(item, Item)}
STACKS = [record for record in RECORDS if "stack" in record]
SLICES = [record for record in RECORDS if "slice_of" in record]
# What a diagnosis rests on: the label that has to be in the slice.
MARKS = {
    "Aortic dissection": "false lumen of the aortic dissection",
    "Abdominal aortic aneurysm": "aneurysm sac",
    "Kidney calcification": "dense spots in the",
    "Lung nodule": "lung nodule",
    "Lung mass": "lung mass",
    "Enhancing brain lesion": "enhancing lesion",
}


@cache
def volume(name: str) -> Volume:
    return CORPUS.read_stack(ITEMS[f"starter:{name}"])


def labels_in(record: dict) -> set[str]:
    """The names of the labels that the slice of a record has at least one voxel of."""
    place = record["slice_of"]
    return labels_at(place["stack"], place["view"], place["number"])


@cache
def labels_at(stack: str, view: str, number: int) -> set[str]:
    whole = volume(stack.removeprefix("starter:"))
    if whole.labels is None:
        return set()
    section = cut(whole.labels, ITEMS[stack].figure.stack, view, number)
    names = dict(whole.label_names)
    return {names[value] for value in np.unique(section).tolist() if value}


def centre(name: str, label: str) -> np.ndarray:
    """Middle of a label: slice, row, column."""
    whole = volume(name)
    number = next(value for value, called in whole.label_names if called == label)
    return np.argwhere(whole.labels == number).mean(axis=0)


class TestWhatShips:
    def test_there_are_ten_stacks_or_more_and_850_figures_or_more(self):
        assert len(STACKS) >= 10
        assert len(RECORDS) >= 850

    def test_there_are_seven_pathologies_or_more_and_devices_beside_them(self):
        found = Counter(record["diagnosis"] for record in RECORDS if record["diagnosis"])
        assert found.keys() >= MARKS.keys()
        assert len(found) >= 7
        assert any("Metal in the left femur" in record["caption"] for record in SLICES)
        assert any("A stent graft" in record["caption"] for record in SLICES)

    def test_stacks_are_yielded_as_stacks_and_their_slices_as_pictures(self):
        assert isinstance(CORPUS, HasStacks)
        assert {name for name, item in ITEMS.items() if item.stacked} == {record["id"] for record in STACKS}

    def test_no_file_is_without_a_record_and_each_is_the_one_its_record_speaks_of(self):
        files = {path.name for path in (ATLAS / "stacks").iterdir()}
        named = {}
        for record in STACKS:
            named[record["voxels"]] = record["voxels_sha256"]
            if "labels" in record:
                named[record["labels"]] = record["labels_sha256"]
        assert files == set(named)
        for name, digest in named.items():
            assert hashlib.sha256((ATLAS / "stacks" / name).read_bytes()).hexdigest() == digest

    def test_the_record_of_a_stack_is_what_its_volume_gives(self):
        for record in STACKS:
            figure = ITEMS[record["id"]].figure
            again = stack_of(volume(record["id"].removeprefix("starter:")))
            assert again == figure.stack, record["id"]

    def test_every_slice_is_in_its_stack_and_in_one_of_its_windows(self):
        for record in SLICES:
            stack = ITEMS[record["slice_of"]["stack"]].figure.stack
            assert record["window"] in {window.name for window in stack.windows}, record["id"]
            picture = CORPUS.read(ITEMS[record["id"]])
            assert 384 <= max(picture.image.size) <= 768, record["id"]

    def test_a_stack_and_its_slices_are_one_case(self):
        for record in SLICES:
            stack = ITEMS[record["slice_of"]["stack"]].figure
            assert record["case_id"] == stack.case_id != ""
            assert ITEMS[record["id"]].case.id == stack.case_id

    def test_slices_of_former_versions_have_their_nearest_one(self):
        former = [name for record in SLICES for name in record.get("former_ids", ())]
        assert len(former) == len(set(former))
        assert not set(former) & ITEMS.keys()
        before = {
            f"starter:icbm152-t{w}-axial-{'m' if z < 0 else 'p'}{abs(z):03d}" for w in (1, 2) for z in range(-58, 75, 2)
        }
        assert before <= {*former, *ITEMS}


class TestCaptions:
    def test_a_caption_names_only_what_the_slice_has(self):
        for record in SLICES:
            if record.get("structures"):
                assert set(record["structures"]) <= labels_in(record), record["id"]

    def test_a_caption_names_the_structures_of_its_record_and_eight_at_most(self):
        for record in SLICES:
            shows = re.search(r"Shows: (.*?)\. ", record["caption"])
            if shows:
                named = record["structures"][:8]
                assert [name for name in named if name not in shows[1]] == [], record["id"]
                rest = re.sub("|".join(map(re.escape, sorted(named, key=len, reverse=True))), "", shows[1])
                stack = ITEMS[record["slice_of"]["stack"]].figure.stack
                assert not [label.name for label in stack.labels if label.name in rest], record["id"]

    def test_a_pathology_is_named_only_where_its_mark_is(self):
        for record in SLICES:
            there = labels_in(record)
            if record["diagnosis"]:
                assert any(name.startswith(MARKS[record["diagnosis"]]) for name in there), record["id"]
            for said, mark in (
                ("dissection", "false lumen of the aortic dissection"),
                ("an aneurysm (", "aneurysm sac"), ("Nodule", "lung nodule"),
                ("Mass (", "lung mass"), ("Enhancing lesion", "enhancing lesion"), ("stent graft", "stent graft"),
                ("Metal in", "metal implant (screw and nail)"), ("the left kidney, as", "dense spots in the left kidney"),
                ("the right kidney, as", "dense spots in the right kidney"),
                ("marked a region", "region marked by the publisher"),
            ):  # fmt: skip
                if said in record["caption"].split("Labels:")[0] or said in record["title"]:
                    assert mark in there, (record["id"], said)

    def test_every_slice_of_a_marked_nodule_or_mass_is_a_figure_that_says_so(self):
        for name, label in (("lung-nodule", "lung nodule"), ("lung-mass", "lung mass")):
            stack = ITEMS[f"starter:{name}"].figure.stack
            mark = next(one for one in stack.labels if one.name == label)
            told = {
                record["slice_of"]["number"]
                for record in SLICES
                if record["slice_of"]["stack"] == f"starter:{name}" and record["plane"] == "axial" and record["diagnosis"]
            }
            assert told >= set(range(mark.first, mark.last + 1))

    def test_nothing_is_invented(self):
        for record in [*STACKS, *SLICES]:
            words = f"{record['caption']} {record['title']} {record['diagnosis']}".lower()
            assert not re.search(
                r"\b(tumou?r|cancer|carcinoma|metasta\w+|glioma|stanford|type [ab]|man|woman|year)\b", words
            )
            assert record["patient"] == ""

    def test_no_length_is_told_where_the_source_has_no_spacing(self):
        for record in RECORDS:
            if record.get("slice_of", {}).get("stack", record["id"]) == "starter:aortic-aneurysm":
                assert not re.search(r"\d\s*(mm|cm)\b", record["caption"]), record["id"]
        assert ITEMS["starter:aortic-aneurysm"].figure.stack.spacing is None

    def test_labels_with_known_errors_do_not_ship(self):
        names = {label.name for label in ITEMS["starter:abdomen-pelvis"].figure.stack.labels}
        assert not [name for name in names if "rib" in name or name in ("pancreas", "vertebra T11", "costal cartilages")]
        assert not [label.name for label in ITEMS["starter:upper-abdomen"].figure.stack.labels if "vertebra" in label.name]

    def test_who_labelled_is_said_and_what_nobody_checked(self):
        for record in STACKS:
            if "labels" in record:
                assert record["stack"]["labels_by"], record["id"]
                assert "Labels:" in record["caption"] or "CerebrA" in record["caption"]
        assert "MIRAGE" in ITEMS["starter:aortic-aneurysm"].figure.stack.labels_by


class TestSides:
    @pytest.mark.parametrize(
        ("name", "left", "right"),
        [
            ("abdomen-pelvis", "left kidney", "right kidney"),
            ("abdomen-pelvis", "spleen", "liver"),
            ("upper-abdomen", "spleen", "liver"),
            ("abdomen-mri", "spleen", "liver"),
            ("aortic-dissection", "left subclavian artery", "brachiocephalic trunk"),
            ("aortic-dissection", "heart", "vertebra T12"),
            ("aortic-dissection", "left lung", "right lung"),
            ("lung-nodule", "left lung", "lung nodule"),
            ("lung-mass", "lung mass", "right lung"),
        ],
    )
    def test_columns_run_to_the_patients_left(self, name, left, right):
        assert centre(name, left)[2] > centre(name, right)[2] + 5

    @pytest.mark.parametrize(
        ("name", "behind", "before"),
        [("abdomen-pelvis", "spinal cord and canal", "aorta"), ("aortic-dissection", "vertebra T12", "heart")],
    )
    def test_rows_run_to_the_back(self, name, behind, before):
        assert centre(name, behind)[1] > centre(name, before)[1] + 5

    @pytest.mark.parametrize(
        ("name", "above", "below"),
        [
            ("abdomen-pelvis", "liver", "urinary bladder"),
            ("aortic-dissection", "trachea", "heart"),
            ("icbm152-t1", "precentral gyrus", "cerebellum"),
        ],
    )
    def test_slices_run_to_the_head(self, name, above, below):
        assert centre(name, above)[0] > centre(name, below)[0] + 5

    def test_the_windpipe_is_air_and_lies_between_the_lungs(self):
        for name in ("aortic-dissection", "lung-nodule", "lung-mass"):
            whole, pipe = volume(name), centre(name, "trachea")
            number = next(value for value, called in whole.label_names if called == "trachea")
            assert np.median(whole.voxels[whole.labels == number]) < -850
            assert centre(name, "right lung")[2] < pipe[2] < centre(name, "left lung")[2]

    def test_hounsfield_units_are_right(self):
        whole = volume("abdomen-pelvis")
        numbers = {called: value for value, called in whole.label_names}
        assert 20 < np.median(whole.voxels[whole.labels == numbers["liver"]]) < 75  # without contrast medium
        assert -20 < np.median(whole.voxels[whole.labels == numbers["urinary bladder"]]) < 25
        whole = volume("aortic-dissection")
        numbers = {called: value for value, called in whole.label_names}
        true, false = (
            np.median(whole.voxels[whole.labels == numbers[name]])
            for name in ("true lumen of the aorta", "false lumen of the aortic dissection")
        )
        assert true > false + 100


class TestNobodyIsRecognised:
    def test_heads_begin_at_the_roofs_of_the_orbits_and_are_blanked_in_front(self):
        lesion, region = volume("brain-lesion"), volume("brain-region")
        assert (len(lesion.voxels), len(region.voxels)) == (14, 15)
        assert not lesion.voxels[0, :66].any()
        for number, row in enumerate((68, 64, 52, 44)):
            assert not region.voxels[number, :row].any()
            assert region.voxels[number, row:].any()

    def test_necks_end_below_the_chin(self):
        assert [len(volume(name).voxels) for name in ("aortic-dissection", "lung-nodule", "lung-mass")] == [177, 45, 56]

    def test_air_and_table_around_the_body_have_one_value(self):
        for name in ("aortic-dissection", "lung-nodule", "lung-mass", "upper-abdomen"):
            whole = volume(name)
            for corner in (whole.voxels[:, :3, :3], whole.voxels[:, :3, -3:]):
                assert np.mean(corner == -1024) > 0.95, name

    def test_no_date_uid_or_serial_number_is_in_what_ships(self):
        for path in [*ATLAS.glob("*.jsonl"), *ATLAS.glob("*.md")]:
            text = re.sub(r"[0-9a-f]{64}|https?://\S+|doi:\S+", "", path.read_text("utf-8"))
            assert not re.search(r"\b\d+(\.\d+){5,}", text), path.name
            assert not re.search(r"\b(19|20)\d\d[01]\d[0-3]\d\b", text), path.name
            assert not re.search(r"(?i)accession|station ?name|device ?serial|patient ?id|birth", text), path.name

    def test_stacks_hold_packed_slices_and_nothing_else(self):
        for record in STACKS:
            stack = ITEMS[record["id"]].figure.stack
            StackFile(ATLAS / "stacks" / record["voxels"], stack).check()
            if "labels" in record:
                StackFile(ATLAS / "stacks" / record["labels"], stack, labels=True).check()


class TestDamage:
    def test_a_damaged_stack_is_said_by_name_by_it_and_by_its_slices(self, tmp_path):
        for name in ("figures.jsonl", "cases.jsonl"):
            (tmp_path / name).write_bytes((ATLAS / name).read_bytes())
        (tmp_path / "stacks").mkdir()
        corpus = StarterCorpus(tmp_path)
        found = {item.figure.id: item for item in corpus.items() if isinstance(item, Item)}
        stack = found["starter:abdomen-mri"]
        part = next(
            item for item in found.values() if item.figure.slice_of and item.figure.slice_of.stack == stack.figure.id
        )
        for ask, item in ((corpus.read_stack, stack), (corpus.read, stack), (corpus.read, part)):
            with pytest.raises(BadPicture, match=r"abdomen-mri\.(labels\.)?stack"):
                ask(item)
        (tmp_path / "stacks" / "abdomen-mri.stack").write_bytes(b"another")
        with pytest.raises(BadPicture, match="damaged"):
            corpus.read(part)
