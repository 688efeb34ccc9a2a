"""The file of a stack: an ordinary ZIP, uncompressed, whose members 00000, 00001, … are packed slices.

It is written the same way every time, so that the same voxels have the same SHA-256; and one that is laid out in any other
way is refused, so that nothing hides in it.
"""

from __future__ import annotations

import math
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from mirage.errors import BadPicture, NotFound
from mirage.figure import Stack
from mirage.images.limits import BUDGET, DEFAULT_LIMITS, Limits
from mirage.images.packing import Array, inflated, pack, unpack, unpack_all
from mirage.images.stacks import MOST_SLICES
from mirage.images.volume import check_size
from mirage.wording import _

# APPNOTE of ZIP, 4.3: the local header, that in the directory, and the end of the directory, for names of five digits.
_LOCAL = 30 + 5
_MEMBER = struct.Struct("<4s4B4HL2L5H2L5s")
_END = struct.Struct("<4s4H2LH")


def packed_slices(values_of: Callable[[int], Array], count: int) -> Iterator[bytes]:
    """Pack slices on all processors, in order.

    Parameters
    ----------
    values_of : callable
        From a slice's number, from 0, to its values.
    count : int
        How many there are.
    """
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        yield from pool.map(lambda number: pack(values_of(number)), range(count))


def write_stack(file: BinaryIO, packed: Iterable[bytes]) -> None:
    """Write packed slices as the file of a stack.

    Parameters
    ----------
    file : binary file
    packed : iterable of bytes
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for number, data in enumerate(packed):
            member = zipfile.ZipInfo(f"{number:05d}", (1980, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = 3, 0o100644 << 16
            archive.writestr(member, data)


class Source(Hashable, Protocol):
    """What the file of a stack is read from, where that is no file here. It can be hashed: it is known again by that."""

    @property
    def name(self) -> str:
        """The file's name."""
        ...

    def length(self) -> int:
        """Give its bytes; `FileNotFoundError` where it is not there."""
        ...

    def read(self, start: int, size: int) -> bytes:
        """Read some of them; `FileNotFoundError` where it is not there any more."""
        ...

    def whole(self) -> Path:
        """Where a copy of all of it lies here, when much of it will be read."""
        ...


@dataclass(frozen=True, slots=True)
class _Here:
    """A file of this machine."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def length(self) -> int:
        return self.path.stat().st_size

    def read(self, start: int, size: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(size)

    def whole(self) -> Path:
        return self.path


class StackFile:
    """The file of a stack, to be read slice by slice. May be used by several threads.

    Parameters
    ----------
    place : Path or Source
    stack : Stack
        What it has to hold.
    labels : bool
        Whether it holds the labels: one plane of 8 bits.
    limits : Limits

    Raises
    ------
    mirage.errors.BadPicture
        When it is laid out otherwise than `write_stack` does, or has other slices than it should.
    mirage.errors.NotFound
        When it is not there.
    """

    def __init__(self, place: Path | Source, stack: Stack, *, labels: bool = False, limits: Limits = DEFAULT_LIMITS) -> None:
        count, rows, columns = stack.shape
        self.source: Source = _Here(place) if isinstance(place, Path) else place
        self.name, self.count = self.source.name, count
        self.content = self.name.partition(".")[0]  # digest of it
        self.shape = (rows, columns, 3) if stack.colours == 3 and not labels else (rows, columns)
        check_size((count, *self.shape), 1 if labels else 2, self.name, limits)
        self._most = 1 if labels else 2
        self._size = math.prod(self.shape)
        try:
            self._places = _places(self.source, count, self._size)
        except FileNotFoundError:
            where = f"'s folder {place.parent.parent}" if isinstance(place, Path) else ""
            raise NotFound(_("The slices %(what)s are not in the atlas%(where)s.", what=self.name, where=where)) from None

    def packed(self, number: int) -> bytes:
        """Return a slice as it is packed, which is what a browser gets.

        Parameters
        ----------
        number : int
            From 0.

        Raises
        ------
        mirage.errors.NotFound, mirage.errors.BadPicture
        """
        if not 0 <= number < self.count:
            raise NotFound(_("There is no slice %(number)s; this stack has %(count)s.", number=number + 1, count=self.count))
        return self._packed(self.source, number)

    def _packed(self, source: Source, number: int) -> bytes:
        offset, size, check = self._places[number]
        try:
            data = source.read(offset, size)
        except FileNotFoundError:
            raise NotFound(_("The slices %(what)s are not in the atlas any more.", what=self.name)) from None
        if len(data) != size or zlib.crc32(data) != check:
            raise BadPicture(
                _("The stack %(what)s is damaged: its slice %(number)s has changed.", what=self.name, number=number + 1)
            )
        return data

    def slice(self, number: int) -> Array:
        """Return the values of a slice.

        Parameters
        ----------
        number : int
            From 0.

        Returns
        -------
        (rows, columns) or (rows, columns, 3) array
            uint8 or uint16.

        Raises
        ------
        mirage.errors.NotFound, mirage.errors.BadPicture
        """
        return self._checked(unpack(self.packed(number), self.shape))

    def values(self) -> Array:
        """Return all values, (slices, rows, columns) or (slices, rows, columns, 3).

        Raises
        ------
        mirage.errors.BadPicture
        mirage.errors.Busy
            When other pictures take the memory for too long.
        """
        whole = _Here(self.source.whole())
        with BUDGET.reserve(4 * self.count * self._size, name=self.name):
            return self._checked(unpack_all([self._packed(whole, number) for number in range(self.count)], self.shape))

    def check(self) -> None:
        """Unpack everything once, as when it comes from somebody else.

        Raises
        ------
        mirage.errors.BadPicture
        """
        whole = _Here(self.source.whole())
        depths = {len(inflated(self._packed(whole, number), self._size)) // self._size for number in range(self.count)}
        if len(depths) > 1 or max(depths) > self._most:
            raise BadPicture(
                _("The stack %(what)s is damaged: its slices do not have the depth they should.", what=self.name)
            )

    def _checked(self, values: Array) -> Array:
        if values.itemsize > self._most:
            raise BadPicture(_("%(what)s holds 16 bits a voxel, which no labels have.", what=self.name))
        return values


def _places(source: Source, count: int, size: int) -> list[tuple[int, int, int]]:
    """Where each packed slice begins, its bytes and its checksum."""
    name, length = source.name, source.length()
    directory = count * _MEMBER.size
    begin = length - _END.size - directory
    if count > MOST_SLICES or begin < 0:
        raise BadPicture(
            _("%(name)s is no stack of %(count)s slices: it is too short. Copy or export it again.", name=name, count=count)
        )
    tail = source.read(begin, length - begin)
    members, end = tail[:directory], tail[directory:]
    wanted = (b"PK\x05\x06", 0, 0, count, count, directory, begin, 0)
    places, at = [], 0
    for number, member in enumerate(_MEMBER.iter_unpack(members)):
        signature, *_other, check, packed, plain, named, extra, comment, _other, _other, _other, offset, digits = member
        method = member[6]
        if (signature, method, packed, named, extra, comment, offset, digits) != (
            b"PK\x01\x02", zipfile.ZIP_STORED, plain, 5, 0, 0, at, b"%05d" % number,
        ) or packed > 3 * size + 64:  # fmt: skip
            break
        places.append((at + _LOCAL, packed, check))
        at += _LOCAL + packed
    if _END.unpack(end) != wanted or len(places) != count or at != begin:
        raise BadPicture(
            _("%(name)s is no stack of %(count)s slices, or is damaged. Copy or export it again.", name=name, count=count)
        )
    return places
