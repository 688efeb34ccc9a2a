"""Words and pictures to vectors: encoders, found by name."""

from __future__ import annotations

from typing import Any

from mirage.encoders.base import Encoder, EncoderInfo
from mirage.encoders.onnx import OnnxEncoder
from mirage.encoders.standing_in import StandIn
from mirage.plugins import Port
from mirage.settings import Settings

__all__ = ["Encoder", "EncoderInfo", "available", "configured", "exported_for", "load"]

_port: Port[Encoder] = Port("mirage.encoders")
available, load = _port.available, _port.load


def configured(name: str, settings: Settings, model: str = "") -> Encoder:
    """Open an encoder as the settings have it.

    Parameters
    ----------
    name : str
    settings : Settings
        ``encoder_model`` and what goes with it, and ``threads``.
    model : str
        The model to open in place of the settings' one, as `EncoderInfo.model` gives it.

    Raises
    ------
    mirage.errors.NotFound, mirage.errors.Unavailable
        As `load`.
    """
    options: dict[str, Any] = {}
    mine = model or (settings.encoder_model if name == settings.encoder else "")
    if name in ("starter", "onnx", "open_clip", "transformers"):
        options["threads"] = settings.threads
    elif model:  # of another package: what it takes is its own matter, but a model that is named is handed on
        options["model"] = model
    if name == "onnx":
        options["path"] = mine
    if name in ("open_clip", "transformers"):
        options |= {"model": mine, "download": settings.encoder_download}
        if settings.encoder_revision and mine == settings.encoder_model:
            options["revision"] = settings.encoder_revision
    if name == "open_clip":
        options["activation"] = settings.encoder_activation
    return load(name, **options)


def exported_for(wanted: EncoderInfo, settings: Settings) -> Encoder | None:
    """The exported encoder that the settings name, where it was made from the one that is wanted.

    Parameters
    ----------
    wanted : EncoderInfo
        The encoder of an atlas.
    settings : Settings
        With ``encoder = "onnx"`` and the folder as ``encoder_model``.

    Returns
    -------
    Encoder or None
        It goes by the name and digest of the one it stands for, so that vectors of both are kept as what they are: of one
        space, as closely as the export measured.
    """
    if settings.encoder != "onnx" or not settings.encoder_model or wanted.name in ("onnx", "starter"):
        return None
    found = OnnxEncoder(settings.encoder_model, threads=settings.threads)
    return StandIn(found, wanted) if found.exported.made_from.digest == wanted.digest else None
