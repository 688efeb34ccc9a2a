"""Words that may tell who a patient is are named by the addition itself: the figure and the field, not the words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from mirage.atlas import Atlas
from mirage.cli import add as command
from mirage.jobs import change
from mirage.jobs.job import Job
from parts import draw

TABLE = (
    "file,title,caption,history,licence\n"
    'phantom-000.png,Hans Müller,"Patient Hans Müller, geb. 12.03.1965, Fallnr. 4711223",,CC0\n'
    "phantom-001.png,Colles fracture,A fall,Seen on 12.03.2021,CC0\n"
    "phantom-002.png,Colles fracture,A fall,,CC0\n"
)


@pytest.fixture
def folder(pictures: Callable[..., Path]) -> Path:
    made = pictures(3, name="wrist")
    (made / "figures.csv").write_text(TABLE, encoding="utf-8")
    return made


@pytest.fixture
def atlas(tmp_path: Path) -> Iterator[Atlas]:
    with Atlas.open(tmp_path / "atlas", create=True) as made:
        yield made


def added(atlas: Atlas, folder: Path, **options: object) -> Job:
    told: dict[str, object] = {}
    change.add_corpus(atlas, "folder", {"path": folder, **options}, lambda **new: told.update(new), lambda: False)
    return Job("id", "add", "Add", **told)  # type: ignore[arg-type]


def test_an_addition_names_figures_and_fields_and_counts_what_it_replaced(atlas: Atlas, folder: Path) -> None:
    job = added(atlas, folder, name="Wrist")
    told = [(each.label, each.note.partition(" holds")[0]) for each in job.noted]
    assert told == [
        ("phantom-000.png", "Its title"),
        ("phantom-000.png", "Its caption"),
        ("phantom-001.png", "The history of its case"),
    ]
    assert all(what in job.noted[1].note for what in ("a person’s name", "a date", "a number"))
    assert "The words of 2 figures hold what looks like a name, a date or a number" in job.message
    assert "edit or remove them on their pages" in job.message  # whoever reads it on a page has no command
    assert "--name" not in job.message
    assert "Müller" not in repr(job)
    draw(folder / "phantom-002.png", 77)
    draw(folder / "phantom-003.png", 78)
    assert added(atlas, folder, name="Wrist").message.startswith("1 figure added, 1 replaced, 2 were there already.")
    for path in sorted(folder.glob("phantom-00[123].png")):
        path.unlink()
    (folder / "figures.csv").unlink()
    message = added(atlas, folder, name="Again").message
    assert "1 picture of it is in another collection of this atlas too. If it is there twice, “Remove”" in message
    (folder / "figures.csv").write_text("file,title\nphantom-000.png,Scaphoid\n")
    message = added(atlas, folder, name="Again").message
    assert "0 figures added, 1 replaced" in message
    assert "in another collection" not in message  # it was not added a second time now


def test_at_a_terminal_it_is_asked_before(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(command.sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(command.typer, "confirm", lambda *args, **kwargs: False)
    assert not command._may_be_read("folder", {"path": folder})
    told = capsys.readouterr().err
    assert "phantom-000.png: Its title holds what looks like a person’s name" in told
    assert "Nothing was added." in told
    assert "Müller" not in told
    (folder / "figures.csv").unlink()
    assert command._may_be_read("folder", {"path": folder}), "without words nothing is asked"


def test_figures_to_look_at_are_named_up_to_two_hundred(capsys) -> None:
    noted = [{"label": f"{number:03}.dcm", "note": "Look at it."} for number in range(203)]
    report = {"refused": [], "noted": noted, "changed": [], "gone": [], "gone_count": 0, "removed": 0, "message": "Done."}
    command._print_report(report)
    told = capsys.readouterr().err
    assert "203 figures: Look at it." in told
    assert "199.dcm" in told
    assert "200.dcm" not in told
    assert "and 3 more" in told
