"""An encoder that `mirage models export` wrote: ONNX Runtime and tokenizers, no torch, no transformers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import TypeAdapter

from mirage.encoders.base import EncoderInfo
from mirage.encoders.preprocessing import Preprocessing
from mirage.encoders.towers import FILES, IMAGE, TEXT, OnnxTowerEncoder, Raw, TokenRows
from mirage.errors import BadInput
from mirage.models.runtime import digest_of_parts, remembered_sha256
from mirage.once import loaded_once
from mirage.settings import Settings
from mirage.wording import N_, _


@dataclass(frozen=True, slots=True)
class ExportConfig:
    """What ``config.json`` of an exported encoder holds.

    Attributes
    ----------
    format : int
    precision : str
        ``int8``, ``fp16`` or ``fp32``.
    made_from : EncoderInfo
        The encoder that was exported.
    preprocessing : Preprocessing
    max_tokens, pad : int
    trims : bool
        Whether a short text may be given short; see `mirage.encoders.tokenizer.TowerTokenizer`.
    checked : mapping
        Lowest and mean cosine to the original, of texts and of pictures, and over how many.
    """

    format: int
    precision: str
    made_from: EncoderInfo
    preprocessing: Preprocessing
    max_tokens: int
    pad: int
    trims: bool
    checked: dict[str, float]

    def print(self) -> str:
        """As JSON text."""
        return _CONFIGS.dump_json(self, exclude={"made_from": {"made_from"}}, indent=1).decode() + "\n"


_CONFIGS = TypeAdapter(ExportConfig)


class OnnxEncoder(OnnxTowerEncoder):
    """An exported encoder.

    Parameters
    ----------
    path : Path or str
        The folder that ``mirage models export`` wrote.
    threads : int
        How many threads one call may use.

    Raises
    ------
    mirage.errors.Unavailable
        When a file is missing or damaged, or the folder is of a newer MIRAGE.
    mirage.errors.BadInput
        When no folder is named.
    """

    def __init__(self, path: Path | str = "", *, threads: int = 2) -> None:
        if not path:
            raise BadInput(_("The onnx encoder needs the folder that `mirage models export` wrote (setting encoder_model)."))
        anew = N_("Export the model again (`mirage models export`), or copy the folder anew.")
        super().__init__(Path(path).expanduser(), threads, anew)

    def _understand(self, config: dict[str, Any]) -> None:
        self.exported = _CONFIGS.validate_python(config)
        self.dimension = self.exported.made_from.dimension
        self._reading = (self.exported.max_tokens, self.exported.pad, self.exported.trims)

    @staticmethod
    def options_for(model: str = "", settings: Settings | None = None) -> dict[str, Any]:
        """The keywords that open it; see `mirage.encoders.base.Encoder`.

        Parameters
        ----------
        model : str
            Its id or folder; empty for the encoder's own.
        settings : Settings, optional
            What a person chose, where that counts.
        """
        return {"path": model} | ({"threads": settings.threads} if settings else {})

    @staticmethod
    def opens(folder: Path) -> bool:
        """Whether a folder is an export."""
        return all((folder / name).is_file() for name in FILES)

    def info(self) -> EncoderInfo:
        """Tell name, digest and sizes, and whose vectors these are."""
        origin, read = self.exported.made_from.digest, self._reading[0]
        return EncoderInfo("onnx", self._digest, self.dimension, read, str(self._folder), made_from=origin)

    @loaded_once
    def _digest(self) -> str:
        files = [*FILES, *(path.name for path in self._folder.glob("*.onnx.data"))]
        return digest_of_parts((name, remembered_sha256(self._folder / name)) for name in files)

    def _text_vectors(self, rows: TokenRows) -> Raw:
        return self._run(TEXT, {"ids": self.tokenizer.padded(rows)})

    def _image_vectors(self, pictures: Sequence[Image.Image]) -> Raw:
        return self._run(IMAGE, {"pixels": self.exported.preprocessing.pixels(pictures)})
