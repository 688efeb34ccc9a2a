"""How many near copies are caught, and how many real images are taken for one.

Copies are planted: training images of MedPix 2.0, changed in stated ways, are put before the check. None of these changes
was used to choose anything but the threshold, which lies a little above the likest image held out from training.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mirage.corpora.medpix import find_folder
from mirage.errors import BadInput
from mirage.generate.generators.copies import TrainingFingerprints
from mirage.generate.generators.latents import SIDE, framed
from mirage_research.data.medpix import MedPixPair, opened, read_pairs
from mirage_research.evaluation.intervals import bootstrap, told

Change = Callable[[Image.Image, random.Random], Image.Image]


def _crop(share: float) -> Change:
    def crop(image: Image.Image, rng: random.Random) -> Image.Image:
        width, height = (round(side * share) for side in image.size)
        x, y = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
        return image.crop((x, y, x + width, y + height))

    return crop


def _contrast(image: Image.Image, rng: random.Random) -> Image.Image:
    gamma, gain, shift = rng.uniform(0.6, 1.6), rng.uniform(0.6, 1.4), rng.uniform(-30, 30)
    levels = (np.asarray(image, dtype=float) / 255) ** gamma
    return Image.fromarray(np.clip((levels - 0.5) * gain * 255 + 127.5 + shift, 0, 255).astype(np.uint8))


def _jpeg(image: Image.Image, rng: random.Random) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=rng.randint(50, 75))
    return Image.open(file).convert("L")


def _noise(image: Image.Image, rng: random.Random) -> Image.Image:
    drawn = np.random.default_rng(rng.getrandbits(32)).normal(0, 12, (image.height, image.width))
    return Image.fromarray(np.clip(np.asarray(image, dtype=float) + drawn, 0, 255).astype(np.uint8))


def _turn(image: Image.Image, rng: random.Random) -> Image.Image:
    return image.rotate(rng.choice((-1, 1)) * rng.uniform(1, 5), Image.Resampling.BICUBIC)


def _small(image: Image.Image, rng: random.Random) -> Image.Image:
    """About what is left of detail in images that a small generator draws: a quarter of 128 px."""
    del rng
    frame = framed(image, 128)
    return frame.resize((32, 32), Image.Resampling.BOX).resize((128, 128), Image.Resampling.BICUBIC)


def _all(image: Image.Image, rng: random.Random) -> Image.Image:
    return _jpeg(_contrast(_crop(0.85)(image, rng), rng), rng)


CHANGES: dict[str, Change] = {
    **{f"crop to {share:.0%}": _crop(share) for share in (0.95, 0.9, 0.85, 0.8)},
    "contrast and gamma": _contrast,
    "JPEG 50 to 75": _jpeg,
    "noise of 12 grey levels": _noise,
    "turn of 1 to 5 degrees": _turn,
    "crop to 85 %, contrast and JPEG": _all,
    "drawn small: 128 px from 32": _small,
}


def evaluate(
    medpix: Path,
    copies: TrainingFingerprints,
    *,
    each: int = 60,
    seed: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Plant copies of `each` training images, changed in every way, and put real images before the check.

    Parameters
    ----------
    medpix : Path
        A copy of MedPix 2.0.
    copies : TrainingFingerprints
        The fingerprints that are put to the test.
    each : int
    seed : int
        Random seed of the images and their changes.
    progress : callable
        Told how many images are checked, and of how many.

    Returns
    -------
    dict
        ``threshold``; ``caught``: way to share of copies, of images in the frame and as they were published, each
        ``[value, low, high, count]`` with 95 % bootstrap intervals over cases; ``flagged``: the same of ``held out`` (train
        cases that no fingerprint is of) and ``dev``; ``likest``: the five likest of each;
        ``dev flagged``: name, likeness and the training image it is taken for; ``milliseconds a check``: of processor time.

    Raises
    ------
    mirage.errors.BadInput
        When none of the fingerprints is of an image of this copy of MedPix.
    """
    folder = find_folder(medpix) / "images"
    trained = {_image(name) for name in copies.names}
    pairs = {split: [p for p in read_pairs(medpix, split) if p.modality in ("CT", "MR")] for split in ("train", "dev")}
    known = [pair for pair in pairs["train"] if pair.name in trained]
    if not known:
        raise BadInput(f"None of the {len(copies.names):,} fingerprints is of a training image of MedPix in {medpix}.")
    cases = {pair.case for pair in known}
    real = {"held out": [pair for pair in pairs["train"] if pair.case not in cases], "dev": pairs["dev"]}
    rng = random.Random(seed)  # noqa: S311 - draws images
    planted = rng.sample(known, min(each, len(known)))
    total, done = len(planted) * 2 * len(CHANGES) + sum(map(len, real.values())), 0
    caught: dict[str, dict[str, list[float]]] = {}
    for way, change in CHANGES.items():
        found: dict[str, list[float]] = {"framed": [], "published": []}
        for pair in planted:
            image = opened(folder, pair)
            for shown, source in (("framed", framed(image, SIDE)), ("published", image)):
                likeness, name = copies.nearest(change(source, rng))
                found[shown].append(float(likeness >= copies.threshold and _image(name) == pair.name))
                done += 1
                progress(done, total)
        caught[way] = {shown: _share(values, planted) for shown, values in found.items()}
    table: dict[str, Any] = {"threshold": round(copies.threshold, 3), "fingerprints": len(copies.names), "caught": caught}
    table["flagged"], table["likest"], table["dev flagged"] = {}, {}, []
    spent: list[float] = []
    for split, some in real.items():
        nearest = []
        for pair in some:
            image = opened(folder, pair)
            begun = time.process_time()
            nearest.append(copies.nearest(image))
            spent.append(time.process_time() - begun)
            done += 1
            progress(done, total)
        table["flagged"][split] = _share([float(likeness >= copies.threshold) for likeness, _ in nearest], some)
        table["likest"][split] = sorted((round(likeness, 3) for likeness, _ in nearest), reverse=True)[:5]
        if split == "dev":
            table["dev flagged"] = [
                [pair.name, round(likeness, 3), name]
                for pair, (likeness, name) in zip(some, nearest, strict=True)
                if likeness >= copies.threshold
            ]
    table["milliseconds a check"] = round(1000 * float(np.median(spent)))
    return table


def _image(name: str) -> str:
    """The image's own name: fingerprints are named as figures are, with the corpus first."""
    return name.rpartition(":")[2]


def _share(values: list[float], pairs: list[MedPixPair]) -> list[float]:
    return bootstrap(np.array(values, dtype=float), [pair.case for pair in pairs]).counted(3)


def rows(table: dict[str, Any]) -> list[tuple[str, str]]:
    """What `evaluate` found, for people."""
    lines = [("fingerprints", f"{table['fingerprints']:,}"), ("threshold", f"{table['threshold']:.2f}")]
    lines.append(("one check", f"{table['milliseconds a check']} ms of processor time"))
    for shown in ("framed", "published"):
        lines.append((f"caught, {shown}", ""))
        lines += [(f"  {way}", told(found[shown])) for way, found in table["caught"].items()]
    lines.append(("flagged real images", ""))
    for split, value in table["flagged"].items():
        lines.append((f"  {split}", f"{told(value)}; likest {', '.join(f'{v:.2f}' for v in table['likest'][split])}"))
    lines += [(f"  {name}", f"{likeness:.2f} to {other}") for name, likeness, other in table["dev flagged"]]
    return lines
