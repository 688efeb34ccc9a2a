"""A pipeline's folder is looked over without torch: what it tells, and what is wrong with it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from hub_server import Site, hub, of_the_hub
from mirage.errors import NoNetwork, Unavailable
from mirage.generate import generators
from mirage.generate.generators import GenerationRequest, PromptTerm
from mirage.generate.generators.diffusers import PAPER, DiffusersGenerator
from mirage.generate.generators.diffusers_pipeline import look_over
from mirage.models.hub import locate
from mirage.models.pins import pin_of
from mirage.models.registry import find_here

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "safety_checker": [None, None],
}
PINNED = pin_of(PAPER).revision
WEIGHTS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}


def write(file: Path, told: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(told), "utf-8")


def safetensors(file: Path, shape: list[int]) -> None:
    """A file as the safetensors format describes it: length of the header, header, numbers (all 0, in 32 bits)."""
    size = 4
    for side in shape:
        size *= side
    header = json.dumps({"weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}}).encode()
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of Stable Diffusion 1 with its settings and very few weights."""
    made = tmp_path / "sd"
    write(made / "model_index.json", INDEX)
    write(made / "unet" / "config.json", {"in_channels": 4, "sample_size": 64, "cross_attention_dim": 768})
    write(made / "vae" / "config.json", {"latent_channels": 4, "block_out_channels": [128, 256, 512, 512]})
    write(made / "text_encoder" / "config.json", {"max_position_embeddings": 77, "hidden_size": 768})
    write(made / "scheduler" / "scheduler_config.json", {"_class_name": "PNDMScheduler"})
    write(made / "tokenizer" / "vocab.json", {})
    for part, name in WEIGHTS.items():
        safetensors(made / part / f"{name}.safetensors", [10, 10])
    return made


def change(folder: Path, file: str, **values: Any) -> None:
    write(folder / file, {**json.loads((folder / file).read_text()), **values})


def test_sizes_and_tokens_are_read_from_the_configuration(folder: Path) -> None:
    info = generators.load("diffusers", model=str(folder)).info()
    assert (info.size, info.smallest, info.largest, info.multiple, info.most_tokens) == (512, 256, 1024, 8, 75)
    assert (info.name, info.model, info.steps, info.from_picture) == ("diffusers", "sd", 20, True)
    assert info.licence == "not stated"


def test_parameters_are_counted_once_where_other_precisions_lie_beside(folder: Path) -> None:
    assert look_over(folder).parameters == 300
    safetensors(folder / "unet" / "diffusion_pytorch_model.fp16.safetensors", [10, 10])
    safetensors(folder / "unet" / "diffusion_pytorch_model.non_ema.safetensors", [10, 10])
    assert look_over(folder).parameters == 300


def test_memory_grows_with_the_picture_and_halves_in_half_precision(folder: Path) -> None:
    told = look_over(folder)
    assert told.memory(512, 512, 4) == 2 * told.memory(512, 512, 2)
    assert told.memory(1024, 1024, 4) > 3 * told.memory(512, 512, 4)


def test_the_digest_tells_other_weights_and_other_settings(folder: Path) -> None:
    first = look_over(folder).digest
    assert look_over(folder).digest == first
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    second = look_over(folder).digest
    change(folder, "scheduler/scheduler_config.json", prediction_type="v_prediction")
    assert len({first, second, look_over(folder).digest}) == 3


def test_the_licence_is_what_the_models_card_states(folder: Path) -> None:
    (folder / "README.md").write_text("---\nlicense: openrail\ntags: [x]\n---\n# A model\nlicense: none of this\n", "utf-8")
    assert generators.load("diffusers", model=str(folder)).info().licence == "openrail"


def test_a_scheduler_for_few_steps_gets_few_steps(folder: Path) -> None:
    change(folder, "model_index.json", scheduler=["diffusers", "LCMScheduler"])
    assert generators.load("diffusers", model=str(folder)).info().steps == 8


def damage(folder: Path, how: str) -> None:
    unet = folder / "unet" / "diffusion_pytorch_model.safetensors"
    match how:
        case "gone":
            folder.rename(folder.parent / "elsewhere")
        case "cut":
            unet.write_bytes(unet.read_bytes()[:-50])
        case "header":
            unet.write_bytes(unet.read_bytes()[:20])
        case "empty":
            unet.write_bytes(b"")
        case "pickle":
            unet.rename(unet.with_suffix(".bin"))
        case "part":
            (folder / "vae" / "config.json").unlink()
        case "words":
            (folder / "tokenizer" / "vocab.json").unlink()
        case "json":
            (folder / "unet" / "config.json").write_text("{")
        case "setting":
            write(folder / "vae" / "config.json", {"latent_channels": 4})
        case "language":
            (folder / "model_index.json").unlink()
            write(folder / "config.json", {"architectures": ["GPTNeoXForCausalLM"], "model_type": "gpt_neox"})
        case "single":
            (folder / "model_index.json").unlink()
            safetensors(folder / "v1-5.safetensors", [1])
        case "larger":
            change(folder, "model_index.json", _class_name="StableDiffusionXLPipeline")
        case "flux":
            change(folder, "model_index.json", _class_name="FluxPipeline")
        case "inpainting":
            change(folder, "unet/config.json", in_channels=9)
        case "code":
            change(folder, "model_index.json", unet=["my_network", "Unet"])
        case "network":
            change(folder, "model_index.json", unet=["diffusers", "UNet3DConditionModel"])
        case "unfit":
            change(folder, "text_encoder/config.json", hidden_size=1024)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("gone", "There is no folder"),
        ("cut", r"unet/diffusion_pytorch_model\.safetensors is not a whole safetensors file: it has .* of .* bytes"),
        ("header", r"unet/diffusion_pytorch_model\.safetensors is not a whole safetensors file"),
        ("empty", r"unet/diffusion_pytorch_model\.safetensors is not a whole safetensors file"),
        ("pickle", r"unet/\*\.safetensors \(there is only a pickle, which could run any code\) is missing"),
        ("part", r"vae/config\.json is missing"),
        ("words", r"tokenizer/vocab\.json is missing"),
        ("json", r"unet/config\.json is damaged"),
        ("setting", "lacks 'block_out_channels'"),
        ("language", r"no Stable Diffusion pipeline.*holds a GPTNeoXForCausalLM, a model of another kind"),
        ("single", r"v1-5\.safetensors alone is not enough"),
        ("larger", "StableDiffusionXLPipeline, .* is not supported"),
        ("flux", "FluxPipeline, .* is not supported"),
        ("inpainting", "9 channels and not 4: it is made for inpainting"),
        ("code", "would run code that comes with the model"),
        ("network", "The unet in .* is a UNet3DConditionModel, where UNet2DConditionModel is read"),
        ("unfit", "reads texts of 768 numbers a token and the text encoder writes 1024"),
    ],
)
def test_a_bad_folder_is_told_with_what_to_do(folder: Path, how: str, said: str) -> None:
    damage(folder, how)
    with pytest.raises(Unavailable, match=said) as refused:
        look_over(locate(str(folder), part="generator").folder)
    assert "Fetch the model anew" in str(refused.value) or "generator_model" in str(refused.value)
    info = DiffusersGenerator(str(folder)).info()
    assert (info.size, info.most_tokens) == (512, 75), "telling who draws never fails"


def test_the_papers_model_is_pinned_and_not_fetched_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    with hub(site) as address:
        of_the_hub(monkeypatch, tmp_path, address)
        generator = DiffusersGenerator()
        info = generator.info()
        assert (info.model, info.revision, info.licence) == (PAPER, PINNED, "WTFPL")
        with pytest.raises(
            Unavailable, match=f"{PAPER} is not on this machine.*mirage models pull {PAPER} --revision {PINNED}"
        ):
            generator._folder()
    assert site.asked == []


def test_the_hubs_cache_is_looked_into_for_the_pinned_revision(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_the_hub(monkeypatch, tmp_path)
    kept = tmp_path / "hub" / f"models--{PAPER.replace('/', '--')}"
    commit = PINNED + "0" * 33
    (kept / "snapshots").mkdir(parents=True)
    (kept / "snapshots" / ("1" * 40)).mkdir()
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("1" * 40)
    assert find_here(PAPER, PINNED) is None, "another revision is not the pinned one"
    folder.rename(kept / "snapshots" / commit)
    assert locate(PAPER, PINNED).folder == kept / "snapshots" / commit
    assert DiffusersGenerator().info().revision == commit


def test_when_allowed_the_whole_commit_behind_the_pin_is_fetched(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = PINNED + "a" * 33
    held = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    site = Site({PAPER: {**held, "unet/diffusion_pytorch_model.bin": b"a pickle"}}, commits=["f" * 40, commit])
    monkeypatch.setenv("MIRAGE_GENERATOR_DOWNLOAD", "true")
    monkeypatch.setenv("MIRAGE_MODELS", str(tmp_path / "models"))
    with hub(site) as address:
        of_the_hub(monkeypatch, tmp_path / "hf", address)
        kept = DiffusersGenerator()._folder()
    assert kept.path.name == commit
    assert kept.digest == look_over(folder).digest
    assert not any(file.endswith(".bin") for file in site.bodies())


def test_a_download_that_fails_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_the_hub(monkeypatch, tmp_path)
    with pytest.raises(NoNetwork, match=r"No network, or none to http://127\.0\.0\.1:9"):
        DiffusersGenerator("some/model", download=True)._folder()


@pytest.mark.skipif(importlib.util.find_spec("diffusers") is not None, reason="the extra is installed here")
def test_without_the_extra_it_is_named(folder: Path) -> None:
    with pytest.raises(Unavailable, match=r"pip install torch transformers diffusers"):
        next(DiffusersGenerator(str(folder)).generate(GenerationRequest((PromptTerm("axial brain MRI"),))))
