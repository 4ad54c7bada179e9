"""Alignment of the real frames of AOR 17577216 onto Gaia, and among themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from photomitrus_cli.imaging.align import Alignment, FrameStars, align_frames, align_to_catalogue
from photomitrus_cli.imaging.background import masked_median
from photomitrus_cli.imaging.detect import detect_stars
from photomitrus_cli.io.refcat import julian_year, read_refcat

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

PIXEL_ARCSEC = 1.22


@dataclass(frozen=True)
class Field:
    """Stars of the frames, and Gaia at their epoch."""

    frames: list[FrameStars]
    ra: np.ndarray
    dec: np.ndarray


@pytest.fixture(scope="module")
def field(real_data: Path) -> Field:
    folder = real_data / "irac-dither"
    frames = []
    for path in sorted((folder / "r17577216-ch1").glob("*.fits")):
        with fits.open(path) as hdus:
            header, sci = hdus[0].header, hdus[0].data.astype(np.float32)
        bad = ~np.isfinite(sci)
        background = masked_median(sci, bad)
        stars = detect_stars(sci, None, bad, background.level, background.sigma)
        wcs = WCS(header)
        ra, dec = wcs.all_pix2world(stars.x, stars.y, 0)
        centre = tuple(float(v) for v in wcs.all_pix2world(127.5, 127.5, 0))
        frames.append(FrameStars(ra, dec, stars.err_px * PIXEL_ARCSEC, (centre[0], centre[1]), "17577216"))
    cat = read_refcat(folder / "gaia" / "gaia_2mass0415.csv")
    assert (cat.ra.size, cat.n_dropped, cat.epoch[0]) == (1156, 0, 2015.5)
    return Field(frames, *cat.at_epoch(julian_year(float(header["MJD_OBS"]))))


def medians(field: Field, results: list[Alignment]) -> np.ndarray:
    """Median offset from Gaia of each frame's stars, dRA cos dec and dDec, arcsec, by means of its own."""
    out = []
    for frame, result in zip(field.frames, results, strict=True):
        a, d = np.radians(frame.ra), np.radians(frame.dec)
        v = result.rotation @ np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
        ra, dec = np.degrees(np.arctan2(v[1], v[0])), np.degrees(np.arcsin(v[2]))
        east = (ra[:, None] - field.ra) * np.cos(np.radians(dec))[:, None] * 3600
        north = (dec[:, None] - field.dec) * 3600
        nearest = np.hypot(east, north).argmin(axis=1)
        rows = np.arange(ra.size)
        offsets = np.column_stack([east[rows, nearest], north[rows, nearest]])
        out.append(np.median(offsets[np.hypot(*offsets.T) < 1.0], axis=0))
    return np.array(out)


def unmoved(field: Field) -> list[Alignment]:
    return align_to_catalogue(field.frames, np.empty(0), np.empty(0))


def test_every_frame_lands_on_gaia(field: Field) -> None:
    results = align_to_catalogue(field.frames, field.ra, field.dec)
    before, after = medians(field, unmoved(field)), medians(field, results)
    assert [r.source for r in results] == ["stars"] * 10
    assert min(r.n_stars for r in results) >= 25
    assert 0.15 < np.sqrt(np.mean(np.sum(before**2, axis=1))) < 0.22
    assert np.abs(after).max() < 0.035
    assert np.sqrt(np.mean(np.sum(after**2, axis=1))) < 0.02
    assert max(r.error_arcsec for r in results) < 0.02
    assert max(r.rms_arcsec for r in results) < 0.13


def test_the_two_exposures_of_a_position_agree_on_the_roll(field: Field) -> None:
    rolls = np.array([r.roll_deg for r in align_to_catalogue(field.frames, field.ra, field.dec)])
    assert np.abs(rolls[::2] - rolls[1::2]).max() < 0.006
    assert rolls.std() > 0.004


def test_frames_aligned_among_themselves_agree_with_gaia(field: Field) -> None:
    mutual, absolute = align_frames(field.frames), align_to_catalogue(field.frames, field.ra, field.dec)
    assert {r.linked for r in mutual} == {0}
    difference = np.array([(m.dxi - a.dxi, m.deta - a.deta) for m, a in zip(mutual, absolute, strict=True)])
    assert np.abs(difference - difference.mean(axis=0)).max() < 0.03
    assert max(r.error_arcsec for r in mutual) < 0.01
