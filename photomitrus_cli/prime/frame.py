"""One frame, known by its header alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.cardvalue import Value
from photomitrus_cli.io.fitsread import ImageSource, read_header
from photomitrus_cli.prime.headerpointing import pointing_of, rotation_of
from photomitrus_cli.prime.headers import chip_of, exposure_of, filters_of
from photomitrus_cli.prime.headertimes import mjd_of
from photomitrus_cli.prime.instrument import Instrument
from photomitrus_cli.prime.ramps import Ramp
from photomitrus_cli.prime.window import Window

_DAY_S = 86400.0


@dataclass(frozen=True)
class Frame:
    """One frame, known by its header.

    Attributes
    ----------
    source : ImageSource
        For `read_pixels`.
    serial : str
        From its name.
    chip : int
    filters : tuple of str
        One for each wheel.
    mjd : float
        Start of the exposure, UTC.
    exptime : float
        Seconds, of all coadded exposures together.
    n_frames : int
        Reads of the ramp, 1 for other exposures.
    coadds : int
        Exposures that were added up.
    pointing : tuple of float
        (ra, dec) of the telescope, degrees ICRS.
    rotation : float
        Rotator angle, degrees.
    rotation_source : str
        ``option``, the keyword that it is from, or ``default``.
    window : Window
        Where the active area is in the file.
    facts : mapping of str to bool, int, float or str
        The keywords that products are to repeat.
    """

    source: ImageSource
    serial: str
    chip: int
    filters: tuple[str, ...]
    mjd: float
    exptime: float
    n_frames: int
    coadds: int
    pointing: tuple[float, float]
    rotation: float
    rotation_source: str
    window: Window
    facts: Mapping[str, Value]

    @property
    def path(self) -> Path:
        """The frame's file."""
        return self.source.path

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx) of the active area."""
        return self.window.shape

    @property
    def mjd_middle(self) -> float:
        """Middle of the exposure, MJD UTC."""
        return self.mjd + 0.5 * self.exptime / _DAY_S


def read_frame(ramp: Ramp, chip: int, instrument: Instrument, rotation: float | None = None) -> Frame:
    """Read the header of a frame.

    Parameters
    ----------
    ramp : Ramp
    chip : int
        What it must be of.
    instrument : Instrument
    rotation : float, optional
        Rotator angle instead of the header's, degrees.

    Returns
    -------
    Frame

    Raises
    ------
    InputError
        When the file is broken, lacks a keyword, is of another chip or of no shape of the detector.
    """
    cards, source = read_header(ramp.path)
    found = chip_of(cards, instrument)
    if found not in (None, chip):
        raise InputError(
            f"{ramp.path}: is of chip {found} by its header, not {chip}",
            hint=f"move it, or use -chip {found}",
        )
    exptime, n_frames, coadds = exposure_of(cards, instrument)
    angle, source_of_angle = rotation_of(cards, instrument, rotation)
    return Frame(
        source=source,
        serial=ramp.serial,
        chip=chip,
        filters=filters_of(cards, instrument),
        mjd=mjd_of(cards, instrument),
        exptime=exptime,
        n_frames=n_frames,
        coadds=coadds,
        pointing=pointing_of(cards, instrument),
        rotation=angle,
        rotation_source=source_of_angle,
        window=instrument.detector.window(_shape(cards), ramp.path),
        facts={key: cards[key] for key in instrument.keywords.copied if key in cards},
    )


def _shape(cards: Cards) -> tuple[int, ...]:
    return tuple(cards.integer(f"NAXIS{axis}") for axis in range(cards.integer("NAXIS"), 0, -1))
