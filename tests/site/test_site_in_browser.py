"""A site in a real Chromium: it searches as the atlas does, without a network, from a folder, and where much is missing."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from browsing import expect
from hosting import hosted
from mirage.atlas import Atlas
from mirage.query import Query, Term
from mirage.site import export
from mirage.site.pages import slug

pytestmark = pytest.mark.browser

QUERIES = [
    "aortic dissection",
    "axial brain MRI",
    "lung noduel",
    "riñón izquierdo",
    "no fracture chest x-ray",
    "liver CT",
    "nobody has this",
]
ASK = "(query) => mirageSite.begin().then(() => mirageSite.ask(query))"
LOOK = """async (coded) => {
  await mirageSite.begin();
  return mirageSite.look(new Blob([Uint8Array.from(atob(coded), (one) => one.charCodeAt(0))]));
}"""


@pytest.fixture(scope="module")
def page(chromium: Any, whole_site: Path) -> Iterator[Any]:
    """The search page of a site, ready, with what it complains of."""
    with hosted(whole_site) as base:
        page = chromium.new_context().new_page()
        page.complaints, page.elsewhere, page.base = [], [], base
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and page.complaints.append(said.text))
        page.on("request", lambda asked: asked.url.startswith((base, "blob:", "data:")) or page.elsewhere.append(asked.url))
        page.goto(base)
        page.evaluate("mirageSite.begin()")
        yield page
        page.context.close()


def searched(page: Any, words: str) -> None:
    page.fill("#q", words)
    page.press("#q", "Enter")
    page.wait_for_function("words => new URLSearchParams(location.hash.slice(2)).get('q') === words", arg=words)
    page.wait_for_selector("#results:not([aria-busy]) .summary")


def test_the_browser_answers_as_the_atlas_does(page: Any, some: Atlas) -> None:
    for text in QUERIES:
        there, here = page.evaluate(ASK, Query.of(text).print()), some.search(text)
        ours, theirs = [hit["id"] for hit in there["hits"]][:10], [hit.figure.id for hit in here.hits][:10]
        assert ours[:1] == theirs[:1], text
        assert len({*ours} & {*theirs}) >= 9, text
        said = {hit.figure.id: hit.confidence for hit in here.hits}
        assert all(said.get(hit["id"], hit["confidence"]) == hit["confidence"] for hit in there["hits"]), text
        assert there["notes"] == list(here.notes)


def test_the_browser_explains_what_it_finds_as_the_atlas_does(page: Any, some: Atlas) -> None:
    said = 0
    for text in QUERIES:
        query = Query.of(text).print()
        page.evaluate(ASK, query)
        there, here = (
            page.evaluate("(query) => mirageSite.explain(query)", query),
            some.explain(text, explainer="extractive"),
        )
        assert [(each["text"], tuple(each["cites"])) for each in there["claims"]] == [
            (each.text, each.cites) for each in here.claims
        ], text
        assert there["remarks"] == list(here.remarks), text
        said += len(here.claims)
    assert said


def test_an_explanation_is_made_when_it_is_opened_and_shows_its_evidence(page: Any, some: Atlas) -> None:
    asked = next(text for text in QUERIES if some.explain(text, explainer="extractive").claims)
    page.goto(page.base)
    searched(page, asked)
    page.click("details.quoted summary")
    expect(page.locator(".quoted .claim q").first).to_be_visible()
    page.locator(".quoted .claim .cite").first.click()
    assert page.locator(".quoted .evidence:focus .passage-text").is_visible()
    assert "Licence" in page.inner_text(".quoted .evidence:focus")
    assert "#?q=" in page.url
    assert page.complaints == []


def test_a_picture_finds_what_it_finds_in_the_atlas(page: Any, some: Atlas) -> None:
    rows = [row for batch in some.store.each() for row in batch]
    for row in rows[:: len(rows) // 3]:
        made = io.BytesIO()
        image = Image.open(io.BytesIO(some.pictures.read(row.picture.name))).convert("RGB")
        image.crop((9, 5, image.width, image.height)).save(made, "PNG")
        token = page.evaluate(LOOK, base64.b64encode(made.getvalue()).decode())["token"]
        there = page.evaluate(ASK, f"picture={token}")
        here = some.search(Query((Term(picture=some.embed(Image.open(made))),)))
        assert there["hits"][0]["id"] == here.hits[0].figure.id
        assert len({hit["id"] for hit in there["hits"][:10]} & {hit.figure.id for hit in here.hits[:10]}) >= 9


def test_what_is_looked_for_is_told_to_no_host(chromium: Any, whole_site: Path) -> None:
    asked = list[str]()
    with hosted(whole_site) as base:
        page = chromium.new_context(service_workers="block").new_page()
        page.on("request", lambda request: asked.append(request.url.partition("#")[0]))
        page.goto(f"{base}#?q=aortic+dissection")  # as it was passed on
        page.wait_for_selector("#results .card")
        searched(page, "liver")
        page.reload()
        page.wait_for_selector("#results .card")
        page.goto(f"{base}compare.html#?a=aortic+dissection&b=liver")
        page.wait_for_selector("#sides section:nth-of-type(2) .card")
        assert not [address for address in asked if re.search("aort|liver|[?]", address)]
        # An address of before is read, and becomes another.
        page.goto(f"{base}?q=liver+CT")
        page.wait_for_selector("#results .card")
        assert page.url == f"{base}#?q=liver+CT"
        page.context.close()


def test_what_it_shall_show_less_of_turns_a_search_away_from_it_as_in_the_atlas(page: Any, some: Atlas) -> None:
    page.goto(page.base)
    page.locator("#less-of summary").click()
    page.fill("#less-of input", "liver")
    searched(page, "abdomen CT")
    expect(page.locator("#results .card").first).to_be_visible()
    assert page.url.endswith("#?q=abdomen+CT&less=liver")
    there = page.evaluate(ASK, "q=abdomen+CT&less=liver")
    here = some.search("abdomen CT", less=["liver"])
    assert [hit["id"] for hit in there["hits"][:5]] == [hit.figure.id for hit in here.hits[:5]]
    assert [hit["id"] for hit in there["hits"]] != [hit["id"] for hit in page.evaluate(ASK, "q=abdomen+CT")["hits"]]
    page.reload()
    expect(page.locator("#less-of input")).to_have_value("liver")
    page.goto(f"{page.base}#?q=liver")
    expect(page.locator("#less-of input")).not_to_be_visible()
    assert page.complaints == []


def test_an_example_is_searched_for_and_back_leads_to_the_beginning(page: Any) -> None:
    page.goto(page.base)
    page.locator("#welcome li a").first.click()
    expect(page.locator("#results .card").first).to_be_visible()
    page.go_back()
    expect(page.locator("#welcome")).to_be_visible()
    assert page.locator("#results .card").count() == 0


def test_a_person_searches_opens_a_figure_and_comes_back(page: Any) -> None:
    page.goto(page.base)
    searched(page, "liver CT")
    expect(page.locator("#results .card").first).to_be_visible()
    assert "fit" in page.inner_text("#results .count-line")
    page.locator("#results .card .shot").first.click()
    expect(page.locator("article.figure-body h1")).to_be_visible()
    assert "Licence" in page.inner_text("article.figure-body")
    page.go_back()
    page.wait_for_selector("#results .card")
    assert page.input_value("#q") == "liver CT"
    assert page.elsewhere == []
    assert page.complaints == []


def test_what_is_no_picture_is_told_by_its_name(page: Any) -> None:
    page.goto(page.base)
    page.evaluate("mirageSite.begin()")
    page.set_input_files("#file", files=[{"name": "thesis.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"}])
    expect(page.locator("#results .problem")).to_contain_text("“thesis.pdf” could not be read as a picture")


def test_a_picture_that_is_chosen_is_searched_with_and_can_be_left_out(page: Any) -> None:
    made = io.BytesIO()
    Image.linear_gradient("L").save(made, "PNG")
    page.goto(page.base)
    page.set_input_files("#file", files=[{"name": "mine.png", "mimeType": "image/png", "buffer": made.getvalue()}])
    expect(page.locator("#results .card").first).to_be_visible()
    expect(page.locator("#with-picture")).to_be_visible()
    assert "picture=" not in page.url  # a picture's embedding does not go into addresses that people hand on
    page.click("[data-forget-picture]")
    expect(page.locator("#with-picture")).to_be_hidden()


def test_two_conditions_stand_side_by_side(page: Any) -> None:
    page.goto(f"{page.base}compare.html")
    page.fill("[name=a]", "liver")
    page.fill("[name=b]", "brain MRI")
    page.click("#compared button")
    expect(page.locator("#sides section h2")).to_have_count(2)
    assert page.locator("#sides section").nth(1).locator(".card").count() > 0


def test_a_stack_is_scrolled_by_keys_and_its_address_says_where(page: Any, some: Atlas) -> None:
    stack = next(row.figure for batch in some.store.each() for row in batch if row.figure.stack)
    page.goto(f"{page.base}figure/{slug(stack.id)}.html")
    said = page.locator("[data-slices] output")
    expect(said).to_contain_text(f"slice {stack.stack.best + 1} of {stack.stack.shape[0]}")
    page.focus("[data-slices]")
    page.keyboard.press("ArrowUp")
    expect(said).to_contain_text(f"slice {stack.stack.best} of")
    assert page.url.endswith(f"#slice-{stack.stack.best}")
    shown = "([picture]) => picture.complete && picture.naturalWidth > 0"
    page.wait_for_function(shown, arg=[page.locator("[data-slices] img").element_handle()])


def test_it_works_without_a_network_after_the_first_visit(chromium: Any, whole_site: Path) -> None:
    context = chromium.new_context()
    with hosted(whole_site) as base:
        page = context.new_page()
        page.goto(base)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.wait_for_function(
            "caches.keys().then(async ([name]) => name && (await (await caches.open(name)).keys()).length > 20)"
        )
    # The host is gone.
    page.goto(f"{base}index.html#?q=liver")
    page.wait_for_selector("#results .card")
    assert "fit" in page.inner_text("#results .count-line")
    context.close()


def test_it_searches_when_it_is_opened_from_a_folder(chromium: Any, whole_site: Path) -> None:
    page = chromium.new_context().new_page()
    page.goto(whole_site.joinpath("index.html").as_uri())
    searched(page, "liver CT")
    assert page.locator("#results .card .sure").count() > 3  # of words alone it is not said how sure a hit is
    assert page.locator("#results .notes").count() == 0
    assert "fit" in page.inner_text("#results .count-line")
    made = io.BytesIO()
    Image.linear_gradient("L").save(made, "PNG")
    page.set_input_files("#file", files=[{"name": "mine.png", "mimeType": "image/png", "buffer": made.getvalue()}])
    expect(page.locator("#with-picture")).to_be_visible()
    expect(page.locator("#results .card .sure").first).to_be_visible()
    page.locator("#results .card .shot").first.click()
    expect(page.locator("article.figure-body h1")).to_be_visible()
    page.context.close()


def test_by_words_alone_what_all_figures_have_finds_them_too_and_what_is_rarer_comes_first(
    chromium: Any, plain_site: Path, some: Atlas
) -> None:
    titles = [f"{row.figure.title} {row.figure.caption}".lower() for batch in some.store.each() for row in batch]
    words = Counter(word for title in titles for word in set(re.findall(r"[a-z]{2,}", title)))
    common = next(word for word, count in words.most_common() if count > len(titles) / 2 and not word.endswith("s"))
    with hosted(plain_site) as base:
        page = chromium.new_context(service_workers="block").new_page()
        page.goto(base)
        searched(page, common)
        assert page.locator("#results .card").count() > 10
        searched(page, f"{common} liver")
        assert "iver" in page.inner_text("#results .card >> nth=0")
        page.context.close()


def test_a_denial_of_what_is_not_named_leaves_no_half_sentence(page: Any) -> None:
    page.goto(page.base)
    searched(page, "no fracture")
    assert "Understood as no" not in page.inner_text("#results .summary")


def test_whoever_answers_a_quiz_of_sides_is_not_told_right_for_left(page: Any) -> None:
    page.goto(f"{page.base}quiz.html")
    page.locator("#quiz .actions button").first.click()
    said = page.inner_text("#quiz [role=status]")
    assert said.startswith(("Correct: ", "Not so. Correct is: "))


def test_a_browser_without_wasm_searches_words_and_says_so(chromium: Any, whole_site: Path) -> None:
    with hosted(whole_site) as base:
        page = chromium.new_context().new_page()
        page.add_init_script("delete globalThis.WebAssembly")
        page.goto(base)
        searched(page, "liver CT")
        expect(page.locator("#results .notes")).to_contain_text("no WebAssembly, so words alone are searched")
        assert page.locator("#results .card").count() > 3
        assert page.locator("#results .sure").count() == 0
        page.goto(f"{base}#?q=liver&less=contrast")
        expect(page.locator("#results .notes")).to_contain_text("what it should show less of is left out")
        page.context.close()


def test_a_site_without_what_it_runs_on_searches_words_and_says_so(chromium: Any, plain_site: Path) -> None:
    with hosted(plain_site) as base:
        page = chromium.new_context(service_workers="block").new_page()
        page.goto(base)
        searched(page, "livers")
        expect(page.locator("#results .notes")).to_contain_text("made without what the search runs on")
        assert "iver" in page.inner_text("#results .card >> nth=0")
        page.context.close()


def test_a_part_that_does_not_load_is_told_and_words_are_still_searched(chromium: Any, whole_site: Path) -> None:
    with hosted(whole_site) as base:
        page = chromium.new_context(service_workers="block").new_page()
        page.route("**/data/postings-*", lambda route: route.abort())
        page.goto(base)
        searched(page, "liver CT")
        expect(page.locator("#results .notes")).to_contain_text("part postings could not be loaded")
        assert page.locator("#results .card").count() > 3
        page.route("**/data/words-*", lambda route: route.abort())
        page.goto(f"{base}?q=liver")
        expect(page.locator("#results .problem")).to_contain_text("could not be loaded (words-0")
        page.context.close()


def test_captions_of_strangers_are_text_whichever_way_they_run(chromium: Any, small: Path, tmp_path: Path) -> None:
    evil = '<zebra onclick="globalThis.bad=1"> \u05e9\u05dc\u05d5\u05dd \u202eabc'
    with Atlas.open(small) as atlas:
        first = next(row.figure.id for batch in atlas.store.each() for row in batch)
        atlas.edit(first, caption=f"Phantom {evil}", title=f"Strange {evil}")
        export.write(atlas, tmp_path / "site", purpose="myself", fetch=False, explain=False)
    with hosted(tmp_path / "site") as base:
        page = chromium.new_context(service_workers="block").new_page()
        page.goto(base)
        searched(page, "strange")
        title = page.locator("#results .card .title").first
        expect(title).to_contain_text("<zebra onclick")
        assert title.get_attribute("dir") == "auto"
        page.locator("#results .card .shot").first.click()
        expect(page.locator("article.figure-body h1")).to_contain_text("<zebra onclick")
        assert page.evaluate("globalThis.bad ?? 0") == 0
        page.context.close()
