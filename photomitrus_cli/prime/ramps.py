"""The files of a chip: where they are and what their names say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.prime.instrument import Instrument


@dataclass(frozen=True)
class Ramp:
    """A file that is a frame by its name.

    Attributes
    ----------
    path : Path
    serial : str
        What identifies it among the frames of its chip.
    """

    path: Path
    serial: str

    def __str__(self) -> str:
        return str(self.path)


def ramp_folder(parent: Path, chip: int, instrument: Instrument) -> Path:
    """Give the folder that holds the frames of a chip."""
    return parent / instrument.names.folder.format(chip=chip)


def chips_present(parent: Path, instrument: Instrument) -> list[int]:
    """Tell for which chips there is a folder below a parent folder.

    Raises
    ------
    InputError
        When the parent folder is absent.
    """
    if not parent.is_dir():
        raise InputError(
            f"{parent}: no such folder", hint="-parent names the folder of one band of one field"
        )
    return [number for number in sorted(instrument.chips) if ramp_folder(parent, number, instrument).is_dir()]


def find_ramps(parent: Path, chip: int, instrument: Instrument) -> list[Ramp]:
    """Find the frames of a chip by their names.

    Parameters
    ----------
    parent : Path
        The folder of one band of one field.
    chip : int
    instrument : Instrument

    Returns
    -------
    list of Ramp
        In the order of their serials; other files in the folder do not matter.

    Raises
    ------
    InputError
        When the folder is absent or cannot be read, a name is one of another chip, or two files have one
        serial.
    NoDataError
        When no name is that of a frame.
    """
    folder = ramp_folder(parent, chip, instrument)
    pattern = instrument.names.pattern
    found: dict[str, Ramp] = {}
    names = _names(folder, parent, instrument)
    for name in names:
        match = pattern.fullmatch(name)
        if match is None:
            continue
        stated = match.groupdict().get("chip")
        if stated not in (None, str(chip)):
            # Where all chips share a folder, the others are not meant.
            if "{chip}" not in instrument.names.folder:
                continue
            hint = f"move it to {parent / instrument.names.folder.format(chip=stated)}"
            raise InputError(f"{folder / name}: is of chip {stated} by its name, not {chip}", hint=hint)
        serial = match["serial"]
        if serial in found:
            twin = found[serial].path.name
            raise InputError(f"{folder / name}: has the same number as {twin}", hint="remove one of the two")
        found[serial] = Ramp(folder / name, serial)
    if not found:
        other = [name for name in names if ".fits" in name]
        there = f"; there are {len(other)} others, such as {other[0]}" if other else ""
        endings = ", ".join(instrument.names.endings)
        raise NoDataError(
            f"{folder}: no file is named as a frame of {instrument.name}{there}",
            hint=f"names match {instrument.names.stem} and end in {endings} (also .gz, .fz)",
        )
    return [found[serial] for serial in sorted(found)]


def _names(folder: Path, parent: Path, instrument: Instrument) -> list[str]:
    if not folder.is_dir():
        present = chips_present(parent, instrument)
        others = [ramp_folder(parent, number, instrument).name for number in present]
        there = f"there is {', '.join(others)}" if others else "the frames of a chip are expected there"
        raise InputError(f"{folder}: no such folder", hint=there)
    try:
        # Broken links and pipes stay: readers say what is wrong with a frame.
        return sorted(path.name for path in folder.iterdir() if not path.is_dir())
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be read: {error.strerror or error}") from error
