"""Hits as pictures in a notebook."""

from __future__ import annotations

from mirage.figure import Figure, Source
from mirage.query import Query
from mirage.search.answer import Answer, Hit


def hit(**of_figure: object) -> Hit:
    values = {"id": "folder:1", "caption": "A mass", "source": Source("folder", "A. Person"), **of_figure}
    return Hit(1, Figure(**values), "likely", (), 0.1)


def test_what_a_source_says_is_shown_as_text() -> None:
    page = hit(title="<script>alert(1)</script>", caption='"><img src=x>')._repr_html_()
    assert "<script>" not in page
    assert "<img" not in page


def test_long_words_are_cut_between_characters_not_within_signs() -> None:
    page = hit(title="&" * 200)._repr_html_()
    assert "&amp;" * 89 + "…" in page


def test_only_an_address_of_the_web_becomes_a_link() -> None:
    assert "<a " not in hit(source=Source("folder", "A. Person", "javascript:alert(1)", "figure"))._repr_html_()
    assert (
        '<a href="https://example.org/?a=1&amp;b=2">'
        in hit(source=Source("folder", "A. Person", "https://example.org/?a=1&b=2", "figure"))._repr_html_()
    )


def test_a_licence_that_is_not_stated_is_shown_in_those_words() -> None:
    assert "licence: not stated" in hit()._repr_html_()


def test_an_answer_shows_its_notes_and_that_nothing_fits() -> None:
    page = Answer(Query.of("x"), (hit(),), False, ("A < B",), 0.0)._repr_html_()
    assert "A &lt; B" in page
    assert "Nothing in this atlas fits" in page
    assert "The nearest there is" in page
    assert "The nearest" not in Answer(Query.of("x"), (), False, (), 0.0)._repr_html_()
