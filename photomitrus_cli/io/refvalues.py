"""Columns of a star catalogue as numbers in one unit each, NaN where a value is missing."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.refcolumns import Columns

_log = logging.getLogger(__name__)

Float = NDArray[np.float64]

_SPELLINGS = {"degree": "deg", "degrees": "deg", "deg.": "deg", "[deg]": "deg", "arcsecond": "arcsec"}
_HOURS = ("h", "hr", '"h:m:s"', "h:m:s")
# Units of errors of positions in tables without units; others say nothing, and are not used.
_ERROR_UNITS = {
    "ra_error": "mas",
    "dec_error": "mas",
    "e_ra_icrs": "mas",
    "e_de_icrs": "mas",
    "err_maj": "arcsec",
    "err_min": "arcsec",
    "errmaj": "arcsec",
    "errmin": "arcsec",
}
# Proper motions in mas/yr have a larger median than this, those in arcsec/yr a smaller one.
_SMALL_MOTION = 0.2
_FEW = 10


@dataclass(frozen=True, slots=True)
class StarTable:
    """A table of stars and the file that it is from, which messages name.

    Attributes
    ----------
    path : Path
    table : astropy.table.Table
    """

    path: Path
    table: Any

    def ucds(self) -> dict[str, str]:
        """Give the names of the columns.

        Returns
        -------
        dict of str to str
            Each with its UCD, or an empty text.
        """
        return {str(name): str(self.table[name].meta.get("ucd") or "") for name in self.table.colnames}

    def unit(self, name: str) -> str:
        """Give the unit of a column.

        Parameters
        ----------
        name : str

        Returns
        -------
        str
            Empty without any.
        """
        text = str(getattr(self.table[name], "unit", None) or "").strip()
        return _SPELLINGS.get(text.lower(), text)

    def refuse_twins(self, chosen: Columns) -> None:
        """Refuse a second column of the same name, but for case and the number that readers append.

        Parameters
        ----------
        chosen : Columns

        Raises
        ------
        InputError
            When such a column has other values.
        """
        for role, name in chosen.items():
            twin = re.compile(rf"{re.escape(name)}(_1)?", re.IGNORECASE)
            for other in self.table.colnames:
                if other == name or not twin.fullmatch(str(other)):
                    continue
                if not np.array_equal(self.numbers(name), self.numbers(other), equal_nan=True):
                    raise InputError(
                        f"{self.path}: columns {name} and {other} differ, and either may be the {role}",
                        hint="leave one of them out",
                    )

    def numbers(self, name: str | None, default: float = np.nan) -> Float:
        """Give a column as numbers.

        Parameters
        ----------
        name : str or None
        default : float
            The values where there is no such column.

        Returns
        -------
        ndarray of float64, shape (n,)
            In the unit of the column.

        Raises
        ------
        InputError
            When it holds something else, or several values a row.
        """
        if name is None:
            return np.full(len(self.table), default)
        column = self.table[name]
        if len(column.shape) > 1:
            raise InputError(f"{self.path}: column {name} holds several values a row")
        if np.iscomplexobj(column):
            raise InputError(f"{self.path}: column {name} holds complex numbers")
        try:
            values = np.ma.asarray(column).astype(np.float64)
        except (ValueError, TypeError) as error:
            raise InputError(f"{self.path}: column {name} holds values that are not numbers") from error
        return np.asarray(np.ma.filled(values, np.nan), dtype=np.float64)

    def converted(self, name: str | None, wanted: str, default: str) -> Float:
        """Give a column in another unit.

        Parameters
        ----------
        name : str or None
        wanted : str
            Unit of the result.
        default : str
            Unit of a column that has none.

        Returns
        -------
        ndarray of float64, shape (n,)
            NaN where there is no such column.

        Raises
        ------
        InputError
            As `numbers`; or when the unit of the column is another kind of quantity.
        """
        from astropy import units

        if name is None:
            return self.numbers(None)
        unit = self.unit(name) or default
        for text in (unit, unit.lower()):
            try:
                return self.numbers(name) * float(units.Unit(text).to(wanted))
            except (ValueError, TypeError):
                continue
        raise InputError(
            f"{self.path}: column {name} is in {unit}, which cannot be turned into {wanted}",
            hint="correct the unit in the file",
        )

    def degrees(self, name: str) -> Float:
        """Give a column of angles in degrees.

        Parameters
        ----------
        name : str

        Returns
        -------
        ndarray of float64, shape (n,)

        Raises
        ------
        InputError
            As `converted`; or when the column is in hours.
        """
        unit = self.unit(name).lower()
        if unit.startswith("hour") or unit in _HOURS:
            raise InputError(f"{self.path}: column {name} is in hours", hint="give degrees ICRS")
        return self.converted(name, "deg", "deg")

    def motions(self, name: str | None) -> Float:
        """Give a column of proper motions; those that look like another unit are told of.

        Parameters
        ----------
        name : str or None

        Returns
        -------
        ndarray of float64, shape (n,)
            Mas/yr; NaN where unknown.

        Raises
        ------
        InputError
            As `converted`.
        """
        values = self.converted(name, "mas/yr", "mas/yr")
        if name is not None and not self.unit(name):
            known = np.abs(values[np.isfinite(values) & (values != 0.0)])
            if known.size >= _FEW and np.median(known) < _SMALL_MOTION:
                _log.warning(
                    "%s: column %s has no unit; its values, %.2g in the median, are taken to be mas/yr",
                    *(self.path, name, np.median(known)),
                )
        return values

    def position_errors(self, name: str | None, position: str, default: float) -> Float:
        """Give the standard errors of positions.

        Parameters
        ----------
        name : str or None
            Column of the errors. Without a unit it is used where the name tells one: milliarcseconds as in
            Gaia tables, arcseconds as in those of 2MASS, degrees as in those of SExtractor (``ERRA_WORLD``).
        position : str
            Column of the positions; what single precision leaves of them is added.
        default : float
            Arcsec, where there is no error or none above 0.

        Returns
        -------
        ndarray of float64, shape (n,)
            Arcsec.

        Raises
        ------
        InputError
            As `converted`.
        """
        lower = (name or "").lower()
        unit = "deg" if lower.endswith("_world") else _ERROR_UNITS.get(lower, "")
        if name is not None and not (self.unit(name) or unit):
            _log.warning("%s: column %s has no unit and is not used", self.path, name)
            name = None
        error = self.converted(name, "arcsec", unit)
        error = np.where(error > 0.0, error, default)
        if self.table[position].dtype.itemsize < 8:
            # Rounding is distributed uniformly over one step.
            step = np.spacing(np.abs(self.numbers(position)).astype(np.float32)) * 3600.0
            error = np.hypot(error, np.nan_to_num(step) / np.sqrt(12.0))
        return np.asarray(error, dtype=np.float64)
