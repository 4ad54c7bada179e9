"""The files of one frame: intensity, uncertainty and mask, plain or packed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from photomitrus_cli.errors import InputError

Kind = Literal["unc", "msk"]

_INTENSITY = "-int-"
_GZIP = ".gz"
KIND_NAMES = {"unc": "uncertainty", "msk": "mask"}


@dataclass(frozen=True, slots=True)
class FrameRef:
    """A frame to be coadded, as the frame table knows it.

    Attributes
    ----------
    name : str
        Scan and frame number, such as ``01772a127``.
    scan_id : str
    path : Path
        Its intensity image.
    mjd : float
        Middle of the exposure, d (UTC); NaN where the table does not say.
    moon_sep, saa_sep : float
        Distance from the Moon and from the South Atlantic Anomaly, deg; NaN where the table does not say.
    """

    name: str
    scan_id: str
    path: Path
    mjd: float
    moon_sep: float
    saa_sep: float


def existing(path: Path) -> Path | None:
    """Give the file of a name, or the same packed by gzip, or unpacked; None when there is neither.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Path or None
    """
    other = path.with_name(path.name[: -len(_GZIP)] if path.name.endswith(_GZIP) else path.name + _GZIP)
    return next((candidate for candidate in (path, other) if candidate.is_file()), None)


def companion(path: Path, kind: Kind) -> Path | None:
    """Find the uncertainty or the mask of a frame.

    Parameters
    ----------
    path : Path
        Of the intensity image, named ``...-int-...``.
    kind : {'unc', 'msk'}

    Returns
    -------
    Path or None
        None when there is none beside it.

    Raises
    ------
    InputError
        When the name of the frame does not tell those of its companions.
    """
    if _INTENSITY not in path.name:
        raise InputError(
            f"{path}: the name has no '{_INTENSITY}', so its {KIND_NAMES[kind]} cannot be named",
            hint="frames are named <scan><frame>-w<band>-int-1b.fits",
        )
    head, _, tail = path.name.rpartition(_INTENSITY)
    return existing(path.with_name(f"{head}-{kind}-{tail}"))
