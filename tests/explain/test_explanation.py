"""Whoever speaks: what goes wrong is said, and the sources are quoted in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from explaining_parts import evidence
from mirage import encoders
from mirage.atlas import Atlas
from mirage.errors import Unavailable
from mirage.explain import explanation
from mirage.explain.checker import Checker
from mirage.explain.evidence import Claim, Draft
from mirage.explain.explainers import ExplainerInfo, ExplanationRequest, Remark, Writing
from mirage.explain.explainers.base import Piece
from mirage.explain.explanation import Ended, Explanation, collect
from mirage.explain.subject import subject_of
from mirage.figure import Figure, Source
from mirage.locales import translations_of
from mirage.query import Query
from mirage.search.answer import Hit
from mirage.wording import speaking

EVIDENCE = evidence(
    "Axial T2-weighted MRI shows a hyperintense cyst in the left temporal lobe.",
    "Sagittal T1-weighted MRI shows a hypointense cyst beside the frontal lobe.",
)


class Speaker:
    """Says what a test wants, and then fails if it should."""

    def __init__(self, *pieces: Piece, fails: str = "") -> None:
        self.pieces, self.fails = pieces, fails

    def info(self) -> ExplainerInfo:
        return ExplainerInfo("speaker", generative=True)

    def explain(self, request: ExplanationRequest, stopped: Callable[[], bool] = lambda: False) -> Iterator[Piece]:
        yield from self.pieces
        if self.fails:
            raise Unavailable(self.fails)


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker(encoders.load("starter"))


@pytest.fixture
def explain(checker: Checker) -> Callable[..., Explanation]:
    def run(
        speaker: Speaker | str, stopped: Callable[[], bool] = lambda: False, given: ExplanationRequest | None = None
    ) -> Explanation:
        asked = given or ExplanationRequest("cyst", EVIDENCE)
        events = list(explanation.explain(asked, speaker, checker, stopped))
        assert isinstance(events[-1], Ended)
        assert sum(isinstance(event, Ended) for event in events) == 1
        return collect(asked.question, events)

    return run


def test_sentences_are_checked_and_say_who_wrote_them(explain: Callable[..., Explanation]) -> None:
    found = explain(
        Speaker(
            Writing("The cyst"),
            Draft("The cyst is hyperintense in the left temporal lobe.", (1,)),
            Draft("The cyst is hyperintense in the right temporal lobe.", (1,)),
        )
    )
    assert [claim.by for claim in found.claims] == ["speaker", "speaker"]
    assert [claim.marked for claim in found.claims] == [False, True]
    assert [info.name for info in found.explainers] == ["speaker"]


def test_one_that_fails_is_followed_by_quotations_and_it_is_told_why(explain: Callable[..., Explanation]) -> None:
    found = explain(Speaker(fails="the server is on fire"))
    assert [info.name for info in found.explainers] == ["speaker", "extractive"]
    assert any("speaker could not be used: the server is on fire." in text for text in found.remarks)
    assert found.claims
    assert all(claim.by == "extractive" and claim.support == "supported" and claim.quoted for claim in found.claims)


def test_what_one_said_before_it_failed_half_way_stays(explain: Callable[..., Explanation]) -> None:
    found = explain(Speaker(Draft("The cyst is hyperintense.", (1,)), fails="the stream was cut"))
    assert found.claims[0].by == "speaker"
    assert found.claims[-1].by == "extractive"
    assert any("speaker stopped half-way: the stream was cut." in text for text in found.remarks)


def test_one_that_says_nothing_is_followed_by_quotations(explain: Callable[..., Explanation]) -> None:
    found = explain(Speaker(Writing("Hm")))
    assert any("it wrote no sentence" in text for text in found.remarks)
    assert {claim.by for claim in found.claims} == {"extractive"}


@pytest.mark.parametrize("name", ["no-such-explainer", "openai"])
def test_one_that_cannot_be_had_is_replaced(name: str, explain: Callable[..., Explanation]) -> None:
    found = explain(name)
    assert any(f"The explainer {name} could not be used" in text for text in found.remarks)
    assert found.claims


def test_no_evidence_means_no_claim_and_no_speaker(explain: Callable[..., Explanation]) -> None:
    found = explain(Speaker(Draft("Invented.")), given=ExplanationRequest("cyst", ()))
    assert found.claims == ()
    assert found.explainers == ()
    assert found.remarks == (explanation.NO_EVIDENCE,)


def test_evidence_without_words_says_so(explain: Callable[..., Explanation]) -> None:
    found = explain("extractive", given=ExplanationRequest("cyst", evidence("...", "N/A")))
    assert found.claims == ()
    assert found.remarks == (explanation.NOT_ABOUT_IT,)


def test_who_asks_for_two_things_side_by_side_is_led_to_the_comparison(explain: Callable[..., Explanation]) -> None:
    asked = ExplanationRequest("difference between meningioma and schwannoma", evidence("...", "N/A"))
    (remark,) = explain("extractive", given=asked).remarks
    assert "Compare “meningioma” with “schwannoma”" in remark


def test_stopping_ends_it_after_the_sentence_and_nobody_speaks_in_its_place(explain: Callable[..., Explanation]) -> None:
    heard: list[int] = []

    class Counting(Speaker):
        def explain(self, request: ExplanationRequest, stopped: Callable[[], bool] = lambda: False) -> Iterator[Piece]:
            for number in range(5):
                heard.append(number)
                yield Draft("The cyst is hyperintense.", (1,))

    found = explain(Counting(), stopped=lambda: bool(heard))
    assert found.stopped
    assert len(found.claims) == 1
    assert [info.name for info in found.explainers] == ["speaker"]


def test_one_stopped_before_it_spoke_is_not_replaced(explain: Callable[..., Explanation]) -> None:
    found = explain(Speaker(fails="it was too slow"), stopped=lambda: True)
    assert found.stopped
    assert found.claims == ()


def test_a_defect_of_an_explainer_is_no_expected_failure(explain: Callable[..., Explanation]) -> None:
    class Broken(Speaker):
        def explain(self, request: ExplanationRequest, stopped: Callable[[], bool] = lambda: False) -> Iterator[Piece]:
            yield Remark("I begin")
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        explain(Broken())


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("aortic dissection", "blood runs in a true and in a false lumen"),
        ("abdominal aortic aneurysm", "is widened to a sac"),
        ("kidney stone", "look as kidney stones do on CT"),
        ("lung mass", "lies in the lower part of the left lung"),
    ],
)
def test_the_starter_atlas_is_explained_from_what_its_cases_say(starter: Atlas, question: str, says: str) -> None:
    found = starter.explain(question)
    assert says in found.text
    texts = {item.number: item.text for item in found.evidence}
    for claim in found.claims:
        assert isinstance(claim, Claim)
        assert claim.support == "supported"
        assert claim.quoted
        assert claim.scope == "case"
        assert claim.text.rstrip(" …") in " ".join(texts[claim.cites[0]].split())
    cited = found.cited()
    assert "Evidence\n[" in cited
    assert "does not diagnose" in cited


@pytest.mark.parametrize(
    ("question", "caveat"),
    [
        ("lung nodule", "The publisher marked it; there is no histology."),
        ("lung mass", "The publisher marked it; there is no histology."),
        ("brain lesion", "The publisher marked it and does not say what it is."),
    ],
)
def test_that_nobody_proved_what_a_case_has_is_told_behind_what_it_shows(starter: Atlas, question: str, caveat: str) -> None:
    claims = starter.explain(question).claims
    place = [claim.text for claim in claims].index(caveat)
    assert place > 0
    assert claims[place].quoted
    assert (claims[place].support, claims[place].scope) == ("supported", "case")


@pytest.mark.parametrize(
    ("question", "case"),
    [
        ("aneurysm", "starter:case-aortic-aneurysm"),
        ("aneurysm stent", "starter:case-aortic-aneurysm"),
        ("aortic dissection with a stent graft", "starter:case-aortic-dissection"),
    ],
)
def test_what_is_asked_for_together_is_told_of_cases_that_have_it_together(starter: Atlas, question: str, case: str) -> None:
    found = starter.explain(question)
    cases = {item.case for item in found.evidence for claim in found.claims if item.number in claim.cites}
    assert cases == {case}


def test_a_device_in_a_place_is_told_of_and_not_what_else_is_there(starter: Atlas) -> None:
    found = starter.explain("stent in the aorta")
    assert found.claims
    assert all("stent" in claim.text for claim in found.claims)


@pytest.mark.parametrize("question", ["liver", "hippocampus", "brain", "pancreas"])
def test_of_what_captions_only_place_nothing_is_quoted_and_that_is_said(starter: Atlas, question: str) -> None:
    found = starter.explain(question)
    assert found.evidence
    assert found.claims == ()
    assert found.remarks == (explanation.NO_WORDS.format(question),)


@pytest.mark.parametrize(("question", "shown"), [("brain tumor", "Enhancing brain lesion"), ("lung tumour", "Lung mass")])
def test_what_the_sources_do_not_call_so_is_not_explained_and_that_is_said(
    starter: Atlas, question: str, shown: str
) -> None:
    found = starter.explain(question)
    assert found.claims == ()
    (remark,) = found.remarks
    assert shown in remark
    assert "do not call it" in remark


def test_what_nothing_fits_is_not_explained(starter: Atlas) -> None:
    found = starter.explain("quarterly tax return of a bakery")
    assert found.claims == ()
    assert found.remarks == (explanation.NO_EVIDENCE,)


def test_what_was_mended_is_explained_as_it_was_read(starter: Atlas) -> None:
    right, typed = starter.explain("CT of an aortic dissection"), starter.explain("CT of an aortic disection")
    assert right.claims
    assert [claim.text for claim in typed.claims] == [claim.text for claim in right.claims]


def test_each_case_speaks_before_a_third_figure_of_one_does() -> None:
    source = Source("made", "Written for the tests")
    figures = [Figure(f"made:{n}", f"Caption {n}.", source, case_id="made:many") for n in range(12)]
    figures += [Figure(f"made:{n}", f"Caption {n}.", source, case_id=f"made:case-{n}") for n in range(12, 16)]
    hits = [Hit(rank, figure, "strong", (), 1.0) for rank, figure in enumerate(figures, 1)]
    found = [item.figures[0] for item in explanation.gather(hits, {})]
    assert found == [f"made:{n}" for n in (*range(8), *range(12, 16))]
    assert [item.figures[0] for item in explanation.gather(hits[:12], {})] == [f"made:{n}" for n in range(12)]


@pytest.mark.parametrize("query", ["q=aortic+dissection&less=lung+nodule", "q=lung+nodule&less=aortic+dissection@0.5"])
def test_what_a_query_wants_less_of_is_explained_to_no_reader(some: Atlas, query: str) -> None:
    asked = Query.parse(query)
    answer = some.search(asked)
    english = explanation.request_of(answer, {})
    said = [claim.text for claim in some.explain(asked, explainer="extractive").claims]
    with speaking(translations_of("es")):
        spanish = explanation.request_of(answer, {})
        assert "menos de" in explanation.words_of(answer)
        assert [claim.text for claim in some.explain(asked, explainer="extractive").claims] == said
    assert spanish.question == english.question
    about = subject_of(spanish.question, ())
    assert about is not None
    assert not {term.text for term in asked.terms if term.weight < 0} & set(about.names)
