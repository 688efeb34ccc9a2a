"""``mirage train``: make the starter models anew, from public data."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from mirage.cli.output import say
from mirage.errors import BadInput

app = typer.Typer(help="Make the starter models anew. Needs the extra named train (torch).", no_args_is_help=True)


@app.command()
def encoder(
    out: Annotated[Path, typer.Option(help="Folder for weights, splits, configuration, log and checkpoints.")],
    medpix: Annotated[
        Path | None, typer.Option(envvar="MIRAGE_MEDPIX", help="A copy of MedPix 2.0 in its own layout.")
    ] = None,
    roco: Annotated[Path | None, typer.Option(help="ROCO v1 annotations, for the words.")] = None,
    chest_xray: Annotated[Path | None, typer.Option(help="Labelled chest X-rays: labels.csv and images/.")] = None,
    starter: Annotated[bool, typer.Option(help="Train on the starter atlas's figures too.")] = True,
    config: Annotated[Path | None, typer.Option(help="JSON with hyperparameters; defaults for the rest.")] = None,
    seed: Annotated[int | None, typer.Option(help="Sets aside the holdout cases and starts every choice.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads to use.")] = 2,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in the output folder.")] = False,
) -> None:
    """Train the starter encoder on MedPix 2.0's training split and export it as ONNX."""
    from mirage.training.config import Config  # noqa: PLC0415
    from mirage.training.encoder import Places, check_needs, make_encoder  # noqa: PLC0415

    check_needs()
    if medpix is None:
        raise BadInput("Training needs MedPix 2.0: give --medpix PATH, or set MIRAGE_MEDPIX.")
    for path, option in ((medpix, "--medpix"), (roco, "--roco"), (chest_xray, "--chest-xray")):
        if path is not None and not path.is_dir():
            raise BadInput(f"{option}: {path} is not a folder.")
    settings = Config.read(config) if config else Config()
    if seed is not None:
        settings = dataclasses.replace(settings, seed=seed)
    atlas = Path(__file__).parent.parent / "shipped" / "atlas" if starter else None
    folder = make_encoder(settings, Places(medpix, out, roco, chest_xray, atlas), resume=resume, threads=threads)
    say(f"The encoder is in {folder}. Measure it with: python -m mirage.evaluation.retrieval --encoder {folder}")


@app.command()
def generator(
    out: Annotated[Path, typer.Option(help="Folder for weights, splits, configuration, log and checkpoints.")],
    medpix: Annotated[
        Path | None, typer.Option(envvar="MIRAGE_MEDPIX", help="A copy of MedPix 2.0 in its own layout.")
    ] = None,
    chest_xray: Annotated[Path | None, typer.Option(help="Labelled chest X-rays: labels.csv and images/.")] = None,
    config: Annotated[Path | None, typer.Option(help="JSON with hyperparameters; defaults for the rest.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="How many steps in all; hours on a laptop.")] = None,
    seed: Annotated[int | None, typer.Option(help="Sets aside the held-out cases and starts every choice.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads to use.")] = 2,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in the output folder.")] = False,
) -> None:
    """Train the starter generator on MedPix 2.0's training split and chest X-rays, and export it as ONNX."""
    from mirage.settings import SHIPPED  # noqa: PLC0415
    from mirage.training.generator.config import Config  # noqa: PLC0415
    from mirage.training.generator.making import Places, check_needs, make_generator  # noqa: PLC0415

    check_needs()
    if medpix is None:
        raise BadInput("Training needs MedPix 2.0: give --medpix PATH, or set MIRAGE_MEDPIX.")
    for path, option in ((medpix, "--medpix"), (chest_xray, "--chest-xray")):
        if path is not None and not path.is_dir():
            raise BadInput(f"{option}: {path} is not a folder.")
    settings = Config.read(config) if config else Config()
    settings = dataclasses.replace(
        settings,
        steps=settings.steps if steps is None else steps,
        seed=settings.seed if seed is None else seed,
    )
    places = Places(medpix, out, SHIPPED / "encoder", chest_xray)
    folder = make_generator(settings, places, resume=resume, threads=threads)
    say(f"The generator is in {folder}. Measure it with: mirage evaluate generation")
