"""Make the starter generator from public data: what ``mirage train generator`` runs."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mirage.errors import BadInput, Unavailable
from mirage_research.training.generator.config import Config

NEEDED = ("torch", "diffusers", "onnx")


@dataclass(frozen=True, slots=True)
class Places:
    """Where training data lies and where the results go.

    Attributes
    ----------
    medpix : Path
        A copy of MedPix 2.0.
    out : Path
        Gets the generator, its configuration, log and checkpoint.
    encoder : Path
        Folder of the text encoder.
    radiographs : Path or None
        Labelled chest X-rays: ``labels.csv`` and the files that it names.
    """

    medpix: Path
    out: Path
    encoder: Path
    radiographs: Path | None = None


def check_needs() -> None:
    """Say what is missing for training, with the command that installs it.

    Raises
    ------
    mirage.errors.Unavailable
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise Unavailable(f"Training needs {', '.join(missing)}. Get it with: pip install './research[train]'")


def make_generator(
    config: Config,
    places: Places,
    *,
    resume: bool = False,
    threads: int = 2,
    stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Read, train and export.

    Parameters
    ----------
    config : Config
    places : Places
    resume : bool
        Go on from the checkpoint in the output folder.
    threads : int
    stop : callable
        Asked after every step; a run that was stopped is exported as it is.

    Returns
    -------
    Path
        A folder that `mirage.generate.generators.starter.StarterGenerator` opens.

    Raises
    ------
    mirage.errors.Unavailable, mirage.errors.BadInput
    """
    check_needs()
    import torch  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    from mirage.generate.generators import copies  # noqa: PLC0415
    from mirage.generate.generators.reading_text import TextStates  # noqa: PLC0415
    from mirage_research.training.generator import pictures  # noqa: PLC0415
    from mirage_research.training.generator.batches import Basis, Batches, Words  # noqa: PLC0415
    from mirage_research.training.generator.export import TEXT_OUTPUT, export  # noqa: PLC0415
    from mirage_research.training.generator.loop import Run  # noqa: PLC0415
    from mirage_research.training.generator.network import Shape, network  # noqa: PLC0415

    out = places.out
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists() and not resume:
        raise BadInput(f"{out} holds a run already. Go on with --resume, or name another folder.")
    torch.set_num_threads(threads)
    torch.manual_seed(config.seed)
    (out / "training.json").write_text(config.to_json() + "\n", "utf-8")
    with (out / "training.log").open("a", encoding="utf-8") as log:

        def tell(line: str) -> None:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")
            log.flush()
            print(line, flush=True)  # noqa: T201 - a run of hours shows how far it is

        images, examples = pictures.read(places.medpix, places.radiographs, tell)
        train, held_out = pictures.set_aside(examples, config.held_out, config.seed)
        basis = out / "patches.npz"
        if not basis.exists():
            kept = Basis.fit(torch.from_numpy(images[train]), config, basis)
            tell(f"{config.components} components of patches keep {kept:.1%} of the variance")
        tell("reading the words")
        words = Words(examples, TextStates(places.encoder, TEXT_OUTPUT, 64, threads))
        shape = Shape(config.components, config.side, config.channels, config.layers, dropout=config.dropout)
        batches = Batches(images, examples, train, words, Basis(basis), config)
        made = network(shape).to(memory_format=torch.channels_last)
        size = sum(part.numel() for part in made.parameters())
        tell(f"{size / 1e6:.1f}M weights, {len(train):,} images to train on, {len(held_out):,} held out")
        run = Run(made, batches, held_out, config, checkpoint, tell)
        run.resume()
        run.run(stop)
        folder = out / "generator"
        export(run.averaged(), shape, basis, places.encoder, folder, steps=config.drawing_steps, guidance=config.guidance)
        names = [examples[number].id for number in train]
        arrays = copies.fingerprints((Image.fromarray(images[number]) for number in train), names)
        copies.save(folder / "fingerprints.npz", arrays)
        groups = sorted({examples[number].group for number in held_out})
        splits = {"held_out": groups, "digest": hashlib.sha256("\n".join(names).encode()).hexdigest()}
        (out / "splits.json").write_text(json.dumps(splits, indent=1) + "\n", "utf-8")
        tell(f"exported to {folder}")
    return folder
