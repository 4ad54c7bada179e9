"""The archive's own 2-D products of subarray exposures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from photomitrus_cli.irac.subarray import CubeRules, combine_cube

pytestmark = pytest.mark.real


@pytest.mark.parametrize("number", range(5))
def test_the_rule_of_the_archive(real_data: Path, number: int) -> None:
    from astropy.io import fits

    stem = real_data / "irac-subarray-xo3" / f"SPITZER_I2_46466816_{number:04d}_0000_2_"
    kinds = ("bcd", "bunc", "bimsk", "sub2d", "unc2d", "cov2d", "msk2d")
    cube, noise, masks, sci, unc, coverage, mask = (fits.getdata(f"{stem}{kind}.fits") for kind in kinds)
    result = combine_cube(cube, noise, masks)
    np.testing.assert_array_equal(result.coverage, coverage)
    np.testing.assert_array_equal(result.mask, mask)
    np.testing.assert_allclose(result.sci, sci, rtol=1e-7)
    np.testing.assert_allclose(result.unc, unc, rtol=1e-7)
    assert result.n_rejected.sum() > 400
    assert np.nanmedian(result.propagated / result.unc) == pytest.approx(1.06, abs=0.02)
    seed = combine_cube(cube, noise, masks, CubeRules(rule="seed"))
    assert np.nanmedian(np.abs(seed.sci / sci - 1.0)) > 0.05
