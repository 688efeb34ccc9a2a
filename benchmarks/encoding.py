"""How long a short query takes in the text tower of the paper's encoder: padded in torch, short in torch, in int8 ONNX.

The architecture is the paper's (open_clip ViT-L-14). Its weights are random, since speed does not depend on their values;
its image tower is left small where texts alone are timed, since it has no part in them.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.architectures import LARGE, saved

QUERY = "subdural hematoma CT"
_DIMENSION = 768


def short_query(kept: Path, *, rounds: int = 40, threads: int = 2, query: str = QUERY) -> dict[str, Any]:
    """Time one short query three ways, taking turns, so that whatever else the machine does falls on all three alike.

    Parameters
    ----------
    kept : Path
        A folder for the model.
    rounds : int
        How often each way is timed; medians are given.
    threads : int
    query : str

    Returns
    -------
    dict
        ``padded_torch_ms``, ``torch_ms``, ``int8_onnx_ms``, how many times quicker the last two are than the first
        (``torch_times``, ``int8_onnx_times``: medians over the rounds of the ratio within a round), how many tokens the
        query has, and the export's lowest cosine over texts.
    """
    import open_clip  # noqa: PLC0415 - of the [paper] extra
    import torch  # noqa: PLC0415

    from mirage import encoders  # noqa: PLC0415
    from mirage.encoders.export import export  # noqa: PLC0415

    torch.set_num_threads(threads)
    folder = saved(kept, LARGE, _DIMENSION)
    with tempfile.TemporaryDirectory() as scratch:
        model = open_clip.create_model(f"local-dir:{folder}").eval()
        tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
        ours = encoders.load("open_clip", model=str(folder), device="cpu", threads=threads)
        exported = export(ours, Path(scratch) / "onnx", "int8")
        quick = encoders.load("onnx", path=exported.folder, threads=threads)

        def padded() -> None:
            with torch.inference_mode():
                model.encode_text(tokenizer([query]), normalize=True)

        ways: dict[str, Callable[[], object]] = {
            "padded_torch": padded,
            "torch": lambda: ours.encode_texts([query]),
            "int8_onnx": lambda: quick.encode_texts([query]),
        }
        for way in ways.values():
            _timed(way, 3)  # to warm up
        took: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                took[name] += _timed(way, 1)
        tokens = len(ours.reading.ids([query])[0])  # type: ignore[attr-defined]
    told: dict[str, Any] = {f"{name}_ms": round(1000 * statistics.median(times), 1) for name, times in took.items()}
    for name in ("torch", "int8_onnx"):
        ratios = [slow / fast for slow, fast in zip(took["padded_torch"], took[name], strict=True)]
        told[f"{name}_times"] = round(statistics.median(ratios), 1)
    return {**told, "tokens": tokens, "threads": threads, "rounds": rounds, "text_cosine": exported.text_cosine}


def _timed(way: Callable[[], object], times: int) -> list[float]:
    took = []
    for _ in range(times):
        started = time.perf_counter()
        way()
        took.append(time.perf_counter() - started)
    return took
