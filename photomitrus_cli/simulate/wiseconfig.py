"""The parameters of a simulated slice of the WISE survey; the defaults live in the packaged configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from photomitrus_cli.run.config import RelativePath, Section
from photomitrus_cli.simulate.wisefacts import NATIVE_PX

NonNegative = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Latitude = Annotated[float, Field(ge=-90.0, le=90.0)]
PerBand = Annotated[tuple[float, ...], Field(min_length=4, max_length=4)]
PositivePerBand = Annotated[tuple[Positive, ...], Field(min_length=4, max_length=4)]
NonNegativePerBand = Annotated[tuple[NonNegative, ...], Field(min_length=4, max_length=4)]
FractionPerBand = Annotated[tuple[Fraction, ...], Field(min_length=4, max_length=4)]


class WiseSimulation(Section):
    """Every parameter of `simulate.wise.run`, each explained in the packaged ``wise.yaml`` (``simulate``).

    Values per band are for W1, W2, W3 and W4 in turn.
    """

    output: Annotated[Path, RelativePath()]
    seed: Annotated[int, Field(ge=0)]
    bands: Annotated[tuple[Literal[1, 2, 3, 4], ...], Field(min_length=1, max_length=4)]
    n_scans: Annotated[int, Field(ge=1, le=99_999)]
    latitude_deg: tuple[Latitude, Latitude]
    max_frames: Annotated[int, Field(ge=1)] | None
    scan_step: Annotated[int, Field(ge=1)]
    frame_step: Annotated[int, Field(ge=1)]
    frame_px: Annotated[int, Field(ge=16, le=NATIVE_PX, multiple_of=2)]
    start_mjd: Annotated[float, Field(ge=40_000.0, le=70_000.0)]
    first_scan: Annotated[int, Field(ge=0, le=99_999)]
    scan_rate_arcmin_s: Positive
    elongation_deg: Annotated[float, Field(gt=60.0, lt=120.0)]

    packed: Literal["gzip", "plain"]
    header_cards: Annotated[int, Field(ge=0, le=2000)]
    truth_frames: bool

    gain_dn_per_mjy_sr: PositivePerBand
    gain_drift: Annotated[float, Field(ge=0.0, le=0.3)]
    gain_drift_days: Positive
    gain_rms: Annotated[float, Field(ge=0.0, le=0.3)]
    magzp_rms: Annotated[float, Field(ge=0.0, le=0.3)]
    offset_low_dn: PerBand
    offset_high_dn: PerBand
    drift_dn: PerBand
    frame_offset_rms_dn: NonNegativePerBand

    zodi: NonNegative
    zodi_side_excess: Annotated[float, Field(gt=-1.0, lt=1.0)]
    galaxy_mjy_sr: NonNegativePerBand
    cirrus: NonNegative
    star_density_deg2: NonNegative
    star_flux_jy: tuple[Positive, Positive]
    star_slope: Positive
    star_flux_scale: NonNegativePerBand
    psf_fwhm_arcsec: PositivePerBand
    psf_fwhm_min_px: Positive

    read_noise_dn: NonNegativePerBand
    photon_noise_dn: NonNegativePerBand
    noise: bool
    unc_scale: Positive
    bad_fraction: FractionPerBand
    noisy_fraction: Fraction
    spike_fraction: Fraction
    spike_sigma: tuple[Positive, Positive]
    negative_spikes: Fraction
    spike_flagged: Fraction
    cosmic_rays_mpx: NonNegative
    cosmic_ray_dn: NonNegativePerBand
    cosmic_ray_max_length_px: Annotated[float, Field(ge=1.0)]
    pinned_fraction: Fraction
    saturation_dn: PositivePerBand
    latent_fraction: Fraction

    moon_ecliptic_deg: tuple[float, Latitude] | None
    moon_dn: NonNegativePerBand
    moon_reach_deg: Positive
    planet_ecliptic_deg: tuple[float, Latitude] | None
    planet_dn: NonNegativePerBand
    planet_halo_arcmin: Positive
    n_asteroids: Annotated[int, Field(ge=0, le=10_000)]
    asteroid_flux_jy: NonNegative
    asteroid_rate_arcsec_hr: NonNegative
    trail_fraction: Fraction
    trail_dn: NonNegativePerBand
    bad_frame_fraction: Fraction
    bad_scan_fraction: Fraction
    odd_scans: Annotated[int, Field(ge=0)]
    odd_jump_dn: PerBand

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        low, high = self.latitude_deg
        if low >= high:
            raise ValueError("latitude_deg: the first latitude is to be below the second")
        if len(set(self.bands)) < len(self.bands):
            raise ValueError("bands: each band may be named once")
        if self.first_scan + (self.n_scans - 1) * self.scan_step >= 100_000:
            raise ValueError("first_scan, n_scans and scan_step lead to numbers of more than five digits")
        if self.star_flux_jy[0] >= self.star_flux_jy[1]:
            raise ValueError("star_flux_jy: the faintest flux is to be below the brightest")
        if self.spike_sigma[0] > self.spike_sigma[1]:
            raise ValueError("spike_sigma: the lowest is above the highest")
        pairs = zip(self.offset_low_dn, self.offset_high_dn, strict=True)
        if any(lower > upper for lower, upper in pairs):
            raise ValueError("offset_low_dn is above offset_high_dn in a band")
        return self
