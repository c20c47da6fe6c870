"""Arguments of thousands of characters: a short line, and the exit code of what is wrong."""

import pytest

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
    ],
    ids=range(33),
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
