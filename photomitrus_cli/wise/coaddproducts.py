"""The products of a coadd: the map of a scan as FITS and picture, and the original's table of times."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.io.atomic import FileRecord, atomic_path
from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.io.healpixfile import PartialMap, write_partial_map
from photomitrus_cli.run.provenance import RunRecord
from photomitrus_cli.wise.coaddgroups import Group
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.facts import WAVELENGTH_UM
from photomitrus_cli.wise.mapsums import ScanSums
from photomitrus_cli.wise.runcards import run_cards

UNITS = {
    "VALUE": "DN",
    "SIGMA": "DN",
    "MJD": "d",
    "MIN": "DN",
    "MAX": "DN",
    "OFF_EAST": "arcsec",
    "OFF_NORTH": "arcsec",
}
MASK_BITS = {
    0: "masked pixels of the detector: bits, NaN, no uncertainty",
    1: "saturated pixels",
    2: "sharp outliers were rejected",
    3: "stars were masked",
    4: "a refused frame reaches here",
    5: "values that the other scans contradict were rejected",
    6: "an estimated uncertainty contributes",
    7: "fewer than 3 frames",
}
_DESCRIPTIONS = {
    "VALUE": "weighted mean of the used detector pixels",
    "SIGMA": "1-sigma uncertainty of VALUE from those of the pixels",
    "HITS": "number of used detector pixels",
    "FRAMES": "number of frames",
    "MJD": "weighted mean time, UTC",
    "MIN": "smallest used detector pixel",
    "MAX": "largest used detector pixel",
    "WEIGHT": "sum of the weights",
    "MASK": "bits, see BIT0 ...",
    "OFF_EAST": "mean place of the used detector pixels, east of the centre",
    "OFF_NORTH": "the same, north",
}


def map_of(sums: ScanSums, settings: CoaddSettings) -> PartialMap:
    """Lay out the columns of a map.

    Parameters
    ----------
    sums : ScanSums
    settings : CoaddSettings

    Returns
    -------
    PartialMap
        Pixels that only rejected detector pixels fall on have NaN values and 0 hits.
    """
    columns: dict[str, NDArray[Any]] = {
        "VALUE": sums.value,
        "SIGMA": sums.sigma,
        "HITS": sums.hits.astype(np.int32),
        "FRAMES": sums.frames.astype(np.int32),
        "MJD": sums.mjd,
        "MIN": sums.low.astype(np.float32),
        "MAX": sums.high.astype(np.float32),
        "WEIGHT": sums.weight,
        "MASK": sums.mask.astype(np.int32),
        "OFF_EAST": sums.east.astype(np.float32),
        "OFF_NORTH": sums.north.astype(np.float32),
    }
    return PartialMap(settings.nside, settings.system, sums.pixels, columns, UNITS, _DESCRIPTIONS)


def write_products(
    group: Group, sky: PartialMap, record: RunRecord, facts: Mapping[str, Any], settings: CoaddSettings
) -> list[FileRecord]:
    """Write the files of a map.

    Parameters
    ----------
    group : Group
    sky : PartialMap
    record : RunRecord
        With its units.
    facts : mapping
        Numbers of the group.
    settings : CoaddSettings

    Returns
    -------
    list of FileRecord
        Of the FITS file.

    Raises
    ------
    NoDataError
        When the map has no pixels.
    WriteError
        When a file cannot be written.
    """
    paths = {path.suffix: path for path in group.product.paths}
    title = f"WISE band {settings.band}, {settings.group} {group.name}"
    # An old manifest says nothing about the new files.
    group.product.manifest.unlink(missing_ok=True)
    cards = [*primary_cards(record, facts, settings), ("OBJECT", group.name, settings.group)]
    written = [write_partial_map(paths[".fits"], sky, cards=cards, name="COADD")]
    if ".png" in paths:
        from photomitrus_cli.report.skymap import draw_coadd

        with atomic_path(paths[".png"]) as part:
            draw_coadd(part, sky, title)
    if ".csv" in paths:
        _write_timestamps(paths[".csv"], sky)
    return written


def primary_cards(record: RunRecord, facts: Mapping[str, Any], settings: CoaddSettings) -> list[Card]:
    """Give the cards of the primary header.

    Parameters
    ----------
    record : RunRecord
    facts : mapping
        ``n_used``, ``n_refused``, ``n_failed``, ``mjd_first``, ``mjd_last`` of the frames.
    settings : CoaddSettings
    """
    nominal = settings.magzp_nominal[settings.band - 1]
    return [
        *run_cards(record, settings.band),
        ("WAVELEN", WAVELENGTH_UM[settings.band], "[um] isophotal wavelength"),
        ("NFRAMES", int(facts["n_used"]), "frames used"),
        ("NREFUSED", int(facts["n_refused"]), "frames skipped"),
        ("NFAILED", int(facts["n_failed"]), "frames that could not be read"),
        ("WEIGHTS", settings.weights, "weights: one per frame, or of each pixel"),
        ("MASKS", settings.masks, "mask bits that make a pixel unusable"),
        ("SPIKES", settings.spikes, "sharp outliers rejected"),
        ("STARS", not settings.mask_stars, "stars kept"),
        ("ZPNORM", settings.magzp, "frames brought to one zero point"),
        ("MAGZP", nominal if settings.magzp else 0.0, "[mag] that zero point; 0 for none"),
        ("TIMESYS", "UTC", "time system"),
        ("MJD-BEG", float(facts["mjd_first"]), "[d] middle of the first frame"),
        ("MJD-END", float(facts["mjd_last"]), "[d] middle of the last frame"),
        *((f"BIT{bit}", meaning, f"value {1 << bit}") for bit, meaning in MASK_BITS.items()),
    ]


def _write_timestamps(final: Path, sky: PartialMap) -> None:
    """Write the table of the original: only pixels with data, and a column of row numbers without a name."""
    columns = sky.columns
    with atomic_path(final) as part, part.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(",hp_pixel_index,pixel_value,pixel_unc,pixel_mjd_obs\n")
        for row, k in enumerate(np.flatnonzero(columns["HITS"] > 0).tolist()):
            value, unc, mjd = (float(columns[name][k]) for name in ("VALUE", "SIGMA", "MJD"))
            stream.write(f"{row},{int(sky.pixels[k])},{value!r},{unc!r},{mjd!r}\n")
