"""An encoder that `mirage models export` wrote: ONNX Runtime and tokenizers, no torch, no transformers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image

from mirage.encoders.base import EncoderInfo
from mirage.encoders.preprocessing import Preprocessing
from mirage.encoders.tokenizing import TowerTokenizer, for_tower
from mirage.encoders.towers import Raw, TokenRows, TowerEncoder, TowerRunner
from mirage.errors import BadInput, Unavailable
from mirage.models.runtime import OnnxSessions, digest_of_parts, first_line, loaded_once, remembered_sha256
from mirage.settings import Settings

FORMAT = 1
CONFIG, TEXT, IMAGE, TOKENIZER = "config.json", "text.onnx", "image.onnx", "tokenizer.json"
_ANEW = "Export the model again (`mirage models export`), or copy the folder anew."
_TEXTS_AT_ONCE, _IMAGES_AT_ONCE = 8, 4


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
        Whether a short text may be given short; see `mirage.encoders.tokenizing.TowerTokenizer`.
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
        values = asdict(self)
        del values["made_from"]["made_from"]
        return json.dumps(values, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `print` wrote.

        Raises
        ------
        ValueError, KeyError, TypeError
            When it is no configuration of an exported encoder.
        """
        given: dict[str, Any] = json.loads(text)
        return cls(
            format=int(given["format"]),
            precision=str(given["precision"]),
            made_from=EncoderInfo(**given["made_from"]),
            preprocessing=Preprocessing.of(given["preprocessing"]),
            max_tokens=int(given["max_tokens"]),
            pad=int(given["pad"]),
            trims=bool(given["trims"]),
            checked=dict(given["checked"]),
        )


class OnnxEncoder(TowerEncoder):
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
            raise BadInput("The onnx encoder needs the folder that `mirage models export` wrote (setting encoder_model).")
        self._folder = Path(path).expanduser()
        self._sessions = OnnxSessions(self._folder, threads, _ANEW)
        missing = [name for name in (CONFIG, TEXT, IMAGE, TOKENIZER) if not (self._folder / name).is_file()]
        if missing:
            raise Unavailable(f"The encoder in {self._folder} lacks {', '.join(missing)}. {_ANEW}")
        try:
            text = (self._folder / CONFIG).read_text("utf-8")
            made_for = json.loads(text)["format"]
            if isinstance(made_for, int) and made_for > FORMAT:
                raise Unavailable(f"The encoder in {self._folder} was made by a newer MIRAGE. Update MIRAGE to use it.")
            self.exported = ExportConfig.parse(text)
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise Unavailable(f"{self._folder / CONFIG} is damaged ({first_line(error)[:-1]}). {_ANEW}") from error

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
        return all((folder / name).is_file() for name in (CONFIG, TEXT, IMAGE, TOKENIZER))

    def info(self) -> EncoderInfo:
        """Tell name, digest and sizes, and whose vectors these are."""
        origin = self.exported.made_from
        return EncoderInfo(
            "onnx", self._digest, origin.dimension, self.exported.max_tokens, str(self._folder), made_from=origin.digest
        )

    @loaded_once
    def _digest(self) -> str:
        weights = sorted(path.name for path in self._folder.glob("*.onnx.data"))
        files = [CONFIG, TEXT, IMAGE, TOKENIZER, *weights]
        return digest_of_parts((name, remembered_sha256(self._folder / name)) for name in files)

    @loaded_once
    def tokenizer(self) -> TowerTokenizer:
        """How texts are read."""
        from tokenizers import Tokenizer  # noqa: PLC0415 - half a second saved where nothing is encoded

        told = self.exported
        try:
            made = Tokenizer.from_file(str(self._folder / TOKENIZER))
        except Exception as error:  # the tokenizers library raises nothing narrower
            raise Unavailable(f"{self._folder / TOKENIZER} is damaged: {first_line(error)} {_ANEW}") from error
        return for_tower(made, told.max_tokens, told.pad, told.trims)

    @loaded_once
    def _runner(self) -> TowerRunner:
        def texts(rows: TokenRows) -> Raw:
            return self._run(TEXT, {"ids": self.tokenizer.padded(rows)})

        def images(pictures: Sequence[Image.Image]) -> Raw:
            return self._run(IMAGE, {"pixels": self.exported.preprocessing.pixels(pictures)})

        dimension = self.exported.made_from.dimension
        return TowerRunner(self.tokenizer, dimension, texts, images, _TEXTS_AT_ONCE, _IMAGES_AT_ONCE)

    def _run(self, name: str, given: dict[str, Any]) -> Raw:
        return np.asarray(self._sessions[name].run(None, given)[0], dtype=np.float32)
