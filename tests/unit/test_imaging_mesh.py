"""The background mesh: gradients pass, stars do not, holes are filled."""

from __future__ import annotations

import numpy as np
import pytest
import sep

from photomitrus_cli.imaging.background import masked_median
from photomitrus_cli.imaging.mesh import mesh_background
from photomitrus_cli.imaging.objects import object_mask

NONE = np.zeros((256, 256), dtype=bool)
Y, X = np.mgrid[:256, :256]


def test_gradient_passes_to_the_edges() -> None:
    plane = 3.0 + 0.02 * X - 0.05 * Y
    model, level = mesh_background(plane, NONE, NONE)
    np.testing.assert_allclose(model, plane, atol=1e-5)
    assert level.level == pytest.approx(plane.mean(), abs=1e-6)


def test_curved_background_under_stars() -> None:
    rng = np.random.default_rng(1)
    truth = 2.0 + 1.5 * np.cos(X / 80.0) * np.cos(Y / 80.0)
    stars = np.where(rng.random(truth.shape) < 0.02, rng.exponential(30.0, truth.shape), 0.0)
    image = (truth + stars + rng.normal(0.0, 1.0, truth.shape)).astype(np.float32)
    rough = masked_median(image, NONE)
    objects = object_mask(image, NONE, rough.level, rough.sigma, grow=0)
    model, level = mesh_background(image, NONE, objects, filter_cells=1)
    assert np.sqrt(np.mean((model - truth) ** 2)) < 0.15
    assert level.level == pytest.approx(truth.mean(), abs=0.1)
    assert level.sigma == pytest.approx(1.0, rel=0.15)


def test_error_is_true() -> None:
    rng = np.random.default_rng(2)
    found = [mesh_background(rng.normal(0.0, 1.0, (96, 96)), *2 * [NONE[:96, :96]])[1] for _ in range(150)]
    assert np.mean([level.error for level in found]) == pytest.approx(
        np.std([level.level for level in found]), rel=0.2
    )


def test_cells_without_pixels_come_from_their_neighbours() -> None:
    plane = 3.0 + 0.01 * X
    bad = NONE.copy()
    bad[:128, :128] = True
    image = np.where(bad, np.nan, plane)
    model, level = mesh_background(image, bad, NONE)
    assert np.isfinite(model).all()
    np.testing.assert_allclose(model[200:], plane[200:], atol=0.1)
    assert np.abs(model - plane).max() < 1.3
    assert level.n_used == (~bad).sum()


def test_one_cell_and_no_pixel() -> None:
    model, level = mesh_background(np.full((20, 30), 7.0), NONE[:20, :30], NONE[:20, :30])
    np.testing.assert_array_equal(model, np.full((20, 30), 7.0))
    assert level.level == 7.0
    model, level = mesh_background(np.ones((20, 30)), ~NONE[:20, :30], NONE[:20, :30])
    assert np.isnan(model).all()
    assert level.n_used == 0
    assert np.isnan(level.level)


def test_as_sep_does_it() -> None:
    rng = np.random.default_rng(3)
    truth = 5.0 + np.sin(X / 60.0) + np.cos(Y / 70.0)
    image = truth + rng.normal(0.0, 0.2, truth.shape)
    ours, _ = mesh_background(image, NONE, NONE, filter_cells=1)
    theirs = sep.Background(image, bw=64, bh=64, fw=1, fh=1).back()
    inner = np.s_[32:-32, 32:-32]
    # Their mode is noisier than the median, by a few times 0.2 / 64.
    assert np.abs(ours - theirs)[inner].max() < 0.06
    assert np.sqrt(np.mean((ours - truth) ** 2)) <= 1.05 * np.sqrt(np.mean((theirs - truth) ** 2))


def test_only_outliers_are_filtered() -> None:
    """A median over neighbours cuts tops; with a limit it takes only what stands out from them."""
    rng = np.random.default_rng(4)
    truth = 5.0 * np.cos(2.0 * np.pi * X / 256.0) * np.cos(2.0 * np.pi * Y / 256.0)
    image = truth + rng.normal(0.0, 0.2, truth.shape)
    image[96:112, 96:112] += 40.0
    error = []
    for outliers in (0.0, 10.0):
        model, _ = mesh_background(image, NONE, NONE, size_px=16, outliers=outliers)
        error.append(np.abs(model - truth)[16:-16, 16:-16])
    assert error[1].mean() < 0.5 * error[0].mean()
    assert error[1].max() < 1.0
