"""Outliers of a frame: what the stack of all frames, seen from the frame, does not show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.blot import single
from photomitrus_cli.imaging.flagging import UNKNOWN, flag_outliers
from photomitrus_cli.imaging.look import first_look
from photomitrus_cli.imaging.shift import fit_shift, move_of
from photomitrus_cli.imaging.skylevel import find_sky, sky_again

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]


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
    shift : tuple of float
        Pointing error that was found and allowed for, (x, y) in frame pixels: what the frame shows at a pixel
        the stack has at that place plus this. Zero when it could not be measured.
    blotted : ndarray of float32, shape (ny, nx)
        The stack seen from the frame, where the frame's header says it is.
    """

    mask: Bool
    shift: tuple[float, float]
    blotted: Float32


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
    """Find the pixels of a frame that differ from the stack: cosmic rays, blemishes no mask tells of.

    The stack is moved to where the frame shows its stars: 0.1 pixels of pointing error change the core of a
    star by more than the noise of a good frame. A pixel is an outlier when the absolute difference of frame
    and stack, less its median over the sky, exceeds sigma x noise + softening x gradient. The noise is
    sqrt(var + ref_var), raised as a whole where the differences on the sky scatter more than it says. The
    gradient is that of `photomitrus_cli.imaging.blot.blot` without the stack's noise, times
    1 + 2 ref_var / var, and at least a fifth of that of each of the eight neighbours. Both signs are treated
    alike, so that the mean of the sky stays where it is.

    Parameters
    ----------
    sci, var : ndarray of float32, shape (ny, nx)
        Frame and variance.
    bad : ndarray of bool, shape (ny, nx)
        Pixels that are not to be judged.
    ref, ref_var : ndarray of float32, shape (h, w)
        The stack and its variance, from `photomitrus_cli.imaging.reference.reference_map`. Where it is NaN,
        or its variance is not finite, nothing is rejected, nor where the move alone brings a value.
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
    ref, var = single(ref), single(var)
    look = first_look((single(sci), var, bad), (ref, single(ref_var)), gx, gy)
    sky = find_sky(look)
    shift = fit_shift(look, sky.level)
    step, again = (np.float32(0.0), np.float32(0.0)), look.value
    move = move_of(gx, gy, shift)
    if shift != (0.0, 0.0) and np.isfinite(move).all():
        step = move
        again = np.full_like(look.value, UNKNOWN)
        sky = sky_again(sky, ref, step)
    limits = float(rules.sigma) * sky.raised, float(rules.grow_sigma) * sky.raised
    mask = np.zeros(sci.shape, dtype=np.bool_)
    # Only pixels that may be outliers are looked at again, and what decides about them.
    flag_outliers(
        ref, var, (look.gx, look.gy), (look.value, look.of_stack, look.difference, look.noise2, look.steep),
        step, float(np.hypot(*shift)), limits,
        float(rules.softening), np.float32(sky.level), again, mask,
    )  # fmt: skip
    return Rejection(mask, shift, look.inner)
