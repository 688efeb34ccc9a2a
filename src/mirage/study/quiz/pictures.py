"""The pictures of a quiz: by addresses that say nothing, as bytes that say nothing but what they show."""

from __future__ import annotations

import hmac
import io
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable

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
_SALT = 18  # bytes, 24 letters, and as much of the digest
_TINT = (255, 190, 0)


class PictureAddresses:
    """Addresses for pictures of quizzes: made anew for each showing, and good for half an hour to an hour.

    Nothing is kept of them: an address is a random number and a keyed digest of that with what it leads to. So every server
    that has the atlas open finds what another made.

    Parameters
    ----------
    key : bytes
        Of the atlas (`mirage.storage.store.Store.id_key`): without it no address can be made, and none be read.
    clock : callable
        Seconds since 1970.
    """

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key, self._clock = key, clock

    def make(self, quiz: str, picture: Shown, highlight: int = 0) -> str:
        """Make an address that leads to this picture of this quiz.

        Parameters
        ----------
        quiz : str
            Its id.
        picture : Shown
        highlight : int
            As for `drawn`.
        """
        salt = secrets.token_urlsafe(_SALT)
        return salt + self._digest(salt, self._now(), quiz, picture, highlight)

    def get(self, quiz: str, name: str, may_be: Iterable[tuple[Shown, int]]) -> tuple[Shown, int]:
        """What an address leads to: the picture, and the label to tint in it.

        Parameters
        ----------
        quiz : str
            Its id.
        name : str
            What `make` gave.
        may_be : iterable of (Shown, int)
            The pictures of this quiz, with each label that may be tinted in them.

        Raises
        ------
        mirage.errors.NotFound
            When there is none, it is of another quiz, or its time is over.
        """
        salt, now = name[: len(name) // 2], self._now()
        for picture, highlight in may_be:
            for then in (now, now - 1, now + 1):  # that of a server whose clock is ahead
                if secrets.compare_digest(
                    name.encode(), (salt + self._digest(salt, then, quiz, picture, highlight)).encode()
                ):
                    return picture, highlight
        raise NotFound(_("This picture's address is used up. Load the page of the question again: it gives a new one."))

    def _now(self) -> int:
        return int(self._clock() // _SECONDS)

    def _digest(self, salt: str, now: int, *what: object) -> str:
        made = hmac.digest(self._key, repr(("quiz picture", salt, now, *what)).encode("utf-8", "replace"), "sha256")
        return urlsafe_b64encode(made[:_SALT]).decode()


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
