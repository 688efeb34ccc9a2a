"""What is read of a figure's words for its caption vector, and the vectors of many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mirage.encoders.base import Encoder
from mirage.figure import Figure


def caption_text(figure: Figure) -> str:
    """What the caption vector is made from: what the picture is, then what its source says of it."""
    # What was inferred from the picture would say nothing that its own vector does not.
    plane, modality = figure.stated("plane"), figure.modality_detail or figure.stated("modality")
    kind = " ".join(filter(None, [plane.capitalize(), modality]))
    return ". ".join(filter(None, [kind, figure.caption, figure.title if not figure.caption else ""])).strip()


def encode_captions(encoder: Encoder, figures: Sequence[Figure]) -> list[npt.NDArray[np.float32] | None]:
    """Caption vectors, None for a figure without words.

    Parameters
    ----------
    encoder : Encoder
    figures : sequence of Figure
    """
    texts = [caption_text(figure) for figure in figures]
    # The figures of a case often share their words; each text is read once.
    different = list(dict.fromkeys(filter(None, texts)))
    vectors = dict(zip(different, encoder.encode_texts(different), strict=True))
    return [vectors.get(text) for text in texts]
