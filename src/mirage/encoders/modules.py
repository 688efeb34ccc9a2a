"""The towers of open_clip and transformers models as modules of one input each. Needs torch."""

from __future__ import annotations

import copy
from typing import Any

import torch


class OpenClipText(torch.nn.Module):
    """The text tower of an open_clip model, as open_clip runs it: for towers that need their padding."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.model.encode_text(ids)


class OpenClipBertText(torch.nn.Module):
    """A BERT of the transformers library as text tower, as open_clip runs it.

    It is given the mask of padding ready to be added: what the library makes of a plain one is lost in an export to ONNX.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.text = model.text

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        inner = self.text.transformer
        there = ids != self.text.config.pad_token_id
        lowest = torch.finfo(inner.dtype).min
        hidden = torch.zeros_like(there, dtype=inner.dtype).masked_fill(~there, lowest)[:, None, None, :]
        made = inner(input_ids=ids, attention_mask=hidden)
        return self.text.proj(self.text.pooler(made, there.long()))


class OpenClipShortText(torch.nn.Module):
    """The causal text tower of an open_clip model, which takes texts as short as they are.

    open_clip adds all 77 positions and the whole mask, so it wants all 77 tokens. A token sees those before it alone, so the
    vector, taken at the end-of-text token, is the same without what stands behind.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        inner = getattr(model, "text", model)  # CustomTextCLIP keeps its text tower apart, CLIP does not
        self.token_embedding, self.transformer, self.ln_final = inner.token_embedding, inner.transformer, inner.ln_final
        self.positions, self.projection = inner.positional_embedding, inner.text_projection
        self.register_buffer("mask", inner.attn_mask, persistent=False)
        pool = getattr(inner, "pool_type", None) or inner.text_pool_type
        end = inner.eos_id if hasattr(inner, "eos_id") else inner.text_eos_id
        self.end: int | None = int(end) if pool == "eos" else None
        blocks = self.transformer.resblocks
        self.plain = all(type(block).__name__ == "ResidualAttentionBlock" for block in blocks)
        inward = [_as_linear(block.attn.in_proj_weight, block.attn.in_proj_bias) for block in blocks] if self.plain else []
        self.inward = torch.nn.ModuleList(inward)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        length = ids.shape[1]
        dtype = self.transformer.get_cast_dtype()
        x = self.token_embedding(ids).to(dtype) + self.positions[:length].to(dtype)
        mask = self.mask[:length, :length].to(dtype)
        if self.plain:
            for block, inward in zip(self.transformer.resblocks, self.inward, strict=True):
                x = x + block.ls_1(_attention(inward, block.attn, block.ln_1(x), mask))
                x = x + block.ls_2(block.mlp(block.ln_2(x)))
        else:
            x = self.transformer(x, attn_mask=mask)
        places = ids.argmax(1) if self.end is None else (ids == self.end).int().argmax(1)
        x = self.ln_final(x[torch.arange(ids.shape[0], device=ids.device), places])
        if self.projection is None:
            return x
        return self.projection(x) if isinstance(self.projection, torch.nn.Linear) else x @ self.projection


def _as_linear(weight: Any, bias: Any) -> torch.nn.Linear:
    made = torch.nn.Linear(1, 1, bias=bias is not None, device="meta")
    made.weight = weight
    if bias is not None:
        made.bias = bias
    return made


def _attention(inward: Any, inner: Any, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """What `torch.nn.MultiheadAttention` does, without the detours that bind an exported model to one length."""
    n, length, width = x.shape
    heads = inner.num_heads
    parts = inward(x).chunk(3, dim=-1)
    q, k, v = (part.reshape(n, length, heads, width // heads).transpose(1, 2) for part in parts)
    seen = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return inner.out_proj(seen.transpose(1, 2).reshape(n, length, width))


class OpenClipImage(torch.nn.Module):
    """The image tower of an open_clip model."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.visual = model.visual

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        made = self.visual(pixels)
        return made[0] if isinstance(made, tuple) else made


class TransformersTower(torch.nn.Module):
    """A tower of a CLIPModel or SiglipModel; that of texts without a mask of padding.

    CLIP's is causal, so nothing is padded that counts; SigLIP was trained to see its padding (Zhai et al., 2023).

    Parameters
    ----------
    tower : torch.nn.Module
    projection : torch.nn.Module, optional
        Into the space of both towers, where there is one.
    """

    def __init__(self, tower: Any, projection: Any) -> None:
        super().__init__()
        self.tower, self.projection = tower, projection

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        made = self.tower(given).pooler_output
        return made if self.projection is None else self.projection(made)


class OneDnnLinear(torch.nn.Module):
    """A linear layer whose matrix lies as oneDNN has it."""

    def __init__(self, dense: torch.nn.Linear) -> None:
        super().__init__()
        bias = dense.bias if dense.bias is not None else torch.zeros(dense.weight.shape[0])
        self.weight, self.bias = dense.weight.detach().to_mkldnn(), bias.detach().to_mkldnn()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.aten.mkldnn_linear(x.to_mkldnn(), self.weight, self.bias).to_dense()


def for_few_tokens(module: torch.nn.Module) -> torch.nn.Module:
    """A float32 tower of the processor whose matrices are multiplied by oneDNN, which is quicker where a text is short.

    Parameters
    ----------
    module : torch.nn.Module
        Left as it is; all but the matrices of its linear layers is shared with it.
    """
    shared: dict[int, Any] = {id(tensor): tensor for tensor in [*module.parameters(), *module.buffers()]}
    made = copy.deepcopy(module, shared)
    for parent in list(made.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, torch.nn.Linear):
                setattr(parent, name, OneDnnLinear(child))
    return made.eval()
