"""`wis theory list` and `wis theory run`."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from wis.errors import OptionError
from wis.theory.experiments import Request, get_experiment, resized
from wis_cli.main import run
from wis_cli.theory import duration


def test_theory_list_names_experiments_and_their_settings(capsys):
    assert run(["theory", "list", "--json"]) == 0
    experiments = json.loads(capsys.readouterr().out)["experiments"]
    assert experiments["fig1_1"]["thesis"]["loss"] == 1e-6
    assert experiments["figB_2"]["thesis"]["num_observations"] == 300
    assert run(["theory", "list"]) == 0
    assert all(name in capsys.readouterr().out for name in ("fig3_6",))


def test_the_list_has_every_chapter_with_numbers_and_commands(capsys):
    assert run(["theory", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["experiments"]
    assert rows["tableB_1"]["source"] == "Table B.1"
    assert rows["figB_2"]["command"] == "wis theory run figB_2"
    assert {"bounds", "figure5_2", "influence", "table5_1", "figure5_3"} < set(rows)
    assert rows["table5_1"]["command"] == "wis bench run thesis_table5_1"


TINY = [
    "--quick",
    "--set",
    "max_steps=40",
    "--set",
    "shape=[4,4,4]",
    "--set",
    "num_observations=30",
]


def run_tiny(folder, *more):
    return run(["theory", "run", "figb_2", *TINY, "-o", str(folder), "--json", *more])


def test_theory_run_adds_seeds_and_judges_over_all_of_them(tmp_path, capsys):
    folder = tmp_path / "new" / "b"
    assert run_tiny(folder, "--seed", "3") == 0
    assert json.loads(capsys.readouterr().out)["seeds"] == [3]
    before = (folder / "rows.jsonl").read_bytes()
    assert run_tiny(folder, "--seeds", "3,5") == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["experiment"], record["seeds"]) == ("figB_2", [3, 5])
    assert [claim["seeds"] for claim in record["claims"]] == [[3, 5]] * len(record["claims"])
    assert {row["seed"] for row in record["rows"]} == {3, 5}
    assert (folder / "verdict.txt").read_text().strip() == record["verdict"]
    assert (folder / "rows.jsonl").read_bytes().startswith(before)  # seed 3 is not run again
    for seed in (3, 5):
        files = {path.name for path in (folder / f"figB_2-seed{seed}").iterdir()}
        assert files == {"rows.jsonl", "curves.npz", "figure.png", "verdict.txt"}
    assert run(["bench", "table", str(folder / "rows.jsonl")]) == 0
    assert "figB_2 (Figure B.2), own size, seeds 3, 5" in capsys.readouterr().out


def test_a_folder_holds_one_experiment_of_one_size(tmp_path, capsys):
    assert run_tiny(tmp_path) == 0
    assert run_tiny(tmp_path, "--set", "max_steps=41") == 1
    assert "--force" in capsys.readouterr().err
    assert run_tiny(tmp_path, "--set", "max_steps=41", "--force") == 0
    record = json.loads(capsys.readouterr().out)
    assert {row["settings"]["max_steps"] for row in record["rows"]} == {41}
    assert not (tmp_path / "rows.jsonl.bak").exists()


def test_rows_that_force_replaces_are_kept_until_the_new_ones_are_whole(tmp_path, monkeypatch):
    assert run_tiny(tmp_path) == 0
    before = (tmp_path / "rows.jsonl").read_bytes()
    monkeypatch.setattr("wis.theory.factorization.recipe.run_here", interrupt)
    assert run_tiny(tmp_path, "--set", "max_steps=41", "--force") == 130
    assert (tmp_path / "rows.jsonl.bak").read_bytes() == before


def interrupt(*arguments):
    raise KeyboardInterrupt


def test_seeds_and_devices_that_cannot_be_are_one_line(tmp_path, capsys):
    for more, message in (
        (["--seeds", "0"], "expected a number of seeds"),
        (["--seeds", "1,x"], "expected a number of seeds"),
        (["--seeds", "-3"], "expected a number of seeds"),
        (["--seeds", "2,-1"], "seeds"),
        (["--seeds", "2", "--seed", "1"], "--seeds is enough"),
        (["--device", "cuda"], "figB_2 runs on the CPU"),
    ):
        assert run_tiny(tmp_path / "none", *more) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
    assert run(["bench", "run", "one_minute", "--force-size", "--dry-run"]) == 2
    assert "does not apply to recipes of the kind accuracy" in capsys.readouterr().err


def test_costs_are_shown_in_the_unit_that_fits():
    shown = [duration(seconds) for seconds in (3, 99, 100, 5_999, 36_000, 9e7)]
    assert shown == ["3 s", "99 s", "1.7 min", "100 min", "10 h", "25,000 h"]


def test_theory_run_refuses_unknown_names_and_missing_files_in_one_line(tmp_path, capsys):
    assert run(["theory", "run", "fig9_9"]) == 2
    error = capsys.readouterr().err
    assert "unknown experiment 'fig9_9'; `wis theory list` shows the names." in error
    assert run(["theory", "run", "apendixD.1"]) == 2
    assert "Did you mean 'appendixD_1'?" in capsys.readouterr().err
    assert run(["theory", "run", "fig1.3"]) == 2  # a slip of the figure, not of the chapter
    assert "Did you mean 'fig1_1' or 'fig1_2'?" in capsys.readouterr().err
    for name, command in (
        ("table5_1", "wis bench run thesis_table5_1"),
        ("Figure5_3", "wis bench run thesis_fig5_3_cora_gcn"),
        ("bounds", "wis theory bounds GRAPH"),
    ):
        assert run(["theory", "run", name]) == 2
        assert f"is run by `{command}" in capsys.readouterr().err
    folder = ["-o", str(tmp_path / "out"), "--data-root", str(tmp_path)]
    assert run(["theory", "run", "tableB_1", *folder]) == 1
    error = capsys.readouterr().err
    assert "mnist: 4 of 4 files are missing" in error
    assert len(error.strip().splitlines()) == 1


def test_settings_can_be_changed_one_by_one_and_only_to_values_of_their_kind(tmp_path, capsys):
    command = ["theory", "run", "figB_2", "--quick", "--json", "-o", str(tmp_path)]
    changes = ["--set", "max_steps=30", "--set", "deviations=[0.1]", "--set", "shape=[3,3,3]",
               "--set", "num_observations=20", "--set", "rank=1"]  # fmt: skip
    assert run([*command, *changes]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["size"] == "own"
    assert row["steps"] == 30
    assert row["settings"]["deviations"] == [0.1]
    for change, message in (
        ("steps=3", "known: shape"),
        ("max_steps=[3]", "expected something like 6000"),
        ("max_steps", "expected KEY=VALUE"),
        ("max_steps=x", "expected KEY=VALUE"),
        ("sensing=1", "expected something like False"),
        ("deviations=[]", "deviations is (); expected something like (0."),
        ("loss=NaN", "expected something like 1e-07"),
        ("rank=true", "expected something like 2"),
    ):
        assert run([*command, "--force", "--set", change]) == 2
        assert message in capsys.readouterr().err


def test_nested_settings_are_checked_against_their_types(tmp_path, capsys):
    command = ["theory", "run", "fig1_1", "--quick", "--json", "--set", "loss=0.1"]
    depths = "depths=[[2,[0.06]],[3,[0.03]]]"
    assert run([*command, "-o", str(tmp_path / "a"), "--set", depths]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["depth"] for row in rows] == [2, 2, 2, 3, 3, 3]  # both signs, and unbalanced
    for name, change in (("fig1_1", "depths=[[2,0.06]]"), ("figA_1", "problems=[[2]]")):
        command = ["theory", "run", name, "--quick", "-o", str(tmp_path / "b")]
        assert run([*command, "--set", change]) == 2
        assert "expected something like (" in capsys.readouterr().err


def test_dots_lead_to_nested_settings_in_commands_and_tables_of_recipes():
    quick = get_experiment("fig3_6").quick
    changes = {"tasks.0.num_train": 50, "config": {"max_epochs": 3, "momentum": 0}, "seeds": 1}
    changed = resized(quick, changes)
    assert changed.tasks == (replace(quick.tasks[0], num_train=50), *quick.tasks[1:])
    assert changed.config == replace(quick.config, max_epochs=3, momentum=0)
    assert quick != changed
    for name, message in (
        ("config.epochs", "known: config.coefficient"),
        ("config", "config.…"),
        ("tasks.0", "known: tasks.0.…"),
        ("tasks.7.num_train", "known: tasks.0.…"),
        ("seeds.0", "known: network"),
    ):
        with pytest.raises(OptionError, match=re.escape(message)):
            resized(quick, {name: 1})
    with pytest.raises(OptionError, match="expected something like"):
        resized(quick, {"config.max_epochs": 1.5})


def test_a_forecast_of_days_or_of_too_much_memory_is_refused_unless_forced(caplog):
    for seconds, num_bytes in ((1e6, 0), (1, 1e18)):
        with pytest.raises(OptionError, match=r"hours and .* of memory on cpu.*--force-size"):
            Request().forecast(seconds, num_bytes)
        Request(force_size=True).forecast(seconds, num_bytes)
    with caplog.at_level("INFO", "wis"):
        Request().forecast(7200, 2**30)
    assert "up to 2 hours and 1.0 GiB of memory on cpu" in caplog.text


def test_impossible_numbers_are_one_line(tmp_path, capsys):
    for name, change, message in (
        ("fig2_3", "ranks=[0]", "one rank or more"),
        ("tableB_1", "num_test=0", "0 test images of digits; expected 1 to 360"),
        ("tableB_1", "num_train=-1", "expected 1 to 1437"),
        ("fig3_6", "seeds=0", "0 seeds"),
        ("fig1_2", "max_rank=-1", "highest rank -1"),
    ):
        arguments = ["theory", "run", name, "--quick", "-o", str(tmp_path), "--set", change]
        assert run([*arguments, *(("--set", "max_steps=2") if name == "fig1_2" else ())]) == 2
        error = capsys.readouterr().err.strip().splitlines()
        assert message in error[-1]
    assert run(["theory", "run", "fig2_2", "--seed", str(2**40)]) == 2
    assert "4294967295" in capsys.readouterr().err
