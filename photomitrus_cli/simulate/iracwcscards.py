"""The WCS in headers of simulated IRAC frames, and the fields of view."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from photomitrus_cli.simulate.cardtext import Rows, card, cards_of, title
from photomitrus_cli.simulate.iracconfig import IracSimulation
from photomitrus_cli.simulate.iracplan import FramePlan
from photomitrus_cli.simulate.sipdata import Polynomial, SipTable
from photomitrus_cli.simulate.siplocal import array_geometry
from photomitrus_cli.simulate.sipprojection import tan_project

_FOV = {
    1: (67, "IRAC_Center_of_3.6&5.8umArray", "IRAC_Center_of_3.6umArray"),
    2: (74, "IRAC_Center_of_4.5&8.0umArray", "IRAC_Center_of_4.5umArray"),
    3: (67, "IRAC_Center_of_3.6&5.8umArray", "IRAC_Center_of_5.8umArray"),
    4: (74, "IRAC_Center_of_4.5&8.0umArray", "IRAC_Center_of_8.0umArray"),
}
# FOVID and FOVNAME as in SPITZER_I2_46466816; the other channels by analogy.
_SUBARRAY_FOV = {
    1: (70, "IRAC_Center_of_3.6umSub-Array"),
    2: (77, "IRAC_Center_of_4.5umSub-Array"),
    3: (72, "IRAC_Center_of_5.8umSub-Array"),
    4: (78, "IRAC_Center_of_8.0umSub-Array"),
}


def _sexagesimal(degrees: float, *, hours: bool) -> str:
    step = 10.0 if hours else 1.0
    units = abs(degrees) / (15.0 if hours else 1.0)
    total = round(units * 3600.0 * step)
    seconds, first = (total % round(60 * step)) / step, total // round(60 * step)
    if hours:
        return f"{first // 60 % 24:02d}h{first % 60:02d}m{seconds:04.1f}s"
    return f"{'-' if degrees < 0 else '+'}{first // 60:02d}d{first % 60:02d}m{seconds:02.0f}s"


def fov_of(config: IracSimulation) -> tuple[int, str, str]:
    """Give number, name and reconstructed name of the field of view."""
    if config.readmode == "full":
        return _FOV[config.channel]
    number, name = _SUBARRAY_FOV[config.channel]
    return number, name, name


def wcs_cards(config: IracSimulation, plan: FramePlan) -> list[str]:
    """Give the mapping of a frame, without its distortion, and where the fields of view point.

    Parameters
    ----------
    config : IracSimulation
    plan : FramePlan

    Returns
    -------
    list of str
        Of 80 characters each.
    """
    scale, _ = array_geometry(config.mission, config.sip, config.channel, config.readmode)
    crpix = plan.header_wcs.crpix
    ra, dec = plan.header_wcs.crval_deg
    cd = plan.header_wcs.cd
    xi, eta = tan_project(*plan.requested_deg, ra, dec)
    offset = np.linalg.solve(cd, np.array([xi, eta]))
    rows: Rows = [
        ("OBJECT", "Simulated field", "target"),
        ("OBJTYPE", "TargetFixedSingle", "kind of target"),
        ("CRPIX1", crpix[0], "reference pixel, axis 1"),
        ("CRPIX2", crpix[1], "reference pixel, axis 2"),
        ("CRVAL1", ra, "[deg] right ascension there"),
        ("CRVAL2", dec, "[deg] declination there"),
        ("CRDER1", 4.5e-05, "[deg] uncertainty of CRVAL1"),
        ("CRDER2", 4.5e-05, "[deg] uncertainty of CRVAL2"),
        ("RA_HMS", _sexagesimal(ra, hours=True), "CRVAL1"),
        ("DEC_DMS", _sexagesimal(dec, hours=False), "CRVAL2"),
        ("RADESYS", "ICRS", "reference system"),
        ("EQUINOX", 2000.0, "equinox"),
        *((f"CD{i + 1}_{j + 1}", float(cd[i, j]), "[deg/pix]") for i in (0, 1) for j in (0, 1)),
        ("CTYPE1", "RA---TAN-SIP", "gnomonic with distortion"),
        ("CTYPE2", "DEC--TAN-SIP", "gnomonic with distortion"),
        ("PXSCAL1", scale.x_arcsec, "[arcsec/pix] axis 1"),
        ("PXSCAL2", scale.y_arcsec, "[arcsec/pix] axis 2"),
        ("PA", plan.roll_deg, "[deg] position angle of axis 2, E of N"),
        ("RA_RQST", plan.requested_deg[0], "[deg] requested"),
        ("DEC_RQST", plan.requested_deg[1], "[deg] requested"),
        ("PM_RA", 0.0, "[arcsec/yr] proper motion"),
        ("PM_DEC", 0.0, "[arcsec/yr] proper motion"),
        ("PTGDIFF", float(np.hypot(xi, eta)) * 3600.0, "[arcsec] requested to reconstructed"),
        ("PTGDIFFX", float(offset[0]), "[pixels] along axis 1"),
        ("PTGDIFFY", float(offset[1]), "[pixels] along axis 2"),
        ("RA_REF", config.center_ra_deg, "[deg] commanded reference position"),
        ("DEC_REF", config.center_dec_deg, "[deg] commanded reference position"),
        ("USEDBPHF", True, "pointing history used"),
        ("RECONFOV", fov_of(config)[2], "reconstructed field of view"),
    ]
    return [title("TARGET AND POINTING INFORMATION"), *cards_of(rows)]


def _polynomial_cards(name: str, polynomial: Polynomial, lowest: int) -> list[str]:
    order = lowest + len(polynomial) - 1
    terms = [(p, q) for p in range(order + 1) for q in range(order + 1 - p) if p + q >= lowest]
    values = {(p, q): polynomial[p + q - lowest][q] for p, q in terms}
    return [
        card(f"{name}_ORDER", order, "polynomial order"),
        *(
            card(f"{name}_{p}_{q}", value, "distortion coefficient")
            for (p, q), value in values.items()
            if value
        ),
    ]


@lru_cache(maxsize=8)
def distortion_cards(sip: SipTable) -> tuple[str, ...]:
    """Give the distortion of an array.

    Parameters
    ----------
    sip : SipTable

    Returns
    -------
    tuple of str
        Of 80 characters each.
    """
    cards = [title("DISTORTION KEYWORDS")]
    for name, polynomial, lowest in (("A", sip.a, 2), ("B", sip.b, 2), ("AP", sip.ap, 1), ("BP", sip.bp, 1)):
        cards += _polynomial_cards(name, polynomial, lowest)
    return tuple(cards)
