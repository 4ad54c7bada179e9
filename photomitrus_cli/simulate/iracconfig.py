"""The parameters of a simulated IRAC field; the defaults live in the packaged configuration."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from photomitrus_cli.run.config import Section
from photomitrus_cli.simulate.iracfacts import CALIBRATIONS, Mission, ReadMode
from photomitrus_cli.simulate.sipdata import SIP_TABLES, SipModel

NonNegative = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class IracSimulation(Section):
    """Every parameter of `simulate_field`, each explained in the packaged ``irac.yaml`` (``simulate``)."""

    seed: Annotated[int, Field(ge=0)]
    channel: Literal[1, 2, 3, 4]
    mission: Mission
    sip: SipModel
    readmode: ReadMode

    center_ra_deg: Annotated[float, Field(ge=0.0, lt=360.0)]
    center_dec_deg: Annotated[float, Field(gt=-90.0, lt=90.0)]
    n_aors: Annotated[int, Field(ge=1)]
    dithers_per_aor: Annotated[int, Field(ge=1)]
    field_size_arcmin: NonNegative
    dither_rms_arcsec: NonNegative
    roll_deg: Annotated[tuple[float, ...], Field(min_length=1)]
    frame_times_s: Annotated[tuple[Positive, ...], Field(min_length=1)]
    hdr_frame_time_s: Positive | None
    pointing_rms_arcsec: NonNegative
    plane_jitter_px: NonNegative
    plane_drift_px_hr: tuple[float, float]

    first_aorkey: Annotated[int, Field(ge=1, le=99_999_999)]
    file_version: Annotated[int, Field(ge=0)]
    header_cards: Annotated[int, Field(ge=0, le=5000)]
    write_bcd: bool

    star_layout: Literal["random", "grid", "single"]
    star_density_arcmin2: NonNegative
    grid_spacing_arcsec: Positive
    min_separation_arcsec: NonNegative
    flux_min_ujy: Positive
    flux_max_ujy: Positive
    flux_slope: Positive
    n_bright_stars: Annotated[int, Field(ge=0)]
    bright_flux_ujy: Positive
    n_galaxies: Annotated[int, Field(ge=0)]
    galaxy_flux_ujy: tuple[Positive, Positive]
    galaxy_sigma_arcsec: tuple[Positive, Positive]
    flux_convention: Literal["total", "aperture"]
    response: bool

    zodi_mjy_sr: NonNegative
    skydark_mjy_sr: NonNegative
    gradient_mjy_sr_deg: tuple[float, float]
    offset_rms_mjy_sr: NonNegative
    first_frame_offset_mjy_sr: float
    first_frame_ramp_mjy_sr: float
    first_frame_decay: NonNegative

    noise: bool
    unc_scale: Positive
    cosmic_ray_rate: NonNegative
    cosmic_ray_energy_e: Positive
    cosmic_ray_spread_dex: NonNegative
    cosmic_ray_max_length_px: Annotated[float, Field(ge=1.0)]
    rmask_completeness: Fraction
    bad_pixels_nan: Annotated[int, Field(ge=0, le=10_000)]
    bad_pixels_hot: Annotated[int, Field(ge=0, le=10_000)]
    hot_pixel_mjy_sr: NonNegative
    hot_flagged_fraction: Fraction
    saturate: bool
    full_well_e: Positive | None
    saturation_corrected: bool

    truth_image: bool
    truth_scale_arcsec: Positive

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.mission, self.channel) not in CALIBRATIONS:
            raise ValueError(
                f"channel {self.channel} took no data in the {self.mission} mission; "
                "set mission and sip to cryo"
            )
        if (self.sip, self.channel) not in SIP_TABLES:
            raise ValueError(
                f"there is no {self.sip} distortion table for channel {self.channel}; set sip to cryo"
            )
        if self.readmode == "sub" and self.hdr_frame_time_s is not None:
            raise ValueError("the subarray has no pairs of frame times; set hdr_frame_time_s to null")
        if self.flux_max_ujy < self.flux_min_ujy:
            raise ValueError("flux_max_ujy is below flux_min_ujy")
        return self
