"""Trials of ``prime stack`` on simulated dithers: simulated, stacked, measured, and kept from run to run."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from truthkit.calibtrials import kept
from truthkit.primehits import Cores, Hits, cores_clipped, hits_left
from truthkit.primemeasure import APERTURE, GeometryErrors, StarField, geometry_errors, spread
from truthkit.primeruns import QUIET, SPOTLESS, Stacked, make_stack, simulate

# One frame is cloudy, one trailed, one pointed elsewhere.
N_USED, N_REFUSED = 9, 3
# Stars per square degree: where pixels are larger, stars are wider, and as many would crowd the field.
DENSITY = {1: 18000.0, 2: 15000.0, 4: 12000.0, 8: 6000.0}
BINS = {"J": (13.0, 14.0, 15.0, 16.0, 17.0, 18.0), "H": (12.0, 13.0, 14.0, 15.0, 16.0, 17.0)}
# Brightest stars whose positions tell of the geometry rather than of noise.
_BRIGHT_BINS = 3
_FEW = 5


@dataclass(frozen=True)
class Setup:
    """What is simulated.

    Attributes
    ----------
    band, family : str
    rotation : float
    seed, scale : int
    """

    band: str
    family: str
    rotation: float
    seed: int
    scale: int

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.band}-{self.family}-{self.rotation:.0f}-{self.seed}-{self.scale}"

    @property
    def settings(self) -> dict[str, Any]:
        """Of the simulation."""
        return {
            "band": self.band,
            "distortion": self.family,
            "rotation_deg": self.rotation,
            "seed": self.seed,
            "scale": self.scale,
            "star_density_deg2": DENSITY[self.scale],
            "n_frames": N_USED + N_REFUSED,
            # No blank sky is to be found in a disc of 16 arcmin.
            "extended_mag": None,
        }


@dataclass(frozen=True)
class Bin:
    """Light of the stars of a range of magnitudes.

    Attributes
    ----------
    low, high : float
        Magnitudes.
    stars : int
    bias, error : float
        Median of calibrated less true magnitudes, and its standard error.
    scatter, formal, ratio : float
        Robust scatter, the median stated error, and the robust scatter in units of each star's error.
    position : float
        Robust scatter of a coordinate, arcsec, the mean of both.
    """

    low: float
    high: float
    stars: int
    bias: float
    error: float
    scatter: float
    formal: float
    ratio: float
    position: float


@dataclass(frozen=True)
class Trial:
    """What was found with a setup.

    Attributes
    ----------
    setup : Setup
    used : int
        Frames.
    right : bool
        Whether the frames with accidents were refused, and no other.
    refused : list of str
        Accidents of those refused.
    geometry : GeometryErrors
    offset : float
        Length of the median offset of bright stars of the stack, arcsec.
    zero_point, zero_point_error : float
        True and stated error.
    pixel, aperture : float
        Scatter of blank sky over the stated noise.
    lost, lost_photons : float
        Stated depth less that of the sum of inverse variances, of frames less sky and of photons alone, mag.
    bins : list of Bin
    hits : Hits
    cores : Cores
    """

    setup: Setup
    used: int
    right: bool
    refused: list[str]
    geometry: GeometryErrors
    offset: float
    zero_point: float
    zero_point_error: float
    pixel: float
    aperture: float
    lost: float
    lost_photons: float
    bins: list[Bin]
    hits: Hits
    cores: Cores


def attempt(setup: Setup, folder: Path) -> Trial:
    """Simulate, stack and measure, unless that was done before.

    Parameters
    ----------
    setup : Setup
    folder : Path
        Keeps measurements; frames are there for the time being.
    """
    return kept(folder / f"prime-{setup.name}.json", Trial, lambda: _attempt(setup, folder))


def _attempt(setup: Setup, folder: Path) -> Trial:
    with TemporaryDirectory(dir=folder) as name:
        frames = Path(name)
        usual = setup.settings
        stacked = make_stack(simulate(frames / "usual", **usual))
        clean = make_stack(simulate(frames / "nohits", **usual, cosmic_rays=0.0), like=stacked)
        few = usual | QUIET | SPOTLESS | {"n_frames": N_USED}
        spotless = make_stack(simulate(frames / "spotless", **few))
        return measure(setup, stacked, hits_left(stacked, clean), cores_clipped(spotless))


def measure(setup: Setup, stacked: Stacked, hits: Hits, cores: Cores) -> Trial:
    """Put all numbers of a stack together."""
    field = StarField(stacked)
    accidents = {serial: str(row["accident"]) for serial, row in field.frames.items()}
    refused = [accidents[serial] for serial in accidents if serial not in stacked.used]
    light, noise = field.empty_apertures(APERTURE * field.seeing)
    lost, photons = field.depth_lost
    bins = star_bins(field, BINS[setup.band])
    return Trial(
        setup,
        len(stacked.used),
        all((accident == "none") == (serial in stacked.used) for serial, accident in accidents.items()),
        refused,
        geometry_errors(stacked),
        field.offset(BINS[setup.band][_BRIGHT_BINS]),
        field.zero_point_error,
        float(stacked.header["MAGZPERR"]),
        field.pixel_noise,
        spread(light / noise),
        lost,
        photons,
        bins,
        hits,
        cores,
    )


def star_bins(field: StarField, edges: tuple[float, ...]) -> list[Bin]:
    """Measure the light of the stars of a stack that have no neighbours.

    Parameters
    ----------
    field : StarField
    edges : tuple of float
        Magnitudes.
    """
    away, error = field.photometry
    moved, there = field.positions
    use = field.alone & field.inside(2.0 * field.seeing) & np.isfinite(away)
    made = []
    for low, high in pairwise(edges):
        own = use & (field.mag >= low) & (field.mag < high)
        n = int(np.count_nonzero(own))
        if n < _FEW:
            continue
        scatter, seen = spread(away[own]), own & there
        made.append(
            Bin(
                low,
                high,
                n,
                float(np.median(away[own])),
                1.2533 * scatter / n**0.5,
                scatter,
                float(np.median(error[own])),
                spread(away[own] / error[own]),
                0.5 * (spread(moved[0, seen]) + spread(moved[1, seen])),
            )
        )
    return made
