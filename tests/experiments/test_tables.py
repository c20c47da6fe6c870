"""Tables, figures, export and the report of hand-made results."""

from __future__ import annotations

import csv
import io
import math
import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest
from rows import made_row, two_methods
from scipy import stats

from wis.errors import OptionError, OutputExistsError, ResultsError, UnknownNameError
from wis.experiments.export import export_rows
from wis.experiments.results import ResultsFile, read_results
from wis.experiments.summary import panels_of
from wis.show.sweep_plots import plot_accuracy, plot_costs
from wis.show.sweep_report import write_report
from wis.show.sweep_tables import format_tables

# By hand: 1-WIS has means 85, 75, 45 and areas (85/2 + 75 + 45/2) / 2 = 70 ± 5 sqrt(2);
# random has means 85, 66, 45; its areas are 70 and 61 -> 65.5.
EXPECTED = """\
cora, gcn: test accuracy in %, mean ± standard deviation over 2 seeds
% removed       1-WIS      random
        0  85.0 ± 7.1  85.0 ± 7.1
       50  75.0 ± 7.1  66.0 ± 5.7
      100  45.0 ± 7.1  45.0 ± 7.1
     area  70.0 ± 7.1  65.5 ± 6.4

cora, gcn: difference to random in test accuracy, paired by seed, with 95 % confidence intervals
% removed               1-WIS
        0   +0.0 [+0.0, +0.0]
       50  +9.0 [-3.7, +21.7]
      100   +0.0 [+0.0, +0.0]
     area  +4.5 [-1.9, +10.9]
"""


def accuracies(panel, percentage):
    return panel.curves["1-WIS"][percentage].dropna().to_dict()


def test_the_table_of_hand_made_results_is_that_computed_by_hand():
    assert format_tables(panels_of(two_methods()), "text") == EXPECTED


def test_the_interval_is_student_s():
    (panel,) = panels_of(two_methods())
    cell = panel.difference("1-WIS", "random", 50)
    low, high = stats.ttest_1samp([10, 8], 0).confidence_interval(0.95)
    assert (cell.low, cell.high) == (pytest.approx(low), pytest.approx(high))
    assert cell.std == pytest.approx(math.sqrt(2))


def test_differences_are_paired_by_seed():
    rows = [row for row in two_methods() if not (row["label"] == "random" and row["seed"] == 1)]
    (panel,) = panels_of(rows)
    cell = panel.difference("1-WIS", "random", 50)
    assert (cell.num, cell.mean) == (1, pytest.approx(10))
    assert "over 1 to 2 seeds" in format_tables([panel], "text")


def test_markdown_has_a_line_for_each_percentage_and_as_many_cells_as_columns():
    text = format_tables(panels_of(two_methods()), "markdown")
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert tables[0] == "| % removed | 1-WIS | random |"
    assert tables[1] == "| ---: | ---: | ---: |"
    assert "| 50 | 75.0 ± 7.1 | 66.0 ± 5.7 |" in tables
    assert {line.count("|") for line in tables[:6]} == {4}


def test_latex_escapes_what_it_must():
    rows = [made_row("a_b & 100%", 0.0, 0, 0.5)]
    text = format_tables(panels_of(rows), "latex")
    assert r"\% removed & a\_b \& 100\% \\" in text
    assert r"0 & 50.0 \\" in text
    assert text.count(r"\begin{tabular}{rr}") == text.count(r"\end{tabular}") == 1


def test_csv_has_all_digits_and_the_differences():
    lines = list(csv.DictReader(io.StringIO(format_tables(panels_of(two_methods()), "csv"))))
    assert len(lines) == 2 * 4
    wis = next(
        line for line in lines if (line["method"], line["percent_removed"]) == ("1-WIS", "50")
    )
    assert float(wis["mean"]) == pytest.approx(75)
    assert float(wis["difference"]) == pytest.approx(9)
    assert float(wis["difference_low"]) == pytest.approx(9 - 12.706205, abs=1e-5)


def with_validation():
    """The same rows, with validation accuracies that are 5 points below those of the test."""
    return [row | {"val_accuracy": row["test_accuracy"] - 0.05} for row in two_methods()]


@pytest.mark.parametrize(("metric", "name"), [("test", "test"), ("val", "validation")])
@pytest.mark.parametrize("style", ["text", "markdown", "latex", "csv"])
def test_a_table_says_whose_accuracies_it_shows(metric, name, style):
    text = format_tables(panels_of(with_validation(), metric=metric), style)
    if style == "csv":
        lines = list(csv.DictReader(io.StringIO(text)))
        assert {line["metric"] for line in lines} == {metric}
        assert float(lines[0]["mean"]) == pytest.approx(85 if metric == "test" else 80)
    else:
        assert text.count(f"{name} accuracy") == 2
        sign = r"$\pm$" if style == "latex" else "±"
        assert f"{85.0 if metric == 'test' else 80.0} {sign} 7.1" in text
    with pytest.raises(UnknownNameError, match=r"unknown metric 'train'; known: .*, test, val"):
        panels_of(with_validation(), metric="train")
    with pytest.raises(ResultsError, match="has no val_accuracy; expected a number"):
        panels_of(two_methods(), metric="val")


def test_the_whole_graph_is_a_baseline_seed_by_seed():
    (panel,) = panels_of(two_methods())
    text = format_tables([panel], "text", baseline="full")
    assert "difference to the whole graph in test accuracy, paired by seed" in text
    # By hand: 1-WIS loses (90 - 80, 80 - 70) at 50 %, random (90 - 70, 80 - 62).
    assert panel.difference("1-WIS", "full", 50).mean == pytest.approx(-10)
    assert panel.difference("random", "full", 50).mean == pytest.approx(-19)
    assert panel.difference("random", "full", 0).mean == 0
    assert panel.area_difference("1-WIS", "full").mean == pytest.approx(-15)
    assert re.search(r"^ +50 +-10.0 \[-10.0, -10.0\] +-19.0 \[", text, re.M)
    one = [row for row in two_methods() if row["label"] == "1-WIS"]
    assert "difference to the whole graph" in format_tables(panels_of(one), "text", baseline="full")
    cut = [row for row in two_methods() if row["percent_removed"]]
    with pytest.raises(ResultsError, match="with 0% among the amounts to remove"):
        format_tables(panels_of(cut), "text", baseline="full")
    lines = csv.DictReader(io.StringIO(format_tables([panel], "csv", baseline="full")))
    assert sum(bool(line["difference"]) for line in lines) == 2 * 4


def test_one_cut_that_is_said_in_two_units_is_one_row_and_splits_are_apart():
    again = made_row("1-WIS", 50.0, 0, 0.8) | {"key": "other", "remove": "39 edges"}
    rows = [*two_methods(), again]
    assert accuracies(panels_of(rows)[0], 50) == accuracies(panels_of(two_methods())[0], 50)
    splits = [made_row("1-WIS", 50.0, 3, 0.1 * k, split=k) for k in range(1, 4)]
    (panel,) = panels_of(splits)
    assert accuracies(panel, 50) == {(3, k): pytest.approx(10 * k) for k in range(1, 4)}


def test_a_single_seed_has_no_spread_and_a_missing_cell_is_a_dash():
    rows = [made_row("1-WIS", 0.0, 0, 0.9), made_row("1-WIS", 50.0, 0, 0.8)]
    rows += [made_row("random", 0.0, 0, 0.9), made_row("random", 50.0, 0, None)]
    text = format_tables(panels_of(rows), "text")
    assert "over 1 seed; 1 runs failed" in text
    assert re.search(r"^ +0 +90\.0 +90\.0$", text, re.M)
    assert re.search(r"^ +50 +80\.0 +–$", text, re.M)
    assert re.search(r"^ +area +85\.0 +–$", text, re.M)


def test_panels_are_data_sets_models_and_trainings():
    rows = two_methods()
    rows += [made_row("1-WIS", 0.0, 0, 0.5, model="gin")]
    rows[-1]["config"]["model"] = "gin"
    assert [panel.title for panel in panels_of(rows)] == ["cora, gcn", "cora, gin"]
    longer = made_row("1-WIS", 0.0, 0, 0.5, recipe="long", recipe_hash="fedc")
    longer["config"]["max_epochs"] = 99
    titles = [panel.title for panel in panels_of([*two_methods(), longer])]
    assert titles[1] == "cora, gcn (long, at most 99 epochs)"
    assert len(panels_of([*two_methods(), longer], recipe="long")) == 1
    assert len(panels_of([*two_methods(), longer], recipe="fed")) == 1
    with pytest.raises(UnknownNameError, match="unknown recipe of these results 'lang'"):
        panels_of([*two_methods(), longer], recipe="lang")


def test_two_rows_for_one_place_are_refused():
    rows = [*two_methods(), made_row("1-WIS", 50.0, 0, 0.1, options={"engine": "rounds"})]
    with pytest.raises(ResultsError, match="two rows are '1-WIS' at 50 % with seed 0"):
        panels_of(rows)


def test_a_method_that_was_called_otherwise_before_keeps_one_line():
    later = made_row("WIS of old", 75.0, 0, 0.6, method="1-WIS")
    (panel,) = panels_of([*two_methods(), later])
    assert panel.labels == ["1-WIS", "random"]
    assert accuracies(panel, 75) == {0: pytest.approx(60)}


def test_results_without_a_finished_row_say_so():
    with pytest.raises(ResultsError, match="none of 1 rows is finished"):
        panels_of([made_row("1-WIS", 0.0, 0, None)])


def test_a_baseline_or_style_that_is_not_there_is_named():
    panels = panels_of(two_methods())
    with pytest.raises(UnknownNameError, match=r"'randm'.*Did you mean 'random'"):
        format_tables(panels, "text", baseline="randm")
    with pytest.raises(UnknownNameError, match="unknown style of table 'html'"):
        format_tables(panels, "html")


@pytest.mark.parametrize("draw", [plot_accuracy, plot_costs])
@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_figures_are_drawn_without_a_display(draw, ending, start, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    path = draw(panels_of(two_methods()), tmp_path / f"figure.{ending}")
    assert path.read_bytes().startswith(start)
    with pytest.raises(OutputExistsError):
        draw(panels_of(two_methods()), path)


def test_the_figure_has_a_line_for_each_method_through_its_means():
    from wis.show.sweep_plots import accuracy_figure

    panels = panels_of([*two_methods(), made_row("1-WIS", 0.0, 0, 0.5, dataset="dblp")])
    figure = accuracy_figure(panels)
    assert [axes.get_title() for axes in figure.axes] == ["cora, gcn", "dblp, gcn"]
    containers = {c.get_label(): c for c in figure.axes[0].containers}
    assert set(containers) == {"1-WIS", "random"}
    x, y = containers["random"].lines[0].get_data()
    assert list(x) == [0, 50, 100]
    assert list(y) == pytest.approx([85, 66, 45])
    colours = [c.lines[0].get_color() for c in containers.values()]
    markers = [c.lines[0].get_marker() for c in containers.values()]
    assert len(set(colours)) == len(set(markers)) == 2
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["1-WIS", "random"]


def test_costs_are_drawn_even_where_orders_and_memory_are_unknown(tmp_path):
    rows = [made_row("1-WIS", 0.0, 0, 0.5, order_seconds=None, peak_memory_bytes=None)]
    plot_costs(panels_of(rows), tmp_path / "costs.svg")
    ElementTree.parse(tmp_path / "costs.svg")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_exported_rows_have_a_column_for_each_field(ending, tmp_path):
    import pandas as pd

    path = export_rows(two_methods(), tmp_path / f"rows.{ending}")
    table = pd.read_csv(path) if ending == "csv" else pd.read_parquet(path)
    assert len(table) == 12
    assert table["config.width"].tolist() == [8] * 12
    assert table["test_accuracy"].sum() == pytest.approx(
        sum(r["test_accuracy"] for r in two_methods())
    )
    with pytest.raises(OutputExistsError):
        export_rows(two_methods(), path)
    with pytest.raises(UnknownNameError, match=r"format of exported rows '.xls'"):
        export_rows(two_methods(), tmp_path / "rows.xls")


FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "=", "-x", "＝1"]
PLAIN = ["-0.5", "+3", "-1e-5", "1-WIS", "a=b", "", "'=x", " =1", "–"]


@pytest.mark.parametrize("text", FORMULAS)
def test_texts_that_a_spreadsheet_would_run_get_an_apostrophe(text, tmp_path):
    rows = [made_row(text, 0.0, 0, 0.5, **{text or "x": {"=inner": text}}, loss=-0.5)]
    path = export_rows(rows, tmp_path / "rows.csv")
    with path.open(newline="", encoding="utf-8") as file:
        (line,) = csv.DictReader(file)
    assert line["label"] == f"'{text}"
    assert line[f"'{text}.=inner"] == f"'{text}"
    assert line["loss"] == "-0.5"
    (line, *_) = csv.DictReader(io.StringIO(format_tables(panels_of(rows), "csv")))
    assert line["method"] == f"'{panels_of(rows)[0].labels[0]}" or "\\" in line["method"]
    assert not any(cell.startswith(("=", "@", "+")) for cell in line.values())


@pytest.mark.parametrize("text", PLAIN)
def test_other_texts_and_numbers_stay_as_they_are(text, tmp_path):
    path = export_rows([made_row(text, 0.0, 0, 0.5)], tmp_path / "rows.csv")
    with path.open(newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["label"] == text


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize(
    "values",
    [
        [1, "a"],
        [[1], 2],
        [10**30, 1],
        [{}, {"a": {}}],
        [None, True],
        [[], {}],
        [1.5, 2**64],
        ["", 0],
    ],
    ids=str,
)
def test_fields_of_any_kind_are_exported(values, ending, tmp_path):
    rows = [made_row("1-WIS", 0.0, seed, 0.5, odd=value) for seed, value in enumerate(values)]
    assert export_rows(rows, tmp_path / f"rows.{ending}").stat().st_size > 0


@pytest.fixture(scope="module")
def made_report(tmp_path_factory):
    """The page of twelve runs and one that failed, and the file of results that it is made of."""
    folder = tmp_path_factory.mktemp("report")
    results = ResultsFile(folder / "made.jsonl")
    results.append_recipe("0123456789abcdef", "made", {"kind": "accuracy", "title": "<b>&"})
    name = "csbm:n=2000,degree=6,feature_signal=1.0,graph_signal=2.0"  # no space to break it at
    for row in [*two_methods(), made_row("random", 50.0, 2, None)]:
        results.append([row | {"dataset": name}])
    return write_report(*read_results([results.path]), folder / "report.html"), results.path


def test_the_report_needs_nothing_but_itself(made_report):
    text = made_report[0].read_text()
    assert not re.search(r"""(src|href)=["'](?!data:)""", text)
    assert "<script" not in text
    assert "url(" not in text.replace("url(#", "")
    for words in ("75.0 ± 7.1", "+9.0 [-3.7, +21.7]", "a processor", "12 rows, 1 failed"):
        assert words in text
    assert "1 × DivergedError: seed 1, epoch 3: the loss is not finite" in text
    assert "title = &quot;&lt;b&gt;&amp;&quot;" in text


def test_a_report_is_html_and_replaces_nothing_unasked(made_report):
    page, results = made_report
    rows, recipes = read_results([results])
    with pytest.raises(OutputExistsError):
        write_report(rows, recipes, page)
    with pytest.raises(OptionError, match=r"ends in .html"):
        write_report(rows, recipes, page.with_suffix(".pdf"))


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.mark.skipif(BROWSER is None, reason=f"none of the browsers {', '.join(BROWSERS)} is here")
@pytest.mark.parametrize("width", [1200, 500])
def test_the_report_opens_in_a_browser_with_its_figures_and_tables(width, made_report, tmp_path):
    page, _ = made_report
    probe = tmp_path / "probe.html"
    script = """<script>
    addEventListener("load", () => {
      const images = [...document.images].map((i) => i.complete && i.naturalWidth > 300);
      const told = document.createElement("p");
      told.id = "told";
      told.textContent = [images.join(), document.querySelectorAll("table").length,
        document.querySelectorAll("tbody tr").length,
        document.documentElement.scrollWidth <= innerWidth].join(" ");
      document.body.append(told);
    });
    </script></body>"""
    probe.write_text(page.read_text().replace("</body>", script))
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-quic", "--disable-background-networking", "--disable-sync"]
    command += ["--disable-component-update", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--virtual-time-budget=5000", f"--window-size={width},900", "--dump-dom"]
    done = subprocess.run(
        [*command, probe.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    told = re.search(r'<p id="told">(.*?)</p>', done.stdout)
    assert told is not None, done.stdout[-500:]
    images, tables, lines, fits = told.group(1).split()
    assert images == "true,true"
    assert (tables, fits) == ("3", "true")
    assert int(lines) >= 4 + 4 + 8
