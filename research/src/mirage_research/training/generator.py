"""The starter generator from public data: what ``mirage train generator`` runs, top to bottom.

Flow matching: Lipman and others (ICLR 2023). Times are drawn logit-normal, so that the middle of the way is learnt most:
Esser and others, *Scaling rectified flow transformers for high-resolution image synthesis* (2024).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from PIL import Image

from mirage.generate.generators.conditions import WORDS, Learnt
from mirage.generate.generators.evidence import EVIDENCE, Evidence, kinds_of
from mirage.generate.generators.latents import PatchBasis
from mirage_research.training import generator_images
from mirage_research.training.generator_batches import Batches, fit_basis
from mirage_research.training.generator_images import ConditionedImage
from mirage_research.training.generator_network import TIME_SCALE, Conditioned, export
from mirage_research.training.runs import (
    CHECKPOINT,
    GeneratorConfig,
    RunLog,
    TrainingData,
    read_checkpoint,
    start_folder,
    write_checkpoint,
)

Tell = Callable[[str], None]
_TELL_EVERY = 25  # steps
_KEEP_SECONDS = 300.0
_MEASURE_SECONDS = 900.0
_MEASURED = 128  # held-out images


def make_generator(
    config: GeneratorConfig,
    data: TrainingData,
    out: Path,
    *,
    resume: bool = False,
    start: Path | None = None,
    threads: int = 2,
    stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Read, train and export.

    Parameters
    ----------
    config : GeneratorConfig
    data : TrainingData
    out : Path
        Gets the generator, its configuration, log and checkpoint.
    resume : bool
        Go on from the checkpoint in the output folder.
    start : Path, optional
        A generator that was exported, to begin from.
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
    start_folder(out, config, resume)
    torch.set_num_threads(threads)
    torch.manual_seed(config.seed)
    tell = RunLog(out / "log.txt")
    images, examples = generator_images.read(data, tell)
    train, held_out = generator_images.set_aside(examples, config.held_out, config.seed)
    basis = out / "patches.npz"
    if not basis.exists() and start:
        shutil.copyfile(start / "patches.npz", basis)
    if not basis.exists():
        kept = fit_basis(torch.from_numpy(images[train]), config, basis)
        tell(f"{config.components} components of patches keep {kept:.1%} of the variance")
    learnt = _learnt(out, [examples[number] for number in train], config)
    batches = Batches(images, examples, train, learnt, PatchBasis.load(basis), config)
    made = Conditioned(config, len(learnt)).to(memory_format=torch.channels_last)
    if start and not (out / CHECKPOINT).is_file():
        tell(f"begun from {start}; {made.begin_from(start, learnt)} of its concepts taken over")
    size = sum(part.numel() for part in made.parameters())
    tell(f"{size / 1e6:.1f}M weights, {len(learnt)} concepts; {len(train):,} images to train on, {len(held_out):,} held out")
    train_network(made, batches, held_out, config, out / CHECKPOINT, tell, stop)
    folder = out / "generator"
    export(made, learnt, config, basis, folder)
    kinds = Counter(examples[number].kind for number in train)
    Evidence(kinds=kinds_of(kinds)).save(folder / EVIDENCE)
    names = [examples[number].id for number in train]
    trained = (Image.fromarray(images[number]) for number in train)
    generator_images.write_fingerprints(folder / "fingerprints.npz", trained, names)
    groups = sorted({examples[number].group for number in held_out})
    splits = {"held_out": groups, "digest": hashlib.sha256("\n".join(names).encode()).hexdigest()}
    (out / "splits.json").write_text(json.dumps(splits, indent=1) + "\n", "utf-8")
    tell(f"exported to {folder}")
    return folder


def _learnt(out: Path, examples: Sequence[ConditionedImage], config: GeneratorConfig) -> dict[str, Learnt]:
    """The concepts of a run: those that it began with, or those that its images show often enough."""
    path = out / WORDS
    if not path.is_file():
        found = generator_images.vocabulary(examples, config)
        path.write_text(json.dumps({name: dataclasses.astuple(each) for name, each in found.items()}, indent=0), "utf-8")
    return {name: Learnt(*row) for name, row in json.loads(path.read_text("utf-8")).items()}


def loss_of(network: Any, batch: tuple[Any, Any], times: Any, noise: Any) -> Any:
    """Mean squared error of the velocity at some times; bf16 where the processor has it.

    Parameters
    ----------
    network : Conditioned
    batch : tuple of torch.Tensor
        Latents (n, k, s, s) and numbers of concepts (n, t).
    times : torch.Tensor
        (n,), from 0, the image, to 1, noise.
    noise : torch.Tensor
        (n, k, s, s), standard normal.

    Returns
    -------
    torch.Tensor
        () float32.
    """
    latents, concepts = batch
    at = times[:, None, None, None]
    with torch.autocast("cpu", torch.bfloat16):
        told = network((1 - at) * latents + at * noise, times * TIME_SCALE, concepts)
    return F.mse_loss(told.float(), noise - latents)


@torch.no_grad()
def held_out_loss(network: Any, batches: Batches, numbers: Sequence[int], size: int = 32) -> float:
    """Loss over held-out images, at the same times and noise every time it is asked for.

    Parameters
    ----------
    network : Conditioned
    batches : Batches
    numbers : sequence of int
        Of the held-out images; about the first 128 are measured.
    size : int
        How many images pass through the network at once.

    Returns
    -------
    float
        Mean over the batches; 0 where there are no images.
    """
    generator, found = torch.Generator().manual_seed(1), []
    for start in range(0, min(len(numbers), _MEASURED), size):
        batch = batches.held_out(numbers[start : start + size])
        times = torch.sigmoid(torch.randn(len(batch[0]), generator=generator))
        found.append(float(loss_of(network, batch, times, torch.randn(batch[0].shape, generator=generator))))
    return sum(found) / max(len(found), 1)


def train_network(  # noqa: PLR0915 - a run is read from top to bottom
    network: Any,
    batches: Batches,
    held_out: Sequence[int],
    config: GeneratorConfig,
    checkpoint: Path,
    tell: Tell,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train to the last step, from the checkpoint on where there is one, and leave the averaged weights in the network.

    Parameters
    ----------
    network : Conditioned
        Trained in place.
    batches : Batches
    held_out : sequence of int
        Numbers of the images that the loss is measured over now and then.
    config : GeneratorConfig
    checkpoint : Path
    tell : callable
        Given a line now and then.
    stop : callable
        Asked before every step.
    """
    average = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=config.weight_decay, betas=(0.9, 0.99))
    step = 0
    if checkpoint.is_file():
        kept = read_checkpoint(checkpoint)
        network.load_state_dict(kept["model"])
        average, step = kept["ema"], kept["step"]
        optimiser.load_state_dict(kept["opt"])
        batches.generator.set_state(kept["gen"])
        batches.rng.bit_generator.state = kept["rng"]
        torch.set_rng_state(kept["torch"])
        tell(f"going on from step {step:,}")

    def keep() -> None:
        state = {"model": network.state_dict(), "ema": average, "opt": optimiser.state_dict(), "step": step}
        drawn = {
            "gen": batches.generator.get_state(),
            "rng": batches.rng.bit_generator.state,
            "torch": torch.get_rng_state(),
        }
        write_checkpoint(checkpoint, state | drawn)

    def measured() -> str:
        """Held-out loss of the averaged weights."""
        current = {name: value.clone() for name, value in network.state_dict().items()}
        network.load_state_dict(average)
        network.eval()
        found = held_out_loss(network, batches, held_out)
        network.load_state_dict(current)
        return f"held-out loss {found:.4f}"

    running: float | None = None
    last_kept = last_measured = begun = time.monotonic()
    first = step
    while step < config.steps and not stop():
        batch = batches.draw()
        network.train()
        loss = loss_of(network, batch, torch.sigmoid(torch.randn(len(batch[0]))), torch.randn_like(batch[0]))
        loss.backward()
        length = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        # Up, level, and down to nothing at the end.
        up, down = (step + 1) / max(config.warm_up, 1), max(0.02, (config.steps - step) / max(config.decay, 1))
        for group in optimiser.param_groups:
            group["lr"] = config.rate * min(1.0, up) * min(1.0, down)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        decay = min(config.averaging, (1 + step) / (10 + step))
        with torch.no_grad():
            now = network.state_dict()
            torch._foreach_lerp_([average[name] for name in now], list(now.values()), 1 - decay)
        value = float(loss.detach())
        running = value if running is None else 0.98 * running + 0.02 * value

        seconds = time.monotonic()
        if step % _TELL_EVERY == 0:
            pace = (seconds - begun) / (step - first)
            tell(f"step {step:,}: loss {running:.4f}, gradient {float(length):.2f}, {pace:.2f} s a step")
        if seconds - last_kept > _KEEP_SECONDS:
            keep()
            last_kept = time.monotonic()
        if seconds - last_measured > _MEASURE_SECONDS and held_out:
            tell(f"step {step:,}: {measured()}")
            last_measured = time.monotonic()
    keep()
    tell(f"stopped at step {step:,}{f', {measured()}' if held_out else ''}")
    network.load_state_dict(average)
