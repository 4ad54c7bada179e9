"""``median-exptime`` against a slow evaluation of the original formula on the same resampled frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from truthkit.resampling import resample
from truthkit.runs import make_mosaic, settings, simulate

from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.irac.ingest import IngestRules, read_arrays
from photomitrus_cli.irac.plan import make_plan
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import Product

TINY = {"n_aors": 3, "dithers_per_aor": 3, "field_size_arcmin": 0.5, "truth_image": False}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("frames"), seed=3, frame_times_s=[30.0, 100.0], **TINY)


def cubes(frames: Path, out: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every frame on the whole grid: values (NaN where invalid), variances, exposure times, GAIN/FLUXCONV."""
    config = settings({"irac.mosaic.inputs": [frames], "irac.mosaic.output": out})
    plan = make_plan(config.irac.mosaic, Product(out, "ch1_mosaic", ("ch1_mosaic.fits",)), Context())
    mosaic = config.irac.mosaic
    rules = IngestRules(mosaic.imask_bits, mosaic.rmask_bits, mosaic.background)
    values, variances = [], []
    for frame in plan.selection.frames:
        arrays = read_arrays(frame, rules)
        pixel_map = map_frame(frame.wcs, (256, 256), plan.grid)
        ny, nx = plan.grid.shape
        on_grid = resample(arrays.sci, arrays.var, arrays.bad, pixel_map, (0, ny, 0, nx))
        values.append(np.where(on_grid.valid, on_grid.value, np.nan).astype(np.float64))
        variances.append(np.where(on_grid.valid, on_grid.variance, np.nan).astype(np.float64))
    exptime = np.array([frame.exptime_s for frame in plan.selection.frames])
    conversion = np.array([frame.gain / frame.fluxconv for frame in plan.selection.frames])
    return np.array(values), np.array(variances), exptime, conversion


@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")
def test_equals_the_direct_formula(case: Path, tmp_path: Path) -> None:
    values, _, exptime, conversion = cubes(case, tmp_path)
    assert len(set(exptime)) == 2
    total = np.zeros(values.shape[1:])
    weight = np.zeros(values.shape[1:])
    seconds = np.zeros(values.shape[1:])
    for one in np.unique(exptime):
        members = exptime == one
        median = np.nanmedian(values[members], axis=0)
        there = np.isfinite(values[members])
        w = np.tensordot(exptime[members] * conversion[members], there, axes=1)
        total += np.where(w > 0, np.nan_to_num(median) * w, 0)
        weight += w
        seconds += one * there.sum(axis=0)
    with np.errstate(invalid="ignore"):
        direct = total / weight
    mosaic = make_mosaic(case, tmp_path / "out", combine="median-exptime", reject="none")
    np.testing.assert_array_equal(np.isnan(mosaic.sci), weight == 0)
    covered = weight > 0
    np.testing.assert_allclose(mosaic.sci[covered], direct[covered], rtol=3e-7, atol=1e-8)
    np.testing.assert_allclose(mosaic.exptime, seconds, rtol=1e-6)
    np.testing.assert_array_equal(mosaic.coverage, np.isfinite(values).sum(axis=0))


def test_each_frame_counts_with_its_own_gain_and_fluxconv(case: Path, tmp_path: Path) -> None:
    """The original took both from the first frame of a class; changing one frame must change the weights."""
    import shutil

    from astropy.io import fits

    copy = tmp_path / "copy"
    shutil.copytree(case, copy)
    before = make_mosaic(copy, tmp_path / "out", combine="median-exptime", reject="none")
    last = sorted(copy.rglob("*_cbcd.fits"))[-1]
    with fits.open(last, mode="update") as hdus:
        hdus[0].header["FLUXCONV"] = hdus[0].header["FLUXCONV"] / 3
    after = make_mosaic(copy, tmp_path / "out", combine="median-exptime", reject="none")
    both = np.isfinite(before.sci)
    assert np.max(np.abs(after.sci[both] - before.sci[both])) > 0
    assert np.array_equal(np.isfinite(after.sci), both)


def test_the_faults_of_the_original_uncertainty_are_not_repeated(case: Path, tmp_path: Path) -> None:
    """The original map is mean(unc^2) scaled twice by the pixel area, without 1/N, flagged pixels as zero.

    Its sigma is too large by about 2 sqrt(N); ours falls as 1/sqrt(N), and a flagged pixel makes it larger.
    """
    _, variances, exptime, conversion = cubes(case, tmp_path)
    n = np.isfinite(variances).sum(axis=0)
    deep = n == n.max()
    weights = (exptime * conversion)[:, None]
    average = (weights * np.nan_to_num(variances[:, deep])).sum(axis=0) / weights.sum()
    original = np.sqrt((1.2233 / 0.6) ** 2 * average)
    mosaic = make_mosaic(case, tmp_path / "out")
    ratio = np.median(original / mosaic.unc[deep])
    assert ratio > 1.5 * np.sqrt(n.max())
    fewer = (n == n.max() - 1) | (n == n.max() - 2)
    assert np.median(mosaic.unc[fewer]) > np.median(mosaic.unc[deep])
    assert not (mosaic.unc[mosaic.coverage > 0] == 0).any()
