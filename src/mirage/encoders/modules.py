"""The towers of open_clip and transformers models as modules of one input each. Needs torch."""

from __future__ import annotations

from typing import Any

import torch


class OpenClipText(torch.nn.Module):
    """The text tower of an open_clip model, as open_clip runs it: for towers that need their padding."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.model.encode_text(ids)


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
        end = getattr(inner, "eos_id", None) if hasattr(inner, "eos_id") else inner.text_eos_id
        self.end: int | None = int(end) if pool == "eos" else None

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        length = ids.shape[1]
        dtype = self.transformer.get_cast_dtype()
        x = self.token_embedding(ids).to(dtype) + self.positions[:length].to(dtype)
        x = self.transformer(x, attn_mask=self.mask[:length, :length])
        places = ids.argmax(1) if self.end is None else (ids == self.end).int().argmax(1)
        x = self.ln_final(x[torch.arange(ids.shape[0], device=ids.device), places])
        if self.projection is None:
            return x
        return self.projection(x) if isinstance(self.projection, torch.nn.Linear) else x @ self.projection


class OpenClipImage(torch.nn.Module):
    """The image tower of an open_clip model."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.visual = model.visual

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        made = self.visual(pixels)
        return made[0] if isinstance(made, tuple) else made


class TransformersText(torch.nn.Module):
    """The text tower of a CLIPModel or SiglipModel, without a mask of padding.

    CLIP's is causal, so nothing is padded that counts; SigLIP was trained to see its padding (Zhai et al., 2023).
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.text = model.text_model
        self.projection = getattr(model, "text_projection", None)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        made = self.text(input_ids=ids).pooler_output
        return made if self.projection is None else self.projection(made)


class TransformersImage(torch.nn.Module):
    """The image tower of a CLIPModel or SiglipModel."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.vision = model.vision_model
        self.projection = getattr(model, "visual_projection", None)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        made = self.vision(pixel_values=pixels).pooler_output
        return made if self.projection is None else self.projection(made)
