"""The parameters of simulated PRIME dithers; the defaults live in the packaged configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from photomitrus_cli.run.config import RelativePath, Section

NonNegative = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0, le=1000)]
PerBand = Annotated[tuple[float, ...], Field(min_length=4, max_length=4)]
CountPerBand = Annotated[tuple[Annotated[int, Field(ge=2, le=1000)], ...], Field(min_length=4, max_length=4)]


class PrimeSimulation(Section):
    """Every parameter of `simulate.prime.run`, each explained in the packaged ``prime.yaml`` (``simulate``).

    Values per band are for Z, Y, J and H in turn.
    """

    output: Annotated[Path, RelativePath()]
    seed: Annotated[int, Field(ge=0)]
    chips: Annotated[tuple[Literal[1, 2, 3, 4], ...], Field(min_length=1, max_length=4)]
    band: Literal["Z", "Y", "J", "H"]
    n_frames: Annotated[int, Field(ge=1, le=500)]
    scale: Literal[1, 2, 4, 8, 16]

    pointing_deg: tuple[Annotated[float, Field(ge=0.0, lt=360.0)], Annotated[float, Field(ge=-85.0, le=85.0)]]
    start_mjd: Annotated[float, Field(ge=50_000.0, le=80_000.0)]
    first_serial: Annotated[int, Field(ge=0, le=90_000_000)]
    reads: CountPerBand
    overhead_s: NonNegative
    dither_arcsec: NonNegative
    distortion: Literal["tpv", "radial"]
    rotation_deg: Annotated[float, Field(ge=-360.0, le=360.0)]
    rotator_error_deg: Annotated[float, Field(ge=-180.0, le=180.0)]
    rotoff: Literal["degrees", "arcsec", "text"]
    pointing_error_px: NonNegative
    jitter_px: NonNegative
    rotation_jitter_deg: NonNegative

    fwhm_arcsec: tuple[Positive, Positive]
    fwhm_growth: NonNegative
    fwhm_min_px: Positive
    star_density_deg2: Annotated[float, Field(ge=0.0, le=500_000.0)]
    star_mag: tuple[float, float]
    star_slope: Positive
    galaxy_density_deg2: Annotated[float, Field(ge=0.0, le=50_000.0)]
    extended_mag: float | None
    proper_motion_mas: NonNegative

    sky_mag: PerBand
    sky_drift: NonNegative
    sky_tilt: NonNegative
    sky_pattern: NonNegative
    sky_steps: Count
    transparency: Fraction

    noise: bool
    vignetting: Fraction
    flat_rms: NonNegative
    flat_error: NonNegative
    bad_fraction: Annotated[float, Field(ge=0.0, le=0.5)]
    bad_columns: Count
    channel_adu: NonNegative
    channel_drift_adu: NonNegative
    cosmic_rays: NonNegative
    cosmic_ray_e: Positive
    satellites: Count
    persistence: Fraction

    cloudy: Count
    cloudy_mag: NonNegative
    trailed: Count
    trail_arcsec: NonNegative
    mispointed: Count
    mispointed_arcmin: NonNegative

    refcat_mag: float
    refcat_error_arcsec: NonNegative
    refcat_epoch: Annotated[float, Field(ge=1950.0, le=2050.0)]
    refcat_missing: Fraction
    refcat_false: Fraction

    master_flat: bool
    bad_pixel_mask: bool
    twilight: Annotated[int, Field(ge=0, le=100)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.chips)) < len(self.chips):
            raise ValueError("chips: each chip may be named once")
        if self.fwhm_arcsec[0] > self.fwhm_arcsec[1]:
            raise ValueError("fwhm_arcsec: the smallest is above the largest")
        if self.star_mag[0] >= self.star_mag[1]:
            raise ValueError("star_mag: the brightest star is to have the smaller magnitude")
        if self.cloudy + self.trailed + self.mispointed > self.n_frames:
            raise ValueError("cloudy, trailed and mispointed ask for more frames than n_frames")
        if self.satellites > self.n_frames:
            raise ValueError("satellites: at most one per frame")
        if self.first_serial < self.twilight * self.n_reads:
            raise ValueError("first_serial is too small for the numbers of the twilight ramps before it")
        return self

    @property
    def band_index(self) -> int:
        """Place of the band in values per band."""
        return ("Z", "Y", "J", "H").index(self.band)

    @property
    def n_reads(self) -> int:
        """NFRAMES: reads of a ramp."""
        return self.reads[self.band_index]
