"""What a file claims to need is checked against a limit before any of it is built."""

import doctest

import pytest

from wis.base import limits
from wis.base.limits import parse_size, shown_size
from wis.base.source import ReadOptions
from wis.errors import GraphFormatError, OptionError
from wis.io import read_graph


def test_examples_of_the_docstrings():
    assert doctest.testmod(limits).attempted >= 2
    assert doctest.testmod(limits).failed == 0


@pytest.mark.parametrize(
    ("text", "num_bytes"),
    [("4GiB", 4 << 30), ("500MB", 500_000_000), ("1.5G", 1_500_000_000), ("2 kib", 2048), ("7", 7)],
)
def test_a_size_has_a_unit_or_is_in_bytes(text, num_bytes):
    assert parse_size(text) == num_bytes


@pytest.mark.parametrize("size", ["", "GiB", "-1", "1e9", "4GiBs", "٤GB", "9" * 400, 0, -5, True])
def test_what_is_no_size_is_refused(size):
    with pytest.raises(OptionError, match="expected a number of bytes, or a size") as caught:
        parse_size(size)
    assert len(str(caught.value)) < 250


def test_the_default_is_half_of_what_the_process_can_have(monkeypatch):
    monkeypatch.setattr(limits, "_machine_memory", lambda: 1000)
    assert ReadOptions().limit == 500
    monkeypatch.setattr(limits, "_group_limits", lambda: (600, 800))
    assert ReadOptions().limit == 300
    monkeypatch.setattr(limits, "_address_space", lambda: [200])
    assert ReadOptions().limit == 100
    monkeypatch.setenv("WIS_MAX_MEMORY", "4GiB")
    assert ReadOptions().limit == 4 << 30
    assert ReadOptions(max_memory=7).limit == 7


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("4:memory:/a/b\n0::/\n", {"memory/a/memory.limit_in_bytes": "4096"}),
        ("0::/user/job\n", {"user/memory.max": "4096\n", "user/job/memory.max": "max\n"}),
        ("0::/\n", {"memory.max": "4096"}),
    ],
)
def test_limits_of_control_groups_are_found_in_both_versions(groups, files, tmp_path, monkeypatch):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    content = limits._content
    monkeypatch.setattr(limits, "_GROUPS", tmp_path)
    monkeypatch.setattr(
        limits, "_content", lambda path: groups if "proc" in str(path) else content(path)
    )
    assert limits._group_limits.__wrapped__() == (4096,)


def test_an_error_says_how_much_and_which_option_allows_it():
    options = ReadOptions(max_memory=100 << 20)
    options.check_size("a.npz", 100 << 20, "the array 'x'")
    with pytest.raises(GraphFormatError) as caught:
        options.check_size("a.npz", 300 << 20, "the array 'x'")
    assert str(caught.value) == (
        "a.npz: the array 'x' takes 300.0 MiB of memory, and reading may take 100.0 MiB; "
        "if it is what it should be, pass --max-memory 375MiB (max_memory=)"
    )
    assert parse_size("375MiB") > 300 << 20
    with pytest.raises(GraphFormatError, match=r"this machine has .*--max-memory"):
        options.check_size("a.npz", 1e30, "the array 'x'")


def test_a_number_of_vertices_that_is_only_claimed_is_within_the_limit(tmp_path):
    path = tmp_path / "a.mtx"
    path.write_text("%%MatrixMarket matrix coordinate pattern general\n10000000 10000000 1\n1 2\n")
    with pytest.raises(GraphFormatError, match=r"10000000 vertices takes .*--max-memory 191MiB"):
        read_graph(path, max_memory="100MiB")
    assert read_graph(path, max_memory="191MiB").data.num_nodes == 10_000_000
    with pytest.raises(OptionError, match=r"num_nodes is 20000000.*--max-memory"):
        read_graph(tmp_path / "a.csv", num_nodes=20_000_000, max_memory="100MiB")


def test_shown_sizes_are_short():
    assert shown_size(10) == "10 bytes"
    assert shown_size(1e300) == "9.1e+287 TiB"


def test_a_small_file_is_read_without_asking_the_machine_and_a_large_one_is_not(
    tmp_path, monkeypatch
):
    asked = []
    monkeypatch.setattr(limits, "available_memory", lambda: asked.append(0) or 1 << 30)
    path = tmp_path / "a.csv"
    for num_edges, is_asked in ((100, False), (200_000, True)):
        path.write_text("".join(f"{v},{v + 1}\n" for v in range(num_edges)))
        assert read_graph(path).num_nodes == num_edges + 1
        assert bool(asked) == is_asked
    with pytest.raises(GraphFormatError, match=r"the content takes 2\.\d MiB.*may take 1\.0 MiB"):
        read_graph(path, max_memory="1MiB")
