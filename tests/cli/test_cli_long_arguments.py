"""Arguments of thousands of characters: a short line, and the exit code of what is wrong."""

import dataclasses

import pytest

import wis.datasets
from wis_cli.main import run

LONG = "a" * 5000
CUT = ["sparsify", "karate", "--remove", "1"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["sparsify", "karate", "--remove", LONG], 2),
        (["sparsify", "karate", "--remove", "9" * 5000], 2),
        (["sparsify", "karate", "--remove", "1e99999999"], 2),
        (["sparsify", "karate", "--min-degree", LONG, "--remove", "1"], 2),
        (["sparsify", "karate", f"--min-degree={LONG}"], 2),
        (["sparsify", "karate", f"--{LONG}"], 2),
        (["inspect", "karate", LONG], 2),
        (["inspect", "karate", "--num-nodes", "9" * 5000], 2),
        (["inspect", "karate", "--max-memory", LONG], 2),
        ([LONG], 2),
        (["verify", "karate", LONG], 1),
        (["verify", "karate", f"{LONG}.npz"], 1),
        ([*CUT, "--order", f"{LONG}.npz"], 1),
        ([*CUT, "--protect", f"{LONG}.csv"], 1),
        ([*CUT, "--plot", f"{LONG}.png"], 1),
        ([*CUT, "-o", f"{LONG}.pt"], 1),
        ([*CUT, "-o", f"{'x/' * 3000}a.pt"], 1),
        ([*CUT, "--save-order", f"{LONG}.npz"], 1),
        ([*CUT, "--method", "gwis", "--partitions", f"{LONG}.csv"], 1),
        ([*CUT, "--method", "gwis", "--partitions", f"{LONG}.json"], 1),
        ([*CUT, "--method", "gwis", "--partitions", f"balls:k={'9' * 5000}"], 2),
        ([*CUT, "--method", "gwis", "--partitions", LONG], 2),
        ([*CUT, "--method", LONG], 2),
        ([*CUT, "--option", LONG], 2),
        ([*CUT, "--seed", "9" * 5000], 2),
        (["inspect", f"{LONG}.csv"], 1),
        (["inspect", LONG], 2),
        (["compare", "karate", LONG], 2),
        (["walk-index", "karate", "--subset", LONG, "--walk-length", "1"], 2),
        (["datasets", LONG], 2),
        (["inspect", f"rmat:scale={LONG}"], 2),
        (["bench", "table", LONG], 2),
        (["inspect", "karate\x1b[31m"], 2),
        (["inspect", "cora", "--data-root", LONG], 1),
        (["inspect", "cora", "--data-root", "x/" * 3000], 1),
        (["datasets", "cora", "--data-root", LONG], 1),
        (["datasets", "--data-root", LONG], 1),
        (["sparsify", LONG, "--engine", "stream", "--remove", "1"], 1),
        (["sparsify", "x/" * 3000, "--engine", "stream", "--remove", "1"], 1),
        (["sparsify", ".", "--engine", "stream", "--remove", "1", "-o", "x/" * 3000], 1),
        (["sparsify", ".", "--engine", "stream", "--remove", "1", "--work-dir", LONG], 1),
        (["order", "karate", "-o", "."], 1),
        (["order", "karate", "-o", ""], 1),
        (["order", "karate", "-o", ".."], 1),
        ([*CUT, "-o", "-", "--save-order", "."], 1),
        (["bench", "run", "--dataset", "karate", "--results", "", "--dry-run"], 1),
    ],
    ids=range(46),
)
def test_a_long_or_odd_argument_is_a_short_printable_line(
    arguments, code, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.strip().isprintable()
    assert len(captured.err) < 700
    assert not list(tmp_path.iterdir())


def test_what_an_order_file_says_of_its_method_is_shown_in_short(tmp_path, capsys):
    made = wis.removal_order(wis.datasets.load("karate"))
    odd = {"method": "y" * 5000 + "\x1b[31m", "options": {"a\x1b[31m": "z" * 5000, "b": "\n"}}
    order = dataclasses.replace(made, provenance=dataclasses.replace(made.provenance, **odd))
    order.save(tmp_path / "odd.npz")
    target = str(tmp_path / "cut.csv")
    assert run(["sparsify", "karate", "--order", str(tmp_path / "odd.npz"), "--remove", "1",
                "-o", target]) == 0  # fmt: skip
    told = capsys.readouterr().err
    assert all(line.isprintable() and len(line) < 700 for line in told.splitlines())
    assert "by yyyyyyyy" in told
