"""Taking over the grid of an existing map, and the maps that cannot be followed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.wcs import WCS

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.gridlike import grid_like

OWN = Grid(359.75, -66.5, 0.6, (300, 410), (205.25, 149.5))


def cards_of(grid: Grid = OWN, **changes: Any) -> dict[str, Any]:
    cards = {key: value for key, value, _ in grid.cards()}
    cards |= {"NAXIS1": grid.shape[1], "NAXIS2": grid.shape[0]} | changes
    return {key: value for key, value in cards.items() if value is not None}


NO_CD: dict[str, Any] = dict.fromkeys(("CD1_1", "CD1_2", "CD2_1", "CD2_2"))


@pytest.mark.parametrize("scale", [0.6, 1.2, 0.4, 1.0 / 3.0, 2.75])
@pytest.mark.parametrize("rotation", [0.0, 33.0, -178.25])
def test_our_own_maps_are_followed_to_the_last_digit(scale: float, rotation: float) -> None:
    grid = Grid(359.75, -66.5, float(f"{scale:.13g}"), (300, 410), (205.25, 149.5), rotation)
    assert grid_like(cards_of(grid)) == grid


@pytest.mark.parametrize("angle", [0.0, 25.0, -100.0])
@pytest.mark.parametrize("spelling", ["PC", "CROTA2"])
def test_other_spellings_mean_what_they_mean_to_astropy(angle: float, spelling: str) -> None:
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turned: dict[str, Any] = {"CDELT1": -3e-4, "CDELT2": 3e-4}
    if spelling == "PC":
        turned |= {"PC1_1": cos, "PC1_2": sin, "PC2_1": -sin, "PC2_2": cos}
    else:
        turned["CROTA2"] = angle
    cards = cards_of(OWN, **NO_CD, **turned)
    grid = grid_like(cards)
    wcs = WCS({key: value for key, value in cards.items() if not key.startswith("NAXIS")})
    x, y = np.random.default_rng(1).uniform(0, 300, (2, 30))
    np.testing.assert_allclose(grid.pixel_to_world(x, y), wcs.wcs_pix2world(x, y, 0), rtol=0, atol=1e-10)
    assert grid.shape == OWN.shape


def test_a_map_without_a_named_system_is_icrs() -> None:
    assert grid_like(cards_of(RADESYS=None)) == OWN


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "SIN": ({"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN"}, "RA---SIN, DEC--SIN cannot be followed"),
    "Galactic": ({"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"}, "GLON-TAN"),
    "SIP": ({"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"}, "TAN-SIP"),
    "SIP cards": ({"A_ORDER": 3}, r"distortion \(A_ORDER\)"),
    "PV cards": ({"PV1_5": 0.1}, r"distortion \(PV1_5\)"),
    "no WCS": ({"CTYPE1": None, "CTYPE2": None}, "of type none, none"),
    "FK5": ({"RADESYS": "FK5", "EQUINOX": 2000.0}, "is FK5, maps are made in ICRS"),
    "an equinox alone": ({"RADESYS": None, "EQUINOX": 2000.0}, "of equinox 2000"),
    "arcsec": ({"CUNIT1": "arcsec"}, "CUNIT1 is 'arcsec'"),
    "mirrored": ({"CD1_1": 0.6 / 3600}, "mirrored"),
    "oblong": ({"CD1_1": -0.60001 / 3600}, "not square"),
    "skewed": ({"CD1_2": 1e-5 / 3600}, "not square"),
    "singular": ({"CD1_1": 0.0, "CD2_2": 0.0}, "singular"),
    "no scale": (NO_CD, "CDELT1 is missing"),
    "no size": ({"NAXIS2": None}, "NAXIS2 is missing"),
    "LONPOLE": ({"LONPOLE": 90.0}, "LONPOLE"),
    "the default at the pole": ({"LONPOLE": None, "CRVAL2": 90.0}, "LONPOLE"),
    "text": ({"CRPIX1": "1"}, "CRPIX1 is '1', not a number"),
    "NaN": ({"CRVAL1": float("nan")}, "CRVAL1 is nan"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_maps_that_cannot_be_followed(case: str) -> None:
    changes, message = REFUSED[case]
    with pytest.raises(ConfigError, match=rf"^old\.fits: .*{message}"):
        grid_like(cards_of(OWN, **changes), "old.fits")
