"""The data sets of Table 5.1, against the words of the thesis."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wis import UndirectedGraph
from wis.datasets.images import load_images
from wis.errors import OptionError
from wis.graph.walks import boundary
from wis.theory.table5_1.patch_graphs import (
    PARTITIONS,
    choose_pairs,
    draw_pairs,
    essential_walk_index,
    two_cliques,
    vertices_of_image,
)


def test_the_graph_is_two_cliques_of_sixteen_joined_by_one_edge():
    graph = UndirectedGraph.from_any(two_cliques())
    pairs = set(map(tuple, graph.edges.t().tolist()))
    inside = {(u + s, v + s) for s in (0, 16) for u in range(16) for v in range(u + 1, 16)}
    assert pairs == inside | {(0, 16)}
    assert two_cliques().size(1) == 2 * len(pairs)


def test_in_the_low_data_set_each_clique_holds_one_image():
    assert vertices_of_image(0, "low") == list(range(16))
    assert vertices_of_image(1, "low") == list(range(16, 32))


def test_in_the_high_data_set_each_clique_holds_half_of_each_image():
    for image in (0, 1):
        where = vertices_of_image(image, "high")
        assert [vertex // 16 for vertex in where] == [0] * 8 + [1] * 8
    assert sorted(vertices_of_image(0, "high") + vertices_of_image(1, "high")) == list(range(32))


def test_walk_indices_of_the_essential_partitions_are_those_counted_by_hand():
    # closed degrees: 17 at the two ends of the bridge, 16 elsewhere; walks of length 2 from an end:
    # 15 * 16 + 17 + 17 = 274, from another vertex 15 * 16 + 17 = 257
    assert essential_walk_index("low") == 2 * 274
    assert essential_walk_index("high") == 2 * (274 + 15 * 257)
    assert boundary(two_cliques(), vertices_of_image(0, "low")).tolist() == [0, 16]
    assert boundary(two_cliques(), vertices_of_image(0, "high")).numel() == 32
    assert essential_walk_index("low", depth=1) == 2


def test_an_unknown_partition_is_refused():
    with pytest.raises(OptionError, match="'low' or 'high'"):
        vertices_of_image(0, "middle")


@given(
    labels=st.lists(st.integers(0, 3), min_size=4, max_size=12).filter(
        lambda found: len(set(found)) > 1 and min(map(found.count, found)) > 1
    ),
    seed=st.integers(0, 1000),
)
def test_a_pair_is_of_the_same_class_as_its_label_says_and_of_two_images(labels, seed):
    classes = np.array(labels)
    first, second, same = choose_pairs(classes, 50, np.random.default_rng(seed))
    assert (first != second).all()
    assert ((classes[first] == classes[second]) == (same == 1)).all()


def test_partners_are_drawn_evenly_from_all_that_the_label_allows():
    labels = np.array([0, 1, 0, 2, 1, 0, 2])
    first, second, same = choose_pairs(labels, 60_000, np.random.default_rng(0))
    assert abs(same.mean() - 0.5) < 0.01
    for image in range(7):
        for kind in (0, 1):
            allowed = [
                other
                for other in range(7)
                if other != image and (labels[other] == labels[image]) == (kind == 1)
            ]
            found = second[(first == image) & (same == kind)]
            shares = np.bincount(found, minlength=7) / found.size
            assert shares[allowed] == pytest.approx(1 / len(allowed), abs=0.03)


def test_classes_too_small_to_be_paired_are_refused():
    for labels in ([0, 0, 1], [0, 0, 0]):
        with pytest.raises(OptionError, match="two classes"):
            choose_pairs(np.array(labels), 5, np.random.default_rng(0))


def test_features_are_the_segments_of_the_images_at_their_vertices():
    train, _ = draw_pairs("digits", num_train=20, num_test=5, seed=4)
    images, _ = load_images("digits")
    mean, deviation = images.pixels.mean(), images.pixels.std()
    first, second, same = choose_pairs(images.labels, 20, np.random.default_rng([4, 0]))
    assert train.same.tolist() == same.tolist()
    for partition in PARTITIONS:
        x = train.features(partition)
        assert x.shape == (20, 32, 4)
        for image, chosen in ((0, first), (1, second)):
            flat = x[:, vertices_of_image(image, partition)].reshape(20, 64)
            expected = (images.pixels[chosen] - mean) / deviation
            torch.testing.assert_close(flat, torch.from_numpy(expected).float())


def test_test_pairs_are_made_of_test_images_and_the_seed_decides():
    _, test = draw_pairs("digits", num_train=3, num_test=40)
    _, again = draw_pairs("digits", num_train=7, num_test=40)
    _, other = draw_pairs("digits", num_train=3, num_test=40, seed=1)
    assert torch.equal(test.segments, again.segments)
    assert not torch.equal(test.segments, other.segments)
    train_images, test_images = load_images("digits")
    mean, deviation = train_images.pixels.mean(), train_images.pixels.std()
    drawn = (test.segments.reshape(80, 64) * deviation + mean).round().numpy().astype(np.uint8)
    known = {row.tobytes() for row in test_images.pixels}
    assert all(row.tobytes() in known for row in drawn)


def test_impossible_numbers_are_refused():
    with pytest.raises(OptionError, match="num_test is 0"):
        draw_pairs("digits", num_test=0)
