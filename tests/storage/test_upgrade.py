"""Records that an earlier version wrote: brought up to date when the atlas is opened, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from starlette.testclient import TestClient

from mirage.atlas import Atlas
from mirage.corpora.folder import FolderCorpus
from mirage.errors import AtlasError, NotFound
from mirage.jobs import Jobs
from mirage.language.concepts import lexicon
from mirage.language.words import stems
from mirage.query import Query
from mirage.settings import Settings
from mirage.storage import migrations, records
from mirage.storage.ingest import add
from mirage.storage.read_only import EACH_TIME
from mirage.storage.store import Store
from mirage.web import create_app
from squares import Squares

DUMP = Path(__file__).parent.parent / "data" / "atlas-0.1.sql"
MANIFEST = f"""format = 1

[encoder]
name = "squares"
digest = "{Squares().info().digest}"
dimension = 48
max_tokens = 64

[corpora]
"folder-ward" = "sha256-2a3f41ec390e3e47"
"""
# The ids that the dump has, and what the atlas finds: caption and confidence.
JANE, ROE = "folder-ward:doe-jane-4530cead9d", "folder-ward:roe-richard-17cc743b46"
JANES_CASE = "folder-ward:case-jane-doe-1950-60a084a520"
FOUND = {
    "bright bar": [
        ("Axial CT with a bright bar", "strong"),
        ("Coronal CT of the same", "weak"),
        ("", "weak"),
        ("Frontal X-ray of a wrist", "weak"),
    ],
    "wrist": [
        ("Frontal X-ray of a wrist", "strong"),
        ("", "weak"),
        ("Coronal CT of the same", "weak"),
        ("Axial CT with a bright bar", "weak"),
    ],
}
NAMES = ("doe", "roe-", "jane", "richard")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The atlas that an earlier version wrote; the folder that it was made of, ``ward``, lies beside it."""
    folder, ward = tmp_path / "old", tmp_path / "ward"
    (folder / "pictures").mkdir(parents=True)
    ward.mkdir()
    (folder / "atlas.toml").write_text(MANIFEST, "utf-8")
    with sqlite3.connect(folder / "records.sqlite") as records:
        records.executescript(DUMP.read_text("utf-8"))
        pictures = {name for (name,) in records.execute("SELECT picture FROM figures")}
        for name, data in records.execute("SELECT name, data FROM _files").fetchall():
            (ward / name).write_bytes(data)
            os.utime(ward / name, ns=(10**18, 10**18))
        records.execute("DROP TABLE _files")
    for path in ward.glob("*.png"):
        name = f"{hashlib.sha256(path.read_bytes()).hexdigest()}.png"
        assert name in pictures
        (folder / "pictures" / name[:2]).mkdir(exist_ok=True)
        (folder / "pictures" / name[:2] / name).write_bytes(path.read_bytes())
    records.close()
    return folder


def opened(folder: Path) -> Atlas:
    return Atlas.open(folder, encoder=Squares())


def rows_of(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(folder / "records.sqlite") as records:
        there = [name for (name,) in records.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        found = {name: records.execute(f"SELECT * FROM {name}").fetchall() for name in there}
    records.close()
    return found


def test_an_atlas_of_an_earlier_version_answers(old: Path) -> None:
    with opened(old) as atlas:
        for words, expected in FOUND.items():
            hits = atlas.search(words).hits
            assert [(hit.figure.caption, hit.confidence) for hit in hits] == expected
        assert atlas.info().corpora[0].figures == 4
        jane = atlas.store.row(JANE).figure
        assert atlas.case(jane.case_id).history == "Fell from a ladder."
        assert len(atlas.figures_of(jane.case_id)) == 2
    with opened(old) as atlas:
        assert len(atlas.search("wrist").hits) == 4
    assert not (old / "records.sqlite.before").exists()


def test_bringing_an_atlas_up_to_date_is_told_and_done_once(old: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    Atlas.open(old, encoder=Squares(), to_read=True, steps=lambda *step: told.append(step)).close()
    assert [what.removesuffix(EACH_TIME) for what, *_ in told] == ["reading all words anew", "filling the index"]
    assert all(what.endswith(EACH_TIME) for what, *_ in told)  # the folder stays as it was
    told.clear()
    for _ in range(2):
        Atlas.open(old, encoder=Squares(), steps=lambda *step: told.append(step)).close()
    assert told == [("reading all words anew", 4, 4), ("filling the index", 4, 4)]


def test_what_a_search_reads_of_each_figure_is_filled_in(old: Path) -> None:
    with opened(old) as atlas:
        rows = {row.key: row.figure for batch in atlas.store.each() for row in batch}
        found = atlas.store.search_rows(list(rows))
        assert len(found) == len(rows) == 4
        for key, figure in rows.items():
            assert found[key].stems == stems(figure.words)
            assert found[key].words == set(lexicon().words(figure.words))
        assert any(row.stems and row.words for row in found.values())
        assert any(atlas.store.mentions.of(list(rows)).values())


def test_records_of_the_version_before_keep_their_mentions(old: Path) -> None:
    opened(old).close()
    now = old / "records.sqlite"
    before = rows_of(old)
    with sqlite3.connect(now) as there:  # as revision 0003 had them
        there.executescript(
            """
            ALTER TABLE figures DROP COLUMN stems;
            ALTER TABLE figures DROP COLUMN folded;
            ALTER TABLE figures DROP COLUMN slice_of;
            ALTER TABLE figures DROP COLUMN edited;
            DROP INDEX withdrawn_figures;
            ALTER TABLE figures DROP COLUMN withdrawn;
            DROP TABLE stacks;
            DROP TABLE slice_vectors;
            DROP TABLE removed;
            CREATE TABLE other ("key" INTEGER NOT NULL, concept VARCHAR NOT NULL, field VARCHAR NOT NULL,
              polarity VARCHAR NOT NULL, PRIMARY KEY ("key", concept, field));
            INSERT INTO other SELECT "key", concept, field, polarity FROM figure_mentions;
            DROP TABLE figure_mentions;
            ALTER TABLE other RENAME TO figure_mentions;
            CREATE INDEX figure_mentions_of ON figure_mentions (concept, polarity);
            UPDATE alembic_version SET version_num = '0003';
            """
        )
    there.close()
    told: list[str] = []
    Atlas.open(old, encoder=Squares(), steps=lambda what, done, total: told.append(what)).close()
    assert told == []  # neither words nor pictures are read anew
    assert rows_of(old) == before


def test_how_the_diagnosis_was_proven_is_read_from_the_records_of_an_earlier_version(old: Path) -> None:
    with sqlite3.connect(old / "records.sqlite") as records:
        records.execute("UPDATE cases SET diagnosis_by = 'Biopsy'")
    records.close()
    with opened(old) as atlas:
        jane = atlas.figure(JANE)
        assert (jane.proof, atlas.case(jane.case_id).proof) == ("pathology", "pathology")
        found = atlas.search("bright bar", proof="pathology").hits
        assert found
        assert {hit.figure.proof for hit in found} == {"pathology"}
        assert atlas.facets()["proof"]["pathology"] == 3


def test_ids_made_of_names_are_keyed_and_what_led_to_them_leads_on(old: Path) -> None:
    with opened(old) as atlas:
        for table in ("figures", "cases", "jobs", "corpora"):
            told = str(rows_of(old)[table]).lower()
            assert not [name for name in NAMES if name in told], table
        jane, roe = atlas.figure(JANE), atlas.figure(ROE)
        assert jane.caption == "Axial CT with a bright bar"
        assert jane.id != JANE
        assert atlas.case(JANES_CASE).id == jane.case_id != JANES_CASE
        assert atlas.store.name_of(jane.case_id) == "Jane Doe 1950"
        assert next(hit.figure.caption for hit in atlas.similar(JANE).hits) == "Coronal CT of the same"
        (job,) = atlas.store.jobs()
        assert Query.parse(job["asked"]["query"]).terms[0].figure == jane.id
        assert job["asked"]["options"]["figure"] == roe.id
        with pytest.raises(NotFound):
            atlas.figure("folder-ward:doe-john-4530cead9d")


def test_two_atlases_of_the_same_folder_have_different_ids(old: Path, tmp_path: Path) -> None:
    with Atlas.open(tmp_path / "new", encoder=Squares(), create=True) as new, opened(old) as atlas:
        add(new, FolderCorpus(tmp_path / "ward", licence="CC BY 4.0"))
        ids = [{row.figure.id for rows in each.store.each() for row in rows} for each in (new, atlas)]
    assert len(ids[0]) == len(ids[1]) == 4
    assert not ids[0] & ids[1]


def test_adding_the_folder_again_doubles_nothing(old: Path, tmp_path: Path) -> None:
    with opened(old) as atlas:
        before = {row.figure.id for rows in atlas.store.each() for row in rows}
        report = add(atlas, FolderCorpus(tmp_path / "ward", licence="CC BY 4.0"))
        assert {row.figure.id for rows in atlas.store.each() for row in rows} == before
        assert report.added == 4  # what is printed beside them named the folder
        assert "ward" not in {row.figure.source.attribution for rows in atlas.store.each() for row in rows}.pop()
        assert add(atlas, FolderCorpus(tmp_path / "ward", licence="CC BY 4.0")).kept == 4
        assert atlas.store.name_of(atlas.figure(ROE).id).startswith("roe-richard")


KILLED = """
import os, signal, sys
from pathlib import Path
import sqlalchemy as sa
from mirage.storage import migrations
seen = 0
def count(connection, cursor, statement, *_):
    global seen
    seen += "former_ids" in statement and statement.startswith("INSERT")
    if seen:
        os.kill(os.getpid(), signal.SIGKILL)
sa.event.listen(sa.Engine, "after_cursor_execute", count)
migrations.upgrade(Path(sys.argv[1]))
"""


def test_an_upgrade_that_is_killed_loses_nothing_and_is_done_at_the_next_opening(old: Path) -> None:
    before = rows_of(old)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(old / "records.sqlite")], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (old / "records.sqlite.before").exists()
    assert rows_of(old) == before
    with opened(old) as atlas:
        assert next(hit.figure.caption for hit in atlas.search("wrist").hits) == "Frontal X-ray of a wrist"
        assert atlas.figure(JANE).id != JANE
    assert not (old / "records.sqlite.before").exists()


def test_records_from_before_anything_was_inferred_are_brought_up_to_date(old: Path) -> None:
    with sqlite3.connect(old / "records.sqlite") as records:
        records.execute("ALTER TABLE figures DROP COLUMN inferred")
    records.close()
    with opened(old) as atlas:
        assert atlas.figure(JANE).inferred == ()
        assert len(atlas.search("wrist").hits) == 4


def test_records_of_a_newer_version_are_refused_and_stay_as_they_are(old: Path) -> None:
    opened(old).close()
    with sqlite3.connect(old / "records.sqlite") as records:
        records.execute("UPDATE alembic_version SET version_num = '9999'")
    records.close()
    before = rows_of(old)
    with pytest.raises(AtlasError, match=r"version '9999'; this MIRAGE knows those up to .* Update MIRAGE"):
        opened(old)
    assert rows_of(old) == before


@pytest.fixture
def read_only(old: Path, locked_disk: Callable[[Path], Path]) -> Path:
    """The earlier atlas on a disk that cannot be written to."""
    return locked_disk(old)


def test_an_earlier_atlas_on_a_disk_that_cannot_be_written_to_is_brought_up_to_date_in_a_private_copy(
    read_only: Path, tmp_path: Path
) -> None:
    with opened(read_only) as atlas:
        assert atlas.info().read_only
        assert atlas.info().figures == len(atlas.store.keys()) > 0
        assert "alembic_version" in rows_of(atlas.path)
    shutil.copyfile(read_only / "records.sqlite", tmp_path / "records.sqlite")
    assert "alembic_version" not in rows_of(tmp_path)


def test_who_only_reads_records_of_an_earlier_version_is_told_what_to_do(old: Path) -> None:
    with pytest.raises(AtlasError, match=r"mirage atlas info"):
        Store.at(old / "records.sqlite")


def test_new_records_and_upgraded_ones_have_the_tables_that_the_program_expects(old: Path, tmp_path: Path) -> None:
    opened(old).close()
    Store.at(tmp_path / "new.sqlite").close()
    for path in (old / "records.sqlite", tmp_path / "new.sqlite"):
        engine = sa.create_engine(f"sqlite:///{path}")
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_server_default": False})
            assert context.get_current_revision() == records.VERSION
            different = [
                change for change in compare_metadata(context, records.metadata) if "alembic_version" not in str(change)
            ]
            assert different == []
        engine.dispose()


def test_the_version_that_the_program_names_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("version_locations", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "newline")
    assert ScriptDirectory.from_config(config).get_heads() == [records.VERSION]


def test_opening_records_that_are_up_to_date_does_not_load_alembic(old: Path) -> None:
    opened(old).close()
    code = (
        "import sys; from pathlib import Path; from mirage.storage.store import Store; "
        "Store.at(Path(sys.argv[1]), upgraded=True).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(old / "records.sqlite")], check=False).returncode == 0


def test_addresses_from_before_lead_to_those_of_now(old: Path) -> None:
    with opened(old) as atlas:
        jobs = Jobs(atlas)
        client = TestClient(create_app(atlas, Settings(), jobs_of=jobs, token="t"), base_url="http://localhost")
        figure = atlas.figure(JANE)
        for before, now in (
            (f"/figure/{JANE}", f"/figure/{figure.id}"),
            (f"/api/figures/{JANE}", f"/api/figures/{figure.id}"),
            (f"/case/{JANES_CASE}", f"/case/{figure.case_id}"),
            (f"/api/cases/{JANES_CASE}", f"/api/cases/{figure.case_id}"),
            (f"/figure/{atlas.reference(JANE)}", f"/figure/{figure.id}"),
        ):
            moved = client.get(before, follow_redirects=False)
            assert moved.status_code == 308
            assert unquote(moved.headers["location"]) == now
            assert client.get(before).status_code == 200
        jobs.close()


def test_a_copy_that_a_killed_upgrade_left_is_removed_at_the_next_opening(old: Path) -> None:
    opened(old).close()
    copy = old / "records.sqlite.before"
    copy.write_bytes(b"left")
    opened(old).close()
    assert not copy.exists()


def test_older_records_that_cannot_be_written_to_are_told_as_older(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (old / "records.sqlite").read_bytes()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(AtlasError, match=r"of an older version .* can be written to"):
        migrations.upgrade(old / "records.sqlite")
    assert (old / "records.sqlite").read_bytes() == before
