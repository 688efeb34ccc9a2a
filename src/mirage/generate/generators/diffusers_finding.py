"""Where a Stable Diffusion pipeline is: a folder, among the pulled models, in the hub's cache, or at the hub if allowed."""

from __future__ import annotations

from pathlib import Path

from mirage.models.files import NOT_STATED, licence_of
from mirage.models.hub import locate
from mirage.models.pins import PINS as KNOWN
from mirage.models.pins import pin_of
from mirage.models.registry import find, is_folder

__all__ = ["PAPER", "PINS", "found", "is_folder", "licence", "local"]

PAPER = "Nihirc/Prompt2MedImage"
# Of Prompt2MedImage the first digits of the commit are known; it has safetensors.
PINS = {pin.id: pin.revision for pin in KNOWN if pin.adapter == "diffusers" and pin.revision}


def local(model: str, revision: str = "") -> Path | None:
    """Where a model is on this machine, or None. The network is not reached.

    Parameters
    ----------
    model : str
        A hub id or a folder.
    revision : str
        Of a hub id; the pinned one when empty.
    """
    if is_folder(model):
        folder = Path(model).expanduser()
        return folder if folder.is_dir() else None
    return find(model, revision)


def found(model: str, revision: str, download: bool) -> Path:
    """Where a model is, fetched first when it is not here and that is allowed; see `mirage.models.hub.locate`."""
    return locate(model, revision, download=download, part="generator").folder


def licence(model: str, path: Path | None) -> str:
    """The licence of the weights as known or as the model's own card states it.

    Parameters
    ----------
    model : str
        A hub id or a folder.
    path : Path, optional
        Where it is on this machine.
    """
    if (pin := pin_of(model)) is not None and not is_folder(model):
        return pin.licence
    return licence_of(path) if path is not None else NOT_STATED
