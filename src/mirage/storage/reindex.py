"""Make an atlas's index anew from its records, with the same encoder or with another.

New vectors are kept beside the old ones in the records, the new index is made beside the old one, in the folder or at an
address, and replacing
``atlas.toml``, which names both encoder and index, is the one step between the old atlas and the new. Killed before it, the
atlas is what it was, and what was encoded is not encoded again; killed after it, the new atlas is whole, and the next
opening removes what is left of the old one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Set
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from mirage import encoders, indexes, plugins
from mirage.encoders.base import Encoder
from mirage.errors import AtlasError, AtlasHeld, BadInput, BadPicture, MirageError, NotFound, check_room
from mirage.images import PictureStore, decode
from mirage.indexes.base import Index
from mirage.locales import counted
from mirage.settings import Settings
from mirage.storage import manifest, read_only, whereabouts
from mirage.storage.caption_vectors import encode_captions
from mirage.storage.databases import RECORDS_NAME, Databases
from mirage.storage.folder import STAMP, AtlasFolder, points_of
from mirage.storage.ingest import ProgressMeter, Tell
from mirage.storage.pictures import pictures_of
from mirage.storage.prepare import BATCH
from mirage.storage.records import FigureRow
from mirage.storage.searched import SliceVectors
from mirage.storage.sharing import CHANGED, Sharing
from mirage.storage.slices import encode_kept
from mirage.storage.store import Store
from mirage.wording import N_, _

ENCODING, INDEXING = N_("encoding"), N_("indexing")
_AT_ONCE = 500
_FILLING = "index being filled"  # note: address, encoder and change of an index that is not whole yet


class Rebuilt(NamedTuple):
    """Figures in the atlas, and how many of them had to be encoded."""

    figures: int
    encoded: int


class Stopped(Exception):
    """Somebody asked a rebuild to stop; the atlas is what it was, and what was encoded is kept."""


Stop = Callable[[], bool]


def rebuild(
    folder: Path,
    encoder: str | None = None,
    progress: Tell = lambda _: None,
    *,
    model: str = "",
    index: str = "",
    stop: Stop = lambda: False,
) -> Rebuilt:
    """Encode what this encoder has not encoded yet, then make the index from scratch and swap it in.

    While it encodes, the atlas may be opened, searched and added to; only for the last steps it is held.

    Parameters
    ----------
    folder : Path
        An atlas that nobody holds; for one that is open in this process, see `rebuild_open`.
    encoder : str, optional
        Adapter's name; the one the atlas was made with when left out.
    progress : callable
        Told how far it is; `Progress.what` is ``encoding``, then ``indexing``.
    model : str
        For adapters that open more than one: a hub id or a folder.
    index : str
        Where it is to be: an address, or the default index's name for the folder; where it is now when left out.
    stop : callable
        Asked between batches.

    Raises
    ------
    mirage.errors.BadInput
        When `index` is neither.
    mirage.errors.AtlasError, mirage.errors.AtlasHeld
        When another process holds the atlas, now or when all is encoded; what was encoded is kept.
    mirage.errors.NotFound, mirage.errors.Unavailable
        When there is no such encoder, it cannot be used, or the disk is full.
    Stopped
    """
    known = manifest.finished(folder)
    databases = Databases(folder, known.records)
    if Settings.load().read_only or read_only.is_needed(folder):
        raise read_only.refusal(folder)
    if indexes.is_address(index):
        indexes.held(index)  # that it can be reached is told before anything is encoded
    with holding(folder, known):  # told before anything is encoded
        databases.upgrade(RECORDS_NAME)
    used = opened(known, encoder, model)
    with closing(Store.of(databases)) as store:
        work = _Work(folder, store, pictures_of(folder), used, progress, stop)
        encoded = work.encode()
        known = manifest.finished(folder)
        with holding(folder, known):
            encoded += work.encode()  # what was added meanwhile
            name = manifest.chosen(known.index, index, used.info().digest)
            new = replace(known, format=manifest.FORMAT, encoder=used.info(), index=name)
            whereabouts.leave(store, known.index)
            made = work.index(name, lambda _: new.write(folder))
            with suppress(MirageError):  # they are only in the way
                store.vectors.forget(used.info().digest)
        with closing(made):
            if store.sharing is not None:  # before what they answer from is gone
                store.sharing.tell(CHANGED)
            if not indexes.is_address(known.index):
                indexes.remove(folder / known.index)
            whereabouts.remove_left(store, name)
            return Rebuilt(len(made), encoded)


def rebuild_open(
    atlas: AtlasFolder, encoder: Encoder, progress: Tell = lambda _: None, *, stop: Stop = lambda: False
) -> Rebuilt:
    """Do the same to an atlas that is open in this process and goes on answering: with the old index, then with the new.

    It fails as `rebuild` does. Nothing may be added to the atlas meanwhile.

    Parameters
    ----------
    atlas : AtlasFolder
        Open in this process; at the end it has the encoder and the new index.
    encoder : Encoder
        What to encode with, the atlas's own or another.
    progress : callable
        Told how far it is; `Progress.what` is ``encoding``, then ``indexing``.
    stop : callable
        Asked between batches.
    """
    atlas.check_writable()
    work = _Work(atlas.path, atlas.store, atlas.pictures, encoder, progress, stop)
    encoded = work.encode()
    name = manifest.beside(atlas.index_name, encoder.info().digest)
    return Rebuilt(len(work.index(name, lambda index: atlas.swap(encoder, index, name))), encoded)


def opened(known: manifest.AtlasManifest, encoder: str | None = None, model: str = "") -> Encoder:
    """The encoder to rebuild with: the named one, else the one that the atlas was made with, as it is now.

    Parameters
    ----------
    known : AtlasManifest
        The atlas's.
    encoder : str, optional
        Adapter's name; the one that the atlas was made with when left out.
    model : str
        A hub id or a folder, for adapters that open more than one. When left out, the atlas's own model where the adapter
        is the atlas's, else what the settings or the adapter choose.

    Raises
    ------
    mirage.errors.BadInput
        When a model is named and the encoder takes none.
    mirage.errors.NotFound, mirage.errors.Unavailable
        When there is no such encoder, or it cannot be used.
    """
    name = encoder or known.encoder.name
    chosen = model or (known.encoder.model if name == known.encoder.name else "")
    options_for = getattr(plugins.load("mirage.encoders", name), "options_for", None)
    if model and options_for is not None and options_for(model) == options_for(""):
        raise BadInput(_("The encoder %(name)s takes no model; leave --model out. Nothing was changed.", name=name))
    return encoders.configured(name, Settings.load(), chosen)


@contextmanager
def holding(folder: Path, known: manifest.AtlasManifest) -> Iterator[None]:
    """Hold an atlas that nobody has open, by its index or beside it; one that is damaged beyond opening is nobody's.

    Parameters
    ----------
    folder : Path
    known : AtlasManifest
        What its ``atlas.toml`` says.

    Raises
    ------
    mirage.errors.AtlasHeld
        When another process has it.
    """
    with ExitStack() as stack:
        try:
            stack.callback(whereabouts.locked(folder, known.index, known.records))
            if known.records:
                sharing = Sharing(Databases(folder, known.records).url(RECORDS_NAME))
                stack.callback(sharing.close)
                if sharing.others():
                    raise AtlasHeld(_("Servers are at work on it."))
                stack.enter_context(sharing.alone(patience=0))
            held = None
            if not indexes.is_address(known.index):
                held = indexes.load(indexes.DEFAULT, path=folder / known.index, dimension=known.encoder.dimension)
        except AtlasHeld as error:
            who = manifest.Holder.read(folder) or _("another process")
            raise AtlasHeld(
                _(
                    "The atlas %(folder)s is open in %(who)s. Stop that and run this again; what is encoded stays.",
                    folder=folder,
                    who=who,
                )
            ) from error
        except AtlasError:
            pass
        else:
            if held is not None:
                stack.callback(held.close)
            mine = manifest.Holder.mine()
            stack.callback(mine.clear, folder)
            mine.write(folder)
        yield


class _Work:
    """What both ways share: encode into the records, and make an index from them."""

    def __init__(
        self, folder: Path, store: Store, pictures: PictureStore, encoder: Encoder, progress: Tell, stop: Stop
    ) -> None:
        self._folder, self._store, self._pictures = folder, store, pictures
        self._encoder, self._digest = encoder, encoder.info().digest
        self._progress, self._stop = progress, stop

    def encode(self) -> int:
        """Encode the figures that this encoder has not encoded yet, and say how many those were."""
        meter, encoded = ProgressMeter(len(self._store.keys()), self._progress, ENCODING), 0
        for rows in self._store.each(batch=BATCH):
            there = self._store.vectors.of([row.key for row in rows], self._digest)
            missing = [row for row in rows if row.key not in there]
            if missing:
                check_room(self._folder)
                images = self._encoder.encode_images([_decoded(self._pictures, row) for row in missing])
                captions = encode_captions(self._encoder, [row.figure for row in missing])
                slices = {row.key: made for row in missing if (made := self._slices(row)) is not None}
                self._store.vectors.put(missing, images, captions, self._digest, slices)
                encoded += len(missing)
            meter.move(len(rows), len(missing))
            self._look()
        return encoded

    def _slices(self, row: FigureRow) -> SliceVectors | None:
        if row.figure.stack is None or row.stack is None:
            return None
        try:
            return encode_kept(self._encoder, self._pictures, row.figure.stack, row.stack.voxels)
        except (BadPicture, NotFound) as error:
            raise _lost(row, error) from error

    def index(self, name: str, use: Callable[[Index], None]) -> Index:
        """Make an index of all figures in a folder of that name, or at that address, and leave it open for who uses it."""
        if indexes.is_address(name):
            made, there = self._begun(name)
            with ExitStack() as undo:
                undo.callback(made.close)
                self._fill(made, there)
                use(made)
                undo.pop_all()
            self._store.set_note(_FILLING, None)
            return made
        place, dimension = self._folder / name, self._encoder.info().dimension
        if place.exists():  # a rebuild that was cut short left it, unless somebody is at it
            try:
                indexes.load(indexes.DEFAULT, path=place, dimension=dimension).close()
            except AtlasHeld as error:
                raise AtlasHeld(
                    _("Another process is rebuilding the atlas %(folder)s just now.", folder=self._folder)
                ) from error
            except AtlasError:
                pass
        shutil.rmtree(place, ignore_errors=True)
        made = indexes.load(indexes.DEFAULT, path=place, dimension=dimension)

        def discard() -> None:
            with suppress(MirageError):
                made.close()
            shutil.rmtree(place, ignore_errors=True)

        try:
            self._fill(made)
        except BaseException:
            discard()
            raise
        try:
            use(made)
        except MirageError:  # of anything else, nobody knows whether it is in use already
            discard()
            raise
        return made

    def _fill(self, made: Index, there: Set[int] = frozenset()) -> None:
        meter = ProgressMeter(len(self._store.keys()), self._progress, INDEXING)
        for rows in self._store.each(batch=_AT_ONCE):
            check_room(self._folder)
            lacking = [row for row in rows if row.key not in there]
            made.add(points_of(self._store, lacking, self._digest))
            meter.move(len(rows), len(lacking))
            self._look()
        made.optimise()

    def _begun(self, address: str) -> tuple[Index, Set[int]]:
        """An index at an address, and the keys that an earlier try put there as the records have them now.

        Such a try is a note: what is being filled, with which encoder's vectors, and the number of the last change before.
        """
        known, stamp = self._store.note(_FILLING), self._store.note(STAMP) or "0"
        begun, encoder, since = json.loads(known) if known else ("", "", "")
        if begun != address:  # one at another address is left alone: a copy of the atlas may have it
            begun = ""
        elif encoder != self._digest:
            indexes.remove(begun)
            begun = ""
        if not begun:
            if (held := indexes.held(address)) is not None:
                raise AtlasError(
                    _(
                        "There is an index at %(address)s already, of %(held)s, which this atlas did not "
                        "make. Name another address, or remove it there first. Nothing was changed.",
                        address=address,
                        held=counted(held, "figure"),
                    )
                )
            since = stamp
            self._store.set_note(_FILLING, json.dumps([address, self._digest, since]))
        made = indexes.open(address, self._encoder.info().dimension, self._digest)
        there, every = set(made.keys()), set(self._store.keys())
        made.remove(sorted(there - every))
        changed = {row.key for rows in self._store.each(since=int(since) + 1) for row in rows} if there else set[int]()
        return made, (there & every) - changed

    def _look(self) -> None:
        if self._stop():
            raise Stopped


def _decoded(pictures: PictureStore, row: FigureRow) -> Image.Image:
    try:
        return decode(pictures.path(row.picture.name))
    except MirageError as error:
        raise _lost(row, error) from error


def _lost(row: FigureRow, error: MirageError) -> AtlasError:
    return AtlasError(
        _(
            "The picture of %(id)s is lost or damaged (%(error)s), so that it cannot be encoded "
            "anew. Restore the atlas's folder pictures from a copy. The atlas is what it was.",
            id=row.figure.id,
            error=error,
        )
    )
