"""Reading a stack that an atlas keeps: slices of any view, as values, packed, and as pictures."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from functools import lru_cache
from threading import Lock
from typing import Self

import numpy as np
from PIL import Image

from mirage.errors import BadInput, NotFound
from mirage.figure import Stack, StackLabel, Window
from mirage.images.packing import Array, pack
from mirage.images.stack_file import Source, StackFile
from mirage.images.stacks import crossing, cut, render, shape_in
from mirage.images.store import PictureStore
from mirage.wording import _

_MOST_DECODED = 2**28  # bytes: two CTs of the usual size


class _Decoded:
    """Whole stacks as they were unpacked, those used last: other views than the first are cut from them."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._kept: OrderedDict[Source, Array] = OrderedDict()

    def values(self, file: StackFile) -> Array:
        """Unpack a stack, once for all who ask meanwhile."""
        with self._lock:
            values = self._kept.pop(file.source, None)
            if values is None:
                values = file.values()
            self._kept[file.source] = values
            while len(self._kept) > 1 and sum(each.nbytes for each in self._kept.values()) > self._most:
                self._kept.popitem(last=False)
            return values


_decoded = _Decoded(_MOST_DECODED)
_opened = lru_cache(maxsize=32)(StackFile)  # its directory is read once: files are named by what they hold


class StackReader:
    """A stack that an atlas keeps. Numbers count from 0, and the view is the stack's first where it is left out.

    Parameters
    ----------
    stack : Stack
    voxels : StackFile
    labels : StackFile or None
        None where nothing is marked.
    """

    def __init__(self, stack: Stack, voxels: StackFile, labels: StackFile | None) -> None:
        self.stack, self.voxels, self.labels = stack, voxels, labels

    @classmethod
    def open(cls, pictures: PictureStore, stack: Stack, voxels: str, labels: str) -> Self:
        """Open a stack that a store keeps.

        Parameters
        ----------
        pictures : PictureStore
        stack : Stack
        voxels, labels : str
            Names of its files; the second is empty where nothing is marked.

        Raises
        ------
        mirage.errors.NotFound, mirage.errors.BadPicture
        """
        marked = _opened(pictures.source(labels), stack, labels=True) if labels else None
        return cls(stack, _opened(pictures.source(voxels), stack), marked)

    def slice(self, number: int, view: str = "") -> Array:
        """Return the values of a slice as they are kept, as it is hung.

        Parameters
        ----------
        number : int
        view : str

        Returns
        -------
        (rows, columns) or (rows, columns, 3) array
            uint8 or uint16; `Stack` says what they mean.

        Raises
        ------
        mirage.errors.NotFound
            When the stack has no such view or slice.
        """
        return self._values(self.voxels, number, view)

    def packed(self, number: int, view: str = "") -> bytes:
        """Return a slice packed as `mirage.images.packing.pack` does.

        Parameters
        ----------
        number : int
        view : str

        Raises
        ------
        mirage.errors.NotFound
        """
        return self._packed(self.voxels, number, view)

    def marks(self, number: int, view: str = "") -> Array:
        """Return which structure each pixel of a slice belongs to, uint8, 0 for none.

        Parameters
        ----------
        number : int
        view : str

        Raises
        ------
        mirage.errors.NotFound
            When nothing is marked, too.
        """
        return self._values(self.marked, number, view)

    def packed_marks(self, number: int, view: str = "") -> bytes:
        """Return what `marks` returns, packed.

        Parameters
        ----------
        number : int
        view : str

        Raises
        ------
        mirage.errors.NotFound
        """
        return self._packed(self.marked, number, view)

    def structures(self, number: int, view: str = "") -> tuple[StackLabel, ...]:
        """Return what is marked on a slice, by name.

        Parameters
        ----------
        number : int
        view : str
        """
        if self.labels is None:
            return ()
        here = set(np.unique(self.marks(number, view)).tolist())
        return by_name(each for each in self.stack.labels if each.value in here)

    def through(self, structure: str, number: int, view: str = "") -> dict[str, int]:
        """Return the slice of each view through the middle of a structure, as it lies in a slice; none where it does not.

        Parameters
        ----------
        structure : str
            Its name.
        number : int
        view : str
        """
        value = next((each.value for each in self.stack.labels if each.name == structure), 0)
        if not value or self.labels is None:
            return {}
        here = np.argwhere(self.marks(number, view) == value)
        return crossing(self.stack, view_in(self.stack, view), number, *here.mean(0)) if here.size else {}

    def picture(self, number: int | None = None, view: str = "", window: str | Window | None = None) -> Image.Image:
        """Show a slice in 8 bits, with square pixels.

        Parameters
        ----------
        number : int, optional
            The best of the first view, or the middle one of another, when left out.
        view : str
        window : str or Window, optional
            Its name, or one of your own; the stack's first when left out.

        Raises
        ------
        mirage.errors.NotFound
        mirage.errors.BadInput
            When the stack has no window of that name.
        """
        plane = view_in(self.stack, view)
        chosen = window if isinstance(window, Window) else window_in(self.stack, window or "")
        which = place_in(self.stack, plane) if number is None else number
        return render(self.slice(which, plane), self.stack, chosen, plane, which)

    @property
    def marked(self) -> StackFile:
        """The labels; `mirage.errors.NotFound` where nothing is marked."""
        if self.labels is None:
            raise NotFound(_("Nothing is marked in this stack: it has no labels."))
        return self.labels

    def _values(self, file: StackFile, number: int, view: str) -> Array:
        plane = view_in(self.stack, view)
        if plane == self.stack.views[0]:
            return file.slice(number)
        count = shape_in(self.stack, plane)[0]
        if not 0 <= number < count:  # known before everything is unpacked
            raise NotFound(
                _(
                    "There is no %(plane)s slice %(number)s; this stack has %(count)s.",
                    plane=plane,
                    number=number + 1,
                    count=count,
                )
            )
        return cut(_decoded.values(file), self.stack, plane, number)

    def _packed(self, file: StackFile, number: int, view: str) -> bytes:
        if view_in(self.stack, view) == self.stack.views[0]:
            return file.packed(number)
        return pack(self._values(file, number, view))


def by_name(labels: Iterable[StackLabel]) -> tuple[StackLabel, ...]:
    """Structures in the order of their names."""
    return tuple(sorted(labels, key=lambda each: each.name.lower()))


def view_in(stack: Stack, view: str) -> str:
    """Give the view that is asked for; the first where none is.

    Parameters
    ----------
    stack : Stack
    view : str

    Raises
    ------
    mirage.errors.NotFound
        When the stack cannot be shown in it.
    """
    asked = view.strip().lower() or stack.views[0]
    shape_in(stack, asked)
    return asked


def window_in(stack: Stack, name: str) -> Window | None:
    """Give the window of a name; the first where none is named, None where the stack has none.

    Parameters
    ----------
    stack : Stack
    name : str

    Raises
    ------
    mirage.errors.BadInput
        When the stack has no such window.
    """
    if not name.strip():
        return next(iter(stack.windows), None)
    for window in stack.windows:
        if window.name.lower() == name.strip().lower():
            return window
    has = ", ".join(window.name for window in stack.windows)
    raise BadInput(
        _("This stack has no window %(name)s.", name=repr(name[:40]))
        + " "
        + (_("It has: %(has)s.", has=has) if has else _("It is in colour and shown as it is."))
    )


def place_in(stack: Stack, view: str, said: str = "") -> int:
    """Give the slice that a person names, who counts from 1, as a number from 0; the best or the middle one else.

    Parameters
    ----------
    stack : Stack
    view : str
    said : str
        As it stands in an address or a command; the best of the first view, or the middle one of another, when empty.

    Raises
    ------
    mirage.errors.BadInput
        When it is no number.
    mirage.errors.NotFound
        When the stack has no such slice.
    """
    count = shape_in(stack, view)[0]
    if not said.strip():
        return stack.best if view == stack.views[0] else count // 2
    try:
        place = int(said)
    except ValueError:
        raise BadInput(
            _(
                "%(said)s is no number of a slice. This stack has %(view)s slices 1 to %(count)s.",
                said=repr(said[:40]),
                view=view,
                count=count,
            )
        ) from None
    if not 1 <= place <= count:
        raise NotFound(
            _(
                "This stack has %(view)s slices 1 to %(count)s; there is no slice %(place)s.",
                view=view,
                count=count,
                place=place,
            )
        )
    return place - 1
