"""Asking a living source on the page and by the API: nothing is asked before somebody presses, and what comes is chosen."""

from __future__ import annotations

import re

import pytest
from serving import serving

from live_maker import installed
from mirage.atlas import Atlas
from mirage.errors import NoNetwork, Unavailable
from mirage.settings import Settings
from parts import until

pytestmark = [
    pytest.mark.one_server("what is sent, and what was looked through, stays with one server"),
    pytest.mark.writes("a page of such an atlas offers no change"),
]


@pytest.fixture
def asked_site(tmp_path, monkeypatch):
    """The site of an empty atlas, and a source beside it."""
    folder = tmp_path / "look"
    with (
        installed(folder / "cache", monkeypatch) as answers,
        Atlas.open(folder / "atlas", create=True) as atlas,
        serving(atlas, Settings(), folder) as served,
    ):
        yield served, answers


@pytest.fixture
def site(asked_site):
    return asked_site[0]


@pytest.fixture
def answers(asked_site):
    return asked_site[1]


@pytest.fixture
def client(site):
    with site.client(headers={"X-Mirage-Token": site.token}) as made:
        yield made


def ask(client, site, words="aortic dissection", **more):
    """Ask by the page's form, and give the page once it is answered."""
    answer = client.post("/look", data={"token": site.token, "corpus": "made", "query": words, **more})
    if "data-job=" in answer.text:
        job = re.search(r'data-job="(\w+)"', answer.text)[1]
        until(lambda: client.get(f"/api/jobs/{job}").json()["ended"])
    return client.get(str(answer.url))


def ended(client, page):
    job = page.rpartition("/")[2]
    until(lambda: client.get(f"/api/jobs/{job}").json()["ended"])
    return client.get(f"/api/jobs/{job}").json()


@pytest.mark.parametrize("address", ["/corpora", "/search?q=aortic+dissection", "/look?corpus=made&query=aortic+dissection"])
def test_pages_offer_to_look_and_ask_nobody(client, answers, address):
    page = client.get(address).text
    assert 'action="/look" method="post"' in page
    assert "Asks Made-up Central&#39;s servers for these words. They see what is asked" in page
    assert "At most 3 requests a second." in page
    if address != "/corpora":
        assert 'name="query" value="aortic dissection"' in page
    assert (answers.asked, answers.fetched) == ([], [])


def test_what_would_come_is_shown_with_what_was_left_out(client, site, answers):
    page = ask(client, site).text
    assert answers.asked == ["aortic dissection"]
    assert answers.fetched == []
    for said in (
        "Made-up Central has 1,204 articles for these words; 40 were looked at.",
        "<strong>5</strong> pictures could come, at least 1.0 MB",
        "<strong>7</strong> articles without a stated licence",
        "<strong>1</strong> article marked as retracted",
        "The article was corrected.",
        "The source answered on 2026-09-21",
        "Article 1: a case",
        "stack of 30 slices",
        "An &lt;b&gt;axial&lt;/b&gt; picture number 1",
        "Add these 5 pictures (at least 1.0 MB)",
    ):
        assert said in page, said
    assert "javascript:" not in page
    assert page.count('rel="external noreferrer license">CC BY 4.0') == 4
    thumbnail = client.get(re.search(r'src="(/api/previews/[^"]+)"', page)[1])
    assert thumbnail.headers["content-type"] == "image/webp"


def test_what_is_ticked_is_added_and_then_marked_as_there(client, site, answers):
    page = ask(client, site)
    fields = {"token": site.token, "corpus": "made", "query": "aortic dissection", "group.ticked": ["0", "2"]}
    job = re.search(r'name="job" value="(\w+)"', page.text)[1]
    nothing = client.post("/look/add", data={**fields, "job": job})
    assert nothing.status_code == 400
    assert "Nothing is ticked." in nothing.text
    assert 'name="only.0" value="made:0"' in nothing.text
    # The second group is not ticked, so its figure does not come.
    sent = client.post("/look/add", data={**fields, "only.0": ["made:0"], "only.1": "made:2", "only.2": "made:4"})
    done = ended(client, str(sent.url))
    assert done["message"].startswith("2 figures added")
    assert answers.fetched == ["made:0", "made:4"]
    assert done["title"] == "Add from Made-up Central: aortic dissection"
    assert 'href="/search?q=aortic+dissection"' in client.get(str(sent.url)).text
    answers.withdrawn[:] = ["made:4", "made:3", "made:9"]  # of which the library has the first
    page = ask(client, site).text
    assert "1 figure of this library was withdrawn at the source" in page
    assert client.get("/api/figures/made:4").json()["withdrawn"]["said"] == "The article was retracted."
    assert '<a href="/figure/made%3A4">made:4</a>' in page or '<a href="/figure/made:4">made:4</a>' in page
    answers.withdrawn.clear()
    page = ask(client, site).text
    assert page.count("in the library already") == 3
    assert "<strong>3</strong> pictures could come, 0.9 MB" in page.replace("900 kB", "0.9 MB")
    assert re.search(r'value="made:0" data-size="100000" disabled>', page)
    assert re.search(r'value="made:1" data-size="200000" checked>', page)
    page = ask(client, site, most="1").text
    assert "All of them are in the library already, so there is nothing to add." in page
    assert not re.search("data-add-these|checked data-group|Nothing is in the library", page)
    client.post("/api/jobs", json={"corpus": "made", "options": {"query": "x", "only": ["made:1"]}})
    removed = client.post("/remove", data={"token": site.token, "corpus": "made"})
    until(lambda: all(each["ended"] for each in client.get("/api/jobs").json()["jobs"]))
    assert removed.status_code == 200
    found = ask(client, site)
    assert "<strong>3</strong> removed from the library before" in found.text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NoNetwork("Made-up Central cannot be reached: no network."), "cannot be reached"),
        (Unavailable("Made-up Central asks to wait 24 hours (429)."), "asks to wait 24 hours"),
        (ValueError("a defect"), "Something went wrong that should not have"),
    ],
)
def test_a_source_that_fails_is_told_in_words_and_the_words_are_kept(client, site, answers, error, said):
    answers.fails = error
    page = ask(client, site, "lung “mass” & <b>", most="7").text
    assert said in page
    assert 'name="query" value="lung “mass” &amp; &lt;b&gt;"' in page
    assert 'name="most" value="7"' in page
    assert "Nothing was added." in page
    assert re.search(r'<button type="submit">Ask again</button>', page)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"query": ""}, "Made-up Central: say what to look for, for example “pneumonia”."),
        ({"query": "the of and"}, "“the of and” names nothing to look for."),
        ({"query": "a\x07b"}, "a character that cannot be seen (U+0007)"),
        ({"query": "a" * 1001}, "has 1,001 characters, and at most 1,000 are taken"),
        ({"most": "999"}, "most is a number from 1 to 100, not 999."),
    ],
)
def test_what_cannot_be_asked_stays_in_the_form(client, site, answers, given, said):
    answer = client.post("/look", data={"token": site.token, "corpus": "made", "query": "pneumonia", **given})
    assert answer.status_code == 400
    assert said in answer.text
    assert 'action="/look"' in answer.text
    assert answers.asked == []


def test_a_preview_that_is_not_kept_says_so_and_keeps_the_words(client):
    page = client.get("/look?corpus=made&query=pneumonia&job=0123456789abcdef").text
    assert "is not kept here any longer" in page
    assert 'name="query" value="pneumonia"' in page


def test_who_may_not_add_files_asks_no_source(tmp_path, site, answers):
    with serving(site.atlas, Settings(add_files=False), tmp_path) as served, served.client() as client:
        fields = {"token": served.token, "corpus": "made", "query": "pneumonia"}
        header = {"X-Mirage-Token": served.token}
        body = {"corpus": "made", "options": {"query": "pneumonia"}}
        for answer in (
            client.post("/look", data=fields),
            client.post("/look/add", data={**fields, "group.ticked": "0", "only.0": "made:0"}),
            client.post("/corpora", data=fields),
            client.post("/api/previews", json=body, headers=header),
            client.post("/api/jobs", json=body, headers=header),
        ):
            assert answer.status_code == 403
        for address in ("/corpora", "/search?q=pneumonia", "/look?corpus=made"):
            page = client.get(address).text
            assert 'action="/look"' not in page
            assert "mirage add made" in page
        assert answers.asked == []
        command = {"X-Mirage-Token": served.atlas.holder.token}
        assert client.post("/api/previews", json=body, headers=command).status_code == 202
        until(lambda: answers.asked == ["pneumonia"])


@pytest.mark.parametrize("path", ["/look", "/look/add", "/jobs/x/again"])
def test_nothing_is_begun_without_the_token(client, answers, path):
    data = {"corpus": "made", "query": "x", "token": "no"}
    assert client.post(path, data=data, headers={"X-Mirage-Token": ""}).status_code == 403
    assert answers.asked == []


def test_the_api_gives_the_offer_and_begins_again_what_broke(client, answers):
    job = client.post("/api/previews", json={"corpus": "made", "options": {"query": "stroke"}, "again": True}).json()
    until(lambda: client.get(f"/api/jobs/{job['id']}").json()["ended"])
    assert job["id"] not in [each["id"] for each in client.get("/api/jobs").json()["jobs"]]
    offer = client.get(f"/api/previews/{job['id']}").json()
    assert (offer["unit"], offer["total"], offer["looked_at"], len(offer["figures"])) == ("articles", 1204, 40, 5)
    assert offer["left_out"][0] == {"reason": "articles without a stated licence", "figures": 7}
    assert offer["figures"][1]["url"] == ""
    answers.breaks = {3: NoNetwork("The line broke.")}
    for each in answers.folder.iterdir():
        each.unlink()
    broken = ended(client, client.post("/api/jobs", json={"corpus": "made", "options": {"query": "stroke"}}).json()["page"])
    assert (broken["state"], broken["again"], broken["exit_code"]) == ("failed", True, 6)
    assert broken["message"].startswith("The line broke. Nothing was added. What was fetched by then is kept")
    assert 'action="/jobs/' + broken["id"] + '/again"' in client.get(broken["page"]).text
    again = client.post(f"/api/jobs/{broken['id']}/again")
    assert again.status_code == 202
    assert ended(client, again.json()["page"])["state"] == "done"
    assert answers.fetched == [f"made:{number}" for number in range(5)]
    assert client.post(f"/api/jobs/{again.json()['id']}/again").status_code in (202, 400)
