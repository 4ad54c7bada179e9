"""Outliers of a frame: what the stack of all frames, seen from the frame, does not show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.blot import NOISE_GRADIENT, blot, blot_nearest
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.shift import fit_shift, moved

__all__ = ["RejectRules", "Rejection", "blot", "find_outliers", "reject_outliers", "rejected_share"]

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# Every so many pixels are enough to measure a level and a scatter.
_SAMPLE = 9
_FEWEST = 100
# Pixels steeper than this many sigma hold sources, and say nothing about the sky.
_FLAT_SIGMA = 3.0
# Median absolute deviation of normal values over their standard deviation.
_MAD = 0.6744898
# The variance of the stack over that of the frame, times this, adds to the gradient.
_FEW = 2.0
# What interpolation makes of an undersampled core beside it: a pixel has at least this share of the gradient
# of its neighbours. With theirs, which hang on the next ones, that takes two pixels beyond the frame.
_BORDER = 2
_WIDE = 0.2


@dataclass(frozen=True)
class RejectRules:
    """What is an outlier.

    Attributes
    ----------
    sigma : float
        A pixel is one when it differs from the stack by more than this many sigma of the noise plus
        `softening` times the gradient.
    grow_sigma : float
        The same for the eight neighbours of an outlier, for theirs in turn, and so on.
    softening : float
        Share of the gradient by which frames of the same undersampled star may differ. Simulated stars need
        0.2; of the real ones of AOR 17577216 (IRAC channel 1), 0.2 takes the cores that stand on a pixel's
        centre, and the mosaic loses 1.5 % of their light; with 0.35 and more it loses none.
    """

    sigma: float = 5.0
    grow_sigma: float = 3.0
    softening: float = 0.35


@dataclass(frozen=True, eq=False)
class Rejection:
    """Outliers of a frame.

    Attributes
    ----------
    mask : ndarray of bool, shape (ny, nx)
        Which pixels to reject; bad ones are not among them.
    share : float
        Of the pixels that could be judged, see `rejected_share`.
    shift : tuple of float
        Pointing error that was found and allowed for, (x, y) in frame pixels: what the frame shows at a pixel
        the stack has at that place plus this. Zero when it could not be measured.
    blotted : ndarray of float32, shape (ny, nx)
        The stack seen from the frame.
    """

    mask: Bool
    share: float
    shift: tuple[float, float]
    blotted: Float32


@kernel
def beyond(difference: float, noise2: float, gradient: float, sigma: float, softening: float) -> bool:
    """Tell whether a difference exceeds its limit; NaN does not.

    Parameters
    ----------
    difference, noise2, gradient : float
        Difference, its variance, and gradient.
    sigma, softening : float
        Of the limit.

    Returns
    -------
    bool
    """
    rest = abs(difference) - softening * gradient
    return rest > 0.0 and rest * rest > sigma * sigma * noise2


@kernel
def flag_outliers(
    difference: Float32, noise2: Float32, gradient: Float32, rules: tuple[float, float, float], mask: Bool
) -> None:
    """Flag pixels beyond the limit, and along with them their neighbours beyond the lower one.

    Parameters
    ----------
    difference, noise2, gradient : ndarray of float32, shape (ny, nx)
        Difference, its variance, and gradient; NaN where not to be judged.
    rules : tuple of float
        Sigma, sigma of neighbours, softening.
    mask : ndarray of bool, shape (ny, nx)
        All False; result.
    """
    ny, nx = difference.shape
    rows, cols = np.empty(ny * nx, np.int32), np.empty(ny * nx, np.int32)
    n = 0
    for y in range(ny):
        for x in range(nx):
            if beyond(difference[y, x], noise2[y, x], gradient[y, x], rules[0], rules[2]):
                mask[y, x] = True
                rows[n], cols[n] = y, x
                n += 1
    # A pixel is listed once, when it is flagged: the list cannot overflow.
    while n > 0:
        n -= 1
        y, x = rows[n], cols[n]
        for b in range(max(y - 1, 0), min(y + 2, ny)):
            for a in range(max(x - 1, 0), min(x + 2, nx)):
                if mask[b, a]:
                    continue
                if beyond(difference[b, a], noise2[b, a], gradient[b, a], rules[1], rules[2]):
                    mask[b, a] = True
                    rows[n], cols[n] = b, a
                    n += 1


@kernel
def compare_pixels(
    frame: tuple[Float32, Float32, Bool],
    stack: tuple[Float32, Float32, Float32],
    difference: Float32,
    noise2: Float32,
    steep: Float32,
) -> None:
    """Take the stack off a frame.

    Parameters
    ----------
    frame : tuple of ndarray, shape (n,)
        Values and variances, float32, and bad pixels, bool.
    stack : tuple of ndarray of float32, shape (n,)
        Values, variances and gradients.
    difference : ndarray of float32, shape (n,)
        Frame less stack, NaN where it cannot be judged; result.
    noise2 : ndarray of float32, shape (n,)
        Its variance; result.
    steep : ndarray of float32, shape (n,)
        Gradient without what noise makes of it, larger the fewer frames the stack has; result.
    """
    sci, var, bad = frame
    value, variance, gradient = stack
    zero, infinite = np.float32(0.0), np.float32(np.inf)
    for n in range(sci.size):
        of_stack = variance[n] if variance[n] > zero else zero
        noise2[n] = var[n] + of_stack
        square = gradient[n] * gradient[n] - np.float32(NOISE_GRADIENT) * of_stack
        few = of_stack / var[n] if var[n] > zero else zero
        steep[n] = np.sqrt(square if square > zero else zero) * (np.float32(1.0) + np.float32(_FEW) * few)
        judged = not bad[n] and noise2[n] < infinite
        difference[n] = sci[n] - value[n] if judged else np.float32(np.nan)


@kernel
def raise_to(low: Float32, high: Float32, share: float) -> None:
    """Raise values to a share of others; NaN raises nothing.

    Parameters
    ----------
    low : ndarray of float32, shape (n,)
        Changed in place.
    high : ndarray of float32, shape (>= n,)
    share : float
    """
    part = np.float32(share)
    for x in range(low.size):
        other = part * high[x]
        low[x] = other if other > low[x] else low[x]


@kernel
def widen(steep: Float32, share: float, out: Float32) -> None:
    """Raise gradients to a share of their eight neighbours'.

    Parameters
    ----------
    steep : ndarray of float32, shape (ny, nx)
    share : float
    out : ndarray of float32, shape (ny, nx)
        A copy of `steep`; result.
    """
    ny, nx = steep.shape
    for y in range(ny):
        for b in range(max(y - 1, 0), min(y + 2, ny)):
            raise_to(out[y], steep[b], share)
            raise_to(out[y, 1:], steep[b], share)
            raise_to(out[y, : nx - 1], steep[b, 1:], share)


@dataclass(frozen=True, eq=False)
class _Compared:
    """Frame less stack, data units; its variance; the gradient without noise."""

    difference: Float32
    noise2: Float32
    steep: Float32


def _compare(
    sci: Float32, var: Float32, bad: Bool, blotted: Float32, blot_var: Float32, gradient: Float32
) -> _Compared:
    images = (sci, var, blotted, blot_var, gradient)
    shapes = [image.shape for image in (*images, bad)]
    if sci.ndim != 2 or len(set(shapes)) > 1:
        raise InputError(f"frame and stack differ in shape: {shapes}")
    value, noise, of_stack, its_noise, change = (
        np.ascontiguousarray(image, dtype=np.float32).ravel() for image in images
    )
    out = _Compared(*(np.empty(sci.shape, dtype=np.float32) for _ in range(3)))
    compare_pixels(
        (value, noise, np.ascontiguousarray(bad).ravel()),
        (of_stack, its_noise, change),
        *(image.ravel() for image in (out.difference, out.noise2, out.steep)),
    )
    return out


def _level(compared: _Compared) -> float:
    """Take the sky of the differences off them; give their scatter in units of the noise, at least 1."""
    value, noise2, steep = (
        np.ravel(image)[::_SAMPLE] for image in (compared.difference, compared.noise2, compared.steep)
    )
    use = np.isfinite(value) & (noise2 > 0.0)
    flat = use & (steep * steep < np.float32(_FLAT_SIGMA**2) * noise2)
    use = flat if np.count_nonzero(flat) >= _FEWEST else use
    if not use.any():
        return 1.0
    value, sigma = value[use], np.sqrt(noise2[use])
    level = np.median(value)
    scatter = np.median(np.abs(value - level) / sigma) / _MAD
    # Hits pull the median to their side; without the strong ones it is nearer the sky.
    near = np.abs(value - level) <= _FLAT_SIGMA * scatter * sigma
    np.subtract(compared.difference, np.median(value[near]), out=compared.difference)
    return max(float(scatter), 1.0)


def _flag(compared: _Compared, raised: float, rules: RejectRules) -> Bool:
    mask = np.zeros(compared.difference.shape, dtype=np.bool_)
    limits = (float(rules.sigma) * raised, float(rules.grow_sigma) * raised, float(rules.softening))
    wide = compared.steep.copy()
    widen(compared.steep, _WIDE, wide)
    flag_outliers(compared.difference, compared.noise2, wide, limits, mask)
    return mask


def reject_outliers(
    sci: Float32,
    var: Float32,
    bad: Bool,
    blotted: Float32,
    blot_var: Float32,
    gradient: Float32,
    rules: RejectRules | None = None,
) -> Bool:
    """Find the pixels of a frame that differ from the stack: cosmic rays, blemishes no mask tells of.

    A pixel is an outlier when the absolute difference of frame and stack, less its median over the sky,
    exceeds sigma x noise + softening x gradient. The noise is sqrt(var + blot_var), raised as a whole where
    the differences on the sky scatter more than it says. The gradient is that of the stack without its noise,
    times 1 + 2 blot_var / var, and at least a fifth of that of each of the eight neighbours. Both signs are
    treated alike, so that the mean of the sky stays where it is.

    Parameters
    ----------
    sci, var : ndarray of float32, shape (ny, nx)
        Frame and variance.
    bad : ndarray of bool, shape (ny, nx)
        Pixels that are not to be judged.
    blotted, gradient : ndarray of float32, shape (ny, nx)
        The stack seen from the frame, from `blot`. Pixels where it is NaN are not rejected.
    blot_var : ndarray of float32, shape (ny, nx)
        Variance of the stack at the same places; where it is not finite nothing is rejected.
    rules : RejectRules, optional

    Returns
    -------
    ndarray of bool, shape (ny, nx)

    Raises
    ------
    InputError
        If the shapes differ.
    """
    compared = _compare(sci, var, bad, blotted, blot_var, gradient)
    return _flag(compared, _level(compared), rules or RejectRules())


def find_outliers(
    sci: Float32,
    var: Float32,
    bad: Bool,
    ref: Float32,
    ref_var: Float32,
    gx: NDArray[np.floating],
    gy: NDArray[np.floating],
    rules: RejectRules | None = None,
) -> Rejection:
    """Compare a frame with the stack, the stack moved to where the frame shows its stars.

    `blot` and `reject_outliers`, with the pointing error of the frame fitted and taken out in between: 0.1
    pixels change the core of a star by more than the noise of a good frame.

    Parameters
    ----------
    sci, var : ndarray of float32, shape (ny, nx)
        Frame and variance.
    bad : ndarray of bool, shape (ny, nx)
        Pixels that are not to be judged.
    ref, ref_var : ndarray of float32, shape (h, w)
        The stack and its variance, from `photomitrus_cli.imaging.reference.reference_map`.
    gx, gy : ndarray of float, shape (ny, nx), each side at least 3
        Position of the frame's pixel centres in these arrays, 0-based.
    rules : RejectRules, optional

    Returns
    -------
    Rejection

    Raises
    ------
    InputError
        If the shapes differ.
    """
    rules = rules or RejectRules()
    if not sci.shape == var.shape == bad.shape == gx.shape == gy.shape:
        raise InputError(f"frame {sci.shape} and positions {gx.shape}, {gy.shape} differ in shape")
    # Pixels beyond the frame, at positions carried on in a straight line, are bad, but know of a star there.
    px, py = (np.pad(place, _BORDER, mode="reflect", reflect_type="odd") for place in (gx, gy))
    frame = np.pad(sci, _BORDER), np.pad(var, _BORDER), np.pad(bad, _BORDER, constant_values=True)
    blot_var = blot_nearest(ref_var, px, py)
    value, gradient = blot(ref, px, py)
    compared = _compare(*frame, value, blot_var, gradient)
    raised = _level(compared)
    shift = fit_shift(compared.difference, compared.noise2, value, compared.steep)
    if shift != (0.0, 0.0):
        value, gradient = blot(ref, *moved(px, py, shift))
        compared = _compare(*frame, value, blot_var, gradient)
        raised = _level(compared)
    inner = (slice(_BORDER, -_BORDER), slice(_BORDER, -_BORDER))
    mask, seen = _flag(compared, raised, rules)[inner].copy(), value[inner].copy()
    return Rejection(mask, rejected_share(mask, bad, seen), shift, seen)


def rejected_share(mask: Bool, bad: Bool, blotted: Float32) -> float:
    """Share of the pixels that could be judged which were rejected; a large one tells of a frame in trouble.

    Parameters
    ----------
    mask, bad : ndarray of bool, shape (ny, nx)
        Rejected pixels, and those bad already.
    blotted : ndarray of float32, shape (ny, nx)
        The stack seen from the frame.

    Returns
    -------
    float
        From 0 to 1; 0 when there was nothing to judge.
    """
    judged = int(np.count_nonzero(~bad & np.isfinite(blotted)))
    return int(np.count_nonzero(mask)) / judged if judged else 0.0
