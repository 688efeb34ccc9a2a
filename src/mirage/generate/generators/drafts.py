"""Which of several drafts shows best what kind of picture is asked for: the encoder that ships looks.

Best-of-n sampling, on the estimates of the finished image that a flow gives on its way, so that only the draft that is kept
is drawn to its end. An encoder compares each draft with the names of all kinds that the generator learnt; what counts is the
probability of the kinds that were asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.encoders.base import Encoder
from mirage.encoders.starter import StarterEncoder
from mirage.generate.generators.conditions import PromptReading
from mirage.generate.generators.evidence import LEAST_PICTURES, Evidence, KindOfPicture, asked_kind, fits
from mirage.once import loaded_once

_TEMPERATURE = 0.1  # of the cosines; how clearly one kind is told from another


class DraftChooser:
    """Ranks drafts by what kind of picture they look like.

    Parameters
    ----------
    evidence : Evidence
        Names the kinds that were learnt.
    threads : int
        How many threads the encoder may use.
    """

    def __init__(self, evidence: Evidence, threads: int) -> None:
        self._kinds = [kind for kind in evidence.kinds if kind.pictures >= LEAST_PICTURES and kind.modality]
        self._threads = threads

    def wanted(self, asked: Sequence[PromptReading]) -> KindOfPicture | None:
        """The kind that a prompt's readings ask for, where drafts can be told apart by it."""
        kind = asked_kind(asked)
        fitting = sum(fits(kind, each) for each in self._kinds)
        return kind if 0 < fitting < len(self._kinds) else None

    def scores(self, drafts: Sequence[Image.Image], wanted: KindOfPicture) -> npt.NDArray[np.float64]:
        """The probability that each draft is of the kind: (n,).

        Parameters
        ----------
        drafts : sequence of PIL.Image.Image
        wanted : KindOfPicture
            As `wanted` told it.

        Raises
        ------
        mirage.errors.Unavailable
            When the encoder is missing or damaged.
        """
        likeness = self._encoder.encode_images(drafts) @ self._names.T / _TEMPERATURE
        shares = np.exp(likeness - likeness.max(axis=1, keepdims=True)).astype(np.float64)
        right = np.array([fits(wanted, each) for each in self._kinds])
        return np.asarray(shares[:, right].sum(axis=1) / shares.sum(axis=1))

    @property
    def name(self) -> str:
        """Which encoder looks, with the beginning of its digest."""
        info = self._encoder.info()
        return f"{info.name} {info.digest[:12]}"

    @loaded_once
    def _encoder(self) -> Encoder:
        # Always the one that ships, whatever an atlas is searched with: the same seed gives the same image in each.
        return StarterEncoder(threads=self._threads)

    @loaded_once
    def _names(self) -> npt.NDArray[np.float32]:
        return self._encoder.encode_texts([str(kind) for kind in self._kinds])
