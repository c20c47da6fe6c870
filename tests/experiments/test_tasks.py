"""Sweeps of other tasks: links, whose splits have a graph each, and lists of graphs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sweep_cases import same_rows
from torch_geometric.data import Batch, Data

import wis
from wis.datasets.table import DATASETS
from wis.errors import GraphFormatError, OptionError, RecipeError, UnknownNameError
from wis.experiments import Backend, Recipe, RunOptions, read_results, run_sweep
from wis.experiments.inputs import Source
from wis.experiments.serve import Serve
from wis.experiments.settings import Amounts, cuts_of
from wis.experiments.summary import panels_of
from wis.experiments.tasks import order_of, sizes_of
from wis.show.sweep_tables import format_tables
from wis.training import split_links, train
from wis.transforms import Sparsify

TRAINING = {"depth": 2, "width": 8, "max_epochs": 4, "learning_rate": 0.01}
METHODS = [{"name": "wis"}, {"name": "random"}]


def recipe(dataset, task: str, **changes) -> Recipe:
    settings = {
        "kind": "accuracy", "dataset": str(dataset), "task": task, "remove": ["0%", "50%", "100%"],
        "seeds": 2, "models": [{"name": "gcn", **TRAINING}], "methods": METHODS, **changes,
    }  # fmt: skip
    return Recipe.from_settings("tasks", settings)


def run(made: Recipe, folder: Path, name: str = "runs.jsonl"):
    options = RunOptions(
        folder / name, orders=folder / "orders", backend=Backend(own_process=False)
    )
    return run_sweep(made, options), read_results([options.results])[0]


def graph_with_features() -> Data:
    data = wis.datasets.load("sbm:n=60,blocks=3,p_in=0.3,p_out=0.02")
    return Data(
        x=torch.randn(60, 5, generator=torch.Generator().manual_seed(0)), edge_index=data.edge_index
    )


@pytest.fixture
def link_file(tmp_path):
    torch.save(graph_with_features(), tmp_path / "links.pt")
    return tmp_path / "links.pt"


def test_rows_of_links_are_what_split_sparsify_and_train_give(link_file, tmp_path):
    made = recipe(link_file, "link")
    status, rows = run(made, tmp_path)
    assert (status.done, status.failed) == (12, 0)
    for row in rows:
        data = split_links(graph_with_features(), seed=row["seed"])
        sparse = wis.sparsify(data, remove=row["remove"], method=row["method"], seed=row["seed"])
        record = train(sparse, made.models[0].config().with_seed(row["seed"]), progress=False)
        assert (row["split"], row["metric"]) == (row["seed"], "auc")
        for name in ("test_auc", "val_auc", "last_loss", "num_edges", "fingerprint", "metrics"):
            assert row[name] == getattr(record, name), name
    again, _ = run(made, tmp_path)
    assert again.new == 0


def test_orders_of_links_are_those_of_the_messages_of_each_split(link_file, tmp_path):
    _, rows = run(recipe(link_file, "link", methods=METHODS[:1]), tmp_path)
    orders = {row["order_key"]: row["seed"] for row in rows}
    assert len(orders) == 2
    for path in (tmp_path / "orders").glob("*.npz"):
        messages = split_links(graph_with_features(), seed=orders[path.stem])
        graph = wis.UndirectedGraph.from_any(messages)
        wis.RemovalOrder.load(path).check_made_for(graph)


def test_all_seeds_share_a_split_if_the_recipe_says_so(link_file, tmp_path):
    for changes in ({"split_seed": 7}, {"split": 7}):
        _, rows = run(recipe(link_file, "link", **changes), tmp_path, f"{min(changes)}.jsonl")
        assert {row["split"] for row in rows} == {7}
    _, rows = run(recipe(link_file, "link", seeds=3, num_splits=2), tmp_path)
    assert {(row["seed"], row["split"]) for row in rows} == {(0, 0), (1, 1), (2, 0)}


def test_tables_name_the_metric(link_file, tmp_path):
    _, rows = run(recipe(link_file, "link"), tmp_path)
    shown = {
        metric: format_tables(panels_of(rows, metric=metric), "text")
        for metric in ("test", "val", "mrr", "hits@10")
    }
    for metric, title in (("test", "test AUC"), ("val", "validation AUC"), ("mrr", "test mrr")):
        assert f"{title} in %, mean" in shown[metric]
    means = {m: panels_of(rows, metric=m)[0].accuracy("1-WIS", 50.0).mean for m in shown}
    cell = [row for row in rows if row["label"] == "1-WIS" and row["remove"] == "50%"]
    assert means["val"] == pytest.approx(100 * sum(row["val_auc"] for row in cell) / 2)
    assert means["mrr"] == pytest.approx(100 * sum(row["metrics"]["mrr"] for row in cell) / 2)
    with pytest.raises(UnknownNameError, match="unknown metric 'hits@7'"):
        panels_of(rows, metric="hits@7")


def graphs(number: int = 12) -> list[Data]:
    """Graphs of different sizes, one of them without edges and one with a single edge."""
    made = [
        wis.datasets.load(f"sbm:n={8 + k},blocks=2,p_in=0.6,seed={k}") for k in range(number - 2)
    ]
    bare = torch.empty((2, 0), dtype=torch.int64)
    pairs = [*(each.edge_index for each in made), bare, torch.tensor([[0, 1], [1, 0]])]
    sizes = [*(each.num_nodes for each in made), 3, 2]
    return [
        Data(x=torch.ones(n, 2), edge_index=arcs, y=torch.tensor([k % 2]))
        for k, (arcs, n) in enumerate(zip(pairs, sizes, strict=True))
    ]


@pytest.mark.parametrize("method", ["wis", "random", "dspar"])
def test_a_cut_of_a_batch_is_the_cut_of_each_graph(method):
    batch = Batch.from_data_list(graphs())
    order = order_of("graph", batch, method, seed=3)
    amounts = Amounts(tuple(float(p) for p in range(0, 101, 5)))
    for cut in cuts_of(amounts, sizes_of("graph", batch)):
        sparse = order.apply(batch, remove=cut.num_removed)
        alone = Sparsify(cut.remove, method=method, seed=3)(graphs())
        assert torch.equal(sparse.edge_index, Batch.from_data_list(alone).edge_index), cut.remove
        assert cut.num_removed == batch.num_edges // 2 - sum(g.num_edges for g in alone) // 2


@pytest.fixture
def many_graphs():
    """The data set `many`, a list of graphs that a user registers."""
    with DATASETS.restored():
        wis.datasets.register("many", summary="graphs", source="a test")(lambda: graphs())
        yield "many"


def test_rows_of_graphs_are_what_sparsify_and_train_give(many_graphs, tmp_path):
    made = recipe(many_graphs, "graph")
    status, rows = run(made, tmp_path)
    assert (status.done, status.failed) == (12, 0)
    for row in rows:
        cut = Sparsify(row["remove"], method=row["method"], seed=row["seed"])
        record = train(
            cut(graphs()), made.models[0].config().with_seed(row["seed"]), progress=False
        )
        for name in ("test_accuracy", "val_accuracy", "last_loss", "num_edges", "fingerprint"):
            assert row[name] == getattr(record, name), name
    assert same_rows(run(made, tmp_path, "again.jsonl")[1]) == same_rows(rows)
    assert len(list((tmp_path / "orders").glob("*.npz"))) == 3  # wis once, random for each seed


def test_what_does_not_fit_the_task_is_told(many_graphs, link_file):
    with pytest.raises(RecipeError, match="task is 'edge'; expected one of 'vertex', 'graph'"):
        recipe("karate", "edge")
    with pytest.raises(RecipeError, match="'ugs' learns from labels of vertices; leave it out"):
        recipe("karate", "link", methods=[{"name": "ugs"}])
    served = {**recipe("karate", "link").as_dict(), "kind": "serve"}
    with pytest.raises(RecipeError, match="task is 'link'; predictions are timed for vertices"):
        Serve().plan("tasks", served, RunOptions(Path("runs.jsonl")))
    with pytest.raises(GraphFormatError, match="karate: is a single graph; the task 'graph' needs"):
        Source("karate", task="graph").load()
    with pytest.raises(
        GraphFormatError, match="has no y; the task 'vertex' needs edge_index, x, y"
    ):
        Source(str(link_file)).load()
    with pytest.raises(OptionError, match="a number of edges is for a single graph"):
        cuts_of(Amounts((), (3,)), [5, 6])


def test_recipes_of_vertices_do_not_mention_the_task():
    assert "task" not in recipe("karate", "vertex").as_dict()
    made = recipe("karate", "link")
    assert made.as_dict()["task"] == "link"
    assert Recipe.from_settings("tasks", made.as_dict()) == made
    assert {model.config().task for model in made.changed(seeds=(5,)).models} == {"link"}
