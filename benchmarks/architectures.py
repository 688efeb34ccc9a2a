"""Models of open_clip's architectures with random weights, on which the time of encoding does not depend."""

# ruff: noqa: PLC0415 - torch and open_clip are there only with an extra

from __future__ import annotations

import json
import os
import sys
import types
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_TEXT: dict[str, Any] = {"context_length": 77, "vocab_size": 49408}
# The paper's text tower; its image tower is cut to one layer, since no text goes through it.
LARGE = {"vision_cfg": {"image_size": 224, "layers": 1, "width": 64, "head_width": 64, "patch_size": 32}} | {
    "text_cfg": _TEXT | {"width": 768, "heads": 12, "layers": 12}
}
BASE = {"vision_cfg": {"image_size": 224, "layers": 12, "width": 768, "patch_size": 32}} | {
    "text_cfg": _TEXT | {"width": 512, "heads": 8, "layers": 12}
}
TINY = {"vision_cfg": {"image_size": 64, "layers": 1, "width": 64, "head_width": 64, "patch_size": 32}} | {
    "text_cfg": _TEXT | {"width": 64, "heads": 2, "layers": 2}
}


def reach() -> bool:
    """Whether torch and open_clip can be imported, from a folder apart where ``MIRAGE_TEST_VISION`` names one.

    A torchvision made for another build of torch fails at its first import; an empty module in place of the one that fails
    is enough for open_clip.
    """
    apart = os.environ.get("MIRAGE_TEST_VISION", "")
    if apart and apart not in sys.path and not find_spec("open_clip"):
        sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations"))
        sys.path.append(apart)
    return bool(find_spec("torch") and find_spec("open_clip"))


def saved(folder: Path, config: dict[str, Any], dimension: int) -> Path:
    """Save a model of random weights as open_clip's ``local-dir:`` wants it, once."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    config = {"embed_dim": dimension, **config}
    text_cfg = config["text_cfg"]
    place = folder / f"open-clip-{text_cfg['width']}-{config['vision_cfg']['width']}-{dimension}"
    if (place / "open_clip_config.json").exists():
        return place
    place.mkdir(exist_ok=True)
    torch.manual_seed(0)
    model = open_clip.CLIP(embed_dim=dimension, vision_cfg=config["vision_cfg"], text_cfg=text_cfg)
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(state, str(place / "open_clip_model.safetensors"))
    whole = {"model_cfg": config, "preprocess_cfg": {"interpolation": "bicubic", "resize_mode": "shortest"}}
    (place / "open_clip_config.json").write_text(json.dumps(whole), "utf-8")
    return place
