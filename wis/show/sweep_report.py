"""A report of results: one HTML page with claims, figures, tables, recipe and environment.

The page is self-contained: it embeds its figures (as SVG) and styles, and has no scripts.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.base.atomic import atomic_write, check_writable
from wis.base.figures import check_can_plot, svg_of
from wis.errors import OptionError, echo
from wis.experiments.results import (
    DONE,
    FAILED,
    TABLE5_1,
    Row,
    field_of,
    is_field,
    kind_of_row,
    name_of_recipe,
    number_in,
    rows_of_recipe,
)
from wis.experiments.summary import Panel, panels_of
from wis.show import kept_figures
from wis.show.claims_text import claims_grids
from wis.show.sweep_plots import accuracy_figure, cost_figure
from wis.show.sweep_tables import BASELINE, Grid, check_baseline, grids, rival_grids
from wis.theory.catalogue import counts, entries
from wis.theory.experiments import State
from wis.theory.findings import Findings, findings_of
from wis.theory.table5_1.table5_1_text import format_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDINGS = (".html", ".htm")
SHOWN_FAILURES = 20
MOST_NAMES = 3
"""More experiments are not named in the title."""
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 72rem; margin: 2rem auto;
       padding: 0 1rem; }
h1, caption { overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p.about { color: #555; margin-top: .2rem; }
img { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin-bottom: 1.2rem;
        font-variant-numeric: tabular-nums; font-size: .9rem; }
caption { text-align: left; color: #555; padding-bottom: .4rem; }
th, td { padding: .15rem .7rem; text-align: right; white-space: nowrap; }
thead th { border-bottom: 2px solid #999; } tbody tr:nth-child(even) { background: #f4f5f7; }
tbody tr:last-child { border-bottom: 1px solid #999; }
table.facts th, table.facts td, table.claims th, table.claims td
      { text-align: left; white-space: normal; vertical-align: top; }
table.claims tbody th { white-space: nowrap; }
pre { background: #f4f5f7; padding: .8rem 1rem; overflow-x: auto; font-size: .85rem; }
"""


def write_report(
    rows: Sequence[Row],
    recipes: Mapping[str, Row],
    path: str | Path,
    *,
    recipe: str | None = None,
    metric: str = "test",
    baseline: str = BASELINE,
    force: bool = False,
) -> Path:
    """Write a report of rows of results.

    Args:
        rows: Rows of results, see `wis.experiments.read_results`.
        recipes: The recipes of the rows by hash, as `read_results` returns them.
        path: File of the page, ending in `.html`.
        recipe: Only rows of this recipe, by its name or the beginning of its hash.
        metric: ``"test"`` or ``"val"``, see `panels_of`.
        baseline: Label of the method that the others are compared with; ``"full"`` for the whole
            graph.
        force: Replace an existing file.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise OptionError(f"{path}: a report is a page; give it a name that ends in .html")
    check_can_plot("report.svg")
    check_writable(path, force=force)
    chosen = rows_of_recipe(rows, recipe)
    swept = [row for row in chosen if kind_of_row(row) not in (TABLE5_1, *kept_figures.KINDS)]
    panels = panels_of(swept, metric=metric) if swept else []
    if panels:
        check_baseline(panels, baseline)
    text = page(chosen, recipes, panels, baseline)
    with atomic_write(path, force=force) as file:
        file.write(text.encode("utf-8"))
    return path


def page(
    rows: Sequence[Row], recipes: Mapping[str, Row], panels: Sequence[Panel], baseline: str
) -> str:
    """The HTML text of the page."""
    used = {str(row.get("recipe_hash")): name_of_recipe(row) for row in rows}
    findings = findings_of(rows)
    titles = [panel.title for panel in panels]
    titles += [each.title for each in findings if not each.title.endswith(tuple(titles))]
    title = _title(list(dict.fromkeys(titles)), findings)
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="about">{escape(_about(rows))}</p>',
        *_claims(findings),
        *_accuracies(panels, baseline),
        *_tables5_1(rows),
        *_experiments(rows, findings),
        *_failures(rows),
        "<h2>Recipe</h2>",
        *(_recipe(name, key, recipes.get(key)) for key, name in used.items()),
        "<h2>Environment</h2>",
        _html_table("", environment_of(rows).items(), ' class="facts"'),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>wis: {escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _title(titles: Sequence[str], findings: Sequence[Findings]) -> str:
    """The title of the page: up to three names, or what they have in common."""
    if len(titles) <= MOST_NAMES:
        return ", ".join(titles) or "nothing finished"
    if any(each.verdicts for each in findings):
        return "Claims of the thesis"
    return f"{len(titles)} experiments"


def _claims(findings: Sequence[Findings]) -> list[str]:
    """All claims of the thesis that the rows stand for, with their state; first what disagrees."""
    found = [_table(grid, "claims") for grid in claims_grids(findings)]
    if not found:
        return []
    states = counts(each.record() for each in findings)
    against = [
        f"<li>{escape(each.heading)}: {escape(str(verdict))}</li>"
        for each in findings
        for verdict in each.verdicts
        if verdict.judgement.state is State.DISAGREES
    ]
    named = ["<p>These disagree:</p>", f"<ul>{''.join(against)}</ul>"] if against else []
    return ["<h2>Claims of the thesis</h2>", f"<p>{escape(states)}.</p>", *named, *found]


def _accuracies(panels: Sequence[Panel], baseline: str) -> list[str]:
    if not panels:
        return []
    shown, title = panels[0].shown, ", ".join(panel.title for panel in panels)
    return [
        f"<h2>{shown.capitalize()}</h2>",
        _picture(accuracy_figure(panels), f"{shown.capitalize()} against removed edges: {title}"),
        *(_table(grid) for grid in grids(panels, baseline)),
        *_rivals(panels),
        "<h2>Cost</h2>",
        _picture(cost_figure(panels), f"Time and memory against removed edges: {title}"),
    ]


def _tables5_1(rows: Iterable[Row]) -> list[str]:
    by_recipe: dict[str, list[Row]] = {}
    for row in rows:
        if kind_of_row(row) == TABLE5_1 and row["status"] == DONE:
            by_recipe.setdefault(str(row.get("recipe_hash")), []).append(row)
    texts = (escape(format_table(own)) for own in by_recipe.values())
    return [f"<h2>Table 5.1</h2><pre>{text}</pre>" for text in texts]


def _experiments(rows: Sequence[Row], findings: Sequence[Findings]) -> list[str]:
    """The figure of the first seed of each experiment, and the summaries of all seeds."""
    parts = []
    summaries = {each.name: each.summary for each in entries()}
    for name, own in kept_figures.groups_of(rows).items():
        name = name.split()[0]
        parts.append(f"<h2>{escape(name)}</h2>")
        parts.append(_picture(kept_figures.redrawn(own), summaries.get(name, name)))
    for each in findings:
        texts = (f"<li>seed {seed}: {escape(text)}</li>" for seed, text in each.summaries.items())
        parts += (
            [f"<p>{escape(each.heading)}</p><ul>{''.join(texts)}</ul>"] if each.summaries else []
        )
    return parts


def _about(rows: Sequence[Row]) -> str:
    done = [row for row in rows if row["status"] == DONE]
    numbers = f"{len(done)} rows, {len(rows) - len(done)} failed."
    done = [row for row in done if "stopped_by" in row]
    if not done:
        return numbers
    stopped = Counter(text for text in _texts_of(done, "stopped_by"))
    by_run = {str(row.get("run_key", row["key"])): number_in(row, "cpu_seconds") for row in done}
    seconds = sum(value for value in by_run.values() if value is not None)
    return (
        f"{numbers} Training took {seconds / 60:.1f} "
        f"minutes of CPU time. {stopped['patience']} runs ended by the stopping rule, "
        f"{stopped['max_epochs']} at the limit of epochs. Every accuracy is that of the epoch "
        "with the best validation accuracy."
    )


def _rivals(panels: Sequence[Panel]) -> list[str]:
    """WIS against its rivals, if there are both."""
    tables, words = rival_grids(panels)
    verdicts = [f"<p>{escape(text)}</p>" for text in words]
    return ["<h2>Against the rivals</h2>", *verdicts, *map(_table, tables)] if tables else []


def _picture(figure: Figure, what: str) -> str:
    code = base64.b64encode(svg_of(figure).encode()).decode()
    return f'<p><img alt="{escape(what)}" src="data:image/svg+xml;base64,{code}"></p>'


def _table(grid: Grid, kind: str = "") -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in grid.head)
    head = f"<caption>{escape(grid.title)}</caption><thead><tr>{head}</tr></thead>"
    return _html_table(head, grid.lines, f' class="{kind}"' if kind else "")


def _html_table(head: str, lines: Iterable[Sequence[str]], kind: str = "") -> str:
    """An HTML table; the first cell of each line is a heading."""
    body = "\n".join(
        f'<tr><th scope="row">{escape(line[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in line[1:])
        + "</tr>"
        for line in lines
    )
    return f'<div class="wide"><table{kind}>{head}<tbody>{body}</tbody></table></div>'


def _failures(rows: Iterable[Row]) -> list[str]:
    errors = Counter(str(row.get("error")) for row in rows if row["status"] == FAILED)
    items = (f"<li>{n} × {escape(error)}</li>" for error, n in errors.most_common(SHOWN_FAILURES))
    return ["<h2>Failed runs</h2>", f"<ul>{''.join(items)}</ul>"] if errors else []


def _recipe(name: str, key: str, line: Row | None) -> str:
    settings = None if line is None else line.get("settings")
    if not isinstance(settings, dict):
        return f"<p>{escape(name)}: not in the file of results (hash {escape(key[:12])}).</p>"
    text = escape(recipe_toml(_as_spelt_today(settings)))
    return (
        f"<p>{escape(name)}, hash {escape(key[:12])}; saved as a .toml file it can be run again by "
        f"<code>wis bench run</code>:</p><pre>{text}</pre>"
    )


def _as_spelt_today(settings: dict[str, Any]) -> dict[str, Any]:
    """The recipe, with the plain numbers of older versions as percentages."""
    amounts = settings.get("remove")
    if not isinstance(amounts, list):
        return settings
    spelt = [f"{a!r}%" if is_field(a, "number") else a for a in amounts]
    return {**settings, "remove": [a.replace(".0%", "%") if "%" in str(a) else a for a in spelt]}


def recipe_toml(settings: Mapping[str, Any]) -> str:
    """The text of a recipe file; None values are left out.

    >>> print(recipe_toml({"seeds": 2, "models": [{"name": "gcn"}]}), end="")
    seeds = 2
    <BLANKLINE>
    [[models]]
    name = "gcn"
    """
    tables = {key: value for key, value in settings.items() if _is_tables(value)}
    lines = _toml_lines({k: v for k, v in settings.items() if k not in tables})
    for key, value in tables.items():
        for table in value:
            lines += ["", f"[[{_toml_key(key)}]]", *_toml_lines(table)]
    return "\n".join(lines) + "\n"


def _toml_lines(settings: Mapping[str, Any]) -> list[str]:
    return [f"{_toml_key(k)} = {_toml(v)}" for k, v in settings.items() if v is not None]


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _toml(value: Any) -> str:
    """A value in TOML, which differs from JSON in objects, nan and escapes."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml_key(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_key(name: str) -> str:
    return name if BARE_KEY.fullmatch(name) else _toml(name)


def environment_of(rows: Sequence[Row]) -> dict[str, str]:
    """Versions and machines of the runs: all values of each fact."""
    done = [row for row in rows if row["status"] == DONE]
    versions = [row["versions"] if isinstance(row.get("versions"), dict) else {} for row in done]
    facts: dict[str, str] = {}
    for package in sorted({name for some in versions for name in some}):
        facts[echo(package)] = ", ".join(dict.fromkeys(_texts_of(versions, package)))
    trained = {"threads of a run": "threads", "splits": "split", "devices": "config.device"}
    for title, name in (
        ("git revision", "git_revision"),
        ("system", "system"),
        ("processor", "processor"),
        ("CPUs", "num_cpus"),
        *trained.items(),
    ):
        values = dict.fromkeys(_texts_of(done, name))
        if title in trained:  # rows of experiments do not have them
            values.pop("unknown", None)
        if values or title not in trained:
            facts[title] = ", ".join(values)
    times = sorted(set(_texts_of(done, "finished_at")) - {"unknown"})
    facts["first and last run"] = f"{times[0]} to {times[-1]}" if times else "unknown"
    return facts


def _texts_of(rows: Sequence[Row], name: str) -> list[str]:
    """Return the value of a field in each row as text, or ``unknown``."""
    found = (field_of(row, name) for row in rows)
    return ["unknown" if value is None else echo(str(value)) for value in found]
