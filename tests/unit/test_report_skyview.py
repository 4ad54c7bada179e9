"""Views of sky maps: projections of the standard, all of a map in sight, true labels of the grid."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from astropy.wcs import WCS
from truthkit.skyplots import PLACES, directions, view_of

from photomitrus_cli.imaging.healpix import pixel_directions
from photomitrus_cli.report.graticule import Graticule, degrees, make_graticule
from photomitrus_cli.report.skyproject import (
    HALF_HEIGHT,
    HALF_WIDTH,
    Azimuthal,
    Mollweide,
    Strip,
    axes_at,
    coordinates_of,
)
from photomitrus_cli.report.skyview import View


def everywhere(count: int = 4000) -> np.ndarray:
    vectors = np.random.default_rng(2).normal(size=(3, count))
    return np.asarray(vectors / np.sqrt((vectors**2).sum(axis=0)))


KINDS = dict.fromkeys(PLACES, "local") | {
    "half sky": "mollweide", "whole sky": "mollweide", "scan": "strip", "scan without tilt": "strip",
    "scan all round": "strip", "scan along the equator": "strip",
}  # fmt: skip


def wcs(projection: str, longitude: float, latitude: float) -> WCS:
    made = WCS(naxis=2)
    made.wcs.ctype = [f"GLON-{projection}", f"GLAT-{projection}"]
    made.wcs.crval = [longitude, latitude]
    made.wcs.cdelt = [-1.0, 1.0]
    return made


def check_projection(ours: tuple[np.ndarray, np.ndarray], theirs: np.ndarray, within: float) -> None:
    np.testing.assert_allclose(ours[0], np.radians(theirs[:, 0]), atol=within)
    np.testing.assert_allclose(ours[1], np.radians(theirs[:, 1]), atol=within)


@pytest.mark.parametrize(("longitude", "latitude"), [(0.0, 0.0), (123.0, 40.0), (250.0, -85.0), (0.0, 89.9)])
def test_the_azimuthal_projection_is_that_of_the_standard(longitude: float, latitude: float) -> None:
    middle = directions(longitude, latitude)[:, 0]
    sky = everywhere()
    sky = sky[:, middle @ sky > -0.9]
    projection = Azimuthal(axes_at(middle))
    places = wcs("ZEA", longitude, latitude).wcs_world2pix(np.stack(coordinates_of(sky), axis=1), 0) + 1.0
    check_projection(projection.forward(sky), places, 1e-9)
    np.testing.assert_allclose(projection.inverse(*projection.forward(sky)), sky, atol=1e-9)


def test_mollweide_is_that_of_the_standard() -> None:
    sky = everywhere()
    places = wcs("MOL", 0.0, 0.0).wcs_world2pix(np.stack(coordinates_of(sky), axis=1), 0) + 1.0
    check_projection(Mollweide().forward(sky), places, 2e-4)
    np.testing.assert_allclose(Mollweide().inverse(*Mollweide().forward(sky)), sky, atol=2e-3)


def test_what_is_outside_of_the_sky() -> None:
    far = np.array([0.0, HALF_WIDTH * 1.01, 2.0]), np.array([HALF_HEIGHT * 1.01, 0.0, 1.2])
    assert np.isnan(Mollweide().inverse(*far)).all()
    plane = Azimuthal(axes_at(np.array([1.0, 0.0, 0.0])))
    assert np.isnan(plane.inverse(np.array([1.9]), np.array([1.9]))).all()
    assert np.isnan(plane.forward(np.array([[-1.0], [0.0], [0.0]]))[0]).all()
    strip = Strip(axes_at(np.array([1.0, 0.0, 0.0])))
    assert np.isnan(strip.inverse(np.array([3.2, 0.0]), np.array([0.0, 1.6]))).all()


def test_the_strip_keeps_angles_along_its_circle() -> None:
    sky = everywhere()
    axes = axes_at(directions(77.0, 20.0)[:, 0])
    strip = Strip(axes)
    x, y = strip.forward(sky)
    np.testing.assert_allclose(np.sin(y), axes[1] @ sky, atol=1e-12)
    np.testing.assert_allclose(strip.inverse(x, y), sky, atol=1e-12)
    assert strip.forward(axes[0][:, None])[0] == pytest.approx(np.pi / 2)


@pytest.mark.parametrize("middle", [(10.0, 20.0), (0.0, 90.0), (0.0, -90.0), (200.0, 89.999)])
def test_axes_have_north_up_and_east_left(middle: tuple[float, float]) -> None:
    axes = axes_at(directions(*middle)[:, 0])
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)
    # Seen from inside of the sphere: right x up points towards the observer.
    assert np.linalg.det(axes) == pytest.approx(-1.0)
    east = directions(middle[0] + 0.1, middle[1] - np.sign(middle[1]) * 0.1)
    if abs(middle[1]) < 89.0:
        assert (axes[0] @ east)[0] < 0.0
        assert axes[1][2] > 0.0


@pytest.mark.parametrize("name", PLACES)
def test_the_view_suits_the_map_and_shows_all_of_it(name: str) -> None:
    nside, pixels = PLACES[name]
    view = view_of(name)
    assert view.kind == KINDS[name]
    seen = np.zeros(pixels.size, bool)
    for window in view.windows:
        column, row = window.place(pixel_directions(pixels, nside))
        seen |= (np.abs(column - (window.width - 1) / 2) <= window.width / 2) & (
            np.abs(row - (window.height - 1) / 2) <= window.height / 2
        )
        assert window.width * window.height < 1.2e6
    assert seen.all()


@pytest.mark.parametrize("name", PLACES)
def test_positions_and_directions_are_inverse(name: str) -> None:
    for window in view_of(name).windows:
        row, column = np.divmod(np.arange(0, window.width * window.height, 997), window.width)
        sky = window.at(column.astype(float), row.astype(float))
        known = np.isfinite(sky[0])
        assert known.mean() > 0.7
        back = window.place(sky[:, known])
        np.testing.assert_allclose(back[0], column[known], atol=0.05)
        np.testing.assert_allclose(back[1], row[known], atol=0.05)
        np.testing.assert_array_equal(window.directions()[:, row * window.width + column], sky)


def test_any_view_may_be_asked_for() -> None:
    for name, kind in itertools.product(PLACES, ("mollweide", "local", "strip")):
        assert view_of(name, kind).kind == kind
    with pytest.raises(ValueError, match="no view 'gnomonic'"):
        view_of("frames", "gnomonic")


def value_at(label: str) -> float:
    return float(label.rstrip("°"))


def check_labels(view: View, graticule: Graticule, number: int) -> None:
    window = view.windows[number]
    for label in graticule.labels:
        lon, lat = (
            float(value[0])
            for value in coordinates_of(window.at(np.array([label.column]), np.array([label.row])))
        )
        off = [abs((value_at(text) - lon + 180) % 360 - 180) for text in label.text.split(", ")]
        # Where lines of longitude crowd, a pixel is many degrees.
        pixel = np.degrees(1.0 / window.scale)
        slack = 3.0 * pixel, 3.0 * pixel / max(0.01, np.cos(np.radians(lat)))
        if view.kind == "strip":
            middle = window.at(np.array([label.column]), np.array([(window.height - 1) / 2]))
            lon, lat = (float(value[0]) for value in coordinates_of(middle))
            told = [value_at(text) for text in label.text.split(", ")]
            rough = np.degrees(8.0 / window.scale)
            assert abs((told[0] - lon + 180) % 360 - 180) < rough
            assert abs(told[1] - lat) < rough
        elif label.text[0] in "+-" or (label.side == "left" and not graticule.has_pole):
            assert abs(value_at(label.text) - lat) < slack[0]
        else:
            assert off[0] < slack[1]


@pytest.mark.parametrize("name", PLACES)
def test_labels_stand_where_they_say(name: str) -> None:
    view = view_of(name)
    for number, window in enumerate(view.windows):
        graticule = make_graticule(window, view.kind)
        assert len(graticule.labels) >= 2
        if view.kind == "mollweide":
            graticule.labels[:] = [label for label in graticule.labels if label.side == "inside"]
        check_labels(view, graticule, number)


@pytest.mark.parametrize("name", PLACES)
def test_lines_keep_one_round_coordinate(name: str) -> None:
    view = view_of(name)
    for window in view.windows:
        graticule = make_graticule(window, view.kind)
        assert 1 <= len(graticule.lines) <= 80
        for x, y in graticule.lines:
            sky = window.at(x, window.height - 1 - y)
            sky = sky[:, np.isfinite(sky[0])]
            if not sky.size:
                continue
            lon, lat = coordinates_of(sky)
            near = np.abs(lat) < 89.0
            rays = [np.ptp((lon[near] - lon[near][0] + 180) % 360) if near.any() else 0.0, np.ptp(lat)]
            assert min(rays) < 0.02
            kept = int(np.argmin(rays))
            value = (lon, lat)[kept][len(lon) // 2]
            edge = kept == 0 and abs(abs(value) - 180) < 0.01
            assert edge or abs(value / graticule.steps[kept] - round(value / graticule.steps[kept])) < 0.02


@pytest.mark.parametrize(
    ("value", "step", "signed", "text"),
    [
        (-10.0, 30.0, False, "350°"), (360.0, 1.0, False, "0°"), (359.999, 0.01, False, "0.00°"),
        (121.5, 0.5, False, "121.5°"), (-0.0001, 0.1, True, "0.0°"), (-5.25, 0.05, True, "-5.25°"),
        (60.0, 30.0, True, "+60°"),
    ],
)  # fmt: skip
def test_degrees(value: float, step: float, signed: bool, text: str) -> None:
    assert degrees(value, step, signed=signed) == text
