"""Adding figures from 512-pixel pictures: decode, keep, thumbnail, encode, store, index."""

from __future__ import annotations

import csv
import io
import os
import sqlite3
import time
from collections.abc import Callable

from PIL import Image

from benchmarks.measure import Outcome, Row, Setting, load
from mirage import corpora, encoders
from mirage.atlas import Atlas
from mirage.corpora.base import Corpus, Item
from mirage.encoders.base import Encoder
from mirage.images import look, thumbnail
from mirage.storage import ingest as mirage_adding
from mirage.storage.caption_vectors import caption_text, encode_captions

_SIDE = 512
_BAR = 40.0


def adding(setting: Setting) -> Outcome:
    """Figures a second into an empty atlas, its index optimised at the end; WebP and PNG."""
    count = setting.size(1_000, 24)
    rows: list[Row] = []
    details: dict[str, object] = {"load": load()}
    for kind, corpus in _collections(setting, count).items():
        few = list(items_of(corpus, setting.size(200, 8)))
        before = _script(setting, corpus, few)
        rate = _ours(setting, corpus, kind, count)
        after = _script(setting, corpus, few)
        plain = 2 / (1 / before + 1 / after)  # on either side of ours, for the machine is not as quick at all times
        rows.append(
            Row(
                f"adding figures, {kind}",
                round(rate, 1),
                "figures/s",
                bar=_BAR,
                better="more",
                instead="a loop: Pillow decodes, thumbnails and saves, the encoder takes one at a time, SQLite commits each",
                ratio=round(rate / plain, 1),
            )
        )
        details[kind] = {
            "figures_per_s": round(rate, 1),
            "script": [round(before, 1), round(after, 1)],
            "cpu_ms": _stages(corpus, few),
        }
    return Outcome("adding", tuple(rows), details, (f"{count} figures each, from a cold start of the encoder.",))


def _collections(setting: Setting, count: int) -> dict[str, Corpus]:
    pictures = {"512 px PNG (starter pictures, shifted)": folder_of(setting, count, "PNG")}
    if setting.medpix:
        return {"WebP of about 480 px (MedPix 2.0)": corpora.load("medpix", path=setting.medpix), **pictures}
    return {"512 px WebP (starter pictures, shifted)": folder_of(setting, count, "WEBP"), **pictures}


def folder_of(setting: Setting, count: int, kind: str) -> Corpus:
    """Pictures of 512 × 512 out of the starter's, each cut a little otherwise, with the starter's captions."""
    folder = setting.folder / f"pictures-{kind.lower()}"
    folder.mkdir(exist_ok=True)
    starter = corpora.load("starter")
    items = list(items_of(starter, 10_000))
    with (folder / "figures.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "caption", "modality", "plane", "region"])
        for number in range(count):
            item = items[number % len(items)]
            path = folder / f"{number:05d}.{kind.lower()}"
            if not path.exists():
                _cut(starter.read(item).image, number).save(path, kind, quality=82)
            figure = item.figure
            table.writerow([path.name, f"{figure.caption} {number}", figure.modality, figure.plane, figure.region])
    return corpora.load("folder", path=folder)


def _cut(image: Image.Image, number: int) -> Image.Image:
    margin = 1 + number % 7
    box = (margin, margin, image.width - 1, image.height - 1 - number % 3)
    return image.crop(box).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)


def items_of(corpus: Corpus, most: int) -> list[Item]:
    found: list[Item] = []
    for entry in corpus.items():
        if isinstance(entry, Item):
            found.append(entry)
        if len(found) == most:
            break
    return found


def _ours(setting: Setting, corpus: Corpus, kind: str, count: int) -> float:
    folder = setting.folder / f"adding-{len(kind)}-{os.getpid()}"
    added = 0

    def progress(now: mirage_adding.Progress) -> None:
        nonlocal added
        added = now.done

    with Atlas.open(folder, create=True) as atlas:
        started = time.perf_counter()
        report = mirage_adding.add(atlas, corpus, progress=progress, stop=lambda: added >= count)
        return report.added / (time.perf_counter() - started)


def _script(setting: Setting, corpus: Corpus, items: list[Item]) -> float:
    """One figure after the other, nothing at the same time, with the same encoder."""
    encoder = encoders.load("starter")
    folder = setting.folder / f"script-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    records = sqlite3.connect(folder / f"{corpus.info().name}.sqlite")
    records.execute("CREATE TABLE IF NOT EXISTS figures (id TEXT PRIMARY KEY, words TEXT, image BLOB, caption BLOB)")
    files = [kept for item in items if (kept := corpus.read(item).original)]
    assert len(files) == len(items)
    started = time.perf_counter()
    for number, item in enumerate(items):
        data = files[number]
        image = Image.open(io.BytesIO(data)).convert("RGB")
        (folder / f"{number}.bin").write_bytes(data)
        small = image.copy()
        small.thumbnail((320, 320))
        small.save(folder / f"{number}.webp", "WEBP")
        vector = encoder.encode_images([image])[0]
        words = encoder.encode_texts([caption_text(item.figure) or "picture"])[0]
        row = (item.figure.id, item.figure.words, vector.tobytes(), words.tobytes())
        records.execute("INSERT OR REPLACE INTO figures VALUES (?, ?, ?, ?)", row)
        records.commit()
    records.close()
    return len(items) / (time.perf_counter() - started)


def _stages(corpus: Corpus, items: list[Item]) -> dict[str, float]:
    """Processor milliseconds a figure that each step takes on one thread."""
    encoder: Encoder = encoders.load("starter", threads=1)
    pictures = [corpus.read(item).image for item in items]
    figures = [item.figure for item in items]
    encoder.encode_images(pictures[:1])
    encoder.encode_texts(["warm"])
    steps: dict[str, Callable[[], object]] = {
        "decode": lambda: [corpus.read(item) for item in items],
        "thumbnail": lambda: [thumbnail(picture) for picture in pictures],
        "look": lambda: [look(picture) for picture in pictures],
        "encode pictures": lambda: encoder.encode_images(pictures),
        "encode captions": lambda: encode_captions(encoder, figures),
    }
    taken: dict[str, float] = {}
    for name, step in steps.items():
        started = time.process_time()
        step()
        taken[name] = round((time.process_time() - started) / max(1, len(items)) * 1000, 2)
    return taken
