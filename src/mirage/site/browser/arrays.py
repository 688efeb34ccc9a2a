"""The dozen operations of numpy that a search uses on its vectors, in plain Python; in a browser it goes by the name numpy.

Numbers are doubles, whatever type is asked for, except that `int8` are bytes. A product of many vectors is not made here:
the page's script does that.
"""

from __future__ import annotations

import builtins
import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import mul
from typing import Any

float32, int32, int64 = float, int, int


class int8(int):  # noqa: N801 - numpy's name
    """A number from −128 to 127."""


class ndarray:  # noqa: N801 - numpy's name
    """A vector of numbers, or a row of vectors of equal length.

    Parameters
    ----------
    values : iterable
        Numbers, or vectors.
    """

    __slots__ = ("values",)

    def __init__(self, values: Iterable[Any]) -> None:
        self.values = list(values)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __getitem__(self, place: Any) -> Any:
        found = self.values[place]
        return ndarray(found) if isinstance(place, slice) else found

    def _with(self, other: Any, operation: Any) -> ndarray:
        if isinstance(other, ndarray):
            return ndarray(map(operation, self.values, other.values))
        return ndarray(operation(one, other) for one in self.values)

    def __add__(self, other: Any) -> ndarray:
        return self._with(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> ndarray:
        return self._with(other, lambda a, b: a - b)

    def __mul__(self, other: Any) -> ndarray:
        return self._with(other, lambda a, b: a * b)

    def __truediv__(self, other: Any) -> ndarray:
        return self._with(other, lambda a, b: a / b)

    __radd__, __rmul__ = __add__, __mul__

    def __matmul__(self, other: ndarray) -> Any:
        if self.values and isinstance(self.values[0], ndarray):
            return ndarray(row @ other for row in self.values)
        return sum(map(mul, self.values, other.values))

    def max(self) -> float:
        """The largest number."""
        return float(max(self.values))

    def argmax(self) -> int:
        """The place of the largest number, of several the first."""
        return max(range(len(self.values)), key=self.values.__getitem__)

    def mean(self, axis: int = 0) -> ndarray:
        """The mean of vectors.

        Parameters
        ----------
        axis : int
            0, along the vectors.
        """
        return ndarray(map(math.fsum, zip(*self.values, strict=True))) / len(self.values)

    def astype(self, kind: type) -> ndarray:
        """The same numbers as another type.

        Parameters
        ----------
        kind : type
        """
        return ndarray(map(kind, self.values))

    def tobytes(self) -> bytes:
        """Numbers from −128 to 127 as bytes."""
        return array("b", self.values).tobytes()

    def tolist(self) -> list[Any]:
        """The numbers."""
        return list(self.values)


def asarray(values: Any, dtype: type = float) -> ndarray:
    """A vector of the numbers.

    Parameters
    ----------
    values : iterable
    dtype : type
    """
    return values if isinstance(values, ndarray) else ndarray(values)


def frombuffer(data: bytes, dtype: type = int8) -> ndarray:
    """A vector of the bytes, from −128 to 127.

    Parameters
    ----------
    data : bytes
    dtype : type
    """
    return ndarray(memoryview(data).cast("b"))


def zeros(shape: int | Sequence[int], dtype: type = float) -> ndarray:
    """As many zeros; vectors of them where `shape` has two numbers.

    Parameters
    ----------
    shape : int or sequence of int
    dtype : type
    """
    return ndarray([0.0] * shape) if isinstance(shape, int) else ndarray(zeros(shape[1]) for _ in range(shape[0]))


def zeros_like(other: ndarray) -> ndarray:
    """As many zeros as another vector has numbers.

    Parameters
    ----------
    other : ndarray
    """
    return zeros(len(other))


def abs(vector: ndarray) -> ndarray:
    """The sizes of the numbers.

    Parameters
    ----------
    vector : ndarray
    """
    return ndarray(map(math.fabs, vector))


def round(vector: ndarray) -> ndarray:
    """The nearest whole numbers, of two the even one.

    Parameters
    ----------
    vector : ndarray
    """
    return ndarray(map(builtins.round, vector))


class linalg:  # noqa: N801 - numpy's name
    """Where numpy has `norm`."""

    @staticmethod
    def norm(vector: ndarray) -> float:
        """The length of a vector.

        Parameters
        ----------
        vector : ndarray
        """
        return math.hypot(*vector)
