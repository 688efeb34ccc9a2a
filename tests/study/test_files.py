"""A collection as one file: a round trip loses nothing, and a file that anybody may have written is not believed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mirage.atlas import Atlas
from mirage.errors import BadInput
from mirage.study.collections import Collection
from mirage.study.exchange import MOST_BYTES
from mirage.study.files import ENDING, file_name, printed, take_in


@pytest.fixture
def atlas(unkept: Atlas) -> Atlas:
    return unkept


@pytest.fixture
def full(atlas: Atlas) -> Collection:
    mine = atlas.study.collections
    own = mine.make("Ünder “quotes” <b>", "Two\nlines").id
    mine.add(own, "section", title="First")
    for row in atlas.store.rows(atlas.store.keys()).values():
        mine.add(own, "figure", row.figure.id, note=f"about {row.figure.id}")
    mine.add(own, "search", "q=phantom&less=x%400.5&modality=CT")
    mine.add(own, "comparison", "q=brain&less=contrast")
    return mine.get(own)


def contents(collection: Collection) -> list[Any]:
    return [replace(item, id="") for item in collection.items]


def test_a_round_trip_loses_nothing(atlas: Atlas, full: Collection) -> None:
    again = take_in(atlas.study.collections, printed(full))
    assert again.id != full.id
    assert (again.title, again.notes, again.created) == (full.title, full.notes, full.created)
    assert contents(again) == contents(full)
    assert json.loads(printed(again))["collection"] == json.loads(printed(full))["collection"]


def test_an_empty_collection_makes_the_round_trip_too(atlas: Atlas) -> None:
    empty = atlas.study.collections.make("Empty")
    assert take_in(atlas.study.collections, printed(empty)).items == ()


def test_what_another_atlas_does_not_have_is_kept_and_marked(full: Collection, tmp_path: Path) -> None:
    with Atlas.open(tmp_path / "other", create=True) as other:
        there = take_in(other.study.collections, printed(full))
        assert [item.title for item in there.items] == [item.title for item in full.items]
        assert {item.kind for item in there.items if item.removed} == {"figure"}
        back = take_in(other.study.collections, printed(there))
        assert contents(back) == contents(there)


def altered(full: Collection, **changes: Any) -> bytes:
    told = json.loads(printed(full))
    for path, value in changes.items():
        place = told
        *steps, last = path.split("__")
        for step in steps:
            place = place[int(step) if step.isdigit() else step]
        place[int(last) if last.isdigit() else last] = value
    return json.dumps(told).encode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 7}, "has format 7; this MIRAGE reads 1. Update MIRAGE"),
        ({"format": 0}, "has format 0.*Write it anew"),
        ({"format": "1"}, "is no collection"),
        ({"more": 1}, "more: Extra inputs"),
        ({"collection": []}, "collection: Input should be"),
        ({"collection__title": "x" * 300}, "title: String should have at most 200"),
        ({"collection__title": "\u200b"}, "needs a title"),
        ({"collection__items": [{}] * 1001}, "at most 1000"),
        ({"collection__items__1__kind": "song"}, "kind: Input should be 'figure'"),
        ({"collection__items__1__target": "../../etc/passwd"}, "number 2, a figure: '../../etc/passwd' is no id"),
        ({"collection__items__1__target": "a:b\nc"}, "is no id"),
        ({"collection__items__1__note": 5}, "note: Input should be a valid string"),
        ({"collection__items__1__url": "javascript:alert(1)"}, "no link to a web page"),
        ({"collection__items__1__licence_url": 'https://x/ " onclick='}, "no link to a web page"),
        ({"collection__items__1__added": -1}, "added: "),
        ({"collection__items__0__target": "x:y"}, "number 1, a section: a section leads nowhere"),
        ({"collection__items__7__target": "colour=red"}, "number 8, a search: Not understood"),
        ({"collection__items__7__target": "picture=0123456789ab.AAAAAAAAAAAAAAAA"}, "dropped picture is never kept"),
    ],
)
def test_a_file_in_which_something_cannot_be_is_refused_whole(
    atlas: Atlas, full: Collection, changes: dict[str, Any], words: str
) -> None:
    before = atlas.study.collections.list()
    with pytest.raises(BadInput, match=words) as refused:
        take_in(atlas.study.collections, altered(full, **changes), "mine.txt")
    assert str(refused.value).startswith("mine.txt ")
    assert str(refused.value).endswith("Nothing was changed.")
    assert atlas.study.collections.list() == before


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[]", b"{}", b"null", b'{"format": 1}', b"[" * 100_000])
def test_what_is_no_collection_is_refused(atlas: Atlas, data: bytes) -> None:
    with pytest.raises(BadInput, match="is no collection"):
        take_in(atlas.study.collections, data)


def test_a_file_that_is_too_large_is_not_read(atlas: Atlas) -> None:
    with pytest.raises(BadInput, match=r"5\.0 MB"):
        take_in(atlas.study.collections, b" " * (MOST_BYTES + 1))


def test_a_file_s_name_is_short_and_harmless_whatever_the_title(full: Collection) -> None:
    assert file_name(full) == f"nder-quotes-b{ENDING}"
    assert len(file_name(replace(full, title="long " * 40))) < 90
    assert file_name(replace(full, title="../../x")) == f"x{ENDING}"
    assert file_name(replace(full, title="心臓")) == f"collection{ENDING}"


def test_a_file_of_hundreds_of_thousands_of_fields_is_no_collection(atlas: Atlas) -> None:
    with pytest.raises(BadInput, match="is no collection"):
        take_in(atlas.study.collections, b'{"format": 1, "collection": {' + b'"x":1,' * 500_000 + b'"y": 1}}')
