"""Pages as a browser without JavaScript gets them."""

import gzip
import html
import re
from urllib.parse import quote

import pytest
from under import PREFIX


def cards(page: str) -> list[str]:
    """Every figure shown, those below the best of their case too."""
    return re.findall(r'<li class="card(?: small)?" id="hit-.*?(?=<li class="card|</ol>)', page, re.DOTALL)


def test_the_start_page_puts_the_query_first_and_shows_examples_that_work(client):
    page = client.get("/").text
    assert page.index('name="q"') < page.index("<h2")
    assert "it does not diagnose" in page
    examples = re.findall(r'<a href="(/search\?q=[^"]+)"', page)
    assert examples
    for address in examples:
        found = client.get(html.unescape(address)).text
        assert cards(found)
        assert "Nothing here fits" not in found


def test_a_search_shows_figures_with_source_licence_and_how_sure(client):
    page = client.get("/search", params={"q": "axial brain MRI"}).text
    found = cards(page)
    assert len(found) == 24
    for card in found:
        assert re.search(r'<p class="source">.*?class="attribution">[^<]+<', card, re.DOTALL)
        assert re.search(r"Licence:\s+(<a [^>]+>)?[^<\s]", card)
        assert re.search(r"<strong>(Strong|Likely|Weak)</strong>", card)
        assert re.search(r'<img [^>]*width="\d+" height="\d+" loading="lazy"[^>]* alt="[^"]+"', card)
    assert not re.search(r"\d\s?%", re.sub(r"<[^>]+>", "", page)), "a score is no percentage"


def test_a_figure_without_licence_says_not_stated_wherever_it_is_shown(client, a_case):
    case = client.get(f"/api/cases/{quote(a_case)}").json()
    figure = case["figures"][0]
    told = figure["source"]["licence"]
    assert (told["name"], told["kind"], told["stated"], told["allows_sharing"]) == ("not stated", "not stated", False, False)
    assert told["passing_on"] == "The source states no licence. Ask it before you pass the picture on."
    for path in (case["page"], figure["links"]["page"], figure["links"]["similar"]):
        assert "not stated" in client.get(path).text


def test_facets_carry_counts_and_narrow(client):
    page = client.get("/search?q=brain").text
    counted = re.search(r'name="modality" value="CT"[^>]*><span>CT</span> <span class="count">(\d+)<', page)
    narrowed = client.get("/search?q=brain&modality=CT").text
    assert len(cards(narrowed)) >= min(24, int(counted[1])) > 0
    assert "Counts are of figures that name what you ask for" in narrowed
    assert re.search(r'name="modality" value="CT" form="search" checked', narrowed)
    assert re.search(
        r'name="modality" value="MR" form="search" data-apply><span>MRI</span> <span class="count">\d+<', narrowed
    )


def test_what_a_plain_form_sends_becomes_a_short_address(client):
    sent = "q=brain&more=&more_weight=1&less=contrast&less_weight=0.5&less=&less_weight=1&modality=MR"
    answer = client.get(f"/search?{sent}")
    assert answer.url.query.decode() == "q=brain&less=contrast%400.5&modality=MR"
    page = answer.text
    assert 'value="contrast"' in page
    assert 'name="less_weight" form="search" value="0.5"' in page


def test_an_empty_query_leads_to_the_start_page(client):
    answer = client.get("/search?q=+&modality=")
    assert answer.url.path == "/"
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("q=brain&k=0", "from 1 to 500"),
        ("q=brain&k=-1", "from 1 to 500"),
        ("q=brain&k=1000000000", "from 1 to 500"),
        ("q=brain&k=many", "whole number"),
        ("q=" + "brain+" * 1667, "characters long"),
        ("less=contrast", "more of"),
        ("q=brain&colour=red", "Not understood"),
        ("q=brain&plane=diagonal", "diagonal"),
        ("like=starter:nothing", "starter:nothing"),
        ("q=https://example.org/cat.png", "nothing is fetched from the network"),
        ("picture=0123456789ab.AAAAAAAAAAAA", "not put into an address"),
    ],
)
def test_a_query_that_cannot_be_answered_says_why_above_a_working_search_box(client, query, says):
    answer = client.get(f"/search?{query}")
    assert 400 <= answer.status_code < 500
    problem = re.search(r'<p class="problem" role="alert">(.*?)</p>', answer.text, re.DOTALL)
    assert says in html.unescape(problem[1])
    assert 'id="search"' in answer.text
    assert "Traceback" not in answer.text


def test_control_characters_markup_and_emoji_are_only_words(client):
    answer = client.get("/search", params={"q": "brain\x00\x1b <script>alert(1)</script> 🧠 &amp;"})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text


@pytest.mark.writes("a page of such an atlas offers no change")
def test_what_the_atlas_cannot_hold_is_said_and_medpix_offered(client):
    page = client.get("/search", params={"q": "appendicitis with an inflamed appendix"}).text
    if "Nothing here fits" in page:
        assert set(re.findall(r"<strong>(Strong|Likely|Weak)</strong>", page)) == {"Weak"}
        assert 'href="/corpora#medpix"' in page
    else:
        pytest.fail("a pathology that the starter figures lack was called a fit")


def test_showing_more_raises_k_and_keeps_the_place(client):
    page = client.get("/search?q=brain&k=12").text
    address = html.unescape(re.search(r'<p class="more"><a class="button" href="([^"]+)"', page)[1])
    assert address.endswith("k=36#hit-13")
    assert len(cards(client.get(address).text)) == 36


def test_a_figure_page_says_all_there_is_and_how_to_cite_it(client, a_figure):
    figure = client.get(f"/api/figures/{quote(a_figure)}").json()
    page = html.unescape(client.get(f"/figure/{quote(a_figure)}").text)
    for words in (figure["caption"], figure["source"]["attribution"], figure["source"]["licence"]["name"], figure["id"]):
        assert words in page
    assert figure["citation"] in page
    assert figure["source"]["url"] in page
    assert {"figure": "Source", "case": "Source (case)", "collection": "Source (collection)"}[
        figure["source"]["url_of"]
    ] in page
    assert len(cards(page)) == 12
    assert not re.search(rf'id="hit-1"[^>]*>\s*<a class="shot" href="/figure/{re.escape(a_figure)}"', page)


def test_a_case_reads_from_history_to_discussion_and_can_hide_its_answer(client, a_case):
    shown = client.get(f"/case/{quote(a_case)}").text
    places = [shown.index(f'id="p-{name}"') for name in ("history", "findings", "diagnosis", "discussion")]
    assert places == sorted(places)
    assert len(re.findall(r'<li class="card">', shown)) == 2
    hidden = client.get(f"/case/{quote(a_case)}?answer=hidden").text
    head, _, rest = hidden.partition("<details><summary>")
    assert "A cough for two weeks" in head
    assert "Test shadow" not in head
    assert "Shadows have many causes." in rest
    assert "Frontal chest film" not in hidden


def test_figures_and_pages_that_are_not_there_are_friendly(client):
    for path in ("/figure/starter:none", "/case/a:b/c..d", "/nowhere", "/figure/..%2F..%2Fetc", "/static/x/../app.py"):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert 'href="/"' in answer.text
        assert "Traceback" not in answer.text


def test_pictures_may_be_kept_for_good_only_under_an_address_that_names_them(client, a_figure):
    links = client.get(f"/api/figures/{quote(a_figure)}").json()["links"]
    for address in (links["picture"], links["thumbnail"]):
        first = client.get(address)
        assert first.headers["content-type"] in ("image/png", "image/jpeg", "image/webp")
        assert "immutable" in first.headers["cache-control"]
        assert client.get(address, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
        assert client.get(address.split("?")[0]).headers["cache-control"] == "no-cache"
        assert client.get(address.split("?")[0] + "?v=other").headers["cache-control"] == "no-cache"
    assert len(client.get(links["thumbnail"]).content) < 40_000


@pytest.mark.skipif(bool(PREFIX), reason="below a path the client of the tests unpacks what it reads")
def test_a_search_page_transfers_at_most_60_kb_before_thumbnails(site):
    with site.client(headers={"Accept-Encoding": "gzip"}) as client:
        total = 0
        waiting, seen = ["/search?q=axial+brain+MRI"], set()
        while waiting:
            address = waiting.pop()
            if address in seen:
                continue
            seen.add(address)
            with client.stream("GET", address) as answer:
                assert answer.status_code == 200
                raw = b"".join(answer.iter_raw())
                total += len(raw) + sum(len(k) + len(v) + 4 for k, v in answer.headers.raw)
                zipped = answer.headers.get("content-encoding") == "gzip"
            text = (gzip.decompress(raw) if zipped else raw).decode()
            assert zipped or len(raw) < 800
            if "html" in answer.headers["content-type"]:
                waiting += re.findall(r'(?:href|src)="(/static/[^"]+)"', text)
            elif "javascript" in answer.headers["content-type"]:
                waiting += [address.rsplit("/", 1)[0] + name[1:] for name in re.findall(r'from "(\./[^"]+)"', text)]
        assert len(seen) >= 7
        assert total <= 60_000, total


def test_figures_of_one_case_stand_below_its_best_and_the_cases_are_counted(client):
    asked = {"q": "axial brain MRI"}
    found = client.get("/api/search", params=asked).json()
    page = client.get("/search", params=asked).text
    groups = found["groups"]
    assert 1 < len(groups) < len(found["hits"])
    assert sorted(one["rank"] for group in groups for one in group["figures"]) == [hit["rank"] for hit in found["hits"]]
    figures = {hit["rank"]: hit["figure"] for hit in found["hits"]}
    for group in groups:
        assert {figures[one["rank"]]["case_id"] for one in group["figures"]} == {group["case_id"]}
        if more := len(group["figures"]) - 1:
            assert f"<summary>{more} more of this case</summary>" in page
    assert re.findall(r'<li class="card" id="hit-(\d+)"', page) == [str(group["figures"][0]["rank"]) for group in groups]
    fitting = [hit for hit in found["hits"] if hit["confidence"] != "weak"]
    cases = len({hit["figure"]["case_id"] for hit in fitting} - {""})
    assert f"{len(fitting)} figures</strong> of {cases} case" in page


def test_a_mended_word_is_said_and_the_word_as_typed_is_a_click_away(client):
    page = client.get("/search", params={"q": "axial cerebelum"}).text
    said = re.search(r'Showing <em>cerebellum</em>; <a href="([^"]+)">search for <em>cerebelum</em> instead</a>', page)
    again = client.get(html.unescape(said[1])).text
    assert "Showing <em>" not in again
    assert 'value="axial &#34;cerebelum&#34;"' in again


def test_every_meaning_of_a_short_form_is_a_search_with_its_full_name(client):
    reading = client.get("/api/search", params={"q": "MS axial"}).json()["reading"]
    meanings = {each["words"]: each["url"] for each in reading["doubtful"][0]["meanings"]}
    assert {"multiple sclerosis", "mitral stenosis"} <= set(meanings)
    page = client.get("/search", params={"q": "MS axial"}).text
    assert "MS may mean:" in page
    for words, url in meanings.items():
        assert f">{words}</a>" in page
        assert client.get("/api" + url).json()["reading"]["typed"] == f"{words} axial"


def test_one_against_another_leads_to_their_comparison(client):
    page = client.get("/search", params={"q": "cerebellum versus hippocampus", "modality": "MR"}).text
    url = re.search(r'<a href="([^"]+)">Compare <em>cerebellum</em> with <em>hippocampus</em> side by side', page)[1]
    compared = client.get("/api" + html.unescape(url)).json()
    assert [compared[side]["query"]["terms"][0]["text"] for side in "ab"] == ["cerebellum", "hippocampus"]
    assert [compared[side]["query"]["filters"] for side in "ab"] == [{"modality": ["MR"]}] * 2


def test_a_name_in_other_words_is_said_by_its_own(client):
    assert client.get("/api/search", params={"q": "APENDICITIS aguda"}).json()["reading"]["understood"] == ["appendicitis"]
    assert client.get("/api/search", params={"q": "DX"}).json()["reading"]["understood"] == ["radiography"]
    assert "Understood as <em>appendicitis</em>" in client.get("/search", params={"q": "apendicitis aguda"}).text
    assert "Understood as" not in client.get("/search", params={"q": "brains MRI"}).text


def test_a_likeness_says_so_and_is_never_strong(client, a_figure):
    page = client.get("/search", params={"like": a_figure}).text
    for card in cards(page):
        assert '<span class="basis">looks alike</span>' in card
        assert "<strong>Strong</strong>" not in card


def test_counts_beside_the_filters_of_a_likeness_are_of_the_figures_shown(client, a_figure):
    page = client.get("/search", params={"like": a_figure}).text
    assert "Counts are of the figures shown" in page
    counted = re.findall(r'name="modality" value="[^"]+"[^>]*><span>[^<]+</span> <span class="count">(\d+)<', page)
    assert sum(map(int, counted)) <= len(cards(page))
    assert client.get("/api/facets", params={"like": a_figure}).json()["among"] == "shown"


def test_words_that_only_ask_are_told_so_and_the_atlas_is_not_called_empty(client):
    page = client.get("/search", params={"q": "what is the"}).text
    assert "Name what you look for" in page
    assert "holds nothing to search" not in page


def test_figures_that_are_all_of_one_case_are_not_folded_away(client):
    licence = next(name for name in client.get("/api/facets").json()["facets"]["licence"] if "ICBM" in name)
    of_one = {"q": "brain", "licence": licence}
    found = client.get("/api/search", params=of_one).json()
    assert len(found["groups"]) == 1
    assert len(found["hits"]) > 1
    page = client.get("/search", params=of_one).text
    fitting = sum(hit["confidence"] != "weak" for hit in found["hits"])
    assert f"{fitting} figures</strong> of 1 case" in page
    assert "more of this case" not in page
    page = client.get("/search", params={"q": "axial CT"}).text
    assert re.search(r"figures</strong> of \d+ cases? and \d+ of no case fit, best first", page)


def test_what_fits_is_counted_apart_from_what_is_weak(client):
    alone = client.get("/api/search", params={"q": "lung nodule"}).json()["hits"]
    beside = client.get("/api/compare", params={"a.q": "lung nodule", "b.q": "lung mass"}).json()["a"]["hits"]
    for address, hits in (("/search?q=lung+nodule", alone), ("/compare?a.q=lung+nodule&b.q=lung+mass", beside)):
        weak = sum(hit["confidence"] == "weak" for hit in hits)
        assert 0 < weak < len(hits)
        page = html.unescape(client.get(address).text)
        assert re.search(rf"{len(hits) - weak} figures?</strong>(?: of \d+ cases?)? fits?, best first; {weak} more", page)


def test_the_start_page_says_of_how_many_people_the_shipped_pictures_are(client):
    page = html.unescape(client.get("/").text)
    starter = next(each for each in client.get("/api/atlas").json()["corpora"] if each["name"] == "starter")
    assert re.search(r"\d+ people", starter["summary"])
    assert starter["summary"] in page


def test_a_page_is_painted_once_all_that_it_shows_is_read(client, a_figure, a_case):
    own = (f"/figure/{quote(a_figure)}", f"/case/{quote(a_case)}", "/search?q=brain", "/compare?a.q=brain&b.q=chest")
    names = "about browse collections corpora generate map nowhere quiz repeat reviews synthetic"
    for path in ("/", *own, *(f"/{name}" for name in names.split())):
        page = client.get(path).text
        (waited_for,) = re.findall(r'<link rel="expect" href="#([\w-]+)" blocking="render">', page)
        before, after = page.split(f' id="{waited_for}"')  # there, and once only
        assert "</main>" in before, path
        assert not re.search(r"<(img|nav|footer|section|form)\b", after), path
