"""FITS products: complete, with checksums, and the same bytes for the same content."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from photomitrus_cli.errors import WriteError
from photomitrus_cli.io.atomic import FileRecord, atomic_path, crc32_file
from photomitrus_cli.io.cardvalue import CARD_LENGTH, Card, card_image
from photomitrus_cli.io.settle import settle_checksums

if TYPE_CHECKING:
    from astropy import units as u
    from astropy.io import fits
    from astropy.table import Table

_STRUCTURAL = ("BSCALE", "BZERO", "BLANK", "EXTNAME", "BUNIT", "CHECKSUM", "DATASUM", "INHERIT")


def write_fits(final: str | Path, hdus: fits.HDUList) -> FileRecord:
    """Write a FITS file with CHECKSUM and DATASUM in every unit, whole or not at all.

    The same units give the same bytes: the comments of the checksum cards carry no date, gzip no name or
    time.

    Parameters
    ----------
    final : str or Path
        The file to make or replace; ``.gz`` is packed.
    hdus : astropy.io.fits.HDUList
        A primary unit and extensions.

    Returns
    -------
    FileRecord
        The path as given, size and sum.

    Raises
    ------
    WriteError
        When the file cannot be written or a header breaks the FITS standard.
    """
    from astropy.io import fits

    final = Path(final)
    with atomic_path(final) as part:
        try:
            hdus.verify("exception")
            _declare_long_strings(hdus)
            if part.suffix == ".gz":
                _write_packed(part, hdus)
            else:
                hdus.writeto(part, checksum=True, output_verify="exception")
                with part.open("r+b") as handle:
                    settle_checksums(handle)
        except fits.VerifyError as error:
            raise WriteError(f"{final}: not a legal FITS header: {' '.join(str(error).split())}") from error
        return FileRecord(final, part.stat().st_size, crc32_file(part))


def image_hdu(
    name: str, data: npt.NDArray[np.generic], header_cards: fits.Header | Iterable[Card] = (), bunit: str = ""
) -> fits.PrimaryHDU | fits.ImageHDU:
    """Make an image unit.

    Parameters
    ----------
    name : str
        EXTNAME; ``PRIMARY`` makes the primary unit.
    data : numpy.ndarray
        [..., y, x]; a boolean mask becomes bytes of 0 and 1.
    header_cards : astropy.io.fits.Header or iterable of (keyword, value, comment)
        WCS and provenance. Cards on how some other array was stored (BSCALE, CHECKSUM ...) are left out.
    bunit : str
        The unit of the pixels; empty for none.

    Returns
    -------
    astropy.io.fits.PrimaryHDU or astropy.io.fits.ImageHDU
        Not yet written.
    """
    from astropy.io import fits

    header = _plain_header(header_cards)
    if bunit:
        header["BUNIT"] = (bunit, "unit of the pixels")
    if data.dtype.kind == "b":
        data = data.astype(np.uint8)
    if name.upper() == "PRIMARY":
        return fits.PrimaryHDU(data, header)
    return fits.ImageHDU(data, header, name=name)


def table_hdu(name: str, table: Table, header_cards: fits.Header | Iterable[Card] = ()) -> fits.BinTableHDU:
    """Make a binary table unit with the units (TUNIT) and descriptions (TCOMM) of the columns.

    Parameters
    ----------
    name : str
        EXTNAME.
    table : astropy.table.Table
        Its ``meta`` is not written.
    header_cards : astropy.io.fits.Header or iterable of (keyword, value, comment)
        Further cards.

    Returns
    -------
    astropy.io.fits.BinTableHDU
        Not yet written.
    """
    from astropy.io import fits

    bare = table.copy(copy_data=False)
    bare.meta.clear()
    for column in bare.columns.values():
        # astropy warns at units that FITS does not know, such as DN; they are set below.
        column.unit = None
    hdu = fits.table_to_hdu(bare)
    hdu.name = name
    for stored, column in zip(hdu.columns, table.columns.values(), strict=True):
        if column.unit is not None:
            stored.unit = _unit_text(column.unit)
    for number, column in enumerate(table.columns.values(), start=1):
        if column.description:
            text = " ".join(str(column.description).split())
            hdu.header[f"TCOMM{number}"] = text
    hdu.header.extend(_plain_header(header_cards), update=True)
    return hdu


def _write_packed(part: Path, hdus: fits.HDUList) -> None:
    from isal import igzip

    plain = io.BytesIO()
    hdus.writeto(plain, checksum=True, output_verify="exception")
    settle_checksums(plain)
    part.write_bytes(igzip.compress(plain.getbuffer(), mtime=0))


def _declare_long_strings(hdus: fits.HDUList) -> None:
    """Announce CONTINUE cards, as fitsverify wants it."""
    for hdu in hdus:
        if any(len(str(card)) > CARD_LENGTH for card in hdu.header.cards):
            hdu.header["LONGSTRN"] = ("OGIP 1.0", "long strings go on in CONTINUE cards")


def _plain_header(header_cards: fits.Header | Iterable[Card]) -> fits.Header:
    from astropy.io import fits

    if isinstance(header_cards, fits.Header):
        header = header_cards.copy()
    else:
        header = fits.Header.fromstring("".join(card_image(*card) for card in header_cards))
    for key in _STRUCTURAL:
        header.remove(key, ignore_missing=True, remove_all=True)
    return header


def _unit_text(unit: u.UnitBase) -> str:
    """Spell a unit as the FITS standard does where it knows the unit."""
    try:
        return str(unit.to_string("fits"))
    except ValueError:
        return str(unit.to_string())
