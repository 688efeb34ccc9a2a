"""Corpora in a bucket, over HTTP: the same figures as from a folder, each file read where it is decoded, and faults told."""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from dicom_maker import make_dicom
from mirage import corpora
from mirage.atlas import Atlas
from mirage.corpora import away
from mirage.corpora.away import Away
from mirage.corpora.base import Findable, Item, Refused
from mirage.corpora.folder import FolderCorpus
from mirage.errors import BadInput, BadPicture, Unavailable
from mirage.images import bucket as buckets
from mirage.images.bucket import Bucket
from mirage.storage.ingest import add
from parts import mirage
from roco_maker import make_roco
from s3 import BUCKET, S3
from spread_maker import added, contents, mixed_folder, plainly
from squares import Squares, installed
from workbook_maker import workbook

_PREFIXES = count()


@pytest.fixture
def address(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(buckets, "_FIRST_WAIT", 0.01)
    s3.faults.clear()
    yield f"s3://{BUCKET}/corpus-{next(_PREFIXES)}"
    s3.faults.clear()
    s3.of = "GET"


@pytest.fixture
def atlas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Atlas]:
    monkeypatch.syspath_prepend(installed(tmp_path / "site"))
    with Atlas.open(tmp_path / "atlas", encoder=Squares(), create=True) as made:
        yield made


def sent(folder: Path, address: str) -> str:
    """Put all files of a folder there."""
    bucket = Bucket(address)
    for path in folder.rglob("*"):
        if path.is_file():
            bucket.put(path.relative_to(folder).as_posix(), path)
    return address


def pictures(folder: Path, number: int) -> Path:
    """Pictures of noise, too large for one request, with words."""
    folder.mkdir()
    for each in range(number):
        Image.effect_noise((200, 200), 60 + each).save(folder / f"{each}.png")
    rows = "".join(f"{each}.png,Head CT number {each}\n" for each in range(number))
    (folder / "figures.csv").write_text(f"file,caption\n{rows}", "utf-8")
    return folder


def told(corpus: Any) -> list[Item]:
    return [each for each in corpus.items() if isinstance(each, Item)]


@pytest.mark.parametrize("on", ["", "processes?workers=1"])
def test_a_prefix_is_added_as_the_folder_it_was(address: str, atlas: Atlas, tmp_path: Path, on: str) -> None:
    folder = mixed_folder(tmp_path / "ward", 40)
    sent(folder, address)
    given = {"path": address, "name": "ward"}
    report = added(atlas, "folder", given, on)
    assert (report["state"], report["added"]) == ("done", 41)
    assert [each.label for each in report["refused"]] == ["broken.png"]
    with plainly(tmp_path / "plain", "folder", given | {"path": folder}) as plain:
        assert contents(atlas) == contents(plain)
    again = added(atlas, "folder", given, on)
    assert (again["added"], again["kept"]) == (0, 41)


@pytest.mark.parametrize("on", ["", "processes?workers=1"])
def test_shards_of_parquet_are_read_by_row_groups(address: str, atlas: Atlas, s3: S3, tmp_path: Path, on: str) -> None:
    folder = make_roco(tmp_path / "roco")
    sent(folder, address)
    s3.asked.clear()
    report = added(atlas, "roco", {"path": address}, on)
    whole = [each for each in s3.asked if ".parquet" in each and each.startswith("GET") and "bytes=" not in each]
    assert whole == []
    with plainly(tmp_path / "plain", "roco", {"path": folder}) as plain:
        assert contents(atlas) == contents(plain)
        assert report["added"] == len(plain.store.keys())


def test_looking_through_reads_how_files_begin_and_reading_one_reads_that_one(address: str, s3: S3, tmp_path: Path) -> None:
    sent(pictures(tmp_path / "ward", 5), address)
    corpus = corpora.load("folder", path=address)
    s3.asked.clear()
    items = told(corpus)
    gets = [each for each in s3.asked if each.startswith("GET") and ".png" in each]
    assert len(items) == len(gets) == 5
    assert all("bytes=0-" in each for each in gets)
    s3.asked.clear()
    corpus.read(items[3])
    assert [each.split("/")[-1] for each in s3.asked if each.startswith("GET")] == ["3.png"]


def test_files_are_found_by_what_was_told_of_them_alone(address: str, s3: S3, tmp_path: Path) -> None:
    sent(mixed_folder(tmp_path / "ward", 3), address)
    here, there = (corpora.load("folder", path=address) for _ in range(2))
    assert isinstance(here, Findable)
    assert isinstance(there, Findable)
    items = told(here)
    places = here.places_of(items)
    s3.asked.clear()
    there.find_at(places)
    for item in items:
        if item.stacked:
            assert there.read_stack(item).voxels.tobytes() == here.read_stack(item).voxels.tobytes()  # type: ignore[attr-defined]
        elif item.label != "broken.png":
            assert there.read(item).image.tobytes() == here.read(item).image.tobytes()  # type: ignore[attr-defined]
    assert not any("list-type" in each for each in s3.asked)


def test_one_stack_after_the_other_is_found_where_a_worker_is(address: str, tmp_path: Path) -> None:
    (tmp_path / "ward").mkdir()
    for number in (1, 2):
        scan = nib.Nifti1Image(np.full((4, 5, 6), number, np.int16), np.eye(4))
        nib.save(scan, tmp_path / "ward" / f"{number}.nii")
    sent(tmp_path / "ward", address)
    here, there = (FolderCorpus(address) for _ in range(2))
    stacks = told(here)
    for item in stacks:  # each of them is a task of its own
        there.find_at(here.places_of([item]))
        assert there.read_stack(item).voxels.tobytes() == here.read_stack(item).voxels.tobytes()
    assert len(stacks) == 2


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("half", "the storage gives less of it than it says, each time it is asked; put it there again"),
        ("cut", "the storage|cut"),
        ("403", r"the storage refuses it \(it answered 403 AccessDenied\)"),
    ],
)
def test_a_file_that_is_not_whole_or_refused_is_told_and_not_added(
    address: str, atlas: Atlas, s3: S3, tmp_path: Path, fault: str, why: str
) -> None:
    sent(pictures(tmp_path / "ward", 3), address)
    corpus = corpora.load("folder", path=address, name="ward")
    told(corpus)
    s3.of, s3.faults = f"GET /{BUCKET}/{address.rpartition('/')[2]}/1.png", [fault] * 50
    if fault == "cut":  # as when a connection breaks each time: nobody knows whether the file is to blame
        with pytest.raises(Unavailable, match=r"asked 5 times .* Try again later; what is stored stays"):
            add(atlas, corpus)
        return
    report = add(atlas, corpus)
    assert report.added == 2
    assert [each.label for each in report.refused] == ["1.png"]
    with pytest.raises(BadPicture, match=why):
        corpus.read(told(corpus)[1])
    s3.faults = []
    assert add(atlas, corpora.load("folder", path=address, name="ward")).added == 1


def large(folder: Path, kind: str) -> str:
    """A file whose header, table or contents go on behind the bytes that are asked for first; gives its name."""
    folder.mkdir()
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 4_000, (64, 64)).astype(np.uint16)
    if kind == "DICOM":
        (folder / "a.dcm").write_bytes(make_dicom(pixels, ImageComments="x" * 200_000))
        return "a.dcm"
    if kind == "several files of DICOM":
        for number in range(3):
            place = {"ImagePositionPatient": [0, 0, number], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
            (folder / f"{number}.dcm").write_bytes(make_dicom(pixels, ImageComments="x" * 200_000, **place))
        return "1.dcm"
    if kind == "pages":
        page = Image.fromarray(rng.integers(0, 255, (200, 200)).astype(np.uint8))
        page.save(folder / "a.tif", save_all=True, append_images=[page, page])
        return "a.tif"
    if kind == "NIfTI":
        nib.save(nib.Nifti1Image(rng.integers(0, 99, (40, 40, 40)).astype(np.int16), np.eye(4)), folder / "a.nii")
        return "a.nii"
    Image.fromarray(pixels.astype(np.uint8)).save(folder / "a.png")
    rows = [["file", "caption"], ["a.png", "Head CT"], *([f"{n}.png", f"{rng.integers(1 << 60)}"] for n in range(4_000))]
    if kind == "table":
        (folder / "figures.csv").write_text("\n".join(",".join(row) for row in rows), "utf-8")
        return "figures.csv"
    (folder / "figures.xlsx").write_bytes(workbook({"Sheet": rows}))
    return "figures.xlsx"


@pytest.mark.parametrize("fault", ["503", "cut", "403", "half"])
@pytest.mark.parametrize("kind", ["DICOM", "several files of DICOM", "pages", "NIfTI", "table", "workbook"])
def test_an_outage_is_the_storage_s_fault_and_no_file_s(address: str, s3: S3, tmp_path: Path, kind: str, fault: str) -> None:
    name = large(tmp_path / "ward", kind)
    sent(tmp_path / "ward", address)
    below = address.rpartition("/")[2]

    def entries() -> list[Any]:
        corpus = corpora.load("folder", path=address, name="ward")
        found = list(corpus.items())
        for each in found:
            if isinstance(each, Item):
                corpus.read(each)
        return found

    well = entries()
    assert not any(isinstance(each, Refused) and each.label == name for each in well), well
    ranges = f"GET /{BUCKET}/{below}/{name} bytes="
    asked = [each for each in s3.asked if each.startswith(ranges) and not each.startswith(f"{ranges}0-")]
    assert asked or kind == "NIfTI"  # it is read on, and as a whole where it is a volume
    s3.of = f"{ranges}{asked[-1].removeprefix(ranges).partition('-')[0]}-" if asked else f"GET /{BUCKET}/{below}/{name}"
    if fault != "403":  # over in a moment
        s3.faults = [fault] * 4
        assert [type(each) for each in entries()] == [type(each) for each in well]
    s3.faults = [fault] * 200
    try:
        found = entries()
    except (Unavailable, BadInput, BadPicture) as error:
        told_of = [str(error)]
    else:
        told_of = [each.reason for each in found if isinstance(each, Refused)]
    said = " ".join(told_of)
    assert "the storage" in said
    assert not any(word in said for word in ("damaged", "Export it again", "no DICOM", "cut short", "unpacked"))


def test_what_is_over_in_a_moment_is_asked_for_again(address: str, atlas: Atlas, s3: S3, tmp_path: Path) -> None:
    sent(pictures(tmp_path / "ward", 2), address)
    corpus = corpora.load("folder", path=address, name="ward")
    s3.faults = ["503", "cut", "503"]
    assert add(atlas, corpus).added == 2
    assert s3.faults == []


@pytest.mark.parametrize("on", ["", "processes?workers=1"])
def test_a_key_that_may_nothing_ends_the_addition_with_a_sentence(
    address: str, atlas: Atlas, s3: S3, tmp_path: Path, on: str
) -> None:
    sent(pictures(tmp_path / "ward", 2), address)
    told_of = f"{address} may not be (read|listed): the storage refuses it .it answered 403 AccessDenied.. Check the key"
    s3.faults = ["403"] * 50
    with pytest.raises(Unavailable, match=told_of) as refused:
        added(atlas, "folder", {"path": address}, on)
    assert "AKIASECRET" not in str(refused.value)
    s3.faults = []
    begin = threading.Event()

    def watched(asked: str) -> str:
        s3.asked.append(asked)
        return "403" if begin.is_set() else ""

    corpus = corpora.load("folder", path=address)
    told(corpus)
    begin.set()
    fault, s3.fault = s3.fault, watched  # type: ignore[method-assign]
    try:
        with pytest.raises(Unavailable, match=told_of):
            add(atlas, corpus)
    finally:
        s3.fault = fault  # type: ignore[method-assign]


def test_a_file_that_was_changed_or_taken_away_meanwhile_is_told(address: str, s3: S3, tmp_path: Path) -> None:
    sent(pictures(tmp_path / "ward", 3), address)
    corpus = corpora.load("folder", path=address)
    items = told(corpus)
    file = io.BytesIO()
    Image.effect_noise((200, 200), 99).save(file, "png")
    Bucket(address).put("0.png", file.getvalue())
    Bucket(address).remove(["1.png"])
    with pytest.raises(BadPicture, match=r"0\.png cannot be read: (the storage gives less|it has been changed there since)"):
        corpus.read(items[0])
    with pytest.raises(BadPicture, match=r"1\.png cannot be read: it is not at s3://.* any more"):
        corpus.read(items[1])


def test_a_storage_that_says_times_otherwise_of_one_file_than_in_a_list(tmp_path: Path) -> None:
    address = sent(pictures(tmp_path / "ward", 2), f"memory://corpus-{next(_PREFIXES)}")
    place = Away(address)
    place.look()
    file = place.folder / "0.png"
    with place.held(file) as held:
        assert held.read_bytes() == (tmp_path / "ward" / "0.png").read_bytes()
    Bucket(address).put("0.png", bytes(file.stat().st_size))
    with pytest.raises(OSError, match="it has been changed there since"), place.held(file):
        pass


def test_names_that_no_file_can_have_are_told(address: str) -> None:
    bucket = Bucket(address)
    for name in ("../out.png", "a/b.png", "a", "n" * 300 + ".png"):
        bucket.put(name, b"\x89PNG\r\n\x1a\n")
    refused = [each for each in corpora.load("folder", path=address).items() if isinstance(each, Refused)]
    named = [each.label[:10] for each in refused if "No file here can have its name" in each.reason]
    assert sorted(named) == ["../out.png", "a/b.png", "nnnnnnnnnn"]


def test_no_name_leads_out_of_the_folder_on_windows_either() -> None:
    windows, here = PureWindowsPath("C:/files"), PurePosixPath("/files")
    for name in (
        "D:/x.png",
        "C:/x.png",
        "D:x.png",
        "a/D:/x.png",
        "x.png:other",
        "a\\x.png",
        "a/../x.png",
        "/x.png",
        "a//x.png",
    ):
        assert not away._can_stand(windows / name, windows, name), name
    for name in ("/x.png", "a/../../x.png", "./x.png", "a/./x.png", "a//x.png", "a\\x.png"):
        assert not away._can_stand(here / name, here, name), name
    assert away._can_stand(windows / "a/x.png", windows, "a/x.png")
    assert away._can_stand(here / "a/12:30.png", here, "a/12:30.png")


def test_the_folder_of_a_process_that_was_killed_goes_and_those_in_use_stay(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sent(pictures(tmp_path / "ward", 1), address)
    corpus = corpora.load("folder", path=address)
    left = tmp_path / "mirage-away-left"
    (left / "files").mkdir(parents=True)
    for folder in tmp_path.glob("mirage-away-*"):
        os.utime(folder, (1, 1))
    another = corpora.load("folder", path=address)
    assert not left.exists()
    assert len(list(tmp_path.glob("mirage-away-*"))) == 2
    assert len(told(corpus)) == len(told(another)) == 1


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (f"s3://{BUCKET}/nothing", "Nothing lies at"),
        ("s3://nobody-has-this-bucket/x", "Nothing lies at"),
        ("s3://key:secret@bucket/x", "holds no password"),
        ("nosuch://bucket/x", "fsspec knows no"),
    ],
)
@pytest.mark.parametrize("corpus", ["folder", "rocov2"])
def test_addresses_at_which_nothing_can_be_read_are_said(s3: S3, path: str, why: str, corpus: str) -> None:
    with pytest.raises(BadInput, match=why) as refused:
        list(corpora.load(corpus, path=path).items())
    assert "secret" not in str(refused.value)


def test_the_command_takes_an_address(address: str, tmp_path: Path) -> None:
    sent(pictures(tmp_path / "ward", 2), address)
    atlas = str(tmp_path / "by-command")
    done = mirage("add", "folder", address, "--name", "ward", "--atlas", atlas)
    assert done.returncode == 0, done.stderr
    assert "2 figures added" in done.stderr + done.stdout
