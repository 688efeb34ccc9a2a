"""Stacks in an atlas: added, encoded anew, refused, and gone when they are replaced."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mirage.atlas import Atlas
from mirage.corpora.base import Item
from mirage.errors import AtlasError, BadPicture
from mirage.figure import Stack, StackLabel
from mirage.images.marks import watermark
from mirage.images.volume import Volume
from mirage.indexes import IndexQuery
from mirage.storage import prepare, reindex
from mirage.storage.ingest import add
from mirage.storage.searched import SliceVectors
from mirage.storage.slices import chosen
from squares import Squares
from stack_maker import Volumes, picture, volume


@pytest.fixture
def atlas(tmp_path: Path):
    with Atlas.open(tmp_path / "atlas", encoder=Squares(), create=True) as made:
        yield made


def test_a_stack_is_one_figure_with_its_slices_and_the_picture_of_its_best(atlas: Atlas) -> None:
    given = volume(labels=True)
    report = add(atlas, Volumes({"liver": given}, {"liver": (3,)}))
    assert (report.added, report.refused) == (2, ())
    stack, single = atlas.store.row("volumes:liver"), atlas.store.row("volumes:liver 3")
    assert stack.figure.stack is not None
    assert stack.stack is not None
    assert (stack.figure.stack.shape, stack.figure.stack.unit) == ((12, 48, 48), "HU")
    assert [label.name for label in stack.figure.stack.labels] == ["left kidney", "aorta"]
    assert (single.figure.stack, single.stack) == (None, None)
    assert single.figure.slice_of is not None
    assert (single.figure.slice_of.stack, single.figure.slice_of.number) == ("volumes:liver", 3)
    kept = atlas.pictures.open_stack(stack.stack.voxels, stack.figure.stack)
    assert (kept.values().astype(int) + stack.figure.stack.least == given.voxels).all()
    marks = atlas.pictures.open_stack(stack.stack.labels, stack.figure.stack, labels=True)
    assert (marks.values() == given.labels).all()
    best = atlas.encoder.encode_images([picture(given, stack.figure.stack.best)])[0]
    assert atlas.store.vectors.of([stack.key], atlas.encoder_info.digest)[stack.key][0] @ best > 0.9999
    assert atlas.info().bytes == stack.picture.bytes + stack.stack.bytes + single.picture.bytes
    assert add(atlas, Volumes({"liver": given}, {"liver": (3,)})).added == 0


def test_every_slice_of_a_small_stack_is_found_by_its_picture(atlas: Atlas) -> None:
    volumes = {name: volume(seed=number) for number, name in enumerate(("liver", "chest", "pelvis"))}
    add(atlas, Volumes(volumes))
    for name, given in volumes.items():
        for number in (0, 5, 11):
            seen = atlas.encoder.encode_images([picture(given, number)])[0]
            key, score = atlas.index.ask(asked(seen))["image"][0]
            assert (key, score) == (atlas.store.row(f"volumes:{name}").key, pytest.approx(1.0, abs=1e-3))


def asked(vector: np.ndarray):
    return IndexQuery(vector, {}, 5, {})


def stack_of_shape(slices: int, apart: float | None, labels: tuple[int, ...] = ()) -> Stack:
    marked = tuple(StackLabel(value, str(value), 0, best, slices - 1) for value, best in enumerate(labels, 1))
    return Stack(("axial",), (slices, 8, 8), spacing=apart and (apart, 1.0, 1.0), best=slices // 2, labels=marked)


def test_all_slices_of_small_stacks_are_encoded_and_evenly_many_of_large_ones() -> None:
    assert chosen(stack_of_shape(1, None)) == [0]
    assert chosen(stack_of_shape(64, 0.3)) == list(range(64))
    for slices, apart in ((230, 1.0), (230, None), (230, 0.1), (65, 0.5), (600, 3.0), (2000, 0.2), (129, None)):
        numbers = chosen(stack_of_shape(slices, apart))
        assert 43 <= len(numbers) <= 129
        gaps = np.diff([-1, *numbers, slices])
        assert gaps.max() <= max(3, -(-slices // 64))
    assert len(chosen(stack_of_shape(230, 1.0))) < len(chosen(stack_of_shape(230, 2.0))) <= 128
    assert {7, 201, 115} <= set(chosen(stack_of_shape(230, 1.0, (7, 201))))


def test_one_stack_at_a_time_is_in_memory(atlas: Atlas) -> None:
    class Counted(Volumes):
        most = now = 0
        lock = threading.Lock()

        def read_stack(self, item: Item) -> Volume:
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            given = super().read_stack(item)
            threading.Event().wait(0.02)  # others may come meanwhile
            with self.lock:
                self.now -= 1
            return given

    corpus = Counted({f"volume{number}": volume(seed=number) for number in range(6)})
    assert add(atlas, corpus, workers=4).added == 6
    assert corpus.most == 1


def test_a_stack_with_a_synthetic_slice_is_refused_and_leaves_no_file(atlas: Atlas) -> None:
    given = volume(side=256)
    marked = np.stack(
        [np.asarray(watermark.embed(picture(given, number), "0123456789abcdef").convert("L")) for number in range(12)]
    )
    alone = np.stack([np.asarray(picture(given, number)) for number in range(12)])
    alone[4] = marked[4]
    for voxels in (marked, alone):
        synthetic = Volume(voxels, given.affine)
        report = add(atlas, Volumes({"liver": synthetic, "chest": given}))
        assert [refused.label for refused in report.refused] == ["liver.nii"]
        assert "synthetic" in report.refused[0].reason
    row = atlas.store.row("volumes:chest")
    assert row.stack is not None
    assert {name for name in atlas.pictures.names() if name.endswith(".stack")} == {row.stack.voxels}


def test_a_refused_stack_takes_no_file_that_another_has(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> SliceVectors:
        raise BadPicture("synthetic image: a slice of it.")

    add(atlas, Volumes({"chest": volume()}))
    before = set(atlas.pictures.names())
    monkeypatch.setattr(prepare, "encode_slices", refused)
    report = add(atlas, Volumes({"chest": volume(), "copy": volume()}))
    assert [each.label for each in report.refused] == ["copy.nii"]
    assert set(atlas.pictures.names()) == before


def test_a_corpus_that_says_stack_and_reads_none_is_refused_in_words(atlas: Atlas) -> None:
    class Silent:
        card = Volumes.card

        def __init__(self) -> None:
            self._volumes = Volumes({"liver": volume()})
            self.info, self.items, self.read = self._volumes.info, self._volumes.items, self._volumes.read

        def __len__(self) -> int:
            return 1

    assert "stack" in add(atlas, Silent()).refused[0].reason


def test_what_belongs_to_a_stack_and_could_not_be_used_is_told_and_the_stack_is_there(atlas: Atlas) -> None:
    given = replace(volume(), left_out=(("liver_seg.nii", "liver_seg.nii is cut short."),))
    report = add(atlas, Volumes({"liver": given}))
    assert (report.added, [(one.label, one.reason) for one in report.refused]) == (1, list(given.left_out))


def test_an_atlas_with_stacks_is_encoded_anew_slices_too(tmp_path: Path) -> None:
    given = {"liver": volume(seed=1), "chest": volume(seed=2)}
    with Atlas.open(tmp_path / "atlas", encoder=Squares(), create=True) as atlas:
        add(atlas, Volumes(given))
    with Atlas.open(tmp_path / "atlas", encoder=Squares()) as atlas:
        other = Squares("turned")
        reindex.rebuild_open(atlas, other)
        seen = other.encode_images([picture(given["chest"], 9)])[0]
        assert atlas.index.ask(asked(seen))["image"][0] == (atlas.store.row("volumes:chest").key, pytest.approx(1, abs=1e-3))
        row = atlas.store.row("volumes:liver")
        assert row.stack is not None
        atlas.pictures.path(row.stack.voxels).unlink()
        with pytest.raises(AtlasError, match=r"volumes:liver is lost or damaged"):
            reindex.rebuild_open(atlas, Squares("again"))


def test_an_index_that_is_lost_is_filled_again_with_slices(tmp_path: Path) -> None:
    given = volume()
    with Atlas.open(tmp_path / "atlas", encoder=Squares(), create=True) as atlas:
        add(atlas, Volumes({"liver": given}))
        place = tmp_path / "atlas" / atlas.index_name
    shutil.rmtree(place)
    with Atlas.open(tmp_path / "atlas", encoder=Squares()) as atlas:
        seen = atlas.encoder.encode_images([picture(given, 0)])[0]
        assert atlas.index.ask(asked(seen))["image"][0][1] == pytest.approx(1.0, abs=1e-3)


def test_a_stack_that_changed_takes_the_place_of_the_former(atlas: Atlas) -> None:
    class Changed(Volumes):
        def items(self):
            for entry in super().items():
                yield replace(entry, fingerprint="changed")

    before = volume(seed=1)
    add(atlas, Volumes({"liver": before}))
    key = atlas.store.row("volumes:liver").key
    now = volume(seed=2, slices=9)
    assert add(atlas, Changed({"liver": now})).added == 1
    row = atlas.store.row("volumes:liver")
    assert row.key == key
    assert row.figure.stack is not None
    assert row.figure.stack.shape[0] == 9
    assert atlas.store.vectors.slices([key], atlas.encoder_info.digest)[key].numbers.tolist() == list(range(9))
    seen = atlas.encoder.encode_images([picture(before, 0)])[0]
    assert atlas.index.ask(asked(seen))["image"][0][1] < 0.999
    assert set(atlas.pictures.names()) == row.files, "what only the former had is gone"


def test_a_file_that_another_figure_has_too_stays(atlas: Atlas) -> None:
    class Changed(Volumes):
        def items(self):
            for entry in super().items():
                yield replace(entry, fingerprint="changed") if entry.label == "liver.nii" else entry

    shared = volume(seed=1, labels=True)
    add(atlas, Volumes({"liver": shared, "twin": shared}))
    # What the first leaves is what the second, read ahead of its being stored, comes with.
    assert add(atlas, Changed({"liver": volume(seed=2), "twin": shared, "new": shared})).added == 2
    rows = [atlas.store.row(f"volumes:{name}") for name in ("liver", "twin", "new")]
    assert set(atlas.pictures.names()) == set().union(*(row.files for row in rows))
    assert rows[1].files == rows[2].files != rows[0].files


def test_what_an_ingest_that_broke_off_left_unstored_is_removed_by_the_next(atlas: Atlas, monkeypatch) -> None:
    given = Volumes({"liver": volume(seed=1, labels=True), "chest": volume(seed=2)})
    with monkeypatch.context() as patch:
        patch.setattr(atlas.store, "put", lambda *_: (_ for _ in ()).throw(AtlasError("The disk broke.")))
        with pytest.raises(AtlasError, match="disk broke"):
            add(atlas, given)
    assert any(name.endswith(".stack") for name in atlas.pictures.names())
    add(atlas, Volumes({"pelvis": volume(seed=3)}))
    assert set(atlas.pictures.names()) == atlas.store.row("volumes:pelvis").files
