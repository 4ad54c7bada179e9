"""The simulator's WCS against astropy's, for any pointing and roll."""

from __future__ import annotations

import numpy as np
from astropy.wcs import WCS, Sip
from hypothesis import given, settings
from hypothesis import strategies as st

from photomitrus_cli.simulate.iracfacts import SCALES, Mission
from photomitrus_cli.simulate.sipdata import SIP_TABLES, Polynomial
from photomitrus_cli.simulate.sipprojection import cd_matrix
from photomitrus_cli.simulate.sipwcs import SipWcs

KEYS: list[tuple[Mission, int]] = sorted(SCALES)


def matrix(polynomial: Polynomial, order: int) -> np.ndarray:
    out = np.zeros((order + 1, order + 1))
    for degree, row in enumerate(polynomial, start=2):
        for q, value in enumerate(row):
            out[degree - q, q] = value
    return out


@settings(max_examples=60, deadline=None)
@given(
    key=st.sampled_from(KEYS),
    ra=st.floats(0.0, 359.999),
    dec=st.floats(-89.0, 89.0),
    roll=st.floats(-180.0, 180.0),
    x=st.floats(-5.0, 260.0),
    y=st.floats(-5.0, 260.0),
)
def test_both_ways_agree_with_astropy(
    key: tuple[Mission, int], ra: float, dec: float, roll: float, x: float, y: float
) -> None:
    scale, sip = SCALES[key], SIP_TABLES[key]
    ours = SipWcs(
        (ra, dec), (128.0, 128.0), cd_matrix(scale.x_arcsec, scale.y_arcsec, roll, scale.skew_deg), sip
    )
    theirs = WCS(naxis=2)
    theirs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    theirs.wcs.crval, theirs.wcs.crpix, theirs.wcs.cd = [ra, dec], [128.0, 128.0], ours.cd
    a, b = matrix(sip.a, sip.order), matrix(sip.b, sip.order)
    theirs.sip = Sip(a, b, None, None, [128.0, 128.0])
    sky = theirs.all_pix2world(x, y, 0)
    back = ours.sky_to_pixel(np.atleast_1d(sky[0]), np.atleast_1d(sky[1]))
    assert np.hypot(back[0][0] - x, back[1][0] - y) < 1e-6
    our_ra, our_dec = ours.pixel_to_sky(x, y)
    again = theirs.all_world2pix(float(our_ra), float(our_dec), 0, tolerance=1e-9)
    assert np.hypot(again[0] - x, again[1] - y) < 1e-6
