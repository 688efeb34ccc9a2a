"""Files are sent, looked through and added by the page and the API, under a token, and nobody else reads their names."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from serving import Served, picture, serving

from mirage.atlas import Atlas
from mirage.settings import Settings
from parts import until

pytestmark = pytest.mark.one_server("what is sent, and what was looked through, stays with one server")
TABLE = (
    b"file,caption,modality,licence\nSmith_John.png,Fracture of the scaphoid,XR,\n"
    b"b.png,Colles fracture,XR,CC BY 4.0\nc.png,Bad,XR,\n"
)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Served]:
    with Atlas.open(tmp_path / "atlas", create=True) as atlas, serving(atlas, Settings(), tmp_path) as served:
        yield served


def some_files(folder: str = "wrist/") -> list[tuple[str, tuple[str, bytes]]]:
    files = {
        "Smith_John.png": picture(seed=1),
        "b.png": picture(seed=2),
        "c.png": picture()[:50],
        "figures.csv": TABLE,
        "x.zip": b"PK",
    }
    return [("file", (folder + name, data)) for name, data in files.items()]


def ended(client, job: dict) -> dict:
    return until(lambda: (now := client.get(f"/api/jobs/{job['id']}").json())["ended"] and now)


def sent(client, files=None) -> dict:
    batch = client.post("/api/uploads").json()
    answer = client.post(f"/api/uploads/{batch['id']}", files=files or some_files())
    assert answer.status_code == 200, answer.text
    return answer.json()


def looked(client, batch: str) -> str:
    """The page of what was sent, once it was looked through."""
    page = partial(client.get, "/add", params={"batch": batch})
    return until(lambda: "Add them" in (text := page().text) and text)


def incoming(own: Served) -> list[Path]:
    return [path for path in (own.atlas.path / "incoming").rglob("*") if path.is_file()]


def test_a_program_sends_looks_and_adds(own: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with own.client(headers={"X-Mirage-Token": own.token}) as client:
        batch = sent(client)
        assert (batch["files"], batch["refused"]) == (5, [])
        job = ended(client, client.post(f"/api/uploads/{batch['id']}/look").json())
        found = client.get(f"/api/previews/{job['id']}").json()
        assert [each["label"] for each in found["figures"]] == ["Smith_John.png", "b.png"]
        assert [each["label"] for each in found["skipped"]] == ["c.png"]
        assert client.get(found["figures"][0]["thumbnail"]).headers["content-type"] == "image/webp"
        assert own.atlas.info().figures == 0
        body = {"name": "Wrist", "licence": "CC BY-NC 4.0", "attribution": "Test hospital"}
        job = ended(client, client.post(f"/api/uploads/{batch['id']}/add", json=body).json())
        assert (job["state"], job["added"], [each["label"] for each in job["refused"]]) == ("done", 2, ["c.png"])
        (public,) = client.get("/api/jobs").json()["jobs"]
        assert (public["refused"], public["id"]) == ([], job["id"].partition("-")[0]), "others are told of no file"
        assert incoming(own) == []
        assert client.get(f"/api/uploads/{batch['id']}").status_code == 404
        (hit, *_) = client.get("/api/search", params={"q": "scaphoid fracture"}).json()["hits"]
        assert hit["figure"]["source"]["licence"]["name"] == "CC BY-NC 4.0"
        assert hit["figure"]["source"]["attribution"] == "Test hospital"
        licences = {
            each["figure"]["source"]["licence"]["name"] for each in client.get("/api/search?q=fracture").json()["hits"]
        }
        assert licences == {"CC BY-NC 4.0", "CC BY 4.0"}, "a row's own licence stays"
        seen = [
            client.get(path).text
            for path in ("/api/jobs", "/api/atlas", "/api/corpora", "/corpora", "/api/search?q=fracture")
        ]
    for text in (*seen, caplog.text):
        assert "Smith" not in text
        assert "wrist/" not in text


@pytest.mark.writes("a page of such an atlas offers no change")
def test_the_page_does_it_without_scripts_and_asks_before_it_joins_a_collection(own: Served) -> None:
    with own.client(headers={"Origin": own.url}) as client:
        assert 'name="file" multiple' in client.get("/corpora").text
        for number in range(2):
            shown = client.post("/add", data={"token": own.token}, files=some_files(f"{'ab'[number]}/"))
            batch = re.search(r'name="batch" value="([^"]+)"', shown.text)[1]
            shown = looked(client, batch)
            for words in (
                "Smith_John.png",
                "a person’s name",
                "3 of 3 name a file",
                "c.png is damaged",
                "Archives are not opened",
            ):
                assert words in shown
            form = {"token": own.token, "batch": batch, "name": "Wrist", "licence": "CC BY-SA 4.0"}
            answer = client.post("/add/start", data=form)
            if number:
                assert answer.status_code == 400
                assert "There is a collection “Wrist” of that name already, with 2 figures." in answer.text
                assert "2 of these have the names of files that are there" in answer.text
                assert 'value="CC BY-SA 4.0" checked' in answer.text
                assert own.atlas.info().figures == 2
                answer = client.post("/add/start", data={**form, "name": "Other wrist"})
            assert answer.url.path.startswith("/jobs/")
            ended(client, client.get(f"/api{answer.url.path}").json())
        assert {each.title: each.figures for each in own.atlas.info().corpora} == {"Wrist": 2, "Other wrist": 2}


def test_a_collection_gets_a_name_that_may_be_a_patients_only_where_that_is_said(own: Served) -> None:
    with own.client(headers={"X-Mirage-Token": own.token}) as client:
        batch = sent(client)["id"]
        client.post(f"/api/uploads/{batch}/look")
        assert "call_so" not in looked(client, batch)
        form = {"token": own.token, "batch": batch, "name": "Hans Müller 12.03.1965", "licence": "CC BY-SA 4.0"}
        answer = client.post("/add/start", data=form)
        assert answer.status_code == 400
        assert "The name holds what looks like a date and a person’s name" in answer.text
        assert 'name="call_so"' in answer.text
        assert 'value="CC BY-SA 4.0" checked' in answer.text
        body = {"name": form["name"]}
        assert client.post(f"/api/uploads/{batch}/add", json=body).status_code == 400
        assert "Müller" not in client.get("/api/jobs").text
        job = ended(client, client.post(f"/api/uploads/{batch}/add", json=body | {"call_so": True}).json())
        assert (job["state"], job["added"]) == ("done", 2)


@pytest.mark.writes("a page of such an atlas offers no change")
def test_a_folder_of_the_server_gets_such_a_name_only_where_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.png").write_bytes(picture(seed=1))
    with (
        Atlas.open(tmp_path / "atlas", create=True) as atlas,
        serving(atlas, Settings(folder_roots=(tmp_path / "files",)), tmp_path) as own,
        own.client(headers={"X-Mirage-Token": own.token}) as client,
    ):
        form = {"token": own.token, "corpus": "folder", "path": str(tmp_path / "files"), "name": "Hans Müller"}
        answer = client.post("/corpora", data=form)
        assert (answer.status_code, 'name="call_so"' in answer.text) == (400, True)
        body = {"corpus": "folder", "path": form["path"], "options": {"name": "Hans Müller"}}
        assert client.post("/api/jobs", json=body).status_code == 400
        answer = client.post("/corpora", data=form | {"call_so": "yes"})
        assert ended(client, client.get(f"/api{answer.url.path}").json())["added"] == 1


def test_thrown_away_is_gone_and_so_is_what_a_cancelled_job_was_to_add(own: Served) -> None:
    with own.client(headers={"X-Mirage-Token": own.token}) as client:
        batch = sent(client)
        client.post("/add/cancel", data={"token": own.token, "batch": batch["id"]})
        assert incoming(own) == []
        batch = sent(client)
        assert client.delete(f"/api/uploads/{batch['id']}").status_code == 204
        assert incoming(own) == []
        assert client.get("/add", params={"batch": batch["id"]}).status_code == 404


@pytest.mark.parametrize("headers", [{}, {"X-Mirage-Token": "wrong"}, {"Origin": "https://evil.example"}])
def test_without_the_token_or_from_elsewhere_nothing_is_taken(own: Served, headers: dict[str, str]) -> None:
    if "Origin" in headers:
        headers = {**headers, "X-Mirage-Token": own.token}
    with own.client(headers=headers) as client:
        for answer in (
            client.post("/api/uploads"),
            client.post("/api/uploads/x", files=some_files()),
            client.post("/api/uploads/x/look"),
            client.post("/api/uploads/x/add", json={"name": "x"}),
            client.post("/add", data={"token": "wrong"}, files=some_files()),
            client.post("/add/start", data={"token": "wrong", "batch": "x"}),
            client.get("/api/previews/x")
            if "Origin" not in headers
            else client.post("/api/previews", json={"corpus": "folder"}),
        ):
            assert answer.status_code == 403
    assert incoming(own) == []


@pytest.mark.parametrize("settings", [{"allowed_hosts": ("localhost", "atlas.example.org")}, {"add_files": False}])
def test_a_site_that_others_reach_takes_nothing_until_it_is_allowed(tmp_path: Path, settings: dict) -> None:
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        with serving(atlas, Settings(**settings), tmp_path) as served, served.client() as client:
            assert "data-add" not in client.get("/corpora").text
            assert client.post("/api/uploads", headers={"X-Mirage-Token": served.token}).status_code == 403
            assert client.post("/add", data={"token": served.token}, files=some_files()).status_code == 403
            by_command = client.post("/api/uploads", headers={"X-Mirage-Token": served.atlas.holder.token})
            assert by_command.status_code == 201
        allowed = Settings(**{**settings, "add_files": True})
        with serving(atlas, allowed, tmp_path) as served, served.client() as client:
            assert client.post("/api/uploads", headers={"X-Mirage-Token": served.token}).status_code == 201


def test_half_a_body_leaves_nothing_of_the_file_that_broke_off(own: Served) -> None:
    with own.client(headers={"X-Mirage-Token": own.token}) as client:
        batch = client.post("/api/uploads").json()
        at = urlsplit(own.url)
        whole = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        with socket.create_connection((at.hostname, at.port)) as line:
            head = (
                f"POST /api/uploads/{batch['id']} HTTP/1.1\r\nHost: {at.netloc}\r\nX-Mirage-Token: {own.token}\r\n"
                "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n"
            )
            line.sendall(head.encode() + whole + b"1234" * 100 + b"\r\n" + whole.replace(b"a.png", b"b.png") + b"12")
            until(lambda: any(path.name == "a.png" for path in incoming(own)))
        until(lambda: [path.name for path in incoming(own)] == ["a.png"])


def test_damaged_and_hostile_forms_are_refused_in_words(own: Served) -> None:
    with own.client(headers={"X-Mirage-Token": own.token}) as client:
        batch = client.post("/api/uploads").json()
        address = f"/api/uploads/{batch['id']}"
        for body, kind in (
            (b"{}", "application/json"),
            (b"no form", "multipart/form-data; boundary=x"),
            (b"", "multipart/form-data"),
        ):
            answer = client.post(address, content=body, headers={"Content-Type": kind})
            assert answer.status_code == 400, kind
            assert answer.json()["detail"]
        hostile = [("file", (name, picture())) for name in ("../../x.png", "/etc/x.png", "CON.png", "y" * 300 + ".png")]
        told = client.post(address, files=hostile).json()
        assert (told["files"], len(told["refused"])) == (0, 4)
        odd = b'--x\r\nContent-Disposition: form-data; name="file"; filename="caf\xe9.png"\r\n\r\nx\r\n--x--\r\n'
        told = client.post(address, content=odd, headers={"Content-Type": "multipart/form-data; boundary=x"}).json()
        (*_, last) = told["refused"]
        assert (last["label"], last["reason"]) == ("caf\ufffd.png", "Its name is no text in UTF-8. Rename it.")
        job = ended(client, client.post(f"{address}/look").json())
        assert (job["state"], "holds nothing to add" in job["message"]) == ("failed", True)
        assert "/" not in job["message"], "no path of the server"
        for name in ("", " ", "x" * 101, "two\nlines"):
            assert client.post(f"{address}/add", json={"name": name}).status_code == 400


def test_columns_of_a_table_are_named_on_the_page_and_in_the_api(own: Served) -> None:
    files = [("file", ("b.png", picture(seed=2))), ("file", ("figures.csv", b"scan_no,words\nb.png,A fracture\nx,y\nz,w\n"))]
    with own.client(headers={"X-Mirage-Token": own.token}) as client:
        batch = sent(client, files)["id"]
        job = ended(client, client.post(f"/api/uploads/{batch}/look").json())
        assert "It has: scan_no, words." in job["message"]
        assert "It has: scan_no, words." in (page := client.get("/add", params={"batch": batch}).text)
        assert 'name="columns"' in page
        form = {"token": own.token, "batch": batch, "columns": "file scan_no"}
        answer = client.post("/add/look", data=form)
        assert (answer.status_code, "NAME=COLUMN" in answer.text, 'value="file scan_no"' in answer.text) == (400, True, True)
        client.post("/add/look", data=form | {"columns": "file=scan_no, caption=words"})
        assert "A fracture" in (page := looked(client, batch))
        assert 'value="file=scan_no, caption=words"' in page
        job = ended(client, client.post(f"/api/uploads/{batch}/add", json={"name": "Wrist"}).json())
        assert (job["state"], job["added"]) == ("done", 1)
        assert client.get("/api/search", params={"q": "fracture"}).json()["hits"]
