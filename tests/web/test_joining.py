"""One who takes many places of a link for many is slowed down and seen, and all of it is undone in one step."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from mirage.people.records import people
from parts import copy_atlas
from sharing import SharedSite, id_of, shared_site, token_of

ROOM, HOME = "203.0.113.7", "198.51.100.9"


@pytest.fixture
def site(_small_once: Path, tmp_path: Path) -> Iterator[SharedSite]:
    with shared_site(copy_atlas(_small_once / "small", tmp_path / "atlas"), limit_joins=12) as made:
        yield made


def come(site: SharedSite, link: str, name: str, address: str) -> TestClient:
    browser = site.browser(address=address)
    assert browser.post(link, data={"name": name}).status_code == 303
    return browser


def test_who_takes_many_places_is_slowed_down_seen_and_removed_in_one_step(site: SharedSite) -> None:
    olga, link, other = site.signed_in("owner", "Olga"), site.link(uses=40), site.link(uses=40)
    ada = come(site, link, "Ada", HOME)
    taken = [come(site, link, f"Eve {number}", ROOM) for number in range(6)]
    ben = come(site, other, "Ben", ROOM)  # from there, by another link
    for number in range(6, 11):
        come(site, link, f"Eve {number}", ROOM)
    answer = site.browser(address=ROOM).post(link, data={"name": "Eve 11"})
    assert (answer.status_code, int(answer.headers["retry-after"]) > 1) == (429, True)
    assert "12 people may come in" in answer.text
    assert site.people.invitations.look(link.rpartition("/")[2]).used == 12

    answer = olga.get("/api/people").json()
    names = {each["id"]: each["name"] for each in answer["people"]}
    (group,) = answer["together"]
    assert [names[each] for each in group["people"]] == [f"Eve {number}" for number in range(11)]
    assert "11 people came by one link from one address" in olga.get("/people").text

    trusted = id_of(taken[0])
    site.people.persons.change(trusted, role="educator")
    form = {"token": token_of(olga), "do": "remove together", "group": group["id"]}
    assert "Nobody was removed" in olga.post("/people", data=form).text
    assert olga.post("/people", data=form | {"sure": "1"}).status_code == 303
    assert {each.name for each in site.people.persons.list()} == {"Olga", "Ada", "Ben", "Eve 0"}
    assert taken[1].get("/api/me").status_code == 401
    assert [each.get("/api/me").status_code for each in (ada, ben, taken[0])] == [200] * 3
    assert "has ended it" in site.browser(address=HOME).get(link).text
    done = [each["target"] for each in olga.get("/api/audit").json()["entries"] if each["what"].startswith("Remove")]
    assert [each.partition(":")[0] for each in done] == ["10 people"]
    headers = {"X-Mirage-Token": token_of(olga)}
    assert olga.delete(f"/api/people/together/{group['id']}", headers=headers).status_code == 404  # one is left
    assert ada.delete("/api/people/together/none", headers={"X-Mirage-Token": token_of(ada)}).status_code == 403


def test_names_that_are_refused_keep_no_class_out_and_those_that_are_not_are_counted(site: SharedSite) -> None:
    site.signed_in("educator", "Edda")
    link = site.link(uses=40)
    for name in ("Edda", "Еdda", "") * 5:  # the second begins with a Cyrillic letter
        assert site.browser(address=ROOM).post(link, data={"name": name}).status_code == 400
    for number in range(12):
        come(site, link, f"No. {number}", ROOM)
    for name in ("No. 12 & a half", "Edda", ""):  # where all is used up, nobody learns which names are taken
        answer = site.browser(address=ROOM).post(link, data={"name": name})
        assert (answer.status_code, "12 people may come in" in answer.text) == (429, True)
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert f'value="{escape(name)}"' in answer.text
        assert "It goes on in" in answer.text


def test_those_who_come_by_links_of_their_own_are_not_counted(site: SharedSite) -> None:
    for number in range(14):
        come(site, site.link(), f"No. {number}", ROOM)
    assert site.people.persons.together() == []


def test_a_few_from_one_address_or_many_over_days_are_nothing_to_tell(site: SharedSite) -> None:
    link = site.link(uses=40)
    for number in range(8):
        come(site, link, f"No. {number}", ROOM)
        with site.people._database().writing() as connection:  # each half an hour after the one before
            connection.execute(sa.update(people).values(created=people.c.created - 1_800))
    assert site.people.persons.together() == []


def test_no_address_and_no_digest_of_one_is_kept_for_long(site: SharedSite) -> None:
    link = site.link(uses=40)
    come(site, link, "Ada", ROOM)

    def kept() -> list[str]:
        with site.people._database().reading() as connection:
            return list(connection.execute(sa.select(people.c.came_from)).scalars())

    (digest,) = kept()
    assert digest
    assert ROOM not in digest
    with site.people._database().writing() as connection:
        connection.execute(sa.update(people).values(created=people.c.created - 1_000))
    site.people.tidy(30, 365, always=True)
    assert kept() == [""]


def test_a_link_that_changes_nothing_for_who_opens_it_says_so(site: SharedSite) -> None:
    edda, ada, link = site.signed_in("educator", "Edda"), site.signed_in("learner", "Ada"), site.link(uses=3)
    for browser, role in ((edda, "educator"), (ada, "learner")):
        page = browser.get(link).text
        assert f"here already, {role}. This link is for somebody who is not" in page
        assert "Take it as" not in page
    assert "Take it as Ada" in ada.get(site.link(role="educator")).text
    assert "How shall you be called here?" in site.browser().get(link).text


def test_a_name_that_is_refused_stays_in_the_form_of_the_account(site: SharedSite) -> None:
    site.signed_in("owner", "Olga")
    ada = site.signed_in("learner", "Ada")
    page = ada.post("/me", data={"token": token_of(ada), "do": "name", "name": "0lga"})
    assert (page.status_code, 'value="0lga"' in page.text) == (400, True)
    assert ada.get("/api/me").json()["name"] == "Ada"
