"""Truth tables of a simulated IRAC field, and the writing of all its truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.table import Table

from photomitrus_cli.io.fitswrite import write_fits
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
from photomitrus_cli.simulate.truthtables import (
    About,
    Columns,
    columns_of,
    stacked,
    truth_table,
    write_long_table,
)

_SOURCE_COLUMNS: About = {
    "id": (None, "number of the source"),
    "ra": ("deg", "right ascension, ICRS"),
    "dec": ("deg", "declination, ICRS"),
    "flux": ("uJy", "flux density"),
    "kind": (None, "star or galaxy"),
}


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
    columns: Columns = {
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
    return truth_table(columns, _SOURCE_COLUMNS, meta)


def detection_table(rows: TruthRows) -> Table:
    """Return every source on every frame: position, response, pixel area, saturation."""
    return truth_table(stacked(rows.detections), DETECTION_COLUMNS)


def frame_table(rows: TruthRows) -> Table:
    """Return one row per frame: times, background, offsets, pointing error, cosmic rays."""
    return truth_table(columns_of(rows.frames), FRAME_COLUMNS)


def cosmic_ray_table(rows: TruthRows) -> Table:
    """Return one row per pixel hit by cosmic rays above its own noise."""
    return truth_table(stacked(rows.rays), RAY_COLUMNS)


def plane_table(rows: TruthRows) -> Table:
    """Return the motion of the stars on every plane of subarray exposures."""
    return truth_table(stacked(rows.planes), PLANE_COLUMNS)


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
    write_long_table(written["cosmic_rays"], "cosmic_rays", cosmic_ray_table(rows))
    if field_.config.truth_image:
        written["image"] = folder / "truth_image.fits"
        write_fits(written["image"], truth_image(field_))
    return written
