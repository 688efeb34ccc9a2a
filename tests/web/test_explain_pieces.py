"""What an explanation teaches with stands on the page: how far a sentence reaches, and the table of the cases here."""

from __future__ import annotations

from dataclasses import replace

from mirage.explain.case_table import CaseCount, CaseTable, FindingRow
from mirage.explain.evidence import Claim, Evidence
from mirage.explain.explainers.base import ExplainerInfo
from mirage.explain.explanation import Began, Explanation
from mirage.figure import Source
from mirage.web.explain import Drawing
from mirage.web.views.explain import event_view, explanation_view

SOURCE = Source("made", "Written for the tests")
EVIDENCE = tuple(
    Evidence(number, "discussion", "Text.", (f"made:{number}",), SOURCE, case=f"made:case-{number}") for number in (1, 2)
)
NONE = CaseCount()
TABLE = CaseTable(
    "meningioma",
    ("made:case-1", "made:case-2"),
    2,
    (FindingRow("edema", CaseCount(("made:case-1",), ("made:1",)), CaseCount(("made:case-2",), ("made:2",)), NONE, NONE),),
)


def drawn(*claims: Claim, evidence: tuple[Evidence, ...] = EVIDENCE) -> tuple[Drawing, list[str]]:
    drawing = Drawing(Explanation("meningioma"), {})
    drawing.draw(Began(ExplainerInfo("extractive"), evidence))
    return drawing, [drawing.draw(claim)[1].html for claim in claims]


def test_a_sentence_says_how_far_it_reaches_and_who_says_otherwise() -> None:
    _, (one, some, against) = drawn(
        Claim("A.", (1,), "supported", scope="case"),
        Claim("B.", (1,), "supported", scope="subset", limit="in <children>"),
        Claim("C.", (1,), "supported", against=(2,)),
    )
    assert "in one case" in one
    assert "of some only: in &lt;children&gt;" in some
    assert "the sources disagree: see [2]" in against


def test_beside_a_comparison_who_says_otherwise_is_named_with_its_side() -> None:
    sides = tuple(replace(item, side=side) for item, side in zip(EVIDENCE, ("a", "b"), strict=True))
    _, (against,) = drawn(Claim("C.", (1,), "supported", against=(2,)), evidence=sides)
    assert "the sources disagree: see [B2]" in against


def test_how_it_looks_is_headed_by_the_kind_of_picture() -> None:
    _, (ct, again, mr) = drawn(
        Claim("A.", (1,), "supported", aspect="look", modality="CT"),
        Claim("B.", (1,), "supported", aspect="look", modality="CT"),
        Claim("C.", (1,), "supported", aspect="look", modality="MR"),
    )
    assert "How it looks: CT" in ct
    assert "How it looks" not in again
    assert "How it looks: MRI" in mr


def test_the_table_links_the_figures_that_each_cell_counts() -> None:
    drawing, _ = drawn()
    name, piece = drawing.draw(TABLE)
    assert name == "cases"
    assert "selected teaching cases, not how often it happens" in piece.html
    assert piece.html.count('href="/figure/made:1"') == piece.html.count('href="/figure/made:2"') == 1
    assert "edema: 1 of 2 say so, 1 denies it" in piece.text


def test_the_api_tells_the_table_as_data() -> None:
    whole = Explanation("meningioma", evidence=EVIDENCE, cases=TABLE)
    name, view = event_view(TABLE, whole)
    assert name == "cases"
    sent = explanation_view(whole).model_dump()["cases"]
    assert sent == view.model_dump()  # type: ignore[attr-defined]
    assert sent["rows"][0]["present"] == {"cases": ["made:case-1"], "figures": ["made:1"]}
    assert sent["rows"][0]["words"] == "edema: 1 of 2 say so, 1 denies it"
