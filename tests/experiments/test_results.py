"""The file of results: each row once, whatever is cut off, and by whomever it is written."""

from __future__ import annotations

import json
import multiprocessing
import re

import forked
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
def test_whatever_is_cut_off_whole_lines_stay_and_an_append_drops_the_torn_one_alone(
    cut, after, tmp_path_factory
):
    path = tmp_path_factory.mktemp("cut") / "r.jsonl"
    results = ResultsFile(path)
    for write in WRITES:
        results.append(write)
    content = path.read_bytes()
    content = content[: cut % (len(content) + 1)]
    path.write_bytes(content)
    lines = content.split(b"\n")
    if lines[-1].endswith(b"}"):  # only the end of the line was cut off
        lines.append(b"")
    whole = [json.loads(line)["key"] for line in lines[:-1]]
    torn = ResultsFile(path)
    if after:  # a reader that looked before the repair goes on reading after it
        torn.refresh()
        assert list(torn.rows) == whole
    ResultsFile(path).append([row("new")])
    torn.refresh()
    assert list(torn.rows) == [*whole, "new"]
    assert [line["key"] for line in lines_of(path)] == [*whole, "new"]


@pytest.mark.parametrize("missing", [{0}, {1}, {2}, {0, 1}, {1, 2}, {0, 2}])
@pytest.mark.parametrize("more", [[], [row(4)], [row(5), row(6)]])
def test_rows_of_a_group_that_was_cut_by_hand_stay_and_are_named(missing, more, tmp_path, caplog):
    path = tmp_path / "r.jsonl"
    ResultsFile(path).append(WRITES[0])
    kept = [line for i, line in enumerate(path.read_bytes().splitlines(True)) if i not in missing]
    path.write_bytes(b"".join(kept))
    if more:
        ResultsFile(path).append(more)
    keys = [str(i + 1) for i in range(3) if i not in missing]
    rows, _ = read_results([path])
    assert [r["key"] for r in rows] == [*keys, *(r["key"] for r in more)]
    assert f"{len(keys)} rows are of groups that lack others; they are shown" in caplog.text
    again = ResultsFile(path)
    again.refresh()
    assert again.incomplete == set(keys)
    again.append(WRITES[0])
    caplog.clear()
    assert {r["key"] for r in read_results([path])[0]} >= {"1", "2", "3"}
    assert caplog.text == ""


def test_an_append_never_shortens_what_is_whole(tmp_path):
    path = tmp_path / "r.jsonl"
    ResultsFile(path).append(WRITES[0])
    first = b"".join(path.read_bytes().splitlines(True)[:2])
    for end in (b"", b"\n\n", b'{"type": "run", "ke', b"\0\0\0"):
        path.write_bytes(first + end)
        ResultsFile(path).append([row("new")])
        assert path.read_bytes().startswith(first)
        assert [r["key"] for r in read_results([path])[0]] == ["1", "2", "new"]


@pytest.mark.parametrize("end", [b"my notes", b"3", b'{"my": "notes'])
def test_a_last_line_of_somebody_else_is_read_over_but_not_cut_off(end, tmp_path, caplog):
    path = tmp_path / "r.jsonl"
    ResultsFile(path).append([row(1)])
    content = path.read_bytes() + end
    path.write_bytes(content)
    assert [r["key"] for r in read_results([path])[0]] == ["1"]
    assert "the last line is torn and left out" in caplog.text
    with pytest.raises(ResultsError, match=r"line 2: not a row of results.*it is left as it is"):
        ResultsFile(path).append([row(2)])
    assert path.read_bytes() == content


def test_what_the_error_of_a_bad_line_advises_loses_no_other_row(tmp_path):
    path = tmp_path / "r.jsonl"
    for write in WRITES:
        ResultsFile(path).append(write)
    lines = path.read_bytes().splitlines(True)
    for bad in range(len(lines)):
        path.write_bytes(b"".join([*lines[:bad], b"{]\n", *lines[bad + 1 :]]))
        with pytest.raises(ResultsError, match=rf"line {bad + 1}: .*Delete that line"):
            read_results([path])
        path.write_bytes(b"".join([*lines[:bad], *lines[bad + 1 :]]))
        rows = read_results([path])[0]
        assert [r["key"] for r in rows] == [str(k + 1) for k in range(6) if k != bad]


def test_a_file_without_a_last_newline_or_with_empty_lines_goes_on(tmp_path):
    path = tmp_path / "r.jsonl"
    ResultsFile(path).append([row(1)])
    path.write_bytes(b"\n" + path.read_bytes().rstrip(b"\n"))
    reader = ResultsFile(path)
    reader.refresh()
    assert list(reader.rows) == ["1"]
    ResultsFile(path).append([row(2)])
    reader.refresh()
    assert list(reader.rows) == ["1", "2"]


def test_a_full_disk_is_one_line_and_what_was_there_stays(tmp_path):
    path = tmp_path / "r.jsonl"
    ResultsFile(path).append([row(1)])
    code = f"""
import resource
from wis.errors import GraphFileError
from wis.experiments.results import ResultsFile
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
try:
    row = {{"type": "run", "key": "2", "status": "done", "x": "y" * 999}}
    ResultsFile({str(path)!r}).append([row])
except GraphFileError as error:
    print(error)
"""
    done = forked.python(code)
    assert re.fullmatch(r".*r.jsonl: cannot be written: .*\n", done.stdout), done
    assert [r["key"] for r in read_results([path])[0]] == ["1"]
    ResultsFile(path).append([row(3)])
    assert [r["key"] for r in read_results([path])[0]] == ["1", "3"]


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


BAD_LINES = ["garbage", "[]", '{"type": "run"}', '{"no": "type"}', "3", "null", '{"type": 3}']
BAD_LINES += ["[" * 100_000, '{"type": "run", "key": "1", "status": "done", "x": ' + "[" * 100_000]
BAD_LINES += [json.dumps(row(2, "perhaps")), "9" * 10_000]
BAD_LINES += [json.dumps(row(2) | {"key": key}) for key in ([1], 2, None, {})]
BAD_LINES += [json.dumps(row(2, x=json.loads("[" * 40 + "]" * 40))), '{"type": "run", "key": "\xff']
BAD_LINES += [json.dumps(row(2, written=written)) for written in ([5, 2], [0], "x", [-1, 1])]


@pytest.mark.parametrize("line", BAD_LINES, ids=lambda line: line[:50])
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
