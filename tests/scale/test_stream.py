"""Folders streamed from disk against the same graph in memory; kills, damage, full disks."""

from __future__ import annotations

import os
import resource
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path

import forked
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scale_folders import notes_expected, notes_left, power_law_arcs, write_folder
from strategies import large_graphs, small_graphs

from wis.base.checks import checked_factor
from wis.errors import (
    GraphFileError,
    GraphFormatError,
    OptionError,
    OutputExistsError,
    UnknownNameError,
)
from wis.io import read_graph
from wis.scale import sparsify_files, vertices
from wis.scale.files import EdgeFiles
from wis.scale.phases import Levels, Phase
from wis.scale.vertices import look_at_ids

ARCS = power_law_arcs(200, 2000)
fresh = settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, *HealthCheck]
)


def streamed(source, output, **options):
    """Sparsify a folder; it leaves nothing but the two folders behind."""
    before = set(source.parent.iterdir())
    result = sparsify_files(source, output, progress=False, **options)
    assert set(source.parent.iterdir()) == before | {output}
    return result


def refused(error, source, output, match, **options):
    """The call fails with one line and leaves nothing behind."""
    before = sorted(source.parent.rglob("*"))
    with pytest.raises(error, match=match) as caught:
        sparsify_files(source, output, progress=False, **{"remove": "50%", **options})
    assert "\n" not in str(caught.value)
    assert sorted(source.parent.rglob("*")) == before


# The same as in memory


@given(
    st.one_of(small_graphs(), large_graphs()),
    st.sampled_from([1, 7, 64, 100_000]),
    st.integers(1, 4),
    st.sampled_from(["0", "13%", "50%", "100%"]),
    st.sampled_from([0.05, 0.1, 0.7]),
    st.integers(0, 3),
)
@fresh
def test_a_folder_loses_what_the_graph_in_memory_loses(
    tmp_path_factory, graph, block, num_files, remove, epsilon, seed
):
    num_nodes, arcs = graph
    folder = tmp_path_factory.mktemp("folder")
    source = write_folder(folder / "in", arcs, num_files=num_files)
    block = max(block, len(arcs) // 40)
    options = {"remove": remove, "epsilon": epsilon, "seed": seed}
    result = streamed(source, folder / "out", block=block, num_nodes=num_nodes, **options)
    expected = notes_expected(num_nodes, arcs, num_files, **options)
    assert notes_left(folder / "out") == expected
    assert result.num_rows_kept == sum(map(len, expected))
    assert (result.num_nodes, result.num_rows) == (num_nodes, len(arcs))


def test_row_numbers_of_two_words_are_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr("wis.scale.stream.MOST_OF_A_WORD", 100)
    source = write_folder(tmp_path / "in", ARCS * 2)
    streamed(source, tmp_path / "out", remove="50%", epsilon=0.1, block=700)
    expected = notes_expected(200, ARCS * 2, 3, remove="50%", epsilon=0.1)
    assert notes_left(tmp_path / "out") == expected


def test_columns_types_and_names_of_files_are_kept(tmp_path):
    source = write_folder(tmp_path / "in", ARCS)
    (tmp_path / "in" / "deep").mkdir()
    (source / "part-2.parquet").rename(source / "deep" / "part.parquet")
    (source / "_SUCCESS").touch()
    streamed(source, tmp_path / "out", remove="30%")
    names = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*"))
    assert names == ["deep/part.parquet", "part-0.parquet", "part-1.parquet"]
    old, new = (pq.read_table(tmp_path / end / "part-0.parquet") for end in ("in", "out"))
    assert new.schema == old.schema
    kept = old.filter(pa.compute.is_in(old["note"], new["note"].combine_chunks()))
    assert new.equals(kept)


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_text_files_give_parquet_files(tmp_path, kind):
    source = write_folder(tmp_path / "in", ARCS, kind="csv")
    if kind == "tsv":
        for path in list(source.iterdir()):
            text = path.read_text().replace(",", "\t")
            path.with_suffix(".tsv").write_text(text)
            path.unlink()
    streamed(source, tmp_path / "out", remove="50%", epsilon=0.1)
    assert notes_left(tmp_path / "out") == notes_expected(200, ARCS, 3, remove="50%", epsilon=0.1)


def test_text_files_without_a_header_and_a_single_file_are_read(tmp_path):
    path = tmp_path / "edges.csv"
    path.write_text("0,1\n1,2\n2,3\n")
    sparsify_files(path, tmp_path / "out", remove=1, progress=False)
    table = pq.read_table(tmp_path / "out" / "edges.csv.parquet")
    assert table.to_pydict() == {"source": [0, 2], "target": [1, 3]}  # by hand: the middle goes


# Names


def name_of(vertex):
    return f"n{vertex * 7919 % 1000:03d}é" if vertex % 3 else f"x{vertex}"


@pytest.mark.parametrize("name", [name_of, lambda v: (v * 2**57 + v) % (2**61 - 1)])
@pytest.mark.parametrize("in_memory", [1 << 22, 16])
def test_names_and_sparse_ids_are_numbered_as_in_memory(tmp_path, monkeypatch, name, in_memory):
    monkeypatch.setattr(vertices, "IDS_IN_MEMORY", in_memory)
    monkeypatch.setattr(vertices, "SAMPLE", 4)
    source = write_folder(tmp_path / "in", ARCS, name=name)
    whole = write_folder(tmp_path / "whole", ARCS, name=name, num_files=1) / "part-0.parquet"
    file = read_graph(whole, relabel=True)
    arcs = [tuple(arc) for arc in file.data.edge_index.T.tolist()]
    options = {"remove": "50%", "epsilon": 0.1}
    result = streamed(source, tmp_path / "out", relabel=True, block=300, **options)
    assert result.num_nodes == file.data.num_nodes == len({v for arc in ARCS for v in arc})
    assert notes_left(tmp_path / "out") == notes_expected(result.num_nodes, arcs, 3, **options)


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=60), st.integers(1, 30))
@fresh
def test_the_numbering_is_the_order_of_the_names(tmp_path_factory, names, in_memory):
    folder = tmp_path_factory.mktemp("names")
    half = -(-len(names) // 2)
    parts = [names[:half], names[half:] or names[:1]]
    (folder / "in").mkdir()
    for number, part in enumerate(parts):
        table = pa.table({"source": part, "target": part[::-1]})
        pq.write_table(table, folder / "in" / f"{number}.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vertices, "IDS_IN_MEMORY", in_memory)
        patch.setattr(vertices, "SAMPLE", 2)
        files = EdgeFiles.of(str(folder / "in"))
        found, rows = look_at_ids(files, folder, relabel=False, num_nodes=None)
    ordered = sorted(set(names))
    assert (found.num_nodes, rows) == (len(ordered), sum(map(len, parts)))
    numbers = found.number(pa.array(names, pa.large_string()))
    assert numbers.tolist() == [ordered.index(name) for name in names]
    assert {path.name for path in folder.iterdir()} == {"in", "ids.arrow"}


# Kills

KILLED = """
import os, signal, sys
from pathlib import Path
from wis.scale import sparsify_files
from wis.scale.phases import Phase

save = Phase.save

def save_or_die(self, folder):
    if self.number == {at}:
        {before}
        os.kill(os.getpid(), signal.SIGKILL)
    save(self, folder)

Phase.save = save_or_die
sparsify_files(sys.argv[1], sys.argv[2], remove="60%", epsilon=0.1, block={block}, progress=False)
"""


def killed(source, output, *, at, block, before="pass"):
    program = KILLED.format(at=at, block=block, before=before)
    done = forked.python(program, str(source), str(output))
    assert done.returncode == -signal.SIGKILL


@pytest.fixture(scope="module")
def after_a_kill(tmp_path_factory):
    """A folder whose sparsification was killed at the end of its fourth phase, not yet written."""
    folder = tmp_path_factory.mktemp("killed")
    source = write_folder(folder / "in", ARCS)
    half_written = "(Path(folder) / 'phase-00003.npz.tmp').write_bytes(b'half')"
    killed(source, folder / "out", at=3, block=100, before=half_written)
    assert {path.name for path in folder.iterdir()} == {"in", "out.wis-work"}
    return folder


@pytest.fixture
def killed_folder(after_a_kill, tmp_path):
    """A copy of it to go on from."""
    return shutil.copytree(after_a_kill, tmp_path / "copy")


@pytest.mark.parametrize("block", [100, 333, 100_000])
def test_a_killed_run_goes_on_from_the_last_finished_phase(killed_folder, block):
    source, output = killed_folder / "in", killed_folder / "out"
    options = {"remove": "60%", "epsilon": 0.1}
    result = sparsify_files(source, output, progress=False, block=block, **options)
    assert result.num_phases_resumed == 3 < result.num_phases
    assert notes_left(output) == notes_expected(200, ARCS, 3, **options)
    assert {path.name for path in killed_folder.iterdir()} == {"in", "out"}


def test_another_request_does_not_go_on_from_a_killed_one(killed_folder):
    source, output = killed_folder / "in", killed_folder / "out"
    options = {"remove": "60%", "epsilon": 0.1, "seed": 5}
    result = sparsify_files(source, output, progress=False, **options)
    assert result.num_phases_resumed == 0
    assert notes_left(output) == notes_expected(200, ARCS, 3, **options)


def test_input_that_has_changed_is_read_anew(killed_folder):
    source, output = killed_folder / "in", killed_folder / "out"
    arcs = [(v, u) for u, v in ARCS[:1990]]
    write_folder(source, arcs)
    options = {"remove": "60%", "epsilon": 0.1}
    result = sparsify_files(source, output, progress=False, **options)
    assert result.num_phases_resumed == 0
    assert notes_left(output) == notes_expected(200, arcs, 3, **options)


TERMINATED = """
import os, signal, sys
from pathlib import Path
import wis.scale.output
from wis.scale.output import OutputFolder
from wis_cli.main import run

write = OutputFolder.write

def write_and_be_terminated(self, name, batches, schema):
    write(self, name, batches, schema)
    assert list(Path(sys.argv[2]).parent.glob("out.wis-partial-*/*"))
    os.kill(os.getpid(), signal.SIGTERM)

OutputFolder.write = write_and_be_terminated
sys.exit(run(["sparsify", sys.argv[1], "-o", sys.argv[2], "--engine", "stream", "--remove", "60%"]))
"""


def test_a_terminated_run_is_one_line_leaves_its_work_and_nothing_else(tmp_path):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    done = forked.python(TERMINATED, str(source), str(output))
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "terminated\n")
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out.wis-work"}
    result = sparsify_files(source, output, remove="60%", progress=False)
    assert result.num_phases_resumed == result.num_phases > 0
    assert notes_left(output) == notes_expected(200, ARCS, 3, remove="60%", epsilon=0.1)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


# What can be wrong


def test_a_half_written_file_is_named_in_one_line(tmp_path):
    source = write_folder(tmp_path / "in", ARCS)
    path = source / "part-1.parquet"
    path.write_bytes(path.read_bytes()[:-40])
    refused(GraphFormatError, source, tmp_path / "out", "part-1.parquet: damaged")


def test_a_damaged_page_is_named_in_one_line(tmp_path):
    source = write_folder(tmp_path / "in", ARCS)
    path = source / "part-1.parquet"
    raw = bytearray(path.read_bytes())
    raw[4:200] = os.urandom(1) * 196
    path.write_bytes(raw)
    refused(GraphFormatError, source, tmp_path / "out", "part-1.parquet: damaged")


def test_damage_in_a_column_that_rides_along_leaves_nothing_behind(tmp_path):
    source = write_folder(tmp_path / "in", ARCS)
    path = source / "part-1.parquet"
    place = pq.ParquetFile(path).metadata.row_group(0).column(3)
    raw = bytearray(path.read_bytes())
    start = place.dictionary_page_offset or place.data_page_offset
    raw[start : start + 60] = b"\xff" * 60
    path.write_bytes(raw)
    refused(GraphFormatError, source, tmp_path / "out", "part-1.parquet: damaged")


@contextmanager
def full_disk(limit=None):
    """Lets no file grow beyond so many bytes, as a full disk does; from the beginning if given.

    Only in here, since a report of pytest itself may go to a file.
    """
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited[1]))

    if limit is not None:
        fill(limit)
    try:
        yield fill
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)


def fails_and_goes_on(source, output, match, **options):
    """The call fails with one line that says where the work is; the same call continues from it."""
    before = set(source.parent.iterdir())
    with pytest.raises(GraphFileError, match=match) as caught:
        sparsify_files(source, output, progress=False, **options)
    assert "\n" not in str(caught.value)
    assert f"the work is kept in {output}.wis-work" in str(caught.value)
    assert set(source.parent.iterdir()) == before | {output.with_name("out.wis-work")}
    left = [path.name for path in output.with_name("out.wis-work").rglob("*")]
    assert not {"wis-lock", "wis-run.json"} & set(left)
    yield
    yield sparsify_files(source, output, progress=False, **options)
    assert set(source.parent.iterdir()) == before | {output}


def test_a_disk_that_is_full_before_anything_is_done_is_one_line_and_leaves_nothing(tmp_path):
    source = write_folder(tmp_path / "in", ARCS * 2, num_files=1)
    with full_disk(3_000):
        refused(GraphFileError, source, tmp_path / "out", "wis-work.*cannot be written", block=500)


def test_a_disk_that_is_full_when_the_output_is_written_costs_no_work(tmp_path):
    source = write_folder(tmp_path / "in", ARCS * 2, num_files=1)
    options = {"remove": "50%", "epsilon": 0.1, "block": 500}
    with full_disk(20_000):
        run = fails_and_goes_on(source, tmp_path / "out", "wis-partial.*cannot be", **options)
        next(run)
    result = next(run)
    assert result.num_phases_resumed == result.num_phases > 0
    expected = notes_expected(200, ARCS * 2, 1, remove="50%", epsilon=0.1)
    assert notes_left(tmp_path / "out") == expected


@pytest.mark.parametrize("block", [100, 100_000])
def test_a_disk_that_is_full_at_a_late_phase_costs_no_finished_phase(tmp_path, monkeypatch, block):
    save = Phase.save
    source = write_folder(tmp_path / "in", ARCS)
    words = "phase-00004.*cannot be written"
    options = {"remove": "60%", "epsilon": 0.1, "block": block}
    with full_disk() as fill, monkeypatch.context() as patch:

        def save_on_a_full_disk(self, folder):
            if self.number == 4:
                fill(100)
            save(self, folder)

        patch.setattr(Phase, "save", save_on_a_full_disk)
        run = fails_and_goes_on(source, tmp_path / "out", words, **options)
        next(run)
    assert next(run).num_phases_resumed == 4
    assert notes_left(tmp_path / "out") == notes_expected(200, ARCS, 3, remove="60%", epsilon=0.1)


@pytest.mark.parametrize("lost", ["work", "source"])
def test_a_folder_that_is_lost_is_one_line(tmp_path, monkeypatch, lost):
    save = Phase.save
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    options = {"remove": "60%", "epsilon": 0.1, "progress": False}

    def save_and_lose(self, folder):
        if self.number == 4:
            shutil.rmtree(source if lost == "source" else tmp_path / "out.wis-work")
        save(self, folder)

    with monkeypatch.context() as patch:
        patch.setattr(Phase, "save", save_and_lose)
        with pytest.raises(GraphFileError, match=r"[Nn]o such") as caught:
            sparsify_files(source, output, **options)
    assert "\n" not in str(caught.value)
    assert ("the work is kept" in str(caught.value)) == (lost == "source")
    assert not output.exists()
    assert not list(tmp_path.glob("*partial*"))


def columns(folder, number, values):
    folder.mkdir(exist_ok=True)
    names, lists = zip(*(values.items() if isinstance(values, dict) else values), strict=True)
    pq.write_table(pa.table(list(map(pa.array, lists)), list(names)), folder / f"{number}.parquet")


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"u": [0, -1], "v": [1, 2]}, "vertex id -1 is negative"),
        ({"u": [0, 10**12], "v": [1, 2]}, "very large for 2 edges"),
        ({"u": [0, None], "v": [1, 2]}, r"row 2: vertex id in column 'u' is missing"),
        ({"u": [0.5, 1], "v": [1, 2]}, r"expected text, or integers below 2\^63"),
        ({"u": pa.array([0, 2**63], pa.uint64()), "v": [1, 2]}, r"integers below 2\^63"),
        ({"u": ["a", "b"], "v": [1, 2]}, None),
        ({"u": [0, 1]}, "1 columns; expected two"),
        ([("u", [0, 1]), ("u", [1, 2])], "two columns are called 'u'"),
    ],
)
def test_ids_that_are_none_are_refused(tmp_path, values, match):
    columns(tmp_path / "in", 0, values)
    if match is None:  # a text and a number in one row: numbers are read as texts there
        assert streamed(tmp_path / "in", tmp_path / "out", remove=1).num_nodes == 4
        return
    refused(GraphFormatError, tmp_path / "in", tmp_path / "out", match)


def test_files_that_disagree_are_refused(tmp_path):
    columns(tmp_path / "in", 0, {"u": [0, 1], "v": [1, 2]})
    columns(tmp_path / "in", 1, {"u": ["a"], "v": ["b"]})
    refused(GraphFormatError, tmp_path / "in", tmp_path / "out", "text in some places")
    columns(tmp_path / "in", 1, {"u": [1], "v": [2], "w": [3]})
    refused(GraphFormatError, tmp_path / "in", tmp_path / "out", "expected the same in all files")


def test_what_cannot_be_asked_for_is_refused(tmp_path):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    refused(OptionError, source, output, "epsilon above 0", epsilon=0)
    refused(OptionError, source, output, "remove is", remove="150%")
    refused(OptionError, source, output, "block is 0", block=0)
    refused(OptionError, source, output, "needs a local work folder", work="memory://work")
    refused(UnknownNameError, source, output, "stream", engine="steam")
    refused(OptionError, source, source / "out", "output .* and source .* overlap")
    refused(OptionError, source, output, "output .* and work .* overlap", work=output / "work")
    refused(OptionError, source, output, "source .* and work .* overlap", work=source / "work")
    refused(OptionError, source, output, "num_workers is for engine 'dask' and", num_workers=2)
    refused(OptionError, source, output, "scheduler_address is for", scheduler_address="tcp://x:1")
    refused(OptionError, source, output, "num_workers is 0", engine="dask", num_workers=0)
    refused(OptionError, source, output, r"seed is .*2\^63 - 1", seed=2**63)
    refused(GraphFileError, source, "s3x://bucket/out", "Protocol not known")
    refused(OptionError, source, output, "remove is 99999", remove=99999)
    refused(GraphFormatError, source, output, "but num_nodes is 5", num_nodes=5)
    refused(GraphFileError, source, tmp_path / "no" / "out", "no folder")
    refused(GraphFileError, tmp_path / "nothing", output, "no such folder")
    (tmp_path / "empty").mkdir()
    refused(GraphFileError, tmp_path / "empty", output, "holds no edge files")


def test_an_output_that_exists_is_replaced_only_by_force(tmp_path):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    streamed(source, output, remove="50%", epsilon=0.1)
    refused(OutputExistsError, source, output, "exists; pass --force")
    sparsify_files(source, output, remove="10%", epsilon=0.1, force=True, progress=False)
    assert notes_left(output) == notes_expected(200, ARCS, 3, remove="10%", epsilon=0.1)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


def test_what_force_was_to_replace_is_put_back_if_nothing_comes_in_its_place(tmp_path, monkeypatch):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    streamed(source, output, remove="50%", epsilon=0.1)
    before = notes_left(output)
    rename = os.rename

    def denied(old, new):
        if ".wis-partial" in old:
            raise PermissionError(13, "Permission denied", new)
        rename(old, new)

    monkeypatch.setattr(os, "rename", denied)
    with pytest.raises(GraphFileError, match="Permission denied"):
        sparsify_files(source, output, remove="10%", epsilon=0.1, force=True, progress=False)
    assert notes_left(output) == before
    assert not list(tmp_path.glob("*.wis-replaced*"))


def test_force_takes_no_folder_away_that_holds_something_else(tmp_path):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    streamed(source, output, remove="50%")
    (output / "_SUCCESS").touch()
    sparsify_files(source, output, remove="10%", force=True, progress=False)
    assert not (output / "_SUCCESS").exists()
    (output / "deep").mkdir()
    (output / "deep" / "thesis.tex").touch()
    match = "holds deep/thesis.tex, which is not a Parquet file"
    refused(OutputExistsError, source, output, match, force=True)


def test_a_damaged_phase_of_a_killed_run_is_one_line_and_then_begun_anew(killed_folder):
    source, output = killed_folder / "in", killed_folder / "out"
    (damaged,) = killed_folder.glob("out.wis-work/wis-run-*/phase-00002.npz")
    damaged.write_bytes(b"PK")
    options = {"remove": "60%", "epsilon": 0.1, "progress": False}
    with pytest.raises(GraphFormatError, match=r"phase-00002.npz: damaged"):
        sparsify_files(source, output, **options)
    assert {path.name for path in killed_folder.iterdir()} == {"in"}


def test_levels_tell_how_many_edges_take_part_and_what_k_is_next():
    levels = Levels.of_counts(np.array([0, 4, 0, 2, 0, 1]), checked_factor(0.5))
    assert levels.next_threshold(None, 0) == 4  # ceil(5 / 1.5)
    assert levels.num_live(4, 0) == 1
    assert levels.next_threshold(4, 0) == 2  # the one edge is left: k = 3
    assert levels.next_threshold(4, 1) == 2  # it is not: k = 3 by the next level
    assert levels.next_threshold(2, 3) == 1
    assert levels.next_threshold(1, 7) is None
    assert levels.lowest_with(3, 0) == 2


def test_a_work_folder_elsewhere_is_gone_afterwards(tmp_path):
    source = write_folder(tmp_path / "in", ARCS)
    work = tmp_path / "there" / "work"
    sparsify_files(source, tmp_path / "out", remove=1, work=work, progress=False)
    assert not work.exists()
    assert isinstance(work, Path)


@pytest.mark.parametrize("place", ["source", "output", "work"])
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://127.0.0.1:1/x", "cannot be reached: Connection refused"),
        ("zip:///::file:///", "cannot be reached: "),
        ("data://x", "cannot be reached: "),
        ("reference://", "cannot be reached: "),
    ],
)
def test_a_file_system_that_cannot_be_reached_is_one_line(tmp_path, place, url, words):
    where = {"source": write_folder(tmp_path / "in", ARCS), "output": tmp_path / "out"}
    where = {"work": tmp_path / "work", **where, place: url}
    source, output = where.pop("source"), where.pop("output")
    with pytest.raises(GraphFileError, match=words) as caught:
        sparsify_files(source, output, remove=1, **where)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
