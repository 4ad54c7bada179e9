"""Truth tables and images of a simulated IRAC field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.table import Column, Table
from numpy.typing import NDArray

from photomitrus_cli.io.fitswrite import image_hdu, table_hdu, write_fits
from photomitrus_cli.io.tables import write_ecsv
from photomitrus_cli.simulate.frame import Frame
from photomitrus_cli.simulate.iracconfig import IracSimulation
from photomitrus_cli.simulate.iracfacts import MEAN_PIXEL_ARCSEC
from photomitrus_cli.simulate.iracplan import FramePlan
from photomitrus_cli.simulate.psf import aperture_fraction, fwhm_px, paint
from photomitrus_cli.simulate.scene import (
    FieldModel,
    flux_to_brightness,
    galaxy_blobs,
    galaxy_parts,
    star_blobs,
)
from photomitrus_cli.simulate.sipwcs import SipWcs
from photomitrus_cli.simulate.sky import Sky, sky_half_width_arcmin

Floats = NDArray[np.float64]

_BRIGHTNESS = units.MJy / units.sr

# name, unit, description
_DETECTION_COLUMNS = (
    ("source", None, "id in truth_sources"),
    ("aorkey", None, "AORKEY of the frame"),
    ("expid", None, "EXPID of the frame"),
    ("dcenum", None, "DCENUM of the frame"),
    ("file", None, "frame, relative to the output folder"),
    ("x", units.pix, "true position, 0-based, integers at pixel centres"),
    ("y", units.pix, "true position, 0-based, integers at pixel centres"),
    ("r_al", None, "array-location response applied (1: none)"),
    ("r_pp", None, "pixel-phase response applied (1: none)"),
    ("pixel_area", units.arcsec**2, "solid angle of the pixel at that position"),
    ("saturated", None, "a pixel of the central 3 x 3 fills the well"),
)
_FRAME_COLUMNS = (
    ("file", None, "frame, relative to the output folder"),
    ("aorkey", None, "AORKEY"),
    ("expid", None, "EXPID"),
    ("dcenum", None, "DCENUM"),
    ("channel", None, "IRAC channel"),
    ("readmode", None, "full or sub"),
    ("mjd", units.day, "start of the frame, UTC"),
    ("framtime", units.s, "integration of the whole array"),
    ("exptime", units.s, "effective integration per pixel"),
    ("roll", units.deg, "position angle of the second axis, east of north"),
    ("background", _BRIGHTNESS, "mean level under the sources, offsets included"),
    ("offset", _BRIGHTNESS, "random offset of the frame"),
    ("first_frame_offset", _BRIGHTNESS, "first-frame effect: offset (subarray: in the first plane)"),
    ("first_frame_ramp", _BRIGHTNESS, "first-frame effect: top less bottom of the array"),
    ("dra_cosdec", units.arcsec, "pointing error, header less truth"),
    ("ddec", units.arcsec, "pointing error, header less truth"),
    ("ra_true", units.deg, "true right ascension at CRPIX"),
    ("dec_true", units.deg, "true declination at CRPIX"),
    ("cosmic_ray_pixels", None, "pixels with a cosmic-ray deposit above their own noise"),
    ("cosmic_ray_flagged", None, "fraction of them that the masks flag"),
)
_RAY_COLUMNS = (
    ("aorkey", None, "AORKEY"),
    ("expid", None, "EXPID"),
    ("dcenum", None, "DCENUM"),
    ("hit", None, "number of the hit in its frame"),
    ("x", units.pix, "0-based column"),
    ("y", units.pix, "0-based row"),
    ("signal", _BRIGHTNESS, "deposit of all hits"),
    ("significance", None, "deposit over the true sigma of the pixel"),
    ("length", units.pix, "path length of the hit on the array"),
    ("flagged", None, "flagged in imask and rmask"),
    ("plane", None, "plane of a subarray exposure, from 0; 0 for frames"),
)
_PLANE_COLUMNS = (
    ("aorkey", None, "AORKEY"),
    ("expid", None, "EXPID"),
    ("dcenum", None, "DCENUM"),
    ("plane", None, "plane of the exposure, from 0"),
    ("dx", units.pix, "how far the stars are from their mean place in truth_detections"),
    ("dy", units.pix, "how far the stars are from their mean place in truth_detections"),
)


@dataclass
class TruthRows:
    """Columns of the per-frame truth tables as they grow, one entry per frame."""

    detections: list[dict[str, NDArray[np.generic]]] = field(default_factory=list)
    frames: list[dict[str, object]] = field(default_factory=list)
    rays: list[dict[str, NDArray[np.generic]]] = field(default_factory=list)
    planes: list[dict[str, NDArray[np.generic]]] = field(default_factory=list)

    def add(self, config: IracSimulation, plan: FramePlan, frame: Frame, name: str) -> None:
        """Append the truth of one frame.

        Parameters
        ----------
        config : IracSimulation
        plan : FramePlan
        frame : Frame
        name : str
            The frame's file, relative to the output folder.
        """
        keys = {"aorkey": plan.aorkey, "expid": plan.expid, "dcenum": plan.dcenum}
        found = frame.detections
        self.detections.append(
            {
                "source": found.source,
                **{key: np.full(found.x.size, value) for key, value in {**keys, "file": name}.items()},
                "x": found.x,
                "y": found.y,
                "r_al": found.r_al,
                "r_pp": found.r_pp,
                "pixel_area": found.area,
                "saturated": found.saturated,
            }
        )
        where = np.nonzero(frame.hit)
        y, x = where[-2:]
        plane = where[0] if frame.hit.ndim == 3 else np.zeros(x.size)
        owner = frame.rays.owner[where]
        flagged = frame.rmask[where] != 0
        self.rays.append(
            {
                **{key: np.full(x.size, value, dtype=np.int32) for key, value in keys.items()},
                "hit": owner.astype(np.int32),
                "x": x.astype(np.int16),
                "y": y.astype(np.int16),
                "signal": frame.ray_signal[where].astype(np.float32),
                "significance": (frame.ray_signal[where] / frame.ray_sigma[where]).astype(np.float32),
                "length": frame.rays.length_px[owner].astype(np.float32),
                "flagged": flagged,
                "plane": plane.astype(np.int16),
            }
        )
        self._add_planes(plan, keys)
        self.frames.append(_frame_row(config, plan, frame, name, flagged))

    def _add_planes(self, plan: FramePlan, keys: dict[str, int]) -> None:
        offsets = np.array(plan.plane_offsets_px)
        count = len(offsets)
        if count > 1:
            columns = {key: np.full(count, value) for key, value in keys.items()}
            self.planes.append(
                {**columns, "plane": np.arange(count), "dx": offsets[:, 0], "dy": offsets[:, 1]}
            )


def _frame_row(
    config: IracSimulation, plan: FramePlan, frame: Frame, name: str, flagged: NDArray[np.bool_]
) -> dict[str, object]:
    background = frame.background
    values = (
        name,
        plan.aorkey,
        plan.expid,
        plan.dcenum,
        config.channel,
        config.readmode,
        plan.mjd,
        plan.time.framtime_s,
        plan.time.exptime_s,
        plan.roll_deg,
        float(background.image.mean()),
        background.offset,
        background.first_frame_offset,
        background.first_frame_ramp,
        *plan.error_arcsec,
        *plan.wcs.crval_deg,
        flagged.size,
        float(flagged.mean()) if flagged.size else 1.0,
    )
    return dict(zip((column[0] for column in _FRAME_COLUMNS), values, strict=True))


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
    return _table(_DETECTION_COLUMNS, _stack(_DETECTION_COLUMNS, rows.detections), {})


def frame_table(rows: TruthRows) -> Table:
    """Return one row per frame: times, background, offsets, pointing error, cosmic rays."""
    values = {name: np.array([row[name] for row in rows.frames]) for name, _, _ in _FRAME_COLUMNS}
    return _table(_FRAME_COLUMNS, values, {})


def cosmic_ray_table(rows: TruthRows) -> Table:
    """Return one row per pixel hit by cosmic rays above its own noise."""
    return _table(_RAY_COLUMNS, _stack(_RAY_COLUMNS, rows.rays), {})


def plane_table(rows: TruthRows) -> Table:
    """Return the motion of the stars on every plane of subarray exposures."""
    return _table(_PLANE_COLUMNS, _stack(_PLANE_COLUMNS, rows.planes), {})


def _grid(sky_half_arcmin: float, config: IracSimulation) -> tuple[SipWcs, int]:
    half = int(np.ceil(sky_half_arcmin * 60.0 / config.truth_scale_arcsec))
    step = config.truth_scale_arcsec / 3600.0
    center = (config.center_ra_deg, config.center_dec_deg)
    wcs = SipWcs(center, (half + 1.0, half + 1.0), np.array([[-step, 0.0], [0.0, step]]), None)
    return wcs, 2 * half + 1


def _paint_sky(image: Floats, field_: FieldModel, sky: Sky, wcs: SipWcs) -> None:
    config = field_.config
    native = MEAN_PIXEL_ARCSEC[config.channel]
    scale = native / config.truth_scale_arcsec
    per_ujy = flux_to_brightness(config.channel) * field_.flux_scale
    star = sky.is_star
    x, y = wcs.sky_to_pixel(sky.ra_deg[star], sky.dec_deg[star])
    paint(image, star_blobs(field_.psf, x, y, sky.flux_ujy[star] * per_ujy, scale), box=scale)
    rows = np.flatnonzero(~star)
    if rows.size:
        ra, dec, flux, sigma, _ = galaxy_parts(sky, rows)
        x, y = wcs.sky_to_pixel(ra, dec)
        sigma_px = sigma / config.truth_scale_arcsec
        paint(image, galaxy_blobs(field_.psf, x, y, flux * per_ujy, sigma_px, scale), box=scale)


def truth_image(field_: FieldModel) -> fits.HDUList:
    """Return the noise-free sky on its own north-up gnomonic grid.

    Parameters
    ----------
    field_ : FieldModel

    Returns
    -------
    HDUList
        Primary image, MJy/sr: sources only (no zodiacal light, offsets or response), seen through the
        point-response function and a native pixel whose sides run north and east, sampled at pixel centres.
    """
    config = field_.config
    wcs, size = _grid(sky_half_width_arcmin(config), config)
    image = np.zeros((size, size))
    _paint_sky(image, field_, field_.sky, wcs)
    cards = (
        ("CTYPE1", "RA---TAN", "gnomonic"),
        ("CTYPE2", "DEC--TAN", "gnomonic"),
        ("CRVAL1", wcs.crval_deg[0], "[deg] right ascension"),
        ("CRVAL2", wcs.crval_deg[1], "[deg] declination"),
        ("CRPIX1", wcs.crpix[0], "reference pixel"),
        ("CRPIX2", wcs.crpix[1], "reference pixel"),
        ("CD1_1", float(wcs.cd[0, 0]), "[deg/pix]"),
        ("CD1_2", 0.0, "[deg/pix]"),
        ("CD2_1", 0.0, "[deg/pix]"),
        ("CD2_2", float(wcs.cd[1, 1]), "[deg/pix]"),
        ("RADESYS", "ICRS", "reference system"),
        ("CHNLNUM", config.channel, "IRAC channel"),
        ("SEED", config.seed, "seed of the simulation"),
    )
    return fits.HDUList([image_hdu("PRIMARY", image.astype(np.float32), cards, bunit="MJy/sr")])


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
