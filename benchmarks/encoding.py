"""How long a short query takes in the text tower of the paper's encoder: padded in torch, short in torch, in int8 ONNX.

The architecture is the paper's (open_clip ViT-L-14). Its weights are random, since speed does not depend on their values;
its image tower is left small where texts alone are timed, since it has no part in them.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

QUERY = "subdural hematoma CT"
PAPER = {
    "embed_dim": 768,
    "vision_cfg": {"image_size": 448, "layers": 24, "width": 1024, "patch_size": 14},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 768, "heads": 12, "layers": 12},
}
_SMALL_VISION = {"image_size": 28, "layers": 1, "width": 64, "patch_size": 14}


@contextmanager
def paper_model(*, image_tower: bool = False) -> Iterator[Path]:
    """A folder with the paper's architecture and random weights, there for as long as it is used; needs open_clip."""
    import open_clip  # noqa: PLC0415 - of the [paper] extra
    import torch  # noqa: PLC0415
    from open_clip.push_to_hf_hub import save_config_for_hf  # noqa: PLC0415
    from safetensors.torch import save_file  # noqa: PLC0415

    config = PAPER if image_tower else {**PAPER, "vision_cfg": _SMALL_VISION}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
        torch.manual_seed(0)
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
        save_config_for_hf(model, folder / "open_clip_config.json", config)
        save_file(model.state_dict(), folder / "open_clip_model.safetensors")
        del model
        yield folder


def short_query(*, image_tower: bool = False, rounds: int = 40, threads: int = 2, query: str = QUERY) -> dict[str, Any]:
    """Time one short query three ways, taking turns, so that whatever else the machine does falls on all three alike.

    Parameters
    ----------
    image_tower : bool
        Whether the model has the paper's image tower too: the text tower is as quick, and 1.2 GB more are written and read.
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
    from mirage.models.exporting import export  # noqa: PLC0415

    torch.set_num_threads(threads)
    with paper_model(image_tower=image_tower) as folder, tempfile.TemporaryDirectory() as scratch:
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


if __name__ == "__main__":
    print(json.dumps(short_query(), indent=1))
