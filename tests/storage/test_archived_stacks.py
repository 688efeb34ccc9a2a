"""Stacks travel in an atlas file, and nothing that a file says of them is believed."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dicom_maker import make_dicom
from mirage.atlas import Atlas
from mirage.corpora.folder import FolderCorpus
from mirage.errors import AtlasError, BadInput
from mirage.figure import Licence
from mirage.images.packing import pack
from mirage.images.stack_file import write_stack
from mirage.licensing import terms_of
from mirage.query import Query
from mirage.storage import archive
from mirage.storage.archive_export import export
from mirage.storage.archive_import import import_file
from mirage.storage.ingest import add
from squares import Squares
from stack_maker import FREE, Volumes, picture, volume

FIGURES, SLICES = "figures/00000.jsonl", "slices/00000.npy"
GIVEN = {"liver": volume(seed=1, labels=True), "chest": volume(9, seed=2)}
Parts = dict[str, bytes]


def made(folder: Path, corpus: Volumes) -> Path:
    with Atlas.open(folder, encoder=Squares(), create=True) as atlas:
        add(atlas, corpus)
    return folder


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("carried")
    export(made(folder / "atlas", Volumes(GIVEN, {"liver": (3,)})), folder / "atlas.mirage")
    return folder / "atlas.mirage"


@pytest.fixture(scope="module")
def parts(carried: Path) -> Parts:
    with zipfile.ZipFile(carried) as file:
        return {name: file.read(name) for name in file.namelist()}


def arrived(path: Path, folder: Path, **more: Any) -> Atlas:
    encoder = more.pop("encoder", None) or Squares()
    atlas = Atlas.open(folder, encoder=encoder, create=True)
    import_file(path, atlas, **more)
    return atlas


def written(target: Path, parts: Parts, how: int = zipfile.ZIP_STORED) -> Path:
    """An atlas file with right checksums, as somebody who means harm would make it."""
    told = json.loads(parts[archive.MANIFEST])
    told["parts"] = {name: hashlib.sha256(data).hexdigest() for name, data in parts.items() if name in told["parts"]}
    with zipfile.ZipFile(target, "w") as file:
        for name, data in parts.items():
            file.writestr(name, json.dumps(told) if name == archive.MANIFEST else data, how)
    return target


def test_a_stack_that_travelled_is_what_it_was(carried: Path, tmp_path: Path) -> None:
    with Atlas.open(carried.parent / "atlas", encoder=Squares()) as here, arrived(carried, tmp_path / "there") as there:
        for name in ("volumes:liver", "volumes:chest", "volumes:liver 3"):
            mine, theirs = here.store.row(name), there.store.row(name)
            assert (theirs.figure, theirs.stack) == (mine.figure, mine.stack)
        for file in here.pictures.names():
            assert there.pictures.read(file) == here.pictures.read(file)
        for name, number in (("liver", 0), ("chest", 8)):
            query = Query.of(pictures=[here.embed(picture(GIVEN[name], number))])
            answers = [
                {hit.figure.id: (hit.slice, hit.confidence) for hit in atlas.search(query).hits} for atlas in (here, there)
            ]
            assert answers[0] == answers[1]
            assert answers[0][f"volumes:{name}"][0] is not None
        assert import_file(carried, there).kept == 3


def test_only_a_file_with_stacks_has_the_newer_format(carried: Path, parts: Parts, small: Path, tmp_path: Path) -> None:
    assert json.loads(parts[archive.MANIFEST])["format"] == archive.STACKED == 2
    export(small, tmp_path / "plain.mirage", purpose="myself")
    with zipfile.ZipFile(tmp_path / "plain.mirage") as file:
        assert json.loads(file.read(archive.MANIFEST))["format"] == 1
        assert not [name for name in file.namelist() if "stack" in name or name.startswith("slices/")]
        for line in file.read(FIGURES).splitlines():
            assert not {"stack", "slice_of", "files"} & set(json.loads(line))


def test_slices_are_encoded_anew_for_another_encoder(carried: Path, tmp_path: Path) -> None:
    other = Squares("turned")
    with arrived(carried, tmp_path / "there", encoder=other, encode=True) as there:
        query = Query.of(pictures=[there.embed(picture(GIVEN["chest"], 7))])
        hit = next(hit for hit in there.search(query).hits if hit.figure.id == "volumes:chest")
        assert hit.slice is not None
        assert hit.slice.number == 7


def test_a_stack_whose_licence_is_not_stated_stays(tmp_path: Path) -> None:
    folder = made(tmp_path / "atlas", Volumes(GIVEN, licence=Licence()))
    with pytest.raises(BadInput, match="not stated"):
        export(folder, tmp_path / "nothing.mirage")
    export(folder, tmp_path / "all.mirage", purpose="myself")
    assert terms_of(FREE).known
    with zipfile.ZipFile(tmp_path / "all.mirage") as file:
        assert sum(name.endswith(".stack") for name in file.namelist()) == 3


def test_a_stack_whose_file_is_lost_is_left_out_and_told(tmp_path: Path) -> None:
    folder = made(tmp_path / "atlas", Volumes(GIVEN))
    with Atlas.open(folder, encoder=Squares()) as atlas:
        row = atlas.store.row("volumes:liver")
        assert row.stack is not None
        atlas.pictures.path(row.stack.labels).unlink()
    report = export(folder, tmp_path / "atlas.mirage")
    assert (report.manifest.figures, report.manifest.left_out.no_picture) == (1, 1)


def record(change: Callable[[dict[str, Any]], object]) -> Callable[[Parts], Parts]:
    """A change of the record of the stack that has labels."""

    def changed(parts: Parts) -> Parts:
        records = [json.loads(line) for line in parts[FIGURES].splitlines()]
        change(next(one for one in records if one["id"] == "volumes:liver"))
        return parts | {FIGURES: b"".join(json.dumps(one).encode() + b"\n" for one in records)}

    return changed


def single(**changes: Any) -> Callable[[Parts], Parts]:
    def changed(parts: Parts) -> Parts:
        records = [json.loads(line) for line in parts[FIGURES].splitlines()]
        next(one for one in records if one["id"] == "volumes:liver 3")["slice_of"].update(changes)
        return parts | {FIGURES: b"".join(json.dumps(one).encode() + b"\n" for one in records)}

    return changed


def voxels(make: Callable[[bytes], bytes]) -> Callable[[Parts], Parts]:
    """Another file of voxels, with the right name for what it holds."""

    def changed(parts: Parts) -> Parts:
        records = [json.loads(line) for line in parts[FIGURES].splitlines()]
        files = next(one for one in records if one["id"] == "volumes:liver")["files"]
        former = archive.picture_name(files["voxels"])
        data = make(parts[former])
        files["voxels"] = f"{hashlib.sha256(data).hexdigest()}.stack"
        rest = {name: part for name, part in parts.items() if name != former}
        lines = b"".join(json.dumps(one).encode() + b"\n" for one in records)
        return rest | {FIGURES: lines, archive.picture_name(files["voxels"]): data}

    return changed


def stack_bytes(slices: int, rows: int = 48, columns: int = 48, kind: Any = np.uint16) -> bytes:
    out = io.BytesIO()
    write_stack(out, (pack(np.full((rows, columns), number, kind)) for number in range(slices)))
    return out.getvalue()


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def stack_of(one: dict[str, Any], **changes: Any) -> None:
    one["stack"] |= changes


LABEL = {"value": 1, "name": "x", "first": 0, "best": 1, "last": 2}
LIES: dict[str, Callable[[Parts], Parts]] = {
    "more slices than there are": record(lambda one: stack_of(one, shape=[13, 48, 48])),
    "fewer": record(lambda one: stack_of(one, shape=[11, 48, 48])),
    "larger ones": record(lambda one: stack_of(one, shape=[12, 480, 480])),
    "far too many": record(lambda one: stack_of(one, shape=[2**31, 2**31, 2**31])),
    "none": record(lambda one: stack_of(one, shape=[0, 48, 48])),
    "colours": record(lambda one: stack_of(one, colours=3)),
    "a view that is none": record(lambda one: stack_of(one, views=["oblique"])),
    "no view": record(lambda one: stack_of(one, views=[])),
    "a best slice beyond the end": record(lambda one: stack_of(one, best=12)),
    "values without an end": record(lambda one: stack_of(one, least=10**30)),
    "no finite number": record(lambda one: stack_of(one, slope=float("nan"))),
    "a window of no width": record(lambda one: stack_of(one, windows=[{"name": "x", "centre": 0, "width": 0}])),
    "a name that steers a terminal": record(lambda one: stack_of(one, notes=["\u001b[2J"])),
    "a label's name that does": record(lambda one: stack_of(one, labels=[LABEL | {"name": "a\u202eb"}])),
    "a label beyond the end": record(lambda one: stack_of(one, labels=[LABEL | {"last": 99}])),
    "two labels of a value": record(lambda one: stack_of(one, labels=[LABEL, LABEL])),
    "no labels, but their file": record(lambda one: stack_of(one, labels=[])),
    "an unknown field": record(lambda one: stack_of(one, patient="x")),
    "no files": record(lambda one: one.pop("files")),
    "files of no stack": record(lambda one: one.pop("stack")),
    "a path for a name": record(lambda one: one["files"].update(voxels="../../../etc/passwd")),
    "a picture for voxels": record(lambda one: one["files"].update(voxels=one["picture"]["name"])),
    "the labels' file for voxels": record(lambda one: one["files"].update(voxels=one["files"]["labels"][::-1])),
    "the voxels' file for labels": record(lambda one: one["files"].update(labels=one["files"]["voxels"])),
    "slices in no order": record(lambda one: one["files"].update(slices=list(range(12))[::-1])),
    "a slice that is not there": record(lambda one: one["files"].update(slices=[*range(11), 12])),
    "more vectors than slices": record(lambda one: one["files"].update(slices=list(range(11)))),
    "a slice of itself": record(lambda one: one.update(slice_of={"stack": one["id"], "view": "axial", "number": 1})),
    "a slice of a stack of others": single(stack="starter:brain"),
    "a slice beyond the end": single(number=12),
    "a slice before the beginning": single(number=-1),
    "a slice of a view that is none": single(view="up and down"),
    "voxels that are no stack": voxels(lambda _: b"PK\x05\x06" + bytes(18)),
    "voxels cut short": voxels(lambda data: data[:-1]),
    "something hidden between slices": voxels(lambda data: data[:40] + b"hidden" + data[40:]),
    "an offset that lies": voxels(lambda data: data[:-26] + b"\xff\xff\xff\x7f" + data[-22:]),
    "fewer slices in the file": voxels(lambda _: stack_bytes(11)),
    "smaller slices in the file": voxels(lambda _: stack_bytes(12, 47)),
    "a slice that changed": voxels(lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:]),
    "vectors that are missing": lambda parts: {name: data for name, data in parts.items() if name != SLICES},
    "fewer vectors": lambda parts: parts | {SLICES: npy(np.load(io.BytesIO(parts[SLICES]))[:-1])},
    "vectors that are not finite": lambda parts: parts | {SLICES: npy(np.full((21, 48), np.inf, np.float16))},
    "vectors of another length": lambda parts: parts | {SLICES: npy(np.ones((21, 47), np.float16))},
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_what_is_told_of_a_stack_is_checked_before_anything_is_written(parts: Parts, tmp_path: Path, lie: str) -> None:
    path = written(tmp_path / "lies.mirage", LIES[lie](dict(parts)))
    with pytest.raises(AtlasError):
        import_file(path, tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_the_parts_put_together_again_are_taken(parts: Parts, tmp_path: Path) -> None:
    """So that each of the lies above is refused for what it says."""
    path = written(tmp_path / "honest.mirage", voxels(lambda _: stack_bytes(12))(dict(parts)))
    with arrived(path, tmp_path / "there") as there:
        assert len(there.store.keys()) == 3


def test_a_stack_that_is_packed_once_more_is_refused_unread(parts: Parts, tmp_path: Path) -> None:
    path = written(tmp_path / "packed.mirage", parts, zipfile.ZIP_DEFLATED)
    with pytest.raises(AtlasError, match="packed once more"):
        import_file(path, tmp_path / "there")


def test_nothing_of_a_patient_or_a_series_is_in_any_file_of_the_atlas_or_its_export(tmp_path: Path) -> None:
    ward = tmp_path / "ward"
    ward.mkdir()
    tags = {"SeriesInstanceUID": "1.2.840.99.17.4242", "StudyInstanceUID": "1.2.840.99.18.4343", "StudyDate": "20190317",
            "AcquisitionDate": "20190318", "DeviceSerialNumber": "SN-777123", "StationName": "SCANNER-9"}  # fmt: skip
    for number in range(5):
        pixels = np.random.default_rng(number).integers(0, 900, (32, 32)).astype(np.int16)
        place = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [0, 0, 3 * number]}
        data = make_dicom(pixels, PixelSpacing=[1, 1], InstanceNumber=number, **tags, **place)
        (ward / f"IM{number}.dcm").write_bytes(data)
    with Atlas.open(tmp_path / "atlas", encoder=Squares(), create=True) as atlas:
        report = add(atlas, FolderCorpus(ward))
        assert (report.added, report.refused) == (1, ())
        assert next(atlas.store.each())[0].stack is not None
    export(tmp_path / "atlas", tmp_path / "atlas.mirage", purpose="myself")
    with zipfile.ZipFile(tmp_path / "atlas.mirage") as file:
        kept = {name: file.read(name) for name in file.namelist()}
    kept |= {str(path): path.read_bytes() for path in (tmp_path / "atlas").rglob("*") if path.is_file()}
    secrets = [*tags.values(), "Roe^Jane", "Jane Roe", "SECRET", "Hospital", "19700101", "IM0.dcm"]
    told = {(name, secret) for name, data in kept.items() for secret in secrets if secret.encode() in data}
    # The owner alone sees what the files were called, in a table that never travels.
    assert {secret for _, secret in told} <= {"IM0.dcm"}
    assert all(Path(name).name.startswith("records.sqlite") for name, _ in told)
