"""Weights of an exported encoder put back into the towers, so that training can go on from what ships.

The export folds each normalisation into its convolution, and stores the text tower's matrices in 8 bits. What comes back is
the same function, with the normalisations at rest: they keep scale and offset, and count no statistics any more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from mirage.errors import BadInput
from mirage_research.training.networks import ImageTower, StarterTowers, TextTower

Arrays = dict[str, npt.NDArray[Any]]


@torch.no_grad()
def go_on_from(towers: StarterTowers, folder: Path) -> None:
    """Load both towers, in place.

    Parameters
    ----------
    towers : StarterTowers
        Of the same architecture.
    folder : Path
        As `mirage_research.training.encoder_export.export` writes it.

    Raises
    ------
    mirage.errors.BadInput
        When the folder holds another architecture.
    """
    try:
        _image(towers.image, onnx.load(str(folder / "image.onnx")).graph)
        _text(towers.text, onnx.load(str(folder / "text.onnx")).graph)
    except (OSError, KeyError, IndexError, ValueError, RuntimeError) as error:
        raise BadInput(f"{folder} holds no encoder of this architecture to go on from: {error}") from error


def _arrays(graph: Any) -> Arrays:
    found = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    # Weights kept in fp16 are cast back by a node of the graph.
    return found | {
        node.output[0]: found[node.input[0]].astype(np.float32)
        for node in graph.node
        if node.op_type == "Cast" and node.input[0] in found
    }


def _image(tower: ImageTower, graph: Any) -> None:
    arrays = _arrays(graph)
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    own = [part for part in tower.trunk.modules() if isinstance(part, nn.Conv2d)]
    norms = [part for part in tower.trunk.modules() if isinstance(part, nn.BatchNorm2d)]
    if not len(convolutions) == len(own) == len(norms):
        raise ValueError(f"{len(convolutions)} convolutions, {len(own)} wanted")
    # Modules are registered in the order in which they run, but for a convolution and its normalisation side by side.
    for node, convolution, norm in zip(convolutions, own, norms, strict=True):
        _set(convolution.weight, arrays[node.input[1]])
        rest = norm.running_var
        assert rest is not None
        assert norm.running_mean is not None
        rest.fill_(1.0)
        norm.running_mean.zero_()
        norm.weight.fill_((1.0 + norm.eps) ** 0.5)
        _set(norm.bias, arrays[node.input[2]])
    _set(tower.head.weight, arrays["tower.head.weight"])
    _set(tower.head.bias, arrays["tower.head.bias"])
    tower.rest_norms()


def _text(tower: TextTower, graph: Any) -> None:
    arrays = _arrays(graph)
    kept = dict(tower.named_parameters())
    for name, value in arrays.items():
        if (own := kept.get(name.removeprefix("tower."))) is not None:
            _set(own, value)
    if "words_int8" in arrays:  # small tables are kept as they are
        words = arrays["words_int8"].astype(np.float32) * arrays["words_scale"]
        _set(kept["trunk.embeddings.word_embeddings.weight"], words)
    for node in graph.node:
        if node.op_type == "MatMulNBits":
            # /tower/trunk/encoder/layer.0/attention/self/query/MatMul_Q8
            own = kept[".".join(node.name.strip("/").split("/")[1:-1]) + ".weight"]
            blocks = arrays[node.input[1]].astype(np.float32) - 128.0
            matrix = (blocks * arrays[node.input[2]].reshape(*blocks.shape[:2], 1)).reshape(len(blocks), -1)
            _set(own, matrix[:, : own.shape[1]])


def _set(own: torch.Tensor, value: npt.NDArray[Any]) -> None:
    own.copy_(torch.from_numpy(np.array(value, dtype=np.float32)).reshape(own.shape))
