"""The starter atlas as it ships: its records, pictures and notices agree, and its captions are true."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starter_queries import ATLAS, QUERIES, answering, read_jsonl

from mirage.corpora import load
from mirage.corpora.base import Corpus, Item, Refused
from mirage.corpora.starter import StarterCorpus
from mirage.errors import BadPicture, Unavailable
from mirage.figure import MODALITIES, PLANES, Licence
from mirage.licensing import terms_of

RECORDS = read_jsonl(ATLAS / "figures.jsonl")
WITH_FILES = [record for record in RECORDS if "picture" in record]
CORPUS = StarterCorpus()
ITEMS = {item.figure.id: item for item in CORPUS.items() if isinstance(item, Item)}
BRAIN = [record for record in RECORDS if "level_mm" in record]
# Two pictures whose difference hashes (1,024 bits) are closer than this are one picture, re-encoded, scaled.
SAME_PICTURE_BITS = 45


@cache
def picture(name: str) -> Image.Image:
    """As it is added to an atlas: from its file, or shown from its stack."""
    return CORPUS.read(ITEMS[name]).image


def grey(record: dict) -> np.ndarray:
    return np.asarray(picture(record["id"]).convert("L"), dtype=float)


def difference_hash(image: Image.Image) -> np.ndarray:
    small = np.asarray(image.convert("L").resize((33, 32), Image.Resampling.BOX), dtype=float)
    return (small[:, 1:] - small[:, :-1] > 2).ravel()  # 2 grey levels: the noise of an encoder is no edge


def brain(plane: str, level: int, weighting: str = "T1") -> dict:
    found = [
        r for r in BRAIN if (r["plane"], r["level_mm"], r["modality_detail"]) == (plane, level, f"{weighting}-weighted")
    ]
    assert len(found) == 1
    return found[0]


class TestRecords:
    def test_there_are_at_least_300_figures_each_with_its_own_id(self):
        assert len(RECORDS) >= 300
        assert len({record["id"] for record in RECORDS}) == len(RECORDS)
        assert all(re.fullmatch(r"starter:[a-z0-9-]+", record["id"]) for record in RECORDS)

    def test_modalities_and_planes_are_the_projects_words(self):
        assert {record["modality"] for record in RECORDS} <= set(MODALITIES)
        assert {record["plane"] for record in RECORDS} <= {*PLANES, ""}

    def test_there_is_more_than_brain_mri(self):
        assert {"MR", "CT", "US", "XR", "NM", "OP", "SM"} <= {record["modality"] for record in RECORDS}

    def test_every_figure_says_what_it_is_where_it_is_from_and_that_it_may_be_shared(self):
        for record in RECORDS:
            source, name = record["source"], record["id"]
            assert record["caption"].endswith("."), name
            assert record["title"], name
            assert source["attribution"], name
            assert source["url"].startswith("https://"), name
            assert source["url_of"] in ("figure", "case", "collection"), name
            assert source["licence"]["name"], name
            assert terms_of(Licence(source["licence"]["name"], source["licence"]["url"])).known, name
            assert re.fullmatch(r"[a-z\d-]+==\d[\w.+-]*", record["package"]), name
            assert (ATLAS / "NOTICES" / record["notice"]).read_text("utf-8").strip(), name

    def test_no_record_carries_what_could_name_a_person(self):
        text = (ATLAS / "figures.jsonl").read_text("utf-8")
        for word in ("PatientName", "PatientID", "Sssssss", "Weißenkirchen", "BAPTIST", "WESTWAY", "CQ500"):
            assert word not in text
        assert all(record["patient"] == "" for record in RECORDS)


class TestPictures:
    def test_every_file_is_the_one_that_its_record_speaks_of(self):
        for record in WITH_FILES:
            data = (ATLAS / "pictures" / record["picture"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == record["sha256"], record["id"]
            with Image.open(io.BytesIO(data)) as image:
                assert image.format == "WEBP", record["id"]
                assert image.size == (record["width"], record["height"]), record["id"]
                assert 200 <= max(image.size) <= 768, record["id"]
                assert not {"exif", "xmp", "icc_profile"} & set(image.info), record["id"]

    def test_there_is_no_picture_without_a_record(self):
        files = {path.name for path in (ATLAS / "pictures").iterdir()}
        assert files == {record["picture"] for record in WITH_FILES}

    def test_all_of_it_stays_within_30_megabytes(self):
        assert sum(path.stat().st_size for path in ATLAS.rglob("*") if path.is_file()) <= 30_000_000

    def test_none_is_near_empty(self):
        for record in RECORDS:
            pixels = grey(record)
            assert pixels.std() > 8, record["id"]
            assert (pixels > 40).mean() > 0.05, record["id"]

    def test_a_re_encoded_and_scaled_copy_would_be_noticed(self):
        # Not the aneurysm: with 32 grey levels, its flat areas flip between "brighter" and "as bright".
        for record in [one for one in RECORDS[::10] if "aneurysm" not in one["id"]]:
            original = picture(record["id"])
            buffer = io.BytesIO()
            smaller = (original.width * 3 // 4, original.height * 3 // 4)
            original.convert("RGB").resize(smaller).save(buffer, "JPEG", quality=75)
            apart = (difference_hash(original) != difference_hash(Image.open(buffer))).sum()
            assert apart < SAME_PICTURE_BITS, record["id"]

    def test_no_two_are_one_picture(self):
        hashes = np.array([difference_hash(picture(r["id"])) for r in RECORDS])
        apart = (hashes[:, None, :] != hashes[None, :, :]).sum(axis=2)
        np.fill_diagonal(apart, 1024)
        first, second = np.unravel_index(apart.argmin(), apart.shape)
        assert apart.min() >= SAME_PICTURE_BITS, (RECORDS[first]["id"], RECORDS[second]["id"])


class TestNotices:
    def test_mcgills_notice_is_kept_word_for_word(self):
        words = " ".join((ATLAS / "NOTICES" / "icbm152.txt").read_text("utf-8").split())
        assert words == (
            "Copyright (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre, Montreal "
            "Neurological Institute, McGill University. Permission to use, copy, modify, and "
            "distribute this software and its documentation for any purpose and without fee is hereby "
            "granted, provided that the above copyright notice appear in all copies. The authors and "
            "McGill University make no representations about the suitability of this software for any "
            'purpose. It is provided "as is" without express or implied warranty. The authors are not '
            "responsible for any data loss, equipment damage, property loss, or injury to subjects or "
            "patients resulting from the use or misuse of this software package."
        )

    def test_the_list_of_sources_names_every_notice_and_package(self):
        page = (ATLAS / "SOURCES.md").read_text("utf-8")
        for record in RECORDS:
            assert f"`{record['notice']}`" in page
            assert record["package"] in page
            assert record["source"]["attribution"] in page

    def test_every_notice_belongs_to_a_figure_or_to_the_labels(self):
        files = {path.name for path in (ATLAS / "NOTICES").iterdir()}
        assert files == {record["notice"] for record in RECORDS} | {"cerebra.txt"}


class TestBrain:
    @pytest.mark.parametrize(
        ("plane", "level", "structures"),
        [
            ("axial", 8, {"thalamus", "caudate nucleus", "putamen", "lateral ventricle", "insula"}),
            ("axial", -16, {"hippocampus", "amygdala", "brainstem", "fusiform gyrus"}),
            ("axial", -32, {"cerebellum", "brainstem", "fourth ventricle"}),
            ("axial", 60, {"precentral gyrus", "postcentral gyrus", "superior frontal gyrus"}),
            ("coronal", 0, {"putamen", "globus pallidus", "insula"}),
            ("coronal", -18, {"thalamus", "hippocampus", "third ventricle", "brainstem"}),
            ("coronal", -60, {"cerebellum", "precuneus"}),
            ("coronal", 12, {"caudate nucleus", "putamen", "nucleus accumbens"}),
            ("sagittal", 0, {"cerebellar vermis", "brainstem", "fourth ventricle"}),
            ("sagittal", 24, {"hippocampus", "putamen"}),
        ],
    )
    def test_a_slice_names_what_anatomy_puts_there(self, plane, level, structures):
        record = brain(plane, level)
        assert structures <= set(record["structures"])
        assert all(name in record["caption"] or name == "insula" for name in structures)

    @pytest.mark.parametrize(
        ("plane", "level", "absent"),
        [
            ("axial", 60, {"thalamus", "hippocampus", "cerebellum", "putamen", "lateral ventricle"}),
            ("axial", -52, {"thalamus", "precentral gyrus", "caudate nucleus"}),
            ("coronal", 48, {"thalamus", "hippocampus", "cerebellum", "brainstem"}),
            ("coronal", -90, {"thalamus", "putamen", "superior frontal gyrus", "amygdala"}),
            ("sagittal", 60, {"thalamus", "brainstem", "caudate nucleus", "cerebellar vermis"}),
        ],
    )
    def test_a_slice_does_not_name_what_lies_elsewhere(self, plane, level, absent):
        assert not absent & set(brain(plane, level)["structures"])

    def test_captions_say_plane_weighting_level_and_how_the_slice_is_hung(self):
        for record in BRAIN:
            level = f"{record['level_mm']:+d} mm" if record["level_mm"] else "0 mm"
            opening = f"{record['plane'].capitalize()} {record['modality_detail']} MRI of the brain"
            assert record["caption"].startswith(opening)
            assert f"{record['axis']} = {level} in MNI space" in record["caption"]
            side = (
                "The front of the head is on the left of the picture"
                if record["plane"] == "sagittal"
                else "the patient's left is on the right of the picture"
            )
            assert side in record["caption"]

    def test_captions_list_just_the_structures_of_the_record(self):
        for record in BRAIN:
            for name in record["structures"]:
                assert name in record["caption"].lower(), record["id"]

    def test_planes_are_covered_every_few_millimetres_in_both_weightings(self):
        for plane, step, first, last in (
            ("axial", 4, -56, 72),
            ("coronal", 6, -96, 66),
            ("sagittal", 6, 0, 66),
        ):
            for weighting in ("T1-weighted", "T2-weighted"):
                levels = [r["level_mm"] for r in BRAIN if (r["plane"], r["modality_detail"]) == (plane, weighting)]
                # The slice at 12 mm stands for the stack.
                assert levels == [level for level in range(first, last + 1, step) if (plane, level) != ("axial", 12)]

    def test_the_two_weightings_of_a_level_name_the_same_structures(self):
        assert brain("axial", 8, "T1")["structures"] == brain("axial", 8, "T2")["structures"]

    def test_front_is_up_on_axial_slices(self):
        bright = grey(brain("axial", -40, "T2")) > 240  # the fluid of the eyes is bright on T2
        third = bright.shape[0] // 3
        assert bright[:third].sum() > 2000
        assert bright[:third].sum() > 5 * bright[-third:].sum()

    def test_front_is_left_and_top_is_up_on_sagittal_slices(self):
        pixels = grey(brain("sagittal", 36, "T2"))
        eye = np.argwhere(pixels > 240)
        assert eye[:, 1].mean() < pixels.shape[1] / 3
        assert eye[:, 0].mean() > pixels.shape[0] / 2

    def test_top_is_up_on_coronal_slices(self):
        pixels = grey(brain("coronal", 0))
        tenth = pixels.shape[0] // 10
        assert pixels[:tenth].mean() < 65 < pixels[-tenth:].mean()  # air above the head, neck below

    def test_ventricles_are_dark_on_t1_and_bright_on_t2(self):
        t1, t2 = grey(brain("axial", 20, "T1")), grey(brain("axial", 20, "T2"))
        middle = np.s_[180:280, 130:256]
        fluid = t2[middle] > 250
        assert 0.05 < fluid.mean() < 0.5
        assert t1[middle][fluid].mean() < t1[middle][~fluid].mean() - 80


class TestQueries:
    def test_there_are_40_queries_and_20_for_what_the_atlas_does_not_hold(self):
        assert len(QUERIES["query"]) == 40
        assert len(QUERIES["absent"]) == 20

    @pytest.mark.parametrize("query", QUERIES["query"], ids=lambda query: query["text"])
    def test_a_query_has_answers_but_not_everywhere(self, query):
        found = answering(query["answer"], RECORDS)
        assert 1 <= len(found) <= len(RECORDS) / 3

    def test_rules_name_only_figures_and_structures_that_there_are(self):
        ids = {record["id"] for record in RECORDS}
        structures = {name for record in BRAIN for name in record["structures"]}
        for query in QUERIES["query"]:
            assert set(query["answer"].get("ids", ())) <= ids
            assert set(query["answer"].get("structures", ())) <= structures

    @pytest.mark.parametrize("query", QUERIES["absent"], ids=lambda query: query["text"])
    def test_what_is_absent_is_in_no_record(self, query):
        words = " ".join(f"{r['caption']} {r['title']} {r['diagnosis']}" for r in RECORDS).lower()
        assert not [word for word in query["words"] if word in words]


class TestCorpus:
    def test_it_is_found_by_name_and_is_a_corpus(self):
        corpus = load("starter")
        assert isinstance(corpus, Corpus)
        assert corpus.info().name == "starter"
        assert len(corpus) == len(RECORDS)

    def test_it_yields_every_figure_once_in_the_order_of_the_file(self):
        items = list(StarterCorpus().items())
        assert [item.figure.id for item in items if isinstance(item, Item)] == [r["id"] for r in RECORDS]

    def test_slices_share_one_case_that_says_what_the_template_is(self):
        items = [item for item in StarterCorpus().items() if isinstance(item, Item) and "icbm152" in item.figure.id]
        assert len({id(item.case) for item in items}) == 1
        case = items[0].case
        assert "average of the MRI scans of 152 people" in case.passages["discussion"]
        assert set(case.passages) == {"discussion"}

    def test_pictures_decode(self):
        record = WITH_FILES[0]
        read = StarterCorpus().read(ITEMS[record["id"]])
        assert read.image.size == (record["width"], record["height"])
        assert read.original == (ATLAS / "pictures" / record["picture"]).read_bytes()

    def test_the_version_changes_with_the_records(self, tmp_path):
        copy = self.copy(tmp_path)
        assert StarterCorpus(copy).info().version == StarterCorpus().info().version
        with (copy / "figures.jsonl").open("a") as lines:
            lines.write("{}\n")
        assert StarterCorpus(copy).info().version != StarterCorpus().info().version

    def test_fingerprints_are_stable_and_differ(self):
        first = [item.fingerprint for item in StarterCorpus().items()]
        assert first == [item.fingerprint for item in StarterCorpus().items()]
        assert len(set(first)) == len(first)

    def test_a_broken_record_is_refused_by_name_and_the_rest_is_read(self, tmp_path):
        copy = self.copy(tmp_path)
        lines = (copy / "figures.jsonl").read_text("utf-8").split("\n")
        lines[1] = lines[1][:40]
        (copy / "figures.jsonl").write_text("\n".join(lines), "utf-8")
        items = list(StarterCorpus(copy).items())
        refused = [item for item in items if isinstance(item, Refused)]
        assert [item.label for item in refused] == ["figures.jsonl, line 2"]
        assert len(items) == len(RECORDS)

    def test_a_damaged_or_missing_picture_is_said_by_name(self, tmp_path):
        copy = self.copy(tmp_path)
        corpus = StarterCorpus(copy)
        item = ITEMS[WITH_FILES[0]["id"]]
        (copy / "pictures").mkdir()
        with pytest.raises(BadPicture, match=item.label):
            corpus.read(item)
        (copy / "pictures" / item.label).write_bytes(b"not a picture")
        with pytest.raises(BadPicture, match="damaged"):
            corpus.read(item)

    def test_an_installation_without_the_atlas_says_so(self, tmp_path):
        with pytest.raises(Unavailable, match="starter atlas"):
            StarterCorpus(tmp_path).info()

    @staticmethod
    def copy(folder: Path) -> Path:
        for name in ("figures.jsonl", "cases.jsonl"):
            shutil.copy(ATLAS / name, folder / name)
        assert json.loads((folder / "figures.jsonl").read_text("utf-8").split("\n")[0])
        return folder
