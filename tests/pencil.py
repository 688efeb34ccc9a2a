"""A generator for tests of the site: draws rings from its prompt and seed, or rests, or fails, as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from mirage.errors import Unavailable
from mirage.generate import generators
from mirage.generate.generators import DrawnImage, GenerationRequest, GenerationStep, GeneratorInfo

SIDE = 64
RELEASED = threading.Event()
"""Set once a leisurely drawing may be finished."""
MISSING = "The model of this generator is not installed. Install it, then start again."


class Pencil:
    """Draws from its seed and its prompt alone.

    ``leisurely`` in a prompt rests in the last image, or the second, until `RELEASED` is set, so that one can look and click
    in between; ``torn`` breaks the model.
    """

    def info(self) -> GeneratorInfo:
        return GeneratorInfo(
            name="pencil",
            model="test-pencil",
            revision="1" * 12,
            licence="MIT",
            size=SIDE,
            smallest=32,
            largest=128,
            multiple=16,
            steps=5,
            most_steps=200,
            guidance=3.0,
            most_tokens=32,
            from_picture=True,
        )

    def unread(self, text: str) -> str:
        return " ".join(text.split()[32:])

    def refusal(self, text: str) -> str:
        return "Pencils draw no ultrasound." if "echocardiogram" in text else ""

    def generate(
        self,
        request: GenerationRequest,
        progress: Callable[[GenerationStep], None] = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[DrawnImage]:
        steps = request.steps or 5
        for number in range(request.count):
            whole = self._ring(request, request.seed + number)
            for step in range(1, steps + 1):
                if stopped():
                    return
                if "torn" in request.prompt:
                    raise Unavailable("The model file is torn. Install it again.")
                progress(GenerationStep(number + 1, request.count, step, steps, lambda whole=whole: whole))
                here = "leisurely" in request.prompt and (number, step) == (min(1, request.count - 1), 2)
                while here and not stopped() and not RELEASED.wait(0.02):
                    pass
            if "nothing" in request.prompt:
                yield DrawnImage(whole, request.seed + number, ("It came out black: the numbers overflowed.",), blank=True)
            else:
                yield DrawnImage(whole, request.seed + number)

    def _ring(self, request: GenerationRequest, seed: int) -> Image.Image:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[-1 : 1 : (request.height or SIDE) * 1j, -1 : 1 : (request.width or SIDE) * 1j]
        rings = np.sin(np.hypot(x, y) * (6 + len(request.prompt)) + rng.uniform(0, 6))
        pixels = np.where(np.hypot(x, y) < 0.8, 120 + 90 * rings, 8) + rng.normal(0, 3, x.shape)
        return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@contextmanager
def drawn_with(make: Callable[..., object] = Pencil) -> Iterator[None]:
    """Let every generator that is asked for by name be this one."""
    RELEASED.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generators, "load", lambda name="pencil", **_: make())
        yield


def missing() -> Pencil:
    """Stands for a generator whose weights are not there."""
    raise Unavailable(MISSING)
