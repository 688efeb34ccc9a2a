"""Which files of a model are taken: safetensors, configurations, tokenizers, card and licence. No code, and no pickles."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Protocol, TypeVar

from mirage.errors import Unavailable
from mirage.models.pins import Pin

# model_index.json, config.json, tokenizer.json, merges.txt, vocab.txt, sentencepiece's *.model, chat templates.
_ENDINGS = {".json", ".txt", ".model", ".jinja"}
_PAPERS = re.compile(r"(readme|license|licence|notice|copying)[\w.-]*", re.IGNORECASE)
# Weights in other precisions, or as the training kept them, beside the ones that libraries load.
_VARIANT = re.compile(r"\.(fp16|bf16|fp32|ema|non_ema)(-\d{5}-of-\d{5})?\.(safetensors|json)$")
_PICKLE = re.compile(r"([\w.-]*model[\w.-]*)\.(bin|pt|pth|ckpt)$", re.IGNORECASE)
_ADAPTED = re.compile(r"(flax|tf|rust|onnx|openvino|coreml)(_.*)?")
_OPEN_CLIP = "open_clip_model.safetensors"
_INDEX = "model_index.json"


class Named(Protocol):
    """A file of a model, here or at the hub."""

    @property
    def path(self) -> str:
        """Below the model's folder, with slashes."""
        ...

    @property
    def sha256(self) -> str:
        """As stated, or empty."""
        ...


File = TypeVar("File", bound=Named)


def choose(model_id: str, files: Sequence[File], pin: Pin | None = None) -> list[File]:
    """Files to take.

    Parameters
    ----------
    model_id : str
        For messages.
    files : sequence
        All that there are.
    pin : Pin, optional
        Whose pinned pickles may be taken where there are no safetensors.

    Raises
    ------
    mirage.errors.Unavailable
        When weights are there as a pickle only, and its digest is not pinned; or when there are none.
    """
    paths = {file.path for file in files}
    pipeline = _INDEX in paths
    taken = [file for file in files if _wanted(file.path, pipeline, _OPEN_CLIP in paths)]
    folders = {str(PurePosixPath(file.path).parent) for file in taken if file.path.endswith(".safetensors")}
    pickles: dict[str, list[File]] = defaultdict(list)
    for file in files:
        if _PICKLE.search(PurePosixPath(file.path).name) and not _aside(file.path):
            pickles[str(PurePosixPath(file.path).parent)].append(file)
    for folder, found in pickles.items():
        # Of a pipeline every part needs weights of its own; of other models, one set of weights at the top is enough.
        if folder in folders or (folders and not pipeline) or (pipeline and folder == "."):
            continue
        allowed = [file for file in found if pin is not None and file.sha256 and file.sha256 in pin.pickle_sha256]
        if not allowed:
            names = ", ".join(sorted(file.path for file in found))
            raise Unavailable(
                f"{model_id} has these weights only as a pickle ({names}), which could run any code when it is opened. "
                "Refused. Name a revision that has safetensors with --revision."
            )
        taken += allowed
        folders.add(folder)
    if not folders:
        raise Unavailable(f"{model_id} holds no weights as *.safetensors at that revision. Name another with --revision.")
    return sorted(taken, key=lambda file: file.path)


def is_variant(name: str) -> bool:
    """Whether a file holds weights in another precision, or as the training kept them; libraries load none of them."""
    return bool(_VARIANT.search(name))


def _wanted(path: str, pipeline: bool, open_clip: bool) -> bool:
    whole = PurePosixPath(path)
    if _aside(path) or any(part.startswith(".") for part in whole.parts):
        return False
    if len(whole.parts) == 1 and _PAPERS.fullmatch(whole.name):
        return True
    if whole.suffix == ".safetensors":
        top = len(whole.parts) == 1
        # Beside a pipeline's parts lies at times all of it once more in one file; beside open_clip's weights, transformers'.
        again = (pipeline and top) or (open_clip and top and whole.name != _OPEN_CLIP)
        return not is_variant(whole.name) and not again
    return whole.suffix in _ENDINGS and not is_variant(whole.name)


def _aside(path: str) -> bool:
    """Whether a file belongs to another framework, or to how the model was trained."""
    parts = PurePosixPath(path).parts
    return bool(_ADAPTED.fullmatch(parts[0])) or any(
        part in ("runs", "logs") or part.startswith("checkpoint-") for part in parts
    )
