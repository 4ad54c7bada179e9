"""Real near-infrared frames of other cameras, planned and placed by their descriptions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from photomitrus_cli.prime.geometry import initial_geometry
from photomitrus_cli.prime.instrument import load_instrument
from photomitrus_cli.prime.plan import plan_chip

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]


def test_nirc2_dithers(real_data: Path) -> None:
    nirc2 = load_instrument("nirc2")
    plan = plan_chip(real_data / "nir" / "nirc2-ks-cosmos01", 1, nirc2)
    assert (plan.band, len(plan.frames), plan.label) == ("Ks", 9, "Ks-clear.0031-0039.C1")
    assert {frame.exptime for frame in plan.frames} == {80.0}
    assert plan.mjd == pytest.approx(55664.24, abs=0.01)
    places = []
    for frame in plan.frames:
        geometry = initial_geometry(frame, nirc2)
        assert geometry.shape == (1024, 1024)
        # North up, east left, but for a quarter of a degree.
        np.testing.assert_allclose(geometry.header_cd * 3600, np.diag([-0.039686, 0.039686]), atol=2e-4)
        places.append(geometry.crval)
    # Dithers within the field of 40 arcsec.
    assert np.all(np.ptp(places, axis=0) * 3600 > 2.0)
    assert np.all(np.ptp(places, axis=0) * 3600 < 40.0)


def test_wircam_frame_keeps_the_wcs_of_its_header(real_data: Path) -> None:
    wircam = load_instrument("wircam")
    folder = real_data / "nir" / "wircam-h2-lhs3473"
    plan = plan_chip(folder, 4, wircam, least=1)
    assert (plan.band, plan.label) == ("H2", "H2.1838749-1838749.C4")
    geometry = initial_geometry(plan.frames[0], wircam)
    assert geometry.shape == (2040, 2040)
    header = fits.getheader(plan.frames[0].path, 1)
    keys = [f"{key}{axis}" for key in ("CTYPE", "CRVAL", "CRPIX") for axis in (1, 2)]
    keys += [f"CD{i}_{j}" for i in (1, 2) for j in (1, 2)]
    wcs = WCS(fits.Header({**{key: header[key] for key in keys}, "RADESYS": "FK5", "EQUINOX": 2000.0}))
    x, y = np.meshgrid([0.0, 700.0, 2039.0], [0.0, 1500.0, 2039.0])
    truth = wcs.pixel_to_world(x + 4, y + 4).icrs
    off = np.degrees(np.linalg.norm(geometry.directions(x, y) - truth.cartesian.xyz.value, axis=0)) * 3600
    assert off.max() < 1e-4
