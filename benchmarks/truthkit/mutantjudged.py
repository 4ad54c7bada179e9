"""Changes that survived, judged by hand: what each would do, and why no test has to notice it, or should."""

from __future__ import annotations

from typing import Literal, NamedTuple

Verdict = Literal["equivalent", "harmless", "gap"]


class Judgement(NamedTuple):
    """What is thought of a change that no test notices.

    Attributes
    ----------
    module : str
        The file, within the package.
    text : str
        A part of the line that changes, which tells it from other lines.
    before, after : str
        The change.
    verdict : {'equivalent', 'harmless', 'gap'}
        Nothing that is calculated changes; something does that nobody relies on; a test is missing.
    reason : str
        Why.
    """

    module: str
    text: str
    before: str
    after: str
    verdict: Verdict
    reason: str


JUDGED = (
    Judgement(
        *("imaging/annulus.py", "for _ in range(_MAX_CLIPS)", "_MAX_CLIPS", "(_MAX_CLIPS) - 1"),
        *("harmless", "a guard: clipping ends by itself after a few rounds"),
    ),
    Judgement(
        *("imaging/healbin.py", "across = np.linalg.norm", "1", "0"),
        *("equivalent", "a guess of the room that a frame needs; too small a one is doubled"),
    ),
    Judgement(
        *("imaging/bitmasks.py", "found = np.int32(0)", "0", "-1"),
        *("equivalent", "rows without the bit are looked at for nothing"),
    ),
    Judgement(
        *("imaging/blocks.py", "BLOCK = 16", "16", "15"),
        *("equivalent", "values worked on together: a matter of speed"),
    ),
    Judgement(
        *("imaging/celltable.py", "default=-1) - lowest", "-", "+"),
        *("equivalent", "a longer table: cells are not numbered below 0"),
    ),
    Judgement(
        *("imaging/clip.py", "for x in range(noise.size)", "noise.size", "(noise.size) - 1"),
        *("equivalent", "pixels that are left out here go the exact way"),
    ),
    Judgement(
        *("imaging/cubic.py", "missing = 0", "0", "1"),
        *("equivalent", "values that are missing are looked for, and none is"),
    ),
    Judgement(
        *("imaging/cubic.py", "y < np.float32(h - 2)", "<", "<="),
        *("equivalent", "there the pixels beyond have no weight"),
    ),
    Judgement(
        *("imaging/drizzle.py", "if area >= min_share", ">=", ">"),
        *("harmless", "a share of exactly the limit"),
    ),
    Judgement(
        *("imaging/drizzlenoise.py", "areas = np.zeros((3, 8, 16)", "8", "7"),
        *("equivalent", "a first guess of the room, enlarged when it is too small"),
    ),
    Judgement(
        *("imaging/drizzlenoise.py", "(ny * nx + every - 1) // every", "1", "2"),
        *("harmless", "a sample of pixels, one of which may be missing"),
    ),
    Judgement(
        *("imaging/drizzlenoise.py", "areas.shape[1] < height", "<", "<="),
        *("equivalent", "room that is enlarged for nothing"),
    ),
    Judgement(
        *("imaging/healbin.py", "fit_a, fit_b, fit_c = np.empty(6)", "6", "7"),
        *("equivalent", "room that nobody asks for"),
    ),
    Judgement(
        *("imaging/healcells.py", "MIXED = -2", "2", "3"),
        *("equivalent", "a name: any number that is neither a map pixel nor EXACT"),
    ),
    Judgement(
        *("imaging/healcells.py", "(0.25 / _ERROR)", "0.25", "1.25"),
        *("equivalent", "cells farther from a pole go the exact way, too"),
    ),
    Judgement(
        *("imaging/lanczos.py", "a - b == a - b", "and", "or"),
        *("equivalent", "pixels are looked at for nothing"),
    ),
    Judgement(
        *("imaging/lookrows.py", "BLOCK = 16", "16", "15"),
        *("equivalent", "pixels worked on together: a matter of speed"),
    ),
    Judgement(
        *("imaging/lookrows.py", "across = (nx + BLOCK - 1)", "-", "+"),
        *("equivalent", "blocks beyond the last one are empty"),
    ),
    Judgement(
        *("imaging/pattern.py", "for bit in range(31, -1, -1)", "31", "32"),
        *("equivalent", "a bit that these integers do not have"),
    ),
    Judgement(
        *("imaging/planes.py", "_words(rmask, outlying, 0)", "0", "-1"),
        *("equivalent", "the pattern of a kind of pixels that is not asked for"),
    ),
    Judgement(
        *("imaging/planes.py", 'mask.dtype.kind in "iu"', "in", "not in"),
        *("equivalent", "the general way for the special case, slower"),
    ),
    Judgement(
        *("imaging/quadlanes.py", "[0, 0, 0, 0, 1, 1, 1, 1]", "1", "0"),
        *("equivalent", "lanes that are not picked afterwards"),
    ),
    Judgement(
        *("imaging/quadlanes.py", "[0, 0, 0, 0, 1, 1, 1, 1]", "1", "2"),
        *("equivalent", "lanes that are not picked afterwards"),
    ),
    Judgement(
        *("imaging/rankclip.py", "N_BINS / (2.0 * half)", "/", "*"),
        *("equivalent", "a guess of the bins; ranks are exact wherever they lie"),
    ),
    Judgement(
        *("imaging/rankclip.py", "N_BINS / (2.0 * half)", "*", "/"),
        *("equivalent", "a guess of the bins; ranks are exact wherever they lie"),
    ),
    Judgement(
        *("imaging/reference.py", "RUN = 128", "128", "129"),
        *("equivalent", "pixels worked on together: a matter of speed"),
    ),
    Judgement(
        *("imaging/scancoarse.py", "if place[q] < 0", "<", "<="),
        *("equivalent", "an unknown may be in the list twice: what is summed is bilinear"),
    ),
    Judgement(
        *("imaging/scanoutliers.py", "if others <= 0.0", "0.0", "-1.0"),
        *("harmless", "two samples are left at least, and weights are positive"),
    ),
    Judgement(
        *("imaging/selection.py", "break", "break", "continue"),
        *("equivalent", "the rounds that are left find the same value, later"),
    ),
    Judgement(
        *("imaging/sorting.py", "values[place - gap] > value", ">", ">="),
        *("equivalent", "equal values change places"),
    ),
    Judgement(
        *("irac/choice.py", "phase_subarray: bool = False", "False", "True"),
        *("harmless", "a default of sets that have no subarray variant; no reader asks"),
    ),
    Judgement(
        *("irac/corrections.py", "np.where(distance > 0.5", ">", ">="),
        *("equivalent", "at half a pixel both sides of the formula are 1/2"),
    ),
    Judgement(
        *("imaging/circle.py", "return area if (x > 0.0)", ">", ">="),
        *("equivalent", "at 0 the area is 0, with either sign"),
    ),
    Judgement(
        *("wise/jointdesign.py", "along.max(initial=0)", "0", "1"),
        *("equivalent", "numbers of pieces only have to differ"),
    ),
    Judgement(
        *("wise/jointlinear.py", "MAX_STEPS = 2000", "2000", "1999"),
        *("harmless", "a guard far beyond the steps that are needed"),
    ),
    Judgement(
        *("wise/jointskyinverse.py", "_PIXELS_EACH = 8", "8", "7"),
        *("harmless", "a preconditioner from a sample of pixels: steps change, the solution does not"),
    ),
    Judgement(
        *("wise/jointskyinverse.py", "matrix.diagonal() + precision", "+", "-"),
        *("harmless", "only the size of a ridge of 1e-9 of it"),
    ),
    Judgement(
        *("wise/jointskyinverse.py", "diag_pivot_thresh=0.0", "0.0", "1.0"),
        *("equivalent", "another order of pivots in the same factorisation"),
    ),
    Judgement(
        *("wise/jointsystem.py", "np.where(self._seen > 0, self._seen, 1.0)", "0", "-1"),
        *("equivalent", "the share of a pixel that has no sample, which nobody asks for"),
    ),
    Judgement(
        *("wise/jointsystem.py", "np.where(self._seen > 0, self._seen, 1.0)", "1.0", "2.0"),
        *("equivalent", "divides where the quotient is thrown away"),
    ),
    Judgement(
        *("imaging/sip.py", "for q in range(top - _POWERS, -1, -_POWERS)", "-1", "(-1) - 1"),
        *("equivalent", "steps of four from a multiple of four"),
    ),
    Judgement(
        *("wise/jointgroups.py", "+= _RIDGE", "+=", "-="),
        *("harmless", "a ridge of 1e-9 in a preconditioner"),
    ),
    Judgement(
        *("wise/jointlinear.py", "for step in range(MAX_STEPS)", "MAX_STEPS", "(MAX_STEPS) - 1"),
        *("harmless", "a guard far beyond the steps that are needed"),
    ),
    Judgement(
        *("wise/jointsky.py", "break", "break", "continue"),
        *("equivalent", "spacings descend: those that follow are too small as well"),
    ),
    Judgement(
        *("wise/jointsolve.py", "_KEPT_ROUNDS", "7", "8"),
        *("harmless", "which rounds keep an inverse: steps change, the solution does not"),
    ),
    Judgement(
        *("wise/jointsolve.py", "_KEPT_ROUNDS", "8", "7"),
        *("harmless", "which rounds keep an inverse: steps change, the solution does not"),
    ),
    Judgement(
        *("wise/perscan.py", "noise[scan] ** 2", "2", "1"),
        *("harmless", "weights of the sky on the way; those of the map are others"),
    ),
    Judgement(
        *("wise/perscan.py", "np.isfinite(gain) & (gain > 0)", ">", ">="),
        *("harmless", "a fitted gain of exactly 0"),
    ),
    Judgement(
        *("wise/perscan.py", "int(index.max(initial=0)) + 1", "0", "1"),
        *("equivalent", "room for a pixel that no sample is in"),
    ),
    Judgement(
        *("wise/perscanerrors.py", "np.where(np.isfinite(middle), middle, 0.0)", "0.0", "-1.0"),
        *("equivalent", "scans without a weight"),
    ),
    Judgement(
        *("wise/smoothgains.py", "np.abs(apart) <= limit", "<=", "<"),
        *("harmless", "a value of exactly the limit"),
    ),
    Judgement(
        *("imaging/levelfit.py", "np.mean(np.square(step * own))", "*", "/"),
        *("harmless", "when the rounds end: the fit has settled before"),
    ),
)


def judged(module: str, line: str, before: str, after: str) -> Judgement | None:
    """Find the judgement on a change.

    Parameters
    ----------
    module : str
        The file, as a path from the root of the repository.
    line : str
        The text of the line that changes.
    before, after : str
        The change.

    Returns
    -------
    Judgement or None
    """
    for one in JUDGED:
        same = module.endswith(one.module) and (before, after) == (one.before, one.after)
        if same and one.text in line:
            return one
    return None
