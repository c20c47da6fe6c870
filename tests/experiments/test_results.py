"""The file of results: each row once, whatever is cut off, and by whomever it is written."""

from __future__ import annotations

import json
import multiprocessing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wis.errors import GraphFileError, ResultsError, UnknownNameError
from wis.experiments.results import ResultsFile, read_results, rows_of_recipe


def row(key, status="done", **more):
    return {"type": "run", "key": str(key), "status": status, **more}


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_come_back_as_they_were_written(tmp_path):
    results = ResultsFile(tmp_path / "r.jsonl")
    results.append([row(1, value=0.1), row(2)])
    results.append([row(3, text="ü\n")])
    again, _ = read_results([tmp_path / "r.jsonl"])
    assert [r["key"] for r in again] == ["1", "2", "3"]
    assert again[0]["value"] == 0.1
    assert again[2]["text"] == "ü\n"


def test_a_row_is_written_once_but_a_failed_one_can_be_made_good(tmp_path):
    results = ResultsFile(tmp_path / "r.jsonl")
    results.append([row(1), row(2, "failed")])
    assert results.append([row(1), row(2, "failed")]) == []
    assert [r["key"] for r in results.append([row(1), row(2)])] == ["2"]
    assert results.append([row(2, "failed")]) == []
    assert read_results([tmp_path / "r.jsonl"])[0][1]["status"] == "done"


WRITES = [[row(1), row(2), row(3)], [row(4)], [row(5), row(6)]]


@given(cut=st.integers(0, 10_000), after=st.booleans())
def test_whatever_is_cut_off_whole_writes_stay_and_the_next_append_repairs(
    cut, after, tmp_path_factory
):
    path = tmp_path_factory.mktemp("cut") / "r.jsonl"
    results = ResultsFile(path)
    ends = []
    for write in WRITES:
        results.append(write)
        ends.append(path.stat().st_size)
    content = path.read_bytes()[: min(cut % (ends[-1] + 1), ends[-1])]
    path.write_bytes(content)
    whole = [
        r["key"]
        for write, end in zip(WRITES, ends, strict=True)
        if end <= len(content)
        for r in write
    ]
    torn = ResultsFile(path)
    if after:  # a reader that looked before the repair goes on reading after it
        torn.refresh()
        assert list(torn.rows) == whole
    ResultsFile(path).append([row("new")])
    torn.refresh()
    assert list(torn.rows) == [*whole, "new"]
    assert [line["key"] for line in lines_of(path)] == [*whole, "new"]


def append_many(path, keys):
    results = ResultsFile(path)
    for key in keys:
        results.append([row(key), row(f"{key}+", text="x" * 5_000)])


def test_processes_that_write_at_the_same_time_leave_each_row_whole_and_once(tmp_path):
    path = tmp_path / "r.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [
        context.Process(target=append_many, args=(path, range(first, first + 20)))
        for first in (0, 10, 20)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    keys = [line["key"] for line in lines_of(path)]
    assert sorted(keys) == sorted([str(k) for k in range(40)] + [f"{k}+" for k in range(40)])


BAD_LINES = ["garbage", "[]", '{"type": "run"}', '{"no": "type"}', "3", "null"]
BAD_LINES += [json.dumps(row(2, written=written)) for written in ([5, 2], [0], "x", [-1, 1])]


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_line_that_is_no_row_is_named(line, tmp_path):
    path = tmp_path / "r.jsonl"
    ResultsFile(path).append([row(1)])
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ResultsError, match=r"r.jsonl line 2: not a row of results"):
        read_results([path])
    with pytest.raises(ResultsError, match="line 2"):
        ResultsFile(path).append([row(2)])
    assert path.read_text().endswith(line + "\n")


@pytest.mark.parametrize("content", [b'{"my": "notes"}', b"hello", b"\x89PNG\r", b"PK\x03\x04"])
def test_a_file_of_something_else_is_left_as_it_is(content, tmp_path):
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(ResultsError, match="is no file of results; it is left as it is"):
        ResultsFile(path).append([row(1)])
    assert path.read_bytes() == content


def test_a_file_has_rows_of_one_kind_of_experiment(tmp_path):
    results = ResultsFile(tmp_path / "r.jsonl")
    results.append([row(1)])
    results.check_kind("accuracy")
    with pytest.raises(ResultsError, match=r"kind 'accuracy' .* kind 'table5_1'; give another"):
        results.check_kind("table5_1")


def test_rows_of_a_recipe_are_found_by_its_name_and_by_how_its_hash_begins():
    rows = [row(1, recipe="a", recipe_hash="01ab"), row(2, recipe="b", recipe_hash="02cd")]
    assert rows_of_recipe(rows, None) == rows
    assert rows_of_recipe(rows, "a") == rows_of_recipe(rows, "01") == rows[:1]
    for unknown in ("c", ""):
        with pytest.raises(UnknownNameError, match="known: a, b"):
            rows_of_recipe(rows, unknown)


def test_files_that_are_not_there_or_empty_say_so(tmp_path):
    with pytest.raises(GraphFileError, match="no such file; `wis bench run` writes one"):
        read_results([tmp_path / "r.jsonl"])
    (tmp_path / "r.jsonl").touch()
    with pytest.raises(ResultsError, match="no rows"):
        read_results([tmp_path / "r.jsonl"])
    with pytest.raises(GraphFileError, match="there is no folder"):
        ResultsFile(tmp_path / "nowhere" / "r.jsonl").append([row(1)])


def test_of_several_files_a_row_that_is_done_wins(tmp_path):
    ResultsFile(tmp_path / "a").append([row(1, "failed"), row(2)])
    ResultsFile(tmp_path / "b").append([row(1), row(2, "failed"), row(3)])
    rows, _ = read_results([tmp_path / "a", tmp_path / "b"])
    assert {r["key"]: r["status"] for r in rows} == {"1": "done", "2": "done", "3": "done"}
