"""Truth tables of a simulated IRAC field, and the writing of all its truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.table import Column, Table
from numpy.typing import NDArray

from photomitrus_cli.io.fitswrite import table_hdu, write_fits
from photomitrus_cli.io.tables import write_ecsv
from photomitrus_cli.simulate.iracpsfmeasures import aperture_fraction, fwhm_px
from photomitrus_cli.simulate.iracscene import FieldModel
from photomitrus_cli.simulate.iractruthimage import truth_image
from photomitrus_cli.simulate.iractruthrows import (
    DETECTION_COLUMNS,
    FRAME_COLUMNS,
    PLANE_COLUMNS,
    RAY_COLUMNS,
    TruthRows,
)


def _table(
    columns: Sequence[tuple[str, object, str]],
    values: dict[str, NDArray[np.generic]],
    meta: dict[str, object],
) -> Table:
    made = [Column(values[name], name=name, unit=unit, description=text) for name, unit, text in columns]
    return Table(made, meta=meta)


def _stack(
    columns: Sequence[tuple[str, object, str]], parts: Sequence[dict[str, NDArray[np.generic]]]
) -> dict[str, NDArray[np.generic]]:
    return {name: np.concatenate([part[name] for part in parts]) for name, _, _ in columns}


def source_table(field_: FieldModel) -> Table:
    """Return the catalogue of a field.

    Parameters
    ----------
    field_ : FieldModel

    Returns
    -------
    Table
        id, ra, dec (deg), flux (uJy), kind; the metadata state the flux convention, the width of the response
        and the share of a star's light in the 10 px aperture less the 12-20 px annulus.
    """
    sky, config = field_.sky, field_.config
    columns = (
        ("id", None, "number of the source"),
        ("ra", units.deg, "right ascension, ICRS"),
        ("dec", units.deg, "declination, ICRS"),
        ("flux", units.uJy, "flux density"),
        ("kind", None, "star or galaxy"),
    )
    values = {
        "id": np.arange(sky.flux_ujy.size),
        "ra": sky.ra_deg,
        "dec": sky.dec_deg,
        "flux": sky.flux_ujy,
        "kind": np.where(sky.is_star, "star", "galaxy"),
    }
    meta: dict[str, object] = {
        "seed": config.seed,
        "channel": config.channel,
        "flux_convention": config.flux_convention,
        "psf_fwhm_px": round(fwhm_px(config.channel), 4),
        "aperture_10_12_20_fraction": round(aperture_fraction(config.channel, 10.0, 12.0, 20.0), 5),
    }
    return _table(columns, values, meta)


def detection_table(rows: TruthRows) -> Table:
    """Return every source on every frame: position, response, pixel area, saturation."""
    return _table(DETECTION_COLUMNS, _stack(DETECTION_COLUMNS, rows.detections), {})


def frame_table(rows: TruthRows) -> Table:
    """Return one row per frame: times, background, offsets, pointing error, cosmic rays."""
    values = {name: np.array([row[name] for row in rows.frames]) for name, _, _ in FRAME_COLUMNS}
    return _table(FRAME_COLUMNS, values, {})


def cosmic_ray_table(rows: TruthRows) -> Table:
    """Return one row per pixel hit by cosmic rays above its own noise."""
    return _table(RAY_COLUMNS, _stack(RAY_COLUMNS, rows.rays), {})


def plane_table(rows: TruthRows) -> Table:
    """Return the motion of the stars on every plane of subarray exposures."""
    return _table(PLANE_COLUMNS, _stack(PLANE_COLUMNS, rows.planes), {})


def write_truth(folder: Path, field_: FieldModel, rows: TruthRows) -> dict[str, Path]:
    """Write all truth products.

    Parameters
    ----------
    folder : Path
        Existing folder.
    field_ : FieldModel
    rows : TruthRows

    Returns
    -------
    dict of str to Path
        ``sources``, ``detections``, ``frames``, ``cosmic_rays``, of subarrays ``planes`` and, if asked for,
        ``image``.
    """
    tables = {
        "sources": source_table(field_),
        "detections": detection_table(rows),
        "frames": frame_table(rows),
    }
    if rows.planes:
        tables["planes"] = plane_table(rows)
    written: dict[str, Path] = {}
    for name, table in tables.items():
        written[name] = folder / f"truth_{name}.ecsv"
        write_ecsv(written[name], table)
    written["cosmic_rays"] = folder / "truth_cosmic_rays.fits"
    rays = table_hdu("COSMIC_RAYS", cosmic_ray_table(rows))
    write_fits(written["cosmic_rays"], fits.HDUList([fits.PrimaryHDU(), rays]))
    if field_.config.truth_image:
        written["image"] = folder / "truth_image.fits"
        write_fits(written["image"], truth_image(field_))
    return written
