"""Pictures of sky maps: every value where it belongs on the sky, true labels, nothing overlaps."""

from __future__ import annotations

import itertools
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from truthkit.skyplots import PLACES, size_of, view_of

from photomitrus_cli.imaging.healpix import pixel_directions, ring_pixels
from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.report import skycell, skyview
from photomitrus_cli.report.colourbar import bar_labels
from photomitrus_cli.report.colours import Stretch, count_table
from photomitrus_cli.report.sheet import Sheet
from photomitrus_cli.report.skymap import draw_coadd, draw_columns, map_stretch
from photomitrus_cli.report.skyview import View, Window, choose_view

NO_DATA, WHITE = [205] * 3, [255] * 3


def coadd(name: str, seed: int = 5) -> PartialMap:
    nside, pixels = PLACES[name]
    rng = np.random.default_rng(seed)
    columns = {"VALUE": rng.normal(2700.0, 1.0, pixels.size), "HITS": rng.integers(0, 99, pixels.size)}
    columns["VALUE"][pixels.size // 2 :: 3] = np.nan
    return PartialMap(nside, "galactic", pixels, columns, {"VALUE": "DN"})


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
    [
        Stretch(2700.0, 2700.05),
        Stretch(0.0, 4e7),
        Stretch(2700.0, 2710.0, 0.005),
        Stretch(-1.0, 3e4, 1e-3),
        Stretch(-0.04, 5.5, 0.1),
    ],
)
def test_labels_of_the_bar_differ(stretch: Stretch) -> None:
    values, labels, _ = bar_labels(stretch, 8, whole=False)
    assert len(set(labels)) == len(labels) >= 3
    assert values == sorted(values)
    assert not {"-0", "-0.0", "-0.00"} & set(labels)


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
    draw_columns(tmp_path / "sky.png", PartialMap(nside, "ecliptic", pixels, {"X": values}), ["X"], title="")
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


def test_one_column_and_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sheet, "save", keep)
    draw_columns(tmp_path / "a.png", coadd("frames"), ["VALUE"], title="Löwe")
    texts = [text for text, _ in Kept.sheet.texts]
    assert {"Lowe", "value (DN)", "galactic longitude l", "galactic latitude b"} <= set(texts)


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
        from photomitrus_cli.report.skymap import draw_columns
        assert "PIL" not in sys.modules and "numba" not in sys.modules
        path = Path({str(tmp_path)!r})
        write_partial_map(path / "a.fits", PartialMap(1, "galactic", np.arange(12), {{"X": np.arange(12.0)}}))
        draw_columns(path / "a.png", read_partial_map(path / "a.fits"), ["X"], title="")
        heavy = {{"astropy", "scipy.ndimage", "matplotlib", "healpy", "astropy_healpix"}} & set(sys.modules)
        assert not heavy, heavy
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
