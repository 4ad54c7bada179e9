"""Measuring a frame: axes of frames that are not square, and saturated planes of a cube."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from truthkit.photkit import DEC, RA, SMALL, Shot, header, pixels, take

from photomitrus_cli.io.fitsread import read_header
from photomitrus_cli.irac.measure import Aperture, Flag
from photomitrus_cli.irac.photframes import PhotRules, PhotTask, measure_frames
from photomitrus_cli.irac.scan import Frame, Needs, read_frame
from photomitrus_cli.irac.targets import Target

RULES = PhotRules((Aperture(3, 3, 7),), "auto", "clipped", 2.0, (3, 8, 10, 11, 12, 13, 14), "cube")
TARGET = Target("it", RA, DEC)


def frame_of(path: Path) -> Frame:
    frame, reason = read_frame(path, Needs(photometry=True))
    assert frame is not None, reason
    return frame


def measure(frame: Frame, *targets: Target, rules: PhotRules = RULES) -> list[tuple[float, float, int]]:
    task = PhotTask("it", (frame,), (tuple(enumerate(targets)),), rules, None)
    (result,) = measure_frames(task)
    return [(row.x, row.y, row.flags) for row in result.rows]


@pytest.mark.parametrize(("x", "y", "shape"), [(200.3, 40.6, (80, 256)), (40.6, 200.3, (256, 80))])
def test_a_frame_that_is_not_square(x: float, y: float, shape: tuple[int, int], tmp_path: Path) -> None:
    """The original compared x with the number of rows: this star would not have been in its field of view."""
    shot = Shot(x=x, y=y)
    (whole,) = take(tmp_path, shot, unc=False, imask=False)
    frame = frame_of(whole)
    fits.PrimaryHDU(pixels(shot)[: shape[0], : shape[1]].astype(">f4"), header(shot)).writeto(
        tmp_path / "cut.fits"
    )
    assert frame.notes is not None
    _, source = read_header(tmp_path / "cut.fits")
    narrow = replace(frame, source=source, notes=replace(frame.notes, shape=shape))
    # As far beyond the shorter side as the star is from the other's edge.
    off = Target("off", RA + (x - y) * 1.22 / 3600, DEC + (x - y) * 1.22 / 3600)
    inside, outside = measure(narrow, TARGET, off)
    assert inside[:2] == pytest.approx((x, y), abs=0.01)
    assert inside[2] == Flag.NO_MASK
    assert outside[2] & Flag.OFF_FIELD


@pytest.mark.parametrize(("share", "flag"), [(0.05, Flag(0)), (0.3, Flag.SATURATED)])
def test_a_cube_is_saturated_when_more_than_a_tenth_of_its_planes_are(
    share: float, flag: Flag, tmp_path: Path
) -> None:
    shot = replace(SMALL, planes=64, sigma=0.5)
    (path,) = take(tmp_path, shot)
    mask = np.zeros((64, 32, 32), ">i2")
    mask[: int(share * 64), 16, 15] = 1 << 13
    with fits.open(shot.path(tmp_path, "bimsk"), mode="update") as hdus:
        hdus[0].data = mask
    frame = frame_of(path)
    _, imask = read_header(shot.path(tmp_path, "bimsk"))
    ((_, _, flags),) = measure(replace(frame, imask=imask), TARGET)
    assert Flag(flags) & Flag.SATURATED == flag


def test_no_target_on_a_frame_reads_no_pixels(tmp_path: Path) -> None:
    (path,) = take(tmp_path, Shot(), unc=False, imask=False)
    frame = frame_of(path)
    path.unlink()
    assert [flags for *_, flags in measure(frame, Target("far", RA, -DEC))] == [Flag.OFF_FIELD]
