"""The list of conditions to be read, and how an explanation is laid out for the reader."""

from __future__ import annotations

from pathlib import Path

from mirage.explain.evidence import Claim, Evidence
from mirage.explain.explanation import Explanation
from mirage.figure import Source
from mirage_research.evaluation.explainers import conditions, read_aloud


def test_forty_conditions_are_there_and_forty_are_not() -> None:
    there, absent = conditions()
    assert len(set(there)) == len(set(absent)) == 40
    assert not set(there) & set(absent)


def test_a_list_of_ones_own_needs_no_absent_ones(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("gout\nrickets", "utf-8")
    assert conditions(tmp_path / "mine.txt") == (["gout", "rickets"], [])


def test_each_sentence_stands_with_its_marks_and_the_case_that_it_quotes() -> None:
    item = Evidence(
        1, "findings", "T.", ("made:1",), Source("made", "A"), case="made:case", title="A title", diagnosis="Gout"
    )
    claim = Claim("It is bright.", (1,), "supported", aspect="look", modality="MR", scope="case")
    text = read_aloud(Explanation("gout", evidence=(item,), claims=(claim,)))
    assert "look MR: It is bright. <in one case>" in text
    assert "findings of made:case: A title | Gout" in text
