"""An atlas whose index is at an address: moved there and back, interrupted, and opened by one process at a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from httpx import Headers
from qdrant_client.http.exceptions import UnexpectedResponse
from typer.testing import CliRunner

from index_kinds import LocalServer
from mirage import indexes
from mirage.atlas import Atlas
from mirage.cli import app
from mirage.corpora import load
from mirage.encoders.base import EncoderInfo
from mirage.errors import AtlasError, AtlasHeld, BadInput, Unavailable
from mirage.indexes import qdrant_server
from mirage.indexes.qdrant import QdrantIndex
from mirage.storage import manifest, reindex, whereabouts
from mirage.storage.ingest import add
from mirage.storage.reindex import rebuild
from postgres import PostgresServer
from squares import Squares, installed

pytestmark = pytest.mark.filterwarnings("ignore:(Payload indexes|Local mode)")
ADDRESS = "qdrant://host/atlas?replicas=2"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    made = LocalServer()
    monkeypatch.setattr(qdrant_server.Address, "connect", lambda self: made)
    return made


@pytest.fixture
def squares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EncoderInfo:
    """Another encoder, installed beside the starter."""
    monkeypatch.syspath_prepend(installed(tmp_path / "site"))
    return Squares().info()


def index_of(folder: Path) -> str:
    return manifest.finished(folder).index


def found(folder: Path) -> list[tuple[str, str]]:
    with Atlas.open(folder) as atlas:
        return [(hit.figure.caption, hit.confidence) for hit in atlas.search("phantom number 2").hits]


def test_the_index_moves_to_an_address_and_back_and_the_same_is_found(small: Path, server: LocalServer) -> None:
    before = found(small)
    assert rebuild(small, index=ADDRESS) == (6, 0)
    assert index_of(small) == ADDRESS
    assert not (small / "index").exists()
    assert server.collections == {"atlas": 6}
    assert found(small) == before
    assert rebuild(small, index="embedded") == (6, 0)
    assert (index_of(small), server.collections) == ("index", {})
    assert found(small) == before


def test_the_index_moves_to_a_database_of_postgresql_too(small: Path, postgres_server: PostgresServer) -> None:
    before, database = found(small), postgres_server.create()
    url, mark, rest = postgres_server.url(database).partition("?")
    try:
        assert rebuild(small, index=f"{url}/atlas{mark}{rest}") == (6, 0)
        assert not (small / "index").exists()
        assert found(small) == before
        rebuild(small)
        assert re.fullmatch(rf"{re.escape(url)}/atlas-[0-9a-f]{{12}}.*", index_of(small))
        assert indexes.held(f"{url}/atlas{mark}{rest}") is None
        rebuild(small, index="embedded")
        assert found(small) == before
    finally:
        postgres_server.drop(database)


def test_what_is_added_and_removed_is_so_at_the_address(
    small: Path, server: LocalServer, pictures: Callable[..., Path]
) -> None:
    rebuild(small, index=ADDRESS)
    with Atlas.open(small) as atlas:
        add(atlas, load("folder", path=pictures(2, "more")))
        assert server.collections == {"atlas": 8}
        atlas.remove(atlas.search("phantom number 2").hits[0].figure.id)
    assert server.collections == {"atlas": 7}


def test_with_a_replica_down_the_step_is_refused_and_done_by_the_next_addition(
    small: Path, server: LocalServer, pictures: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qdrant_server, "_PAUSES", ())
    rebuild(small, index=ADDRESS)
    more, said = pictures(2, "more"), b'{"status": {"error": "1 of 2 replicas failed, consistency factor 2 not reached"}}'

    def down(*_: object, **__: object) -> None:
        raise UnexpectedResponse(500, "Internal Server Error", said, Headers())

    server.upsert = down
    with Atlas.open(small) as atlas, pytest.raises(Unavailable, match=r"has too few replicas running .*Try again later"):
        add(atlas, load("folder", path=more))
    assert server.collections == {"atlas": 6}
    del server.upsert
    with Atlas.open(small) as atlas:
        report = add(atlas, load("folder", path=more))
        assert (report.added + report.kept, len(atlas.index)) == (2, 8)
        assert sorted(atlas.index.keys()) == sorted(atlas.store.keys())


def test_a_collection_that_is_filled_by_half_is_mended_at_the_next_opening(small: Path, server: LocalServer) -> None:
    before = found(small)
    rebuild(small, index=ADDRESS)
    with Atlas.open(small) as atlas:
        keys = sorted(atlas.index.keys())
    server.client.delete("atlas", keys[:3])
    assert server.collections == {"atlas": 3}
    assert found(small) == before
    assert server.collections == {"atlas": 6}


def test_made_anew_it_lies_beside_the_one_there_is_and_that_one_goes(
    small: Path, server: LocalServer, squares: EncoderInfo
) -> None:
    rebuild(small, index=ADDRESS)
    assert rebuild(small, "squares") == (6, 6)
    name = f"atlas-{squares.digest[:12]}"
    assert (index_of(small), server.collections) == (f"qdrant://host/{name}?replicas=2", {name: 6})
    rebuild(small, "squares", index="qdrant://host/atlas?replicas=3")
    assert (index_of(small), server.collections) == (f"qdrant://host/{name}-2?replicas=3", {f"{name}-2": 6})


class Killed(BaseException):
    """Ends a rebuild at once."""


def test_cut_short_the_old_index_stays_and_the_new_one_is_filled_on(
    small: Path, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindex, "_AT_ONCE", 2)
    added = QdrantIndex.add
    seen: list[int] = []

    def add(self: QdrantIndex, points: list[indexes.Point]) -> None:
        if len(seen) == 4:
            raise Killed
        added(self, points)
        seen.extend(point.key for point in points)

    monkeypatch.setattr(QdrantIndex, "add", add)
    with pytest.raises(Killed):
        rebuild(small, index=ADDRESS)
    assert (index_of(small), server.collections) == ("index", {"atlas": 4})
    with Atlas.open(small) as atlas:  # what changes in between is put there again
        figure = atlas.store.rows(seen[:1])[seen[0]].figure
        atlas.edit(figure.id, caption="A zebra")
        atlas.remove(atlas.store.rows(seen[1:2])[seen[1]].figure.id)
    changed, done = seen[0], len(seen)
    monkeypatch.setattr(QdrantIndex, "add", lambda self, points: (added(self, points), seen.extend(p.key for p in points)))
    assert rebuild(small, index=ADDRESS) == (5, 0)
    assert changed in seen[done:]
    assert len(seen[done:]) == 3, "two that were not there, and the one that was changed"
    assert (index_of(small), server.collections) == (ADDRESS, {"atlas": 5})
    with Atlas.open(small) as atlas:
        assert atlas.search("zebra").hits[0].figure.caption == "A zebra"


def test_begun_with_another_encoder_it_is_made_from_scratch(
    small: Path, server: LocalServer, squares: EncoderInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(self: QdrantIndex) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(QdrantIndex, "optimise", cut)
        with pytest.raises(Killed):
            rebuild(small, index=ADDRESS)
    assert (index_of(small), server.collections) == ("index", {"atlas": 6})
    assert rebuild(small, "squares", index=ADDRESS) == (6, 6)
    assert (index_of(small), server.collections) == (ADDRESS, {"atlas": 6})
    with Atlas.open(small) as atlas:
        assert atlas.encoder_info == squares


def test_a_collection_that_another_atlas_made_is_not_filled(small: Path, server: LocalServer) -> None:
    indexes.open("qdrant://host/atlas", 4).close()
    with pytest.raises(AtlasError, match=r"an index at .* already, of 0 figures, which this atlas did not make"):
        rebuild(small, index=ADDRESS)
    assert (index_of(small), server.collections) == ("index", {"atlas": 0})


def test_an_index_that_was_left_behind_goes_at_the_next_opening(
    small: Path, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild(small, index=ADDRESS)
    with monkeypatch.context() as patch:

        def gone(address: str) -> None:
            raise Unavailable("The server is gone.")

        patch.setattr(QdrantIndex, "drop", staticmethod(gone))
        rebuild(small, index="embedded")
    assert server.collections == {"atlas": 6}
    found(small)
    assert server.collections == {}


def test_a_collection_that_was_lost_is_filled_from_the_records(small: Path, server: LocalServer) -> None:
    before = found(small)
    rebuild(small, index=ADDRESS)
    server.client.delete_collection("atlas")
    assert found(small) == before
    assert server.collections == {"atlas": 6}


def test_one_process_at_a_time_has_an_atlas_whose_records_lie_in_its_folder(small: Path, server: LocalServer) -> None:
    rebuild(small, index=ADDRESS)
    with Atlas.open(small):
        for attempt in (lambda: Atlas.open(small), lambda: rebuild(small, index="embedded")):
            with pytest.raises(AtlasHeld):
                attempt()
    found(small)


def test_earlier_versions_are_told_that_the_atlas_is_newer(small: Path, server: LocalServer) -> None:
    rebuild(small, index=ADDRESS)
    assert f"format = {manifest.APART}\n" in (small / manifest.NAME).read_text("utf-8")
    rebuild(small, index="embedded")
    assert f"format = {manifest.FORMAT}\n" in (small / manifest.NAME).read_text("utf-8")


def test_an_atlas_too_large_for_one_process_is_told_where_its_index_can_go(
    small: Path, server: LocalServer, monkeypatch: pytest.MonkeyPatch, pictures: Callable[..., Path]
) -> None:
    assert whereabouts.advice("index", 6) == ""
    monkeypatch.setattr(whereabouts, "MOST", 7)
    said = "8 figures are more than an index in one process was measured with.*mirage atlas rebuild --index ADDRESS"

    def told(*words: str) -> str:
        done = CliRunner().invoke(app, [*words, "--atlas", str(small)])
        return " ".join(f"{done.stdout} {done.stderr}".split())

    assert re.search(said, told("add", "folder", str(pictures(2, "more"))))
    assert re.search(said, told("doctor"))
    rebuild(small, index=ADDRESS)
    assert "more than an index in one process" not in told("doctor")


def test_what_is_no_place_for_an_index_is_refused_before_anything_is_done(small: Path) -> None:
    with pytest.raises(BadInput, match="“elsewhere” is no index: name an address"):
        rebuild(small, index="elsewhere")
    with pytest.raises(BadInput, match="Leave it out, and set MIRAGE_QDRANT_KEY"):
        rebuild(small, index="qdrant://key@host/atlas")
    assert index_of(small) == "index"
