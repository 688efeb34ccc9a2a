"""Models of the hub and of folders: what is opened, what is refused, and what is said."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hub_server import Site, of_the_hub
from hub_server import hub as site_of
from mirage import encoders
from mirage.encoders import Encoder
from mirage.encoders.open_clip import OpenClipEncoder
from mirage.encoders.tokenizer import TowerTokenizer
from mirage.encoders.transformers import TransformersEncoder
from mirage.errors import BadInput, NoNetwork, Unavailable
from tiny_duals import clip_folder, open_clip_folder, siglip_folder
from vision import vision

pytestmark = pytest.mark.torch
SHORT = ["axial CT", "pleural effusion", "a", "", "axial CT of the brain with a ring-enhancing lesion, frontal lobe"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models")
    open_clip_folder(place / "open_clip")
    clip_folder(place / "clip")
    siglip_folder(place / "siglip")
    return place


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a model that a test may spoil."""
    return lambda name: Path(shutil.copytree(made / name, tmp_path / name))


@pytest.fixture
def hub(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache as the hub's client keeps it, with two models; the network fails the test."""
    from huggingface_hub import constants

    for name in ("open_clip", "clip"):
        folder = tmp_path / f"models--nobody--{name}"
        shutil.copytree(made / name, folder / "snapshots" / ("a" * 40))
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text("a" * 40)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was reached"))
    return tmp_path


def shapes_read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of what the text tower is given from now on, whichever way it is multiplied."""
    seen: list[tuple[int, ...]] = []
    padded = TowerTokenizer.padded

    def watched(self: TowerTokenizer, rows: Sequence[Sequence[int]]) -> np.ndarray:
        ids = padded(self, rows)
        seen.append(ids.shape)
        return ids

    monkeypatch.setattr(TowerTokenizer, "padded", watched)
    return seen


def encode_padded(folder: Path, texts: list[str]) -> np.ndarray:
    """What open_clip itself makes of texts, all 77 positions filled."""
    open_clip = vision()
    import torch

    model = open_clip.create_model(f"local-dir:{folder}").eval()
    with torch.inference_mode():
        return model.encode_text(open_clip.get_tokenizer(f"local-dir:{folder}")(texts), normalize=True).numpy()


# -- short texts ------------------------------------------------------------------------------------------------------


def test_a_short_text_of_open_clip_has_the_vector_of_the_padded_one(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = OpenClipEncoder(str(made / "open_clip"), device="cpu")
    seen = shapes_read(monkeypatch)
    for text in SHORT:
        np.testing.assert_allclose(encoder.encode_texts([text]), encode_padded(made / "open_clip", [text]), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(SHORT), encode_padded(made / "open_clip", SHORT), atol=1e-5)
    assert seen[0] == (1, 4), "two tokens and their marks were to be read, and no padding"


def test_a_short_text_of_a_clip_of_transformers_has_the_vector_of_the_padded_one(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    import transformers

    encoder = TransformersEncoder(str(made / "clip"), device="cpu")
    seen = shapes_read(monkeypatch)
    found = encoder.encode_texts(SHORT)
    model = transformers.CLIPModel.from_pretrained(made / "clip").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(made / "clip")
    given = tokenizer(SHORT, padding="max_length", max_length=77, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        wanted = model.get_text_features(**given).pooler_output
    wanted = torch.nn.functional.normalize(wanted, dim=-1).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert max(length for _, length in seen) < 77


def test_siglip_is_given_its_padding(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    import transformers

    encoder = TransformersEncoder(str(made / "siglip"), device="cpu")
    seen = shapes_read(monkeypatch)
    found = encoder.encode_texts(SHORT)
    model = transformers.SiglipModel.from_pretrained(made / "siglip").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(made / "siglip")
    ids = tokenizer(SHORT, padding="max_length", max_length=64, truncation=True, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        wanted = torch.nn.functional.normalize(model.get_text_features(input_ids=ids).pooler_output, dim=-1).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert {length for _, length in seen} == {64}


def test_few_tokens_and_many_give_the_same_vectors(made: Path) -> None:
    for encoder in (OpenClipEncoder(str(made / "open_clip"), device="cpu"), TransformersEncoder(str(made / "clip"))):
        alone = np.concatenate([encoder.encode_texts([text]) for text in SHORT])
        together = encoder.encode_texts([*SHORT, "mass " * 200])[: len(SHORT)]
        np.testing.assert_allclose(alone, together, atol=1e-5)


# -- where models are found -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("adapter", "model"), [("open_clip", "hf-hub:nobody/open_clip"), ("transformers", "nobody/clip")])
def test_a_hub_model_in_the_cache_opens_without_the_network(hub: Path, adapter: str, model: str) -> None:
    encoder = encoders.load(adapter, model=model, device="cpu")
    assert encoder.encode_texts(["axial CT"]).shape[0] == 1
    assert encoder.info().model == model
    assert encoders.load(adapter, model=model, revision="a" * 40).info().model == f"{model}@{'a' * 40}"


def test_a_folder_and_the_hub_s_copy_of_it_make_the_same_vectors(hub: Path, made: Path) -> None:
    here, there = OpenClipEncoder(str(made / "open_clip")), OpenClipEncoder("hf-hub:nobody/open_clip")
    assert here.info().digest == there.info().digest


@pytest.mark.parametrize("adapter", ["open_clip", "transformers"])
def test_a_model_that_is_not_here_says_at_once_what_to_do(hub: Path, adapter: str) -> None:
    with pytest.raises(
        Unavailable, match=r"not on this machine.*mirage models pull nobody/else.*encoder_download.*encoder_model"
    ):
        encoders.load(adapter, model="nobody/else")


def test_a_revision_that_is_not_here_is_not_taken_for_another(hub: Path) -> None:
    with pytest.raises(Unavailable, match="--revision bbbb"):
        OpenClipEncoder("hf-hub:nobody/open_clip", revision="b" * 40)


def test_downloading_that_fails_is_no_riddle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_the_hub(monkeypatch, tmp_path)
    with pytest.raises(NoNetwork, match=r"No network, or none to http://127\.0\.0\.1:9.*mirage models pull ID --from"):
        OpenClipEncoder("nobody/else", download=True)


def test_when_allowed_a_model_is_fetched_and_opened(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = {path.name: path.read_bytes() for path in (made / "clip").iterdir()}
    monkeypatch.setenv("MIRAGE_MODELS", str(tmp_path / "models"))
    with site_of(Site({"nobody/clip": held})) as address:
        of_the_hub(monkeypatch, tmp_path / "hf", address)
        got = TransformersEncoder("nobody/clip", download=True, device="cpu")
    assert got.info().digest == TransformersEncoder(str(made / "clip")).info().digest
    assert TransformersEncoder("nobody/clip").info() == got.info(), "it stays on this machine"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"There is no folder .*nowhere"):
        OpenClipEncoder(f"local-dir:{tmp_path / 'nowhere'}")


@pytest.mark.parametrize("name", ["hf-hub:", "one", "a/b/c", "/ /"])
def test_what_is_no_name_of_a_model_is_refused(name: str) -> None:
    with pytest.raises((BadInput, Unavailable), match=r"is no model|no folder"):
        OpenClipEncoder(name)


def test_transformers_wants_a_model_named() -> None:
    with pytest.raises(BadInput, match="encoder_model"):
        TransformersEncoder()


# -- weights ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "weights", "adapter"),
    [("open_clip", "open_clip_model.safetensors", OpenClipEncoder), ("clip", "model.safetensors", TransformersEncoder)],
)
def test_a_pickle_is_refused(copy: Callable[[str], Path], name: str, weights: str, adapter: Any) -> None:
    folder = copy(name)
    (folder / weights).rename(folder / ("open_clip_pytorch_model.bin" if name == "open_clip" else "pytorch_model.bin"))
    with pytest.raises(Unavailable, match=r"only has its weights as a pickle .*could run any code"):
        adapter(str(folder))


@pytest.mark.parametrize(("name", "adapter"), [("open_clip", OpenClipEncoder), ("clip", TransformersEncoder)])
def test_missing_and_damaged_weights_are_named(copy: Callable[[str], Path], name: str, adapter: Any) -> None:
    folder = copy(name)
    weights = next(folder.glob("*.safetensors"))
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Unavailable, match=r"Fetch .*anew"):
        adapter(str(folder), device="cpu").encode_texts(["brain"])
    weights.unlink()
    with pytest.raises(Unavailable, match=r"has no weights in .*safetensors"):
        adapter(str(folder))


@pytest.mark.parametrize(("name", "adapter"), [("open_clip", OpenClipEncoder), ("clip", TransformersEncoder)])
def test_weights_that_lack_a_layer_are_refused_and_not_made_up(copy: Callable[[str], Path], name: str, adapter: Any) -> None:
    from safetensors.torch import load_file, save_file

    folder = copy(name)
    weights = next(folder.glob("*.safetensors"))
    tensors = load_file(weights)
    lost = next(key for key in tensors if key.endswith(("mlp.c_fc.weight", "mlp.fc1.weight")))
    save_file({key: value for key, value in tensors.items() if key != lost}, weights, metadata={"format": "pt"})
    with pytest.raises(Unavailable, match=r"lacks weights|cannot be loaded"):
        adapter(str(folder), device="cpu").encode_texts(["brain"])


def test_weights_of_another_architecture_are_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("open_clip")
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["width"] = 48
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(Unavailable, match=r"cannot be loaded.*its configuration may not belong together"):
        OpenClipEncoder(str(folder), device="cpu").encode_texts(["brain"])


# -- configurations ---------------------------------------------------------------------------------------------------


def test_another_kind_of_model_is_named(copy: Callable[[str], Path]) -> None:
    folder = copy("clip")
    (folder / "config.json").write_text(json.dumps({"model_type": "blip"}))
    with pytest.raises(Unavailable, match=r"of the kind 'blip'; the transformers encoder opens clip and siglip"):
        TransformersEncoder(str(folder))


@pytest.mark.parametrize("text", ["{", "[]", '{"model_cfg": {"embed_dim": 8}}'])
def test_a_damaged_configuration_is_named(copy: Callable[[str], Path], text: str) -> None:
    folder = copy("open_clip")
    (folder / "open_clip_config.json").write_text(text)
    with pytest.raises(Unavailable, match=r"open_clip_config\.json"):
        OpenClipEncoder(str(folder))


def test_the_tokenizer_of_another_model_is_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("clip")
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["eos_token_id"] = 5
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(Unavailable, match=r"tokenizer .* cannot be used: its tokenizer ends a text with token \d+ and"):
        TransformersEncoder(str(folder)).info()
    config["text_config"]["vocab_size"] = 49_408
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(Unavailable, match=r"its tokenizer knows \d+ tokens and its text tower 49,408"):
        TransformersEncoder(str(folder)).encode_texts(["brain"])


def test_a_lost_or_damaged_tokenizer_is_told(copy: Callable[[str], Path]) -> None:
    folder = copy("clip")
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(Unavailable, match="tokenizer"):
        TransformersEncoder(str(folder)).info()


def test_preprocessing_for_another_size_is_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("clip")
    given = json.loads((folder / "preprocessor_config.json").read_text())
    given |= {"size": {"shortest_edge": 64}, "crop_size": {"height": 64, "width": 64}}
    (folder / "preprocessor_config.json").write_text(json.dumps(given))
    with pytest.raises(Unavailable, match=r"makes pictures of 64 × 64 pixels and its image tower sees 32 × 32"):
        TransformersEncoder(str(folder))


# -- what changes a vector changes the digest ---------------------------------------------------------------------------


def test_the_activation_is_as_configured_unless_one_is_named(copy: Callable[[str], Path]) -> None:
    folder = copy("open_clip")
    silent = OpenClipEncoder(str(folder), device="cpu")
    quick = OpenClipEncoder(str(folder), device="cpu", activation="quick_gelu")
    assert silent.info().digest == OpenClipEncoder(str(folder), activation="gelu").info().digest
    assert silent.info().digest != quick.info().digest
    assert abs(silent.encode_texts(["brain"]) - quick.encode_texts(["brain"])).max() > 1e-4
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["quick_gelu"] = True
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    assert OpenClipEncoder(str(folder)).info().digest == quick.info().digest
    with pytest.raises(BadInput, match="one of gelu, quick_gelu"):
        OpenClipEncoder(str(folder), activation="relu")


@pytest.mark.parametrize(("name", "adapter"), [("open_clip", OpenClipEncoder), ("clip", TransformersEncoder)])
def test_half_precision_gives_nearly_the_same_vectors_and_the_same_digest(made: Path, name: str, adapter: Any) -> None:
    whole, half = (adapter(str(made / name), device="cpu", dtype=dtype) for dtype in ("float32", "bfloat16"))
    assert whole.info().digest == half.info().digest
    assert (whole.encode_texts(SHORT) * half.encode_texts(SHORT)).sum(1).min() > 0.99
    assert half.loaded.where.dtype == "bfloat16"


@pytest.mark.parametrize("options", [{"device": "cuda:77"}, {"device": "abacus"}])
def test_a_device_that_is_not_there_is_named(made: Path, options: dict[str, str]) -> None:
    with pytest.raises(Unavailable, match=f"device '{options['device']}' cannot be used"):
        OpenClipEncoder(str(made / "open_clip"), **options).encode_texts(["brain"])


def test_a_precision_that_is_not_known_is_refused(made: Path) -> None:
    with pytest.raises(BadInput, match="float32, bfloat16 or float16"):
        OpenClipEncoder(str(made / "open_clip"), dtype="int3").encode_texts(["brain"])


def test_running_out_of_memory_halves_the_batch(made: Path) -> None:
    encoder: Encoder = TransformersEncoder(str(made / "clip"), device="cpu")
    import torch
    from PIL import Image

    sizes: list[int] = []

    def small(_: Any, given: Any) -> None:
        sizes.append(len(given[0]))
        if len(given[0]) > 3:
            raise torch.OutOfMemoryError

    encoder.loaded.image.register_forward_pre_hook(small)
    images = [Image.new("L", (40, 40), shade) for shade in range(0, 200, 20)]
    assert encoder.encode_images(images).shape == (10, 24)
    assert max(sizes) > 3
    assert sizes[-1] <= 3
