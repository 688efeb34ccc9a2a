"""The starter generator from public data: what ``mirage train generator`` runs, top to bottom.

Flow matching: Lipman and others (ICLR 2023). Times are drawn logit-normal, so that the middle of the way is learnt most:
Esser and others, *Scaling rectified flow transformers for high-resolution image synthesis* (2024).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from PIL import Image

from mirage.generate.generators import copies
from mirage.generate.generators.text_states import TextStates
from mirage.settings import SHIPPED
from mirage_research.training import generator_images
from mirage_research.training.generator_batches import Basis, Batches, Words
from mirage_research.training.generator_network import TEXT_OUTPUT, TIME_SCALE, Shape, export, network
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
    images, examples = generator_images.read(data.medpix, data.radiographs, tell)
    train, held_out = generator_images.set_aside(examples, config.held_out, config.seed)
    basis = out / "patches.npz"
    if not basis.exists():
        kept = Basis.fit(torch.from_numpy(images[train]), config, basis)
        tell(f"{config.components} components of patches keep {kept:.1%} of the variance")
    tell("reading the words")
    words = Words(examples, TextStates(SHIPPED / "encoder", TEXT_OUTPUT, 64, threads))
    shape = Shape(config.components, config.side, config.channels, config.layers, dropout=config.dropout)
    batches = Batches(images, examples, train, words, Basis(basis), config)
    made = network(shape).to(memory_format=torch.channels_last)
    size = sum(part.numel() for part in made.parameters())
    tell(f"{size / 1e6:.1f}M weights, {len(train):,} images to train on, {len(held_out):,} held out")
    run = GeneratorRun(made, batches, held_out, config, out / CHECKPOINT, tell)
    run.resume()
    run.run(stop)
    folder = out / "generator"
    export(run.averaged(), shape, basis, SHIPPED / "encoder", folder, steps=config.drawing_steps, guidance=config.guidance)
    names = [examples[number].id for number in train]
    arrays = copies.fingerprints((Image.fromarray(images[number]) for number in train), names)
    copies.save(folder / "fingerprints.npz", arrays)
    groups = sorted({examples[number].group for number in held_out})
    splits = {"held_out": groups, "digest": hashlib.sha256("\n".join(names).encode()).hexdigest()}
    (out / "splits.json").write_text(json.dumps(splits, indent=1) + "\n", "utf-8")
    tell(f"exported to {folder}")
    return folder


def loss_of(network: Any, batch: tuple[Any, Any, Any, Any], times: Any, noise: Any) -> Any:
    """Mean squared error of the velocity at some times; bf16 where the processor has it.

    Parameters
    ----------
    network : UNet2DConditionModel
    batch : tuple of torch.Tensor
        Latents (n, k, s, s), token states (n, t, d), their mask (n, t) and vectors of the texts (n, e).
    times : torch.Tensor
        (n,), from 0, the image, to 1, noise.
    noise : torch.Tensor
        (n, k, s, s), standard normal.

    Returns
    -------
    torch.Tensor
        () float32.
    """
    latents, states, mask, pooled = batch
    at = times[:, None, None, None]
    with torch.autocast("cpu", torch.bfloat16):
        told = network(
            (1 - at) * latents + at * noise,
            times * TIME_SCALE,
            encoder_hidden_states=states,
            encoder_attention_mask=mask,
            class_labels=pooled,
        ).sample
    return F.mse_loss(told.float(), noise - latents)


@torch.no_grad()
def held_out_loss(network: Any, batches: Batches, numbers: Sequence[int], size: int = 32) -> float:
    """Loss over held-out images, at the same times and noise every time it is asked for.

    Parameters
    ----------
    network : UNet2DConditionModel
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


class GeneratorRun:
    """One run, which can be killed at any time and goes on from its last checkpoint.

    Parameters
    ----------
    network : UNet2DConditionModel
    batches : Batches
    held_out : sequence of int
    config : GeneratorConfig
    checkpoint : Path
    tell : callable
        Given a line now and then.
    """

    def __init__(
        self, network: Any, batches: Batches, held_out: Sequence[int], config: GeneratorConfig, checkpoint: Path, tell: Tell
    ) -> None:
        self._network, self._batches, self._held_out = network, batches, held_out
        self._config, self._checkpoint, self._tell = config, checkpoint, tell
        self.average = {name: value.clone() for name, value in network.state_dict().items()}
        self._optimiser = torch.optim.AdamW(
            network.parameters(), lr=config.rate, weight_decay=config.weight_decay, betas=(0.9, 0.99)
        )
        self.step = 0

    def resume(self) -> None:
        """Go on from the checkpoint, where there is one."""
        if not self._checkpoint.is_file():
            return
        kept = read_checkpoint(self._checkpoint)
        self._network.load_state_dict(kept["model"])
        self.average, self.step = kept["ema"], kept["step"]
        self._optimiser.load_state_dict(kept["opt"])
        self._batches.generator.set_state(kept["gen"])
        self._batches.rng.bit_generator.state = kept["rng"]
        torch.set_rng_state(kept["torch"])
        self._tell(f"going on from step {self.step:,}")

    def keep(self) -> None:
        """Write the checkpoint: whole, or not at all."""
        kept = {
            "model": self._network.state_dict(),
            "ema": self.average,
            "opt": self._optimiser.state_dict(),
            "step": self.step,
            "gen": self._batches.generator.get_state(),
            "rng": self._batches.rng.bit_generator.state,
            "torch": torch.get_rng_state(),
        }
        write_checkpoint(self._checkpoint, kept)

    def rate(self) -> float:
        """The learning rate of this step: up, level, and down to nothing at the end."""
        config = self._config
        up = min(1.0, (self.step + 1) / max(config.warm_up, 1))
        return config.rate * up * min(1.0, max(0.02, (config.steps - self.step) / max(config.decay, 1)))

    def one(self) -> tuple[float, float]:
        """One step; returns loss and length of the gradient."""
        batch = self._batches.draw()
        self._network.train()
        times = torch.sigmoid(torch.randn(len(batch[0])))
        loss = loss_of(self._network, batch, times, torch.randn_like(batch[0]))
        loss.backward()
        length = torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        for group in self._optimiser.param_groups:
            group["lr"] = self.rate()
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.step += 1
        kept = min(self._config.averaging, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            now = self._network.state_dict()
            torch._foreach_lerp_([self.average[name] for name in now], list(now.values()), 1 - kept)
        return float(loss.detach()), float(length)

    def averaged(self) -> Any:
        """The network with the averaged weights; the run cannot go on from it."""
        self._network.load_state_dict(self.average)
        self._network.eval()
        return self._network

    def measure(self) -> float:
        """Held-out loss of the averaged weights."""
        current = {name: value.clone() for name, value in self._network.state_dict().items()}
        found = held_out_loss(self.averaged(), self._batches, self._held_out)
        self._network.load_state_dict(current)
        return found

    def run(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Train to the last step."""
        running: float | None = None
        kept = measured = begun = time.monotonic()
        first = self.step
        while self.step < self._config.steps and not stop():
            loss, length = self.one()
            running = loss if running is None else 0.98 * running + 0.02 * loss
            now = time.monotonic()
            if self.step % _TELL_EVERY == 0:
                pace = (now - begun) / (self.step - first)
                self._tell(f"step {self.step:,}: loss {running:.4f}, gradient {length:.2f}, {pace:.2f} s a step")
            if now - kept > _KEEP_SECONDS:
                self.keep()
                kept = time.monotonic()
            if now - measured > _MEASURE_SECONDS and self._held_out:
                self._tell(f"step {self.step:,}: held-out loss {self.measure():.4f}")
                measured = time.monotonic()
        self.keep()
        told = f", held-out loss {self.measure():.4f}" if self._held_out else ""
        self._tell(f"stopped at step {self.step:,}{told}")
