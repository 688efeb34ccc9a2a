"""Nothing in an atlas file is trusted: each field of each record is checked before anything is written."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from mirage.atlas import Atlas
from mirage.cli import app
from mirage.errors import AtlasError
from mirage.figure import Case
from mirage.settings import Settings
from mirage.storage import archive
from mirage.storage.archive_export import export
from mirage.storage.archive_import import WouldReplace, import_file
from mirage.storage.archive_records import ArchivedFigure, read_record
from mirage.storage.records import CorpusRecord
from mirage.web import create_app

Parts = dict[str, bytes]
CORPORA, CASES, FIGURES, VECTORS = "corpora.jsonl", "cases.jsonl", "figures/00000.jsonl", "vectors/00000.npy"
BAD: tuple[Any, ...] = (
    None, 7, -1, 10**30, 1.5, True, [], {}, "", "x", "x\0y", "\ud800", "\u202e", "é" * 300_000, "-5", "yes",
    "javascript:alert(1)", "data:text/html,x", "//host/x", "https://", "https://[x", "https://host/a b", "https://host/é",
    "evil:thing", "starter:", "starter: ", "starter:../../x", "starter:a\nb", "../../etc/passwd",
    "<script>alert(1)</script>", "a" * 64, f"{'a' * 64}.png", "f" * 256, "f" * 257,
)  # fmt: skip


@pytest.fixture(scope="module")
def few(some_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """The parts of an atlas file of two figures of a case and one without, from the starter atlas."""
    whole = tmp_path_factory.mktemp("whole") / "starter.mirage"
    export(some_folder, whole)
    with zipfile.ZipFile(whole) as file:
        texts = file.read(FIGURES).splitlines()
        records = [json.loads(text) for text in texts]
        case = next(record["case_id"] for record in records if record["case_id"])
        # No stack: `test_archived_stacks` has those.
        of_case = (place for place, record in enumerate(records) if record["case_id"] == case and not record.get("stack"))
        chosen = list(of_case)[:2]
        chosen.append(next(place for place, record in enumerate(records) if not record["case_id"]))
        parts = {name: file.read(name) for name in ("README.txt", "licences.csv", CORPORA, archive.MANIFEST)}
        parts[CASES] = next(text + b"\n" for text in file.read(CASES).splitlines() if json.loads(text)["id"] == case)
        parts[FIGURES] = b"".join(texts[place] + b"\n" for place in chosen)
        parts[VECTORS] = npy(np.load(io.BytesIO(file.read(VECTORS)))[chosen])
        for place in chosen:
            name = archive.picture_name(records[place]["picture"]["name"])
            parts[name] = file.read(name)
    return parts


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def written(target: Path, parts: Parts, how: int = zipfile.ZIP_STORED, **manifest: Any) -> Path:
    """An atlas file with right checksums and counts, as somebody who means harm would make it."""
    told = json.loads(parts[archive.MANIFEST])
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in parts.items() if not name.startswith("pictures/")}
    told["parts"] = {name: digest for name, digest in sums.items() if name != archive.MANIFEST}
    told |= {"figures": parts[FIGURES].count(b"\n"), "cases": parts[CASES].count(b"\n"), **manifest}
    with zipfile.ZipFile(target, "w", how) as file:
        for name, data in parts.items():
            file.writestr(name, json.dumps(told) if name == archive.MANIFEST else data)
    return target


def records_of(part: bytes) -> list[Any]:
    return [json.loads(text) for text in part.splitlines()]


def lines(records: list[Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def leaves(record: Any, place: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The place of every field in a record, of those that hold others too."""
    inside = record.items() if isinstance(record, dict) else ()
    return [*([place] if place else []), *(found for name, value in inside for found in leaves(value, (*place, name)))]


def put(record: Any, place: tuple[str, ...], value: Any) -> None:
    for name in place[:-1]:
        record = record[name]
    record[place[-1]] = value


def pages_of(atlas: Atlas) -> dict[str, int]:
    """The status of every page and JSON twin that shows something of an atlas."""
    figures = [row.figure for rows in atlas.store.each() for row in rows]
    cases = sorted({figure.case_id for figure in figures} - {""})
    addresses = ["/", "/about", "/corpora", "/api/corpora", "/api/atlas", "/api/facets"]
    addresses += [f"{path}?q=brain+MRI" for path in ("/search", "/api/search", "/explain", "/api/explain")]
    addresses += [f"/{path}/{quote(figure.id)}" for path in ("figure", "api/figures", "api/pictures") for figure in figures]
    addresses += [f"/{path}/{quote(case)}" for path in ("case", "api/cases") for case in cases]
    site = create_app(atlas, Settings.load())
    with TestClient(site, base_url="http://localhost", raise_server_exceptions=False) as client:
        return {address: client.get(address).status_code for address in addresses}


@pytest.mark.parametrize(
    ("part", "kind"), [(FIGURES, ArchivedFigure), (CASES, Case), (CORPORA, CorpusRecord)], ids=("figure", "case", "corpus")
)
def test_a_field_that_holds_anything_is_refused_by_its_name_or_shown_on_every_page(
    few: Parts, tmp_path: Path, part: str, kind: type[object]
) -> None:
    shown, *others = records_of(few[part])
    taken, said = set[str](), set[tuple[tuple[str, ...], str]]()
    for place in leaves(shown):
        for value in BAD:
            changed = records_of(few[part])[0]
            put(changed, place, value)
            try:
                read_record(kind, json.dumps(changed).encode())
            except ValueError as error:
                said.add((place, str(error)))
                continue
            taken.add(place[-1])
            if place[-1] not in ("id", "case_id") and place not in (
                ("name",),
                ("picture", "name"),
                ("slice_of",),
            ):  # what refers to those would have to change too
                put(shown, place, value)
    strange = [(place, why) for place, why in said if not why.startswith((place[0], "id: ", "the record: Invalid"))]
    assert not strange
    assert "title" in taken
    assert not taken & {"url_of", "corpus"}
    import_file(written(tmp_path / "taken.mirage", {**few, part: lines([shown, *others])}), tmp_path / "there")
    with Atlas.open(tmp_path / "there") as atlas:
        assert {address: status for address, status in pages_of(atlas).items() if status != 200} == {}


@pytest.mark.parametrize("part", [FIGURES, CASES, CORPORA])
def test_a_field_that_is_missing_is_told_by_its_name_or_has_its_default(few: Parts, part: str) -> None:
    kind: type[object] = {FIGURES: ArchivedFigure, CASES: Case, CORPORA: CorpusRecord}[part]
    said: dict[tuple[str, ...], str] = {}
    for place in leaves(records_of(few[part])[0]):
        record = records_of(few[part])[0]
        inner = record
        for name in place[:-1]:
            inner = inner[name]
        del inner[place[-1]]
        try:
            read_record(kind, json.dumps(record).encode())
        except ValueError as error:
            said[place] = str(error)
    assert said
    assert all(why.startswith(place[0]) for place, why in said.items())


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("caption",), "\x1b]0;owned\x07"),
        (("title",), "left\u202eright"),
        (("source", "attribution"), "a\rb"),
        (("id",), "{corpus}:a@2"),
    ],
)
def test_what_would_steer_a_terminal_or_an_address_is_refused(few: Parts, place: tuple[str, ...], value: str) -> None:
    record = records_of(few[FIGURES])[0]
    put(record, place, value.format(corpus=record["source"]["corpus"]))
    with pytest.raises(ValueError, match=rf"^{'[.]'.join(place)}: "):
        read_record(ArchivedFigure, json.dumps(record).encode())


def test_links_lead_to_web_pages_alone(few: Parts) -> None:
    for link in ("javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "ftp://host/x", "//host", "JaVaScRiPt:x"):
        for part, kind, place in (
            (FIGURES, ArchivedFigure, ("source", "url")),
            (FIGURES, ArchivedFigure, ("source", "licence", "url")),
            (CASES, Case, ("source", "url")),
            (CORPORA, CorpusRecord, ("homepage",)),
            (CORPORA, CorpusRecord, ("licence_url",)),
        ):
            record = records_of(few[part])[0]
            put(record, place, link)
            with pytest.raises(ValueError, match="no link to a web page"):
                read_record(kind, json.dumps(record).encode())


def refused(path: Path) -> str:
    """Why an atlas file is refused, before any folder is made."""
    with pytest.raises(AtlasError) as caught:
        import_file(path, path.parent / "there")
    assert not (path.parent / "there").exists()
    return str(caught.value)


def changed(few: Parts, part: str, place: tuple[str, ...], value: Any, number: int = 0) -> Parts:
    records = records_of(few[part])
    put(records[number], place, value)
    return {**few, part: lines(records)}


def test_a_refusal_names_the_part_the_record_and_the_field(few: Parts, tmp_path: Path) -> None:
    bad = changed(few, FIGURES, ("picture", "look"), "f" * 257, 1)
    said = refused(written(tmp_path / "bad.mirage", bad))
    assert f"in {FIGURES}, record 2 '{records_of(few[FIGURES])[1]['id']}': picture.look: not a perceptual hash" in said


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (lambda few: changed(few, FIGURES, ("id",), records_of(few[FIGURES])[1]["id"]), "occurs twice"),
        (lambda few: {**few, CASES: few[CASES] * 2}, "occurs twice"),
        (lambda few: {**few, CORPORA: few[CORPORA] * 2}, "occurs twice"),
        (lambda few: {**few, CORPORA: few[CORPORA].replace(b'"starter"', b'"other"')}, "of no corpus that the file has"),
        (lambda few: changed(few, FIGURES, ("picture", "name"), f"{'0' * 64}.png"), r"pictures/00/0+\.png is missing"),
        (lambda few: {**few, FIGURES: few[FIGURES] + b"[" * 100_000 + b"\n"}, "record 4"),
    ],
)
def test_records_that_do_not_fit_together_are_refused(
    few: Parts, tmp_path: Path, parts: Callable[[Parts], Parts], said: str
) -> None:
    with pytest.raises(AtlasError, match=said):
        import_file(written(tmp_path / "bad.mirage", parts(few)), tmp_path / "there")


def vectors_with(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[bytes], bytes]:
    return lambda data: npy(change(np.load(io.BytesIO(data)).copy()))


def _set(array: np.ndarray, place: tuple[Any, ...], value: float) -> np.ndarray:
    array[place] = value
    return array


def _telling(shape: tuple[int, ...]) -> bytes:
    """A header that tells of more than follows it."""
    header = f"{{'descr': '<f2', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


@pytest.mark.parametrize(
    "change",
    [
        vectors_with(lambda v: _set(v, (0, 0, 0), np.inf)),
        vectors_with(lambda v: _set(v, (0, 0, 0), np.nan)),
        vectors_with(lambda v: _set(v, (0, 1, 0), np.inf)),
        vectors_with(lambda v: _set(v, (0, 1, 0), np.nan)),
        vectors_with(lambda v: _set(v, (1, 0), 0.0)),
        vectors_with(lambda v: v[:2]),
        vectors_with(lambda v: v[:, :, :-1]),
        vectors_with(lambda v: v.astype(np.float64) * 1e300),
        vectors_with(np.asfortranarray),
        lambda _: _telling((10**12, 2, 256)),
        lambda _: _telling((-1, 2, 256)),
        lambda given: given.replace(b"}", b"(", 1),
        lambda _: b"\x93NUMPY",
        lambda _: b"",
    ],
)  # fmt: skip
def test_vectors_that_cannot_be_used_are_refused(few: Parts, tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    said = refused(written(tmp_path / "bad.mirage", {**few, VECTORS: change(few[VECTORS])}))
    assert VECTORS in said or "block 0 has not as many figures as vectors" in said


@pytest.mark.parametrize(
    "told",
    [
        {"figures": -1},
        {"figures": 10**12},
        {"figures": True},
        {"cases": 2},
        {"encoder": {"name": "starter", "digest": "0", "dimension": 10**9, "max_tokens": 9}},
        {"encoder": {"name": ["starter"], "digest": "0", "dimension": 9, "max_tokens": 9}},
        {"encoder": []},
        {"licences": {"CC0": "many"}},
        {"software": 5},
        {"format": None},
    ],
    ids=str,
)
def test_a_manifest_that_cannot_be_is_refused(few: Parts, tmp_path: Path, told: dict[str, Any]) -> None:
    assert refused(written(tmp_path / "bad.mirage", few, **told))


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"format": ' + b"9" * 6000 + b"}", b"\xff", b"7", b""])
def test_a_manifest_that_is_no_json_object_is_refused(few: Parts, tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "bad.mirage"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(archive.MANIFEST, raw)
    assert "not an atlas file" in refused(path)


def test_a_part_that_unpacks_to_much_more_than_it_is_packed_is_not_unpacked(few: Parts, tmp_path: Path) -> None:
    bomb = {**few, FIGURES: few[FIGURES] + b" " * 40_000_000}
    assert f"{FIGURES} unpacks to more than 100 times" in refused(
        written(tmp_path / "bad.mirage", bomb, zipfile.ZIP_DEFLATED)
    )


def test_no_room_is_made_for_a_part_that_says_it_is_larger_than_the_file(few: Parts, tmp_path: Path) -> None:
    path = written(tmp_path / "bad.mirage", few)
    whole = bytearray(path.read_bytes())
    at = whole.index(VECTORS.encode(), whole.index(b"PK\x01\x02")) - 46 + 20  # its packed size in the directory
    whole[at : at + 4] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(whole)
    tracemalloc.start()
    assert VECTORS in refused(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 50_000_000


def test_a_damaged_directory_is_refused_in_words(few: Parts, tmp_path: Path) -> None:
    """Every byte of the directory of the archive, changed in several ways: none ends in anything but a refusal."""
    whole = written(tmp_path / "whole.mirage", few).read_bytes()
    path = tmp_path / "bad.mirage"
    start = whole.index(b"PK\x01\x02")
    for place in range(start, len(whole), 3):
        for value in (0x00, 0xFF, whole[place] ^ 0x20):
            path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            with suppress(AtlasError), archive.opened(path) as file:
                file.check()


def test_a_file_cannot_replace_a_record_of_another_corpus(few: Parts, some_copy: Path, tmp_path: Path) -> None:
    """The file names itself another corpus, or the atlas has the id in another corpus."""
    evil = {**few, CORPORA: few[CORPORA].replace(b'"starter"', b'"evil"')}
    for part in (FIGURES, CASES):
        records = records_of(few[part])
        for record in records:
            record["source"]["corpus"] = "evil"
        evil[part] = lines(records)
    with pytest.raises(AtlasError, match=r"id: 'starter:.*' does not belong to the corpus 'evil'"):
        import_file(written(tmp_path / "evil.mirage", evil), some_copy, replace=True)
    with Atlas.open(some_copy) as atlas:
        identity = records_of(few[FIGURES])[0]["id"]
        assert atlas.figure(identity).source.corpus == "starter"


@pytest.mark.parametrize(
    ("part", "place", "counted"),
    [(FIGURES, ("fingerprint",), "1 figures and 0 cases"), (CASES, ("history",), "0 figures and 1 cases")],
)
def test_what_differs_is_replaced_only_when_that_was_asked_for(
    few: Parts, some_copy: Path, tmp_path: Path, part: str, place: tuple[str, ...], counted: str
) -> None:
    parts = changed(few, part, place, "another")
    parts = changed(parts, part, ("title",), "Another title")
    path = written(tmp_path / "other.mirage", parts)
    identity = records_of(few[part])[0]["id"]

    def title() -> str:
        with Atlas.open(some_copy) as atlas:
            return (atlas.figure if part == FIGURES else atlas.case)(identity).title

    before = title()
    with pytest.raises(WouldReplace, match=f"{counted} that are in the atlas already and differ.*--replace"):
        import_file(path, some_copy)
    asked = CliRunner().invoke(app, ["import", str(path), "--atlas", str(some_copy)])
    assert asked.exit_code == WouldReplace.exit_code
    assert "--replace" in asked.output
    assert title() == before
    done = CliRunner().invoke(app, ["import", str(path), "--atlas", str(some_copy), "--replace"])
    assert done.exit_code == 0, done.output
    assert title() == "Another title"


def test_what_an_atlas_says_of_its_own_corpus_stays(few: Parts, some_copy: Path, tmp_path: Path) -> None:
    with Atlas.open(some_copy) as atlas:
        before = atlas.info().corpora
    parts = changed(few, CORPORA, ("homepage",), "https://elsewhere.example/")
    import_file(written(tmp_path / "other.mirage", parts), some_copy)
    with Atlas.open(some_copy) as atlas:
        assert atlas.info().corpora == before


def test_ids_and_titles_that_were_made_of_names_are_keyed_and_do_not_travel_on(few: Parts, tmp_path: Path) -> None:
    figures, cases, corpora = records_of(few[FIGURES]), records_of(few[CASES]), records_of(few[CORPORA])[:1]
    ids = ["folder-ward:doe-jane-4530cead9d", "folder-ward:doe-jane-2-ac9cae4776-f0003"]
    case = "folder-ward:case-doe-60a084a520"
    figures = figures[:2]
    for figure, own in zip(figures, ids, strict=True):
        figure |= {"id": own, "case_id": case, "title": "", "diagnosis": ""}
        figure.pop("slice_of", None)
    cases[0] |= {"id": case, "title": "Doe 1950", "diagnosis": ""}
    for record in (*figures, *cases):
        record["source"]["corpus"] = corpora[0]["name"] = "folder-ward"
    vectors = npy(np.load(io.BytesIO(few[VECTORS]))[:2])
    told = {FIGURES: lines(figures), CASES: lines(cases), CORPORA: lines(corpora), VECTORS: vectors}
    old = written(tmp_path / "old.mirage", few | told)
    assert import_file(old, tmp_path / "there").added == 2
    assert import_file(old, tmp_path / "there").kept == 2
    export(tmp_path / "there", tmp_path / "on.mirage")
    with zipfile.ZipFile(tmp_path / "on.mirage") as file:
        on = records_of(file.read(FIGURES))
        everything = " ".join(file.read(name).decode("latin-1") for name in file.namelist())
        assert {record["case_id"] for record in on} == {record["id"] for record in records_of(file.read(CASES))}
    assert not [word for word in ("doe-", "Doe 1950", *(figure["fingerprint"] for figure in figures)) if word in everything]
    rows = records_of(lines(on))
    assert import_file(tmp_path / "on.mirage", tmp_path / "again").added == len(rows) == 2


def test_a_record_of_far_more_fields_than_there_are_is_refused_before_it_is_read() -> None:
    """Of each that is wrong an error is kept: eight megabytes of them took more than one gigabyte."""
    line = b'{"id": "a:b", ' + b'"x": 1, ' * 200_000 + b'"y": 2}'
    with pytest.raises(ValueError, match="more fields and values than a record can have"):
        read_record(Case, line)
    with pytest.raises(ValueError, match="title"):
        read_record(Case, b'{"id": "a:b", "history": "' + rb"one, \"two\", " * 60_000 + b'"}')
