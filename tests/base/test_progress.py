"""Progress: lines at intervals where stderr is no terminal."""

from __future__ import annotations

from wis.base import progress
from wis.base.progress import progress_bar


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
