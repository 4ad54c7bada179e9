"""Parts of an instrument description: keywords, names of files, the detector."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from photomitrus_cli.prime.chips import Finite, Positive
from photomitrus_cli.prime.detect import WIDTHS
from photomitrus_cli.prime.window import Window, find_window
from photomitrus_cli.run.config import Section


def _upper(keywords: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(keyword.upper() for keyword in keywords)


Names = Annotated[tuple[str, ...], AfterValidator(_upper)]


class Keywords(Section):
    """Header keywords of each fact, in the order in which they are tried.

    Attributes
    ----------
    ra, dec : tuple of str
        Pointing: numbers are degrees, sexagesimal text is hours and degrees.
    rotation, rotation_zero : tuple of str
        Rotator angle and what is taken off it; degrees, or arcsec above 360.
    mjd, date, time : tuple of str
        Start of the exposure, UTC: as a Modified Julian Date, or as a date with or without its time.
    exptime, coadds : tuple of str
        Seconds, and by how many they are multiplied.
    n_frames : tuple of str
        Reads in a ramp; one where there is no such keyword.
    filters : tuple of str
        One for each filter wheel, all of them needed.
    chip : tuple of str
        The chip's number or its label; empty where the camera has one chip.
    copied : tuple of str
        What products tell of their frames besides.
    """

    ra: Names
    dec: Names
    rotation: Names = ()
    rotation_zero: Names = ()
    mjd: Names = ()
    date: Names = ()
    time: Names = ()
    exptime: Names
    coadds: Names = ()
    n_frames: Names = ()
    filters: Names = Field(min_length=1)
    chip: Names = ()
    copied: Names = ()


class FileNames(Section):
    """Where the frames of a chip are and what they are called.

    Attributes
    ----------
    folder : str
        Below the parent folder; ``{chip}`` stands for the chip's number.
    stem : str
        Regular expression of a name without its ending, with the groups ``serial`` and, where names tell it,
        ``chip``.
    endings : tuple of str
        Of plain files; any of them may be followed by ``.gz`` or ``.fz``.
    """

    folder: str
    stem: str
    endings: tuple[str, ...] = Field(min_length=1)

    @field_validator("folder")
    @classmethod
    def _only_the_chip(cls, folder: str) -> str:
        try:
            folder.format(chip=1)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError("may hold {chip} and no other braces") from error
        return folder

    @field_validator("stem")
    @classmethod
    def _compiles(cls, stem: str) -> str:
        try:
            pattern = re.compile(stem)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if "serial" not in pattern.groupindex:
            raise ValueError("has no group (?P<serial>...)")
        return stem

    @property
    def pattern(self) -> re.Pattern[str]:
        """Whole file names, with the groups of `stem`."""
        endings = "|".join(map(re.escape, self.endings))
        return re.compile(f"(?:{self.stem})(?:{endings})(?:\\.gz|\\.fz)?")


class Detector(Section):
    """One chip as it is read out.

    Attributes
    ----------
    shape : tuple of int
        (ny, nx) of a whole frame as delivered.
    active : tuple of int
        Half-open y0, y1, x0, x1 of the pixels that see light.
    gain : float
        e-/ADU.
    read_noise : float
        e-, of one read of a ramp, or of the whole exposure where frames are no ramps.
    saturation : float
        Signal of one exposure, ADU, above which pixels are not trusted.
    invalid : float or None
        Value of pixels that hold nothing.
    channel_width : int or None
        Columns of one readout channel.
    per_read : bool
        Whether pixel values are ADU in one frame time (a slope) and not in the whole exposure.
    frame_time : float or None
        Seconds between two reads of a ramp.
    star_widths : tuple of float
        Smallest and largest full width at half maximum that a star may have, pixels of the frames.
    """

    shape: tuple[int, int]
    active: tuple[int, int, int, int]
    gain: Positive
    read_noise: Positive
    saturation: Positive
    invalid: Finite | None = None
    channel_width: int | None = Field(default=None, gt=0)
    per_read: bool = False
    frame_time: Positive | None = None
    star_widths: tuple[Positive, Positive] = WIDTHS

    @model_validator(mode="after")
    def _active_inside(self) -> Self:
        (ny, nx), (y0, y1, x0, x1) = self.shape, self.active
        if not (0 <= y0 < y1 <= ny and 0 <= x0 < x1 <= nx):
            raise ValueError(f"active {list(self.active)} does not lie within shape {list(self.shape)}")
        return self

    @property
    def unit(self) -> str:
        """Unit of the pixels: ``adu/frame`` or ``adu``."""
        return "adu/frame" if self.per_read else "adu"

    def window(self, shape: tuple[int, ...], path: object = "frame") -> Window:
        """Find the active area in an image of a whole, binned or cropped frame; see `find_window`."""
        return find_window(shape, self.shape, self.active, path)

    def limit(self, n_frames: int) -> float:
        """Give the pixel value of frames that stands for saturation.

        Parameters
        ----------
        n_frames : int
            Reads in the ramp.

        Returns
        -------
        float
            In the unit of the frames; a ramp of n reads spans n - 1 frame times. Reduced frames, of means of
            pixels, have the same.
        """
        return self.saturation / max(n_frames - 1, 1) if self.per_read else self.saturation
