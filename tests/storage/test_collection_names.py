"""Collections whose names differ are different ones, whatever letters the names have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mirage.atlas import Atlas
from mirage.corpora import folder as folder_corpus
from mirage.corpora.folder_names import former_name, names_of
from mirage.errors import BadInput
from mirage.jobs import change

APART = [
    "頭部 CT",
    "胸部 CT",
    "\uff23\uff34",
    "Füße",
    "Fäße",
    "f e",
    "Fusse",
    "C+",
    "C",
    "Chest-CT",
    "Chest CT",
    "A" * 61,
    "A" * 62,
]


@pytest.fixture
def atlas(tmp_path: Path) -> Iterator[Atlas]:
    with Atlas.open(tmp_path / "atlas", create=True) as made:
        yield made


def added(atlas: Atlas, folder: Path, prune: str = "", **options: object) -> dict[str, object]:
    told: dict[str, object] = {}
    change.add_corpus(
        atlas, "folder", {"path": folder, **options}, lambda **new: told.update(new), lambda: False, prune=prune
    )
    return told


def titles(atlas: Atlas) -> dict[str, str]:
    return {each.title: each.name for each in atlas.info().corpora}


def test_names_that_differ_never_share_an_id() -> None:
    assert len({names_of(name)[0] for name in APART}) == len(APART)
    for same in (("Füße", "FÜSSE "), ("\uff23\uff34", "ct"), ("Knee  MRI", "knee mri"), ("Caf\u00e9", "CAFE\u0301")):
        assert len({names_of(name) for name in same}) == 1, same
    assert names_of("Knee MRI")[0] == "folder-knee-mri"
    assert names_of("Füße")[0].startswith("folder-fusse-")
    assert names_of("Röntgen Kurs")[0].startswith("folder-rontgen-kurs-")


@pytest.mark.parametrize("named", [True, False])
def test_taking_out_what_is_gone_touches_no_collection_of_another_name(
    atlas: Atlas, pictures: Callable[..., Path], named: bool
) -> None:
    head, chest = pictures(3, name="頭部 CT"), pictures(2, name="胸部 CT")
    (chest / "phantom-000.png").write_bytes((head / "phantom-000.png").read_bytes())
    for folder in (head, chest):
        told = added(atlas, folder, "all", **({"name": folder.name} if named else {}))
        assert (told["gone_count"], told["removed"]) == (0, 0)
    assert atlas.info().figures == 5
    assert len(titles(atlas)) == 2


@pytest.mark.parametrize("named", [True, False])
def test_what_an_earlier_version_added_is_found_by_its_title_only(
    atlas: Atlas, pictures: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    folders = head, chest, bare = pictures(2, name="頭部 CT"), pictures(1, name="胸部 CT"), pictures(1, name="CT")
    names = {folder: {"name": folder.name} if named else {} for folder in folders}
    with monkeypatch.context() as before:
        before.setattr(folder_corpus, "names_of", lambda title: (former_name(title),))
        added(atlas, head, **names[head])
    (old,) = (each.name for each in atlas.info().corpora)
    assert (old == "folder-ct") is named
    assert added(atlas, head, **names[head])["kept"] == 2, "nothing is doubled"
    for folder in (chest, bare):
        assert added(atlas, folder, "all", **names[folder])["removed"] == 0
    assert [each.figures for each in atlas.info().corpora] == [2, 1, 1]
    if named:
        assert titles(atlas)["頭部 CT"] == old
        assert titles(atlas)["CT"].startswith("folder-ct-"), "its own name is another's"
        with pytest.raises(BadInput, match="a collection of this name, folder-ct-"):
            added(atlas, pictures(1, name="other", first=30), name="ct")
