"""Factorization experiments as recipes: what is refused, resumed and written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wis.errors import MissingDependencyError, OptionError, RecipeError, ResultsError
from wis.experiments import Backend, RunOptions
from wis.experiments.results import ResultsFile, read_results
from wis.experiments.sweep import available_recipes, find_recipe, preview, run_recipe
from wis.show.factorization_pictures import write_outcome
from wis.theory.experiments import Claim, available_experiments, get_experiment
from wis.theory.experiments.claims import every, over_seeds
from wis.theory.factorization.recipe import FactorizationRecipe

TINY = {
    "kind": "factorization",
    "experiment": "figB_2",
    "size": "quick",
    "seeds": [0, 1],
    "settings": {
        "shape": [4, 4, 4],
        "num_observations": 30,
        "max_steps": 40,
        "deviations": [0.05, 0.01, 0.005],
    },
}


def test_every_experiment_has_a_recipe_at_the_size_of_the_thesis():
    found = {}
    for name in available_recipes():
        settings = find_recipe(name)[1]
        if settings["kind"] == "factorization" and name.startswith("thesis_"):
            found[name.removeprefix("thesis_")] = FactorizationRecipe.of(settings)
    experiments = available_experiments()
    assert set(found) == set(experiments)
    for name, recipe in found.items():
        assert recipe.experiment == name
        assert recipe.resized() is experiments[name].thesis


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"experiment": "fig9_9"}, "unknown experiment 'fig9_9'"),
        ({"experiment": 3}, "experiment is missing"),
        ({"size": "huge"}, "size is 'huge'; expected 'thesis' or 'quick'"),
        ({"seeds": [-1]}, "seeds"),
        ({"seeds": []}, "seeds"),
        ({"epochs": 3}, "unknown key 'epochs'; known: experiment, size, seeds, settings"),
        ({"settings": 3}, "settings has to be a table"),
        ({"settings": {"speed": 3}}, "no setting 'speed'"),
        ({"settings": {"max_steps": "many"}}, "max_steps is 'many'"),
    ],
)
def test_a_bad_recipe_is_one_line(change, match):
    with pytest.raises(RecipeError, match=match) as caught:
        FactorizationRecipe.of({**TINY, **change})
    assert "\n" not in str(caught.value)


def test_rows_figure_and_verdict_are_written_and_not_made_again(tmp_path, monkeypatch):
    seen = []
    here = Backend(own_process=False)
    options = RunOptions(tmp_path / "rows.jsonl", here, report=seen.append, write=write_outcome)
    first = run_recipe("tiny", {**TINY, "seeds": [0]}, options)
    assert (first.done, first.total, first.new, first.failed) == (1, 1, 1, 0)
    assert first.table.startswith("figB_2 (Figure B.2), own size, seed 0\n")
    assert read_results([options.results])[0][0]["summary"] in first.table
    folder = tmp_path / "rows" / "figB_2-seed0"
    written = {path.name for path in folder.iterdir()}
    assert written == {"rows.jsonl", "verdict.txt", "curves.npz", "figure.png"}
    seen.clear()
    both = run_recipe("tiny", TINY, options)
    assert [status.done for status in seen] == [1, 2]
    assert both.new == 1
    assert both.table.startswith("figB_2 (Figure B.2), own size, seeds 0, 1\n")
    rows, hashes = read_results([options.results])
    assert len(rows) == 2 * 3  # a row for each initialization
    assert len({row["key"] for row in rows}) == 6
    assert {row["seed"] for row in rows} == {0, 1}
    assert set(hashes) == {FactorizationRecipe.of(TINY).hash}
    assert preview("tiny", TINY, options)["num_rows_missing"] == 0
    monkeypatch.setattr(Backend, "stream", lambda *given: pytest.fail("computed again"))
    again = run_recipe("tiny", TINY, options)
    assert (again.new, again.table) == (0, both.table)


def test_without_a_writer_of_figures_a_run_writes_its_numbers(tmp_path):
    run_recipe("tiny", {**TINY, "seeds": [0]}, RunOptions(tmp_path / "rows.jsonl"))
    written = {path.name for path in (tmp_path / "rows" / "figB_2-seed0").iterdir()}
    assert written == {"rows.jsonl", "verdict.txt", "curves.npz"}


def test_other_settings_are_other_runs_and_other_seeds_are_not_another_recipe():
    recipe = FactorizationRecipe.of(TINY)
    assert recipe.hash == replace(recipe, seeds=(5,)).hash
    longer = {**TINY, "settings": {**TINY["settings"], "max_steps": 41}}
    assert recipe.hash != FactorizationRecipe.of(longer).hash


def test_a_run_that_fails_is_a_row_that_says_why_and_the_rest_goes_on(tmp_path, monkeypatch):
    from wis.theory import experiments

    run = experiments.run_experiment

    def bad(name, *, size, request):
        if request.seed == 0:
            raise MissingDependencyError("no such package")
        return run(name, size=size, request=request)

    options = RunOptions(results=tmp_path / "rows.jsonl", backend=Backend(own_process=False))
    with monkeypatch.context() as patch:
        patch.setattr(experiments, "run_experiment", bad)
        status = run_recipe("tiny", TINY, options)
    assert (status.done, status.failed) == (2, 1)
    assert "seed 0: failed: MissingDependencyError: no such package" in status.table
    assert run_recipe("tiny", TINY, options).failed == 1
    mended = run_recipe("tiny", TINY, replace(options, retry_failed=True))
    assert (mended.failed, mended.new) == (0, 1)


def test_claims_are_judged_over_the_seeds_of_a_recipe(tmp_path, monkeypatch):
    errors = "its error"
    claim = Claim(
        "e", "Figure B.2", "Errors.", "A rule.",
        lambda rows: over_seeds([row["error"] for row in rows if row["deviation"] == 0.05], errors),
    )  # fmt: skip
    monkeypatch.setitem(get_experiment("figB_2").__dict__, "claims", (claim,))
    backend = Backend(own_process=False)
    table = run_recipe("tiny", TINY, RunOptions(tmp_path / "rows.jsonl", backend)).table
    assert table.splitlines()[1].startswith("agrees: Errors. (Figure B.2) its error: mean")
    assert "over 2 seeds." in table.splitlines()[1]
    rows, _ = read_results([tmp_path / "rows.jsonl"])
    assert [("curves" in row) for row in rows] == [True, False, False] * 2
    assert all(row["cpu_seconds"] > 0 for row in rows)


def test_the_summary_reads_every_row_of_every_seed(tmp_path, monkeypatch):
    def judge(rows):
        return every([row["error"] >= 0 for row in rows], "rows judged")

    claim = Claim("all", "Figure B.2", "All rows.", "A rule.", judge)
    monkeypatch.setitem(get_experiment("figB_2").__dict__, "claims", (claim,))
    options = RunOptions(tmp_path / "rows.jsonl", Backend(own_process=False))
    first = run_recipe("tiny", {**TINY, "seeds": [0]}, options)
    assert "rows judged: 3 of 3." in first.table
    later = run_recipe("tiny", {**TINY, "seeds": [1]}, options)
    assert (later.total, later.new) == (1, 1)
    assert "rows judged: 6 of 6." in later.table
    assert later.table.startswith("figB_2 (Figure B.2), own size, seeds 0, 1\n")


def test_what_such_a_recipe_does_not_take_is_refused(tmp_path):
    options = RunOptions(results=tmp_path / "rows.jsonl")
    for change, match in (
        ({"overrides": {"max_epochs": 3}}, "--epochs does not apply to a factorization experiment"),
        ({"overrides": {"walk_length": 3}}, "--walk-length does not apply"),
        ({"backend": Backend("dask", address="tcp://127.0.0.1:1")}, "leave out --backend"),
        ({"devices": ("cuda:0",)}, "runs on the CPU"),
    ):
        with pytest.raises(OptionError, match=match):
            preview("tiny", TINY, replace(options, **change))
    seeds = replace(options, overrides={"seeds": "3"})
    assert preview("tiny", TINY, seeds)["num_rows"] == 3
    ResultsFile(options.results).append([{"type": "run", "key": "1", "status": "done"}])
    with pytest.raises(ResultsError, match="rows of the kind 'accuracy'"):
        run_recipe("tiny", TINY, options)
