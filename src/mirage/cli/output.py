"""What the command prints: tables for people, JSON for programs, progress on the error stream."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from mirage import locales
from mirage.storage.ingest import Progress as IngestProgress
from mirage.storage.read_only import EACH_TIME
from mirage.wording import N_, Words, _, looked_up

FIELDS = Words(
    {
        "caption": N_("caption"),
        "title": N_("title"),
        "diagnosis": N_("diagnosis"),
        "modality": N_("modality"),
        "modality_name": N_("modality"),
        "modality_detail": N_("modality detail"),
        "plane": N_("plane"),
        "region": N_("region"),
        "patient": N_("patient"),
        "case_id": N_("case"),
        "history": N_("history"),
        "exam": N_("examination"),
        "findings": N_("findings"),
        "differential": N_("differential diagnosis"),
        "diagnosis_by": N_("how the diagnosis was made"),
        "treatment": N_("treatment and follow-up"),
        "discussion": N_("discussion"),
    }
)
"""What fields of figures and cases are called."""

_WIDE = 1_000_000  # columns, of which no table needs all


class _Console(Console):
    def print(self, *objects: Any, **how: Any) -> None:
        """Break no line where a program reads it, or a file keeps it: there one record is one line."""
        if self.is_terminal:
            super().print(*objects, **how)
            return
        how["soft_wrap"] = True
        if objects and isinstance(objects[0], Table):
            lines = self.render_lines(objects[0], self.options.update(width=_WIDE), pad=False)
            text = "\n".join("".join(part.text for part in line).rstrip() for line in lines)
            super().print(text, markup=False, **how)
        else:
            super().print(*objects, **how)

    def on_broken_pipe(self) -> None:
        """Leave a closed pipe to `mirage.cli.main`; Rich would end with 1, as if something had failed."""
        raise BrokenPipeError


counted = locales.counted
out = _Console(highlight=False)
err = _Console(stderr=True, highlight=False)


def plain(text: str) -> None:
    """Print words of somebody else, in which brackets are no markup."""
    out.print(text, markup=False)


def complain(message: str) -> None:
    """Tell what went wrong, on the error stream."""
    err.print(f"[bold red]mirage:[/] {escape(message)}", soft_wrap=True)


def say(message: str) -> None:
    """Tell what goes on, on the error stream, so that output stays clean for programs."""
    err.print(escape(message), soft_wrap=True)


def printed(as_json: bool, value: Any) -> bool:
    """Print one JSON document where that is wanted, and say whether it was.

    Parameters
    ----------
    as_json : bool
    value : object
        What JSON can hold.
    """
    if as_json:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
        sys.stdout.flush()
    return as_json


def said_once() -> Callable[[str, int, int | None], None]:
    """What tells each step of bringing an atlas up to date in one line, however often it is told of it."""
    told = set[str]()

    def tell(what: str, done: int, total: int | None) -> None:
        if what not in told:
            told.add(what)
            values = {"what": what, "total": counted(total or done, "figure")}
            if what.endswith(_(EACH_TIME)):
                say(_("Bringing the atlas up to date: %(what)s (%(total)s).", **values))
            else:
                say(_("Bringing the atlas up to date, once: %(what)s (%(total)s).", **values))

    return tell


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60:02d} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(count: float) -> str:
    """Bytes as a person reads them."""
    if count >= 1e9:
        return f"{locales.number(count / 1e9, 1)} GB"
    return f"{locales.number(count / 1e6, 1)} MB" if count >= 1e5 else f"{locales.number(count / 1e3)} kB"


def day(moment: float) -> str:
    """Seconds since 1970 as a day and a time of this machine."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


class _RateAndTime(ProgressColumn):
    def render(self, task: Task) -> Text:
        rate, left = task.fields.get("rate") or 0.0, task.fields.get("left")
        done = {"done": locales.number(task.completed), "total": locales.number(task.total or 0)}
        parts = [task.fields.get("text") or (_("%(done)s of %(total)s", **done) if task.total else "")]
        parts += [f"{locales.number(rate)}{task.fields['unit']}" if rate else ""]
        parts += [_("%(time)s left", time=duration(left)) if left is not None else ""]
        return Text(", ".join(filter(None, parts)))


@contextmanager
def progress_bar(title: str, unit: str = "/s") -> Iterator[Any]:
    """Yield a function ``(done, total, rate, seconds_left, text="", title=title)`` that moves a bar with rate and time left.

    Parameters
    ----------
    title : str
    unit : str
        What is counted, behind the rate.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), _RateAndTime())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(title, total=None, unit=unit)

        def move(done: int, total: int, rate: float, left: float | None, text: str = "", title: str = title) -> None:
            progress.update(task, description=title, completed=done, total=total or None, rate=rate, left=left, text=text)

        yield move


@contextmanager
def figures_bar(title: str) -> Iterator[Callable[[IngestProgress], None]]:
    """Yield what shows a `mirage.storage.ingest.Progress`, under the name of its step where it has one."""
    with progress_bar(title, unit=" " + _("figures/s")) as move:
        yield lambda step: move(
            step.done, step.total, step.rate, step.seconds_left, title=looked_up(step.what).capitalize() or title
        )


@contextmanager
def bytes_bar(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yield a function ``(done, total)`` that shows how many bytes have been fetched or read, and how fast."""
    since = time.monotonic()
    with progress_bar(title) as move:

        def tell(done: int, total: int | None) -> None:
            rate = done / max(time.monotonic() - since, 1e-3)
            left = (total - done) / rate if total and rate else None
            told = _("%(done)s of %(total)s", done=size(done), total=size(total)) if total else size(done)
            move(done, total or 0, 0.0, left, f"{told}, {size(rate)}/s")

        yield tell


def facts(rows: Sequence[tuple[str, str]]) -> None:
    """Names and values, one a line where no person reads them at a terminal."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, escape(value if out.is_terminal else value.replace("\n", " ")))
    out.print(table)
