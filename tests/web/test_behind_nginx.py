"""The site behind a real nginx, with the very block that the documentation has."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from serving import Served, picture, serving
from under import escaped

from mirage.atlas import Atlas
from mirage.explain.explanation import Ended, Event
from mirage.settings import Settings
from parts import PATIENCE, copy_atlas, until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: apt install nginx-light)")
DOCS = Path(__file__).parents[2] / "docs" / "serving.md"


def configured(folder: Path, port: int, site: int) -> Path:
    block = re.search(r"```nginx\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)[1]
    assert "127.0.0.1:8000" in block
    places = "".join(f"{each}_temp_path {folder}/{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{ access_log off; {places}\nserver {{ listen 127.0.0.1:{port};\n"
        f"{block.replace('127.0.0.1:8000', f'127.0.0.1:{site}')}\n}} }}\n"
    )
    return file


@pytest.fixture(scope="module")
def served(tmp_path_factory, some_folder) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("behind")
    settings = Settings(trusted_proxies=("127.0.0.1",))
    with (
        Atlas.open(copy_atlas(some_folder, folder / "atlas")) as atlas,
        serving(atlas, settings, folder, root_path="/mirage") as served,
    ):
        yield served


@pytest.fixture(scope="module")
def client(served: Served, tmp_path_factory) -> Iterator[httpx.Client]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("nginx")
    file = configured(folder, port, httpx.URL(served.url).port)
    with subprocess.Popen([NGINX, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(file)]) as running:
        try:
            with httpx.Client(base_url=f"http://localhost:{port}", timeout=PATIENCE) as client:
                until(lambda: running.poll() is not None or _answers(client))
                assert running.poll() is None, (folder / "error.log").read_text()
                yield client
        finally:
            running.terminate()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/mirage/").status_code == 200
    except httpx.TransportError:
        return False


def test_every_address_on_a_page_leads_to_the_site(client: httpx.Client) -> None:
    for page in ("/", "/search?q=brain+MRI", "/compare?a.q=brain&b.q=chest", "/corpora", "/collections", "/nowhere"):
        assert escaped(client.get(f"/mirage{page}").text, "/mirage") == []
    start = client.get("/mirage/").text
    linked = set(re.findall(r'(?:href|src)="(/mirage/static/[^"]+)"', start))
    assert len(linked) > 3
    assert {client.get(each).status_code for each in linked} == {200}
    hit = client.get("/mirage/api/search?q=brain+MRI").json()["hits"][0]["figure"]["links"]
    assert {client.get(hit[name]).status_code for name in ("page", "picture", "thumbnail")} == {200}
    assert client.get("/mirage/api/openapi.json").json()["servers"] == [{"url": "/mirage"}]


def test_redirections_stay_on_the_site(client: httpx.Client) -> None:
    assert client.get("/mirage").headers["location"].endswith("/mirage/")
    for asked in ("/search/", "/?q=brain"):
        assert client.get(f"/mirage{asked}").headers["location"].startswith("/mirage/")


def test_a_form_is_taken_and_a_picture_of_two_megabytes(client: httpx.Client, served: Served) -> None:
    origin = {"Origin": str(client.base_url).rstrip("/")}
    made = client.post("/mirage/collections", data={"token": served.token, "title": "Mine"}, headers=origin)
    assert (made.status_code, made.headers["location"][:20]) == (303, "/mirage/collections/")
    foreign = client.post(
        "/mirage/collections", data={"token": served.token}, headers={"Origin": "http://elsewhere.example"}
    )
    assert foreign.status_code == 403
    large = picture(size=(1700, 1500))
    assert len(large) > 1_500_000
    dropped = client.post("/mirage/search", files={"file": ("a.png", large)}, headers=origin)
    assert dropped.status_code == 200, dropped.text
    assert escaped(dropped.text, "/mirage") == []


def test_an_explanation_comes_as_it_is_written(
    client: httpx.Client, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, explaining = threading.Event(), served.atlas.explaining

    def slowly(answer, *, explainer, stopped: Callable[[], bool]) -> Iterator[Event]:
        for event in explaining(answer, explainer=explainer, stopped=stopped):
            if isinstance(event, Ended):
                assert go_on.wait(PATIENCE)
            yield event

    monkeypatch.setattr(served.atlas, "explaining", slowly)
    with client.stream("GET", "/mirage/explain/stream?q=chest+radiograph") as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("event: ")
        go_on.set()
        assert "event: ended" in list(lines)


def test_who_asks_and_the_number_of_the_request_are_told_by_the_proxy_alone(
    client: httpx.Client,
) -> None:
    told = {"X-Request-Id": "of-a-stranger", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Prefix": "/elsewhere"}
    answer = client.get("/mirage/about", headers=told)
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert escaped(answer.text, "/mirage") == []
