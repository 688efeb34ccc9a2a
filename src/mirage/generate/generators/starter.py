"""The generator that ships: a small flow-matching model in ONNX, sampled with numpy; no torch.

Flow matching: Lipman and others, *Flow matching for generative modeling* (ICLR 2023); straight paths as in Liu and others,
*Flow straight and fast* (ICLR 2023). x(t) = (1 − t) · image + t · noise, and the network tells dx/dt. Guidance: Ho and
Salimans, *Classifier-free diffusion guidance* (2022); several texts at once as in Liu and others, *Compositional visual
generation with composable diffusion models* (ECCV 2022).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.errors import Unavailable
from mirage.generate.generators.base import DrawnImage, GenerationRequest, GenerationStep, GeneratorInfo, PromptTerm
from mirage.generate.generators.conditions import NUMBERS, WORDS, Conditions
from mirage.generate.generators.drafts import DraftChooser
from mirage.generate.generators.evidence import EVIDENCE, Evidence, KindOfPicture
from mirage.generate.generators.latents import PatchBasis, framed
from mirage.models.runtime import OnnxSessions, digest_of_files
from mirage.once import loaded_once
from mirage.settings import Settings
from mirage.shipped import SHIPPED
from mirage.wording import N_, _

FOLDER = SHIPPED / "generator"
_FORMAT = 2
_FILES = ("config.json", WORDS, NUMBERS, "patches.npz", "unet.onnx")
# Weights ship as 8-bit numbers and are brought back to 32 bits once, when the model is opened, not at every step.
_ONNX_ENTRIES = {"session.disable_quant_qdq": "1"}

Floats = npt.NDArray[np.float32]
Velocity = Callable[[Floats, float], Floats]
"""(n, k, s, s) latents, one for each text, and a time in [0, 1] to (n, k, s, s)."""

_GRAIN_KEY = 2**31  # beyond the number of any draft
_BLACK = -0.95  # grey levels are from −1 to 1
_DRAFTED = 0.3  # of the steps of an image: how far each draft is drawn before one is chosen
MOST_TEXTS = 6  # each costs one more evaluation of the network at every step
_MOST_AWAY = 1.5  # all that leads away, together; more tears the image apart


_LATER = ("drafts", "grain")  # generators that were made before have none


@dataclass(frozen=True, slots=True)
class _Config:
    """What ``config.json`` says."""

    format: int
    model: str
    licence: str
    size: int
    steps: int
    guidance: float
    time_scale: float
    drafts: int = 1
    grain: float = 0.0


class StarterGenerator:
    """A flow in the space of 8 × 8 patches, led by concepts; see the card beside the weights.

    Parameters
    ----------
    path : Path or str, optional
        A folder that ``mirage train generator`` wrote; the shipped one when left out.
    threads : int
        How many threads it may use. The same number gives the same image, bit for bit, on the same kind of processor.

    Raises
    ------
    mirage.errors.Unavailable
        When a file is missing, damaged, or of another kind of model.
    """

    def __init__(self, path: Path | str | None = None, *, threads: int = 2) -> None:
        self._folder = Path(path).expanduser() if path is not None else FOLDER
        self._threads = threads
        self._sessions = OnnxSessions(self._folder, threads, N_("Install MIRAGE again."), _ONNX_ENTRIES)
        missing = [name for name in _FILES if not (self._folder / name).is_file()]
        if missing:
            raise Unavailable(
                _(
                    "The starter generator cannot draw: %(folder)s lacks %(missing)s. Train one with "
                    "“mirage train generator” and name its folder with the setting generator_path, or "
                    "choose the generator diffusers.",
                    folder=self._folder,
                    missing=", ".join(missing),
                )
            )
        try:
            given = json.loads((self._folder / "config.json").read_text("utf-8"))
            if int(given["format"]) > _FORMAT:
                raise Unavailable(
                    _(
                        "The generator in %(folder)s was made by a newer MIRAGE. Update MIRAGE to use it.",
                        folder=self._folder,
                    )
                )
            if int(given["format"]) < _FORMAT:
                raise Unavailable(
                    _(
                        "The generator in %(folder)s was made by an older MIRAGE, which read prompts by the "
                        "text encoder. Train it anew with “mirage train generator”.",
                        folder=self._folder,
                    )
                )
            fields = [name for name in _Config.__dataclass_fields__ if name in given or name not in _LATER]
            self._config = _Config(**{name: given[name] for name in fields})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unavailable(
                _(
                    "%(folder)s is damaged, or of another kind of generator (%(error)s).",
                    folder=self._folder / "config.json",
                    error=error,
                )
            ) from error
        self._patches = PatchBasis.load(self._folder / "patches.npz")

    @staticmethod
    def options_of(settings: Settings) -> dict[str, Any]:
        """What the settings say of it."""
        return {"path": settings.generator_path, "threads": settings.threads}

    def info(self) -> GeneratorInfo:
        """Tell who draws."""
        config = self._config
        return GeneratorInfo(
            name="starter",
            model=config.model,
            revision=self._digest[:12],
            licence=config.licence,
            size=config.size,
            smallest=config.size,
            largest=config.size,
            multiple=config.size,
            steps=config.steps,
            most_steps=200,
            guidance=config.guidance,
            most_tokens=0,
            from_picture=True,
            notes=self._evidence.notes(self._conditions),
            drafts=config.drafts,
            fingerprints=self._folder / "fingerprints.npz",
        )

    def unread(self, text: str) -> str:
        """What of a text leads nothing, in words; empty when all of it leads."""
        return ", ".join(self._conditions.read(text).unused)

    def refusal(self, text: str) -> str:
        """Why a prompt is not drawn: it names a kind of picture that was never learnt, or comes out as nothing known."""
        return self._evidence.refusal(self._conditions, self._conditions.read(text))

    def generate(
        self,
        request: GenerationRequest,
        progress: Callable[[GenerationStep], None] = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[DrawnImage]:
        """Draw the images of a request; see `mirage.generate.generators.base.Generator.generate`.

        Parameters
        ----------
        request : GenerationRequest
            As `mirage.generate.generators.base.filled` leaves it.
        progress : callable
            Called after every step.
        stopped : callable
            Asked after every step; once it says True, the generator ends without the image in hand.
        """
        config = self._config
        steps = request.steps or config.steps
        lead = course(request, config.guidance if request.guidance is None else request.guidance)
        readings = [self._conditions.read(text) for text in lead.texts]
        towards = [each for each, pull in zip(readings[1:], lead.pulls, strict=True) if pull > 0]
        said = self._evidence.said(towards)
        begin = None if request.start is None else self._latents(request.start)
        at = times(steps)
        if begin is not None:
            # Enter the flow where as much noise has been added as the strength says.
            at = times(max(1, round(steps * request.strength)), start=max(request.strength, 1e-3))
        drafts = config.drafts if request.drafts is None else request.drafts
        # What a picture begins from is of one kind already, and where none is asked for there is nothing to choose by.
        wanted = self._chooser.wanted(towards) if drafts > 1 and begin is None else None
        drafts = drafts if wanted else 1
        early = max(1, round(_DRAFTED * steps)) if wanted else 0
        total = drafts * early + len(at) - 1 - early
        velocity = self._velocity([each.names for each in readings])
        for number in range(request.count):
            seed, told = request.seed + number, 0
            found: Floats = np.zeros(0, np.float32)

            def step(found: Floats, number: int = number) -> bool:
                """Tell of a step; whether to go on."""
                nonlocal told
                told += 1
                if stopped():
                    return False
                progress(GenerationStep(number + 1, request.count, told, total, partial(self._image, found, 0)))
                return True

            begun: list[Iterator[Floats]] = []
            guesses: list[Floats] = []
            for draft in range(drafts):
                noise = self._noise(seed, draft)
                if begin is not None:
                    noise = np.asarray((1 - at[0]) * begin + at[0] * noise, dtype=np.float32)
                begun.append(flow(velocity, noise, lead.pulls, at))
                for found in islice(begun[-1], early):
                    if not step(found):
                        return
                guesses.append(found)
            kept = self._best(guesses, wanted) if wanted else 0
            found = guesses[kept]
            for found in begun[kept]:
                if not step(found):
                    return
            blank = not np.isfinite(found).all()
            remarks = (_("The numbers overflowed and nothing came out. Choose a lower guidance."),) if blank else said
            chooser = self._chooser.name if wanted else ""
            if wanted and not blank:
                by = chooser.split()[0]
                chosen = _(
                    "Chosen from %(drafts)s drafts: the one that the %(encoder)s encoder takes most for %(kind)s.",
                    drafts=drafts,
                    encoder=by,
                    kind=wanted,
                )
                remarks = (*remarks, chosen)
            yield DrawnImage(self._image(np.nan_to_num(found), seed), seed, remarks, blank, drafts, chooser)

    def _noise(self, seed: int, draft: int) -> Floats:
        """Where a draft begins; the first is where an image of this seed begins that is not chosen."""
        side = self._config.size // 8
        rng = np.random.default_rng([seed, draft] if draft else seed)
        return rng.standard_normal((self._patches.components, side, side), dtype=np.float32)

    def _best(self, guesses: Sequence[Floats], wanted: KindOfPicture) -> int:
        """Which of several unfinished images is most of a kind; one that overflowed is none."""
        whole = np.array([np.isfinite(each).all() for each in guesses])
        scores = self._chooser.scores([self._image(np.nan_to_num(each), 0) for each in guesses], wanted)
        return int(np.where(whole, scores, -1.0).argmax())

    def _velocity(self, prompts: Sequence[tuple[str, ...]]) -> Callable[[Floats, float], Floats]:
        states, mask, pooled = self._conditions.numbers(prompts)
        session = self._sessions["unet.onnx"]

        def velocity(latents: Floats, time: float) -> Floats:
            moments = np.full(len(prompts), time * self._config.time_scale, dtype=np.float32)
            given = {
                "latents": np.ascontiguousarray(latents),
                "times": moments,
                "states": states,
                "mask": mask,
                "pooled": pooled,
            }
            try:
                told: Floats = session.run(None, given)[0]
            except Exception as error:  # ONNX Runtime raises classes of its own that share no base
                raise Unavailable(
                    _(
                        "%(folder)s is of another kind of model and cannot draw (%(error)s).",
                        folder=self._folder / "unet.onnx",
                        error=str(error)[:200],
                    )
                ) from error
            return told

        return velocity

    def _latents(self, picture: Image.Image) -> Floats:
        square = framed(picture, self._config.size)
        return self._patches.encode(np.asarray(square, dtype=np.float32) / 127.5 - 1)

    def _image(self, latents: Floats, seed: int) -> Image.Image:
        pixels = self._patches.decode(latents)
        if self._config.grain:
            # The components of a patch hold no noise, and a picture has some everywhere but outside the body.
            noise = np.random.default_rng([seed, _GRAIN_KEY]).standard_normal(pixels.shape, dtype=np.float32)
            pixels = pixels + self._config.grain * noise * (pixels > _BLACK)
        return Image.fromarray(np.clip(np.round((pixels + 1) * 127.5), 0, 255).astype(np.uint8))

    @loaded_once
    def _digest(self) -> str:
        return digest_of_files(self._folder, _FILES)

    @loaded_once
    def _conditions(self) -> Conditions:
        return Conditions.load(self._folder)

    @loaded_once
    def _chooser(self) -> DraftChooser:
        return DraftChooser(self._evidence, self._threads)

    @loaded_once
    def _evidence(self) -> Evidence:
        return Evidence.load(self._folder / EVIDENCE)


@dataclass(frozen=True, slots=True)
class Guidance:
    """Texts, and how much each of them pulls.

    Attributes
    ----------
    texts : tuple of str
        The first is empty: where no text leads.
    pulls : tuple of float
        One for each text but the first, multiplied with ``velocity(text) − velocity(empty)``; negative ones lead away.
    """

    texts: tuple[str, ...]
    pulls: tuple[float, ...]


def course(request: GenerationRequest, guidance: float) -> Guidance:
    """What leads a request: positive terms share the guidance by their weights, negative ones lead away.

    A term of weight −1 has the force of a negative prompt in the usual sense (guidance − 1). Terms of equal weight are read
    as one text, and the smallest are joined when there are more than the network should be asked for.

    Parameters
    ----------
    request : GenerationRequest
        At least one term has a positive weight.
    guidance : float
        What the pulls of the positive terms add up to.
    """
    terms = [*request.terms, *([PromptTerm(request.negative, -1.0)] if request.negative else [])]
    towards = _grouped([term for term in terms if term.weight > 0])
    away = _grouped([term for term in terms if term.weight < 0])
    while len(towards) + len(away) > MOST_TEXTS - 1:
        longer = towards if len(towards) >= len(away) else away
        (first, one), (second, other) = longer[-2:]
        longer[-2:] = [(f"{first}, {second}", one + other)]
    total = sum(weight for _, weight in towards)
    back = -sum(weight for _, weight in away)
    shrink = min(1.0, _MOST_AWAY / back) if back else 1.0
    pulls = [guidance * weight / total for _, weight in towards]
    pulls += [max(guidance - 1, 0.5) * weight * shrink for _, weight in away]
    return Guidance(("", *(text for text, _ in (*towards, *away))), tuple(pulls))


def _grouped(terms: Sequence[PromptTerm]) -> list[tuple[str, float]]:
    """Texts of one weight joined, heaviest first; the weight of a group is that of all its terms together."""
    groups: dict[float, list[str]] = {}
    for term in terms:
        groups.setdefault(term.weight, []).append(term.text)
    joined = [(", ".join(texts), weight * len(texts)) for weight, texts in groups.items()]
    return sorted(joined, key=lambda group: -abs(group[1]))


def times(steps: int, start: float = 1.0) -> Floats:
    """The times at which the network is asked, and the end: (steps + 1,) from `start` down to 0, evenly.

    Parameters
    ----------
    steps : int
        How often the network is asked.
    start : float
        Where the flow begins: 1 is noise alone, 0 the finished image.
    """
    return np.linspace(start, 0.0, steps + 1, dtype=np.float32)


def flow(velocity: Velocity, noise: Floats, pulls: Sequence[float], at: Floats) -> Iterator[Floats]:
    """Follow the flow by Euler steps.

    Parameters
    ----------
    velocity : callable
        Of as many texts as there are pulls, and one more, the empty one, first.
    noise : (k, s, s) float32
        Where to begin.
    pulls : sequence of float
    at : (steps + 1,) float32

    Yields
    ------
    (k, s, s) float32
        After every step, where the flow would end if it went on straight: the image as far as it is known. The last one is
        the image.
    """
    latents = noise
    strength = np.asarray(pulls, dtype=np.float32)[:, None, None, None]
    for now, after in pairwise(at):
        told = velocity(np.broadcast_to(latents, (len(pulls) + 1, *latents.shape)), float(now))
        speed = told[0] + (strength * (told[1:] - told[0])).sum(axis=0)
        yield np.asarray(latents - now * speed, dtype=np.float32)
        latents = np.asarray(latents + (after - now) * speed, dtype=np.float32)
