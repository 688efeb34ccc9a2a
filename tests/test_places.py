"""A user without a home, as a container's may be, has folders all the same, which are that user's alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mirage import places


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    def none(*_: object, **__: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(places, "user_data_path", none)
    monkeypatch.setattr(places, "user_cache_path", none)
    monkeypatch.setattr(places.tempfile, "tempdir", str(tmp_path))
    places._homeless.cache_clear()
    yield tmp_path
    places._homeless.cache_clear()


def test_what_a_user_without_a_home_keeps_lies_among_the_temporary_files(homeless: Path) -> None:
    assert places.own_data().is_relative_to(homeless)
    assert places.own_cache() != places.own_data()
    assert stat.S_IMODE(places.own_data().parent.stat().st_mode) == 0o700


def test_it_is_the_same_at_the_next_start(homeless: Path) -> None:
    before = places.own_data()
    places._homeless.cache_clear()
    assert places.own_data() == before


@pytest.mark.parametrize("kind", ["open", "link", "file"])
def test_a_folder_that_others_may_have_made_is_not_taken(homeless: Path, kind: str) -> None:
    taken = places.own_data().parent
    taken.rmdir()
    if kind == "open":
        taken.mkdir()
        taken.chmod(0o777)
    elif kind == "link":
        taken.symlink_to(homeless)
    else:
        taken.write_text("")
    places._homeless.cache_clear()
    assert places.own_data().parent != taken
