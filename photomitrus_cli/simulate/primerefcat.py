"""The reference catalogue of a simulated PRIME field, as imperfect as real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primestars import colours, field_stars, magnitudes, scatter, year
from photomitrus_cli.simulate.streams import Purpose, stream

if TYPE_CHECKING:
    from astropy.table import Table

Floats = NDArray[np.float64]

_MAG_FLOOR = 0.015
_PM_ERROR_MAS = 0.3


def _mag_errors(mags: Floats) -> Floats:
    """Grow from the floor to a tenth at 17."""
    return np.asarray(np.hypot(_MAG_FLOOR, 0.1 * 10.0 ** (0.3 * (mags - 17.0))))


def reference_columns(config: PrimeSimulation) -> dict[str, Floats]:
    """Draw the catalogue.

    Parameters
    ----------
    config : PrimeSimulation

    Returns
    -------
    dict of str to ndarray
        Columns as `reference_table` has them.
    """
    rng = stream(config.seed, Purpose.PRIME_REFERENCE)
    stars = field_stars(config)
    shown = (stars.mags[2] < config.refcat_mag) & (rng.uniform(size=stars.id.size) >= config.refcat_missing)
    mags, years = stars.mags[:, shown], config.refcat_epoch - year(config.start_mjd)
    ra, dec = stars.ra_deg[shown].copy(), stars.dec_deg[shown].copy()
    pm = np.stack([stars.pm_ra[shown], stars.pm_dec[shown]])
    n_false = int(rng.poisson(config.refcat_false * ra.size))
    if n_false:
        places = scatter(config, rng, 20.0 * n_false)
        pick = slice(0, n_false)
        ra, dec = (np.concatenate([own, new[pick]]) for own, new in zip((ra, dec), places, strict=True))
        added = ra.size - pm.shape[1]
        pm = np.concatenate([pm, np.zeros((2, added))], axis=1)
        false_mag = magnitudes(rng, added, 12.0, config.refcat_mag, config.star_slope)
        mags = np.concatenate([mags, colours(rng, false_mag)], axis=1)
    error = config.refcat_error_arcsec
    moved = pm * years / 3.6e6 + error / 3600.0 * rng.standard_normal(pm.shape)
    sigma = _mag_errors(mags)
    order = rng.permutation(ra.size)
    columns: dict[str, Floats] = {
        "ra": ra + moved[0] / np.cos(np.radians(dec)),
        "dec": dec + moved[1],
        "ra_error": np.full(ra.size, 1000.0 * error),
        "dec_error": np.full(ra.size, 1000.0 * error),
        "pmra": pm[0] + _PM_ERROR_MAS * rng.standard_normal(ra.size),
        "pmdec": pm[1] + _PM_ERROR_MAS * rng.standard_normal(ra.size),
        "pmra_error": np.full(ra.size, _PM_ERROR_MAS),
        "pmdec_error": np.full(ra.size, _PM_ERROR_MAS),
        "ref_epoch": np.full(ra.size, config.refcat_epoch),
    }
    measured = mags + sigma * rng.standard_normal(mags.shape)
    for k, band in enumerate(("Z", "Y", "J", "H")):
        columns |= {f"{band}mag": measured[k], f"e_{band}mag": sigma[k]}
    return {name: values[order] for name, values in columns.items()}


_ABOUT: dict[str, tuple[str, str]] = {
    "ra": ("deg", "right ascension at ref_epoch, ICRS"),
    "dec": ("deg", "declination at ref_epoch, ICRS"),
    "ra_error": ("mas", "standard error of ra, times cos dec"),
    "dec_error": ("mas", "standard error of dec"),
    "pmra": ("mas / yr", "proper motion in right ascension, times cos dec"),
    "pmdec": ("mas / yr", "proper motion in declination"),
    "pmra_error": ("mas / yr", "standard error of pmra"),
    "pmdec_error": ("mas / yr", "standard error of pmdec"),
    "ref_epoch": ("yr", "epoch of the position, Julian year"),
}
for _band in ("Z", "Y", "J", "H"):
    _ABOUT[f"{_band}mag"] = ("mag", f"magnitude in {_band}, Vega")
    _ABOUT[f"e_{_band}mag"] = ("mag", f"standard error of {_band}mag")
_DECIMALS = {"ra": 8, "dec": 8, "ref_epoch": 2}


def reference_table(config: PrimeSimulation) -> Table:
    """Return the catalogue as a table with units and descriptions."""
    from astropy.table import Column, Table

    columns = reference_columns(config)
    return Table(
        [
            Column(
                np.round(values, _DECIMALS.get(name, 4)),
                name,
                unit=_ABOUT[name][0],
                description=_ABOUT[name][1],
            )
            for name, values in columns.items()
        ]
    )
