"""What each role may do: every route says what it wants, and lets in exactly those whom the table names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

import pytest
from starlette.responses import Response

from mirage.people.roles import CAPABILITIES, EDUCATOR, LEARNER, NOBODY, OWNER, ROLE_WORDS, ROLES, may
from mirage.settings import Settings
from mirage.web import create_app
from mirage.web.visiting import ACTS, AUDITED, rights_of
from parts import copy_atlas
from sharing import SharedSite, routes_of, shared_site

LISTING = Path(__file__).parents[1] / "data" / "rights.txt"
RENEW = "MIRAGE_RENEW_LISTING"
DOCS = Path(__file__).parents[2] / "docs" / "classes.md"


@pytest.fixture(scope="module")
def site(_small_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedSite]:
    folder = copy_atlas(_small_once / "small", tmp_path_factory.mktemp("roles") / "atlas")
    with shared_site(folder, limit_explanations=0) as made:
        yield made


def every() -> list[tuple[str, str, frozenset[str]]]:
    app = create_app(None, Settings())
    found = [(method, route.path, rights_of(route)) for route in routes_of(app.routes) for method in route.methods]
    return sorted((method, path, frozenset(rights)) for method, path, rights in found)


def test_every_route_says_what_it_wants_and_it_is_what_was_agreed() -> None:
    lacking = [f"{method} {path}" for method, path, rights in every() if not rights]
    assert lacking == []
    now = [f"{method} {path}: {', '.join(sorted(rights))}" for method, path, rights in every()]
    if RENEW in os.environ:
        LISTING.write_text("".join(f"{line}\n" for line in now), "utf-8")
    assert now == LISTING.read_text("utf-8").splitlines(), f"meant so? Then run this test with {RENEW}=1"


# What changes something without a line in the log: one's own affairs, and what asks and keeps nothing. What an owner or
# educator does there to what is another's is told by itself: a job that is stopped, a synthetic image that is deleted.
OWN = """
DELETE /api/collections/* DELETE /api/me DELETE /api/my-data DELETE /api/quiz/* DELETE /api/repeat/cards/*
PATCH /api/collections/* PATCH /api/repeat
POST /api/collections* POST /api/repeat* POST /api/quiz* POST /api/me/sign-out POST /api/generate POST /api/compare/generate
POST /api/jobs/*/cancel POST /api/synthetic/*/delete POST /api/my-data*
POST /collections* POST /repeat* POST /quiz* POST /me POST /my-data* POST /keep* POST /generate* POST /compare/generate
POST /jobs/*/cancel POST /synthetic/*/delete POST /sign-out POST /invited/* POST /language
POST /api/search POST /api/compare* POST /api/explain POST /api/embed POST /api/verify
POST /search POST /compare* POST /explain* POST /verify POST /api/ask
""".split()


def test_what_educators_and_owners_alone_may_change_is_written_down_and_all_else_is_ones_own() -> None:
    own = {f"{method} {path}" for method, path in zip(OWN[::2], OWN[1::2], strict=True)}
    silent, unneeded = [], set(own)
    for method, path, rights in every():
        if method in ("GET", "HEAD", "OPTIONS") or rights & AUDITED:
            continue
        found = {each for each in own if fnmatchcase(f"{method} {re.sub(r'{[^}]+}', '-', path)}", each)}
        unneeded -= found
        if not found:
            silent.append(f"{method} {path}")
    assert silent == [], "neither written down nor one's own"
    assert unneeded == set()
    assert {right for right, each in CAPABILITIES.items() if set(each.roles) <= {EDUCATOR, OWNER}} <= AUDITED


def test_what_is_written_down_is_said_in_every_language() -> None:
    silent = {
        said
        for each in routes_of(create_app(None, Settings()).routes)
        if rights_of(each) & AUDITED and set(each.methods) - {"GET", "HEAD"}
        if (said := (each.endpoint.__doc__ or "").strip().partition("\n")[0].partition(". ")[0].rstrip(".")) not in ACTS
    }
    assert silent == set(), "write it into ACTS"


def refused_for_role(answer: Response) -> bool:
    if answer.status_code == 303:
        return answer.headers["location"].startswith("/sign-in")
    return answer.status_code == 401 or "which may not do that. Who may:" in answer.text


def test_every_route_lets_in_exactly_whom_the_table_names(site: SharedSite) -> None:
    browsers = {NOBODY: site.browser(), **{role: site.signed_in(role) for role in ROLES}}
    wrong = []
    for method, path, rights in every():
        there = re.sub(r"\{[^}]+\}", "none", path)
        for role, browser in browsers.items():
            # Without the token: who has the right gets no further than to be asked for it, so that nothing happens.
            answer = browser.request(method, there)
            lets_in = not refused_for_role(answer) or leads_on(path, role, answer)
            if lets_in != all(may(role, right) for right in rights):
                wrong.append(f"{method} {path} as {role}: {answer.status_code} {answer.text[:90]}")
    assert wrong == []
    assert [each.name for each in site.people.persons.list()] == ["Owner", "Educator", "Learner"]


def leads_on(path: str, role: str, answer: Response) -> bool:
    """Whether nobody is led to the page to sign in by the page that signs out, which is no refusal."""
    return (path, role, answer.status_code) == ("/sign-out", NOBODY, 303)


def test_each_role_may_do_all_that_the_one_before_it_may() -> None:
    for before, after in pairwise(ROLES):
        assert all(may(after, right) for right in CAPABILITIES if may(before, right))
    assert [right for right in CAPABILITIES if may(NOBODY, right)] == ["enter"]
    assert not may(LEARNER, "people")


def test_the_table_in_the_documentation_is_that_of_the_code() -> None:
    rows = ""
    for each in CAPABILITIES.values():
        marks = "".join(" yes |" if role in each.roles else " |" for role in (NOBODY, *ROLES))
        rows += f"| {each.words} |{marks}\n"
    head = f"| | {' | '.join(ROLE_WORDS[role] for role in (NOBODY, *ROLES))} |\n|---|---|---|---|---|\n"
    assert head + rows in DOCS.read_text("utf-8"), f"write this into {DOCS.name}:\n{head}{rows}"
