"""The network of the generator: where an image in latents moves at a time, told by a text; and its export to ONNX."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from diffusers import UNet2DConditionModel
from onnx import TensorProto, helper, numpy_helper

from mirage.models.runtime import sha256_of
from mirage_research.training.runs import GeneratorConfig

TIME_SCALE = 1000.0  # the network's own time runs from 0 to 1000
_STATES, _POOLED = 384, 256  # length of a token's state, and of a text's vector
_HEAD = 64  # channels to an attention head
POOLED_SCALE = 16.0  # a unit vector of 256 numbers, brought to numbers of about 1


def network(config: GeneratorConfig) -> Any:
    """A `UNet2DConditionModel`: convolutions at the finest level, cross-attention to the text below it."""
    coarse = len(config.channels) - 1
    return UNet2DConditionModel(
        sample_size=config.side,
        in_channels=config.components,
        out_channels=config.components,
        block_out_channels=config.channels,
        layers_per_block=config.layers,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * coarse),
        up_block_types=(*["CrossAttnUpBlock2D"] * coarse, "UpBlock2D"),
        cross_attention_dim=_STATES,
        attention_head_dim=tuple(max(1, channels // _HEAD) for channels in config.channels),
        dropout=config.dropout,
        class_embed_type="projection",
        projection_class_embeddings_input_dim=_POOLED,
    )


class Velocity(torch.nn.Module):
    """The network with the signature that ships: latents, times, token states, their mask and the text's vector."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, latents: Any, times: Any, states: Any, mask: Any, pooled: Any) -> Any:
        """(n, k, s, s), (n,) in 0 … 1000, (n, t, d), (n, t), (n, e) to (n, k, s, s).

        Parameters
        ----------
        latents : torch.Tensor
            (n, k, s, s), the image with its noise.
        times : torch.Tensor
            (n,), from 0, the image, to 1000, noise.
        states : torch.Tensor
            (n, t, d), of the tokens of each text.
        mask : torch.Tensor
            (n, t), 1 for a token and 0 for padding.
        pooled : torch.Tensor
            (n, e), the vector of each text, times `POOLED_SCALE`.

        Returns
        -------
        torch.Tensor
            (n, k, s, s), the velocity: from the image towards noise.
        """
        return self.inner(
            latents, times, encoder_hidden_states=states, encoder_attention_mask=mask, class_labels=pooled
        ).sample


TEXT_OUTPUT = "/tower/trunk/encoder/layer.5/output/LayerNorm/LayerNormalization_output_0"
_SMALL = 4096  # weights of fewer numbers stay as they are
_OPSET = 18


def export(inner: Any, made_with: GeneratorConfig, patches: Path, encoder: Path, target: Path) -> Path:
    """Write the folder of a generator.

    Parameters
    ----------
    inner : UNet2DConditionModel
        With the averaged weights.
    made_with : GeneratorConfig
    patches : Path
        The basis, as ``patches.npz``.
    encoder : Path
        Folder of the text encoder that it was trained with; only its digest is noted.
    target : Path
    """
    target.mkdir(parents=True, exist_ok=True)
    whole = target / "whole.onnx"
    inner.eval()
    given = (
        torch.randn(2, made_with.components, made_with.side, made_with.side),
        torch.rand(2) * TIME_SCALE,
        torch.randn(2, 7, _STATES),
        torch.ones(2, 7),
        torch.randn(2, _POOLED),
    )
    names = ["latents", "times", "states", "mask", "pooled"]
    free = {name: {0: "n"} for name in [*names, "velocity"]}
    free["states"][1] = free["mask"][1] = "tokens"
    with torch.no_grad():
        torch.onnx.export(
            Velocity(inner),
            given,
            str(whole),
            input_names=names,
            output_names=["velocity"],
            dynamic_axes=free,
            opset_version=_OPSET,
            dynamo=False,
        )
    onnx.save(smaller(onnx.load(str(whole))), str(target / "unet.onnx"))
    whole.unlink()
    shutil.copyfile(patches, target / "patches.npz")
    config = {
        "format": 1,
        "model": "mirage-starter-generator",
        "licence": "Apache-2.0",
        "size": made_with.side * 8,
        "steps": made_with.drawing_steps,
        "guidance": made_with.guidance,
        "most_tokens": 64,
        "pooled_scale": POOLED_SCALE,
        "time_scale": TIME_SCALE,
        "text_output": TEXT_OUTPUT,
        "text_sha256": sha256_of(encoder / "text.onnx"),
    }
    (target / "config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    return target


def smaller(model: Any) -> Any:
    """Weights as 8-bit integers, one scale for each output channel, brought back when the model is opened.

    Only storage is 8-bit; all arithmetic stays in 32 bits. A weight w of a channel becomes round(w / s), s = max |w| / 127.
    """
    graph = model.graph
    kept, before = [], []
    # A matrix product has its output channels last, a convolution and a Gemm with transB first.
    last = {name for node in graph.node if node.op_type == "MatMul" for name in node.input}
    for tensor in graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or weights.size < _SMALL or weights.ndim < 2:
            kept.append(tensor)
            continue
        axis = weights.ndim - 1 if tensor.name in last else 0
        others = tuple(number for number in range(weights.ndim) if number != axis)
        scale = np.maximum(np.abs(weights).max(axis=others) / 127, 1e-12).astype(np.float32)
        along = [1] * weights.ndim
        along[axis] = -1
        codes = np.round(weights / scale.reshape(along)).astype(np.int8)
        names = [f"{tensor.name}_{part}" for part in ("codes", "scale", "zero")]
        kept += [
            numpy_helper.from_array(codes, names[0]),
            numpy_helper.from_array(scale, names[1]),
            numpy_helper.from_array(np.zeros(len(scale), np.int8), names[2]),
        ]
        before.append(helper.make_node("DequantizeLinear", names, [tensor.name], axis=axis))
    nodes = list(graph.node)
    del graph.node[:], graph.initializer[:]
    graph.initializer.extend(kept)
    graph.node.extend([*before, *nodes])
    return model
