"""What becomes of injected hits, good pixels and stars when single WISE frames are freed of outliers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray
from scipy.ndimage import label, median_filter

from photomitrus_cli.imaging.bitmasks import BAD, SATURATED, SPIKE
from photomitrus_cli.wise.accepting import accept
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.framefiles import FrameRef
from truthkit.wisekit import frames_of, read_truth, truth_path

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

# A pixel belongs to a star when its light is this many sigma above the sky.
STAR_SIGMA = 5.0
_SPIKE_KIND = 0


@dataclass(frozen=True, eq=False)
class HitList:
    """Hits that no mask knows of, one per pixel: arrays of shape (n,).

    Attributes
    ----------
    height : ndarray of float64
        Sigma of the pixel; negative ones included.
    star : ndarray of float64
        Light of stars in the pixel, sigma.
    lone : ndarray of bool
        A spike, not part of a track.
    found : ndarray of bool
        Rejected.
    """

    height: Float
    star: Float
    lone: Bool
    found: Bool


@dataclass(frozen=True)
class Losses:
    """What rejection takes that is no hit.

    Attributes
    ----------
    sky, sky_lost : int
        Pixels that are neither star nor hit, and those of them rejected.
    star, star_lost : int
        The same of stars.
    light : float
        Part of the light in star pixels that is lost.
    stars, changed : int
        Stars, and those that lose more than 1 % of their light.
    """

    sky: int
    sky_lost: int
    star: int
    star_lost: int
    light: float
    stars: int
    changed: int


def hits_and_losses(folder: Path, chosen: CoaddSettings) -> tuple[HitList, Losses]:
    """Follow all hits of a simulated slice, and count what else is rejected."""
    table = read_truth(folder, "hits")
    table = table[table["band"] == chosen.band]
    names = np.char.add(np.asarray(table["scan_id"], str), np.asarray(table["frame_num"], str))
    found, lost = [], []
    for ref in frames_of(chosen):
        got = accept(ref, chosen)
        light = star_light(ref) / np.where(got.state & BAD, np.inf, got.unc)
        deposit, spikes = _deposits(table[names == ref.name], got.sci.shape, got.unc)
        open_to = (got.state & (BAD | SATURATED)) == 0
        here = open_to & (deposit != 0.0)
        found.append((deposit[here], light[here], spikes[here], (got.state[here] & SPIKE) != 0))
        lost.append(_losses(light, got.unc, got.state, open_to & (deposit == 0.0)))
    height, star, lone, rejected = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return HitList(height, star, lone, rejected), total_losses(lost)


def star_light(ref: FrameRef) -> Float:
    """Give the light of the stars on a frame, DN: what is above a wide median without noise."""
    model = fits.getdata(truth_path(ref)).astype(np.float64)
    # Every fourth pixel of a smooth sky is enough, and 13 of them are wider than any star's bright part.
    sky = median_filter(model[::4, ::4], 13)
    return np.asarray(model - np.kron(sky, np.ones((4, 4)))[: model.shape[0], : model.shape[1]])


def _deposits(rows: Table, shape: tuple[int, ...], unc: NDArray[np.float32]) -> tuple[Float, Bool]:
    """Sum up what was deposited in each pixel, sigma, and tell spikes from tracks."""
    deposit, track = np.zeros(shape), np.zeros(shape, bool)
    y, x = (np.asarray(rows[name], np.int64) for name in ("y", "x"))
    np.add.at(deposit, (y, x), np.asarray(rows["dn"], np.float64))
    track[y, x] |= np.asarray(rows["kind"]) != _SPIKE_KIND
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(deposit / unc, posinf=0.0, neginf=0.0), ~track


def _losses(light: Float, unc: NDArray[np.float32], state: NDArray[np.uint8], clean: Bool) -> Losses:
    stars, lost = light > STAR_SIGMA, clean & ((state & SPIKE) != 0)
    labels, n = label(stars)
    dn = np.where(stars, light * np.nan_to_num(unc), 0.0).ravel()
    whole = np.bincount(labels.ravel(), weights=dn, minlength=n + 1)[1:]
    gone = np.bincount(labels.ravel(), weights=dn * lost.ravel(), minlength=n + 1)[1:]
    known = whole > 0.0
    return Losses(
        sky=int((clean & ~stars).sum()),
        sky_lost=int((lost & ~stars).sum()),
        star=int((clean & stars).sum()),
        star_lost=int((lost & stars).sum()),
        light=float(gone.sum()) / max(float(whole.sum()), 1e-30),
        stars=int(known.sum()),
        changed=int((gone[known] > 0.01 * whole[known]).sum()),
    )


def total_losses(many: Sequence[Losses]) -> Losses:
    """Add up the losses of several frames; their parts of the light are averaged."""
    return Losses(
        sky=sum(one.sky for one in many),
        sky_lost=sum(one.sky_lost for one in many),
        star=sum(one.star for one in many),
        star_lost=sum(one.star_lost for one in many),
        light=float(np.mean([one.light for one in many])),
        stars=sum(one.stars for one in many),
        changed=sum(one.changed for one in many),
    )


def share_found(hits: HitList, low: float, high: float, chosen: Bool) -> tuple[float, int]:
    """Give the part of hits between two heights that were rejected, and how many hits there are."""
    here = chosen & (hits.height >= low) & (hits.height < high)
    n = int(here.sum())
    return (float(hits.found[here].mean()) if n else float("nan")), n
