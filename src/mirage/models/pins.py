"""The models that MIRAGE knows: which revision is meant, under which licence, and which pickles may be opened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pin:
    """A model that MIRAGE knows.

    Attributes
    ----------
    id : str
        Of the model hub, ``org/name``.
    revision : str
        The commit that is meant; empty when not pinned.
    licence, role, adapter : str
    size, memory : int
        Bytes to download and in use; 0 when not known.
    pickle_sha256 : tuple of str
        Digests of the pickles that may be opened; all others are refused.
    """

    id: str
    revision: str
    licence: str
    role: str
    adapter: str
    size: int
    memory: int
    pickle_sha256: tuple[str, ...] = ()


PINS: tuple[Pin, ...] = ()


def pin_of(model_id: str) -> Pin | None:
    """What is known of a model; None when nothing is."""
    return next((pin for pin in PINS if pin.id == model_id), None)
