"""Making the index anew, with another encoder or the same, as a job; searches are answered all the while."""

from __future__ import annotations

from collections.abc import Callable

from mirage import encoders
from mirage.atlas import Atlas
from mirage.errors import NotFound
from mirage.jobs.ingest import Update
from mirage.query import shown
from mirage.storage.reindex import ENCODING, Step, Stopped, opened, rebuild_open


def checked(encoder: str) -> None:
    """Refuse an encoder that is not there."""
    known = encoders.available()
    if encoder and encoder not in known:
        raise NotFound(f"There is no encoder {shown(encoder)}. There are: {', '.join(known)}.")


def title_of(encoder: str, model: str) -> str:
    """What is done, in a line."""
    if not encoder and not model:
        return "Make the index anew"
    return f"Encode anew with {' '.join(filter(None, (encoder, model)))}"


class Rebuilding:
    """The work of one job.

    Parameters
    ----------
    atlas : Atlas
    encoder, model : str
        As for `mirage.storage.reindex.rebuild`; empty for those the atlas has.
    again : bool
        Whether it was begun before this process; then it may have ended without anybody writing that down.
    """

    def __init__(self, atlas: Atlas, encoder: str = "", model: str = "", *, again: bool = False) -> None:
        self._atlas, self._encoder, self._model, self._again = atlas, encoder, model, again

    def __call__(self, update: Update, stopped: Callable[[], bool]) -> None:
        """Encode, make the index, swap."""
        update(message="Opening the encoder.")
        used = self._atlas.encoder
        if self._encoder or self._model:
            used = opened(self._atlas.written, self._encoder, self._model)
            if self._again and used.info().digest == self._atlas.encoder.info().digest:
                update(state="done", message="The new index was there already when MIRAGE was stopped.")
                return
        try:
            done = rebuild_open(self._atlas, used, lambda step: _tell(update, step), stop=stopped)
        except Stopped:
            message = "Cancelled. The atlas is what it was; what was encoded is kept for the next time."
            update(state="cancelled", message=message)
            return
        encoded = f"{done.encoded:,} of them encoded now with {used.info().name}"
        update(state="done", message=f"The index was made anew: {done.figures:,} figures, {encoded}.")


def _tell(update: Update, step: Step) -> None:
    what = "encoded" if step.what == ENCODING else "put into the new index"
    update(
        done=step.done,
        total=step.total,
        rate=step.rate,
        seconds_left=step.seconds_left,
        message=f"{step.done:,} of {step.total:,} {what}.",
    )
