"""The models that ship with MIRAGE: which files they have, and the digest that their cards state."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mirage.models.pins import STARTER_ENCODER, STARTER_GENERATOR
from mirage.models.runtime import digest_of_files
from mirage.settings import SHIPPED


@dataclass(frozen=True, slots=True)
class ShippedModel:
    """A model under ``shipped/``.

    Attributes
    ----------
    id : str
    folder : Path
    needed : tuple of str
        Files without which it cannot be used.
    also : tuple of str
        Files that change what it does and may be absent.
    """

    id: str
    folder: Path
    needed: tuple[str, ...]
    also: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Needed files that are not there."""
        return [name for name in self.needed if not (self.folder / name).is_file()]

    def size(self) -> int:
        """Bytes of all files in its folder."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file()) if self.folder.is_dir() else 0

    def digest(self) -> str:
        """SHA-256 over name and SHA-256 of each file, as the encoder and the generator themselves tell it.

        Raises
        ------
        OSError
        """
        return digest_of_files(self.folder, [*self.needed, *(name for name in self.also if (self.folder / name).is_file())])

    def stated(self) -> str:
        """The digest that its card states; empty when it states none."""
        with suppress(OSError, ValueError):
            card = (self.folder / "card.md").read_text("utf-8")
            if found := re.search(r"^\|\s*digest\s*\|\s*`?([0-9a-f]{64})`?\s*\|", card, re.MULTILINE):
                return found[1]
        return ""


def shipped(root: Path = SHIPPED) -> dict[str, ShippedModel]:
    """The models that ship, by id."""
    encoder = ShippedModel(STARTER_ENCODER, root / "encoder", ("config.json", "image.onnx", "text.onnx", "tokenizer.json"))
    generator = ShippedModel(
        STARTER_GENERATOR, root / "generator", ("config.json", "patches.npz", "unet.onnx"), ("decoder.onnx",)
    )
    return {model.id: model for model in (encoder, generator)}


def made_for(generator: ShippedModel) -> str:
    """SHA-256 of the encoder's ``text.onnx`` that the generator reads with, as its configuration states it; else empty."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((generator.folder / "config.json").read_text("utf-8"))["text_sha256"])
    return ""
