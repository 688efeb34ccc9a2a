"""What the sources that are asked for a plan have in common: the plan is kept on disk, and fetched and read by it later."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import TypeAdapter

from mirage.corpora.base import CorpusCard, CorpusInfo, Item, Refused, Steps, digest
from mirage.corpora.live.addresses import LedAstray
from mirage.corpora.live.base import Offer, Offered, Standing
from mirage.corpora.live.client import Pulse, day
from mirage.corpora.live.notes import write
from mirage.errors import BadPicture, MirageError, Unavailable
from mirage.figure import Case, Figure
from mirage.images import DecodedPicture, read_picture, thumbnail
from mirage.models.download import Damaged, FetchRefused, TooLarge, disk_words
from mirage.settings import Settings
from mirage.wording import _, language, looked_up

_SHOWN = 60  # figures of an offer that have a thumbnail
_AHEAD = 60.0  # seconds that the clock of a disk may be ahead of ours
_EARLIER = 50  # plans of before that are looked through for what is gone since


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A figure that may come; a source adds where its picture is.

    Attributes
    ----------
    figure : Figure
    label, fingerprint : str
        As of `mirage.corpora.base.Item`.
    size : int or None
        Bytes to fetch; None where the source does not state them.
    notes : tuple of str
    compound : bool
    """

    figure: Figure
    label: str
    fingerprint: str
    size: int | None
    notes: tuple[str, ...] = ()
    compound: bool = False


S = TypeVar("S")
P = TypeVar("P", bound=Planned)


@dataclass(frozen=True, slots=True)
class Plan(Generic[P]):
    """What there is for a query.

    Attributes
    ----------
    figures : tuple of Planned
    cases : tuple of Case
        Those that the figures name.
    refused : tuple of Refused
    left_out, total, looked_at, asked, standings
        As of `mirage.corpora.live.base.Offer`.
    """

    figures: tuple[P, ...]
    cases: tuple[Case, ...]
    refused: tuple[Refused, ...]
    left_out: tuple[tuple[str, int], ...]
    total: int | None
    looked_at: int
    asked: float
    standings: tuple[Standing, ...] = ()


class Telling:
    """Tells steps, one thread at a time; called while something is waited for, it tells the last one again.

    Parameters
    ----------
    steps : callable, optional
    """

    def __init__(self, steps: Steps | None) -> None:
        self._steps, self._lock = steps, threading.Lock()
        self._last: tuple[str, int, int | None] = ("asking", 0, None)

    def tell(self, what: str, done: int, total: int | None) -> None:
        """Tell a step, as `mirage.corpora.base.Steps`."""
        with self._lock:
            self._last = what, done, total
            if self._steps is not None:
                self._steps(what, done, total)

    def __call__(self) -> None:
        """Tell the last step again."""
        self.tell(*self._last)


class PlannedCorpus(ABC, Generic[S, P]):
    """Figures of a source that fit a query; a `mirage.corpora.live.base.Live` one.

    Parameters
    ----------
    query : str
        In one line.
    most : int
        Figures at most.
    licences, only : sequence of str
        Only under these, and only these figures.
    refresh : bool
        Ask again what was answered before.
    settings : Settings, optional
        Those of the environment when left out.

    Attributes
    ----------
    name, title, unit : str
        Of the corpus, for messages, and what the source counts.
    lost_by : tuple of int
        Statuses by which the source says that a picture is gone.

    Raises
    ------
    mirage.errors.BadInput
        When an option cannot be used.
    """

    card: ClassVar[CorpusCard]
    name: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str]
    lost_by: ClassVar[tuple[int, ...]] = (403, 404, 410)
    _plans: ClassVar[TypeAdapter[Any]]

    def __init__(
        self,
        query: str,
        *,
        most: int,
        licences: Sequence[str],
        only: Sequence[str],
        refresh: bool,
        settings: Settings | None,
    ) -> None:
        given = self.card.read({"query": query, "most": most, "licences": licences, "only": only})
        self._query, self._most, self._licences = given["query"], given["most"], given["licences"]
        self._only = frozenset(given["only"])
        self._refresh, self._made = refresh, time.time()
        self._settings = settings or Settings.load()
        self._folder = self._settings.live_cache / self.name
        self._language = "" if language() == "en" else f".{language()}"

    def info(self) -> CorpusInfo:
        """Tell what this corpus is; the version is a digest of what was asked."""
        return self.card.info(self.name, self._version)

    @property
    def advice(self) -> str:
        """When the source answered."""
        plan = self._kept(self._place)
        if plan is None:
            return ""
        title = looked_up(self.title)
        return _("As %(title)s answered on %(day)s; ask again for newer answers.", title=title, day=day(plan.asked))

    # -- what each source does its own way ------------------------------------------------------------------------------

    @abstractmethod
    def _source(self, pulse: Pulse, *, refresh: bool) -> S:
        """Whom to ask."""

    @abstractmethod
    def _look(self, source: S, telling: Telling) -> Plan[P]:
        """Ask what there is for the query."""

    @abstractmethod
    def _group(self, figure: Figure) -> str:
        """What a figure belongs to, as `mirage.corpora.live.base.Offered` has it."""

    @abstractmethod
    def _small(self, source: S, each: P) -> Path | None:
        """Fetch a small picture; None where there is none that may be had without the whole."""

    @abstractmethod
    def _fetch(self, source: S, each: P) -> str:
        """Fetch a picture to its `_file`; gives why it cannot be taken, or nothing."""

    @abstractmethod
    def _lost(self, status: int) -> str:
        """Why a picture does not come that the source does not give any more, in a sentence."""

    @abstractmethod
    def _file(self, each: P) -> Path:
        """Where a picture is kept."""

    def _standing_now(self, source: S, plan: Plan[P]) -> list[tuple[str, Standing]]:
        """What was looked at for any query before and is not in the plan: what people call it, and how it stands by now."""
        return []

    # -- over the network -----------------------------------------------------------------------------------------------

    def offer(self, steps: Steps | None = None, *, again: bool = False) -> Offer:
        """Ask what there is for the query; see `mirage.corpora.live.base.Live`."""
        telling = Telling(steps)
        source, plan = self._asked(telling, again=again)
        offered, shown = [], min(len(plan.figures), _SHOWN)
        for number, each in enumerate(plan.figures):
            if number < shown:
                telling.tell("fetching", number, shown)
            figure, told = each.figure, each.figure.source
            offered.append(
                Offered(
                    figure.id, figure.title, figure.caption, self._group(figure), told.licence, told.attribution, told.url,
                    figure.modality, each.size, 0, self._thumbnail(source, each) if number < shown else b"", each.notes,
                )
            )  # fmt: skip
        since = self._standing_now(source, plan) if again or self._refresh else []
        standings = (*plan.standings, *(each for _, each in since))
        return Offer(tuple(offered), looked_up(self.unit), plan.total, plan.looked_at, plan.left_out, plan.asked, standings)

    def _asked(self, telling: Telling, *, again: bool = False) -> tuple[S, Plan[P]]:
        again = again or self._refresh
        if again:  # what was planned by older answers is planned again
            try:
                self._anew.parent.mkdir(parents=True, exist_ok=True)
                self._anew.touch()
            except OSError as error:
                raise Unavailable(disk_words(self._folder, error)) from error
        source = self._source(telling, refresh=again)
        telling()
        return source, self._look(source, telling)

    def _thumbnail(self, source: S, each: P) -> bytes:
        """A thumbnail; empty where there is none, for a person sees the rest all the same."""
        try:
            place = self._small(source, each)
            return thumbnail(read_picture(place, name=each.label).image) if place else b""
        except (BadPicture, TooLarge, Damaged, FetchRefused, LedAstray):
            return b""

    @property
    def ready(self) -> bool:
        """Whether all of it was fetched: since this was made, where it is to be asked anew."""
        try:
            fetched = self._place.stat().st_mtime
            anew = max(self._made if self._refresh else 0.0, self._anew.stat().st_mtime if self._anew.exists() else 0.0)
            # What is of the future was fetched before the clock was set back: nobody knows how old it is.
            late = self._refresh and fetched > time.time() + _AHEAD
            return fetched > anew and not late and all(self._file(each).is_file() for each in self._plan.figures)
        except (OSError, Unavailable):
            return False

    def prepare(self, steps: Steps | None = None) -> None:
        """Fetch the pictures that were chosen; nothing happens when it is `ready`.

        Raises
        ------
        mirage.errors.NoNetwork, mirage.errors.Unavailable
            What has arrived is kept.
        """
        if self.ready:
            return
        telling = Telling(steps)
        source, plan = self._asked(telling)
        chosen = [each for each in plan.figures if not self._only or each.figure.id in self._only]
        gone = sorted(self._only - {each.figure.id for each in chosen})
        refused = list(plan.refused)
        lost = _("It is not among what %(title)s has for this query any more.", title=looked_up(self.title))
        refused += [Refused(name, lost) for name in gone]
        taken: list[P] = []
        there, size = 0, sum(each.size or 0 for each in chosen) or None
        for number, each in enumerate(chosen):
            telling.tell("fetching", number, len(chosen))
            telling.tell("downloading", there, size)
            there += each.size or 0
            if why := self._fetched(source, each):
                refused.append(Refused(each.label, why))
            else:
                taken.append(each)
        since = self._standing_now(source, plan) if self._refresh else []
        refused += [Refused(label, looked_up(each.said)) for label, each in since if each.said]
        standings = (*plan.standings, *(each for _, each in since))
        named = {each.figure.case_id for each in taken}
        cases = tuple(case for case in plan.cases if case.id in named)
        kept = replace(plan, figures=tuple(taken), cases=cases, refused=tuple(refused), standings=standings)
        write(self._place, self._plans.dump_python(kept, mode="json"))
        for name in ("_plan", "_places"):
            self.__dict__.pop(name, None)

    def _fetched(self, source: S, each: P) -> str:
        try:
            return self._fetch(source, each)
        except (TooLarge, Damaged, LedAstray) as error:
            return str(error)
        except FetchRefused as error:
            if error.answered not in self.lost_by:
                raise
            return self._lost(error.answered)

    def _earlier(self) -> list[Plan[P]]:
        """What was fetched for any query before, the latest first."""
        places = sorted(self._folder.glob("plans/*.json"), key=_kept_at, reverse=True)[:_EARLIER]
        return [plan for plan in map(self._kept, places) if plan is not None]

    # -- what was fetched -----------------------------------------------------------------------------------------------

    def items(self) -> Iterator[Item | Refused]:
        """Yield the figures in the order of the source, then what was left out."""
        plan = self._plan
        cases = {case.id: case for case in plan.cases}
        for each in plan.figures:
            case = cases.get(each.figure.case_id)
            yield Item(each.figure, case, each.label, each.fingerprint, notes=each.notes, compound=each.compound)
        yield from plan.refused

    @property
    def standings(self) -> tuple[Standing, ...]:
        """What the source had withdrawn of what was looked at, and what not; see `TellsStandings`."""
        return self._plan.standings

    def __len__(self) -> int:
        """How many entries `items` will yield."""
        return len(self._plan.figures) + len(self._plan.refused)

    def read(self, item: Item) -> DecodedPicture:
        """Decode the picture of one item.

        Raises
        ------
        mirage.errors.BadPicture
        """
        place = self._places.get(item.figure.id)
        if place is None or not place.is_file():
            raise BadPicture(_("%(label)s: its picture is not on this machine any more. Add it again.", label=item.label))
        return read_picture(place, name=item.label)

    @property
    def _anew(self) -> Path:
        """A file of the time when something was last asked anew."""
        return self._folder / "anew"

    @property
    def _version(self) -> str:
        return digest(repr((self._query, self._most, self._licences, sorted(self._only))))

    @property
    def _place(self) -> Path:
        """Where the plan is kept: one for each language, for it says why things do not come."""
        return self._folder / "plans" / f"{self._version}{self._language}.json"

    @cached_property
    def _places(self) -> dict[str, Path]:
        return {each.figure.id: self._file(each) for each in self._plan.figures}

    @cached_property
    def _plan(self) -> Plan[P]:
        if (found := self._kept(self._place)) is None:
            raise Unavailable(
                _(
                    "What %(title)s has for “%(query)s” was not fetched yet. Add it while there is a network.",
                    title=looked_up(self.title),
                    query=self._query[:80],
                )
            )
        return found

    def _kept(self, place: Path) -> Plan[P] | None:
        """A plan that was kept; None where there is none, or it is of another version of MIRAGE."""
        try:
            found: Plan[P] = self._plans.validate_json(place.read_bytes())
        except (OSError, ValueError, MirageError):
            return None
        return found


def _kept_at(place: Path) -> float:
    """When a file was written; 0 where it is gone, for whoever likes may clear the cache at any time."""
    try:
        return place.stat().st_mtime
    except OSError:
        return 0.0
