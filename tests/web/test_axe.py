"""Every page, in every state that looks different, holds what axe-core asks of it: light, dark, narrow and wide."""

from __future__ import annotations

import pytest
from serving import serving
from site_states import opened as everything_open
from site_states import states

from browsing import QUESTIONS, opened, rested, sized
from live_maker import installed
from mirage.atlas import Atlas
from mirage.corpora import load
from mirage.settings import Settings
from mirage.storage.ingest import add
from parts import copy_atlas
from pencil import drawn_with

pytestmark = [pytest.mark.browser, pytest.mark.one_server("what was looked through stays with one server")]


@pytest.fixture(scope="module")
def everything(tmp_path_factory, some_folder, roots):
    """A site that has all that a page can show."""
    own = tmp_path_factory.mktemp("everything")
    folder = copy_atlas(some_folder, own / "atlas")
    with (
        drawn_with(),
        pytest.MonkeyPatch.context() as patch,
        installed(own / "source", patch),
        Atlas.open(folder) as atlas,
    ):
        add(atlas, load("folder", path=roots / "My teaching files"))
        with serving(atlas, Settings(folder_roots=(roots,)), roots) as served, served.client() as client:
            yield served, states(client, served.atlas, served.token)


# Wide and light, narrow and dark each time; the other two by night.
_LOOKS = {"by day": ((1280, "light"), (320, "dark")), "by night": ((1280, "dark"), (320, "light"))}


@pytest.mark.timeout(1200)  # many pages; on a busy machine each takes its time
@pytest.mark.parametrize("looks", ["by day", pytest.param("by night", marks=pytest.mark.nightly)])
def test_no_state_of_a_page_breaks_a_rule_of_axe(chromium, everything, looks):
    axe = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")
    script = axe.AXE_FILE_PATH.read_text("utf-8") + QUESTIONS
    served, all_states = everything
    page, _ = opened(chromium, served)
    found, known = {}, {"light": set(), "dark": set()}

    def tell(where, broken):
        for each in broken:
            found.setdefault(each, []).append(where)

    for state in all_states:
        sized(page, 1280)
        page.emulate_media(color_scheme="light")
        page.goto(state.address)
        state.act(page)
        rested(page)
        page.evaluate(script)
        for width, scheme in _LOOKS[looks]:
            sized(page, width)
            tell(f"{state.name} {width}", page.evaluate("askRules()"))
            page.emulate_media(color_scheme=scheme)
            broken, ways = page.evaluate("known => askColours(known)", sorted(known[scheme]))
            tell(f"{state.name} {width} {scheme}", [*broken, *page.evaluate("askContrast()")])
            known[scheme].update(ways)
        tell(state.name, page.evaluate("askPlain()"))
        everything_open(page)
        for width in (320, 390, 1280, 3840):
            sized(page, width)
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                tell(f"{state.name} {width}", [f"wider than the screen: {wide}"])
    page.context.close()
    assert not found, "\n".join(
        f"{broken}\n    {len(where)} times: {', '.join(where[:4])}" for broken, where in found.items()
    )


def test_a_text_that_is_paler_than_its_like_is_asked_about(chromium, site):
    axe = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")
    page, _ = opened(chromium, site)
    page.goto("/about")
    page.evaluate(axe.AXE_FILE_PATH.read_text("utf-8") + QUESTIONS)
    broken, known = page.evaluate("askColours([])")
    assert (broken, page.evaluate("known => askColours(known)", known)) == ([], [[], []])
    page.evaluate("document.querySelector('main p').style.opacity = 0.4")
    broken, more = page.evaluate("known => askColours(known)", known)
    page.context.close()
    assert broken
    assert all(each.startswith("color-contrast") for each in broken)
    assert more


def test_how_sure_a_hit_is_is_seen_without_colours(chromium, everything):
    served, _ = everything
    page, _ = opened(chromium, served)
    page.context.new_cdp_session(page).send("Emulation.setEmulatedVisionDeficiency", {"type": "achromatopsia"})
    seen = {}
    for words in ("axial brain MRI", "appendicitis"):
        page.goto(f"/search?q={words}")
        for level in ("strong", "likely", "weak"):
            if page.locator(f".line.sure-{level} .bars").count():
                line = page.locator(f".line.sure-{level}").first
                seen[level] = line.locator(".bars").screenshot(), line.locator("strong").inner_text()
    page.context.close()
    assert len(seen) > 1
    assert len({drawn for drawn, _ in seen.values()}) == len({words for _, words in seen.values()}) == len(seen)
