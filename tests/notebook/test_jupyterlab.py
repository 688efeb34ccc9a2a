"""The widget in a real JupyterLab, in a real browser: what somebody does there can be read in the next cell."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from browsing import expect, started
from mirage.atlas import Atlas
from mirage.corpora import load
from mirage.storage.ingest import add
from parts import PATIENCE, copy_atlas

pytestmark = pytest.mark.notebook
# An environment with JupyterLab and the widget; `make test-notebook` makes it.
THERE = os.environ.get("MIRAGE_TEST_NOTEBOOK", "")
NAME = "سارة <svg onload=alert(1)>"
CELLS = (
    "import mirage\natlas = mirage.Atlas.open({atlas!r}, to_read=True)\nfound = mirage.widget(atlas)\nfound",
    "print('told', found.query, '|', found.against, '|', found.hits[0].figure.id, '|', found.figure and found.figure.id)",
    "found.query, found.figure = 'retina', None",
    "found.figure = found.ids[0]",
)


@pytest.fixture(scope="module")
def atlas(some_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, path = tmp_path_factory.mktemp("own"), copy_atlas(some_folder, tmp_path_factory.mktemp("lab") / "atlas")
    with Atlas.open(path) as opened:
        (folder / "a.png").write_bytes(Path(opened.picture("starter:retina")).read_bytes())
        (folder / "figures.csv").write_text(f"file,caption,title\na.png,A made-up shadow,{NAME}\n", "utf-8")
        add(opened, load("folder", path=folder))
    return path


@pytest.fixture(scope="module")
def lab(atlas: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not THERE:
        pytest.skip("MIRAGE_TEST_NOTEBOOK names no environment with JupyterLab; make test-notebook makes one")
    home = tmp_path_factory.mktemp("home")
    bare = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{**bare, "id": f"c{n}", "source": cell.format(atlas=str(atlas))} for n, cell in enumerate(CELLS)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    book = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (home / "notes.ipynb").write_text(json.dumps(book), "utf-8")
    running = home / "runtime"
    kept = {"PATH": f"{THERE}/bin:{os.environ['PATH']}", "HOME": str(home), "JUPYTER_RUNTIME_DIR": str(running)}
    command = [f"{THERE}/bin/jupyter-lab", "--no-browser", "--allow-root", "--port=0", "--IdentityProvider.token="]
    command += ["--expose-app-in-browser", f"--ServerApp.root_dir={home}"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, env=kept, cwd=home, stdout=log, stderr=log)
        try:
            until = time.monotonic() + PATIENCE
            while not (told := list(running.glob("jpserver-*.json"))):
                assert server.poll() is None, (home / "log").read_text()
                assert time.monotonic() < until, (home / "log").read_text()
                time.sleep(0.1)
            yield json.loads(told[0].read_text())["url"]
        finally:
            server.terminate()
            server.wait(PATIENCE)


@pytest.fixture(scope="module")
def page(lab: str) -> Iterator:
    with started() as browser:
        shown = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
        shown.goto(f"{lab}lab/tree/notes.ipynb?reset")
        shown.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.context?.isReady")
        shown.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"
        )
        run(shown, 0)
        shown.locator(".mirage-form").wait_for()
        yield shown


def run(page, cell: int) -> None:
    """Run a cell, and wait until it has run."""
    page.evaluate(
        """async (cell) => {
          window.jupyterapp.shell.currentWidget.content.activeCellIndex = cell;
          await window.jupyterapp.commands.execute("notebook:run-cell");
        }""",
        cell,
    )


def told(page) -> str:
    """What a cell reads of the widget."""
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1; }")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-cell-output')")
    run(page, 1)
    said = page.locator(".jp-Cell").nth(1).locator(".jp-OutputArea-output")
    expect(said).to_contain_text("told")
    return said.inner_text().strip()


def search(page, words: str, other: str = "") -> None:
    page.get_by_label("Search for").fill(words)
    page.get_by_label("Compare with").fill(other)
    page.get_by_label("Search for").press("Enter")
    expect(page.locator(".mirage-side")).to_have_count(2 if other else 1)
    expect(page.locator(".mirage-side").first).to_have_attribute("aria-label", words)


def test_words_are_searched_and_the_next_cell_reads_what_was_found(page) -> None:
    search(page, "axial brain MRI")
    expect(page.locator(".mirage-said")).to_contain_text("Figures shown:")
    first = page.locator(".mirage-look").first.get_attribute("data-id")
    assert f"told axial brain MRI |  | {first} | None" in told(page)


def test_two_conditions_stand_side_by_side(page) -> None:
    search(page, "brain MRI", "chest CT")
    assert "told brain MRI | chest CT |" in told(page)
    search(page, "brain MRI")


def test_a_picture_is_dropped(page, atlas: Path) -> None:
    with Atlas.open(atlas, to_read=True) as opened:
        data = base64.b64encode(Path(opened.picture("starter:retina")).read_bytes()).decode()
    page.evaluate(
        """async (data) => {
          const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
          const dropped = new DataTransfer();
          dropped.items.add(new File([bytes], "mine.png", { type: "image/png" }));
          const box = document.querySelector(".mirage");
          box.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, bubbles: true, cancelable: true }));
        }""",
        data,
    )
    expect(page.locator(".mirage-card").first).to_contain_text("etina")
    assert "told  |  | starter:retina |" in told(page)


def test_a_large_picture_is_made_smaller_before_it_is_sent(page) -> None:
    search(page, "brain MRI")
    large = io.BytesIO()
    Image.effect_noise((3600, 3600), 90).save(large, "PNG")
    assert len(large.getvalue()) > 10_000_000  # more than a notebook's server takes in one message
    chosen = {"name": "large.png", "mimeType": "image/png", "buffer": large.getvalue()}
    page.get_by_label("or choose, or drop, a picture").set_input_files(chosen)
    expect(page.locator(".mirage-side")).not_to_have_attribute("aria-label", "brain MRI")
    expect(page.locator(".mirage-wrong")).to_be_empty()
    assert "told  |  |" in told(page)


def test_a_large_file_that_the_browser_cannot_read_is_told(page) -> None:
    chosen = {"name": "scan.dcm", "mimeType": "application/dicom", "buffer": bytes(7_000_000)}
    page.get_by_label("or choose, or drop, a picture").set_input_files(chosen)
    expect(page.locator(".mirage-wrong")).to_contain_text("scan.dcm")


def test_what_is_no_picture_is_told_in_a_sentence(page) -> None:
    page.get_by_label("or choose, or drop, a picture").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"}
    )
    expect(page.locator(".mirage-wrong")).to_contain_text("notes.txt")
    search(page, "retina")
    expect(page.locator(".mirage-wrong")).to_be_empty()


def test_a_figure_opens_by_the_keyboard_and_closes_by_escape(page) -> None:
    search(page, "retina")
    look = page.locator(".mirage-look").first
    look.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".mirage-open img")).to_be_visible()
    expect(page.locator(".mirage-open")).to_be_focused()
    assert told(page).endswith(f"| {look.get_attribute('data-id')}")
    page.locator(".mirage-open").focus()
    page.keyboard.press("Escape")
    expect(page.locator(".mirage-open")).to_be_hidden()
    assert told(page).endswith("None")


def test_what_cells_set_is_shown(page) -> None:
    run(page, 2)
    expect(page.get_by_label("Search for")).to_have_value("retina")
    run(page, 3)
    expect(page.locator(".mirage-open h3")).to_be_visible()


def test_words_of_others_are_text_in_their_own_direction(page) -> None:
    search(page, "made-up shadow")
    title = page.locator(".mirage-title").first
    expect(title).to_contain_text(NAME)
    assert title.get_attribute("dir") == "auto"
    assert page.locator(".mirage svg").count() == 0


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_it_breaks_no_rule_of_axe(page, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
    search(page, "brain MRI", "chest CT")
    page.evaluate(axe.AXE_FILE_PATH.read_text("utf-8"))
    found = page.evaluate("() => axe.run('.mirage')")
    assert [
        (each["id"], each["nodes"][0]["html"][:160], each["nodes"][0]["failureSummary"]) for each in found["violations"]
    ] == []
