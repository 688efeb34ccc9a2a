"""Retrieval measured: who is asked, what counts as right, what is withheld, and what comes out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mirage.atlas import Atlas
from mirage.encoders import Encoder, EncoderInfo, load
from mirage.errors import AtlasError, BadInput
from mirage.figure import Figure
from mirage.figure import Source as FigureSource
from mirage.query import Query
from mirage.storage.caption_vectors import caption_text
from mirage_research.evaluation import error_analysis, leakage, retrieval, retrieval_report, systems, tasks
from mirage_research.evaluation import evaluation_set as sets
from mirage_research.evaluation.evaluation_set import EvaluationSet, EvaluationSource, FigureVectors, NamedEncoder
from mirage_research.evaluation.queries import named, pictured
from mirage_research.evaluation.retrieval import RetrievalEvaluation, RetrievalOptions, evaluate
from shelf_maker import (
    CONDITIONS,
    change,
    copy_picture,
    made_cases,
    make_collection,
    splits,
    texts_of,
    trained_case,
)

POOL = ("train", "dev")


@pytest.fixture(scope="module")
def starter() -> Encoder:
    return load("starter")


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection with a few oddities: a picture and a caption in both splits, a figure without a caption."""
    root = make_collection(tmp_path_factory.mktemp("collection"))
    copy_picture(root, "MPX0001_synpic0", "MPX0003_synpic0")  # train, dev
    same = "A mass of four centimetres in phantom tissue"
    change(root, "MPX0001_synpic1", Caption=same)
    change(root, "MPX0004_synpic1", Caption=same.upper())
    change(root, "MPX0007_synpic1", Caption="N/A")
    return root


@pytest.fixture(scope="module")
def kept(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def source(collection: Path, kept: Path) -> EvaluationSource:
    return EvaluationSource(corpus="medpix", options={"path": collection}, pool=POOL, keep=kept)


@pytest.fixture(scope="module")
def measured(source: EvaluationSource, starter: Encoder) -> RetrievalEvaluation:
    used = [NamedEncoder("starter", starter), NamedEncoder("blots", Blots())]
    return evaluate(source, used, RetrievalOptions(refined=3, thumbnails=True))


@pytest.fixture(scope="module")
def whole(source: EvaluationSource, starter: Encoder, measured: RetrievalEvaluation) -> tuple[EvaluationSet, FigureVectors]:
    with sets.opened(source, [NamedEncoder("starter", starter)], lambda *_: None) as (figures, vectors):
        return figures, vectors[0]


class Blots:
    """Another encoder, quick and poor: what a text or a picture hashes to."""

    def info(self) -> EncoderInfo:
        return EncoderInfo("blots", "b" * 64, 16, 64)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return self._vectors([text.encode() for text in texts])

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        return self._vectors([image.convert("L").tobytes() for image in images])

    def unread(self, text: str) -> str:
        return ""

    def _vectors(self, things: Sequence[bytes]) -> np.ndarray:
        drawn = [np.random.default_rng(list(hashlib.sha256(thing).digest())).normal(size=16) for thing in things]
        return np.array([one / np.linalg.norm(one) for one in drawn], dtype=np.float32).reshape(len(drawn), 16)


# -- who is asked, and what is right -------------------------------------------------------------------------------


def test_a_condition_is_answered_by_all_cases_of_that_condition_the_asked_one_too(
    whole: tuple[EvaluationSet, FigureVectors],
) -> None:
    figures = whole[0]
    asked = sets.places_of(figures, "dev")
    queries = named(figures, asked)
    # The diagnosis repeats the title, so each case asks once.
    assert len(queries) == len({figures.groups[place] for place in asked})
    for query in queries:
        condition = query.text
        assert {figures.figures[place].title for place in query.right} == {condition}
        assert len(query.right) == 2 * sum(CONDITIONS[condition])
        assert not query.without


def test_a_picture_is_answered_by_other_cases_of_its_condition_else_by_its_kind(
    whole: tuple[EvaluationSet, FigureVectors],
) -> None:
    figures = whole[0]
    for query in pictured(figures, sets.places_of(figures, "dev")):
        mine = figures.figures[query.place]
        assert query.place in query.without
        assert not query.right & query.without
        assert {figures.groups[place] for place in query.without} == {mine.case_id}
        assert query.kind == "same condition"  # every condition here has two cases or more
        assert {figures.figures[place].title for place in query.right} == {mine.title}
    alone = figures.take([n for n, figure in enumerate(figures.figures) if figure.title != "Ostrimal bleed"])
    rare = replace(
        alone, rows=tuple(replace(r, figure=replace(r.figure, title="", diagnosis="")) for r in alone.rows), cases={}
    )
    kinds = {query.kind for query in pictured(rare, range(len(rare)))}
    assert kinds == {"same kind"}
    for query in pictured(rare, range(len(rare))):
        mine = rare.figures[query.place]
        assert {(rare.figures[n].modality, rare.figures[n].region) for n in query.right} == {(mine.modality, mine.region)}


def test_figures_of_one_article_are_one_group(whole: tuple[EvaluationSet, FigureVectors]) -> None:
    page = FigureSource("x", "X", "https://example.org/article", "case")
    alone = FigureSource("x", "X", "https://example.org", "collection")
    rows = tuple(
        replace(row, figure=replace(row.figure, case_id="", source=page if number < 3 else alone))
        for number, row in enumerate(whole[0].rows)
    )
    groups = replace(whole[0], rows=rows).groups
    assert set(groups[:3]) == {page.url}
    assert len(set(groups[3:])) == len(rows) - 3


# -- withheld ------------------------------------------------------------------------------------------------------


def test_a_name_that_stands_only_in_title_and_diagnosis_is_found_by_no_words(
    whole: tuple[EvaluationSet, FigureVectors], starter: Encoder
) -> None:
    figures, vectors = whole
    unsaid = [n for n, f in enumerate(figures.figures) if "Quaxid" not in f.caption and "Quaxid" in f.title]
    silent, place = {figures.ids[n] for n in unsaid}, unsaid[0]
    folder = figures.folder
    with Atlas.open(folder, encoder=starter) as ordinary:
        assert silent & set(_words_hits(ordinary, "Quaxid"))
    with systems.ablated_atlas(figures, systems.without_names(figures, vectors, starter), starter) as atlas:
        assert len(atlas.index) == len(figures)
        assert not silent & set(_words_hits(atlas, "Quaxid"))
        for hit in atlas.search(Query.of("Quaxid tumour", k=50)).hits:
            assert not hit.figure.title
            assert not hit.figure.diagnosis
        case = atlas.case(figures.figures[place].case_id)
        told = " ".join([case.title, case.topic, *case.passages.values()])
        assert "Quaxid" not in told
        assert case.findings, "what was seen stays"


def test_a_sentence_that_names_its_own_condition_is_withheld_and_its_neighbour_stays(
    whole: tuple[EvaluationSet, FigureVectors],
) -> None:
    figures, _ = whole
    row = figures.rows[0]
    told = "This is an astrocytoma. The ventricles are wide. No meningioma."
    figure = replace(
        row.figure, title="Glioma of the brain stem", diagnosis="Glioma", caption=told, case_id="", source=row.figure.source
    )
    alone = replace(figures, rows=(replace(row, figure=figure),), cases={}, splits=figures.splits[:1])
    assert systems.withheld(alone).figures[0].caption == "The ventricles are wide. No meningioma."


def _words_hits(atlas: Atlas, word: str) -> list[str]:
    hits = atlas.search(Query.of(word, k=50)).hits
    return [hit.figure.id for hit in hits if any(found.channel == "words" for found in hit.channels)]


def test_a_caption_vector_that_begins_with_the_title_is_made_anew(
    whole: tuple[EvaluationSet, FigureVectors], starter: Encoder
) -> None:
    figures, vectors = whole
    place = figures.ids.index("medpix:MPX0007_synpic1")
    assert figures.figures[place].title in caption_text(figures.figures[place])
    found = systems.without_names(figures, vectors, starter)
    kind = caption_text(systems.withheld(figures).figures[place])
    assert found.captions[place] @ starter.encode_texts([kind])[0] == pytest.approx(1, abs=1e-3)
    bare = systems.withheld(figures).figures
    others = [n for n, f in enumerate(figures.figures) if caption_text(f) == caption_text(bare[n])]
    assert others
    assert np.array_equal(found.captions[others], vectors.captions[others])


def test_keyword_search_looks_in_what_is_not_withheld(whole: tuple[EvaluationSet, FigureVectors]) -> None:
    figures = whole[0]
    queries = named(figures, sets.places_of(figures, "dev"))
    with systems.keywords_of(figures) as index:
        for query, answer in zip(queries, systems.by_words(index, queries, int), strict=True):
            word = query.text.split()[0].lower()
            holding = {n for n, figure in enumerate(systems.withheld(figures).figures) if word in figure.caption.lower()}
            assert {slot[0] for slot in answer} >= holding
            assert all("brain" not in query.text for query in queries)


# -- known before --------------------------------------------------------------------------------------------------


def test_pictures_and_captions_that_are_in_both_splits_are_counted(whole: tuple[EvaluationSet, FigureVectors]) -> None:
    figures, vectors = whole
    dev = sets.places_of(figures, "dev")
    leaks, touched = leakage.across(figures, vectors, dev)
    assert (leaks["pictures"]["identical pairs"], leaks["captions"]["identical pairs"]) == (1, 1)
    assert (leaks["pictures"]["figures asked about"], leaks["captions"]["figures asked about"]) == (1, 1)
    assert {figures.ids[place] for place in touched} == {"medpix:MPX0003_synpic0", "medpix:MPX0004_synpic1"}
    assert leaks["compared with"] == len(figures) - len(dev)


def test_a_picture_saved_anew_is_near_and_a_caption_with_another_word_is(tmp_path: Path, starter: Encoder) -> None:
    root = make_collection(tmp_path)
    with Image.open(root / "images" / "MPX0001_synpic0.png") as first:
        first.convert("L").resize((192, 144)).save(root / "images" / "MPX0003_synpic0.png")
    words = "ill defined mass of the upper lobe with a thin wall and a level of fluid"
    change(root, "MPX0001_synpic1", Caption=words)
    change(root, "MPX0004_synpic1", Caption=words.replace("thin", "thick"), Modality="CT - noncontrast", Plane="Axial")
    with sets.opened(
        EvaluationSource(corpus="medpix", options={"path": root}, pool=POOL),
        [NamedEncoder("starter", starter)],
        lambda *_: None,
    ) as (figures, vectors):
        leaks, _ = leakage.across(figures, vectors[0], sets.places_of(figures, "dev"))
    assert (leaks["pictures"]["identical pairs"], leaks["pictures"]["near pairs"]) == (0, 1)
    assert (leaks["captions"]["identical pairs"], leaks["captions"]["near pairs"]) == (0, 1)


def test_cases_that_the_encoder_was_trained_on_are_refused_by_name(tmp_path: Path, starter: Encoder) -> None:
    known = trained_case()
    cases = {known if case == "MPX0003" else case: told for case, told in made_cases().items()}
    root = make_collection(tmp_path, cases)
    given = EvaluationSource(corpus="medpix", options={"path": root}, pool=POOL)
    with pytest.raises(
        BadInput, match=rf"starter was trained on 2 of the \d+ figures of the split “dev” \(medpix:{known}\)"
    ):
        evaluate(given, [NamedEncoder("starter", starter)], RetrievalOptions())


def test_the_cases_set_aside_from_training_may_be_asked(tmp_path: Path, starter: Encoder) -> None:
    aside, known = splits()["holdout"][:3], trained_case()
    cases = dict.fromkeys(aside, ("train", "Quaxid tumour")) | {known: ("train", "Belmor cyst")}
    root = make_collection(tmp_path, cases, figures=4)
    given = EvaluationSource(corpus="medpix", options={"path": root}, pool=("train",))
    with pytest.raises(BadInput, match="aside"):
        evaluate(given, [NamedEncoder("starter", starter)], RetrievalOptions(split="train"))
    found = evaluate(given, [NamedEncoder("starter", starter)], RetrievalOptions(split="train", aside=True, refined=0))
    assert found.table["figures"] == {"pool": 16, "asked": 12, "by split": {"train": 16}}
    assert found.table["cases"] == "set aside from training"
    with pytest.raises(BadInput, match="blots is not known"):
        evaluate(given, [NamedEncoder("blots", Blots())], RetrievalOptions(split="train", aside=True))


def test_what_another_training_run_left_beside_its_encoder_is_read(tmp_path: Path) -> None:
    (tmp_path / "encoder").mkdir()
    (tmp_path / "splits.json").write_text(json.dumps({"train": ["medpix:MPX1"], "holdout": ["medpix:MPX2"]}))
    found = leakage.training_of(Blots(), str(tmp_path / "encoder"))
    assert (found.cases, found.aside, found.known) == ({"medpix:MPX1"}, {"medpix:MPX2"}, True)
    assert not leakage.training_of(Blots(), "hf-hub:somebody/model").known
    (tmp_path / "splits.json").write_text("[1")
    with pytest.raises(BadInput, match="is damaged"):
        leakage.training_of(Blots(), str(tmp_path / "encoder"))


def test_the_starter_atlas_is_refused_because_the_starter_was_trained_on_it(starter_copy: Path, starter: Encoder) -> None:
    with pytest.raises(BadInput, match=r"was trained on (\d+) of the \1 figures"):
        evaluate(
            EvaluationSource(atlas=starter_copy), [NamedEncoder("starter", starter)], RetrievalOptions(split=sets.WHOLE)
        )


def test_a_folder_of_pictures_without_cases_is_measured_on_words_and_pictures_alone(
    pictures: Callable[..., Path], tmp_path: Path, starter: Encoder
) -> None:
    from mirage import corpora
    from mirage.storage.ingest import add

    with Atlas.open(tmp_path / "phantoms-atlas", encoder=starter, create=True) as atlas:
        add(atlas, corpora.load("folder", path=pictures(14)))
    given = EvaluationSource(atlas=tmp_path / "phantoms-atlas")
    found = evaluate(given, [sets.own_encoder(tmp_path / "phantoms-atlas")], RetrievalOptions(split=sets.WHOLE))
    assert set(found.table["tasks"]) == set(tasks.PAIRS)
    assert found.table["tasks"]["text to image"]["pool"] == 14
    assert found.table["look-alikes across splits"]["compared with"] == 0


# -- bad input -----------------------------------------------------------------------------------------------------


def test_an_atlas_with_two_figures_is_answered_in_words(
    pictures: Callable[..., Path], tmp_path: Path, starter: Encoder
) -> None:
    from mirage import corpora
    from mirage.storage.ingest import add

    with Atlas.open(tmp_path / "two", encoder=starter, create=True) as atlas:
        add(atlas, corpora.load("folder", path=pictures(2)))
    with pytest.raises(BadInput, match=r"has 2 figures\. With so few, the right one is always among the first ten"):
        evaluate(
            EvaluationSource(atlas=tmp_path / "two"), [NamedEncoder("starter", starter)], RetrievalOptions(split=sets.WHOLE)
        )


def test_a_split_that_is_not_there_is_answered_with_those_that_are(
    source: EvaluationSource, starter: Encoder, measured: RetrievalEvaluation
) -> None:
    with pytest.raises(BadInput, match=r"“elsewhere”\. There are: dev, train"):
        evaluate(source, [NamedEncoder("starter", starter)], RetrievalOptions(split="elsewhere"))


def test_an_atlas_alone_does_not_know_its_splits(measured: RetrievalEvaluation, starter: Encoder) -> None:
    with pytest.raises(BadInput, match="Name the corpus too"):
        evaluate(
            EvaluationSource(atlas=measured.pool.folder), [NamedEncoder("starter", starter)], RetrievalOptions(split="dev")
        )


def test_a_folder_that_is_no_atlas_is_said_to_be_none(tmp_path: Path, starter: Encoder) -> None:
    with pytest.raises(AtlasError, match="is not an atlas"):
        evaluate(EvaluationSource(atlas=tmp_path), [NamedEncoder("starter", starter)], RetrievalOptions(split=sets.WHOLE))


@pytest.mark.parametrize("given", ["", "=model", "starter=", "nobody"])
def test_an_encoder_that_cannot_be_opened_is_named(given: str) -> None:
    with pytest.raises(Exception, match="starter"):
        sets.named(given)


# -- what comes out ------------------------------------------------------------------------------------------------


def test_every_system_answers_and_every_figure_is_a_number(measured: RetrievalEvaluation, collection: Path) -> None:
    found = measured.table["tasks"]
    assert set(found) == {*tasks.PAIRS, retrieval.NAMES, retrieval.PICTURES, retrieval.TWICE}
    channels = {"fusion", "image channel", "caption channel"}
    both = channels | {f"{name} (blots)" for name in channels}
    assert set(found["condition queries"]["systems"]) == both | {
        "words channel", "BM25 over the same words", "coarse oracle", "random",
    }  # fmt: skip
    assert set(found["image queries"]["systems"]) == both | {"coarse oracle", "random"}
    assert set(found["text to image"]["systems"]) == {"starter", "blots", "coarse oracle", "random"}
    assert set(found["condition queries, asked twice"]["systems"]) == {
        "fusion", "fusion, refined", "fusion (blots)", "fusion, refined (blots)",
    }  # fmt: skip
    for task in found.values():
        for values in task["systems"].values():
            for measure in set(values) - {"median rank", "not found"}:
                value, low, high = values[measure]
                assert 0 <= low <= value <= high <= 1
        assert set(task["compared"]) == set(task["systems"]) - {task["main"]}
    assert found["text to image"]["pool"] == 2 * sum(counts[1] for counts in CONDITIONS.values())
    assert set(found["image queries"]["by"]) <= {"modality", "plane", "region", "kind"}
    assert {"CT", "MR"} & set(found["text to image"]["by"]["modality"])
    written = json.dumps(measured.table)
    assert not [text for text in texts_of(collection) if text in written], "the figures hold no texts"


def test_an_encoder_that_knows_nothing_does_no_better_than_chance_on_names(measured: RetrievalEvaluation) -> None:
    found = measured.table["tasks"]["text to image"]["systems"]
    assert found["blots"]["R@1"][1] <= found["random"]["R@1"][2]


def test_mistakes_are_counted_by_kind_once_for_each_query(measured: RetrievalEvaluation) -> None:
    for task in measured.tasks:
        for system, shown in task.shown.items():
            counts = measured.table["tasks"][task.name]["confusions"][system]
            assert set(counts) == set(error_analysis.KINDS)
            wrong = sum(bool(came) and came[0] not in right for came, right in zip(shown, task.rights, strict=True))
            assert sum(counts.values()) == wrong


def test_the_run_after_takes_what_was_encoded_and_finds_the_same(
    source: EvaluationSource, measured: RetrievalEvaluation, starter: Encoder
) -> None:
    class Blind(Blots):
        def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
            raise AssertionError("a picture was encoded again")

    again = evaluate(source, [NamedEncoder("starter", starter), NamedEncoder("blots", Blind())], RetrievalOptions(refined=3))
    assert again.table["tasks"] == measured.table["tasks"]


def test_an_atlas_is_measured_from_its_stored_vectors_while_another_process_might_serve_it(
    measured: RetrievalEvaluation, collection: Path
) -> None:
    folder = measured.pool.folder
    known = sets.own_encoder(folder)
    with Atlas.open(folder, encoder=known.encoder):
        given = EvaluationSource(atlas=folder, corpus="medpix", options={"path": collection}, pool=POOL)
        found = evaluate(given, [known], RetrievalOptions(refined=0))
    mine = found.table["tasks"]["condition queries"]["systems"]["fusion"]
    assert mine == measured.table["tasks"]["condition queries"]["systems"]["fusion"]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_report_is_one_page_with_plots_and_their_tables_and_loads_nothing(
    measured: RetrievalEvaluation, tmp_path: Path
) -> None:
    page = retrieval_report.write(measured, tmp_path / "report", "mirage evaluate retrieval")
    text = page.read_text("utf-8")
    reader = _Reader()
    reader.feed(text)
    names = [tag for tag, _ in reader.tags]
    assert "script" not in names
    assert "link" not in names
    plots = [attrs for tag, attrs in reader.tags if tag == "svg"]
    assert len(plots) >= len(measured.tasks)
    assert all(attrs.get("role") == "img" and attrs.get("aria-label") for attrs in plots)
    assert names.count("table") > len(measured.tasks)
    pictures = [attrs for tag, attrs in reader.tags if tag == "img"]
    assert pictures
    assert all(str(attrs["src"]).startswith("data:image/webp") and attrs["alt"] for attrs in pictures)
    assert not re.search(r"url\(|@import|src=\"http", text)
    assert "prefers-color-scheme: dark" in text
    value = measured.table["tasks"]["condition queries"]["systems"]["BM25 over the same words"]["nDCG@10"][0]
    assert text.count(f"{value:.3f}") >= 2, "in the plot and in the table"
    assert "/index.html" in (tmp_path / "report" / ".gitignore").read_text("utf-8")


def test_a_report_escapes_what_captions_hold(measured: RetrievalEvaluation) -> None:
    rows = tuple(replace(r, figure=replace(r.figure, caption="<script>alert(1)</script>")) for r in measured.pool.rows)
    text = retrieval_report.render(replace(measured, pool=replace(measured.pool, rows=rows)), "mirage")
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


# -- kinds of mistakes ---------------------------------------------------------------------------------------------


def _figure(modality: str = "CT", region: str = "brain", plane: str = "axial", caption: str = "A mass") -> Figure:
    return Figure("x:1", caption, FigureSource("x", "X"), modality=modality, region=region, plane=plane)


@pytest.mark.parametrize(
    ("got", "kind"),
    [
        (_figure(modality="MR", region="spine"), "modality"),
        (_figure(region="spine", plane="sagittal"), "region"),
        (_figure(plane="sagittal"), "plane"),
        (_figure(caption="A right mass"), "side"),
        (_figure(caption="A left cyst"), "finding"),
        (_figure(caption="Masses on both sides, left and right"), "finding"),
        (_figure(modality=""), "finding"),
    ],
)
def test_a_mistake_is_of_the_coarsest_kind_that_tells_it_from_what_was_wanted(got: Figure, kind: str) -> None:
    assert error_analysis.kind_of([_figure(caption="A left mass")], got) == kind


def test_what_was_wanted_is_narrowed_from_kind_to_kind() -> None:
    wanted = [_figure("CT", "brain"), _figure("MR", "spine")]
    assert error_analysis.kind_of(wanted, _figure("CT", "spine")) == "region"
