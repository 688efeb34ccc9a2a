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
from mirage.jobs import Jobs
from mirage.people.people import People
from mirage.settings import Settings
from mirage.web.server import create_app

LOCAL = "http://localhost"


class SharedSite:
    """Asks an application whose people sign in."""

    def __init__(self, atlas: Atlas, jobs: Jobs, settings: Settings, portal: BlockingPortal) -> None:
        self.atlas, self.jobs, self.portal = atlas, jobs, portal
        self.app = create_app(atlas, settings, jobs_of=jobs)
        self.people: People = self.app.state.site.people

    def browser(self, base: str = LOCAL, address: str = "127.0.0.1") -> TestClient:
        """A browser of nobody, which does not follow redirections."""
        made = TestClient(self.app, base_url=base, follow_redirects=False, client=(address, 50_000))
        made.portal = self.portal  # one thread for all: each request would begin one of its own
        return made

    def otherwise(self, **settings: Any) -> SharedSite:
        """The same atlas and people, with other settings."""
        return SharedSite(self.atlas, self.jobs, Settings(shared=True, **settings), self.portal)

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
    with Atlas.open(folder) as atlas, start_blocking_portal() as portal:
        jobs = Jobs(atlas)
        made = SharedSite(atlas, jobs, Settings(shared=True, **settings), portal)
        try:
            yield made
        finally:
            jobs.close()
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
