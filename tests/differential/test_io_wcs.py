"""The quick construction of a WCS against astropy's own reading of the same header."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from truthkit.wcsmaker import make_header

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.fitsread import read_cards
from photomitrus_cli.io.wcs import celestial_wcs


def cards_of(header: fits.Header) -> Cards:
    full = header.copy()
    full["NAXIS"], full["NAXIS1"], full["NAXIS2"] = 2, 256, 256
    return Cards(Path("frame.fits"), full.tostring(endcard=False, padding=False))


def assert_same(ours: WCS, theirs: WCS) -> None:
    y, x = (axis.ravel() for axis in np.mgrid[-2:258:20, -2:258:20].astype(float))
    a, b = ours.all_pix2world(x, y, 0), theirs.all_pix2world(x, y, 0)
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-13 * 3600)
    c, d = ours.wcs_world2pix(*a, 0), theirs.wcs_world2pix(*a, 0)
    np.testing.assert_allclose(c, d, rtol=0, atol=1e-8)
    assert ours.wcs.radesys == theirs.wcs.radesys
    assert (ours.sip is None) == (theirs.sip is None)


@pytest.mark.parametrize("distortion", ["", "sip", "tpv"])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("extra", [{}, {"LONPOLE": 175.0}, {"RADESYS": "FK5", "EQUINOX": 2000.0}])
def test_generated_headers(distortion: str, mirrored: bool, extra: dict[str, object]) -> None:
    header = make_header(123.4, -45.6, angle=33.0, mirrored=mirrored, distortion=distortion)
    header.update(extra)
    assert_same(celestial_wcs(cards_of(header)), WCS(header))


@pytest.mark.parametrize("order", [-1, 10])
def test_an_absurd_order_is_refused(order: int) -> None:
    header = make_header(10.0, 20.0, distortion="sip")
    header["A_ORDER"] = order
    with pytest.raises(InputError, match="A_ORDER"):
        celestial_wcs(cards_of(header))


@pytest.mark.real
def test_real_headers_and_that_it_is_quick(real_data: Path) -> None:
    paths = sorted((real_data / "irac-dither").rglob("SPITZER*.fits"))
    paths += sorted((real_data / "irac-bcd").rglob("*_cbcd.fits"))
    paths += sorted((real_data / "wise-l1b").rglob("*-int-1b.fits"))
    assert len(paths) >= 15
    quick = slow = 0.0
    for path in paths:
        cards = read_cards(path)
        start = time.perf_counter()
        ours = celestial_wcs(cards)
        middle = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            theirs = WCS(fits.getheader(path))
        slow += time.perf_counter() - middle
        quick += middle - start
        assert_same(ours, theirs)
    assert quick < slow / 3
