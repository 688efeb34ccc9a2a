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
from mirage.locales import counted, number
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
from mirage.wording import N_, _, looked_up, ngettext

_DONE = N_("%(done)s of %(total)s.")
_DOING = {ENCODING: N_("%(done)s of %(total)s encoded."), INDEXING: N_("%(done)s of %(total)s put into the new index.")}
_MOST_REFUSED = 500
_MOST_NAMED = 20  # figures of a command


_ANOTHER = N_(
    "The atlas has a collection of this name, %(name)s, and its pictures, or most of them, are not here: this seems to be "
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
    update(message=_("Looking through the files."))
    found = preview(atlas, corpora.load(corpus, **given), progress=partial(_tell, update), stop=stopped)
    if stopped():
        raise Cancelled
    keep(found)
    values = {"figures": counted(len(found.figures), "figure"), "left": number(len(found.skipped))}
    if found.skipped:
        message = _("%(figures)s found, %(left)s cannot be taken. Nothing was added.", **values)
    else:
        message = _("%(figures)s found. Nothing was added.", **values)
    update(state="done", message=message)


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
    update(message=_("Opening %(title)s.", title=card.title))
    source = corpora.load(corpus, **given)
    if isinstance(source, Downloads) and not source.ready:
        update(message=_("Asking %(title)s.", title=card.title) if card.live else _("Fetching %(title)s.", title=card.title))
        prepare(source, card, update, stopped)
    if another := another_folder(atlas, source):
        name = told_info(atlas, source, looking=True).name
        if not merge:
            raise BadInput(_(_ANOTHER, name=name))
        put_together(atlas, name)
    with _elsewhere(on, atlas, corpus, given, update) as workers:
        how: dict[str, Any] = {"stop": stopped, "bring_back": bring_back, "elsewhere": workers}
        report = add(atlas, source, progress=partial(_tell, update), **how)
    counts = [_("%(figures)s added", figures=counted(report.added - len(report.changed), "figure"))]
    counts += [_("%(number)s replaced", number=number(len(report.changed)))] if report.changed else []
    counts += [_("%(number)s were there already", number=number(report.kept))]
    counts += [_("%(number)s left out", number=number(len(report.refused)))] if report.refused else []
    listed = report.refused if len(report.refused) <= _MOST_REFUSED else tuple(by_kind(report.refused))
    more = [] if listed is report.refused else [_("The first %(number)s of each kind of reason are listed.", number=NAMED)]
    if remarked := len({each.label for each in report.noted}):
        figures = counted(remarked, "figure")
        more += [
            ngettext(
                "%(figures)s was taken with a remark.", "%(figures)s were taken with a remark.", remarked, figures=figures
            )
        ]
        if len(report.noted) > _MOST_REFUSED:
            more += [_("The first %(number)s remarks are listed.", number=_MOST_REFUSED)]
    if worded := len({each.label for each in report.noted if each.note.endswith(_(FOR_ALL))}):
        more += [
            _(
                "The words of %(figures)s hold what looks like a name, a date or a number of somebody: look at them (in the "
                "command --preview), mend the table and add it again, or edit or remove them on their pages (in the "
                "command: `mirage edit figure ID`, `mirage remove figure ID`).",
                figures=counted(worded, "figure"),
            )
        ]
    if report.removed:
        more += [
            ngettext(
                "%(figures)s of it, removed before, stays so; `mirage add %(corpus)s` brings it back.",
                "%(figures)s of it, removed before, stay so; `mirage add %(corpus)s` brings them back.",
                report.removed,
                figures=counted(report.removed, "figure"),
                corpus=corpus,
            )
        ]
    if report.corpus.alias:
        more += [_("The corpus is called %(name)s.", name=report.corpus.name)]
    if report.added > len(report.changed) and (elsewhere := atlas.store.elsewhere(report.corpus.name)):
        more += [
            ngettext(
                "%(pictures)s of it is in another collection of this atlas too. If it is there twice, “Remove” beside this "
                "one takes it out (in the command: `mirage remove corpus %(name)s`).",
                "%(pictures)s of it are in another collection of this atlas too. If it is there twice, “Remove” beside this "
                "one takes it out (in the command: `mirage remove corpus %(name)s`).",
                elsewhere,
                pictures=counted(elsewhere, "picture"),
                name=report.corpus.name,
            )
        ]
    more += _heeded(report.heeded)
    if large := advice(atlas.index_name, len(atlas.index)):
        more += [large]
    pruned, words = (0, "") if sent and not prune else _pruned(atlas, report, prune, another, update)
    told = " ".join(
        (*([_("Cancelled.")] if report.stopped else []), f"{', '.join(counts)}.", *more, *filter(None, (words,)))
    )
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
        gone=() if sent and not prune else tuple(called for _own, called in report.gone.figures[:_MOST_REFUSED]),
        gone_count=0 if sent and not prune else len(report.gone.figures),
        removed=pruned,
    )


@contextmanager
def _elsewhere(on: str, atlas: Atlas, corpus: str, given: dict[str, Any], update: Update) -> Iterator[Workers | None]:
    if not on:
        yield None
        return
    update(message=_("Beginning workers at %(where)s.", where=on.partition("?")[0]))
    with closing(spread.opened(on, Recipe.of(corpus, given, atlas.encoder_info, atlas.pictures))) as workers:
        yield workers


def _heeded(heeded: Heeded) -> list[str]:
    """What there is to say of what the source has withdrawn since, or not any more."""
    more = []
    if withdrawn := heeded.withdrawn:
        ids = " ".join(withdrawn[:_MOST_NAMED]) + (" …" if len(withdrawn) > _MOST_NAMED else "")
        more += [
            ngettext(
                "%(figures)s of this atlas was withdrawn at the source (an article retracted, a file deleted) and is "
                "marked: no search ranks it, nothing is explained from it or passed on. “Remove” on its page takes it out "
                "(in the command: `mirage remove figure %(ids)s`).",
                "%(figures)s of this atlas were withdrawn at the source (an article retracted, a file deleted) and are "
                "marked: no search ranks them, nothing is explained from them or passed on. “Remove” on their pages takes "
                "them out (in the command: `mirage remove figure %(ids)s`).",
                len(withdrawn),
                figures=counted(len(withdrawn), "figure"),
                ids=ids,
            )
        ]
    if heeded.lifted:
        more += [
            ngettext(
                "%(figures)s that was marked as withdrawn is not withdrawn any more, as the source says now; the mark is "
                "lifted.",
                "%(figures)s that were marked as withdrawn are not withdrawn any more, as the source says now; the mark is "
                "lifted.",
                len(heeded.lifted),
                figures=counted(len(heeded.lifted), "figure"),
            )
        ]
    return more


def _pruned(atlas: Atlas, report: IngestReport, prune: str, another: bool, update: Update) -> tuple[int, str]:
    """Take out what is gone where that is wanted; how many figures that were, and what there is to say of it."""
    gone, count = report.gone, len(report.gone.figures)
    if not count or (another and prune != "all"):
        return 0, ""
    values = {"figures": counted(count, "figure"), "doubt": gone.doubt}
    if not prune:
        return 0, ngettext(
            "%(figures)s of it is gone from its source, and stayed in the atlas; “Remove” on its page takes it out (in the "
            "command: --prune).",
            "%(figures)s of it are gone from its source, and stayed in the atlas; “Remove” on their pages takes them out "
            "(in the command: --prune).",
            count,
            **values,
        )
    if not gone.sure:
        return 0, ngettext(
            "%(figures)s of it is gone from its source, as it seems. %(doubt)s So nothing was taken out.",
            "%(figures)s of it are gone from its source, as it seems. %(doubt)s So nothing was taken out.",
            count,
            **values,
        )
    if gone.doubt and prune != "all":
        return 0, ngettext(
            "%(figures)s of it is gone from its source. %(doubt)s So nothing was taken out (in the command, --prune --yes "
            "does it all the same).",
            "%(figures)s of it are gone from its source. %(doubt)s So nothing was taken out (in the command, --prune --yes "
            "does it all the same).",
            count,
            **values,
        )
    update(message=_("Taking out what is gone."))
    taken_out = take_out(atlas, report.corpus.name, [own for own, _called in gone.figures])
    said = ngettext(
        "%(figures)s of it is gone from its source, and was taken out.",
        "%(figures)s of it are gone from its source, and were taken out.",
        count,
        **values,
    )
    return count, " ".join((said, *(taken_out.remarks if taken_out else ())))


def _tell(update: Update, progress: Progress) -> None:
    told = asdict(progress)
    said = _DOING.get(told.pop("what"), _DONE)
    update(**told, message=_(said, done=number(progress.done), total=number(progress.total)))


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
    update(message=_("Removing the records."))

    def tell(done: int, total: int) -> None:
        update(
            done=done,
            total=total,
            message=_("%(done)s of %(total)s taken out of the index.", done=number(done), total=number(total)),
        )

    gone = atlas.remove(*figure_ids, corpus=corpus, progress=tell)
    update(state="done", message=" ".join((_("%(gone)s removed.", gone=gone), *gone.remarks)), removed=gone.figures)


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
    message = _("Every picture is of a figure; nothing was removed.")
    if count:
        values = {"files": counted(count, "file"), "size": number(size / 1e6, 1)}
        message = _("%(files)s that no figure uses, %(size)s MB, removed.", **values)
    update(state="done", message=message)


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
    fields = ", ".join(looked_up(field) for field, _day in figure.edited)
    update(
        state="done", message=_("Edited here: %(fields)s.", fields=fields) if fields else _("Its words are its source’s.")
    )


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
    update(message=_("Checking the file."))
    report = partial(_tell, update)
    done = archive_import.import_file(path, atlas, encode=encode, replace=replace, progress=report, stop=stopped)
    values = {"figures": counted(done.added, "figure"), "kept": number(done.kept)}
    if done.encoded:
        message = _("%(figures)s added, encoded anew, %(kept)s were there already.", **values)
    else:
        message = _("%(figures)s added, %(kept)s were there already.", **values)
    if done.stopped:
        message = _("Cancelled. %(message)s Import it again to go on.", message=message)
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
    update(message=_("Opening the encoder."))
    used = atlas.encoder
    if encoder or model:
        used = opened(atlas.written, encoder, model)
        if again and used.info().digest == atlas.encoder.info().digest:
            update(state="done", message=_("The new index was there already when MIRAGE was stopped."))
            return
    try:
        done = rebuild_open(atlas, used, partial(_tell, update), stop=stopped)
    except Stopped:
        message = _("Cancelled. The atlas is what it was; what was encoded is kept for the next time.")
        update(state="cancelled", message=message)
        return
    message = _(
        "The index was made anew: %(figures)s, %(encoded)s of them encoded now with %(name)s.",
        figures=counted(done.figures, "figure"),
        encoded=number(done.encoded),
        name=used.info().name,
    )
    update(state="done", message=message)
