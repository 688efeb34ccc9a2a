"""Who may ask: allowed hosts, the same origin, and this start's token for whatever changes state."""

import asyncio
import re

import pytest
from fastapi.routing import APIRoute

from mirage.web import create_app
from mirage.web.security import SAFE_METHODS, Guard

# Posts that change nothing here: a query that is too large or too private for an address, and a choice that stays in the
# cookie of who makes it; that another site cannot make it is tested in test_languages.py.
READING_POSTS = {
    "/language",
    "/search",
    "/api/search",
    "/api/embed",
    "/verify",
    "/api/verify",
    "/explain",
    "/explain/stream",
    "/api/explain",
    "/api/compare",
    "/api/compare/explain",
    "/compare",
    "/compare/explain",
    "/compare/explain/stream",
    "/compare/explain/{side}",
    "/compare/explain/{side}/stream",
}


def posting_routes(site):
    app = create_app(site.atlas, site.settings if hasattr(site, "settings") else _settings(), jobs_of=object())
    found = [route for route in _routes(app.routes) if set(route.methods) - SAFE_METHODS]
    assert len(found) >= 7
    return [
        (route.path.replace("{job_id}", "abc"), method) for route in found for method in set(route.methods) - SAFE_METHODS
    ]


def _routes(routes):
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from _routes(getattr(getattr(route, "original_router", None), "routes", []))


def _settings():
    from mirage.settings import Settings

    return Settings()


def test_a_foreign_host_is_refused_in_plain_words(site, client):
    disguised = ("localhost:80@evil.example", "localhost:80/evil.example", "localhost:80?x", "localhost:80#x")
    for host in ("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", *disguised, ""):
        answer = client.get("/search?q=brain", headers={"Host": host})
        assert answer.status_code in (400, 403), host
        if host:
            assert "does not answer to the name" in answer.text
            assert "allowed_hosts" in answer.text


def test_localhost_is_answered_under_all_its_names_and_any_forwarded_port(client):
    for host in ("localhost", "127.0.0.1:9999", "LOCALHOST:8000", "[::1]:8000", "localhost.:8000"):
        assert client.get("/about", headers={"Host": host}).status_code == 200, host


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_foreign_page_can_post_nowhere_even_with_the_token(site, client, headers):
    for path, method in posting_routes(site):
        given = {**headers, "X-Mirage-Token": site.token}
        answer = client.request(method, path, headers=given)
        assert answer.status_code == 403, (path, answer.status_code)
        assert "Another web page tried to use this site" in answer.text
    assert client.get("/api/jobs").json() == {"jobs": []}


def test_a_page_of_another_scheme_is_foreign_although_it_has_our_name(site, client):
    origin = site.url.replace("http:", "ftp:")
    answer = client.post("/api/generate", json={}, headers={"Origin": origin, "X-Mirage-Token": site.token})
    assert answer.status_code == 403


def test_a_web_socket_is_closed_before_it_opens():
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(Guard(None, ["localhost"])({"type": "websocket"}, None, send))
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_whatever_changes_state_wants_the_token(site, client):
    checked = 0
    for path, method in posting_routes(site):
        if path in READING_POSTS:
            continue
        for token in ({}, {"X-Mirage-Token": "wrong"}, {"X-Mirage-Token": "wröng".encode()}):
            bodies = {
                "/api/jobs": {"corpus": "folder", "path": str(site.roots)},
                "/api/atlas/rebuild": {"encoder": "starter"},
                "/api/previews": {"corpus": "folder", "path": str(site.roots)},
                "/api/uploads/{upload_id}/add": {"name": "Mine"},
                "/api/edit": {"figure": "starter:retina"},
                "/api/remove": {"corpus": "starter"},
                "/api/atlas/import": {"file": str(site.roots / "a.mirage")},
            }
            json = bodies.get(path)
            data = {"corpus": "folder", "path": str(site.roots)} if json is None else None
            sent = {"file": ("a.png", b"none")} if path in ("/add", "/api/uploads/{upload_id}") else None
            answer = client.request(method, path, headers=token, json=json, data=data, files=sent)
            assert answer.status_code == 403, (path, answer.status_code, answer.text)
            checked += 1
    assert checked >= 12
    assert client.get("/api/jobs").json() == {"jobs": []}


@pytest.mark.writes("a page of such an atlas offers no change")
def test_the_token_is_in_forms_of_the_page_and_not_in_the_json(site, client):
    assert site.token in client.get("/corpora").text
    for path in ("/api/corpora", "/api/jobs", "/api/atlas", "/api/openapi.json"):
        assert site.token not in client.get(path).text


def test_every_answer_carries_the_security_headers(client, a_figure):
    for path in ("/", "/search?q=brain", f"/figure/{a_figure}", "/nope", "/api/nope", "/api/atlas", "/favicon.ico"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'"), path
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


def test_pages_name_nothing_from_elsewhere_but_links_to_sources(client, a_figure, a_case):
    for path in ("/", "/search?q=brain", f"/figure/{a_figure}", f"/case/{a_case}", "/corpora", "/about", "/api"):
        page = client.get(path).text
        loaded = re.findall(r'<(?:img|script|link|iframe|source|form)\b[^>]*?(?:src|href|action)="([^"]+)"', page)
        assert loaded
        assert [address for address in loaded if not address.startswith(("/", "#"))] == [], path
        assert not re.search(r"<[^>]+\s(?:style|on\w+)=", page), f"{path} has inline code, which the policy forbids"
        for link in re.findall(r'<a [^>]*href="https?:[^>]*>', page):
            assert "noreferrer" in link


def test_what_another_page_asks_for_unseen_starts_nothing_and_a_link_to_a_search_works(client):
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for path in ("/search?q=brain", "/about", "/compare?a.q=brain&b.q=chest"):
        assert client.get(path, headers=followed).status_code == 200, path
    costly = ("/explain?q=brain", "/explain/stream?q=brain", "/api/explain?q=brain", "/compare/explain?a.q=brain&b.q=chest")
    files = (
        "/take/file?kind=search&target=q%3Dbrain",
        "/api/reviews/x/packet",
        "/api/reviews/ratings.csv",
        "/api/synthetic/x/image",
    )
    for path in (*costly, *files):
        refused = client.get(path, headers=followed)
        assert (refused.status_code, "Nothing was done" in refused.text) == (403, True), path
        own = client.get(path, headers={**followed, "Sec-Fetch-Site": "same-origin"})
        assert own.status_code != 403, path
    for unseen in (
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Purpose": "prefetch;prerender"},
    ):
        for site in ("cross-site", "same-site"):
            assert client.get("/search?q=brain", headers={"Sec-Fetch-Site": site, **unseen}).status_code == 403, unseen
