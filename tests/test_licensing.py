"""What may leave: the tables of docs/licences.md, cell by cell, and what travels with it."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from mirage import corpora, licensing
from mirage.errors import BadInput
from mirage.figure import NOT_STATED, Licence
from mirage.licensing import KINDS, PURPOSES, WAYS, behind, may_leave, passing_on, terms_of

PAGE = (Path(__file__).parents[1] / "docs" / "licences.md").read_text()
SIGNED_IN = "page, to signed-in people"
Row = list[str]


def table(corner: str) -> tuple[Row, dict[str, Row]]:
    """Head and rows of the page's table with these words in its corner."""
    lines = PAGE[PAGE.index(f"| {corner} |") :].split("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return cells[0][1:], {row[0]: row[1:] for row in cells[2:]}


def licence(name: str) -> Licence:
    return Licence() if name == NOT_STATED else Licence(name)


def cell(name: str, way: str, purpose: str, *, signed_in: bool = False) -> str:
    """What the function says, in the words of the page."""
    asked = {
        (altered, gainless): may_leave(
            licence(name), way, purpose, altered=altered, non_commercial=gainless, signed_in=signed_in
        )
        for altered, gainless in product((False, True), repeat=2)
    }
    if not asked[False, True].allowed:
        assert not any(each.allowed for each in asked.values())
        return "no"
    words = [] if asked[False, False].allowed else ["without gain"]
    words += ["same terms"] if "same terms" in asked[False, True].carries else []
    words += [] if asked[True, True].allowed else ["unchanged"]
    assert asked[False, True].may_alter == asked[True, True].allowed
    return ", ".join(words) or "yes"


NAMES = {words: way for way, words in WAYS.items()}
CELLS = [
    (purpose, row, name, told)
    for corner, purpose in (("to pass on", "pass-on"), ("for myself", "myself"))
    for head, rows in (table(corner),)
    for row, cells in rows.items()
    for name, told in zip(head, cells, strict=True)
]


@pytest.mark.parametrize(("purpose", "row", "name", "told"), CELLS)
def test_the_page_and_the_function_say_the_same_of_every_cell(purpose: str, row: str, name: str, told: str) -> None:
    if row == SIGNED_IN:
        assert cell(name, "page", "pass-on", signed_in=True) == told
    else:
        assert cell(name, NAMES[row], purpose) == told


def test_the_page_has_every_way_and_every_kind() -> None:
    for corner in ("to pass on", "for myself"):
        head, rows = table(corner)
        assert {terms_of(licence(name)).kind for name in head} == set(KINDS)
        assert set(rows) - {SIGNED_IN} == set(WAYS.values())


@pytest.mark.parametrize(("said", "kind"), [(said, cells[0]) for said, cells in table("a source says")[1].items()])
def test_a_licence_is_read_as_the_page_says(said: str, kind: str) -> None:
    assert terms_of(Licence(said)).kind == kind
    if said.startswith("https"):
        assert terms_of(Licence("", said)).kind == kind


def test_where_name_and_address_differ_the_stricter_holds() -> None:
    assert terms_of(Licence("CC BY 4.0", "https://creativecommons.org/licenses/by-nc/4.0/")).kind == "BY-NC"
    assert terms_of(Licence("CC BY-ND", "https://creativecommons.org/licenses/by/4.0/")).kind == "BY-ND"
    assert terms_of(Licence("Ours", "https://creativecommons.org/licenses/by/4.0/")).kind == NOT_STATED
    assert terms_of(Licence("CC BY", "https://example.org/by-nc")).kind == "BY", "an address that is not known says nothing"


@pytest.mark.parametrize(
    "said",
    [
        "CC",
        "attribution",
        "BY",
        "NC",
        "CC BY for members",
        "Mitt",
        "CC BY unless stated",
        "public",
        "4.0",
        "x" * 600,
        "©",
        "\u0421\u0421 BY",
    ],
)
def test_what_is_not_all_understood_is_not_stated(said: str) -> None:
    assert terms_of(Licence(said, allows_sharing=True)).kind == NOT_STATED
    for way in WAYS:
        assert not may_leave(Licence(said, allows_sharing=True), way, "pass-on", non_commercial=True).allowed
        assert may_leave(Licence(said), way, "myself").allowed


@pytest.mark.parametrize("sign", ["-", " ", "_", "\u2011", " - ", "/"])
def test_however_the_parts_are_set_apart_they_are_all_read(sign: str) -> None:
    assert terms_of(Licence(sign.join(["CC", "BY", "NC", "ND"]))).kind == "BY-NC-ND"
    assert terms_of(Licence(sign.join(["cc", "by", "sa", "3.0"]))).kind == "BY-SA"


def test_what_travels_with_it() -> None:
    assert may_leave(Licence("CC0"), "slide", "pass-on").carries == ("attribution", "link", "licence")
    assert may_leave(Licence("CC BY-SA"), "deck", "pass-on").carries[-1] == "same terms"
    assert may_leave(Licence("CC BY-SA"), "deck", "pass-on", altered=True).carries[-2:] == ("same terms", "changes")
    assert may_leave(Licence(), "deck", "pass-on").carries == ()


def test_signed_in_people_are_shown_what_has_no_licence_on_pages_only() -> None:
    assert may_leave(Licence(), "page", "pass-on", signed_in=True).allowed
    for way in set(WAYS) - {"page"}:
        assert not may_leave(Licence(), way, "pass-on", signed_in=True).allowed


def test_every_answer_says_why_in_a_sentence_that_names_the_licence() -> None:
    for name in table("to pass on")[0]:
        told = may_leave(licence(name), "print", "pass-on")
        assert re.fullmatch(r"[A-Z].*\.", told.why)
        assert name in told.why or name == NOT_STATED
    assert may_leave(Licence("Ours"), "print", "pass-on").why.startswith("The source says “Ours”, which is no licence")
    assert may_leave(Licence(), "print", "pass-on").why == "The source states no licence."


def test_a_way_or_purpose_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadInput, match="no way out 'fax'"):
        may_leave(Licence("CC0"), "fax", "pass-on")
    with pytest.raises(BadInput, match=f"no purpose 'gain'.*{next(iter(PURPOSES))}"):
        may_leave(Licence("CC0"), "print", "gain")


def test_what_to_know_before_passing_on() -> None:
    assert passing_on(Licence("CC BY")) == ""
    assert "without gain" in passing_on(Licence("CC BY-NC"))
    assert "altered copies" in passing_on(Licence("CC BY-ND"))
    assert "same licence" in passing_on(Licence("CC BY-SA"))
    assert "Ask it" in passing_on(Licence())


def test_what_stayed_behind_is_counted_in_words_by_licence() -> None:
    stayed = [Licence(), Licence(), Licence("CC BY-NC 4.0")]
    assert behind(stayed) == "3 figures stayed behind: 2 not stated, 1 CC BY-NC 4.0."
    assert behind(stayed[:1], "case") == "1 case stayed behind: 1 not stated."
    assert behind([]) == ""


def test_everything_that_ships_may_be_passed_on() -> None:
    for item in corpora.load("starter").items():
        told = may_leave(item.figure.source.licence, "file", "pass-on")
        assert told.allowed, item.figure.source.licence
        assert told.may_alter


def test_the_module_is_all_there_is_that_decides() -> None:
    """Nothing else reads what an adapter believes of sharing, other than to keep it."""
    source = Path(licensing.__file__).parent
    readers = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if re.search(r"licence\.allows_sharing|\.allows_sharing\b", path.read_text())
    }
    assert readers == {"storage/rows.py", "corpora/folder_words.py"}
