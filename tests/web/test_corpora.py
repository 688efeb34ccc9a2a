"""The Corpora page is made of what each corpus says of itself, one of another package included."""

import re

import pytest
from markupsafe import escape

from mirage import plugins
from mirage.corpora import CorpusCard, CorpusOption
from mirage.shipped import SHIPPED


class TeachingSlides:
    """A corpus of another package, as far as the page looks at it."""

    card = CorpusCard(
        title="Teaching slides",
        summary="Slides of a course.",
        options=(
            CorpusOption("course", "Which course.", required=True),
            CorpusOption("captions", "Whether to take the captions.", bool, default=True),
            CorpusOption("names", "Whether to take what names patients.", bool, by_command=True),
        ),
    )


@pytest.fixture
def slides(monkeypatch):
    available, load = plugins.available, plugins.load
    monkeypatch.setattr(plugins, "available", lambda group: {**available(group), "slides": None})
    monkeypatch.setattr(plugins, "load", lambda group, name: TeachingSlides if name == "slides" else load(group, name))


def test_the_page_of_an_atlas_says_what_it_holds_and_leads_to_the_licences(client, site):
    told = {each["name"]: each for each in client.get("/api/corpora").json()["corpora"]}
    starter = told.pop("starter")
    folder = told.popitem()[1]
    assert starter["people"] == "at most 29 people and two average brains"
    assert folder["people"] == ""
    assert folder["modalities"] == [{"value": "XR", "name": "X-ray", "figures": 2}]
    assert folder["diagnoses"] == [{"value": "Test shadow", "name": "Test shadow", "figures": 2}]
    for corpus in (starter, folder):
        assert sum(each["figures"] for each in corpus["sources"]) == corpus["figures"]
    page = client.get("/corpora").text
    place = page[page.index("From a folder") - 3000 : page.index("From a folder")]
    assert "<dt>People</dt><dd>not stated</dd>" in place
    assert '<a href="/search?q=Test+shadow">Test shadow</a> (2)' in place
    assert "MRI" in page
    for source in starter["sources"]:
        assert escape(source["attribution"]) in page
        assert source["licence_url"] in page
    notices = client.get(re.search(r'href="(/notices)"', page)[1]).text
    for path in (SHIPPED / "atlas" / "NOTICES").glob("*.txt"):
        assert escape(path.read_text("utf-8")) in notices
    assert "Licensed under" in notices or "Apache License" in notices


def test_the_page_of_an_atlas_lists_its_stacks(stacked):
    with stacked.client() as client:
        (made,) = client.get("/api/corpora").json()["corpora"]
        assert (made["stacked"], [each["slices"] for each in made["stacks"]]) == (2, [24, 5])
        page = client.get("/corpora").text
    assert "4, 2 of them stacks of slices" in page
    assert '<a href="/figure/made:scan">Made-up abdomen, CT</a>, 24 slices' in page


@pytest.mark.writes("a page of such an atlas offers no change")
@pytest.mark.usefixtures("slides")
def test_a_corpus_of_another_package_gets_its_place_and_its_form(client):
    page = client.get("/corpora").text
    place = re.search(r'<li id="slides">.*?</li>', page, re.DOTALL)[0]
    assert "Teaching slides" in place
    assert "Slides of a course." in place
    assert re.search(r'<input name="course"[^>]* required>', place)
    assert re.search(r'<input type="checkbox" name="captions"', place)
    offers = {offer["name"]: offer for offer in client.get("/api/corpora").json()["addable"]}
    assert [option["name"] for option in offers["slides"]["options"]] == ["course", "captions"]


@pytest.mark.usefixtures("slides")
@pytest.mark.parametrize(
    ("options", "said"),
    [({}, "needs the option course"), ({"course": "anatomy", "colour": "red"}, "no option 'colour'")],
)
def test_what_its_options_cannot_be_is_said_by_name(site, client, options, said):
    body = {"corpus": "slides", "options": options}
    answer = client.post("/api/jobs", json=body, headers={"X-Mirage-Token": site.token})
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


def test_a_path_in_an_option_must_lie_under_a_root(site, client):
    body = {"corpus": "folder", "path": str(site.roots), "options": {"words": "/etc/passwd"}}
    answer = client.post("/api/jobs", json=body, headers={"X-Mirage-Token": site.token})
    assert answer.status_code == 400
    assert "folder_roots" in answer.json()["detail"]


@pytest.mark.one_server("a command asks the server that the folder names")
@pytest.mark.usefixtures("slides")
@pytest.mark.parametrize(("corpus", "option"), [("slides", "names"), ("folder", "allow_burned_in")])
def test_what_concerns_privacy_is_chosen_by_a_command_alone(site, client, corpus, option):
    assert f'name="{option}"' not in client.get("/corpora").text
    offers = {offer["name"]: offer for offer in client.get("/api/corpora").json()["addable"]}
    assert option not in [each["name"] for each in offers[corpus]["options"]]
    body = {"corpus": corpus, "path": str(site.roots / "nothing"), "options": {option: True}}
    answer = client.post("/api/jobs", json=body, headers={"X-Mirage-Token": site.token})
    assert answer.status_code == 403
    assert option.replace("_", "-") in answer.json()["detail"]
    form = {"token": site.token, "corpus": corpus, option: "yes"}
    assert client.post("/corpora", data=form).status_code == 403
    by_command = client.post("/api/jobs", json=body, headers={"X-Mirage-Token": site.atlas.holder.token})
    assert by_command.status_code == 400, "the command gets as far as the options' values"


@pytest.mark.writes("a page of such an atlas offers no change")
def test_a_choice_is_made_among_plain_words_and_a_wrong_one_keeps_the_form(site, client):
    page = client.get("/corpora").text
    chosen = re.search(r'<select name="stacks">.*?</select>', page, re.DOTALL)[0]
    assert '<option value="series" selected>DICOM series, NIfTI files, and pages or frames of one file</option>' in chosen
    assert "pictures with numbered names" in chosen
    folder = str(site.roots / "My teaching files")
    form = {"token": site.token, "corpus": "folder", "path": folder, "stacks": "yes", "licence": "CC-BY-4.0"}
    answer = client.post("/corpora", data=form)
    assert answer.status_code == 400
    place = re.search(r'<li id="folder">.*?</li>', answer.text, re.DOTALL)[0]
    assert 'role="alert"' in place
    assert "stacks is one of series, numbered, none" in place
    assert f"<option selected>{folder}</option>" in place
    assert 'name="licence" value="CC-BY-4.0"' in place


@pytest.mark.writes("a page of such an atlas offers no change")
def test_a_folder_is_called_by_its_name_where_that_name_is_offered_and_nowhere_else(site, client):
    page = client.get("/corpora").text
    held = page[: page.index("Add more")]
    assert "<h2>My teaching files</h2>" in held
    assert "My teaching files" not in client.get("/api/atlas").text
    assert "My teaching files" not in client.get("/").text
