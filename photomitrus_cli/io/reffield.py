"""Whether a reference catalogue is of the field that it is given for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import NoDataError

Float = NDArray[np.float64]


def refuse_other_field(path: str | Path, distances: Float, radius: float, field: str) -> None:
    """Refuse a catalogue that has no star in a field.

    Parameters
    ----------
    path : str or Path
        The catalogue.
    distances : ndarray of float64, shape (n,)
        Of its stars from the centre of the field, degrees.
    radius : float
        Of the field, degrees.
    field : str
        As it is told.

    Raises
    ------
    NoDataError
        With the distance of the nearest star.
    """
    if not np.any(distances <= radius):
        raise NoDataError(
            f"{path}: none of {distances.size} stars is within {field}, "
            f"the nearest {distances.min():.3g} deg off",
            hint="give a reference catalogue of this field, degrees ICRS",
        )
