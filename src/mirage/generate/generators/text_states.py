"""What a text says to the starter generator: the states of its tokens in the encoder that ships.

The encoder's ``text.onnx`` gives one vector for a text; its last layer's token states are inside and not given out. A
model in ONNX is one protobuf message, and when protobuf meets a field of a message twice it merges them. So a second,
tiny ``graph`` with one more output, appended to the file's bytes in memory, makes ONNX Runtime give the states too: no
second copy of the weights, and no package that edits models.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirage.errors import Unavailable
from mirage.models.runtime import loaded_once, onnx_session

Floats = npt.NDArray[np.float32]
# Weights ship as 8-bit numbers and are brought back to 32 bits once, when the model is opened, not at every step.
ONNX_ENTRIES = {"session.disable_quant_qdq": "1"}
_FLOAT = b"\x08\x01"  # TypeProto.Tensor { elem_type: FLOAT }


def with_output(model: bytes, name: str) -> bytes:
    """An ONNX model that also gives out one of its inner values, float32.

    Parameters
    ----------
    model : bytes
        A file of an ONNX model.
    name : str
        The inner value's name, which is the output's name as well.

    Returns
    -------
    bytes
        The model's file with that output after its others.
    """
    value = _field(1, name.encode()) + _field(2, _field(1, _FLOAT))  # ValueInfoProto { name, type { tensor_type } }
    return model + _field(7, _field(12, value))  # ModelProto { graph { output } }


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = b""
    while True:
        out += bytes([value & 127 | (128 if value > 127 else 0)])
        value >>= 7
        if not value:
            return out


class TextStates:
    """Texts to token states.

    Parameters
    ----------
    encoder : Path
        Folder of the encoder.
    output : str
        Name of the inner value that holds the states.
    most_tokens : int
        How many tokens of a text are read, its two marks counted.
    threads : int
    """

    def __init__(self, encoder: Path, output: str, most_tokens: int, threads: int = 2) -> None:
        self._folder, self._output, self._most, self._threads = encoder, output, most_tokens, threads

    def __call__(self, texts: list[str]) -> tuple[Floats, Floats, Floats]:
        """Read texts.

        Returns
        -------
        states : (n, tokens, d) float32
            Padded with zeros to the longest text.
        mask : (n, tokens) float32
            1 where there is a token.
        pooled : (n, e) float32
            The encoder's own vectors, unit length.
        """
        rows = [self._reader.encode(_sound(text)).ids for text in texts]
        longest = max(map(len, rows))
        pooled, parts = [], []
        mask = np.zeros((len(rows), longest), dtype=np.float32)
        for line, ids in enumerate(rows):
            # One by one: a text must mean the same whichever others are read beside it, to the last bit.
            given = np.array([ids], dtype=np.int64)
            vector, states = self._session.run(["vectors", self._output], {"ids": given, "mask": np.ones_like(given)})
            pooled.append(vector[0] / max(float(np.linalg.norm(vector[0])), 1e-6))
            parts.append(np.pad(states[0], ((0, longest - len(ids)), (0, 0))))
            mask[line, : len(ids)] = 1
        return np.stack(parts).astype(np.float32), mask, np.stack(pooled).astype(np.float32)

    def unread(self, text: str) -> str:
        """The end of a text that is not read; empty when all of it is."""
        row = self._reader.encode(_sound(text))
        if not row.overflowing:
            return ""
        read = [end for (_, end), special in zip(row.offsets, row.special_tokens_mask, strict=True) if not special]
        cut = read[-1] if read else 0
        while 0 < cut < len(text) and not text[cut - 1].isspace() and not text[cut].isspace():
            cut -= 1  # a word of which only a part was read was not read
        return text[cut:].strip()

    @loaded_once
    def _reader(self) -> Any:
        from tokenizers import Tokenizer  # noqa: PLC0415 - half a second saved where nothing is drawn

        path = self._folder / "tokenizer.json"
        if not path.is_file():
            raise Unavailable(f"The encoder in {self._folder} lacks tokenizer.json. Install MIRAGE again.")
        reader = Tokenizer.from_file(str(path))
        reader.no_padding()
        reader.enable_truncation(self._most)
        return reader

    @loaded_once
    def _session(self) -> Any:
        path = self._folder / "text.onnx"
        try:
            model = with_output(path.read_bytes(), self._output)
        except OSError as error:
            raise Unavailable(f"The encoder in {self._folder} lacks text.onnx. Install MIRAGE again.") from error
        return onnx_session(model, self._threads, "Install MIRAGE again.", path=path, entries=ONNX_ENTRIES)


def _sound(text: str) -> str:
    """Replace lone surrogates, which the tokenizer would refuse, one character for one so that offsets hold."""
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
