"""Pictures in a folder, each named by its content, so that none is kept twice and none is ever changed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from mirage.errors import BadInput, NotFound, Unavailable
from mirage.figure import Stack
from mirage.images.pixels import DecodedPicture, thumbnail
from mirage.images.stack_file import Source, StackFile, packed_slices, write_stack
from mirage.images.stacks import slice_labels, slice_values, stack_of
from mirage.images.volume import Array, Volume
from mirage.wording import _

_NAME = re.compile(r"[0-9a-f]{64}\.(png|jpg|webp|stack)")
_ENDINGS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}
_THUMBNAIL_ENDING = ".thumb.webp"


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


@dataclass(frozen=True, slots=True)
class KeptStack:
    """A stack in the store.

    Attributes
    ----------
    stack : mirage.figure.Stack
        How it is kept.
    voxels, labels : str
        Names of its files; empty where it has no labels.
    size : int
        Bytes of both.
    """

    stack: Stack
    voxels: str
    labels: str
    size: int


class PictureStore:
    """A folder of pictures with their thumbnails, and of the slices of stacks.

    It is safe to write from several threads and processes at once.

    Parameters
    ----------
    folder : Path
        Made when the first picture is put.

    Attributes
    ----------
    address : str
        Where else they lie, as `mirage.images.remote.RemotePictures` has it; empty for a folder's own.
    """

    address = ""

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
        self._keep(name, original, lambda: thumbnail(image))
        return KeptPicture(name, image.width, image.height, len(original))

    def put_stack(self, volume: Volume, stack: Stack | None = None) -> KeptStack:
        """Keep the slices of a volume, and its labels. The picture that stands for it is put by itself.

        Parameters
        ----------
        volume : Volume
        stack : Stack, optional
            What `mirage.images.stacks.stack_of` makes of it, where that is known.

        Raises
        ------
        mirage.errors.BadPicture
            When it cannot be kept as a stack.
        mirage.errors.Unavailable
            When the disk is full or the folder cannot be written.
        """
        stack = stack or stack_of(volume)
        count = stack.shape[0]
        voxels = self._put_slices(lambda number: slice_values(volume, stack, number), count)
        labels = ""
        if stack.labels:
            labels = self._put_slices(lambda number: slice_labels(volume, number), count)
        size = self.size(filter(None, (voxels, labels)))
        return KeptStack(stack, voxels, labels, size)

    def put_stack_file(self, path: Path) -> str:
        """Keep a file that `write_stack` made already, and return its name.

        Raises
        ------
        mirage.errors.Unavailable
        """
        with path.open("rb") as file:
            return self._put_file(lambda into: shutil.copyfileobj(file, into))

    def open_stack(self, name: str, stack: Stack, *, labels: bool = False) -> StackFile:
        """Open the slices or the labels of a stack; see `mirage.images.stack_file.StackFile`.

        Parameters
        ----------
        name : str
        stack : mirage.figure.Stack
        labels : bool
            Whether these are the labels.

        Raises
        ------
        mirage.errors.NotFound, mirage.errors.BadPicture
        """
        return StackFile(self.source(name), stack, labels=labels)

    def source(self, name: str) -> Path | Source:
        """What a `StackFile` of this name is read from."""
        return self.path(name)

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
            raise BadInput(_("“%(name)s” is no name of a picture.", name=name[:80]))
        start = os.path.join(self.folder, name[:2], name)  # noqa: PTH118
        return start, thumbnail_name(start)

    def claim(self) -> None:
        """See to it that what is added belongs here; a folder is its atlas's own."""

    def keep(self, name: str, data: bytes) -> None:
        """Keep what another process made, a picture, a thumbnail or a stack, under the name that it has there.

        Raises
        ------
        mirage.errors.Unavailable
        """
        if not self.file(name).is_file():
            self._write(self.file(name), data)

    def file(self, name: str) -> Path:
        """Where a file lies of those that `sizes` names."""
        return self.folder / name[:2] / name

    def copy(self, file: Path) -> None:
        """Keep a file of another store, under the name that it has there.

        Raises
        ------
        mirage.errors.Unavailable
        """
        with file.open("rb") as opened:
            self._written(self.folder, lambda into: shutil.copyfileobj(opened, into), lambda _: self.file(file.name))

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
        return isinstance(name, str) and is_name(name) and self.path(name).is_file()

    def size(self, names: Iterable[str]) -> int:
        """Bytes of some pictures and stacks, without thumbnails; of those that are not there none."""
        places = map(self.path, names)
        return sum(place.stat().st_size for place in places if place.is_file())

    def names(self) -> Iterator[str]:
        """Names of all pictures, in order."""
        for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*")):
            if _NAME.fullmatch(path.name):
                yield path.name

    def remove(self, name: str) -> None:
        """Remove a picture and its thumbnail; nothing happens when it is not there."""
        for path in (self.path(name), self.thumbnail_path(name)):
            path.unlink(missing_ok=True)

    def remove_all(self, names: Iterable[str]) -> None:
        """Remove several, as `remove` does."""
        for name in names:
            self.remove(name)

    def sizes(self) -> dict[str, int]:
        """Names and bytes of all files that are whole, thumbnails too."""
        found = (path for path in self.folder.glob("[0-9a-f][0-9a-f]/*") if not path.name.startswith("."))
        return {path.name: path.stat().st_size for path in found}

    def lone_thumbnails(self) -> dict[str, int]:
        """Names and bytes of thumbnails whose picture is not there."""
        sizes = self.sizes()
        there = {thumbnail_name(name) for name in sizes if _NAME.fullmatch(name)}
        return {name: sizes[name] for name in sorted(sizes) if name.endswith(_THUMBNAIL_ENDING) and name not in there}

    def remove_files(self, names: Iterable[str]) -> None:
        """Remove files alone, by the names that `sizes` gives."""
        for name in names:
            self.file(name).unlink(missing_ok=True)

    def find(self, content: str) -> str:
        """Where the picture lies whose content has this SHA-256, for a person; empty when it is not there."""
        found = sorted((self.folder / content[:2]).glob(f"{content}*"), key=lambda path: len(path.name))
        return str(found[0]) if found else ""  # the longer name is that of the thumbnail

    def tidy(self) -> int:
        """Remove what a killed process left half-written, and say how many files that were."""
        left = list(self.folder.glob("[0-9a-f][0-9a-f]/.*.part")) + list(self.folder.glob(".*.part"))
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _keep(self, name: str, data: bytes, small: Callable[[], bytes]) -> None:
        if not self.path(name).is_file():
            self._write(self.path(name), data)
        if not self.thumbnail_path(name).is_file():
            self._write(self.thumbnail_path(name), small())

    def _put_slices(self, values_of: Callable[[int], Array], count: int) -> str:
        return self._put_file(lambda into: write_stack(into, packed_slices(values_of, count)))

    def _put_file(self, fill: Callable[[BinaryIO], object]) -> str:
        """Keep a stack's file, whose name is known when it is written."""

        def place(written: Path) -> Path:
            with written.open("rb") as file:
                return self.path(f"{hashlib.file_digest(file, 'sha256').hexdigest()}.stack")

        return self._written(self.folder, fill, place).name

    def _write(self, path: Path, data: bytes) -> None:
        self._written(path.parent, lambda file: file.write(data), lambda _: path)

    def _written(self, folder: Path, fill: Callable[[BinaryIO], object], place: Callable[[Path], Path]) -> Path:
        """Write a file beside its place and move it there when it is whole."""
        temporary = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
            with os.fdopen(handle, "wb") as file:
                fill(file)
            path = place(Path(temporary))
            path.parent.mkdir(exist_ok=True)
            Path(temporary).chmod(0o644)
            return Path(temporary).replace(path)
        except OSError as error:
            raise Unavailable(cannot_write(self.folder, error)) from error
        finally:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink(missing_ok=True)


def is_whole(opened: io.BufferedIOBase, name: str) -> bool:
    """Whether a file of a store is what its name says; a thumbnail, which is named by its picture, a whole WebP."""
    if is_name(name):
        return hashlib.file_digest(opened, "sha256").hexdigest() == name.partition(".")[0]
    head = opened.read(8)
    return head[:4] == b"RIFF" and int.from_bytes(head[4:], "little") + 8 == opened.seek(0, os.SEEK_END)


def is_name(name: object) -> bool:
    """Whether a picture or a stack may be called so."""
    return isinstance(name, str) and bool(_NAME.fullmatch(name))


def thumbnail_name(name: str) -> str:
    """What the thumbnail of a picture is called."""
    return name.rpartition(".")[0] + _THUMBNAIL_ENDING


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
        return _(
            "The disk that holds %(folder)s is full. Make room and run it again; what is kept already stays.", folder=folder
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return _(
            "%(folder)s cannot be written (%(why)s). Choose another folder or change its rights.",
            folder=folder,
            why=error.strerror,
        )
    return _("%(folder)s cannot be written: %(why)s.", folder=folder, why=error.strerror or error)


def _lossless(image: Image.Image) -> bytes:
    out = io.BytesIO()
    # Level 1 takes a third of the time of level 6 and a few per cent more room.
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound(
            _("The picture %(name)s is not in the atlas's folder %(parent)s.", name=name, parent=path.parent.parent)
        ) from None
