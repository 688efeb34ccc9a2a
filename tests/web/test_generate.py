"""Synthetic images over HTTP and without JavaScript: asked for, followed, stopped, refused, kept apart from figures."""

from __future__ import annotations

import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image
from serving import picture, serving

from marks_maker import read
from mirage.atlas import Atlas
from mirage.generate.synthesis import MAX_AHEAD
from mirage.settings import Settings
from parts import copy_atlas, until
from pencil import MISSING, RELEASED, SIDE, Pencil, drawn_with, missing

TOKEN = {"X-Mirage-Token": "the-token-of-this-start"}


@pytest.fixture(scope="module")
def drawing(tmp_path_factory, some_folder, roots):
    """A site whose generator is a pencil."""
    folder = copy_atlas(some_folder, tmp_path_factory.mktemp("drawing") / "atlas")
    with drawn_with(), Atlas.open(folder) as atlas, serving(atlas, Settings(), roots) as served:
        yield served


@pytest.fixture
def web(drawing):
    with drawing.client() as made:
        yield made
        for job in made.get("/api/jobs").json()["jobs"]:
            if not job["ended"]:
                made.post(f"/api/jobs/{job['id']}/cancel", headers=TOKEN)
                ended(made, job["id"])


def begin(web, words="axial brain MRI", **choices):
    answer = web.post("/api/generate", json={"terms": [{"text": words}], **choices}, headers=TOKEN)
    assert answer.status_code == 202, answer.text
    return answer.json()


def ended(web, job_id):
    return until(lambda: (now := web.get(f"/api/jobs/{job_id}").json())["ended"] and now)


def made(web, words="axial brain MRI", **choices):
    job = ended(web, begin(web, words, **choices)["id"])
    assert job["state"] == "done", job
    return web.get(f"/api/synthetic/{job['results'][0]}").json()


def events_of(web, job_id):
    text = ""
    with web.stream("GET", f"/api/jobs/{job_id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for part in answer.iter_text():
            text += part
            if "event: preview" in text:
                RELEASED.set()
    RELEASED.clear()
    return [(name, json.loads(data)) for name, data in re.findall(r"event: (\w+)\ndata: (.*)\n", text)]


def test_an_image_comes_with_its_record_its_checks_and_what_is_real(web):
    view = made(web, seed=7, steps=3)
    assert view["record"]["seed"] == 7
    assert view["record"]["steps"] == 3
    assert view["record"]["generator"] == "pencil"
    assert "no patient" in view["statement"]
    assert view["alt"].startswith("Synthetic image: ")
    assert view["match"]["said"]
    assert "%" not in json.dumps(view["match"])
    assert view["copy_check"]["said"]
    assert view["nearest"]
    for figure in view["nearest"]:
        assert figure["source"]["attribution"]
        assert figure["source"]["licence"]["name"]
        assert web.get(figure["links"]["page"]).status_code == 200


@pytest.mark.parametrize(("kind", "ending"), [("png", "png"), ("jpeg", "jpg"), ("webp", "webp"), ("dicom", "dcm")])
def test_every_file_says_that_it_is_synthetic(web, kind, ending):
    view = made(web)
    answer = web.get(view["downloads"][kind])
    assert answer.headers["content-disposition"] == f'attachment; filename="synthetic-{view["id"]}.{ending}"'
    marks = read(answer.content)
    assert marks.synthetic
    assert marks.ours


def test_the_image_to_look_at_is_marked_and_has_the_size_that_is_said(web):
    view = made(web)
    answer = web.get(view["image"])
    assert read(answer.content).synthetic
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.size == (view["width"], view["height"])
        assert image.height > image.width, "the band is below the content"
    assert 'filename="synthetic-' in answer.headers["content-disposition"]


def test_the_same_request_makes_the_same_picture_and_another_seed_another(web):
    def pixels(**choices):
        image = Image.open(io.BytesIO(web.get(made(web, **choices)["image"]).content)).convert("L")
        return list(image.crop((100, 100, 400, 400)).resize((30, 30)).tobytes())

    def apart(a, b):
        return sum(abs(x - y) for x, y in zip(a, b, strict=True)) / len(a)

    first, again, other = pixels(seed=1), pixels(seed=1), pixels(seed=2)
    assert apart(first, again) < 4  # the watermark carries each image's own id
    assert apart(first, other) > 8


@pytest.mark.one_server("a picture in the making is shown by the server that draws it")
def test_a_job_is_followed_by_events_with_a_preview_and_its_result(web):
    job = begin(web, "leisurely a chest CT", steps=8)
    seen = events_of(web, job["id"])
    names = [name for name, _ in seen]
    assert names[-1] == "ended"
    assert {"progress", "preview", "result"} <= set(names)
    assert seen[-1][1]["state"] == "done"
    (result,) = [view for name, view in seen if name == "result"]
    assert seen[-1][1]["results"] == [result["id"]]
    done = [view["done"] for name, view in seen if name == "progress"]
    assert done == sorted(done)


@pytest.mark.one_server("a picture in the making is shown by the server that draws it")
def test_the_preview_has_the_band_below_the_picture(web):
    job = begin(web, "leisurely a chest CT", steps=40)
    until(lambda: web.get(f"/api/jobs/{job['id']}").json()["done"])
    answer = web.get(f"/api/jobs/{job['id']}/preview")
    assert answer.status_code == 200
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.height > image.width
    web.post(f"/api/jobs/{job['id']}/cancel", headers=TOKEN)
    assert ended(web, job["id"])["state"] == "cancelled"
    assert web.get(f"/api/jobs/{job['id']}/preview").status_code == 204


def test_a_stopped_job_leaves_no_image_and_says_so(web):
    before = web.get("/api/synthetic").json()["total"]
    job = begin(web, "leisurely a chest CT", steps=100)
    web.post(f"/api/jobs/{job['id']}/cancel", headers=TOKEN)
    after = ended(web, job["id"])
    assert after["state"] == "cancelled"
    assert after["results"] == []
    assert web.get("/api/synthetic").json()["total"] == before
    assert "stopped" in web.get(after["page"]).text


def test_a_failed_job_says_why_on_its_page(web):
    job = ended(web, begin(web, "a torn tendon")["id"])
    assert job["state"] == "failed"
    assert "The model file is torn. Install it again." in web.get(job["page"]).text


def test_an_image_that_came_out_black_is_told_and_not_shown(web):
    job = ended(web, begin(web, "nothing of a chest CT")["id"])
    page = web.get(job["page"]).text
    assert "the numbers overflowed" in page
    for name in job["results"]:
        assert web.get(f"/api/synthetic/{name}").json()["image"] == ""
        assert web.get(f"/api/synthetic/{name}/image").status_code == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"terms": []}, "Say in words what the image shall show"),
        ({"terms": [{"text": "   "}]}, "Say in words what the image shall show"),
        ({"terms": [{"text": "brain", "weight": -1}]}, "Say in words what the image shall show"),
        ({"terms": [{"text": "word " * 2000}]}, "characters long"),
        ({"terms": [{"text": "brain"}], "width": 7, "height": 7}, "from 32 to 128 pixels, a multiple of 16; 7 is not"),
        ({"terms": [{"text": "brain"}], "width": 10_000, "height": 10_000}, "10000"),
        ({"terms": [{"text": "brain"}], "steps": 0}, "number of steps is from 1 to 200"),
        ({"terms": [{"text": "brain"}], "steps": 10_000}, "number of steps is from 1 to 200"),
        ({"terms": [{"text": "brain"}], "guidance": float("nan")}, "guidance is from 1 to 20"),
        ({"terms": [{"text": "brain"}], "count": 99}, "number of images is from 1 to 8"),
        ({"terms": [{"text": "brain"}], "seed": -1}, "seed is from 0"),
        ({"terms": [{"text": "brain"}], "figure": "nowhere:1"}, "nowhere:1"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once_by_name(web, body, said):
    answer = web.post("/api/generate", content=json.dumps(body), headers={**TOKEN, "Content-Type": "application/json"})
    assert answer.status_code in (400, 404), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


def test_a_body_of_megabytes_is_refused_before_it_is_read_as_a_prompt(web):
    answer = web.post("/api/generate", json={"terms": [{"text": "word " * 200_000}]}, headers=TOKEN)
    assert answer.status_code == 413
    assert "A prompt is a sentence or two" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"q": ""}, "Say in words what the image shall show"),
        ({"q": "brain", "steps": "many"}, "The number of steps is a whole number, not"),
        ({"q": "brain", "guidance": "nan"}, "guidance is from 1 to 20"),
        ({"q": "brain", "size": "7"}, "from 32 to 128 pixels"),
        ({"q": "word " * 2000}, "characters long"),
        ({"q": "https://example.org/a.png"}, "nothing is fetched from the network"),
    ],
)
def test_the_form_comes_back_with_what_was_typed_and_what_is_wrong(web, drawing, fields, said):
    page = web.post("/generate", data={**fields, "token": drawing.token})
    assert page.status_code == 400
    assert 'role="alert"' in page.text
    assert said in page.text
    for value in fields.values():
        assert value.strip()[:1000] in page.text


@pytest.mark.one_server("each server has a queue of its own")
def test_a_thousand_requests_at_once_are_bounded_and_told_when_to_come_back(web, drawing):
    first = begin(web, "leisurely a chest CT", steps=200)
    body = {"terms": [{"text": "leisurely a chest CT"}], "steps": 200}

    def ask(_):
        # Each of the crowd has a client of its own: a pool that threads share hands out a connection that the server is
        # just closing, or closes one that it has just given to another thread (httpcore's issue 1110).
        with drawing.client(headers=TOKEN) as client:
            return [client.post("/api/generate", json=body) for _ in range(25)]

    with ThreadPoolExecutor(40) as pool:
        answers = [answer for some in pool.map(ask, range(40)) for answer in some]
    assert {answer.status_code for answer in answers} == {202, 429}
    taken = [answer for answer in answers if answer.status_code == 202]
    assert len(taken) <= MAX_AHEAD
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["content-type"] == "application/problem+json"
    assert int(refused.headers["retry-after"]) > 0
    assert refused.json()["status"] == 429
    assert refused.json()["detail"]
    last = taken[-1].json()
    assert web.get(f"/api/jobs/{last['id']}").json()["ahead"] >= 1
    page = web.post("/generate", data={"q": "a hand", "token": drawing.token})
    assert page.status_code == 429
    assert "a hand" in page.text
    for answer in [*taken]:
        web.post(f"/api/jobs/{answer.json()['id']}/cancel", headers=TOKEN)
    web.post(f"/api/jobs/{first['id']}/cancel", headers=TOKEN)
    ended(web, first["id"])


def test_the_form_without_scripts_leads_to_a_page_that_reloads_until_the_image_is_there(web, drawing):
    page = web.post("/generate", data={"q": "sagittal spine MRI", "seed": "4", "less": "contrast", "token": drawing.token})
    assert page.status_code == 200
    assert page.url.path.startswith("/generate/")
    job = page.url.path.rpartition("/")[2]
    ended(web, job)
    page = web.get(f"/generate/{job}")
    assert 'class="synthetic-frame"' in page.text
    assert 'http-equiv="refresh"' not in page.text
    assert "It shows no patient and proves nothing." in page.text
    (name,) = web.get(f"/api/jobs/{job}").json()["results"]
    record = web.get(f"/api/synthetic/{name}").json()["record"]
    assert {"text": "contrast", "weight": -1.0} in record["terms"]


def test_a_picture_to_begin_from_is_taken_and_its_image_cannot_be_made_again_from_here(web, drawing):
    files = {"file": ("begin.png", picture(size=(SIDE, SIDE)), "image/png")}
    answer = web.post("/api/generate", data={"q": "chest CT", "token": drawing.token}, files=files)
    assert answer.status_code == 202, answer.text
    (name,) = ended(web, answer.json()["id"])["results"]
    assert web.get(f"/api/synthetic/{name}").json()["record"]["start"] == "an upload"
    assert "cannot be made again" in web.get(f"/synthetic/{name}").text
    broken = {"file": ("begin.png", picture()[:40], "image/png")}
    refused = web.post("/api/generate", data={"q": "chest CT", "token": drawing.token}, files=broken)
    assert refused.status_code == 422


def test_the_page_of_an_image_leads_on(web):
    view = made(web, "coronal abdomen CT", seed=3)
    page = web.get(view["page"]).text
    for said in ("Try again", "Make it again", "Change the words", "Search real figures", "Real figures most like it"):
        assert said in page
    assert 'href="/verify"' in page
    assert page.count('name="seed" value="3"') == 1, "only making it again keeps the seed"
    assert view["id"] in web.get("/synthetic").text


def test_a_deleted_image_is_gone_everywhere(web):
    view = made(web)
    assert web.post(f"/api/synthetic/{view['id']}/delete").status_code == 403
    assert web.post(f"/api/synthetic/{view['id']}/delete", headers=TOKEN).json() == {"id": view["id"]}
    for path in (view["page"], view["image"], f"/api/synthetic/{view['id']}"):
        assert web.get(path).status_code == 404
    assert web.post(f"/api/synthetic/{view['id']}/delete", headers=TOKEN).status_code == 404


def test_images_are_listed_without_reading_a_picture(web, monkeypatch):
    view = made(web)
    whole = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        assert path.suffix != ".png", f"{path} was read to list it"
        return whole(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    for address in ("/generate", "/synthetic", "/api/synthetic"):
        answer = web.get(address)
        assert answer.status_code == 200
        assert view["image"] in answer.text


def test_a_synthetic_image_is_never_among_the_figures(web, drawing):
    figures = web.get("/api/atlas").json()["figures"]
    view = made(web, "axial brain MRI")
    assert web.get("/api/atlas").json()["figures"] == figures
    hits = web.get("/api/search?q=axial+brain+MRI&k=500").json()["hits"]
    assert view["id"] not in {hit["figure"]["id"] for hit in hits}
    assert "synthetic-frame" not in re.search(r'<ol class="grid".*?</ol>', web.get("/search?q=brain").text, re.DOTALL)[0]


def test_the_search_page_offers_what_its_words_and_filters_say(web):
    page = web.get("/search?q=brain&less=contrast@0.5&modality=MR&plane=axial").text
    panel = re.search(r'<section class="making".*?</section>', page, re.DOTALL)[0]
    assert 'name="q" value="brain, axial MRI"' in panel
    assert 'name="less" value="contrast@0.5"' in panel
    assert "data-always" not in panel
    figure = web.get("/api/search?q=brain&k=1").json()["hits"][0]["figure"]["id"]
    assert '<section class="making"' not in web.get("/search", params={"like": figure}).text


def test_both_sides_of_a_comparison_are_drawn_from_one_seed(web, drawing):
    page = web.get("/compare?a.q=brain+MRI&b.q=chest+CT").text
    panel = re.search(r'<section class="making".*?</form>', page, re.DOTALL)[0]
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', panel))
    assert fields == {"a.q": "brain MRI", "b.q": "chest CT", "token": drawing.token}
    both = web.post("/compare/generate", data=fields)
    assert both.status_code == 200
    assert both.text.count("data-drawing=") == 2
    answer = web.post("/api/compare/generate", json={"a": [{"text": "brain"}], "b": [{"text": "heart"}]}, headers=TOKEN)
    pair = answer.json()
    seeds = {made_by(web, pair[side]["id"])["record"]["seed"] for side in "ab"}
    assert seeds == {pair["seed"]}


def test_the_two_sides_of_a_comparison_begin_alike_so_neither_is_chosen_from_drafts(web, monkeypatch):
    asked, draw = [], Pencil._ring
    monkeypatch.setattr(
        Pencil, "_ring", lambda self, request, seed: asked.append(request.drafts) or draw(self, request, seed)
    )
    pair = web.post("/api/compare/generate", json={"a": [{"text": "brain"}], "b": [{"text": "heart"}]}, headers=TOKEN).json()
    assert [made_by(web, pair[side]["id"])["record"]["drafts"] for side in "ab"] == [1, 1]
    assert asked == [1, 1]


def made_by(web, job_id):
    return web.get(f"/api/synthetic/{ended(web, job_id)['results'][0]}").json()


def test_asking_gives_hits_an_explanation_and_an_image_in_the_making(web):
    body = {"a": {"terms": [{"text": "axial chest CT, lung nodule"}]}, "seed": 5}
    view = web.post("/api/ask", json=body, headers=TOKEN).json()
    assert view["search"]["hits"]
    assert view["explanation"]["claims"]
    assert view["comparison"] is None
    assert view["no_image"] == ""
    assert made_by(web, view["jobs"][0]["id"])["record"]["seed"] == 5


def test_asking_of_two_compares_them_and_draws_both_from_one_seed(web):
    body = {"a": {"terms": [{"text": "axial brain MRI"}]}, "b": {"terms": [{"text": "coronal brain MRI"}]}}
    view = web.post("/api/ask", json=body, headers=TOKEN).json()
    assert view["search"] is None
    assert view["comparison"]["a"]["hits"]
    assert view["explanation"]["evidence"]
    assert {made_by(web, job["id"])["record"]["seed"] for job in view["jobs"]} == {view["seed"]}


def test_without_a_generator_every_page_says_so_and_the_rest_works(site, roots):
    with drawn_with(missing), serving(site.atlas, Settings(), roots) as served, served.client() as client:
        assert client.get("/api/generate").json()["problem"] == MISSING
        for path in ("/generate", "/search?q=brain", "/compare?a.q=brain&b.q=heart", "/synthetic"):
            page = client.get(path)
            assert page.status_code == 200
            assert MISSING in page.text, path
        refused = client.post("/api/generate", json={"terms": [{"text": "brain"}]}, headers=TOKEN)
        job = refused.json()
        assert refused.status_code == 503 or ended(client, job["id"])["state"] == "failed"


def test_always_is_a_setting(site, roots):
    with (
        drawn_with(),
        serving(site.atlas, Settings(generate_always=True), roots) as served,
        served.client() as client,
    ):
        assert "data-always" in client.get("/search?q=brain").text


def test_a_figure_can_be_begun_from_where_the_generator_can(web, drawing):
    figure = web.get("/api/search?q=axial+brain+MRI&k=1").json()["hits"][0]["figure"]
    page = web.get(figure["links"]["page"]).text
    address = re.search(r'href="(/generate\?[^"]+)"', page)[1].replace("&amp;", "&")
    assert f'name="figure" value="{figure["id"]}" checked' in web.get(address).text
    view = made(web, "axial brain MRI", figure=figure["id"], strength=0.5)
    assert web.get(f"/api/figures/{quote(view['record']['start'])}").json()["id"] == figure["id"]
    assert view["record"]["strength"] == 0.5
    assert f'name="figure" value="{view["record"]["start"]}"' in web.get(view["page"]).text
