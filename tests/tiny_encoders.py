"""Tiny dual encoders of the real classes, saved as hub models are, and figures for them to learn."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from generate.generators.tiny_pipeline import save_tokenizer

SIDE = 32  # pixels
SHAPES = ("bar", "cross", "frame", "blob")
SIDES = ("left", "right", "upper", "lower")


def caption(number: int) -> str:
    """What a drawn figure shows; sixteen different ones."""
    return f"A {SHAPES[number % 4]} in the {SIDES[number // 4 % 4]} half. Drawing number {number}."


def drawing(number: int) -> Image.Image:
    """A bright shape on dark ground, a little different each time."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 40, (48, 48))
    row, column = {"left": (24, 12), "right": (24, 36), "upper": (12, 24), "lower": (36, 24)}[SIDES[number // 4 % 4]]
    rows, columns = np.mgrid[0:48, 0:48]
    down, across = np.abs(rows - row), np.abs(columns - column)
    shown = {
        "bar": (down < 3) & (across < 10),
        "cross": ((down < 3) & (across < 10)) | ((across < 3) & (down < 10)),
        "frame": (np.maximum(down, across) < 10) & (np.maximum(down, across) > 6),
        "blob": down**2 + across**2 < 60,
    }[SHAPES[number % 4]]
    pixels[shown] = 200 + rng.integers(0, 40)
    return Image.fromarray(pixels.astype(np.uint8))


def drawn_folder(folder: Path, count: int, *, captions: bool = True, per_case: int = 2) -> Path:
    """A folder of drawings with a table of words; so many drawings are a case."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["file,caption,modality,plane,case"]
    for number in range(count):
        drawing(number).save(folder / f"{number:03}.png")
        words = caption(number) if captions else ""
        lines.append(f'{number:03}.png,"{words}",CT,axial,case {number // per_case}')
    (folder / "figures.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def write_roco_parquet(folder: Path, counts: dict[str, int]) -> Path:
    """Parquet in the schema of ROCO v1 on the hub: image as bytes and path, image_id, caption."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "data").mkdir(parents=True, exist_ok=True)
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", picture), ("image_id", pa.string()), ("caption", pa.string())])
    number = 0
    for split, count in counts.items():
        rows = []
        for _ in range(count):
            file = io.BytesIO()
            drawing(number).save(file, "JPEG")
            name = f"ROCO_{number:05}"
            rows.append(
                {"image": {"bytes": file.getvalue(), "path": f"{name}.jpg"}, "image_id": name, "caption": caption(number)}
            )
            number += 1
        place = folder / "data" / f"{split}-00000-of-00001.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema), place, row_group_size=5)
    return folder


def save_clip(folder: Path, *, dropout: float = 0.0, family: str = "clip") -> Path:
    """CLIP or SigLIP of transformers with two layers of width 32, random weights."""
    import torch
    import transformers

    tokenizer = save_tokenizer(folder)
    torch.manual_seed(3)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {
        **size,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 48,
        "attention_dropout": dropout,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {**size, "image_size": SIDE, "patch_size": 8, "attention_dropout": dropout}
    if family == "siglip":
        config = transformers.SiglipConfig(text_config=text, vision_config=vision)
        model: Any = transformers.SiglipModel(config)
        with torch.no_grad():
            # As SigLIP begins (Zhai et al., 2023): temperature 10, bias -10.
            model.logit_scale.fill_(np.log(10))
            model.logit_bias.fill_(-10)
        processor: Any = transformers.SiglipImageProcessor(size={"height": SIDE, "width": SIDE})
    else:
        config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=32)
        model = transformers.CLIPModel(config)
        processor = transformers.CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# A tiny model\n", "utf-8")
    return folder


def save_open_clip(folder: Path, library: Any) -> Path:
    """CLIP of open_clip with two layers of width 32, random weights."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": SIDE, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
    }
    torch.manual_seed(3)
    model = library.CLIP(**settings)
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()}, folder / "open_clip_model.safetensors"
    )
    preprocessing = {
        "mean": [0.48, 0.46, 0.41],
        "std": [0.27, 0.26, 0.28],
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }
    written = {"model_cfg": settings, "preprocess_cfg": preprocessing}
    (folder / "open_clip_config.json").write_text(json.dumps(written), "utf-8")
    return folder
