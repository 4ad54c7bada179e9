"""Headers of units that are written without astropy: mandatory cards, checksums, padding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from photomitrus_cli.io.blocks import padded
from photomitrus_cli.io.cardvalue import CARD_LENGTH, Card, card_image
from photomitrus_cli.io.checksum import CHECKSUM_LENGTH, add_sums, datasum, encode_checksum

BITPIX = {"u1": 8, "i2": 16, "i4": 32, "f4": -32}
# What tells how an array is stored; cards of this kind that come with other arrays are not taken over.
OWN_KEYS = frozenset({
    "SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND", "PCOUNT", "GCOUNT", "TFIELDS",
    "EXTNAME", "BUNIT", "BSCALE", "BZERO", "BLANK", "INHERIT", "LONGSTRN", "CHECKSUM", "DATASUM",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageUnit:
    """One image of a file to be written.

    Attributes
    ----------
    name : str
        EXTNAME; ``PRIMARY``, which must come first, is the primary unit.
    shape : tuple of int
        (ny, nx); empty for a unit that is only a header.
    dtype : str
        ``u1``, ``i2``, ``i4`` or ``f4``.
    cards : sequence of (keyword, value, comment)
        WCS and provenance. Cards on how an array is stored are left out: this module writes its own.
    bunit : str
        The unit of the pixels; empty for none.
    """

    name: str
    shape: tuple[int, ...] = ()
    dtype: str = "u1"
    cards: Sequence[Card] = ()
    bunit: str = ""


def image_cards(unit: ImageUnit, further: Sequence[Card]) -> list[str]:
    """Write the cards of an image up to its checksums.

    Parameters
    ----------
    unit : ImageUnit
        Its own ``cards`` are not written.
    further : sequence of (keyword, value, comment)
        What follows the mandatory cards.

    Returns
    -------
    list of str
        Each 80 characters or a multiple.
    """
    primary = unit.name.upper() == "PRIMARY"
    cards: list[Card] = [
        ("SIMPLE", True, "FITS standard 4.0") if primary else ("XTENSION", "IMAGE", "image extension"),
        ("BITPIX", BITPIX[unit.dtype], "bits per pixel"),
        ("NAXIS", len(unit.shape), "number of axes"),
    ]
    cards += [(f"NAXIS{axis}", length, "") for axis, length in enumerate(reversed(unit.shape), start=1)]
    if primary:
        cards.append(("EXTEND", True, "there may be extensions"))
    else:
        cards += [("PCOUNT", 0, ""), ("GCOUNT", 1, ""), ("EXTNAME", unit.name.upper(), "")]
    if unit.bunit:
        cards.append(("BUNIT", unit.bunit, "unit of the pixels"))
    return card_images([*cards, *further])


def card_images(cards: Iterable[Card]) -> list[str]:
    """Write cards, and announce long strings as fitsverify wants it.

    Parameters
    ----------
    cards : iterable of (keyword, value, comment)

    Returns
    -------
    list of str
        Each 80 characters or a multiple.
    """
    images = [card_image(*card) for card in cards]
    if any(len(image) > CARD_LENGTH for image in images):
        images.append(card_image("LONGSTRN", "OGIP 1.0", "long strings go on in CONTINUE cards"))
    return images


def settled_header(images: Sequence[str], data_sum: int) -> bytes:
    """Give the header blocks of a unit with CHECKSUM and DATASUM.

    Parameters
    ----------
    images : sequence of str
        All cards but END and those of the checksums.
    data_sum : int
        The `datasum` of the data.

    Returns
    -------
    bytes
        Whole blocks.
    """

    def header(checksum: str) -> bytes:
        """Give the blocks with one value of CHECKSUM."""
        sums = (
            card_image("CHECKSUM", checksum, "check of the whole unit"),
            card_image("DATASUM", str(data_sum), "sum of the data unit"),
        )
        text = "".join((*images, *sums, "END"))
        return text.ljust(padded(len(text))).encode("ascii")

    total = add_sums(datasum(header("0" * CHECKSUM_LENGTH)), data_sum)
    return header(encode_checksum(total))
