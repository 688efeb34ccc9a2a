"""Records in SQL: the truth that the index is made from."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from mirage.errors import AtlasError, NotFound
from mirage.figure import Case, Figure, Licence, SlicePlace, Source, Stack, StackLabel, Window, Withdrawal
from mirage.storage.databases import Databases
from mirage.storage.records import FigureRecord, PictureRow, StackRow, figures, metadata, reference_of, stacks
from mirage.storage.searched import SliceVectors
from mirage.storage.store import Store

SOURCE = Source("folder", "A. Person", "https://example.org/1", "case", Licence("CC0-1.0", "https://cc0", True))
CASE = Case("folder:case", "A case", SOURCE, history="It began.", discussion="It ended.", topic="Things")


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=16).astype(np.float32)
    return vector / np.linalg.norm(vector)


def record(number: int, caption: str = "A picture", corpus: str = "folder") -> FigureRecord:
    source = replace(SOURCE, corpus=corpus)
    figure = Figure(f"{corpus}:{number}", caption, source, modality="CT", plane="axial", case_id="folder:case")
    picture = PictureRow(f"{number:064x}.png", 64, 48, 1000, 2**255 + number)
    return FigureRecord(figure, CASE, f"print-{number}", picture, unit(number), unit(50 + number) if caption else None)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path):
    server = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    made = Store.of(Databases(tmp_path, server))
    yield made
    made.close()


def test_a_figure_comes_back_as_it_was_put(store: Store) -> None:
    (key,) = store.put([record(1)], "encoder", 1)
    row = store.row("folder:1")
    assert (row.key, row.figure, row.picture) == (key, record(1).figure, record(1).picture)
    assert store.case("folder:case") == CASE
    image, caption = store.vectors.of([key], "encoder")[key]
    assert float(image @ unit(1)) > 0.9999
    assert caption is not None
    assert float(caption @ unit(51)) > 0.9999
    assert store.vectors.of([key], "another") == {}


def test_what_is_asked_of_some_figures_looks_at_no_other(tmp_path: Path) -> None:
    store, asked = Store.of(Databases(tmp_path, "")), set[str]()
    keys = store.put([record(number) for number in range(3)], "encoder", 1)

    def hear(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        asked.add(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", hear)
    try:
        store.rows(keys)
        store.search_rows(keys)
        store.keys_of(["folder:1"])
        store.files(["folder:1"])
        store.cases({"folder:case"})
        store.mentions.of(keys, (), ("caption", "topic"))
        store.mentions.of(keys, ("liver",), ("caption", "topic"))
        store.vectors.of(keys, "encoder")
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", hear)
        store.close()
    with closing(sqlite3.connect(tmp_path / "records.sqlite")) as records:
        for statement in asked:
            plan = records.execute(f"EXPLAIN QUERY PLAN {statement}", ["[]"] * statement.count("?")).fetchall()
            assert not [step for *_, step in plan if step.startswith("SCAN") and "json_each" not in step], statement


LABELS = (StackLabel(1, "left kidney", 3, 7, 11),)
STACK = Stack(
    ("axial",), (230, 64, 48), 1, -1024, 1.0, 0.0, "HU", (5.0, 0.7, 0.7), True, (Window("lung", -600, 1500),), 7, LABELS
)
FILES = StackRow(f"{1:064x}.stack", f"{2:064x}.stack", 5000)


def stacked(number: int, **changed: object) -> FigureRecord:
    one = record(number)
    slices = SliceVectors(np.array([3, 7, 200], np.int32), np.stack([unit(70), unit(71), unit(72)]))
    return replace(one, figure=replace(one.figure, stack=STACK), stack=FILES, slices=slices, **changed)


def test_a_stack_comes_back_as_it_was_put_with_the_vectors_of_its_slices(store: Store) -> None:
    single = replace(record(2).figure, slice_of=SlicePlace("folder: 1 of 2", "axial", 12, (("left kidney", 0.9),)))
    keys = store.put([stacked(1), replace(record(2), figure=single)], "encoder", 1)
    for row in (store.row("folder:1"), store.figures_of("folder:case")[0], store.rows(keys)[keys[0]], next(store.each())[0]):
        assert (row.figure.stack, row.stack) == (STACK, FILES)
    other = store.rows(keys)[keys[1]]
    assert (other.figure, other.stack) == (single, None)
    found = store.vectors.slices(keys, "encoder")
    assert list(found) == [keys[0]]
    assert found[keys[0]].numbers.tolist() == [3, 7, 200]
    assert np.einsum("nd,nd->n", found[keys[0]].vectors, np.stack([unit(70), unit(71), unit(72)])).min() > 0.9999
    assert store.vectors.slices(keys, "another") == {}
    assert store.counts()["folder"] == (2, 1, 7000, 2)


def test_a_stack_that_becomes_a_single_figure_leaves_nothing_of_it(store: Store) -> None:
    keys = store.put([stacked(1)], "encoder", 1)
    store.put([record(1)], "encoder", 2)
    assert store.row("folder:1").stack is None
    assert store.vectors.slices(keys, "encoder") == {}
    keys = store.put([stacked(1)], "encoder", 3)
    with store._database.writing() as connection:
        connection.execute(sa.delete(figures))
        assert connection.execute(sa.select(stacks)).all() == []
    assert store.vectors.slices(keys, "encoder") == {}


def test_encoding_anew_keeps_the_slices_of_both_encoders_until_one_is_forgotten(store: Store) -> None:
    keys = store.put([stacked(1)], "old", 1)
    rows = list(store.rows(keys).values())
    made = SliceVectors(np.array([9], np.int32), unit(80)[None])
    store.vectors.put(rows, np.stack([unit(9)]), [None], "new", {keys[0]: made})
    assert [store.vectors.slices(keys, name)[keys[0]].numbers.tolist() for name in ("old", "new")] == [[3, 7, 200], [9]]
    store.vectors.forget("new")
    assert store.vectors.slices(keys, "old") == {}
    assert store.vectors.slices(keys, "new")[keys[0]].numbers.tolist() == [9]
    store.put([stacked(1)], "newest", 2)
    assert store.vectors.slices(keys, "new") == {}


def test_what_was_inferred_of_a_figure_is_kept(store: Store) -> None:
    figure = replace(record(1).figure, inferred=("modality", "plane"))
    store.put([replace(record(1), figure=figure)], "encoder", 1)
    assert store.row("folder:1").figure == figure


def test_a_figure_that_is_put_again_keeps_its_key_and_changes_its_words(store: Store) -> None:
    first = store.put([record(1), record(2)], "encoder", 1)
    again = store.put([replace(record(1, "Other words"), fingerprint="new")], "encoder", 2)
    assert again == first[:1]
    assert store.row("folder:1").figure.caption == "Other words"
    assert store.fingerprints("folder") == {"folder:1": "new", "folder:2": "print-2"}
    assert len(store.keys()) == 2


@pytest.mark.parametrize("withdrawn", [(False, True, False), (True, False, True)])
def test_each_of_several_figures_keeps_its_own_mark_and_one_put_again_stays_withdrawn(
    store: Store, withdrawn: tuple[bool, ...]
) -> None:
    mark = Withdrawal("Retracted.", "https://example.org/notice", 100.0)
    marked = [replace(each, figure=replace(each.figure, withdrawn=mark)) for each in map(record, range(3))]
    store.put(
        [one if out else record(number) for number, (one, out) in enumerate(zip(marked, withdrawn, strict=True))],
        "encoder",
        1,
    )
    assert [bool(store.row(f"folder:{number}").figure.withdrawn) for number in range(3)] == list(withdrawn)
    store.put([record(number) for number in range(3)], "encoder", 2)
    assert [bool(store.row(f"folder:{number}").figure.withdrawn) for number in range(3)] == list(withdrawn)


def test_many_figures_take_as_many_statements_as_few_and_of_one_that_comes_twice_the_last_stays(store: Store) -> None:
    def case(number: int) -> FigureRecord:
        own = replace(CASE, id=f"folder:case-{number}")
        one = stacked(number) if number % 2 else record(number)
        return replace(one, figure=replace(one.figure, case_id=own.id), case=own)

    said: list[str] = []

    def listen(*given: object) -> None:
        said.append(str(given[2]))

    sa.event.listen(sa.Engine, "before_cursor_execute", listen)
    try:
        store.put([case(1), case(2)], "encoder", 1)
        few = len(said)
        first, *keys, again = store.put([case(number) for number in (*range(3, 23), 3)], "encoder", 2)
        assert len(said) == 2 * few
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", listen)
    assert first == again
    assert [store.rows(keys)[key].figure.id for key in keys] == [f"folder:{number}" for number in range(4, 23)]
    assert store.case("folder:case-22") == case(22).case
    assert len(store.vectors.slices(keys, "encoder")) == 9


def test_a_figure_without_words_has_no_caption_vector(store: Store) -> None:
    (key,) = store.put([record(1, "")], "encoder", 1)
    assert store.vectors.of([key], "encoder")[key][1] is None


def test_a_batch_is_stored_whole_or_not_at_all(store: Store) -> None:
    broken = replace(record(3), fingerprint=None)  # type: ignore[arg-type]
    with pytest.raises(AtlasError):
        store.put([record(1), record(2), broken], "encoder", 1)
    assert store.keys() == []


def test_what_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(NotFound, match="no figure 'folder:9'"):
        store.row("folder:9")
    with pytest.raises(NotFound, match="no case 'folder:9'"):
        store.case("folder:9")
    with pytest.raises(NotFound) as refused:
        store.row("x" * 9000)
    assert len(str(refused.value)) < 200


def test_a_reference_finds_the_picture_again_under_another_id(store: Store) -> None:
    (key,) = store.put([record(1)], "encoder", 1)
    reference = reference_of(store.row("folder:1"))
    assert store.row(reference).key == key
    with store._database.writing() as connection:
        connection.execute(sa.update(figures).values(id="folder:renamed"))
    assert store.row(reference).figure.id == "folder:renamed"
    with pytest.raises(NotFound):
        store.row("folder:1~" + "f" * 12)
    with pytest.raises(NotFound):
        store.row("folder:1~%")


def test_the_key_of_ids_is_made_once_and_kept(tmp_path: Path) -> None:
    keys = set()
    for _ in range(2):
        store = Store.at(tmp_path / "records.sqlite")
        keys.add(store.id_key)
        store.close()
    other = Store.at(tmp_path / "other.sqlite")
    assert len(keys) == 1
    assert other.id_key not in keys
    assert len(other.id_key) == 32
    other.close()


def test_each_yields_every_figure_once_and_only_the_newer_when_asked(store: Store) -> None:
    store.put([record(n) for n in range(5)], "encoder", 1)
    store.put([record(n) for n in range(3, 8)], "encoder", 2)
    seen = [row.figure.id for rows in store.each(batch=3) for row in rows]
    assert sorted(seen) == [f"folder:{n}" for n in range(8)]
    newer = [row.figure.id for rows in store.each(batch=2, since=2) for row in rows]
    assert sorted(newer) == [f"folder:{n}" for n in range(3, 8)]


def test_more_keys_than_sql_takes_at_once_are_read(store: Store) -> None:
    keys = store.put([record(n) for n in range(1200)], "encoder", 1)
    assert len(store.rows([*keys, 99_999])) == 1200
    assert len(store.vectors.of(keys, "encoder")) == 1200


def test_counts_are_by_corpus(store: Store) -> None:
    store.put([record(1), record(2), record(3, corpus="other")], "encoder", 1)
    assert store.counts() == {"folder": (2, 1, 2000, 2), "other": (1, 0, 1000, 1)}


def test_vectors_of_another_encoder_live_beside_until_they_are_forgotten(store: Store) -> None:
    keys = store.put([record(1)], "old", 1)
    store.vectors.put(list(store.rows(keys).values()), np.stack([unit(9)]), [None], "new")
    assert store.vectors.of(keys, "old")
    assert store.vectors.of(keys, "new")[keys[0]][1] is None
    store.vectors.forget("new")
    assert store.vectors.of(keys, "old") == {}


def test_a_figure_that_is_replaced_loses_what_another_encoder_made_of_it(store: Store) -> None:
    keys = store.put([record(1), record(2)], "old", 1)
    rows = list(store.rows(keys).values())
    store.vectors.put(rows, np.stack([unit(9), unit(8)]), [None, None], "new")
    store.put([replace(record(1), figure=replace(record(1).figure, caption="Another caption"))], "old", 2)
    assert set(store.vectors.of(keys, "new")) == {keys[1]}
    store.vectors.put(rows, np.stack([unit(9), unit(8)]), [None, None], "new")
    assert set(store.vectors.of(keys, "new")) == {keys[1]}, "made from a row that was read before the figure was replaced"
    assert set(store.vectors.of(keys, "old")) == set(keys)


def test_notes_are_kept_and_forgotten(store: Store) -> None:
    assert store.note("a") is None
    store.set_note("a", "1")
    store.set_note("a", "2")
    assert store.note("a") == "2"
    store.set_note("a", None)
    assert store.note("a") is None


def test_several_threads_may_write_and_read(store: Store) -> None:
    failed: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for number in range(start, start + 20):
                store.put([record(number)], "encoder", 1)
                store.counts()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(store.keys()) == 80


def test_a_file_that_is_no_database_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "records.sqlite").write_bytes(b"this is no database " * 500)
    with pytest.raises(AtlasError, match=r"records are damaged .*Restore the folder from a copy"):
        Store.at(tmp_path / "records.sqlite")


def test_a_folder_in_its_place_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "records.sqlite").mkdir()
    with pytest.raises(AtlasError, match="records could not be used"):
        Store.at(tmp_path / "records.sqlite")


def test_labels_that_the_caption_contradicts_and_its_language_are_stored(store: Store) -> None:
    told = replace(record(1).figure, caption="MR: a lesion.", modality="CT", plane="axial", case_id="folder:c")
    other = replace(record(2).figure, caption="Radiografía de tórax que muestra una lesión en el pulmón", modality="CT")
    keys = store.put([replace(record(1), figure=told), replace(record(2), figure=other)], "encoder", 1)
    first, second = (store.rows(keys)[key].figure for key in keys)
    assert first.contradicted == (("modality", "MR"),)
    assert (first.language, second.language) == ("", "Spanish")
    assert second.contradicted == (("modality", "XR"),), "Spanish is read too"


def test_records_are_made_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_short(connection: sa.Connection) -> None:
        figures.create(connection)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(metadata, "create_all", cut_short)
        with pytest.raises(KeyboardInterrupt):
            Store.at(tmp_path / "records.sqlite")
    store = Store.at(tmp_path / "records.sqlite")
    assert store.keys() == []
    store.close()
