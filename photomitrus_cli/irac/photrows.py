"""What is measured on one frame, as rows: one for each target and aperture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]


@dataclass(frozen=True)
class ImageRow:
    """One target on one image in one aperture, as measured: before any correction.

    Attributes
    ----------
    path, file : str
        The frame, and its name alone.
    aorkey, channel, expid, dcenum : int
        The header's.
    plane : int
        Plane of a subarray cube, 0-based; -1 for an image of its own and for all planes together.
    target : int
        Number of the target.
    aperture : int
        Number of the aperture.
    mjd : float
        MJD_OBS, the start of the exposure, days; of a plane that of its own.
    date_obs, readmode, aorlabel, creator : str
        The header's.
    framtime_s, exptime_s : float
    ditherpos, ditherscale : str
        The header's DITHPOS and DITHSCAL, ``--`` where absent.
    flags : int
        `photomitrus_cli.irac.measure.Flag`.
    x, y, x_err, y_err, fwhm_x, fwhm_y : float
        Centroid (0-based), its errors and widths, native pixels.
    offset_px : float
        Of the centroid from the position of the target by the WCS, native pixels.
    raw, net : float
        Sum in the aperture, and less its background, MJy/sr pixel.
    background, background_err, sky_sigma : float
        Level of the annulus, its error, and the scatter of its pixels, MJy/sr.
    n_background : int
        Pixels of the annulus that were used.
    bad_area : float
        Of the bad pixels in the aperture, pixels.
    repaired : float
        What was put in their place, MJy/sr pixel; part of `raw`.
    net_err : float
        Standard error of the net flux, MJy/sr pixel.
    photon_err, background_part_err, repair_err, centroid_err : float
        Its parts, MJy/sr pixel.
    gain, fluxconv : float
    """

    path: str
    file: str
    aorkey: int
    channel: int
    expid: int
    dcenum: int
    plane: int
    target: int
    aperture: int
    mjd: float
    date_obs: str
    readmode: str
    aorlabel: str
    creator: str
    framtime_s: float
    exptime_s: float
    ditherpos: str
    ditherscale: str
    flags: int
    x: float
    y: float
    x_err: float
    y_err: float
    fwhm_x: float
    fwhm_y: float
    offset_px: float
    raw: float
    net: float
    background: float
    background_err: float
    sky_sigma: float
    n_background: int
    bad_area: float
    repaired: float
    net_err: float
    photon_err: float
    background_part_err: float
    repair_err: float
    centroid_err: float
    gain: float
    fluxconv: float


def columns_of(rows: Sequence[ImageRow]) -> dict[str, Column]:
    """Turn rows into columns of the same names; without rows the columns are empty.

    Parameters
    ----------
    rows : sequence of ImageRow

    Returns
    -------
    dict of str to ndarray, shape (n,)
        Numbers as int64 and float64, text as fixed-width unicode.
    """
    kinds = {"int": np.int64, "float": np.float64, "str": np.str_}
    return {
        field.name: np.array([getattr(row, field.name) for row in rows], dtype=kinds[str(field.type)])
        for field in fields(ImageRow)
    }
