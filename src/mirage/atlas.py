"""An atlas: figures, their pictures and an index, in one folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage import encoders, indexes
from mirage.compare.comparison import Comparer, Comparison, contrast
from mirage.compare.dual import Dual
from mirage.encoders.base import Encoder, EncoderInfo
from mirage.encoders.standing_in import StandIn
from mirage.errors import AtlasError, AtlasHeld, BadQuery, MirageError, NotFound
from mirage.explain import explanation, refine
from mirage.explain.checker import Checker
from mirage.explain.explainers.base import Explainer
from mirage.explain.explanation import Event, Explanation
from mirage.figure import Case, Figure
from mirage.images.store import PictureStore
from mirage.indexes.base import FILTER_FIELDS, Index, Point
from mirage.query import PictureTerm, Query, Term
from mirage.search import suggestions
from mirage.search.fusion import Answer, Calibration, Hit
from mirage.search.searcher import Searcher
from mirage.settings import Settings
from mirage.storage import holdings, manifest
from mirage.storage.holdings import AtlasInfo
from mirage.storage.records import Row
from mirage.storage.snapshot import Lending, State
from mirage.storage.store import Store

if TYPE_CHECKING:
    from mirage.generate.generators import Generator
    from mirage.generate.synthesis import Synthetic

Vector = npt.NDArray[np.float32]

_PATIENCE = 60.0  # seconds that a swap waits for questions under way before it leaves the old index to the closing

UNFINISHED = "unfinished"  # note: the stamp from which the index may lag behind the records


class Atlas:
    """What a student opens. Use `Atlas.open`; it is a context manager.

    Examples
    --------
    >>> with Atlas.open("my-atlas") as atlas:  # doctest: +SKIP
    ...     for hit in atlas.search("subdural hematoma", modality="CT").hits:
    ...         print(hit.rank, hit.confidence, hit.figure.caption)
    """

    def __init__(
        self,
        path: Path,
        store: Store,
        index: Index,
        encoder: Encoder,
        holder: manifest.Holder,
        index_name: str = manifest.INDEX,
    ) -> None:
        self.path = path
        self.store = store
        self.holder = holder
        self.pictures = PictureStore(path / "pictures")
        self.index_name = index_name
        self._lending = Lending(State.of(store, self.pictures, encoder, index))
        self._former: list[Index] = []  # still answered from when they were replaced
        self._forget()

    # -- what it answers from: a rebuild replaces all of it at once -----------------------------------------------------

    def as_it_is(self) -> AbstractContextManager[State]:
        """Lend index, encoder and what stands on them as they are now, for an answer that needs several of them.

        A rebuild that ends meanwhile changes nothing in what is lent.
        """
        return self._lending.lent()

    @property
    def index(self) -> Index:
        """The index of now; `as_it_is` keeps it open."""
        return self._lending.now.index

    @property
    def encoder(self) -> Encoder:
        """The encoder of now."""
        return self._lending.now.encoder

    @property
    def checker(self) -> Checker:
        """What judges sentences, with the encoder of now."""
        return self._lending.now.checker

    @property
    def _searcher(self) -> Searcher:
        return self._lending.now.searcher

    @property
    def _encoder_info(self) -> EncoderInfo:
        return self._lending.now.info

    # -- opening and closing ----------------------------------------------------------------------------------------

    @classmethod
    def open(
        cls, path: str | os.PathLike[str] | None = None, *, encoder: Encoder | str | None = None, create: bool = False
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
        used = _encoder(folder, encoder, known, settings) if encoder is None or isinstance(encoder, str) else encoder
        info = used.info()
        if known and info.made_from and info.made_from == known.encoder.digest:
            used, info = StandIn(used, known.encoder), known.encoder
        if known and known.encoder.digest != info.digest:
            raise AtlasError(
                f"The atlas {folder} was made with the encoder {known.encoder.name} ({known.encoder.digest[:12]}); "
                f"this one is {info.name} ({info.digest[:12]}), whose vectors cannot be compared with those. "
                f"`mirage atlas rebuild --atlas {folder}` encodes its pictures anew. Nothing was changed."
            )
        holder = manifest.Holder.mine()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            name = known.index if known else manifest.INDEX
            index = indexes.load("embedded", path=folder / name, dimension=info.dimension)
        except AtlasHeld as error:
            other = manifest.Holder.read(folder)
            raise AtlasHeld(
                f"The atlas {folder} is open in {other or 'another process'}. Use that, or stop it first."
            ) from error
        except OSError as error:
            raise manifest.cannot_write(folder, error) from error
        if known and manifest.read(folder) != known:  # a rebuild ended while this was opening
            index.close()
            return cls.open(path, encoder=encoder, create=create)
        manifest.sweep(folder, name)
        with ExitStack() as undo:
            undo.callback(index.close)
            undo.callback(manifest.Holder.clear, folder)
            store = Store.at(folder / "records.sqlite")
            undo.callback(store.close)
            atlas = cls(folder, store, index, used, holder, name)
            holder.write(folder)
            if known is None:
                manifest.Manifest(manifest.FORMAT, info, {}).write(folder)
            atlas.reconcile()
            undo.pop_all()
        return atlas

    def close(self) -> None:
        """Let go of the folder."""
        manifest.Holder.clear(self.path)  # before the index: afterwards the word there may be somebody else's
        self.store.close()
        for index in (self.index, *self._former):
            index.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def serving(self, url: str) -> None:
        """Leave word that this process serves the atlas at a URL."""
        self.holder = replace(self.holder, url=url)
        self.holder.write(self.path)

    def reconcile(self) -> None:
        """Bring the index level with the records, after an adding that was cut short or an index that was lost."""
        unfinished = self.store.note(UNFINISHED)
        keys = self.store.keys()
        if unfinished is None and len(self.index) == len(keys):
            return
        self.pictures.tidy()
        there = set(self.index.keys())
        self.index.remove(sorted(there - set(keys)))
        since = int(unfinished) if unfinished is not None else 0
        missing = set(keys) - there
        for rows in self.store.each():
            self._index_rows([row for row in rows if row.key in missing])
        for rows in self.store.each(since=since) if unfinished is not None else ():
            self._index_rows([row for row in rows if row.key not in missing])
        self.index.optimise()
        self.store.set_note(UNFINISHED, None)
        self._forget()

    def _index_rows(self, rows: Sequence[Row]) -> None:
        found = self.store.vectors([row.key for row in rows], self._encoder_info.digest)
        self.index.add([point_of(row, *found[row.key]) for row in rows if row.key in found])

    def changed(self) -> None:
        """Forget what was remembered of the contents; called after adding."""
        self.written.write(self.path)
        self._forget()

    @property
    def written(self) -> manifest.Manifest:
        """What ``atlas.toml`` says of it."""
        return self._manifest(self._encoder_info, self.index_name)

    def _manifest(self, encoder: EncoderInfo, index_name: str) -> manifest.Manifest:
        known = {row["name"]: row["version"] for row in self.store.corpora()}
        return manifest.Manifest(manifest.FORMAT, encoder, known, index_name)

    def swap(self, encoder: Encoder, index: Index, index_name: str) -> None:
        """Answer from another index, made with this or another encoder, from one moment to the next.

        Questions under way end with the former one, which is closed and removed then, and its encoder's vectors forgotten.

        Parameters
        ----------
        encoder : Encoder
        index : Index
            Open, with a point for every figure.
        index_name : str
            Its folder's name in the atlas's folder.

        Raises
        ------
        mirage.errors.Unavailable, mirage.errors.AtlasError
            When it cannot be written down; then nothing has changed.
        """
        former, former_name = self._lending.now, self.index_name
        state = State.of(self.store, self.pictures, encoder, index)
        self._manifest(state.info, index_name).write(self.path)
        self.index_name = index_name
        self._lending.become(state)
        self._forget()
        self._former.append(former.index)
        if self._lending.idle(former.index, _PATIENCE):
            former.index.close()
            self._former.remove(former.index)
            shutil.rmtree(self.path / former_name, ignore_errors=True)
            with suppress(MirageError):  # they are only in the way
                self.store.forget_vectors(state.info.digest)

    def _forget(self) -> None:
        self._lending.become(self._lending.now.searching(self.store, self.pictures))
        self._comparer = Comparer(self.store)
        self._examples: list[Query] | None = None

    def calibrate(self, calibration: Calibration) -> None:
        """Search with other weights and cuts, until the atlas changes."""
        self._lending.become(self._lending.now.searching(self.store, self.pictures, calibration))

    # -- searching --------------------------------------------------------------------------------------------------

    def search(self, query: str | Query, **filters: Any) -> Answer:
        """Find figures.

        Parameters
        ----------
        query : str or Query
            Words, or a `Query` with several weighted terms.
        **filters
            With words only: ``modality``, ``plane``, ``region``, ``corpus``, ``licence``, and ``k``, ``more``, ``less``,
            ``like``, ``refine``, as `Query.of` takes them.

        Raises
        ------
        mirage.errors.BadQuery
            When the query is empty, too long, names an unknown filter or value, or its terms cancel out.
        """
        if isinstance(query, str):
            query = Query.of(query, **filters)
        elif filters:
            raise BadQuery(f"A Query holds its own filters; {', '.join(filters)} cannot be given beside it.")
        with self.as_it_is() as now:
            return self._answer(now, query)

    def _answer(self, now: State, query: Query) -> Answer:
        if query.refine:
            return refine.search(query, now.searcher, now.encoder, self.cases_of)
        return now.searcher.search(query)

    def similar(self, figure_id: str, *, k: int = 24, **filters: Any) -> Answer:
        """Find figures that look like one of this atlas's own, which is left out itself."""
        return self.search(Query.of(like=[figure_id], k=k, **filters))

    def embed(self, picture: Image.Image) -> PictureTerm:
        """Turn a dropped picture into what a query carries of it: its quantised embedding."""
        now = self._lending.now
        return PictureTerm.of(now.encoder.encode_images([picture])[0], now.info.digest)

    # -- explaining -------------------------------------------------------------------------------------------------

    def explain(self, query: str | Query, *, explainer: Explainer | str | None = None, **filters: Any) -> Explanation:
        """Explain what a query finds, every sentence with its evidence.

        Parameters
        ----------
        query, **filters
            As for `search`.
        explainer : Explainer or str, optional
            Who speaks; the settings' one when left out.
        """
        answer = self.search(query, **filters)
        return explanation.collect(explanation.words_of(answer), self.explaining(answer, explainer=explainer))

    def explaining(
        self,
        answer: Answer,
        *,
        explainer: Explainer | str | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[Event]:
        """Explain an answer sentence by sentence, as `mirage.explain.explanation.explain` does."""
        request = explanation.request_of(answer, self.cases_of(answer.hits))
        return explanation.explain(request, explainer or Settings.load().explainer, self.checker, stopped)

    # -- comparing --------------------------------------------------------------------------------------------------

    def compare(
        self,
        a: str | Query | Dual,
        b: str | Query | None = None,
        *,
        less: Iterable[str | Term] = (),
        more: Iterable[str | Term] = (),
        **filters: Any,
    ) -> Comparison:
        """Answer two queries side by side, or a query and its modified self, and find what tells them apart.

        Parameters
        ----------
        a : str, Query or Dual
            The first query, or both as a `Dual`.
        b : str or Query, optional
            The second query; left out, B is A with ``less`` of some terms and ``more`` of others.
        less, more : iterable of str or Term
            As for `mirage.compare.dual.Dual.modify`.
        **filters
            As for `search`; they hold on both sides.

        Raises
        ------
        mirage.errors.BadQuery
            When a side cannot be answered as it stands.
        """
        if isinstance(a, Dual):
            if b is not None or less or more or filters:
                raise BadQuery("A Dual holds both queries; nothing else can be given beside it.")
            dual = a
        elif b is not None:
            if less or more:
                raise BadQuery("Give a second query, or what the first should have less and more of, not both.")
            dual = Dual.of(_filtered(a, filters), _filtered(b, filters))
        else:
            dual = Dual.modify(_filtered(a, filters), less=less, more=more)
        with self.as_it_is() as now:
            answers = self._answer(now, dual.a), self._answer(now, dual.b)
        return self._comparer.compare(dual, *answers)

    def contrasting(
        self,
        comparison: Comparison,
        *,
        explainer: Explainer | str | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[Event]:
        """Explain how the two sides of a comparison differ, sentence by sentence, as `explaining` does."""
        return contrast(
            comparison,
            self.cases_of((*comparison.a.hits, *comparison.b.hits)),
            explainer or Settings.load().explainer,
            self.checker,
            stopped,
        )

    def generate(self, query: str | Query, *, generator: Generator | None = None, **options: Any) -> list[Synthetic]:
        """Make synthetic images of a query; options as in `mirage.generate.synthesis.Options`. None enters the atlas."""
        from mirage.generate import synthesis  # noqa: PLC0415 - which needs this module

        chosen = synthesis.Options(**options)
        asked = Query.of(query) if isinstance(query, str) else query
        return list(synthesis.draw(self, asked, chosen, generator or synthesis.generator_of(chosen)))

    def cases_of(self, hits: Iterable[Hit]) -> dict[str, Case]:
        """The cases of some hits, by id."""
        return self.store.cases({hit.figure.case_id for hit in hits} - {""})

    # -- looking things up ------------------------------------------------------------------------------------------

    def figure(self, figure_id: str) -> Figure:
        """One figure; `mirage.errors.NotFound` when it is not there."""
        return self.store.row(figure_id).figure

    def case(self, case_id: str) -> Case:
        """One case; `mirage.errors.NotFound` when it is not there."""
        return self.store.case(case_id)

    def figures_of(self, case_id: str) -> list[Figure]:
        """The figures of a case, in the order of their corpus."""
        return [row.figure for row in self.store.figures_of(case_id)]

    def picture(self, figure_id: str) -> Path:
        """Where a figure's picture lies."""
        return self.pictures.path(self.store.row(figure_id).picture.name)

    def thumbnail(self, figure_id: str) -> Path:
        """Where a figure's thumbnail lies."""
        return self.pictures.thumbnail_path(self.store.row(figure_id).picture.name)

    def size(self, figure_id: str) -> tuple[int, int]:
        """Width and height of a figure's picture, in pixels."""
        picture = self.store.row(figure_id).picture
        return picture.width, picture.height

    def facets(self, filters: Mapping[str, Sequence[str]] | None = None) -> dict[str, dict[str, int]]:
        """Count the values of every filter field among the figures that pass the filters."""
        with self.as_it_is() as now:
            return now.index.facets(filters) if filters else now.searcher.facets

    def facets_of(self, query: Query) -> dict[str, dict[str, int]]:
        """Like `facets`, each field counted as if it were not filtered itself, so that other values can be chosen."""
        if not query.filters:
            return self.facets()
        counts = self.facets(query.filters)
        for name in query.filters:
            counts[name] = self.facets({field: v for field, v in query.filters.items() if field != name})[name]
        return counts

    def info(self) -> AtlasInfo:
        """What this atlas is and holds."""
        return holdings.of(self.store, self.path, self._encoder_info)

    def examples(self, n: int = 6) -> list[Query]:
        """Queries that find something in this very atlas, for a first-time visitor."""
        if self._examples is None:
            self._examples = suggestions.queries(self.search)
        return self._examples[:n]


def point_of(row: Row, image: Vector, caption: Vector | None) -> Point:
    """What the index keeps of a figure."""
    figure = row.figure
    fields = {
        "modality": figure.modality,
        "plane": figure.plane,
        "region": figure.region,
        "corpus": figure.source.corpus,
        "licence": str(figure.source.licence),
    }
    assert set(fields) == set(FILTER_FIELDS)
    return Point(row.key, image, caption, figure.words, fields)


def _filtered(query: str | Query, filters: Mapping[str, Any]) -> str | Query:
    if not filters:
        return query
    if isinstance(query, Query):
        raise BadQuery(f"A Query holds its own filters; {', '.join(filters)} cannot be given beside it.")
    return Query.of(query, **filters)


def _encoder(folder: Path, named: str | None, known: manifest.Manifest | None, settings: Settings) -> Encoder:
    name = named or (known.encoder.name if known else settings.encoder)
    is_its_own = known is not None and name == known.encoder.name
    try:
        if known is not None and named is None and (export := encoders.exported_for(known.encoder, settings)):
            return export
        return encoders.configured(name, settings, known.encoder.model if known is not None and is_its_own else "")
    except NotFound as error:
        if not is_its_own:
            raise
        raise AtlasError(f"The atlas {folder} was made with an encoder that is not installed. {error}") from error
