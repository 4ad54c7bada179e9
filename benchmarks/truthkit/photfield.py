"""Simulated fields for photometry: one star or a few, in any channel and read mode, with their truth."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from photutils.aperture import CircularAnnulus, CircularAperture

from photomitrus_cli.simulate.iracfacts import Mission, ReadMode, calibration, readout
from photomitrus_cli.simulate.iracpsf import irac_psf, paint
from photomitrus_cli.simulate.iracpsfmeasures import aperture_fraction
from photomitrus_cli.simulate.iracscene import flux_to_brightness, star_blobs
from photomitrus_cli.simulate.iractimes import frame_time
from truthkit.runs import simulate

Float = NDArray[np.float64]
Brightness = Literal["bright", "faint"]

SNR: dict[Brightness, float] = {"bright": 300.0, "faint": 20.0}
_RADIUS, _INNER, _OUTER = 10.0, 12.0, 20.0
_SKY_MJY_SR = 0.12
# Nothing but stars, sky and noise.
_PLAIN: dict[str, Any] = {
    "n_bright_stars": 0,
    "n_galaxies": 0,
    "flux_convention": "aperture",
    "zodi_mjy_sr": _SKY_MJY_SR,
    "field_size_arcmin": 0.0,
    "header_cards": 200,
    "write_bcd": True,
    "truth_image": False,
    "rmask_completeness": 1.0,
    "hot_flagged_fraction": 1.0,
}
_NO_ACCIDENTS: dict[str, Any] = {
    "cosmic_ray_rate": 0.0,
    "bad_pixels_nan": 0,
    "bad_pixels_hot": 0,
    "offset_rms_mjy_sr": 0.0,
    "first_frame_offset_mjy_sr": 0.0,
    "first_frame_ramp_mjy_sr": 0.0,
}
_ACCIDENTS: dict[ReadMode, dict[str, Any]] = {
    "full": {"cosmic_ray_rate": 1.0},
    "sub": {"cosmic_ray_rate": 1.0, "bad_pixels_nan": 6, "bad_pixels_hot": 2},
}


@dataclass(frozen=True)
class PhotometryField:
    """A field on disk and its truth.

    Attributes
    ----------
    folder : Path
        Root of the tree.
    channel : int
    mission : {'cryo', 'warm'}
    readmode : {'full', 'sub'}
    targets : Table
        Stars whose annulus (20 px) is on every frame; of a subarray, whose aperture (10 px) is: id, ra, dec
        (deg), flux (uJy, in the aperture of 10 px less the annulus of 12-20 px).
    detections, frames : Table
        Truth of every star on every frame, and of every frame.
    """

    folder: Path
    channel: int
    mission: Mission
    readmode: ReadMode
    targets: Table
    detections: Table
    frames: Table

    def of(self, source: int) -> Table:
        """Give the rows of ``detections`` of one star, in the order of the frames."""
        return self.detections[self.detections["source"] == source]


def flux_of_snr(snr: float, channel: int, mission: Mission, readmode: ReadMode, frame_time_s: float) -> float:
    """Give the flux whose aperture of 10 px has a signal-to-noise ratio in one frame.

    Parameters
    ----------
    snr : float
        Poisson noise of star and sky, read noise and the noise of the annulus of 12-20 px; of a subarray, in
        the sum of the 64 planes.
    channel : int
    mission : {'cryo', 'warm'}
    readmode : {'full', 'sub'}
    frame_time_s : float

    Returns
    -------
    float
        uJy.
    """
    facts, time = calibration(mission, channel, readmode), frame_time(channel, frame_time_s, readmode)
    planes = readout(readmode, channel).planes
    electrons_per = facts.gain * time.exptime_s / facts.fluxconv
    area, ring = np.pi * _RADIUS**2, np.pi * (_OUTER**2 - _INNER**2)
    variance = planes * area * (1.0 + area / ring) * (_SKY_MJY_SR * electrons_per + facts.ronoise**2)
    signal = 0.5 * (snr**2 + np.sqrt(snr**4 + 4.0 * snr**2 * variance))
    return float(signal / (planes * electrons_per * flux_to_brightness(channel)))


def net_flux(image: Float, x: float, y: float, radius: float, inner: float, outer: float) -> float:
    """Sum an exact aperture less the mean of an exact annulus, both by photutils.

    Parameters
    ----------
    image : ndarray of float, shape (ny, nx)
        Without NaN in aperture and annulus.
    x, y : float
        0-based position, pixels.
    radius, inner, outer : float
        Pixels; an annulus that leaves the image counts as far as it is on it.

    Returns
    -------
    float
        Unit of the image times pixels.
    """
    aperture, ring = CircularAperture((x, y), radius), CircularAnnulus((x, y), inner, outer)
    total, level, area = (
        float(region.do_photometry(values, method="exact")[0][0])
        for region, values in ((aperture, image), (ring, image), (ring, np.ones_like(image)))
    )
    return total - np.pi * radius**2 * level / area


def aperture_correction(
    channel: int, radius: float, inner: float, outer: float, *, readmode: ReadMode = "full"
) -> float:
    """Give the factor from an aperture to 10 px less 12-20 px that the simulated stars themselves have.

    Parameters
    ----------
    channel : int
    radius, inner, outer : float
        Native pixels.
    readmode : {'full', 'sub'}
        In the middle of a subarray the annulus loses what is off the array.

    Returns
    -------
    float
        The mean over 25 places within a pixel.
    """
    size = readout(readmode, channel).size if readmode == "sub" else 2 * int(outer) + 8
    middle, psf, fluxes = size // 2, irac_psf(channel), []
    for dx, dy in product(np.arange(-2, 3) / 5.0, repeat=2):
        image = np.zeros((size, size))
        x, y = middle - 0.5 + dx, middle - 0.5 + dy
        paint(image, star_blobs(psf, np.array([x]), np.array([y]), np.ones(1)))
        fluxes.append(net_flux(image, x, y, radius, inner, outer))
    return aperture_fraction(channel, _RADIUS, _INNER, _OUTER) / float(np.mean(fluxes))


def photometry_field(
    folder: Path,
    *,
    channel: int = 1,
    mission: Mission = "warm",
    readmode: ReadMode = "full",
    brightness: Brightness = "bright",
    stars: Literal["single", "grid"] = "single",
    frame_time_s: float | None = None,
    n_aors: int = 2,
    dithers: int = 6,
    accidents: bool = False,
    **overrides: Any,
) -> PhotometryField:
    """Simulate a field of equal stars and read its truth.

    Parameters
    ----------
    folder : Path
        Must hold no frames yet.
    channel : int
        Channels 3 and 4 need ``mission='cryo'``.
    mission : {'cryo', 'warm'}
    readmode : {'full', 'sub'}
        A subarray has one star.
    brightness : {'bright', 'faint'}
        Signal-to-noise ratio of 300 or 20 in the 10 px aperture of one frame.
    stars : {'single', 'grid'}
        One star in the middle, or stars every 100 arcsec.
    frame_time_s : float, optional
        By default 30 s (50 s in channel 4), of a subarray 0.4 s.
    n_aors, dithers : int
    accidents : bool
        Cosmic rays, bad pixels, offsets and first-frame effects too.
    **overrides
        Keys of ``irac.simulate``, such as ``seed`` or ``dither_rms_arcsec``.

    Returns
    -------
    PhotometryField
    """
    time_s = frame_time_s or (0.4 if readmode == "sub" else 50.0 if channel == 4 else 30.0)
    flux = flux_of_snr(SNR[brightness], channel, mission, readmode, time_s)
    keys = _PLAIN | (_ACCIDENTS[readmode] if accidents else _NO_ACCIDENTS)
    keys |= {"channel": channel, "mission": mission, "sip": mission, "readmode": readmode}
    keys |= {"n_aors": n_aors, "dithers_per_aor": dithers, "frame_times_s": [time_s]}
    keys |= {"star_layout": stars, "grid_spacing_arcsec": 100.0, "flux_min_ujy": flux, "flux_max_ujy": flux}
    keys |= {"dither_rms_arcsec": 1.5 if readmode == "sub" else 20.0}
    simulate(folder, **(keys | overrides))
    return read_field(folder, channel, mission, readmode)


def read_field(folder: Path, channel: int, mission: Mission, readmode: ReadMode) -> PhotometryField:
    """Read the truth of a simulated field."""
    names = ("sources", "detections", "frames")
    sources, detections, frames = (Table.read(folder / "truth" / f"truth_{name}.ecsv") for name in names)
    margin = _RADIUS if readmode == "sub" else _OUTER
    last = readout(readmode, channel).size - 1
    inside = np.ones(len(detections), dtype=bool)
    for axis in ("x", "y"):
        place = np.asarray(detections[axis], dtype=np.float64)
        inside &= (place > margin) & (place < last - margin)
    seen = np.bincount(np.asarray(detections["source"])[inside], minlength=len(sources))
    return PhotometryField(
        folder, channel, mission, readmode, sources[seen == len(frames)], detections, frames
    )
