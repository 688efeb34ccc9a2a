"""`mirage show` of a stack: what it tells, the slice it writes, and what it does not have."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from mirage.atlas import Atlas
from mirage.storage.ingest import add
from parts import mirage
from scan_maker import MadeStacks

SCAN = "made:scan"


@pytest.fixture(scope="module")
def corpus() -> MadeStacks:
    return MadeStacks()


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory, corpus: MadeStacks) -> Path:
    folder = tmp_path_factory.mktemp("shown") / "atlas"
    with Atlas.open(folder, create=True) as made:
        add(made, corpus)
    return folder


def words_of(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_a_stack_tells_its_slices_views_windows_and_what_is_marked(atlas: Path) -> None:
    told = words_of(mirage("show", SCAN, "--slice", "12", atlas=atlas).stdout)
    for words in (
        "24 slices of 56 × 40 pixels",
        "axial, coronal, sagittal",
        "soft tissue, lung, bone, brain",
        "axial, 12 of 24: left kidney, liver",
        "the test that drew it",
        "This scan is made up.",
    ):
        assert words in told
    assert "axial, 1 of 24 " in words_of(mirage("show", SCAN, "--slice", "1", atlas=atlas).stdout)


def test_adding_tells_what_there_is_to_know_of_a_stack_by_its_name(tmp_path: Path) -> None:
    voxels = np.arange(20 * 24 * 6 * 2).reshape(20, 24, 6, 2).astype(np.int16)
    (tmp_path / "scans").mkdir()
    for name in ("first", "second"):
        nib.Nifti1Image(voxels, np.eye(4)).to_filename(tmp_path / "scans" / f"{name}.nii.gz")
    said = words_of(mirage("add", "folder", tmp_path / "scans", atlas=tmp_path / "atlas").stderr)
    assert "Taken with a remark: first.nii.gz; second.nii.gz: It holds 2 volumes; number 1 was taken." in said
    assert "2 figures were taken with a remark." in said


def test_a_slice_is_written_through_its_window_with_square_pixels(atlas: Path, corpus: MadeStacks, tmp_path: Path) -> None:
    file = tmp_path / "slice.png"
    asked = ("show", SCAN, "--slice", "20", "--view", "coronal", "--window", "lung", "--save", file)
    done = mirage(*asked, atlas=atlas)
    assert done.returncode == 0, done.stderr
    written = np.asarray(Image.open(file)).astype(float)
    assert written.shape == (72, 56)
    wanted = ((corpus.volume.slice("coronal", 19).astype(float) + 1350) / 1500 * 255).clip(0, 255)
    assert np.abs(written.reshape(24, 3, 56)[:, 1] - wanted).mean() < 3
    again = mirage(*asked, atlas=atlas)
    assert again.returncode == 2
    assert "not written over" in words_of(again.stderr)


def test_a_single_picture_is_written_too(atlas: Path, tmp_path: Path) -> None:
    file = tmp_path / "single.webp"
    assert mirage("show", f"{SCAN}-coronal", "--save", file, atlas=atlas).returncode == 0
    assert Image.open(file).size == (56, 24)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ((SCAN, "--slice", "25"), 4, "There is no slice 25; this stack has 24."),
        ((SCAN, "--slice", "0"), 4, "There is no slice 0; this stack has 24."),
        ((SCAN, "--view", "oblique"), 4, "axial, coronal, sagittal"),
        ((SCAN, "--window", "liver"), 2, "It has: soft tissue, lung, bone, brain"),
        ((f"{SCAN}-coronal", "--slice", "1"), 2, "is a single picture"),
        ((SCAN, "--save", "slice.strange"), 2, "End its name in .png"),
    ],
)
def test_what_there_is_not_is_said_in_words(atlas: Path, options: tuple[str, ...], code: int, words: str) -> None:
    done = mirage("show", *options, atlas=atlas)
    assert done.returncode == code
    assert words in words_of(done.stderr)


def test_a_search_prints_the_slice_it_found(atlas: Path) -> None:
    told = json.loads(mirage("search", "CT", "liver", "--json", atlas=atlas).stdout)
    hit = next(each for each in told["hits"] if each["figure"]["id"] == SCAN)
    printed = mirage("search", "CT", "liver", "--flat", atlas=atlas, COLUMNS="140").stdout
    assert hit["slice"]["words"] in printed
    assert printed.count("of 24") == 1
