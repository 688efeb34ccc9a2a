"""An atlas in one file: written, carried, checked, and put into another atlas."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks import travelling
from PIL import Image
from typer.testing import CliRunner

from mirage import corpora
from mirage.atlas import Atlas
from mirage.cli import app
from mirage.errors import AtlasError, BadInput, NotFound, Unavailable
from mirage.query import Query
from mirage.storage import archive as atlasfile
from mirage.storage import manifest
from mirage.storage.archive import opened
from mirage.storage.archive_export import export
from mirage.storage.archive_import import import_file
from mirage.storage.ingest import add
from mirage.storage.prepare import BATCH
from mirage.storage.reindex import rebuild
from parts import SOME_FIGURES, Process, mirage, until
from roco_maker import make_roco
from squares import Squares, installed

QUERIES = (
    "axial brain MRI at the level of the thalamus",
    "chest X-ray",
    "hippocampus, coronal",
    "left ventricle ultrasound",
    "a teapot",
    "normal retina",
)


@pytest.fixture(scope="module")
def carried(some_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the starter atlas as a file. Tests only read it."""
    target = tmp_path_factory.mktemp("carried") / "starter.mirage"
    export(some_folder, target)
    return target


def listed(atlas: Atlas, query: str | Query) -> list[tuple[str, str, float]]:
    return [(hit.figure.id, hit.confidence, hit.score) for hit in atlas.search(query).hits]


def told(atlas: Atlas, query: str | Query) -> list[tuple[str, str, Any]]:
    """The same, whatever the order of the index's segments, in which it sums scores as float32."""
    return [(name, sure, pytest.approx(score, rel=1e-6)) for name, sure, score in listed(atlas, query)]


def changed(path: Path, target: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> Path:
    """A copy of an atlas file, member by member."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            member = change(info.filename, old.read(info))
            if member is not None:
                new.writestr(*member)
    return target


def sealed(path: Path, target: Path) -> Path:
    """The same with the checksums of what is in it now."""
    with zipfile.ZipFile(path) as archive:
        told = json.loads(archive.read("manifest.json"))
        told["parts"] = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in told["parts"]}
    return changed(path, target, lambda name, data: (name, json.dumps(told).encode() if name == "manifest.json" else data))


def test_an_atlas_that_travelled_answers_as_it_did(some: Atlas, carried: Path, tmp_path: Path) -> None:
    done = import_file(carried, tmp_path / "there")
    assert (done.added, done.kept, done.encoded) == (SOME_FIGURES, 0, False)
    with Atlas.open(tmp_path / "there") as there:
        for query in QUERIES:
            assert told(there, query) == listed(some, query)
        like = some.search("chest X-ray")[0].figure.id
        assert told(there, Query.of(like=[like])) == listed(some, Query.of(like=[like]))
        figure = some.figure(like)
        assert there.figure(like) == figure
        assert there.picture(like).read_bytes() == some.picture(like).read_bytes()
        assert there.info().corpora == some.info().corpora


def test_what_was_inferred_travels_and_a_file_from_before_has_none(tmp_path: Path) -> None:
    with Atlas.open(tmp_path / "here", create=True) as atlas:
        add(atlas, corpora.load("roco", path=make_roco(tmp_path / "roco")))
    export(tmp_path / "here", tmp_path / "new.mirage", purpose="myself")

    def without(name: str, data: bytes) -> tuple[str, bytes]:
        if not name.startswith("figures/"):
            return name, data
        records = [json.loads(line) for line in data.splitlines()]
        return name, b"".join(json.dumps({k: v for k, v in r.items() if k != "inferred"}).encode() + b"\n" for r in records)

    changed(tmp_path / "new.mirage", tmp_path / "unsealed.mirage", without)
    sealed(tmp_path / "unsealed.mirage", tmp_path / "old.mirage")
    for name, inferred in (("new", ("modality", "plane")), ("old", ())):
        import_file(tmp_path / f"{name}.mirage", tmp_path / name)
        with Atlas.open(tmp_path / name) as there:
            figure = there.figure("roco:ROCO_00002")
            assert (figure.modality, figure.inferred, figure.source.url_of) == ("CT", inferred, "article")


def test_twenty_queries_of_all_kinds_find_the_same_after_travelling(some_copy: Path, carried: Path, tmp_path: Path) -> None:
    import_file(carried, tmp_path / "there")
    with Atlas.open(some_copy) as atlas:
        texts = [row.figure.caption[:60] for row in atlas.store.rows(atlas.store.keys()[::20]).values()]
    asked = travelling.queries_of(some_copy, texts[:14], 20)
    assert travelling.identical(some_copy, tmp_path / "there", asked) == len(asked) == 20


def test_the_file_names_every_figure_s_licence_and_link(some: Atlas, carried: Path) -> None:
    with zipfile.ZipFile(carried) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("licences.csv").decode())))
    assert len(rows) == SOME_FIGURES
    for row in rows[::40]:
        source = some.figure(row["figure"]).source
        assert (row["licence"], row["link"], row["attribution"]) == (str(source.licence), source.url, source.attribution)


def test_figures_without_a_licence_stay_out_unless_somebody_insists(small: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"6 figures stayed behind: 6 not stated\. `--for myself`"):
        export(small, tmp_path / "a.mirage")
    assert not list(tmp_path.glob("a.mirage*")), "nothing half-written is left"
    written = export(small, tmp_path / "a.mirage", purpose="myself")
    assert written.manifest.figures == 6
    assert written.manifest.licences == {"not stated": 6}


def test_only_some_corpora_and_it_says_how_many_stayed_out(
    some_copy: Path, tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    with Atlas.open(some_copy) as atlas:
        add(atlas, corpora.load("folder", path=pictures(3)))
        name = next(row.name for row in atlas.info().corpora if row.name != "starter")
    written = export(some_copy, tmp_path / "all.mirage")
    assert (written.manifest.figures, written.manifest.left_out.unlicensed) == (SOME_FIGURES, 3)
    part = export(some_copy, tmp_path / "part.mirage", corpora=(name,), purpose="myself")
    assert part.manifest.figures == 3
    with pytest.raises(NotFound, match=r"no corpus 'nowhere'\. There are: starter"):
        export(some_copy, tmp_path / "x.mirage", corpora=("nowhere",))


def test_pictures_can_be_made_smaller_and_the_hits_stay(some: Atlas, some_folder: Path, tmp_path: Path) -> None:
    written = export(some_folder, tmp_path / "small.mirage", picture_side=128)
    assert written.manifest.picture_side == 128
    import_file(written.path, tmp_path / "there")
    with Atlas.open(tmp_path / "there") as there:
        assert told(there, QUERIES[0]) == listed(some, QUERIES[0])
        for row in there.store.rows(there.store.keys()[::30]).values():
            with Image.open(there.pictures.path(row.picture.name)) as image:
                assert image.size == (row.picture.width, row.picture.height)
                assert max(image.size) <= 128


def test_a_file_that_is_there_is_not_written_over(small: Path, tmp_path: Path) -> None:
    file = tmp_path / "real.png"
    file.write_bytes(b"precious")
    done = CliRunner().invoke(app, ["export", str(file), "--for", "myself", "--atlas", str(small)])
    assert done.exit_code == 2
    assert f"{file} is there already" in " ".join(done.output.split())
    assert file.read_bytes() == b"precious"
    assert not (tmp_path / "real.png.partial").exists()


def test_an_atlas_is_exported_while_it_is_open(some: Atlas, tmp_path: Path) -> None:
    assert export(some.path, tmp_path / "open.mirage").manifest.figures == SOME_FIGURES


def test_importing_again_changes_nothing(carried: Path, some_copy: Path) -> None:
    done = import_file(carried, some_copy)
    assert (done.added, done.kept) == (0, SOME_FIGURES)


def test_an_import_that_was_stopped_goes_on(carried: Path, some: Atlas, tmp_path: Path) -> None:
    stopped = import_file(carried, tmp_path / "there", stop=lambda: True)
    assert stopped.stopped
    assert stopped.added == BATCH
    with Atlas.open(tmp_path / "there") as there:
        assert len(there.search("brain MRI").hits) > 0
        assert not there.info().corpora[0].complete
    rest = import_file(carried, tmp_path / "there")
    assert (rest.added, rest.kept) == (SOME_FIGURES - BATCH, BATCH)
    with Atlas.open(tmp_path / "there") as there:
        assert told(there, QUERIES[0]) == listed(some, QUERIES[0])
        assert there.info().corpora[0].complete


def test_a_full_disk_in_mid_import_loses_nothing(carried: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(100))

    def room(folder: Path) -> None:
        if next(calls) >= 3:
            raise Unavailable("The disk is full. Make room and run it again; what is stored stays.")

    with monkeypatch.context() as patch:
        patch.setattr("mirage.storage.folder.check_room", room)
        with pytest.raises(Unavailable, match="disk is full"):
            import_file(carried, tmp_path / "there")
    done = import_file(carried, tmp_path / "there")
    assert done.kept == 2 * BATCH
    assert done.added + done.kept == SOME_FIGURES


def test_a_full_disk_while_exporting_leaves_no_file(
    some_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(Unavailable, match="is full"):
        export(some_folder, tmp_path / "a.mirage")
    assert not list(tmp_path.glob("a.mirage*"))


def test_a_file_that_was_cut_short_is_refused(carried: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.mirage"
    short.write_bytes(carried.read_bytes()[:-2000])
    with pytest.raises(AtlasError, match="cut short"):
        import_file(short, tmp_path / "there")
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("part", ["figures/00000.jsonl", "cases.jsonl", "vectors/00000.npy", "licences.csv"])
def test_a_part_that_was_changed_is_refused_before_anything_is_written(carried: Path, tmp_path: Path, part: str) -> None:
    def change(name: str, data: bytes) -> tuple[str, bytes]:
        return name, data + b"\n" if name == part else data

    bad = changed(carried, tmp_path / "bad.mirage", change)
    with pytest.raises(AtlasError, match=part):
        import_file(bad, tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_a_part_that_is_missing_is_named(carried: Path, tmp_path: Path) -> None:
    bad = changed(carried, tmp_path / "bad.mirage", lambda n, d: None if n == "cases.jsonl" else (n, d))
    with pytest.raises(AtlasError, match=r"cases\.jsonl is missing"):
        import_file(bad, tmp_path / "there")


def test_a_picture_that_was_changed_is_never_kept(carried: Path, tmp_path: Path) -> None:
    def change(name: str, data: bytes) -> tuple[str, bytes]:
        return name, data[:-1] + b"x" if name.endswith((".png", ".jpg", ".webp")) else data

    with pytest.raises(AtlasError, match=r"pictures/.* is missing or is not what was exported"):
        import_file(changed(carried, tmp_path / "bad.mirage", change), tmp_path / "there")
    with Atlas.open(tmp_path / "there") as there:
        assert len(there.index) == 0
        assert not list(there.pictures.names())


@pytest.mark.parametrize(
    "name", ["../../evil.txt", "/etc/passwd", "pictures/../../x.png", "index/shard", "pictures/ab/x.png"]
)
def test_a_name_that_no_export_writes_is_refused(carried: Path, tmp_path: Path, name: str) -> None:
    bad = changed(carried, tmp_path / "bad.mirage", lambda n, d: (n, d))
    with zipfile.ZipFile(bad, "a") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(AtlasError, match="which no export writes"):
        import_file(bad, tmp_path / "there")
    assert {entry.name for entry in tmp_path.iterdir()} == {"bad.mirage"}


def test_what_is_no_atlas_file_is_said(tmp_path: Path) -> None:
    other = tmp_path / "notes.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("README.txt", "hello")
    for path, said in ((other, "not an atlas file"), (tmp_path / "none", "no file")):
        with pytest.raises(AtlasError, match=said), opened(path):
            pass


def test_a_newer_format_is_said(carried: Path, tmp_path: Path) -> None:
    def change(name: str, data: bytes) -> tuple[str, bytes]:
        if name != atlasfile.MANIFEST:
            return name, data
        return name, json.dumps({**json.loads(data), "format": 99}).encode()

    with pytest.raises(AtlasError, match="format 99"):
        import_file(changed(carried, tmp_path / "new.mirage", change), tmp_path / "there")


def test_another_encoder_s_file_is_refused_or_encoded_anew(
    carried: Path, some: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(name: str, data: bytes) -> tuple[str, bytes]:
        if name != atlasfile.MANIFEST:
            return name, data
        values = json.loads(data)
        values["encoder"]["digest"] = "0" * 64
        return name, json.dumps(values).encode()

    other = changed(carried, tmp_path / "other.mirage", change)
    with pytest.raises(AtlasError, match="--encode"):
        import_file(other, tmp_path / "there")
    # Two small batches are enough to see that it encodes.
    monkeypatch.setattr("mirage.storage.archive_import.BATCH", 2)
    seen = iter((False, True))
    done = import_file(other, tmp_path / "there", encode=True, stop=lambda: next(seen))
    assert done.encoded
    with Atlas.open(tmp_path / "there") as there:
        known = manifest.read(there.path)
        assert known is not None
        assert known.encoder.digest == some.encoder.info().digest
        assert len(there.index) == 4


def test_the_commands_say_what_they_did(small: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    file = str(tmp_path / "a.mirage")
    written = run(app, ["export", file, "--for", "myself", "--atlas", str(small)])
    assert written.exit_code == 0, written.output
    assert "6 figures" in written.output
    assert "SHA-256" in written.output
    done = run(app, ["import", file, "--atlas", str(tmp_path / "there"), "--json"])
    assert json.loads(done.output)["added"] == 6
    again = run(app, ["import", file, "--atlas", str(tmp_path / "there")])
    assert "0 figures added, 6 were there already" in again.output


def with_record(change: Callable[[dict], object], part: str) -> Callable[[str, bytes], tuple[str, bytes]]:
    """Change the first record of a part and the manifest's checksum of it, as somebody who means harm would."""
    sums: dict[str, str] = {}

    def changing(name: str, data: bytes) -> tuple[str, bytes]:
        if name == part:
            first, _, rest = data.partition(b"\n")
            record = json.loads(first)
            change(record)
            data = json.dumps(record).encode() + b"\n" + rest
            sums[name] = hashlib.sha256(data).hexdigest()
        if name == atlasfile.MANIFEST:
            said = json.loads(data)
            said["parts"].update(sums)
            data = json.dumps(said).encode()
        return name, data

    return changing


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("figures/00000.jsonl", lambda record: record.pop("id")),
        ("figures/00000.jsonl", lambda record: record.update(caption=7)),
        ("figures/00000.jsonl", lambda record: record["picture"].update(name="../../evil.png")),
        ("figures/00000.jsonl", lambda record: record["picture"].update(look="no number")),
        ("figures/00000.jsonl", lambda record: record["picture"].update(bytes=10**15)),
        ("figures/00000.jsonl", lambda record: record["picture"].update(bytes=0)),
        ("figures/00000.jsonl", lambda record: record.update(picture=[])),
        ("figures/00000.jsonl", lambda record: record["source"].update(corpus="of nobody")),
        ("figures/00000.jsonl", lambda record: record["source"].update(licence={"strange": 1})),
        ("corpora.jsonl", lambda record: record.pop("title")),
        ("corpora.jsonl", lambda record: record.update(complete="maybe")),
    ],
)
def test_a_record_that_lies_is_refused_although_its_checksum_is_right(
    carried: Path, tmp_path: Path, part: str, change: Callable[[dict], object]
) -> None:
    bad = changed(carried, tmp_path / "bad.mirage", with_record(change, part))
    with pytest.raises(AtlasError, match=r"bad\.mirage is refused: in .*, record 1 .*Nothing was changed"):
        import_file(bad, tmp_path / "there")
    assert {entry.name for entry in tmp_path.iterdir()} == {"bad.mirage"}


def test_vectors_that_are_larger_than_told_are_not_read(carried: Path, tmp_path: Path) -> None:
    large = b"\x93NUMPY" + bytes(3_000_000)

    def change(name: str, data: bytes) -> tuple[str, bytes]:
        if name == atlasfile.MANIFEST:
            said = json.loads(data)
            said["parts"]["vectors/00000.npy"] = hashlib.sha256(large).hexdigest()
            return name, json.dumps(said).encode()
        return name, large if name == "vectors/00000.npy" else data

    with pytest.raises(AtlasError, match=r"vectors/00000\.npy is missing or is not what was exported"):
        import_file(changed(carried, tmp_path / "bad.mirage", change), tmp_path / "there")


def test_an_import_that_is_killed_goes_on(
    carried: Path, some: Atlas, tmp_path: Path, started: Callable[..., Process]
) -> None:
    there = tmp_path / "there"
    process = started("import", carried, atlas=there, hold="mirage.storage.store:Store.put")
    process.until_held()
    process.kill()
    assert process.wait() == -signal.SIGKILL
    rest = import_file(carried, there)
    assert rest.kept == BATCH
    assert rest.added + rest.kept == SOME_FIGURES
    with Atlas.open(there) as atlas:
        for query in QUERIES:
            assert told(atlas, query) == listed(some, query)


def test_a_new_atlas_is_made_with_the_file_s_encoder_where_that_is_installed(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.syspath_prepend(installed(tmp_path / "site"))
        rebuild(small, "squares")
        export(small, tmp_path / "squares.mirage", purpose="myself")
        done = import_file(tmp_path / "squares.mirage", tmp_path / "there")
        assert (done.added, done.encoded) == (6, False)
        with Atlas.open(tmp_path / "there") as there:
            assert there.encoder.info() == Squares().info()
            assert there.search("phantom number 2").hits
    with pytest.raises(AtlasError, match="made with the encoder squares"):
        import_file(tmp_path / "squares.mirage", tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()
    assert import_file(tmp_path / "squares.mirage", tmp_path / "elsewhere", encode=True).encoded
    with zipfile.ZipFile(tmp_path / "squares.mirage") as archive:
        assert atlasfile.CARD not in archive.namelist(), "the starter's card tells of another encoder"


def test_a_held_atlas_takes_a_file_in_through_its_server_or_says_who_holds_it(
    carried: Path, small: Path, started: Callable[..., Process]
) -> None:
    with Atlas.open(small) as atlas:
        held = mirage("import", carried, atlas=small)
        assert held.returncode == 5
        said = " ".join(held.stderr.split())
        assert f"is open in process {os.getpid()}. It is being built or changed there: wait" in said
        assert len(atlas.index) == 6
    started("serve", "--port", "0", atlas=small)
    until(lambda: (holder := manifest.Holder.read(small)) and holder.url)
    done = mirage("import", carried, atlas=small)
    assert done.returncode == 0, done.stderr
    assert "importing through it" in done.stderr
    assert f"{SOME_FIGURES} figures added, 0 were there already." in done.stderr
    assert json.loads(mirage("atlas", "info", "--json", atlas=small).stdout)["figures"] == SOME_FIGURES + 6
    short = carried.with_name("short.mirage")
    short.write_bytes(carried.read_bytes()[:-2000])
    refused = mirage("import", short, atlas=small)
    assert refused.returncode != 0
    assert "cut short" in refused.stderr


@pytest.mark.medpix
@pytest.mark.skipif(not os.environ.get("MIRAGE_MEDPIX"), reason="needs MIRAGE_MEDPIX")
def test_an_atlas_of_cases_travels_with_its_cases(tmp_path: Path) -> None:
    with Atlas.open(tmp_path / "here", create=True) as here:
        seen = iter(range(100))
        add(here, corpora.load("medpix", path=Path(os.environ["MIRAGE_MEDPIX"])), stop=lambda: next(seen) >= 1)
    export(tmp_path / "here", tmp_path / "a.mirage", purpose="myself")
    import_file(tmp_path / "a.mirage", tmp_path / "there")
    with Atlas.open(tmp_path / "here") as here, Atlas.open(tmp_path / "there") as there:
        figures = [row.figure for rows in here.store.each() for row in rows]
        for figure in figures[::7]:
            query = (figure.title or figure.caption)[:200]
            assert told(there, query) == listed(here, query)
        for case in {figure.case_id for figure in figures}:
            assert there.case(case) == here.case(case)
