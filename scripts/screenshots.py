"""Make the README's screenshots: the starter atlas, served for real, in a real Chromium.

    python scripts/screenshots.py [--chromium PATH]

Builds the starter atlas in a temporary folder, serves it on a free port and writes ``docs/images/*.webp``. MedPix pictures
never come near: the atlas holds only what ships.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from mirage.atlas import Atlas
from mirage.corpora import load
from mirage.settings import Settings
from mirage.storage.ingest import add
from mirage.web import create_app
from mirage.web.server import listen

OUT = Path(__file__).parent.parent / "docs" / "images"
QUERY = "coronal brain MRI, hippocampus"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--disable-sync", "--font-render-hinting=none"]


@contextmanager
def served() -> Iterator[tuple[str, Atlas]]:
    """The starter atlas on a free port."""
    with tempfile.TemporaryDirectory() as folder, Atlas.open(Path(folder) / "atlas", create=True) as atlas:
        add(atlas, load("starter"))
        listening = listen("127.0.0.1", 0)
        app = create_app(atlas, Settings(folder_roots=()))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://localhost:{listening.getsockname()[1]}", atlas
        finally:
            server.should_exit = True
            thread.join(10)
            listening.close()


def nothing(_page: Page) -> None:
    """The page as it opens."""


def make(page: Page) -> None:
    """Press the button that makes a synthetic image, and wait for it."""
    page.locator(".making [data-make] button").click()
    page.locator(".making .made img").first.wait_for(timeout=120_000)
    page.wait_for_load_state("networkidle")
    page.locator(".making").scroll_into_view_if_needed()


def shoot(
    browser: Browser,
    address: str,
    name: str,
    *,
    width: int,
    height: int,
    scheme: str,
    quality: int = 82,
    first: Callable[[Page], None] = nothing,
) -> None:
    """One picture of one page, as WebP."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    page.wait_for_load_state("networkidle")
    first(page)
    page.evaluate("document.activeElement.blur()")
    with Image.open(io.BytesIO(page.screenshot())) as image:
        image.convert("RGB").save(OUT / f"{name}.webp", quality=quality, method=6)
    context.close()
    print(f"{OUT / name}.webp  {(OUT / f'{name}.webp').stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    given = parser.parse_args()
    if not given.chromium:
        parser.error("no Chromium found; name it with --chromium")
    OUT.mkdir(parents=True, exist_ok=True)
    with served() as (url, atlas), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.chromium, args=ARGUMENTS)
        query = QUERY.replace(" ", "+")
        first = atlas.search(QUERY).hits[0].figure.id
        wide = {"width": 1280, "height": 800}
        shoot(browser, url, "start", **wide, scheme="light")
        shoot(browser, f"{url}/search?q={query}", "search", **wide, scheme="light")
        shoot(browser, f"{url}/search?q=appendicitis", "nothing-fits", **wide, scheme="light")
        shoot(browser, f"{url}/figure/{first}", "figure", **wide, scheme="dark")
        shoot(browser, f"{url}/search?q={query}", "search-phone", width=390, height=844, scheme="dark")
        shoot(browser, f"{url}/search?q=axial+brain+MRI,+cerebellum", "explain", width=1440, height=800, scheme="light")
        shoot(browser, f"{url}/compare?a.q=axial+brain+MRI&b.q=sagittal+brain+MRI", "compare", **wide, scheme="light")
        if httpx.get(f"{url}/api/generate").json()["ready"]:
            both = f"{url}/compare?a.q=axial+brain+MRI&b.q=sagittal+brain+MRI"
            shoot(browser, f"{url}/search?q=axial+brain+MRI", "synthetic", **wide, scheme="light", first=make)
            shoot(browser, both, "synthetic-pair", **wide, scheme="dark", first=make)
            shoot(browser, f"{url}/generate?q=sagittal+brain+MRI", "generate", **wide, scheme="light")
        else:
            print("No generator is installed; its pages are left as they are.")
        browser.close()


if __name__ == "__main__":
    main()
