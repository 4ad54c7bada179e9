"""HEALPix maps of a part of the sky as FITS files: explicit pixel numbers, RING order, one table.

What is written is what HEALPix' own libraries write for cut skies (pixels: Gorski et al. 2005, ApJ 622, 759),
so that healpy, Aladin and others read it. A number without a value is -1.6375e30 in the file, as they expect:
healpy masks that and not NaN. In memory it is NaN. astropy-healpix takes a table with explicit pixels for one
of the whole sky: it reads the columns right only where the map covers all of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.io.atomic import FileRecord, atomic_path
from photomitrus_cli.io.bintable import Column, table_unit
from photomitrus_cli.io.bintableread import BinTable, read_table
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.io.structure import MAX_BYTES
from photomitrus_cli.io.unitheader import OWN_KEYS, ImageUnit, image_cards, settled_header

UNSEEN = -1.6375e30
# healpy takes what is as near as this for the same; float32 cannot hold the number exactly.
_UNSEEN_WITHIN = 1e-5 * abs(UNSEEN)
_COORDSYS = {"galactic": "G", "ecliptic": "E", "equatorial": "C"}
_SYSTEMS = {
    "G": "galactic", "GALACTIC": "galactic", "E": "ecliptic", "ECLIPTIC": "ecliptic",
    "C": "equatorial", "Q": "equatorial", "CELESTIAL": "equatorial", "EQUATORIAL": "equatorial",
}  # fmt: skip
MAX_NSIDE = 1 << 29
_HEALPIX_KEYS = frozenset({
    "PIXTYPE", "ORDERING", "NSIDE", "INDXSCHM", "OBJECT", "OBS_NPIX", "FIRSTPIX", "LASTPIX", "COORDSYS",
    "BAD_DATA", "RADESYS",
})  # fmt: skip
_COLUMN_KEY = re.compile(r"T(?:TYPE|FORM|UNIT|COMM|DISP|NULL|SCAL|ZERO)\d+")


@dataclass(frozen=True, slots=True)
class PartialMap:
    """A map of a part of the sky, or of all of it.

    Attributes
    ----------
    nside : int
        A power of two.
    system : {'galactic', 'ecliptic', 'equatorial'}
        Equatorial is ICRS.
    pixels : ndarray of int64, shape (m,)
        RING numbers, ascending, each once.
    columns : mapping of str to ndarray, each of shape (m,)
        In the order of the file; NaN where a floating-point column has no value.
    units, descriptions : mapping of str to str
        Of columns that have any; units as the FITS standard spells them.
    cards : sequence of (keyword, value, comment)
        Further cards of the table; comments are lost on reading.
    """

    nside: int
    system: str
    pixels: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]]
    units: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    cards: Sequence[Card] = ()


def write_partial_map(
    final: str | Path, sky: PartialMap, *, cards: Sequence[Card] = (), name: str = "SKYMAP"
) -> FileRecord:
    """Write a map, whole or not at all; the same map gives the same bytes.

    Parameters
    ----------
    final : str or Path
        The file to make or replace.
    sky : PartialMap
        Columns of int16, int32, int64, uint8, float32 or float64.
    cards : sequence of (keyword, value, comment)
        Of the primary header, such as where the map comes from.
    name : str
        EXTNAME of the table.

    Returns
    -------
    FileRecord
        The path as given, size and sum.

    Raises
    ------
    NoDataError
        When the map has no pixels.
    WriteError
        When the file cannot be written.
    ValueError
        When NSIDE, system, pixels or columns are not as `PartialMap` says.
    """
    final = Path(final)
    if not len(sky.pixels):
        raise NoDataError(f"{final}: no pixel of the map has a value; nothing is written")
    problem = _problem(sky.nside, sky.pixels)
    if problem or sky.system not in _COORDSYS:
        raise ValueError(f"{final}: {problem or f'unknown system {sky.system!r}'}")
    further = [card for card in cards if card[0].upper() not in OWN_KEYS]
    primary = settled_header(image_cards(ImageUnit("PRIMARY"), further), 0)
    content = primary + table_unit(name, _columns(sky), _cards(sky))
    with atomic_path(final) as part:
        part.write_bytes(content)
    return FileRecord(final, len(content), isal_zlib.crc32(content))


def read_partial_map(path: str | Path, *, max_bytes: int = MAX_BYTES) -> PartialMap:
    """Read a map with explicit pixel numbers, written by `write_partial_map` or another HEALPix library.

    Parameters
    ----------
    path : str or Path
        A FITS file, plain or gzip.
    max_bytes : int
        The most data that its header may declare.

    Returns
    -------
    PartialMap
        Columns in native byte order, NaN for -1.6375e30.

    Raises
    ------
    InputError
        When the file is missing, unreadable, truncated or damaged, holds no HEALPix table, a map of the full
        sky without pixel numbers, NESTED order, an illegal NSIDE or system, or pixel numbers that do not
        ascend or are not of this NSIDE.
    """
    table = read_table(path, _is_healpix, "HEALPix table (PIXTYPE = 'HEALPIX')", max_bytes=max_bytes)
    cards = table.cards
    nside, system = scheme_of(cards)
    pixels = _pixels(table)
    problem = _problem(nside, pixels)
    if problem:
        raise InputError(f"{cards.path}: {problem}")
    columns = table.columns[1:]
    if len({column.name for column in columns}) < len(columns):
        raise InputError(f"{cards.path}: two columns have the same name")
    return PartialMap(
        nside,
        system,
        pixels,
        {column.name: _with_nan(column.values) for column in columns},
        {column.name: column.unit for column in columns if column.unit},
        {column.name: column.description for column in columns if column.description},
        tuple((key, cards[key], "") for key in cards if _is_further(key)),
    )


def scheme_of(cards: Cards) -> tuple[int, str]:
    """Read the resolution and the system of a map from the header of its table.

    Parameters
    ----------
    cards : Cards

    Returns
    -------
    nside : int
        As stated.
    system : {'galactic', 'ecliptic', 'equatorial'}

    Raises
    ------
    InputError
        For NESTED order, a map without pixel numbers, or another system.
    """
    _check_scheme(cards)
    coordsys = cards.text("COORDSYS").strip().upper()
    if coordsys not in _SYSTEMS:
        raise InputError(f"{cards.path}: COORDSYS is {coordsys!r}, not G, E or C")
    return cards.integer("NSIDE"), _SYSTEMS[coordsys]


def _is_healpix(cards: Cards) -> bool:
    kind = cards.get("PIXTYPE")
    return isinstance(kind, str) and kind.strip().upper() == "HEALPIX"


def _check_scheme(cards: Cards) -> None:
    ordering = cards.text("ORDERING").strip().upper()
    if ordering != "RING":
        raise InputError(
            f"{cards.path}: ORDERING is {ordering!r}; only RING is read",
            hint="reorder it with healpy.ud_grade",
        )
    scheme = cards.text("INDXSCHM", "EXPLICIT").strip().upper()
    if scheme != "EXPLICIT" or cards.text("OBJECT", "PARTIAL").strip().upper() == "FULLSKY":
        raise InputError(
            f"{cards.path}: a map without pixel numbers (INDXSCHM = 'IMPLICIT'); only explicit ones are read",
            hint="write it with healpy.write_map(..., partial=True)",
        )


def _pixels(table: BinTable) -> NDArray[np.int64]:
    if not table.columns or table.columns[0].values.dtype.kind not in "iu":
        raise InputError(f"{table.cards.path}: the first column does not hold pixel numbers")
    if not table.columns[0].values.size:
        raise InputError(f"{table.cards.path}: the map has no pixels")
    return table.columns[0].values.astype(np.int64)


def _problem(nside: int, pixels: NDArray[np.int64]) -> str:
    """Say what is wrong with the pixels; nothing, as a rule."""
    if not 1 <= nside <= MAX_NSIDE or nside & (nside - 1):
        return f"NSIDE is {nside}, not a power of two up to {MAX_NSIDE}"
    first, last = int(pixels.min()), int(pixels.max())
    if first < 0 or last >= 12 * nside**2:
        wrong = first if first < 0 else last
        return f"pixel {wrong} is none of the {12 * nside**2} of NSIDE {nside}"
    falls = np.flatnonzero(pixels[1:] <= pixels[:-1])
    if falls.size:
        before, after = (int(pixel) for pixel in pixels[falls[0] : falls[0] + 2])
        kind = "stands twice" if before == after else f"follows {before}"
        return f"pixel numbers do not ascend: {after} {kind}"
    return ""


def _columns(sky: PartialMap) -> list[Column]:
    small = 12 * sky.nside**2 <= np.iinfo(np.int32).max
    pixels = Column(
        "PIXEL", sky.pixels.astype(np.int32 if small else np.int64), "", "HEALPix pixel, RING order"
    )
    return [pixels] + [
        Column(name, _with_unseen(values), sky.units.get(name, ""), sky.descriptions.get(name, ""))
        for name, values in sky.columns.items()
    ]


def _cards(sky: PartialMap) -> list[Card]:
    cards: list[Card] = [
        ("PIXTYPE", "HEALPIX", "HEALPix pixels"),
        ("ORDERING", "RING", "order of the pixel numbers"),
        ("NSIDE", sky.nside, "resolution: 12 NSIDE**2 pixels on the sky"),
        ("INDXSCHM", "EXPLICIT", "the pixel numbers are in the first column"),
        ("OBJECT", "PARTIAL", "pixels that are not listed have no data"),
        ("OBS_NPIX", len(sky.pixels), "pixels listed"),
        ("FIRSTPIX", 0, "first pixel of the sky"),
        ("LASTPIX", 12 * sky.nside**2 - 1, "last pixel of the sky"),
        ("COORDSYS", _COORDSYS[sky.system], sky.system),
        ("BAD_DATA", UNSEEN, "where a real number has no value"),
    ]
    if sky.system == "equatorial":
        cards.append(("RADESYS", "ICRS", ""))
    own = {card[0] for card in cards}
    return cards + [card for card in sky.cards if _is_further(card[0]) and card[0].upper() not in own]


def _is_further(key: str) -> bool:
    """Tell a card that belongs to the content from those that the form of the file asks for."""
    key = key.upper()
    return key not in OWN_KEYS | _HEALPIX_KEYS and not _COLUMN_KEY.fullmatch(key)


def _with_unseen(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind != "f":
        return values
    return np.where(np.isnan(values), values.dtype.type(UNSEEN), values)


def _with_nan(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind == "f":
        values[np.abs(values - values.dtype.type(UNSEEN)) <= _UNSEEN_WITHIN] = np.nan
    return values
