"""Recipes: all that wis brings parse and say what the thesis says; bad ones get one line."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from wis.base.checks import num_edges_to_remove
from wis.errors import GraphFileError, OptionError, RecipeError, UnknownNameError, WisError
from wis.experiments import Backend, RunOptions, read_recipe, read_results
from wis.experiments.recipe import Recipe, apply_overrides, parse_methods, recipe_of
from wis.experiments.settings import Amounts, parse_amounts, parse_seeds, spelt
from wis.experiments.sweep import KINDS, Plan, available_recipes, find_recipe, preview, run_recipe
from wis.show.sweep_report import recipe_toml
from wis.training import TABLE_D2

RECIPES = available_recipes()
ACCURACY = [name for name in RECIPES if find_recipe(name)[1]["kind"] == "accuracy"]
THESIS = [name for name in ACCURACY if name.startswith("thesis_")]
SMOKE = """
kind = "accuracy"
dataset = "digits"
remove = ["0%", "50%"]
seeds = 2
[[models]]
name = "gcn"
[[methods]]
name = "random"
"""


def facts_of(recipe, folder):
    """What a sweep of the recipe would do."""
    options = RunOptions(folder / "runs.jsonl", orders=folder)
    return preview(recipe.name, recipe.as_dict(), options)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_parses_and_has_runs(name):
    found, settings = find_recipe(name)
    assert found == name
    assert KINDS[settings["kind"]].plan(name, settings, RunOptions(Path())).num_runs > 0
    assert settings["title"]


def test_the_recipe_of_a_minute_dry_runs(tmp_path):
    recipe = read_recipe(RECIPES["one_minute"])
    facts = preview(
        recipe.name, recipe.as_dict(), RunOptions(tmp_path / "runs.jsonl", orders=tmp_path)
    )
    assert facts["num_rows"] == facts["num_rows_missing"] == recipe.num_runs
    assert 0 < facts["num_jobs"] <= facts["num_trainings"] <= recipe.num_runs


@pytest.mark.data
@pytest.mark.skipif("WIS_DATA_ROOT" not in os.environ, reason="WIS_DATA_ROOT is not set")
@pytest.mark.parametrize("name", [n for n in THESIS if "cora" in n or "chameleon" in n])
def test_recipes_of_the_thesis_dry_run(name, tmp_path):
    recipe = read_recipe(RECIPES[name])
    facts = preview(
        recipe.name, recipe.as_dict(), RunOptions(tmp_path / "runs.jsonl", orders=tmp_path)
    )
    assert facts["num_rows_missing"] == recipe.num_runs
    chosen = len(recipe.methods) * 19 + 2  # nothing and all removed are the same for all methods
    assert facts["num_trainings"] == chosen * len(recipe.seeds)


def test_there_is_a_recipe_for_each_row_of_table_d2():
    found = {(r.models[0].name, r.dataset) for r in map(read_recipe, map(RECIPES.get, THESIS))}
    assert found == set(TABLE_D2)
    assert len(THESIS) == len(TABLE_D2)


@pytest.mark.parametrize("name", THESIS)
def test_a_recipe_of_the_thesis_follows_appendix_d(name):
    recipe = read_recipe(RECIPES[name])
    (model,) = recipe.models
    row = TABLE_D2[model.name, recipe.dataset]
    config = model.config()
    assert (config.learning_rate, config.weight_decay) == (row.learning_rate, row.weight_decay)
    assert (config.max_epochs, config.patience, config.min_delta) == (10_000, 1_000, 0.0001)
    assert (config.width, config.depth) == (64, 10 if model.name == "resgcn" else 3)
    assert recipe.percentages == tuple(range(0, 101, 5))
    assert len(recipe.seeds) == (5 if model.name == "resgcn" else 10)
    methods = {method.label: method for method in recipe.methods}
    expected = {"1-WIS", "random", "spectral", "UGS"}
    assert set(methods) == (expected | {"2-WIS"} if recipe.dataset == "cora" else expected)
    ugs = methods["UGS"].options
    assert ugs["l1"] == row.edge_mask_l1
    assert (ugs["learning_rate"], ugs["weight_decay"]) == (row.learning_rate, row.weight_decay)
    if "2-WIS" in methods:
        assert methods["2-WIS"].options == {"walk_length": 2, "batch_size": 100}


@pytest.mark.parametrize("name", ACCURACY)
def test_a_recipe_written_as_toml_is_the_same_recipe(name):
    recipe = read_recipe(RECIPES[name])
    again = Recipe.from_settings(name, tomllib.loads(recipe_toml(recipe.as_dict())))
    assert again == recipe
    assert again.hash == recipe.hash


def test_the_hash_is_of_what_decides_the_rows():
    recipe = recipe_of("digits", models="gcn", methods="random")
    assert recipe.hash == recipe.changed(title="other", source="other", name="other").hash
    for changes in ({"seeds": (0, 1)}, {"percentages": (5.0,)}, {"dataset": "karate"}):
        assert recipe.changed(**changes).hash != recipe.hash


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("seeds = 2", ""), "the key 'seeds' is missing"),
        (("seeds = 2", "seeds = 'two'"), "seeds is 'two'; expected an integer or a list"),
        (("seeds = 2", "seeds = [0, 0]"), "seeds must differ; 0 is there twice"),
        (("seeds = 2", "seeds = 0"), "seeds is 0; expected a number of seeds"),
        (("remove = [", "remove = '0%:200%:5%' #"), "expected amounts such as"),
        (("remove = [", "remove = [] #"), "expected amounts such as"),
        (("remove = [", "remove = '0:100:5' #"), "write '0%:100%:5%' for percentages"),
        (("remove = [", "remove = [0, 50] #"), "write '50%' for .* or '50 edges' for a number"),
        (("remove = [", "remove = [2.5] #"), "write '2.5%' for a percentage"),
        (("remove = [", "remove = '0,50' #"), "bare number 50; write '50%'"),
        (('name = "gcn"', 'name = "gnc"'), r"unknown model 'gnc'; known: gat, gcn"),
        (('name = "gcn"', 'name = "gcn"\nwidht = 3'), "model 'gcn' has no setting 'widht'"),
        (('name = "gcn"', 'name = "gcn"\nwidth = -3'), "width is -3"),
        (('name = "gcn"', 'name = "gcn"\nseed = 3'), "has no setting 'seed'"),
        (('name = "random"', 'name = "randm"'), "unknown method 'randm'"),
        (
            ('name = "random"', 'name = "random"\nwalk = 3'),
            "has no option 'walk'; its options: none",
        ),
        (('name = "random"', 'nam = "random"'), r"a table \[\[methods\]\] needs a name"),
        (('kind = "accuracy"', 'kind = "accuracy"\nepochs = 3'), "unknown key 'epochs'"),
    ],
)
def test_a_bad_recipe_is_one_line_that_names_the_file_and_what_is_wrong(change, words, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SMOKE.replace(*change))
    with pytest.raises(RecipeError, match=words) as error:
        read_recipe(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    with pytest.raises(RecipeError, match=words):
        find_recipe(str(path))


def test_a_file_that_is_no_recipe_says_so(tmp_path):
    path = tmp_path / "mine.toml"
    with pytest.raises(GraphFileError, match="cannot be read"):
        read_recipe(path)
    path.write_text("kind = ")
    with pytest.raises(RecipeError, match="not TOML"):
        read_recipe(path)
    path.write_text("seeds = 3")
    with pytest.raises(RecipeError, match="the key kind is missing"):
        read_recipe(path)
    path.write_text('kind = "magic"')
    with pytest.raises(UnknownNameError, match="unknown kind of recipe 'magic'"):
        find_recipe(str(path))
    with pytest.raises(UnknownNameError, match=r"unknown recipe 'one_minut'.*Did you mean"):
        find_recipe("one_minut")


class Squares:
    """A kind whose rows are the squares of some numbers, the smallest that there can be."""

    name = "squares"

    def plan(self, name, settings, options):
        return SquaresPlan(name, "abc", settings, len(settings["numbers"]))

    def run_row(self, job):
        return [{"square": int(row.key) ** 2} for row in job.runs]

    def summarise(self, rows):
        return " ".join(str(row["square"]) for row in rows)


class SquaresPlan(Plan):
    @property
    def rows(self):
        return [SimpleNamespace(key=str(number)) for number in self.settings["numbers"]]

    def rows_of(self, outcomes):
        return [{"type": "run", "kind": "squares", **outcome} for outcome in outcomes]


def test_a_kind_of_its_own_says_its_rows_and_gets_everything_else(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('kind = "squares"\nnumbers = [2, 3]')
    options = RunOptions(tmp_path / "runs.jsonl", Backend(own_process=False))
    with KINDS.restored():
        KINDS.add("squares", Squares())
        name, settings = find_recipe(str(path))
        assert preview(name, settings, options)["num_rows_missing"] == 2
        status = run_recipe(name, settings, options)
        assert (status.done, status.new, status.failed, status.table) == (2, 2, 0, "4 9")
        assert run_recipe(name, {**settings, "numbers": [2, 3, 4]}, options).new == 1
        assert [row["square"] for row in read_results([options.results])[0]] == [4, 9, 16]


@pytest.mark.parametrize(
    ("given", "percentages", "edges"),
    [
        ("0%:100%:25%", (0, 25, 50, 75, 100), ()),
        ("0:100:25%", (0, 25, 50, 75, 100), ()),
        ("0%:10%:2.5%", (0, 2.5, 5, 7.5, 10), ()),
        ("50%,0", (0, 50), ()),
        ("0:1:0.1", tuple(range(0, 101, 10)), ()),
        ("0.3, 30.5 %", (30, 30.5), ()),
        ("30%", (30,), ()),
        ("1.0", (100,), ()),
        (["5%", 0.025, 0], (0, 2.5, 5), ()),
        (["7 edges", "1 edge", "50%", "0 edges"], (0, 50), (1, 7)),
    ],
)
def test_amounts_can_be_ranges_and_lists_of_percentages_fractions_and_edges(
    given, percentages, edges
):
    assert parse_amounts(given) == Amounts(percentages, edges)
    assert parse_amounts(spelt(parse_amounts(given))) == Amounts(percentages, edges)


@pytest.mark.parametrize("text", ["50", "0", "1", "7, 3", "0.5", "50%", "12 edges"])
def test_an_amount_on_the_command_line_means_what_it_means_to_sparsify(text):
    amounts = parse_amounts(text, bare_edges=True)
    counts = [num_edges_to_remove(80, remove=f"{p!r}%") for p in amounts.percentages]
    alike = text.replace("edges", "").split(",")
    assert sorted([*counts, *amounts.edges]) == sorted(
        num_edges_to_remove(80, remove=item.strip()) for item in alike
    )


@pytest.mark.parametrize(
    "given",
    [
        *("", "0%:100%", "100%:0:5%", "0:100:0%", "-5%", "101%", "a:b:c", [None], "٣%", "1_0%"),
        *("0%:100%:0.001%", "1e400%", [True], [[]], [{}], "+5%", "5 %%", "1:2", "inf", "x edges"),
        *("%", "nan%"),
    ],
)
def test_impossible_amounts_are_refused(given):
    with pytest.raises(OptionError, match="expected amounts") as error:
        parse_amounts(given)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "given", ["50", "1", [50], [1], [2.5], "0,50", "0:100:10", "3:5:1", [1e300]]
)
def test_bare_numbers_of_older_recipes_are_refused_with_both_spellings(given):
    with pytest.raises(OptionError, match=r"write '.*%' for"):
        parse_amounts(given)


def test_amounts_that_are_the_same_on_a_graph_are_refused(tmp_path):
    recipe = recipe_of("karate", models="gcn", methods="random", remove="50%,39 edges")
    assert (recipe.percentages, recipe.edges, recipe.num_runs) == ((50.0,), (39,), 2)
    with pytest.raises(OptionError, match="50% and 39 edges are the same on this graph"):
        facts_of(recipe, tmp_path)


def test_a_recipe_s_hash_and_rows_are_those_of_the_time_of_bare_percentages(tmp_path):
    recipe = recipe_of("digits", models="gcn", methods="random", remove="0%,50%")
    assert recipe.hash == "39f029fbd1159fc7922320c3d9adab9c6f1acb3a36775de07a73f044a1f4660c"
    from wis.experiments.accuracy import plan_rows
    from wis.experiments.inputs import Source

    rows = {row.cut.percentage: row.key for row in plan_rows(recipe, Source("digits"))}
    assert rows == {
        0.0: "0fb3e16010a0a488d344d664a6059b9972decd5723e60870a410a32f283e2dd8",
        50.0: "5896bfe2acad9bab5be82548d90a7d3ac8939be582dc8a03f665fc91760e4764",
    }


ODD_VALUES = [
    "1979-05-27T07:32:00Z", "1979-05-27", "07:32:00", str(2**63), str(-(10**30)), "9" * 5_000,
    "[" * 200 + "]" * 200, "[" * 100_000, "{a=" * 200 + "1" + "}" * 200, "inf", "nan", "-inf",
    "true", "[[1]]",
    "{a = 1}", "''", "-1", "1e400", '"\\u0000"', "[1, 'a', 2.5]", "0x7fffffffffffffff",
]  # fmt: skip
RECIPE_FILES = ("one_minute", "smoke_table5_1", "smoke_factorization")


def said_of(path):
    """The error of a recipe file, if it has one that is raised on purpose."""
    try:
        find_recipe(str(path))
    except WisError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: value[:20])
@pytest.mark.parametrize("name", RECIPE_FILES)
def test_odd_values_at_any_key_are_one_line_or_a_recipe(name, value, tmp_path):
    lines = RECIPES[name].read_text().splitlines()
    for index, line in enumerate(lines):
        if "=" not in line or line.startswith("#"):
            continue
        path = tmp_path / f"{index}.toml"
        changed = f"{line.split('=')[0]}= {value}"
        path.write_text("\n".join([*lines[:index], changed, *lines[index + 1 :]]))
        told = said_of(path)
        assert "\n" not in told
        assert len(told) < 1_000


@pytest.mark.parametrize(("given", "expected"), [(3, (0, 1, 2)), ("2", (0, 1)), ("0,7", (0, 7))])
def test_seeds_can_be_a_number_and_a_list(given, expected):
    assert parse_seeds(given) == expected


@pytest.mark.parametrize("given", ["", "x", "1,x", 0, [], [-1], [True]])
def test_impossible_seeds_are_refused(given):
    with pytest.raises(OptionError, match="seeds"):
        parse_seeds(given)


def test_methods_take_options_as_text():
    methods = parse_methods("wis:walk_length=2,batch_size=100, random,wis", walk_length=3)
    assert [(m.name, m.options, m.label) for m in methods] == [
        ("wis", {"walk_length": 2, "batch_size": 100}, "2-WIS (batch_size=100)"),
        ("random", {}, "random"),
        ("wis", {"walk_length": 3}, "3-WIS"),
    ]
    with pytest.raises(OptionError, match="'walk_length' is not of the form key=value"):
        parse_methods("wis:walk_length")


def test_a_walk_length_that_would_do_nothing_is_refused():
    recipe = read_recipe(RECIPES["thesis_fig5_3_cora_gcn"])
    with pytest.raises(OptionError, match="walk_length does not apply to random, spectral"):
        parse_methods("random, spectral", walk_length=2)
    baselines = recipe.changed(methods=parse_methods("random,spectral"))
    with pytest.raises(OptionError, match="walk_length does not apply to random, spectral"):
        apply_overrides(baselines, walk_length=2)


def test_the_command_line_changes_a_recipe():
    recipe = read_recipe(RECIPES["thesis_fig5_3_cora_gcn"])
    changed = apply_overrides(
        recipe, seeds="3", remove="0%:100%:50%", max_epochs=5, models="gcn,gin", methods=None
    )
    assert changed.seeds == (0, 1, 2)
    assert changed.percentages == (0, 50, 100)
    assert changed.methods == recipe.methods
    gcn, gin = (model.config() for model in changed.models)
    assert (gcn.max_epochs, gcn.learning_rate, gcn.weight_decay) == (5, 5e-4, 1e-3)
    assert (gin.model, gin.learning_rate) == ("gin", TABLE_D2["gin", "cora"].learning_rate)
    one = apply_overrides(recipe, walk_length=1, methods="wis")
    assert one.methods[0].options == {"walk_length": 1}
    with pytest.raises(OptionError, match="speed"):
        apply_overrides(recipe, speed=3)


def test_a_method_that_trains_a_network_trains_one_like_that_which_is_evaluated():
    from wis.experiments.inputs import network_options

    recipe = recipe_of("digits", models="gin", methods="ugs,random,ugs:model=gat", width=16)
    (model,) = recipe.models
    ugs, random, gat = (network_options(method, model) for method in recipe.methods)
    assert ugs == {"model": "gin", "depth": 3, "width": 16}
    assert random == {}
    assert gat["model"] == "gat"
