"""Binary tables (FITS standard 4.0, section 7.3) without astropy, which takes half a second to import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.io.blocks import padded
from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.io.checksum import datasum
from photomitrus_cli.io.unitheader import OWN_KEYS, card_images, settled_header

_FORMS = {"u1": "B", "i2": "I", "i4": "J", "i8": "K", "f4": "E", "f8": "D"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
        TTYPE.
    values : numpy.ndarray, shape (n_rows,)
        Numbers, or text of ASCII characters.
    unit : str
        TUNIT as the FITS standard spells units (``MJy sr-1``); empty for none.
    description : str
        TCOMM; empty for none.
    """

    name: str
    values: NDArray[Any]
    unit: str = ""
    description: str = ""


def table_unit(name: str, columns: Sequence[Column], cards: Sequence[Card] = ()) -> bytes:
    """Make a binary table with checksums, as `photomitrus_cli.io.fitsstream.StreamedFits.append` takes it.

    Parameters
    ----------
    name : str
        EXTNAME.
    columns : sequence of Column
        All of the same length.
    cards : sequence of (keyword, value, comment)
        Further cards.

    Returns
    -------
    bytes
        Header and data with their padding.

    Raises
    ------
    ValueError
        When columns have different lengths, text is not ASCII, or a type has no place in a FITS table.
    """
    stored = [_stored(column) for column in columns]
    n_rows = len(stored[0]) if stored else 0
    rows = np.zeros(n_rows, np.dtype([(f"c{place}", array.dtype) for place, array in enumerate(stored)]))
    for place, array in enumerate(stored):
        if array.shape != (n_rows,):
            raise ValueError(f"{columns[place].name}: {array.shape} values for {n_rows} rows")
        rows[f"c{place}"] = array
    data = rows.tobytes()
    data += bytes(padded(len(data)) - len(data))
    head: list[Card] = [
        ("XTENSION", "BINTABLE", "binary table"),
        ("BITPIX", 8, "bytes"),
        ("NAXIS", 2, "number of axes"),
        ("NAXIS1", rows.dtype.itemsize, "bytes per row"),
        ("NAXIS2", n_rows, "rows"),
        ("PCOUNT", 0, ""),
        ("GCOUNT", 1, ""),
        ("TFIELDS", len(columns), "columns"),
        ("EXTNAME", name.upper(), ""),
    ]
    for number, (column, array) in enumerate(zip(columns, stored, strict=True), start=1):
        head += _column_cards(number, column, array.dtype)
    head += [card for card in cards if card[0].upper() not in OWN_KEYS]
    return settled_header(card_images(head), datasum(data)) + data


def _stored(column: Column) -> NDArray[Any]:
    """Give the values in the types and the byte order of the file."""
    values = np.asarray(column.values)
    if values.dtype.kind == "U":
        try:
            values = np.char.encode(values, "ascii")
        except UnicodeEncodeError as error:
            raise ValueError(f"{column.name}: a FITS table holds ASCII text only") from error
    if values.dtype.kind != "S" and values.dtype.str[1:] not in _FORMS:
        raise ValueError(f"{column.name}: values of type {values.dtype}")
    return values.astype(values.dtype.newbyteorder(">"), copy=False)


def _column_cards(number: int, column: Column, dtype: np.dtype[Any]) -> list[Card]:
    form = f"{dtype.itemsize}A" if dtype.kind == "S" else _FORMS[dtype.str[1:]]
    cards: list[Card] = [(f"TTYPE{number}", column.name, ""), (f"TFORM{number}", form, "")]
    if column.unit:
        cards.append((f"TUNIT{number}", column.unit, ""))
    if column.description:
        cards.append((f"TCOMM{number}", column.description, ""))
    return cards
