"""Corpora into an atlas: resumable, idempotent, and honest about what was left out."""

from __future__ import annotations

import hashlib
import random
import shutil
import signal
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mirage import corpora, locales
from mirage.atlas import Atlas
from mirage.corpora.base import Corpus, Item, Refused
from mirage.encoders.base import Vectors
from mirage.errors import ROOM, Unavailable
from mirage.figure import Figure, Licence
from mirage.images import DecodedPicture
from mirage.images.volume import Volume
from mirage.indexes import bm25
from mirage.storage import prepare
from mirage.storage.archive_export import export
from mirage.storage.folder import UNFINISHED, AtlasFolder
from mirage.storage.ingest import Progress, add
from mirage.storage.prepare import BATCH
from mirage.storage.store import Store
from mirage.wording import speaking
from parts import PATIENCE, STARTER_FIGURES, mirage, picture_folder, until
from scan_maker import MadeStacks, phantom
from squares import LOG, Squares


def level(folder: Path) -> tuple[int, int]:
    """Records and points of an atlas; the ids are unique and every picture of a record is there."""
    with Atlas.open(folder) as atlas:
        keys = atlas.store.keys()
        assert sorted(atlas.index.keys()) == keys
        assert atlas.store.note(UNFINISHED) is None
        rows = atlas.store.rows(keys).values()
        assert len({row.figure.id for row in rows}) == len(keys)
        assert all(atlas.pictures.path(row.picture.name).stat().st_size == row.picture.bytes for row in rows)
        assert not list(atlas.pictures.folder.glob("*/.*.part"))
        return len(keys), len(atlas.index)


def test_adding_twice_changes_nothing(small: Path, tmp_path: Path) -> None:
    with Atlas.open(small) as atlas:
        before = atlas.store.keys()
        report = add(atlas, corpora.load("folder", path=tmp_path / "phantoms"))
        assert (report.added, report.kept, report.refused, report.stopped) == (0, 6, (), False)
        assert atlas.store.keys() == before
    assert level(small) == (6, 6)


def test_the_starter_is_there_already_the_second_time(starter_copy: Path) -> None:
    with Atlas.open(starter_copy) as atlas:
        report = add(atlas, corpora.load("starter"))
    assert (report.added, report.kept) == (0, STARTER_FIGURES)


def test_changed_words_replace_the_old_ones_everywhere(small: Path, tmp_path: Path) -> None:
    table = tmp_path / "phantoms" / "figures.csv"
    table.write_text(table.read_text().replace("Phantom number 3", "A zebra crossing"))
    with Atlas.open(small) as atlas:
        report = add(atlas, corpora.load("folder", path=tmp_path / "phantoms"))
        assert (report.added, report.kept) == (1, 5)
        assert atlas.search("zebra crossing").hits[0].figure.caption == "A zebra crossing"
        captions = {hit.figure.caption for hit in atlas.search("phantom number", k=20)}
    assert "Phantom number 3" not in captions
    assert level(small) == (6, 6)


def test_a_search_finds_what_an_ingest_under_way_has_committed(tmp_path: Path, pictures: Callable[..., Path]) -> None:
    found: list[tuple[int, int, int]] = []
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        assert not atlas.search("phantom").hits
        assert atlas.facets()["modality"] == {}

        def look(_: Progress) -> None:
            if committed := len(atlas.store.keys()):
                hits = len(atlas.search("phantom number", modality="CT", k=100).hits)
                found.append((committed, hits, atlas.facets()["modality"]["CT"]))

        add(atlas, corpora.load("folder", path=pictures(70)), progress=look)
    assert {committed for committed, _, _ in found} == {32, 64, 70}
    assert all(hits > 0 and facet == committed for committed, hits, facet in found)


def test_names_of_files_and_cases_stay_in_the_atlas(tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "Xaver Mops", 2)
    (folder / "sub").mkdir()
    for old, new in (("phantom-000.png", "sub/Doe^Jane 1950.png"), ("phantom-001.png", "roe.png")):
        (folder / old).rename(folder / new)
    (folder / "figures.csv").write_text("file,caption,case,history\nsub/Doe^Jane 1950.png,A bar,Jane Doe 77,She fell.\n")
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, corpora.load("folder", path=folder))
        (tmp_path / "moved").mkdir()
        before = [row for rows in atlas.store.each() for row in rows]
        report = add(atlas, corpora.load("folder", path=folder.rename(tmp_path / "moved" / folder.name)))
        assert report.kept == 2
        assert [corpus.name for corpus in atlas.store.corpora()] == [report.corpus.name]
        assert atlas.store.name_of(report.corpus.name) == "Xaver Mops"
        figure, key = before[0].figure, atlas.store.id_key.hex()
        assert atlas.store.name_of(figure.id) == "sub/Doe^Jane 1950.png"
        assert atlas.store.name_of(figure.case_id) == "Jane Doe 77"
        assert atlas.case(figure.case_id).history == "She fell."
    export(tmp_path / "atlas", tmp_path / "out.mirage", purpose="myself")
    guessable = [
        hashlib.sha256(name.encode()).hexdigest()[:10] for name in ("sub/Doe^Jane 1950.png", "roe.png", "Jane Doe 77")
    ]
    with zipfile.ZipFile(tmp_path / "out.mirage") as archive:
        told = "".join(f"{name} {archive.read(name).decode('latin-1')}" for name in archive.namelist()).lower()
    assert figure.id in told
    assert report.corpus.name in told
    assert not [word for word in ("doe^", "doe-", "doe 77", "jane", "roe", "xaver", "mops", key, *guessable) if word in told]


def test_progress_shows_rate_and_time_left_and_never_runs_back(tmp_path: Path, pictures: Callable[..., Path]) -> None:
    told: list[Progress] = []
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, corpora.load("folder", path=pictures(70)), progress=told.append)
    assert told[-1].done == told[-1].total == 70
    assert [step.done for step in told] == sorted(step.done for step in told)
    in_between = [step for step in told if 0 < step.done < 70 and step.rate]
    assert in_between
    assert all(step.seconds_left is not None and step.seconds_left > 0 for step in in_between)


def test_bad_files_are_named_with_the_reason_and_stop_nothing(tmp_path: Path, pictures: Callable[..., Path]) -> None:
    folder = pictures(3)
    whole = (folder / "phantom-001.png").read_bytes()
    bad = {
        "cut.png": whole[: len(whole) // 2],
        "empty.png": b"",
        "words.png": b"no picture at all",
        "phantom-001.png": b"\x00",
    }
    for name, data in bad.items():
        (folder / name).write_bytes(data)
    table = folder / "figures.csv"
    table.write_text(table.read_text() + "".join(f"{name},Bad,CT,axial\n" for name in bad if name != "phantom-001.png"))
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        report = add(atlas, corpora.load("folder", path=folder))
    assert report.added == 2
    assert {Path(entry.label).name for entry in report.refused} == set(bad)
    assert all(len(entry.reason) > 20 for entry in report.refused)
    with speaking(locales.translations_of("es")), Atlas.open(tmp_path / "spanish", create=True) as atlas:
        said = add(atlas, corpora.load("folder", path=folder))
    assert len(said.refused) == len(bad)
    # They are read in other threads.
    assert not {entry.reason for entry in said.refused} & {entry.reason for entry in report.refused}
    assert level(tmp_path / "atlas") == (2, 2)


class Repeating:
    """A real corpus that yields its second entry twice."""

    def __init__(self, whole: corpora.Corpus) -> None:
        self._whole = whole
        self.info, self.read = whole.info, whole.read

    def items(self) -> Iterator[object]:
        for number, item in enumerate(self._whole.items()):
            yield item
            if number == 1:
                yield item

    def __len__(self) -> int:
        return len(self._whole) + 1


def test_an_id_that_occurs_twice_is_taken_once_and_said(tmp_path: Path, pictures: Callable[..., Path]) -> None:
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        report = add(atlas, Repeating(corpora.load("folder", path=pictures(3))))
    assert report.added == 3
    (refused,) = report.refused
    assert "occurs twice; the first one was taken" in refused.reason
    assert level(tmp_path / "atlas") == (3, 3)


def test_stopping_keeps_what_is_stored_and_the_corpus_is_not_complete(tmp_path: Path, pictures: Callable[..., Path]) -> None:
    folder = pictures(70)
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        report = add(atlas, corpora.load("folder", path=folder), stop=lambda: True)
        assert (report.added, report.stopped) == (BATCH, True)
        assert [corpus.complete for corpus in atlas.info().corpora] == [False]
        report = add(atlas, corpora.load("folder", path=folder))
        assert (report.added, report.kept, report.stopped) == (70 - BATCH, BATCH, False)
        assert [corpus.complete for corpus in atlas.info().corpora] == [True]


class Stacks(MadeStacks):
    """Twelve stacks, of which it counts those that were read."""

    read_by_now = 0

    def items(self) -> Iterator[Item | Refused]:
        item = next(iter(super().items()))
        for number in range(12):
            yield replace(item, figure=replace(item.figure, id=f"made:{number}"), label=f"{number}.nii.gz")

    def read_stack(self, item: Item) -> Volume:
        self.read_by_now += 1
        return super().read_stack(item)

    def __len__(self) -> int:
        return 12


@pytest.mark.parametrize("encoder", [None, Squares()], ids=["several", "together"])
def test_each_stack_is_stored_before_the_next_one_is_read(tmp_path: Path, encoder: Squares | None) -> None:
    corpus = Stacks(phantom(5, 16, 20, sides_known=False, labels=False))
    stored: list[tuple[int, int]] = []
    with AtlasFolder.open(tmp_path / "atlas", encoder=encoder, create=True) as atlas:
        report = add(
            atlas,
            corpus,
            progress=lambda told: stored.append((corpus.read_by_now, told.done)),
            stop=lambda: corpus.read_by_now == 3,
        )
    assert (report.added, corpus.read_by_now) == (3, 3)
    assert {told for told in stored if told[0]} == {(1, 1), (2, 2), (3, 3)}


class Tired(Squares):
    """Has no memory for any picture, whether or not several threads may ask it."""

    def __init__(self, *, alone: bool) -> None:
        super().__init__()
        self._alone = alone

    def on_one_thread(self) -> Squares | None:
        return self if self._alone else None

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        raise MemoryError


@pytest.mark.parametrize("alone", [True, False])
def test_what_is_wrong_with_the_encoder_is_no_picture_s_fault(
    tmp_path: Path, pictures: Callable[..., Path], alone: bool
) -> None:
    with (
        AtlasFolder.open(tmp_path / "atlas", encoder=Tired(alone=alone), create=True) as atlas,
        pytest.raises(MemoryError),
    ):
        add(atlas, corpora.load("folder", path=pictures(3)))


def test_an_encoder_of_one_thread_gets_many_pictures_at_a_time_but_few_large_ones(
    tmp_path: Path, pictures: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOG, str(tmp_path / "sizes.txt"))
    folder = pictures(40)
    with Atlas.open(tmp_path / "atlas", encoder=Squares(), create=True) as atlas:
        assert add(atlas, corpora.load("folder", path=folder)).added == 40
    assert (tmp_path / "sizes.txt").read_text().split() == [str(BATCH), str(40 - BATCH)]
    monkeypatch.setattr(prepare, "_MOST_WAITING", 1)
    with Atlas.open(tmp_path / "other", encoder=Squares(), create=True) as atlas:
        assert add(atlas, corpora.load("folder", path=folder)).added == 40
    assert (tmp_path / "sizes.txt").read_text().split()[2:] == ["1"] * 40


def test_figures_come_in_the_order_of_their_corpus_whichever_thread_is_done_first(
    tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    class Uneven:
        def __init__(self, inner: Corpus) -> None:
            self._inner, self._first = inner, threading.Event()

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        def __len__(self) -> int:
            return len(self._inner)

        def read(self, item: Item) -> DecodedPicture:
            if item.label.endswith("000.png"):
                assert self._first.wait(PATIENCE)  # the first one is there after the second
            else:
                self._first.set()
            return self._inner.read(item)

    inner = corpora.load("folder", path=pictures(20))
    labels = [item.figure.caption for item in inner.items() if isinstance(item, Item)]
    assert next(iter(inner.items())).label.endswith("000.png")
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, Uneven(inner))  # type: ignore[arg-type]
        rows = atlas.store.rows(atlas.store.keys())
    assert [rows[key].figure.caption for key in sorted(rows)] == labels


def test_the_index_is_brought_level_after_it_failed_in_the_middle(small: Path, tmp_path: Path) -> None:
    table = tmp_path / "phantoms" / "figures.csv"
    table.write_text(table.read_text().replace("Phantom number 3", "A zebra crossing"))
    with Atlas.open(small) as atlas:
        source = corpora.load("folder", path=tmp_path / "phantoms")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(atlas.index), "add", _full)
            with pytest.raises(Unavailable):
                add(atlas, source)
        # The words are in the records by now and the index has not heard of them. The same process goes on.
        report = add(atlas, source)
        assert report.added == 0
        assert atlas.index.frequency(bm25.number("zebra")) == 1
    assert level(small) == (6, 6)


def _full(*_: object) -> None:
    raise Unavailable("The disk is full.")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return picture_folder(tmp_path_factory.mktemp("many") / "phantoms", 200)


def test_killed_at_any_point_and_run_again_nothing_is_lost_or_doubled(many: Path, tmp_path: Path, started: Callable) -> None:
    folder = tmp_path / "atlas"
    chance = random.Random(7)
    reached = [0]

    def stored() -> int:
        if not (folder / "records.sqlite").exists():
            return 0
        try:
            store = Store.at(folder / "records.sqlite")
            try:
                return len(store.keys())
            finally:
                store.close()
        except Exception:  # the other process is just making it
            return 0

    for batches in (1, 2, 3):
        process = started("add", "folder", many, atlas=folder)
        until(lambda batches=batches, process=process: stored() >= batches * 32 or process.poll() is not None)
        time.sleep(chance.uniform(0, 0.3))
        process.kill()
        process.wait()
        reached.append(stored())
        assert reached[-1] >= reached[-2]
    assert reached[-1] >= 32
    done = mirage("add", "folder", many, atlas=folder)
    assert done.returncode == 0, done.stderr
    assert f"{200 - reached[-1]} figures added, {reached[-1]} were there already" in done.stderr
    assert level(folder) == (200, 200)


def test_ctrl_c_ends_with_130_and_keeps_what_is_stored(many: Path, tmp_path: Path, started: Callable) -> None:
    folder = tmp_path / "atlas"
    process = started("add", "folder", many, atlas=folder, hold="mirage.storage.store:Store.put")
    process.until_held()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode == 130
    assert "Interrupted. What was stored stays; run it again to go on." in told
    assert "Traceback" not in told
    records, points = level(folder)
    assert records == points == BATCH


@pytest.fixture
def little_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, that a test can fill."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=280m", "tmpfs", place], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(place: Path, leave: int) -> Path:
    """Fill a disk but for so many bytes."""
    rest = shutil.disk_usage(place).free - leave
    with (place / "fill").open("wb") as file:
        for start in range(0, rest, 1_000_000):
            file.write(b"x" * min(1_000_000, rest - start))
    return place / "fill"


def test_a_full_disk_is_said_and_the_atlas_stays_whole(little_disk: Path, tmp_path: Path) -> None:
    folder = tmp_path / "noise"
    folder.mkdir()
    for number in range(70):
        pixels = np.random.default_rng(number).integers(0, 255, (200, 200)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"noise-{number}.png")
    atlas = little_disk / "atlas"
    Atlas.open(atlas, create=True).close()
    filler = fill(little_disk, ROOM + 800_000)
    done = mirage("add", "folder", folder, atlas=atlas)
    assert done.returncode == 7, done.stderr
    assert "is full" in done.stderr
    assert "Make room and run it again; what is stored stays." in done.stderr
    assert "Traceback" not in done.stderr
    filler.unlink()
    filler = fill(little_disk, 1_000_000)
    searching = mirage("search", "noise", atlas=atlas)
    assert searching.returncode == 7, searching.stderr
    assert "is full" in searching.stderr
    filler.unlink()
    records, points = level(atlas)
    assert records == points < 70
    assert mirage("add", "folder", folder, atlas=atlas).returncode == 0
    assert level(atlas) == (70, 70)


@pytest.mark.parametrize("where", ["records", "pictures", "manifest"])
def test_a_disk_that_fills_up_between_two_looks_loses_nothing(
    small: Path, tmp_path: Path, pictures: Callable[..., Path], where: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    def sql_full(*_: object, **__: object) -> None:
        raise Unavailable("The disk is full; the last step was not stored. Make room and run it again.")

    more = pictures(5, "more", first=50)
    with Atlas.open(small) as atlas, pytest.MonkeyPatch.context() as patch:
        if where == "records":
            patch.setattr(Store, "put", sql_full)
        elif where == "pictures":
            patch.setattr("mirage.images.store.tempfile.mkstemp", full)
        else:
            patch.setattr("mirage.storage.manifest.os.fsync", full)
        with pytest.raises(Unavailable, match=r"full.*Make room and run it again"):
            add(atlas, corpora.load("folder", path=more))
    with Atlas.open(small) as atlas:
        add(atlas, corpora.load("folder", path=more))
    assert level(small) == (11, 11)


def test_two_processes_that_add_at_once_do_not_disturb_each_other(
    small: Path, tmp_path: Path, pictures: Callable[..., Path], started: Callable
) -> None:
    processes = [started("add", "folder", pictures(20, name), atlas=small) for name in ("left", "right")]
    codes = []
    for process in processes:
        _, told = process.communicate()
        codes.append(process.returncode)
        assert "Traceback" not in told
        assert process.returncode == 0 or "is open in process" in told or "another process" in told
    assert 0 in codes
    assert set(codes) <= {0, 5}
    assert level(small)[0] == 6 + 20 * codes.count(0)


def test_two_processes_that_make_the_same_atlas_at_once(
    tmp_path: Path, pictures: Callable[..., Path], started: Callable
) -> None:
    folder = pictures(20)
    processes = [started("add", "folder", folder, atlas=tmp_path / "new") for _ in range(2)]
    told = [process.communicate()[1] for process in processes]
    codes = [process.returncode for process in processes]
    assert 0 in codes
    assert set(codes) <= {0, 5}, told
    assert level(tmp_path / "new") == (20, 20)


def test_a_picture_folder_that_was_lost_does_not_stop_searching(small: Path) -> None:
    shutil.rmtree(small / "pictures")
    with Atlas.open(small) as atlas:
        assert len(atlas.search("phantom")) == 6


def test_numbered_pictures_that_become_a_stack_stand_there_once_and_back_again(small: Path, tmp_path: Path) -> None:
    scan = tmp_path / "wrist"
    scan.mkdir()
    for number in range(1, 6):
        shades = np.random.default_rng(number).integers(0, 255, (48, 64), np.uint8)
        Image.fromarray(shades).save(scan / f"{number:03d}.png")
    with Atlas.open(small) as atlas:
        name = add(atlas, corpora.load("folder", path=scan)).corpus.name

        def held() -> list[Figure]:
            rows = atlas.store.rows(atlas.store.keys()).values()
            return [row.figure for row in rows if row.figure.source.corpus == name]

        singles = [figure.id for figure in held()]
        assert len(singles) == 5
        add(atlas, corpora.load("folder", path=scan, stacks="numbered"))
        (stack,) = held()
        assert stack.stack is not None
        assert {atlas.figure(each).id for each in singles} == {stack.id}, "addresses of its slices lead to it"
        add(atlas, corpora.load("folder", path=scan))
        assert sorted(figure.id for figure in held()) == sorted(singles)
    assert level(small) == (11, 11)


def test_pictures_that_another_collection_has_are_counted(small: Path, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "phantoms", tmp_path / "all" / "inner")
    with Atlas.open(small) as atlas:
        name = add(atlas, corpora.load("folder", path=tmp_path / "all")).corpus.name
        assert atlas.store.elsewhere(name) == 6


STRANGE = {
    "caption": ("a" * 200_001, "characters"),
    "title": ("a\x1b[31m", "control character"),
    "diagnosis": ("a\x00", "control character"),
    "url": ("javascript:alert(1)", "no link"),
    "licence_url": ('https://example.org/"onclick="', "no link"),
    "plane": ("upside down", "is none of"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_no_atlas_file_may_hold_does_not_come_in_by_any_corpus(name: str, tmp_path: Path) -> None:
    value, why = STRANGE[name]

    class Strange(MadeStacks):
        def items(self) -> Iterator[Item | Refused]:
            item = list(super().items())[1]
            figure = replace(item.figure, slice_of=None)
            yield replace(item, figure=replace(figure, id="made:whole"))
            if name.endswith("url"):
                licence = Licence("CC0-1.0", value if name != "url" else "", True)
                source = replace(figure.source, licence=licence, url=value if name == "url" else "")
                yield replace(item, figure=replace(figure, source=source))
            else:
                yield replace(item, figure=replace(figure, **{name: value}))

    with AtlasFolder.open(tmp_path / "atlas", create=True, encoder=Squares()) as atlas:
        report = add(atlas, Strange())
    assert report.added == 1
    assert why in report.refused[0].reason


def test_of_a_file_with_two_pages_it_is_said_that_the_first_was_taken(tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    pages = [Image.fromarray(np.tile(np.arange(40, dtype=np.uint8) * (number + 1), (30, 1))) for number in range(2)]
    pages[0].save(folder / "a.tif", save_all=True, append_images=pages[1:])
    pages[0].save(folder / "b.jp2")
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        report = add(atlas, corpora.load("folder", path=folder))
        kept = [atlas.pictures.path(row.picture.name).suffix for row in atlas.store.rows(atlas.store.keys()).values()]
    assert [(each.label, "the first was taken" in each.note) for each in report.noted] == [("a.tif", True)]
    assert kept == [".png", ".png"], "what no browser shows is kept as one shows it"
