"""A shared site in this process, and the people of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from mirage.atlas import Atlas
from mirage.people.people import People
from mirage.settings import Settings
from mirage.web.server import create_app
from served_as import Served, in_turn, served_as

LOCAL = "http://localhost"


class SharedSite:
    """Asks an application whose people sign in."""

    def __init__(self, servers: list[Served], settings: Settings, portal: BlockingPortal) -> None:
        self.servers, self.portal = servers, portal
        self.atlas, self.jobs = servers[0]
        apps = [create_app(atlas, settings, jobs_of=jobs) for atlas, jobs in servers]
        self.app, self._asked = apps[0], in_turn(apps, servers)
        self.people: People = self.app.state.site.people

    def browser(self, base: str = LOCAL, address: str = "127.0.0.1") -> TestClient:
        """A browser of nobody, which does not follow redirections."""
        made = TestClient(self._asked, base_url=base, follow_redirects=False, client=(address, 50_000))
        made.portal = self.portal  # one thread for all: each request would begin one of its own
        return made

    def otherwise(self, **settings: Any) -> SharedSite:
        """The same atlas and people, with other settings."""
        return SharedSite(self.servers, Settings(shared=True, **settings), self.portal)

    def link(self, role: str = "learner", **how: Any) -> str:
        """Where an invitation is."""
        return f"/invited/{self.people.invitations.make(role, **how)[1]}"

    def signed_in(self, role: str, name: str = "", base: str = LOCAL) -> TestClient:
        """The browser of somebody who has come by an invitation."""
        browser = self.browser(base)
        answer = browser.post(self.link(role), data={"name": name or role.title()})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        return browser


def token_of(browser: httpx.Client) -> str:
    """What changes state in a session."""
    token: str = browser.get("/api/me").json()["token"]
    return token


def id_of(browser: httpx.Client) -> str:
    own: str = browser.get("/api/me").json()["id"]
    return own


@contextmanager
def shared_site(folder: Path, **settings: Any) -> Iterator[SharedSite]:
    """The shared site of an atlas."""
    with Atlas.open(folder) as atlas, served_as(atlas) as servers, start_blocking_portal() as portal:
        made = SharedSite(servers, Settings(shared=True, **settings), portal)
        try:
            yield made
        finally:
            made.people.close()


def routes_of(routes: Any) -> Iterator[APIRoute]:
    """Every route of an application."""
    for route in routes:
        inner = getattr(getattr(route, "original_router", None), "routes", None)
        if inner is None:
            assert isinstance(route, APIRoute), f"{route} is no route that can say what it wants"
            yield route
        else:
            yield from routes_of(inner)
