"""``mirage train encoder --base``: options into a fine-tuning run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from mirage import corpora
from mirage.cli.output import say
from mirage.corpora.base import Downloads
from mirage.errors import BadInput, Unavailable
from mirage_research.training import bases, runs


@dataclass(frozen=True, slots=True)
class FineTuningOptions:
    """What the person asked for; empty or None where nothing was said."""

    base: str
    corpus: str
    data: Path | None
    annotations: Path | None
    medpix: Path | None
    out: Path
    config: Path | None
    changes: dict[str, Any]
    revision: str
    download: bool
    device: str
    resume: bool
    threads: int


def fine_tune(asked: FineTuningOptions) -> None:
    """Run it, and say where the result is and how to measure it."""
    runs.check_needs(("torch", "safetensors"))
    from mirage_research.training.fine_tuning import fine_tune as tune  # noqa: PLC0415 - needs torch

    settings = runs.FineTuningConfig.chosen(asked.config, asked.changes)
    corpus = open_corpus(asked)
    base = bases.find_base(asked.base, asked.revision, download=asked.download)
    with runs.stopping() as stop:
        folder = tune(
            base, corpus, asked.out, settings, device=asked.device, resume=asked.resume, threads=asked.threads, stop=stop
        )
    if folder is None:
        say(f"Stopped. Go on with --resume; the state of the run is in {asked.out}.")
        raise typer.Exit(130)
    model = f"local-dir:{folder}" if base.kind == bases.OPEN_CLIP else f"{folder}"
    say(f"The encoder is in {folder}, with its card. Use it with: --encoder {base.kind}={model}")


def open_corpus(asked: FineTuningOptions) -> Any:
    """Open the corpus that a run learns from.

    Raises
    ------
    mirage.errors.MirageError
    """
    if not asked.corpus:
        raise BadInput("Fine-tuning needs figures: give --corpus roco, medpix or folder, and --data PATH.")
    options: dict[str, Any] = {}
    path = asked.data or (asked.medpix if asked.corpus == "medpix" else None)
    if path is not None:
        options["path"] = path
    elif asked.corpus == "folder":
        raise BadInput("--corpus folder needs --data PATH, the folder that holds the pictures and their table.")
    if asked.annotations is not None and asked.corpus == "roco":
        options["annotations"] = asked.annotations
    corpus = corpora.load(asked.corpus, **options)
    if isinstance(corpus, Downloads) and not corpus.ready:
        if not asked.download:
            raise Unavailable(
                f"The corpus {asked.corpus} is not on this machine. Name a copy with --data, or let it be fetched with "
                "--download."
            )
        say(f"Fetching the corpus {asked.corpus}.")
        corpus.prepare()
    return corpus
