"""Alignment onto Gaia, measured on the frames by astropy's WCS and on the mosaic by its stars."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from truthkit.dither import NATIVE, gaia_positions
from truthkit.photometry import centroids
from truthkit.runs import Mosaic, make_mosaic

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

# Of stars from their Gaia positions, arcsec.
NEAR = 1.0


@dataclass(frozen=True)
class Made:
    """The mosaic with header positions and with aligned ones, and Gaia at the epoch of the frames."""

    before: Mosaic
    after: Mosaic
    folder: Path
    ra: np.ndarray
    dec: np.ndarray


@pytest.fixture(scope="module")
def made(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = real_data / "irac-dither"
    frames, table = folder / "r17577216-ch1", folder / "gaia" / "gaia_2mass0415.csv"
    out = tmp_path_factory.mktemp("align")
    before = make_mosaic(frames, out / "before", filetype="clean")
    after = make_mosaic(frames, out / "after", filetype="clean", align=table)
    ra, dec = gaia_positions(table, float(np.mean(after.inputs["mjd"])))
    return Made(before, after, frames, ra, dec)


def frame_offsets(made: Made, row: Any) -> np.ndarray:
    """Offsets of the stars of a frame from Gaia, its positions moved as the mosaic tells; arcsec."""
    with fits.open(made.folder / Path(str(row["file"])).name) as hdus:
        image, wcs = hdus[0].data.astype(np.float64), WCS(hdus[0].header)
    x, y = wcs.all_world2pix(made.ra, made.dec, 0, quiet=True)
    inside = (x > 8) & (x < 247) & (y > 8) & (y < 247)
    x, y = x[inside], y[inside]
    peaks = np.array(
        [
            image[round(b) - 1 : round(b) + 2, round(a) - 1 : round(a) + 2].max()
            for a, b in zip(x, y, strict=True)
        ]
    )
    bright = peaks > 0.5
    cx, cy = centroids(image, x[bright], y[bright], sigma=1.0)
    ra, dec = wcs.all_pix2world(cx, cy, 0)
    # The recorded correction: a turn about the middle of the frame, from east to north, and a shift.
    middle = wcs.all_pix2world(127.5, 127.5, 0)
    cosine = np.cos(np.radians(middle[1]))
    east, north = (ra - middle[0]) * cosine * 3600, (dec - middle[1]) * 3600
    turn = np.radians(row["align_roll"])
    east, north = east * np.cos(turn) - north * np.sin(turn), north * np.cos(turn) + east * np.sin(turn)
    east, north = east + row["align_dra"], north + row["align_ddec"]
    true = (
        (made.ra[inside][bright] - middle[0]) * cosine * 3600,
        (made.dec[inside][bright] - middle[1]) * 3600,
    )
    offsets = np.column_stack([east - true[0], north - true[1]])
    return np.asarray(offsets[np.hypot(*offsets.T) < NEAR])


def test_every_frame_is_moved_onto_gaia(made: Made) -> None:
    shifts = []
    for row in made.after.inputs:
        offsets = frame_offsets(made, row)
        assert len(offsets) >= 20
        shift = np.hypot(*np.median(offsets, axis=0))
        # Undersampled, two dozen stars tell the median of a frame to 0.02 to 0.03 arcsec per axis.
        error = 1.2533 * np.hypot(*offsets.std(axis=0)) / np.sqrt(len(offsets))
        assert shift <= 0.05 + error
        shifts.append(shift)
    assert set(made.after.inputs["align_source"]) == {"stars"}
    assert np.sqrt(np.mean(np.square(shifts))) <= 0.05


def mosaic_offsets(made: Made, mosaic: Mosaic) -> np.ndarray:
    """Offsets of the stars of a mosaic from Gaia, arcsec."""
    scale = float(np.abs(mosaic.wcs.wcs.cd[0, 0])) * 3600
    x, y = mosaic.wcs.wcs_world2pix(made.ra, made.dec, 0)
    ny, nx = mosaic.sci.shape
    inside = (x > 12) & (x < nx - 12) & (y > 12) & (y < ny - 12)
    x, y = x[inside], y[inside]
    boxes = [
        np.s_[round(b) - 2 : round(b) + 3, round(a) - 2 : round(a) + 3] for a, b in zip(x, y, strict=True)
    ]
    good = np.array([mosaic.coverage[box].min() >= 4 and mosaic.sci[box].max() > 0.4 for box in boxes])
    cx, cy = centroids(mosaic.sci, x[good], y[good], sigma=NATIVE / scale)
    offsets = np.column_stack([-(cx - x[good]), cy - y[good]]) * scale
    return np.asarray(offsets[np.hypot(*offsets.T) < NEAR])


def test_the_mosaic_lies_on_gaia(made: Made) -> None:
    before, after = mosaic_offsets(made, made.before), mosaic_offsets(made, made.after)
    assert min(len(before), len(after)) >= 25
    assert np.hypot(*np.median(before, axis=0)) > 0.1
    assert np.hypot(*np.median(after, axis=0)) <= 0.05
    scatter = [np.median(np.hypot(*(one - np.median(one, axis=0)).T)) for one in (before, after)]
    assert scatter[1] < 1.1 * scatter[0]
