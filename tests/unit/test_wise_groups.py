"""Groups of frames by scan, day and week."""

from __future__ import annotations

from pathlib import Path

import pytest

from photomitrus_cli.wise.coaddgroups import day_of, group_frames, group_name, week_of
from photomitrus_cli.wise.framefiles import FrameRef


def ref(scan: str, number: int, mjd: float) -> FrameRef:
    return FrameRef(f"{scan}{number:03d}", scan, Path(f"{scan}{number:03d}-w3-int-1b.fits"), mjd, 90.0, 20.0)


@pytest.mark.parametrize(
    ("mjd", "day"),
    [(55202.0, 55202), (55201.5, 55202), (55202.4999, 55202), (55202.5, 55203), (55203.5, 55204)],
)
def test_days_run_from_noon_to_noon(mjd: float, day: int) -> None:
    assert day_of(mjd) == day


def test_weeks_lie_on_a_grid_of_their_own() -> None:
    assert {week_of(day) for day in range(55202, 55209)} == {55202}
    assert week_of(55201.6) == 55202
    assert week_of(55209) == 55209
    assert week_of(55201.4) == 55195


def test_names_do_not_depend_on_other_frames() -> None:
    frames = [ref("01772a", 5, 55238.15), ref("01771b", 1, 55238.11), ref("00700a", 9, 55202.2)]
    for grouping, name in (("scan", "01772a"), ("day", "mjd55238"), ("week", "week55237")):
        assert group_name(grouping, "01772a", 55238.15) == name  # type: ignore[arg-type]
        assert name in group_frames(frames, grouping)  # type: ignore[arg-type]
        assert list(group_frames(frames[:1], grouping)) == [name]  # type: ignore[arg-type]


def test_scans_are_sorted_and_frames_in_the_order_of_time() -> None:
    frames = [ref("01772a", 2, 2.0), ref("01771b", 1, 1.0), ref("01772a", 1, 2.0), ref("01772a", 3, 1.5)]
    groups = group_frames(frames, "scan")
    assert list(groups) == ["01771b", "01772a"]
    assert [frame.name for frame in groups["01772a"]] == ["01772a003", "01772a001", "01772a002"]


def test_a_scan_over_noon_is_not_split() -> None:
    scan = [ref("01772a", k, 55238.49 + 0.01 * k) for k in range(4)]
    assert list(group_frames(scan, "day")) == ["mjd55239"]
    assert len(group_frames(scan, "day")["mjd55239"]) == 4
    assert list(group_frames(scan[:2], "day")) == ["mjd55238"]


def test_no_frames_make_no_groups() -> None:
    assert group_frames([], "day") == {}
