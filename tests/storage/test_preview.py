"""A preview tells what adding brings, and adds nothing; two folders of one name are told apart."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dicom_maker import make_dicom
from mirage import corpora
from mirage.atlas import Atlas
from mirage.storage.gone import put_together
from mirage.storage.ingest import add
from mirage.storage.preview import SIDE, another_folder, preview
from mirage.storage.private import told_info
from parts import draw, picture_folder


@pytest.fixture
def atlas(small: Path):
    with Atlas.open(small) as opened:
        yield opened


def test_it_says_of_every_file_what_becomes_of_it_and_adds_nothing(atlas: Atlas, tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "mixed", 2)
    draw(folder / "Smith_John.png", 8)
    (folder / "bad.png").write_bytes((folder / "phantom-000.png").read_bytes()[:60])
    (folder / "burned.dcm").write_bytes(make_dicom(np.zeros((16, 16), np.uint16), BurnedInAnnotation="YES"))
    (folder / "old.zip").write_bytes(b"PK\x03\x04")
    with (folder / "figures.csv").open("a", encoding="utf-8") as table:
        table.write("nowhere.png,Gone,CT,axial\n")
    found = preview(atlas, corpora.load("folder", path=folder, name="Mixed"))
    told = {figure.label: figure for figure in found.figures}
    assert [*told] == ["phantom-000.png", "phantom-001.png", "Smith_John.png"]
    assert told["phantom-001.png"].caption == "Phantom number 1"
    assert told["phantom-001.png"].words_from == "line 3 of figures.csv"
    assert told["phantom-001.png"].warnings == ()
    assert "a person’s name" in told["Smith_John.png"].warnings[0]
    skipped = {entry.label: entry.reason for entry in found.skipped}
    assert set(skipped) == {"nowhere.png", "burned.dcm", "bad.png"}
    assert "text is burned into the pixels" in skipped["burned.dcm"]
    assert [entry.label for entry in found.passed_over] == ["old.zip"]
    (table,) = found.tables
    assert (table.rows, table.matched, table.columns[0], table.ignored) == (3, 2, ("file", "file"), ())
    assert (found.corpus, found.held, found.stranger) == ("folder-mixed", 0, False)
    with Image.open(io.BytesIO(told["Smith_John.png"].thumbnail)) as image:
        assert max(image.size) <= SIDE
    assert atlas.info().figures == 6
    assert [each.name for each in atlas.info().corpora] != ["folder-mixed"]


def test_what_is_there_and_what_has_changed_is_counted(atlas: Atlas, tmp_path: Path) -> None:
    folder = tmp_path / "phantoms"
    draw(folder / "phantom-000.png", 99)
    draw(folder / "phantom-new.png", 98)
    found = preview(atlas, corpora.load("folder", path=folder))
    assert {state: found.count(state) for state in ("there", "replaces", "new")} == {"there": 5, "replaces": 1, "new": 1}
    report = add(atlas, corpora.load("folder", path=folder))
    assert (report.kept, report.added) == (5, 2)


def test_another_folder_of_the_same_name_is_known_and_a_moved_one_is_not(
    atlas: Atlas, tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    moved = Path(shutil.copytree(tmp_path / "phantoms", tmp_path / "elsewhere" / "phantoms", copy_function=shutil.copyfile))
    assert not another_folder(atlas, corpora.load("folder", path=moved)), "the pictures are the same, their times are not"
    assert not another_folder(atlas, corpora.load("folder", path=moved, licence="CC0-1.0")), "nor are their terms"
    other = pictures(6, name="third/phantoms", first=50)
    assert another_folder(atlas, corpora.load("folder", path=other)), "files of the same names show other pictures"
    assert not another_folder(atlas, corpora.load("folder", path=other, name="Others"))
    assert not another_folder(atlas, corpora.load("starter"))


def test_a_folder_of_the_same_name_that_shares_a_picture_is_another_one_where_most_of_it_is_new(
    atlas: Atlas, tmp_path: Path
) -> None:
    other = tmp_path / "third" / "phantoms"
    other.mkdir(parents=True)
    shutil.copy2(tmp_path / "phantoms" / "phantom-000.png", other)
    assert not another_folder(atlas, corpora.load("folder", path=other)), "nothing is new: the others may be deleted"
    draw(other / "elbow.png", 98)
    both = corpora.load("folder", path=other)
    assert another_folder(atlas, both)
    put_together(atlas, told_info(atlas, both, looking=True).name)
    assert not another_folder(atlas, both), "somebody said that both belong together"
