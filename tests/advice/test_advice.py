"""`wis.advise`: small real runs, the interval, the lines that it prints, and its errors."""

from __future__ import annotations

import copy
import json
import math
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch_geometric.data import Data, HeteroData

import wis
from wis.advice import Advice, Adviser, Loss
from wis.advice.goals import Budget
from wis.advice.tasks import VertexTask
from wis.datasets import load
from wis.errors import GraphFormatError, OptionError, UnknownNameError
from wis.training import TrainConfig

QUICK = TrainConfig("gcn", depth=2, width=8, learning_rate=0.02, max_epochs=30, patience=15)
NOISE = "csbm:n=200,graph_signal=0,feature_signal=9"


def advised(spec, **options):
    given = {"config": QUICK, "budget": "16runs", "methods": ["wis", "random"], **options}
    return wis.advise(load(spec) if isinstance(spec, str) else spec, progress=False, **given)


def test_edges_that_tell_nothing_all_go():
    advice = advised(NOISE)
    assert advice.percent == 100
    assert advice.apply(load(NOISE)).num_edges == 0
    assert advice.loss.mean < 0


def test_edges_that_tell_everything_stay():
    n = 600  # pairs: the label of an odd vertex stands in the features of its only neighbour
    label = torch.from_numpy(np.random.default_rng(0).integers(0, 2, n // 2))
    x = torch.zeros(n, 2)
    x[::2] = torch.nn.functional.one_hot(label, 2).float()
    odd = torch.arange(1, n, 2)
    arcs = torch.stack([odd, odd - 1])
    data = Data(x=x, edge_index=torch.cat([arcs, arcs.flip(0)], 1), y=label.repeat_interleave(2))
    part = torch.arange(n) % 20
    for name, parts in {"train": (1, 3, 5, 7), "val": (9, 11, 13), "test": (15, 17, 19)}.items():
        data[f"{name}_mask"] = torch.isin(part, torch.tensor(parts))
    advice = advised(data)
    assert (advice.method, advice.percent, advice.loss) == (None, 0, None)
    assert advice.scores[0] == advice.scores[1] == 1
    assert advice.worth.mean > 0.3
    assert advice.apply(data).edge_index.equal(data.edge_index)
    assert "keep all edges" in advice.summary


def test_the_interval_is_that_of_students_t_for_paired_differences():
    # mean 0.02, standard deviation 0.01, t(0.975, 2) = 4.30265
    loss = Loss.of([0.01, 0.02, 0.03])
    half = 4.302652729911275 * 0.01 / math.sqrt(3)
    assert (loss.mean, loss.low, loss.high) == pytest.approx((0.02, 0.02 - half, 0.02 + half))
    assert Loss.of([0.5]) == Loss(0.5, None, None, 1)
    assert Loss.of([0.25, 0.25]) == Loss(0.25, 0.25, 0.25, 2)


def test_the_reported_loss_is_paired_by_seed_and_its_scores_agree():
    advice = advised("csbm:n=200", max_loss="10%")
    full = {t.seed: t for t in advice.trials if t.percent == 0}
    cut = [t for t in advice.trials if (t.method, t.percent) == (advice.method, advice.percent)]
    losses = [full[t.seed].test - t.test for t in cut]
    assert advice.loss == Loss.of(losses)
    assert advice.scores[0] - advice.scores[1] == pytest.approx(advice.loss.mean)
    assert advice.validation.mean <= 0.1


def test_a_budget_in_runs_gives_the_same_runs_again():
    first, second = (advised("csbm:n=100", budget="9runs") for _ in range(2))
    strip = [
        [(t.method, t.percent, t.seed, t.val, t.test) for t in a.trials] for a in (first, second)
    ]
    assert strip[0] == strip[1]
    assert len(first.trials) <= 9


def test_the_command_and_the_python_line_cut_as_the_advice_does(tmp_path, monkeypatch):
    import shlex

    from wis_cli.main import run

    monkeypatch.chdir(tmp_path)
    data = load("les-miserables")
    method = ("wis", {"walk_length": 2, "engine": "local"})
    advice = wis.advise(data, methods=[method], keep_connected=True, seed=3)
    assert "--keep-connected" in advice.command()
    assert advice.task == "structure"
    wanted = advice.apply(data).edge_index.tolist()
    assert 0 < len(wanted[0]) < data.num_edges
    assert eval(advice.python(), {"wis": wis, "data": data}).edge_index.tolist() == wanted
    words = shlex.split(advice.command("les-miserables"))
    assert run([*words[1:], "-o", "cut.pt"]) == 0
    from wis.io import read_graph

    assert read_graph("cut.pt").data.edge_index.tolist() == wanted


def test_an_advice_is_json_and_names_everything_that_was_run():
    advice = advised("csbm:n=100", budget="9runs")
    record = json.loads(json.dumps(advice.as_dict()))
    assert len(record["trials"]) == len(advice.trials)
    assert record["remove"] == advice.remove
    assert record["config"]["depth"] == 2
    assert record["python"].startswith("wis.sparsify(data, remove=")


def test_a_run_that_diverges_is_none_in_json_and_never_chosen(monkeypatch):
    score = VertexTask.score

    def diverging(task, graphs, seed):
        if 0 < graphs[0].num_edges < 500:
            return math.nan, math.nan, 0.0
        return score(task, graphs, seed)

    monkeypatch.setattr(VertexTask, "score", diverging)
    advice = advised("csbm:n=100", max_loss="5%", budget="12runs", methods=["wis"])
    record = json.loads(json.dumps(advice.as_dict(), allow_nan=False))
    assert None in [trial["val"] for trial in record["trials"]]
    assert advice.apply(load("csbm:n=100")).num_edges >= 500


def test_without_labels_walk_indices_take_the_place_of_accuracies():
    data = Data(edge_index=load("karate").edge_index, num_nodes=34)
    advice = wis.advise(data, max_loss=0.3)
    assert advice.task == "structure"
    settings = wis.measure.Settings(walk_lengths=(2,))
    before, after = (
        wis.measure.graph_profile(g, settings).measures["log_walk_index_2"].value
        for g in (data, advice.apply(data))
    )
    assert advice.validation.mean == pytest.approx(1 - after / before)
    assert advice.validation.mean <= 0.3
    assert not any(saving.measured for saving in advice.savings)


@pytest.mark.parametrize("kind", ["edge_index", "hetero", "canonical"])
def test_graphs_of_other_kinds_are_advised_by_structure(kind):
    karate = load("karate")
    hetero = HeteroData()
    hetero["v"].num_nodes = 34
    hetero["v", "to", "v"].edge_index = karate.edge_index
    data = {
        "edge_index": karate.edge_index,
        "hetero": hetero,
        "canonical": wis.UndirectedGraph.from_any(karate),
    }[kind]
    advice = wis.advise(data, methods=["wis"])
    assert advice.remove == wis.advise(karate, task="structure", methods=["wis"]).remove
    assert type(advice.apply(data)) is type(data)


def test_a_networkx_graph_is_advised_along_both_arcs_of_its_edges_and_comes_back():
    import networkx as nx

    graph = nx.karate_club_graph()
    advice = wis.advise(graph, methods=["wis"], protect=[(0, 1)])
    assert advice.savings[0].before == 2 * graph.number_of_edges()
    cut = advice.apply(graph)
    auto = wis.sparsify(graph, remove="auto", method="wis", protect=[(0, 1)])
    assert isinstance(cut, nx.Graph)
    assert cut.has_edge(0, 1)
    assert nx.utils.graphs_equal(cut, auto)
    assert cut.number_of_edges() == 78 - round(78 * advice.percent / 100) < 78


def graph_list(num=40):
    """Triangles with tails (label 1) and paths (label 0), told apart by their edges alone."""
    graphs = []
    for index in range(num):
        label, n = index % 2, 5 + index % 3
        path = torch.stack([torch.arange(n - 1), torch.arange(1, n)])
        extra = torch.tensor([[0, 1, 0, 0], [2, 3, 3, 4]]) if label else path[:, :0]
        arcs = torch.cat([path, extra], dim=1)
        arcs = torch.cat([arcs, arcs.flip(0)], dim=1)
        graphs.append(Data(edge_index=arcs, num_nodes=n, y=torch.tensor([label])))
    return graphs


def test_a_list_of_graphs_is_classified_and_each_graph_is_cut():
    graphs = graph_list()
    config = TrainConfig("gin", depth=2, width=8, learning_rate=0.02, max_epochs=40, patience=40)
    advice = advised(graphs, config=config, max_loss="20%")
    assert advice.task == "graph"
    assert any("degree" in note for note in advice.notes)
    cut = advice.apply(graphs)
    assert len(cut) == len(graphs)
    count = [wis.UndirectedGraph.from_any(graph).num_edges for graph in graphs]
    left = [wis.UndirectedGraph.from_any(graph).num_edges for graph in cut]
    assert left == [m - round(m * advice.percent / 100) for m in count]


def test_links_are_predicted_along_the_edges_that_are_left():
    data = load("csbm:n=200")
    advice = advised(data, task="link", max_loss="5%", budget="12runs")
    assert advice.metric == "AUC"
    assert 0.5 < advice.scores[0] <= 1
    held_out = wis.UndirectedGraph.from_any(data).num_edges - advice.savings[0].before / 2
    assert held_out == 2 * round(0.1 * wis.UndirectedGraph.from_any(data).num_edges)


def test_the_test_set_is_the_same_for_all_seeds_and_validation_is_drawn_anew():
    data = load("csbm:n=200")
    task = VertexTask([data], QUICK, redraw=True)
    masks = [task.inputs(seed)[0] for seed in range(4)]
    for drawn in masks:
        assert drawn.test_mask.equal(data.test_mask)
        assert not (drawn.train_mask & drawn.val_mask).any()
        assert (drawn.train_mask | drawn.val_mask).equal(data.train_mask | data.val_mask)
        for label in (0, 1):
            of_class = data.y == label
            assert (drawn.val_mask & of_class).sum() == (data.val_mask & of_class).sum()
    assert masks[0].val_mask.equal(data.val_mask)
    assert not masks[1].val_mask.equal(masks[2].val_mask)
    kept = VertexTask([data], QUICK, redraw=False).inputs(2)[0]
    assert kept.val_mask.equal(data.val_mask)


def test_a_graph_without_masks_is_split_and_one_without_features_gets_some():
    data = load("csbm:n=120")
    bare = Data(edge_index=data.edge_index, y=data.y, num_nodes=120)
    advice = advised(bare, budget="5runs")
    assert any("80/10/10" in note for note in advice.notes)
    assert any("one-hot" in note for note in advice.notes)


def test_protections_limit_what_may_go():
    data = load("csbm:n=100,graph_signal=0,feature_signal=9")
    advice = advised(data, min_degree=2, max_loss="40%")
    degree = wis.UndirectedGraph.from_any(advice.apply(data)).degree
    original = wis.UndirectedGraph.from_any(data).degree
    assert 0 < advice.percent < 100
    assert bool((degree >= torch.minimum(original, torch.tensor(2))).all())


def test_remove_auto_takes_the_advice():
    data = load(NOISE)
    assert wis.sparsify(data, remove="auto:8runs", method="wis").num_edges == 0
    karate = Data(edge_index=load("karate").edge_index, num_nodes=34)
    advice = wis.advise(karate)
    assert wis.sparsify(karate, remove="auto").edge_index.equal(advice.apply(karate).edge_index)


def test_auto_is_refused_where_nothing_can_choose():
    karate = load("karate")
    with pytest.raises(OptionError, match=r"only remove of wis\.sparsify"):
        wis.removal_order(karate).apply(karate, remove="auto")
    with pytest.raises(OptionError, match=r"only remove of wis\.sparsify"):
        wis.transforms.Sparsify("auto")
    with pytest.raises(OptionError, match="both were given"):
        wis.sparsify(karate, remove="auto", keep="50%")


@pytest.mark.parametrize("text", ["", "5", "0runs", "-3s", "1.5runs", "5 years", "runs"])
def test_a_budget_needs_a_number_and_a_unit(text):
    with pytest.raises(OptionError, match="budget is"):
        Budget.of(text)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"max_loss": "many"}, OptionError, "max_loss is 'many'"),
        ({"max_loss": 1.5}, OptionError, "max_loss is '1.5'"),
        ({"goal": "beauty"}, UnknownNameError, "goal"),
        ({"methods": []}, OptionError, "different methods"),
        ({"methods": ["wis", "wis"]}, OptionError, "different methods"),
        ({"methods": ["nothing"]}, UnknownNameError, "method"),
        ({"task": "poetry"}, OptionError, "task is 'poetry'"),
        ({"model": "nothing", "config": None}, UnknownNameError, "model"),
    ],
)
def test_bad_options_are_one_clear_error(options, error, words):
    with pytest.raises(error, match=words):
        advised("csbm:n=50", **options)


def test_labels_that_are_no_classes_are_refused():
    data = load("csbm:n=50")
    data.y = torch.rand(50)
    with pytest.raises(GraphFormatError, match="integer classes"):
        advised(data)


def test_an_interrupted_search_gives_the_best_so_far():
    adviser = Adviser(load(NOISE), config=QUICK, budget="30runs", methods=["wis"])
    assert not adviser.has_advice
    score, calls = adviser.task.score, []

    def interrupted(graphs, seed):
        calls.append(seed)
        if len(calls) > 6:
            raise KeyboardInterrupt
        return score(graphs, seed)

    adviser.task.score = interrupted
    with pytest.raises(KeyboardInterrupt):
        adviser.run()
    assert adviser.has_advice
    advice = adviser.advice()
    assert isinstance(advice, Advice)
    assert advice.stopped_by == "interrupt"
    assert len(advice.trials) == 6


def test_a_short_time_lowers_the_number_of_epochs_and_says_so():
    budget = Budget.of("2s", time.process_time)  # so that other programs do not matter
    advice = Adviser(load("csbm:n=300"), budget=budget, methods=["wis"]).run(progress=False)
    assert advice.config["max_epochs"] <= 500
    assert advice.seconds < 20
    if advice.config["max_epochs"] < 500:
        assert any("a larger budget" in note for note in advice.notes)


def test_the_patience_grows_with_the_time_unless_a_configuration_is_given(monkeypatch):
    now = [0.0]

    def score(*_):
        now[0] += 0.12  # 12 epochs of 0.01 s by the clock of the budget, on a busy machine
        return 0.9, 0.9, 9.0

    monkeypatch.setattr(VertexTask, "score", score)
    config = TrainConfig("gcn", learning_rate=0.01, max_epochs=500, patience=50)
    data = load("csbm:n=50")
    for given, fit, patience in ((None, None, 200), (config, None, 50), (config, True, 200)):
        budget = Budget.of("600s", lambda: now[0])
        adviser = Adviser(data, budget=budget, methods=["wis"], config=given, fit_patience=fit)
        adviser._fit_epochs()
        assert adviser.task.config.patience == patience
        assert adviser.task.config.max_epochs == max(500, 5 * patience)


def test_the_input_is_not_changed():
    data = load("csbm:n=100")
    before = copy.deepcopy(data)
    advised(data, budget="5runs")
    assert set(before.keys()) == set(data.keys())
    assert all(before[name].equal(data[name]) for name in set(data.keys()) - {"num_nodes"})


def test_savings_count_what_is_left():
    data = load("csbm:n=200,feature_signal=9")
    advice = advised(data, goal="training")
    arcs = advice.savings[0]
    assert arcs.before == data.num_edges
    assert arcs.after == advice.apply(data).num_edges
    by_name = {saving.name: saving for saving in advice.savings}
    assert np.isfinite(by_name["seconds of an epoch"].before)
    assert by_name["multiply-adds of a forward pass"].factor >= 1


def test_a_summary_says_that_the_test_scores_contradict_the_advice():
    advice = replace(
        advised(NOISE), percent=50, method="wis", validation=Loss(0.0, 0.0, 0.0, 3),
        loss=Loss(0.25, 0.2, 0.3, 3),
    )  # fmt: skip
    assert "but 25.0 in the test, which contradicts it" in advice.summary
    assert "contradict" not in replace(advice, loss=Loss(0.0, -0.1, 0.1, 3)).summary


def test_a_budget_without_a_run_on_a_cut_graph_is_not_called_a_search_that_tried():
    advice = advised("csbm:n=120", budget="2runs")
    assert advice.summary == "keep all edges: the budget allowed no run on a cut graph"
    assert advice.stopped_by == "budget"


def test_one_name_is_a_list_of_one_method():
    assert advised("csbm:n=120", methods="random", budget="2runs").labels == ("random",)


def test_few_validation_labels_and_the_missing_masks_are_noted():
    notes = advised("karate", budget="2runs").notes
    assert any("counts 3 labels, so one label is worth 33 points" in note for note in notes)
    data = load("csbm:n=120")
    del data.val_mask
    notes = advised(data, budget="2runs").notes
    assert any("the graph has no val_mask: its vertices are split" in note for note in notes)
    notes = advised("csbm:n=200", budget="2runs", max_loss=0.05).notes
    assert not any("labels" in note for note in notes)
