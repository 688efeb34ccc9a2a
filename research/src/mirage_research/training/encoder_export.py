"""Trained towers to the folder that the adapter opens: ONNX, tokenizer, configuration."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from mirage.models.export import to_fp16, to_int8
from mirage_research.training.augmentation import OFFSET, SCALE
from mirage_research.training.networks import StarterTowers
from mirage_research.training.runs import EncoderConfig

MAX_TOKENS = 128
OPSET = 17


class _Words(torch.nn.Module):
    def __init__(self, tower: Any) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.tower(ids, mask)


class _Picture(torch.nn.Module):
    """Takes bytes, so that the scaling belongs to the model and its digest."""

    def __init__(self, tower: Any) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, squares: torch.Tensor) -> torch.Tensor:
        return self.tower((squares.float().permute(0, 3, 1, 2) - OFFSET) / SCALE)


def export(
    towers: StarterTowers,
    config: EncoderConfig,
    tokenizer: Path,
    folder: Path,
    *,
    max_tokens: int = MAX_TOKENS,
    small: bool = True,
    tell: Callable[[str], None] = lambda line: None,
) -> None:
    """Write ``image.onnx``, ``text.onnx``, ``tokenizer.json`` and ``config.json``.

    Parameters
    ----------
    towers : StarterTowers
        With the averaged weights; left in evaluation mode.
    config : EncoderConfig
    tokenizer : Path
        As ``tokenizer.json``.
    folder : Path
    max_tokens : int
        How many tokens of a text are read.
    small : bool
        Text weights in int8, with a scale for every 128 of them, and picture weights kept in fp16 (computed in fp32);
        otherwise all in fp32, to measure what the small ones cost.
    tell : callable
        Given a line for each model that was written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    towers.eval()
    with tempfile.TemporaryDirectory() as scratch:
        words, picture = Path(scratch) / "text.onnx", Path(scratch) / "image.onnx"
        ids = torch.ones((2, 7), dtype=torch.long)
        _export(_Words(towers.text), (ids, ids), words, ["ids", "mask"], {0: "n", 1: "tokens"})
        squares = torch.zeros((2, config.pixels, config.pixels, 3), dtype=torch.uint8)
        _export(_Picture(towers.image), (squares,), picture, ["squares"], {0: "n"})
        if small:
            to_int8(words, folder / "text.onnx")
            to_fp16(picture, folder / "image.onnx")
        else:
            shutil.copyfile(words, folder / "text.onnx")
            shutil.copyfile(picture, folder / "image.onnx")
    shutil.copyfile(tokenizer, folder / "tokenizer.json")
    settings = {
        "name": "starter",
        "format": 1,
        "dimension": config.dimension,
        "pixels": config.pixels,
        "max_tokens": max_tokens,
    }
    (folder / "config.json").write_text(json.dumps(settings, indent=1) + "\n", "utf-8")
    for file in ("text.onnx", "image.onnx"):
        tell(f"{file}: {(folder / file).stat().st_size / 1e6:.1f} MB")


def _export(
    module: torch.nn.Module, example: tuple[torch.Tensor, ...], path: Path, names: list[str], axes: dict[int, str]
) -> None:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            example,
            str(path),
            input_names=names,
            output_names=["vectors"],
            dynamic_axes=dict.fromkeys(names, axes) | {"vectors": {0: "n"}},
            opset_version=OPSET,
            do_constant_folding=True,
            dynamo=False,
        )
