"""Scrolling through a stack in a real Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Outcome, Row, Setting, spread
from benchmarks.page import FLAGS, found_browser
from benchmarks.serving import Served
from mirage import corpora
from mirage.atlas import Atlas
from mirage.storage import ingest
from mirage.web.templating import address

_BAR = 33.0
# Each slice alone, from an empty cache; as the page does it, a step every 50 ms; and as 8-bit PNG, which has no window.
_TIMES = """async ([script, headerAddress]) => {
  const { Slices, inflate, unpredict } = await import(script);
  const header = await (await fetch(headerAddress)).json();
  const plane = header.planes[0];
  const at = (template, number) => template.replace("{view}", plane.plane).replace("{number}", number);
  const timed = async (get) => { const since = performance.now(); await get(); return performance.now() - since; };
  const found = { alone: [], ahead: [], png: [], bytes: 0 };
  const bare = { cache: "no-store" };
  for (let number = 0; number < plane.slices; number += 1) {
    found.alone.push(await timed(async () => {
      const answer = await fetch(at(header.links.slices, number), bare);
      unpredict(await inflate(answer), plane.rows, plane.columns, header.colours);
      found.bytes += Number(answer.headers.get("Content-Length"));
    }));
    found.png.push(await timed(async () => {
      const image = await createImageBitmap(await (await fetch(at(header.links.pictures, number), bare)).blob());
      image.close();
    }));
  }
  const slices = new Slices((view, number) => at(header.links.slices, number), () => plane, header.colours);
  for (let number = 0; number < plane.slices; number += 1) {
    found.ahead.push(await timed(() => slices.get(plane.plane, number)));
    await new Promise((done) => setTimeout(done, 50));
  }
  return found;
}"""


def scrolling(setting: Setting) -> Outcome:
    """The next slice of a CT-like stack, fetched from this machine and unpacked."""
    browser = found_browser()
    if browser is None:
        return Outcome("scrolling", (), skipped="needs Chromium; MIRAGE_CHROMIUM may name it")
    count, side = setting.size(230, 12), setting.size(512, 64)
    scan, folder = setting.folder / "scan", setting.folder / "scan-atlas"
    write_scan(scan / "scan.nii", count, side)
    with Atlas.open(folder, create=True) as atlas:
        ingest.add(atlas, corpora.load("folder", path=scan))
        stack = atlas.search("CT").hits[0].figure.id
    with Served(folder) as served:
        found = _times(browser, served.url, f"/api/stacks/{stack}")
    told = {name: spread(found[name][1:]) for name in ("alone", "ahead", "png")}
    size = f"{count} slices of {side} × {side}"
    rows = (
        Row(f"next slice fetched and unpacked, p95, nothing kept ({size})", told["alone"]["p95"], "ms", _BAR,
            instead="a PNG of 8 bits made on the server", ratio=round(told["png"]["p95"] / told["alone"]["p95"], 2)),
        Row(f"the same while the page fetches ahead, 20 slices/s, p95 ({size})", told["ahead"]["p95"], "ms", _BAR),
        Row(f"slice as it is sent ({size})", round(found["bytes"] / count / 1e3, 1), "kB",
            instead="16 bits a pixel as they are", ratio=round(side * side * 2 / (found["bytes"] / count), 2)),
    )  # fmt: skip
    return Outcome("scrolling", rows, dict(told), ("A drawn scan with noise of 22 HU. The first slice is left out",))


def write_scan(path: Path, count: int, side: int) -> None:
    """Draw a body with organs and the noise of a CT, and write it as NIfTI.

    Parameters
    ----------
    path : Path
    count, side : int
        Slices, and pixels along each side of one.
    """
    import nibabel  # noqa: PLC0415 - takes a moment

    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / side - 0.5
    body = (y / 0.35) ** 2 + (x / 0.42) ** 2 < 1
    voxels = np.empty((side, side, count), np.int16)
    for number in range(count):
        values = np.where(body, 40 + 60 * np.sin(x * 22 + number / 9) * np.cos(y * 17), -1000)
        for organ in range(8):
            place, radius = (
                0.3 * np.array([np.sin(organ * 2.1), np.cos(organ * 1.7)]),
                0.05 + 0.02 * np.sin(number / 12 + organ),
            )
            values = np.where((y - place[0]) ** 2 + (x - place[1]) ** 2 < radius**2, 20 + 60 * organ, values)
        voxels[:, :, number] = (values + rng.normal(0, 22, values.shape)).clip(-1024, 3071).T
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([0.8, 0.8, 1.5, 1.0])), path)


def _times(browser: str, url: str, header: str) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - a development dependency

    with sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
        tab = window.new_page()
        tab.goto(url + "/about")
        found: dict[str, Any] = tab.evaluate(_TIMES, [address("slices.js"), header])
        window.close()
    return found
