"""Broken recipes and results: one line or an answer, never a traceback.

Each case is a valid file that is broken in some places, drawn from a seed that the test's name
tells. ``WIS_FUZZ=10`` tries ten times as many.

| what is broken | how | what reads it |
|---|---|---|
| recipes of all kinds | bytes, tokens | `find_recipe`, as `wis bench run` and `list` do |
| amounts, seeds, methods on the command line | characters | `parse_amounts` and the like |
| rows of all kinds | bytes, lines, fields | `wis bench table`, `export`, `plot`, `report` |
"""

from __future__ import annotations

import copy
import json
import os
import random

import pytest
from rows import made_row, two_methods

from wis.errors import WisError
from wis.experiments.recipe import parse_methods
from wis.experiments.settings import parse_amounts, parse_seeds
from wis.experiments.sweep import available_recipes, find_recipe
from wis_cli.main import run

FACTOR = int(os.environ.get("WIS_FUZZ", "1"))
BATCHES = range(8)
ODD = [
    *(None, True, False, [], {}, "", 0, -1, 1, 0.5, 50, 100.0, 101, 1e308, 10**30, -(2**63)),
    *(float("inf"), float("nan"), [[[[1]]]], {"a": {"b": {"c": []}}}, [1, "a", None], {"": 0}),
    *("$\\frac{$", "\ud800", "\udfff$x$", "=1+1", "-", "x" * 500, "\x00\x1b[31m", "中文\u202e"),
    *(
        "a\nb",
        "cora",
        "random",
        "full",
        "{}",
        "%s",
        "area",
        "1-WIS",
        "<script>",
        "&amp;",
        "|",
        "\\",
    ),
    json.loads("[" * 15 + "]" * 15),
]
TOKENS = [
    *(b"1979-05-27", b"07:32:00", b"9" * 30, b"9" * 5_000, b"[" * 300, b"{a=", b"inf", b"nan"),
    *(b"-1", b"true", b"''", b'"\\ud800"', b"\xff\xfe", b"\x00", b"\xed\xa0\x80", b"\n", b"\r"),
    *(b"=", b"[[", b"]]", b'"', b"#", b",", b"0", b"1e999", b"0x10", b"50%", b"'''", b"."),
    *(b"[models]", b"[[methods]]"),
]


def broken_bytes(content, chance):
    """A few bytes or tokens in other places, lost, doubled or odd."""
    content = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(content) + 1)
        end = min(len(content), at + chance.choice((1, 1, 3, 10, 80)))
        kind = chance.randrange(5)
        if kind == 0:
            content[at:end] = chance.choice(TOKENS)
        elif kind == 1:
            content[at:at] = chance.choice(TOKENS)
        elif kind == 2:
            del content[at:end]
        elif kind == 3:
            content[at:at] = content[at:end] * 2
        else:
            content[at:end] = chance.randbytes(end - at)
    return bytes(content)


def broken_value(content, chance):
    """A value after an equals sign replaced by an odd one."""
    lines = content.splitlines()
    at = chance.choice([k for k, line in enumerate(lines) if b"=" in line])
    lines[at] = lines[at].partition(b"=")[0] + b"= " + chance.choice(TOKENS)
    return b"\n".join(lines)


def broken_rows(rows, chance):
    """Rows with fields that are lost, renamed or odd, at any depth, and lines that are lost."""
    rows = copy.deepcopy(rows)
    for _ in range(chance.choice((1, 1, 2, 5))):
        spot = chance.choice(rows)
        while True:
            inner = [key for key, value in spot.items() if isinstance(value, dict) and value]
            if not inner or chance.random() < 0.6:
                break
            spot = spot[chance.choice(inner)]
        if not spot:
            continue
        key = chance.choice(list(spot))
        kind = chance.randrange(4)
        if kind == 0:
            del spot[key]
        elif kind == 1:
            spot[str(chance.choice(ODD)).replace("\ud800", "")] = spot.pop(key)
        else:
            spot[key] = chance.choice(ODD)
    lines = [json.dumps(row).encode() + b"\n" for row in rows]
    if chance.random() < 0.2:
        del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def checked(call, *arguments):
    """The result, or None where a single short line says what is wrong."""
    told, found = "", None
    try:
        found = call(*arguments)
    except WisError as error:
        told = str(error)
    assert "\n" not in told
    assert len(told) < 2_000
    return found


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", ["one_minute", "smoke_table5_1", "smoke_factorization"])
def test_broken_recipes_are_recipes_or_one_line(name, batch, tmp_path):
    content = available_recipes()[name].read_bytes()
    path = tmp_path / "broken.toml"
    for number in range(40 * FACTOR):
        chance = random.Random(f"{name}/{batch}/{number}")
        path.write_bytes(chance.choice((broken_bytes, broken_value))(content, chance))
        found = checked(find_recipe, str(path))
        assert found is None or found[0] == "broken"


TEXTS = ["0%:100%:10%", "0%,25%,50%", "50 edges", "0.5", "0,3,5", "wis:walk_length=2,random"]


@pytest.mark.parametrize("batch", BATCHES)
def test_broken_amounts_seeds_and_methods_are_taken_or_one_line(batch):
    for number in range(40 * FACTOR):
        chance = random.Random(f"texts/{batch}/{number}")
        text = broken_bytes(chance.choice(TEXTS).encode(), chance).decode(errors="surrogateescape")
        for parse in (parse_amounts, parse_seeds, parse_methods):
            checked(parse, text)
        checked(lambda text: parse_amounts(text, bare_edges=True), text)


def table5_1_rows():
    config = {"depth": 3, "learning_rate": 0.1, "model_options": {}, "max_epochs": 2, "seed": 0}
    names = ("train_accuracy", "test_accuracy", "best_train_accuracy", "test_accuracy_at_best")
    said = {"images": "digits", "num_train": 9, "num_test": 3, "data_seed": 0, "num_epochs": 2}
    return [
        {"type": "run", "kind": "table5_1", "key": f"{model}{part}{seed}", "status": "done",
         "error": None, "recipe": "t", "recipe_hash": "ab", "model": model, "partition": part,
         "seed": seed, "walk_index": 5, "config": config, **said, **dict.fromkeys(names, 0.5)}
        for model in ("gcn", "gin")
        for part in ("low", "high")
        for seed in (0, 1)
    ]  # fmt: skip


def factorization_rows():
    return [
        {"type": "run", "kind": "factorization", "key": f"f{seed}", "status": "done", "seed": seed,
         "recipe": "f", "recipe_hash": "cd", "experiment": "figB_2", "verdict": "It rises.",
         "found": {"rank": 2}, "error": None}
        for seed in range(3)
    ]  # fmt: skip


def accuracy_rows():
    rows = [row | {"val_accuracy": 0.6, "written": [0, 1]} for row in two_methods()]
    recipe = {
        "kind": "accuracy",
        "title": "$t$",
        "remove": [0.0, 50.0],
        "models": [{"name": "gcn"}],
    }
    told = {"type": "recipe", "recipe_hash": "0123456789abcdef", "name": "made", "settings": recipe}
    return [told, *rows, made_row("random", 50.0, 2, None)]


ROWS = {
    "accuracy": accuracy_rows(),
    "table5_1": table5_1_rows(),
    "factorization": factorization_rows(),
}


def broken_results(kind, chance):
    rows = ROWS[kind]
    if chance.random() < 0.35:
        whole = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        return broken_bytes(whole, chance)
    return broken_rows(rows, chance)


def answers(capsys, *arguments):
    """Run a command that has to end with an exit code and at most an error of one line."""
    code = run(["bench", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert code in (0, 1, 2)
    assert "Traceback" not in err
    errors = [line for line in err.splitlines() if line.startswith("Error")]
    assert len(errors) == (code != 0), err
    assert code == 0 or not out
    assert all(len(line) < 2_000 for line in errors)
    out.encode()
    return code


STYLES = [
    ("--format", style, "--baseline", baseline, "--metric", metric)
    for style in ("text", "markdown", "latex", "csv")
    for baseline in ("random", "full")
    for metric in ("test", "val")
]


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("kind", ROWS)
def test_broken_results_are_tabulated_and_exported_or_one_line(kind, batch, tmp_path, capsys):
    path = tmp_path / "broken.jsonl"
    for number in range(16 * FACTOR):
        chance = random.Random(f"{kind}/{batch}/{number}")
        path.write_bytes(broken_results(kind, chance))
        answers(capsys, "table", path, *chance.choice(STYLES))
        ending = chance.choice(("csv", "csv", "parquet"))
        answers(capsys, "export", path, "-o", tmp_path / f"rows.{ending}", "--force")
        if chance.random() < 0.2:
            recipe = chance.choice(("made", "t", "01", "$x"))
            answers(capsys, "table", path, "--recipe", recipe)


@pytest.mark.parametrize("batch", BATCHES)
def test_broken_results_are_drawn_and_reported_or_one_line(batch, tmp_path, capsys):
    path = tmp_path / "broken.jsonl"
    done = 0
    for number in range(4 * FACTOR):
        chance = random.Random(f"pictures/{batch}/{number}")
        path.write_bytes(broken_rows(ROWS["accuracy"], chance))
        metric = ("--metric", chance.choice(("test", "val")), "--force")
        if chance.random() < 0.5:
            done += answers(capsys, "report", path, "-o", tmp_path / "r.html", *metric)
        else:
            costs = ("--costs",) if chance.random() < 0.5 else ()
            done += answers(capsys, "plot", path, "-o", tmp_path / "p.svg", *costs, *metric)


def test_what_is_not_broken_is_tabulated_drawn_and_reported(tmp_path, capsys):
    for kind, rows in ROWS.items():
        path = tmp_path / f"{kind}.jsonl"
        path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
        assert answers(capsys, "table", path) == 0
        assert answers(capsys, "export", path, "-o", tmp_path / f"{kind}.csv") == 0
    path = tmp_path / "accuracy.jsonl"
    assert answers(capsys, "plot", path, "-o", tmp_path / "a.svg", "--metric", "val") == 0
    assert answers(capsys, "report", path, "-o", tmp_path / "a.html", "--baseline", "full") == 0
    page = (tmp_path / "a.html").read_text()
    assert "difference to the whole graph in test accuracy" in page
    assert "&quot;0%&quot;, &quot;50%&quot;" in page  # as recipes are spelt today
