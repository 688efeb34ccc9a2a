"""Training images of the generator: framed alike, without lettering, with the words that may stand for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.generate.generators.copies import KIND, THRESHOLD, middle_coefficients
from mirage.generate.generators.latents import SIDE, framed, squared
from mirage_research.evaluation.medpix import LOCATIONS, NOT_PLAIN
from mirage_research.training.samples import TrainingSample, read_medpix, read_radiographs, tidied

Pixels = npt.NDArray[np.uint8]
Tell = Callable[[str], None]

_COLOURED = 12  # mean difference between the channels, of 255; from there on it is a photograph or a drawing
_KINDS = {"MR": "MRI", "XR": "X-ray"}
_REGIONS = {location.lower(): region for location, region in LOCATIONS.items()}
_PARTS = (
    "knee|shoulder|hip|ankle|foot|wrist|hand|elbow|thigh|femur|leg|lumbar spine|cervical spine|thoracic spine|spine|pelvis|"
    "orbit|sinus|neck|liver|kidney|pancreas|heart|breast|brain|chest|abdomen|pituitary|temporal bone"
).split("|")


@dataclass(frozen=True, slots=True)
class ImageTexts:
    """One training image's words.

    Attributes
    ----------
    id, group : str
        The group is the case; images of one case are never both trained and measured on.
    kind : str
        Modality, plane and region, for balance.
    texts : tuple of str
    """

    id: str
    group: str
    kind: str
    texts: tuple[str, ...]


def words_of(sample: TrainingSample) -> ImageTexts:
    """The texts that may stand for an image: what it is, from plain to detailed, and its source's own words."""
    known = sample.attributes
    kind, plane = _KINDS.get(known["modality"], known["modality"]), known.get("plane", "")
    told = f"{sample.caption} {sample.title}".lower()
    part = next((part for part in _PARTS if part in told), "")
    region = _REGIONS.get(known.get("region", ""), "") or part
    sequence = known.get("sequence", "").upper()

    def joined(*parts: str) -> str:
        return " ".join(filter(None, parts))

    plain, query = joined(plane, region, kind), tidied(sample.query)
    texts = (
        plain,
        joined(plane, kind, region),
        joined(plane, kind, "of the", region) if region else plain,
        joined(plane, sequence, kind, part or region),
        query,
        query,
        query,
        tidied(f"{plain}. {sample.caption}"),
        tidied(f"{plain}. {sample.title}"),
        tidied(f"{sample.title}. {kind}"),
    )
    return ImageTexts(sample.id, sample.group.removeprefix("medpix:"), f"{kind}|{plane}|{region}", texts)


def radiograph_words(sample: TrainingSample) -> ImageTexts:
    """A chest X-ray's texts; they claim no more than its label."""
    label = sample.diagnosis
    texts = (
        "frontal chest X-ray",
        "chest radiograph",
        f"frontal chest X-ray, {label}",
        sample.query,
        f"chest X-ray {label}",
    )
    return ImageTexts(sample.id, sample.id, "X-ray|frontal|chest", texts)


def read(medpix: Path, radiographs: Path | None, tell: Tell = lambda _: None) -> tuple[Pixels, list[ImageTexts]]:
    """Read and frame the training images.

    Parameters
    ----------
    medpix : Path
        A copy of MedPix 2.0; its training split is read. Colour pictures, drawings and montages are left out.
    radiographs : Path or None
        Labelled chest X-rays.
    tell : callable
        Told in a line how many images there are, and how many were left out.

    Returns
    -------
    images : (n, 160, 160) uint8
    examples : list of ImageTexts
    """
    images: list[Pixels] = []
    examples: list[ImageTexts] = []
    left_out = 0
    for sample in read_medpix(medpix, "train"):
        with Image.open(sample.picture) as opened:
            picture = opened.convert("RGB")
        if NOT_PLAIN.search(sample.query.partition(".")[0]) or _coloured(picture):
            left_out += 1
            continue
        images.append(np.asarray(framed(picture)))
        examples.append(words_of(sample))
    for sample in read_radiographs(radiographs) if radiographs else ():
        with Image.open(sample.picture) as opened:
            images.append(np.asarray(squared(opened.convert("L"), SIDE)))
        examples.append(radiograph_words(sample))
    tell(f"{len(images):,} images ({left_out} in colour, drawn or put together were left out)")
    return np.stack(images), examples


def _coloured(picture: Image.Image) -> bool:
    small = np.asarray(picture.resize((64, 64)), dtype=np.int16)
    return float((small.max(2) - small.min(2)).mean()) > _COLOURED


def set_aside(examples: Sequence[ImageTexts], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Numbers of the examples to train on, and of those that are only measured on, split by group.

    Parameters
    ----------
    examples : sequence of ImageTexts
    share : float
        Of the groups that are only measured on, from 0 to 1; rounded down to whole groups.
    seed : int

    Returns
    -------
    train, held_out : list of int
        Places in `examples`.
    """
    groups = sorted({example.group for example in examples})
    chosen = set(np.random.default_rng(seed).choice(groups, int(len(groups) * share), replace=False).tolist())
    train = [number for number, example in enumerate(examples) if example.group not in chosen]
    return train, [number for number, example in enumerate(examples) if example.group in chosen]


def write_fingerprints(path: Path, images: Iterable[Image.Image], names: Sequence[str]) -> None:
    """Write the fingerprints of training images, as `mirage.generate.generators.copies.TrainingFingerprints` reads them.

    Parameters
    ----------
    path : Path
        The file, .npz, which is replaced.
    images : iterable of PIL.Image.Image
        As the generator saw them (`mirage.generate.generators.latents.framed`), or as they were published.
    names : sequence of str
        One for each.

    Raises
    ------
    ValueError
        When there are not as many names as images, or none.
    """
    sizes = np.stack([middle_coefficients(image) for image in images])
    if len(sizes) != len(names):
        raise ValueError(f"{len(sizes)} images and {len(names)} names: give one name for each image")
    np.savez_compressed(
        path,
        kind=np.array(KIND),
        signs=np.packbits(sizes > 0, axis=1),
        spread=np.maximum(sizes.std(0), 1e-6).astype(np.float32),
        names=np.array(list(names)),
        threshold=np.array(THRESHOLD, dtype=np.float32),
    )
