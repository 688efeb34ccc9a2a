"""A site of a part of the starter atlas, made once for all; with what its search runs on, where npm can fetch that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mirage.atlas import Atlas
from mirage.site import export, runtime
from parts import copy_atlas


@pytest.fixture(scope="session")
def plain_site(some_folder: Path, made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A site without what a search runs on."""

    def make(folder: Path) -> None:
        with Atlas.open(copy_atlas(some_folder, folder.with_name("plain-site-atlas"))) as atlas:
            export.write(atlas, folder, title="Some <of> it", fetch=False)

    return made_once("plain-site", make)


@pytest.fixture(scope="session")
def whole_site(some_folder: Path, made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A site that searches; the test is skipped where npm cannot fetch what that runs on."""

    def make(folder: Path) -> None:
        with Atlas.open(copy_atlas(some_folder, folder.with_name("whole-site-atlas"))) as atlas:
            export.write(atlas, folder, explain=False)

    folder = made_once("whole-site", make)
    if missing := [name for name in runtime.VERSIONS if not (folder / "NOTICES" / f"{name}.txt").exists()]:
        pytest.skip(f"npm could not fetch {' and '.join(missing)}")
    return folder
