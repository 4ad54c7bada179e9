"""`--like`: the grid of another file, to the bit; what is no such grid is refused before the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from truthkit.faultkit import PRODUCT, assert_same_product, deep_field, mosaic, names, small_reference

pytestmark = pytest.mark.xdist_group("mosaic-cli")

PLANE: dict[str, Any] = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRVAL1": 150.1,
    "CRVAL2": 2.2,
    "CRPIX1": 101.25,
    "CRPIX2": 90.75,
    "CD1_1": -0.8 / 3600,
    "CD1_2": 0.0,
    "CD2_1": 0.0,
    "CD2_2": 0.8 / 3600,
    "RADESYS": "ICRS",
}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


def grid_file(path: Path, shape: tuple[int, int] = (180, 200), **cards: Any) -> Path:
    values = {key: value for key, value in (PLANE | cards).items() if value is not None}
    fits.PrimaryHDU(np.zeros(shape, "f4"), fits.Header(values)).writeto(path)
    return path


def turned(angle_deg: float) -> dict[str, Any]:
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    scale = 0.8 / 3600
    return {"CD1_1": -scale * cos, "CD1_2": scale * sin, "CD2_1": scale * sin, "CD2_2": scale * cos}


def test_the_own_grid_gives_the_same_product(base: Path, tmp_path: Path) -> None:
    field = base / "irac_small_field"
    done = mosaic(
        small_reference(base).parent / field.name, "-o", tmp_path, "--like", small_reference(base) / PRODUCT
    )
    assert done.code == 0, done.stderr
    assert_same_product(tmp_path / PRODUCT, small_reference(base) / PRODUCT)
    ours, theirs = (fits.getheader(path / PRODUCT, "SCI") for path in (tmp_path, small_reference(base)))
    for key in ("NAXIS1", "NAXIS2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD2_2", "UJYPIX"):
        assert ours[key] == theirs[key], key


@pytest.mark.parametrize("angle", [0.0, 30.0, -135.0])
def test_any_plain_grid_is_taken_over(angle: float, base: Path, tmp_path: Path) -> None:
    """Every pixel stands for the same place of the sky, and the brightest star is where it was."""
    like = grid_file(tmp_path / "like.fits", **turned(angle))
    done = mosaic(deep_field(base), "-o", tmp_path / "out", "--like", like)
    assert done.code == 0, done.stderr
    plain = mosaic(deep_field(base), "-o", tmp_path / "plain", "--pixel-scale", "0.8")
    assert plain.code == 0
    with fits.open(tmp_path / "out" / PRODUCT) as hdus:
        assert hdus["SCI"].data.shape == (180, 200)
        wcs, asked = WCS(hdus["SCI"].header), WCS(fits.getheader(like))
        sci = hdus["SCI"].data
        assert (hdus["COV"].data > 0).mean() > 0.95
    corners = np.array([[0, 0], [199, 0], [0, 179], [199, 179]], dtype=float)
    np.testing.assert_allclose(
        wcs.wcs_pix2world(corners, 0), asked.wcs_pix2world(corners, 0), rtol=0, atol=1e-10
    )
    y, x = np.unravel_index(np.nanargmax(sci), sci.shape)
    ra, dec = wcs.wcs_pix2world(x, y, 0)
    with fits.open(tmp_path / "plain" / PRODUCT) as hdus:
        px, py = WCS(hdus["SCI"].header).wcs_world2pix(ra, dec, 0)
        near = hdus["SCI"].data[round(float(py)) - 2 : round(float(py)) + 3, round(float(px)) - 2 :][:, :5]
        assert near.max() == pytest.approx(sci[y, x], rel=0.1)
        # North-up fluxes a pixel are the same surface brightness.
        assert np.nanmedian(sci) == pytest.approx(np.nanmedian(hdus["SCI"].data), abs=2e-3)


@pytest.mark.parametrize(
    ("cards", "code", "said"),
    [
        ({"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN"}, 2, "RA---SIN"),
        ({"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"}, 2, "GLON-TAN"),
        ({"CTYPE1": None, "CTYPE2": None}, 2, "type none, none"),
        ({"CD2_2": 0.9 / 3600}, 2, "not square"),
        ({"CD1_1": 0.8 / 3600}, 2, "mirrored"),
        ({"CD1_1": 0.0, "CD2_2": 0.0}, 2, "singular"),
        ({"RADESYS": "FK5"}, 2, "FK5"),
        ({"CD1_1": -2.4 / 3600, "CD2_2": 2.4 / 3600}, 2, "coarser than the frames"),
        ({"CRVAL2": 60.0}, 4, ""),
    ],
)
def test_other_grids_are_refused(
    cards: dict[str, Any], code: int, said: str, base: Path, tmp_path: Path
) -> None:
    like = grid_file(tmp_path / "like.fits", **cards)
    done = mosaic(deep_field(base), "-o", tmp_path / "out", "--like", like)
    assert done.code == code, done.stderr
    assert said in done.error
    assert code == 4 or not (tmp_path / "out").exists()


def test_what_is_no_grid_at_all(base: Path, tmp_path: Path) -> None:
    (tmp_path / "text.fits").write_text("no FITS file")
    (tmp_path / "empty.fits").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for name, said in (
        ("absent.fits", "no such file"),
        ("folder", "no such file"),
        ("text.fits", "not a FITS file"),
        ("empty.fits", "empty file"),
    ):
        done = mosaic(deep_field(base), "-o", tmp_path / "out", "--like", tmp_path / name)
        assert done.code == 3, name
        assert said in done.error
        assert str(tmp_path / name) in done.error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["--center", "150.1 2.2"], ["--size", "2 2"]])
def test_center_and_size_exclude_a_given_grid(words: list[str], base: Path, tmp_path: Path) -> None:
    like = grid_file(tmp_path / "like.fits")
    done = mosaic(deep_field(base), "-o", tmp_path / "out", "--like", like, *words)
    assert done.code == 2
    assert "leave out --center and --size" in done.error


def test_the_grid_is_never_overwritten_and_its_change_is_seen(base: Path, tmp_path: Path) -> None:
    like = grid_file(tmp_path / "like.fits")
    words = [deep_field(base), "-o", tmp_path / "out", "--like", like]
    assert mosaic(*words).code == 0
    assert mosaic(*words, "--resume").stdout.splitlines()[0] == "IRAC channel 1 mosaic: up to date"
    like.unlink()
    grid_file(like, (100, 100))
    assert mosaic(*words, "--resume").stdout.splitlines()[0] == "IRAC channel 1 mosaic: done"
    with fits.open(tmp_path / "out" / PRODUCT) as hdus:
        assert hdus["SCI"].data.shape == (100, 100)
    own = tmp_path / "out" / PRODUCT
    done = mosaic(deep_field(base), "-o", tmp_path / "out", "--like", own, "--overwrite")
    assert done.code == 2
    assert "the output is the input" in done.error
    assert PRODUCT in names(tmp_path / "out")
