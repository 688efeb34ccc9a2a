"""Making synthetic images, as a job."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from PIL import Image

from mirage.atlas import Atlas
from mirage.errors import MirageError
from mirage.generate import synthesis
from mirage.generate.generators import GenerationStep, Generator
from mirage.generate.outputs import Outputs
from mirage.generate.synthesis import GenerationOptions, SyntheticImage
from mirage.images.marks.band import band
from mirage.jobs.job import Update
from mirage.query import Query
from mirage.settings import Settings
from mirage.wording import N_, _, ngettext

LOST = N_("MIRAGE was stopped while this waited or ran. It began from a picture, of which nothing is kept: start it again.")
_PREVIEW = 256  # pixels


@dataclass(eq=False)
class GenerateWork:
    """Make synthetic images.

    Attributes
    ----------
    atlas : Atlas
    outputs : Outputs
        Gets every image as soon as it is finished.
    generator : callable
        Gives the generator when the job's turn has come.
    owner : str
        Id of the person who has them made.
    query, options, start
        As for `mirage.generate.synthesis.draw`.
    """

    atlas: Atlas
    outputs: Outputs
    generator: Callable[[], Generator]
    query: Query
    options: GenerationOptions
    start: Image.Image | None
    owner: str = ""
    _step: GenerationStep | None = None
    _shown: tuple[GenerationStep, bytes] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, update: Update, stopped: Callable[[], bool]) -> None:
        """Draw; what was finished before a failure stays."""
        update(message=_("Opening the generator."))
        done: list[SyntheticImage] = []
        failed = ""
        began = time.monotonic()
        try:
            for image in synthesis.draw(
                self.atlas,
                self.query,
                self.options,
                self.generator(),
                start=self.start,
                progress=lambda step: self._tell(update, step, began, stopped()),
                stopped=stopped,
            ):
                self.outputs.put(replace(image, owner=self.owner))
                done.append(image)
                update(results=tuple(each.record.id for each in done))
        except MirageError as error:
            failed = str(error)
            if not done:
                raise
        finally:
            self._step = self.start = None
        settings = Settings.load()
        with suppress(MirageError):  # what was drawn now stays, whatever the settings say of older images
            drawn = {each.record.id for each in done}
            self.outputs.prune(settings.synthetic_images, settings.synthetic_days, drawn)
        told = _told(done)
        if failed:
            update(state="failed", message=_("%(told)s Then it failed: %(failed)s", told=told, failed=failed))
        elif stopped():
            update(state="cancelled", message=" ".join((_("Cancelled."), told)) if done else _("Cancelled."))
        else:
            update(state="done", message=told)

    def _tell(self, update: Update, step: GenerationStep, began: float, stopping: bool) -> None:
        self._step = step
        done, total = (step.image - 1) * step.steps + step.step, step.images * step.steps
        seconds = max(time.monotonic() - began, 1e-3)
        values = {"step": step.step, "steps": step.steps}
        if stopping:
            message = _("Stopping.")
        elif step.images > 1:
            values |= {"image": step.image, "images": step.images}
            message = _("Image %(image)s of %(images)s, step %(step)s of %(steps)s.", **values)
        else:
            message = _("Step %(step)s of %(steps)s.", **values)
        left = (total - done) * seconds / done
        update(done=done, total=total, rate=done / seconds, seconds_left=left, message=message)

    def preview(self) -> bytes | None:
        """The image in hand as far as it has come, with the band, as PNG; None when there is none."""
        if (step := self._step) is None:
            return None
        with self._lock:
            if self._shown is None or self._shown[0] is not step:
                small = band(step.preview().convert("RGB"))
                small.thumbnail((_PREVIEW, _PREVIEW * 2))
                file = io.BytesIO()
                small.save(file, "PNG", compress_level=3)
                self._shown = step, file.getvalue()
            return self._shown[1]


def _told(done: list[SyntheticImage]) -> str:
    withheld, blank = sum(each.withheld for each in done), sum(not each.data and not each.withheld for each in done)
    shown = len(done) - withheld - blank
    parts = [ngettext("%(num)s synthetic image made", "%(num)s synthetic images made", shown)]
    if withheld:
        parts.append(
            ngettext(
                "%(num)s withheld as near copy of a training image",
                "%(num)s withheld as near copies of a training image",
                withheld,
            )
        )
    if blank:
        parts.append(ngettext("%(num)s came out blank", "%(num)s came out blank", blank))
    return f"{', '.join(parts)}."
