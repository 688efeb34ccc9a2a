"""Vectors and words to figures: the port, and its adapters by name or by address.

An index lies in a folder, or at an address, ``SCHEME://HOST/NAME``. Whose address it is, the scheme tells: the adapter's
whose name it begins with, so that ``postgresql://…`` may be that of an adapter ``postgres``.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import cast

from mirage.errors import BadInput, NotFound
from mirage.indexes.base import CHANNELS, FILTER_FIELDS, Elsewhere, Index, IndexOutdated, IndexQuery, Point, Ranked
from mirage.plugins import Port
from mirage.wording import _

__all__ = [
    "CHANNELS",
    "DEFAULT",
    "FILTER_FIELDS",
    "Index",
    "IndexOutdated",
    "IndexQuery",
    "Point",
    "Ranked",
    "available",
    "held",
    "is_address",
    "load",
    "open",
    "remove",
]

DEFAULT = "embedded"  # what an atlas in a folder is kept in

_SCHEMES = {"postgres": "postgresql"}  # how an address of an adapter begins, where that is not its name
_port: Port[Index] = Port("mirage.indexes")
available, load = _port.available, _port.load
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://\S+")


def is_address(place: str | Path) -> bool:
    """Whether an index lies at an address, and not in a folder."""
    return isinstance(place, str) and "://" in place


def open(place: str | Path, dimension: int, encoder: str = "") -> Index:
    """Open an index, which is made where there is none.

    Parameters
    ----------
    place : str or Path
        A folder, or an address.
    dimension : int
        Length of the vectors.
    encoder : str
        Digest of the encoder that they are of, by which an address tells its own index from another.

    Raises
    ------
    mirage.errors.BadInput, mirage.errors.NotFound
        When the address is none, or no adapter has addresses like that.
    mirage.errors.Unavailable, mirage.errors.AtlasError
        When the index cannot be opened, as its adapter says.
    """
    if is_address(place):
        return _elsewhere(str(place))(str(place), dimension, encoder)
    return load(DEFAULT, path=Path(place), dimension=dimension)


def held(address: str) -> int | None:
    """How many points there are at an address; None where there is no index."""
    return _elsewhere(address).held(address)


def remove(place: str | Path) -> None:
    """Remove an index that nobody has open; one that is missing is no error."""
    if is_address(place):
        _elsewhere(str(place)).drop(str(place))
    else:
        shutil.rmtree(place, ignore_errors=True)


def _elsewhere(address: str) -> Elsewhere:
    found = _SCHEME.fullmatch(address)
    if not found:
        raise BadInput(_("“%(address)s” is no address of an index: SCHEME://HOST/NAME is one.", address=address))
    names = [name for name in available() if found[1].startswith(name) and name != DEFAULT]
    if not names:
        schemes = [_SCHEMES.get(name, name) for name in available() if name != DEFAULT]
        there = ", ".join(f"{scheme}://…" for scheme in schemes) or "none"
        raise NotFound(
            _("No index has addresses that begin with %(found)s://. There are: %(there)s.", found=found[1], there=there)
        )
    return cast(Elsewhere, _port.adapter(max(names, key=len)))
