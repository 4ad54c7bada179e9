"""What a frame of WISE must be like before its pixels are used: its identity, its mask, its zero point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.fitsread import FitsImage
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.framefiles import FrameRef

# Zero points differ by up to 2.3 mag where exposures were shortened; anything else is no zero point.
_MAGZP_RANGE = 5.0


def check_frame(image: FitsImage, ref: FrameRef, band: int) -> None:
    """Make sure that a file holds the frame that the frame table says.

    Parameters
    ----------
    image : FitsImage
        Intensity.
    ref : FrameRef
    band : int

    Raises
    ------
    InputError
        When it is no image, is not in DN, or its band, scan or frame number is another; headers may lack
        them.
    """
    if image.data.ndim != 2:
        raise InputError(f"{image.path}: an image of {image.data.ndim} axes; frames have two")
    cards, number = image.cards, int(ref.name.removeprefix(ref.scan_id))
    stated = {
        "BAND": (cards.integer("BAND", band), band),
        "SCAN": (cards.text("SCAN", ref.scan_id), ref.scan_id),
        "FRNUM": (cards.integer("FRNUM", number), number),
    }
    for key, (found, expected) in stated.items():
        if found != expected:
            raise InputError(f"{image.path}: {key} is {found}, not {expected} as the frame table has it")
    unit = cards.text("BUNIT", "DN")
    if unit.strip().upper() != "DN":
        raise InputError(f"{image.path}: BUNIT is {unit}, not DN")


def single(image: FitsImage) -> NDArray[np.float32]:
    """Give the pixels of a file in single precision.

    Parameters
    ----------
    image : FitsImage

    Returns
    -------
    ndarray of float32, shape (ny, nx)
    """
    # Doubles that are too large become infinite and are masked.
    with np.errstate(over="ignore"):
        return np.asarray(image.data, np.float32)


def mask_bits(mask: FitsImage) -> NDArray[np.int32]:
    """Give the bits of a mask.

    Parameters
    ----------
    mask : FitsImage

    Returns
    -------
    ndarray of int32, shape (ny, nx)

    Raises
    ------
    InputError
        When its pixels are not whole numbers of at most 32 bits.
    """
    if mask.data.dtype.kind not in "iu" or mask.data.dtype.itemsize > 4:
        raise InputError(f"{mask.path}: a mask has whole numbers of 32 bits, not {mask.data.dtype.name}")
    return np.ascontiguousarray(mask.data, np.int32)


def zero_point(cards: Cards, settings: CoaddSettings) -> tuple[float, float | None]:
    """Tell how a frame is brought to the nominal zero point.

    Parameters
    ----------
    cards : Cards
        Of the intensity image.
    settings : CoaddSettings

    Returns
    -------
    scale : float
        Factor for DN: 10^(0.4 (nominal - MAGZP)); 1 without ``magzp``.
    magzp : float or None
        The frame's own zero point, mag.

    Raises
    ------
    InputError
        When it is needed and absent, or far from the nominal one.
    """
    own = cards.get("MAGZP")
    magzp = float(own) if isinstance(own, int | float) and np.isfinite(own) else None
    if not settings.magzp:
        return 1.0, magzp
    if magzp is None:
        raise InputError(
            f"{cards.path}: the header has no MAGZP", hint="--no-magzp leaves the frames as they are"
        )
    nominal = settings.magzp_nominal[settings.band - 1]
    if abs(magzp - nominal) > _MAGZP_RANGE:
        raise InputError(
            f"{cards.path}: MAGZP is {magzp:g} mag, far from the nominal {nominal:g} mag of the band",
            hint="--no-magzp leaves the frames as they are",
        )
    return 10.0 ** (0.4 * (nominal - magzp)), magzp


def sun_to_spacecraft(cards: Cards) -> dict[str, float | None]:
    """Give the spacecraft's heliocentric position, AU, equatorial J2000; None where the header lacks it.

    Parameters
    ----------
    cards : Cards
        Of the intensity image.

    Returns
    -------
    dict
        sun2sc_x, sun2sc_y, sun2sc_z.
    """
    found = {f"sun2sc_{axis}": cards.get(f"SUN2SC{axis.upper()}") for axis in "xyz"}
    return {
        name: float(value) if isinstance(value, int | float) and np.isfinite(value) else None
        for name, value in found.items()
    }
