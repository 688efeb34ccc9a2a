"""Figures, cases and licences."""

from __future__ import annotations

from mirage.figure import Case, Figure, Licence, Source

SOURCE = Source("folder", "A. Person")


def test_a_licence_that_is_not_stated_says_so_and_allows_nothing() -> None:
    assert str(Licence()) == "not stated"
    assert str(Licence("CC0-1.0")) == "CC0-1.0"


def test_words_hold_each_thing_once_and_what_the_picture_is() -> None:
    figure = Figure("f:1", "A mass", SOURCE, title="A mass", modality="MR", plane="axial", region="brain")
    assert figure.words == "A mass. axial. MRI. MR. brain. magnetic resonance imaging. cerebral"


def test_alt_text_falls_back_from_caption_to_kind_to_something() -> None:
    assert Figure("f:1", "A mass", SOURCE, title="Title").alt == "A mass"
    assert Figure("f:1", "", SOURCE, title="Title").alt == "Title"
    assert Figure("f:1", "", SOURCE, modality="CT", plane="axial", region="thorax").alt == "axial CT thorax"
    assert Figure("f:1", "", SOURCE).alt == "Medical image without a caption"


def test_a_case_tells_its_passages_in_reading_order_and_leaves_out_the_empty() -> None:
    case = Case("c:1", "Title", SOURCE, discussion="Last.", history="First.", findings="")
    assert list(case.passages.items()) == [("history", "First."), ("discussion", "Last.")]
