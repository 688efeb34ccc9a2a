"""Files of strangers read so that no more memory is taken than they have bytes, also deflated ones, a piece at a time."""

from __future__ import annotations

import io
import zlib
from typing import Any, BinaryIO

_PIECE = 1 << 16
_MOST_READS = 500_000  # as many elements of a header take seconds, and a few bytes may unpack to them


class Bounded(io.BufferedReader):
    """A file that makes room for what it has, whatever length somebody wrote into it: Python makes it for what is asked.

    Parameters
    ----------
    raw : raw binary file
    size : int
        How many bytes it may have.
    """

    def __init__(self, raw: io.RawIOBase, size: int) -> None:
        super().__init__(raw, _PIECE)
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read some bytes."""
        if size is not None and size > _PIECE:
            size = min(size, max(self._size - self.tell(), 0) + 1)  # one more, for whoever counts
        return super().read(size)


class Inflated(Bounded):
    """What a packed file unpacks to, after some bytes that are not packed.

    Going back unpacks anew from the beginning, so read it in order as far as you can.

    Parameters
    ----------
    file : binary file
    head : bytes
        What comes first, as it is.
    begin : int
        Where the packed bytes begin in the file.
    most : int
        How many bytes may be unpacked.

    Raises
    ------
    OverflowError
        On reading, when it unpacks to more, or to more elements than a header has.
    zlib.error
        On reading, when it is damaged.
    """

    name = ""  # which pydicom asks for

    def __init__(self, file: BinaryIO, head: bytes, begin: int, most: int) -> None:
        super().__init__(_Pieces(file, head, begin, most), most)
        self._reads_left = _MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """Read some bytes."""
        self._reads_left -= 1
        if self._reads_left < 0:
            raise OverflowError
        return super().read(size)


class _Pieces(io.RawIOBase):
    def __init__(self, file: BinaryIO, head: bytes, begin: int, most: int) -> None:
        self._file, self._head, self._begin, self._most = file, head, begin, most
        self._start()
        self._at = 0  # where the reader wants to be; what was unpacked is further on or further back

    def _start(self) -> None:
        self._file.seek(self._begin)
        self._unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        self._piece, self._from = self._head, 0  # bytes that are unpacked, and where they stand

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always, at the price of unpacking."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go somewhere; nothing is unpacked before it is read."""
        if whence == io.SEEK_END:
            while self._next():
                pass
            self._at = max(self._from + len(self._piece) + offset, 0)
        else:
            self._at = max(offset + (self._at if whence == io.SEEK_CUR else 0), 0)
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Read some bytes; 0 at the end."""
        if self._at < self._from:
            self._start()
        while self._at >= self._from + len(self._piece):
            if not self._next():
                return 0
        place = self._at - self._from
        some = self._piece[place : place + len(buffer)]
        buffer[: len(some)] = some
        self._at += len(some)
        return len(some)

    def _next(self) -> bool:
        """Unpack the piece that follows; False at the end, or where the file is cut short."""
        while not self._unpacker.eof:
            packed = self._unpacker.unconsumed_tail or self._file.read(_PIECE)
            piece = self._unpacker.decompress(packed, _PIECE) if packed else self._unpacker.flush()
            if piece:
                self._from += len(self._piece)
                self._piece = piece
                if self._from + len(piece) > len(self._head) + self._most:
                    raise OverflowError
                return True
            if not packed:
                return False
        return False
