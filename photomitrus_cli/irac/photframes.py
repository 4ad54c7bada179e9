"""Measuring the targets on a few frames: read, combine the planes of a cube, place, measure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import AstromapError
from photomitrus_cli.imaging.annulus import Statistic
from photomitrus_cli.imaging.background import masked_median
from photomitrus_cli.imaging.locate import locate
from photomitrus_cli.imaging.masks import bit_pattern, fatal_bits
from photomitrus_cli.io.fitsread import read_pixels
from photomitrus_cli.irac.facts import SATURATION_BIT
from photomitrus_cli.irac.measure import Aperture, ApertureFlux, Flag, Measured, Rules, measure_target
from photomitrus_cli.irac.photrows import ImageRow
from photomitrus_cli.irac.reading import estimated_variance, files_read, read_companion, read_mask
from photomitrus_cli.irac.scan import Frame, Notes
from photomitrus_cli.irac.subarray import CubeRules, combine_cube, planes
from photomitrus_cli.irac.targets import Target
from photomitrus_cli.run.checkpoint import Store

Bool = NDArray[np.bool_]
CentroidChoice = Literal["auto", "moment", "gaussian", "fixed"]
SubarrayChoice = Literal["cube", "archive", "planes", "seed"]
Image = NDArray[Any]

_SECONDS_PER_DAY = 86400.0
# The pointing jitters between planes, and the pixels of a star's core with it: the 3 sigma of the archive
# take them for outliers (XO-3, five exposures, r = 3: fluxes scatter by 0.23 % with 3 sigma, 0.05 % above 5).
_CUBE_RULES = {"cube": CubeRules(sigma=6.0), "archive": CubeRules(), "seed": CubeRules("seed")}
# Of the planes of a cube: a pixel is bad when more than this share say so, and saturated likewise.
_BAD_SHARE, _SATURATED_SHARE = 0.5, 0.1


@dataclass(frozen=True)
class PhotRules:
    """How frames are measured.

    Attributes
    ----------
    apertures : tuple of Aperture
        Native pixels.
    centroid : {'auto', 'moment', 'gaussian', 'fixed'}
    background : {'clipped', 'median', 'mean'}
    max_offset_px : float
    imask_bits : tuple of int
        Fatal bits.
    subarray : {'cube', 'archive', 'planes', 'seed'}
    """

    apertures: tuple[Aperture, ...]
    centroid: CentroidChoice
    background: Statistic
    max_offset_px: float
    imask_bits: tuple[int, ...]
    subarray: SubarrayChoice

    def measuring(self, channel: int) -> Rules:
        """Give the rules of one measurement in a channel."""
        centroid = self.centroid
        if centroid == "auto":
            centroid = "moment" if channel <= 2 else "gaussian"
        return Rules(centroid, self.background, self.max_offset_px)


@dataclass(frozen=True)
class PhotTask:
    """A few frames to measure; a unit of work.

    Attributes
    ----------
    name : str
        Of the checkpoint.
    frames : tuple of Frame
    targets : tuple of tuple of (int, Target)
        Of each frame the targets with their numbers.
    rules : PhotRules
    store : Store or None
        None keeps nothing.
    keep_going : bool
        Whether a broken frame leaves the others of the unit to be used.
    """

    name: str
    frames: tuple[Frame, ...]
    targets: tuple[tuple[tuple[int, Target], ...], ...]
    rules: PhotRules
    store: Store | None
    keep_going: bool = False

    def __str__(self) -> str:
        return ", ".join(str(frame.path) for frame in self.frames)


@dataclass(frozen=True)
class FrameResult:
    """What became of one frame.

    Attributes
    ----------
    rows : tuple of ImageRow
    inputs : list of dict
        Path, size and CRC-32 of the files read.
    error : AstromapError or None
        Why it could not be measured.
    """

    rows: tuple[ImageRow, ...]
    inputs: list[dict[str, Any]]
    error: AstromapError | None = None


@dataclass(frozen=True, eq=False)
class _Picture:
    """One image to measure on: a frame, or a plane or the combination of a cube."""

    sci: Image
    unc: Image | None
    bad: Bool
    saturated: Bool
    plane: int = -1


def measure_frames(task: PhotTask) -> list[FrameResult]:
    """Measure the frames of a unit and save the rows; a saved unit of the same run is used as it is.

    Returns
    -------
    list of FrameResult
        In the order of the frames.

    Raises
    ------
    AstromapError
        The first frame's error, unless ``keep_going``.
    """
    saved = task.store.load_meta(task.name) if task.store is not None else None
    if saved is not None:
        return [
            FrameResult(tuple(ImageRow(**row) for row in rows), inputs) for rows, inputs in saved["frames"]
        ]
    results = []
    for frame, targets in zip(task.frames, task.targets, strict=True):
        try:
            results.append(_measure_frame(frame, targets, task.rules))
        except AstromapError as error:
            if not task.keep_going:
                raise
            results.append(FrameResult((), [], error))
    if task.store is not None and all(one.error is None for one in results):
        saving = [[[asdict(row) for row in one.rows], one.inputs] for one in results]
        task.store.save(task.name, {}, {"frames": saving})
    return results


def _measure_frame(frame: Frame, targets: tuple[tuple[int, Target], ...], rules: PhotRules) -> FrameResult:
    """Measure all targets of a frame; its pixels are read only when one of them lies on it."""
    xy, solved, on = _place(frame, targets)
    rows: list[ImageRow] = []
    inputs: list[dict[str, Any]] = []
    pictures: list[_Picture] = []
    if any(on):
        pictures, inputs = _read(frame, rules)
    for (number, _), (x, y), inside, known in zip(targets, xy.T.tolist(), on, solved, strict=True):
        if not inside:
            flag = Flag.OFF_FIELD if known else Flag.NO_POSITION
            rows.extend(_row(frame, number, k, flag) for k in range(len(rules.apertures)))
            continue
        for picture in pictures:
            rows.extend(_measured(frame, number, picture, (x, y), rules))
    return FrameResult(tuple(rows), inputs)


def has_target(frame: Frame, targets: tuple[tuple[int, Target], ...]) -> bool:
    """Tell from its header alone whether a target lies on a frame.

    Parameters
    ----------
    frame : Frame
        With its notes.
    targets : tuple of (int, Target)

    Returns
    -------
    bool
    """
    return any(_place(frame, targets)[2])


def _place(
    frame: Frame, targets: tuple[tuple[int, Target], ...]
) -> tuple[NDArray[np.float64], Bool, list[bool]]:
    """Give the places of targets as `locate` does, and which of them lie on the frame."""
    places = [target.at(frame.mjd) for _, target in targets]
    ra, dec = (np.array(values, dtype=np.float64) for values in zip(*places, strict=True))
    shape = _notes(frame).shape[-2], _notes(frame).shape[-1]
    xy, solved = locate(frame.wcs, ra, dec, shape)
    return xy, solved, [_is_on(x, y, shape) for x, y in xy.T]


def _notes(frame: Frame) -> Notes:
    assert frame.notes is not None  # noqa: S101 - headers were read for photometry
    return frame.notes


def _is_on(x: float, y: float, shape: tuple[int, ...]) -> bool:
    """Tell whether a position lies on a pixel; NaN does not."""
    return -0.5 <= x < shape[1] - 0.5 and -0.5 <= y < shape[0] - 0.5


def _read(frame: Frame, rules: PhotRules) -> tuple[list[_Picture], list[dict[str, Any]]]:
    """Read a frame with its companions; give the images to measure on, and the files read.

    Raises
    ------
    InputError
        When a file is broken or the shapes differ.
    """
    image = read_pixels(frame.source)
    shape = image.data.shape
    unc = read_companion(frame.unc, shape, frame.path)
    imask = read_mask(frame.imask, shape, frame.path)
    noise, mask = (None if one is None else one.data for one in (unc, imask))
    inputs = files_read(((frame.source, image), (frame.unc, unc), (frame.imask, imask)))
    return _pictures(frame, image.data, noise, mask, rules), inputs


def _pictures(
    frame: Frame, sci: Image, unc: Image | None, imask: Image | None, rules: PhotRules
) -> list[_Picture]:
    """Turn a frame or a cube into the images to measure on."""
    fatal = bit_pattern(rules.imask_bits)
    if sci.ndim == 2:
        return [_single(frame, sci, unc, imask, fatal)]
    if rules.subarray == "planes":
        return [
            _single(frame, one.sci, one.unc, one.mask, fatal, one.number) for one in planes(sci, unc, imask)
        ]
    both = combine_cube(sci, unc, imask, _CUBE_RULES[rules.subarray])
    bad, saturated = ~np.isfinite(both.sci), np.zeros(both.sci.shape, dtype=np.bool_)
    if imask is not None:
        bad |= fatal_bits(imask, fatal).mean(axis=0) > _BAD_SHARE
        saturated = fatal_bits(imask, 1 << SATURATION_BIT).mean(axis=0) > _SATURATED_SHARE
    # On a bright star the planes scatter by the jitter of the pointing, which moves light between pixels and
    # takes none from the aperture: errors from that scatter are a third too large (simulated, S/N 300).
    noise = both.unc if unc is None or rules.subarray == "archive" else both.propagated
    return [_Picture(both.sci, noise, bad, saturated)]


def _single(
    frame: Frame, sci: Image, unc: Image | None, imask: Image | None, fatal: int, plane: int = -1
) -> _Picture:
    """Prepare one image; an absent uncertainty is estimated from it."""
    bad, saturated = _bad_and_saturated(sci, imask, fatal)
    if unc is None:
        image = np.asarray(sci, dtype=np.float32)
        unc = np.sqrt(estimated_variance(image, bad, masked_median(image, bad), frame))
    return _Picture(sci, unc, bad, saturated, plane)


def _bad_and_saturated(sci: Image, imask: Image | None, fatal: int) -> tuple[Bool, Bool]:
    bad = ~np.isfinite(sci)
    if imask is None:
        return bad, np.zeros(bad.shape, dtype=np.bool_)
    return bad | fatal_bits(imask, fatal), fatal_bits(imask, 1 << SATURATION_BIT)


def _measured(
    frame: Frame, target: int, picture: _Picture, place: tuple[float, float], rules: PhotRules
) -> Iterator[ImageRow]:
    found = measure_target(
        picture.sci,
        picture.unc,
        picture.bad,
        picture.saturated,
        *place,
        rules.apertures,
        rules.measuring(frame.key.channel),
    )
    extra = Flag(0) if frame.imask is not None else Flag.NO_MASK
    for k, one in enumerate(found.apertures):
        yield _row(frame, target, k, extra, (found, one, picture, place))


def _row(
    frame: Frame,
    target: int,
    aperture: int,
    extra: Flag,
    found: tuple[Measured, ApertureFlux, _Picture, tuple[float, float]] | None = None,
) -> ImageRow:
    """Make a row; without a measurement all of its numbers are NaN."""
    notes = _notes(frame)
    plane = -1 if found is None else found[2].plane
    return ImageRow(
        path=str(frame.path),
        file=frame.path.name,
        aorkey=frame.key.aorkey,
        channel=frame.key.channel,
        expid=frame.key.expid,
        dcenum=frame.key.dcenum,
        plane=plane,
        target=target,
        aperture=aperture,
        mjd=frame.mjd + max(plane, 0) * frame.framtime_s / _SECONDS_PER_DAY,
        date_obs=notes.date_obs,
        readmode=notes.readmode,
        aorlabel=notes.aorlabel,
        creator=frame.creator,
        framtime_s=frame.framtime_s,
        exptime_s=frame.exptime_s,
        ditherpos=notes.ditherpos,
        ditherscale=notes.ditherscale,
        gain=frame.gain,
        fluxconv=frame.fluxconv,
        **_numbers(extra, found),
    )


def _numbers(
    extra: Flag, found: tuple[Measured, ApertureFlux, _Picture, tuple[float, float]] | None
) -> dict[str, Any]:
    """Give the measured part of a row."""
    if found is None:
        names = (*_POSITION, *_AMOUNTS, "offset_px")
        return dict.fromkeys(names, math.nan) | {"flags": int(extra), "n_background": 0, "bad_area": 0.0}
    measured, one, _, (x, y) = found
    centre = measured.centroid
    return (
        {name: getattr(centre, name) for name in _POSITION}
        | {name: float(getattr(one, field)) for name, field in _AMOUNTS.items()}
        | {
            "flags": int(one.flags | measured.flags | extra),
            "offset_px": math.hypot(centre.x - x, centre.y - y),
            "n_background": one.n_background,
            "bad_area": float(one.bad_area),
        }
    )


_POSITION = ("x", "y", "x_err", "y_err", "fwhm_x", "fwhm_y")
# Columns of a row and the attributes of `photomitrus_cli.irac.measure.ApertureFlux` that fill them.
_AMOUNTS = {
    "raw": "raw",
    "net": "flux",
    "background": "background",
    "background_err": "background_error",
    "sky_sigma": "sigma",
    "repaired": "lost",
    "net_err": "error",
    "photon_err": "error_photon",
    "background_part_err": "error_background",
    "repair_err": "error_repair",
    "centroid_err": "error_centroid",
}
