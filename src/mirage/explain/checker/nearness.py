"""How near in meaning sentences are, by the encoder's text tower, each encoded once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mirage.encoders.base import Encoder

_KEPT = 4096


class Nearness:
    """Cosines between sentences. Safe to share between threads.

    Parameters
    ----------
    encoder : Encoder
    kept : int
        How many vectors are remembered.
    """

    def __init__(self, encoder: Encoder, kept: int = _KEPT) -> None:
        self._encoder = encoder
        self._kept = kept
        self._lock = threading.Lock()
        self._vectors: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()

    def of(self, sentence: str, others: Sequence[str]) -> list[float]:
        """Cosine of a sentence with each of some others; what is not yet known is encoded in one call."""
        wanted = list(dict.fromkeys([sentence, *others]))
        with self._lock:
            known = {text: self._vectors[text] for text in wanted if text in self._vectors}
        missing = [text for text in wanted if text not in known]
        if missing:
            known |= dict(zip(missing, self._encoder.encode_texts(missing), strict=True))
        with self._lock:
            for text in wanted:
                self._vectors[text] = known[text]
                self._vectors.move_to_end(text)
            while len(self._vectors) > self._kept:
                self._vectors.popitem(last=False)
        return [float(known[sentence] @ known[other]) for other in others]
