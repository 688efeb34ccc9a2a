"""A hub on this machine, and a folder of models and a cache of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_server import MODEL, Site, files, hub, of_the_hub


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MIRAGE's folder of models; nothing of the person who runs the test is seen."""
    of_the_hub(monkeypatch, tmp_path / "hf")
    monkeypatch.setenv("MIRAGE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A hub that holds one model, and is the hub of HF_ENDPOINT."""
    state = Site({MODEL: files()})
    with hub(state) as address:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        state.address = address
        yield state
