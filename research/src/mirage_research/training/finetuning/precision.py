"""Which device, and in what the towers compute on it."""

from __future__ import annotations

import torch

from mirage.errors import BadInput, Unavailable
from mirage_research.training.finetuning.caching import Precision


def choose_precision(device: str, wanted: str) -> Precision:
    """Choose device and number format.

    ``auto`` takes bf16 where the device computes in it; on a CUDA card without it fp16, with a scaler; elsewhere fp32.

    Parameters
    ----------
    device : str
        ``cuda``, ``cuda:1``, ``mps`` or ``cpu``; the best that is there when empty.
    wanted : {"auto", "bf16", "fp16", "fp32"}

    Raises
    ------
    mirage.errors.BadInput
        When the device's name is no device.
    mirage.errors.Unavailable
        When the device is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    chosen = device or next(name for name, found in there.items() if found)
    kind = chosen.partition(":")[0]
    if kind not in there:
        raise BadInput(f"--device {device} is no device. It can be {', '.join(there)}.")
    if not there[kind]:
        raise Unavailable(f"There is no {kind} device here, or this torch was built without it. Leave out --device.")
    if kind == "cuda":
        try:
            torch.cuda.set_device(chosen)
        except (RuntimeError, ValueError, AssertionError) as error:
            raise Unavailable(f"The device {chosen} is not here; {torch.cuda.device_count()} of CUDA are.") from error
    if wanted == "auto":
        wanted = _best(kind)
    return Precision(chosen, {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}[wanted])


def _best(kind: str) -> str:
    if kind == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    # A processor without bf16 imitates it, slower than it computes in 32 bits.
    return "bf16" if kind == "cpu" and _processor_has_bf16() else "fp32"


def _processor_has_bf16() -> bool:
    try:
        return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):  # builds without oneDNN do not have the question
        return False
