"""A hub on this machine, and a folder of models and a cache of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_server import MODEL, Site, files, hub


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MIRAGE's folder of models; nothing of the person who runs the test is seen."""
    for name in ("HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("MIRAGE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A hub that holds one model, and is the hub of HF_ENDPOINT."""
    state = Site({MODEL: files()})
    with hub(state) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield state
