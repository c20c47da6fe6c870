"""What a program has set as torch's defaults changes no result of wis."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from method_cases import prepared, quick
from pyg_objects import arcs, plain, shop
from torch_geometric.data import Batch, Data

import wis
from wis.base.checks import usual_defaults
from wis.graph.walks import boundary, num_walks
from wis.io import read_graph, write_graph
from wis.measure import compare
from wis.measure.facts import graph_facts
from wis.methods import get_method
from wis.models import available_models, build_model
from wis.testing import assert_same_data, odd_graph
from wis.training import TrainConfig, split_vertices, train
from wis.transforms import Sparsify

ROOT = Path(wis.__file__).parent
MAKERS = {
    *("tensor", "zeros", "empty", "ones", "full", "arange", "rand", "randn", "randint", "eye"),
    *("randperm", "linspace", "logspace", "as_tensor", "asarray", "tril_indices", "normal"),
    *("triu_indices", "sparse_coo_tensor", "sparse_csr_tensor", "sparse_csc_tensor"),
}
DEVICES = ["cpu", "meta", "cuda:0"]
DTYPES = [torch.float64, torch.float16, torch.bfloat16]
ENDINGS = [".pt", ".npz", ".csv", ".parquet", ".mtx", ".graphml", ".gml", ".gexf", ".graph"]


@pytest.fixture(params=[*DEVICES, *DTYPES], ids=str)
def changed(request):
    """A function that changes the defaults for a `with` block's worth of a test."""
    dtype = torch.get_default_dtype()

    def change():
        if isinstance(request.param, torch.dtype):
            torch.set_default_dtype(request.param)
        else:
            torch.set_default_device(request.param)

    yield change
    torch.set_default_device(None)
    torch.set_default_dtype(dtype)


def unsaid(path: Path) -> list[str]:
    """Calls that make a tensor and do not say where."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if call and isinstance(node.func.value, ast.Name) and node.func.value.id == "torch":
            says = any(word.arg in ("device", "out", None) for word in node.keywords)
            if node.func.attr in MAKERS and not says:
                found.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("package", [ROOT, Path(__import__("wis_cli").__file__).parent])
def test_every_tensor_is_made_on_a_device_that_is_named(package):
    assert [line for path in package.rglob("*.py") for line in unsaid(path)] == []


def features(data: Data) -> Data:
    data.x = torch.arange(2.0 * data.num_nodes, device="cpu", dtype=torch.float32).view(-1, 2)
    data.y = torch.arange(data.num_nodes, device="cpu") % 2
    return split_vertices(data, seed=0)


def same_under(change, compute) -> None:
    """The function gives the same before and after the defaults are changed."""
    expected = compute()
    change()
    found = compute()
    if isinstance(expected, torch.Tensor):
        assert found.device == expected.device
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected)
    elif hasattr(expected, "stores"):
        assert_same_data(found, expected)
    else:
        assert found == expected


@pytest.mark.parametrize("method", wis.available_methods())
def test_orders_and_certificates(method, changed):
    data = prepared(method, odd_graph("near-twin-cliques"))
    order = wis.removal_order(data, method, count=40, **quick(method))
    same_under(changed, lambda: wis.removal_order(data, method, count=40, **quick(method)).edges)
    assert_same_data(
        order.apply(data, remove=30), wis.sparsify(data, remove=30, method=method, **quick(method))
    )
    if get_method(method).verify is not None:
        again = {"scores": quick(method)["scores"]} if method == "scores" else {}
        assert wis.verify_order(data, order, **again).num_steps == 40
    if get_method(method).supports_directed:
        assert len(wis.removal_order(data, method, directed=True, count=3, **quick(method))) == 3


@pytest.mark.parametrize("walk_length", [2, 3])
@pytest.mark.parametrize("directed", [False, True])
def test_longer_walks_and_protections(walk_length, directed, changed):
    data = odd_graph("two-equal-hubs")
    options = {"walk_length": walk_length, "directed": directed, "keep_connected": True}
    options |= {"min_degree": 2, "protect": [tuple(data.edge_index[:, 0].tolist())]}
    same_under(changed, lambda: wis.removal_order(data, **options).edges)


BATCH = Batch.from_data_list([odd_graph("clique"), odd_graph("path")])
CUTS = {
    "a graph": lambda: wis.sparsify(
        plain(edge_attr=torch.arange(18, device="cpu"), since=list(range(18))), remove="50%"
    ),
    "a transform": lambda: Sparsify(0.5, method="random", seed=4)(odd_graph("clique")),
    "types": lambda: wis.sparsify(shop(), remove=0.5, per_type=True),
    "an edge_index": lambda: wis.sparsify(odd_graph("clique").edge_index, remove=5),
    "nothing": lambda: wis.sparsify(odd_graph("empty"), remove=0),
    "a batch": lambda: wis.sparsify(BATCH, remove=9),
    "a matrix": lambda: wis.sparsify(
        plain(
            edge_attr=torch.arange(18, device="cpu"),
            adj_t=torch.sparse_coo_tensor(
                arcs().flip(0),
                torch.ones(18, device="cpu", dtype=torch.float32),
                (7, 7),
                device="cpu",
                check_invariants=True,
            ),
        ),
        remove=4,
    ),
    "karate": lambda: wis.datasets.load("karate"),
    "les-miserables": lambda: wis.datasets.load("les-miserables"),
    "digits": lambda: wis.datasets.load("digits"),
    "rmat": lambda: wis.datasets.load("rmat:scale=6,edges=200,seed=0"),
    "walk index": lambda: wis.walk_index(odd_graph("power-law"), [0, 3], 12, target=1),
    "walks": lambda: num_walks(odd_graph("power-law"), 3, sources=[1]),
    "boundary": lambda: boundary(odd_graph("clique"), torch.tensor([0, 1], device="cpu")),
    "facts": lambda: graph_facts(wis.datasets.load("karate")).to_dict(),
    "compare": lambda: str(
        compare(odd_graph("clique"), wis.sparsify(odd_graph("clique"), remove=5)).to_dict()
    ),
    "a number": lambda: str(num_parameters()),
}


def num_parameters():
    """Parameters of each model, as numbers."""
    models = [build_model(name, 3, 2, depth=2, width=4, seed=0) for name in available_models()]
    return [parameter.tolist() for model in models for parameter in model.parameters()]


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """`odd_graph`, `plain` and `shop` make CPU tensors whatever the default is."""
    for name in ("odd_graph", "plain", "shop", "arcs"):
        monkeypatch.setitem(globals(), name, usual_defaults()(globals()[name]))


@pytest.mark.parametrize("what", CUTS)
def test_results(what, changed):
    same_under(changed, CUTS[what])


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.filterwarnings("ignore::wis.io.DroppedDataWarning")
def test_readers_and_writers(ending, changed, tmp_path):
    data = wis.datasets.load("les-miserables")

    def there_and_back():
        path = tmp_path / f"graph{ending}"
        write_graph(data, path, force=True)
        return read_graph(path).data

    same_under(changed, there_and_back)


def test_order_files(changed, tmp_path):
    order = wis.removal_order(odd_graph("clique"))

    def there_and_back():
        return wis.RemovalOrder.load(order.save(tmp_path / "order.npz")).edges

    same_under(changed, there_and_back)


@pytest.mark.parametrize("model", ["gcn", "gin"])
def test_training(model, changed):
    data = features(odd_graph("random-dense"))
    config = TrainConfig(model=model, depth=2, width=4, max_epochs=3, seed=1, keep_curve=True)

    def run():
        record = train(data, config, progress=False)
        return [record.test_accuracy, *vars(record.curve).values()]

    same_under(changed, run)


def test_defaults_are_put_back_after_an_error(changed):
    changed()
    before = torch.get_default_device(), torch.get_default_dtype()
    with pytest.raises(wis.WisError):
        wis.sparsify(3, remove=1)
    assert (torch.get_default_device(), torch.get_default_dtype()) == before
