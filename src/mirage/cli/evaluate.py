"""``mirage evaluate``: measure, and choose what depends on measurement."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mirage.cli.output import facts, progress_bar, say
from mirage.errors import BadInput
from mirage.settings import Settings

app = typer.Typer(help="Measure, and choose what depends on measurement.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command()
def calibrate(
    medpix: Annotated[
        Path | None, typer.Option(help="A copy of MedPix 2.0.", envvar="MIRAGE_MEDPIX", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write it.", show_default="calibration.json beside the encoder")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the queries.")] = 0,
) -> None:
    """Choose when a hit is strong, likely or weak, and when nothing fits.

    Asks queries whose answers are known: of the starter atlas, of MedPix cases set aside from training, and off-topic ones.
    """
    from mirage.evaluation import calibrating  # noqa: PLC0415 - reads corpora and builds an atlas

    where = medpix or Settings.load().medpix
    if where is None:
        raise BadInput("Calibration asks MedPix cases: name a copy with --medpix or MIRAGE_MEDPIX.")
    with progress_bar("Building a measuring atlas", unit=" figures/s") as move:
        result = calibrating.calibrate(where, seed=seed, progress=lambda p: move(p.done, p.total, p.rate, p.seconds_left))
    target = out or calibrating.SHIPPED_CALIBRATION
    calibrating.write(result, target)
    for name, quality in result.quality.items():
        facts([(name, ""), *((f"  {key.replace('_', ' ')}", f"{value:.3g}") for key, value in asdict(quality).items())])
    say(f"Written to {target}.")
