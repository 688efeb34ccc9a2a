"""Synthetic images that were made, kept beside an atlas and never in it: marked pictures and what is known of each."""

from __future__ import annotations

import builtins
import contextlib
import io
import json
import os
import re
import time
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from PIL import Image
from pydantic import TypeAdapter

from mirage.errors import NotFound, Unavailable, first_fault
from mirage.generate import provenance
from mirage.generate.synthesis import SyntheticImage
from mirage.images.marks import SyntheticRecord
from mirage.images.store import cannot_write
from mirage.query import shown
from mirage.wording import _

FOLDER = "synthetic"
_PARTIAL = ".partial"
_ID = re.compile(r"[0-9a-f]{16}")
_KEPT = TypeAdapter(SyntheticImage)


@dataclass(frozen=True, slots=True)
class OutputEntry:
    """What is known of an image that was made, without its picture.

    Attributes
    ----------
    record : SyntheticRecord
    withheld : bool
    reason : str
        Why there is no picture to show; empty when there is one.
    """

    record: SyntheticRecord
    withheld: bool
    reason: str


class Outputs:
    """The folder ``synthetic`` of an atlas: ``<id>.png``, marked, and ``<id>.json``.

    Parameters
    ----------
    folder : Path
        Made when the first image is put.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, synthetic: SyntheticImage) -> None:
        """Keep an image; of one that is withheld or blank, only what is known of it.

        Raises
        ------
        mirage.errors.Unavailable
            When the disk is full or the folder cannot be written.
        """
        picture, words = self._paths(synthetic.record.id)
        try:
            # With what somebody typed, and who they are where people sign in: for nobody else on the machine.
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # another user's, who lets this one write into it
                self.folder.chmod(0o700)  # an earlier version left it open
            with _alone(self.folder) as alone:
                if alone:
                    self._sweep()
                if synthetic.data:
                    _write(picture, synthetic.data)
                # Last: what has its words is whole.
                _write(words, _KEPT.dump_json(synthetic, exclude={"data"}, indent=1))
        except OSError as error:
            for path in (picture, words):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            raise Unavailable(cannot_write(self.folder, error)) from error

    def _sweep(self) -> None:
        """Remove what a process left that was killed before its image was whole."""
        for path in self.folder.iterdir():
            lone = path.suffix == ".png" and not path.with_suffix(".json").exists()
            if lone or path.name.endswith(_PARTIAL):
                path.unlink(missing_ok=True)

    def get(self, image_id: str) -> SyntheticImage:
        """One image.

        Raises
        ------
        mirage.errors.NotFound
        """
        picture = self._paths(image_id)[0]
        known = self._known(image_id)
        try:
            return replace(known, data=picture.read_bytes() if picture.is_file() else b"")
        except OSError as error:
            raise _damaged(image_id, error) from error

    def __len__(self) -> int:
        """How many images are kept."""
        return sum(1 for _ in self.folder.glob("*.json"))

    def count(self, owner: str) -> int:
        """How many images are kept that somebody had made."""
        return len(self._newest(owner))

    def remove_of(self, owner: str) -> int:
        """Delete all images that somebody had made; gives how many.

        Parameters
        ----------
        owner : str
            The person's id.
        """
        found = self._newest(owner)
        for path in found:
            with contextlib.suppress(NotFound):
                self.remove(path.stem)
        return len(found)

    def _newest(self, owner: str | None) -> builtins.list[Path]:
        """The files of images, the last one kept first: of all, or of somebody."""
        paths = sorted(self.folder.glob("*.json"), key=_kept_at, reverse=True)
        return paths if owner is None else [path for path in paths if _owner(path, _kept_at(path)) == owner]

    def list(self, first: int = 0, most: int | None = None, owner: str | None = None) -> builtins.list[OutputEntry]:
        """List images, the last one kept first, without reading a picture, or the records of those that are not listed.

        Parameters
        ----------
        first : int
            How many to pass over.
        most : int, optional
            How many to list; all when left out. What is damaged is left out.
        owner : str, optional
            List only what this person had made.
        """
        found = []
        for path in self._newest(owner)[first : None if most is None else first + most]:
            with contextlib.suppress(NotFound):
                known = self._known(path.stem)
                reason = "" if path.with_suffix(".png").is_file() else known.reason
                found.append(OutputEntry(known.record, known.withheld, reason))
        return found

    def _known(self, image_id: str) -> SyntheticImage:
        """What is known of an image, without its picture."""
        try:
            known = json.loads(self._paths(image_id)[1].read_text("utf-8"))
            if "better_than" in (known.get("match") or {}):
                known["match"] = None  # an older version claimed by a share that an image matches all of its prompt
            return _KEPT.validate_python({**known, "data": b""})
        except FileNotFoundError:
            raise NotFound(_("There is no synthetic image %(image_id)s.", image_id=shown(image_id))) from None
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise _damaged(image_id, error) from error

    def prune(self, images: int, days: int, spare: Container[str] = ()) -> int:
        """Delete the oldest images, so that a folder does not grow without end.

        Parameters
        ----------
        images : int
            How many to keep; 0 for any number.
        days : int
            Up to which age, by the day of making, to keep them; 0 for any age.
        spare : container of str
            Ids that stay, as those of a job that is still drawing.

        Returns
        -------
        int
            How many were deleted.
        """
        every = sorted(self.list(), key=lambda image: (image.record.created, image.record.id), reverse=True)
        oldest = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days * 86_400)) if days else ""
        surplus = every[images:] if images else []
        gone = {image.record.id for image in (*surplus, *(each for each in every if each.record.created < oldest))}
        gone = {image_id for image_id in gone if image_id not in spare}
        for image_id in gone:
            with contextlib.suppress(NotFound):
                self.remove(image_id)
        return len(gone)

    def remove(self, image_id: str) -> None:
        """Delete an image; `mirage.errors.NotFound` when it is not there."""
        picture, words = self._paths(image_id)
        if not words.is_file():
            raise NotFound(_("There is no synthetic image %(image_id)s.", image_id=shown(image_id)))
        try:
            picture.unlink(missing_ok=True)
            words.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(cannot_write(self.folder, error)) from error

    def export(self, image_id: str, format: str) -> bytes:
        """An image as a file of another format, with all its marks.

        Parameters
        ----------
        image_id : str
        format : {"png", "jpeg", "webp", "dicom"}

        Returns
        -------
        bytes
            The file.

        Raises
        ------
        mirage.errors.NotFound
            When it is not there, or there is no picture of it.
        mirage.errors.BadInput
            When there is no such format.
        """
        found = self.get(image_id)
        if found.reason:
            raise NotFound(found.reason)
        with Image.open(io.BytesIO(found.data)) as image:
            image.load()
            return provenance.rewrite(image, found.record, format)

    def _paths(self, image_id: str) -> tuple[Path, Path]:
        if not _ID.fullmatch(image_id):
            raise NotFound(_("There is no synthetic image %(image_id)s.", image_id=shown(image_id)))
        return self.folder / f"{image_id}.png", self.folder / f"{image_id}.json"


@lru_cache(maxsize=4096)
def _owner(path: Path, _written: tuple[int, str]) -> str:
    try:
        return str(json.loads(path.read_text("utf-8")).get("owner", ""))
    except (OSError, ValueError, AttributeError):  # deleted since, or damaged: nobody's
        return ""


def _kept_at(path: Path) -> tuple[int, str]:
    try:
        return path.stat().st_mtime_ns, path.name
    except OSError:  # deleted since it was listed
        return 0, path.name


def _damaged(image_id: str, error: Exception) -> NotFound:
    return NotFound(
        _(
            "What was kept of the synthetic image %(image_id)s is damaged (%(error)s). Make it again.",
            image_id=image_id,
            error=first_fault(error),
        )
    )


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Write in a folder while nobody else does; False where the system cannot tell."""
    try:
        import fcntl  # noqa: PLC0415 - not everywhere

        held = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield False
        return
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            alone = True
        except OSError:  # some shares know no locks
            alone = False
        yield alone
    finally:
        os.close(held)


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}{_PARTIAL}")
    partial.write_bytes(data)
    partial.replace(path)
