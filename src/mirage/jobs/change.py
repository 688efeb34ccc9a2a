"""Work that changes the atlas: adding a corpus, importing an atlas file, removing, making the index anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from mirage import corpora
from mirage.atlas import Atlas
from mirage.corpora.base import Advises, Downloads
from mirage.corpora.personal import FOR_ALL
from mirage.corpora.preview import NAMED, by_kind
from mirage.errors import BadInput
from mirage.jobs.fetching import prepare
from mirage.jobs.job import Cancelled, Update
from mirage.locales import counted
from mirage.storage import archive_import, spread
from mirage.storage.gone import prune as take_out
from mirage.storage.gone import put_together
from mirage.storage.ingest import IngestReport, Progress, add
from mirage.storage.preview import Preview, another_folder, preview
from mirage.storage.private import told_info
from mirage.storage.reindex import ENCODING, INDEXING, Stopped, opened, rebuild_open
from mirage.storage.remove import collect as collect_unused
from mirage.storage.spread.base import Recipe, Workers
from mirage.storage.whereabouts import advice
from mirage.storage.withdrawals import Heeded

_DOING = {ENCODING: " encoded", INDEXING: " put into the new index"}
_MOST_REFUSED = 500
_MOST_NAMED = 20  # figures of a command


_ANOTHER = (
    "The atlas has a collection of this name, {name}, and its pictures, or most of them, are not here: this seems to be "
    "another folder of the same name. Nothing was added. Give this one its own name (the choice “Name”, in the command "
    "--name), or say that both belong together (in the command --merge)."
)


def look_through(
    atlas: Atlas,
    corpus: str,
    given: dict[str, Any],
    keep: Callable[[Preview], None],
    update: Update,
    stopped: Callable[[], bool],
) -> None:
    """Tell what adding a corpus would bring; nothing is added.

    Parameters
    ----------
    atlas : Atlas
    corpus, given
        As for `add_corpus`.
    keep : callable
        Given what was found.
    update, stopped : callable
        As a `mirage.jobs.job.Work` gets them.
    """
    update(message="Looking through the files.")
    found = preview(atlas, corpora.load(corpus, **given), progress=partial(_tell, update), stop=stopped)
    if stopped():
        raise Cancelled
    keep(found)
    left = f", {len(found.skipped):,} cannot be taken" if found.skipped else ""
    update(state="done", message=f"{counted(len(found.figures), 'figure')} found{left}. Nothing was added.")


def add_corpus(
    atlas: Atlas,
    corpus: str,
    given: dict[str, Any],
    update: Update,
    stopped: Callable[[], bool],
    *,
    bring_back: bool = True,
    merge: bool = False,
    sent: bool = False,
    prune: str = "",
    on: str = "",
) -> None:
    """Fetch a corpus where it has to be, then add it.

    Parameters
    ----------
    atlas : Atlas
    corpus : str
        Its adapter's name.
    given : dict
        What the adapter is opened with.
    update, stopped : callable
        As a `mirage.jobs.job.Work` gets them.
    bring_back : bool
        As for `mirage.storage.ingest.add`.
    merge : bool
        Whether a folder may be added to the collection of another that has the same name.
    sent : bool
        Whether it is what somebody sent: what else the collection has is not gone then, unless `prune` says so.
    prune : {"", "ask", "all"}
        Whether what is gone from the source is taken out: not, unless something speaks against it, or in any case.
    on : str
        Where pictures are read and encoded, as `mirage.storage.spread.opened` takes it; in this process when empty.

    Raises
    ------
    mirage.errors.BadInput
        When it is another folder of the same name, and may not.
    """
    card = corpora.card(corpus)
    update(message=f"Opening {card.title}.")
    source = corpora.load(corpus, **given)
    if isinstance(source, Downloads) and not source.ready:
        update(message=f"Asking {card.title}." if card.live else f"Fetching {card.title}.")
        prepare(source, card, update, stopped)
    if another := another_folder(atlas, source):
        name = told_info(atlas, source, looking=True).name
        if not merge:
            raise BadInput(_ANOTHER.format(name=name))
        put_together(atlas, name)
    with _elsewhere(on, atlas, corpus, given, update) as workers:
        how: dict[str, Any] = {"stop": stopped, "bring_back": bring_back, "elsewhere": workers}
        report = add(atlas, source, progress=partial(_tell, update), **how)
    new, old = f"{counted(report.added - len(report.changed), 'figure')} added", f"{report.kept:,} were there already"
    new += f", {len(report.changed):,} replaced" if report.changed else ""
    left_out = f", {len(report.refused):,} left out" if report.refused else ""
    listed = report.refused if len(report.refused) <= _MOST_REFUSED else tuple(by_kind(report.refused))
    more = "" if listed is report.refused else f" The first {NAMED} of each kind of reason are listed."
    if remarked := len({each.label for each in report.noted}):
        more += f" {counted(remarked, 'figure')} {'was' if remarked == 1 else 'were'} taken with a remark."
        more += f" The first {_MOST_REFUSED} remarks are listed." if len(report.noted) > _MOST_REFUSED else ""
    if worded := len({each.label for each in report.noted if each.note.endswith(FOR_ALL)}):
        more += (
            f" The words of {counted(worded, 'figure')} hold what looks like a name, a date or a number of somebody: look "
            "at them (in the command --preview), mend the table and add it again, or edit or remove them on their pages (in "
            "the command: `mirage edit figure ID`, `mirage remove figure ID`)."
        )
    if report.removed:
        stay = f"{counted(report.removed, 'figure')} of it, removed before, {'stays' if report.removed == 1 else 'stay'} so"
        more += f" {stay}; `mirage add {corpus}` brings {'it' if report.removed == 1 else 'them'} back."
    if report.corpus.alias:
        more += f" The corpus is called {report.corpus.name}."
    if report.added > len(report.changed) and (elsewhere := atlas.store.elsewhere(report.corpus.name)):
        more += (
            f" {counted(elsewhere, 'picture')} of it {'is' if elsewhere == 1 else 'are'} in another collection of this "
            f"atlas too. If it is there twice, “Remove” beside this one takes it out (in the command: `mirage remove corpus "
            f"{report.corpus.name}`)."
        )
    more += _heeded(report.heeded)
    if large := advice(atlas.index_name, len(atlas.index)):
        more += f" {large}"
    pruned, words = (0, "") if sent and not prune else _pruned(atlas, report, prune, another, update)
    told = f"{'Cancelled. ' if report.stopped else ''}{new}, {old}{left_out}.{more}{words}"
    advised = f" {source.advice}" if isinstance(source, Advises) and source.advice else ""
    update(
        state="cancelled" if report.stopped else "done",
        message=told + advised,
        told=told,
        refused=tuple(listed[:_MOST_REFUSED]),
        noted=report.noted[:_MOST_REFUSED],
        added=report.added,
        kept=report.kept,
        changed=report.changed[:_MOST_REFUSED],
        gone=() if sent and not prune else tuple(called for _, called in report.gone.figures[:_MOST_REFUSED]),
        gone_count=0 if sent and not prune else len(report.gone.figures),
        removed=pruned,
    )


@contextmanager
def _elsewhere(on: str, atlas: Atlas, corpus: str, given: dict[str, Any], update: Update) -> Iterator[Workers | None]:
    if not on:
        yield None
        return
    update(message=f"Beginning workers at {on.partition('?')[0]}.")
    with closing(spread.opened(on, Recipe.of(corpus, given, atlas.encoder_info, atlas.pictures))) as workers:
        yield workers


def _heeded(heeded: Heeded) -> str:
    """What there is to say of what the source has withdrawn since, or not any more."""
    more = ""
    if withdrawn := heeded.withdrawn:
        ids = " ".join(withdrawn[:_MOST_NAMED]) + (" …" if len(withdrawn) > _MOST_NAMED else "")
        were, are, them, its = (
            ("was", "is", "it", "its page") if len(withdrawn) == 1 else ("were", "are", "them", "their pages")
        )
        more = (
            f" {counted(len(withdrawn), 'figure')} of this atlas {were} withdrawn at the source (an article retracted, a "
            f"file deleted) and {are} marked: no search ranks {them}, nothing is explained from {them} or passed on. "
            f"“Remove” on {its} takes {them} out (in the command: `mirage remove figure {ids}`)."
        )
    if heeded.lifted:
        were, are = ("was", "is") if len(heeded.lifted) == 1 else ("were", "are")
        more += (
            f" {counted(len(heeded.lifted), 'figure')} that {were} marked as withdrawn {are} not withdrawn any more, as the "
            f"source says now; the mark is lifted."
        )
    return more


def _pruned(atlas: Atlas, report: IngestReport, prune: str, another: bool, update: Update) -> tuple[int, str]:
    """Take out what is gone where that is wanted; how many figures that were, and what there is to say of it."""
    more, gone, count = "", report.gone, len(report.gone.figures)
    if not count or (another and prune != "all"):
        return 0, more
    verb, them, its = ("is", "it", "its page") if count == 1 else ("are", "them", "their pages")
    more += f" {counted(count, 'figure')} of it {verb} gone from its source"
    if not prune:
        return 0, f"{more}, and stayed in the atlas; “Remove” on {its} takes {them} out (in the command: --prune)."
    if not gone.sure:
        return 0, f"{more}, as it seems. {gone.doubt} So nothing was taken out."
    if gone.doubt and prune != "all":
        return 0, f"{more}. {gone.doubt} So nothing was taken out (in the command, --prune --yes does it all the same)."
    update(message="Taking out what is gone.")
    taken_out = take_out(atlas, report.corpus.name, [own for own, _ in gone.figures])
    was = "was" if count == 1 else "were"
    return count, " ".join((f"{more}, and {was} taken out.", *(taken_out.remarks if taken_out else ())))


def _tell(update: Update, progress: Progress) -> None:
    told = asdict(progress)
    what = _DOING.get(told.pop("what"), "")
    update(**told, message=f"{progress.done:,} of {progress.total:,}{what}.")


def remove(atlas: Atlas, figure_ids: Sequence[str], corpus: str, update: Update, stopped: Callable[[], bool]) -> None:
    """Remove figures or a corpus: either all of it goes, or nothing.

    Parameters
    ----------
    atlas : Atlas
    figure_ids, corpus
        As for `mirage.storage.remove.removal`.
    update, stopped : callable
        As a `mirage.jobs.job.Work` gets them.
    """
    if stopped():
        raise Cancelled
    update(message="Removing the records.")

    def tell(done: int, total: int) -> None:
        update(done=done, total=total, message=f"{done:,} of {total:,} taken out of the index.")

    gone = atlas.remove(*figure_ids, corpus=corpus, progress=tell)
    update(state="done", message=" ".join((f"{gone} removed.", *gone.remarks)), removed=gone.figures)


def collect(atlas: Atlas, update: Update, stopped: Callable[[], bool]) -> None:
    """Remove pictures that no figure has.

    Parameters
    ----------
    atlas : Atlas
    update, stopped : callable
        As a `mirage.jobs.job.Work` gets them.
    """
    if stopped():
        raise Cancelled
    count, size = collect_unused(atlas)
    found = f"{counted(count, 'file')} that no figure uses, {size / 1e6:,.1f} MB, removed." if count else ""
    update(state="done", message=found or "Every picture is of a figure; nothing was removed.")


def edit_words(
    atlas: Atlas,
    figure_id: str,
    words: Mapping[str, str],
    undo: Sequence[str],
    update: Update,
    stopped: Callable[[], bool],
) -> None:
    """Edit a figure's words.

    Parameters
    ----------
    atlas : Atlas
    figure_id, words, undo
        As for `mirage.storage.edit.edit`.
    update, stopped : callable
        As a `mirage.jobs.job.Work` gets them.
    """
    if stopped():
        raise Cancelled
    figure = atlas.edit(figure_id, undo=undo, **words)
    fields = ", ".join(field for field, _ in figure.edited)
    update(state="done", message=f"Edited here: {fields}." if fields else "Its words are its source’s.")


def import_file(
    atlas: Atlas, path: Path, update: Update, stopped: Callable[[], bool], *, encode: bool, replace: bool
) -> None:
    """Check an atlas file, then take its figures in.

    Parameters
    ----------
    atlas : Atlas
    path : Path
    update, stopped : callable
        As a `mirage.jobs.job.Work` gets them.
    encode, replace : bool
        As for `mirage.storage.archive_import.import_file`.
    """
    update(message="Checking the file.")
    report = partial(_tell, update)
    done = archive_import.import_file(path, atlas, encode=encode, replace=replace, progress=report, stop=stopped)
    again = ", encoded anew" if done.encoded else ""
    message = f"{counted(done.added, 'figure')} added{again}, {done.kept:,} were there already."
    if done.stopped:
        message = f"Cancelled. {message} Import it again to go on."
    update(state="cancelled" if done.stopped else "done", added=done.added, kept=done.kept, message=message)


def rebuild(
    atlas: Atlas, encoder: str, model: str, update: Update, stopped: Callable[[], bool], *, again: bool = False
) -> None:
    """Make the index anew, with another encoder or the same; searches are answered all the while.

    Parameters
    ----------
    atlas : Atlas
    encoder, model : str
        As for `mirage.storage.reindex.rebuild`; empty for those the atlas has.
    update, stopped : callable
        As a `mirage.jobs.job.Work` gets them.
    again : bool
        Whether it was begun before this process; then it may have ended without anybody writing that down.
    """
    update(message="Opening the encoder.")
    used = atlas.encoder
    if encoder or model:
        used = opened(atlas.written, encoder, model)
        if again and used.info().digest == atlas.encoder.info().digest:
            update(state="done", message="The new index was there already when MIRAGE was stopped.")
            return
    try:
        done = rebuild_open(atlas, used, partial(_tell, update), stop=stopped)
    except Stopped:
        message = "Cancelled. The atlas is what it was; what was encoded is kept for the next time."
        update(state="cancelled", message=message)
        return
    encoded = f"{done.encoded:,} of them encoded now with {used.info().name}"
    update(state="done", message=f"The index was made anew: {counted(done.figures, 'figure')}, {encoded}.")
