"""Figures and pages are made from kept rows alone."""

from __future__ import annotations

import gzip
import json
import re
from html import escape

import numpy as np
import pytest

from tests.experiments.rows import two_methods
from wis.errors import OptionError, ResultsError
from wis.experiments.results import read_results
from wis.show.factorization_pictures import draw_experiment
from wis.show.kept_figures import redrawn
from wis.theory.experiments import Outcome, State, get_experiment
from wis.theory.findings import findings_of
from wis_cli.main import run

SETTINGS = ("max_steps=300", "shape=[4,4,4]", "num_observations=30")
TINY = ["--quick", *(word for setting in SETTINGS for word in ("--set", setting))]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A compressed file of results with two seeds, and its rows."""
    folder = tmp_path_factory.mktemp("kept")
    assert run(["theory", "run", "figB_2", *TINY, "--seeds", "2", "-o", str(folder)]) == 0
    packed = folder / "theory_figB_2.jsonl.gz"
    packed.write_bytes(gzip.compress((folder / "rows.jsonl").read_bytes()))
    return packed, read_results([packed])[0], folder


def test_curves_are_thinned_evenly_and_keep_both_ends():
    curves = {"a/step": np.arange(1001.0), "a/norms": np.full((1001, 2), np.pi), "b": np.ones(3)}
    curves["a/norms"][-1] = np.nan, np.inf
    thin = Outcome([], "", curves).thinned()
    assert len(thin["a/step"]) == len(thin["a/norms"]) == 200
    assert (thin["a/step"][0], thin["a/step"][-1], thin["b"]) == (0.0, 1000.0, [1.0, 1.0, 1.0])
    assert thin["a/norms"][0] == [3.1416, 3.1416]
    assert thin["a/norms"][-1] == [None, None]
    steps = np.diff(thin["a/step"])
    assert steps.max() - steps.min() <= 1


def test_a_figure_is_drawn_from_the_thinned_curves_of_a_seed(kept):
    _, rows, folder = kept
    for seed in (0, 1):
        own = [row["found"] for row in rows if row["seed"] == seed]
        assert redrawn(rows, seed=seed).get_suptitle() == f"Figure B.2, seed {seed}"
        with np.load(folder / f"figB_2-seed{seed}" / "curves.npz") as curves:
            whole = draw_experiment(Outcome(own, "", dict(curves)))
        ends = [
            [line.get_ydata()[-1] for axes in figure.axes for line in axes.lines]
            for figure in (redrawn(rows, seed=seed), whole)
        ]
        assert len(ends[0]) > 4
        assert ends[0] == pytest.approx(ends[1], rel=1e-4)
    with pytest.raises(OptionError, match="seed is 7; there are rows of seeds 0, 1"):
        redrawn(rows, seed=7)


def test_rows_that_are_not_one_figure_are_refused_in_one_line(kept):
    _, rows, _ = kept
    other = [{**rows[0], "recipe_hash": "other", "key": "o"}]
    with pytest.raises(ResultsError, match="choose one by --recipe") as caught:
        redrawn([*rows, *other])
    assert "\n" not in str(caught.value)
    with pytest.raises(ResultsError, match="none is finished"):
        redrawn([{**row, "status": "failed"} for row in rows])
    bare = [{k: v for k, v in row.items() if k != "curves"} for row in rows]
    with pytest.raises(ResultsError, match="another version of wis wrote them"):
        redrawn(bare)


def test_the_commands_take_compressed_rows_of_the_theory(kept, tmp_path, capsys):
    path = str(kept[0])
    assert run(["bench", "plot", path, "--seed", "1", "-o", str(tmp_path / "b.png")]) == 0
    assert (tmp_path / "b.png").read_bytes()[:4] == b"\x89PNG"
    assert run(["bench", "plot", path, "--seed", "9", "-o", str(tmp_path / "c.png")]) == 2
    assert run(["bench", "table", path, "--format", "json"]) == 2
    assert "--format json is for --claims" in capsys.readouterr().err
    assert run(["theory", "list", "--results", path, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["experiments"]
    assert [found["seeds"] for found in listed["figB_2"]["findings"]] in ([[0, 1]], [])


def test_a_page_has_all_kinds_of_rows_and_their_claims(kept, tmp_path):
    rows = tmp_path / "thesis.jsonl"
    training = {"max_epochs": 10_000, "patience": 1_000}
    made = [
        {**row, "recipe": "thesis_fig5_3_cora_gcn", "config": training} for row in two_methods()
    ]
    rows.write_text("".join(json.dumps(row) + "\n" for row in made))
    page = tmp_path / "all.html"
    files = [str(rows), str(kept[0]), "benchmarks/results/influence.jsonl"]
    assert run(["bench", "report", *files, "-o", str(page)]) == 0
    text = page.read_text()
    assert "<h2>Claims of the thesis</h2>" in text
    assert "With a gcn on" not in text
    assert "With a GCN on cora, 1-WIS leads to higher test accuracy than random" in text
    assert "keeps more of the long-range influence" in text
    assert re.findall(r"<h2>([^<]*)</h2>", text)[:5] == [
        "Claims of the thesis", "Test accuracy", "Cost", "figB_2", "influence",
    ]  # fmt: skip
    assert f"seed 1: {kept[1][-1]['summary'][:40]}" in text
    assert text.count("<img") == 4
    summary = get_experiment("figB_2").summary
    assert f'<img alt="{escape(summary)}"' in text
    assert "threads of a run" in text
    assert "unknown</td>" not in text.partition("threads of a run")[2].partition("</table>")[0]


def test_a_page_of_many_experiments_has_a_short_title_and_names_what_disagrees(tmp_path):
    names = ("appendixD_1", "more_edges", "fig5_2", "theorem10")
    files = [f"benchmarks/results/theory_{name}.jsonl.gz" for name in names]
    page = tmp_path / "claims.html"
    assert run(["bench", "report", *files, "-o", str(page)]) == 0
    text = page.read_text()
    assert "<h1>Claims of the thesis</h1>" in text
    against = [
        verdict.claim.statement
        for found in findings_of(read_results(files)[0])
        for verdict in found.verdicts
        if verdict.judgement.state is State.DISAGREES
    ]
    top = text.partition("<p>These disagree:</p>")[2].partition("<table")[0]
    assert against
    assert all(escape(statement) in top for statement in against)
    assert "threads of a run" not in text
    assert not re.search(r'alt="[^"]*[0-9a-f]{64}', text)
