"""Pictures in a folder, each named by its content, so that none is kept twice and none is ever changed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mirage.errors import BadInput, NotFound, Unavailable
from mirage.images.pixels import DecodedPicture, thumbnail

_NAME = re.compile(r"[0-9a-f]{64}\.(png|jpg|webp)")
_ENDINGS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}
_THUMBNAIL_ENDING = ".thumb.webp"
MEDIA_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A picture in the store.

    Attributes
    ----------
    name : str
        SHA-256 of its bytes and the ending of its format.
    width, height : int
    size : int
        Bytes of the picture, without its thumbnail.
    """

    name: str
    width: int
    height: int
    size: int


class PictureStore:
    """A folder of pictures and their thumbnails. Safe to write from several threads and processes at once.

    Parameters
    ----------
    folder : Path
        Made when the first picture is put.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, picture: DecodedPicture | Image.Image) -> KeptPicture:
        """Keep a picture and make its thumbnail.

        Parameters
        ----------
        picture : DecodedPicture or PIL.Image.Image
            A `DecodedPicture` with `original` keeps those very bytes; other pixels are kept losslessly, as PNG.

        Raises
        ------
        mirage.errors.Unavailable
            When the disk is full or the folder cannot be written.
        """
        if isinstance(picture, DecodedPicture):
            image, original, kind = picture.image, picture.original, picture.format
        else:
            image, original, kind = picture, None, "PNG"
        if original is None:
            original, kind = _lossless(image), "PNG"
        name = f"{hashlib.sha256(original).hexdigest()}.{_ENDINGS[kind]}"
        if not self.path(name).is_file():
            self._write(self.path(name), original)
        if not self.thumbnail_path(name).is_file():
            self._write(self.thumbnail_path(name), thumbnail(image))
        return KeptPicture(name, image.width, image.height, len(original))

    def path(self, name: str) -> Path:
        """Where a picture lies, whether or not it is there.

        Raises
        ------
        mirage.errors.BadInput
            When the name is none that this store gives.
        """
        return Path(self.places(name)[0])

    def thumbnail_path(self, name: str) -> Path:
        """Where a picture's thumbnail lies, whether or not it is there."""
        return Path(self.places(name)[1])

    def places(self, name: str) -> tuple[str, str]:
        """`path` and `thumbnail_path` as text, for many pictures at once: paths are slow to join.

        Raises
        ------
        mirage.errors.BadInput
            When the name is none that this store gives.
        """
        if not _NAME.fullmatch(name):
            raise BadInput(f"“{name[:80]}” is no name of a picture.")
        start = os.path.join(self.folder, name[:2], name)  # noqa: PTH118
        return start, start.rpartition(".")[0] + _THUMBNAIL_ENDING

    def read(self, name: str) -> bytes:
        """Read a picture.

        Raises
        ------
        mirage.errors.NotFound
        """
        return _read(self.path(name), name)

    def read_thumbnail(self, name: str) -> bytes:
        """Read a picture's thumbnail.

        Raises
        ------
        mirage.errors.NotFound
        """
        return _read(self.thumbnail_path(name), name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(_NAME.fullmatch(name)) and self.path(name).is_file()

    def names(self) -> Iterator[str]:
        """Names of all pictures, in order."""
        for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*")):
            if _NAME.fullmatch(path.name):
                yield path.name

    def remove(self, name: str) -> None:
        """Remove a picture and its thumbnail; nothing happens when it is not there."""
        for path in (self.path(name), self.thumbnail_path(name)):
            path.unlink(missing_ok=True)

    def tidy(self) -> int:
        """Remove what a killed process left half-written, and say how many files that were."""
        left = list(self.folder.glob("[0-9a-f][0-9a-f]/.*.part"))
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _write(self, path: Path, data: bytes) -> None:
        temporary = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except OSError as error:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink(missing_ok=True)
            raise Unavailable(cannot_write(self.folder, error)) from error


def cannot_write(folder: Path, error: OSError) -> str:
    """Say why a folder could not be written, and what to do.

    Parameters
    ----------
    folder : Path
        What was to be written.
    error : OSError
        What the system said.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk that holds {folder} is full. Make room and run it again; what is kept already stays."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{folder} cannot be written ({error.strerror}). Choose another folder or change its rights."
    return f"{folder} cannot be written: {error.strerror or error}."


def _lossless(image: Image.Image) -> bytes:
    out = io.BytesIO()
    # Level 1 takes a third of the time of level 6 and a few per cent more room.
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"The picture {name} is not in the atlas's folder {path.parent.parent}.") from None
