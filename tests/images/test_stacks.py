"""Volumes are kept as stacks without loss, shown in the right proportions, and read safely whatever the file holds."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirage.errors import BadPicture, NotFound
from mirage.figure import Stack, Window
from mirage.images.packing import pack, unpack
from mirage.images.stack_file import StackFile, write_stack
from mirage.images.stacks import cut, render, shape_in, spacing_in, stack_of, volume_of
from mirage.images.store import PictureStore
from mirage.images.volume import Volume, windows_of

RANDOM = np.random.default_rng(7)
AFFINE = np.diag([1.0, 2.0, 4.0, 1.0])


def volume(voxels: Any, **more: Any) -> Volume:
    return Volume(np.asarray(voxels), AFFINE, **more)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (37, 53), (20, 30, 3)])
def test_any_values_come_back_as_they_were(kind: Any, shape: tuple[int, ...]) -> None:
    values = RANDOM.integers(0, np.iinfo(kind).max, shape, dtype=kind, endpoint=True)
    again = unpack(pack(values), shape)
    assert again.dtype == kind
    assert (again == values).all()


def test_a_slice_is_laid_out_as_the_format_says() -> None:
    # Written out by hand: 300, 302 / 299, 310 by the median edge detector leaves 300, 2, -1, 9.
    plain = zlib.decompress(pack(np.array([[300, 302], [299, 310]], np.uint16)))
    assert list(plain) == [600 >> 8, 0, 0, 0, 600 & 255, 4, 1, 18]


KINDS = [
    np.arange(-1024, -904).reshape(4, 5, 6).astype(np.int16),
    RANDOM.integers(-(2**15), 2**15 - 1, (4, 5, 6)).astype(np.int16),
    RANDOM.integers(0, 2**16 - 1, (4, 5, 6)).astype(np.uint16),
    RANDOM.integers(0, 255, (4, 5, 6)).astype(np.uint8),
    RANDOM.integers(-100, 100, (4, 5, 6)).astype(np.int8),
    (RANDOM.integers(0, 60_000, (4, 5, 6)) + 2**30).astype(np.int32),
    RANDOM.integers(-500, 3000, (4, 5, 6)).astype(np.float32),
    RANDOM.integers(0, 2, (4, 5, 6)).astype(bool),
]


@pytest.mark.parametrize("voxels", KINDS, ids=lambda voxels: str(voxels.dtype))
@pytest.mark.parametrize("first", ["axial", "coronal", "sagittal"])
def test_whole_numbers_are_kept_exactly_and_every_view_is_that_of_the_volume(
    voxels: Any, first: Any, tmp_path: Path
) -> None:
    others = tuple(view for view in ("axial", "coronal", "sagittal") if view != first)
    source = volume(voxels, views=(first, *others), slope=2.0, intercept=-3.0)
    store = PictureStore(tmp_path)
    kept = store.put_stack(source)
    values = store.open_stack(kept.voxels, kept.stack).values()
    assert (kept.stack.slope, kept.stack.intercept) == (2.0, -3.0)
    assert not kept.stack.notes
    for view in source.views:
        assert shape_in(kept.stack, view)[0] == source.count(view)
        assert spacing_in(kept.stack, view)[1:] == pytest.approx(source.pixel_spacing(view))  # type: ignore[index]
        for number in range(source.count(view)):
            again = cut(values, kept.stack, view, number).astype(np.int64) + kept.stack.least
            assert (again == source.slice(view, number)).all()
    again = volume_of(kept.stack, values)
    assert store.put_stack(again) == kept


def test_other_numbers_are_scaled_to_16_bits_and_a_note_says_so(tmp_path: Path) -> None:
    voxels = RANDOM.normal(0, 5, (4, 5, 6)).astype(np.float32)
    voxels[0, 0, 0] = np.nan
    store = PictureStore(tmp_path)
    kept = store.put_stack(volume(voxels, slope=2.0, intercept=1.0))
    values = store.open_stack(kept.voxels, kept.stack).values()
    shown = kept.stack.slope * (values + kept.stack.least) + kept.stack.intercept
    assert np.nanmax(np.abs(shown - (2 * voxels + 1))) <= kept.stack.slope / 2 + 1e-5
    assert "16 bits" in " ".join(kept.stack.notes)
    assert "without a value" in " ".join(kept.stack.notes)
    wide = store.put_stack(volume(np.array([[[0, 1], [2, 10**6]]], np.int32)))
    assert "scaled to 16 bits" in wide.stack.notes[0]


def test_colours_are_kept_and_shown(tmp_path: Path) -> None:
    voxels = RANDOM.integers(0, 255, (3, 4, 5, 3)).astype(np.uint8)
    store = PictureStore(tmp_path)
    kept = store.put_stack(Volume(voxels, np.eye(4)))
    file = store.open_stack(kept.voxels, kept.stack)
    assert (file.values() == voxels).all()
    assert kept.stack.colours == 3
    assert (np.asarray(render(file.slice(1), kept.stack)) == voxels[1]).all()


def test_the_same_voxels_make_the_same_file_and_it_is_an_ordinary_zip(tmp_path: Path) -> None:
    store, voxels = PictureStore(tmp_path), KINDS[1]
    kept = store.put_stack(volume(voxels))
    assert store.put_stack(volume(voxels.copy())) == kept
    assert kept.voxels == hashlib.sha256(store.read(kept.voxels)).hexdigest() + ".stack"
    assert list(store.names()) == [kept.voxels]
    assert kept.size == len(store.read(kept.voxels))
    with zipfile.ZipFile(store.path(kept.voxels)) as archive:
        assert archive.namelist() == ["00000", "00001", "00002", "00003"]
        assert archive.read("00002") == store.open_stack(kept.voxels, kept.stack).packed(2)
    assert store.put_stack_file(store.path(kept.voxels)) == kept.voxels
    store.remove(kept.voxels)
    assert kept.voxels not in store
    with pytest.raises(NotFound, match="not in the atlas"):
        store.open_stack(kept.voxels, kept.stack)
    assert not list(tmp_path.rglob("*.part"))


def test_labels_are_kept_beside_with_where_they_begin_are_largest_and_end(tmp_path: Path) -> None:
    labels = np.zeros((6, 5, 6), np.int32)
    labels[1:4, 0, 0] = 3
    labels[2, 0, :4] = 3
    labels[5] = 9
    source = volume(np.zeros((6, 5, 6), np.int16), labels=labels, label_names=((3, "left kidney"), (4, "spleen")),
                    labels_by="a program")  # fmt: skip
    store = PictureStore(tmp_path)
    kept = store.put_stack(source)
    assert [(one.value, one.name, one.first, one.best, one.last) for one in kept.stack.labels] == [
        (3, "left kidney", 1, 2, 3), (9, "structure 9", 5, 5, 5),
    ]  # fmt: skip
    assert (store.open_stack(kept.labels, kept.stack, labels=True).values() == labels).all()
    with pytest.raises(BadPicture, match="labels are no whole numbers"):
        stack_of(replace(source, labels=labels[:3]))


def test_windows_are_the_files_own_then_presets_then_what_fits() -> None:
    ramp = np.linspace(-1000, 1000, 4 * 50 * 50).reshape(4, 50, 50).astype(np.int16)
    names = [one.name for one in stack_of(volume(ramp, modality="CT")).windows]
    assert names == ["soft tissue", "lung", "bone", "brain"]
    own = stack_of(volume(ramp, modality="MR", windows=(("as stored", 100.0, 50.0), ("beside", 9e5, 3.0)))).windows
    assert [one.name for one in own] == ["as stored", "automatic"]
    assert own[1].centre == pytest.approx(0, abs=20)
    assert own[1].width == pytest.approx(1980, abs=40)
    assert stack_of(volume(ramp, modality="CT")).unit == "HU"


def test_no_window_is_offered_twice() -> None:
    offered = windows_of("CT", ((40.0, 400.0), (40.0, 400.0), (50.0, 350.0), (9.0, 0.0)))
    assert [name for name, *_ in offered] == ["as stored", "as stored 2", "lung", "bone", "brain"]


def test_a_window_shows_its_values_between_black_and_white() -> None:
    stack = Stack(("axial",), (1, 1, 3), least=-1000, slope=2.0, intercept=10.0, windows=(Window("a", 0.0, 400.0),))
    kept = np.array([[1000 - 105, 1000 - 5, 1000 + 95]], np.uint16)
    assert list(np.asarray(render(kept, stack))[0]) == [0, 128, 255]
    assert list(np.asarray(render(kept, stack, Window("b", 200.0, 400.0)))[0]) == [0, 0, 128]


def test_pixels_are_stretched_to_squares() -> None:
    source = volume(np.zeros((5, 6, 8), np.uint8))
    stack = stack_of(source)
    values = source.voxels
    assert render(values[0], stack).size == (8, 12)
    assert render(cut(values, stack, "coronal", 0), stack, view="coronal").size == (8, 20)
    assert render(cut(values, stack, "sagittal", 0), stack, view="sagittal").size == (6, 10)
    assert render(values[0], stack_of(replace(source, spacing_known=False))).size == (8, 6)


def test_the_slice_that_stands_for_a_stack_shows_something() -> None:
    voxels = np.zeros((40, 16, 16), np.int16)
    voxels[25:35, 4:12, 4:12] = 300
    assert 25 <= stack_of(volume(voxels)).best < 35
    assert stack_of(volume(voxels, best=3)).best == 3


def test_what_is_not_there_is_said() -> None:
    stack = stack_of(volume(np.zeros((3, 4, 5), np.uint8), views=("axial",)))
    with pytest.raises(NotFound, match="cannot be shown in the coronal plane"):
        cut(np.zeros((3, 4, 5), np.uint8), stack, "coronal", 0)
    with pytest.raises(NotFound, match="no axial slice 4; this stack has 3"):
        cut(np.zeros((3, 4, 5), np.uint8), stack, "axial", 3)


SLICES = [RANDOM.integers(0, 4000, (8, 9)).astype(np.uint16) for _ in range(3)]
STACK = Stack(("axial",), (3, 8, 9))


def stored(tmp_path: Path, packed: list[bytes]) -> Path:
    file = io.BytesIO()
    write_stack(file, packed)
    path = tmp_path / "a.stack"
    path.write_bytes(file.getvalue())
    return path


def other_zip(**kind: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **kind) as archive:
        for number, values in enumerate(SLICES):
            archive.writestr(f"{number:05d}" if kind else f"{number}", pack(values))
    return file.getvalue()


GOOD = [pack(values) for values in SLICES]
HOSTILE = {
    "bomb": [GOOD[0], zlib.compress(bytes(50_000_000)), GOOD[2]],
    "too short": [GOOD[0], zlib.compress(bytes(100)), GOOD[2]],
    "no zlib": [GOOD[0], b"nonsense", GOOD[2]],
    "empty": [GOOD[0], b"", GOOD[2]],
    "cut": [GOOD[0], GOOD[1][:-9], GOOD[2]],
    "more behind": [GOOD[0], GOOD[1] + b"more", GOOD[2]],
    "two depths": [GOOD[0], pack(SLICES[1].astype(np.uint8)), GOOD[2]],
    "one missing": GOOD[:2],
    "one more": [*GOOD, GOOD[0]],
}


@pytest.mark.parametrize("packed", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_stack_is_refused_in_words(packed: list[bytes], tmp_path: Path) -> None:
    path = stored(tmp_path, packed)
    for read in (lambda file: file.values(), lambda file: file.check()):
        with pytest.raises(BadPicture, match="stack"):
            read(StackFile(path, STACK))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data + b"\0",
        lambda data: b"\0" + data,
        lambda data: data[:40] + bytes([data[40] ^ 255]) + data[41:],
        lambda data: data.replace(b"00001", b"00007"),
        lambda data: other_zip(),
        lambda data: other_zip(compression=zipfile.ZIP_DEFLATED),
    ],
)
def test_a_damaged_file_is_refused_in_words(change: Any, tmp_path: Path) -> None:
    path = stored(tmp_path, GOOD)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(BadPicture, match=r"a\.stack"):
        StackFile(path, STACK).values()


def test_every_byte_of_the_directory_counts_or_does_no_harm(tmp_path: Path) -> None:
    path = stored(tmp_path, GOOD)
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            values = StackFile(path, STACK).values()
        except BadPicture:
            continue
        assert (values == np.stack(SLICES)).all()


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        (replace(STACK, shape=(3, 9, 17)), "does not unpack"),
        (replace(STACK, shape=(65_000, 60_000, 60_000)), "limit"),
        (replace(STACK, shape=(2, 8, 9)), "is no stack of 2 slices"),
        (replace(STACK, shape=(0, 8, 9)), "no voxels"),
    ],
)
def test_a_file_that_is_not_as_described_is_refused_before_memory_is_taken(stack: Stack, said: str, tmp_path: Path) -> None:
    path = stored(tmp_path, GOOD)
    with pytest.raises(BadPicture, match=said):
        StackFile(path, stack).values()
    with pytest.raises(BadPicture, match="no labels have"):
        StackFile(path, STACK, labels=True).values()
