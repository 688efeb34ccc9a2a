"""Titles break between words or at soft hyphens, and what is copied from them has none."""

from __future__ import annotations

import pytest
from serving import picture, serving

from browsing import expect, opened
from mirage.atlas import Atlas
from mirage.corpora import load
from mirage.settings import Settings
from mirage.storage.ingest import add

TITLE = "Dermatofibrosarcoma with esophagogastroduodenoscopy, pseudohypoparathyroidism and oligodendrogliomatosis"
SOFT = "\u00ad"
# Where a line ends in the middle of a word: between two letters, of which the first is no soft hyphen.
BROKEN = r"""() => [...document.querySelectorAll('h1, h2, h3, .title')].flatMap((title) => {
  const found = [], range = document.createRange(), letter = (sign) => /\p{L}/u.test(sign ?? '');
  const walk = document.createTreeWalker(title, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) {
    let before = null;
    for (let at = 0; at < node.length; at++) {
      range.setStart(node, at);
      range.setEnd(node, at + 1);
      const box = [...range.getClientRects()].at(-1), text = node.data;
      if (!box?.width) continue;
      const lower = before && box.top > before.top + 4;
      if (lower && letter(text[at]) && letter(text[at - 1])) found.push(`${text.slice(0, at)}|${text.slice(at)}`);
      before = box;
    }
  }
  return found;
})"""
COPIED = """() => {
  const heading = document.querySelector('h1');
  getSelection().selectAllChildren(heading);
  const event = new ClipboardEvent('copy', { clipboardData: new DataTransfer(), bubbles: true, cancelable: true });
  heading.dispatchEvent(event);
  return event.clipboardData.getData('text/plain');
}"""


@pytest.fixture(scope="module")
def long_titles(tmp_path_factory, roots):
    """The site of an atlas whose titles have long words."""
    folder = tmp_path_factory.mktemp("long") / "Long titles"
    folder.mkdir()
    table = ["file,caption,title,modality,plane,case,history,discussion"]
    for number in range(3):
        (folder / f"{number}.png").write_bytes(picture(seed=number))
        table.append(f'{number}.png,"{TITLE}, place {number}.","{TITLE}",XR,frontal,case-1,A history.,A discussion.')
    (folder / "figures.csv").write_text("\n".join(table), "utf-8")
    with Atlas.open(folder.parent / "atlas", create=True) as atlas:
        add(atlas, load("folder", path=folder))
        with serving(atlas, Settings(), roots) as served:
            yield served


def test_soft_hyphens_are_in_titles_and_nowhere_else(long_titles):
    figure = next(row.figure for rows in long_titles.atlas.store.each() for row in rows)
    with long_titles.client() as client:
        page = client.get(f"/figure/{figure.id}").text
        heading, rest = page.split("<h1", 1)[1].split("</h1>", 1)
        assert heading.count(SOFT) > 5
        assert heading.split(">", 1)[1].replace(SOFT, "") == TITLE
        for part in (page.split("</title>")[0], rest.split('id="cite-text"')[1].split("</p>")[0]):
            assert "Dermatofibrosarcoma" in part
            assert SOFT not in part
        assert SOFT not in client.get(f"/api/figures/{figure.id}").text
        typed = f"Der{SOFT}mato{SOFT}fibro{SOFT}sarcoma"
        assert client.get("/api/search", params={"q": typed}).json()["query"]["terms"][0]["text"] == "Dermatofibrosarcoma"


@pytest.mark.browser
def test_no_title_breaks_inside_a_word_but_at_a_soft_hyphen(chromium, long_titles):
    page, complaints = opened(chromium, long_titles, viewport={"width": 320, "height": 800})
    figure = next(row.figure for rows in long_titles.atlas.store.each() for row in rows)
    own = [f"/figure/{figure.id}", f"/case/{figure.case_id}"]
    with long_titles.client() as client:
        organs = [each["page"] for each in client.get("/api/browse").json()["systems"]]
    for address in (*own, "/search?q=dermatofibrosarcoma", "/browse", *organs[:2]):
        page.goto(address)
        expect(page.locator("h1").first).to_be_attached()
        assert page.evaluate(BROKEN) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") == 320, address
    page.goto(own[0])
    assert page.evaluate(COPIED) == TITLE
    assert complaints == []
