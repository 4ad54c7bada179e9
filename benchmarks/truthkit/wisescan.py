"""A scan of WISE frames to time and test with: copies of one frame, real or made up, along a great circle."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from truthkit.wisetemplate import Float32, Template

COLUMNS = (
    "scan_id",
    "frame_num",
    "band",
    "mjd_obs",
    "moon_sep",
    "saa_sep",
    "qual_frame",
    "qual_scan",
    "dtanneal",
    "full_filepath",
)
# From one frame to the next of a scan.
CADENCE_S = 11.0
STEP_ARCMIN = 41.0
DEAD, SATURATED, SPIKE = 1 << 2, 1 << 10, 1 << 28
SATURATION_DN = 12000.0
SPIKE_SHARE = 1e-3
# Low responsivity (bit 3): pixels that have a value all the same.
STATIC_SHARE = 2e-3


def make_scan(
    folder: Path, template: Template, n_frames: int, *, scan_id: str = "00805b", seed: int = 0
) -> Path:
    """Write the frames of a scan, plain int, unc.gz and msk.gz, and the table of them.

    Parameters
    ----------
    folder : Path
    template : Template
        Frames follow each other along its y axis, from its position on.
    n_frames : int
    scan_id : str
    seed : int
        Of noise, spikes and static pixels.

    Returns
    -------
    Path
        ``frames.csv`` in the folder.
    """
    rng = np.random.default_rng(seed)
    static = np.where(np.isnan(template.sci), DEAD, 0).astype(np.int32)
    static[rng.random(static.shape) < STATIC_SHARE] |= 1 << 3
    headers = headers_of_scan(template.header, n_frames, scan_id)
    rows: list[list[object]] = []
    for header in headers:
        name = header["FRSETID"]
        path = folder / scan_id[-2:] / scan_id / name[-3:] / f"{name}-w{header['BAND']}-int-1b.fits"
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_frame(path, header, *_copy(template, static, rng))
        rows.append(_row(header, path))
    return write_table(folder / "frames.csv", rows)


def headers_of_scan(first: fits.Header, n_frames: int, scan_id: str) -> list[fits.Header]:
    """Give the headers of frames that follow each other along the first one's y axis.

    Parameters
    ----------
    first : astropy.io.fits.Header
        With CRVAL and CD.
    n_frames : int
    scan_id : str

    Returns
    -------
    list of astropy.io.fits.Header
        Turned so that the great circle keeps its direction on the detector.
    """
    cd = np.array([[first[f"CD{i}_{j}"] for j in (1, 2)] for i in (1, 2)])
    start, east, north = _axes(first["CRVAL1"], first["CRVAL2"])
    angle = np.arctan2(cd[0, 1], cd[1, 1])
    ahead = np.sin(angle) * east + np.cos(angle) * north
    headers = []
    for number in range(n_frames):
        way = np.radians(number * STEP_ARCMIN / 60.0)
        here = np.cos(way) * start + np.sin(way) * ahead
        ra, dec = np.degrees(np.arctan2(here[1], here[0])) % 360.0, np.degrees(np.arcsin(here[2]))
        _, east, north = _axes(ra, dec)
        along = np.cos(way) * ahead - np.sin(way) * start
        turn = np.arctan2(along @ east, along @ north) - angle
        matrix = [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]] @ cd
        headers.append(_header(first, number, scan_id, (ra, dec), matrix))
    return headers


def _axes(ra: float, dec: float) -> tuple[NDArray[np.float64], ...]:
    """Give the unit vectors to a position, and to its east and north."""
    a, d = np.radians(ra), np.radians(dec)
    return (
        np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)]),
        np.array([-np.sin(a), np.cos(a), 0.0]),
        np.array([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)]),
    )


def _header(
    first: fits.Header, number: int, scan_id: str, centre: tuple[float, float], cd: NDArray[np.float64]
) -> fits.Header:
    header = first.copy()
    header["SCAN"], header["FRNUM"], header["SCANGRP"] = scan_id, number + 1, scan_id[-2:]
    header["FRSETID"] = f"{scan_id}{number + 1:03d}"
    header["CRVAL1"], header["CRVAL2"] = centre
    header["MJD_OBS"] = first["MJD_OBS"] + number * CADENCE_S / 86400.0
    for i, j in np.ndindex(2, 2):
        header[f"CD{i + 1}_{j + 1}"] = float(cd[i, j])
    return header


def _copy(
    template: Template, static: NDArray[np.int32], rng: np.random.Generator
) -> tuple[Float32, Float32, NDArray[np.int32]]:
    """Give intensity, uncertainty and mask of one more frame, with noise and spikes of its own."""
    sigma, shape = template.sigma, template.sci.shape
    sci = template.sci + rng.normal(0.0, 0.5 * sigma, shape).astype(np.float32)
    msk = static | np.where(np.nan_to_num(sci) > SATURATION_DN, SATURATED, 0).astype(np.int32)
    spikes = rng.random(shape) < SPIKE_SHARE
    sci[spikes] += (sigma * rng.uniform(10.0, 200.0, int(spikes.sum()))).astype(np.float32)
    msk[spikes] |= SPIKE
    # Half of the variance of an empty pixel is read noise, half Poisson.
    brightness = np.clip(sci / np.nanmedian(sci), 0.0, None)
    unc = (np.sqrt(1.25) * sigma * np.sqrt(0.5 + 0.5 * brightness)).astype(np.float32)
    return sci, unc, msk


def _write_frame(path: Path, header: fits.Header, sci: Float32, unc: Float32, msk: NDArray[np.int32]) -> None:
    fits.PrimaryHDU(sci, header).writeto(path, overwrite=True)
    for kind, data in (("unc", unc), ("msk", msk)):
        plain = io.BytesIO()
        fits.PrimaryHDU(data, header).writeto(plain)
        packed = path.with_name(path.name.replace("-int-", f"-{kind}-") + ".gz")
        packed.write_bytes(gzip.compress(plain.getbuffer(), compresslevel=6, mtime=0))


def _row(header: fits.Header, path: Path) -> list[object]:
    return [
        header["SCAN"],
        header["FRSETID"][-3:],
        header["BAND"],
        f"{header['MJD_OBS']:.8f}",
        header["MOONSEP"],
        header["GCD2SAA"],
        10,
        10,
        header["DTANNEAL"],
        path.resolve(),
    ]


def write_table(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    """Write a frame table."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return path


def read_table(path: Path) -> list[list[str]]:
    """Read the rows of a frame table, without its names."""
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]


def frame_paths(path: Path) -> list[Path]:
    """Name the intensity frames of a frame table."""
    return [Path(row[-1]) for row in read_table(path)]
