"""What takes the network: asking a living source what it would give, and fetching a corpus."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from mirage import corpora
from mirage.atlas import Atlas
from mirage.corpora.base import CorpusCard, Downloads
from mirage.corpora.live.base import Live
from mirage.errors import BadInput, MirageError, Unavailable
from mirage.jobs.job import Cancelled, Update
from mirage.locales import counted, number
from mirage.storage.preview import SourcePreview, preview_source
from mirage.wording import N_, _


def ask_source(
    atlas: Atlas,
    corpus: str,
    given: dict[str, Any],
    again: bool,
    keep: Callable[[SourcePreview], None],
    update: Update,
    stopped: Callable[[], bool],
) -> None:
    """Ask a living source what it would give; nothing is added.

    Parameters
    ----------
    atlas : Atlas
    corpus, given
        As for `mirage.jobs.change.add_corpus`.
    again : bool
        Whether to ask even where answers are kept.
    keep : callable
        Given what it would give.
    update, stopped : callable
        As a `mirage.jobs.job.Work` gets them.

    Raises
    ------
    mirage.errors.BadInput
        When it is no living source.
    """
    source = corpora.load(corpus, **given)
    if not isinstance(source, Live):
        raise BadInput(_("%(corpus)s is not asked for words; it is added as a whole.", corpus=corpus))
    update(message=_("Asking %(title)s.", title=source.card.title))
    try:
        found = preview_source(atlas, source, Fetching(update, stopped, source.card.title), again=again)
    except OSError as error:
        raise _not_kept(source.card, error) from error
    if stopped():
        raise Cancelled
    keep(found)
    update(
        state="done",
        message=_("%(figures)s could come. Nothing was added.", figures=counted(len(found.offer.figures), "figure")),
    )


_FILES = N_("%(number)s files")
_UNITS = {"downloading": N_("%(number)s MB"), "fetching": N_("%(number)s figures"), "asking": "%(number)s"}
_STEPS = {
    "downloading": N_("Downloading"),
    "unpacking": N_("Unpacking"),
    "fetching": N_("Fetching"),
    "reading": N_("Reading"),
    "listing": N_("Listing"),
}


class Fetching:
    """Tells what is fetched: bytes, figures, answers, whichever of them a corpus tells.

    Parameters
    ----------
    update, stopped : callable
        As a `mirage.jobs.job.Work` gets them.
    title : str
        Of what is asked.
    """

    def __init__(self, update: Update, stopped: Callable[[], bool], title: str) -> None:
        self._update, self._stopped, self._title = update, stopped, title
        self._began: dict[str, tuple[float, int]] = {}  # when a step began, and at what number
        self._told: dict[str, str] = {}

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Tell a step of it, as `mirage.corpora.base.Steps`; stops where that was asked for."""
        if self._stopped():
            raise Cancelled
        now = time.monotonic()
        since, had = self._began.setdefault(what, (now, done))
        rate = (done - had) / max(now - since, 1e-3)
        left = (total - done) / rate if total and rate > 0 and now - since > 1 else None
        size = 1e6 if what == "downloading" else 1
        digits = 1 if what == "downloading" and max(done, total or 0) < 1e7 else 0
        part = number(done / size, digits)
        if total:
            part = _("%(done)s of %(total)s", done=part, total=number(total / size, digits))
        part = _(_UNITS.get(what, _FILES), number=part)
        lead = _("Asking %(title)s", title=self._title) if what == "asking" else _(_STEPS.get(what, what.capitalize()))
        # Figures and bytes are two views of one step; the bar shows the figures.
        other = {"fetching": "downloading", "downloading": "fetching"}.get(what, "")
        if other == "fetching" and other in self._told:
            self._told[what] = part
            self._update(message=_("Fetching: %(figures)s, %(bytes)s.", figures=self._told[other], bytes=part))
            return
        self._told[what] = part
        beside = f", {self._told[other]}" if other in self._told else ""
        self._update(done=done, total=total or 0, seconds_left=left, message=f"{lead}: {part}{beside}.")


def _not_kept(card: CorpusCard, error: OSError) -> Unavailable:
    return Unavailable(
        _(
            "What %(title)s sent could not be kept: %(strerror)s. Make room or mend that, then "
            "go on: what was fetched by then is kept.",
            title=card.title,
            strerror=error.strerror or error,
        )
    )


def prepare(source: Downloads, card: CorpusCard, update: Update, stopped: Callable[[], bool]) -> None:
    """Fetch what is missing of a corpus. What was fetched stays; of a living source, that is said where it breaks.

    Parameters
    ----------
    source : mirage.corpora.base.Downloads
    card : mirage.corpora.base.CorpusCard
        Its card.
    update, stopped : callable
        As a `mirage.jobs.job.Work` gets them.

    Raises
    ------
    mirage.errors.MirageError
        When the source fails, or the disk is full.
    """
    try:
        source.prepare(Fetching(update, stopped, card.title))
    except Cancelled:
        if not card.live:
            raise
        raise Cancelled(
            _("Stopped before anything was added. What was fetched is kept on disk for when you go on.")
        ) from None
    except OSError as error:
        raise _not_kept(card, error) from error
    except MirageError as error:
        if card.live:
            error.args = (
                _(
                    "%(error)s Nothing was added. What was fetched by then is kept on disk: add it again to go on.",
                    error=error,
                ),
            )
        raise
