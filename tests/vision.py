"""open_clip for the tests that want it: installed apart, because its torchvision does not fit the CPU build of torch.

`make test-models` puts it into a folder of its own, which the environment variable ``MIRAGE_TEST_VISION`` names::

    pip install --target FOLDER --no-deps open_clip_torch torchvision==0.28.0 timm ftfy wcwidth

The wheel of torchvision registers operators that only a CUDA torch has, and fails with "operator torchvision::nms does not
exist"; transformers and diffusers, which look for it, then fail too. An empty module in place of the one that registers them
mends that: its transforms need none of them. Where torch and torchvision match, none of this is needed.
"""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest

_REGISTERS = "torchvision._meta_registrations"


def vision_folder() -> Path | None:
    """The folder that holds open_clip and torchvision, or None."""
    named = os.environ.get("MIRAGE_TEST_VISION", "")
    folder = Path(named).expanduser() if named else None
    return folder if folder is not None and (folder / "open_clip").is_dir() else None


def vision() -> Any:
    """Make open_clip importable and return it; skip, saying why, where it is not there."""
    folder = vision_folder()
    if folder is None:
        pytest.skip("open_clip is looked for in the folder that MIRAGE_TEST_VISION names, and is not there")
    if "torchvision" not in sys.modules:
        sys.modules.setdefault(_REGISTERS, types.ModuleType(_REGISTERS))
    if str(folder) not in sys.path:
        # Last, so that nothing in it shadows what is installed.
        sys.path.append(str(folder))
    return pytest.importorskip("open_clip", reason=f"open_clip in {folder} cannot be imported")
