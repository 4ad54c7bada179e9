"""The simulator's RA---SIN-SIP against astropy's, for any pointing, angle, band and frame size."""

from __future__ import annotations

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from photomitrus_cli.simulate.sphere import spherical, unit_vectors
from photomitrus_cli.simulate.wisefacts import NATIVE_PX, frame_side
from photomitrus_cli.simulate.wisesip import SIP
from photomitrus_cli.simulate.wisewcs import SinWcs, frame_wcs

ANGLES = {"ra": st.floats(0.0, 359.999), "dec": st.floats(-89.99, 89.99), "pa": st.floats(0.0, 360.0)}


def as_astropy(wcs: SinWcs) -> WCS:
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = "RA---SIN-SIP", "DEC--SIN-SIP"
    for axis in (0, 1):
        header[f"CRPIX{axis + 1}"] = wcs.crpix
        header[f"CRVAL{axis + 1}"] = wcs.crval_deg[axis]
        for other in (0, 1):
            header[f"CD{axis + 1}_{other + 1}"] = wcs.cd[axis, other]
    for name, polynomial in (("A", wcs.sip.a), ("B", wcs.sip.b)):
        header[f"{name}_ORDER"] = 4
        for degree, row in enumerate(polynomial):
            for q, value in enumerate(row):
                header[f"{name}_{degree - q}_{q}"] = value
    return WCS(header)


@settings(max_examples=60, deadline=None)
@given(band=st.sampled_from(sorted(SIP)), frame_px=st.sampled_from([32, 64, 1016]), **ANGLES)
def test_pixels_go_where_astropy_puts_them(
    band: int, frame_px: int, ra: float, dec: float, pa: float
) -> None:
    wcs = frame_wcs(band, frame_px, (ra, dec), pa)
    side = frame_side(band, frame_px)
    x, y = (axis.ravel() for axis in np.meshgrid(*[np.linspace(-0.5, side - 0.5, 5)] * 2))
    theirs = unit_vectors(*as_astropy(wcs).all_pix2world(x, y, 0))
    assert np.degrees(np.abs(wcs.pixel_to_vector(x, y) - theirs)).max() * 3600.0 < 1e-6


@settings(max_examples=60, deadline=None)
@given(band=st.sampled_from(sorted(SIP)), frame_px=st.sampled_from([32, 1016]), **ANGLES)
def test_the_inverse_leads_back(band: int, frame_px: int, ra: float, dec: float, pa: float) -> None:
    wcs = frame_wcs(band, frame_px, (ra, dec), pa)
    side = frame_side(band, frame_px)
    x, y = (axis.ravel() for axis in np.meshgrid(*[np.linspace(-10.0, side + 10.0, 6)] * 2))
    back = wcs.sky_to_pixel(*wcs.pixel_to_sky(x, y))
    assert np.abs(np.array(back) - [x, y]).max() < 1e-7


@settings(max_examples=30, deadline=None)
@given(band=st.sampled_from(sorted(SIP)), frame_px=st.sampled_from([32, 64, 254]), **ANGLES)
def test_small_frames_see_the_same_sky(band: int, frame_px: int, ra: float, dec: float, pa: float) -> None:
    small, large = frame_wcs(band, frame_px, (ra, dec), pa), frame_wcs(band, NATIVE_PX, (ra, dec), pa)
    ratio = frame_side(band, NATIVE_PX) / frame_side(band, frame_px)
    x, y = np.linspace(0.0, frame_side(band, frame_px) - 1.0, 7), np.linspace(3.0, 1.0, 7)
    there = large.pixel_to_vector((x + 0.5) * ratio - 0.5, (y + 0.5) * ratio - 0.5)
    assert np.degrees(np.abs(small.pixel_to_vector(x, y) - there)).max() * 3600.0 < 1e-6


@settings(max_examples=30, deadline=None)
@given(lon=st.floats(0.0, 359.999), lat=st.floats(-89.9, 89.9))
def test_vectors_and_angles_agree(lon: float, lat: float) -> None:
    back = spherical(unit_vectors(lon, lat))
    assert np.allclose(back, (lon, lat), atol=1e-9) or np.allclose(back, (lon - 360.0, lat), atol=1e-9)
