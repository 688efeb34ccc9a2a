"""The diffusers generator against a plain pipeline of the same weights: 50 steps of PNDM, as Stable Diffusion 1 comes."""

# ruff: noqa: PLC0415 - torch and what stands on it are there only with the extra

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure import Outcome, Row, Setting, load
from mirage.generate.generators import GenerationRequest, PromptTerm
from mirage.generate.generators.diffusers import DiffusersGenerator

_PROMPT = "axial brain MRI with contrast"
_PLAIN_STEPS = 50


def diffusers(setting: Setting) -> Outcome:
    """Draw one image both ways with Stable Diffusion 1's network, a fifth as wide and half the side, weights by chance."""
    try:
        import torch
        from diffusers import StableDiffusionPipeline
    except ImportError as error:
        return Outcome("diffusers", (), skipped=f"left out: {error.name} is not installed")
    folder = setting.folder / ("diffusers-tiny" if setting.quick else "diffusers-fifth")
    if not (folder / "model_index.json").exists():
        _save(folder, quick=setting.quick)
    before = load()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    ours = DiffusersGenerator(str(folder), device=device)
    info = ours.info()
    plain = StableDiffusionPipeline.from_pretrained(folder).to(device)
    plain.set_progress_bar_config(disable=True)

    def draw_plain(steps: int = _PLAIN_STEPS) -> Any:
        return plain(_PROMPT, num_inference_steps=steps, generator=torch.Generator().manual_seed(0)).images[0]

    def draw_ours(steps: int | None = None) -> Any:
        return next(ours.generate(GenerationRequest((PromptTerm(_PROMPT),), steps=steps))).image

    draw_plain(1), draw_ours(1)
    first, theirs, second = _seconds(draw_ours), _seconds(draw_plain), _seconds(draw_ours)
    mine = (first + second) / 2
    ratio = round(theirs / mine, 2)
    parameters = sum(weight.numel() for weight in plain.unet.parameters())
    what = f"a network of {parameters / 1e6:.0f} million parameters, {info.size} px, {device}"
    ours.close()
    return Outcome(
        "diffusers",
        (
            Row(
                f"diffusers generator at its default {info.steps} steps, {what}: times faster than plain",
                ratio,
                "×",
                bar=2.0,
                better="more",
                instead=f"StableDiffusionPipeline as saved: PNDM, {_PLAIN_STEPS} steps",
                ratio=ratio,
            ),
            Row("the same, one image", round(mine, 2), "s"),
            Row(f"plain pipeline, PNDM, {_PLAIN_STEPS} steps, one image", round(theirs, 2), "s"),
        ),
        {
            "ours_s": [round(first, 2), round(second, 2)],
            "plain_s": round(theirs, 2),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "load": before,
        },
        (
            "Drawn in turn: ours, plain, ours. Weights are random, which the time does not depend on",
            "Stable Diffusion 1 at full size on a GPU was not measured",
        ),
    )


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _save(folder: Path, *, quick: bool) -> None:
    """Stable Diffusion 1 (four levels, two layers each, cross-attention but at the last) with narrower layers."""
    import torch
    from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = _tokenizer(folder / "tokenizer")
    torch.manual_seed(0)
    width = 32 if quick else 64
    side = 8 if quick else 32
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=6 * width,
        intermediate_size=24 * width,
        num_hidden_layers=2 if quick else 12,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    unet = UNet2DConditionModel(
        sample_size=side,
        block_out_channels=(width, 2 * width, 4 * width, 4 * width),
        cross_attention_dim=6 * width,
        attention_head_dim=8,
    )
    vae = AutoencoderKL(
        block_out_channels=(32, 32, 32, 32) if quick else (32, 64, 96, 96),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        sample_size=8 * side,
    )
    scheduler = PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
    )
    StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)


def _tokenizer(folder: Path) -> Any:
    """CLIP's tokenizer without merges: every letter is a token."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    tokens = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    named = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    told = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "pad_token": "<|endoftext|>", **named}
    (folder / "tokenizer_config.json").write_text(json.dumps(told), "utf-8")
    return CLIPTokenizer.from_pretrained(folder)
