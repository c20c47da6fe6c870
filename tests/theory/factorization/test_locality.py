"""Countering locality: the regularizer, IsSameClass, Pathfinder, networks, image files."""

from __future__ import annotations

import itertools
import math
import sys
import types

import numpy as np
import pytest
import torch
from scipy import ndimage, stats
from torch import nn

from wis.datasets import images as data_sets
from wis.errors import (
    GraphFileError,
    MissingDataError,
    MissingDependencyError,
    NumericalError,
    OptionError,
    UnknownNameError,
)
from wis.theory.factorization.images import load_images
from wis.theory.factorization.locality.fitting import (
    FitConfig,
    fit_network,
    forecast_fit,
    image_network,
)
from wis.theory.factorization.locality.regularizer import (
    Region,
    derangement,
    long_range_regularizer,
    random_patches,
)
from wis.theory.factorization.locality.tasks import (
    PathfinderConfig,
    Samples,
    image_regions,
    is_same_class,
    pathfinder_image,
    pathfinder_samples,
    turn,
)

LEFT, RIGHT = Region(0, 0, 2, 2), Region(0, 2, 2, 2)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


class Product(nn.Module):
    """Separation rank one between left and right: a product of two functions."""

    def forward(self, images):
        weight = torch.arange(1.0, 5.0)
        left = (LEFT.of(images).flatten(1) ** 2 * weight).sum(dim=1)
        right = (RIGHT.of(images).flatten(1) * weight).sum(dim=1)
        return left * right


class Interacting(nn.Module):
    """The gradient with respect to the left is the right half: an angle per pair of images."""

    def forward(self, images):
        return (LEFT.of(images) * RIGHT.of(images)).flatten(1).sum(dim=1, keepdim=True)


def test_the_regularizer_is_one_exactly_when_the_model_separates_the_regions():
    images = torch.randn(16, 1, 2, 4, generator=seeded())
    separate = long_range_regularizer(Product(), images, LEFT, RIGHT, seeded(1))
    assert float(separate.detach()) == pytest.approx(1, abs=1e-5)
    order = derangement(16, seeded(1))
    right = RIGHT.of(images).flatten(1)
    cosines = nn.functional.cosine_similarity(right, right[order]).abs()
    found = long_range_regularizer(Interacting(), images, LEFT, RIGHT, seeded(1))
    found = found.detach()
    assert float(found) == pytest.approx(float(cosines.mean()), abs=1e-6)
    assert float(found) < 0.9


def test_descent_on_the_regularizer_lowers_it_and_vanishing_gradients_do_no_harm():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    images = torch.randn(32, 1, 2, 4, generator=seeded())
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    values = []
    for _ in range(40):
        term = long_range_regularizer(network, images, LEFT, RIGHT, seeded(0))
        optimizer.zero_grad()
        term.backward()
        optimizer.step()
        values.append(float(term.detach()))
    assert values[-1] < 0.7 * values[0]
    nn.init.zeros_(network[3].weight)
    optimizer.zero_grad()
    term = long_range_regularizer(network, images, LEFT, RIGHT, seeded(0))
    term.backward()
    assert float(term.detach()) == 0
    gradients = [each.grad for each in network.parameters() if each.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_the_images_that_were_passed_in_stay_as_they_are():
    images = torch.randn(4, 1, 2, 4, generator=seeded())
    before = images.clone()
    long_range_regularizer(Interacting(), images, LEFT, RIGHT, seeded())
    assert torch.equal(images, before)
    assert not images.requires_grad


def test_impossible_regions_and_models_are_refused():
    images = torch.randn(4, 1, 2, 4)
    with pytest.raises(OptionError, match="disjoint"):
        long_range_regularizer(Product(), images, LEFT, Region(0, 1, 2, 2), seeded())
    with pytest.raises(OptionError, match="not inside"):
        long_range_regularizer(Product(), images, LEFT, Region(0, 3, 2, 2), seeded())
    with pytest.raises(OptionError, match="one number"):
        long_range_regularizer(nn.Identity(), images, LEFT, RIGHT, seeded())


def test_derangements_have_no_fixed_point_and_are_uniform():
    generator = seeded()
    counts = {}
    for _ in range(1800):
        order = tuple(derangement(4, generator).tolist())
        counts[order] = counts.get(order, 0) + 1
    everything = {
        order for order in itertools.permutations(range(4))
        if all(at != to for at, to in enumerate(order))
    }  # fmt: skip
    assert set(counts) == everything
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3
    with pytest.raises(OptionError, match="2 or more"):
        derangement(1, generator)


def test_random_patches_never_overlap_and_reach_every_corner():
    generator = seeded()
    seen = set()
    for _ in range(300):
        first, second = random_patches(4, 4, 2, generator)
        assert not first.overlaps(second)
        seen.add((first.top, first.left))
    assert {(0, 0), (0, 2), (2, 0), (2, 2)} <= seen
    with pytest.raises(OptionError, match="do not fit"):
        random_patches(3, 3, 2, generator)


def test_is_same_class_labels_what_the_images_show():
    # every image is its class as a constant, so that samples can be read back
    classes = np.repeat(np.arange(5), 7)
    images = np.broadcast_to((classes + 1.0)[:, None, None], (35, 3, 3)).astype(np.float32)
    drawn = is_same_class(images, classes, count=400, distance=4, size=(5, 12), seed=3)
    samples, labels = drawn.draw(torch.arange(400)), drawn.labels
    left, right = image_regions((3, 3), distance=4, size=(5, 12))
    assert (left.left, right.left, left.top) == (1, 8, 1)
    shown = [region.of(samples)[:, 0, 0, 0] for region in (left, right)]
    assert torch.equal((shown[0] == shown[1]).float(), labels)
    assert 0.4 < float(labels.mean()) < 0.6
    outside = samples.clone()
    for region in (left, right):
        assert (region.of(outside) > 0).all()
        region.of(outside).zero_()
    assert not outside.any()
    with pytest.raises(OptionError, match="do not fit"):
        is_same_class(images, classes, count=1, distance=7, size=(5, 12), seed=0)


@pytest.mark.parametrize("label", [False, True])
@pytest.mark.parametrize("length", [2, 5])
def test_tracing_the_dashes_of_a_pathfinder_image_gives_its_label(label, length):
    config = PathfinderConfig(path_length=length, size=112, num_distractors=2)
    generator = np.random.default_rng(length)
    for _ in range(4):
        image = pathfinder_image(config, label, generator)
        assert traced(image, config) == label


def traced(image, config):
    """Whether a walk from dash to dash, over gaps of a path's size only, joins the circles."""
    pixels = image.pixels.copy()
    # close the gaps between dashes of one path, which are smaller than those between paths
    reach = config.inner_margin + 1
    disk = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) <= reach
    pieces, _ = ndimage.label(ndimage.binary_dilation(pixels > 0, disk), np.ones((3, 3)))
    ends = [pieces[round(row), round(column)] for row, column in image.circles]
    assert min(ends) > 0
    return ends[0] == ends[1]


def test_pathfinder_images_hold_the_dashes_and_circles_of_the_protocol():
    config = PathfinderConfig(path_length=4, size=112, num_distractors=3)
    image = pathfinder_image(config, True, np.random.default_rng(0))
    assert [len(path) for path in image.paths] == [4, 4, 2, 2, 2]
    for path in image.paths:
        for (start, end), (onward, _) in itertools.pairwise(path):
            assert math.dist(start, end) == pytest.approx(5)
            assert math.dist(end, onward) == pytest.approx(6)
    row, column = (round(value) for value in image.circles[0])
    assert image.pixels[row - 2 : row + 3, column].all()
    assert set(np.unique(image.pixels)) == {0, 1}
    # dashes lie apart from each other: as many pieces as dashes, two of them joined by circles
    _, pieces = ndimage.label(image.pixels, np.ones((3, 3)))
    assert pieces == 4 + 4 + 6


def test_turns_follow_the_density_of_the_continuity():
    generator = np.random.default_rng(0)
    angles = np.array([turn(1.8, generator) for _ in range(2000)])
    limit = math.pi / 3.6
    assert abs(angles).max() <= limit

    def distribution(x):  # of cos(c x)^2 on [-pi/2c, pi/2c]
        return 0.5 + 1.8 * x / math.pi + np.sin(3.6 * x) / (2 * math.pi)

    assert stats.kstest(angles, distribution).pvalue > 1e-3


def pathfinder_of(count, seed):
    config = PathfinderConfig(path_length=2, size=64, num_distractors=0)
    return pathfinder_samples(config, count=count, seed=seed)


def pairs_of(count, seed):
    images = np.arange(20 * 9, dtype=np.float32).reshape(20, 3, 3)
    classes = np.repeat(np.arange(4), 5)
    return is_same_class(images, classes, count=count, distance=2, size=(4, 10), seed=seed)


@pytest.mark.parametrize(("make", "shape"), [(pathfinder_of, (1, 64, 64)), (pairs_of, (1, 4, 10))])
def test_a_sample_depends_on_its_seed_and_position_only(make, shape):
    few, many, other = make(6, 1), make(9, 1), make(9, 2)
    assert few.shape == shape
    assert torch.equal(few.labels, many.labels[:6])
    last = many.draw(torch.tensor([5, 2, 5]))  # in any order, before and after others
    everything = few.draw(torch.arange(6))
    assert torch.equal(last, everything[[5, 2, 5]])
    assert torch.equal(many.draw(torch.tensor([5])), everything[5:])
    assert not torch.equal(other.draw(torch.arange(6)), everything)
    assert set(make(40, 1).labels.tolist()) == {0, 1}


def test_pathfinder_images_without_room_are_refused():
    samples = pathfinder_samples(PathfinderConfig(path_length=9, size=24), count=1, seed=0)
    with pytest.raises(NumericalError, match="no room"):
        samples.draw(torch.tensor([0]))


def test_networks_give_one_logit_and_resnets_ask_for_torchvision(monkeypatch):
    images = torch.randn(2, 3, 16, 24)
    assert image_network("small", 3, dropout=0.5)(images).shape == (2, 1)
    sizes = [len(list(image_network(name, 3).parameters())) for name in ("small", "small-deep")]
    assert sizes == [3 * 6 + 2 + 1 + 2, 6 * 6 + 2 + 1 + 2]  # blocks, shortcuts, stem, head
    same = [image_network("small", 1, seed=4).head.weight for _ in range(2)]
    assert torch.equal(*same)
    with pytest.raises(UnknownNameError, match="resnet18"):
        image_network("resnet", 3)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(MissingDependencyError, match=r"wis-sparsify\[vision\]"):
        image_network("resnet18", 3)


def test_a_torchvision_for_another_torch_is_named_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", OfAnotherTorch("torchvision"))
    with pytest.raises(OptionError, match="install both from the same index"):
        image_network("resnet18", 3)


class OfAnotherTorch(types.ModuleType):
    __path__ = ()

    def __getattr__(self, name):
        raise RuntimeError("operator torchvision::nms does not exist")


@pytest.mark.parametrize("name", ["resnet18", "resnet34"])
def test_resnets_have_torchvisions_parameters_and_dropout_before_the_layers_that_widen(name):
    models = pytest.importorskip("torchvision", reason="needs the extra vision").models
    network = image_network(name, 1, dropout=0.5)
    assert network(torch.randn(2, 1, 32, 32)).shape == (2, 1)
    expected = getattr(models, name)(num_classes=1).state_dict()
    found = network.network.state_dict()
    assert {key: value.shape for key, value in found.items()} == {
        key: value.shape for key, value in expected.items()
    }
    seen = {}
    for layer in ("layer1", "layer2", "layer4"):
        block = getattr(network.network, layer)[0]
        block.register_forward_pre_hook(lambda _, inputs, layer=layer: seen.update({layer: inputs}))
    network(torch.randn(2, 1, 64, 64))
    zeros = {layer: float((inputs[0] == 0).double().mean()) for layer, inputs in seen.items()}
    network.eval()(torch.randn(2, 1, 64, 64))
    plain = {layer: float((inputs[0] == 0).double().mean()) for layer, inputs in seen.items()}
    assert zeros["layer2"] > plain["layer2"] + 0.2
    assert zeros["layer4"] > plain["layer4"] + 0.2
    assert zeros["layer1"] < plain["layer1"] + 0.2


def samples_of(images, labels):
    return Samples(labels, tuple(images.shape[1:]), images.__getitem__)


def bright_images(count=60):
    images = torch.randn(count, 1, 4, 8, generator=seeded())
    labels = (images.mean(dim=(1, 2, 3)) > 0).float()
    return samples_of(images + labels.reshape(-1, 1, 1, 1), labels)


def halves(generator):
    return Region(0, 0, 4, 4), Region(0, 4, 4, 4)


def test_fitting_learns_a_task_and_stops_after_perfect_epochs():
    config = FitConfig(
        coefficient=0.1, learning_rate=0.05, batch_size=20, max_epochs=60, patience=2
    )
    data = bright_images()
    fit = fit_network(image_network("small", 1), data, data, halves, config, seed=0)
    assert fit.epochs < 60
    assert 0 < fit.regularizer < 1
    assert fit.test_accuracy > 0.8
    assert not fit.constant


def test_a_network_that_gives_one_label_is_called_constant():
    data = bright_images()
    network = image_network("small", 1)
    nn.init.zeros_(network.head.weight)
    nn.init.constant_(network.head.bias, -3)
    fit = fit_network(network, data, data, halves, FitConfig(max_epochs=0), seed=0)
    assert fit.constant
    assert fit.test_accuracy == float((data.labels == 0).double().mean())


def test_two_halves_of_a_batch_take_the_step_of_the_whole_batch():
    data = bright_images(32)

    def trained(**options):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(32, 1))  # no batch normalization
        config = FitConfig(learning_rate=0.1, batch_size=16, max_epochs=2, **options)
        fit_network(network, data, data, halves, config, seed=0)
        return network[1].weight.detach()

    torch.testing.assert_close(trained(accumulate=2), trained())
    assert not torch.allclose(trained(momentum=0.0), trained())
    for wrong in ({"batch_size": 1}, {"batch_size": 4, "accumulate": 4}, {"accumulate": 0}):
        with pytest.raises(OptionError, match="parts of 2 or more"):
            fit_network(image_network("small", 1), data, data, halves, FitConfig(**wrong), seed=0)


def test_a_forecast_grows_with_images_and_epochs_and_counts_the_outputs_of_layers():
    network = image_network("small", 1)
    few = FitConfig(batch_size=8, max_epochs=1)
    seconds, num_bytes = forecast_fit(network, (1, 8, 8), (100, 0), halves_of_8, few)
    # stem, three blocks of six layers, dropout before two of them, a linear layer
    sizes = [8 * 16] + [8 * 16] * 6 + [16 * 4] * 6 + [32 * 1] * 6 + [8 * 16, 16 * 4] + [1]
    assert num_bytes == 4 * 8 * sum(sizes)
    many = FitConfig(coefficient=1, batch_size=8, max_epochs=100)
    more_seconds, more_bytes = forecast_fit(network, (1, 8, 8), (100, 0), halves_of_8, many)
    assert more_seconds > 20 * seconds
    assert more_bytes == 6 * num_bytes


def halves_of_8(generator):
    return Region(0, 0, 8, 4), Region(0, 4, 8, 4)


def test_cifar_10_is_read_from_files_of_the_publishers_format(tmp_path):
    batches = tmp_path / "CIFAR10" / "cifar-10-batches-bin"
    batches.mkdir(parents=True)
    record = bytes([9]) + bytes([255] * 1024 + [0] * 2048)
    (batches / "test_batch.bin").write_bytes(record * 2)
    images, classes = load_images("cifar10", train=False, root=tmp_path)
    assert images.shape == (2, 3, 32, 32)
    assert images[0].mean(axis=(1, 2)).tolist() == [1, 0, 0]
    assert classes.tolist() == [9, 9]
    with pytest.raises(MissingDataError, match="data_batch_1"):
        load_images("cifar10", train=True, root=tmp_path)
    (batches / "test_batch.bin").write_bytes(record[:-1])
    with pytest.raises(GraphFileError, match="records of 3073"):
        load_images("cifar10", train=False, root=tmp_path)
    with pytest.raises(UnknownNameError, match="cifar10"):
        load_images("cifar", train=True)


def test_grey_images_are_those_of_the_data_sets_between_zero_and_one():
    for part, grey in zip((True, False), data_sets.load_images("digits"), strict=True):
        images, classes = load_images("digits", train=part)
        np.testing.assert_allclose(images.reshape(len(images), 64) * 16, grey.pixels)
        assert np.array_equal(classes, grey.labels)
        assert images.min() == 0
        assert images.max() == 1


def test_images_keep_their_rows_and_columns(monkeypatch):
    grey = data_sets.Images(
        np.arange(24, dtype=np.uint8).reshape(2, 12), np.array([7, 3]), (3, 4), 255
    )
    monkeypatch.setattr(data_sets, "load_images", lambda name, root: (grey, grey))
    images, classes = load_images("mnist", train=True)
    np.testing.assert_allclose(images, np.arange(24).reshape(2, 3, 4) / 255, rtol=1e-6)
    assert classes.tolist() == [7, 3]
