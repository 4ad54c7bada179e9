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
        *("imaging/healbin.py", "fit_a, fit_b, fit_c = np.empty(6)", "6", "5"),
        *("gap", "writes behind the end of an array, which only shows where something else lies there"),
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
