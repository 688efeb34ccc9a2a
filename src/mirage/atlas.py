"""An atlas: figures, their pictures and an index, in one folder."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from mirage.browse import Browse
from mirage.compare.comparison import COUNTED, Comparer, Comparison, contrast
from mirage.compare.dual import Dual
from mirage.encoders.base import Encoder, EncoderInfo
from mirage.errors import AtlasError, BadQuery, NotFound, Unavailable
from mirage.explain import explanation, refine
from mirage.explain.checker import Checker
from mirage.explain.explainers.base import Explainer
from mirage.explain.explanation import Event, Explanation
from mirage.figure import Case, Figure
from mirage.images.stack_reader import StackReader
from mirage.indexes.base import Index
from mirage.query import PictureTerm, Query, Term
from mirage.search import facets
from mirage.search.answer import Answer, FoundFacets, Hit
from mirage.search.calibrations import calibration_for
from mirage.search.confidence import Calibration
from mirage.search.searcher import Searcher, example_queries
from mirage.settings import Settings
from mirage.storage import read_only
from mirage.storage.databases import Databases
from mirage.storage.edit import edit
from mirage.storage.folder import AtlasFolder
from mirage.storage.records import reference_of
from mirage.storage.remove import Removal, removal, remove
from mirage.study.along import taking
from mirage.study.along.bundle import Order
from mirage.study.along.taking import TakenAlong
from mirage.study.studies import Studies
from mirage.study.study import Study
from mirage.wording import _

if TYPE_CHECKING:
    from mirage.generate.generators import Generator
    from mirage.generate.synthesis import SyntheticImage

_PATIENCE = 600.0  # seconds that a swap waits for questions under way before it leaves the old index to the closing


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """An index with the encoder that its vectors are of, and what stands on both.

    Attributes
    ----------
    encoder : Encoder
    info : EncoderInfo
    index : Index
    checker : mirage.explain.checker.Checker
    searcher : Searcher
    """

    encoder: Encoder
    info: EncoderInfo
    index: Index
    checker: Checker
    searcher: Searcher


class Snapshots:
    """The snapshot of now, for whoever answers a question. Safe to share between threads."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._now = snapshot
        self._changed = threading.Condition()
        self._users = Counter[int]()  # how many answer from an index, by its identity

    @property
    def now(self) -> Snapshot:
        """The snapshot of this moment."""
        return self._now

    @contextmanager
    def used(self) -> Iterator[Snapshot]:
        """Use the snapshot of now; its index stays open until the context ends."""
        with self._changed:
            snapshot = self._now
            self._users[id(snapshot.index)] += 1
        try:
            yield snapshot
        finally:
            with self._changed:
                self._users[id(snapshot.index)] -= 1
                self._changed.notify_all()

    def replace(self, snapshot: Snapshot) -> None:
        """Use another snapshot from now on."""
        with self._changed:
            self._now = snapshot

    def idle(self, index: Index, seconds: float) -> bool:
        """Wait until nobody uses an index any more.

        Parameters
        ----------
        index : Index
        seconds : float

        Returns
        -------
        bool
            False when somebody still does after so many seconds.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not self._users[id(index)], seconds)


@dataclass(slots=True, eq=False)
class _Remembered:
    """What was read of an atlas's contents: replaced when they change, so that what was read before is not kept after."""

    hidden: tuple[frozenset[str], frozenset[int]] | None = None  # references of what is hidden, and its keys
    withdrawn: frozenset[int] | None = None
    examples: list[Query] | None = None


class Atlas(AtlasFolder):
    """What a student opens. Use `Atlas.open`; it is a context manager.

    Attributes
    ----------
    study : mirage.study.Study
        What whoever has the machine keeps of it: collections, quizzes, what they learnt.
    studies : mirage.study.studies.Studies
        That, and what each person of a shared site keeps.
    browse : mirage.browse.Browse
        What it holds, to be looked through without a query.

    Examples
    --------
    >>> with Atlas.open("my-atlas") as atlas:  # doctest: +SKIP
    ...     for hit in atlas.search("subdural hematoma", modality="CT").hits:
    ...         print(hit.rank, hit.confidence, hit.figure.caption)
    """

    _unknown = ""  # why it cannot be told what is hidden

    def __init__(self, *opened: Any) -> None:
        super().__init__(*opened)
        self._snapshots = Snapshots(self._snapshot(Checker(self.encoder)))
        shared = None
        if self.copy is not None:  # what is kept in the folder is read; what somebody keeps here lies apart, and stays
            shared = Study(Databases(self.path), self.store, self, refusal=read_only.refusal(self.folder))
        self.studies = Studies(self.databases, self.store, self, shared)
        self.study = self.studies.own
        self.browse = self._browse()
        self.renewed()

    def close(self) -> None:
        """Let go of the folder, and of what is kept beside the atlas."""
        self.browse.close(patience=5)
        self.studies.close()
        super().close()

    # -- what it answers from: a rebuild replaces all of it at once -----------------------------------------------------

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Index, encoder and what stands on them as they are now, for an answer that needs several of them.

        A rebuild that ends meanwhile changes nothing in it, and its index stays open until the context ends.
        """
        return self._snapshots.used()

    @property
    def checker(self) -> Checker:
        """What judges sentences, with the encoder of now."""
        return self._snapshots.now.checker

    def _snapshot(self, checker: Checker, calibration: Calibration | None = None) -> Snapshot:
        calibration = calibration or calibration_for(self.encoder_info.digest, self.path)
        known = self.store, self.index, self.encoder, self.pictures
        searcher = Searcher(*known, calibration, self._hidden_by_owner, self.withdrawn_keys)
        return Snapshot(self.encoder, self.encoder_info, self.index, checker, searcher)

    def _browse(self) -> Browse:
        return Browse(self.store, self.path, self.encoder_info.digest, self.hidden_keys)

    def renewed(self) -> None:
        """Forget what was remembered of the contents, the index and the encoder."""
        self._comparer = Comparer(self.store)
        self._remembered = _Remembered()
        self.browse.close()
        self.browse = self._browse()
        now = self._snapshots.now  # last: what pages keep is made anew with another one
        self._snapshots.replace(self._snapshot(now.checker if now.encoder is self.encoder else Checker(self.encoder)))

    def unhide(self) -> None:
        """Look anew at what is hidden, which another process has changed."""
        self.study.reviews.hidden.forget()

    def idle(self, index: Index) -> bool:
        """Wait until no question is answered from an index any more; False when one still is after ten minutes."""
        return self._snapshots.idle(index, _PATIENCE)

    def calibrate(self, calibration: Calibration) -> None:
        """Search with other weights and cuts, until the atlas changes."""
        self._snapshots.replace(self._snapshot(self.checker, calibration))

    @property
    def untold(self) -> str:
        """Why it cannot be told what is hidden; empty where it can. Known once `hidden_keys` was asked."""
        return self._unknown

    def withdrawn_keys(self) -> frozenset[int]:
        """The store's keys of the figures that their source has withdrawn since; see `mirage.figure.Figure.withdrawn`."""
        remembered = self._remembered
        if remembered.withdrawn is None:
            remembered.withdrawn = self.store.withdrawals.keys()
        return remembered.withdrawn

    def hidden_keys(self) -> frozenset[int]:
        """The store's keys of the figures that learners are not shown unasked: they are hidden, or withdrawn.

        No quiz asks about them, nothing is taken along of them, and they are not browsed.
        """
        return self._hidden_by_owner() | self.withdrawn_keys()

    def kept_back_keys(self) -> frozenset[int]:
        """The store's keys of the figures that leave the atlas in no file, sheet or list: those of `hidden_keys`.

        Raises
        ------
        mirage.errors.Unavailable
            When it cannot be told which they are: what has left cannot be called back.
        """
        kept_back = self.hidden_keys()
        if self._unknown:
            raise Unavailable(
                _(
                    "Nothing was written, since it cannot be told now what is hidden from learners: %(why)s",
                    why=self._unknown,
                )
            )
        return kept_back

    def _hidden_by_owner(self) -> frozenset[int]:
        remembered = self._remembered
        try:
            references = self.study.reviews.hidden.figures()
            self._unknown = ""
        except AtlasError as error:  # what somebody keeps is damaged; what the atlas holds is still to be found
            self._unknown, references = str(error), frozenset()
        hidden = remembered.hidden
        if hidden is None or hidden[0] != references:
            found: set[int] = set()
            for each in references:
                with suppress(NotFound):  # removed since
                    found.add(self.store.row(each).key)
            hidden = remembered.hidden = (references, frozenset(found))
        return hidden[1]

    # -- searching --------------------------------------------------------------------------------------------------

    def search(self, query: str | Query, **filters: Any) -> Answer:
        """Find figures.

        Parameters
        ----------
        query : str or Query
            Words, or a `Query` with several weighted terms.
        **filters
            With words only: ``modality``, ``plane``, ``region``, ``proof``, ``corpus``, ``licence``, and ``k``, ``more``,
            ``less``, ``like``, ``refine``, ``withdrawn``, as `Query.of` takes them.

        Raises
        ------
        mirage.errors.BadQuery
            When the query is empty, too long, names an unknown filter or value, or its terms cancel out.
        """
        with self.snapshot() as now:
            return self._answer(now, _query(query, filters))

    def _answer(self, now: Snapshot, query: Query) -> Answer:
        if query.refine:
            return refine.search(query, now.searcher, now.encoder, self.cases_of)
        answer = now.searcher.search(query)
        if not self._unknown:
            return answer
        untold = _("What is hidden from learners cannot be told now, and may be among these: %(why)s", why=self._unknown)
        return replace(answer, notes=(*answer.notes, untold))

    def similar(self, figure_id: str, *, k: int = 24, **filters: Any) -> Answer:
        """Find figures that look like one of this atlas's own, which is left out itself.

        Parameters
        ----------
        figure_id : str
        k : int
            How many hits at most.
        **filters
            As for `search`.
        """
        return self.search(Query.of(like=[figure_id], k=k, **filters))

    def embed(self, picture: Image.Image) -> PictureTerm:
        """Turn a dropped picture into what a query carries of it: its quantised embedding."""
        now = self._snapshots.now
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
        """Explain an answer sentence by sentence, as `mirage.explain.explanation.explain` does.

        Parameters
        ----------
        answer : Answer
        explainer : Explainer or str, optional
            Who speaks; the settings' one when left out.
        stopped : callable
            Asked between sentences; True ends the explanation.
        """
        request = explanation.request_of(answer, self.cases_of(answer.hits))
        return explanation.explain(request, explainer or Settings.load().explainer, self.checker, stopped, self.store)

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
                raise BadQuery(_("A Dual holds both queries; nothing else can be given beside it."))
            dual = a
        elif b is not None:
            if less or more:
                raise BadQuery(_("Give a second query, or what the first should have less and more of, not both."))
            dual = Dual.of(_query(a, filters), _query(b, filters))
        else:
            dual = Dual.modify(_query(a, filters) if filters else a, less=less, more=more)
        with self.snapshot() as now:
            # Nothing is counted of what was withdrawn, whatever a side asks for.
            sides = [replace(query, k=max(query.k, COUNTED), withdrawn=False) for query in (dual.a, dual.b)]
            answers = [self._answer(now, query) for query in sides]
        found = [replace(answer, query=query) for answer, query in zip(answers, (dual.a, dual.b), strict=True)]
        return self._comparer.compare(dual, found[0], found[1])

    def contrasting(
        self,
        comparison: Comparison,
        *,
        explainer: Explainer | str | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[Event]:
        """Explain how the two sides of a comparison differ, sentence by sentence, as `explaining` does.

        Parameters
        ----------
        comparison : Comparison
        explainer, stopped
            As for `explaining`.
        """
        return contrast(
            comparison,
            self.cases_of((*comparison.a.hits, *comparison.b.hits)),
            explainer or Settings.load().explainer,
            self.checker,
            stopped,
        )

    def generate(self, query: str | Query, *, generator: Generator | None = None, **options: Any) -> list[SyntheticImage]:
        """Make synthetic images of a query. None enters the atlas.

        Parameters
        ----------
        query : str or Query
        generator : Generator, optional
            Who draws; the one of the options when left out.
        **options
            As in `mirage.generate.synthesis.GenerationOptions`.
        """
        from mirage.generate import synthesis  # noqa: PLC0415 - only when something is drawn

        chosen = synthesis.GenerationOptions(**options)
        asked = Query.of(query) if isinstance(query, str) else query
        return list(synthesis.draw(self, asked, chosen, generator or synthesis.generator_of(chosen)))

    def cases_of(self, hits: Iterable[Hit]) -> dict[str, Case]:
        """The cases of some hits, by id."""
        return self.store.cases({hit.figure.case_id for hit in hits} - {""})

    # -- taking along -----------------------------------------------------------------------------------------------

    def take(self, what: str, target: str, path: Path | str, form: str = "anki", **order: Any) -> TakenAlong:
        """Write a collection, or anything that can be kept, into a file: a deck, slides, a sheet or key images.

        Parameters
        ----------
        what, target, form
            As for `mirage.study.along.taking.take`.
        path : Path or str
            The file.
        **order
            ``purpose`` and ``non_commercial``, as of `mirage.study.along.bundle.Order`.
        """
        return taking.take_to(self, self.study, what, target, form, Order(**order), Path(path))

    # -- removing ---------------------------------------------------------------------------------------------------

    def remove(
        self, *figure_ids: str, corpus: str = "", progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Removal:
        """Remove figures by their ids, or one corpus by its name, as `mirage.storage.remove.remove` does."""
        return remove(self, figure_ids, corpus, progress=progress)

    def removal(self, *figure_ids: str, corpus: str = "") -> Removal:
        """What `remove` would remove; nothing is changed."""
        return removal(self, figure_ids, corpus)

    def edit(self, figure_id: str, *, undo: Sequence[str] = (), **words: str) -> Figure:
        """Edit words of a figure that was added here from a file of one's own, as `mirage.storage.edit.edit` does.

        Parameters
        ----------
        figure_id : str
        undo : sequence of str
            Fields that shall say again what the source says.
        **words
            New words by field, of `mirage.figure.EDITABLE`.
        """
        return edit(self, figure_id, words, undo)

    def removed(self, figure_ids: Collection[str]) -> dict[str, datetime]:
        """When figures were removed, by id; those that are there, or never were, are left out."""
        return self.store.removals.when(figure_ids)

    # -- looking things up ------------------------------------------------------------------------------------------

    def figure(self, figure_id: str) -> Figure:
        """One figure; `mirage.errors.NotFound` when it is not there."""
        return self.store.row(figure_id).figure

    def reference(self, figure_id: str) -> str:
        """What to write down to find a figure again; see `mirage.storage.records.reference_of`."""
        return reference_of(self.store.row(figure_id))

    def pinned(self, query: Query) -> Query:
        """The same query, to be kept: its figures are named by references."""
        terms = (replace(term, figure=self.reference(term.figure)) if term.figure else term for term in query.terms)
        return replace(query, terms=tuple(terms))

    def case(self, case_id: str) -> Case:
        """One case; `mirage.errors.NotFound` when it is not there."""
        return self.store.case(case_id)

    def figures_of(self, case_id: str) -> list[Figure]:
        """The figures of a case, in the order of their corpus."""
        return [row.figure for row in self.store.figures_of(case_id)]

    def picture(self, figure_id: str) -> Path:
        """Where a figure's picture lies."""
        return self.pictures.path(self.store.row(figure_id).picture.name)

    def picture_name(self, figure_id: str) -> str:
        """What a figure's picture is called in the store: the SHA-256 of its content, and an ending."""
        return self.store.row(figure_id).picture.name

    def thumbnail(self, figure_id: str) -> Path:
        """Where a figure's thumbnail lies."""
        return self.pictures.thumbnail_path(self.store.row(figure_id).picture.name)

    def stack(self, figure_id: str) -> StackReader:
        """Read the slices of a figure that is a stack.

        Raises
        ------
        mirage.errors.NotFound
            When there is no such figure, or it is a single picture.
        """
        row = self.store.row(figure_id)
        if row.stack is None or row.figure.stack is None:
            raise NotFound(_("%(id)s is a single picture: it has no slices to scroll through.", id=row.figure.id))
        return StackReader.open(self.pictures, row.figure.stack, row.stack.voxels, row.stack.labels)

    def size(self, figure_id: str) -> tuple[int, int]:
        """Width and height of a figure's picture, in pixels."""
        picture = self.store.row(figure_id).picture
        return picture.width, picture.height

    def facets(self, filters: Mapping[str, Sequence[str]] | None = None) -> dict[str, dict[str, int]]:
        """Count the values of every filter field among the figures that pass the filters, less those that are hidden."""
        with self.snapshot() as now:
            counts = now.index.facets(filters) if filters else now.searcher.facets
        hidden = self.store.rows(sorted(self.hidden_keys())).values()
        return facets.without(counts, (row.figure for row in hidden), filters or {}) if hidden else counts

    def facets_found(self, answer: Answer) -> FoundFacets:
        """Count the values of every filter field within what a query finds.

        Where the query names concepts, by their mentions; where it has only other words or a picture, among its hits.
        """
        hidden = self._hidden_by_owner() if answer.query.withdrawn else self.hidden_keys()
        with self.snapshot() as now:
            return facets.found(now.searcher.filter_values, answer, hidden)

    def examples(self, n: int = 6) -> list[Query]:
        """Queries that find something in this very atlas, for a first-time visitor."""
        remembered = self._remembered
        if remembered.examples is None:
            remembered.examples = example_queries(self.search)
        return remembered.examples[:n]


def _query(query: str | Query, filters: Mapping[str, Any]) -> Query:
    if isinstance(query, str):
        return Query.of(query, **filters)
    if filters:
        raise BadQuery(
            _("A Query holds its own filters; %(filters)s cannot be given beside it.", filters=", ".join(filters))
        )
    return query
