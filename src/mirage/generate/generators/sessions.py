"""Models in ONNX, opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mirage.errors import Unavailable


def opened(model: bytes | Path, path: Path, threads: int) -> Any:
    """An ONNX Runtime session on the CPU.

    Parameters
    ----------
    model : bytes or Path
    path : Path
        The file to name when it cannot be opened.
    threads : int

    Raises
    ------
    mirage.errors.Unavailable
    """
    import onnxruntime  # noqa: PLC0415 - not needed where nothing is drawn

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Weights ship as 8-bit numbers and are brought back to 32 bits once, when the model is opened, not at every step.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    try:
        given = model if isinstance(model, bytes) else str(model)
        return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises classes of its own that share no base
        raise Unavailable(f"{path} is damaged and cannot be opened. Install MIRAGE again.") from error
