"""Words of one's own figures are edited: all that is made of them follows, and an edit stays when its folder comes again."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mirage import corpora
from mirage.atlas import Atlas
from mirage.errors import BadInput, NotFound
from mirage.jobs import Jobs
from mirage.storage import archive_export, archive_import
from mirage.storage.ingest import add
from parts import environment, until
from scan_maker import MadeStacks

NEW = "Fracture of the scaphoid"


@pytest.fixture
def atlas(small: Path) -> Iterator[Atlas]:
    with Atlas.open(small) as opened:
        yield opened


@pytest.fixture
def one(atlas: Atlas) -> str:
    return atlas.search("phantom number 3").hits[0].figure.id


def folder_again(atlas: Atlas, tmp_path: Path, table: Callable[[str], str] = lambda text: text) -> None:
    path = tmp_path / "phantoms" / "figures.csv"
    path.write_text(table(path.read_text("utf-8")), "utf-8")
    add(atlas, corpora.load("folder", path=tmp_path / "phantoms"))


def test_searches_mentions_filters_and_vectors_follow_at_once(atlas: Atlas, one: str) -> None:
    before = atlas.store.vectors.of(atlas.store.keys(), atlas.encoder_info.digest)
    days = [datetime.now(UTC).date().isoformat()]
    made = atlas.edit(one, caption=NEW, modality="x-ray", region="Wrist", diagnosis="Scaphoid fracture")
    assert (made.caption, made.modality, made.region, made.plane) == (NEW, "XR", "wrist", "axial")
    days.append(datetime.now(UTC).date().isoformat())
    assert dict(made.edited) in [dict.fromkeys(("caption", "modality", "region", "diagnosis"), day) for day in days]
    hit = atlas.search("scaphoid fracture").hits[0]
    assert (hit.figure.id, hit.confidence) == (one, "strong")
    assert [each.figure.id for each in atlas.search("fracture", modality="XR").hits] == [one]
    assert all(each.figure.id != one for each in atlas.search("phantom", modality="CT").hits)
    key = atlas.store.keys_of([one])[one]
    after = atlas.store.vectors.of(atlas.store.keys(), atlas.encoder_info.digest)
    assert (after[key][0] == before[key][0]).all()
    assert (after[key][1] != before[key][1]).any()
    assert {mention.field for mention in atlas.store.mentions.of([key])[key]} >= {"caption", "diagnosis"}


def test_an_edit_stays_when_the_folder_is_added_again_and_knows_what_its_source_says(
    atlas: Atlas, one: str, tmp_path: Path
) -> None:
    atlas.edit(one, caption=NEW)
    folder_again(atlas, tmp_path)
    assert atlas.figure(one).caption == NEW
    folder_again(atlas, tmp_path, lambda text: text.replace("Phantom number 3,CT", "Another phantom,MR"))
    found = atlas.figure(one)
    assert (found.caption, found.modality) == (NEW, "MR"), "what was not edited is the source's"
    assert atlas.search("scaphoid fracture").hits[0].figure.id == one
    assert atlas.store.edits.of([one])[one]["caption"].source == "Another phantom"
    back = atlas.edit(one, undo=["caption"])
    assert (back.caption, back.edited) == ("Another phantom", ())
    assert atlas.search("another phantom").hits[0].figure.id == one


def test_what_the_source_says_too_is_no_edit(atlas: Atlas, one: str, tmp_path: Path) -> None:
    assert atlas.edit(one, caption="Phantom number 3").edited == ()
    atlas.edit(one, caption=NEW)
    assert atlas.edit(one, caption="Phantom number 3").edited == (), "as it was"
    atlas.edit(one, caption=NEW)
    folder_again(atlas, tmp_path, lambda text: text.replace("Phantom number 3", NEW))
    found = atlas.figure(one)
    assert (found.caption, found.edited) == (NEW, ())


def test_what_was_inferred_is_stated_once_edited_and_inferred_again_once_undone(tmp_path: Path, pictures) -> None:
    folder = pictures(1, name="bare", captions=lambda n: "An ultrasound of something")
    table = folder / "figures.csv"
    table.write_text("file,caption\nphantom-000.png,An ultrasound of something\n", "utf-8")
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, corpora.load("folder", path=folder))
        (one,) = [row.figure.id for rows in atlas.store.each() for row in rows]
        assert (atlas.figure(one).modality, atlas.figure(one).inferred) == ("US", ("modality",))
        made = atlas.edit(one, modality="CT")
        assert (made.modality, made.inferred) == ("CT", ())
        back = atlas.edit(one, undo=["modality"])
        assert (back.modality, back.inferred, back.edited) == ("US", ("modality",), ())


def test_removed_it_comes_back_as_its_source_has_it(atlas: Atlas, one: str, tmp_path: Path) -> None:
    atlas.edit(one, caption=NEW)
    atlas.remove(one)
    folder_again(atlas, tmp_path)
    assert (atlas.figure(one).caption, atlas.figure(one).edited) == ("Phantom number 3", ())


def test_words_of_others_stay_theirs(atlas: Atlas) -> None:
    add(atlas, MadeStacks())
    figure = atlas.figure("made:scan")
    with pytest.raises(BadInput, match="stay its source’s"):
        atlas.edit(figure.id, caption="Mine")
    assert atlas.figure(figure.id) == figure


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"modality": "Holzschnitt"}, "The modality is one of CT, MR"),
        ({"plane": "sideways"}, "The plane is one of axial"),
        ({"caption": "x" * 100_001}, "100,001 characters"),
        ({"title": "x" * 1_001}, "1,000 are allowed"),
        ({"patient": "Mr Smith"}, "There is no 'patient' to edit"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(atlas: Atlas, one: str, words: dict[str, str], said: str) -> None:
    before = atlas.figure(one)
    with pytest.raises(BadInput, match=said):
        atlas.edit(one, diagnosis="Something", **words)
    assert atlas.figure(one) == before
    with pytest.raises(NotFound):
        atlas.edit("folder:nothing", caption="x")


def test_mark_up_and_control_characters_are_cleaned_away(atlas: Atlas, one: str) -> None:
    made = atlas.edit(one, caption="A <b>bold</b>\0 claim<script>alert(1)</script>", title="  N/A ")
    assert (made.caption, made.title) == ("A bold claim", "")


def test_a_job_edits_between_others_and_two_edits_are_two(atlas: Atlas, one: str) -> None:
    jobs = Jobs(atlas)
    try:
        ids = [jobs.start_edit(one, {field: NEW}).id for field in ("title", "caption", "diagnosis")]
        until(lambda: all(jobs.get(each).ended for each in ids))
        assert {jobs.get(each).state for each in ids} == {"done"}
    finally:
        jobs.close()
    found = atlas.figure(one)
    assert found.title == found.caption == found.diagnosis == NEW


KILLED = """
import os, signal, sys
from mirage.atlas import Atlas
with Atlas.open(sys.argv[1]) as atlas:
    atlas.index_again = lambda keys: os.kill(os.getpid(), signal.SIGKILL)
    atlas.edit(sys.argv[2], caption=sys.argv[3])
"""


def test_killed_before_the_index_heard_of_it_the_next_opening_brings_it_level(small: Path, one_of_small: str) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, small, one_of_small, NEW], env=environment(None), check=False)
    assert killed.returncode == -signal.SIGKILL
    with Atlas.open(small) as atlas:
        assert atlas.search("scaphoid fracture").hits[0].figure.id == one_of_small


@pytest.fixture
def one_of_small(small: Path) -> str:
    with Atlas.open(small) as atlas:
        return atlas.search("phantom number 3").hits[0].figure.id


def test_an_atlas_file_says_what_was_edited(small: Path, one_of_small: str, tmp_path: Path) -> None:
    with Atlas.open(small) as atlas:
        atlas.edit(one_of_small, caption=NEW)
    archive_export.export(small, tmp_path / "own.mirage", purpose="myself")
    with Atlas.open(tmp_path / "other", create=True) as other:
        archive_import.import_file(tmp_path / "own.mirage", other)
        (found,) = [row.figure for rows in other.store.each() for row in rows if row.figure.edited]
        assert (found.caption, dict(found.edited).keys()) == (NEW, {"caption"})
