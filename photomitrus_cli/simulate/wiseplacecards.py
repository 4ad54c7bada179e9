"""Places in headers of simulated WISE frames: the WCS, Sun, Moon, planets and spacecraft."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from photomitrus_cli.simulate import wisefacts as facts
from photomitrus_cli.simulate.cardtext import Rows, Value, card, cards_of
from photomitrus_cli.simulate.earthorbit import earth_position
from photomitrus_cli.simulate.sipdata import Polynomial
from photomitrus_cli.simulate.sphere import spherical, unit_vectors
from photomitrus_cli.simulate.wisebodies import (
    PLANETS,
    equatorial_axes,
    galactic_axes,
    planet_direction,
    separation_deg,
    sun_ecliptic,
)
from photomitrus_cli.simulate.wisescanframes import FramePlan
from photomitrus_cli.simulate.wisewcs import SinWcs

_ALTITUDE_AU = 4.6e-5  # of the spacecraft over the centre of the Earth
_PLANET_KEYS = {"Mars": "MARS", "Jupiter": "JUP", "Saturn": "SAT"}


def wcs_cards(plan: FramePlan, band: int, wcs: SinWcs) -> list[str]:
    """Give the mapping of a frame, without its distortion.

    Parameters
    ----------
    plan : FramePlan
    band : int
    wcs : SinWcs

    Returns
    -------
    list of str
        Of 80 characters each.
    """
    pa = (plan.pa_deg + facts.BANDS[band].turn_deg) % 360.0
    sx, sy = (sign * float(np.hypot(*wcs.cd[:, axis])) for axis, sign in ((0, -1.0), (1, 1.0)))
    rows: Rows = [
        ("CRPIX1", wcs.crpix, "Reference X pixel"),
        ("CRPIX2", wcs.crpix, "Reference Y pixel"),
        ("CRVAL1", wcs.crval_deg[0], "[deg] Image center RA"),
        ("CRVAL2", wcs.crval_deg[1], "[deg] Image center Dec"),
        ("CTYPE1", "RA---SIN-SIP", "Sin projection with SIP coefficients"),
        ("CTYPE2", "DEC--SIN-SIP", "Sin projection with SIP coefficients"),
        *(
            (f"CD{i + 1}_{j + 1}", float(wcs.cd[i, j]), "WCS rotation matrix element")
            for i in (0, 1)
            for j in (0, 1)
        ),
        ("WCROTA2", 360.0 - pa, "[deg] CCW rotation of RA at CRPIX1,2"),
        ("PA", pa, "[deg] Rotation of +Y EofN at CRPIX1,2"),
        ("WCDELT1", sx, "[deg/pix] X-axis scale"),
        ("WCDELT2", sy, "[deg/pix] Y-axis scale"),
        ("PXSCAL1", sx * 3600.0, "[arcsec/pixel] X-axis scale"),
        ("PXSCAL2", sy * 3600.0, "[arcsec/pixel] Y-axis scale"),
        ("CRDER1", 3.65e-06, "[deg] Apriori RA error"),
        ("CRDER2", 3.66e-06, "[deg] Apriori Dec error"),
        ("UNCRTPA", 0.000666, "[deg] Apriori PA error"),
        ("CSDRADEC", 1.73e-07, "Apriori RA/Dec cross-correlation"),
        ("UNCRTS1", 2.3e-07, "[deg/pix] Apriori X-axis scale error"),
        ("UNCRTS2", 2.3e-07, "[deg/pix] Apriori Y-axis scale error"),
    ]
    return cards_of(rows)


def _vector(name: str, values: Iterable[float], text: str) -> Rows:
    return [
        (f"{name}{axis}", float(value), text.format(axis)) for axis, value in zip("XYZ", values, strict=True)
    ]


def _planet(plan: FramePlan, name: str) -> tuple[str, Value, str]:
    place = equatorial_axes() @ planet_direction(name, plan.mjd)
    distance = float(separation_deg(unit_vectors(plan.ra_deg, plan.dec_deg), place))
    return f"{_PLANET_KEYS[name]}SEP", distance, f"[deg] L0 FOV center to {name} angular sep"


def place_cards(plan: FramePlan) -> list[str]:
    """Give where a frame looks in other systems, and where Sun, Moon, planets and spacecraft are.

    Parameters
    ----------
    plan : FramePlan

    Returns
    -------
    list of str
        Of 80 characters each.
    """
    here = unit_vectors(plan.ra_deg, plan.dec_deg)
    glon, glat = (float(value) for value in spherical(galactic_axes() @ here))
    axes, mjd = equatorial_axes(), plan.mjd
    observer = axes @ earth_position(mjd)
    speed = axes @ (earth_position(mjd + 0.01) - earth_position(mjd - 0.01)) / 0.02
    sun = axes @ unit_vectors(sun_ecliptic(mjd)[0], 0.0)
    rows: Rows = [
        ("RA0", plan.ra_deg, "Level-0 ADCS frame center RA"),
        ("DEC0", plan.dec_deg, "Level-0 ADCS frame center Dec"),
        ("PA0", plan.pa_deg, "Level-0 ADCS frame rot. of +Y EofN"),
        ("ELON0", plan.lon_deg, "Level-0 ADCS frame center ecliptic lon"),
        ("ELAT0", plan.lat_deg, "Level-0 ADCS frame center ecliptic lat"),
        ("GLON0", glon, "Level-0 ADCS frame center galactic lon"),
        ("GLAT0", glat, "Level-0 ADCS frame center galactic lat"),
        ("SCRATEX", 0.004, "[arcmin/sec] Rot. rate about S/C CF X"),
        ("SCRATEZ", -0.04, "[arcmin/sec] Rot. rate about S/C CF Z"),
        *_vector("SUN2SC", observer, "[AU] Sun-to-S/C vector {} component, J2000"),
        *_vector("SCVEL", speed, "[AU/day] SUN-to-S/C velocity vector {} component"),
        *_vector("ERTH2SC", _ALTITUDE_AU * here, "[AU] Earth-to-S/C vector {} component"),
        ("SUNSEP", float(separation_deg(here, sun)), "[deg] L0 FOV center to Sun angular sep"),
        ("MOONSEP", plan.moon_sep, "[deg] L0 FOV center to Moon angular sep"),
        *(_planet(plan, name) for name in PLANETS),
        ("GCD2SAA", plan.saa_sep, "[deg] Great circle angle to SAA boundary"),
    ]
    return cards_of(rows)


def _polynomial(name: str, polynomial: Polynomial, maximum: float | None) -> list[str]:
    rows: Rows = [
        (f"{name}_{degree - q}_{q}", value, "distortion coefficient")
        for degree, row in enumerate(polynomial)
        for q, value in enumerate(row)
    ]
    if maximum is not None:
        rows.append((f"{name}_DMAX", maximum, "[pixel] maximum correction"))
    rows.append((f"{name}_ORDER", facts.ORDER, "polynomial order"))
    return cards_of(rows)


@lru_cache(maxsize=8)
def distortion_cards(band: int, ratio: float) -> tuple[str, ...]:
    """Give the distortion of an array.

    Parameters
    ----------
    band : int
    ratio : float
        Side of a pixel over that of the full array.

    Returns
    -------
    tuple of str
        Of 80 characters each.
    """
    sip, dmax = facts.distortion(band, ratio), facts.BANDS[band].dmax
    cards: list[str] = []
    for name, polynomial, maximum in (
        ("A", sip.a, dmax[0] / ratio),
        ("AP", sip.ap, None),
        ("B", sip.b, dmax[1] / ratio),
        ("BP", sip.bp, None),
    ):
        cards += _polynomial(name, polynomial, maximum)
    return (*cards, card("SKEW", 0.0, "[deg] Y-axis shear"))
