"""Names of what a stack of one chip writes, as users of the instrument's own pipeline know them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

# What a name of a file must not have, with the dots that separate its parts.
_UNSAFE = re.compile(r"[^\w+-]+")
_PACKED = ".fz"


def stack_label(filters: tuple[str, ...], first: str, last: str, chip: int) -> str:
    """Give the part that all products of a stack have in their names.

    Parameters
    ----------
    filters : tuple of str
        One for each wheel.
    first, last : str
        Serials of the first and the last frame.
    chip : int

    Returns
    -------
    str
        ``Open-J.01599131-01599329.C1``.
    """
    wheels = "-".join(_UNSAFE.sub("_", name).strip("_") for name in filters)
    return f"{wheels}.{first}-{last}.C{chip}"


@dataclass(frozen=True)
class StackNames:
    """Where the products of a stack are.

    Attributes
    ----------
    folder : Path
        The parent folder of the frames, or the folder given for products.
    label : str
        From `stack_label`.
    ending : str
        Of the names of images.
    """

    folder: Path
    label: str
    ending: str = ".fits"

    @property
    def sky(self) -> Path:
        """The sky of all frames."""
        return self.folder / "sky" / f"sky.{self.label}{self.ending}"

    @property
    def coadd(self) -> Path:
        """The stack."""
        return self.folder / "stack" / f"coadd.{self.label}{self.ending}"

    @property
    def weight(self) -> Path:
        """The weights of the stack."""
        return self.folder / "stack" / f"weight.{self.label}{self.ending}"

    @property
    def of_other_packing(self) -> list[Path]:
        """The same images under the names that they have packed, or unpacked."""
        plain = self.ending.removesuffix(_PACKED)
        twin = replace(self, ending=plain if self.ending != plain else plain + _PACKED)
        return [twin.coadd, twin.weight, twin.sky]

    @property
    def picture(self) -> Path:
        """The stack as a picture, beside its coverage."""
        return self.folder / "stack" / f"coadd.{self.label}.png"

    @property
    def pictures(self) -> list[Path]:
        """All pictures: the stack, positions, stars, frames in time, a frame with and without its sky."""
        kinds = ("positions", "stars", "frames", "sky")
        return [self.picture, *(self.picture.with_suffix(f".{kind}.png") for kind in kinds)]

    @property
    def qa(self) -> Path:
        """What tells how good the stack is, in numbers."""
        return self.folder / "stack" / f"coadd.{self.label}.qa.json"


@dataclass(frozen=True)
class FrameNames:
    """Where what is kept of one frame is.

    Attributes
    ----------
    folder : Path
        The parent folder of the frames, or the folder given for products.
    chip : int
    serial : str
    """

    folder: Path
    chip: int
    serial: str

    @property
    def initial(self) -> Path:
        """The header with the first geometry."""
        return self._path("astrom", ".ramp.new")

    @property
    def solver_log(self) -> Path:
        """What solve-field said."""
        return self._path("astrom", ".solve-field.log")

    @property
    def flat(self) -> Path:
        """The frame over the flat."""
        return self._path("FF", ".flat.fits")

    @property
    def subtracted(self) -> Path:
        """The frame less its sky."""
        return self._path("sub", ".sky.flat.fits")

    @property
    def catalogue(self) -> Path:
        """Its stars."""
        return self._path("sub", ".sky.flat.cat")

    @property
    def head(self) -> Path:
        """Its fitted geometry as text."""
        return self._path("sub", ".sky.flat.head")

    @property
    def paths(self) -> list[Path]:
        """All of them."""
        return [self.initial, self.solver_log, self.flat, self.subtracted, self.catalogue, self.head]

    def _path(self, kind: str, ending: str) -> Path:
        stem = f"{_UNSAFE.sub('_', self.serial)}C{self.chip}"
        return self.folder / f"C{self.chip}_{kind}" / f"{stem}{ending}"
