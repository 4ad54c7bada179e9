"""Lists of stars as FITS_LDAC, the catalogue format of SExtractor that SCAMP reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.io.bintable import Column, table_unit
from photomitrus_cli.io.cardvalue import CARD_LENGTH, Card, card_image
from photomitrus_cli.io.fitsstream import ImageUnit, StreamedFits
from photomitrus_cli.prime.sources import Sources


def write_ldac(path: Path, sources: Sources, cards: Sequence[Card], wcs: TanSip | None) -> None:
    """Write the stars of a frame, under the names that SExtractor gives to such numbers.

    Parameters
    ----------
    path : Path
        Must not exist.
    sources : Sources
    cards : sequence of (keyword, value, comment)
        The header of the frame.
    wcs : TanSip or None
        For the positions on the sky.

    Raises
    ------
    OSError
        When the disk is full or fails.
    """
    text = "".join(card_image(*card) for card in cards) + "END".ljust(CARD_LENGTH)
    header = np.array([text.encode("ascii")])
    shape: list[Card] = [("TDIM1", f"({CARD_LENGTH}, {len(text) // CARD_LENGTH})", "")]
    with StreamedFits(path, [ImageUnit("PRIMARY")]) as stream:
        stream.append(table_unit("LDAC_IMHEAD", [Column("Field Header Card", header)], shape))
        stream.append(table_unit("LDAC_OBJECTS", _columns(sources, wcs)))
        stream.finish()


def _columns(sources: Sources, wcs: TanSip | None) -> list[Column]:
    one = sources
    columns = [
        Column("NUMBER", np.arange(1, one.x.size + 1, dtype=np.int32), "", "brightest first"),
        Column("XWIN_IMAGE", one.x + 1.0, "pix", "the centre of the first pixel is 1"),
        Column("YWIN_IMAGE", one.y + 1.0, "pix"),
        Column("ERRAWIN_IMAGE", np.maximum(one.x_err, one.y_err), "pix"),
        Column("ERRBWIN_IMAGE", np.minimum(one.x_err, one.y_err), "pix"),
        Column("ERRTHETAWIN_IMAGE", np.where(one.y_err > one.x_err, 90.0, 0.0), "deg"),
        Column("FLUX_APER", one.flux, "", "within 1.5 FWHM, unit of the frame"),
        Column("FLUXERR_APER", one.flux_err),
        Column("FLUX_RADIUS", 0.5 * one.fwhm, "pix", "of half of the light"),
        Column("FWHM_IMAGE", one.fwhm, "pix", "twice the radius of half of the light"),
        Column("ELLIPTICITY", one.ellipticity),
        Column("ELONGATION", 1.0 / np.maximum(1.0 - one.ellipticity, 1e-3)),
        Column("FLAGS", one.flags.astype(np.int32)),
        Column("SNR_WIN", one.snr),
    ]
    if wcs is not None:
        ra, dec = wcs.sky(one.x, one.y)
        columns += [Column("ALPHAWIN_J2000", ra, "deg", "ICRS"), Column("DELTAWIN_J2000", dec, "deg", "ICRS")]
    return columns
