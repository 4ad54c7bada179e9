"""Damage to one file that has a name: what tests of faults do to an input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from truthkit.faultkit import edit, replace_card
from truthkit.mutations import gzip_bomb

Damage = Callable[[Path], object]


def flip(path: Path) -> None:
    """Flip a bit of the data, which the sum of the file tells."""
    with fits.open(path) as hdus:
        for hdu in hdus:
            hdu.data = None if hdu.data is None else hdu.data.copy()
        hdus.writeto(path, overwrite=True, checksum=True)
        data = hdus[-1].fileinfo()["datLoc"]
    content = bytearray(path.read_bytes())
    content[data + 40] ^= 0x10
    path.write_bytes(bytes(content))


def blank(path: Path) -> None:
    """Put NaN in every pixel of an image, or in the column of values of a map."""
    with fits.open(path) as hdus:
        pixels = None if hdus[0].data is None else np.full_like(hdus[0].data, np.nan)
    if pixels is None:
        with fits.open(path, mode="update") as hdus:
            hdus[1].data["VALUE"] = np.nan
            hdus[1].add_datasum()
    else:
        edit(path, data=pixels)


def unit_of(name: str, unit: str) -> Damage:
    """Give a column of a map another unit."""

    def change(path: Path) -> None:
        """Write the unit with a sum that is right."""
        with fits.open(path, mode="update") as hdus:
            hdus[1].columns[name].unit = unit
            hdus[1].add_checksum()

    return change


def card(key: str, value: str) -> Damage:
    """Give a card another text."""
    return lambda path: replace_card(path, key, f"'{value}'")


def all_frames(key: str, value: str) -> Damage:
    """Give a card of all files of a folder another text."""

    def change(path: Path) -> None:
        """Write the card beside a file and in it."""
        changed: dict[str, Any] = {key: value}
        for one in path.parent.glob("*.fits"):
            edit(one, **changed)

    return change


def text(content: str) -> Damage:
    """Put other text in the place of a table."""
    return lambda path: path.write_text(content, encoding="utf-8")


def truncate(path: Path) -> None:
    """Cut a file off in its header or its first table."""
    path.write_bytes(path.read_bytes()[:2000])


def declare(path: Path) -> None:
    """Declare more axes than there are numbers for."""
    replace_card(path, "NAXIS", "1" * 20)


def bomb(path: Path) -> None:
    """Pack 100 MB behind the header of an image that is larger still."""
    path.write_bytes(gzip_bomb(path.read_bytes(), 2_000_000))


def repeat(path: Path) -> None:
    """Put a second file with the same content beside it, under another name that would be taken."""
    head, _, tail = path.name.partition(".")
    more = path.with_name(f"{head}.again.{tail}" if "w3_" in head else f"{head}.fits")
    more.write_bytes(path.read_bytes())


def loop(path: Path) -> None:
    """Put a link that leads to itself in the place of a file."""
    path.unlink()
    path.symlink_to(path.name)
