"""Figures and corpora out of an atlas: nothing of them is left, nothing of others is lost, whatever happens meanwhile."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from mirage import corpora
from mirage.atlas import Atlas
from mirage.corpora.starter import StarterCorpus
from mirage.errors import BadInput, MirageError, NotFound, Removed, Unavailable
from mirage.indexes.embedded import EmbeddedIndex
from mirage.jobs import change
from mirage.search import calibrations
from mirage.search.confidence import Calibration
from mirage.storage import gone, manifest
from mirage.storage.archive_export import export
from mirage.storage.archive_import import import_file
from mirage.storage.folder import UNFINISHED
from mirage.storage.ingest import add
from parts import PATIENCE, copy_atlas, draw, environment, some_of_starter, until
from squares import Squares, installed
from stack_maker import Volumes, volume

WARD = "folder-ward"


def today() -> str:
    return f"{datetime.now().day} {datetime.now():%B %Y}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas, closed, of a folder with cases and of stacks; ``ward``, the folder, lies beside it."""
    place = tmp_path_factory.mktemp("made")
    ward(place / "ward")
    with Atlas.open(place / "atlas", encoder=Squares(), create=True) as atlas:
        add(atlas, corpora.load("folder", path=place / "ward", name="ward"))
        add(atlas, Volumes({"liver": volume(labels=True), "chest": volume(seed=1)}, {"liver": (3, 7), "chest": (2,)}))
    return place


def ward(folder: Path) -> Path:
    """Five pictures of three cases: two, two and one; the file's names and the cases' tell who it was."""
    rows = [("doe-1", "Doe^Jane"), ("doe-2", "Doe^Jane"), ("roe-1", "Roe"), ("roe-2", "Roe"), ("poe", "Poe")]
    for number, (name, _) in enumerate(rows):
        draw(folder / f"{name}.png", number)
    words = "Zebra {} with a fracture,CT,axial"
    lines = [f"{name}.png,{words.format(number)},{case},Fell.\n" for number, (name, case) in enumerate(rows)]
    (folder / "figures.csv").write_text("file,caption,modality,plane,case,history\n" + "".join(lines), "utf-8")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of that atlas which a test may change."""
    return copy_atlas(made / "atlas", tmp_path / "atlas")


@pytest.fixture
def atlas(folder: Path) -> Iterator[Atlas]:
    with Atlas.open(folder, encoder=Squares()) as opened:
        yield opened


def figures_by_name(atlas: Atlas) -> dict[str, str]:
    """The names of the ward's files, without their ends, to the figures' ids."""
    every = [row.figure.id for rows in atlas.store.each() for row in rows]
    return {Path(atlas.store.name_of(each)).stem: each for each in every if each.startswith(f"{WARD}:")}


def contents(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the records but the notes, table by table."""
    with sqlite3.connect(folder / "records.sqlite") as records:
        tables = [name for (name,) in records.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: sorted(records.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in tables}
    records.close()
    return found


def check_level(atlas: Atlas) -> None:
    """Records, index, pictures and manifest say the same, and nothing else is there."""
    keys = atlas.store.keys()
    assert sorted(atlas.index.keys()) == keys
    assert atlas.store.note(UNFINISHED) is None
    rows = atlas.store.rows(keys).values()
    assert set(atlas.pictures.names()) == set().union(*(row.files for row in rows))
    thumbnails = {path.name for path in atlas.pictures.folder.glob("*/*.thumb.webp")}
    assert thumbnails == {atlas.pictures.thumbnail_path(row.picture.name).name for row in rows}
    known = manifest.read(atlas.path)
    assert known is not None
    assert set(known.corpora) == {corpus.name for corpus in atlas.store.corpora()}
    facets = atlas.facets()["corpus"]
    assert facets == {holding.name: holding.figures for holding in atlas.info().corpora if holding.figures}


def test_of_a_corpus_that_is_removed_nothing_is_left_and_the_others_stay(atlas: Atlas) -> None:
    before, ids = contents(atlas.path), set(figures_by_name(atlas).values())
    cases = {atlas.figure(each).case_id for each in ids}
    size = {corpus.name: corpus.bytes for corpus in atlas.info().corpora}[WARD]
    going = atlas.removal(corpus=WARD)
    assert (going.figures, going.cases, going.bytes, going.corpora, going.remarks) == (5, 3, size, (WARD,), ())
    assert contents(atlas.path) == before, "asking changes nothing"
    told: list[tuple[int, int]] = []
    assert atlas.remove(corpus=WARD, progress=lambda *step: told.append(step)) == going
    assert told[-1] == (5, 5)
    check_level(atlas)
    assert not atlas.search("zebra fracture", corpus="volumes").fits
    now = contents(atlas.path)
    gone = {*ids, *cases, WARD}
    assert {row[0] for row in now.pop("removed")} == gone
    del now["former_ids"]  # they lead to what was removed
    for name, rows in now.items():
        assert not [row for row in rows if gone & {each for each in row if isinstance(each, str)}], name
    keys = {row[0] for row in before["figures"] if row[1] in ids}
    for name in ("vectors", "figure_mentions", "stacks", "slice_vectors"):
        assert now[name] == [row for row in before[name] if row[0] not in keys], name
    assert now["names"] == [row for row in before["names"] if row[0] not in gone]
    assert now["figures"] == [row for row in before["figures"] if row[1] not in ids]
    assert now["cases"] == [row for row in before["cases"] if row[0] not in cases]


def test_a_case_stays_as_long_as_it_has_a_figure_and_so_does_a_corpus(atlas: Atlas) -> None:
    named = figures_by_name(atlas)
    case = atlas.figure(named["doe-1"]).case_id
    assert atlas.remove(named["doe-1"]).cases == 0
    assert [figure.id for figure in atlas.figures_of(case)] == [named["doe-2"]]
    assert atlas.store.name_of(case) == "Doe^Jane"
    before = today()
    assert atlas.remove(named["doe-2"], named["doe-2"], named["poe"]).cases == 2
    with pytest.raises(Removed, match=f"The case {case!r} was removed from this atlas on ({before}|{today()})"):
        atlas.case(case)
    assert atlas.removal(named["roe-1"]).corpora == ()
    last = atlas.removal(named["roe-1"], named["roe-2"])
    assert (last.figures, last.cases, last.corpora) == (2, 1, (WARD,))
    atlas.remove(named["roe-1"], named["roe-2"])
    assert [corpus.name for corpus in atlas.store.corpora()] == ["volumes"]
    assert atlas.info().removed == (WARD,)
    check_level(atlas)


def test_pictures_that_another_figure_shows_stay(atlas: Atlas, made: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    shutil.copy(made / "ward" / "poe.png", tmp_path / "other" / "one.png")
    add(atlas, corpora.load("folder", path=tmp_path / "other", name="other"))
    (other,) = [row.figure.id for rows in atlas.store.each() for row in rows if row.figure.source.corpus == "folder-other"]
    poe = figures_by_name(atlas)["poe"]
    going = atlas.removal(poe)
    assert (going.bytes, going.remarks) == (0, ("1 picture stays: another figure shows it too.",))
    both = atlas.removal(poe, other)
    assert both.bytes == atlas.picture(poe).stat().st_size
    assert both.remarks == ()
    atlas.remove(poe)
    assert atlas.picture(other).is_file()
    assert atlas.thumbnail(other).is_file()
    check_level(atlas)
    atlas.remove(other)
    check_level(atlas)


def test_what_was_cut_from_a_stack_stays_without_it_and_says_so(atlas: Atlas) -> None:
    row = atlas.store.row("volumes:liver")
    assert row.stack is not None
    files = [atlas.pictures.path(name) for name in (*row.stack.names, row.picture.name)]
    assert len(files) == 3
    going = atlas.removal("volumes:liver")
    assert going.bytes == sum(path.stat().st_size for path in files)
    assert going.remarks == ("2 single figures cut from what goes stay, and have no stack to scroll through any more.",)
    assert atlas.removal("volumes:liver", "volumes:liver 3", "volumes:liver 7").remarks == ()
    assert atlas.removal("volumes:liver 3").remarks == ()
    atlas.remove("volumes:liver")
    assert not [path for path in files if path.exists()]
    assert atlas.figure("volumes:liver 3").slice_of is not None
    found = [hit.figure.id for hit in atlas.search("axial CT of liver", k=9).hits]
    assert "volumes:liver 3" in found
    assert "volumes:liver" not in found
    with pytest.raises(Removed):
        atlas.stack("volumes:liver")
    check_level(atlas)


def test_a_removed_id_says_when_until_the_corpus_is_added_again(atlas: Atlas, made: Path) -> None:
    poe = figures_by_name(atlas)["poe"]
    case, reference, before = atlas.figure(poe).case_id, atlas.reference(poe), contents(atlas.path)
    day = today()
    atlas.remove(poe)
    for asked in (poe, reference):
        with pytest.raises(Removed, match=f"was removed from this atlas on ({day}|{today()})") as error:
            atlas.figure(asked)
        assert (error.value.status, error.value.exit_code) == (410, 4)
    assert atlas.removed([poe, f"{WARD}:never-there", "volumes:liver"]).keys() == {poe}
    with pytest.raises(Removed, match="was removed"):
        atlas.remove(poe)
    assert add(atlas, corpora.load("folder", path=made / "ward", name="ward")).added == 1
    assert atlas.removed([poe]) == {}
    assert atlas.case(case).history == "Fell."
    assert atlas.figure(poe).id == atlas.figure(reference).id == poe
    now = contents(atlas.path)
    assert now["removed"] == []
    assert now["names"] == before["names"]
    assert len(atlas.search("zebra", k=9, corpus=WARD)) == 5
    check_level(atlas)


def test_a_corpus_that_is_added_again_counts_as_it_did(atlas: Atlas, made: Path) -> None:
    def held() -> list[tuple[str, int, int, int, bool]]:
        return sorted((one.name, one.figures, one.cases, one.bytes, one.complete) for one in atlas.info().corpora)

    before = held()
    for name, corpus in (
        (WARD, corpora.load("folder", path=made / "ward", name="ward")),
        ("volumes", Volumes({"liver": volume(labels=True), "chest": volume(seed=1)}, {"liver": (3, 7), "chest": (2,)})),
    ):
        atlas.remove(corpus=name)
        assert [one.name for one in atlas.info().corpora] != [one[0] for one in before]
        report = add(atlas, corpus)
        assert (report.added, report.kept, report.refused) == (5, 0, ())
        assert held() == before
        assert atlas.info().removed == ()
        check_level(atlas)


def test_what_was_removed_stays_away_where_it_is_not_to_come_back(atlas: Atlas, made: Path) -> None:
    named = figures_by_name(atlas)
    atlas.remove(named["poe"], named["doe-1"])
    report = add(atlas, corpora.load("folder", path=made / "ward", name="ward"), bring_back=False)
    assert (report.added, report.kept, report.removed) == (0, 3, 2)
    assert set(figures_by_name(atlas)) == {"doe-2", "roe-1", "roe-2"}
    assert atlas.removed([named["poe"], named["doe-1"]]).keys() == {named["poe"], named["doe-1"]}


def test_one_that_stands_in_the_place_of_a_removed_figure_stays_away_too_or_leads_on(tmp_path: Path) -> None:
    now, then = some_of_starter(tmp_path / "now"), some_of_starter(tmp_path / "then")
    records = [json.loads(line) for line in (then / "figures.jsonl").read_text("utf-8").splitlines()]
    new, old = next((record["id"], record["former_ids"][0]) for record in records if record.get("former_ids"))
    for record in records:
        if record["id"] == new:
            record["id"] = record.pop("former_ids")[0]
    (then / "figures.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    with Atlas.open(tmp_path / "atlas", encoder=Squares(), create=True) as atlas:
        add(atlas, StarterCorpus(then))
        atlas.remove(old)
        assert add(atlas, StarterCorpus(now), bring_back=False).added == 0
        with pytest.raises(Removed):
            atlas.figure(old)
        assert add(atlas, StarterCorpus(now)).added == 1
        assert atlas.figure(old).id == new
        assert atlas.store.removals.of("starter") == frozenset()
        atlas.remove(new)
        for each in (old, new):
            with pytest.raises(Removed):
                atlas.figure(each)
        assert atlas.removed([old, new]).keys() == {old, new}
        add(atlas, StarterCorpus(now))
        assert atlas.removal(old).figures == 1, "a former id names the figure"
        atlas.remove(old)
        with pytest.raises(Removed):
            atlas.figure(new)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"ids": ["volumes:livr"]}, r"no figure 'volumes:livr'. Did you mean volumes:liver"),
        ({"ids": ["volumes:liver", "VOLUMES:CHEST"]}, r"no figure 'VOLUMES:CHEST'. Did you mean volumes:chest"),
        ({"ids": ["x"]}, r"no figure 'x'. `mirage search` prints the ids"),
        ({"ids": [WARD]}, r"It is a corpus: `mirage remove corpus folder-ward`"),
        ({"ids": ["volumes:liver-case"]}, r"It is a case; its figures are volumes:liver, volumes:liver 3, volumes:liver 7"),
        ({"corpus": "Folder-wards"}, r"no corpus 'Folder-wards'. Did you mean folder-ward\?"),
        ({"corpus": "x"}, r"no corpus 'x'. There are: folder-ward, volumes"),
        ({"ids": [], "corpus": ""}, r"Say what to remove"),
        ({"ids": ["volumes:liver"], "corpus": WARD}, r"Say what to remove"),
    ],
)
def test_what_is_not_there_is_told_with_what_is_like_it_and_nothing_changes(
    atlas: Atlas, asked: dict[str, object], said: str
) -> None:
    before = contents(atlas.path)
    for action in (atlas.removal, atlas.remove):
        with pytest.raises((NotFound, BadInput), match=said):
            action(*asked.get("ids", ()), corpus=asked.get("corpus", ""))
    assert contents(atlas.path) == before


def test_the_last_figure_leaves_an_empty_atlas_that_works(atlas: Atlas, made: Path) -> None:
    for holding in atlas.info().corpora:
        atlas.remove(corpus=holding.name)
    assert atlas.info().figures == len(atlas.index) == 0
    assert list(atlas.pictures.names()) == []
    assert not atlas.search("liver").hits
    assert "empty" in atlas.search("liver").notes[0]
    assert atlas.examples() == []
    assert atlas.facets()["modality"] == {}
    check_level(atlas)
    atlas.close()
    with Atlas.open(atlas.path, encoder=Squares()) as again:
        assert again.info().removed == (WARD, "volumes")
        add(again, corpora.load("folder", path=made / "ward", name="ward"))
        assert again.search("zebra fracture").hits


def test_an_export_afterwards_holds_nothing_of_it_and_an_import_brings_it_back(folder: Path, tmp_path: Path) -> None:
    export(folder, tmp_path / "before.mirage", purpose="myself")
    with Atlas.open(folder, encoder=Squares()) as atlas:
        gone = [atlas.store.row(each) for each in ("volumes:liver", figures_by_name(atlas)["poe"])]
        atlas.remove(*(row.figure.id for row in gone))
    export(folder, tmp_path / "after.mirage", purpose="myself")
    with zipfile.ZipFile(tmp_path / "after.mirage") as archive:
        told = {name: archive.read(name) for name in archive.namelist()}
    for row in gone:
        assert not [name for name in told if any(file in name for file in row.files)]
        own = f'"id": "{row.figure.id}"'.encode()
        assert not [name for name, data in told.items() if own in data]
    with Atlas.open(folder, encoder=Squares()) as atlas:
        import_file(tmp_path / "before.mirage", atlas)
        assert atlas.removed([row.figure.id for row in gone]) == {}
        assert [atlas.figure(row.figure.id).caption for row in gone] == [row.figure.caption for row in gone]
        assert atlas.case(gone[1].figure.case_id).history == "Fell."
        check_level(atlas)


def test_the_atlas_s_own_calibration_goes_with_a_corpus_and_is_not_gone_by_any_more(atlas: Atlas) -> None:
    own = atlas.path / manifest.CALIBRATION_FILE

    def used() -> Calibration:
        with atlas.snapshot() as now:
            return now.searcher.calibration

    chosen = used()
    calibrations.write(replace(chosen, encoder=atlas.encoder_info.digest, weights={**chosen.weights, "words": 7.0}), own)
    atlas.renewed()
    assert used().weights["words"] == 7.0
    atlas.remove("volumes:liver 3")
    assert own.exists()
    assert "calibration goes with it" in atlas.removal(corpus=WARD).remarks[0]
    atlas.remove(corpus=WARD)
    assert not own.exists()
    assert used().weights == chosen.weights


def test_searching_goes_on_while_figures_are_removed_and_added(atlas: Atlas, made: Path) -> None:
    stop, failed, asked = threading.Event(), list[BaseException](), [0]

    def ask() -> None:
        while not stop.is_set():
            try:
                for hit in atlas.search("zebra axial CT of liver", k=20).hits:
                    assert hit.figure.caption
                atlas.facets()
                atlas.similar("volumes:chest")
                asked[0] += 1
            except BaseException as error:
                failed.append(error)
                raise

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(4):
            atlas.remove(corpus=WARD)
            atlas.remove("volumes:liver", "volumes:liver 7")
            add(atlas, corpora.load("folder", path=made / "ward", name="ward"))
            add(atlas, Volumes({"liver": volume(labels=True), "chest": volume(seed=1)}, {"liver": (3, 7), "chest": (2,)}))
            until(lambda before=asked[0]: failed or asked[0] > before)
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert failed == []
    check_level(atlas)


def test_an_index_that_fails_is_brought_level_by_the_next_change(atlas: Atlas) -> None:
    def full(*_: object) -> None:
        raise Unavailable("The disk is full.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EmbeddedIndex, "remove", full)
        with pytest.raises(MirageError, match="full"):
            atlas.remove(corpus=WARD)
    assert not atlas.search("zebra fracture").fits
    assert [hit for hit in atlas.search("zebra", k=9).hits if hit.figure.source.corpus == WARD] == []
    atlas.remove("volumes:chest 2")
    check_level(atlas)


_KILLED = """
import os, signal, sys
from mirage.atlas import Atlas
from mirage.images.store import PictureStore
from mirage.indexes.embedded import EmbeddedIndex
from mirage.jobs import change
from mirage.storage import manifest, removed
from squares import Squares

POINTS = {
    "before the records": (removed.Removals, "remove", "before"),
    "in the transaction": (removed, "_emptied", "last"),
    "after the records": (removed.Removals, "remove", "after"),
    "in the index": (EmbeddedIndex, "remove", "after"),
    "among the pictures": (PictureStore, "remove", "after"),
    "in optimising": (EmbeddedIndex, "optimise", "before"),
    "before the manifest": (manifest.AtlasManifest, "write", "before"),
    "after the manifest": (manifest.AtlasManifest, "write", "after"),
}
path, point, source = sys.argv[1:]
with Atlas.open(path, encoder=Squares()) as atlas:
    where, name, when = POINTS[point]
    was, calls = getattr(where, name), []

    def patched(*given, **options):
        calls.append(given)
        if when == "before" or (when == "last" and len(calls) == 3):
            os.kill(os.getpid(), signal.SIGKILL)
        came = was(*given, **options)
        if when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return came

    setattr(where, name, patched)
    if not source:
        atlas.remove(corpus="folder-ward")
    else:
        change.add_corpus(
            atlas, "folder", {"path": source, "name": "ward"}, lambda **_: None, lambda: False, prune="all"
        )
"""
POINTS = {
    "before the records": False,
    "in the transaction": False,
    "after the records": True,
    "in the index": True,
    "among the pictures": True,
    "in optimising": True,
    "before the manifest": True,
    "after the manifest": True,
}


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_all_of_it_is_there_or_none(folder: Path, tmp_path: Path, point: str) -> None:
    given = environment(None, PYTHONPATH=str(installed(tmp_path / "site")))
    before = contents(folder)
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(folder), point, ""], env=given, capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with Atlas.open(folder, encoder=Squares()) as atlas:
        check_level(atlas)
        ids = [row.figure.id for rows in atlas.store.each() for row in rows if row.figure.source.corpus == WARD]
        assert len(ids) == (0 if POINTS[point] else 5)
        assert len(atlas.search("axial CT of liver", k=9, corpus="volumes")) == 5
        if POINTS[point]:
            assert atlas.info().removed == (WARD,)
            assert contents(folder)["names"] == []
        else:
            assert {name: rows for name, rows in contents(folder).items() if name != "notes"} == {
                name: rows for name, rows in before.items() if name != "notes"
            }
            atlas.remove(corpus=WARD)
            check_level(atlas)


@pytest.fixture(scope="module")
def thinned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas of a folder, closed; of the folder beside it, two files of five are gone since."""
    place = tmp_path_factory.mktemp("thinned")
    ward(place / "ward")
    with Atlas.open(place / "atlas", encoder=Squares(), create=True) as atlas:
        pruned(atlas, place / "ward")
    for name in ("doe-1", "poe"):
        (place / "ward" / f"{name}.png").unlink()
    return place


def pruned(atlas: Atlas, source: Path) -> int:
    """Add the folder, with what is gone taken out; how many figures that were."""
    told: dict[str, int] = {}
    given = {"path": source, "name": "ward"}
    change.add_corpus(atlas, "folder", given, lambda **changes: told.update(changes), lambda: False, prune="all")
    return told["removed"]


@pytest.mark.parametrize("point", ["before the records", "after the records", "among the pictures"])
def test_a_prune_that_is_killed_took_out_all_or_nothing_and_goes_on_when_it_is_asked_for_again(
    thinned: Path, tmp_path: Path, point: str
) -> None:
    folder = copy_atlas(thinned / "atlas", tmp_path / "atlas")
    given = environment(None, PYTHONPATH=str(installed(tmp_path / "site")))
    command = [sys.executable, "-c", _KILLED, str(folder), point, str(thinned / "ward")]
    killed = subprocess.run(command, env=given, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with Atlas.open(folder, encoder=Squares()) as atlas:
        check_level(atlas)
        named = figures_by_name(atlas)
        assert set(named) == {"roe-1", "roe-2", "doe-2", *(() if POINTS[point] else ("doe-1", "poe"))}
        assert pruned(atlas, thinned / "ward") == (0 if POINTS[point] else 2)
        check_level(atlas)
        assert len(atlas.search("zebra with a fracture", k=9)) == 3


@pytest.mark.parametrize(("room", "left"), [(0, 5), (40_000, 5), (100_000, None)])
def test_a_prune_that_finds_no_room_says_so_took_out_all_or_nothing_and_goes_on(
    thinned: Path, tmp_path: Path, room: int, left: int | None
) -> None:
    """No file may grow beyond so many bytes, as on a disk that is full: the records' own first, then what is beside them."""
    with Atlas.open(copy_atlas(thinned / "atlas", tmp_path / "atlas"), encoder=Squares()) as atlas:
        named = figures_by_name(atlas)
        gone_ids = [named["doe-1"], named["poe"]]
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
        try:
            gone.prune(atlas, WARD, gone_ids)
            failed = ""
        except MirageError as error:
            failed = str(error)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        assert failed or left is None
        assert atlas.info().figures in ((left,) if left else (3, 5))
    with Atlas.open(tmp_path / "atlas", encoder=Squares()) as atlas:
        check_level(atlas)
        gone.prune(atlas, WARD, gone_ids)
        check_level(atlas)
        assert set(figures_by_name(atlas)) == {"roe-1", "roe-2", "doe-2"}


def test_ids_that_were_made_of_names_are_forgotten_with_their_figures(atlas: Atlas) -> None:
    named = figures_by_name(atlas)
    with sqlite3.connect(atlas.path / "records.sqlite") as records:
        rows = [("folder-ward:doe-jane-4530cead9d", named["poe"]), (f"{WARD}:of-old", named["poe"])]
        records.executemany("INSERT INTO former_ids VALUES (?, ?)", rows)
    records.close()
    atlas.remove(named["poe"])
    left = {row[0] for row in contents(atlas.path)["former_ids"]}
    assert "folder-ward:doe-jane-4530cead9d" not in left
    assert f"{WARD}:of-old" in left
    with pytest.raises(Removed):
        atlas.figure(f"{WARD}:of-old")
