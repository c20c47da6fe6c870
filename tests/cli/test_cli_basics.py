"""The command line as a whole: help, examples, exit codes, streams, interruption."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from dataclasses import replace
from pathlib import Path

import click
import pytest

from wis.theory.experiments import get_experiment
from wis.theory.experiments.registry import EXPERIMENTS
from wis_cli import framework
from wis_cli import sparsify as sparsify_module
from wis_cli.framework import cli
from wis_cli.main import run

COMMANDS = sorted(cli.commands)


def leaves(group, prefix=""):
    """The commands that do something, under the words that call them."""
    found = {}
    for name, command in group.commands.items():
        words = f"{prefix}{name}"
        if isinstance(command, click.Group):
            found.update(leaves(command, f"{words} "))
        else:
            found[words] = command
    return found


LEAVES = leaves(cli)
TOY = Path(__file__).parents[2] / "datasets" / "toy" / "friends.csv"
SCRIPT = shutil.which("wis", path=sysconfig.get_path("scripts"))


def wis(*args, cwd, **settings):
    """The installed entry point, as a shell would start it."""
    assert SCRIPT is not None, "the package is not installed"
    settings.setdefault("capture_output", True)
    return subprocess.run([SCRIPT, *args], cwd=cwd, text=True, timeout=60, check=False, **settings)


def test_help_is_quick_and_imports_nothing_heavy():
    code = (
        "import sys; from wis_cli.main import run; run(['--help']); run(['sparsify', '--help']);"
        "heavy = {'torch', 'torch_geometric', 'numpy', 'networkx', 'matplotlib', 'rich'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_process_ends_without_a_collection_of_all_that_it_imported():
    code = (
        "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 0));"
        "from wis_cli.main import run; run()"
    )
    done = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True)
    assert done.stdout.splitlines()[1:] == ["True"]


def test_the_version_is_that_of_the_package(capsys):
    import wis as package

    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"wis {package.__version__}\n"


def test_help_lists_every_command_untruncated(capsys):
    assert run([]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in COMMANDS)
    assert "..." not in text.split("Commands:")[1]


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_every_command_is_one_sentence_with_an_example_and_options_that_explain_themselves(
    name, capsys
):
    command = LEAVES[name]
    first = (command.help or "").strip().splitlines()[0]
    assert first.endswith(".")
    assert all(example.split()[0] == "wis" or "wis " in example for example in command.examples)
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
    assert run([*name.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert all(example in text for example in command.examples)


# Those of `wis bench` run one after the other, on each other's files: tests/cli/test_cli_bench.py.
@pytest.mark.parametrize("name", sorted(name for name in LEAVES if not name.startswith("bench ")))
def test_the_examples_of_every_command_run(name, tmp_path, monkeypatch, capsys):
    from wis.datasets import load
    from wis.io import write_graph

    monkeypatch.chdir(tmp_path)
    shutil.copy(TOY, tmp_path / "friends.csv")
    (tmp_path / "edges").mkdir()
    shutil.copy(TOY, tmp_path / "edges" / "part-0.csv")
    graph = load("sbm:n=60,p_in=0.3")
    write_graph(graph, tmp_path / "cora.pt")
    graph.edge_type = (graph.edge_index[0] + graph.edge_index[1]) % 3
    write_graph(graph, tmp_path / "knowledge.pt")
    examples = LEAVES[name].examples
    assert examples
    figure = get_experiment("figB_2")
    small = replace(figure.quick, max_steps=300, shape=(4, 4, 4), num_observations=30)
    monkeypatch.setitem(EXPERIMENTS._rows, "figb_2", replace(figure, quick=small))
    for example in examples:
        words = shlex.split(example)
        if words[0] == "wis" and "|" not in words:
            assert run(words[1:]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_every_shell(shell, capsys):
    assert run(["completion", shell]) == 0
    assert "_WIS_COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("wis spars", "plain,sparsify"),
        ("wis inspect les", "plain,les-miserables"),
        ("wis sparsify --method ra", "plain,random"),
        ("wis sparsify karate --walk", "plain,--walk-length"),
    ],
)
def test_completion_knows_commands_graphs_methods_and_options(words, expected, monkeypatch, capsys):
    monkeypatch.setenv("_WIS_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert run([]) == 0
    assert expected in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["sparsfy"], "No such command"),
        (["sparsify"], "Missing argument 'GRAPH'"),
        (["inspect", "karate", "--jsn"], "No such option"),
        (["completion", "tcsh"], "'tcsh' is not one of"),
        (["order", "karate", "-o", "o.npz", "--count", "1.5"], "'1.5' is not a valid integer"),
        (["order", "karate", "-o", "o.npz", "--count", "-1"], "x>=0"),
        (["order", "karate"], "Missing option '-o'"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(args, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: ")
    assert words in err
    assert err.count("\n") == 1


def test_an_unexpected_exception_keeps_its_traceback(monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(sparsify_module.GraphSource, "check", broken)
    with pytest.raises(ZeroDivisionError):
        run(["sparsify", "karate", "--remove", "1"])


SIGNALS = [(signal.SIGINT, 130, "interrupted\n"), (signal.SIGTERM, 143, "terminated\n")]


@pytest.mark.parametrize(("number", "code", "line"), SIGNALS)
def test_a_signal_while_computing_is_one_line_and_leaves_no_file(
    tmp_path, monkeypatch, capsys, number, code, line
):
    def interrupted(*args, **kwargs):
        os.kill(os.getpid(), number)
        time.sleep(5)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("wis.order.ranking.Ranking.made", interrupted)
    assert run(["sparsify", "karate", "--remove", "50%"]) == code
    assert capsys.readouterr() == ("", line)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "code", "line"), SIGNALS)
def test_a_signal_while_a_file_is_written_leaves_no_file(
    tmp_path, monkeypatch, capsys, number, code, line
):
    def interrupted(descriptor):
        os.kill(os.getpid(), number)
        time.sleep(5)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.fsync", interrupted)
    assert run(["sparsify", "karate", "--remove", "50%"]) == code
    assert capsys.readouterr() == ("", line)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "code", "line"), SIGNALS)
def test_a_signal_that_an_import_turns_into_its_own_error_is_still_that_signal(
    monkeypatch, capsys, number, code, line
):
    def mistranslated(*args):
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        except (KeyboardInterrupt, SystemExit):
            raise ImportError("initialization failed") from None

    monkeypatch.setattr(sparsify_module.GraphSource, "check", mistranslated)
    assert run(["sparsify", "karate", "--remove", "50%"]) == code
    assert capsys.readouterr().err == line


def test_a_second_request_to_end_does_not_disturb_the_tidying_up(monkeypatch, capsys):
    tidied = []

    def terminated(*args):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            tidied.append(True)

    monkeypatch.setattr(sparsify_module.GraphSource, "check", terminated)
    assert run(["sparsify", "karate", "--remove", "50%"]) == 143
    assert tidied
    assert capsys.readouterr().err == "terminated\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_handlers_of_signals_are_put_back(number):
    before = signal.getsignal(number)
    run(["--version"])
    assert signal.getsignal(number) is before


# From here on through the installed entry point.


def test_the_installed_command_does_the_main_job(tmp_path):
    done = wis("sparsify", "karate", "--remove", "50%", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["num_edges_before"], record["num_edges_after"]) == (78, 39)
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["karate-sparse.pt"]


def test_the_installed_command_reports_bad_data_and_bad_usage(tmp_path):
    missing = wis("inspect", "missing.csv", cwd=tmp_path)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith("Error: missing.csv: no such file")
    usage = wis("sparsify", "karate", cwd=tmp_path)
    assert (usage.returncode, usage.stdout) == (2, "")


@pytest.mark.parametrize(
    ("module", "wait_s", "number", "code", "line"),
    [
        ("click", 0, *SIGNALS[0]),
        ("torch.", 0, *SIGNALS[0]),
        ("wis.graph", 2, *SIGNALS[0]),
        ("torch.", 0, *SIGNALS[1]),
    ],
    ids=["while starting", "while importing", "while reading", "terminated while importing"],
)
def test_a_signal_ends_the_installed_command_with_its_code_and_no_file(
    tmp_path, module, wait_s, number, code, line
):
    assert SCRIPT is not None
    process = subprocess.Popen(
        [SCRIPT, "sparsify", "-", "--remove", "50%", "-o", "out.csv"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        for imported in process.stderr:
            if module in imported.decode():
                break
        time.sleep(wait_s)
        process.send_signal(number)
        rest = [line for line in process.stderr if not line.startswith(b"import time:")]
        assert process.stdout.read() == b""
    assert (process.returncode, rest) == (code, [line.encode()])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_one_line(tmp_path):
    with open("/dev/full", "w") as full:
        done = wis(
            "datasets", cwd=tmp_path, capture_output=False, stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 1
    assert done.stderr == "Error: standard output: cannot be written: No space left on device\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_a_graph_on_standard_output_is_one_line(tmp_path):
    with open("/dev/full", "w") as full:
        done = wis(
            *("sparsify", str(TOY), "--remove", "1", "-o", "-"),
            cwd=tmp_path,
            capture_output=False,
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert done.returncode == 1
    assert done.stderr == "Error: standard output: cannot be written: No space left on device\n"


def test_a_reader_that_went_away_is_no_error_message(tmp_path):
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as nobody:
        done = wis(
            "datasets", cwd=tmp_path, capture_output=False, stdout=nobody, stderr=subprocess.PIPE
        )
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("spelt", "typed", "value", "shown"),
    [
        ("--sample N>=1 = 32", ["--sample", "4"], 4, "--sample N Some. [default: 32; x>=1]"),
        ("--sample N>=1 = 32", [], 32, "--sample N"),
        ("-s, --sample X", ["-s", "0.5"], 0.5, "-s, --sample X Some."),
        ("--sample K,K,... = 1,2", [], "1,2", "--sample K,K,... Some. [default: 1,2]"),
        ("--sample NAME = (that of A = 3)", [], None, "NAME Some. [default: (that of A = 3)]"),
        ("--sample", ["--sample"], True, "--sample Some."),
        ("--sample/--no-sample", ["--no-sample"], False, "--sample / --no-sample Some."),
    ],
)
def test_an_option_is_written_as_its_help_shows_it(spelt, typed, value, shown):
    found = []
    settings = {"show_default": True}
    command = click.Command(
        "c", callback=lambda sample: found.append(sample), context_settings=settings
    )
    framework.option(spelt, "Some.")(command)
    with command.make_context("c", []) as context:
        assert shown in " ".join(command.get_help(context).split())
    command.main(typed, standalone_mode=False)
    assert found == [value]


def test_an_option_with_a_least_value_refuses_less():
    command = framework.option("--sample N>=1", "Some.")(click.Command("c"))
    with pytest.raises(click.BadParameter, match="not in the range x>=1"):
        command.main(["--sample", "0"], standalone_mode=False)
