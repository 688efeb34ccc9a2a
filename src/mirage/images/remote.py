"""Pictures at an address that fsspec knows, as ``s3://bucket/prefix``, read through copies on this machine."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mirage.errors import AtlasError, NotFound
from mirage.images.bucket import Bucket
from mirage.images.cache import FileCache
from mirage.images.stack_file import Source
from mirage.images.store import PictureStore, is_name, is_whole, thumbnail_name
from mirage.wording import _, carried

_OWNER = "atlas.id"  # says which atlas may remove what lies there
_AT_ONCE = 16  # questions to the storage
_FEW = 200  # sizes that are asked for one by one


class RemotePictures(PictureStore):
    """Pictures, thumbnails and stacks at an address, under the names that they have in a folder.

    What is read is checked by its name, which is its SHA-256, and kept in a cache; single slices of a stack are read alone.

    Parameters
    ----------
    address : str
        As `mirage.images.bucket.check_address` returns it.
    owner : str
        Which atlas this is. Another's pictures are read, and neither added to nor removed.
    cache : Path
        Folder of copies.
    most : int
        Bytes that they may take.
    """

    def __init__(self, address: str, owner: str, cache: Path, most: int) -> None:
        self.bucket = Bucket(address)
        self._cache = FileCache(cache / hashlib.sha256(address.encode()).hexdigest()[:16], most)
        super().__init__(self._cache.folder)
        self.address, self.owner, self._claimed = address, owner, False
        self._claiming = threading.Lock()

    def path(self, name: str) -> Path:
        """Where a copy of a picture lies, which is fetched first; where it would lie, when the picture is not there.

        Raises
        ------
        mirage.errors.BadInput
            When the name is none that this store gives.
        mirage.errors.Unavailable
            When the storage does not give it.
        """
        place = super().path(name)
        with suppress(FileNotFoundError):
            return self.file(name)
        return place

    def thumbnail_path(self, name: str) -> Path:
        """Where a copy of a picture's thumbnail lies, which is fetched first."""
        place = super().thumbnail_path(name)
        with suppress(FileNotFoundError):
            return self.file(place.name)
        return place

    def source(self, name: str) -> Source:
        """What a `StackFile` of this name is read from: a slice at a time."""
        super().path(name)
        return _Ranges(self, name)

    def read(self, name: str) -> bytes:
        """Read a picture, without keeping a copy of it.

        Raises
        ------
        mirage.errors.NotFound, mirage.errors.Unavailable
        """
        return self._read(name, super().path(name).name)

    def read_thumbnail(self, name: str) -> bytes:
        """Read a picture's thumbnail.

        Raises
        ------
        mirage.errors.NotFound, mirage.errors.Unavailable
        """
        return self._read(name, super().thumbnail_path(name).name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and is_name(name) and self.bucket.size(_key(name)) is not None

    def size(self, names: Iterable[str]) -> int:
        """Bytes of some pictures and stacks, without thumbnails; of those that are not there none."""
        wanted = list(names)
        if len(wanted) > _FEW:
            there = self.sizes()
            return sum(there.get(name, 0) for name in wanted)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return sum(size or 0 for size in pool.map(carried(lambda name: self.bucket.size(_key(name))), wanted))

    def sizes(self) -> dict[str, int]:
        """Names and bytes of all files, thumbnails too."""
        found = {key.rpartition("/")[2]: (key, size) for key, size in self.bucket.sizes().items()}
        return {name: size for name, (key, size) in found.items() if key == _key(name)}

    def names(self) -> Iterator[str]:
        """Names of all pictures, in order."""
        yield from sorted(filter(is_name, self.sizes()))

    def remove(self, name: str) -> None:
        """Remove a picture and its thumbnail; nothing happens when it is not there."""
        self.remove_all([name])

    def remove_all(self, names: Iterable[str]) -> None:
        """Remove several, a few hundred at once."""
        going = [super(RemotePictures, self).path(name).name for name in names]
        both = [each for name in going for each in (thumbnail_name(name), name)]
        self.remove_files(both)

    def remove_files(self, names: Iterable[str]) -> None:
        """Remove files by the very names that they have."""
        if going := list(names):
            self.claim()
            self.bucket.remove(map(_key, going))
            for name in going:
                self._cache.forget(name)

    def find(self, content: str) -> str:
        """The address of the picture whose content has this SHA-256, for a person; empty when it is not there."""
        found = sorted(self.bucket.sizes(_key(content)), key=len)
        return f"{self.address}/{found[0]}" if found else ""

    def tidy(self) -> int:
        """Remove what a killed process left half-written, here and there, and say how many files that were."""
        self._cache.make_room()
        return self.bucket.tidy()

    def file(self, name: str) -> Path:
        """Where a copy of a file lies of those that `sizes` names, which is fetched first."""

        def is_right(file: Path) -> bool:
            with file.open("rb") as opened:
                return is_whole(opened, name)

        return self._cache.get(name, lambda into: self.bucket.fetch(_key(name), into, is_right))

    def keep(self, name: str, data: bytes) -> None:
        """Keep what another process made, under the name that it has there."""
        self.claim()
        self.bucket.put(_key(name), data)

    def copy(self, file: Path) -> None:
        """Put a file of another store, under the name that it has there."""
        self.claim()
        self.bucket.put(_key(file.name), file)

    def _keep(self, name: str, data: bytes, small: Callable[[], bytes]) -> None:
        self.claim()
        # The thumbnail comes after the picture and goes before it; so where it is missing, nobody need ask for the picture.
        if self.bucket.size(_key(thumbnail_name(name))) is None:
            self.bucket.put(_key(name), data)
            self.bucket.put(_key(thumbnail_name(name)), small())
        elif name not in self:
            self.bucket.put(_key(name), data)

    def _put_file(self, fill: Callable[..., object]) -> str:
        name = super()._put_file(fill)
        try:
            if name not in self:
                self.copy(self._cache.place(name))
        finally:
            self._cache.forget(name)  # who adds many looks at few
        return name

    def _read(self, asked: str, name: str) -> bytes:
        if path := self._cache.there(name):
            with suppress(FileNotFoundError):
                return path.read_bytes()
        try:
            return self.bucket.read(_key(name), check=lambda data: is_whole(io.BytesIO(data), name))
        except FileNotFoundError:
            raise NotFound(_("The picture %(asked)s is not at %(address)s.", asked=asked, address=self.address)) from None

    def claim(self) -> None:
        """See to it that what lies there is this atlas's own: it removes what it does not know.

        Raises
        ------
        mirage.errors.AtlasError
            When it is another's.
        mirage.errors.Unavailable
        """
        with self._claiming:  # once, however many threads put the first pictures
            if self._claimed:
                return
            try:
                owner = self.bucket.read(_OWNER).decode("ascii", "replace")
            except FileNotFoundError:
                self.bucket.put(_OWNER, self.owner.encode())
                owner = self.owner
            if owner != self.owner:
                raise AtlasError(
                    _(
                        "The pictures of another atlas are at %(address)s. Two atlases there would remove "
                        "each other's: give this one a prefix of its own.",
                        address=self.address,
                    )
                )
            self._claimed = True


@dataclass(frozen=True, slots=True)
class _Ranges:
    """A stack's file at its address, of which parts are read."""

    pictures: RemotePictures
    name: str

    def length(self) -> int:
        if (size := self.pictures.bucket.size(_key(self.name))) is None:
            raise FileNotFoundError(self.name)
        return size

    def read(self, start: int, size: int) -> bytes:
        if path := self.pictures._cache.there(self.name):
            with suppress(FileNotFoundError), path.open("rb") as file:
                file.seek(start)
                return file.read(size)
        return self.pictures.bucket.read(_key(self.name), start, start + size, check=lambda data: len(data) == size)

    def whole(self) -> Path:
        return self.pictures.file(self.name)


def _key(name: str) -> str:
    return f"{name[:2]}/{name}"
