"""Products packed as tile-compressed FITS (FITS standard 4.0, section 10) in this process, as fpack would."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from photomitrus_cli.io.atomic import FileRecord, crc32_file
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.fitsstream import ImageUnit, StreamedFits
from photomitrus_cli.io.settle import settle_checksums

if TYPE_CHECKING:
    from astropy.io import fits

SUFFIX = ".fz"
# Dithered with a fixed seed, so that equal products are equal files; what is exactly 0 stays so (method 2 of
# the standard).
_DITHER, _SEED = 2, 1
# Bytes of the columns that there are, by the letters of their formats.
_WIDTHS = {"P": 8, "Q": 16, "D": 8, "J": 4}
# Where the time is in the head of a gzip stream (RFC 1952).
_TIME = slice(4, 8)
# Rows of a tile for Rice's algorithm, whose overhead is one of tiles; gzip slows down with more.
_RICE_ROWS = 8
_OWN = ("SIMPLE", "EXTEND", "CHECKSUM", "DATASUM", "EXTNAME")


@dataclass(frozen=True)
class Packing:
    """How images are packed.

    Attributes
    ----------
    kind : {'rice', 'gzip'}
        Of images of floating-point numbers: ``rice`` rounds them to steps of their noise, ``gzip`` keeps
        every bit. Integers are packed by Rice's algorithm, without loss.
    level : float
        Steps per standard deviation of the noise, which is measured from differences of neighbours, for some
        rows at a time. Rounding adds 1 / (12 level^2) to the variance of a pixel.
    """

    kind: Literal["rice", "gzip"]
    level: float

    def arguments(self, *, is_float: bool, lossless: bool) -> dict[str, Any]:
        """Give the arguments of `astropy.io.fits.CompImageHDU` for an image."""
        if not is_float:
            return {"compression_type": "RICE_1"}
        if lossless:
            # Few different values: whole numbers repeat, their sorted bytes do not.
            return {"compression_type": "GZIP_1", "quantize_level": 0.0}
        if self.kind == "gzip":
            return {"compression_type": "GZIP_2", "quantize_level": 0.0}
        return {
            "compression_type": "RICE_1",
            "quantize_level": self.level,
            "quantize_method": _DITHER,
            "dither_seed": _SEED,
        }


def write_units(
    part: Path,
    units: Sequence[ImageUnit],
    fill: Callable[[StreamedFits], None],
    packing: Packing | None,
    *,
    scratch: Path,
    first: str,
    lossless: Collection[str] = (),
) -> FileRecord:
    """Write a FITS file, packed or not.

    Parameters
    ----------
    part : Path
        The file to make, as `photomitrus_cli.io.atomic.atomic_path` names it.
    units : sequence of ImageUnit
    fill : callable
        Writes pixels and tables.
    packing : Packing or None
    scratch : Path
        Where the plain file is while it is packed; removed.
    first : str
        What the image of the primary unit is called where it has to be an extension.
    lossless : collection of str
        Images whose numbers are not to be rounded.

    Returns
    -------
    FileRecord

    Raises
    ------
    OSError
        When the disk is full or fails.
    """
    plain = part if packing is None else scratch
    if packing is not None:
        # Of a run that was killed.
        scratch.unlink(missing_ok=True)
    with StreamedFits(plain, units) as stream:
        fill(stream)
        record = stream.finish()
    if packing is None:
        return record
    pack(plain, part, packing, first=first, lossless=lossless)
    scratch.unlink()
    return FileRecord(part, part.stat().st_size, crc32_file(part))


def pack(plain: Path, packed: Path, packing: Packing, *, first: str, lossless: Collection[str] = ()) -> None:
    """Pack the images of a FITS file; tables stay as they are.

    Parameters
    ----------
    plain : Path
        A file of ours.
    packed : Path
        The file to make; must not exist.
    packing : Packing
    first, lossless
        As in `write_units`.

    Raises
    ------
    OSError
        When the disk is full or fails.
    """
    from astropy.io import fits

    with fits.open(plain, memmap=True) as hdus:
        units: list[Any] = [fits.PrimaryHDU()]
        for hdu in hdus:
            name = hdu.name if hdu.name != "PRIMARY" else first
            units.append(_packed(hdu, name, packing, lossless=name in lossless) if hdu.is_image else hdu)
        fits.HDUList(units).writeto(packed, checksum=True, output_verify="exception")
    with packed.open("r+b") as handle:
        settle_checksums(handle, _without_times)


def _without_times(cards: Cards, data: bytearray) -> bool:
    """Take the times of compression out of the heads of gzip streams: equal products are equal files."""
    width, rows = cards.integer("NAXIS1", 0), cards.integer("NAXIS2", 0)
    place, changed = 0, False
    for number in range(1, cards.integer("TFIELDS", 0) + 1 if "ZIMAGE" in cards else 1):
        kind = cards.text(f"TFORM{number}").lstrip("1")[:1]
        name = cards.text(f"TTYPE{number}")
        packed = name == "COMPRESSED_DATA" and cards.text("ZCMPTYPE").startswith("GZIP")
        if packed or name == "GZIP_COMPRESSED_DATA":
            # Length and place in the heap of each row.
            table = np.frombuffer(data, np.uint8, rows * width).reshape(rows, width)
            ints = f">i{_WIDTHS[kind] // 2}"
            sizes = table[:, place : place + _WIDTHS[kind]].copy().view(ints).astype(np.int64)
            for start in (sizes[sizes[:, 0] > 0, 1] + cards.integer("THEAP", rows * width)).tolist():
                data[start + _TIME.start : start + _TIME.stop] = bytes(_TIME.stop - _TIME.start)
                changed = True
        place += _WIDTHS[kind]
    return changed


def _packed(
    hdu: fits.PrimaryHDU | fits.ImageHDU, name: str, packing: Packing, *, lossless: bool
) -> fits.CompImageHDU:
    from astropy.io import fits

    header = hdu.header.copy()
    for key in _OWN:
        header.remove(key, ignore_missing=True)
    given = packing.arguments(is_float=hdu.data.dtype.kind == "f", lossless=lossless)
    # Few rows make a tile: any window is read quickly.
    tile = (_RICE_ROWS if given["compression_type"] == "RICE_1" else 1, hdu.data.shape[1])
    return fits.CompImageHDU(hdu.data, header, name=name, tile_shape=tile, **given)
