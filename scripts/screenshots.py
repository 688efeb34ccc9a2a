"""Make pictures of every page in every state, on one sheet, and the few that the README and the docs show.

    python scripts/screenshots.py [NAME ...] [--chromium PATH]

Builds the starter atlas in a temporary folder and serves it on a free port. Writes ``screenshots/index.html`` with every
state at four widths, light, dark and in forced colours, and, under the name ``docs``, ``docs/images/*.webp``.
MedPix pictures never come near: the atlas holds only what ships.
"""

from __future__ import annotations

import argparse
import html
import io
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from site_states import State, states

from mirage.atlas import Atlas
from mirage.corpora import load
from mirage.settings import Settings
from mirage.storage.ingest import add
from mirage.web import create_app
from mirage.web.server import listen

ROOT = Path(__file__).parent.parent
OUT = ROOT / "docs" / "images"
SHEET = ROOT / "screenshots"
WIDTHS = (320, 768, 1280, 2560)
LOOKS = {"light": {"color_scheme": "light"}, "dark": {"color_scheme": "dark"}, "forced": {"forced_colors": "active"}}
LONGEST = 4000  # pixels of a page that are shown
TOKEN = "of-the-screenshots"
QUERY = "/search?q=coronal+brain+MRI,+hippocampus"
TWO = "/compare?a.q=axial+brain+MRI&b.q=sagittal+brain+MRI"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--disable-sync", "--font-render-hinting=none"]


@contextmanager
def served() -> Iterator[tuple[str, Atlas]]:
    """The starter atlas on a free port."""
    with tempfile.TemporaryDirectory() as folder, Atlas.open(Path(folder) / "atlas", create=True) as atlas:
        add(atlas, load("starter"))
        listening = listen("127.0.0.1", 0)
        app = create_app(atlas, Settings(folder_roots=()), token=TOKEN)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://localhost:{listening.getsockname()[1]}", atlas
        finally:
            server.should_exit = True
            thread.join(10)
            listening.close()


def settled(page: Page) -> None:
    """Wait until nothing comes any more, and take the focus away."""
    page.wait_for_load_state("networkidle")
    page.evaluate("document.activeElement.blur()")


# -- the sheet ---------------------------------------------------------------------------------------------------------


def shoot_state(page: Page, state: State) -> None:
    """Pictures of a state in all widths and looks."""
    page.emulate_media(color_scheme="light", forced_colors="none", reduced_motion="reduce")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(state.address)
    state.act(page)
    settled(page)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        for look, media in LOOKS.items():
            page.emulate_media(**{"color_scheme": "light", "forced_colors": "none", **media})
            # A page is as high as its content, and pictures of it load when they are seen.
            height = min(LONGEST, page.evaluate("document.documentElement.scrollHeight"))
            page.set_viewport_size({"width": width, "height": max(800, height)})
            page.wait_for_load_state("networkidle")
            page.screenshot(path=SHEET / f"{state.name}-{width}-{look}.png")
            page.set_viewport_size({"width": width, "height": 800})


def write_sheet(shown: list[State]) -> None:
    """One page of all pictures: a row for each state and look."""
    rows = []
    for state in shown:
        for look in LOOKS:
            files = [(f"{state.name}-{width}-{look}.png", f"{state.name} at {width} pixels, {look}") for width in WIDTHS]
            links = [f'<a href="{file}"><img src="{file}" alt="{words}" loading="lazy"></a>' for file, words in files]
            rows.append(f"<h2>{html.escape(state.name)}, {look}</h2><p>{' '.join(links)}</p>")
    page = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>All pages of MIRAGE</title>
<style>body {{ font: 1rem system-ui; margin: 2rem; background: #888 }} p {{ white-space: nowrap; overflow-x: auto }}
img {{ height: 480px; vertical-align: top }}</style>{" ".join(rows)}</html>"""
    (SHEET / "index.html").write_text(page, "utf-8")


# -- the docs ----------------------------------------------------------------------------------------------------------


def shoot(browser: Browser, url: str, state: State, size: tuple[int, int] = (1280, 800), scheme: str = "light") -> None:
    """One picture of one page, as WebP."""
    width, height = size
    context = browser.new_context(base_url=url, viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(state.address)
    page.wait_for_load_state("networkidle")
    state.act(page)
    settled(page)
    with Image.open(io.BytesIO(page.screenshot())) as image:
        image.convert("RGB").save(OUT / f"{state.name}.webp", quality=82, method=6)
    context.close()
    print(f"{OUT / state.name}.webp  {(OUT / f'{state.name}.webp').stat().st_size / 1000:.0f} kB")


def shoot_docs(browser: Browser, url: str, figure: str) -> None:
    """The pictures of the README and the docs."""
    shoot(browser, url, State("search", QUERY))
    shoot(browser, url, State("figure", f"/figure/{figure}"), scheme="dark")
    shoot(browser, url, State("search-phone", QUERY), (390, 844), "dark")
    shoot(browser, url, State("compare", TWO))


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="which states, or docs; all of them when left out")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    given = parser.parse_args()
    if not given.chromium:
        parser.error("no Chromium found; name it with --chromium")
    OUT.mkdir(parents=True, exist_ok=True)
    SHEET.mkdir(exist_ok=True)
    with served() as (url, atlas), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.chromium, args=ARGUMENTS)
        with httpx.Client(base_url=url, follow_redirects=True, timeout=60) as client:
            listed = states(client, atlas, TOKEN)
        page = browser.new_context(base_url=url).new_page()
        for state in listed:
            if not given.names or state.name in given.names:
                shoot_state(page, state)
                print(state.name)
        write_sheet(listed)
        print(SHEET / "index.html")
        if not given.names or "docs" in given.names:
            shoot_docs(browser, url, atlas.search("coronal brain MRI, hippocampus").hits[0].figure.id)
        browser.close()


if __name__ == "__main__":
    main()
