"""``mirage evaluate``: choose what depends on measurement; `mirage-research` adds the measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mirage.cli.output import facts, progress_bar, say
from mirage.errors import BadInput, Unavailable
from mirage.settings import Settings


class PartlyInstalled(TyperGroup):
    """A group some of whose commands come with `mirage-research`; it says so where that is not installed."""

    elsewhere: frozenset[str] = frozenset()

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments begin with.

        Parameters
        ----------
        ctx : click.Context
        args : list of str

        Raises
        ------
        mirage.errors.Unavailable
            When the command is one of `elsewhere`, and not here.
        """
        if args and args[0] in self.elsewhere and self.get_command(ctx, args[0]) is None:
            raise Unavailable(
                f"“{ctx.command_path} {args[0]}” comes with mirage-research, which is not installed. "
                "In a checkout of MIRAGE, install it with: pip install ./research"
            )
        return super().resolve_command(ctx, args)


class _Evaluate(PartlyInstalled):
    elsewhere = frozenset(
        "copies encoder explainer generation grounding inference modify refine retrieval watermark".split()
    )


app = typer.Typer(cls=_Evaluate, help="Measure, and choose what depends on measurement.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command()
def calibrate(
    medpix: Annotated[
        Path | None, typer.Option(help="A copy of MedPix 2.0.", envvar="MIRAGE_MEDPIX", show_default=False)
    ] = None,
    encoder: Annotated[str, typer.Option(help="Which encoder to calibrate.")] = Settings.model_fields["encoder"].default,
    model: Annotated[str, typer.Option(help="Its model: a folder or hub id.", show_default="the encoder's own")] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write it.", show_default="beside the encoder that ships; else where it is looked for"),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Keep the encoded atlas in this folder, so that the next run need not encode.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the queries and the intervals.")] = 0,
) -> None:
    """Choose the weights of the channels, when a hit is strong, likely or weak, and when nothing fits.

    Asks queries whose answers are known: of the atlas that ships, of MedPix cases set aside from training, and off-topic
    ones. MedPix's dev split is only reported on.
    """
    from mirage import encoders  # noqa: PLC0415 - loads the engine
    from mirage.calibrate import run as calibration  # noqa: PLC0415 - reads corpora and builds an atlas

    where = medpix or Settings.load().corpora.get("medpix")
    if where is None:
        raise BadInput("Calibration asks MedPix cases: name a copy with --medpix or MIRAGE_MEDPIX.")
    used = encoders.configured(encoder, Settings.load(), model)
    with progress_bar("Building a measuring atlas and asking it", unit="/s") as move:
        result = calibration.calibrate(
            where,
            encoder=used,
            seed=seed,
            keep=keep,
            progress=lambda p: move(p.done, p.total, p.rate, p.seconds_left),
            asking=lambda done, total: move(done, total, 0.0, None),
        )
    target = out or calibration.place_for(used.info().digest)
    calibration.write(result, target)
    facts(calibration.rows(result))
    say(f"Written to {target}.")
