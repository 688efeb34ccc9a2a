"""The people of a site, and what each keeps, in PostgreSQL: two servers on one database let in as many as a link is for."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from mirage.errors import BadInput, NotFound
from mirage.people.invitations import InvitationError
from mirage.people.limits import LimitReached
from mirage.people.people import People
from mirage.people.records import invitations
from mirage.people.visitor import ALONE, Visitor
from mirage.storage.databases import OF_PERSON, Databases
from mirage.storage.engines import opened
from mirage.study.records import SCHEMA


def test_two_servers_let_in_as_many_as_a_link_is_for_and_keep_one_count(postgres_url: str, tmp_path: Path) -> None:
    databases = Databases(tmp_path, postgres_url)
    with closing(People(databases)) as one, closing(People(databases)) as two:
        owner = one.invitations.accept(one.invitations.first(), "Olga")
        assert two.invitations.first() == ""
        token = two.invitations.make("learner", uses=3)[1]

        def come(number: int) -> str:
            try:
                return (one, two)[number % 2].invitations.accept(token, f"No. {number}")
            except InvitationError:
                return ""

        with ThreadPoolExecutor(6) as pool:
            came = [own for own in pool.map(come, range(6)) if own]
        assert len(came) == len(set(came)) == 3
        secret = one.sessions.begin(came[0])
        two.persons.change(came[0], role="educator")
        found = one.sessions.find(secret, 30)
        assert found is not None
        assert (found.id, found.role) == (came[0], "educator")
        with pytest.raises(BadInput, match="last owner"):
            two.persons.change(owner, role="learner")
        for people in (one, two):
            people.limits.use(found, "explanations", 1, 2, 60)
        with pytest.raises(LimitReached):
            one.limits.use(found, "explanations", 1, 2, 60)
        one.audit.note(ALONE, "Try")
        assert [each.what for each in two.audit.list()] == ["Try"]
        one.tidy(30, 365, always=True)
        assert two.persons.remove(came[0]).name
        assert one.sessions.find(secret, 30) is None


def test_who_came_by_a_link_for_many_shares_its_limits_after_an_upgrade_and_when_it_is_deleted(
    postgres_url: str, tmp_path: Path
) -> None:
    for databases in (Databases(tmp_path), Databases(tmp_path, postgres_url)):
        with closing(People(databases)) as people:
            came = people.invitations.accept(people.invitations.make("learner", uses=30)[1], "Eve")
            secret = people.sessions.begin(came)
            alone = people.sessions.begin(people.invitations.accept(people.invitations.make("learner")[1], "Ada"))
            with people._database().writing() as connection:
                place = "people." if databases.server else ""
                for column in ("places", "came_from", "came_with"):
                    connection.exec_driver_sql(f"ALTER TABLE {place}people DROP COLUMN {column}")
                connection.exec_driver_sql(f"UPDATE {place}alembic_version SET version_num = '0002'")
        with closing(People(databases)) as people:
            people.tidy(30, -500, always=True)
            with people._database().reading() as connection:
                assert connection.execute(sa.select(invitations.c.id)).all() == []
            found = [people.sessions.find(each, 30) for each in (secret, alone)]
            assert [(bool(each.link), each.places) for each in found if each] == [(True, 30), (False, 1)]


def test_servers_whose_clocks_differ_go_by_the_clock_of_the_database(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases, who, real = Databases(tmp_path, postgres_url), Visitor("a" * 16), time.time
    ahead = [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])
    with closing(People(databases)) as right, closing(People(databases)) as fast:
        ahead[0] = 300.0
        token = fast.invitations.make("learner", lasts=100)[1]
        fast.limits.use(who, "explanations", 1, 1, 60)
        fast.audit.note(ALONE, "Try")
        begun = fast.now()
        ahead[0] = 0.0
        assert abs(right.now() - begun) < 60
        assert right.invitations.look(token).until < real() + 200
        with pytest.raises(LimitReached):  # and not begun anew, as what began later than now would be
            right.limits.use(who, "explanations", 1, 1, 60)
        assert right.audit.list()[0].when < real() + 60


def test_what_one_person_keeps_there_is_a_schema_that_goes_with_them(postgres_url: str, tmp_path: Path) -> None:
    databases, ada, ben = Databases(tmp_path, postgres_url), f"{OF_PERSON}{'a' * 16}", f"{OF_PERSON}{'b' * 16}"
    for name in (ada, ben):
        databases.open(name, SCHEMA, upgraded=True).close()
    assert databases.size(ada) > 0
    databases.remove(ada)
    assert (databases.there(ada), databases.there(ben), databases.size(ada)) == (False, True, 0)
    with pytest.raises(ValueError, match="not one person's"):
        databases.remove("records")


@pytest.mark.parametrize("where", ["postgres", "files"])
def test_what_another_server_is_asked_while_an_account_is_deleted_brings_nothing_of_it_back(
    where: str, postgres_url: str, tmp_path: Path
) -> None:
    server = postgres_url if where == "postgres" else ""
    here, there = Databases(tmp_path, server), Databases(tmp_path, server)
    with closing(People(here)) as one, closing(People(there)) as two:
        here.held, there.held = one.persons.held, two.persons.held
        token = one.invitations.make("learner", uses=2)[1]
        ada, ben = (one.invitations.accept(token, name) for name in ("Ada", "Ben"))
        again = one.invitations.make("learner", person=ada)[1]
        for person in (ada, ben):
            there.open(f"{OF_PERSON}{person}", SCHEMA, upgraded=True).close()
            assert there.there(f"{OF_PERSON}{person}")
        with one.persons.held(ben):  # as while it is opened
            pass
        one.persons.remove(ada)
        here.remove(f"{OF_PERSON}{ada}")
        with pytest.raises(NotFound, match="was deleted"):
            there.open(f"{OF_PERSON}{ada}", SCHEMA, upgraded=True)
        there.open(f"{OF_PERSON}{ben}", SCHEMA, upgraded=True).close()
        assert Databases(tmp_path, server).names() == ["people", f"{OF_PERSON}{ben}"]
        with pytest.raises(InvitationError, match="no such invitation"):
            two.invitations.look(again)
        late = two.invitations.make("learner", person=ada)[1]  # asked for before, and made after it
        with pytest.raises(InvitationError, match="was deleted"):
            two.invitations.accept(late, "Ada")
        assert two.persons.gone() == [ada]


@pytest.mark.parametrize("where", ["postgres", "files"])
def test_nobody_is_removed_while_what_they_keep_is_made(where: str, postgres_url: str, tmp_path: Path) -> None:
    server = postgres_url if where == "postgres" else ""
    databases, ended = Databases(tmp_path, server), threading.Event()
    with (
        closing(People(databases)) as people,
        ThreadPoolExecutor(1) as pool,
        closing(opened(databases.url("people"))) as own,
    ):
        ada = people.invitations.accept(people.invitations.make("learner")[1], "Ada")
        with own.engine.begin() as connection, people.persons.held(ada, connection if server else None):
            removing = pool.submit(people.persons.remove, ada)
            removing.add_done_callback(lambda _: ended.set())
            assert not ended.wait(0.5)
        assert removing.result().name == "Ada"
        with pytest.raises(NotFound), people.persons.held(ada):
            pass
