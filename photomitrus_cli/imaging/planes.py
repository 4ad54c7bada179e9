"""A frame's masks and uncertainty joined: which pixels are bad, which are saturated, and their variance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.masks import fatal_bits

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
Words = NDArray[np.uint16]

_LARGEST = float(np.finfo(np.float32).max)
_NO_FLOATS = np.empty(0, dtype=np.float32)
_NO_WORDS = np.empty(0, dtype=np.uint16)


def join_planes(
    sci: Float32,
    unc: Float32 | None,
    imask: NDArray[np.integer] | None,
    rmask: NDArray[np.integer] | None,
    patterns: tuple[int, int, int],
) -> tuple[Float32 | None, Bool, Bool]:
    """Judge every pixel of a frame by its value, its uncertainty and its masks.

    Parameters
    ----------
    sci : ndarray of float32, shape (ny, nx)
        The frame, MJy/sr.
    unc : ndarray of float32, shape (ny, nx), or None
        Its uncertainty, MJy/sr.
    imask, rmask : ndarray of int, shape (ny, nx), or None
        The instrument mask and the outlier mask, any integer type.
    patterns : tuple of int
        The fatal bits of the imask, those of the rmask, and the bits of the imask that mean saturated; see
        `photomitrus_cli.imaging.masks.bit_pattern`.

    Returns
    -------
    var : ndarray of float32, shape (ny, nx), or None
        Square of the uncertainty, infinite or 0 where that overflows or vanishes.
    bad : ndarray of bool, shape (ny, nx)
        Pixels that are not finite, have a fatal bit, or whose variance or uncertainty is not positive and
        finite.
    saturated : ndarray of bool, shape (ny, nx)
        Pixels marked as saturated.
    """
    fatal, outlying, full = patterns
    i_words, fatal, full = _words(imask, fatal, full)
    r_words, outlying, _ = _words(rmask, outlying, 0)
    var = None if unc is None else np.empty(sci.shape, dtype=np.float32)
    bad, saturated = np.empty(sci.shape, dtype=np.bool_), np.empty(sci.shape, dtype=np.bool_)
    _join(
        np.ascontiguousarray(sci).reshape(-1),
        _NO_FLOATS if unc is None else np.ascontiguousarray(unc).reshape(-1),
        i_words,
        r_words,
        (np.uint16(fatal), np.uint16(outlying), np.uint16(full)),
        _NO_FLOATS if var is None else var.reshape(-1),
        bad.reshape(-1),
        saturated.reshape(-1),
    )
    return var, bad, saturated


def _words(mask: NDArray[np.integer] | None, fatal: int, other: int) -> tuple[Words, int, int]:
    """Give a mask as words of 16 bits, and the two patterns as they are in these."""
    if mask is None:
        return _NO_WORDS, 0, 0
    if mask.dtype.kind in "iu" and mask.dtype.itemsize == _NO_WORDS.itemsize:
        native = mask.astype(mask.dtype.newbyteorder("="), order="C", copy=False)
        return native.view(np.uint16).reshape(-1), fatal & 0xFFFF, other & 0xFFFF
    words = fatal_bits(mask, fatal) + 2 * fatal_bits(mask, other).astype(np.uint16)
    return np.ascontiguousarray(words).reshape(-1), 1, 2


@kernel
def _join(
    sci: Float32,
    unc: Float32,
    imask: Words,
    rmask: Words,
    patterns: tuple[np.uint16, np.uint16, np.uint16],
    var: Float32,
    bad: Bool,
    saturated: Bool,
) -> None:
    """Do the work of `join_planes` on flat arrays; those that there are not have no elements."""
    fatal, outlying, full = patterns
    zero, largest = np.float32(0.0), np.float32(_LARGEST)
    for i in range(sci.size):
        bad[i] = not abs(sci[i]) <= largest
    # A loop for each array, because only plain loops become vector instructions.
    for i in range(unc.size):
        square = unc[i] * unc[i]
        var[i] = square
        # Judged as variances, because squares of absurd uncertainties overflow or vanish.
        bad[i] |= not ((square > zero) & (square <= largest) & (unc[i] > zero))
    for i in range(imask.size):
        bad[i] |= (imask[i] & fatal) != 0
        saturated[i] = (imask[i] & full) != 0
    for i in range(rmask.size):
        bad[i] |= (rmask[i] & outlying) != 0
    if not imask.size:
        saturated[:] = False
