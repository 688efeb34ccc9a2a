"""The mark of what a source has withdrawn: set, kept, lifted, brought along in atlas files, and added to older records."""

from __future__ import annotations

import json
import sqlite3
import time
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mirage.atlas import Atlas
from mirage.cli import app
from mirage.corpora import load
from mirage.corpora.live.base import Standing
from mirage.errors import AtlasError
from mirage.figure import Withdrawal
from mirage.storage import archive
from mirage.storage.archive_export import export
from mirage.storage.archive_import import WouldReplace, import_file
from mirage.storage.archive_records import ArchivedFigure, read_record
from mirage.storage.gone import heed
from mirage.storage.ingest import add
from mirage.storage.records import VERSION
from mirage.storage.withdrawals import Withdrawals
from parts import draw

SAID, PAGE = "The article was retracted.", "https://example.org/1"
TABLE = "file,caption,case,licence,diagnosis,url\n" + "".join(
    f"{name}.png,Picture {name},{case},CC BY 4.0,Pneumonia,{PAGE}\n" for name, case in zip("abcd", "1122", strict=True)
)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An atlas of two cases of two figures each, closed; its pictures lie beside it."""
    for number, name in enumerate("abcd"):
        draw(tmp_path / "ward" / f"{name}.png", number)
    (tmp_path / "ward" / "figures.csv").write_text(TABLE, "utf-8")
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, load("folder", path=tmp_path / "ward"))
    return tmp_path / "atlas"


def corpus_of(atlas: Atlas) -> str:
    return atlas.info().corpora[0].name


def rows(atlas: Atlas) -> list[tuple[str, str, str]]:
    """Caption, id and case of each figure."""
    found = [row.figure for row in atlas.store.rows(atlas.store.keys()).values()]
    return sorted((figure.caption, figure.id, figure.case_id) for figure in found)


def marked(atlas: Atlas) -> dict[str, Withdrawal]:
    found = [row.figure for row in atlas.store.rows(atlas.store.keys()).values()]
    return {figure.caption[-1]: figure.withdrawn for figure in found if figure.withdrawn}


def test_a_case_marks_all_its_figures_and_a_figure_itself(made: Path) -> None:
    with Atlas.open(made) as atlas:
        (_, a, one), _, (_, c, _), _ = rows(atlas)
        done = heed(atlas, corpus_of(atlas), [Standing(one, 100.0, SAID), Standing(c, 200.0, SAID, "https://example.org/c")])
        first, second = Withdrawal(SAID, PAGE, 100.0), Withdrawal(SAID, "https://example.org/c", 200.0)
        assert marked(atlas) == {"a": first, "b": first, "c": second}
        assert (len(done.withdrawn), done.lifted) == (3, ())
        assert atlas.store.withdrawals.counts() == {corpus_of(atlas): 3}
        assert atlas.withdrawn_keys() == atlas.store.withdrawals.keys()
        # Said again, the first day stays; of another source's words nothing is heeded.
        assert len(heed(atlas, corpus_of(atlas), [Standing(one, 300.0, "Again.")]).withdrawn) == 2
        assert heed(atlas, "another", [Standing(one, 400.0)]).lifted == ()
        assert marked(atlas)["a"] == first
        assert a in atlas.store.withdrawals.ids()


@pytest.mark.parametrize(("asked", "lifted"), [(99.0, False), (100.0, False), (101.0, True)])
def test_only_a_later_word_lifts_a_mark(made: Path, asked: float, lifted: bool) -> None:
    with Atlas.open(made) as atlas:
        one = rows(atlas)[0][2]
        heed(atlas, corpus_of(atlas), [Standing(one, 100.0, SAID)])
        done = heed(atlas, corpus_of(atlas), [Standing(one, asked), Standing(one, 1.0, SAID)])
        assert (len(done.lifted), bool(marked(atlas))) == ((2, False) if lifted else (0, True))


def test_a_mark_stays_through_another_addition_an_edit_and_an_opening(made: Path, tmp_path: Path) -> None:
    with Atlas.open(made) as atlas:
        one = rows(atlas)[0][2]
        heed(atlas, corpus_of(atlas), [Standing(one, 100.0, SAID)])
        before = marked(atlas)
        (tmp_path / "ward" / "figures.csv").write_text(TABLE.replace("Picture", "Film"), "utf-8")
        assert len(add(atlas, load("folder", path=tmp_path / "ward")).changed) == 4
        atlas.edit(rows(atlas)[0][1], title="Mine")
        assert marked(atlas) == before
    with Atlas.open(made) as atlas:
        assert marked(atlas) == before
        assert atlas.figure(rows(atlas)[0][1]).withdrawn


def test_cases_of_an_explanation_are_counted_without_it(made: Path) -> None:
    with Atlas.open(made) as atlas:
        names = next(iter(atlas.store.mentions.of(atlas.store.keys()[:1], (), ("diagnosis",)).values()))
        concepts = {each.concept for each in names}
        assert len(atlas.store.mentions.diagnosed(concepts)) == 2
        assert atlas.store.mentions.subjects()["Pneumonia"] == 4
        heed(atlas, corpus_of(atlas), [Standing(rows(atlas)[0][2], 100.0, SAID)])
        assert list(atlas.store.mentions.diagnosed(concepts)) == [rows(atlas)[2][2]]
        assert atlas.store.mentions.subjects()["Pneumonia"] == 2


def test_asking_which_are_withdrawn_looks_at_no_other_figure(made: Path) -> None:
    with closing(sqlite3.connect(made / "records.sqlite")) as records:
        plan = records.execute("EXPLAIN QUERY PLAN SELECT key FROM figures WHERE withdrawn != ''").fetchall()
    assert any("withdrawn_figures" in str(step) for step in plan)


# -- atlas files ------------------------------------------------------------------------------------------------------------


def withdrawn_atlas(made: Path, *, name: str = "a") -> None:
    with Atlas.open(made) as atlas:
        own = {caption[-1]: own for caption, own, _ in rows(atlas)}
        heed(atlas, corpus_of(atlas), [Standing(own[name], 100.0, SAID)])


def test_a_file_for_oneself_carries_the_mark_and_says_so_by_its_format(made: Path, tmp_path: Path) -> None:
    assert export(made, tmp_path / "before.mirage", purpose="myself").manifest.format == archive.PLAIN
    withdrawn_atlas(made)
    written = export(made, tmp_path / "mine.mirage", purpose="myself")
    assert written.manifest.format == archive.FORMAT
    import_file(written.path, tmp_path / "there")
    with Atlas.open(tmp_path / "there") as atlas:
        assert marked(atlas) == {"a": Withdrawal(SAID, PAGE, 100.0)}
    theirs = export(made, tmp_path / "theirs.mirage")
    assert (theirs.manifest.format, theirs.manifest.figures, theirs.behind) == (
        archive.PLAIN,
        3,
        ("withdrawn by its source",),
    )
    with zipfile.ZipFile(theirs.path) as file:
        assert not any(b"withdrawn" in file.read(name) for name in file.namelist())


def test_a_file_of_before_is_read_and_lifts_no_mark(made: Path, tmp_path: Path) -> None:
    export(made, tmp_path / "before.mirage", purpose="myself")
    withdrawn_atlas(made)
    done = import_file(tmp_path / "before.mirage", made)
    assert (done.added, done.kept) == (0, 4)
    with Atlas.open(made) as atlas:
        (tmp_path / "ward" / "figures.csv").write_text(TABLE.replace("Picture", "Film"), "utf-8")
        add(atlas, load("folder", path=tmp_path / "ward"))
        assert set(marked(atlas)) == {"a"}
        import_file(tmp_path / "before.mirage", atlas, replace=True)
        assert rows(atlas)[0][0] == "Picture a"
        assert set(marked(atlas)) == {"a"}


def test_a_file_marks_what_is_there_only_when_it_may_replace(made: Path, tmp_path: Path) -> None:
    first = export(made, tmp_path / "first.mirage", purpose="myself").path
    import_file(first, tmp_path / "there")
    withdrawn_atlas(made)
    later = export(made, tmp_path / "later.mirage", purpose="myself").path
    with Atlas.open(tmp_path / "there") as atlas:
        with pytest.raises(WouldReplace, match="1 figures and 0 cases"):
            import_file(later, atlas)
        assert marked(atlas) == {}
        assert import_file(later, atlas, replace=True).kept == 4
        assert set(marked(atlas)) == {"a"}
        assert atlas.withdrawn_keys() == atlas.store.withdrawals.keys() != frozenset()
        assert import_file(later, atlas).kept == 4, "nothing differs any more"


BAD: dict[str, object] = {
    "no words": {"said": "", "url": PAGE, "seen": 1.0},
    "no time": {"said": SAID, "url": PAGE, "seen": -1.0},
    "a time beyond all": {"said": SAID, "url": PAGE, "seen": 1e300},
    "no number": {"said": SAID, "url": PAGE, "seen": float("nan")},
    "no link": {"said": SAID, "url": "javascript:alert(1)", "seen": 1.0},
    "a terminal's commands": {"said": "\x1b[2J", "url": PAGE, "seen": 1.0},
    "something else": {"said": SAID, "url": PAGE, "seen": 1.0, "more": 1},
    "a text": SAID,
}


@pytest.mark.parametrize("name", list(BAD))
def test_a_mark_that_can_be_none_is_refused(made: Path, tmp_path: Path, name: str) -> None:
    withdrawn_atlas(made)
    file = export(made, tmp_path / "mine.mirage", purpose="myself").path
    with zipfile.ZipFile(file) as members:
        lines = members.read(archive.figures_name(0)).splitlines()
    record = next(each for each in map(json.loads, lines) if "withdrawn" in each)
    assert read_record(ArchivedFigure, json.dumps(record).encode()).withdrawn
    with pytest.raises(ValueError, match="withdrawn"):
        read_record(ArchivedFigure, json.dumps(record | {"withdrawn": BAD[name]}).encode())


def test_a_mark_of_the_future_that_a_file_brings_can_be_lifted(made: Path, tmp_path: Path) -> None:
    with Atlas.open(made) as atlas:
        heed(atlas, corpus_of(atlas), [Standing(rows(atlas)[0][1], 2.0**34, SAID)])
    written = export(made, tmp_path / "mine.mirage", purpose="myself").path
    import_file(written, tmp_path / "there")
    with Atlas.open(tmp_path / "there") as atlas:
        assert marked(atlas)["a"].seen <= time.time()
        assert len(heed(atlas, corpus_of(atlas), [Standing(rows(atlas)[0][1], time.time() + 1)]).lifted) == 1


def test_what_was_read_before_a_mark_is_not_kept_after_it(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys are asked for, and before they are there the source's word comes."""
    with Atlas.open(made) as atlas:
        keys, between = Withdrawals.keys, [rows(atlas)[0][1]]

        def slowly(own: Withdrawals) -> frozenset[int]:
            found = keys(own)
            while between:
                heed(atlas, corpus_of(atlas), [Standing(between.pop(), 100.0, SAID)])
            return found

        monkeypatch.setattr(Withdrawals, "keys", slowly)
        atlas.withdrawn_keys()
        assert atlas.withdrawn_keys() == keys(atlas.store.withdrawals) != frozenset()


def test_an_export_under_way_ends_when_something_is_withdrawn(made: Path, tmp_path: Path) -> None:
    with Atlas.open(made) as atlas:
        corpus, one = corpus_of(atlas), rows(atlas)[0][2]
        done: list[int] = []

        def meanwhile(progress: object) -> None:
            if not done:
                done.append(1)
                heed(atlas, corpus, [Standing(one, 100.0, SAID)])

        with pytest.raises(AtlasError, match="was changed while it was exported"):
            export(made, tmp_path / "out.mirage", progress=meanwhile)


# -- records of before ------------------------------------------------------------------------------------------------------


def before(folder: Path) -> None:
    """Make the records what version 0008 wrote."""
    with closing(sqlite3.connect(folder / "records.sqlite")) as records:
        records.executescript(
            "DROP INDEX withdrawn_figures; ALTER TABLE figures DROP COLUMN withdrawn; "
            "UPDATE alembic_version SET version_num='0008'"
        )


@pytest.mark.parametrize("number", [1, 2])
def test_records_of_before_are_brought_up_to_date_whatever_the_folders_format(made: Path, number: int) -> None:
    with Atlas.open(made) as atlas:
        was = [(each, replace(atlas.figure(each[1]), withdrawn=None)) for each in rows(atlas)]
    before(made)
    manifest = made / "atlas.toml"
    manifest.write_text(manifest.read_text().replace("format = 2", f"format = {number}"))
    with Atlas.open(made) as atlas:
        assert [(each, atlas.figure(each[1])) for each in rows(atlas)] == was
        heed(atlas, corpus_of(atlas), [Standing(was[0][0][2], 100.0, SAID)])
        assert set(marked(atlas)) == {"a", "b"}
    with closing(sqlite3.connect(made / "records.sqlite")) as records:
        assert records.execute("SELECT version_num FROM alembic_version").fetchone() == (VERSION,)


def test_the_command_brings_them_up_to_date_too(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before(made)
    told = CliRunner().invoke(app, ["atlas", "info", "--atlas", str(made)])
    assert told.exit_code == 0
    assert "withdrawn" not in told.output
    withdrawn_atlas(made)
    said = " ".join(CliRunner().invoke(app, ["atlas", "info", "--atlas", str(made)]).output.split())
    assert "1 figure, by their sources" in said
    assert "1 withdrawn by the source" in said
