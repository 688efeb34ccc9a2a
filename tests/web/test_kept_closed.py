"""What a shared site, and what it keeps on a disk, tell to nobody who has no right to it."""

from __future__ import annotations

import logging
import os
import re
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from serving import picture

from mirage.atlas import Atlas
from mirage.errors import AtlasError, Unavailable
from mirage.people.visitor import ALONE, STRANGER, Visitor, asking, sharing, visitor
from mirage.settings import Settings
from mirage.web import jobs, server
from mirage.web.rights import NotSignedInError
from parts import copy_atlas
from served_as import TWO_SERVERS
from sharing import SharedSite, id_of, shared_site, token_of


@pytest.fixture(scope="module")
def site(_small_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedSite]:
    place = tmp_path_factory.mktemp("closed")
    (place / "roots" / "A patient's name").mkdir(parents=True)
    folder = copy_atlas(_small_once / "small", place / "atlas")
    with shared_site(folder, folder_roots=(place / "roots",), limit_upload_bytes=20_000) as made:
        yield made


@pytest.fixture
def folder(_small_once: Path, tmp_path: Path) -> Path:
    return copy_atlas(_small_once / "small", tmp_path / "atlas")


def asked_in_a_thread() -> Visitor:
    """Who asks in a thread that nobody told."""
    found: list[Visitor] = []
    thread = threading.Thread(target=lambda: found.append(visitor()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("shared", [True, False])
def test_a_thread_that_nobody_told_who_asks_is_no_owner_of_a_shared_site(
    shared: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: asked.append(asked_in_a_thread()))
    server.serve(folder, host="127.0.0.1", port=0, settings=Settings(shared=shared))
    assert asked == [STRANGER if shared else ALONE]
    assert visitor() == ALONE


def test_who_has_not_signed_in_has_no_study_and_no_jobs(site: SharedSite) -> None:
    with asking(ALONE):
        job = site.jobs.start_collect()
    with sharing():
        with pytest.raises(NotSignedInError):
            site.app.state.site.study.own_data.parts()
        assert site.jobs.list() == []
    assert [each.id for each in site.jobs.list()] == [job.id]


def test_what_is_sent_counts_however_its_kind_is_written(site: SharedSite) -> None:
    ada = site.signed_in("learner", "Ada")
    data = picture(size=(200, 150))
    head, tail = b"--x\r\nContent-Disposition: form-data; name=file; filename=a.png\r\n\r\n", b"\r\n--x--\r\n"
    kind = {"Content-Type": "Multipart/Form-Data; boundary=x"}
    statuses = [ada.post("/api/embed", content=head + data + tail, headers=kind).status_code for _ in range(2)]
    assert statuses == [200, 429]


def test_names_of_folders_are_told_to_who_may_add_from_them(site: SharedSite) -> None:
    assert "A patient's name" not in site.signed_in("learner").get("/api/corpora").text
    assert "A patient's name" in site.signed_in("educator").get("/api/corpora").text


@pytest.mark.parametrize("how", ["here", "by the API", "by an owner"])
def test_signing_out_everywhere_ends_links_for_other_devices(site: SharedSite, how: str) -> None:
    ada, olga = site.signed_in("learner", "Ada"), site.signed_in("owner", "Olga")
    token = token_of(ada)
    shown = ada.post("/me", data={"do": "device", "token": token}).text
    link = re.search(r"/invited/[0-9a-f]{8}\.[\w-]{43}", shown)[0]
    if how == "here":
        ada.post("/sign-out", data={"everywhere": "1", "token": token})
    elif how == "by the API":
        ada.post("/api/me/sign-out", headers={"X-Mirage-Token": token})
    else:
        olga.post(f"/api/people/{id_of(ada)}/end", headers={"X-Mirage-Token": token_of(olga)})
    thief = site.browser()
    assert thief.post(link, data={"name": "Eve"}).status_code == 403
    assert thief.get("/api/me").status_code == 401


@pytest.mark.parametrize("how", ["lowered", "removed"])
def test_links_of_who_owns_no_more_make_no_owner_and_let_nobody_in(site: SharedSite, how: str) -> None:
    olga, oscar = site.signed_in("owner", "Olga"), site.signed_in("owner", f"Oscar {how}")
    headers = {"X-Mirage-Token": token_of(oscar)}

    def link(role: str) -> str:
        made = oscar.post("/api/invitations", json={"role": role}, headers=headers).json()["link"]
        return made.removeprefix("http://localhost")

    links = [link("owner"), link("learner")]
    oscar.post("/me", data={"do": "name", "name": f"Another {how}", "token": headers["X-Mirage-Token"]})
    links += [link("owner"), link("educator")]
    others = site.link("learner", made_by="Olga")
    by_olga, there = {"X-Mirage-Token": token_of(olga)}, f"/api/people/{id_of(oscar)}"
    answer = (
        olga.delete(there, headers=by_olga)
        if how == "removed"
        else olga.patch(there, json={"role": "learner"}, headers=by_olga)
    )
    assert answer.status_code == 200
    assert [site.browser().post(each, data={"name": "Eve"}).status_code for each in links] == [403] * 4
    assert site.browser().post(others, data={"name": "Ben"}).status_code == 303


@pytest.mark.one_server("what the test breaks is one of the two servers")
def test_a_defect_leaves_no_invitation_in_the_log(
    site: SharedSite, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    link = site.link()

    def broken(_: str) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(site.people.invitations, "look", broken)
    with caplog.at_level(logging.INFO):
        assert site.browser().get(link).status_code == 500
    ours = [each.getMessage() for each in caplog.records if each.name.startswith("mirage")]
    assert any("error" in each for each in ours)
    assert not [each for each in ours if link.rpartition("/")[2] in each]


@pytest.mark.one_server("what the test breaks is one of the two servers")
def test_who_has_not_signed_in_is_not_told_where_things_lie(site: SharedSite, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise AtlasError("user mirage at db.inner.example")

    ada = site.signed_in("learner")
    monkeypatch.setattr(site.atlas.store, "note", broken)
    answer = site.browser().get("/readyz")
    assert (answer.status_code, "inner" in answer.text) == (503, False)
    for error in (AtlasError, Unavailable):
        monkeypatch.setattr(site.people.sessions, "find", lambda *_, error=error: (_ for _ in ()).throw(error("db.inner")))
        answer = ada.get("/api/me")
        assert (answer.status_code, "inner" in answer.text) == (503, False)
        assert "cannot find out now who asks" in answer.text


@pytest.mark.one_server("each server counts for itself")
def test_so_many_jobs_are_followed_by_one_person_at_once(site: SharedSite) -> None:
    ada, ben = site.signed_in("educator", "Ada"), site.signed_in("owner", "Ben")
    job = site.jobs.start_collect()
    following = site.app.state.site.following
    own = id_of(ben)
    following[own] = jobs.MOST_FOLLOWED
    there = f"/api/jobs/{job.id}/events"
    assert ben.get(there).status_code == 429
    following[own] -= 1
    assert ben.get(there).status_code == 200  # to its end, and what was counted for it is given back
    assert following[own] == jobs.MOST_FOLLOWED - 1
    del following[own]
    assert ada.get(there).status_code == 404  # of another


@pytest.mark.skipif(TWO_SERVERS, reason="people are in no file there")
@pytest.mark.writes("who signs in to such an atlas is kept elsewhere")
def test_what_people_keep_and_send_is_read_by_nobody_else_on_the_machine(folder: Path) -> None:
    for name in ("people.sqlite", "study.sqlite", "people.sqlite.moved"):
        (folder / name).touch(mode=0o644)  # as an earlier version made it
    (folder / "people").mkdir(mode=0o755)
    with shared_site(folder) as made:
        ada = made.signed_in("learner")
        made.atlas.studies.of(id_of(ada)).collections.make("Week 3")
        made.atlas.study.collections.make("Mine")
        made.jobs.start_collect()
        files = [each for name in ("people", "records", "study") for each in folder.glob(f"{name}*")]
        files += [*(folder / "people").rglob("*"), made.jobs.staging.begin(1_000).folder]
        assert {"records.sqlite-wal", "study.sqlite-wal", "people.sqlite-wal"} <= {each.name for each in files}
        assert {str(each): closed(each) for each in files} == {str(each): "0o0" for each in files}
    with Atlas.open(folder) as again:  # by a command, which asks nobody who they are
        again.study.collections.make("Mine, too")
        assert {closed(each) for name in ("records", "study") for each in folder.glob(f"{name}*")} == {"0o0"}


@pytest.mark.skipif(TWO_SERVERS, reason="records are in no file there")
def test_an_atlas_that_nobody_signs_in_to_is_as_readable_as_its_folder(folder: Path) -> None:
    with Atlas.open(folder) as alone:
        alone.study.collections.make("Mine")
        assert closed(folder / "records.sqlite") == closed(folder / "study.sqlite") == oct(0o077 & ~umask())


def test_who_may_not_read_the_records_of_a_shared_atlas_is_told_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may = os.access
    monkeypatch.setattr(
        os, "access", lambda path, how: may(path, how) and not (how == os.R_OK and str(path).endswith("sqlite"))
    )
    with pytest.raises(AtlasError, match="people sign in to it"):
        Atlas.open(folder, to_read=True)


def closed(path: Path) -> str:
    """What others may do with a file."""
    return oct(stat.S_IMODE(path.stat().st_mode) & 0o077)


def umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now | 0o111
