"""Where the index of an atlas lies: in its folder, or at an address that ``atlas.toml`` names; and who may write there.

An index in the folder is its own lock. One at an address has none, so that who holds an atlas whose records lie in the
folder locks a file beside them instead; where the records are on a server too, any number of processes may be at work.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from mirage import indexes
from mirage.encoders.base import EncoderInfo
from mirage.errors import AtlasError, AtlasHeld, MirageError
from mirage.indexes.base import Index
from mirage.locales import counted, number
from mirage.storage import manifest
from mirage.storage.store import Store
from mirage.wording import _

MOST = 1_000_000  # figures that an index in the folder was measured with (`python -m benchmarks --only scale`)
_LEFT = "index left behind"  # note: address of the index that a rebuild replaced, until it is removed


def place_of(folder: Path, name: str) -> str | Path:
    """Where the index of this name lies.

    Parameters
    ----------
    folder : Path
        Of the atlas.
    name : str
        As `mirage.storage.manifest.AtlasManifest.index` has it.
    """
    return name if indexes.is_address(name) else folder / name


def told(folder: Path) -> str:
    """Where the index of an atlas lies, to be told to a person; empty where there is no atlas."""
    known = manifest.read(folder)
    return str(place_of(folder, known.index)) if known else ""


def opened(
    folder: Path, name: str, encoder: EncoderInfo, server: str = "", *, anew: bool = False
) -> tuple[Index, Callable[[], object]]:
    """Open an index; one of an earlier version is made anew, to be filled from the records.

    Parameters
    ----------
    folder : Path
    name : str
    encoder : mirage.encoders.base.EncoderInfo
        Who made its vectors.
    server : str
        As `locked` takes it.
    anew : bool
        Make it anew whatever is wrong with it, where it lies in the folder.

    Returns
    -------
    index : Index
    release : callable
        To be called when it is closed.

    Raises
    ------
    mirage.errors.AtlasHeld, mirage.errors.AtlasError, mirage.errors.Unavailable
        As `locked` and `mirage.indexes.open`.
    """
    place, release = place_of(folder, name), locked(folder, name, server)
    try:
        try:
            return indexes.open(place, encoder.dimension, encoder.digest), release
        except AtlasHeld:
            raise
        except AtlasError as error:
            mendable = isinstance(error, indexes.IndexOutdated) or (anew and not indexes.is_address(name))
            if not mendable:  # where it is, what is in it is in the records too
                raise
            indexes.remove(place)
            return indexes.open(place, encoder.dimension, encoder.digest), release
    except BaseException:
        release()
        raise


def locked(folder: Path, name: str, server: str) -> Callable[[], object]:
    """Hold an atlas whose index does not, where anybody needs to; gives what lets go of it.

    Parameters
    ----------
    folder : Path
    name : str
        Of its index.
    server : str
        Where its records are; empty where they lie in the folder, and this process is to write them.

    Raises
    ------
    mirage.errors.AtlasHeld
    """
    if server or not indexes.is_address(name):
        return lambda: None
    lock = FileLock(folder / manifest.HELD)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise AtlasHeld(_("Another process has this atlas open.")) from None
    return lock.release


def advice(name: str, figures: int) -> str:
    """What to do where an atlas is larger than its index in the folder should be; empty where it is not.

    Parameters
    ----------
    name : str
        Of its index.
    figures : int
        How many it has.
    """
    if indexes.is_address(name) or figures <= MOST:
        return ""
    return _(
        "%(figures)s are more than an index in one process was measured with (%(most)s): it wants 1.6 GB of memory "
        "for each million. `mirage atlas rebuild --index ADDRESS` moves it to a server, as docs/qdrant.md tells.",
        figures=counted(figures, "figure"),
        most=number(MOST),
    )


def leave(store: Store, name: str) -> None:
    """Write down that an index is about to be replaced, so that it is removed even if who does so is stopped."""
    if indexes.is_address(name):
        store.set_note(_LEFT, name)


def remove_left(store: Store, now: str) -> None:
    """Remove the index at an address that another one has replaced; where that cannot be reached, at another time.

    Parameters
    ----------
    store : Store
    now : str
        Name of the index that the atlas has.
    """
    left = store.note(_LEFT)
    if left is None:
        return
    if left != now:
        with suppress(MirageError):
            indexes.remove(left)
            store.set_note(_LEFT, None)
    else:
        store.set_note(_LEFT, None)
