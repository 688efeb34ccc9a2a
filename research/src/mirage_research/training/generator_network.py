"""The network of the generator: where an image in latents moves at a time, told by a text; and its export to ONNX."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from diffusers import UNet2DConditionModel
from onnx import TensorProto, helper, numpy_helper

TIME_SCALE = 1000.0  # the network's own time runs from 0 to 1000
POOLED_SCALE = 16.0  # a unit vector of 256 numbers, brought to numbers of about 1


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the network is.

    Attributes
    ----------
    components : int
        Numbers to a patch of 8 × 8 pixels.
    side : int
        Latents are side × side; the image is eight times that.
    channels : tuple of int
        At each level, from the finest.
    layers : int
        Blocks at a level.
    states, pooled : int
        Length of a token's state, and of a text's vector.
    head : int
        Channels to an attention head.
    """

    components: int = 16
    side: int = 16
    channels: tuple[int, ...] = (128, 192, 256)
    layers: int = 2
    states: int = 384
    pooled: int = 256
    head: int = 64
    dropout: float = 0.05
    groups: int = 32


def network(shape: Shape) -> Any:
    """A `UNet2DConditionModel`: convolutions at the finest level, cross-attention to the text below it."""
    coarse = len(shape.channels) - 1
    return UNet2DConditionModel(
        sample_size=shape.side,
        in_channels=shape.components,
        out_channels=shape.components,
        block_out_channels=shape.channels,
        layers_per_block=shape.layers,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * coarse),
        up_block_types=(*["CrossAttnUpBlock2D"] * coarse, "UpBlock2D"),
        cross_attention_dim=shape.states,
        attention_head_dim=tuple(max(1, channels // shape.head) for channels in shape.channels),
        norm_num_groups=shape.groups,
        dropout=shape.dropout,
        class_embed_type="projection",
        projection_class_embeddings_input_dim=shape.pooled,
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


def export(
    inner: Any,
    shape: Shape,
    patches: Path,
    encoder: Path,
    target: Path,
    *,
    model: str = "mirage-starter-generator",
    licence: str = "Apache-2.0",
    steps: int = 25,
    guidance: float = 4.0,
    decoder: Path | None = None,
) -> Path:
    """Write the folder of a generator.

    Parameters
    ----------
    inner : UNet2DConditionModel
        With the averaged weights.
    shape : Shape
    patches : Path
        The basis, as ``patches.npz``.
    encoder : Path
        Folder of the text encoder that it was trained with; only its digest is noted.
    target : Path
    model, licence : str
    steps, guidance
        What it draws with when nobody says.
    decoder : Path, optional
        An ONNX model from latents to pixels, in place of the basis.
    """
    target.mkdir(parents=True, exist_ok=True)
    whole = target / "whole.onnx"
    inner.eval()
    given = (
        torch.randn(2, shape.components, shape.side, shape.side),
        torch.rand(2) * TIME_SCALE,
        torch.randn(2, 7, shape.states),
        torch.ones(2, 7),
        torch.randn(2, shape.pooled),
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
    if patches != target / "patches.npz":
        shutil.copyfile(patches, target / "patches.npz")
    if decoder is not None:
        shutil.copyfile(decoder, target / "decoder.onnx")
    with (encoder / "text.onnx").open("rb") as file:
        text = hashlib.file_digest(file, "sha256").hexdigest()
    config = {
        "format": 1,
        "model": model,
        "licence": licence,
        "size": shape.side * 8,
        "steps": steps,
        "guidance": guidance,
        "most_tokens": 64,
        "pooled_scale": POOLED_SCALE,
        "time_scale": TIME_SCALE,
        "text_output": TEXT_OUTPUT,
        "text_sha256": text,
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
