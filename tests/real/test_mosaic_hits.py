"""Hits added to copies of real frames: what is left of them in the mosaic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import binary_dilation
from truthkit.hits import LIMIT, Pixels, inject_hits, residuals, touched_pixels
from truthkit.runs import make_mosaic

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

# MJy/sr: nothing brighter near a pixel of the sky; twice the noise of a frame.
DARK = 0.1


def other_changes(struck: Path, quiet: Path, hits: dict[Path, Pixels]) -> dict[Path, Pixels]:
    """Find pixels without a hit that only one of the runs rejected: defects of the frames, at the limit."""
    found = {}
    for path, (x, y) in hits.items():
        name = f"ch1_rejected/{path.name.removeprefix('SPITZER_').rsplit('_', 2)[0]}_rej.fits"
        differ = fits.getdata(struck / name) != fits.getdata(quiet / name)
        beside = np.zeros(differ.shape, dtype=bool)
        beside[y, x] = True
        j, i = np.nonzero(differ & ~binary_dilation(beside, np.ones((3, 3))))
        found[path] = (i, j)
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_injected_hits_go(real_data: Path, tmp_path: Path, seed: int) -> None:
    folder = real_data / "irac-dither" / "r17577216-ch1"
    hits = inject_hits(sorted(folder.glob("*_clean.fits")), tmp_path / "struck", 120, seed)
    struck = make_mosaic(tmp_path / "struck", tmp_path / "out1", filetype="clean", rejection_masks=True)
    quiet = make_mosaic(folder, tmp_path / "out0", filetype="clean", rejection_masks=True)
    others = touched_pixels(struck, other_changes(tmp_path / "out1", tmp_path / "out0", hits))
    left = residuals(struck, quiet, touched_pixels(struck, hits) & ~others)
    deep = left.part(left.coverage >= 8)
    assert deep.pull.size > 100_000
    sky = deep.part(deep.peak < DARK)
    assert sky.pull.size > 50_000
    assert sky.worst <= LIMIT
    # On stars the uncertainty, estimated from the sky, is too small, and a frame more or less matters.
    assert deep.beyond < 1e-3 * deep.pull.size
    assert np.max(deep.share) < 0.15


def test_without_rejection_they_stay(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "irac-dither" / "r17577216-ch1"
    hits = inject_hits(sorted(folder.glob("*_clean.fits")), tmp_path / "struck", 120, 1)
    struck = make_mosaic(tmp_path / "struck", tmp_path / "out1", filetype="clean", reject="none")
    quiet = make_mosaic(folder, tmp_path / "out0", filetype="clean", reject="none")
    assert residuals(struck, quiet, touched_pixels(struck, hits)).worst > 100
