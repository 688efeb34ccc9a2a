"""Near copies: does a synthetic image repeat one that its generator was trained on?

What ships of a training image is a *fingerprint*: 256 signs. Each says whether one coefficient of a discrete cosine
transform of the middle 60 % of the framed image (up to 9 cycles across it; the lowest frequencies, which all images of a
kind share, are left out) is above or below zero. Any crop that keeps 80 % of an image keeps its middle; so an image is
compared at every place and scale at which that middle may lie in it, and then, for the likeliest training images, at
finer steps and small turns. Likeness is the agreement of the signs, weighted by the size of the image's own
coefficients: 1 is the same picture, 0 is chance. Signs do not change with contrast and brightness, and hardly with
compression. Mirrored images are not looked for.

Signs of coefficients as fingerprints: Arnia and others (2014), after the hash of Coskun and Sankur (2004); one side with
signs and one with sizes: Gordo and others, *Asymmetric distances for binary embeddings* (2014).
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from mirage.errors import Unavailable
from mirage.generate.generators.base import GeneratorInfo
from mirage.generate.generators.latents import cleaned, squared
from mirage.wording import _

SHIPPED = Path(str(resources.files("mirage"))) / "shipped" / "generator" / "fingerprints.npz"
THRESHOLD = 0.87
"""Set on the images held out from training: none of them is that like a training image (docs/generation.md)."""

_FRAME = 96  # pixels: side of the frame that is looked at
_MIDDLE = 0.6  # of the frame's side
_SIGNS = 256
_LOWEST = 3  # half-cycles across the middle; below that all images of a kind are alike
_SCALES = (1.12, 1.04, 1.0, 0.95, 0.9, 0.85, 0.8, 0.76)  # share of the training image that the compared one shows
_STEP = 0.05  # of the middle's side, between places
_SLACK = 0.01  # of the frame, since two crops are not framed quite alike
_CLIP = 1.5  # times the mean size: no single coefficient decides
_CLOSER = 3  # training images that are looked at again
_WORTH = 0.4  # likeness from which it is worth while
_TURNS = (-5.0, -2.5, 0.0, 2.5, 5.0)  # degrees
KIND = "dct-signs-1"

Floats = npt.NDArray[np.float32]
View = tuple[float, float, float]  # centre and side, shares of the frame


@dataclass(frozen=True, slots=True)
class CopyCheck:
    """Whether an image is a near copy of one that the generator was trained on.

    Attributes
    ----------
    near : bool
    likeness : float
        0 to 1, of the nearest training image.
    threshold : float
        From which likeness on an image is withheld.
    checked : bool
        False where the generator ships no fingerprints; `said` then says so.
    said : str
    """

    near: bool
    likeness: float
    threshold: float
    checked: bool
    said: str


def unchecked(generator: str) -> CopyCheck:
    """What is said of an image whose generator ships no fingerprints."""
    said = _("Not checked for near copies: %(generator)s ships no fingerprints of its training images.", generator=generator)
    return CopyCheck(near=False, likeness=0.0, threshold=THRESHOLD, checked=False, said=said)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingFingerprints:
    """Fingerprints of training images, to be asked.

    Attributes
    ----------
    signs : (n, 256) float32
        −1 or 1.
    spread : (256,) float32
        Standard deviation of each coefficient over the training images.
    names : tuple of str
        Of the training images, where they come from.
    threshold : float
    """

    signs: Floats
    spread: Floats
    names: tuple[str, ...]
    threshold: float

    @classmethod
    def load(cls, path: Path) -> TrainingFingerprints:
        """Read what `mirage train generator` wrote.

        Raises
        ------
        mirage.errors.Unavailable
            When the file is missing, damaged, or of another kind.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                if str(file["kind"]) != KIND:
                    raise ValueError(_("of the kind %(kind)s, not %(wanted)s", kind=file["kind"], wanted=KIND))
                signs = np.unpackbits(file["signs"], axis=1).astype(np.float32) * 2 - 1
                names = tuple(str(name) for name in file["names"])
                if signs.shape != (len(names), _SIGNS) or file["spread"].shape != (_SIGNS,):
                    raise ValueError(_("sizes do not agree"))
                return cls(signs, file["spread"].astype(np.float32), names, float(file["threshold"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise Unavailable(
                _(
                    "The fingerprints of the training images cannot be read: %(path)s (%(error)s). "
                    "Install MIRAGE anew, or make them again with `mirage train generator`.",
                    path=path,
                    error=error,
                )
            ) from error

    @classmethod
    def of(cls, info: GeneratorInfo) -> TrainingFingerprints | None:
        """Fingerprints for a generator; None where none ship for it."""
        return cls.load(info.fingerprints) if info.fingerprints is not None and info.fingerprints.is_file() else None

    def check(self, image: Image.Image) -> CopyCheck:
        """Compare an image, of any mode and at least 8 px a side, with all training images."""
        likeness = self.nearest(image)[0]
        near = likeness >= self.threshold
        numbers = {"likeness": f"{likeness:.2f}", "threshold": f"{self.threshold:.2f}"}
        said = (
            _(
                "A near copy of a training image: its similarity to one is %(likeness)s; from %(threshold)s on, an image "
                "is withheld.",
                **numbers,
            )
            if near
            else _(
                "Not a near copy of a training image: its similarity to the nearest one is %(likeness)s; "
                "from %(threshold)s on, an image is withheld.",
                **numbers,
            )
        )
        return CopyCheck(near=near, likeness=likeness, threshold=self.threshold, checked=True, said=said)

    def nearest(self, image: Image.Image) -> tuple[float, str]:
        """Likeness, 0 to 1, of the nearest training image, and its name."""
        frame = _framed(image)
        if not self.names or np.ptp(_pixels(frame)) == 0:
            return 0.0, ""
        best = np.full(len(self.names), -1.0, dtype=np.float32)
        views = np.zeros((len(self.names), 3))
        for side, places, waves in _places():
            seen = self._likeness(_coefficients(_pixels(frame)[None], waves, waves), self.signs)
            seen = seen.reshape(-1, len(self.names))
            first, value = seen.argmax(0), seen.max(0)
            better = value > best
            at = np.array(places)
            there = np.stack([at[first % len(at)], at[first // len(at)], np.full(len(first), side)], axis=1)
            best[better], views[better] = value[better], there[better]
        found = []
        for number in (int(n) for n in np.argsort(-best)[:_CLOSER]):
            likeness = float(best[number])
            if likeness >= _WORTH:
                x, y, side = (float(value) for value in views[number])
                likeness = max(likeness, self._closer(frame, number, (x, y, side)))
            found.append((likeness, number))
        likeness, number = max(found)
        return min(1.0, max(0.0, likeness)), self.names[number]

    def _closer(self, frame: Image.Image, number: int, view: View) -> float:
        signs = self.signs[number : number + 1]
        best = 0.0
        turns: tuple[float, ...] = _TURNS
        for step in (1.0, 0.4):
            frames = np.stack([_pixels(frame.rotate(angle, Image.Resampling.BILINEAR)) for angle in turns])
            x, y, side = view
            now = -1.0
            for size in (side * (1 + step * 0.03 * share) for share in (-1, 0, 1)):
                columns, rows = ([v + step * 0.02 * side * share for share in (-1, 0, 1)] for v in (x, y))
                seen = self._likeness(_coefficients(frames, _waves(rows, size), _waves(columns, size)), signs)[..., 0]
                if seen.max() > now:
                    now = float(seen.max())
                    turn, row, column = np.unravel_index(int(seen.argmax()), seen.shape)
                    view, angle = (columns[column], rows[row], size), turns[turn]
            turns = (angle,)
            best = max(best, now)
        return best

    def _likeness(self, sizes: Floats, signs: Floats) -> Floats:
        """Of coefficients (…, 256) and signs (n, 256): (…, n)."""
        sizes = sizes / self.spread
        bound = _CLIP * np.abs(sizes).mean(-1, keepdims=True) + 1e-9
        sizes = np.clip(sizes, -bound, bound)
        weight = np.maximum(np.abs(sizes).sum(-1, keepdims=True), 1e-9)
        return np.asarray((sizes @ signs.T) / weight, dtype=np.float32)


def middle_coefficients(image: Image.Image) -> Floats:
    """(256,) float32: the coefficients of the middle of an image. Their signs are its fingerprint."""
    middle = _waves([0.5], _MIDDLE)
    found: Floats = _coefficients(_pixels(_framed(image))[None], middle, middle)[0, 0, 0]
    return found


def _pairs() -> npt.NDArray[np.int64]:
    """(256, 2) half-cycles down and across the middle: the lowest above `_LOWEST`."""
    found = sorted((i * i + j * j, i, j) for i in range(32) for j in range(32) if i * i + j * j >= _LOWEST**2)
    return np.array([pair[1:] for pair in found[:_SIGNS]])


_PAIRS = _pairs()
_WAVES = int(_PAIRS.max()) + 1


def _waves(centres: npt.ArrayLike, side: float) -> Floats:
    """Cosines over a stretch of the frame's side, summed over each of its pixels.

    Parameters
    ----------
    centres : (n,)
        Of the stretches, shares of the frame's side.
    side : float
        Length of the stretches.

    Returns
    -------
    numpy.ndarray
        (n, waves, pixels) float32; pixels outside a stretch count nothing.
    """
    edges = np.arange(_FRAME + 1) / _FRAME
    along = np.clip((edges[None] - (np.asarray(centres, dtype=float)[:, None] - side / 2)) / side, 0, 1)
    wave = np.pi * np.arange(1, _WAVES)[None, :, None]
    sums = np.concatenate([along[:, None], np.sin(wave * along[:, None]) / wave], axis=1)
    return np.diff(sums, axis=2).astype(np.float32)


def _coefficients(frames: Floats, down: Floats, across: Floats) -> Floats:
    """Coefficients of every frame at every place.

    Parameters
    ----------
    frames : (f, pixels, pixels) float32
    down : (n, waves, pixels) float32
    across : (m, waves, pixels) float32

    Returns
    -------
    numpy.ndarray
        (f, n, m, 256) float32.
    """
    half = np.tensordot(frames, across, axes=(2, 2))  # frame, pixel down, place across, wave across
    whole = np.tensordot(half, down, axes=(1, 2)).transpose(0, 3, 1, 4, 2)  # frame, n, m, wave down, wave across
    return np.ascontiguousarray(whole[..., _PAIRS[:, 0], _PAIRS[:, 1]])


def _framed(image: Image.Image) -> Image.Image:
    """In the frame. A background that was brightened or is noisy is made dark again, so that margins are known as such."""
    grey = image.convert("L")
    darkest = int(np.percentile(np.asarray(grey), 1))
    if darkest:
        grey = grey.point([max(0, level - darkest) for level in range(256)])
    blurred = cleaned(grey).filter(ImageFilter.BoxBlur(max(grey.size) / 256))  # finer than what is looked at
    return squared(blurred, _FRAME)


def _pixels(frame: Image.Image) -> Floats:
    return np.asarray(frame, dtype=np.float32)


@cache
def _places() -> tuple[tuple[float, tuple[float, ...], Floats], ...]:
    """Where the middle of a training image may lie in an image that shows a part of it: side, places, their waves."""
    found = []
    for scale in _SCALES:
        side = _MIDDLE / scale
        reach, step = abs(1 - scale) / (2 * scale) + _SLACK, _STEP * side
        count = int(np.ceil(reach / step))
        places = tuple(0.5 + number * step for number in range(-count, count + 1))
        found.append((side, places, _waves(places, side)))
    return tuple(found)
