"""The network of the generator: where an image in latents moves at a time, told by concepts; and its export to ONNX."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from diffusers import UNet2DConditionModel
from onnx import TensorProto, helper, numpy_helper

from mirage.errors import Unavailable
from mirage.generate.generators.conditions import Conditions, Learnt
from mirage_research.training.runs import GeneratorConfig

TIME_SCALE = 1000.0  # the network's own time runs from 0 to 1000
_STATES, _POOLED, _BASE = 384, 256, 2  # length of a token's state, of the vector of all that is said; tokens of nothing said
_HEAD = 64  # channels to an attention head


def network(config: GeneratorConfig) -> Any:
    """A `UNet2DConditionModel`: convolutions at the finest level, cross-attention to the conditions below it."""
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
    """The network with the signature that ships: latents, times, token states, their mask and the prompt's vector."""

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
            (n, t, d), of the tokens of each prompt.
        mask : torch.Tensor
            (n, t), 1 for a token and 0 for padding.
        pooled : torch.Tensor
            (n, e), the vector of each prompt.

        Returns
        -------
        torch.Tensor
            (n, k, s, s), the velocity: from the image towards noise.
        """
        return self.inner(
            latents, times, encoder_hidden_states=states, encoder_attention_mask=mask, class_labels=pooled
        ).sample


class Conditioned(torch.nn.Module):
    """The network and the learnt numbers of its conditions, as they are trained.

    Parameters
    ----------
    config : GeneratorConfig
    count : int
        How many concepts it learns.
    """

    def __init__(self, config: GeneratorConfig, count: int) -> None:
        super().__init__()
        self.inner = network(config)
        self.base = torch.nn.Parameter(torch.randn(_BASE, _STATES) * 0.5)
        self.states = torch.nn.Parameter(torch.randn(count, _STATES) * 0.5)
        self.pooled = torch.nn.Parameter(torch.randn(count + 1, _POOLED) * 0.5)

    def forward(self, latents: Any, times: Any, concepts: Any) -> Any:
        """(n, k, s, s), (n,) in 0 … 1000, (n, t) numbers of concepts or −1, to (n, k, s, s).

        Parameters
        ----------
        latents : torch.Tensor
        times : torch.Tensor
        concepts : torch.Tensor
        """
        there = concepts >= 0
        safe = concepts.clamp_min(0)
        states = torch.cat([self.base.expand(len(safe), -1, -1), self.states[safe] * there[..., None]], 1)
        nothing = ~there.any(1, keepdim=True)
        mask = torch.cat([nothing.expand(-1, len(self.base)), there], 1).float()
        pooled = self.pooled[-1] + (self.pooled[safe] * there[..., None]).sum(1)
        return self.inner(
            latents, times, encoder_hidden_states=states, encoder_attention_mask=mask, class_labels=pooled
        ).sample

    def conditions(self, learnt: Mapping[str, Learnt]) -> Conditions:
        """What ships of the conditions."""
        return Conditions(learnt, *(part.detach().numpy().copy() for part in (self.base, self.states, self.pooled)))

    @torch.no_grad()
    def begin_from(self, folder: Path, learnt: Iterable[str]) -> int:
        """Take over the weights of a generator that was exported; concepts that it has not learnt keep their own.

        Parameters
        ----------
        folder : Path
        learnt : iterable of str
            The concepts that this network is to learn, in order.

        Returns
        -------
        int
            How many concepts were taken over.

        Raises
        ------
        mirage.errors.Unavailable
            When it is a network of another shape.
        """
        try:
            self.inner.load_state_dict(weights_of(folder / "unet.onnx"))
        except RuntimeError as error:
            raise Unavailable(f"{folder} is no generator of this shape ({str(error)[:200]}).") from error
        before = Conditions.load(folder)
        number = {name: at for at, name in enumerate(before.learnt)}
        states, pooled = torch.from_numpy(before.states), torch.from_numpy(before.pooled)
        self.base.copy_(torch.from_numpy(before.base))
        self.pooled[-1] = pooled[-1]
        # What is new says nothing to begin with.
        self.states[:] = self.base.mean(0)
        self.pooled[:-1] = 0
        found = 0
        for at, name in enumerate(learnt):
            if name in number:
                self.states[at], self.pooled[at] = states[number[name]], pooled[number[name]]
                found += 1
        return found


def weights_of(path: Path) -> dict[str, Any]:
    """The weights of an exported network by the names that it has in torch, in 32 bits."""
    graph = onnx.load(str(path)).graph
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear":
            codes, scale = held[node.input[0]].astype(np.float32), held[node.input[1]]
            axis = next(each.i for each in node.attribute if each.name == "axis")
            held[node.output[0]] = codes * scale.reshape([-1 if number == axis else 1 for number in range(codes.ndim)])
    found = {name.removeprefix("inner."): value for name, value in held.items() if name.startswith("inner.")}
    for node in graph.node:
        place = node.name.strip("/").split("/")
        # A product with a matrix of weights is named by its place in the network; its matrix is turned round. A
        # normalisation of groups is a scale and a shift after one without.
        own = next((name for name in node.input if name.startswith("onnx::") and name in held), "")
        if not own or place[0] != "inner":
            continue
        where = ".".join(place[1:-1])
        value = held[own]
        if node.op_type == "MatMul":
            found[f"{where}.weight"] = value.T
        elif node.op_type in ("Mul", "Add"):
            found[f"{where}.{'weight' if node.op_type == 'Mul' else 'bias'}"] = value.ravel()
    return {
        name: torch.from_numpy(np.array(value))
        for name, value in found.items()
        if not name.endswith(("_codes", "_scale", "_zero"))
    }


_SMALL = 4096  # weights of fewer numbers stay as they are
_OPSET = 18


def export(
    trained: Conditioned, learnt: Mapping[str, Learnt], made_with: GeneratorConfig, patches: Path, target: Path
) -> Path:
    """Write the folder of a generator.

    Parameters
    ----------
    trained : Conditioned
        With the averaged weights.
    learnt : mapping
        Its concepts, in order.
    made_with : GeneratorConfig
    patches : Path
        The basis, as ``patches.npz``.
    target : Path
    """
    target.mkdir(parents=True, exist_ok=True)
    whole = target / "whole.onnx"
    inner = trained.inner.eval()
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
        "format": 2,
        "model": "mirage-starter-generator",
        "licence": "Apache-2.0",
        "size": made_with.side * 8,
        "steps": made_with.drawing_steps,
        "guidance": made_with.guidance,
        "time_scale": TIME_SCALE,
    }
    trained.conditions(learnt).save(target)
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
