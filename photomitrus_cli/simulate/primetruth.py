"""Truth of simulated PRIME dithers: frames, stars, pixel positions, hits; and the way back to a WCS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primeframetruth import FrameTruth
from photomitrus_cli.simulate.primegalaxies import galaxy_points
from photomitrus_cli.simulate.primestars import field_stars, flux_adu, year, zero_point
from photomitrus_cli.simulate.primewcs import PrimeWcs
from photomitrus_cli.simulate.truthtables import Columns, columns_of, stacked, write_tables

FRAMES_NAME = "truth_frames.ecsv"
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
    meta: dict[str, object] = {
        "seed": config.seed,
        "band": config.band,
        "epoch": year(config.start_mjd),
        "zero_point": zero_point(config),
    }
    short = {"frames": columns_of([frame.row for frame in frames]), "stars": _star_columns(config, frames)}
    long = {
        "grid": stacked([frame.grid for frame in frames]),
        "hits": stacked([frame.hits for frame in frames]),
        "galaxies": _galaxy_columns(config),
    }
    return write_tables(folder, _ABOUT, short, long, meta)


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
