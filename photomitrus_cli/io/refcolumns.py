"""Which columns of a star catalogue hold what: as the user says, by their names, or by their UCDs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from photomitrus_cli.errors import ConfigError, InputError

# Names of columns, lower case, best first. A table without any of them in a row has no such column.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "ra": (
        *("ra", "ra_icrs", "ra_deg", "radeg", "alpha_j2000", "x_world", "raj2000", "_raj2000", "_ra"),
        *("ra2000", "alpha", "s_ra"),
    ),
    "dec": (
        *("dec", "de_icrs", "dec_icrs", "dec_deg", "decdeg", "dedeg", "delta_j2000", "y_world", "dej2000"),
        *("_dej2000", "decj2000", "_de", "_dec", "dec2000", "de", "decl", "delta", "s_dec"),
    ),
    "pm_ra": ("pmra", "pm_ra", "pmra_cosdec", "pm_ra_cosdec", "pm_ra_cosd", "pmalpha_j2000"),
    "pm_dec": ("pmdec", "pmde", "pm_dec", "pm_de", "pmdelta_j2000"),
    "epoch": ("ref_epoch", "epoch", "refepoch", "obsdate", "obs_date"),
    "ra_error": (
        *("ra_error", "e_ra_icrs", "erra_world", "errx_world", "ra_err", "e_ra", "e_raj2000", "errmaj"),
        *("err_maj", "sigra", "sigma_ra", "raerr"),
    ),
    "dec_error": (
        *("dec_error", "e_de_icrs", "errb_world", "erry_world", "dec_err", "e_dec", "e_dej2000", "errmin"),
        *("err_min", "sigdec", "sigma_dec", "decerr", "e_de"),
    ),
    "pm_ra_error": ("pmra_error", "e_pmra", "pmra_err", "pm_ra_error", "pmalphaerr_j2000", "sigma_pm_ra"),
    "pm_dec_error": (
        "pmdec_error",
        "e_pmde",
        "pmdec_err",
        "pm_dec_error",
        "pmdeltaerr_j2000",
        "sigma_pm_dec",
    ),
    "mag": (
        *("phot_g_mean_mag", "gmag", "mag", "phot_g_mean", "g", "vt_mag", "vmag", "kmag", "k_m", "jmag"),
        *("j_m", "jap3", "mag_auto", "mag_vt"),
    ),
}
# Without the marks of the main column of a kind; those of magnitudes depend on the band.
_UCDS: Mapping[str, tuple[str, ...]] = {
    "ra": ("pos.eq.ra", "pos_eq_ra"),
    "dec": ("pos.eq.dec", "pos_eq_dec"),
    "pm_ra": ("pos.pm;pos.eq.ra", "pos_eq_pmra"),
    "pm_dec": ("pos.pm;pos.eq.dec", "pos_eq_pmdec"),
    "epoch": ("time.epoch", "meta.ref;time.epoch"),
    "ra_error": ("stat.error;pos.eq.ra",),
    "dec_error": ("stat.error;pos.eq.dec",),
    "pm_ra_error": ("stat.error;pos.pm;pos.eq.ra",),
    "pm_dec_error": ("stat.error;pos.pm;pos.eq.dec",),
}
_MAIN = re.compile(r";meta\.main|_main$")
_ALIASES = {"ks": ("ks", "k"), "k": ("k", "ks")}
_BAND_FORMS = (
    *("{}mag", "{}_mag", "mag_{}", "{}_m", "{}ap3", "{}apermag3", "{}pmag", "mag_auto_{}", "mag{}", "{}psf"),
    *("{}_psf", "{}"),
)
# Magnitudes of a band that the table leaves open.
_OPEN_MAG = ("mag", "mag_auto", "mag_best", "magnitude")
# Columns that only one catalogue has, and so tell it; the gmag of other surveys is a g.
_MARKS: Mapping[str, frozenset[str]] = {
    "gaia": frozenset({"phot_g_mean_mag", "Gmag", "ruwe", "RUWE", "astrometric_params_solved"}),
    "2mass": frozenset({"2MASS", "_2MASS", "Qflg", "ph_qual", "j_msigcom", "j_cmsig"}),
    "vhs": frozenset({"Ksap3", "ksAperMag3", "Kspmag"}),
}
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a catalogue, each None where it has no such.

    Attributes
    ----------
    ra, dec : str
        Positions.
    pm_ra, pm_dec : str or None
        Proper motions.
    epoch : str or None
        Times of the positions.
    ra_error, dec_error, pm_ra_error, pm_dec_error : str or None
        Standard errors.
    mag : str or None
        A magnitude of any band.
    band_mag, band_mag_error : str or None
        Magnitudes of the band that was asked for.
    """

    ra: str
    dec: str
    pm_ra: str | None = None
    pm_dec: str | None = None
    epoch: str | None = None
    ra_error: str | None = None
    dec_error: str | None = None
    pm_ra_error: str | None = None
    pm_dec_error: str | None = None
    mag: str | None = None
    band_mag: str | None = None
    band_mag_error: str | None = None

    def items(self) -> Iterator[tuple[str, str]]:
        """Give the columns that there are.

        Yields
        ------
        role, name : str
            What the column holds (an attribute of this class), and its name.
        """
        for field in fields(self):
            name = getattr(self, field.name)
            if name is not None:
                yield field.name, name


ROLES = tuple(field.name for field in fields(Columns))


def choose_columns(
    path: Path, ucds: Mapping[str, str], band: str | None = None, given: Mapping[str, str] | None = None
) -> Columns:
    """Find the columns of a catalogue.

    Parameters
    ----------
    path : Path
        The file, for messages.
    ucds : mapping of str to str
        Name of each column, in the order of the table, and its UCD (IVOA UCD1+ or UCD1), empty for none.
    band : str, optional
        Whose magnitudes are wanted: J, H, Ks, Y, Z.
    given : mapping of str to str, optional
        Names of columns by their role (`ROLES`), which go before what would be found.

    Returns
    -------
    Columns
        Of columns that fit equally well the first one of the table.

    Raises
    ------
    ConfigError
        When `given` names an unknown role.
    InputError
        When it names a column that is not there, or no or several columns may be the positions.
    """
    chosen = dict(_given(path, ucds, given or {}))
    names = {name.lower(): name for name in reversed(list(ucds))}
    for role, known in _NAMES.items():
        name = chosen.get(role) or _first(names, known) or _by_ucd(path, ucds, role)
        if name is not None:
            chosen[role] = name
    if "ra" not in chosen or "dec" not in chosen:
        raise InputError(
            f"{path}: no columns with right ascension and declination among: {_list(ucds)}",
            hint="name them ra and dec, degrees ICRS",
        )
    if band is not None:
        _choose_band(chosen, names, ucds, band)
    return Columns(**chosen)


def has_positions(names: Sequence[str]) -> bool:
    """Tell whether names of columns include right ascension and declination.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    bool
    """
    known = {name.lower(): name for name in names}
    return all(_first(known, _NAMES[role]) is not None for role in ("ra", "dec"))


def catalogue_of(names: Sequence[str]) -> str:
    """Tell from the names of its columns which catalogue a table is.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    {'gaia', '2mass', 'vhs', ''}
        Empty when unknown.
    """
    return next((catalogue for catalogue, marks in _MARKS.items() if not marks.isdisjoint(names)), "")


def _given(path: Path, ucds: Mapping[str, str], given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for role, name in given.items():
        if role not in ROLES:
            raise ConfigError(f"{role}: no column of a catalogue", hint=f"one of {', '.join(ROLES)}")
        if name not in ucds:
            raise InputError(f"{path}: no column {name} for {role} among: {_list(ucds)}")
        yield role, name


def _list(names: Mapping[str, str]) -> str:
    more = ", ..." if len(names) > _SHOWN else ""
    return ", ".join(list(names)[:_SHOWN]) + more


def _first(names: Mapping[str, str], known: Sequence[str]) -> str | None:
    return next((names[name] for name in known if name in names), None)


def _by_ucd(path: Path, ucds: Mapping[str, str], role: str) -> str | None:
    """Find a column by its UCD, the main one of several."""
    wanted = _UCDS.get(role, ())
    lower = {name: ucd.lower().replace(" ", "") for name, ucd in ucds.items() if ucd}
    found = [name for name, ucd in lower.items() if _MAIN.sub("", ucd) in wanted]
    main = [name for name in found if _MAIN.search(lower[name])]
    found = main or found
    if len(found) > 1 and role in ("ra", "dec"):
        raise InputError(
            f"{path}: several columns may be the {role}: {', '.join(found)}", hint="rename the one to be used"
        )
    return found[0] if found else None


def _choose_band(
    chosen: dict[str, str], names: Mapping[str, str], ucds: Mapping[str, str], band: str
) -> None:
    """Add the magnitudes of a band and their errors."""
    wanted = _ALIASES.get(band.lower(), (band.lower(),))
    known = [form.format(alias) for form in _BAND_FORMS for alias in wanted]
    name = chosen.get("band_mag") or _first(names, known) or _band_by_ucd(ucds, wanted)
    # A magnitude of no stated band beside those of Gaia is hardly the one of an infrared band.
    if name is None and catalogue_of(list(ucds)) != "gaia":
        name = _first(names, _OPEN_MAG)
    if name is None:
        return
    chosen["band_mag"] = name
    error = chosen.get("band_mag_error") or _first(names, _error_names(name.lower()))
    if error is not None:
        chosen["band_mag_error"] = error


def _band_by_ucd(ucds: Mapping[str, str], wanted: Sequence[str]) -> str | None:
    known = {f"phot.mag;em.ir.{band}" for band in wanted}
    return next((name for name, ucd in ucds.items() if _MAIN.sub("", ucd.lower()) in known), None)


def _error_names(name: str) -> tuple[str, ...]:
    """Give the names that the error of a column may have."""
    forms = ("e_{}", "{}_error", "{}_err", "{}err", "err_{}", "sigma_{}", "{}sigcom", "{}_unc")
    swapped = (name.replace("mag", "magerr", 1), name.replace("_m", "_cmsig", 1))
    return (*(form.format(name) for form in forms), *(other for other in swapped if other != name))
