"""Which adapter opens an encoder that is on this machine, and with which options."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirage.errors import BadInput, NotFound
from mirage.models.finding import find
from mirage.models.pins import ENCODER, bare, pin_of
from mirage.models.shipped import shipped

# Dual encoders that transformers names so in config.json.
_DUAL = {"clip", "siglip", "siglip2", "chinese_clip", "altclip", "vision-text-dual-encoder"}


@dataclass(frozen=True, slots=True)
class Opening:
    """How an encoder is opened: ``mirage.encoders.load(adapter, **options)``."""

    model: str
    adapter: str
    options: dict[str, Any]


def opening(model: str, revision: str = "", adapter: str = "") -> Opening:
    """Find an encoder by id or folder.

    Raises
    ------
    mirage.errors.NotFound
        When it is not on this machine.
    mirage.errors.BadInput
        When it is no encoder, or of a kind that is not known.
    """
    name = bare(model)
    if name in shipped():
        if (pin := pin_of(name)) and pin.role != ENCODER:
            raise BadInput(f"{name} is a {pin.role}, not an encoder.")
        return Opening(name, "starter", {})
    pin = pin_of(name)
    if pin is not None and pin.role != ENCODER:
        raise BadInput(f"{name} is for {pin.role}s, not an encoder.")
    folder = find(name, revision)
    if folder is None and (there := Path(model.removeprefix("local-dir:")).expanduser()).is_dir():
        folder = there
    if folder is None:
        raise NotFound(f"{name} is not on this machine. Get it with `mirage models pull {name}`, or name its folder.")
    kind = adapter or (pin.adapter if pin else "") or adapter_of(folder)
    if not kind:
        raise BadInput(
            f"The files in {folder} do not say which adapter opens them: there is neither open_clip_config.json nor a "
            "config.json of a dual encoder. Name it with --adapter open_clip or --adapter transformers."
        )
    if kind == "onnx":
        return Opening(str(folder), kind, {"path": str(folder)})
    return Opening(str(folder), kind, {"model": f"local-dir:{folder}" if kind == "open_clip" else str(folder)})


def adapter_of(folder: Path) -> str:
    """The adapter for the files of a folder; empty when they do not tell."""
    if (folder / "open_clip_config.json").is_file():
        return "open_clip"
    with suppress(OSError, ValueError, AttributeError):
        if json.loads((folder / "config.json").read_text("utf-8")).get("model_type") in _DUAL:
            return "transformers"
    return ""
