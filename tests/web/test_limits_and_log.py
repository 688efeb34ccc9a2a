"""What one person may ask for, what owners see, and what is written down of what educators and owners did."""

from __future__ import annotations

import io
import json
import stat
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import picture

from mirage.errors import BadPicture, NotFound
from mirage.generate.outputs import Outputs
from mirage.jobs.job import Job
from mirage.storage.databases import OF_PERSON, Databases
from mirage.study.records import SCHEMA
from mirage.web.server import tidied
from parts import PATIENCE, copy_atlas, until
from sharing import SharedSite, id_of, shared_site, token_of

SEARCH = "/api/explain?q=phantom&stream=0"


@pytest.fixture(scope="module")
def site(_small_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedSite]:
    folder = copy_atlas(_small_once / "small", tmp_path_factory.mktemp("limits") / "atlas")
    limits = {"limit_explanations": 2, "limit_upload_bytes": 20_000, "limit_generations": 3, "limit_jobs": 1}
    with shared_site(folder, folder_roots=(folder.parent,), **limits) as made:
        yield made


def told(answer: httpx.Response) -> str:
    assert answer.status_code == 429, answer.text
    assert answer.json()["title"] == "Too many at once"
    assert int(answer.headers["retry-after"]) >= 1
    return str(answer.json()["detail"])


def test_who_explains_too_much_is_told_when_it_goes_on_and_nobody_else_is(site: SharedSite) -> None:
    ada, ben = site.signed_in("learner", "Ada"), site.signed_in("learner", "Ben")
    assert [ada.get(SEARCH).status_code for _ in range(2)] == [200, 200]
    answer = ada.get(SEARCH)
    assert "2 explanations within a minute" in told(answer)
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert ben.get(SEARCH).status_code == 200
    assert ada.get("/api/search?q=phantom").status_code == 200


def test_who_sends_too_much_is_refused_before_it_is_read(site: SharedSite) -> None:
    ada = site.signed_in("learner", "Ada")
    data = picture(size=(200, 150))
    assert len(data) > 20_000
    assert ada.post("/api/embed", files={"file": ("a.png", data)}).status_code == 200
    answer = ada.post("/api/embed", files={"file": ("a.png", data)})
    assert "20,000 bytes within an hour" in told(answer)
    assert int(answer.headers["retry-after"]) > 60


def test_what_is_sent_at_the_same_time_is_counted_before_it_is_read(
    site: SharedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, held, goes_on = site.signed_in("learner", "Ada"), threading.Event(), threading.Event()

    def read_picture(*_: object, **__: object) -> None:
        held.set()
        goes_on.wait()
        raise BadPicture("no picture")

    monkeypatch.setattr("mirage.web.uploads.read_picture", read_picture)

    def send(size: int) -> httpx.Response:
        return ada.post("/api/embed", files={"file": ("a.png", bytes(size))})

    with ThreadPoolExecutor(2) as pool:
        try:
            first = pool.submit(send, 30_000)
            assert held.wait(PATIENCE)
            assert "20,000 bytes within an hour" in told(pool.submit(send, 10).result(PATIENCE))
        finally:
            goes_on.set()
        assert first.result().status_code == 422  # it is no picture


def test_a_link_for_a_class_does_not_give_one_the_limits_of_all(site: SharedSite) -> None:
    link = site.link(uses=12)
    for number in range(5):
        browser = site.browser()
        assert browser.post(link, data={"name": f"Eve {number}"}).status_code == 303
        assert [browser.get(SEARCH).status_code for _ in range(2)] == [200, 200]
    last = site.browser()
    assert last.post(link, data={"name": "Eve, once more"}).status_code == 303
    site.people.invitations.end(site.people.invitations.list()[0].id)
    site.people.tidy(30, 0, always=True)  # nor when the link is over and deleted
    assert "no such invitation" in site.browser().get(link).text
    assert "All who came by the same link may ask for 10 explanations together" in told(last.get(SEARCH))
    assert site.signed_in("learner", "Ada").get(SEARCH).status_code == 200


def test_nothing_is_left_of_who_deletes_the_account_while_an_image_is_made(
    site: SharedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, olga = site.signed_in("learner", "Adelaide"), site.signed_in("owner", "Olga")
    headers, own, made = {"X-Mirage-Token": token_of(ada)}, id_of(ada), threading.Event()
    put, drawn = Outputs.put, threading.Event()

    def held(self: Outputs, image: Any) -> None:
        drawn.set()
        made.wait()
        put(self, image)

    monkeypatch.setattr(Outputs, "put", held)
    ada.post("/api/collections", json={"title": "Mine"}, headers=headers)
    asked = {"terms": [{"text": "axial brain MRI"}], "count": 1, "steps": 1, "drafts": 1}
    assert ada.post("/api/generate", json=asked, headers=headers).status_code == 202
    assert drawn.wait(60)  # its last step
    study = site.app.state.site.atlas.studies.of(own)
    assert ada.delete("/api/me", headers=headers).status_code == 200
    made.set()
    until(lambda: not site.jobs.under_way("generate"))
    until(lambda: not [each for each in site.atlas.store.jobs() if each["owner"] == own])
    assert site.jobs.outputs.count(own) == 0
    with pytest.raises(NotFound):  # who still asked when it was deleted
        study.collections.make("Mine again")
    assert not (site.atlas.path / "people" / own).exists()
    assert own not in olga.get("/api/jobs").text


def test_synthetic_images_are_counted_by_the_day_and_belong_to_who_had_them_made(site: SharedSite) -> None:
    ada, ben, edda = (site.signed_in(role, role) for role in ("learner", "learner", "educator"))
    headers = {"X-Mirage-Token": token_of(ada)}
    asked = {"terms": [{"text": "phantom"}], "count": 2, "steps": 1, "drafts": 1}
    assert ada.post("/api/generate", json=asked, headers=headers).status_code == 400  # not medical, and not counted
    asked["terms"] = [{"text": "axial brain MRI"}]
    job = ada.post("/api/generate", json=asked, headers=headers)
    assert job.status_code == 202, job.text
    until(lambda: ada.get(f"/api/jobs/{job.json()['id']}").json()["ended"])
    assert "3 synthetic images within a day" in told(ada.post("/api/generate", json=asked, headers=headers))
    mine = ada.get("/api/synthetic").json()
    assert mine["total"] == 2
    assert ben.get("/api/synthetic").json()["total"] == 0
    with zipfile.ZipFile(io.BytesIO(ada.get("/api/my-data/synthetic/file").content)) as own:
        assert own.testzip() is None
        for each in mine["images"]:
            assert json.loads(own.read(f"{each['id']}.json"))["prompt"] == "axial brain MRI"
            image = ada.get(f"/api/synthetic/{each['id']}/image")
            if image.is_success:  # one that is withheld has none
                assert own.read(f"{each['id']}.png") == image.content
    with zipfile.ZipFile(io.BytesIO(ben.get("/api/my-data/synthetic/file").content)) as none:
        assert none.namelist() == []
    assert "2 synthetic images as one file" in ada.get("/my-data").text
    assert edda.get("/api/synthetic").json()["total"] == 2
    one = mine["images"][0]["id"]
    assert stat.S_IMODE(site.jobs.outputs.folder.stat().st_mode) == 0o700
    shown = ben.get(f"/api/synthetic/{one}")  # who has the link sees it
    assert shown.status_code == 200
    assert id_of(ada) not in shown.text
    assert ben.get(f"/api/jobs/{job.json()['id']}").status_code == 404
    there = f"/api/synthetic/{one}/delete"
    assert ben.post(there, headers={"X-Mirage-Token": token_of(ben)}).status_code == 403
    assert ada.post(there, headers=headers).status_code == 200
    assert ada.delete("/api/me", headers=headers).status_code == 200
    assert edda.get("/api/synthetic").json()["total"] == 0


@pytest.mark.one_server("what is looked through stays with one server")
def test_so_many_jobs_of_one_person_wait_and_an_owner_sees_whose_they_are(
    site: SharedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    edda, emil, olga = (
        site.signed_in("educator", "Edda"),
        site.signed_in("educator", "Emil"),
        site.signed_in("owner", "Olga"),
    )
    held = threading.Event()

    def look_through(_atlas, _corpus, _options, _keep, update, _stopped) -> None:
        held.wait()
        update(state="done", message="Looked.")

    monkeypatch.setattr("mirage.jobs.change.look_through", look_through)
    look = {"corpus": "folder", "path": str(site.atlas.folder.parent)}
    try:
        headers = {"X-Mirage-Token": token_of(edda)}
        assert edda.post("/api/previews", json=look, headers=headers).status_code == 202
        assert "1 job of yours" in told(edda.post("/api/previews", json=look, headers=headers))
        assert emil.post("/api/previews", json=look, headers={"X-Mirage-Token": token_of(emil)}).status_code == 202
        seen = {each["name"]: each["jobs"] for each in olga.get("/api/people").json()["people"]}
        assert (seen["Edda"], seen["Emil"], seen["Olga"]) == (1, 1, 0)
    finally:
        held.set()
    until(lambda: not site.jobs.under_way(""))


def test_what_educators_and_owners_do_is_written_down_and_what_is_their_own_is_not(site: SharedSite) -> None:
    edda, olga, ada = site.signed_in("educator", "Edda"), site.signed_in("owner", "Olga"), site.signed_in("learner", "Ada")
    figure = site.atlas.search("phantom").hits[0].figure.id
    by = {name: {"X-Mirage-Token": token_of(browser)} for name, browser in [("edda", edda), ("olga", olga), ("ada", ada)]}
    hide = {"figure": figure, "hidden": True}
    assert edda.post("/api/reviews/misleading", json=hide, headers=by["edda"]).status_code == 200
    assert edda.post("/api/collections", json={"title": "Private"}, headers=by["edda"]).status_code == 201
    assert ada.post("/api/reviews/misleading", json=hide, headers=by["ada"]).status_code == 403
    assert olga.patch(f"/api/people/{id_of(ada)}", json={"role": "educator"}, headers=by["olga"]).status_code == 200
    assert olga.post("/api/invitations", json={"role": "learner", "uses": 40}, headers=by["olga"]).status_code == 201
    entries = olga.get("/api/audit").json()["entries"]
    lines = [f"{each['name']} ({each['role']}): {each['what']}: {each['target']}" for each in entries]
    assert lines[:2] == [
        "Olga (owner): Make an invitation: 40 × learner",
        "Olga (owner): Give somebody another role: Ada is educator",
    ]
    assert any(line.startswith(f"Edda (educator): Hide a figure from learners: {figure}") for line in lines)
    assert "Private" not in str(lines)
    page = olga.get("/people").text
    assert "Give somebody another role · Ada is educator" in page
    assert edda.get("/api/audit").status_code == 403


def log_of(site: SharedSite) -> list[str]:
    return [f"{each.name} ({each.role}): {each.what}: {each.target}" for each in site.people.audit.list()]


def test_who_comes_to_teach_or_to_own_the_site_is_written_down_and_who_learns_is_not(site: SharedSite) -> None:
    wanda = site.browser()
    assert wanda.post(site.link("owner"), data={"name": "Wanda"}).status_code == 303
    assert log_of(site)[0] == "Wanda (owner): Come in as owner: by the first link, which makes the owner"
    before = len(log_of(site))
    walt = site.signed_in("learner", "Walt")
    assert len(log_of(site)) == before
    assert walt.post(site.link("educator", made_by="Wanda"), data={"name": "Walt"}).status_code == 303
    assert log_of(site)[0] == "Walt (educator): Come in as educator: by the link of Wanda"
    assert wanda.post("/me", data={"token": token_of(wanda), "do": "name", "name": "Wenda"}).status_code == 303
    assert log_of(site)[0] == "Wanda (owner): Change the own name: Wanda is Wenda"
    gone = wanda.request("DELETE", "/api/me", headers={"X-Mirage-Token": token_of(wanda)})
    assert gone.status_code == 200
    assert log_of(site)[0] == "Wenda (owner): Delete the own account: Wenda"


@pytest.mark.one_server("what is looked through stays with one server")
def test_an_owner_who_stops_what_others_began_is_written_down(site: SharedSite, monkeypatch: pytest.MonkeyPatch) -> None:
    held, olga, emil = threading.Event(), site.signed_in("owner", "Olga"), site.signed_in("educator", "Emil")

    def look_through(_atlas, _corpus, _options, _keep, update, _stopped) -> None:
        held.wait()
        update(state="done", message="Looked.")

    monkeypatch.setattr("mirage.jobs.change.look_through", look_through)
    try:
        look = {"corpus": "folder", "path": str(site.atlas.folder.parent)}
        begun = [
            each.post("/api/previews", json=look, headers={"X-Mirage-Token": token_of(each)}).json() for each in (emil, olga)
        ]
        for job in (*begun, *begun):  # a second time stops nothing
            stopped = olga.post(f"/api/jobs/{job['id']}/cancel", headers={"X-Mirage-Token": token_of(olga)})
            assert stopped.status_code == 200
    finally:
        held.set()
    until(lambda: not site.jobs.under_way(""))
    stops = [line for line in log_of(site) if "Stop a job" in line]
    assert stops == [f"Olga (owner): Stop a job of somebody else: {site.jobs.get(begun[0]['id']).title}"]


def test_page_and_api_call_an_act_the_same_and_the_page_shows_it_at_once(site: SharedSite) -> None:
    olga = site.signed_in("owner", "Olga")
    form, headers = {"token": token_of(olga)}, {"X-Mirage-Token": token_of(olga)}

    def by_page(person: str, **what: str) -> None:
        answer = olga.post("/people", data=form | {"person": person} | what)
        assert answer.status_code in (200, 303)
        if answer.status_code == 200:  # a link is shown, which is shown once
            newest = site.people.audit.list(1)[0]
            assert f"{newest.what} · {newest.target}" in answer.text

    def by_api(method: str, path: str, **json: Any) -> None:
        assert olga.request(method, path, headers=headers, **({"json": json} if json else {})).is_success

    pairs = [
        (
            lambda one: by_page(one, do="invite", role="learner"),
            lambda _: by_api("POST", "/api/invitations", role="learner"),
        ),
        (lambda one: by_page(one, do="link"), lambda one: by_api("POST", f"/api/people/{one}/link")),
        (
            lambda one: by_page(one, do="role", role="educator"),
            lambda one: by_api("PATCH", f"/api/people/{one}", role="educator"),
        ),
        (lambda one: by_page(one, do="end"), lambda one: by_api("POST", f"/api/people/{one}/end")),
        (lambda one: by_page(one, do="remove", sure="1"), lambda one: by_api("DELETE", f"/api/people/{one}")),
    ]
    one, other = (id_of(site.signed_in("learner", "Ida")) for _ in range(2))
    for page, api in pairs:
        page(one)
        api(other)
        second, first = site.people.audit.list(2)
        assert (first.what, first.target, first.name) == (second.what, second.target, second.name)


def test_what_is_done_twice_is_written_down_once_and_says_of_what(site: SharedSite) -> None:
    olga, berta = site.signed_in("owner", "Olga"), site.signed_in("learner", "Berta")
    headers, own = {"X-Mirage-Token": token_of(olga)}, id_of(berta)
    figure = site.atlas.search("phantom").hits[-1].figure.id
    link = olga.post("/api/invitations", json={"role": "learner", "uses": 40}, headers=headers).json()
    assert site.browser().post(link["link"], data={"name": "Carl"}).status_code == 303
    review = olga.post("/api/reviews", json={"query": "phantom"}, headers=headers).json()["id"]
    made, _ = site.people.invitations.make("educator")  # by a command, before anybody owned the site

    def done(method: str, path: str, answers: tuple[Any, Any] | None = None, **json: Any) -> list[str]:
        before = len(site.people.audit.list())
        for number in range(2):
            answer = olga.request(method, path, headers=headers, **({"json": json} if json else {}))
            assert answer.is_success, answer.text
            assert answers is None or answer.json() == answers[number]
        lines = site.people.audit.list()
        return [f"{each.what}: {each.target}" for each in lines[: len(lines) - before]]

    ended = {"ended": 1}, {"ended": 0}
    assert done("DELETE", f"/api/invitations/{link['id']}", ended) == [
        "End an invitation: 40 × learner, 1 used, made by Olga"
    ]
    assert done("DELETE", f"/api/invitations/{made}", ended) == [
        "End an invitation: 1 × educator, 0 used, made by a command on this machine"
    ]
    assert done("PATCH", f"/api/people/{own}", role="educator") == ["Give somebody another role: Berta is educator"]
    assert done("PATCH", f"/api/people/{own}", name="Bertha") == ["Give somebody another name: Berta is Bertha"]
    assert done("POST", f"/api/people/{own}/end", ended) == ["Sign somebody out everywhere: Bertha"]
    (hidden,) = done("POST", "/api/reviews/misleading", figure=figure, hidden=True)
    assert hidden.startswith(f"Hide a figure from learners: {figure}")
    (shown,) = done("POST", "/api/reviews/misleading", figure=figure, hidden=False)
    assert shown.startswith(f"Show learners a figure again: {figure}")
    assert done("POST", f"/api/reviews/{review}/restore") == []  # it was never deleted
    assert done("POST", f"/api/reviews/{review}/close") == ["Close a review: phantom"]
    before = len(site.people.audit.list())
    assert olga.post("/me", data={"token": token_of(olga), "do": "name", "name": "Olga"}).status_code == 303
    assert olga.post("/reviews/misleading", data={"token": token_of(olga), "do": "hide all"}).status_code == 303
    assert len(site.people.audit.list()) == before


def test_the_page_of_owners_invites_and_removes(site: SharedSite) -> None:
    olga, ada = site.signed_in("owner", "Olga"), site.signed_in("learner", "Adelheid")
    form: dict[str, Any] = {"token": token_of(olga)}
    until_day = {"do": "invite", "role": "learner", "uses": "40", "until": "2027-03-01"}
    shown = olga.post("/people", data=form | until_day).text
    assert "shown this once" in shown
    wrongs = [
        ("uses", "none"),
        ("uses", "0"),
        ("until", "soon"),
        ("until", "2020-01-01"),
        ("role", "king"),
        ("role", "owner"),
    ]
    for name, value in wrongs:
        assert olga.post("/people", data=form | until_day | {name: value}).status_code == 400, (name, value)
    person = {"person": id_of(ada)}
    assert "Nobody was removed" in olga.post("/people", data=form | person | {"do": "remove"}).text
    assert olga.post("/people", data=form | person | {"do": "remove", "sure": "1"}).status_code == 303
    assert ada.get("/api/me").status_code == 401
    headers, nobody = {"X-Mirage-Token": form["token"]}, "/api/people/nobody"
    answers = olga.patch(nobody, json={"role": "learner"}, headers=headers), olga.delete(nobody, headers=headers)
    assert {each.status_code for each in (*answers, olga.post(f"{nobody}/end", headers=headers))} == {404}


def test_a_job_of_before_is_nobody_s() -> None:
    assert Job.of({"id": "a", "kind": "add", "title": "Add"}).owner == ""


@pytest.mark.writes("what people keep of such an atlas is kept elsewhere")
def test_what_is_left_of_somebody_who_is_gone_goes_at_the_next_tidying(site: SharedSite) -> None:
    ada = site.signed_in("learner", "Agnes")
    own, running = id_of(ada), site.app.state.site
    assert ada.delete("/api/me", headers={"X-Mirage-Token": token_of(ada)}).status_code == 200
    left = Databases(site.atlas.databases.folder, site.atlas.databases.server)
    left.open(f"{OF_PERSON}{own}", SCHEMA).close()  # as a server that was stopped amid it leaves it
    assert left.size(f"{OF_PERSON}{own}")
    with tidied(running):
        until(lambda: f"{OF_PERSON}{own}" not in left.names())
