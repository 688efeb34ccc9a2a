"""The models that this project knows: which revision, under which licence, for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pin:
    """One known model.

    Attributes
    ----------
    id : str
        On the Hugging Face hub.
    revision : str
        The commit that is used.
    licence : str
        SPDX identifier or the licence's own name; empty when none is stated.
    role : str
        What for: ``encoder``, ``generator`` or ``explainer``.
    adapter : str
        Which adapter opens it.
    size, memory : int
        Bytes on disk and while it is used.
    pickle_sha256 : tuple of str
        Hex digests of the pickles that may be opened, where the revision has no safetensors.
    """

    id: str
    revision: str
    licence: str
    role: str
    adapter: str
    size: int
    memory: int
    pickle_sha256: tuple[str, ...] = ()


_PINS: tuple[Pin, ...] = ()


def pin_of(model_id: str) -> Pin | None:
    """The pin of a model of the hub, or None."""
    return next((pin for pin in _PINS if pin.id == model_id), None)
