"""What tells how good a stack is: residuals and stars over a chip, its pictures, and pictures that fail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.errors import WriteError
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.gridaround import grid_for_footprints
from photomitrus_cli.imaging.sphere import rotation_matrix
from photomitrus_cli.imaging.tangent import positions_of
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.qaareas import make_areas, scatter, weighted_median
from photomitrus_cli.prime.qafields import position_residuals, star_shapes
from photomitrus_cli.prime.qafigures import FigureTask, draw_figure
from photomitrus_cli.prime.qaframes import FramesShown, compose_frames
from photomitrus_cli.prime.sources import Sources
from photomitrus_cli.prime.stacktiles import TileTask
from photomitrus_cli.prime.thinning import block_means, thinned_plane
from photomitrus_cli.run.checkpoint import Store

Float = NDArray[np.float64]

SIDE, PIXEL = 200, 2.0
DEGREE = np.pi / 180.0


@dataclass(frozen=True)
class Reference:
    """A catalogue as `position_residuals` needs it."""

    ra: Float
    dec: Float
    err: Float

    @property
    def brightness(self) -> Float:
        return np.zeros(self.ra.size)


def stars_at(x: Float, y: Float, **more: Any) -> Sources:
    columns = {name: np.full(x.size, 0.05) for name in Sources.__dataclass_fields__}
    flags = np.zeros(x.size, np.int64)
    return Sources(**columns | {"x": x, "y": y, "snr": np.full(x.size, 100.0), "flags": flags} | more)


def frame_at(ra: float, dec: float, turn_deg: float = 0.0) -> TanSip:
    c, s = np.cos(turn_deg * DEGREE), np.sin(turn_deg * DEGREE)
    cd = PIXEL / 3600.0 * np.array([[-c, s], [s, c]])
    return TanSip.at((ra, dec), cd, [(SIDE - 1) / 2] * 2, (SIDE, SIDE))


def test_residuals_before_are_those_of_the_first_geometry_without_its_shift() -> None:
    """Starts are half a degree off in angle and 20 arcsec off in place; fitted geometries are true."""
    rng = np.random.default_rng(4)
    x, y = rng.uniform(0, SIDE - 1, (2, 600))
    true = frame_at(30.0, -35.0)
    ra, dec = true.sky(x, y)
    start = frame_at(30.0, -35.0, turn_deg=0.5)
    start = start.moved(rotation_matrix(np.array([0.0, 0.0, 20.0 / 3600.0 * DEGREE])))
    # Few errors of the catalogue are large, and stated.
    err = np.full(600, 0.02)
    err[::10] = 2.0
    dec = dec + np.where(err > 1.0, 2.0 / 3600.0, 0.0)
    found = position_residuals([stars_at(x, y)] * 2, [start] * 2, [true] * 2, Reference(ra, dec, err))
    assert found.x.size > 1000
    shift = 20.0 * np.cos(35.0 * DEGREE)
    np.testing.assert_allclose(found.shifts, shift, atol=0.3)
    # With x to the west the turned axes see a place (u, v) at (u + turn v, v - turn u).
    middle, turn = (SIDE - 1) / 2, 0.5 * DEGREE
    expected = turn * PIXEL * np.array([found.y - middle, middle - found.x])
    areas = found.areas((SIDE, SIDE))
    assert np.isfinite(areas.medians(found.x)).mean() > 0.9
    for one, wanted in zip(found.before, expected, strict=True):
        away = areas.medians(one, found.weight) - areas.medians(wanted)
        assert np.nanmax(np.abs(away)) < 0.15
        assert np.nanmax(areas.medians(wanted)) > 1.4
    assert np.nanmax(np.abs(areas.medians(found.after[1], found.weight))) < 1e-6
    assert scatter(found.after, found.weight) < 1e-6
    assert scatter(found.before, found.weight) > 0.5


def test_the_weighted_median_is_the_median_and_heeds_weights() -> None:
    values = np.random.default_rng(1).normal(size=21)
    for n in (1, 2, 20, 21):
        assert weighted_median(values[:n], np.full(n, 3.0)) == pytest.approx(float(np.median(values[:n])))
    assert weighted_median(np.array([1.0, 5.0, 9.0]), np.array([1e-6, 1.0, 1e-6])) == pytest.approx(5.0)
    normal = np.random.default_rng(2).normal(0.0, 0.3, (2, 20_000))
    assert scatter(normal, np.ones(20_000)) == pytest.approx(0.3, rel=0.02)
    assert np.isnan(scatter(np.zeros((2, 0)), np.zeros(0)))


def test_every_star_is_in_its_area() -> None:
    rng = np.random.default_rng(3)
    shape = (90, 130)
    x = np.concatenate([rng.uniform(-0.5, 129.5, 500), [-0.5, 129.5]])
    y = np.concatenate([rng.uniform(-0.5, 89.5, 500), [-0.5, 89.5]])
    areas = make_areas(x, y, shape, frames=2)
    assert areas.shape == (6, 6)
    assert sorted(np.concatenate(areas.groups).tolist()) == list(range(502))
    rows, columns = np.meshgrid(range(6), range(6), indexing="ij")
    for row, column, own, cx, cy in zip(
        rows.ravel(), columns.ravel(), areas.groups, *(one.ravel() for one in areas.centres), strict=True
    ):
        assert (np.abs(x[own] - cx) <= 130 / 12 + 1e-9).all(), (row, column)
        assert (np.abs(y[own] - cy) <= 90 / 12 + 1e-9).all(), (row, column)
    few = make_areas(x[:2], y[:2], shape, frames=1)
    assert few.shape == (2, 2)
    assert np.isnan(few.medians(x[:2])).all()


def test_shapes_are_of_bright_single_stars_in_one_seeing() -> None:
    """The same field at 1.0 and at 1.5 pixels of seeing, twice as wide on the left."""
    x = np.tile(np.linspace(0, SIDE - 1, 50), 4)
    wide = np.where(x < SIDE / 2, 2.0, 1.0)
    snr = np.where(np.arange(x.size) % 4 == 0, 5.0, 100.0)
    flags = np.where(np.arange(x.size) % 4 == 1, 1, 16)
    sources = [stars_at(x, x, fwhm=wide * seeing, snr=snr, flags=flags) for seeing in (1.0, 1.5)]
    found = star_shapes(sources, [frame_at(0.0, 0.0)] * 2)
    assert found.x.size == 2 * x.size // 2
    left = found.x < SIDE / 2
    assert np.ptp(found.fwhm[left]) < 1e-9
    np.testing.assert_allclose(found.fwhm[left].mean(), 2.0 * found.fwhm[~left].mean())


@pytest.mark.parametrize("step", [1, 3, 8])
def test_block_means_are_means_of_good_pixels(step: int) -> None:
    rng = np.random.default_rng(5)
    planes = [rng.normal(size=(25, 34)).astype(np.float32) for _ in range(2)]
    bad = rng.random((25, 34)) < 0.4
    bad[:8, :8] = True
    planes[0][bad] = np.nan
    for plane, means in zip(planes, block_means(planes, bad, step), strict=True):
        assert means.shape == (25 // step, 34 // step)
        for (row, column), mean in np.ndenumerate(means):
            block = np.s_[row * step : (row + 1) * step, column * step : (column + 1) * step]
            good = plane[block][~bad[block]]
            assert mean == pytest.approx(good.mean(), abs=1e-5) if good.size else np.isnan(mean)


def small_grid(shape: tuple[int, int]) -> Grid:
    grid = grid_for_footprints(np.array([10.0, 10.1]), np.array([0.0, 0.1]), 10.0)
    return replace(grid, shape=shape)


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_a_thinned_plane_is_the_whole_one_in_blocks(step: int, tmp_path: Path) -> None:
    """Tiles of 5 pixels: every block counts as far as the tile of its first pixel goes."""
    count = np.arange(23 * 17, dtype=np.int16).reshape(23, 17)
    sky = np.random.default_rng(6).normal(size=(23, 17)).astype(np.float32)
    sky[3:12, 2:9] = np.nan
    store, tiles = Store(tmp_path, "key"), []
    for y in range(0, 23, 5):
        for x in range(0, 17, 5):
            window = (y, min(y + 5, 23), x, min(x + 5, 17))
            part = np.s_[window[0] : window[1], window[2] : window[3]]
            tiles.append(TileTask(f"tile_{y}_{x}", window, (), 3.0, store))
            store.save(f"tile_{y}_{x}", {"COV": count[part], "SCI": sky[part]}, {})
    grid = small_grid((23, 17))
    found = thinned_plane(tiles, grid, store, "COV", step)
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, count[::step, ::step])
    means = thinned_plane(tiles, grid, store, "SCI", step)
    assert means.shape == found.shape
    for (row, column), mean in np.ndenumerate(means):
        y, x = row * step, column * step
        block = sky[y : min(y + step, y - y % 5 + 5), x : min(x + step, x - x % 5 + 5)]
        known = block[np.isfinite(block)]
        assert mean == pytest.approx(known.mean(), abs=1e-5) if known.size else np.isnan(mean)


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), ValueError("no range"), MemoryError(), WriteError("disk full")],
)
def test_a_picture_that_fails_is_told_and_leaves_the_older_one(error: Exception, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"older")

    def fail(part: Path) -> None:
        part.write_bytes(b"half")
        raise error

    told = draw_figure(FigureTask(path, fail))
    assert told.startswith(f"{path}: not drawn: ")
    assert len(told) > len(f"{path}: not drawn: ")
    assert [one.name for one in tmp_path.iterdir()] == ["a.png"]

    def write(part: Path) -> None:
        part.write_bytes(b"new")

    assert draw_figure(FigureTask(path, write)) == ""
    assert path.read_bytes() == b"new"


def shown(n: int = 9) -> FramesShown:
    reasons = [""] * n
    reasons[2] = "00000002: clouds: 0.50 mag less light (limit 0.3)"
    columns = {name: np.linspace(1.0, 2.0, n) for name in ("sky", "rms", "fwhm", "light")}
    columns["light"][2] = np.nan
    columns["sky"][2] = 1000.0
    return FramesShown(60000.0 + np.arange(n) / 1440.0, columns, reasons, ["x.fits: truncated"], 0.76, "adu")


def test_frames_left_out_are_numbered_with_their_reason() -> None:
    sheet = compose_frames(shown(), title="frames")
    texts = [text for text, _ in sheet.texts]
    assert "1 00000002: clouds: 0.50 mag less light (limit 0.3)" in [" ".join(one.split()) for one in texts]
    assert "x.fits: truncated" in texts
    # Beside it in three panels; its light is not known, and its sky is beyond the frame.
    axis = "since 2023-02-25T00:00:00 UTC (min)"
    assert texts.count(axis) == 4
    assert texts.count("1") >= 3
    for text, box in sheet.texts:
        assert min(box) >= 0, text
        assert box[2] <= sheet.picture.width, text
        assert box[3] <= sheet.picture.height, text


@pytest.mark.parametrize(("span", "unit"), [(0.01, "min"), (0.5, "h"), (20.0, "d"), (0.0, "min")])
def test_time_is_told_in_a_fitting_unit(span: float, unit: str) -> None:
    many = shown(40)
    some = replace(many, mjd=np.linspace(60000.0, 60000.0 + span, 40), reasons=["a: b"] * 40)
    texts = [text for text, _ in compose_frames(some).texts]
    assert f"since 2023-02-25T00:00:00 UTC ({unit})" in texts
    assert "... and 11 more" in texts


def test_nothing_known_is_drawn_without_complaint() -> None:
    unknown = {name: np.full(9, np.nan) for name in ("sky", "rms", "fwhm", "light")}
    texts = [text for text, _ in compose_frames(replace(shown(), columns=unknown)).texts]
    assert texts.count("no data") == 4
    none = Reference(*(np.zeros(0) for _ in range(3)))
    true = frame_at(30.0, -35.0)
    found = position_residuals([stars_at(np.ones(3), np.ones(3))], [true], [true], none)
    assert found.x.size == 0
    assert np.isnan(found.areas((SIDE, SIDE)).medians(found.after[0], found.weight)).all()
    assert positions_of(true.axes[2])[0] == pytest.approx(30.0)
