"""Claims are judged from files of results of every kind, over all seeds of one size."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from tests.experiments.rows import made_row
from wis.errors import ResultsError, UnknownNameError
from wis.show.claims_text import format_claims
from wis.theory.catalogue import (
    COSTS,
    VERDICTS,
    best_size,
    counts,
    entries,
    last_verdicts,
)
from wis.theory.experiments import Claim, State, available_experiments, get_experiment
from wis.theory.experiments.claims import over_seeds
from wis.theory.findings import findings_of, size_of, size_word
from wis.theory.influence import WHOLE, InfluenceRow, Settings, as_result

AGREES, DISAGREES, CANNOT_TELL = State


def state_of(rows, name):
    (found,) = findings_of(rows)
    return {verdict.claim.name: verdict.judgement.state for verdict in found.verdicts}[name]


def table_row(model, partition, seed, accuracy, **changes):
    config = {"depth": 3, "max_epochs": 10_000, "patience": 1_000}
    return {
        "type": "run", "kind": "table5_1", "status": "done", "recipe_hash": "a", "images": "digits",
        "key": f"{model} {partition} {seed}", "model": model, "partition": partition, "seed": seed,
        "num_train": 10_000, "num_test": 2_000, "data_seed": 0, "config": config,
        "walk_index": 548, "num_epochs": 9, "train_accuracy": accuracy, "test_accuracy": accuracy,
        "best_train_accuracy": accuracy, "test_accuracy_at_best": accuracy, **changes,
    }  # fmt: skip


def table_rows(gain, seeds=3):
    """The partition of high walk index gains some points, a little more with each seed."""
    return [
        table_row("gin", partition, seed, 0.6 + (gain + 0.01 * seed) * (partition == "high"))
        for seed in range(seeds)
        for partition in ("low", "high")
    ]


@pytest.mark.parametrize("name", ["gin-train", "gin-test"])
def test_table_5_1_is_judged_by_seeds_with_both_partitions(name):
    assert state_of(table_rows(0.1), name) is AGREES
    assert state_of(table_rows(-0.1), name) is DISAGREES
    assert state_of(table_rows(-0.01), name) is CANNOT_TELL
    assert state_of(table_rows(0.1, seeds=1), name) is CANNOT_TELL
    assert state_of([row for row in table_rows(0.1) if row["partition"] == "low"], name) is (
        CANNOT_TELL
    )


def sweep_rows(gain, *, other="random", seeds=3, recipe="thesis_fig5_3_cora_gcn"):
    """1-WIS gains some points over another method at 25 and 75 %; edges give it 20 to 22 points."""
    training = {"max_epochs": 10_000, "patience": 1_000}
    return [
        made_row(
            label, float(percent), seed,
            {0: 0.8, 100: 0.6 - 0.01 * seed}.get(percent, 0.7 + more * (gain + 0.01 * seed)),
            recipe=recipe, config=training,
        )
        for label, more in (("1-WIS", True), (other, False))
        for percent in (0, 25, 75, 100)
        for seed in range(seeds)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("other", "name", "level"),
    [
        ("random", "1-wis-above-random", 0.0),
        ("spectral", "1-wis-above-spectral", 0.0),
        ("UGS", "1-wis-above-ugs", 0.0),
        ("2-WIS", "1-wis-like-2-wis", -0.01),
    ],
)
def test_figure_5_3_is_judged_at_equal_amounts_and_by_seed(other, name, level):
    assert state_of(sweep_rows(level + 0.02, other=other), name) is AGREES
    assert state_of(sweep_rows(level - 0.06, other=other), name) is DISAGREES
    assert state_of(sweep_rows(level - 0.01, other=other), name) is CANNOT_TELL
    assert state_of(sweep_rows(level + 0.02, other=other, seeds=1), name) is CANNOT_TELL


def test_edges_matter_by_five_points():
    for bare, state in ((0.6, AGREES), (0.79, DISAGREES), (0.75, CANNOT_TELL)):
        rows = sweep_rows(0.1)
        for row in rows:
            if row["percent_removed"] == 100:
                row["test_accuracy"] = bare + 0.01 * (row["seed"] - 1)
        assert state_of(rows, "edges-matter") is state


def test_the_numbers_say_by_how_much_and_how_many_edges_can_go():
    (found,) = findings_of(sweep_rows(0.08))
    assert (found.title, found.size, found.seeds) == ("Figure 5.3: cora, gcn", "thesis", (0, 1, 2))
    assert found.cpu_seconds == pytest.approx(2 * 3 * (1 + 0.875 + 0.625 + 0.5))
    text = found.verdicts[0].judgement.found
    assert "1-WIS minus random, in points: mean 9, 95 % interval [6.52, 11.5] over 3 seeds" in text
    assert "ahead at 2 of 2 percentages" in text
    assert "at most 2 points lost up to 75 % (random: 0 %)" in text
    assert findings_of(sweep_rows(0.1, recipe="rivals_cora_gcn")) == []


def influence_rows(influence_of):
    found = [InfluenceRow("a", WHOLE, 0.0, 0, 1.0, (1.0, 1.0, 1.0), 0.9, Settings(2))]
    for fraction in (0.25, 0.5, 0.75):
        found += [
            InfluenceRow("a", f"m{m}", fraction, 0, 0.1 * m, (1.0, 1.0, far), 0.9, Settings(2))
            for m in range(1, 7)
            for far in [influence_of(m, fraction)]
        ]  # fmt: skip
    return [as_result(row) for row in found]


def test_influence_has_the_same_claims_as_all_others():
    name = "influence-follows"
    assert state_of(influence_rows(lambda m, _: m), name) is AGREES
    assert state_of(influence_rows(lambda m, _: 9 - m), name) is DISAGREES
    assert state_of(influence_rows(lambda m, f: m if f > 0.5 else 9 - m), name) is CANNOT_TELL


def experiment_rows(errors, *, key="a", **changes):
    return [
        {
            "type": "run", "kind": "factorization", "key": f"{key}{seed}", "status": "done",
            "experiment": "figB_2", "recipe_hash": key, "seed": seed, "verdict": "Text.",
            "found": {"error": error, "size": "quick", "seed": seed}, **changes,
        }
        for seed, error in enumerate(errors)
    ]  # fmt: skip


@pytest.fixture
def small_error(monkeypatch):
    """An experiment with the claim that its error is below 0.1."""
    claim = Claim(
        "small", "Figure B.2", "The error is small.", "Mean error below 0.1.",
        lambda rows: over_seeds([row["error"] for row in rows], "error", below=0.1),
    )  # fmt: skip
    experiment = get_experiment("figB_2")
    monkeypatch.setitem(experiment.__dict__, "claims", (claim,))


@pytest.mark.usefixtures("small_error")
def test_sizes_are_judged_apart_and_failed_runs_left_out():
    failed = {"type": "run", "kind": "factorization", "key": "f", "status": "failed"}
    rows = [*experiment_rows([0.01, 0.02]), failed, *experiment_rows([0.5, 0.52], key="b")]
    first, second = findings_of(rows)
    assert (first.verdicts[0].judgement.state, first.seeds) == (AGREES, (0, 1))
    assert second.verdicts[0].judgement.state is DISAGREES
    assert first.text.splitlines() == [str(first.verdicts[0]), "seed 0: Text.", "seed 1: Text."]
    assert counts([first.record(), second.record()]) == "1 agrees, 1 disagrees"


@pytest.mark.usefixtures("small_error")
def test_rows_of_older_versions_cannot_tell_and_damaged_ones_are_refused():
    old = experiment_rows([0.1, 0.1])
    for row in old:
        del row["found"]["error"]
    (verdict,) = findings_of(old)[0].verdicts
    assert verdict.judgement.state is CANNOT_TELL
    assert "have no 'error'; another version of wis wrote them" in verdict.judgement.found
    for change, match in (
        ({"seed": None}, "no seed"), ({"found": 3}, "for found"),
        ({"recipe_hash": 1}, "recipe_hash"), ({"verdict": None}, "no verdict"),
    ):  # fmt: skip
        with pytest.raises(ResultsError, match=match):
            findings_of(experiment_rows([0.1], **change))
    with pytest.raises(UnknownNameError, match="fig9_9"):
        findings_of(experiment_rows([0.1], experiment="fig9_9"))
    del (row := sweep_rows(0.1)[0])["config"]
    with pytest.raises(ResultsError, match="no config"):
        findings_of([row])


@pytest.mark.usefixtures("small_error")
def test_claims_are_printed_in_every_format():
    findings = findings_of(experiment_rows([0.01, 0.02]))
    text = format_claims(findings, "text")
    assert text.startswith("figB_2 (Figure B.2), quick size, seeds 0, 1\nagrees: The error is")
    assert text.endswith("\nrules: --format json, markdown, latex or wis bench report")
    markdown = format_claims(findings, "markdown")
    assert "| claim, in our words | found here | rule |" in markdown
    assert "| agrees | Figure B.2 | The error is small. |" in markdown
    assert "| Mean error below 0.1. |" in markdown
    latex = format_claims(findings, "latex")
    assert r"\begin{tabular}{llp{0.2\linewidth}p{0.2\linewidth}p{0.2\linewidth}l}" in latex
    assert latex.count(r"& Mean error below 0.1. &") == 1
    assert "Mean error below 0.1." in format_claims(findings, "csv").splitlines()[1]
    (record,) = json.loads(format_claims(findings, "json"))["findings"]
    assert record["claims"][0]["state"] == "agrees"
    with pytest.raises(ResultsError, match="no finished row stands for a claim"):
        format_claims([], "text")


def test_only_figures_and_tables_have_a_size_in_the_thesis():
    words = {entry.name: size_word(entry.name, "thesis") for entry in entries()}
    assert {words[name] for name in ("fig1_1", "figC_7", "tableB_1", "table5_1", "figure5_3")} == {
        "thesis"
    }
    full = ("more_edges", "fig5_2", "appendixD_1", "product_table5_1", "theorem10", "proposition3")
    assert {words[name] for name in full} == {"full"}
    assert size_word("more_edges", "quick") == "quick"
    rows = experiment_rows([0.01], experiment="more_edges")
    rows[0]["found"]["size"] = "thesis"
    (found,) = findings_of(rows)
    assert found.heading.endswith(", full size, seed 0")
    assert found.record()["size"] == "thesis"


def test_the_list_takes_the_largest_size():
    records = [{"size": size, "claims": []} for size in ("quick", "own", "thesis")]
    assert best_size(records) == records[2:]
    assert best_size(records[:2]) == records[1:2]
    assert best_size(records[:1]) == records[:1]


def test_kept_verdicts_are_what_kept_rows_say_now():
    """If this fails, run ``python benchmarks/verdicts.py``."""
    script = Path(__file__).parents[3] / "benchmarks" / "verdicts.py"
    assert runpy.run_path(str(script))["verdicts"]() == VERDICTS.read_text(encoding="utf-8")
    assert {record["name"] for record in last_verdicts()} <= {entry.name for entry in entries()}


def test_every_cost_is_stated():
    assert sorted(COSTS) == sorted(entry.name for entry in entries())
    assert all(None not in COSTS[name] for name in available_experiments())
    assert all(quick is None or full is None or quick <= full for quick, full in COSTS.values())


def test_another_stopping_rule_is_not_the_size_of_the_thesis():
    config = {"max_epochs": 10_000, "patience": 1_000, "min_delta": 0.0001}
    assert size_of(config) == "thesis"
    assert size_of({**config, "min_delta": 0.005}) == size_of({**config, "patience": 9}) == "own"
