"""Encoders are found by name, and say in plain words what is wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mirage import encoders
from mirage.encoders.starter import SHIPPED, StarterEncoder
from mirage.errors import NotFound, Unavailable


def test_an_unknown_encoder_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotFound, match=r"no encoder “nope”.*starter"):
        encoders.load("nope")


def test_a_folder_without_weights_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"lacks .*image\.onnx"):
        StarterEncoder(tmp_path)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("config.json", "image.onnx", "text.onnx", "tokenizer.json"):
        shutil.copyfile(SHIPPED / name, tmp_path / name)
    return tmp_path


def test_damaged_weights_are_named(copy: Path) -> None:
    (copy / "text.onnx").write_bytes(b"not a model")
    with pytest.raises(Unavailable, match=r"text\.onnx is damaged"):
        StarterEncoder(copy).encode_texts(["brain"])


def test_an_encoder_of_a_newer_format_asks_for_an_update(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text("utf-8"))
    (copy / "config.json").write_text(json.dumps(config | {"format": 99}), "utf-8")
    with pytest.raises(Unavailable, match="newer MIRAGE"):
        StarterEncoder(copy)


def test_a_damaged_configuration_is_named(copy: Path) -> None:
    (copy / "config.json").write_text("{", "utf-8")
    with pytest.raises(Unavailable, match=r"config\.json is damaged"):
        StarterEncoder(copy)


def test_other_weights_have_another_digest(copy: Path) -> None:
    same = StarterEncoder(copy).info().digest
    assert same == StarterEncoder().info().digest
    with (copy / "image.onnx").open("ab") as file:
        file.write(b"\0")
    assert StarterEncoder(copy).info().digest != same


def test_all_files_together_keep_to_the_size_that_ships() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= 35e6


def test_encoding_pulls_no_torch() -> None:
    code = (
        "import sys; from mirage.encoders import load; load('starter').encode_texts(['brain']);"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
