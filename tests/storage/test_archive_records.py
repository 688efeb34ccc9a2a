"""Nothing in an atlas file is trusted: each field of each record is checked before anything is written."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from fastapi.testclient import TestClient

from mirage.atlas import Atlas
from mirage.errors import AtlasError
from mirage.settings import Settings
from mirage.storage import archive
from mirage.storage.archive_export import export
from mirage.storage.archive_import import import_file
from mirage.web import create_app

Parts = dict[str, bytes]
FIGURES, VECTORS = "figures/00000.jsonl", "vectors/00000.npy"
BAD: tuple[Any, ...] = (
    None, 7, -1, 10**30, 1.5, True, [], {}, "", "x", "x\0y", "\ud800", "\u202e", "é" * 300_000, "-5", "yes",
    "javascript:alert(1)", "data:text/html,x", "//host/x", "https://", "https://[x", "https://host/a b", "https://host/é",
    "evil:thing", "starter:", "starter: ", "starter:../../x", "starter:a\nb", "starter:<script>alert(1)</script>",
    "../../etc/passwd", "<script>alert(1)</script>", "a" * 64, f"{'a' * 64}.png", "f" * 256, "f" * 257,
)  # fmt: skip


@pytest.fixture(scope="module")
def few(starter_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """The parts of an atlas file of two figures of a case and one without, from the starter atlas."""
    whole = tmp_path_factory.mktemp("whole") / "starter.mirage"
    export(starter_folder, whole)
    with zipfile.ZipFile(whole) as file:
        lines = file.read(FIGURES).splitlines()
        records = [json.loads(line) for line in lines]
        alone = next(place for place, record in enumerate(records) if not record["case_id"])
        chosen = [next(place for place, record in enumerate(records) if record["case_id"]), alone]
        chosen.append(
            next(
                place
                for place, r in enumerate(records)
                if r["case_id"] == records[chosen[0]]["case_id"] and place not in chosen
            )
        )
        parts = {name: file.read(name) for name in ("README.txt", "licences.csv", "corpora.jsonl")}
        parts["cases.jsonl"] = b"".join(
            line + b"\n"
            for line in file.read("cases.jsonl").splitlines()
            if json.loads(line)["id"] == records[chosen[0]]["case_id"]
        )
        parts[FIGURES] = b"".join(lines[place] + b"\n" for place in chosen)
        parts[VECTORS] = npy(np.load(io.BytesIO(file.read(VECTORS)))[chosen])
        for place in chosen:
            name = archive.picture_name(records[place]["picture"]["name"])
            parts[name] = file.read(name)
        parts[archive.MANIFEST] = file.read(archive.MANIFEST)
    return parts


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def written(target: Path, parts: Parts, how: int = zipfile.ZIP_STORED, **manifest: Any) -> Path:
    """An atlas file with right checksums and counts, as somebody who means harm would make it."""
    told = json.loads(parts[archive.MANIFEST])
    told["parts"] = {
        name: hashlib.sha256(data).hexdigest() for name, data in parts.items() if not name.startswith("pictures/")
    }
    del told["parts"][archive.MANIFEST]
    told |= {"figures": parts[FIGURES].count(b"\n"), "cases": parts["cases.jsonl"].count(b"\n"), **manifest}
    with zipfile.ZipFile(target, "w", how) as file:
        for name, data in parts.items():
            file.writestr(name, json.dumps(told) if name == archive.MANIFEST else data)
    return target


def refusal(path: Path) -> str:
    """Why an atlas file is refused; empty when it is not."""
    try:
        with archive.opened(path) as file:
            file.check()
    except AtlasError as error:
        return str(error)
    return ""


def leaves(record: Any, place: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The place of every field in a record, of those that hold others too."""
    inside = (
        [found for name, value in record.items() for found in leaves(value, (*place, name))]
        if isinstance(record, dict)
        else []
    )
    return [*([place] if place else []), *inside]


def put(record: Any, place: tuple[str, ...], value: Any) -> None:
    for name in place[:-1]:
        record = record[name]
    record[place[-1]] = value


def lines(records: list[Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def pages_of(atlas: Atlas) -> dict[str, int]:
    """The status of every page and JSON twin that shows something of an atlas."""
    found = {}
    with TestClient(
        create_app(atlas, Settings.load()), base_url="http://localhost", raise_server_exceptions=False
    ) as client:
        figures = [row.figure for rows in atlas.store.each() for row in rows]
        cases = sorted({figure.case_id for figure in figures} - {""})
        words = "brain+MRI"
        addresses = ["/", "/about", "/corpora", "/api/corpora", "/api/atlas", "/api/facets", "/licences.csv"][:-1]
        addresses += [f"{path}?q={words}" for path in ("/search", "/api/search", "/explain", "/api/explain")]
        addresses += [f"{path}?q={words}&b.q=chest+X-ray" for path in ("/compare", "/api/compare")]
        for path, ids in (("figure", [f.id for f in figures]), ("case", cases)):
            addresses += [f"/{path}/{quote(each)}" for each in ids]
        addresses += [f"/api/{path}/{quote(f.id)}" for path in ("figures", "pictures", "thumbnails") for f in figures]
        addresses += [f"/api/cases/{quote(each)}" for each in cases]
        for address in addresses:
            found[address[:120]] = client.get(address).status_code
    return found


@pytest.mark.parametrize("part", [FIGURES, "cases.jsonl", "corpora.jsonl"])
def test_a_field_that_holds_anything_is_refused_by_its_name_or_shown_on_every_page(
    few: Parts, tmp_path: Path, part: str
) -> None:
    records = [json.loads(line) for line in few[part].splitlines()]
    fields = leaves(records[0])
    assert len(fields) > 8
    taken: dict[int, list[tuple[str, ...]]] = {}
    for place in fields:
        for number, value in enumerate(BAD):
            changed = json.loads(json.dumps(records))
            put(changed[0], place, value)
            why = refusal(written(tmp_path / "bad.mirage", {**few, part: lines(changed)}))
            if why:
                assert re.search(r"(record 1|occurs twice|source\.corpus|pictures/|of no corpus|record \d)", why), (
                    place,
                    value,
                    why,
                )
                assert "Nothing was changed" in why or "pictures/" in why
            else:
                taken.setdefault(number, []).append(place)
    free = {"title", "diagnosis", "caption", "attribution", "region", "modality_detail", "patient", "summary", "topic"}
    for number, places in taken.items():
        changed = json.loads(json.dumps(records))
        for place in places:
            put(changed[0], place, BAD[number])
        path = written(tmp_path / "taken.mirage", {**few, part: lines(changed)})
        folder = tmp_path / f"there-{number}"
        import_file(path, folder)
        with Atlas.open(folder) as atlas:
            statuses = pages_of(atlas)
            assert set(statuses.values()) == {200}, (BAD[number], places, statuses)
    assert any(place[-1] in free for places in taken.values() for place in places), "texts may say anything"
