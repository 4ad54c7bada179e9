"""First geometries of frames, against astropy's TPV, the other geometry, and the rigid turn of the mosaic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.skywcs import sky_wcs
from photomitrus_cli.imaging.tangent import directions_of, tangent_axes
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.chips import Corners, Template
from photomitrus_cli.prime.corners import corner_geometry
from photomitrus_cli.prime.geometry import header_geometry, template_geometry
from photomitrus_cli.prime.instrument import load_instrument
from photomitrus_cli.prime.tpv import POWERS, sip_from_tpv

INSTRUMENT = load_instrument("prime")
WINDOW = INSTRUMENT.detector.window((4096, 4096))
ARCSEC = np.degrees(1.0) * 3600.0
CORNERS = (np.array([-0.5, 4087.5, -0.5, 4087.5]), np.array([-0.5, -0.5, 4087.5, 4087.5]))


def template_of(chip: int) -> Template:
    found = INSTRUMENT.chips[chip].template
    assert found is not None
    return found


def corners_of(chip: int) -> Corners:
    found = INSTRUMENT.chips[chip].corners
    assert found is not None
    return found


def mesh(side: float = 4087.0, n: int = 12) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.meshgrid(np.linspace(0, side, n), np.linspace(0, side, n))
    return x.ravel(), y.ravel()


def tpv_wcs(template: Template, crval: tuple[float, float]) -> WCS:
    px, py = np.radians(template.pa_x), np.radians(template.pa_y)
    sx, sy = template.scale_x / 3600, template.scale_y / 3600
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = "RA---TPV", "DEC--TPV"
    header["CRVAL1"], header["CRVAL2"] = crval
    header["CRPIX1"], header["CRPIX2"] = template.crpix
    header["CD1_1"], header["CD1_2"] = -sx * np.cos(px), sy * np.sin(py)
    header["CD2_1"], header["CD2_2"] = sx * np.sin(px), sy * np.cos(py)
    for axis, terms in ((1, template.pv1), (2, template.pv2)):
        for term, value in terms.items():
            header[f"PV{axis}_{term}"] = value
    return WCS(header)


def apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances of directions, arcsec."""
    return np.asarray(np.linalg.norm(a - b, axis=0) * ARCSEC)


@pytest.mark.parametrize("chip", [1, 2, 3, 4])
def test_template_is_the_tpv_projection_of_astropy(chip: int) -> None:
    template = template_of(chip)
    # On the axis, where the north of the chip is that of the pointing.
    template = template.model_copy(update={"separation": 0.0})
    geometry = template_geometry(template, (150.0, -35.0), 0.0, WINDOW)
    x, y = mesh()
    sky = tpv_wcs(template, (150.0, -35.0)).all_pix2world(x, y, 0)
    assert apart(geometry.directions(x, y), directions_of(*sky)).max() < 1e-6


def test_every_polynomial_term_of_tpv_becomes_sip() -> None:
    rng = np.random.default_rng(1)
    pv1 = {term: rng.normal(0.0, 0.02) for term in POWERS} | {1: 1.01}
    pv2 = {term: rng.normal(0.0, 0.02) for term in POWERS} | {1: 0.99}
    template = template_of(2).model_copy(update={"separation": 0.0, "pv1": pv1, "pv2": pv2})
    geometry = template_geometry(template, (10.0, 20.0), 0.0, WINDOW)
    x, y = mesh()
    sky = tpv_wcs(template, (10.0, 20.0)).all_pix2world(x, y, 0)
    assert geometry.sip.shape == (2, 8, 8)
    assert apart(geometry.directions(x, y), directions_of(*sky)).max() < 1e-6


def test_no_distortion_gives_no_terms() -> None:
    cd = np.array([[-1e-4, 2e-6], [3e-6, 1e-4]])
    linear, sip = sip_from_tpv(cd, {1: 1.0}, {1: 1.0})
    np.testing.assert_array_equal(linear, cd)
    assert not sip.any()
    with pytest.raises(KeyError):
        sip_from_tpv(cd, {1: 1.0, 3: 0.1}, {1: 1.0})


def test_distortion_is_as_strong_as_published() -> None:
    x, y = mesh(n=40)
    for chip, most, rms in ((1, 9.6, 1.9), (2, 9.1, 1.8), (3, 7.1, 1.4), (4, 7.2, 1.4)):
        geometry = template_geometry(template_of(chip), (150.0, -35.0), 48.0, WINDOW)
        linear = TanSip(geometry.axes, geometry.cd, geometry.crpix, geometry.shape)
        off = apart(geometry.directions(x, y), linear.directions(x, y))
        assert off.max() == pytest.approx(most, abs=0.06)
        assert np.sqrt(np.mean(off**2)) == pytest.approx(rms, abs=0.06)


@pytest.mark.parametrize("dec", [0.0, -70.0, 89.7])
def test_both_geometries_agree_anywhere_on_the_sky(dec: float) -> None:
    differences = []
    for chip in INSTRUMENT.chips:
        template = template_geometry(template_of(chip), (83.0, dec), 48.0, WINDOW)
        corners = corner_geometry(corners_of(chip), (83.0, dec), 48.0, WINDOW)
        assert np.linalg.det(template.cd) > 0 < np.linalg.det(corners.cd)
        # At the corners, where the linear one was measured; it passes its four places within 3.7 arcsec.
        differences.append(apart(template.directions(*CORNERS), corners.directions(*CORNERS)))
    assert np.sqrt(np.mean(np.square(differences))) < 5.5
    assert np.max(differences) < 8.0


def test_chips_lie_where_the_mosaic_has_them() -> None:
    east, north, middle = tangent_axes(83.0, -30.0)
    signs = {1: (-1, 1), 2: (1, 1), 3: (-1, -1), 4: (1, -1)}
    for chip, (right, up) in signs.items():
        direction = template_geometry(template_of(chip), (83.0, -30.0), 48.0, WINDOW).directions(
            2044.0, 2044.0
        )
        assert np.sign([direction @ east, direction @ north]).tolist() == [right, up]
        assert np.degrees(np.arccos(direction @ middle)) == pytest.approx(0.4455, abs=0.005)


@pytest.mark.parametrize("kind", ["template", "corners"])
def test_the_mosaic_turns_as_one(kind: str) -> None:
    pointing, (x, y) = (200.0, -65.0), mesh(n=4)

    def directions(rotation: float) -> NDArray[np.float64]:
        parts = [
            template_geometry(template_of(chip), pointing, rotation, WINDOW)
            if kind == "template"
            else corner_geometry(corners_of(chip), pointing, rotation, WINDOW)
            for chip in (1, 4)
        ]
        return np.concatenate([part.directions(x, y) for part in parts], axis=1)

    axes = tangent_axes(*pointing)
    angle = np.radians(90.0)
    # Position angles grow by the angle: north goes to east.
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    assert apart(axes @ directions(138.0), turn @ axes @ directions(48.0)).max() < 1e-6


@pytest.mark.parametrize("scale", [4, 8])
@pytest.mark.parametrize("kind", ["template", "corners"])
def test_binned_frames_see_the_same_sky(scale: int, kind: str) -> None:
    small = INSTRUMENT.detector.window((4096 // scale, 4096 // scale))
    x, y = mesh(side=small.shape[0] - 1.0)
    native = [(value + 1) * scale + (scale - 1) / 2 - 4 for value in (x, y)]
    pair = [
        template_geometry(template_of(3), (10.0, 5.0), 48.0, window)
        if kind == "template"
        else corner_geometry(corners_of(3), (10.0, 5.0), 48.0, window)
        for window in (WINDOW, small)
    ]
    assert pair[1].shape == small.shape
    assert apart(pair[0].directions(*native), pair[1].directions(x, y)).max() < 1e-6


def header_of(kind: str) -> fits.Header:
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = f"RA---{kind}", f"DEC--{kind}"
    header["CRVAL1"], header["CRVAL2"] = 30.0, 60.0
    header["CRPIX1"], header["CRPIX2"] = 2100.0, -80.0
    header["CD1_1"], header["CD1_2"], header["CD2_1"], header["CD2_2"] = -1.4e-4, 2e-6, 2e-6, 1.4e-4
    return header


@pytest.mark.parametrize("kind", ["TAN", "ZEA"])
def test_wcs_of_headers_is_cropped(kind: str) -> None:
    wcs = WCS(header_of(kind))
    exact = TanSip.at((30.0, 60.0), wcs.wcs.cd, (2099.0, -81.0), (4096, 4096))
    geometry = header_geometry(exact if kind == "TAN" else sky_wcs(wcs, shape=(4096, 4096)), WINDOW)
    x, y = mesh()
    truth = directions_of(*wcs.all_pix2world(x + 4, y + 4, 0))
    assert geometry.shape == (4088, 4088)
    assert apart(geometry.directions(x, y), truth).max() < (1e-6 if kind == "TAN" else 2e-5)


def test_wcs_of_headers_that_is_not_smooth_is_refused() -> None:
    class Kinked:
        shape = (4096, 4096)

        def directions(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
            kink = np.where(np.asarray(x) > 3000, 5e-4, 0.0)
            return directions_of(30.0 + np.asarray(x) * 1.4e-4 + kink, np.asarray(y) * 1.4e-4)

    with pytest.raises(InputError, match=r"a.fits: the WCS of the header deviates by .* px"):
        header_geometry(Kinked(), WINDOW, Path("a.fits"))  # type: ignore[arg-type]
