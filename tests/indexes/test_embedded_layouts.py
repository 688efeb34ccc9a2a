"""How the embedded index lays vectors out once there are so many that it keeps a graph."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import qdrant_edge as edge

from mirage.errors import AtlasError, BadInput
from mirage.indexes import FILTER_FIELDS, IndexOutdated, IndexQuery, Point, embedded
from mirage.indexes.embedded import EmbeddedIndex

D, FIGURES, TWIN = 64, 3_000, 2_500


def _vectors() -> np.ndarray:
    """Clusters of figures that resemble each other; one figure is another's twin."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(60, D))
    vectors = centres[rng.integers(60, size=FIGURES)] + 0.5 * rng.normal(size=(FIGURES, D))
    vectors[TWIN] = vectors[7]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


VECTORS = _vectors()
FIELDS = {"plane": "axial", "region": "brain", "proof": "", "corpus": "starter", "licence": "not stated"}


@pytest.fixture(scope="module", params=["compact", "plain"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedIndex]:
    """An index that takes 3,000 figures for so many that it must keep a graph of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "_INDEXING_THRESHOLD_KB", 100)
        patch.setattr(embedded, "_FULL_SCAN_THRESHOLD_KB", 50)
        made = EmbeddedIndex(tmp_path_factory.mktemp("index") / "index", D, layout=request.param)
    made.add(
        [
            Point(key, vector, -vector, {1: 1.0}, {**FIELDS, "modality": "CT" if key % 10 else "MR"})
            for key, vector in enumerate(VECTORS)
        ]
    )
    made.optimise()
    yield made
    made.close()


def _files(index: EmbeddedIndex, pattern: str) -> list[Path]:
    return list(index._path.rglob(pattern))


def test_there_is_a_graph_and_8_bit_vectors_in_the_compact_layout_alone(large: EmbeddedIndex) -> None:
    assert _files(large, "vector_index-image/links*")
    quantised = {path.parent.name: path.stat().st_size for path in _files(large, "quantized.data")}
    if large.layout == "plain":
        assert not quantised
    else:
        assert set(quantised) == {"vector_storage-image", "vector_storage-caption"}
        assert all(FIGURES * D <= size < FIGURES * D * 2 for size in quantised.values())


def test_of_the_ten_nearest_nearly_all_are_found(large: EmbeddedIndex) -> None:
    found = 0
    queries = VECTORS[::30] + np.random.default_rng(1).normal(size=(100, D)).astype(np.float32) / 20
    for query in queries / np.linalg.norm(queries, axis=1, keepdims=True):
        nearest = np.argsort(-(VECTORS @ query))[:10].tolist()
        found += len({key for key, _ in large.ask(IndexQuery(query, {}, 10, {}))["image"]} & set(nearest))
    assert found / 1_000 >= 0.99


def test_scores_are_cosines_of_the_exact_vectors_and_go_down(large: EmbeddedIndex) -> None:
    ranked = large.ask(IndexQuery(VECTORS[100], {}, 50, {}))["image"]
    assert len(ranked) == 50
    np.testing.assert_allclose([score for _, score in ranked], VECTORS[[key for key, _ in ranked]] @ VECTORS[100], atol=1e-5)
    scores = [round(score, 4) for _, score in ranked]
    assert scores == sorted(scores, reverse=True)


def test_twins_stand_in_the_order_they_were_added(large: EmbeddedIndex) -> None:
    assert [key for key, _ in large.ask(IndexQuery(VECTORS[7], {}, 2, {}))["image"]] == [7, TWIN]
    assert [key for key, _ in large.ask(IndexQuery(VECTORS[7], {}, 1, {}))["image"]] == [7]


def test_a_filter_finds_as_many_as_there_are_and_the_nearest_of_them(large: EmbeddedIndex) -> None:
    among = np.arange(0, FIGURES, 10)
    nearest = among[np.argsort(-(VECTORS[among] @ VECTORS[33]))[:10]].tolist()
    ranked = large.ask(IndexQuery(VECTORS[33], {}, 10, {"modality": ["MR"]}))["image"]
    assert len({key for key, _ in ranked} & set(nearest)) >= 9


def test_vectors_come_back_exactly(large: EmbeddedIndex) -> None:
    np.testing.assert_array_equal(large.vectors([55])[55], VECTORS[55])


def test_a_shard_keeps_its_layout_whoever_opens_it(tmp_path: Path) -> None:
    EmbeddedIndex(tmp_path / "earlier", D, layout="plain").close()
    EmbeddedIndex(tmp_path / "new", D).close()
    for folder, layout in (("earlier", "plain"), ("new", "compact")):
        before = json.loads((tmp_path / folder / "edge_config.json").read_text("utf-8"))
        for given in ({}, {"layout": "plain"}, {"layout": "compact"}):
            opened = EmbeddedIndex(tmp_path / folder, D, **given)
            assert opened.layout == layout
            opened.optimise()
            opened.close()
        assert json.loads((tmp_path / folder / "edge_config.json").read_text("utf-8")) == before


def test_few_figures_are_searched_whole_without_8_bit_vectors(tmp_path: Path) -> None:
    index = EmbeddedIndex(tmp_path / "index", D)
    index.add([Point(key, VECTORS[key], None, {1: 1.0}, {**FIELDS, "modality": "CT"}) for key in range(500)])
    index.optimise()
    assert not _files(index, "quantized.data")
    index.close()


def test_a_layout_that_there_is_not_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no layout 'huge'\. There are: compact, plain"):
        EmbeddedIndex(tmp_path / "index", D, layout="huge")  # type: ignore[arg-type]
    assert not (tmp_path / "index").exists()


def test_unfinished_shards_of_dead_processes_are_removed_at_opening(tmp_path: Path) -> None:
    nobody = 2**22 + 1  # more processes than Linux ever counts, and macOS
    left = [tmp_path / f"{name}.{nobody}.partial" for name in ("index", "index-0123456789ab")]
    old = tmp_path / f"index.{os.getpid()}.partial"
    others = [tmp_path / "index.notes.partial", tmp_path / f"index-{'a' * 12}.{os.getpid()}.partial"]
    for folder in (*left, old, *others):
        folder.mkdir()
    os.utime(old, (0, 0))
    EmbeddedIndex(tmp_path / "index", D).close()
    segment = tmp_path / "index" / "temp_segments" / "segment_builder_x"
    segment.mkdir(parents=True)
    EmbeddedIndex(tmp_path / "index", D).close()
    assert not [folder.name for folder in (*left, old, segment) if folder.exists()]
    assert all(folder.exists() for folder in others), "one is nobody's, one is made just now"


def test_what_is_asked_after_closing_is_told_that_it_was_closed(tmp_path: Path) -> None:
    index = EmbeddedIndex(tmp_path / "index", 4)
    index.close()
    for asked in (
        lambda: len(index),
        lambda: list(index.keys()),
        lambda: index.vectors([1]),
        lambda: index.facets({}),
        lambda: index.frequency(1),
        lambda: index.remove([1]),
        index.optimise,
    ):
        with pytest.raises(AtlasError, match="was closed"):
            asked()


def test_an_index_of_a_version_that_scored_words_otherwise_is_told_as_outdated(tmp_path: Path) -> None:
    """Earlier versions let the engine score the words of the payload."""
    params = edge.EdgeVectorParams(size=D, distance=edge.Distance.Dot)
    sparse = {"concepts": edge.EdgeSparseVectorParams()}
    (tmp_path / "index").mkdir()
    config = edge.EdgeConfig(vectors={"image": params, "caption": params}, sparse_vectors=sparse)
    shard = edge.EdgeShard.create(str(tmp_path / "index"), config)
    for field in FILTER_FIELDS:
        shard.update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Keyword))
    for field in ("words", "case"):
        shard.update(edge.UpdateOperation.create_field_index(field, edge.TextIndexParams(tokenizer=edge.TokenizerType.Word)))
    shard.flush()
    shard.close()
    with pytest.raises(IndexOutdated, match="lacks case, words"):
        EmbeddedIndex(tmp_path / "index", D)
