"""Which frames of a coadd are put together to one map, its units of work and its files."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from photomitrus_cli.run.provenance import Product, run_key
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.framefiles import FrameRef, companion, existing
from photomitrus_cli.wise.oneframe import FramesTask

Grouping = Literal["scan", "day", "week"]

DAYS_PER_WEEK = 7
# A crash of a worker costs the frames of its unit.
FRAMES_PER_UNIT = 8
# Settings that choose what is made and where, not what a map holds.
_OUTSIDE = {"frames", "output", "scans", "all_scans_map", "pictures", "timestamps"}


def day_of(mjd: float) -> int:
    """Give the day of a time: the MJD whose midnight is nearest, so that a day runs from noon to noon UTC.

    Parameters
    ----------
    mjd : float
        MJD, d.

    Returns
    -------
    int
        d of d - 0.5 <= mjd < d + 0.5. WISEmapper rounds likewise, but halves to the even number.
    """
    return math.floor(mjd + 0.5)


def week_of(mjd: float) -> int:
    """Give the first day of the week of a time.

    Parameters
    ----------
    mjd : float
        MJD, d.

    Returns
    -------
    int
        The largest multiple of 7 that is not after `day_of`: weeks lie on a grid of their own, whatever
        frames there are. 55202, 6 January 2010, is one.
    """
    return day_of(mjd) // DAYS_PER_WEEK * DAYS_PER_WEEK


def group_name(grouping: Grouping, scan_id: str, mjd: float) -> str:
    """Name the group of a scan.

    Parameters
    ----------
    grouping : {'scan', 'day', 'week'}
    scan_id : str
    mjd : float
        Middle of the scan, d.

    Returns
    -------
    str
        ``01772a``, ``mjd55238`` or ``week55237``. Names never depend on which other frames there are.
    """
    if grouping == "scan":
        return scan_id
    return f"mjd{day_of(mjd)}" if grouping == "day" else f"week{week_of(mjd)}"


def group_frames(frames: Iterable[FrameRef], grouping: Grouping) -> dict[str, list[FrameRef]]:
    """Sort frames into groups.

    A scan is never split: it belongs to the day or week in which the middle between its first and last frame
    is. Scans are what leave-one-scan-out compares, and half of one would be a scan of its own.

    Parameters
    ----------
    frames : iterable of FrameRef
    grouping : {'scan', 'day', 'week'}

    Returns
    -------
    dict of str to list of FrameRef
        By name, ascending; frames in the order of time, then name.
    """
    scans: dict[str, list[FrameRef]] = {}
    for frame in frames:
        scans.setdefault(frame.scan_id, []).append(frame)
    groups: dict[str, list[FrameRef]] = {}
    for scan_id, members in scans.items():
        times = [frame.mjd for frame in members]
        name = group_name(grouping, scan_id, 0.5 * (min(times) + max(times)))
        groups.setdefault(name, []).extend(members)
    return {name: sorted(groups[name], key=_by_time) for name in sorted(groups)}


def _by_time(frame: FrameRef) -> tuple[float, str]:
    return (frame.mjd, frame.name)


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
