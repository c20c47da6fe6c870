"""The transforms are `wis.sparsify` wherever PyG takes a transform."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
import torch_geometric.transforms as T
from method_cases import prepared, quick
from torch.utils.data.datapipes.iter import IterableWrapper
from torch_geometric import seed_everything
from torch_geometric.data import Data, HeteroData, InMemoryDataset
from torch_geometric.loader import DataLoader

import wis
from wis.errors import OptionError, UnknownNameError
from wis.testing import assert_same_data, odd_graph
from wis.transforms import Sparsify, WalkIndexSparsification


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (Sparsify("50%"), "Sparsify(remove='50%', method='wis')"),
        (Sparsify(keep=0.3, method="RANDOM"), "Sparsify(keep=0.3, method='random')"),
        (Sparsify(0), "Sparsify(remove=0, method='wis')"),
        (
            Sparsify(7, method="random", seed=3, device="cpu", edge_attrs=["w"]),
            "Sparsify(remove=7, method='random', seed=3, device='cpu', edge_attrs=('w',))",
        ),
        (Sparsify(0.5, walk_length=1, batch_size=1), "Sparsify(remove=0.5, method='wis')"),
        (Sparsify(0.5, batch_size=9), "Sparsify(remove=0.5, method='wis', batch_size=9)"),
        (
            WalkIndexSparsification("50%"),
            "WalkIndexSparsification(remove='50%', walk_length=1)",
        ),
        (
            WalkIndexSparsification(keep=5, engine="rounds"),
            "WalkIndexSparsification(keep=5, walk_length=1, engine='rounds')",
        ),
    ],
)
def test_repr_says_what_differs_from_the_defaults(transform, expected):
    assert repr(transform) == str(transform) == expected


@pytest.mark.parametrize("amount", [np.float64(0.5), torch.tensor(0.5), np.int64(3)])
def test_repr_is_that_of_the_plain_amount(amount):
    transform = Sparsify(amount)
    assert repr(transform) == repr(Sparsify(amount.item()))


def test_repr_does_not_depend_on_the_order_of_options():
    one = Sparsify(0.5, engine="rounds", walk_length=1)
    assert repr(one) == repr(Sparsify(0.5, walk_length=1, engine="rounds"))


@pytest.mark.parametrize("method", wis.available_methods())
def test_transform_is_sparsify(method):
    data = prepared(method, odd_graph("power-law"))
    given = {"method": method, "seed": 2, **quick(method)}
    expected = wis.sparsify(data, remove=0.4, **given)
    assert_same_data(Sparsify(0.4, **given)(data), expected)


@pytest.mark.parametrize("transform", [Sparsify, WalkIndexSparsification])
def test_types_come_from_the_attribute_that_is_named(transform):
    data = Data(edge_index=torch.combinations(torch.arange(8)).T.contiguous(), num_nodes=8)
    data.relation = data.edge_index.sum(dim=0) % 3
    data.edge_type = torch.zeros_like(data.relation)
    cut = transform(0.5, per_type="relation")
    assert_same_data(cut(data), wis.sparsify(data, remove=0.5, per_type="relation"))
    assert "per_type='relation'" in repr(cut)


def test_walk_index_sparsification_is_the_method_wis():
    data = odd_graph("power-law")
    expected = wis.sparsify(data, keep="40%", walk_length=1)
    assert_same_data(WalkIndexSparsification(keep="40%")(data), expected)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, OptionError),
        ({"remove": 0.5, "keep": 0.5}, OptionError),
        ({"remove": 1.5}, OptionError),
        ({"remove": "half"}, OptionError),
        ({"keep": -1}, OptionError),
        ({"remove": 1, "speed": 3}, OptionError),
        ({"remove": 1, "batch_size": 0}, OptionError),
        ({"remove": 1, "engine": "steam"}, UnknownNameError),
        ({"remove": 1, "seed": -1}, OptionError),
        ({"remove": 1, "directed": "no"}, OptionError),
        ({"remove": 1, "per_type": 3}, OptionError),
        ({"remove": 1, "per_type": ""}, OptionError),
        ({"remove": 1, "edge_attrs": 5}, OptionError),
        ({"remove": 1, "edge_attrs": None}, OptionError),
        ({"remove": 1, "edge_attrs": [5]}, OptionError),
    ],
)
@pytest.mark.parametrize("transform", [Sparsify, WalkIndexSparsification])
def test_mistakes_are_found_when_the_transform_is_made(transform, arguments, error):
    with pytest.raises(error):
        transform(**arguments)


@pytest.mark.parametrize("transform", [Sparsify, WalkIndexSparsification])
@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("p", "remove"),
        ("ratio", "remove"),
        ("remvoe", "remove"),
        ("walk_lenght", "walk_length"),
        ("depth", "walk_length (depth - 1)"),
        ("sede", "seed"),
        ("xyzzy", None),
    ],
)
def test_unknown_keyword_is_named_with_those_that_are_known(transform, given, meant):
    with pytest.raises(OptionError) as found:
        transform(**{given: 0.5})
    line = str(found.value)
    assert line.startswith(f"{transform.__name__} has no option {given!r} with the method 'wis'")
    assert "known: remove, keep, " in line
    assert "walk_length" in line
    assert ("method, " in line) is (transform is Sparsify)
    assert line.endswith(f"Did you mean {meant}?" if meant else ".")
    for function in (wis.sparsify, wis.removal_order):
        with pytest.raises(OptionError, match=f"{function.__name__} has no option {given!r}"):
            function(odd_graph("path"), **{given: 0.5})


def test_option_of_another_method_is_named_with_its_own():
    with pytest.raises(OptionError, match="no option 'walk_length' with the method 'random'"):
        Sparsify(0.5, method="random", walk_length=2)


def test_walk_index_sparsification_of_another_method_says_what_to_take():
    with pytest.raises(OptionError, match=r"take Sparsify\(..., method='random'\)"):
        WalkIndexSparsification(0.5, method="random")
    assert WalkIndexSparsification(0.5, method="WIS").method == "wis"
    with pytest.raises(UnknownNameError, match="Did you mean 'wis'"):
        WalkIndexSparsification(0.5, method="wsi")


def test_unknown_method_is_found_when_the_transform_is_made():
    with pytest.raises(UnknownNameError, match="Did you mean 'wis'"):
        Sparsify(0.5, method="wsi")


def with_attributes(name: str) -> Data:
    data = odd_graph(name)
    data.x = torch.arange(data.num_nodes)
    data.edge_weight = torch.arange(data.num_edges)
    return data


def test_object_of_the_caller_is_untouched():
    data = with_attributes("two-equal-hubs")
    before = copy.deepcopy(data)
    Sparsify(0.5)(data)
    assert_same_data(data, before)


def test_number_of_vertices_may_equal_that_of_arcs():
    data = with_attributes("cycle")
    data.edge_index = data.edge_index[:, ::2]
    data.edge_weight = data.weight = data.y = torch.arange(8)
    assert data.num_nodes == data.num_edges == 8
    sparse = Sparsify(remove=3, edge_attrs=["weight"])(data)
    assert (sparse.edge_weight.numel(), sparse.weight.numel(), sparse.y.numel()) == (5, 5, 8)


def test_hetero_data_is_cut_as_one_graph():
    data = HeteroData()
    data["a"].x, data["b"].x = torch.zeros(3, 1), torch.zeros(2, 1)
    data["a", "to", "b"].edge_index = torch.tensor([[0, 1, 2, 2], [0, 0, 0, 1]])
    data = T.ToUndirected()(data)
    sparse = Sparsify(remove=1)(data)
    # by hand: keys (1, 3), (1, 3), (2, 3), (1, 2): the edge from a2 to b0 goes, both ways
    assert sparse["a", "to", "b"].edge_index.tolist() == [[0, 1, 2], [0, 0, 1]]
    assert sparse["b", "rev_to", "a"].edge_index.tolist() == [[0, 0, 1], [0, 1, 2]]


def test_compose_applies_it_among_others():
    data = odd_graph("one-way-arcs")
    pipeline = T.Compose([T.ToUndirected(), Sparsify("50%"), T.AddSelfLoops()])
    expected = T.AddSelfLoops()(wis.sparsify(T.ToUndirected()(data), remove="50%"))
    assert_same_data(pipeline(data), expected)
    assert "Sparsify(remove='50%', method='wis')" in repr(pipeline)


def test_split_then_sparsify_leaves_the_held_out_edges_alone():
    pipeline = T.Compose([T.RandomLinkSplit(is_undirected=True, num_test=0.4), Sparsify("50%")])
    seed_everything(0)
    plain = T.RandomLinkSplit(is_undirected=True, num_test=0.4)(odd_graph("random-dense"))
    seed_everything(0)
    for sparse, part in zip(pipeline(odd_graph("random-dense")), plain, strict=True):
        assert torch.equal(sparse.edge_label_index, part.edge_label_index)
        assert torch.equal(sparse.edge_label, part.edge_label)
        assert sparse.num_edges == part.num_edges - 2 * round(part.num_edges / 4)


def test_held_out_list_that_is_as_long_as_the_arcs_is_left_alone():
    data = odd_graph("clique")
    data.edge_label_index = data.edge_index.flip(1).clone()
    data.edge_label = torch.ones(data.num_edges)
    sparse = Sparsify("50%")(data)
    assert torch.equal(sparse.edge_label_index, data.edge_label_index)
    assert sparse.edge_label.numel() == data.num_edges


@pytest.mark.filterwarnings("ignore:Sparse")  # torch's, on PyG's use of sparse tensors
def test_sparsify_comes_before_a_sparse_tensor():
    pipeline = T.Compose([Sparsify("50%"), T.ToSparseTensor(layout=torch.sparse_csr)])
    data = with_attributes("random-dense")
    assert pipeline(data).adj_t._nnz() == wis.sparsify(data, remove="50%").num_edges


def test_each_graph_of_a_list_is_cut_by_itself():
    graphs = [odd_graph(name) for name in ("clique", "path", "empty")]
    for sparse, graph in zip(Sparsify("50%")(graphs), graphs, strict=True):
        assert_same_data(sparse, wis.sparsify(graph, remove="50%"))


class Odd(InMemoryDataset):
    """A dataset on disk of a few graphs."""

    def __init__(self, root, **transforms):
        super().__init__(str(root), **transforms)
        self.load(self.processed_paths[0])

    @property
    def raw_file_names(self):
        return []

    @property
    def processed_file_names(self):
        return ["data.pt"]

    def process(self):
        graphs = [with_attributes(name) for name in ("clique", "two-equal-hubs", "random-dense")]
        if self.pre_transform is not None:
            graphs = [self.pre_transform(graph) for graph in graphs]
        self.save(graphs, self.processed_paths[0])


def sparse_graphs():
    plain = [with_attributes(name) for name in ("clique", "two-equal-hubs", "random-dense")]
    return [wis.sparsify(graph, remove="50%") for graph in plain]


def test_pre_transform_runs_once_and_is_recognised_later(tmp_path):
    for _ in range(2):  # the second time from disk: PyG warns if the repr has changed
        dataset = Odd(tmp_path, pre_transform=Sparsify("50%"))
        for found, expected in zip(dataset, sparse_graphs(), strict=True):
            assert_same_data(found, expected)
    with pytest.warns(UserWarning, match="pre_transform"):
        Odd(tmp_path, pre_transform=Sparsify("60%"))


@pytest.mark.parametrize("num_workers", [0, 1])
def test_data_loader_cuts_each_graph_by_itself(tmp_path, num_workers):
    dataset = Odd(tmp_path, transform=Sparsify("50%"))
    # spawned, since forking a process that has threads may hang
    context = "spawn" if num_workers else None
    loader = DataLoader(
        dataset, batch_size=3, num_workers=num_workers, multiprocessing_context=context
    )
    (batch,) = loader
    for found, expected in zip(batch.to_data_list(), sparse_graphs(), strict=True):
        assert_same_data(found, expected)


def test_copies_and_pickles_do_the_same():
    data = odd_graph("power-law")
    transform = WalkIndexSparsification(0.3, device="cpu")
    for twin in (copy.deepcopy(transform), pickle.loads(pickle.dumps(transform))):
        assert repr(twin) == repr(transform)
        assert_same_data(twin(data), transform(data))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", ["sparsify", "walk_index_sparsification"])
def test_functional_name_is_known_to_data_pipes(name):
    data = odd_graph("clique")
    (sparse,) = getattr(IterableWrapper([data]), name)(0.5)
    assert_same_data(sparse, wis.sparsify(data, remove=0.5))
