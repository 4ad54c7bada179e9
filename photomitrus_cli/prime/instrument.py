"""Instrument descriptions: a camera with its bands and chips, from a YAML file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.prime.chips import Chip, Degrees, Finite, Positive
from photomitrus_cli.prime.instrumentparts import Detector, FileNames, Keywords
from photomitrus_cli.run.config import Section, build, packaged_tree, read_config_file
from photomitrus_cli.run.layers import Layers

GeometryKind = Literal["template", "corners", "header"]

_FOLDER = "instruments"


class Band(Section):
    """A filter as photometry sees it.

    Attributes
    ----------
    zero_point : float or None
        Vega magnitude of 1 unit of the frames.
    ab_minus_vega : float or None
        Magnitudes.
    wavelength, width : float or None
        Centre and full width at half maximum, nm.
    """

    zero_point: Finite | None = None
    ab_minus_vega: Finite | None = None
    wavelength: Positive | None = None
    width: Positive | None = None


class Instrument(Section):
    """A camera.

    Attributes
    ----------
    name : str
    keywords : Keywords
    names : FileNames
    detector : Detector
    geometry : {'template', 'corners', 'header'}
        Where the first geometry of frames comes from.
    rotation : float
        Rotator angle of frames whose header has none, degrees.
    clear : tuple of str
        Names of empty places in filter wheels, in lower case.
    closed : tuple of str
        Names of places that let no light through, in lower case.
    bands : mapping of str to Band
    chips : mapping of int to Chip
    """

    name: str
    keywords: Keywords
    names: FileNames
    detector: Detector
    geometry: GeometryKind = "template"
    rotation: Degrees = 0.0
    clear: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    bands: Mapping[str, Band] = {}
    chips: Mapping[int, Chip] = Field(min_length=1)

    @field_validator("clear", "closed")
    @classmethod
    def _lower(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name.lower() for name in names)

    def chip(self, number: int) -> Chip:
        """Give a chip.

        Parameters
        ----------
        number : int

        Returns
        -------
        Chip

        Raises
        ------
        ConfigError
            When the camera has no such chip.
        """
        if number not in self.chips:
            known = ", ".join(map(str, sorted(self.chips)))
            raise ConfigError(f"{self.name} has no chip {number}", hint=f"its chips are {known}")
        return self.chips[number]


def packaged_instruments() -> list[str]:
    """Name the instruments whose descriptions come with the program."""
    folder = files("photomitrus_cli.configs") / _FOLDER
    names = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def load_instrument(which: str | Path) -> Instrument:
    """Read an instrument description.

    Parameters
    ----------
    which : str or Path
        Name of a packaged description, or path of a YAML file.

    Returns
    -------
    Instrument

    Raises
    ------
    ConfigError
        When there is none of that name, or naming file, line and key of what is wrong in it.
    """
    text = str(which)
    layers = Layers()
    if isinstance(which, Path) or "/" in text or text.endswith((".yaml", ".yml")):
        path = Path(which)
        layers.add_tree(read_config_file(path), text, path.resolve().parent)
        return build(Instrument, layers)
    known = packaged_instruments()
    if text not in known:
        near = difflib.get_close_matches(text, known, n=1)
        hint = (
            f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}, or the path of a file"
        )
        raise ConfigError(f"there is no description of an instrument '{text}'", hint=hint)
    layers.add_tree(packaged_tree(f"{_FOLDER}/{text}"), f"packaged {text}.yaml", Path())
    return build(Instrument, layers)
