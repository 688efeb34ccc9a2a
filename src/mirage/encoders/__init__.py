"""Words and pictures to vectors: encoders, found by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from mirage.encoders.base import Encoder, EncoderInfo, Vectors
from mirage.errors import BadInput, MirageError, NotFound
from mirage.models.pins import ENCODER, bare, pin_of
from mirage.models.registry import find_here
from mirage.plugins import Port
from mirage.settings import Settings
from mirage.wording import _, looked_up

__all__ = [
    "DEFAULT",
    "Encoder",
    "EncoderInfo",
    "Opening",
    "StandIn",
    "adapter_of",
    "available",
    "configured",
    "exportable",
    "exported_for",
    "load",
    "opening",
]

DEFAULT = "starter"  # the one that ships

_port: Port[Encoder] = Port("mirage.encoders")
available, load, _adapter = _port.available, _port.load, _port.adapter


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
    mine = model or (settings.encoder_model if name == settings.encoder else "")
    return load(name, **_options(name, mine, settings))


def _options(name: str, model: str, settings: Settings | None = None) -> dict[str, Any]:
    """The keywords that open an encoder; of one of another package, which may not tell them, the model if one is named."""
    options_for: Callable[..., dict[str, Any]] | None = getattr(_adapter(name), "options_for", None)
    return options_for(model, settings) if options_for else {"model": model} if model else {}


# -- exports ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StandIn:
    """Encodes with one encoder and goes by the name of another.

    Attributes
    ----------
    inner : Encoder
        An export whose `made_from` is the digest of the other.
    origin : EncoderInfo
        The other, which an atlas was made with.
    """

    inner: Encoder
    origin: EncoderInfo

    def info(self) -> EncoderInfo:
        """Tell name, digest and sizes of the one that is stood for."""
        return self.origin

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode texts to (n, d) float32, unit length."""
        return self.inner.encode_texts(texts)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Encode pictures to (n, d) float32, unit length."""
        return self.inner.encode_images(images)

    def unread(self, text: str) -> str:
        """Return the end of the text that `encode_texts` would not read."""
        return self.inner.unread(text)


def exportable(name: str) -> bool:
    """Whether encoders of that name can be exported to ONNX: they give out their towers as `loaded`."""
    with suppress(MirageError):
        return hasattr(_adapter(name), "loaded")
    return False


def exported_for(wanted: EncoderInfo, settings: Settings) -> Encoder | None:
    """The exported encoder that the settings name, where it was made from the one that is wanted.

    Parameters
    ----------
    wanted : EncoderInfo
        The encoder of an atlas.
    settings : Settings
        With the folder of an export as ``encoder_model``, and the encoder that opens it.

    Returns
    -------
    Encoder or None
        It goes by the name and digest of the one it stands for, so that vectors of both are kept as what they are: of one
        space, as closely as the export measured.
    """
    mine = settings.encoder
    if not settings.encoder_model or mine == wanted.name or exportable(mine) or not exportable(wanted.name):
        return None
    found = configured(mine, settings)
    return StandIn(found, wanted) if found.info().made_from == wanted.digest else None


# -- by model -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opening:
    """How an encoder is opened: ``mirage.encoders.load(adapter, **options)``."""

    model: str
    adapter: str
    options: dict[str, Any]


def opening(model: str, revision: str = "", adapter: str = "") -> Opening:
    """Find an encoder by its model.

    Parameters
    ----------
    model : str
        An id or a folder.
    revision : str
        Of an id; the pinned one when empty.
    adapter : str
        One of `available`; told by the model's files when empty.

    Raises
    ------
    mirage.errors.NotFound
        When it is not on this machine, or the adapter is not installed.
    mirage.errors.BadInput
        When it is no encoder, or of a kind that is not known.
    """
    name = bare(model)
    pin = pin_of(name)
    if pin is not None and pin.role != ENCODER:
        raise BadInput(_("%(name)s is for %(role)ss, not an encoder.", name=name, role=looked_up(pin.role)))
    if pin is not None and pin.ships:
        return Opening(name, pin.adapter, {})
    folder = find_here(model, revision)
    if folder is None:
        raise NotFound(
            _("%(name)s is not on this machine. Get it with `mirage models pull %(name)s`, or name its folder.", name=name)
        )
    kind = adapter or (pin.adapter if pin else "") or adapter_of(folder)
    if not kind:
        raise BadInput(
            _(
                "The files in %(folder)s do not say which encoder opens them. Name it with --adapter: %(available)s.",
                folder=folder,
                available=", ".join(available()),
            )
        )
    return Opening(str(folder), kind, _options(kind, str(folder)))


def adapter_of(folder: Path) -> str:
    """The encoder that opens the files of a folder; empty when they do not tell."""
    for name in available():
        with suppress(MirageError):
            if (opens := getattr(_adapter(name), "opens", None)) and opens(folder):
                return name
    return ""
