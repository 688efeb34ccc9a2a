"""``mirage models`` as a person runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from hub_server import COMMIT, MODEL, Site, files, hub, of_the_hub
from mirage.cli import app


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A hub, a folder of models and a cache of the test's own."""
    of_the_hub(monkeypatch, tmp_path / "hf")
    monkeypatch.setenv("MIRAGE_MODELS", str(tmp_path / "models"))
    state = Site({MODEL: files()})
    with hub(state) as address:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        yield state


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["models", *words])


def flat(done: Result) -> str:
    return " ".join(done.output.split())


def test_the_list_says_what_is_here_and_what_is_not_pinned_or_measured() -> None:
    done = run("list")
    assert done.exit_code == 0
    said = flat(done)
    assert "starter-encoder comes with MIRAGE" in said
    assert "speed not measured here; --measure does" in said
    assert "luhuitong/CLIP-ViT-L-14-448px-MedICaT-ROCO not on this machine" in said
    assert "revision not pinned" in said
    assert "pinned to 84d734c (the first digits of the commit)" in said


def test_measuring_puts_a_speed_into_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirage.models.speed._SECONDS", 0.0)
    done = run("list", "--measure", "--json")
    assert done.exit_code == 0
    rows = {row["id"]: row for row in json.loads(done.stdout)}
    assert rows["starter-encoder"]["speed"]["texts"] > 0
    assert rows["google/medsiglip-448"]["speed"] is None
    assert "texts/s" in flat(run("list"))


def test_a_model_is_pulled_listed_verified_and_shown(tmp_path: Path) -> None:
    done = run("pull", MODEL)
    assert done.exit_code == 0, done.output
    assert COMMIT in done.output
    assert "4 files checked" in flat(done)
    assert "It is here already" in flat(run("pull", MODEL))
    rows = {row["id"]: row for row in json.loads(run("list", "--json").stdout)}
    assert (rows[MODEL]["where"], rows[MODEL]["whole"]) == ("mirage", True)
    assert "✓ org/model 4 files as they should be" in flat(run("verify", MODEL))
    assert "# A model of the test" in run("card", MODEL).output


def test_damage_ends_with_1_and_says_what_to_do(tmp_path: Path) -> None:
    run("pull", MODEL)
    (tmp_path / "models" / "org--model" / COMMIT / "model.safetensors").write_bytes(b"x")
    done = run("verify", MODEL)
    assert done.exit_code == 1
    assert f"mirage models pull {MODEL}" in flat(done)
    told = json.loads(run("verify", MODEL, "--json").stdout)
    assert told[0]["sound"] is False


def test_no_network_ends_with_6_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    done = run("pull", MODEL)
    assert done.exit_code == 6
    assert "--from" in done.output


def test_a_mirror_and_a_folder_are_named_with_from_and_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("pull", MODEL, "--to", str(tmp_path / "stick")).exit_code == 0
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    done = run("pull", MODEL, "--from", str(tmp_path / "stick"))
    assert done.exit_code == 0, done.output
    assert "✓" in run("verify", str(tmp_path / "stick")).output


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("pull", "starter-encoder"), 2, "comes with MIRAGE"),
        (("pull", "no id at all"), 2, "no id of a model"),
        (("pull", MODEL, "--revision", "v9"), 4, "no revision v9"),
        (("verify", MODEL), 4, "mirage models pull org/model"),
        (("card", "some/other"), 4, "neither known"),
        (("export", MODEL, "--to", "x", "--precision", "int4"), 2, "int8, fp16 and fp32"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_can(words: tuple[str, ...], code: int, said: str) -> None:
    done = run(*words)
    assert done.exit_code == code, done.output
    assert said in flat(done)


@pytest.mark.torch
def test_an_encoder_becomes_onnx_that_gives_the_same_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "generate" / "generators"))
    from tiny_pipeline import save_tokenizer

    from mirage import encoders

    folder, out = tmp_path / "tiny", tmp_path / "onnx"
    words = save_tokenizer(folder)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"eos_token_id": words.eos_token_id, "bos_token_id": words.bos_token_id, "pad_token_id": words.pad_token_id}
    config = transformers.CLIPConfig(
        text_config={**small, **ends, "vocab_size": len(words), "max_position_embeddings": 24},
        vision_config={**small, "image_size": 32, "patch_size": 16},
        projection_dim=24,
    )
    transformers.CLIPModel(config).save_pretrained(folder)
    settings = {
        "size": {"shortest_edge": 32},
        "crop_size": {"height": 32, "width": 32},
        "do_center_crop": True,
        "do_resize": True,
        "do_normalize": True,
        "resample": 3,
        "image_mean": [0.48, 0.46, 0.41],
        "image_std": [0.27, 0.26, 0.28],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))

    done = run("export", str(folder), "--to", str(out), "--precision", "fp32")
    assert done.exit_code == 0, done.output
    assert "cosine at least" in flat(done)
    texts = ["axial brain MRI", "chest x-ray"]
    ours = encoders.load("onnx", path=str(out)).encode_texts(texts)
    theirs = encoders.load("transformers", model=str(folder), device="cpu").encode_texts(texts)
    assert (ours * theirs).sum(axis=1).min() > 0.9999
    again = run("export", str(folder), "--to", str(out))
    assert again.exit_code == 2
    assert "not empty" in flat(again)


def test_what_is_onnx_already_is_not_converted(tmp_path: Path) -> None:
    done = run("export", "starter-encoder", "--to", str(tmp_path / "out"))
    assert done.exit_code == 2
    assert "ONNX already" in flat(done)
