"""Tiny models of the real classes, two layers and width 32, saved as a hub model is: what the encoders' tests open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vision import vision

WORDS = (
    "axial coronal sagittal CT MRI of the brain chest abdomen shows a ring-enhancing lesion in the frontal lobe, "
    "pleural effusion; fracture, hematoma (1.5 cm) and oedema: T2 weighted, contrast; finding findings normal"
)
OPEN_CLIP = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 16, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


def open_clip_folder(folder: Path, config: dict[str, Any] | None = None, *, seed: int = 0) -> Path:
    """A CLIP of open_clip, with the weights as safetensors."""
    open_clip = vision()
    import torch
    from open_clip.push_to_hf_hub import save_config_for_hf
    from safetensors.torch import save_file

    config = config or OPEN_CLIP
    folder.mkdir(parents=True)
    torch.manual_seed(seed)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
    _louder(model)
    save_config_for_hf(model, folder / "open_clip_config.json", config)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder


def word_piece_folder(folder: Path) -> Path:
    """A model of BiomedCLIP's build: a BERT of the transformers library beside an image tower."""
    transformers = transformers_library()
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator([WORDS] * 3, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special))
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    bert = transformers.BertConfig(
        vocab_size=made.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    bert.save_pretrained(folder.parent / "bert")
    text = {
        "hf_model_name": str(folder.parent / "bert"),
        "hf_tokenizer_name": "nobody/a-tokenizer",
        "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": 64,
    }
    open_clip_folder(folder, {**OPEN_CLIP, "text_cfg": text})
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]"
    ).save_pretrained(folder)
    return folder


def transformers_library() -> Any:
    """The transformers library, where the tests can import it."""
    import transformers

    return transformers


def clip_folder(folder: Path, **text: Any) -> Path:
    """A CLIPModel with a tokenizer of CLIP's kind, trained on a few words."""
    transformers = transformers_library()
    import torch

    tokenizer = _clip_words(transformers)
    config = transformers.CLIPConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "max_position_embeddings": 77,
            "eos_token_id": tokenizer.eos_token_id,
            "bos_token_id": tokenizer.bos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            **text,
        },
        vision_config=_vision(),
        projection_dim=24,
    )
    torch.manual_seed(0)
    model = transformers.CLIPModel(config)
    _louder(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    given = {
        "size": {"shortest_edge": 32},
        "crop_size": {"height": 32, "width": 32},
        "do_center_crop": True,
        "do_resize": True,
        "do_normalize": True,
        "resample": 3,
        "image_mean": [0.48, 0.46, 0.41],
        "image_std": [0.27, 0.26, 0.28],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(given))
    return folder


def siglip_folder(folder: Path) -> Path:
    """A SiglipModel with a tokenizer that ends texts and knows what to fill them up with."""
    transformers = transformers_library()
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>")
    made.train_from_iterator([WORDS] * 3, trainer)
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="</s>", eos_token="</s>", unk_token="<unk>", model_max_length=64
    )
    config = transformers.SiglipConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "max_position_embeddings": 64,
        },
        vision_config=_vision(),
    )
    torch.manual_seed(0)
    model = transformers.SiglipModel(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    given = {
        "size": {"height": 32, "width": 32},
        "do_resize": True,
        "do_normalize": True,
        "resample": 3,
        "rescale_factor": 1 / 255,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(given))
    return folder


def _clip_words(transformers: Any) -> Any:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

    made = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=900, initial_alphabet=alphabet, end_of_word_suffix="</w>")
    made.train_from_iterator([WORDS] * 3, trainer)
    inner = json.loads(made.to_str())["model"]
    vocab: dict[str, int] = {}
    for word in [*inner["vocab"], *(f"{letter}</w>" for letter in alphabet), "<|startoftext|>", "<|endoftext|>"]:
        vocab.setdefault(word, len(vocab))
    merges = [tuple(pair) for pair in inner["merges"]]
    return transformers.CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=77)


def _vision() -> dict[str, int]:
    return {
        "image_size": 32,
        "patch_size": 16,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }


def _louder(model: Any) -> None:
    """Make untrained weights large enough that every part of a model can be seen in its vectors."""
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "embedding" not in name:
                parameter.mul_(2)
