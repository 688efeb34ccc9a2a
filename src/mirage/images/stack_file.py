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
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from mirage.errors import BadPicture, NotFound
from mirage.figure import Stack
from mirage.images.limits import BUDGET, DEFAULT_LIMITS, Limits
from mirage.images.packing import Array, inflated, pack, unpack, unpack_all
from mirage.images.stacks import MOST_SLICES
from mirage.images.volume import check_size

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


class StackFile:
    """The file of a stack, to be read slice by slice. May be used by several threads.

    Parameters
    ----------
    path : Path
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

    def __init__(self, path: Path, stack: Stack, *, labels: bool = False, limits: Limits = DEFAULT_LIMITS) -> None:
        count, rows, columns = stack.shape
        self.path, self.count = path, count
        self.shape = (rows, columns, 3) if stack.colours == 3 and not labels else (rows, columns)
        check_size((count, *self.shape), 1 if labels else 2, path.name, limits)
        self._most = 1 if labels else 2
        self._size = math.prod(self.shape)
        try:
            with path.open("rb") as file:
                self._places = _places(file, path.name, count, self._size)
        except FileNotFoundError:
            raise NotFound(f"The slices {path.name} are not in the atlas's folder {path.parent.parent}.") from None

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
            raise NotFound(f"There is no slice {number + 1}; this stack has {self.count}.")
        offset, size, check = self._places[number]
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                data = file.read(size)
        except FileNotFoundError:
            raise NotFound(f"The slices {self.path.name} are not in the atlas any more.") from None
        if len(data) != size or zlib.crc32(data) != check:
            raise BadPicture(f"The stack {self.path.name} is damaged: its slice {number + 1} has changed.")
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
        with BUDGET.reserve(4 * self.count * self._size, name=self.path.name):
            return self._checked(unpack_all([self.packed(number) for number in range(self.count)], self.shape))

    def check(self) -> None:
        """Unpack everything once, as when it comes from somebody else.

        Raises
        ------
        mirage.errors.BadPicture
        """
        depths = {len(inflated(self.packed(number), self._size)) // self._size for number in range(self.count)}
        if len(depths) > 1 or max(depths) > self._most:
            raise BadPicture(f"The stack {self.path.name} is damaged: its slices do not have the depth they should.")

    def _checked(self, values: Array) -> Array:
        if values.itemsize > self._most:
            raise BadPicture(f"{self.path.name} holds 16 bits a voxel, which no labels have.")
        return values


def _places(file: BinaryIO, name: str, count: int, size: int) -> list[tuple[int, int, int]]:
    """Where each packed slice begins, its bytes and its checksum."""
    length = file.seek(0, os.SEEK_END)
    directory = count * _MEMBER.size
    begin = length - _END.size - directory
    if count > MOST_SLICES or begin < 0:
        raise BadPicture(f"{name} is no stack of {count} slices: it is too short. Copy or export it again.")
    file.seek(begin)
    members, end = file.read(directory), file.read(_END.size)
    wanted = (b"PK\x05\x06", 0, 0, count, count, directory, begin, 0)
    places, at = [], 0
    for number, member in enumerate(_MEMBER.iter_unpack(members)):
        signature, *_, check, packed, plain, named, extra, comment, _, _, _, offset, digits = member
        method = member[6]
        if (signature, method, packed, named, extra, comment, offset, digits) != (
            b"PK\x01\x02", zipfile.ZIP_STORED, plain, 5, 0, 0, at, b"%05d" % number,
        ) or packed > 3 * size + 64:  # fmt: skip
            break
        places.append((at + _LOCAL, packed, check))
        at += _LOCAL + packed
    if _END.unpack(end) != wanted or len(places) != count or at != begin:
        raise BadPicture(f"{name} is no stack of {count} slices, or is damaged. Copy or export it again.")
    return places
