"""What passes through simulated WISE frames, in maps of several scans; and moonlight in single scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.framefiles import FrameRef
from photomitrus_cli.wise.merging import LEFT_OUT
from truthkit.wisedirect import Rule, Sums, add_up, by_state, direct_frames
from truthkit.wisekit import CLEAN, Made, coadd_settings, make, read_truth, simulate, sum_all

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

# Something passes through a map pixel if it adds so many sigma to a frame there.
TOUCHED_SIGMA = 5.0


@dataclass(frozen=True)
class Passed:
    """Map pixels of three scans and more.

    Attributes
    ----------
    touched : int
        Those that something passes through in one frame or more.
    left, left_without : float
        Median of (value - truth) / sigma in them, with the comparison of scans and without.
    beyond, beyond_without : int
        Those with more than 5 sigma.
    quiet : int
        Map pixels that nothing passes through.
    quiet_left_out : int
        Those of them in which a frame was left out all the same.
    chi2 : float
        Mean square of (value - truth) / sigma in the quiet ones.
    refused : int
        Frames refused.
    """

    touched: int
    left: float
    left_without: float
    beyond: int
    beyond_without: int
    quiet: int
    quiet_left_out: int
    chi2: float
    refused: int


def passers(folder: Path, nside: int, **overrides: Any) -> Passed:
    """Simulate frames with passers-by and without, and see what is left of them in a map of all scans.

    Parameters
    ----------
    folder : Path
        Gets the frames, unless it has them.
    nside : int
    **overrides
        Of the simulation; ``bands`` has one.

    Returns
    -------
    Passed
    """
    band = overrides["bands"][0]
    struck, quiet = (folder / name for name in ("struck", "quiet"))
    if not struck.exists():
        simulate(struck, **{**CLEAN, **overrides})
        simulate(quiet, **{**CLEAN, **overrides, "n_asteroids": 0, "trail_fraction": 0.0})
    compared = coadd_settings(struck, band=band, nside=nside, group="week")
    summed = sum_all(compared)
    refs = [one.ref for one in summed]
    made, kept = make(summed, compared), make(summed, compared.model_copy(update={"group": "scan"}))
    own = direct_frames(refs, [compared])[0]
    light = direct_frames(refs, [compared], rule=_passing(compared, struck, quiet))[0]
    touched = _touched(own, light)
    pulled = {name: _pulls(one, add_up(own, one)) for name, one in (("with", made), ("without", kept))}
    several = (kept.map.frames >= 3) & np.isin(kept.map.pixels, _of_scans(summed, 3))
    here = several & np.isin(kept.map.pixels, touched)
    near = several & np.isin(kept.map.pixels, _reached(light)) & ~here
    quiet_ones = several & ~here & ~near
    left = (made.map.mask & LEFT_OUT) > 0
    return Passed(
        int(here.sum()),
        float(np.nanmedian(pulled["with"][here])),
        float(np.nanmedian(pulled["without"][here])),
        int((pulled["with"][here] > 5.0).sum()),
        int((pulled["without"][here] > 5.0).sum()),
        int(quiet_ones.sum()),
        int((left & quiet_ones).sum()),
        float(np.nanmean(pulled["with"][quiet_ones] ** 2)),
        sum(one.status != "used" for one in made.results),
    )


def _passing(chosen: CoaddSettings, struck: Path, quiet: Path) -> Rule:
    """Sum up the difference between both sets of frames in place of the weights."""
    rule = by_state(chosen)

    def difference(ref: FrameRef, got: Any) -> tuple[Bool, Float]:
        """Give the pixels used and by how much the sets differ there."""
        used, _ = rule(ref, got)
        other = quiet / ref.path.relative_to(struck)
        return used, np.nan_to_num(got.sci.astype(np.float64) - fits.getdata(other))

    return difference


def _touched(own: Sequence[Sums], light: Sequence[Sums]) -> NDArray[np.int64]:
    many = [
        two.pixels[np.abs(two.w) / one.hits > TOUCHED_SIGMA * one.sigma]
        for one, two in zip(own, light, strict=True)
    ]
    return np.unique(np.concatenate(many))


def _reached(light: Sequence[Sums]) -> NDArray[np.int64]:
    return np.unique(np.concatenate([one.pixels[one.w > 0.0] for one in light]))


def _of_scans(results: Sequence[Any], least: int) -> NDArray[np.int64]:
    """Give the map pixels that so many scans reach."""
    by_scan: dict[str, list[NDArray[np.int64]]] = {}
    for one in results:
        by_scan.setdefault(one.ref.scan_id, []).append(one.sums.pixels[one.sums.hits > 0])
    pixels = np.concatenate([np.unique(np.concatenate(many)) for many in by_scan.values()])
    found, counts = np.unique(pixels, return_counts=True)
    return np.asarray(found[counts >= least])


def _pulls(made: Made, direct: Sums) -> Float:
    """Give (value - truth) / sigma for all map pixels; NaN without values or another number of hits."""
    result = np.full(made.map.pixels.size, np.nan)
    _, mine, other = np.intersect1d(made.map.pixels, direct.pixels, return_indices=True)
    same = made.map.hits[mine] == direct.hits[other]
    mine, other = mine[same], other[same]
    result[mine] = (made.map.value[mine] - direct.truth[other]) / made.map.sigma[mine]
    return result


@dataclass(frozen=True)
class Moonlit:
    """Frames of scans by the light of the Moon, and what of it gets into their maps.

    Attributes
    ----------
    frames, refused : dict of str to int
        By the light in the middle of the frame: ``dark`` below 0.1 sigma of a pixel, ``dim`` below 1,
        ``bright`` above.
    level, level_without : float
        Highest moonlight of a frame that is used, with the tests and without, sigma of a pixel.
    near, near_refused : int
        Frames within ``moon_near_deg`` of the Moon, and those of them refused.
    far, far_refused : int
        Those beyond, and those of them that the tests of the Moon refuse.
    """

    frames: dict[str, int]
    refused: dict[str, int]
    level: float
    level_without: float
    near: int
    near_refused: int
    far: int
    far_refused: int


CLASSES = {"dark": (-1.0, 0.1), "dim": (0.1, 1.0), "bright": (1.0, 1e9)}


def moonlit(folder: Path, **overrides: Any) -> Moonlit:
    """Simulate scans that pass the Moon, and see which frames are refused.

    Parameters
    ----------
    folder : Path
        Gets the frames, unless it has them.
    **overrides
        Of the simulation; ``bands`` has one.

    Returns
    -------
    Moonlit
    """
    band = overrides["bands"][0]
    if not folder.exists():
        simulate(folder, **{**CLEAN, **overrides})
    chosen = coadd_settings(folder, band=band, nside=256)
    made = make(sum_all(chosen), chosen)
    truth = read_truth(folder, "frames")
    light = {
        f"{row['scan_id']}{row['frame_num']}": 0.5 * (row["stray_low"] + row["stray_high"]) for row in truth
    }
    sigma = np.array([one.numbers["unc_median"] for one in made.results])
    moon = np.array([light[one.ref.name] for one in made.results]) / sigma
    used = np.array([one.status == "used" for one in made.results])
    frames, refused = {}, {}
    for name, (low, high) in CLASSES.items():
        here = (moon >= low) & (moon < high)
        frames[name], refused[name] = int(here.sum()), int((here & ~used).sum())
    near = np.array([one.ref.moon_sep for one in made.results]) < chosen.moon_near_deg
    by_moon = np.array(["moon" in one.reason for one in made.results]) & ~used
    counts = (near.sum(), (near & ~used).sum(), (~near).sum(), (~near & by_moon).sum())
    return Moonlit(frames, refused, float(moon[used].max()), float(moon.max()), *map(int, counts))
