"""An atlas's folder, opened by this process: its records, pictures and index, and the encoder that its vectors are of.

`mirage.atlas.Atlas` is one that answers questions too. Ingest, import and rebuild need no more than this.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from mirage import encoders, indexes
from mirage.corpora.base import Steps
from mirage.encoders import StandIn
from mirage.encoders.base import Encoder, EncoderInfo
from mirage.errors import AtlasError, AtlasHeld, Busy, MirageError, NotFound, check_room
from mirage.figure import Case, Figure
from mirage.indexes import bm25
from mirage.indexes.base import FILTER_FIELDS, Index, Point
from mirage.language.mentions import postings
from mirage.settings import Settings
from mirage.storage import manifest, read_only, whereabouts
from mirage.storage.databases import Databases
from mirage.storage.pictures import pictures_of
from mirage.storage.records import CorpusRecord, FigureRecord, FigureRow
from mirage.storage.sharing import CHANGED
from mirage.storage.store import Store
from mirage.wording import _

_GRACE = 5.0  # seconds
STAMP = "stamp"  # note: number of the last change
UNFINISHED = "unfinished"  # note: the stamp from which the index may lag behind the records


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusHolding(CorpusRecord):
    """What an atlas holds of one corpus.

    `stated` counts the figures whose licence is stated, `withdrawn` those that their source has withdrawn.
    """

    figures: int
    cases: int
    bytes: int
    stated: int
    withdrawn: int = 0


@dataclass(frozen=True, slots=True)
class AtlasInfo:
    """What an atlas is and holds; `removed` names the corpora that were removed from it and not added again.

    Sources have withdrawn `withdrawn` of its figures. One that is `read_only` cannot be changed here.
    """

    path: Path
    format: int
    encoder: EncoderInfo
    figures: int
    cases: int
    bytes: int
    corpora: tuple[CorpusHolding, ...]
    removed: tuple[str, ...]
    withdrawn: int = 0
    read_only: bool = False


class AtlasFolder:
    """The folder of an atlas. Use `AtlasFolder.open`; it is a context manager.

    Parameters
    ----------
    path : Path
    store : Store
    index : Index
    encoder : Encoder
    holder : mirage.storage.manifest.Holder
        What this process says of itself in the folder.
    index_name : str
        Name of the index's folder in this one, or its address.
    pictures : str
        Address of the pictures; empty where they are in the folder.
    databases : mirage.storage.databases.Databases
        Where its records lie, and what is kept beside them; in the folder when left out.
    copy : mirage.storage.read_only.PrivateCopy, optional
        What `path` is, of an atlas that is opened to read it only.

    Attributes
    ----------
    pictures : mirage.images.store.PictureStore
    encoder_info : mirage.encoders.base.EncoderInfo
        What `encoder` says of itself.
    folder : Path
        The folder that somebody named: `path`, but where that is a private copy.
    """

    def __init__(
        self,
        path: Path,
        store: Store,
        index: Index,
        encoder: Encoder,
        holder: manifest.Holder,
        index_name: str = manifest.INDEX,
        pictures: str = "",
        databases: Databases | None = None,
        copy: read_only.PrivateCopy | None = None,
    ) -> None:
        self.path, self.store, self.holder, self.copy = path, store, holder, copy
        self.databases = Databases(read_only.kept_at(store.id_key)) if copy else databases or Databases(path)
        self.folder = copy.original if copy else path
        self.pictures = pictures_of(self.folder, pictures, store)
        self.index, self.index_name = index, index_name
        self.encoder, self.encoder_info = encoder, encoder.info()
        self._former: list[Index] = []  # replaced, and still answered from
        self._release: Callable[[], object] = lambda: None

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        encoder: Encoder | str | None = None,
        create: bool = False,
        to_read: bool | None = None,
        steps: Steps = lambda what, done, total: None,
    ) -> Self:
        """Open an atlas folder.

        Parameters
        ----------
        path : path, optional
            The folder; the settings' one when left out.
        encoder : Encoder or str, optional
            The encoder, or its adapter's name; the one the atlas was made with when left out.
        create : bool
            Make an empty atlas when the folder is missing or empty.
        to_read : bool, optional
            Open it to read it only, with a private copy of its index and records, however many others have it open; as the
            setting ``read_only`` says when left out. A folder that cannot be written to is opened so in any case.
        steps : callable
            Told what is done, how much of it and of how much, where an atlas of an earlier version is brought up to date.

        Raises
        ------
        mirage.errors.AtlasError
            When the folder is missing, foreign, damaged, newer than this program, or made by another encoder.
        mirage.errors.AtlasHeld
            When another process has it open.
        """
        settings = Settings.load()
        folder = Path(path).expanduser() if path is not None else settings.atlas
        known = manifest.check_folder(folder, create)
        databases = Databases(folder, known.records if known else settings.records)
        if known is None:
            databases.check_empty(manifest.NAME)
        used = _encoder(folder, encoder, known, settings) if encoder is None or isinstance(encoder, str) else encoder
        info = used.info()
        if known and info.made_from and info.made_from == known.encoder.digest:
            used, info = StandIn(used, known.encoder), known.encoder
        if known and known.encoder.digest != info.digest:
            raise AtlasError(
                _(
                    "The atlas %(folder)s was made with the encoder %(encoder)s (%(digest)s); this one "
                    "is %(info)s (%(digest2)s), whose vectors cannot be compared with those. `mirage "
                    "atlas rebuild --atlas %(folder)s` encodes its pictures anew. Nothing was changed.",
                    folder=folder,
                    encoder=known.encoder.name,
                    digest=known.encoder.digest[:12],
                    info=info.name,
                    digest2=info.digest[:12],
                )
            )
        holder = manifest.Holder.mine()
        name = known.index if known else manifest.INDEX
        own = "" if indexes.is_address(name) else name  # what is shared by those who read it is not copied
        with ExitStack() as undo:
            reading = settings.read_only if to_read is None else to_read
            copy = read_only.PrivateCopy(folder, own) if known and (reading or read_only.is_needed(folder)) else None
            if copy is not None:
                undo.callback(copy.remove)
            place = copy.path if copy else folder
            server = databases.server or ("nobody writes" if copy else "")
            index, release = _opened_index(folder, place, name, info, server)
            undo.callback(release)
            undo.callback(index.close)
            if known and manifest.read(folder) != known:  # a rebuild ended while this was opening
                undo.close()
                return cls.open(path, encoder=encoder, create=create, to_read=to_read, steps=steps)
            manifest.sweep(place, name)
            undo.callback(holder.clear, place)
            store = Store.of(Databases(place, databases.server) if copy else databases, upgraded=True)
            undo.callback(store.close)
            where = known.pictures if known else settings.pictures
            opened = cls(place, store, index, used, holder, name, where, databases, copy)
            opened._release = release
            holder.write(place, among=opened.has_others)
            if copy is None:
                whereabouts.remove_left(store, name)
            if known is None or known.format < manifest.FORMAT:  # from now on an earlier version refuses the folder
                opened.written.write(place)
            whose = _(read_only.EACH_TIME) if copy else ""
            with suppress(Busy), store.alone(patience=0):  # who changes it now sees to it
                if store.mentions_outdated():
                    store.set_note(UNFINISHED, "0")  # the index holds mentions too: all of it is filled anew
                    store.read_mentions(lambda done, total: steps(_("reading all words anew") + whose, done, total))
                if copy is None or own:  # an index that others share is theirs to fill, who may write
                    opened.reconcile(lambda done, total: steps(_("filling the index") + whose, done, total))
            undo.pop_all()
        return opened

    def check_writable(self) -> None:
        """Refuse a change where the atlas is opened to read it only.

        Raises
        ------
        mirage.errors.ReadOnly
        """
        if self.copy is not None:
            raise read_only.refusal(self.folder)

    def close(self) -> None:
        """Let go of the folder."""
        self.holder.clear(self.path)  # before the index: afterwards the word there may be somebody else's
        self.store.close()
        for index in (self.index, *self._former):
            index.close()
        if self.copy is not None:
            self.copy.remove()
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_shared(self) -> bool:
        """Whether several processes may have it open: both its records and its index lie on servers."""
        return self.store.sharing is not None and indexes.is_address(self.index_name)

    @property
    def has_others(self) -> bool:
        """Whether other servers have it open now."""
        return self.is_shared and self.store.sharing is not None and self.store.sharing.others() > 0

    def serving(self, url: str) -> None:
        """Leave word that this process serves the atlas at a URL."""
        self.holder = replace(self.holder, url=url)
        self.holder.write(self.path, among=self.has_others)

    def info(self) -> AtlasInfo:
        """What this atlas is and holds, corpus by corpus."""
        counts, corpora, withdrawn = self.store.counts(), [], self.store.withdrawals.counts()
        for corpus in self.store.corpora():
            number, cases, size, stated = counts.get(corpus.name, (0, 0, 0, 0))
            held = CorpusHolding(**asdict(corpus), figures=number, cases=cases, bytes=size, stated=stated)
            corpora.append(replace(held, withdrawn=withdrawn.get(corpus.name, 0)))
        figures, cases, size = (sum(count[i] for count in counts.values()) for i in range(3))
        told = tuple(corpora), tuple(self.store.removals.corpora()), sum(withdrawn.values())
        return AtlasInfo(
            self.folder, manifest.FORMAT, self.encoder_info, figures, cases, size, *told, read_only=self.copy is not None
        )

    # -- what changes ---------------------------------------------------------------------------------------------------

    def renewed(self) -> None:
        """Called whenever the contents, the index or the encoder have changed; a facade forgets what it remembered."""

    def changed(self) -> None:
        """Write down which corpora there are, and tell that the contents have changed."""
        self.written.write(self.path)
        self.renewed()
        self.tell_others()

    def tell_others(self) -> None:
        """Tell the other processes at work on this atlas that it has changed."""
        if self.store.sharing is not None:
            self.store.sharing.tell(CHANGED)

    def follow(self) -> None:
        """Go by what another process has changed: the contents, or the index and the encoder that ``atlas.toml`` names."""
        if not self._follow_index():
            self.renewed()

    def _follow_index(self) -> bool:
        """Go by the index that ``atlas.toml`` names; tell whether it was another one."""
        known = manifest.read(self.path)
        if known is not None and (known.index, known.encoder.digest) != (self.index_name, self.encoder_info.digest):
            encoder = self.encoder
            if known.encoder.digest != self.encoder_info.digest:
                encoder = _encoder(self.path, None, known, Settings.load())
            index = indexes.open(whereabouts.place_of(self.path, known.index), known.encoder.dimension, known.encoder.digest)
            former, self.index, self.index_name = self.index, index, known.index
            self.encoder, self.encoder_info = encoder, known.encoder
            threading.Thread(target=self._let_go, args=(former,), name="former index", daemon=True).start()
            self.renewed()
            return True
        return False

    def _let_go(self, former: Index) -> None:
        """Close an index when nobody answers from it any more."""
        self._former.append(former)
        if self.idle(former):
            former.close()
            self._former.remove(former)

    @property
    def written(self) -> manifest.AtlasManifest:
        """What ``atlas.toml`` says of it."""
        return self._manifest(self.encoder_info, self.index_name)

    def _manifest(self, encoder: EncoderInfo, index_name: str) -> manifest.AtlasManifest:
        known = {corpus.name: corpus.version for corpus in self.store.corpora()}
        where = {"pictures": self.pictures.address, "records": self.databases.server}
        return manifest.AtlasManifest(manifest.FORMAT, encoder, known, index_name, **where)

    @contextmanager
    def adding(self) -> Iterator[Callable[[Sequence[FigureRecord]], None]]:
        """Add figures: gives what is called with each batch of records, which is stored and found at once.

        Stopped by an exception or killed, what is stored stays: a note makes the next opening, or the next adding, bring the
        index level.
        """
        self.check_writable()
        check_room(self.path)
        added, left = 0, set[str]()

        def put(records: Sequence[FigureRecord]) -> None:
            nonlocal added
            if not records:
                return
            check_room(self.path)
            self._check_alone()
            left.update(self.store.files([record.figure.id for record in records]))
            keys = self.store.put(records, self.encoder_info.digest, stamp)
            self.index_again(keys)
            self.renewed()
            self.tell_others()
            added += len(records)

        with self.changing() as stamp:
            yield put
            if added:
                self.index.optimise()
            self.remove_files(left)  # not before: a figure that is still to be stored may have the same picture

    @contextmanager
    def changing(self) -> Iterator[int]:
        """Change the records, then the rest; gives the number of this change, the stamp of what it puts.

        Stopped by an exception or killed, a note makes the next opening, or the next change, bring the rest level.
        """
        self.check_writable()
        with self.store.alone():
            if self.is_shared:  # what another has made anew since is not to be missed for a moment
                self._follow_index()
            self.reconcile()
            stamp = int(self.store.note(STAMP) or 0) + 1
            for note in (STAMP, UNFINISHED):
                self.store.set_note(note, str(stamp))
            try:
                yield stamp
            except BaseException:
                with suppress(MirageError):
                    self.changed()
                raise
            self._check_alone()  # else the note is of what another has begun since
            self.changed()
            self.store.set_note(UNFINISHED, None)

    def _check_alone(self) -> None:
        """See to it, before what cannot be taken back, that no other process can have begun to change the atlas."""
        if self.store.sharing is not None:
            self.store.sharing.check()

    def succeed(self, former: Mapping[str, str], corpus: str) -> None:
        """Let figures stand in the place of some of their corpus that it has no more, and be found by the ids of those.

        Parameters
        ----------
        former : mapping
            Id of a figure that may be there to the id of the one that stands in its place.
        corpus : str
        """
        there = self.store.keys_of(list(former.values()))
        former = {old: new for old, new in former.items() if new in there}
        files = self.store.files(list(former))
        self.index.remove(self.store.succeed(former, corpus))
        self.remove_files(files)

    def remove_files(self, names: Collection[str]) -> None:
        """Remove the pictures and stacks among some that no figure has any more."""
        if names:
            self._check_alone()  # who adds has pictures that no figure has yet
            self.pictures.remove_all(set(names) - self.store.used(names))

    def reconcile(self, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Bring the rest level with the records, after a change that was cut short or an index that was lost.

        Parameters
        ----------
        progress : callable
            Told how many figures are done, of how many.
        """
        unfinished = self.store.note(UNFINISHED)
        keys, done = self.store.keys(), 0
        if unfinished is None and len(self.index) == len(keys):
            return
        if self.copy is None:
            self.pictures.tidy()
            self.remove_files(set(self.pictures.names()))  # those of figures that were not stored any more
        there = set(self.index.keys())
        self.index.remove(sorted(there - set(keys)))
        behind = set(keys) - there
        if unfinished is not None:
            behind |= {row.key for rows in self.store.each(since=int(unfinished)) for row in rows}
        for rows in self.store.each():
            self._index([row for row in rows if row.key in behind])
            done += len(rows)
            progress(done, len(keys))
        self.index.optimise()
        self.changed()
        self.store.set_note(UNFINISHED, None)

    def index_again(self, keys: Sequence[int]) -> None:
        """Put figures into the index as the records have them now."""
        rows = self.store.rows(keys)
        self._index([rows[key] for key in keys])

    def _index(self, rows: Sequence[FigureRow]) -> None:
        self.index.add(points_of(self.store, rows, self.encoder_info.digest))

    def swap(self, encoder: Encoder, index: Index, index_name: str) -> None:
        """Use another index, made with this or another encoder, from one moment to the next.

        Questions under way end with the former one, which is closed and removed then, and its encoder's vectors forgotten.

        Parameters
        ----------
        encoder : Encoder
        index : Index
            Open, with a point for every figure.
        index_name : str
            Its folder's name in the atlas's folder, or its address.

        Raises
        ------
        mirage.errors.Unavailable, mirage.errors.AtlasError
            When it cannot be written down; then nothing has changed.
        """
        self._check_alone()
        former, former_name = self.index, self.index_name
        info = encoder.info()
        whereabouts.leave(self.store, former_name)
        self._manifest(info, index_name).write(self.path)
        self.index, self.index_name = index, index_name
        self.encoder, self.encoder_info = encoder, info
        self.renewed()
        if self.store.sharing is not None:
            self.tell_others()
            time.sleep(_GRACE)  # until then they answer from the former one
        self._let_go(former)
        if former not in self._former:
            self.remove_replaced(former_name)
            with suppress(MirageError):  # they are only in the way
                self.store.vectors.forget(info.digest)

    def remove_replaced(self, name: str) -> None:
        """Remove an index that another one has replaced."""
        if not indexes.is_address(name):
            indexes.remove(self.path / name)
        whereabouts.remove_left(self.store, self.index_name)

    def idle(self, index: Index) -> bool:
        """Whether nobody answers from an index any more, waiting for a while if somebody does."""
        return True


def _opened_index(
    folder: Path, place: Path, name: str, encoder: EncoderInfo, server: str
) -> tuple[Index, Callable[[], object]]:
    """Open the index of an atlas's folder, or of a copy of it, and tell whose it is where it is somebody else's."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        return whereabouts.opened(place, name, encoder, server, anew=place != folder)
    except AtlasHeld as error:
        who = manifest.Holder.read(folder)
        then = _("It is being built or changed there: wait until that has ended")
        then = _("Use that") if who and who.url else then
        raise AtlasHeld(
            _(
                "The atlas %(folder)s is open in %(who)s. %(then)s, or stop it.",
                folder=folder,
                who=who or _("another process"),
                then=then,
            )
        ) from error
    except OSError as error:
        raise manifest.cannot_write(folder, error) from error


def points_of(store: Store, rows: Sequence[FigureRow], digest: str) -> list[Point]:
    """What the index keeps of figures; those without vectors are left out.

    Parameters
    ----------
    store : Store
    rows : sequence of FigureRow
    digest : str
        Of the encoder whose vectors are meant.
    """
    found = store.vectors.of([row.key for row in rows], digest)
    said = store.mentions.of(list(found))
    sliced = store.vectors.slices([row.key for row in rows if row.stack], digest)
    told = store.cases({row.figure.case_id for row in rows if row.figure.case_id})
    points: list[Point] = []
    for row in rows:
        if row.key not in found:
            continue
        figure, case = row.figure, told.get(row.figure.case_id)
        fields = {"modality": figure.modality, "plane": figure.plane, "region": figure.region}
        fields |= {"proof": figure.proof, "corpus": figure.source.corpus, "licence": str(figure.source.licence)}
        assert set(fields) == set(FILTER_FIELDS)
        slices = sliced[row.key].vectors if row.key in sliced else None
        own, whole = words_in(figure, case)
        words, of_case = bm25.weighted(own, "words"), bm25.weighted(whole, "case")
        points.append(Point(row.key, *found[row.key], words, fields, postings(said[row.key]), of_case, slices))
    return points


def words_in(figure: Figure, case: Case | None) -> tuple[str, str]:
    """What the channels ``words`` and ``case`` look in: a figure's words, and the same with those of its case."""
    return figure.words, "\n".join(filter(None, (figure.words, case.words if case else "")))


def _encoder(folder: Path, named: str | None, known: manifest.AtlasManifest | None, settings: Settings) -> Encoder:
    name = named or (known.encoder.name if known else settings.encoder)
    is_its_own = known is not None and name == known.encoder.name
    try:
        if known is not None and named is None and (export := encoders.exported_for(known.encoder, settings)):
            return export
        return encoders.configured(name, settings, known.encoder.model if known is not None and is_its_own else "")
    except NotFound as error:
        if not is_its_own:
            raise
        raise AtlasError(
            _("The atlas %(folder)s was made with an encoder that is not installed. %(error)s", folder=folder, error=error)
        ) from error
