"""Truth of simulated PRIME dithers: frames, stars, pixel positions, hits; and the way back to a WCS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.io.fitswrite import table_hdu, write_fits
from photomitrus_cli.io.tables import write_ecsv
from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primefacts import frame_shape
from photomitrus_cli.simulate.primeframe import Frame
from photomitrus_cli.simulate.primegalaxies import galaxy_points
from photomitrus_cli.simulate.primeplan import FramePlan
from photomitrus_cli.simulate.primestars import field_stars, flux_adu, year, zero_point
from photomitrus_cli.simulate.primewcs import PrimeWcs

if TYPE_CHECKING:
    from astropy.table import Table

Columns = dict[str, NDArray[np.generic]]

FRAMES_NAME = "truth_frames.ecsv"
GRID_NODES = 33
# name: unit, description
_ABOUT: dict[str, tuple[str | None, str]] = {
    "file": (None, "frame, relative to the output folder"),
    "serial": (None, "eight digits of the name"),
    "chip": (None, "chip"),
    "mjd": ("d", "start, UTC"),
    "ra_header": ("deg", "axis of the mosaic as the header tells it"),
    "dec_header": ("deg", "axis of the mosaic as the header tells it"),
    "ra_axis": ("deg", "true axis of the mosaic"),
    "dec_axis": ("deg", "true axis of the mosaic"),
    "rotation": ("deg", "true rotation"),
    "family": (None, "distortion"),
    "scale": (None, "side of a pixel over the native one"),
    "transparency": (None, "light that arrives"),
    "sky": (None, "sky at the reference pixel, ADU per read"),
    "sigma": (None, "noise of the sky at the reference pixel, ADU per read"),
    "pattern": (None, "relative amplitude of the instrumental pattern"),
    "fwhm": ("arcsec", "full width of stars at half maximum on the axis"),
    "accident": (None, "cloudy, trailed, mispointed or none"),
    "satellite": (None, "crossed by a satellite"),
    "n_stars": (None, "stars on the frame"),
    "n_hits": (None, "pixels struck by cosmic rays"),
    "n_invalid": (None, "pixels that are full"),
    "id": (None, "number of the star"),
    "ra": ("deg", "ICRS; of stars at the epoch of the frames"),
    "dec": ("deg", "ICRS; of stars at the epoch of the frames"),
    "pmra": ("mas / yr", "proper motion, times cos dec"),
    "pmdec": ("mas / yr", "proper motion"),
    "flux": (None, "ADU per read at full transparency, after division by the flat at the reference pixel"),
    "mag": ("mag", "in the band simulated"),
    "n_frames": (None, "frames of any chip that the star is on"),
    "x": ("pix", "0-based, frame without its border"),
    "y": ("pix", "0-based, frame without its border"),
    "adu": (None, "what the hit added, ADU per read"),
    "width": ("arcsec", "full width at half maximum without seeing"),
} | {f"{band}mag": ("mag", "Vega") for band in "ZYJH"}


@dataclass(frozen=True, eq=False)
class FrameTruth:
    """What is kept of a frame.

    Attributes
    ----------
    row : dict
        Line of the table of frames.
    stars : ndarray of int
        Indices into the stars of the field.
    grid, hits : dict of str to ndarray
        Rows of those tables.
    """

    row: dict[str, object]
    stars: NDArray[np.int64]
    grid: Columns
    hits: Columns


def frame_truth(config: PrimeSimulation, plan: FramePlan, chip: int, frame: Frame, file: str) -> FrameTruth:
    """Gather the truth of a frame.

    Parameters
    ----------
    config : PrimeSimulation
    plan : FramePlan
    chip : int
    frame : Frame
    file : str
        Relative to the output folder.

    Returns
    -------
    FrameTruth
    """
    side = frame_shape(config.scale).active
    row: dict[str, object] = {
        "file": file,
        "serial": plan.serial,
        "chip": chip,
        "mjd": plan.mjd,
        "ra_header": plan.header_deg[0],
        "dec_header": plan.header_deg[1],
        "ra_axis": plan.true_deg[0],
        "dec_axis": plan.true_deg[1],
        "rotation": plan.rotation_deg,
        "family": config.distortion,
        "scale": config.scale,
        "transparency": plan.transparency,
        "sky": plan.sky_adu,
        "sigma": frame.sigma,
        "pattern": plan.pattern,
        "fwhm": plan.fwhm_arcsec,
        "accident": plan.accident or "none",
        "satellite": plan.satellite,
        "n_stars": frame.stars.size,
        "n_hits": frame.hit_pixel.size,
        "n_invalid": frame.n_invalid,
    }
    x, y = (axis.ravel() for axis in np.meshgrid(*[np.linspace(0.0, side - 1.0, GRID_NODES)] * 2))
    ra, dec = frame.wcs.pixel_to_sky(x, y)
    hits: Columns = {
        "x": (frame.hit_pixel % side).astype(np.int16),
        "y": (frame.hit_pixel // side).astype(np.int16),
        "adu": frame.hit_adu.astype(np.float32),
    }
    grid: Columns = {"x": x, "y": y, "ra": ra, "dec": dec}
    return FrameTruth(row, frame.stars, _keyed(plan, chip, grid), _keyed(plan, chip, hits))


def _keyed(plan: FramePlan, chip: int, columns: Columns) -> Columns:
    count = next(iter(columns.values())).size
    keys: Columns = {"serial": np.full(count, plan.serial), "chip": np.full(count, chip, dtype=np.int16)}
    return keys | columns


def _table(columns: Columns, meta: dict[str, object]) -> Table:
    from astropy.table import Column, Table

    made = []
    for name, values in columns.items():
        unit, text = _ABOUT[name]
        made.append(Column(values, name=name, unit=unit, description=text))
    return Table(made, meta=meta)


def _stack(parts: Sequence[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _star_columns(config: PrimeSimulation, frames: Sequence[FrameTruth]) -> Columns:
    stars = field_stars(config)
    seen, count = np.unique(np.concatenate([frame.stars for frame in frames]), return_counts=True)
    mags = stars.mags[:, seen]
    columns: Columns = {
        "id": stars.id[seen],
        "ra": stars.ra_deg[seen],
        "dec": stars.dec_deg[seen],
        "pmra": stars.pm_ra[seen],
        "pmdec": stars.pm_dec[seen],
        "mag": mags[config.band_index],
        "flux": flux_adu(config, mags[config.band_index]),
        "n_frames": count,
    }
    return columns | {f"{band}mag": mags[k] for k, band in enumerate(("Z", "Y", "J", "H"))}


def _galaxy_columns(config: PrimeSimulation) -> Columns:
    """Give the round parts of all galaxies."""
    parts = galaxy_points(config)
    mag = parts.mags[config.band_index]
    place: Columns = {"ra": parts.ra_deg, "dec": parts.dec_deg, "mag": mag}
    return place | {"flux": flux_adu(config, mag), "width": parts.width_arcsec}


def write_truth(folder: Path, config: PrimeSimulation, frames: Sequence[FrameTruth]) -> dict[str, Path]:
    """Write the truth tables.

    Parameters
    ----------
    folder : Path
        Existing folder.
    config : PrimeSimulation
    frames : sequence of FrameTruth
        At least one.

    Returns
    -------
    dict of str to Path
        ``frames`` and ``stars`` (ECSV); ``grid``, ``hits`` and ``galaxies``, which are long (FITS).
    """
    from astropy.io import fits

    meta: dict[str, object] = {
        "seed": config.seed,
        "band": config.band,
        "epoch": year(config.start_mjd),
        "zero_point": zero_point(config),
    }
    rows = [frame.row for frame in frames]
    tables: dict[str, Columns] = {
        "frames": {name: np.array([row[name] for row in rows]) for name in rows[0]},
        "stars": _star_columns(config, frames),
    }
    written = {"frames": folder / FRAMES_NAME, "stars": folder / "truth_stars.ecsv"}
    for name, columns in tables.items():
        write_ecsv(written[name], _table(columns, meta))
    long = {name: _stack([getattr(frame, name) for frame in frames]) for name in ("grid", "hits")}
    long["galaxies"] = _galaxy_columns(config)
    for name, columns in long.items():
        written[name] = folder / f"truth_{name}.fits"
        hdu = table_hdu(name.upper(), _table(columns, {}))
        write_fits(written[name], fits.HDUList([fits.PrimaryHDU(), hdu]))
    return written


def read_wcs(output: Path, chip: int, serial: str) -> PrimeWcs:
    """Return the true mapping of a frame that was simulated.

    Parameters
    ----------
    output : Path
        The folder given to the simulator.
    chip : int
    serial : str
        The eight digits of the frame's name.

    Returns
    -------
    PrimeWcs

    Raises
    ------
    KeyError
        There is no such frame.
    """
    from astropy.table import Table

    table = Table.read(output / "truth" / FRAMES_NAME, format="ascii.ecsv")
    for row in table[table["chip"] == chip]:
        if f"{row['serial']:>08}" == serial:
            place = (float(row["ra_axis"]), float(row["dec_axis"]), float(row["rotation"]))
            return PrimeWcs(chip, str(row["family"]), int(row["scale"]), *place)
    raise KeyError(f"no frame {serial} of chip {chip} in {output}")
