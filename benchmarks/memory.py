"""Memory of a server over 2,000 figures while it answers queries and takes pictures that somebody drops."""

from __future__ import annotations

import io
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import numpy as np
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian

from benchmarks import many
from benchmarks.measure import Outcome, Row, Setting
from benchmarks.seeds import dicom_of
from benchmarks.serving import Served
from mirage import corpora
from mirage.atlas import Atlas
from mirage.storage import ingest

_BAR = 700.0
_AT_ONCE, _BAR_AT_ONCE = 8, 1_200.0
_SIDE = 7_000  # pixels; 49 megapixels are the most that may be dropped


def memory(setting: Setting) -> Outcome:
    """The highest resident memory of the server's process, and the part of it that no file backs."""
    queries, uploads = setting.size(200, 10), 5
    real, _ = many.real_atlas(setting)
    with Atlas.open(real) as atlas:
        if setting.medpix:
            ingest.add(atlas, corpora.load("starter"))  # 1,850 and 313 figures, all with their pictures
        figures = len(atlas.index)
        some = [row for batch in atlas.store.each() for row in batch][:: max(1, figures // uploads)][:uploads]
        dropped = [atlas.pictures.read(row.picture.name) for row in some]
    texts = many.queries(real, queries, seed=3)
    anonymous = 0.0
    with Served(real) as served, httpx.Client(base_url=served.url, trust_env=False, timeout=600) as client:
        idle = served.memory()
        for number, text in enumerate(texts):
            page = "/search" if number % 2 else "/api/search"
            client.get(page, params={"q": text}).raise_for_status()
            if number % (queries // uploads) == 0:
                picture = dropped[number // (queries // uploads)]
                client.post("/api/embed", files={"file": ("picture", picture)}).raise_for_status()
            anonymous = max(anonymous, served.memory()["anonymous"])
        after = served.memory()
    return Outcome(
        "memory",
        (
            Row(f"peak memory of the server, {figures:,} figures, resident", after["peak_rss"], "MB", bar=_BAR),
            Row("of it not backed by files, at most", anonymous, "MB"),
        ),
        {"after_start": idle, "after": after, "queries": queries, "uploads": uploads},
        ("Half the queries ask for the page, half for JSON; resident memory counts mapped files, such as the index.",),
    )


def uploads(setting: Setting) -> Outcome:
    """The most that a server and its processes take while eight people drop the largest pictures that there may be."""
    side = setting.size(_SIDE, 500)
    real, _ = many.real_atlas(setting)
    rows, answers = [], {}
    for what, make in _WORST.items():
        data = make(side)
        with Served(real) as served, httpx.Client(base_url=served.url, trust_env=False, timeout=600) as client:
            client.get("/api/search", params={"q": "chest X-ray"}).raise_for_status()

            def send(_: int, data: bytes = data, client: httpx.Client = client) -> int:
                return client.post("/api/embed", files={"file": ("picture", data)}).status_code

            with _watched(served) as most, ThreadPoolExecutor(_AT_ONCE) as pool:
                statuses = list(pool.map(send, range(_AT_ONCE)))
        answers[what] = statuses
        told = f"{_AT_ONCE} uploads at once, {what} ({len(data) / 1e6:.1f} MB each)"
        rows.append(Row(told, max(most), "MB", bar=_BAR_AT_ONCE))
    notes = ("Resident memory of the server's process and of those that it began, 50 times a second and at its own peak.",)
    return Outcome("uploads", tuple(rows), {"answers": answers}, notes)


@contextmanager
def _watched(served: Served) -> Iterator[list[float]]:
    """Memory of the server's processes in MB, taken while a block runs."""
    seen, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            seen.append(served.memory_of_all())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
        seen.append(served.memory()["peak_rss"])


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _deflated(side: int) -> bytes:
    """A deflated DICOM file of 16 bits that unpacks to as much as its header tells."""
    return dicom_of(np.zeros((side, side), np.uint16), DeflatedExplicitVRLittleEndian)


def _bomb(side: int) -> bytes:
    """A deflated DICOM file of a small picture, after which much more comes."""
    small = dicom_of(np.zeros((16, 16), np.uint16), DeflatedExplicitVRLittleEndian)
    begin = 144 + int.from_bytes(small[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    inside = zlib.decompress(small[begin:], -zlib.MAX_WBITS) + b"\xfc\xff\xfc\xffOB\0\0\xff\xff\xff\x1d"
    parts = [packer.compress(inside), *(packer.compress(bytes(side * 1000)) for _ in range(70)), packer.flush()]
    return small[:begin] + b"".join(parts)


_WORST: dict[str, Callable[[int], bytes]] = {
    "16-bit PNG": lambda side: _saved(Image.fromarray(np.zeros((side, side), np.uint16)), "PNG"),
    "transparent PNG": lambda side: _saved(Image.new("RGBA", (side, side), (90, 80, 70, 60)), "PNG"),
    "WebP": lambda side: _saved(Image.new("RGB", (side, side), (90, 80, 70)), "WEBP", method=0),
    "CMYK JPEG": lambda side: _saved(Image.new("CMYK", (side, side), (90, 80, 70, 60)), "JPEG"),
    "deflated DICOM": _deflated,
    "deflated DICOM of a small picture with 490 MB behind it": _bomb,
}
