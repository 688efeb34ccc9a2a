"""The paper's encoder: a text query from words to figures, and adding, against what its authors published.

Their pipeline: open_clip's ViT-L/14, the text padded to 77 tokens, then a dot product with every vector and a sort of all of
them. Here the text tower is of that size, and its weights are random, which the time does not depend on; the image tower is
cut to one layer, since no text goes through it.
"""

# ruff: noqa: PLC0415 - torch and open_clip are there only with an extra

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import adding as adding_pictures
from benchmarks import scale
from benchmarks.architectures import BASE, LARGE, TINY, reach, saved
from benchmarks.encoding import short_query
from benchmarks.measure import Outcome, Row, Setting, load, memory_of, spread, times
from mirage import encoders
from mirage.atlas import Atlas
from mirage.encoders.export import export
from mirage.indexes import IndexQuery, bm25
from mirage.indexes.embedded import EmbeddedIndex
from mirage.storage import ingest as mirage_adding

_WARM = 10
_NEAREST = 10
_AT_ONCE = 32
_LACKING = "left out: torch or open_clip is not installed (nor in the folder that MIRAGE_TEST_VISION names)"


def encoding(setting: Setting) -> Outcome:
    """A short query through the paper's text tower: short in torch and in int8 ONNX, against torch padded to 77."""
    if setting.quick:
        return Outcome("encoding", (), skipped="makes a model of the paper's size; left out of quick runs")
    if not reach():
        return Outcome("encoding", (), skipped=_LACKING)
    told = short_query(setting.folder)
    padded = f"open_clip padded to 77: {told['padded_torch_ms']:.3g} ms"
    rows: list[Row] = []
    for kind, name, bar in (("torch", "torch", 3.0), ("int8 ONNX", "int8_onnx", 8.0)):
        ratio = round(told[f"{name}_times"], 1)
        what = f"short query, paper's text tower in {kind}"
        rows.append(Row(f"{what}: times faster", ratio, "×", bar=bar, better="more", instead=padded, ratio=ratio))
        rows.append(Row("the same, median", round(told[f"{name}_ms"], 2), "ms"))
    return Outcome("encoding", tuple(rows), told, ("random weights; the three take turns",))


def text(setting: Setting) -> Outcome:
    """Words to the keys of the ten nearest figures, at every size of `scale`."""
    if not reach():
        return Outcome("text", (), skipped=_LACKING)
    rows: list[Row] = []
    details: dict[str, Any] = {}
    for figures, dimension in scale.sizes_of(setting):
        folder = scale.prepared(setting, (figures, dimension))
        scale.run("build", "mirage", folder)
        model = saved(setting.folder, TINY if setting.quick else LARGE, dimension)
        before, most = load(), setting.size(100, 8)
        _export(model)
        names = ("pipeline", "mirage", "mirage-int8")
        found = {name: scale.run("ask", name, folder, model, most, module="benchmarks.paper") for name in names}
        details[f"{figures} x {dimension}"] = {"load": before, **found}
        theirs = found["pipeline"]
        about = f"open_clip padded to 77, numpy dot and argsort: {theirs['p50']:.3g} ms"
        for name in names[1:]:
            kind = "int8 ONNX" if name == "mirage-int8" else "torch"
            mine = found[name]
            ratio = float(f"{theirs['p50'] / mine['p50']:.3g}")  # far below one on a tiny atlas
            what = f"text query, paper's text tower in {kind}, three channels of {figures:,} figures × {dimension}, p50"
            rows.append(Row(what, mine["p50"], "ms", instead=about, ratio=ratio))
            held, other = (one["memory_MB"]["anonymous"] for one in (mine, theirs))
            rows.append(
                Row(
                    "the same, memory that no file backs",
                    held,
                    "MB",
                    instead=f"the same pipeline's: {other:g} MB",
                    ratio=float(f"{other / held:.3g}"),
                )
            )
    return Outcome("text", tuple(rows), details, ("random weights; texts of 2 to 12 words, each asked once",))


def adding_with_open_clip(setting: Setting) -> Outcome:
    """Figures a second with ViT-B/32 in both, into an atlas and with a plain loop."""
    if not reach():
        return Outcome("adding-open-clip", (), skipped=_LACKING)
    count = setting.size(256, 12)
    corpus = adding_pictures.folder_of(setting, count, "PNG")
    model = saved(setting.folder, TINY if setting.quick else BASE, 64 if setting.quick else 512)
    encoder = encoders.load("open_clip", model=f"local-dir:{model}", device="cpu")
    items = adding_pictures.items_of(corpus, count)
    pictures = [file for item in items if (file := corpus.read(item).original)]
    captions = [item.figure.caption for item in items]
    with Atlas.open(setting.folder / f"adding-open-clip-{os.getpid()}", encoder=encoder, create=True) as atlas:
        encoder.encode_texts(["loaded"])
        before, started = load(), time.perf_counter()
        added = mirage_adding.add(atlas, corpus).added
        rate = added / (time.perf_counter() - started)
    plain = {size: _plain(model, pictures, captions, size) for size in (1, _AT_ONCE)}
    what = f"adding figures with {'a tiny model' if setting.quick else 'ViT-B/32'}, 512 px PNG"
    rows = [
        Row(
            what,
            round(rate, 1),
            "figures/s",
            better="more",
            instead=f"a plain open_clip loop, {size} at a time, vectors only: {theirs:.1f} figures/s",
            ratio=round(rate / theirs, 2),
        )
        for size, theirs in plain.items()
    ]
    details = {"figures_per_s": rate, "plain": plain, "load": before, "count": added}
    note = "random weights; adding also keeps pictures, makes thumbnails and writes records and the index, the loop does not"
    return Outcome("adding-open-clip", tuple(rows), details, (note,))


def _plain(model: Path, pictures: list[bytes], captions: list[str], size: int) -> float:
    """Decode, prepare and encode pictures and captions, `size` at a time; nothing is kept but the vectors."""
    import io

    import torch
    from PIL import Image

    theirs, prepare, tokenizer = _open(model)
    kept: list[Any] = []
    with torch.inference_mode():
        theirs.encode_text(tokenizer(["loaded"]))
        started = time.perf_counter()
        for start in range(0, len(pictures), size):
            some = [prepare(Image.open(io.BytesIO(data)).convert("RGB")) for data in pictures[start : start + size]]
            kept.append(theirs.encode_image(torch.stack(some), normalize=True).numpy())
            kept.append(theirs.encode_text(tokenizer(captions[start : start + size]), normalize=True).numpy())
        return len(pictures) / (time.perf_counter() - started)


def _export(model: Path) -> None:
    """Export the model to int8 ONNX beside it, once."""
    place = _onnx(model)
    if not place.exists():
        encoder = encoders.load("open_clip", model=f"local-dir:{model}", device="cpu", dtype="float32")
        export(encoder, place, precision="int8")


def _onnx(model: Path) -> Path:
    return model.with_name(f"{model.name}-int8")


def _open(model: Path) -> tuple[Any, Any, Any]:
    import open_clip

    theirs, _, prepare = open_clip.create_model_and_transforms(f"local-dir:{model}")
    return theirs.eval(), prepare, open_clip.get_tokenizer(f"local-dir:{model}")


def _pipeline(folder: Path, model: Path) -> Callable[[str], object]:
    import torch

    vectors = np.load(folder / "vectors.npy")
    theirs, _, tokenizer = _open(model)

    def ask(words: str) -> list[int]:
        with torch.inference_mode():
            query = theirs.encode_text(tokenizer([words]), normalize=True)[0].numpy()
        return np.argsort(vectors @ query)[::-1][:_NEAREST].tolist()

    return ask


def _mirage(folder: Path, encoder: Any) -> Callable[[str], object]:
    index = EmbeddedIndex(folder / "mirage" / "index", encoder.info().dimension)
    rarity = bm25.Rarity(index)
    return lambda words: index.ask(IndexQuery(encoder.encode_texts([words])[0], rarity.asked(words), _NEAREST, {}))


def ask(name: str, folder: Path, model: Path, most: int) -> dict[str, Any]:
    """IndexQuery texts one after the other, in this process, in one of three ways."""
    reach()
    if name == "pipeline":
        call = _pipeline(folder, model)
    elif name == "mirage":
        call = _mirage(folder, encoders.load("open_clip", model=f"local-dir:{model}", device="cpu", threads=2))
    else:
        call = _mirage(folder, encoders.load("onnx", path=_onnx(model), threads=2))
    texts = json.loads((folder / "texts.json").read_text("utf-8"))
    for words in texts[-_WARM:]:
        call(words)
    taken = spread(times(call, texts[:most]))
    return {**taken, "memory_MB": memory_of(os.getpid())}


def main(words: list[str]) -> None:
    """``ask NAME FOLDER MODEL MOST``; what was measured goes to standard output, as JSON."""
    _, name, folder, model, most = words
    print(json.dumps(ask(name, Path(folder), Path(model), int(most))))


if __name__ == "__main__":
    main(sys.argv[1:])
