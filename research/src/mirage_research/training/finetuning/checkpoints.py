"""The state of a run on disk: whole, or not at all."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from mirage.errors import BadInput, Unavailable
from mirage_research.training.finetuning.config import Config

NAME = "checkpoint.pt"


def write(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint beside the old one and put it in its place.

    Raises
    ------
    mirage.errors.Unavailable
        When it cannot be written, say because the disk is full; the old one stays.
    """
    part = path.with_suffix(".part")
    try:
        torch.save(state, part)
        part.replace(path)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise Unavailable(
            f"The checkpoint {path} could not be written: {error} Make room; the last one stays, go on with --resume."
        ) from error


def read(path: Path, config: Config, made_from: dict[str, str]) -> dict[str, Any]:
    """Read a checkpoint that belongs to this configuration, base and data.

    Parameters
    ----------
    made_from : dict of str to str
        What else has to be the same: name to digest.

    Raises
    ------
    mirage.errors.BadInput
        When it is damaged, or the run was begun otherwise.
    """
    try:
        # Tensors and plain values only: nothing in the file is run.
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        then = Config().changed(state["config"])
        before = state["made_from"]
    except BadInput:
        raise
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise BadInput(f"The checkpoint {path} is damaged. Take it away to begin anew.") from error
    if differences := then.differences(config):
        raise BadInput(
            f"The run in {path.parent} was begun with another configuration ({'; '.join(differences)}). "
            f"To go on with it: --config {path.parent / 'config.train.json'}"
        )
    for name, digest in made_from.items():
        if before.get(name) != digest:
            raise BadInput(f"The run in {path.parent} was begun with another {name}. Give the same, or another --out.")
    return state
