"""The sky of the frames of a stack: bad pixels found, objects masked, skies subtracted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.flatfield import BAD_PIXEL, OBJECT
from photomitrus_cli.prime.calibrate import find_bad
from photomitrus_cli.prime.skyframes import SkyRules, mask_objects, sky_residuals
from photomitrus_cli.prime.skyscale import SkyScale
from photomitrus_cli.prime.stackplan import StackPlan
from photomitrus_cli.run.checkpoint import Store
from photomitrus_cli.run.context import Advance

Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]
Bool = NDArray[np.bool_]

# Part of a frame that the masks of the second pass must leave; crowded fields keep those of the first.
_LEAST_BLANK = 0.2


@dataclass(frozen=True, eq=False)
class SkySet:
    """Calibrated frames with their objects marked.

    Attributes
    ----------
    indices : list of int
        Numbers of the frames in the plan.
    frames : list of (values, mask)
    scales : list of SkyScale
    rules : SkyRules
    """

    indices: list[int]
    frames: list[tuple[Float32, Mask]]
    scales: list[SkyScale]
    rules: SkyRules


def mark_objects(plan: StackPlan, indices: list[int], store: Store, threads: int) -> SkySet:
    """Find bad pixels, where no mask of them is given, and the objects of every frame.

    Raises
    ------
    InputError
        When a frame has no sky.
    """
    rules = _rules(plan, threads)
    saved = [store.load(f"objects_{index}") for index in indices]
    frames = [_load(store, index) for index in indices]
    if all(one is not None for one in saved):
        known = [one for one in saved if one is not None]
        scales = [SkyScale(**one.meta) for one in known]
        pairs = [(values, one.arrays["mask"]) for (values, _), one in zip(frames, known, strict=True)]
        return SkySet(indices, pairs, scales, rules)
    if plan.settings.bad_pixels is None:
        bad = np.where(find_bad(frames), np.uint8(BAD_PIXEL), np.uint8(0))
        for _, mask in frames:
            np.bitwise_or(mask, bad, out=mask)
    scales = mask_objects(frames, rules)
    for index, (_, mask), scale in zip(indices, frames, scales, strict=True):
        store.save(
            f"objects_{index}", {"mask": mask}, {key: float(one) for key, one in asdict(scale).items()}
        )
    return SkySet(indices, frames, scales, rules)


def subtract_skies(
    plan: StackPlan, known: SkySet, store: Store, advance: Advance, more: Mapping[int, Bool] | None = None
) -> dict[int, dict[str, Any]]:
    """Subtract the sky of every frame, and keep the rest as ``sky_<index>``, or ``sky2_<index>``.

    Parameters
    ----------
    plan : StackPlan
    known : SkySet
    store : Store
    advance : callable
        Told of each frame that is done.
    more : mapping of int to ndarray of bool, optional
        Further objects of each frame, that the stack has shown: this is the second pass then.

    Returns
    -------
    dict
        Of each frame: ``level``, ``background`` and ``rms``, units of the frames.
    """
    stem = "sky" if more is None else "sky2"
    done = {index: store.load_meta(f"{stem}_{index}") for index in known.indices}
    if all(meta is not None for meta in done.values()) and store.load_meta(stem) is not None:
        return {index: meta for index, meta in done.items() if meta is not None}
    frames = known.frames
    if more is not None:
        frames = [
            (values, _with_objects(mask, more[index]))
            for index, (values, mask) in zip(known.indices, frames, strict=True)
        ]
    mjd = [plan.chip.frames[index].mjd_middle for index in known.indices]
    numbers: dict[int, dict[str, Any]] = {}
    for residual, sky in sky_residuals(frames, known.scales, mjd, known.rules):
        index = known.indices[residual.index]
        numbers[index] = {
            "level": float(residual.scale.level + residual.scale.constant),
            "background": float(residual.background),
            "rms": float(residual.rms),
        }
        store.save(f"{stem}_{index}", {"values": residual.values, "mask": residual.mask}, numbers[index])
        # One sky stands for all in the products: that of the frame in the middle.
        if residual.index == len(known.indices) // 2:
            arrays: dict[str, NDArray[Any]] = {} if sky is None else {"value": sky.planes.value}
            store.save(stem, arrays, {"frames": 0 if sky is None else len(sky.members)})
        advance()
    return numbers


def _with_objects(mask: Mask, objects: Bool) -> Mask:
    """Mark further objects, unless too little of the frame would be left to tell its sky."""
    marked = mask | np.where(objects, np.uint8(OBJECT), np.uint8(0))
    return marked if np.mean(marked == 0) >= _LEAST_BLANK else mask


def load_sky(store: Store, stem: str) -> tuple[Float32, int] | None:
    """Give the sky for the products, about 1, and the number of its frames; None for a mesh."""
    saved = store.require(stem)
    return (saved.arrays["value"], int(saved.meta["frames"])) if saved.meta["frames"] else None


def _load(store: Store, index: int) -> tuple[Float32, Mask]:
    """Give a calibrated frame; the mask is a copy that objects can be marked in."""
    arrays = store.require(f"frame_{index}").arrays
    return arrays["values"], arrays["mask"].copy()


def _rules(plan: StackPlan, threads: int) -> SkyRules:
    settings, scale = plan.settings, plan.chip.window.scale
    channel = plan.instrument.detector.channel_width if settings.channel_offsets else None
    return SkyRules(
        kappa=plan.sigma,
        nearest=None if settings.sky_frames == "auto" else settings.sky_frames,
        # As large on the sky where pixels are larger.
        mesh_px=max(settings.mesh_px // scale, 16) if settings.mesh_px else 0,
        channel_px=(channel or 0) // scale,
        channel_first=plan.chip.window.x0,
        mesh_only=settings.sky == "mesh",
        threads=threads,
    )
