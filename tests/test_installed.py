"""What adds a package is said as it is typed where MIRAGE was installed so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mirage import installed
from mirage.installed import to_install

OF_UV = "home = /usr/bin\nimplementation = CPython\nuv = 0.13.9\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment of its own."""
    folder = tmp_path / "mirage-atlas"
    folder.mkdir()
    monkeypatch.setattr(sys, "prefix", str(folder))
    return folder


def test_by_pip(place: Path) -> None:
    assert to_install("psycopg[binary]", "pgvector") == "pip install 'psycopg[binary]' pgvector"
    assert to_install("pillow", newer=True) == "pip install -U pillow"


def test_by_pipx_under_the_name_that_it_has_there(place: Path) -> None:
    (place / "pipx_metadata.json").write_text("{}")
    assert to_install("torch", "diffusers") == "pipx inject mirage-atlas torch diffusers"
    assert to_install("pillow", newer=True) == "pipx inject --force mirage-atlas pillow"


@pytest.mark.parametrize(
    ("requirements", "command"),
    [
        ('[{ name = "mirage-atlas" }]', "uv tool install mirage-atlas --with torch"),
        (
            '[{ name = "mirage-atlas", extras = ["oidc", "s3"], specifier = ">=0.2" }, { name = "httpx" }]',
            "uv tool install 'mirage-atlas[oidc,s3]>=0.2' --with httpx --with torch",
        ),
        ('[{ name = "mirage-atlas", path = "/w/m.whl" }, { name = "torch" }]', "uv tool install /w/m.whl --with torch"),
        (
            '[{ name = "mirage-atlas", git = "https://example.org/m" }]',
            "uv tool install 'mirage-atlas @ git+https://example.org/m' --with torch",
        ),
        ("3", "uv tool install mirage-atlas --with torch"),
    ],
    ids=range(5),
)
def test_by_uv_with_what_it_was_installed_with_before(place: Path, requirements: str, command: str) -> None:
    (place / "pyvenv.cfg").write_text(OF_UV)
    (place / "uv-receipt.toml").write_text(f"[tool]\nrequirements = {requirements}\n")
    assert to_install("torch") == command
    assert to_install("pillow", newer=True) == "uv tool upgrade mirage-atlas"


def test_a_run_of_uvx_is_started_anew_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "archive-v0" / "qh4m5"
    place.mkdir(parents=True)
    (place / "pyvenv.cfg").write_text(OF_UV)
    monkeypatch.setattr(sys, "prefix", str(place))
    assert to_install("torch") == "uvx --from mirage-atlas --with torch mirage"


def test_an_environment_of_uv_without_pip(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "pyvenv.cfg").write_text(OF_UV)
    monkeypatch.setattr(installed, "find_spec", lambda name: None)
    assert to_install("torch") == "uv pip install torch"
