"""The network: where an image in latents moves at a time, told by a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel

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
        """(n, k, s, s), (n,) in 0 … 1000, (n, t, d), (n, t), (n, e) to (n, k, s, s)."""
        return self.inner(
            latents, times, encoder_hidden_states=states, encoder_attention_mask=mask, class_labels=pooled
        ).sample
