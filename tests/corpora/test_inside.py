"""Nothing beyond a folder is read: by no link, nor where one takes a file's place after the folder was looked through."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import BinaryIO

import nibabel as nib
import numpy as np
import pytest

from dicom_maker import make_dicom
from mirage import corpora
from mirage.corpora import folder_stacks, folder_table
from mirage.corpora.base import Item, Refused
from mirage.corpora.folder import FolderCorpus
from mirage.corpora.inside import Inside
from mirage.corpora.table_workbook import Sheet
from mirage.errors import BadPicture
from parts import draw
from workbook_maker import workbook


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A picture, one in a folder within, and beside the folder another one with the same names."""
    for place in ("mine", "theirs"):
        for number, name in enumerate(("a.png", "deep/b.png")):
            draw(tmp_path / place / name, number + 10 * (place == "theirs"))
    (tmp_path / "theirs" / "words.csv").write_text("file,caption\na.png,Somebody else wrote this\n")
    return tmp_path / "mine"


def test_a_table_that_is_a_link_out_of_the_folder_is_named_and_not_read(folder: Path) -> None:
    (folder / "figures.csv").symlink_to(folder.parent / "theirs" / "words.csv")
    entries = [*corpora.load("folder", path=folder).items()]
    assert [each.figure.caption for each in entries if isinstance(each, Item)] == ["", ""]
    assert [each.label for each in entries if isinstance(each, Refused) and "outside" in each.reason] == ["figures.csv"]
    (folder / "figures.csv").unlink()
    (folder / "deep" / "mine.csv").write_text("file,caption\na.png,My own\n")
    (folder / "figures.csv").symlink_to(folder / "deep" / "mine.csv")  # within it links lead where they like
    items = [each for each in corpora.load("folder", path=folder).items() if isinstance(each, Item)]
    assert "My own" in [each.figure.caption for each in items]


@pytest.mark.parametrize("swapped", ["a.png", "deep"])
def test_what_takes_a_file_s_place_after_the_look_is_not_read(folder: Path, swapped: str) -> None:
    corpus = corpora.load("folder", path=folder)
    items = {each.label: each for each in corpus.items() if isinstance(each, Item)}
    place = folder / swapped
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    place.symlink_to(folder.parent / "theirs" / swapped)
    touched = "a.png" if swapped == "a.png" else "deep/b.png"
    with pytest.raises(BadPicture, match="outside the folder"):
        corpus.read(items.pop(touched))
    for other in items.values():
        corpus.read(other)


@pytest.mark.parametrize("swapped", ["a.png", "deep"])
def test_a_link_that_is_quicker_than_the_look_is_not_followed(
    folder: Path, swapped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at where a path leads and its opening."""
    before = os.open

    def opened(path: str | Path, flags: int, **given: int) -> int:
        if not (folder / swapped).is_symlink():
            (folder / swapped).rename(folder / "away")
            (folder / swapped).symlink_to(folder.parent / "theirs" / swapped)
        return before(path, flags, **given)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "supports_dir_fd", {*os.supports_dir_fd, opened})
    with pytest.raises(OSError, match="outside the folder"):
        Inside(folder).open(folder / ("a.png" if swapped == "a.png" else "deep/b.png"))


def test_what_was_opened_is_what_is_read_whatever_is_there_then(folder: Path) -> None:
    own = (folder / "a.png").read_bytes()
    with Inside(folder).held(folder / "a.png") as held:
        (folder / "a.png").unlink()
        (folder / "a.png").symlink_to(folder.parent / "theirs" / "a.png")
        assert held.read_bytes() == own
    (folder / "a.png").unlink()
    os.mkfifo(folder / "a.png")
    with pytest.raises(OSError, match="no file"):
        Inside(folder).open(folder / "a.png")


def stacks_of(folder: Path) -> None:
    """A NIfTI volume with labels and their names, a DICOM series, and numbered pictures."""
    nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4)).to_filename(folder / "v.nii.gz")
    nib.Nifti1Image(np.ones((3, 4, 5), np.uint8), np.eye(4)).to_filename(folder / "v_seg.nii.gz")
    for number in range(3):
        tags = {"SeriesInstanceUID": "1.2.3", "InstanceNumber": number, "ImagePositionPatient": [0, 0, number]}
        tags |= {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1, 1]}
        (folder / f"s{number}.dcm").write_bytes(make_dicom(np.full((4, 4), number, np.int16), **tags))
        draw(folder / f"p{number}.png", number)


@pytest.mark.parametrize("swapped", ["v.nii.gz", "v_seg.nii.gz", "s1.dcm", "p1.png"])
def test_of_a_stack_nothing_is_read_from_elsewhere(tmp_path: Path, swapped: str) -> None:
    for place in ("mine", "theirs"):
        (tmp_path / place).mkdir()
        stacks_of(tmp_path / place)
    corpus = FolderCorpus(tmp_path / "mine", stacks="numbered")
    stacks = {each.label: each for each in corpus.items() if isinstance(each, Item) and each.stacked}
    assert len(stacks) == 3
    (tmp_path / "mine" / swapped).unlink()
    (tmp_path / "mine" / swapped).symlink_to(tmp_path / "theirs" / swapped)
    touched = stacks.pop(next(label for label in stacks if label[0] == swapped[0]))
    if swapped == "v_seg.nii.gz":
        volume = corpus.read_stack(touched)
        assert volume.labels is None
        assert "outside the folder" in volume.left_out[0][1]
    else:
        with pytest.raises(BadPicture, match="outside the folder"):
            corpus.read_stack(touched)
    for other in stacks.values():
        corpus.read_stack(other)


def test_a_workbook_is_read_as_it_was_when_it_was_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, caption in (("mine", "My own"), ("theirs", "Somebody else wrote this")):
        (folder.parent / place / "figures.xlsx").write_bytes(workbook({"one": [["file", "caption"], ["a.png", caption]]}))
    before = folder_table.read_workbook

    def swap_then_read(file: BinaryIO, name: str) -> list[Sheet]:
        (folder / "figures.xlsx").unlink()
        (folder / "figures.xlsx").symlink_to(folder.parent / "theirs" / "figures.xlsx")
        return before(file, name)

    monkeypatch.setattr(folder_table, "read_workbook", swap_then_read)
    captions = {each.figure.caption for each in corpora.load("folder", path=folder).items() if isinstance(each, Item)}
    assert captions == {"My own", ""}


def test_headers_of_files_that_a_link_replaced_during_the_look_are_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at where each path leads and the first byte that is read of it."""
    before = folder_stacks.is_nifti

    def swap(path: Path) -> bool:
        if path.name == "a.png" and not path.is_symlink():
            path.unlink()
            path.symlink_to(folder.parent / "theirs" / "a.png")
        return before(path)

    monkeypatch.setattr(folder_stacks, "is_nifti", swap)
    refused = {each.label: each.reason for each in corpora.load("folder", path=folder).items() if isinstance(each, Refused)}
    assert set(refused) == {"a.png"}
    assert "outside the folder" in refused["a.png"]


@pytest.mark.parametrize("own_way", [True, False])
def test_names_that_lead_nowhere_and_what_is_no_file_are_refused_in_words(
    folder: Path, own_way: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not own_way:  # of a system on which no file can be opened below an open folder
        monkeypatch.setattr(os, "supports_dir_fd", set())
    (folder / "circle.png").symlink_to("circle.png")
    (folder / "out.png").symlink_to(folder.parent / "theirs" / "a.png")
    os.mkfifo(folder / "pipe.png")
    inside = Inside(folder)
    for name, why in {
        "circle.png": "leads to no file",
        "nothing\0.png": "leads to no file",
        "pipe.png": "is no file",
        "deep": "is no file",
        "out.png": "outside the folder",
        "../theirs/a.png": "outside the folder",
        "deep/../../theirs/a.png": "outside the folder",
    }.items():
        with pytest.raises(OSError, match=why):
            inside.open(folder / name)
    with inside.open(folder / "deep" / "b.png") as file:
        assert file.read() == (folder / "deep" / "b.png").read_bytes()


def test_a_folder_whose_place_a_link_takes_while_it_is_looked_at_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Path.resolve
    looked: list[Path] = []

    def once(path: Path, strict: bool = False) -> Path:
        found = asked(path, strict)
        if path.name == "deep" and not looked:
            looked.append(path)
            shutil.rmtree(path)
            path.symlink_to(folder.parent / "theirs" / "deep")
        return found

    monkeypatch.setattr(Path, "resolve", once)
    with pytest.raises(OSError, match=r"outside the folder|has taken its place"):
        Inside(folder).open(folder / "deep" / "b.png")
    assert looked
