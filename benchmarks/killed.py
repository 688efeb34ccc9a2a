"""What `benchmarks.kills` kills: operations that change an atlas, each of which tells what it has acknowledged."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mirage.atlas import Atlas
from mirage.corpora.folder import FolderCorpus
from mirage.errors import NotFound
from mirage.generate.outputs import Outputs
from mirage.storage.archive_export import export
from mirage.storage.archive_import import import_file
from mirage.storage.gone import prune
from mirage.storage.ingest import add
from mirage.storage.reindex import rebuild
from mirage.storage.remove import collect

Ack = Callable[[str], None]
PICTURES = 36  # of each collection
PRUNED = len(range(0, PICTURES, 3))


def _add(place: Path, ack: Ack) -> None:
    with Atlas.open(place / "atlas") as atlas:

        def stored(_: object) -> None:
            for one in atlas.store.fingerprints("folder-night"):
                ack(one)

        add(atlas, FolderCorpus(place / "night", name="night"), progress=stored)


def _import(place: Path, ack: Ack) -> None:
    with Atlas.open(place / "atlas") as atlas:

        def stored(_: object) -> None:
            for one in atlas.store.fingerprints("folder-day"):
                ack(one)

        import_file(place / "day.mirage", atlas, progress=stored)


def _rebuild(place: Path, ack: Ack) -> None:
    rebuild(place / "atlas")


def _export(place: Path, ack: Ack) -> None:
    (place / "out.mirage").unlink(missing_ok=True)
    export(place / "atlas", place / "out.mirage", purpose="myself")
    ack("file")


def _remove(place: Path, ack: Ack) -> None:
    with Atlas.open(place / "atlas") as atlas:
        with contextlib.suppress(NotFound):  # it may have gone before the kill
            atlas.remove(corpus="folder-ward")
        ack("gone")


def _prune(place: Path, ack: Ack) -> None:
    """Take out single figures, and pictures of none."""
    with Atlas.open(place / "atlas") as atlas:
        going = sorted(atlas.store.fingerprints("folder-ward"))[::3]
        prune(atlas, "folder-ward", going)
        for seed in range(3):
            atlas.pictures.put(_noise(9_000 + seed))
        collect(atlas)
        for each in going:
            ack(each)


def _generate(place: Path, ack: Ack) -> None:
    outputs = Outputs(place / "atlas" / "synthetic")
    with Atlas.open(place / "atlas") as atlas:
        for one in atlas.generate("axial brain MRI", count=2, steps=1):
            outputs.put(one)
            ack(one.record.id)


def _study(place: Path, ack: Ack) -> None:
    with Atlas.open(place / "atlas") as atlas:
        kept = atlas.study.collections.make("Killed").id
        ack(kept)
        for figure in sorted(atlas.store.fingerprints("folder-ward"))[:20]:
            item, _ = atlas.study.collections.add(kept, "figure", figure)
            ack(f"{kept} {item.id}")


OPERATIONS: dict[str, Callable[[Path, Ack], None]] = {
    "add": _add,
    "import": _import,
    "rebuild": _rebuild,
    "export": _export,
    "remove": _remove,
    "prune": _prune,
    "generate": _generate,
    "study": _study,
}


def _noise(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (64, 64), np.uint8))


def folder_of(folder: Path, first: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(PICTURES):
        _noise(first + number).save(folder / f"{number:03}.png")
    lines = [f"{number:03}.png,Head CT number {first + number} of a made-up scan,CT,axial\n" for number in range(PICTURES)]
    (folder / "figures.csv").write_text("file,caption,modality,plane\n" + "".join(lines), "utf-8")
    return folder


def preload() -> None:
    """Read what ships and is the same for every process, once: no thread begins."""
    from mirage.encoders.starter import StarterEncoder  # noqa: PLC0415
    from mirage.generate import synthesis  # noqa: F401, PLC0415
    from mirage.language.concepts import lexicon  # noqa: PLC0415

    one, make = StarterEncoder(), StarterEncoder.__init__
    read = {"tokenizer": one.tokenizer, "_digest": one._digest}

    def made(self: StarterEncoder, path: Path | str | None = None, *, threads: int = 2) -> None:
        make(self, path, threads=threads)
        if path is None:
            vars(self).update(read)

    StarterEncoder.__init__ = made  # type: ignore[method-assign]
    _ = lexicon().vocabulary, lexicon().children("brain")
    gc.freeze()
