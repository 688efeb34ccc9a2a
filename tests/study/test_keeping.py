"""Collections: what is kept, in which order, by two at once, and what becomes of what the atlas has no more."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from mirage.atlas import Atlas
from mirage.errors import AtlasError, BadInput, MirageError, NotFound
from mirage.storage.migrations import RECORDS, upgrade
from mirage.study.collections import Changed, Collections
from mirage.study.kept import KINDS, MOST_ITEMS
from mirage.study.records import FILE, SCHEMA
from parts import PATIENCE


@pytest.fixture
def atlas(small: Path) -> Iterator[Atlas]:
    with Atlas.open(small) as opened:
        yield opened


@pytest.fixture
def mine(atlas: Atlas) -> Collections:
    return atlas.study.collections


@pytest.fixture
def figures(atlas: Atlas) -> list[str]:
    return [row.figure.id for row in atlas.store.rows(atlas.store.keys()).values()]


def titles(mine: Collections, own: str) -> list[str]:
    return [item.title for item in mine.get(own).items]


def test_nothing_is_written_until_something_is_kept(atlas: Atlas, small: Path) -> None:
    assert atlas.study.collections.list() == []
    with pytest.raises(NotFound, match="no collection 'nowhere'"):
        atlas.study.collections.get("nowhere")
    assert not (small / FILE).exists()


def test_figures_cases_searches_and_comparisons_are_kept_in_order_with_notes_and_sections(
    mine: Collections, figures: list[str]
) -> None:
    own = mine.make("  Week\t3 ", "Read before\r\nFriday\x07").id
    mine.add(own, "section", title="Look")
    mine.add(own, "figure", figures[0], note="The edge.")
    mine.add(own, "search", "/search?q=phantom&modality=ct")
    mine.add(own, "comparison", "a.q=one&b.q=two")
    found = mine.get(own)
    assert (found.title, found.notes) == ("Week 3", "Read before\nFriday")
    assert [item.kind for item in found.items] == ["section", "figure", "search", "comparison"]
    assert titles(mine, own) == ["Look", "Phantom number 0", "phantom, CT", "one or two"]
    assert found.items[1].note == "The edge."
    assert found.items[2].target == "q=phantom&modality=CT", "as the address bar would have it"
    assert [each.count for each in mine.list()] == [3]


def test_the_same_figure_is_kept_once_and_a_collection_is_made_where_none_is(mine: Collections, figures: list[str]) -> None:
    kept, new = mine.add("", "figure", figures[0])
    again, fresh = mine.add("", "figure", figures[0])
    assert (new, fresh, kept.id) == (True, False, again.id)
    assert [(each.title, each.count) for each in mine.list()] == [("Kept", 1)]


def test_things_are_moved_within_a_collection_and_to_another(mine: Collections, figures: list[str]) -> None:
    own, other = mine.make("One").id, mine.make("Two").id
    a, b, c = (mine.add(own, "figure", figures[n], title=name)[0].id for n, name in enumerate("abc"))
    mine.move(own, c, by=-1)
    assert titles(mine, own) == ["a", "c", "b"]
    mine.move(own, c, by=-5)
    mine.move(own, c, by=-5)
    assert titles(mine, own) == ["c", "a", "b"]
    mine.move(own, c, before="")
    assert titles(mine, own) == ["a", "b", "c"]
    mine.move(own, c, before=b)
    assert titles(mine, own) == ["a", "c", "b"]
    mine.move(own, a, to=other)
    assert (titles(mine, own), titles(mine, other)) == (["c", "b"], ["a"])
    with pytest.raises(NotFound, match="moved or removed meanwhile"):
        mine.move(own, a, by=1)


def test_what_is_removed_or_deleted_comes_back_as_it_was(mine: Collections, figures: list[str]) -> None:
    own = mine.make("One").id
    ids = [mine.add(own, "figure", figures[n], title=name)[0].id for n, name in enumerate("abc")]
    mine.remove(own, ids[1])
    assert titles(mine, own) == ["a", "c"]
    mine.restore_item(own, ids[1])
    assert titles(mine, own) == ["a", "b", "c"]
    mine.delete(own)
    assert mine.list() == []
    with pytest.raises(NotFound):
        mine.add(own, "figure", figures[4])
    assert [item.title for item in mine.restore(own).items] == ["a", "b", "c"]
    with pytest.raises(NotFound):
        mine.restore(own)


def test_what_was_deleted_long_ago_is_gone(mine: Collections, small: Path) -> None:
    old, other = mine.make("Old").id, mine.make("Other").id
    mine.delete(old)
    with closing(sqlite3.connect(small / FILE)) as database, database:
        database.execute("UPDATE collections SET deleted = deleted - 90000 WHERE id = ?", (old,))
    mine.delete(other)
    with pytest.raises(NotFound):
        mine.restore(old)
    assert mine.restore(other).title == "Other"


def test_a_figure_that_is_gone_is_shown_as_removed_with_the_title_and_licence_it_had(
    atlas: Atlas, small: Path, figures: list[str]
) -> None:
    mine = atlas.study.collections
    own = mine.make("One").id
    mine.add(own, "figure", figures[0])
    mine.add(own, "figure", figures[1])
    with closing(sqlite3.connect(small / "records.sqlite")) as records, records:
        records.execute("DELETE FROM figures WHERE id = ?", (figures[0],))
    gone, there = mine.get(own).items
    assert (gone.removed, gone.title, gone.figure) == (True, "Phantom number 0", figures[0])
    assert not there.removed


@pytest.mark.parametrize(
    ("kind", "target", "words"),
    [
        ("figure", "nobody:1", "no figure 'nobody:1'"),
        ("case", "nobody:1", "no case 'nobody:1'"),
        ("search", "", "query is empty"),
        ("search", "colour=red", "Not understood"),
        ("search", "picture=0123456789ab.AAAAAAAAAAAAAAAA", "dropped picture is never kept"),
        ("comparison", "a.q=one", "Only A is given"),
        ("section", "", "section needs a title"),
        ("song", "x", "'song' cannot be kept. What can be: figure, case"),
        ("search", "q=" + "x" * 9000, "8,000 is the most"),
    ],
)
def test_what_cannot_be_kept_is_told_and_nothing_is_changed(mine: Collections, kind: str, target: str, words: str) -> None:
    own = mine.make("One").id
    with pytest.raises(MirageError, match=words):
        mine.add(own, kind, target)
    assert mine.get(own).items == ()


def test_titles_and_notes_have_a_length(mine: Collections, figures: list[str]) -> None:
    with pytest.raises(BadInput, match="300 characters; 200 is the most"):
        mine.make("x" * 300)
    with pytest.raises(BadInput, match="needs a title"):
        mine.make(" \u200b ")
    own = mine.make("x" * 200).id
    with pytest.raises(BadInput, match="10,001 characters"):
        mine.edit(own, notes="x" * 10_001)
    kept, _ = mine.add(own, "figure", figures[0])
    with pytest.raises(BadInput, match="300 characters"):
        mine.edit_item(own, kept.id, title="y" * 300)


def test_a_collection_has_an_end(mine: Collections, small: Path) -> None:
    own = mine.make("Full").id
    for number in range(3):
        mine.add(own, "section", title=str(number))
    with closing(sqlite3.connect(small / FILE)) as database, database:
        fill = "INSERT INTO items (id, collection, place, kind, title, added) VALUES (?, ?, ?, 'section', 'x', 0)"
        database.executemany(fill, [(f"f{n}", own, n + 10) for n in range(MOST_ITEMS - 3)])
    with pytest.raises(BadInput, match="1,000 things"):
        mine.add(own, "section", title="one too many")


def test_a_text_that_another_page_changed_is_not_written_over(mine: Collections, figures: list[str]) -> None:
    own = mine.make("One", "mine").id
    mine.edit(own, notes="theirs", was="mine")
    with pytest.raises(Changed, match="is now: 'theirs'"):
        mine.edit(own, notes="ours", was="mine")
    mine.edit(own, title="Another", was="One")
    assert (mine.get(own).title, mine.get(own).notes) == ("Another", "theirs")
    kept, _ = mine.add(own, "figure", figures[0], note="a")
    mine.edit_item(own, kept.id, note="b", was="a")
    with pytest.raises(Changed):
        mine.edit_item(own, kept.id, note="c", was="a")
    mine.edit_item(own, kept.id, note="b", was="a")  # sent twice


def test_two_at_once_lose_nothing(mine: Collections) -> None:
    own = mine.make("Shared").id
    failures: list[BaseException] = []

    def work(who: str) -> None:
        try:
            for number in range(15):
                kept, _ = mine.add(own, "section", title=f"{who} {number}")
                mine.move(own, kept.id, by=-2)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sorted(titles(mine, own)) == sorted(f"{who} {number}" for who in "abc" for number in range(15))


TWO = """
import sys
from pathlib import Path
from mirage.storage.databases import Databases
from mirage.storage.store import Store
from mirage.study import Study
folder, who = Path(sys.argv[1]), sys.argv[2]
study = Study(Databases(folder), Store.at(folder / "records.sqlite"), None)  # a quiz alone asks for a library
sys.stdin.readline()
for number in range(20):
    study.collections.make(f"{who} {number}")
"""


def test_two_processes_that_begin_at_once_make_one_file_and_lose_nothing(atlas: Atlas, small: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", TWO, str(small), who], stdin=subprocess.PIPE, text=True) for who in "ab"
    ]
    for each in started:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    assert [each.wait(PATIENCE) for each in started] == [0, 0]
    there = {each.title for each in atlas.study.collections.list()}
    assert there == {f"{who} {number}" for who in "ab" for number in range(20)}


# -- the file ---------------------------------------------------------------------------------------------------------------


def shape(path: Path) -> dict[str, set[tuple[str, str, bool]]]:
    engine = sa.create_engine(f"sqlite:///{path}")
    told = sa.inspect(engine)
    found = {
        name: {(column["name"], str(column["type"]), bool(column["nullable"])) for column in told.get_columns(name)}
        for name in told.get_table_names()
    }
    engine.dispose()
    return found


def test_the_revisions_make_the_tables_that_the_program_has(mine: Collections, small: Path, tmp_path: Path) -> None:
    mine.make("One")
    by_revisions = tmp_path / FILE
    with closing(sqlite3.connect(by_revisions)) as database, database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    upgrade(by_revisions, SCHEMA)
    made = shape(by_revisions)
    assert {"collections", "items"} < set(made)
    assert made == shape(small / FILE)
    assert SCHEMA.revisions != RECORDS.revisions


def test_a_file_of_a_later_version_is_left_alone(small: Path) -> None:
    with Atlas.open(small) as atlas:
        atlas.study.collections.make("One")
    with closing(sqlite3.connect(small / FILE)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    before = (small / FILE).read_bytes()
    with Atlas.open(small) as atlas, pytest.raises(AtlasError, match=r"collections have version '9999'.*Update MIRAGE"):
        atlas.study.collections.list()
    assert (small / FILE).read_bytes() == before


def test_every_kind_is_tried_here() -> None:
    assert set(KINDS) == {"figure", "case", "search", "comparison", "section"}
