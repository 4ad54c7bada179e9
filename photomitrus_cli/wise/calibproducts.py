"""The maps of a calibrated band as FITS files and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from photomitrus_cli.io.atomic import FileRecord, writing
from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.io.healpixfile import PartialMap, write_partial_map
from photomitrus_cli.run.provenance import Product
from photomitrus_cli.wise.calibdifferences import Difference
from photomitrus_cli.wise.calibmaps import MASK_BITS
from photomitrus_cli.wise.calibpictures import draw_picture

DIFFERENCES = ("half", "oddeven", "updown")
TABLES = ("calibration", "residuals")
CHARTS = ("calibration", "residuals", "stripes")
# What the picture of the full sky shows.
_SHOWN = ("SKY", "ZODI", "SIGMA", "SCANS")


def product_of(
    folder: Path, band: int, *, pictures: bool, differences: Sequence[str] = DIFFERENCES
) -> Product:
    """Give the product of a band: the full sky, differences, tables, pictures.

    Parameters
    ----------
    folder : Path
    band : int
    pictures : bool
        Whether there are PNG files, of each map and of charts.
    differences : sequence of str
        Those of `DIFFERENCES` that there are: a half without a scan makes none.

    Returns
    -------
    Product
    """
    maps = [map_stem(band, kind) for kind in ("fullsky", *differences)]
    files = [f"{stem}.fits" for stem in maps] + [f"w{band}_{table}.ecsv" for table in TABLES]
    if pictures:
        files += [f"{stem}.png" for stem in maps] + [f"w{band}_{chart}.png" for chart in CHARTS]
    return Product(folder, f"w{band}_calibrate", tuple(files))


def map_stem(band: int, kind: str) -> str:
    """Give the name of the file of a map without its suffix."""
    return f"w{band}_{kind}"


def write_full_sky(
    folder: Path, band: int, sky: PartialMap, cards: Sequence[Card], *, picture: bool
) -> FileRecord:
    """Write the map of the full sky.

    Parameters
    ----------
    folder : Path
    band : int
    sky : PartialMap
        From `calibmaps.full_sky`.
    cards : sequence of (keyword, value, comment)
        Of the primary header; those that say what the bits of MASK are get added.
    picture : bool
        Whether to draw it, too.

    Returns
    -------
    FileRecord
        Of the FITS file.

    Raises
    ------
    WriteError
        When a file cannot be written.
    """
    bits = [(f"BIT{bit.bit_length() - 1}", text, f"value {bit} of MASK") for bit, text in MASK_BITS.items()]
    stem = folder / map_stem(band, "fullsky")
    title = f"WISE W{band}: sky without zodiacal light, zodiacal light, random error, scans"
    if picture:
        _draw(stem, sky, _SHOWN, title)
    return write_partial_map(stem.with_suffix(".fits"), sky, cards=[*cards, *bits], name="FULLSKY")


def write_difference(
    folder: Path, band: int, difference: Difference, cards: Sequence[Card], *, picture: bool
) -> FileRecord | None:
    """Write half the difference between two halves of the scans, and in its header how large it is.

    Parameters
    ----------
    folder : Path
    band : int
    difference : Difference
    cards : sequence of (keyword, value, comment)
        Of the primary header.
    picture : bool
        Whether to draw it, too.

    Returns
    -------
    FileRecord or None
        Of the FITS file; None when no pixel was seen by both halves. Then files of an older run are removed.

    Raises
    ------
    WriteError
        When a file cannot be written.
    """
    stem = folder / map_stem(band, difference.name)
    if difference.map is None:
        for suffix in (".fits", ".png"):
            with writing(stem.with_suffix(suffix)):
                stem.with_suffix(suffix).unlink(missing_ok=True)
        return None
    facts = difference.facts
    own: list[Card] = [
        ("JACKKNIF", difference.title, "DIFF is half of this"),
        ("DIFFMEAN", facts["mean"], "[MJy/sr] mean of DIFF"),
        ("DIFFRMS", facts["rms"], "[MJy/sr] rms of DIFF"),
        ("DIFFCHI2", facts["chi2"], "mean of (DIFF / SIGMA)^2"),
        ("DIFFCHIM", facts["chi2_typical"], "the same from the median, without outliers"),
    ]
    if picture:
        title = f"WISE W{band}: half of ({difference.title}), random error"
        _draw(stem, difference.map, ("DIFF", "SIGMA"), title)
    return write_partial_map(
        stem.with_suffix(".fits"), difference.map, cards=[*cards, *own], name=difference.name.upper()
    )


def _draw(stem: Path, sky: PartialMap, columns: Sequence[str], title: str) -> None:
    def draw(part: Path) -> None:
        """Draw the columns."""
        from photomitrus_cli.report.skymap import draw_columns

        draw_columns(part, sky, columns, title=title, signed=("DIFF",))

    draw_picture(stem.with_suffix(".png"), draw)
