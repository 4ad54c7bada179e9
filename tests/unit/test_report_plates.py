"""Plates: where arrows point, which way images are up, and what is written around them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from photomitrus_cli.report.axis import Axis
from photomitrus_cli.report.colours import Stretch, grey_table
from photomitrus_cli.report.plates import (
    ArrowPlate,
    ImagePlate,
    arrow_mask,
    compose_plates,
    draw_plates,
    round_length,
    usual_length,
)

X, Y = Axis("x", "pix", low=-0.5, high=99.5), Axis("y", "pix", low=-0.5, high=99.5)
BLUE = (0, 114, 178)


def arrows(dx: float, dy: float, *, title: str = "after the fit") -> ArrowPlate:
    return ArrowPlate(np.array([49.5]), np.array([49.5]), np.array([dx]), np.array([dy]), "arcsec", title)


def image(values: NDArray[np.float64], title: str = "") -> ImagePlate:
    return ImagePlate(values, "adu", Stretch(0.0, 1.0), grey_table(), title)


def blue(path: Path, plate: ArrowPlate) -> NDArray[np.int64]:
    """Give rows and columns of the pixels of an arrow, without that of the scale above the plate."""
    draw_plates(path, [plate], X, Y)
    with Image.open(path) as picture:
        rows, columns = np.nonzero((np.asarray(picture) == BLUE).all(axis=2))
    return np.stack([rows, columns])[:, rows > 75]


@pytest.mark.parametrize(("dx", "dy"), [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)])
def test_arrows_point_along_the_axes(dx: float, dy: float, tmp_path: Path) -> None:
    """Up is towards higher y. The tail is in the middle of the plate, the arrow 9 % of it long."""
    rows, columns = blue(tmp_path / "a.png", arrows(dx, dy))
    middle = 36 + 34 + 480 / 2, 84 + 480 / 2
    down, right = rows - middle[0], columns - middle[1]
    along, across = right * dx - down * dy, right * dy + down * dx
    assert along.max() == pytest.approx(0.09 * 480, abs=4.0)
    assert along.min() > -4
    assert np.abs(across).max() < 5
    # The head is wider than the line.
    assert np.ptp(across[along > 0.75 * along.max()]) > np.ptp(across[(along > 8) & (along < 25)])


def test_arrows_that_share_a_scale_can_be_compared(tmp_path: Path) -> None:
    short = arrows(0.5, 0.0)
    own = np.ptp(blue(tmp_path / "a.png", short)[1])
    shared = np.ptp(blue(tmp_path / "b.png", scaled(short))[1])
    assert shared < 0.7 * own


def scaled(plate: ArrowPlate) -> ArrowPlate:
    return ArrowPlate(plate.x, plate.y, plate.dx, plate.dy, plate.unit, plate.title, usual=1.0)


def test_the_first_row_is_at_the_bottom_and_the_first_column_on_the_left(tmp_path: Path) -> None:
    values = np.array([[0.0, 1.0], [np.nan, 0.5]])
    draw_plates(tmp_path / "a.png", [image(values)], X, Y)
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture).astype(int)
    upper, lower, left, right = 70 + 120, 70 + 360, 84 + 100, 84 + 380
    assert (pixels[lower, left] == 255).all()
    assert (pixels[lower, right] == 0).all()
    assert (pixels[upper, left] == 205).all()
    assert (np.abs(pixels[upper, right] - 128) < 2).all()


def test_texts_do_not_overlap_and_nothing_is_cut() -> None:
    nan = np.full((3, 3), np.nan)
    plates = [
        arrows(3.0, 2.0, title="first geometry, less shifts of 8.81 to 11.2 arcsec and many more words")
    ]
    plates += [arrows(np.nan, 0.0)]
    sheet = compose_plates([*plates, image(np.eye(3), "title"), image(nan)], X, Y, title="chip 1")
    assert sheet.picture.width < 1650
    boxes = sheet.texts
    for place, (text, box) in enumerate(boxes):
        assert 0 <= box[0] < box[2] <= sheet.picture.width, text
        assert 0 <= box[1] < box[3] <= sheet.picture.height, text
        for other, two in boxes[:place]:
            apart = box[2] <= two[0] or two[2] <= box[0] or box[3] <= two[1] or two[3] <= box[1]
            assert apart, (text, other)
    texts = [text for text, _ in boxes]
    assert texts.count("no data") == 2
    assert {"2 arcsec", "title", "adu", "chip 1"} <= set(texts)


def test_long_plates_keep_their_proportions() -> None:
    wide = compose_plates([image(np.eye(2))], Axis("x", low=0, high=400), Axis("y", low=0, high=200))
    assert wide.picture.size == (84 + 480 + 130, 36 + 34 + 240 + 60)


def test_lengths() -> None:
    assert [round_length(one) for one in (0.1, 0.19, 0.2, 0.45, 7.0, 1234.0)] == [
        0.1,
        0.1,
        0.2,
        0.2,
        5.0,
        1000.0,
    ]
    assert usual_length(np.array([3.0, np.nan]), np.array([4.0, 1.0])) == 5.0
    assert usual_length(np.array([np.nan]), np.array([1.0])) == 0.0
    assert arrow_mask((20, 20), np.array([[10.0], [10.0]]), np.zeros((2, 1)))[10, 10] == 255


def test_an_axis_without_limits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lacks a limit"):
        draw_plates(tmp_path / "a.png", [image(np.eye(2))], Axis("x"), Y)
