"""Progress: lines at intervals where stderr is no terminal."""

from __future__ import annotations

import io
import sys
import time

from wis.base import progress
from wis.base.progress import progress_bar, step


def lines_of(monkeypatch, capsys, steps, total=1000, **given):
    """The lines on stderr when the clock shows `seconds` at each call with `done`."""
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with progress_bar("wis order", total, **given) as report:
        for clock[0], done in steps:
            report(done)
    return capsys.readouterr().err.splitlines()


def test_a_line_a_minute_tells_what_is_done_and_how_long_the_rest_takes(monkeypatch, capsys):
    steps = [(1, 0), (59, 90), (60, 100), (61, 110), (119, 190), (300, 500)]
    assert lines_of(monkeypatch, capsys, steps) == [
        "wis order: 100 of 1,000 (10%) in 1 min, about 9 min left",
        "wis order: 500 of 1,000 (50%) in 5 min, about 5 min left",
    ]


def test_the_time_left_of_a_run_that_goes_on_is_by_what_this_run_did(monkeypatch, capsys):
    assert lines_of(monkeypatch, capsys, [(0, 800), (120, 900)]) == [
        "wis order: 900 of 1,000 (90%) in 2 min, about 2 min left"
    ]


def test_lines_without_a_total_and_of_bytes(monkeypatch, capsys):
    assert lines_of(monkeypatch, capsys, [(70, 5000)], total=0) == ["wis order: 5,000 in 1 min"]
    assert lines_of(monkeypatch, capsys, [(0, 0), (60, 500)], unit="bytes") == [
        "wis order: 500 of 1,000 bytes (50%) in 1 min, about 1 min left"
    ]


def test_no_line_if_it_is_not_to_be_shown(monkeypatch, capsys):
    assert lines_of(monkeypatch, capsys, [(600, 5)], show=False) == []


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self):
        return True


def test_a_long_step_shows_its_name_on_a_terminal_and_a_short_one_nothing(monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE_S", 0.05)
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    with step("read friends.csv"):
        pass
    assert shown.getvalue() == ""
    with step("read friends.csv"):
        limit = time.monotonic() + 30
        while "read friends.csv" not in shown.getvalue() and time.monotonic() < limit:
            time.sleep(0.01)
    assert "read friends.csv" in shown.getvalue()


def test_a_step_shows_nothing_where_stderr_is_no_terminal(monkeypatch, capsys):
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    with step("read friends.csv"):
        time.sleep(0.05)
    assert capsys.readouterr().err == ""
