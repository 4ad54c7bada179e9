"""The frames of one map of a coadd, its units of work and its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from photomitrus_cli.run.provenance import Product, run_key
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.framefiles import FrameRef, companion, existing
from photomitrus_cli.wise.oneframe import FramesTask

# A crash of a worker costs the frames of its unit.
FRAMES_PER_UNIT = 8
# Settings that choose what is made and where, not what a map holds.
_OUTSIDE = {"frames", "output", "scans", "all_scans_map", "pictures", "timestamps"}


@dataclass(frozen=True)
class Group:
    """The frames of one map.

    Attributes
    ----------
    name : str
        A scan id, or mjd55238 and week55235.
    frames : tuple of FrameRef
        In the order of time.
    product : Product
    """

    name: str
    frames: tuple[FrameRef, ...]
    product: Product

    def tasks(self, settings: CoaddSettings, *, keep_going: bool) -> list[FramesTask]:
        """Cut the frames into units of work; the same ones for any number of workers."""
        return [
            FramesTask(
                f"frames {start + 1} to {start + len(part)} of {self.name}", part, settings, keep_going
            )
            for start in range(0, len(self.frames), FRAMES_PER_UNIT)
            if (part := self.frames[start : start + FRAMES_PER_UNIT])
        ]

    def key(self, settings: CoaddSettings) -> str:
        """Identify the product by its settings and the state of its inputs."""
        decisive = settings.model_dump(mode="json", exclude=_OUTSIDE) | {
            "frames": [[ref.name, ref.mjd, ref.moon_sep] for ref in self.frames],
            "files": list(self.product.files),
        }
        return run_key("wise coadd", decisive, [path for ref in self.frames for path in files_of(ref)])


def product_of(settings: CoaddSettings, name: str) -> Product:
    """Give the files of one map.

    Parameters
    ----------
    settings : CoaddSettings
    name : str
        Of the group.

    Returns
    -------
    Product
    """
    stem = f"w{settings.band}_{name}"
    files = [f"{stem}.fits"]
    if settings.pictures:
        files.append(f"{stem}.png")
    if settings.timestamps:
        files.append(f"band_w{settings.band}_orbit_{name}_pixel_timestamps.csv")
    return Product(settings.output, stem, tuple(files))


def product_of_everything(path: Path) -> Product:
    """Give the files of the map of all scans.

    Parameters
    ----------
    path : Path
        As the user names it.

    Returns
    -------
    Product
    """
    return Product(path.parent, path.name.removesuffix(".fits"), (path.name,))


def files_of(ref: FrameRef) -> list[Path]:
    """List the files of a frame that there are."""
    path = existing(ref.path)
    if path is None:
        return []
    beside = [companion(path, kind) for kind in ("unc", "msk")]
    return [path, *(one for one in beside if one is not None)]
