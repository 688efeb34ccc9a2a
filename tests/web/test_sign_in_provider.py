"""Signing in by OpenID Connect: whom a provider names comes in, and whom it does not, or somebody else's word, does not."""

from __future__ import annotations

import gzip
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from starlette.testclient import TestClient

from issuer import CLIENT, SECRET, Issuer, issuing
from mirage.people import provider
from parts import PATIENCE, copy_atlas
from sharing import SharedSite, shared_site

pytest.importorskip("authlib", reason="Authlib, of the extra oidc, is not installed")
OF_SITE = "http://localhost"


@pytest.fixture(scope="module")
def _issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def issuer(_issuer: Issuer) -> Issuer:
    _issuer.wrong, _issuer.stranger_signs = {}, False
    _issuer.claims = {"sub": "ada-17", "name": "Ada"}
    return _issuer


@pytest.fixture(scope="module")
def site(_issuer: Issuer, _small_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedSite]:
    folder = copy_atlas(_small_once / "small", tmp_path_factory.mktemp("provider") / "atlas")
    by_provider = {"oidc_issuer": _issuer.url, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    with shared_site(folder, oidc_role_claim="mirage_role", **by_provider) as made:
        yield made


def begun(browser: TestClient, there: str = "/browse") -> str:
    """The address of the provider that a browser is led to."""
    answer = browser.get("/sign-in/provider", params={"next": there})
    assert answer.status_code == 303
    return answer.headers["location"]


def signed_in(site: SharedSite, issuer: Issuer) -> tuple[TestClient, httpx.Response]:
    browser = site.browser()
    return browser, browser.get(issuer.agree(begun(browser)).removeprefix(OF_SITE))


def refused(answer: httpx.Response) -> str:
    assert answer.status_code == 403, answer.text
    assert "mirage-" not in answer.headers.get("set-cookie", "").replace("mirage-begun", "")
    return re.search(r'<p class="prose">(.*?)</p>', answer.text, re.DOTALL)[1]


def test_whom_the_provider_names_comes_in_and_is_the_same_the_next_time(site: SharedSite, issuer: Issuer) -> None:
    assert "Sign in with your institution" in site.browser().get("/sign-in?next=/browse").text
    browser, answer = signed_in(site, issuer)
    assert (answer.status_code, answer.headers["location"]) == (303, "/browse")
    me = browser.get("/api/me").json()
    assert (me["name"], me["role"], me["sessions"]) == ("Ada", "learner", 1)
    issuer.claims |= {"mirage_role": ["staff", "educator", "learner"]}
    again, _ = signed_in(site, issuer)
    assert again.get("/api/me").json() | {"token": ""} == me | {"role": "educator", "sessions": 2, "token": ""}
    assert browser.get("/reviews").status_code == 200  # the role holds for all sessions
    issuer.claims.pop("mirage_role")
    signed_in(site, issuer)
    assert browser.get("/reviews").status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "another-site"},
        {"iss": "https://evil.example"},
        {"exp": int(time.mktime((2020, 1, 1, 0, 0, 0, 0, 0, 0)))},
        {"iat": 4_000_000_000},
        {"nonce": "of-another-sign-in"},
        {"nonce": None},
        {"sub": None},
    ],
    ids=lambda wrong: next(iter(wrong)) + str(next(iter(wrong.values())))[:7],
)
def test_a_token_that_is_not_for_this_sign_in_is_not_believed(site: SharedSite, issuer: Issuer, wrong: dict) -> None:
    issuer.wrong = wrong
    browser, answer = signed_in(site, issuer)
    assert "cannot be believed" in refused(answer)
    assert browser.get("/api/me").status_code == 401


def test_a_token_that_somebody_else_signed_is_not_believed(site: SharedSite, issuer: Issuer) -> None:
    issuer.stranger_signs = True
    _, answer = signed_in(site, issuer)
    assert "cannot be believed" in refused(answer)


def test_an_answer_counts_in_the_browser_that_began_and_once(site: SharedSite, issuer: Issuer) -> None:
    victim, attacker = site.browser(), site.browser()
    back = issuer.agree(begun(attacker)).removeprefix(OF_SITE)
    assert "not begun in this browser" in refused(victim.get(back))  # who never began
    begun(victim)
    assert "not begun in this browser" in refused(victim.get(back))  # who began another one
    assert attacker.get(back).status_code == 303
    assert "not begun in this browser" in refused(attacker.get(back))
    forged = site.browser()
    forged.cookies.set("mirage-begun", "eyJzdGF0ZSI6ICJ4In0.abc.def")
    assert "not begun in this browser" in refused(forged.get("/sign-in/provider/back?state=x&code=y"))


def test_what_the_provider_refuses_is_told_and_leads_nowhere(site: SharedSite, issuer: Issuer) -> None:
    browser = site.browser()
    state = re.search(r"[?&]state=([^&]+)", begun(browser, "//evil.example"))[1]
    asked = urlencode({"state": state, "error": "access_denied<b>\r\nSet-Cookie: x=1"})
    answer = browser.get(f"/sign-in/provider/back?{asked}")
    assert "access_denied&lt;b&gt;" in refused(answer)
    assert "Set-Cookie: x" not in str(answer.headers)
    answer = browser.get(f"/sign-in/provider/back?{urlencode({'state': state, 'code': 'made-up'})}")
    assert "invalid_grant" in refused(answer)
    browser = site.browser()
    back = issuer.agree(begun(browser, "//evil.example")).removeprefix(OF_SITE)
    assert browser.get(back).headers["location"] == "/"


def test_a_provider_that_is_gone_is_told(site: SharedSite) -> None:
    there = site.otherwise(oidc_issuer="http://127.0.0.1:9", oidc_client_id="x")
    answer = there.browser().get("/sign-in/provider")
    assert answer.status_code == 503
    assert "The provider http://127.0.0.1:9, where people of this site sign in, does not answer" in answer.text


def test_a_provider_that_is_silent_is_asked_once_and_holds_up_nobody_else(
    site: SharedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "_SECONDS", 0.5)
    monkeypatch.setattr(provider, "_RESTS", 600.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and never answers
        there = site.otherwise(oidc_issuer=f"http://127.0.0.1:{silent.getsockname()[1]}", oidc_client_id="x")
        browsers = [there.browser() for _ in range(6)]
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda browser: browser.get("/sign-in/provider"), browsers))
        assert {answer.status_code for answer in answers} == {503}
        monkeypatch.setattr(httpx, "AsyncClient", lambda *_, **__: pytest.fail("it was asked again"))
        assert "Try again in a minute" in there.browser().get("/sign-in/provider").text


@pytest.mark.parametrize("what", ["head", "body", "length", "packed"])
def test_a_provider_that_never_ends_or_says_too_much_holds_nobody_up(
    site: SharedSite, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(provider, "_SECONDS", 1.0 if what in ("head", "body") else 60.0)
    monkeypatch.setattr(provider, "_RESTS", 0.0)
    ended, well = threading.Event(), b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    sent = {
        "head": (well + b"X-More: ", b"a"),
        "body": (well + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        "length": (well + b"Content-Length: 100000000\r\n\r\n", b" " * 65_536),
        "packed": (well + b"Content-Encoding: gzip\r\nContent-Length: 100000000\r\n\r\n", gzip.compress(bytes(1 << 16))),
    }[what]

    def dribble(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(10_000)
            connection.sendall(sent[0])
            while not ended.wait(0.05 if what in ("head", "body") else 0):
                connection.sendall(sent[1])

    with socket.create_server(("127.0.0.1", 0)) as slow, ThreadPoolExecutor(1) as pool:
        there = site.otherwise(oidc_issuer=f"http://127.0.0.1:{slow.getsockname()[1]}", oidc_client_id="x")
        asking = pool.submit(there.browser().get, "/sign-in/provider")
        sending = threading.Thread(target=dribble, args=(slow.accept()[0],), daemon=True)
        sending.start()
        try:
            answer = asking.result(30)  # and it still sends
            assert answer.status_code == 503
            assert "does not answer as it should" in answer.text
        finally:
            ended.set()
            sending.join(PATIENCE)


def test_a_name_that_is_not_found_out_holds_nobody_up(site: SharedSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "_SECONDS", 0.5)
    monkeypatch.setattr(provider, "_RESTS", 0.0)
    goes_on, find = threading.Event(), socket.getaddrinfo

    def hanging(host: str | bytes | None, *given: object, **how: object) -> object:
        if host in ("provider.example", b"provider.example"):
            goes_on.wait()
        return find(host, *given, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    there = site.otherwise(oidc_issuer="https://provider.example", oidc_client_id="x")
    with ThreadPoolExecutor(1) as pool:
        try:
            answer = pool.submit(there.browser().get, "/sign-in/provider").result(PATIENCE)  # and it still hangs
            assert answer.status_code == 503
            assert "does not answer as it should" in answer.text
            left = [each for each in threading.enumerate() if each.name == "provider"]
            assert left, "nobody is asked for the address"
            assert all(each.daemon for each in left), "the end of the program waits for it"
        finally:
            goes_on.set()
