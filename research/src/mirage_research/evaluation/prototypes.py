"""What pictures of each modality look like to an encoder, in a few vectors: prototypes for a rule of inference."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

from mirage.corpora.inferring import Vectors
from mirage.encoders import Encoder
from mirage_research.data.admission import check_admitted
from mirage_research.data.samples import TrainingSample

MOST_PROTOTYPES = 6  # of a modality; never more than half its pictures
RARE, PARTS = 50, 12  # of a modality with fewer pictures, so many parts of each are looked at, too
_ROUNDS = 20
_BATCH = 32
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class EncodedKinds:
    """Training pictures of all modalities with their image vectors, to make prototypes of.

    Attributes
    ----------
    modalities : numpy.ndarray
        (n,) keys of `mirage.figure.MODALITIES`.
    images : numpy.ndarray
        (n, d) float32, unit length.
    """

    modalities: npt.NDArray[np.str_]
    images: Vectors


def look_at_kinds(
    samples: Sequence[TrainingSample], encoder: Encoder, most: int = 250, seed: int = 0, tell: Tell = lambda *_: None
) -> EncodedKinds:
    """Encode training pictures: so many of a set's modality at most, and parts of the pictures of rare modalities.

    Parameters
    ----------
    samples : sequence of TrainingSample
        Of sets that may be learnt from.
    encoder : Encoder
    most, seed : int
    tell : callable
        Told how many are encoded, and of how many.
    """
    check_admitted(sample.set for sample in samples)
    groups: dict[tuple[str, str], list[TrainingSample]] = defaultdict(list)
    for sample in samples:
        if sample.attributes["modality"] not in ("", "OT"):
            groups[sample.set, sample.attributes["modality"]].append(sample)
    rng = random.Random(seed)  # noqa: S311 - not a secret
    chosen = [sample for group in groups.values() for sample in (rng.sample(group, most) if len(group) > most else group)]
    counts = Counter(sample.attributes["modality"] for sample in chosen)
    vectors, modalities = [], []
    for start in range(0, len(chosen), _BATCH):
        images = []
        for sample in chosen[start : start + _BATCH]:
            modality = sample.attributes["modality"]
            seen = [image := sample.image()]
            if 1 < counts[modality] < RARE:  # parts of a single picture would make a kind of it
                seen += [_part(image, rng) for _ in range(PARTS)]
            images += seen
            modalities += [modality] * len(seen)
        vectors += [encoder.encode_images(images[at : at + _BATCH]) for at in range(0, len(images), _BATCH)]
        tell(min(start + _BATCH, len(chosen)), len(chosen))
    return EncodedKinds(np.array(modalities), np.concatenate(vectors))


def _part(image: Image.Image, rng: random.Random) -> Image.Image:
    """A part of a picture, perhaps mirrored, in another light and other strength of colour: as elsewhere."""
    shares = rng.uniform(0.35, 1)
    across, down = (max(8, round(side * shares)) for side in image.size)
    left, top = (rng.randint(0, max(0, whole - part)) for whole, part in zip(image.size, (across, down), strict=True))
    part = image.convert("RGB").crop((left, top, left + across, top + down))
    part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part
    part = ImageEnhance.Brightness(part).enhance(rng.uniform(0.75, 1.25))
    return ImageEnhance.Color(part).enhance(rng.uniform(0.6, 1.4))


def centroids(unlike: Mapping[str, Vectors]) -> Vectors:
    """One unit vector for each kind of picture that is of no modality: the mean of its pictures, (k, d).

    Parameters
    ----------
    unlike : mapping of str to (n, d) float32
        See `mirage_research.evaluation.unlike_pictures.look_at_unlike`.

    Notes
    -----
    One for a kind: more of them silence pictures of rare modalities, of which the rule knows little.
    """
    middles = np.stack([vectors.mean(0) for vectors in unlike.values()])
    return np.asarray(middles / np.linalg.norm(middles, axis=1, keepdims=True), dtype=np.float32)


def prototypes(kinds: EncodedKinds, seed: int = 0) -> dict[str, Vectors]:
    """Middles of groups of each modality's pictures: spherical k-means (Dhillon and Modha, 2001), (k, d) unit vectors each.

    Parameters
    ----------
    kinds : EncodedKinds
    seed : int

    Notes
    -----
    A modality of which there is one picture has none: it would be that picture's.
    """
    rng = np.random.default_rng(seed)
    found = {}
    for modality in np.unique(kinds.modalities):
        images = kinds.images[kinds.modalities == modality]
        if len(images) < 2:
            continue
        middles = images[rng.choice(len(images), min(MOST_PROTOTYPES, len(images) // 2), replace=False)]
        for _ in range(_ROUNDS):
            nearest = (images @ middles.T).argmax(1)
            sums = np.stack([images[nearest == place].sum(0) for place in range(len(middles))])
            lengths = np.linalg.norm(sums, axis=1, keepdims=True)
            middles = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), middles)
        found[str(modality)] = middles.astype(np.float32)
    return found
