"""Whose the figures of an article are, whether it was retracted, and articles that are made to take long."""

from __future__ import annotations

import pytest

from mirage.corpora.live import jats
from mirage.corpora.live.jats import Article, read_article


def article(body: str = "", title: str = "A case", front: str = "") -> Article:
    return read_article(
        '<article xmlns:xlink="http://www.w3.org/1999/xlink"><front><article-meta><title-group><article-title>'
        f"{title}</article-title></title-group><contrib-group><contrib><name><surname>Doe</surname><given-names>Jane"
        f"</given-names></name></contrib></contrib-group>{front}</article-meta></front><body>{body}</body></article>".encode()
    )


def whose(inside: str) -> str:
    body = f'<fig id="F1"><label>Figure 1</label>{inside}<graphic xlink:href="a"/></fig>'
    (alone,) = article(body).figures
    return alone.left_out


def caption(words: str) -> str:
    return f"<caption><p>{words}</p></caption>"


_OTHERS = [
    "<attrib>Reproduced from Smith et al. 2010</attrib>", "<attrib>Adapted from Netter</attrib>",
    "<attrib>Getty Images</attrib>", "<attrib>Copyright Elsevier</attrib>", "<attrib>A. Smith</attrib>",
    "<permissions><copyright-statement>© Elsevier</copyright-statement></permissions>",
    '<permissions><license xlink:href="https://creativecommons.org/licenses/by-nc/4.0/"/></permissions>',
    *map(caption, (
        "Reprinted from Smith [12].", "Courtesy of Dr Smith. Adapted from ref 3.", "© Springer 2010",
        "CT. Image courtesy of the Department of Radiology.", "Modified, with permission, from Smith.",
        "Mit freundlicher Genehmigung von Elsevier", "Modifiziert nach Müller 2010", "Avec l’aimable autorisation de B. Roy",
        "Adapté de Roy 2010", "Cortesía del Dr. López", "Tomado de López et al.", "Per gentile concessione del dott. Rossi",
        "Adaptado de Silva, 2010", "Met toestemming van Jansen", "図は文献3より転載", "CT from Smith et al. 2010",
        "Image reproduced under CC BY 4.0.", "Redrawn after Smith.", "Created with BioRender.com",
        "Re\u2011printed from Smith.", "Adapted and modified from Smith.", "By permission of Oxford University Press.",
        "Reproduced with permission from Elsevier; written informed consent of the patient was obtained",
        "With permission from Elsevier, with consent of the patient", "With permission of Elsevier and the patient",
    )),
    caption("CT.") + "<p>Reproduced from Smith.</p>",
    caption("word " * 1_500 + "Reproduced from Smith."),
    caption("word " * 5_000),
]  # fmt: skip
_OWN = [
    "<attrib>Photo: Jane Doe</attrib>", "<attrib>Authors’ own work</attrib>", "",
    "<permissions><copyright-statement>© The Authors 2021</copyright-statement></permissions>",
    *map(caption, (
        "Axial CT after modified radical mastectomy from above.", "Pain was reproduced by palpation, of the left.",
        "Published with the permission of the patient.", "With the patient’s written permission.",
        "Photograph with permission obtained from the parents.", "Biopsy taken from the liver (C). After treatment [12].",
        "Modified Barium swallow with aspiration.", "Stent provided by the aorta.",
    )),
]  # fmt: skip


@pytest.mark.parametrize("inside", _OTHERS)
def test_what_names_another_owner_stays_out(inside: str) -> None:
    assert whose(inside)


@pytest.mark.parametrize("inside", _OWN)
def test_what_names_the_authors_or_the_patient_comes(inside: str) -> None:
    assert whose(inside) == ""


def test_what_stands_at_a_group_of_figures_holds_for_all_in_it() -> None:
    inner = '<fig id="F1"><caption><p>CT</p></caption><graphic xlink:href="a"/></fig>'
    for words in ("<caption><p>Reprinted from Smith.</p></caption>", "<attrib>Netter</attrib>"):
        (figure,) = article(f"<fig-group>{words}<fig-group>{inner}</fig-group></fig-group>").figures
        assert "somebody else" in figure.left_out


@pytest.mark.parametrize(
    ("title", "retracted"),
    [
        ("RETRACTED: X", True), ("Retracted Article: X", True), ("[Retracted] X", True), ("X (Retracted)", True),
        ("X [Retracted article. See vol. 3]", True), ("RETRACTED ARTICLE", True), ("X: retracted", True),
        ("Withdrawn: x", True), ("Notice of Retraction: x", True), ("Notice of retraction", True),
        ("Retraction to: x", True),
        ("Retraction Note to: x", True), ("Retraction notice to “x”", True), ("Retraction", True),
        ("Zurückgezogen: x", True),
        ("Rétractation de l’article : x", True), ("[撤回] x", True), ("Retraction of the eyelid: a case", False),
        ("Withdrawal of steroids", False), ("A retracted tympanic membrane", False), ("Correction: x", False),
        ("Ear drum (retracted tympanic membrane)", False),
    ],
)  # fmt: skip
def test_a_title_says_that_an_article_was_retracted(title: str, retracted: bool) -> None:
    assert article(title=title).retracted == retracted


@pytest.mark.parametrize("title", ["Expression of concern: x", "X (Expression of Concern)", "Editorial Note of concern"])
def test_a_title_says_that_there_is_concern(title: str) -> None:
    assert (article(title=title).concern, article(title=title).retracted) == (True, False)


def test_the_words_of_a_group_are_read_once_however_many_figures_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counted(text: str) -> str:
        read.append(len(text))
        return ""

    monkeypatch.setattr(jats, "_panels", counted)
    figures = "".join(f'<fig id="F{n}"><graphic xlink:href="a"/></fig>' for n in range(500))
    words = ("<p>" + "word " * 790 + "</p>") * 90
    group = f'<fig-group id="G"><caption>{words}</caption>{figures}</fig-group>'
    names = "<p>x" + f'<xref rid="{"G " * 20}"/>' * 2_000 + "</p>"
    found = article(group + names)
    assert len(found.figures) == 500
    assert len(read) == 1
    assert max(read) < 7_000
    assert len({id(each.caption) for each in found.figures}) == 1
    assert len(found.paragraphs[0].figures) == 500
