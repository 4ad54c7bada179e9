"""Archive file names: which kind of file is this.

A name ends in its type: ``SPITZER_I1_17577216_0011_0000_6_cbcd.fits``. Only the type is read from the name;
what a frame is and which files belong together is decided by headers.
"""

from __future__ import annotations

from pathlib import Path

FITS_SUFFIXES = (".fits", ".fits.gz", ".fits.fz")
# Uncertainties that belong to a type of frame, the best first. Types made by others (such as ``clean``) are
# derived from the corrected frames.
UNCERTAINTY_TYPES = {"bcd": ("bunc", "cbunc"), "cbcd": ("cbunc", "bunc"), "sub2d": ("unc2d",)}
OTHER_UNCERTAINTY_TYPES = ("cbunc", "bunc")
IMASK_TYPE = "bimsk"
_IMASK_TYPES = {"sub2d": "msk2d"}
RMASK_TYPE = "brmsk"
# What an archive folder holds; a file of such a type is a frame only when that type is asked for.
ARCHIVE_TYPES = frozenset(
    {"bcd", "cbcd", "bunc", "cbunc", IMASK_TYPE, RMASK_TYPE, "crmsk", "sub2d", "unc2d", "msk2d", "cov2d"}
    | {"maic", "munc", "mcov"}
)
COMPANION_TYPES = frozenset(
    {IMASK_TYPE, RMASK_TYPE, *OTHER_UNCERTAINTY_TYPES, *_IMASK_TYPES.values(), "unc2d", "cov2d"}
)


def is_fits(path: Path) -> bool:
    """Tell whether a name is that of a FITS file."""
    return path.name.endswith(FITS_SUFFIXES)


def stem_and_type(path: Path) -> tuple[str, str]:
    """Split ``SPITZER_I1_..._6_cbcd.fits`` into ``SPITZER_I1_..._6`` and ``cbcd``."""
    bare = path.name.partition(".fits")[0]
    stem, _, kind = bare.rpartition("_")
    return stem, kind


def uncertainty_types(filetype: str) -> tuple[str, ...]:
    """Give the types of uncertainty that fit a type of frame, the best first."""
    return UNCERTAINTY_TYPES.get(filetype, OTHER_UNCERTAINTY_TYPES)


def imask_type(filetype: str) -> str:
    """Give the type of the instrument mask of a type of frame."""
    return _IMASK_TYPES.get(filetype, IMASK_TYPE)
