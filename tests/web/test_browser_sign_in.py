"""Ways to sign in, in a real Chromium: links that let nobody in, a proxy that says who it is, and a provider."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from serving import Served, serving

from browsing import expect, opened
from issuer import CLIENT, SECRET, issuing
from mirage.atlas import Atlas
from mirage.people.people import People
from mirage.people.records import invitations
from mirage.settings import Settings
from parts import copy_atlas

pytestmark = pytest.mark.browser


@pytest.fixture
def folder(_small_once: Path, tmp_path: Path) -> Path:
    return copy_atlas(_small_once / "small", tmp_path / "atlas")


@contextmanager
def shared(folder: Path, **settings: Any) -> Iterator[tuple[Served, People]]:
    with Atlas.open(folder) as atlas, serving(atlas, Settings(shared=True, **settings), folder.parent) as served:
        people = People(served.atlas.databases)
        yield served, people
        people.close()


def come_in(page, name: str) -> None:
    page.get_by_label("How shall you be called here?").fill(name)
    page.get_by_role("button", name="Come in").click()


def lets_nobody_in(page, said: str, then: str) -> None:
    """The page says in a sentence why, and what to do, and leads on to one that works."""
    expect(page.get_by_role("heading", name="This link lets nobody in")).to_be_visible()
    text = page.locator("main").inner_text()
    assert said in text
    assert then in text
    assert not any(word in page.content() for word in ("Traceback", "sqlalchemy", ".py", "Internal Server Error"))
    page.get_by_role("link", name="Go to the search page").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without"])
def test_a_link_that_lets_nobody_in_is_a_plain_page_that_says_what_to_do(chromium, folder: Path, script: bool) -> None:
    with shared(folder) as (served, people):

        def made(**how: Any) -> str:
            return f"{served.url}/invited/{people.invitations.make('learner', **how)[1]}"

        good, late, ended, used = made(), made(), made(), made()
        own, secret = good.rpartition("/")[2].split(".")
        with people._database().writing() as connection:
            mine = invitations.c.id == people.invitations.look(late.rpartition("/")[2]).id
            connection.execute(sa.update(invitations).where(mine).values(until=time.time() - 1))
        people.invitations.end(people.invitations.look(ended.rpartition("/")[2]).id)
        first, _ = opened(chromium, served, java_script_enabled=script)
        second, complaints = opened(chromium, served, java_script_enabled=script)
        second.goto(used)  # before it is used, and pressed after it
        first.goto(used)
        come_in(first, "Ada")
        expect(first.get_by_role("link", name="Ada", exact=True)).to_be_visible()
        come_in(second, "Eve")
        lets_nobody_in(second, "This invitation has been used", "ask for a new one")
        for link, said, then in (
            (used, "This invitation has been used", "ask for a new one"),
            (late, "This invitation held until", "Ask for a new one"),
            (ended, "Who made this invitation has ended it", "Ask for a new one"),
            (f"{served.url}/invited/{own}.{'A' * 43}", "There is no such invitation here", "mistyped, or made up"),
            (f"{served.url}/invited/{'0' * 8}.{secret}", "of another MIRAGE", "Open it at the address"),
            (good[:-4], "This link is not whole", "Copy all of it"),
        ):
            answer = second.goto(link)
            assert answer.status == 403, link
            lets_nobody_in(second, said, then)
        assert [each.name for each in people.persons.list()] == ["Ada"]
        assert not [each for each in complaints if "403" not in each and "401" not in each]
        for page in (first, second):
            page.context.close()


def test_whom_a_trusted_proxy_names_is_signed_in_and_nobody_else(chromium, folder: Path) -> None:
    with shared(folder, proxy_user_header="X-Remote-User", trusted_proxies=("127.0.0.1", "::1")) as (served, people):
        nobody, _ = opened(chromium, served)
        nobody.goto("/collections")
        expect(nobody.get_by_role("heading", name="Sign in")).to_be_visible()
        ada, complaints = opened(chromium, served, extra_http_headers={"X-Remote-User": "ada@example.org"})
        ada.goto("/collections")
        expect(ada.get_by_role("link", name="ada@example.org", exact=True)).to_be_visible()
        ada.get_by_label("Title").fill("Ada’s week")
        ada.get_by_role("button", name="Make it").click()
        expect(ada.get_by_role("heading", name="Ada’s week")).to_be_visible()
        ben, _ = opened(chromium, served, extra_http_headers={"X-Remote-User": "ben"})
        ben.goto("/collections")
        expect(ben.get_by_text("None yet.")).to_be_visible()
        assert {each.name for each in people.persons.list()} == {"ada@example.org", "ben"}
        assert complaints == []
        for page in (nobody, ada, ben):
            page.context.close()


def test_a_browser_that_says_itself_who_it_is_is_refused_in_words(chromium, folder: Path) -> None:
    with shared(folder, proxy_user_header="X-Remote-User", trusted_proxies=("10.0.0.5",)) as (served, people):
        eve, _ = opened(chromium, served, extra_http_headers={"X-Remote-User": "owner"})
        answer = eve.goto("/")
        assert answer.status == 403
        expect(eve.get_by_text("only the proxies that the setting trusted_proxies names may send it")).to_be_visible()
        assert "Traceback" not in eve.content()
        assert people.persons.list() == []
        eve.context.close()


def test_a_provider_signs_in_who_agrees_there(chromium, folder: Path) -> None:
    pytest.importorskip("authlib", reason="Authlib, of the extra oidc, is not installed")
    with issuing() as issuer:
        by_provider = {"oidc_issuer": issuer.url, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
        with shared(folder, **by_provider) as (served, people):
            ada, _ = opened(chromium, served)
            ada.goto("/collections")
            ada.get_by_role("link", name="Sign in with your institution").click()
            expect(ada.get_by_role("heading", name="Who are you?")).to_be_visible()
            ada.get_by_role("link", name="No", exact=True).click()
            expect(ada.get_by_text("The provider refused: access_denied. Nobody was signed in.")).to_be_visible()
            assert people.persons.list() == []
            ada.goto("/collections")
            ada.get_by_role("link", name="Sign in with your institution").click()
            back = ada.get_by_role("link", name="I am Ada").get_attribute("href")
            ada.get_by_role("link", name="I am Ada").click()
            expect(ada.get_by_role("link", name="Ada", exact=True)).to_be_visible()
            assert ada.url == f"{served.url}/collections"  # where she was going
            ada.get_by_label("Title").fill("Ada’s week")
            ada.get_by_role("button", name="Make it").click()
            expect(ada.get_by_role("heading", name="Ada’s week")).to_be_visible()
            eve, _ = opened(chromium, served)
            answer = eve.goto(back)  # an address that was heard on the way
            assert answer.status == 403
            expect(eve.get_by_text("was not begun in this browser, or is too old. Begin it anew.")).to_be_visible()
            eve.goto("/me")
            expect(eve.get_by_role("heading", name="Sign in")).to_be_visible()
            assert [each.name for each in people.persons.list()] == ["Ada"]
            for page in (ada, eve):
                page.context.close()
