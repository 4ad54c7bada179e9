"""The files of simulated PRIME dithers: names, frames, calibration files of a chip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.io.atomic import check_folder
from photomitrus_cli.simulate import primecalib as calib
from photomitrus_cli.simulate.cardtext import primary_bytes
from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primeheaders import frame_cards
from photomitrus_cli.simulate.primeplan import plan_frames
from photomitrus_cli.simulate.producing import write_frame

FLAT_FOLDER, MASK_FOLDER, TWILIGHT_FOLDER = "mflats", "weightmaps", "twilight"


def frame_path(serial: str, chip: int) -> Path:
    """Return the name of a ramp relative to the parent folder.

    Parameters
    ----------
    serial : str
        Eight digits.
    chip : int

    Returns
    -------
    Path
    """
    return Path(f"C{chip}") / f"{serial}C{chip}.ramp.fits"


def calibration_paths(config: PrimeSimulation, chip: int) -> dict[str, Path]:
    """Name the calibration files of a chip that are asked for.

    Parameters
    ----------
    config : PrimeSimulation
    chip : int

    Returns
    -------
    dict of str to Path
        ``flat`` and ``mask``, relative to the parent folder.
    """
    paths = {}
    if config.master_flat:
        paths["flat"] = Path(FLAT_FOLDER) / f"mflat.{config.band}.{calib.night(config)}.C{chip}.fits"
    if config.bad_pixel_mask:
        paths["mask"] = Path(MASK_FOLDER) / f"badpixmask_c{chip}.fits"
    return paths


def twilight_path(serial: str, chip: int) -> Path:
    """Name a twilight frame.

    Parameters
    ----------
    serial : str
        Eight digits.
    chip : int

    Returns
    -------
    Path
        Relative to the parent folder.
    """
    return Path(TWILIGHT_FOLDER) / frame_path(serial, chip)


def write_image(path: Path, cards: list[str], data: NDArray[np.generic]) -> None:
    """Write an image, whole or not at all, and the folder that it lies in.

    Parameters
    ----------
    path : Path
    cards : list of str
    data : ndarray
    """
    check_folder(path.parent)
    write_frame(path, primary_bytes(cards, data))


def make_calibration(config: PrimeSimulation, chip: int) -> None:
    """Write the calibration files and twilight frames of a chip.

    Parameters
    ----------
    config : PrimeSimulation
    chip : int
    """
    paths = calibration_paths(config, chip)
    if "flat" in paths:
        cards = calib.calibration_cards(config, chip, "Flat")
        write_image(config.output / paths["flat"], cards, calib.master_flat(config, chip))
    if "mask" in paths:
        cards = calib.calibration_cards(config, chip, "Mask")
        write_image(config.output / paths["mask"], cards, calib.good_pixels(config, chip))
    for plan in calib.twilight_plans(config, plan_frames(config)[0]):
        cards = frame_cards(config, plan, chip, "FLAT", "Flat")
        image = calib.twilight_frame(config, plan, chip)
        write_image(config.output / twilight_path(plan.serial, chip), cards, image)
