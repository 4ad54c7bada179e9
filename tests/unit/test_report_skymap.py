"""Pictures of sky maps: every value where it belongs on the sky, true labels, nothing overlaps."""

from __future__ import annotations

import itertools
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from astropy.wcs import WCS
from PIL import Image

from photomitrus_cli.imaging.healpix import pixel_directions, ring_pixels
from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.report import skycell, skyview
from photomitrus_cli.report.colours import Stretch, count_table
from photomitrus_cli.report.graticule import Graticule, degrees, make_graticule
from photomitrus_cli.report.mollweide import HALF_HEIGHT, HALF_WIDTH, Mollweide
from photomitrus_cli.report.sheet import Sheet
from photomitrus_cli.report.skycell import bar_labels
from photomitrus_cli.report.skymap import draw_coadd, draw_sky_map, map_stretch
from photomitrus_cli.report.skyproject import Azimuthal, Strip, axes_at, coordinates_of, directions_of
from photomitrus_cli.report.skyview import View, Window, choose_view

NO_DATA, WHITE = [205] * 3, [255] * 3


def directions(longitude: float | np.ndarray, latitude: float | np.ndarray) -> np.ndarray:
    lon, lat = np.broadcast_arrays(np.atleast_1d(longitude), np.atleast_1d(latitude))
    return directions_of(np.radians(lon), np.radians(lat))


def everywhere(count: int = 4000) -> np.ndarray:
    vectors = np.random.default_rng(2).normal(size=(3, count))
    return np.asarray(vectors / np.sqrt((vectors**2).sum(axis=0)))


def disc(nside: int, longitude: float, latitude: float, radius: float) -> np.ndarray:
    centres = pixel_directions(np.arange(12 * nside**2), nside)
    near = directions(longitude, latitude)[:, 0] @ centres > np.cos(np.radians(radius))
    return np.flatnonzero(near)


def scan(nside: int, longitude: float, length: float, tilt: float = 57.0) -> np.ndarray:
    """Pixels of a strip 0.8 degrees wide along a meridian of a system that is tilted."""
    along, across = np.meshgrid(np.arange(-length / 2, length / 2, 0.02), np.arange(-0.4, 0.4, 0.02))
    flat = directions(across.ravel(), along.ravel())
    angle, turn = np.radians(tilt), np.radians(longitude)
    tilted = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    turned = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    return np.unique(ring_pixels(turned @ tilted @ flat, nside))


PLACES = {
    "scan": (64, scan(64, 40.0, 179.0)),
    "scan without tilt": (64, scan(64, 200.0, 150.0, tilt=0.0)),
    "scan all round": (64, scan(64, 10.0, 359.9)),
    "scan along the equator": (64, scan(64, 170.0, 60.0, tilt=90.0)),
    "frames": (256, np.union1d(disc(256, 120.0, 5.0, 0.5), disc(256, 120.3, 5.8, 0.5))),
    "half turn": (128, disc(128, 180.0, 10.0, 3.0)),
    "zero": (128, disc(128, 0.1, -40.0, 5.0)),
    "north": (128, disc(128, 77.0, 89.0, 4.0)),
    "south": (64, disc(64, 10.0, -80.0, 15.0)),
    "near a pole": (128, disc(128, 300.0, 86.0, 3.0)),
    "one pixel": (64, np.array([30000])),
    "pixel at the pole": (64, np.array([0])),
    "half sky": (16, disc(16, 20.0, 10.0, 90.0)),
    "whole sky": (16, np.arange(12 * 16**2)),
}
KINDS = dict.fromkeys(PLACES, "local") | {
    "half sky": "mollweide", "whole sky": "mollweide", "scan": "strip", "scan without tilt": "strip",
    "scan all round": "strip", "scan along the equator": "strip",
}  # fmt: skip


def size_of(nside: int) -> float:
    return float(np.sqrt(np.pi / 3.0) / nside)


def view_of(name: str, view: str = "auto") -> View:
    nside, pixels = PLACES[name]
    return choose_view(pixel_directions(pixels, nside), size_of(nside), view)


def coadd(name: str, seed: int = 5) -> PartialMap:
    nside, pixels = PLACES[name]
    rng = np.random.default_rng(seed)
    columns = {"VALUE": rng.normal(2700.0, 1.0, pixels.size), "HITS": rng.integers(0, 99, pixels.size)}
    columns["VALUE"][pixels.size // 2 :: 3] = np.nan
    return PartialMap(nside, "galactic", pixels, columns, {"VALUE": "DN"})


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


def test_the_stretch_follows_the_bulk_and_bends_for_what_is_bright() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(800.0, 2.0, 5000)
    plain = map_stretch(values)
    assert plain.softening == 0.0
    assert (plain.low, plain.high) == pytest.approx((800 - 5.2, 800 + 5.2), abs=0.5)
    values[:100] = 5000.0
    bright = map_stretch(np.append(values, [np.nan, 1e9]))
    assert bright.high == pytest.approx(5000.0)
    assert 0.0 < bright.softening < 0.01
    hits = map_stretch(np.array([3, 9, 10, 11, 12]))
    assert hits.low == 0.0
    assert hits.high == pytest.approx(12.0, abs=0.1)


@pytest.mark.parametrize(
    "values",
    [
        np.full(4, np.nan),
        np.array([5.0]),
        np.array([2700.0, 2700.0]),
        np.zeros(3),
        np.array([0, 0]),
        np.array([7]),
    ],
)
def test_dull_maps_have_a_stretch(values: np.ndarray) -> None:
    stretch = map_stretch(values)
    assert stretch.low < stretch.high
    shown, labels, _ = bar_labels(stretch, 6, whole=values.dtype.kind == "i")
    assert len(labels) == len(set(labels)) == len(shown) >= 2


@pytest.mark.parametrize(
    "stretch",
    [Stretch(2700.0, 2700.05), Stretch(0.0, 4e7), Stretch(2700.0, 2710.0, 0.005), Stretch(-1.0, 3e4, 1e-3)],
)
def test_labels_of_the_bar_differ(stretch: Stretch) -> None:
    values, labels, _ = bar_labels(stretch, 8, whole=False)
    assert len(set(labels)) == len(labels) >= 3
    assert values == sorted(values)


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened)


def shown(path: Path, view: View, place: int = 0) -> list[np.ndarray]:
    """Cut the windows of one map out of a picture."""
    pixels = picture(path)
    inside = sum(window.height for window in view.windows) + 30 * (len(view.windows) - 1)
    step = (84 + view.windows[0].width + 150, 24 + max(inside, 160) + 62)
    left, top = (place * step[0], 0) if view.kind == "local" else (0, place * step[1])
    left, top, found = left + 84, top + 36 + 24, []
    for window in view.windows:
        found.append(pixels[top : top + window.height, left : left + window.width])
        top += window.height + 30
    return found


def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave lines and labels out."""
    monkeypatch.setattr(skycell, "_LINE_STRENGTH", 0.0)
    monkeypatch.setattr(skycell, "_write_label", lambda *_, **__: None)


@pytest.mark.parametrize("name", PLACES)
def test_every_pixel_has_the_colour_of_its_place_on_the_sky(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bare(monkeypatch)
    for size in ("_LOCAL_SIDE", "_MOLLWEIDE_WIDTH", "_STRIP_WIDTH"):
        monkeypatch.setattr(skyview, size, 360)
    sky, view = coadd(name), view_of(name)
    path = tmp_path / "sky.png"
    draw_coadd(path, sky, "a title")
    for place, column in enumerate(sky.columns):
        images = shown(path, view, place)
        for window, image in zip(view.windows, images, strict=True):
            check_colours(window, image.reshape(-1, 3), sky, column)


def check_colours(window: Window, found: np.ndarray, sky: PartialMap, column: str) -> None:
    values, at = sky.columns[column], window.directions()
    known = np.isfinite(at[0])
    assert (found[~known] == WHITE).all()
    full = np.full(12 * sky.nside**2, np.nan)
    full[sky.pixels] = values
    wanted = full[ring_pixels(at[:, known], sky.nside)]
    shares = map_stretch(values)(np.nan_to_num(wanted).astype(np.float32))
    colours = count_table()[(shares * 255).astype(np.uint8)]
    colours[np.isnan(wanted)] = NO_DATA
    np.testing.assert_array_equal(found[known], colours)


def test_fine_maps_are_averaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare(monkeypatch)
    nside = 512
    pixels = np.arange(12 * nside**2)
    values = np.random.default_rng(8).normal(0.0, 1.0, pixels.size)
    values[::9] = np.nan
    draw_sky_map(tmp_path / "sky.png", PartialMap(nside, "ecliptic", pixels, {"X": values}), "X", title="")
    view = choose_view(pixel_directions(pixels[::50], nside), size_of(nside))
    (image,) = shown(tmp_path / "sky.png", view)
    middle = image[100:400, 300:700].astype(float)
    # About five and a half map pixels fall into one of the picture: noise goes down, nothing is missing.
    stretch = map_stretch(values)
    some = values[np.isfinite(values)][:5000].astype(np.float32)
    single = count_table()[(stretch(some) * 255).astype(np.uint8)]
    ratio = middle[..., 0].std() / single[:, 0].astype(float).std()
    assert 0.3 < ratio < 0.6
    assert not (middle == 205).all(axis=2).any()


class Kept:
    """Keeps the sheet that a picture was drawn on."""

    sheet: Sheet


def keep(sheet: Sheet, _: Path) -> None:
    Kept.sheet = sheet


def overlap(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return min(first[2], second[2]) > max(first[0], second[0]) and min(first[3], second[3]) > max(
        first[1], second[1]
    )


@pytest.mark.parametrize(
    ("name", "system"),
    list(zip(PLACES, itertools.cycle(["equatorial", "ecliptic", "galactic"]), strict=False)),
)
def test_texts_neither_overlap_nor_leave_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, system: str
) -> None:
    monkeypatch.setattr(Sheet, "save", keep)
    sky = coadd(name)
    sky = PartialMap(sky.nside, system, sky.pixels, sky.columns, sky.units)
    draw_coadd(tmp_path / "sky.png", sky, "scan 00712a, band 3 " * 2)
    texts = Kept.sheet.texts
    assert len(texts) > 10
    width, height = Kept.sheet.picture.size
    for text, box in texts:
        assert min(box) >= 0, text
        assert box[2] <= width, text
        assert box[3] <= height, text
    for (one, first), (two, second) in itertools.combinations(texts, 2):
        assert not overlap(first, second), (one, two)


def test_one_column_with_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sheet, "save", keep)
    draw_sky_map(tmp_path / "a.png", coadd("frames"), "VALUE", title="Löwe", unit="MJy sr-1")
    texts = [text for text, _ in Kept.sheet.texts]
    assert {"Lowe", "MJy sr-1", "galactic longitude l", "galactic latitude b"} <= set(texts)
    draw_sky_map(tmp_path / "a.png", coadd("frames"), "VALUE", title="", view="mollweide")
    texts = [text for text, _ in Kept.sheet.texts]
    assert "value (DN)" in texts
    with pytest.raises(ValueError, match="no view"):
        draw_sky_map(tmp_path / "a.png", coadd("frames"), "VALUE", title="", view="flat")


def test_a_map_without_any_value(tmp_path: Path) -> None:
    sky = coadd("frames")
    empty = {"VALUE": np.full(sky.pixels.size, np.nan), "HITS": np.zeros(sky.pixels.size, np.int32)}
    draw_coadd(tmp_path / "sky.png", PartialMap(sky.nside, "galactic", sky.pixels, empty), "nothing")
    (image,) = shown(tmp_path / "sky.png", view_of("frames"))
    assert ((image == image[..., :1]).all(axis=2)).all()


def test_the_same_map_gives_the_same_bytes_whatever_the_suffix(tmp_path: Path) -> None:
    for name in ("a.png", "b.part"):
        draw_coadd(tmp_path / name, coadd("frames"), "title")
    content = (tmp_path / "a.png").read_bytes()
    assert content == (tmp_path / "b.part").read_bytes()
    assert content.startswith(b"\x89PNG")
    with pytest.raises(FileNotFoundError):
        draw_coadd(tmp_path / "no" / "a.png", coadd("frames"), "title")


def test_no_heavy_library_is_imported(tmp_path: Path) -> None:
    code = f"""
        import sys
        from pathlib import Path
        import numpy as np
        from photomitrus_cli.io.healpixfile import PartialMap, read_partial_map, write_partial_map
        from photomitrus_cli.report.skymap import draw_sky_map
        assert "PIL" not in sys.modules and "numba" not in sys.modules
        path = Path({str(tmp_path)!r})
        write_partial_map(path / "a.fits", PartialMap(1, "galactic", np.arange(12), {{"X": np.arange(12.0)}}))
        draw_sky_map(path / "a.png", read_partial_map(path / "a.fits"), "X", title="")
        heavy = {{"astropy", "scipy.ndimage", "matplotlib", "healpy", "astropy_healpix"}} & set(sys.modules)
        assert not heavy, heavy
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
