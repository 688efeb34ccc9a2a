"""Each person of a shared site keeps their own; reviews and what is hidden are the atlas's, for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirage.atlas import Atlas
from mirage.errors import NotFound
from mirage.jobs import Jobs
from mirage.people.visitor import Visitor, asking

ADA, BEN = "a" * 16, "b" * 16


def test_what_one_keeps_another_does_not_have(small: Path) -> None:
    with Atlas.open(small) as atlas:
        own = atlas.studies.of(ADA).collections.make("Ada’s week").id
        assert [each.title for each in atlas.studies.of(ADA).collections.list()] == ["Ada’s week"]
        assert atlas.studies.of(BEN).collections.list() == atlas.study.collections.list() == []
        with pytest.raises(NotFound):
            atlas.studies.of(BEN).collections.get(own)
        assert atlas.studies.of("") is atlas.study


def test_what_is_hidden_is_hidden_from_everybody(small: Path) -> None:
    with Atlas.open(small) as atlas:
        hidden = {atlas.reference(next(iter(atlas.store.rows(atlas.store.keys()).values())).figure.id)}
        atlas.studies.of(ADA).reviews.hidden.set(*hidden, hide=True)
        assert atlas.studies.of(BEN).reviews.hidden.figures() == hidden
        assert atlas.study.reviews.hidden.figures() == hidden


def test_what_somebody_kept_is_gone_when_it_is_removed_and_nothing_of_others(small: Path) -> None:
    with Atlas.open(small) as atlas:
        for each in (ADA, BEN):
            atlas.studies.of(each).collections.make("Mine")
        assert atlas.studies.size(ADA) > 0
        atlas.studies.remove(ADA)
        assert atlas.studies.size(ADA) == 0
        assert list((small / "people").iterdir()) == [small / "people" / BEN]
        assert atlas.studies.of(ADA).collections.list() == []
        assert len(atlas.studies.of(BEN).collections.list()) == 1


def test_so_many_studies_are_open_and_the_others_open_again(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirage.study.studies._MOST_OPEN", 2)
    with Atlas.open(small) as atlas:
        ada = atlas.studies.of(ADA)
        ada.collections.make("Mine")
        for each in (BEN, "c" * 16):
            atlas.studies.of(each).collections.make("Theirs")
        assert atlas.studies.of(ADA) is not ada
        assert len(ada.collections.list()) == len(atlas.studies.of(ADA).collections.list()) == 1


def test_a_job_is_seen_by_who_started_it_and_by_owners(small: Path) -> None:
    ada, ben = Visitor(ADA, "Ada", "educator"), Visitor(BEN, "Ben", "educator")
    with Atlas.open(small) as atlas:
        jobs = Jobs(atlas)
        with asking(ada):
            job = jobs.start_collect()
            assert jobs.get(job.id).owner == ADA
            assert [each.id for each in jobs.list()] == [job.id]
        with asking(ben):
            assert jobs.list() == []
            for refused in (jobs.get, jobs.cancel):
                with pytest.raises(NotFound):
                    refused(job.id)
        assert jobs.get(job.id).owner == ADA
        jobs.close()
