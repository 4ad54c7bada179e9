"""Which pixels of a frame are used: its masks, its uncertainty, and sharp outliers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.bitmasks import (
    FATAL_PRESETS,
    estimate_unc,
    first_state,
)
from photomitrus_cli.imaging.localmodel import LocalModel, local_model
from photomitrus_cli.imaging.spikes import flag_spikes
from photomitrus_cli.imaging.starpixels import flag_stars
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.fitsread import FitsImage, read_image
from photomitrus_cli.run.provenance import file_entry
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.framechecks import check_frame, mask_bits, single
from photomitrus_cli.wise.framefiles import KIND_NAMES, FrameRef, Kind, companion, existing

Float32 = NDArray[np.float32]
State = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What of a frame goes into the map.

    Attributes
    ----------
    sci, unc : ndarray of float32, shape (ny, nx)
        DN.
    state : ndarray of uint8, shape (ny, nx)
        0 where a pixel is used; else the reasons.
    model : LocalModel
    cards : Cards
        Header of the intensity image.
    estimated : bool
        Whether ``unc`` is an estimate.
    inputs : list of dict
        The files read.
    """

    sci: Float32
    unc: Float32
    state: State
    model: LocalModel
    cards: Cards
    estimated: bool
    inputs: list[dict[str, Any]]


class DroppedError(Exception):
    """A frame that lacks a companion under ``missing: drop``."""


def accept(ref: FrameRef, settings: CoaddSettings) -> Accepted:
    """Read a frame and decide which of its pixels are used.

    Parameters
    ----------
    ref : FrameRef
    settings : CoaddSettings

    Returns
    -------
    Accepted

    Raises
    ------
    InputError
        When a file is absent or broken, does not fit the others, or belongs to another band.
    """
    path = existing(ref.path)
    if path is None:
        raise InputError(
            f"{ref.path}: no such file", hint="check the root and the path template of wise.filter"
        )
    image = read_image(path)
    check_frame(image, ref, settings.band)
    shape = image.data.shape
    unc_file, msk_file = (_read_companion(path, kind, shape, settings) for kind in ("unc", "msk"))
    sci = single(image)
    unc = None if unc_file is None else single(unc_file)
    msk = None if msk_file is None else mask_bits(msk_file)
    unc, state, model = decide(sci, unc, msk, settings)
    files = [one for one in (image, unc_file, msk_file) if one is not None]
    inputs = [file_entry(one.path, one.n_bytes, one.crc32) for one in files]
    return Accepted(sci, unc, state, model, image.cards, unc_file is None, inputs)


def decide(
    sci: Float32, unc: Float32 | None, msk: NDArray[np.int32] | None, settings: CoaddSettings
) -> tuple[Float32, State, LocalModel]:
    """Decide which pixels of a frame are used.

    Parameters
    ----------
    sci : ndarray of float32, shape (ny, nx)
        DN.
    unc : ndarray of float32, shape (ny, nx), or None
        DN.
    msk : ndarray of int32, shape (ny, nx), or None
    settings : CoaddSettings

    Returns
    -------
    unc : ndarray of float32, shape (ny, nx)
        As given, or an estimate.
    state : ndarray of uint8, shape (ny, nx)
    model : LocalModel
    """
    state = first_state(sci, unc, msk, FATAL_PRESETS[settings.masks], grow28=settings.masks == "wssa")
    model = local_model(sci, state)
    if unc is None:
        unc = estimate_unc(sci, state, model, gain=settings.gain_e_dn[settings.band - 1])
    if settings.spikes:
        flag_spikes(sci, unc, state, model, sigma=settings.spike_sigma, sharpness=settings.spike_sharpness)
    if settings.mask_stars:
        flag_stars(sci, unc, state, model, sigma=settings.star_sigma, grow=settings.star_grow_px)
    return unc, state, model


def _read_companion(
    path: Path, kind: Kind, shape: tuple[int, ...], settings: CoaddSettings
) -> FitsImage | None:
    beside = companion(path, kind)
    if beside is None:
        if settings.missing == "estimate":
            return None
        if settings.missing == "drop":
            raise DroppedError(f"no {KIND_NAMES[kind]} file")
        raise InputError(
            f"{path}: there is no {KIND_NAMES[kind]} ({kind}) file beside it",
            hint="--missing estimate does without, --missing drop leaves the frame out",
        )
    image = read_image(beside, blank=kind == "unc")
    if image.data.shape != shape:
        raise InputError(f"{beside}: shape {image.data.shape} differs from {shape} of {path.name}")
    return image
