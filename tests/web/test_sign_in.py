"""Signing in, and who tries to without being let: links, sessions, tokens, proxies and where one is led on to."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from mirage.errors import BadInput
from mirage.people.proxies import is_trusted, networks
from mirage.people.records import invitations, sessions
from mirage.web.root import local
from mirage.web.server import _say_shared
from parts import copy_atlas
from sharing import LOCAL, SharedSite, id_of, shared_site, token_of

PUBLIC = "https://atlas.example"


@pytest.fixture(scope="module")
def site(_small_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedSite]:
    with shared_site(copy_atlas(_small_once / "small", tmp_path_factory.mktemp("sign-in") / "atlas")) as made:
        yield made


def said(answer: httpx.Response) -> str:
    """The paragraph that a page of a problem says."""
    return re.search(r'<p class="prose">(.*?)</p>', answer.text, re.DOTALL)[1]


def cookies(answer: httpx.Response) -> list[str]:
    return answer.headers.get_list("set-cookie")


def test_a_link_that_lets_nobody_in_says_why_each_in_its_own_sentence(site: SharedSite) -> None:
    used, late, ended = site.link(), site.link(), site.link()
    assert site.browser().post(used, data={"name": "Ada"}).status_code == 303
    made = {each.id: each for each in site.people.invitations.list()}
    with site.people._database().writing() as connection:
        late_hash = site.people.invitations.look(late.rpartition("/")[2]).id
        connection.execute(sa.update(invitations).where(invitations.c.id == late_hash).values(until=time.time() - 1))
    site.people.invitations.end(site.people.invitations.look(ended.rpartition("/")[2]).id)
    ours = site.link().rpartition("/")[2]
    server, secret = ours.split(".")
    links = {
        "used": used,
        "late": late,
        "ended": ended,
        "forged": f"/invited/{server}.{'A' * 43}",
        "elsewhere": f"/invited/{'0' * 8}.{secret}",
        "cut": f"/invited/{ours[:-4]}",
    }
    sentences = {}
    for name, link in links.items():
        for answer in (site.browser().get(link), site.browser().post(link, data={"name": "Eve"})):
            assert answer.status_code == 403, name
            assert not cookies(answer)
            sentences.setdefault(name, set()).add(said(answer))
    assert all(len(each) == 1 for each in sentences.values())
    assert len(set.union(*sentences.values())) == len(links)
    assert "has been used" in str(sentences["used"])
    assert "held until" in str(sentences["late"])
    assert "another MIRAGE" in str(sentences["elsewhere"])
    assert len(made) >= 2


def test_opening_a_link_uses_nothing_up_and_a_class_comes_in_as_many_as_it_is_for(site: SharedSite) -> None:
    link = site.link(uses=2)
    for method in ("GET", "HEAD", "GET"):
        answer = site.browser().request(method, link)
        assert not cookies(answer)
    assert "no password is asked for" in site.browser().get(link).text
    assert [site.browser().post(link, data={"name": f"No. {n}"}).status_code for n in range(3)] == [303, 303, 403]


def test_a_name_that_cannot_be_one_uses_no_link_up(site: SharedSite) -> None:
    link = site.link()
    for name in ("", "   ", "a" * 81, "Ada\x00", "\u202eadA", "Ada\x1b[2J"):
        answer = site.browser().post(link, data={"name": name})
        assert answer.status_code == 400, name
        assert "Give a name of at most 80 characters" in answer.text
    browser = site.browser()
    answer = browser.post(link, data={"name": "Ada\r\nSet-Cookie: x=1 <b>"})
    assert len(cookies(answer)) == 1
    assert browser.get("/api/me").json()["name"] == "Ada Set-Cookie: x=1 <b>"
    assert "<b>" not in browser.get("/me").text


def test_who_learns_is_not_called_as_who_teaches_or_owns_the_site_is(site: SharedSite) -> None:
    site.signed_in("owner", "Olga Ivanova")
    site.signed_in("educator", "Emil Ocker")
    alike = ["olga ivanova", "Olga  Ivanova", "OlgaIvanova", "Ólga Ivánova", "Оlgа Ivаnоvа", "0lga Ivanova", "OIga Ivanova.",
             "Emil Ocker", "Ｅｍｉｌ Ocker", "Emil Осker"]  # fmt: skip
    link, ada = site.link(), site.signed_in("learner", "Ada")
    for name in alike:
        answers = (
            site.browser().post(link, data={"name": name}),
            ada.post("/me", data={"token": token_of(ada), "do": "name", "name": name}),
        )
        for answer in answers:
            assert (answer.status_code, "is called so, or nearly so" in answer.text) == (400, True), name
    assert ada.get("/api/me").json()["name"] == "Ada"
    for name in ("Olga", "Olga Ivanovna", "Emilia Ocker"):
        assert site.browser().post(site.link(), data={"name": name}).status_code == 303, name
    assert site.browser().post(site.link("educator"), data={"name": "Emil Ocker"}).status_code == 303
    assert site.browser().post(site.link("educator"), data={"name": "Olga Ivanova"}).status_code == 400
    assert site.browser().post(link, data={"name": "Olivia"}).status_code == 303, "the link was not used up"


def test_a_session_is_new_at_each_sign_in_whatever_cookie_came(site: SharedSite) -> None:
    browser = site.browser()
    name = f"mirage-{site.people.key('server')[:8]}"
    browser.cookies.set(name, "fixed-by-somebody")
    answer = browser.post(site.link(), data={"name": "Ava"})
    mine = re.search(rf"{name}=([^;]+)", cookies(answer)[0])[1]
    assert mine != "fixed-by-somebody"
    thief = site.browser()
    thief.cookies.set(name, "fixed-by-somebody")
    assert thief.get("/api/me").status_code == 401
    # Who takes a link once signed in keeps their session, and is nobody else.
    assert browser.post(site.link("educator"), data={"name": "ignored"}).status_code == 303
    assert browser.get("/api/me").json()["role"] == "educator"


def test_the_cookie_lasts_as_long_as_any_session_that_is_used(site: SharedSite) -> None:
    # A session ends so long after the last visit; a cookie that ended so long after the first would end it before.
    answer = site.otherwise(session_days=1).browser().post(site.link(), data={"name": "Ada"})
    assert int(re.search(r"Max-Age=(\d+)", cookies(answer)[0])[1]) == 400 * 86_400


def test_a_stolen_session_ends_with_the_sign_out(site: SharedSite) -> None:
    for end in ("here", "everywhere", "owner"):
        browser, owner = site.signed_in("learner", "Ada"), site.signed_in("owner", "Olga")
        thief = site.browser()
        thief.cookies.update(dict(browser.cookies))
        assert thief.get("/api/me").status_code == 200
        if end == "owner":
            headers = {"X-Mirage-Token": token_of(owner)}
            assert owner.post(f"/api/people/{id_of(browser)}/end", headers=headers).json() == {"ended": 1}
        else:
            form = {"token": token_of(browser), **({"everywhere": "1"} if end == "everywhere" else {})}
            assert browser.post("/sign-out", data=form).headers["location"] == "/sign-in"
        assert thief.get("/api/me").status_code == 401, end
        assert thief.get("/collections").headers["location"].startswith("/sign-in")


def test_a_role_that_is_lowered_holds_at_once(site: SharedSite) -> None:
    educator, owner = site.signed_in("educator", "Edda"), site.signed_in("owner", "Olga")
    token = token_of(educator)
    assert educator.get("/reviews").status_code == 200
    form = {"token": token_of(owner), "do": "role", "person": id_of(educator), "role": "learner"}
    assert owner.post("/people", data=form).status_code == 303
    answer = educator.get("/reviews")
    assert answer.status_code == 403
    assert "Your role here is learner, which may not do that. Who may: educator, owner." in answer.text
    hide = educator.post("/api/reviews/misleading", json={"figure": "x", "hidden": True}, headers={"X-Mirage-Token": token})
    assert hide.status_code == 403


def test_the_start_says_from_where_one_can_sign_in(site: SharedSite, capsys: pytest.CaptureFixture[str]) -> None:
    for how, said_so in (
        ({"host": "0.0.0.0"}, "works on this machine only"),
        ({"host": "0.0.0.0", "insecure": True}, "read along"),
        ({"host": "0.0.0.0", "site_url": PUBLIC}, ""),
        ({}, ""),
    ):
        _say_shared(site.otherwise(**how).app.state.site, LOCAL, print)
        told = capsys.readouterr().out
        assert [each for each in ("works on this machine only", "read along") if each in told] == [said_so] * bool(said_so)


@pytest.mark.writes("a page of such an atlas offers no change")
def test_who_may_not_add_is_not_offered_it(site: SharedSite) -> None:
    learner, educator = site.signed_in("learner"), site.signed_in("educator")
    for page, offer in (("/", "and add more"), ("/corpora", 'href="#add"')):
        assert offer in educator.get(page).text
        assert offer not in learner.get(page).text


def test_the_last_owner_stays(site: SharedSite) -> None:
    owners = [each for each in site.people.persons.list() if each.role == "owner"]
    for each in owners[1:]:
        site.people.persons.remove(each.id)
    owner = site.signed_in("owner", "Olga")
    site.people.persons.remove(owners[0].id)
    headers = {"X-Mirage-Token": token_of(owner)}
    own = f"/api/people/{id_of(owner)}"
    for answer in (owner.patch(own, json={"role": "learner"}, headers=headers), owner.delete(own, headers=headers)):
        assert answer.status_code == 400
        assert "the last owner" in answer.json()["detail"]
    assert owner.delete("/api/me", headers=headers).status_code == 400


def test_the_token_of_another_session_or_of_the_start_changes_nothing(site: SharedSite) -> None:
    ada, ben = site.signed_in("learner", "Ada"), site.signed_in("learner", "Ben")
    before = token_of(ada)
    assert ada.post("/sign-out", data={"token": before}).status_code == 303
    ada.post(site.link(), data={"name": "Ada"})
    for token in (token_of(ben), before, site.app.state.site.start, "", "x"):
        answer = ada.post("/collections", data={"token": token, "title": "Mine"})
        assert answer.status_code == 403
        assert "of another session" in said(answer)
        assert ada.post("/api/collections", json={"title": "M"}, headers={"X-Mirage-Token": token}).status_code == 403
    assert ada.post("/collections", data={"token": token_of(ada), "title": "Mine"}).status_code == 303
    foreign = {"Origin": "https://evil.example"}
    assert site.browser().post(site.link(), data={"name": "Eve"}, headers=foreign).status_code == 403


def test_what_one_keeps_is_not_seen_by_another_and_goes_with_the_account(site: SharedSite) -> None:
    ada, ben = site.signed_in("learner", "Ada"), site.signed_in("learner", "Ben")
    headers = {"X-Mirage-Token": token_of(ada)}
    made = ada.post("/api/collections", json={"title": "Ada’s"}, headers=headers).json()
    assert [each["title"] for each in ada.get("/api/collections").json()["collections"]] == ["Ada’s"]
    assert ben.get("/api/collections").json()["collections"] == []
    assert ben.get(f"/collections/{made['id']}").status_code == 404
    assert ben.delete(f"/api/collections/{made['id']}", headers={"X-Mirage-Token": token_of(ben)}).status_code == 404
    own = id_of(ada)
    assert ada.get("/api/my-data").json()["parts"]["collections"]["collections"] == 1
    assert ada.post("/me", data={"token": token_of(ada), "do": "delete"}).status_code == 400
    answer = ada.post("/me", data={"token": token_of(ada), "do": "delete", "sure": "1"})
    assert answer.headers["location"] == "/sign-in"
    assert ada.get("/api/me").status_code == 401
    assert not (site.atlas.path / "people" / own).exists()
    assert own not in {each.id for each in site.people.persons.list()}


def test_a_link_for_another_device_signs_the_same_person_in_once(site: SharedSite) -> None:
    ada = site.signed_in("learner", "Ada")
    shown = ada.post("/me", data={"token": token_of(ada), "do": "device"}).text
    link = re.search(r"<code[^>]*>http://localhost(/invited/[^<]+)</code>", shown)[1]
    phone = site.browser()
    assert "signs you in on this device" in phone.get(link).text
    assert re.search(r"holds until \d{4}-\d\d-\d\d \d\d:\d\d UTC(?:[+-]\d\d:\d\d)?\.", phone.get(link).text)
    assert phone.post(link).status_code == 303
    assert id_of(phone) == id_of(ada)
    assert site.browser().post(link).status_code == 403
    assert ada.get("/api/me").json()["sessions"] == 2


def test_nothing_that_signs_in_lies_in_the_database(site: SharedSite) -> None:
    link = site.link()
    browser = site.signed_in("learner", "Ada")
    secrets = [link.rpartition(".")[2], *browser.cookies.values(), token_of(browser)]
    assert all(len(each) >= 43 for each in secrets)  # 256 bits
    with site.people._database().reading() as connection:
        rows = [row for table in invitations.metadata.sorted_tables for row in connection.execute(sa.select(table))]
    dump = "\n".join(map(repr, rows))
    assert "Ada" in dump
    assert not any(each in dump for each in secrets)
    assert len({site.link() for _ in range(20)}) == 20


def test_cookies_are_for_this_site_alone(site: SharedSite) -> None:
    (plain,) = cookies(site.browser().post(site.link(), data={"name": "Ada"}))
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(plain.split("; "))
    assert "Secure" not in plain
    secure_site = site.otherwise(site_url=PUBLIC)
    answer = secure_site.browser(PUBLIC).post(secure_site.link(), data={"name": "Ada"})
    (secure,) = cookies(answer)
    assert secure.startswith("__Host-mirage-")
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Secure"} <= set(secure.split("; "))
    assert "Domain" not in plain + secure


def test_no_proxy_on_the_way_keeps_a_picture_for_others(site: SharedSite) -> None:
    ada = site.signed_in("learner", "Ada")
    figure = site.atlas.search("phantom").hits[0].figure.id
    there = re.search(r'src="(/api/(?:pictures|thumbnails)/[^"]+)"', ada.get(f"/figure/{figure}").text)[1]
    picture = ada.get(there.replace("&amp;", "&"))
    assert picture.status_code == 200
    assert picture.headers["cache-control"].startswith("private")
    style = re.search(r'href="(/static/[^"]+\.css)"', ada.get("/").text)[1]
    assert site.browser().get(style).headers["cache-control"].startswith("public")


def test_nobody_signs_in_over_http_from_elsewhere_unless_somebody_insists(site: SharedSite) -> None:
    there, base = site.otherwise(allowed_hosts=("class.example",)), "http://class.example"
    answer = there.browser(base).post(there.link(), data={"name": "Ada"})
    assert answer.status_code == 403
    assert "Signing in needs HTTPS" in said(answer)
    assert not cookies(answer)
    insisted = site.otherwise(allowed_hosts=("class.example",), insecure=True)
    assert insisted.browser(base).post(insisted.link(), data={"name": "Ada"}).status_code == 303
    # A proxy before it that has HTTPS passes the name on.
    proxied = site.otherwise(site_url="https://class.example")
    assert proxied.browser(base).post(proxied.link(), data={"name": "Ada"}).status_code == 303


ELSEWHERE = [
    *(
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "evil.example",
    ),
    *("/\t/evil.example", "/%0d%0aSet-Cookie:x\r\nSet-Cookie: x", "/" + "a" * 3_000, "", "http:/evil.example"),
]


def test_nobody_is_led_elsewhere(site: SharedSite) -> None:
    browser = site.signed_in("learner", "Ada")
    for elsewhere in ELSEWHERE:
        assert local(elsewhere) == "/"
        assert browser.get("/sign-in", params={"next": elsewhere}).headers["location"] == "/", elsewhere


def test_who_has_to_sign_in_comes_back_to_where_they_were(site: SharedSite) -> None:
    there = site.browser().get("/search?q=brain&k=3").headers["location"]
    assert there == "/sign-in?next=%2Fsearch%3Fq%3Dbrain%26k%3D3"
    assert site.signed_in("learner").get(there).headers["location"] == "/search?q=brain&k=3"
    assert site.browser().post("/collections", data={}).headers["location"] == "/sign-in"
    answer = site.browser().get("/api/collections")
    assert (answer.status_code, answer.json()["title"]) == (401, "Sign in first")


# -- a proxy that signs people in --------------------------------------------------------------------------------------

PROXIED: dict[str, Any] = {"proxy_user_header": "X-Remote-User", "trusted_proxies": ("10.0.0.0/8", "::1")}


def test_a_proxy_that_is_named_says_who_somebody_is(site: SharedSite) -> None:
    there = site.otherwise(**PROXIED)
    browser = there.browser(address="10.1.2.3")
    browser.headers["X-Remote-User"] = "ada@example.org"
    found = browser.get("/api/me").json()
    assert (found["name"], found["role"], found["sessions"]) == ("ada@example.org", "learner", 0)
    made = browser.post("/api/collections", json={"title": "Mine"}, headers={"X-Mirage-Token": found["token"]})
    assert made.status_code == 201
    assert browser.post("/api/collections", json={"title": "M"}, headers={"X-Mirage-Token": "x"}).status_code == 403
    again = there.browser(address="10.9.9.9")
    again.headers["X-Remote-User"] = "ada@example.org"
    assert again.get("/api/me").json()["id"] == found["id"]
    assert there.browser(address="10.1.2.3").get("/api/me").status_code == 401  # it named nobody


def test_a_header_from_a_stranger_is_refused_in_words(site: SharedSite) -> None:
    there = site.otherwise(**PROXIED)
    for address in ("192.0.2.7", "127.0.0.1", "::ffff:192.0.2.7", "10.0.0.1.evil.example", "testclient"):
        browser = there.browser(address=address)
        answer = browser.get("/api/me", headers={"X-Remote-User": "owner", "X-Forwarded-For": "10.0.0.1"})
        assert answer.status_code == 403, address
        assert "only the proxies that the setting trusted_proxies names" in answer.json()["detail"]
    assert "owner" not in {each.name for each in there.people.persons.list()}
    trusted = there.browser(address="10.0.0.1")
    for named in ([("X-Remote-User", "ada"), ("X-Remote-User", "owner")], [("X-Remote-User", " ")]):
        assert trusted.get("/api/me", headers=named).status_code == 403


def test_addresses_of_proxies_are_read_or_refused_by_name() -> None:
    assert is_trusted("10.1.2.3", ("10.0.0.0/8",))
    assert is_trusted("::ffff:10.1.2.3", ("10.0.0.0/8",))
    assert not is_trusted("", ("10.0.0.0/8",))
    assert not is_trusted("10.1.2.3", ())
    with pytest.raises(BadInput, match=r"'proxy\.example'"):
        networks(("proxy.example",))


# -- what is kept, and for how long --------------------------------------------------------------------------------------


def test_sessions_end_and_what_was_done_is_forgotten_when_their_time_is_over(site: SharedSite) -> None:
    ada = site.signed_in("educator", "Ada")
    site.people.audit.note(site.people.sessions.find(next(iter(ada.cookies.values())), 30), "something old")
    link = site.link()
    with site.people._database().writing() as connection:
        connection.execute(sa.update(sessions).values(seen=time.time() - 31 * 86_400))
    assert ada.get("/api/me").status_code == 401  # before anything is tidied, too
    with site.people._database().reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(sessions)).scalar()
    site.people.tidy(30, 365, always=True)
    with site.people._database().reading() as connection:
        assert not connection.execute(sa.select(sa.func.count()).select_from(sessions)).scalar()
    assert [each.what for each in site.people.audit.list()].count("something old") == 1
    site.people.tidy(30, 0, always=True)
    assert site.people.audit.list() == []
    assert site.browser().get(link).status_code == 200  # it still lets somebody in


def test_the_page_of_what_is_kept_says_it_from_the_settings(site: SharedSite) -> None:
    there = site.otherwise(session_days=12, audit_days=34, synthetic_images=56, synthetic_days=7)
    text = there.browser().get("/privacy").text
    for words in ("12 days after your last visit", "34 days", "the newest 56 of all", "After 7 days they go", "One cookie"):
        assert words in text
    assert "No cookie" not in text
