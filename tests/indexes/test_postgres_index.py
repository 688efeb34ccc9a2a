"""The index in PostgreSQL: what the port's tests do not reach."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import psycopg
import pytest

import postgres
from mirage.errors import AtlasError, BadInput, Unavailable
from mirage.indexes import IndexOutdated, IndexQuery, Point, postgres_nearest, postgres_server
from mirage.indexes import postgres as adapter
from mirage.indexes.postgres import PostgresIndex
from mirage.storage.manifest import beside

D = 16
FIELDS = {"modality": "MR", "plane": "axial", "region": "brain", "proof": "", "corpus": "starter", "licence": "not stated"}


def unit(*seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=D).astype(np.float32)
    return vector / np.linalg.norm(vector)


def point(key: int, *, caption: bool = True, slices: np.ndarray | None = None, **fields: str) -> Point:
    said = {key % 7: 1.0, 100 + key % 3: 0.5}
    return Point(key, unit(key), unit(key, 1) if caption else None, said, FIELDS | fields, {key % 5: 1.0}, said, slices)


def ask(vector: np.ndarray | None, limit: int = 10, **filters: list[str]) -> IndexQuery:
    return IndexQuery(vector, {3: 1.0, 101: 2.0}, limit, filters, concepts={2: 1.0}, case={4: 1.0})


def at(url: str, collection: str = "figures") -> str:
    """The address of a collection in a database."""
    database, mark, rest = url.partition("?")
    return f"{database}/{collection}{mark}{rest}"


@pytest.fixture
def address(postgres_url: str) -> str:
    return at(postgres_url)


@pytest.fixture
def index(address: str) -> Iterator[PostgresIndex]:
    made = PostgresIndex(address, D)
    yield made
    made.close()


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs from some hundred points on, and filters that many pass."""
    monkeypatch.setattr(adapter, "_GRAPH_FROM", 300)
    monkeypatch.setattr(postgres_nearest, "_FEW", 40)


def keys(ranked: list[tuple[int, float]]) -> list[int]:
    return [key for key, _ in ranked]


def exactly(points: list[Point], vector: np.ndarray, limit: int) -> list[int]:
    """Keys of the nearest pictures."""
    return sorted((point.key for point in points), key=lambda key: -float(unit(key) @ vector))[:limit]


@pytest.mark.usefixtures("early")
def test_a_graph_finds_what_looking_at_every_vector_finds_with_filters_that_few_or_many_pass(index: PostgresIndex) -> None:
    modalities = ["CT"] * 8 + ["US"] + ["MR"]
    points = [point(key, modality="XR" if key % 101 == 0 else modalities[key % 10]) for key in range(1200)]
    index.add(points)
    before = [index.ask(ask(unit(9, seed), 30, modality=["XR"])) for seed in range(3)]
    index.optimise()
    with index._server.reading() as connection:
        assert index._memory.read(connection, []).state.graph
    after = [index.ask(ask(unit(9, seed), 30, modality=["XR"])) for seed in range(3)]
    assert [keys(one[name]) for one in after for name in one] == [keys(one[name]) for one in before for name in one]
    ultrasound = {"modality": ["US"]}
    for wanted in ({}, {"modality": ["CT"]}, ultrasound, {"modality": ["XR"]}, ultrasound | {"plane": ["axial"]}):
        passing = [one for one in points if all(one.fields[name] in values for name, values in wanted.items())]
        for seed in range(4):
            found, nearest = index.ask(ask(unit(8, seed), 40, **wanted)), exactly(passing, unit(8, seed), 40)
            assert len(found["image"]) == len(found["caption"]) == min(40, len(passing))
            assert len(set(keys(found["image"])) & set(nearest)) >= 0.95 * len(nearest)


@pytest.mark.usefixtures("early")
def test_few_captions_among_many_figures_are_all_listed(index: PostgresIndex) -> None:
    index.add([point(key, caption=key % 40 == 0) for key in range(400)])
    index.optimise()
    assert sorted(keys(index.ask(ask(unit(0), 10))["caption"])) == list(range(0, 400, 40))


@pytest.mark.usefixtures("early")
def test_stacks_of_many_slices_that_are_all_near_leave_room_for_others(index: PostgresIndex) -> None:
    near = unit(5, 5)
    many = np.stack([(near + 0.02 * unit(6, place)) / np.linalg.norm(near + 0.02 * unit(6, place)) for place in range(450)])
    points = [point(key) for key in range(60)]
    index.add([*points, point(60, slices=many), point(61, slices=np.stack([unit(7), near]))])
    index.optimise()
    found = index.ask(ask(near, 20))["image"]
    assert set(keys(found)[:2]) == {60, 61}
    assert found[0][1] == pytest.approx(1.0, abs=1e-3)
    assert keys(found)[2:] == exactly(points, near, 18)


def test_two_that_have_it_open_read_and_write_it_at_once(index: PostgresIndex, address: str) -> None:
    other = PostgresIndex(address, D)
    wrong: list[BaseException] = []

    def add(one: PostgresIndex, first: int) -> None:
        try:
            for start in range(first, first + 60, 20):
                # The other adds some of them too.
                one.add([point(key, region=f"by {first}") for key in range(start, start + 40)])
                one.optimise()
        except BaseException as error:
            wrong.append(error)

    both = [threading.Thread(target=add, args=given) for given in ((index, 0), (other, 40))]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert not wrong
    for one in (index, other):
        assert sorted(one.keys()) == list(range(120))
        assert sum(one.facets({})["region"].values()) == len(one) == 120
        assert one.frequency(3) == len([key for key in range(120) if key % 7 == 3])
    other.remove([1, 2])
    assert 1 not in keys(index.ask(ask(unit(1)))["image"])
    other.close()
    assert len(index) == 118


def test_many_small_additions_become_one_and_nothing_of_what_was_replaced_stays(index: PostgresIndex) -> None:
    for key in range(12):
        index.add([point(key)])
    index.add([point(3, modality="CT"), point(4, modality="CT")])
    index.remove([5])
    question = replace(ask(unit(3), 20), words={3: 1.0, 4: 1.5, 5: 2.0})
    before = index.ask(question), index.facets({}), index.frequency(100)
    index.optimise()
    assert (index.ask(question), index.facets({}), index.frequency(100)) == before
    assert before[1]["modality"] == {"MR": 9, "CT": 2}
    with index._server.reading() as connection:
        kept = connection.execute("SELECT count(*), sum(points) FROM mirage_segments").fetchone()
        stale = connection.execute("SELECT count(*) FROM mirage_stale").fetchone()
    assert (kept, stale) == ((1, 11), (0,))


def test_a_large_part_is_not_written_anew_for_a_small_one() -> None:
    merged = adapter.postings._to_merge
    assert merged([(1, 50, 0), (2, 80, 0), (3, 500_000, 0)]) == [1, 2]
    assert merged([(2, 80, 0), (3, 500_000, 60_000)]) == [2, 3]
    assert merged([(1, 20_000, 0), (2, 30_000, 0)]) == []
    assert merged([(1, 900, 0)]) == []
    assert merged([(1, 900, 5)]) == [1]
    assert merged([(one, 2_000, 0) for one in range(9)]) == list(range(9))
    assert merged([(9, 2_000, 0), (8, 2_000, 0), (1, 18_000, 0)]) == [9, 8]


def test_nothing_and_strange_values_are_taken(index: PostgresIndex) -> None:
    assert index.ask(ask(unit(0))) == {"image": [], "caption": [], "words": [], "case": [], "concepts": []}
    assert (len(index), list(index.keys()), index.frequency(3)) == (0, [], 0)
    index.optimise()
    index.add([])
    odd = Point(2**31 - 1, np.zeros(D, np.float32), None, {}, FIELDS | {"region": "Knöchel 踝 'x'; --\n%s"})
    index.add([odd, point(1), point(1, modality="CT")])
    assert keys(index.ask(ask(unit(1)))["image"]) == [1, 2**31 - 1]
    assert keys(index.ask(ask(unit(1), region=["Knöchel 踝 'x'; --\n%s"]))["image"]) == [2**31 - 1]
    assert index.facets({})["modality"] == {"CT": 1, "MR": 1}
    assert keys(index.ask(replace(ask(None), words={1: 1.0}, among=[1, 2**40, -1]))["words"]) == [1]
    index.remove([2**40, -1, 7])
    with pytest.raises(BadInput, match="takes keys of 0 to 2147483647; 2147483648 is none"):
        index.add([replace(odd, key=2**31)])


def test_of_points_that_cannot_all_be_taken_none_is(index: PostgresIndex) -> None:
    index.add([point(0)])
    with pytest.raises(AtlasError, match=r"different vector dimensions|expected 16 dimensions"):
        index.add([point(0, modality="CT"), replace(point(1), image=np.ones(D + 1, np.float32))])
    assert list(index.keys()) == [0]
    assert index.facets({})["modality"] == {"MR": 1}
    assert keys(index.ask(ask(None))["case"]) == []


def test_a_collection_of_another_encoder_length_or_version_is_refused(address: str) -> None:
    PostgresIndex(address, D, "a" * 64).close()
    PostgresIndex(address, D).close()
    with pytest.raises(AtlasError, match=r"another encoder \(aaaaaaaaaaaa, not bbbbbbbbbbbb\).*mirage atlas rebuild"):
        PostgresIndex(address, D, "b" * 64)
    with pytest.raises(AtlasError, match=r"length 16, not 8.*mirage atlas rebuild"):
        PostgresIndex(address, 8)
    server = postgres_server.Server(address, 5)
    with server.writing() as connection:
        connection.execute("UPDATE mirage_about SET format = 99")
    server.close()
    with pytest.raises(IndexOutdated, match="another version"):
        PostgresIndex(address, D)


def test_collections_of_one_database_are_apart_and_one_is_removed_alone(postgres_url: str) -> None:
    one, other = PostgresIndex(at(postgres_url, "one"), D), PostgresIndex(at(postgres_url, "other-2"), D)
    one.add([point(1)])
    other.add([point(2), point(3)])
    assert (PostgresIndex.held(at(postgres_url, "one")), PostgresIndex.held(at(postgres_url, "other-2"))) == (1, 2)
    PostgresIndex.drop(at(postgres_url, "one"))
    PostgresIndex.drop(at(postgres_url, "never"))
    assert PostgresIndex.held(at(postgres_url, "one")) is None
    with pytest.raises(AtlasError, match=r"not there any more. `mirage atlas rebuild`"):
        one.ask(ask(unit(1)))
    assert sorted(other.keys()) == [2, 3]
    one.close()
    other.close()


def test_pgvector_may_lie_in_a_schema_of_its_own_and_tables_of_others_are_left_alone(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute("CREATE SCHEMA extensions")
        owner.execute("CREATE EXTENSION vector WITH SCHEMA extensions")
        owner.execute("CREATE TABLE points (key integer)")
        owner.execute("INSERT INTO points VALUES (1)")
    index = PostgresIndex(at(postgres_url), D)
    index.add([point(1), point(2)])
    index.remove([1])
    assert keys(index.ask(ask(unit(1)))["image"]) == [2]
    PostgresIndex.drop(at(postgres_url))
    with pytest.raises(AtlasError, match=r"not there any more"):
        index.remove([1])
    index.close()
    with psycopg.connect(postgres_url) as owner:
        assert owner.execute("SELECT key FROM points").fetchall() == [(1,)]


def test_what_another_writes_meanwhile_is_not_waited_for_when_it_is_opened(index: PostgresIndex, address: str) -> None:
    index.add([point(1)])
    with index._server.writing():
        reader = PostgresIndex(address, D)
        assert keys(reader.ask(ask(unit(1)))["image"]) == [1]
        assert PostgresIndex.held(address) == 1
        reader.close()


def test_a_server_that_is_gone_is_said_and_one_that_comes_back_is_used(
    index: PostgresIndex, postgres_server: postgres.PostgresServer
) -> None:
    index.add([point(1)])
    postgres_server.halt()
    try:
        for _ in range(2):
            with pytest.raises(Unavailable, match=r"PostgreSQL server of .*figures.* cannot be used just now"):
                index.ask(ask(unit(1)))
    finally:
        postgres_server.start()
    assert keys(index.ask(ask(unit(1)))["image"]) == [1]
    for how in (signal.SIGINT, signal.SIGQUIT):  # nobody asks while it is gone
        postgres_server.halt(how)
        postgres_server.start()
        assert keys(index.ask(ask(unit(1)))["image"]) == [1]


def test_a_question_that_takes_too_long_is_given_up(address: str, postgres_url: str) -> None:
    index = PostgresIndex(address, D, seconds=0.2)
    index.add([point(1)])
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE index_figures.mirage_points")
        with pytest.raises(Unavailable, match="took too long"):
            index.ask(ask(unit(1)))
        other.rollback()
    assert keys(index.ask(ask(unit(1)))["image"]) == [1]
    index.close()


def test_a_database_that_may_only_be_read_answers_and_says_that_it_takes_nothing(
    index: PostgresIndex, address: str, postgres_url: str
) -> None:
    index.add([point(1)])
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(f"ALTER DATABASE {other.info.dbname} SET default_transaction_read_only = on")  # type: ignore[arg-type]
    reader = PostgresIndex(address, D)
    assert keys(reader.ask(ask(unit(1)))["image"]) == [1]
    with pytest.raises(AtlasError, match="cannot be written to"):
        reader.add([point(2)])
    reader.close()


def test_who_may_not_make_it_is_told_what_an_administrator_runs(address: str, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        role = f"guest_{owner.info.dbname}"
        owner.execute(f"CREATE ROLE {role} LOGIN")  # type: ignore[arg-type]
        guest = address.replace("mirage@", f"{role}@")
        try:
            with pytest.raises(AtlasError, match=r"no pgvector, and it may not be added by this user.*CREATE EXTENSION vec"):
                PostgresIndex(guest, D)
            owner.execute("CREATE EXTENSION vector")
            with pytest.raises(AtlasError, match=r"may make no schema there.*GRANT CREATE ON DATABASE"):
                PostgresIndex(guest, D)
            owner.execute(f"GRANT CREATE ON DATABASE {owner.info.dbname} TO {role}")  # type: ignore[arg-type]
            PostgresIndex(guest, D).close()
        finally:
            owner.execute(f"DROP OWNED BY {role}")  # type: ignore[arg-type]
            owner.execute(f"DROP ROLE {role}")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("postgresql://me:secret@host/db/figures", "has a password in it"),
        ("postgresql://me@host/db/figures?password=secret", "has a password in it"),
        ("postgresql://me@host/db", "has an address like"),
        ("postgresql://me@host/db/Figures", "in small letters"),
        ('postgresql://me@host/db/a"b', "in small letters"),
        ("postgresql://me@host/db/figures?options=-csearch_path%3Dother", "has an address like"),
        ("postgresql://me@host:port/db/figures", "has an address like"),
        (f"postgresql://me@host/db/{'a' * 43}", "at most 42"),
    ],
)
def test_what_is_no_address_is_refused_and_no_password_repeated(wrong: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as told:
        PostgresIndex(wrong, D)
    assert "secret" not in str(told.value)


def test_the_longest_name_of_a_collection_leaves_room_for_what_a_rebuild_puts_behind_it() -> None:
    digest = "0123456789ab"
    address = f"postgresql://me@host/db/{'a' * 42}?sslmode=require"
    once = beside(address, digest)
    for one in (address, once, beside(once, digest)):
        _, collection = postgres_server.split(one)
        assert len(f"index_{collection}") <= 63
    assert collection.endswith(f"-{digest}-2")


def test_without_its_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_server, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"pip install 'psycopg\[binary\]' pgvector"):
        PostgresIndex("postgresql://me@host/db/figures", D)


def test_after_closing_it_says_that_it_was_closed(index: PostgresIndex) -> None:
    index.close()
    index.warm()
    for call in (lambda: index.ask(ask(unit(1))), lambda: index.add([point(1)]), lambda: len(index)):
        with pytest.raises(AtlasError, match="The atlas was closed"):
            call()
