"""A corpus into an atlas: resumable, idempotent, and says what it left out.

Records are committed before the index hears of them, batch by batch. Killed at any point and run again, what is stored is
passed over by its fingerprint and the rest is added; `Atlas.open` brings the index level with the records.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from mirage.corpora.base import Corpus, CorpusInfo, Item, Noted, Refused
from mirage.corpora.live.base import standings_of
from mirage.storage.folder import AtlasFolder
from mirage.storage.gone import Gone, gone_from, heed
from mirage.storage.prepare import Preparing
from mirage.storage.private import kept_item, told_info
from mirage.storage.records import CorpusRecord, keyed_id
from mirage.storage.spread.base import Spreading, Workers
from mirage.storage.withdrawals import Heeded
from mirage.wording import _

_WORKERS = max(2, min(4, os.cpu_count() or 2))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far adding is.

    Attributes
    ----------
    done, total : int
        Entries of the corpus looked at, and all of them.
    rate : float
        Figures a second, of those that had to be read.
    seconds_left : float or None
        None until there is something to reckon from.
    what : str
        What is being done, where there are several steps.
    """

    done: int
    total: int
    rate: float
    seconds_left: float | None
    what: str = ""


Tell = Callable[[Progress], None]


class ProgressMeter:
    """Counts what is done of some work that begins now, and tells it.

    Parameters
    ----------
    total : int
    tell : callable
    what : str
        See `Progress`.
    """

    def __init__(self, total: int, tell: Tell, what: str = "") -> None:
        self._total, self._tell, self._what = total, tell, what
        self._started, self._told = time.perf_counter(), 0.0
        self._done = self._worked = 0

    @property
    def seconds(self) -> float:
        """Since the work began."""
        return time.perf_counter() - self._started

    def move(self, done: int = 0, worked: int = 0, *, seldom: bool = False) -> None:
        """Count more of what is done.

        Parameters
        ----------
        done : int
        worked : int
            How many of those took time; the rate is theirs.
        seldom : bool
            Tell it only when it was not told in the last quarter of a second.
        """
        self._done, self._worked = min(self._done + done, self._total), self._worked + worked
        if seldom and self.seconds - self._told < 0.25:
            return
        self._told = self.seconds
        rate = self._worked / self._told
        left = (self._total - self._done) / rate if rate else None
        self._tell(Progress(self._done, self._total, rate, left, self._what))


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What came of it.

    Attributes
    ----------
    corpus : CorpusInfo
        As the atlas keeps it.
    added : int
        Figures that are new or were replaced.
    kept : int
        Figures that were there already.
    refused : tuple of Refused
        What could not be taken, by name, with the reason.
    noted : tuple of Noted
        What there is to know of figures that were added now, by name; of what ships it is known.
    seconds : float
    stopped : bool
        Whether it was asked to stop before the end.
    removed : int
        Figures that were removed from the atlas, and were not to come back.
    changed : tuple of str
        Labels of those that took the place of what the atlas had of them.
    gone : Gone
        What the atlas has of the corpus that is not in its source any more; known when it did not stop before the end.
    heeded : Heeded
        What its source says that it has withdrawn since, or not any more.
    """

    corpus: CorpusInfo
    added: int
    kept: int
    refused: tuple[Refused, ...]
    noted: tuple[Noted, ...]
    seconds: float
    stopped: bool
    removed: int = 0
    changed: tuple[str, ...] = ()
    gone: Gone = Gone()
    heeded: Heeded = Heeded()


def add(
    atlas: AtlasFolder,
    corpus: Corpus,
    *,
    progress: Tell = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    workers: int | None = None,
    bring_back: bool = True,
    elsewhere: Workers | None = None,
) -> IngestReport:
    """Add a corpus to an atlas.

    Parameters
    ----------
    atlas : AtlasFolder
        Open in this process.
    corpus : Corpus
    progress : callable
        Called after every batch, and often enough in between for a person watching.
    stop : callable
        Asked between batches; True ends adding after what is in hand is stored.
    workers : int, optional
        Threads that read pictures, and encode them where the encoder can be asked by several; as many as there are
        processors, 2 to 4, when left out: with more, what stores the figures is not quick enough.
    bring_back : bool
        Whether figures that were removed from the atlas come back; those that stand in the place of one, too.
    elsewhere : mirage.storage.spread.base.Workers, optional
        Who reads and encodes pictures, in other processes or on other machines; this process stores what they make.

    Raises
    ------
    mirage.errors.MirageError
        When the corpus as a whole cannot be read, or the disk is full. What was stored by then stays.
    """
    card = getattr(corpus, "card", None)
    is_private, is_known = (card.private, card.ships) if card is not None else (False, False)
    info, key = told_info(atlas, corpus), atlas.store.id_key
    known = atlas.store.fingerprints(info.name)
    gone = frozenset() if bring_back else atlas.store.removals.of(info.name)
    preparing = _preparing(atlas, corpus, elsewhere)
    meter = ProgressMeter(len(corpus), progress)
    seen, there = set[str](), set[str]()  # ids as the corpus has them, and as the atlas keeps them
    former: dict[str, tuple[str, str]] = {}  # by the corpus's own ids, those of the atlas
    refused, noted, changed = list[Refused](), list[Noted](), list[str]()
    added, kept_before, stopped = 0, 0, False

    def refuse(label: str, reason: str) -> None:
        refused.append(Refused(label, reason))
        meter.move(1, seldom=True)

    def wanted() -> Iterator[tuple[Item, Item]]:
        nonlocal kept_before
        for entry in corpus.items() if not gone else _without(gone, corpus, key, info.name if is_private else ""):
            if isinstance(entry, Refused):
                refuse(entry.label, entry.reason)
                continue
            if entry.figure.id in seen:
                refuse(entry.label, _("The id %(id)s occurs twice; the first one was taken.", id=entry.figure.id))
                continue
            seen.add(entry.figure.id)
            kept = kept_item(atlas, corpus, info.name, entry)
            there.add(kept.figure.id)
            former.update(
                {old: (keyed_id(key, old, info.name) if is_private else old, kept.figure.id) for old in entry.former_ids}
            )
            if known.get(kept.figure.id) != kept.fingerprint:
                yield entry, kept
            else:
                kept_before += 1
                meter.move(1, seldom=True)

    with atlas.adding() as put, closing(preparing.batches(wanted(), workers or _WORKERS, refuse)) as batches:
        record = _record_of(info)
        atlas.store.put_corpus(record)
        for batch in batches:
            put([made.record for made in batch])
            ready = [made.prepared for made in batch]
            refused += [Refused(*each) for one in ready for each in one.left_out]
            noted += [Noted(one.own.label, note) for one in ready for note in one.notes(words=is_private) if not is_known]
            changed += [one.own.label for one in ready if one.kept.figure.id in known]
            added += len(batch)
            meter.move(len(batch), len(batch))
            if stopped := stop():
                break
        if not stopped:
            atlas.succeed(dict(pair for old, pair in former.items() if old not in seen), info.name)
        atlas.store.put_corpus(replace(record, complete=not stopped))
    meter.move()
    told = tuple(refused), tuple(noted), meter.seconds, stopped, len(gone), tuple(changed)
    gone_now = Gone() if stopped else gone_from(atlas, corpus, info.name, there, keyed=is_private)
    return IngestReport(info, added, kept_before, *told, gone_now, heed(atlas, info.name, standings_of(corpus)))


def _preparing(atlas: AtlasFolder, corpus: Corpus, elsewhere: Workers | None) -> Preparing | Spreading:
    if elsewhere is None:
        return Preparing(corpus, atlas.pictures, atlas.encoder, atlas.store.edits)
    return Spreading(corpus, atlas.pictures, atlas.store.edits, elsewhere)


def _record_of(info: CorpusInfo) -> CorpusRecord:
    terms = info.licence.name, info.licence.url
    return CorpusRecord(info.name, info.title, info.summary, info.version, info.homepage, *terms, complete=False)


def _without(gone: Collection[str], corpus: Corpus, key: bytes, named: str) -> Iterator[Item | Refused]:
    """What a corpus holds but for what was removed, by ids of now or of before; `named` as a private corpus is called."""
    for entry in corpus.items():
        ids = (entry.figure.id, *entry.former_ids) if isinstance(entry, Item) else ()
        if not any((keyed_id(key, each, named) if named else each) in gone for each in ids):
            yield entry
