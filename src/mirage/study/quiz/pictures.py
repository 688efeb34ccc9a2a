"""The pictures of a quiz: by addresses that say nothing, as bytes that say nothing but what they show."""

from __future__ import annotations

import io
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import numpy as np
from PIL import Image, ImageOps

from mirage import licensing
from mirage.errors import NotFound
from mirage.images.packing import Array
from mirage.study.quiz.question import Library, Shown
from mirage.wording import _

MEDIA_TYPE = "image/png"
_SHORTEST, _LONGEST = 800, 1600  # pixels of the longer side
_SECONDS = 1800.0
_MOST = 5000
_TINT = (255, 190, 0)


@dataclass(frozen=True, slots=True)
class _Address:
    quiz: str
    picture: Shown
    highlight: int
    until: float


class PictureAddresses:
    """Addresses for pictures of quizzes: made anew for each showing, known to this process only, and soon forgotten.

    Parameters
    ----------
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._known: OrderedDict[str, _Address] = OrderedDict()

    def make(self, quiz: str, picture: Shown, highlight: int = 0) -> str:
        """Make an address; it is random, and leads to this picture of this quiz for half an hour.

        Parameters
        ----------
        quiz : str
            Its id.
        picture : Shown
        highlight : int
            As for `drawn`.
        """
        name, now = secrets.token_urlsafe(18), self._clock()
        with self._lock:
            self._known[name] = _Address(quiz, picture, highlight, now + _SECONDS)
            while len(self._known) > _MOST or next(iter(self._known.values())).until < now:
                self._known.popitem(last=False)
        return name

    def get(self, quiz: str, name: str) -> tuple[Shown, int]:
        """What an address leads to: the picture, and the label to tint in it.

        Parameters
        ----------
        quiz : str
            Its id.
        name : str
            What `make` gave.

        Raises
        ------
        mirage.errors.NotFound
            When there is none, it is of another quiz, or its time is over.
        """
        with self._lock:
            found = self._known.get(name)
        if found is None or found.quiz != quiz or found.until < self._clock():
            raise NotFound(_("This picture's address is used up. Load the page of the question again: it gives a new one."))
        return found.picture, found.highlight


def drawn(picture: Shown, library: Library, highlight: int = 0) -> bytes:
    """Draw a picture of a quiz as PNG, whatever its source has, without anything written into the file.

    Parameters
    ----------
    picture : Shown
    library : Library
    highlight : int
        Of a stack: value of the label to tint, where the licence lets a picture be altered; 0 for none.

    Raises
    ------
    mirage.errors.NotFound
    """
    row = library.store.row(picture.figure)
    if row.figure.stack is None or not picture.view:
        with Image.open(library.picture(row.figure.id)) as file:
            image = ImageOps.exif_transpose(file)
            image = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
    else:
        reader = library.stack(row.figure.id)
        image = reader.picture(picture.number, picture.view, picture.window)
        may = licensing.may_leave(row.figure, "page", "myself", altered=True).allowed
        if highlight and may:
            mask = Image.fromarray(reader.marks(picture.number, picture.view) == highlight)
            image = _tinted(image, np.asarray(mask.resize(image.size, Image.Resampling.NEAREST)))
    scale = min(_LONGEST, max(_SHORTEST, *image.size)) / max(image.size)  # the page draws it large
    if scale != 1:
        image = image.resize((round(image.width * scale) or 1, round(image.height * scale) or 1), Image.Resampling.BICUBIC)
    clean = Image.frombytes(image.mode, image.size, image.tobytes())  # leaves behind what came with it
    written = io.BytesIO()
    clean.save(written, "PNG", compress_level=1)
    return written.getvalue()


def _tinted(image: Image.Image, mask: Array) -> Image.Image:
    pixels = np.asarray(image.convert("RGB")).astype(np.float32)
    pixels[mask] = pixels[mask] * 0.6 + np.array(_TINT, np.float32) * 0.4
    return Image.fromarray(pixels.astype(np.uint8))
