"""The map gives each figure a cell of its own, like beside like, the same each time, and is kept until the atlas changes."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.atlas import Atlas
from mirage.browse import layout
from mirage.browse.map import EMPTY, FILE, Map


def clusters(count: int, of: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around some centres, and which each is of."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count, 24))
    which = np.repeat(np.arange(count), of)
    vectors = (centres[which] + 0.3 * rng.normal(size=(count * of, 24))).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), which


def test_each_figure_has_a_cell_of_its_own_and_like_lies_beside_like():
    vectors, which = clusters(8)
    made = Map.of(np.arange(len(vectors)) * 3, vectors, "x")
    assert sorted(made.places) == [number * 3 for number in range(len(vectors))]
    assert len(set(made.places.values())) == len(vectors)
    places = np.array([made.places[number * 3] for number in range(len(vectors))])
    near, _ = layout.neighbours(places.astype(np.float32), 3)
    assert (which[near] == which[:, None]).mean() > 0.85, "of chance it would be 0.12"


def test_the_same_vectors_give_the_same_map_and_a_plane_that_does_not_shrink_or_burst():
    vectors, _ = clusters(5)
    plane = layout.plane(vectors)
    assert np.array_equal(plane, layout.plane(vectors.copy()))
    assert np.isfinite(plane).all()
    assert 5 < np.ptp(plane, axis=0).max() < 500


def test_forces_between_all_pairs_are_as_if_each_pair_were_reckoned():
    places = np.random.default_rng(1).normal(size=(300, 2)) * 4
    apart = places[:, None] - places[None]
    near = 1 / (1 + (apart**2).sum(axis=2))
    total = near.sum() - len(places)
    exact = (near[..., None] ** 2 * apart).sum(axis=1) / total
    assert np.abs(layout._repulsion(places) - exact).max() < 0.03 * np.abs(exact).max()


@pytest.mark.parametrize("count", [0, 1, 2, 7, 9, 33])
def test_small_and_odd_numbers_of_figures_are_laid_out(count):
    vectors, _ = clusters(max(1, count), of=1)
    made = Map.of(np.arange(count), vectors[:count], "x")
    assert sorted(made.places) == list(range(count))
    assert made.levels[-1].shape == (1, 1) if count else made.levels == ()


def test_figures_that_are_all_alike_are_laid_out():
    vectors = np.ones((40, 8), np.float32) / np.sqrt(8)
    assert sorted(Map.of(np.arange(40), vectors, "x").places) == list(range(40))


def test_a_coarser_cell_stands_for_one_of_its_own_four():
    vectors, _ = clusters(6)
    made = Map.of(np.arange(len(vectors)), vectors, "x")
    for fine, coarse in zip(made.levels, made.levels[1:], strict=False):
        for row, column in np.ndindex(coarse.shape):
            four = fine[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            assert coarse[row, column] in four
            assert (coarse[row, column] == EMPTY) == (four == EMPTY).all()


def test_parts_of_a_level_are_cut_at_its_edges():
    vectors, _ = clusters(4)
    made = Map.of(np.arange(len(vectors)), vectors, "x")
    rows, columns = made.levels[0].shape
    whole = made.within(0, 0, 0, columns, rows)
    assert {key: (column, row) for column, row, key in whole} == dict(made.places)
    assert made.within(0, -5, -5, columns + 50, rows + 50)[:1] != []
    assert made.within(0, columns, rows, 8, 8) == made.within(99, 0, 0, 8, 8) == made.within(-1, 0, 0, 8, 8) == []


def test_the_map_is_kept_in_the_folder_and_laid_out_anew_when_the_atlas_has_changed(some_copy):
    with Atlas.open(some_copy) as atlas:
        first = atlas.browse.map()
        assert sorted(first.places) == atlas.store.keys()
    written = (some_copy / FILE).read_bytes()
    with Atlas.open(some_copy) as atlas:
        again = atlas.browse.map()
        assert again.places == first.places
        assert (some_copy / FILE).read_bytes() == written
        gone = atlas.store.rows(atlas.store.keys()[:1]).popitem()[1].figure.id
        atlas.remove(gone)
        assert sorted(atlas.browse.map().places) == atlas.store.keys()
        assert len(atlas.browse.map().places) == len(first.places) - 1
    (some_copy / FILE).write_bytes(written[: len(written) // 2])
    with Atlas.open(some_copy) as atlas:
        assert len(atlas.browse.map().places) == len(first.places) - 1


def test_an_atlas_is_closed_while_its_map_is_laid_out(some_copy):
    (some_copy / FILE).unlink(missing_ok=True)
    with Atlas.open(some_copy) as atlas:
        browse = atlas.browse
        assert browse.map(0) is None
    assert not (some_copy / FILE).exists()
    assert browse._mapmaker._thread is not None
    assert not browse._mapmaker._thread.is_alive()
