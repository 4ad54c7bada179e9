"""What the header and the manifest of a map tell, read without its pixels: a survey has thousands of maps."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.blocks import BlockReader, open_blocks
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.cardvalue import CARD_LENGTH, Value, parse_field
from photomitrus_cli.io.healpixfile import scheme_of
from photomitrus_cli.io.structure import MAX_BYTES, Unit, check_first_card, read_unit
from photomitrus_cli.run.provenance import Product

_EXTENSION = b"XTENSION="
_GROUPS = re.compile(r"(mjd|week)\d+")
_MAX_FIELDS = 999
# What a manifest ends with: the state and the files of the product. Before it stand hundreds of frames.
_TAIL_BYTES = 8192
_STATUS = b'"status": '
# Cards of the coadd's settings that maps of one calibration should share.
_SETTINGS = ("WEIGHTS", "MASKS", "SPIKES", "STARS")


@dataclass(frozen=True, slots=True)
class MapHeader:
    """A map of ``wise coadd`` by its header.

    Attributes
    ----------
    path : Path
    name : str
        Of the scan; of a day or week, the group's.
    kind : str
        "scan", "day" or "week".
    band, nside : int
    system : {'galactic', 'ecliptic', 'equatorial'}
    unit : str
        Of the column VALUE.
    n_pixels, n_bytes : int
        Map pixels, and size of the file.
    mjd_first, mjd_last : float
        Of its frames, UTC, d.
    magzp : float or None
        Zero point that the frames were brought to, mag; None where they were left as they are.
    settings : tuple of (str, value)
        Cards of further settings of the coadd.
    """

    path: Path
    name: str
    kind: str
    band: int
    nside: int
    system: str
    unit: str
    n_pixels: int
    n_bytes: int
    mjd_first: float
    mjd_last: float
    magzp: float | None
    settings: tuple[tuple[str, Value | None], ...]


def read_map_header(path: Path) -> MapHeader | None:
    """Read the headers of a file.

    Parameters
    ----------
    path : Path
        A FITS file.

    Returns
    -------
    MapHeader or None
        None for everything but the map of a scan, day or week that ``wise coadd`` has written.

    Raises
    ------
    InputError
        When the file is missing, unreadable, no FITS file or truncated, or such a map lacks a card.
    """
    with open_blocks(path) as blocks:
        check_first_card(blocks)
        primary = read_unit(blocks, MAX_BYTES)
        table = _table(blocks, primary)
        n_bytes = blocks.n_bytes
    cards = primary.cards
    if table is None or table.get("EXTNAME") != "COADD" or "OBJECT" not in cards:
        return None
    name = cards.text("OBJECT")
    nside, system = scheme_of(table)
    return MapHeader(
        path,
        name,
        _kind(primary, name),
        cards.integer("BAND"),
        nside,
        system,
        _unit_of(table, "VALUE"),
        table.integer("NAXIS2"),
        n_bytes,
        cards.number("MJD-BEG"),
        cards.number("MJD-END"),
        cards.number("MAGZP") if cards.get("ZPNORM") is True else None,
        tuple((key, cards.get(key)) for key in _SETTINGS),
    )


def read_state(header: MapHeader) -> str:
    """Read from the manifest whether a map is whole.

    Parameters
    ----------
    header : MapHeader

    Returns
    -------
    {'complete', 'partial'}
        Partial where frames failed under ``--keep-going``.

    Raises
    ------
    InputError
        When there is no manifest, or it tells of another file.
    """
    path = header.path
    manifest = Product(path.parent, path.stem, (path.name,)).manifest
    hint = f"run astromap wise coadd again for scan {header.name}"
    try:
        state = _end_of_manifest(manifest)
        sizes = {entry["name"]: entry["n_bytes"] for entry in state["outputs"]}
        status = str(state["status"])
    except FileNotFoundError as error:
        raise InputError(f"{path}: incomplete: there is no {manifest.name} beside it", hint=hint) from error
    except OSError as error:
        raise InputError(f"{manifest}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{manifest}: is no manifest", hint=hint) from error
    if sizes.get(path.name) != header.n_bytes:
        raise InputError(f"{path}: is not the file that {manifest.name} tells of", hint=hint)
    return status


def _table(blocks: BlockReader, primary: Unit) -> Cards | None:
    """Read the header of the first extension; that is where the coadd has its table."""
    blocks.skip(primary.padded)
    if blocks.peek(len(_EXTENSION)) != _EXTENSION:
        return None
    return read_unit(blocks, MAX_BYTES).cards


def _kind(primary: Unit, name: str) -> str:
    """Tell what a map is of: the comment of OBJECT says so, and the name where comments got lost."""
    comment = ""
    for start in range(0, len(primary.header), CARD_LENGTH):
        if primary.header.startswith(b"OBJECT  =", start):
            field = primary.header[start + 10 : start + CARD_LENGTH].decode("latin-1")
            comment = parse_field(field)[1]
            break
    if comment in ("scan", "day", "week"):
        return comment
    match = _GROUPS.fullmatch(name)
    return "scan" if match is None else {"mjd": "day", "week": "week"}[match[1]]


def _unit_of(table: Cards, column: str) -> str:
    for number in range(1, min(table.integer("TFIELDS"), _MAX_FIELDS) + 1):
        if table.get(f"TTYPE{number}") == column:
            return table.text(f"TUNIT{number}", "")
    raise InputError(f"{table.path}: has no column {column}")


def _end_of_manifest(path: Path) -> dict[str, Any]:
    """Read the end of a manifest, and all of it where that is not enough."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - _TAIL_BYTES))
        tail = stream.read()
    start = tail.rfind(_STATUS)
    if start >= 0:
        try:
            state: dict[str, Any] = json.loads(b"{" + tail[start:])
        except ValueError:
            pass
        else:
            if "outputs" in state:
                return state
    whole: dict[str, Any] = json.loads(path.read_bytes())
    return whole
