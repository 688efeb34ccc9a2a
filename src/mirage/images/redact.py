"""Text in pictures blacked out, where the package `rapidocr` (Apache-2.0) is installed, an extra.

It finds lines of letters and figures that are printed or drawn, not handwriting, and misses some: a person still looks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from threading import Lock
from typing import Any

import numpy as np
from PIL import ImageDraw

from mirage.errors import Unavailable
from mirage.images.pixels import DecodedPicture
from mirage.installed import to_install
from mirage.wording import _, ngettext

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""
Detector = Callable[[np.ndarray[Any, Any]], list[Box]]
"""Given a picture (height, width, 3) of 8 bits; gives where text is."""
_MARGIN = 0.15  # of a line's height, on each side: the boxes are drawn close


def installed() -> bool:
    """Whether text can be found here."""
    return find_spec("rapidocr") is not None


def text_detector() -> Detector:
    """The detector of lines of text that `rapidocr` comes with; nothing is downloaded.

    Raises
    ------
    mirage.errors.Unavailable
        When it is not installed.
    """
    if not installed():
        raise Unavailable(
            _(
                "Blacking out text needs the package rapidocr: %(install)s. Without it, add the folder without --redact: "
                "the report lists the pictures to look at. Nothing was added.",
                install=to_install("rapidocr", "opencv-python-headless"),
            )
        )
    from rapidocr import RapidOCR  # noqa: PLC0415 - an extra, and slow to import

    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    engine: Any = RapidOCR(params={"Global.log_level": "error"})
    alone = Lock()

    def detect(pixels: np.ndarray[Any, Any]) -> list[Box]:
        with alone:  # it keeps the size of the picture in hand
            boxes = engine(pixels, use_det=True, use_cls=False, use_rec=False).boxes
        corners = np.zeros((0, 4, 2)) if boxes is None else np.asarray(boxes, dtype=float)
        return [(*each.min(0).tolist(), *each.max(0).tolist()) for each in corners]

    return detect


def blacked(picture: DecodedPicture, detect: Detector, *, keep: str = "") -> DecodedPicture:
    """A picture whose text is blacked out: the file that it came from is not kept then.

    Parameters
    ----------
    picture : DecodedPicture
    detect : callable
    keep : str
        Why it must stay as it is, as a sentence, although text was found; empty where it may be changed.
    """
    boxes = detect(np.asarray(picture.image.convert("RGB")))
    if not boxes:
        return picture
    if keep:
        seen = ngettext(
            "There seems to be text in a place of it. %(keep)s Look at it.",
            "There seems to be text in %(num)s places of it. %(keep)s Look at it.",
            len(boxes),
            keep=keep,
        )
        return replace(picture, remarks=(*picture.remarks, seen))
    image = picture.image.copy()
    draw, black = ImageDraw.Draw(image), 0 if image.mode == "L" else (0, 0, 0)
    for left, top, right, bottom in boxes:
        more = _MARGIN * min(right - left, bottom - top) + 1
        draw.rectangle((left - more, top - more, right + more, bottom + more), fill=black)
    said = ngettext(
        "What looks like text was blacked out in a place of it. Look whether any is left, and whether it was text.",
        "What looks like text was blacked out in %(num)s places of it. Look whether any is left, and whether it was text.",
        len(boxes),
    )
    return replace(picture, image=image, original=None, values=None, remarks=(*picture.remarks, said))
