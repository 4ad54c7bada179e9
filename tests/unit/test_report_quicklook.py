"""The picture of a mosaic: ticks where the sky says, colours as the stretch says, no heavy imports."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import Angle
from astropy.visualization import AsinhStretch
from PIL import Image

from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.report.colours import (
    Stretch,
    coloured,
    count_table,
    grey_table,
    round_values,
    sky_stretch,
)
from photomitrus_cli.report.quicklook import MAX_SIDE, draw_mosaic, thinning_step
from photomitrus_cli.report.skyaxes import Tick, sexagesimal, sky_axes


def grid(ra: float, dec: float, scale: float, shape: tuple[int, int], rotation: float = 0.0) -> Grid:
    return Grid(ra, dec, scale, shape, ((shape[1] - 1) / 2, (shape[0] - 1) / 2), rotation)


GRIDS = {
    "equator": grid(150.1, 0.01, 0.6, (1300, 1500)),
    "far north": grid(269.9, 66.3, 0.6, (1300, 1300)),
    "begin of the day": grid(0.02, -20.0, 0.6, (900, 1500)),
    "large": grid(53.1, -27.8, 1.2, (6000, 6000)),
    "small": grid(210.8, 54.3, 0.6, (100, 120)),
    "turned": grid(35.7, -4.98, 0.6, (1000, 1000), 70.0),
    "upside down": grid(35.7, -4.98, 0.6, (1000, 1000), 180.0),
    "pole": grid(10.0, 89.95, 0.6, (1000, 1000)),
    "one pixel": grid(35.7, -4.98, 0.6, (1, 1)),
}


@pytest.mark.parametrize(
    ("name", "seconds", "step", "text"),
    [
        ("ra", 8590.0, 10, "2h23m10s"),
        ("ra", 8590.25, 0.05, "2h23m10.25s"),
        ("ra", 86400.0, 60, "0h00m"),
        ("ra", -20.0, 10, "23h59m40s"),
        ("ra", 86399.999, 0.01, "0h00m00.00s"),
        ("ra", 7200.0, 3600, "2h"),
        ("dec", -17970.0, 30, "-4°59'30\""),
        ("dec", 17940.0, 60, "+4°59'"),
        ("dec", -120.0, 60, "-0°02'"),
        ("dec", 0.0, 60, "+0°00'"),
        ("dec", -0.5, 0.1, "-0°00'00.5\""),
        ("dec", 324000.0, 36000, "+90°"),
    ],
)
def test_sexagesimal(name: str, seconds: float, step: float, text: str) -> None:
    assert sexagesimal(name, seconds, step) == text


@pytest.mark.parametrize("name", GRIDS)
def test_ticks_stand_where_their_labels_say(name: str) -> None:
    where = GRIDS[name]
    axes = sky_axes(where, 6, 7)
    assert axes.bottom_is_ra == (name != "turned")

    def check(ticks: list[Tick], positions: tuple[list[float], list[float]], *, is_ra: bool) -> None:
        assert 1 <= len(ticks) <= 8
        ra, dec = where.pixel_to_world(*positions)
        told = np.array([Angle(tick.label if is_ra else tick.label.replace("'", "m")).deg for tick in ticks])
        x, y = where.world_to_pixel(told, dec) if is_ra else where.world_to_pixel(ra, told)
        off = np.hypot(x - positions[0], y - positions[1])
        assert off.max() < 1e-3 * max(where.shape)

    bottom, left = ([tick.position for tick in ticks] for ticks in (axes.bottom, axes.left))
    check(axes.bottom, (bottom, [-0.5] * len(bottom)), is_ra=axes.bottom_is_ra)
    check(axes.left, ([-0.5] * len(left), left), is_ra=not axes.bottom_is_ra)


@pytest.mark.parametrize("name", GRIDS)
def test_lines_keep_one_coordinate_and_end_at_the_ticks(name: str) -> None:
    where = GRIDS[name]
    axes = sky_axes(where, 6, 7)
    assert 2 <= len(axes.lines) <= 60
    starts = []
    for x, y in axes.lines:
        ra, dec = where.pixel_to_world(x, y)
        # Around a pole a declination takes the shape of a circle and a right ascension that of a ray.
        turns = np.abs(np.exp(1j * np.radians(ra)) - np.exp(1j * np.radians(ra[0])))
        assert min(np.ptp(dec), np.min([turns[1:-1].max()])) < 1e-9
        starts.append(
            np.min(np.hypot(x[:, None] - [tick.position for tick in axes.bottom], y[:, None] + 0.5))
        )
    spacing = max(np.hypot(np.diff(x), np.diff(y)).max() for x, y in axes.lines)
    assert sum(distance <= spacing for distance in starts) >= len(axes.bottom)


@pytest.mark.parametrize(
    ("shape", "step"), [((1, 1), 1), ((800, 5), 1), ((801, 800), 2), ((9000, 40000), 50)]
)
def test_thinning(shape: tuple[int, int], step: int) -> None:
    assert thinning_step(shape) == step
    assert -(-max(shape) // step) <= MAX_SIDE


def test_the_stretch_is_that_of_astropy() -> None:
    values = np.linspace(-1, 12, 100, dtype=np.float32)
    stretch = Stretch(1.0, 11.0, 0.07)
    expected = AsinhStretch(0.07)(np.clip((values - 1.0) / 10.0, 0, 1))
    np.testing.assert_allclose(stretch(values), expected, atol=1e-6)
    assert [stretch.share(stretch.value(share)) for share in (0.0, 0.3, 1.0)] == pytest.approx(
        [0.0, 0.3, 1.0]
    )
    assert Stretch(1.0, 11.0).share(3.5) == pytest.approx(0.25)


def test_limits_follow_sky_noise_and_bright_objects() -> None:
    image = np.random.default_rng(1).normal(5.0, 0.1, (400, 500)).astype(np.float32)
    image[:20] = np.nan
    image[100:110, 100:110] = 1e4
    stretch = sky_stretch(image)
    assert stretch.low == pytest.approx(4.7, abs=0.01)
    assert stretch.high == pytest.approx(7.0, abs=0.03)
    assert stretch.softening == pytest.approx(0.3 / 2.3, rel=0.02)
    image[:50] = 1e4
    assert sky_stretch(image).high == 1e4
    for dull in (np.full((3, 3), np.nan, np.float32), np.full((3, 3), 7.0, np.float32)):
        assert sky_stretch(dull).low < sky_stretch(dull).high


def test_colours() -> None:
    image = np.array([[0.0, 1.0, np.nan, np.inf, -5.0, 99.0, 0.5]], np.float32)
    grey = coloured(image, Stretch(0.0, 1.0), grey_table())[0, :, 0]
    assert grey.tolist() == [255, 0, 255, 255, 255, 0, 128]
    table = count_table()
    assert table.shape == (256, 3)
    assert table[0].tolist() == [0, 34, 78]
    assert table[255].tolist() == [254, 232, 56]
    # Brightness rises throughout: readable in grey.
    assert (np.diff(table @ [0.299, 0.587, 0.114]) > -0.5).all()


@pytest.mark.parametrize(
    ("stretch", "whole", "expected"),
    [
        (Stretch(0.0, 11.0), True, [0, 2, 4, 6, 8, 10]),
        (Stretch(0.0, 1.0), True, [0, 1]),
        (Stretch(0.0, 250.0), True, [0, 50, 100, 150, 200, 250]),
        (Stretch(-0.13, 0.42), False, [-0.1, 0, 0.1, 0.2, 0.3, 0.4]),
        (Stretch(0.04, 0.5, 0.13), False, [0.04, 0.07, 0.1, 0.15, 0.22, 0.33, 0.5]),
    ],
)
def test_values_at_the_bar_are_round(stretch: Stretch, whole: bool, expected: list[float]) -> None:
    assert round_values(stretch, 6, whole=whole) == pytest.approx(expected)


def panels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Give the two images of a picture of 100 x 200 pixels, each 4 x 4 pixels of the picture."""
    with Image.open(path) as opened:
        picture = np.asarray(opened)
    half = picture.shape[1] // 2
    left, top = 118, 44
    images = (
        picture[top : top + 400, left : left + 800],
        picture[top : top + 400, half + left : half + left + 800],
    )
    # The middle of each pixel's square, away from the lines between.
    return images[0][2::4, 2::4], images[1][2::4, 2::4]


def test_the_picture_shows_the_pixels_where_they_are(tmp_path: Path) -> None:
    sci = np.zeros((100, 200), np.float32)
    sci[61, 33] = 100.0
    sci[:, 150:] = np.nan
    coverage = np.ones((100, 200), np.int16)
    coverage[5, 30] = 7
    path = tmp_path / "a.png"
    draw_mosaic(path, sci, coverage, grid(35.7, -4.98, 0.6, (200, 399)), 2, title="t", unit="MJy/sr")
    shown, counts = panels(path)
    assert shown[99 - 61, 33].tolist() == [0, 0, 0]
    assert (shown[:, 151:] > 100).all()
    assert counts[99 - 5, 30].tolist() == count_table()[255].tolist()
    plain = (counts == count_table()[36]).all(axis=2)
    assert plain.mean() > 0.9
    first = path.read_bytes()
    draw_mosaic(path, sci, coverage, grid(35.7, -4.98, 0.6, (200, 399)), 2, title="t", unit="MJy/sr")
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    ("name", "value"), [("pole", np.nan), ("begin of the day", 3.0), ("turned", 1.0), ("one pixel", np.nan)]
)
def test_any_map_can_be_drawn(name: str, value: float, tmp_path: Path) -> None:
    where = GRIDS[name]
    step = 5 * thinning_step(where.shape)
    shape = tuple(-(-side // step) for side in where.shape)
    path = tmp_path / "a.part"
    draw_mosaic(path, np.full(shape, value, "f4"), np.zeros(shape, "i2"), where, step, title="", unit="é")
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("shape", [(3, 700), (700, 3)])
def test_slender_maps(shape: tuple[int, int], tmp_path: Path) -> None:
    sci, coverage = np.ones(shape, "f4"), np.ones(shape, "i2")
    draw_mosaic(tmp_path / "a.png", sci, coverage, grid(1.0, 2.0, 0.6, shape), 1, title="t", unit="u")
    with Image.open(tmp_path / "a.png") as picture:
        assert min(picture.size) > 150


def test_a_picture_that_cannot_be_written(tmp_path: Path) -> None:
    image = np.ones((5, 5), np.float32)
    with pytest.raises(OSError, match="No such file"):
        draw_mosaic(
            tmp_path / "no" / "a.png", image, image.astype("i2"), GRIDS["one pixel"], 1, title="t", unit="u"
        )


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    code = f"""
        import sys
        from pathlib import Path
        import numpy as np
        from photomitrus_cli.imaging.grid import Grid
        from photomitrus_cli.report.quicklook import draw_mosaic

        assert "PIL" not in sys.modules
        image = np.ones((30, 40), np.float32)
        grid = Grid(10.0, 20.0, 0.6, (30, 40), (20.0, 15.0))
        draw_mosaic(Path({str(tmp_path / "a.png")!r}), image, image.astype("i2"), grid, title="t", unit="u")
        sys.exit(",".join({{"matplotlib", "astropy", "scipy", "numba"}} & set(sys.modules)))
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False, timeout=60
    )
    # sys.exit writes what it is given.
    assert run.stderr.strip() == ""
