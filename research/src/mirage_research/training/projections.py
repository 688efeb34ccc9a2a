"""Both towers as they are, and their projections into the shared space trained anew: minutes instead of an hour.

What the trunks say of a picture is computed once, for a few augmented draws of each, and of each wording once. Trained are
the picture's projection and a linear map after the text's, which is folded into that one. Vectors of MedPix's pictures are
held near those of before, so that what finds them still does. The files are those of the encoder it went on from but for the
two projections.
"""

from __future__ import annotations

import copy
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper
from torch import nn

from mirage.encoders.starter import StarterEncoder, to_square
from mirage_research.data.samples import TrainingSample, Wording, word
from mirage_research.evaluation.ranking import recalls
from mirage_research.training.augmentation import OFFSET, SCALE, augment
from mirage_research.training.contrastive import contrast_names
from mirage_research.training.epochs import attribute_values, choose_epoch, match_of, rate_at, targets_of
from mirage_research.training.networks import Attributes, contrast
from mirage_research.training.runs import EncoderConfig
from mirage_research.training.synonyms import Term, draw, kinds

Tell = Callable[[str], None]
Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.float16]
_BATCH, _KINDS = 64, 48


class Trunks:
    """An exported encoder, asked also for what its projection of pictures is given.

    Parameters
    ----------
    folder : Path
        As `mirage_research.training.encoder_export.export` writes it.
    threads : int
        Of the processor.
    """

    def __init__(self, folder: Path, threads: int = 2) -> None:
        self.folder = folder
        self.words = StarterEncoder(folder)
        model = onnx.load(str(folder / "image.onnx"))
        self.inner = next(node.input[0] for node in model.graph.node if node.op_type == "Gemm")
        model.graph.output.append(helper.make_empty_tensor_value_info(self.inner))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # A waiting thread that spins takes the processor from those that work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(model.SerializeToString(), options)

    def features(self, squares: npt.NDArray[np.uint8]) -> Rows:
        """Of (n, side, side, 3) uint8 squares what the projection is given, (n, width) float16."""
        name = self._session.get_inputs()[0].name
        return np.concatenate(
            [
                self._session.run([self.inner], {name: np.ascontiguousarray(squares[start : start + _BATCH])})[0]
                for start in range(0, len(squares), _BATCH)
            ]
        ).astype(np.float16)

    def head(self) -> nn.Linear:
        """The projection of pictures, as it is."""
        found = {
            each.name: numpy_helper.to_array(each) for each in onnx.load(str(self.folder / "image.onnx")).graph.initializer
        }
        weight = next(found[name] for name in ("tower.head.weight_half", "tower.head.weight") if name in found)
        head = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(weight.astype(np.float32)))
            head.bias.copy_(torch.from_numpy(found["tower.head.bias"].astype(np.float32)))
        return head

    def write(self, folder: Path, head: nn.Linear, after: nn.Linear) -> None:
        """Write the encoder with other projections.

        Parameters
        ----------
        folder : Path
        head : torch.nn.Linear
            Of pictures.
        after : torch.nn.Linear
            What follows that of texts; folded into it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for file in ("tokenizer.json", "config.json"):
            shutil.copyfile(self.folder / file, folder / file)
        own, after_weight = head.weight.detach().numpy(), after.weight.detach().numpy()
        _replaced(self.folder / "image.onnx", folder / "image.onnx", lambda _w, _b: (own, head.bias.detach().numpy()))
        # The map follows vectors of unit length and adds nothing, so that their length before makes no difference.
        _replaced(self.folder / "text.onnx", folder / "text.onnx", lambda w, b: (after_weight @ w, after_weight @ b))


def _projection(model: onnx.ModelProto) -> tuple[onnx.TensorProto, onnx.TensorProto]:
    """Weight and bias of the last layer, which the export keeps by name, the weight in 16 bits."""
    found = {each.name: each for each in model.graph.initializer}
    weight = next(found[name] for name in ("tower.head.weight_half", "tower.head.weight") if name in found)
    return weight, found["tower.head.bias"]


def _array(tensor: onnx.TensorProto) -> Vectors:
    return np.array(numpy_helper.to_array(tensor), dtype=np.float32)


def _replaced(source: Path, target: Path, change: Callable[[Vectors, Vectors], tuple[Vectors, Vectors]]) -> None:
    model = onnx.load(str(source))
    own = _projection(model)
    for each, value in zip(own, change(_array(own[0]), _array(own[1])), strict=True):
        kind = numpy_helper.to_array(each).dtype
        each.CopyFrom(numpy_helper.from_array(value.astype(kind), each.name))
    onnx.save(model, str(target))


class Remembered:
    """Vectors of texts, each encoded once, in float16."""

    def __init__(self, encode: Callable[[list[str]], Vectors]) -> None:
        self._encode = encode
        self._kept: dict[str, Rows] = {}

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        new = sorted({text for text in texts if text not in self._kept}, key=len)
        for start in range(0, len(new), _BATCH):
            part = new[start : start + _BATCH]
            self._kept.update(zip(part, self._encode(part).astype(np.float16), strict=True))
        return torch.from_numpy(np.stack([self._kept[text] for text in texts]).astype(np.float32))


def train_projections(
    config: EncoderConfig,
    trunks: Trunks,
    samples: Sequence[TrainingSample],
    squares: npt.NDArray[np.uint8],
    holdout: Sequence[TrainingSample],
    terms: Mapping[str, Sequence[Term]],
    out: Path,
    tell: Tell = print,
) -> Path:
    """Train both projections and write the encoder.

    Parameters
    ----------
    config : EncoderConfig
    trunks : Trunks
        Of the encoder to go on from.
    samples : sequence of TrainingSample
    squares : numpy.ndarray
        (n, s, s, 3) uint8, their pictures.
    holdout : sequence of TrainingSample
        What the epoch is chosen on, of the second half of all; the last where there are none.
    terms : mapping of str to sequence of Term
        Names with their synonyms; may be empty.
    out : Path
        Gets the features and the encoder.
    tell : callable

    Returns
    -------
    Path
        The folder of the encoder.
    """
    rng, torch_rng = random.Random(config.seed), torch.Generator().manual_seed(config.seed)  # noqa: S311
    torch.manual_seed(config.seed)
    drawn = _draws(config, trunks, squares, torch_rng, out, tell)
    wordings = [[word(sample, rng) for _ in range(config.draws)] for sample in samples]
    texts = Remembered(trunks.words.encode_texts)
    values = attribute_values(samples)
    head, old = trunks.head(), trunks.head().requires_grad_(False)
    after = nn.Linear(config.dimension, config.dimension, bias=False)
    nn.init.eye_(after.weight)
    attributes, scale = Attributes(values, config.dimension), nn.Parameter(torch.tensor(2.7))
    optimiser = torch.optim.AdamW(
        [
            {"params": list(head.parameters()), "peak": config.head_rate, "weight_decay": config.weight_decay},
            {"params": list(after.parameters()), "peak": config.text_rate, "weight_decay": 0.0},
            {"params": [*attributes.parameters(), scale], "peak": config.head_rate, "weight_decay": 0.0},
        ]
    )
    averaged = copy.deepcopy(nn.ModuleList([head, after])).requires_grad_(False)
    seen = _Holdout(holdout, trunks, texts, config.pixels) if holdout else None
    per_epoch = max(1, len(choose_epoch(samples, config, random.Random(0))) // config.batch)  # noqa: S311
    step, best, kept = 0, -1.0, copy.deepcopy(averaged)
    for epoch in range(config.epochs):
        losses, chosen = [], choose_epoch(samples, config, rng)
        for start in range(0, per_epoch * config.batch, config.batch):
            picked = chosen[start : start + config.batch]
            batch, worded = [samples[i] for i in picked], [rng.choice(wordings[i]) for i in picked]
            given = torch.from_numpy(np.stack([drawn[rng.randrange(len(drawn))][i] for i in picked]).astype(np.float32))
            pictures = _unit(head(nn.functional.dropout(given, config.dropout)))
            said = _unit(after(texts([each.text for each in worded])))
            loss = contrast(pictures, said, scale, match_of(batch, worded))
            loss = loss + config.attribute_weight * _attribute_loss(attributes, pictures, said, batch, worded, values)
            medpix = [place for place, sample in enumerate(batch) if sample.set == "medpix"]
            if config.keep and medpix:
                loss = loss + config.keep * (1 - (pictures[medpix] * _unit(old(given[medpix]))).sum(1)).mean()
            if terms and config.synonyms:
                loss = loss + _name_loss(config, terms, values, attributes, lambda of: _unit(after(texts(of))), scale, rng)
            optimiser.zero_grad()
            loss.backward()
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * rate_at(step / (per_epoch * config.epochs), config.warm_up)
            optimiser.step()
            losses.append(float(loss.detach()))
            step += 1
            with torch.no_grad():
                for own, now in zip(averaged.parameters(), [*head.parameters(), *after.parameters()], strict=True):
                    own.lerp_(now, 1 - min(config.averaging, (1 + step) / (10 + step)))
        scores = seen.scores(*averaged) if seen else {}
        tell(f"epoch {epoch + 1}: loss {np.mean(losses):.3f} {scores}")
        if not scores or (epoch + 1 > config.epochs // 2 and sum(scores.values()) > best):
            best, kept = sum(scores.values()), copy.deepcopy(averaged)
    folder = out / "encoder"
    trunks.write(folder, *kept)
    return folder


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    return nn.functional.normalize(vectors, dim=-1)


def _draws(
    config: EncoderConfig, trunks: Trunks, squares: npt.NDArray[np.uint8], generator: torch.Generator, out: Path, tell: Tell
) -> list[Rows]:
    """The first as it is, the others augmented; kept in files, so that a second run begins at once."""
    found = []
    for number in range(config.draws):
        file = out / f"features-{number}.npy"
        if not file.is_file():
            rows = []
            for start in range(0, len(squares), _BATCH):
                x = torch.from_numpy(np.ascontiguousarray(squares[start : start + _BATCH]))
                made = augment(x, config.pixels, generator) * SCALE + OFFSET if number else _scaled(x, config.pixels)
                rows.append(trunks.features(made.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()))
            np.save(file, np.concatenate(rows))
            tell(f"features, draw {number + 1} of {config.draws}")
        found.append(np.load(file, mmap_mode="r"))
    return found


def _scaled(squares: torch.Tensor, pixels: int) -> torch.Tensor:
    x = squares.permute(0, 3, 1, 2).float()
    return nn.functional.interpolate(x, (pixels, pixels), mode="bilinear", antialias=True)


def _attribute_loss(
    attributes: Attributes,
    pictures: torch.Tensor,
    said: torch.Tensor,
    batch: Sequence[TrainingSample],
    worded: Sequence[Wording],
    values: dict[str, list[str]],
) -> torch.Tensor:
    targets = targets_of(batch, values)
    told = torch.tensor([each.kind != "case" for each in worded])
    of_words = {name: torch.where(told, target, -100) for name, target in targets.items()}
    loss: torch.Tensor = attributes(pictures, targets) + 0.5 * attributes(said, of_words)
    return loss


def _name_loss(
    config: EncoderConfig,
    terms: Mapping[str, Sequence[Term]],
    values: dict[str, list[str]],
    attributes: Attributes,
    encode: Callable[[list[str]], torch.Tensor],
    scale: torch.Tensor,
    rng: random.Random,
) -> torch.Tensor:
    drawn = draw(terms, config.synonyms, rng)
    named = kinds(terms, _KINDS, rng, values.get("modality", ()))
    loss = config.synonym_weight * contrast_names(encode(drawn.names), encode(drawn.called), encode(drawn.near), scale)
    if named:
        targets = {"modality": torch.tensor([values["modality"].index(modality) for _, modality in named])}
        loss = loss + 0.5 * config.attribute_weight * attributes(encode([text for text, _ in named]), targets)
    return loss


class _Holdout:
    """The cases set aside, their features and words encoded once."""

    def __init__(self, samples: Sequence[TrainingSample], trunks: Trunks, texts: Remembered, pixels: int) -> None:
        squares = np.stack([to_square(sample.image(), pixels) for sample in samples])
        self._given = torch.from_numpy(trunks.features(squares).astype(np.float32))
        self._asked = texts([sample.query for sample in samples])
        keys = [sample.caption_group for sample in samples]
        self._right = np.array([[a == b for b in keys] for a in keys])

    @torch.no_grad()
    def scores(self, head: nn.Module, after: nn.Module) -> dict[str, float]:
        """R@1, 5 and 10 of words to pictures."""
        found = (_unit(after(self._asked)) @ _unit(head(self._given)).T).numpy()
        return {name: round(float(values.mean()), 4) for name, values in recalls(found, self._right).items()}
