"""Trained towers to the folder that the adapter opens: ONNX, tokenizer, configuration."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer

from mirage.training.augment import OFFSET, SCALE
from mirage.training.config import Config
from mirage.training.networks import Towers

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
    towers: Towers,
    config: Config,
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
    small : bool
        Text weights in int8, with a scale for every 128 of them, and picture weights kept in fp16 (computed in fp32);
        otherwise all in fp32, to measure what the small ones cost.
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
            shrink_words(words, folder / "text.onnx")
            keep_in_half(picture, folder / "image.onnx")
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


def shrink_words(source: Path, target: Path) -> None:
    """Store the text tower's matrices in int8, in blocks of 128, and its word vectors in int8 with a scale each.

    Blocks keep outliers to themselves: against the fp32 tower, the mean cosine is 0.999 where one scale per tensor of
    activations gave 0.992, at the same speed.
    """
    model = onnx.load(str(source))
    # accuracy_level 4 computes in int8; bits and block size are the weights'.
    settings = DefaultWeightOnlyQuantConfig(block_size=128, is_symmetric=True, accuracy_level=4, bits=8)
    logging.getLogger("onnxruntime.quantization.matmul_nbits_quantizer").setLevel(logging.WARNING)
    quantizer = MatMulNBitsQuantizer(model, algo_config=settings)
    quantizer.process()
    shrunk = quantizer.model.model
    _shrink_vocabulary(shrunk)
    _halve(shrunk)
    onnx.save(shrunk, str(target))


def _shrink_vocabulary(model: onnx.ModelProto) -> None:
    graph = model.graph
    weights = {weight.name: weight for weight in graph.initializer}
    largest = max(weights.values(), key=lambda weight: int(np.prod(weight.dims)))
    lookup = next(node for node in graph.node if node.op_type == "Gather" and node.input[0] == largest.name)
    values = numpy_helper.to_array(largest).astype(np.float32)
    scale = np.abs(values).max(1, keepdims=True) / 127
    whole = np.round(values / np.maximum(scale, 1e-12)).astype(np.int8)
    graph.initializer.remove(largest)
    graph.initializer.extend([numpy_helper.from_array(whole, "words_int8"), numpy_helper.from_array(scale, "words_scale")])
    ids, place = lookup.input[1], list(graph.node).index(lookup)
    nodes = [
        helper.make_node("Gather", ["words_int8", ids], ["words_whole"]),
        helper.make_node("Cast", ["words_whole"], ["words_float"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["words_scale", ids], ["words_scales"]),
        helper.make_node("Mul", ["words_float", "words_scales"], [lookup.output[0]]),
    ]
    graph.node.remove(lookup)
    for node in reversed(nodes):
        graph.node.insert(place, node)


def keep_in_half(source: Path, target: Path) -> None:
    """Store large fp32 weights as fp16 and cast them back when the model is loaded: half the size, fp32 arithmetic."""
    model = onnx.load(str(source))
    _halve(model)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def _halve(model: onnx.ModelProto, least: int = 8192) -> None:
    graph, casts = model.graph, []
    for weight in list(graph.initializer):
        scales = weight.name.endswith(("_scale", "_scales"))
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < least or scales:
            continue
        values = numpy_helper.to_array(weight)
        half = f"{weight.name}_half"
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), half))
        casts.append(helper.make_node("Cast", [half], [weight.name], to=TensorProto.FLOAT, name=f"{half}_cast"))
        graph.initializer.remove(weight)
    for cast in reversed(casts):
        graph.node.insert(0, cast)
