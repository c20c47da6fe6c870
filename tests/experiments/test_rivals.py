"""WIS against its rivals: the intervals, the best rival, the counts, and verdicts of all kinds."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from rows import made_row
from scipy import stats

from wis.errors import GraphFileError, GraphFormatError, ResultsError, UnknownNameError
from wis.experiments.results import ResultsFile, read_results
from wis.experiments.rivals import (
    Duel,
    against_best,
    chosen_by_validation,
    counts,
    duels,
    verdict,
)
from wis.experiments.summary import Cell, panels_of
from wis.show.sweep_report import write_report
from wis.show.sweep_tables import format_rivals, rival_grids

NOISE = (-0.01, 0.0, 0.01, 0.02)
WOBBLE = (0.002, -0.001, 0.001, -0.002)


def rows_of(accuracy, amounts=(25.0, 50.0, 75.0), **changes):
    """Four seeds of each method; `accuracy` gives the mean of each label, the noise is shared."""
    return [
        made_row(label, amount, seed, mean + NOISE[seed] + WOBBLE[(seed + place) % 4], **changes)
        | {"method": "wis" if "WIS" in label else label, "options": {"label": label}}
        for place, (label, mean) in enumerate(accuracy.items())
        for amount in amounts
        for seed in range(4)
    ]


def best_of(rows):
    return against_best(duels(panels_of(rows)))


def test_the_interval_is_that_of_a_paired_t_test():
    rows = rows_of({"1-WIS": 0.8, "random": 0.7}, amounts=(50.0,))
    (duel,) = best_of(rows)
    pairs = [
        [100 * r["test_accuracy"] for r in rows if r["label"] == n] for n in ("1-WIS", "random")
    ]
    expected = stats.ttest_rel(*pairs).confidence_interval(0.95)
    assert (duel.cell.low, duel.cell.high) == pytest.approx((expected.low, expected.high))
    assert (duel.outcome, duel.cell.num) == ("win", 4)


@pytest.mark.parametrize(
    ("wis", "rivals", "words", "outcomes"),
    [
        (
            0.8,
            {"random": 0.7, "dspar": 0.75},
            "1-WIS is ahead of the best rival: 3 wins",
            {"win": 3},
        ),
        (
            0.8,
            {"random": 0.7, "dspar": 0.85},
            "1-WIS is behind the best rival: 0 wins",
            {"loss": 3},
        ),
        (
            0.8,
            {"random": 0.7, "dspar": 0.8},
            "1-WIS cannot be told by these runs from the best rival",
            {"tie": 3},
        ),
    ],
)
def test_a_verdict_can_come_out_each_way(wis, rivals, words, outcomes):
    met = best_of(rows_of({"1-WIS": wis, **rivals}))
    assert verdict(met).startswith(words)
    assert counts(met) == outcomes
    assert {duel.rival for duel in met} == {"dspar"}  # the stronger rival


def test_a_verdict_names_wins_and_losses_where_there_are_both():
    ahead = rows_of({"1-WIS": 0.8, "random": 0.7})
    behind = rows_of({"1-WIS": 0.6, "random": 0.7}, amounts=(75.0, 90.0), dataset="citeseer")
    text = verdict(best_of([*ahead, *behind]))
    assert text == (
        "1-WIS is ahead in some cells and behind in others against the best rival: 3 wins, "
        "0 ties, 2 losses in 5 cells. Wins: cora, gcn at 25, 50, 75 %. "
        "Losses: citeseer, gcn at 75, 90 %."
    )


def test_a_verdict_says_which_rivals_are_ahead_and_which_behind():
    rows = rows_of({"1-WIS": 0.8, "random": 0.7, "dspar": 0.9, "goku": 0.8})
    met = duels(panels_of(rows))
    assert verdict(against_best(met), met).endswith(
        "One by one, it is ahead of random; it is behind dspar; it cannot be told by these runs "
        "from goku."
    )


def test_one_win_among_many_cells_is_no_more_than_chance():
    amounts = tuple(float(amount) for amount in range(1, 41))
    rows = rows_of({"1-WIS": 0.7, "random": 0.7}, amounts=amounts)
    rows += rows_of({"1-WIS": 0.8, "random": 0.7}, amounts=(50.5,))
    met = best_of(rows)
    assert counts(met) == {"win": 1, "tie": 40}  # P(1 or more of 41 at 2.5 %) = 0.65
    assert verdict(met).startswith("1-WIS cannot be told by these runs from the best rival: 1 win,")


def test_losses_to_the_best_of_many_rivals_need_to_be_more_than_luck_gives():
    cells = [25.0, 50.0, 75.0, 90.0]
    wide, loss = Cell(5, -1.0, 2.0, -3.0, 1.0), Cell(5, -2.0, 0.5, -2.6, -1.4)

    def said(among):
        met = [Duel("cora, gcn", a, "1-WIS", "r", loss if a < 60 else wide, among) for a in cells]
        return verdict(met)

    # P(2 or more of 4) is 0.004 at 2.5 %, and 0.11 at six times as much
    assert said(1).startswith("1-WIS is behind the best rival: 0 wins, 2 ties, 2 losses")
    assert said(6).startswith("1-WIS cannot be told by these runs from the best rival")
    rows = rows_of({"1-WIS": 0.6, "random": 0.7, "dspar": 0.75})
    assert {duel.among for duel in best_of(rows)} == {2}


def test_only_common_seeds_are_paired_and_one_pair_decides_nothing():
    rows = rows_of({"1-WIS": 0.8, "random": 0.7, "dspar": 0.9}, amounts=(50.0,))
    two = [r for r in rows if r["label"] != "dspar" or r["seed"] < 2]
    assert {duel.rival: duel.cell.num for duel in duels(panels_of(two))} == {
        "random": 4,
        "dspar": 2,
    }
    one = [r for r in rows if r["label"] != "dspar" or r["seed"] < 1]
    assert [duel.rival for duel in duels(panels_of(one))] == ["random"]


def test_nothing_and_everything_removed_are_no_cells():
    rows = rows_of({"1-WIS": 0.8, "random": 0.7}, amounts=(0.0, 50.0, 100.0))
    assert [duel.amount for duel in best_of(rows)] == [50.0]


def test_methods_chosen_by_validation_may_differ_from_the_best_on_test():
    rows = rows_of({"1-WIS": 0.8, "2-WIS": 0.7, "random": 0.75, "dspar": 0.6}, amounts=(50.0,))
    validation = {"1-WIS": 0.5, "2-WIS": 0.6, "random": 0.4, "dspar": 0.5}
    rows = [row | {"val_accuracy": validation[row["label"]]} for row in rows]
    (duel,) = chosen_by_validation(panels_of(rows), panels_of(rows, metric="val"))
    assert duel.rival == "dspar"
    assert duel.cell.mean == pytest.approx(10, abs=1)  # 2-WIS against dspar on test vertices
    words = rival_grids(panels_of(rows), panels_of(rows, metric="val"))[1]
    assert words[-1].startswith("WIS by validation is ahead of the best rival: 1 win")


def test_the_tables_over_several_graphs():
    rows = rows_of({"1-WIS": 0.8, "random": 0.7, "dspar": 0.75})
    rows += rows_of({"1-WIS": 0.6, "random": 0.7}, amounts=(50.0,), dataset="citeseer")
    grids, _ = rival_grids(panels_of(rows))
    assert [grid.title.partition(":")[0] for grid in grids[:2]] == ["cora, gcn", "citeseer, gcn"]
    assert grids[1].lines[0][1].endswith("loss, random")
    assert grids[2].head == ["WIS", "against", "25 %", "50 %", "75 %", "all"]
    assert grids[2].lines == [
        ["1-WIS", "best rival", "1 / 0 / 0", "1 / 0 / 1", "1 / 0 / 0", "3 / 0 / 1"]
    ]
    assert grids[3].lines == [["random", "3 / 0 / 1"], ["dspar", "3 / 0 / 0"]]


@pytest.mark.parametrize("style", ["text", "markdown", "latex", "csv"])
def test_a_table_in_each_style(style):
    text = format_rivals(panels_of(rows_of({"1-WIS": 0.8, "random": 0.7, "dspar": 0.75})), style)
    if style == "csv":
        lines = list(csv.DictReader(io.StringIO(text)))
        assert len(lines) == 6
        assert {line["rival"]: line["is_best_rival"] for line in lines} == {
            "random": "False",
            "dspar": "True",
        }
    else:
        assert text.count("win, dspar") == 3
        assert "1-WIS is ahead of the best rival" in text
    with pytest.raises(UnknownNameError, match="style of table"):
        format_rivals([], "html")


def test_results_without_wis_or_without_rivals_say_so():
    for only in ("1-WIS", "random"):
        with pytest.raises(ResultsError, match="has two seeds in common with another method"):
            format_rivals(panels_of(rows_of({only: 0.8})), "text")


def test_a_report_has_the_verdict_if_there_are_rivals(tmp_path):
    both, alone = {"1-WIS": 0.6, "random": 0.7}, {"random": 0.7}
    for accuracy, number in ((both, 1), (alone, 0)):
        page = write_report(rows_of(accuracy), {}, tmp_path / "r.html", force=True).read_text()
        assert (
            page.count("<p>1-WIS is behind the best rival: 0 wins, 0 ties, 3 losses in 3 cells.")
            == number
        )


def test_compressed_results_are_read_but_not_appended_to(tmp_path):
    ResultsFile(tmp_path / "r.jsonl").append(rows_of({"1-WIS": 0.8}))
    packed = tmp_path / "r.jsonl.gz"
    content = gzip.compress((tmp_path / "r.jsonl").read_bytes())
    packed.write_bytes(content)
    assert read_results([packed]) == read_results([tmp_path / "r.jsonl"])
    with pytest.raises(GraphFileError, match="is compressed, so no rows can be appended"):
        ResultsFile(packed).append(rows_of({"random": 0.8}))
    assert packed.read_bytes() == content
    packed.write_bytes(content[:-20])
    with pytest.raises(GraphFormatError, match="ends too early"):
        read_results([packed])


def test_the_counts_in_the_benchmarks_are_those_of_the_rows_beside_them():
    folder = Path(__file__).parents[2] / "benchmarks"
    rows, _ = read_results(sorted((folder / "results").glob("rivals_*.jsonl.gz")))
    grids, words = rival_grids(panels_of(rows), panels_of(rows, metric="val"))
    text = (folder / "README.md").read_text(encoding="utf-8")
    for grid in grids[-2:]:
        for line in grid.lines:
            assert "| " + " | ".join(line) + " |" in text
    tables = (folder / "results" / "rivals.md").read_text(encoding="utf-8")
    assert all(word in tables for word in words)
