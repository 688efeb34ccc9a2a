"""A tiny Stable Diffusion pipeline of the real classes, saved as a hub model is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SIDE = 64  # pixels
READ = 22  # tokens of a text
_WORDS = ["axial brain MRI with contrast", "chest x-ray of a pneumothorax", "sagittal spine MR", "tumour"]


def save_tokenizer(folder: Path) -> Any:
    """CLIP's tokenizer in small: the words above are tokens, others are spelt."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    made = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=800, initial_alphabet=alphabet, end_of_word_suffix="</w>", min_frequency=1)
    made.train_from_iterator([word for text in _WORDS for word in text.split()], trainer)
    made.model.save(str(folder))
    import json

    vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
    for token in [*(letter + "</w>" for letter in sorted(alphabet)), "<|startoftext|>", "<|endoftext|>"]:
        vocabulary.setdefault(token, len(vocabulary))
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "CLIPTokenizer",
                "model_max_length": READ + 2,
                "bos_token": "<|startoftext|>",
                "eos_token": "<|endoftext|>",
                "unk_token": "<|endoftext|>",
                "pad_token": "<|endoftext|>",
            }
        )
    )
    return CLIPTokenizer.from_pretrained(folder)


def save_pipeline(folder: Path, *, checker: float | None = None, seed: int = 0) -> Path:
    """Build and save it.

    Parameters
    ----------
    folder : Path
    checker : float, optional
        With a safety checker that takes an image for indecent from this cosine on; without one when left out.
    """
    import torch
    from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = save_tokenizer(folder / "tokenizer")
    torch.manual_seed(seed)
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=READ + 2,
        projection_dim=32,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        # Larger than trained ones, so that so small a network heeds the words.
        initializer_factor=8.0,
    )
    unet = UNet2DConditionModel(
        sample_size=SIDE // 8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=32,
        attention_head_dim=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        sample_size=SIDE,
    )
    # The scheduler of Stable Diffusion 1.
    scheduler = PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
    )
    StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        requires_safety_checker=False,
        **_checker(checker),
    ).save_pretrained(folder)
    return folder


def _checker(threshold: float | None) -> dict[str, Any]:
    if threshold is None:
        return {"safety_checker": None, "feature_extractor": None}
    import torch
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    tiny = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(vision_config={**tiny, "image_size": 32, "patch_size": 16}, projection_dim=16)
    made = StableDiffusionSafetyChecker(config)
    with torch.no_grad():
        made.concept_embeds_weights.fill_(threshold)
        made.special_care_embeds_weights.fill_(2.0)
    extractor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return {"safety_checker": made, "feature_extractor": extractor}
