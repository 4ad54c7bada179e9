"""The sky of the frames of a stack, step by step: bad pixels, objects, skies, frames less their sky."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from photomitrus_cli.imaging.flatfield import BAD_PIXEL
from photomitrus_cli.prime.calibrate import find_bad
from photomitrus_cli.prime.frametasks import frame_tasks
from photomitrus_cli.prime.objectwork import ObjectTask, mark_objects_of
from photomitrus_cli.prime.skybands import BandTask, make_sky_band
from photomitrus_cli.prime.skyframes import BAND
from photomitrus_cli.prime.skyrules import SkyRules, rough_rules, sky_groups, spread_members
from photomitrus_cli.prime.skyscale import SkyScale, relative_noise
from photomitrus_cli.prime.skywork import BAD, SkyTask, SkyUnits, Subtracted, subtract_frame
from photomitrus_cli.prime.stackframes import load_calibrated
from photomitrus_cli.prime.stackplan import StackPlan
from photomitrus_cli.run.checkpoint import Store

Task = TypeVar("Task")
Result = TypeVar("Result")

# Frames of sides of so many pixels are sampled so finely that objects are found in means of 2 x 2 as well.
_LARGE = 3000
# Bytes that a frame needs for each of its pixels while its sky is subtracted.
FRAME_BYTES = 28


class Each(Protocol):
    """Runs units on all workers and gives the results in the order of the tasks."""

    def __call__(
        self, label: str, function: Callable[[Task], Result], tasks: Sequence[Task], *, need: int = 0
    ) -> list[Result]:
        """Run ``function``; a unit needs so many bytes."""
        ...


@dataclass(frozen=True, eq=False)
class SkySet:
    """Calibrated frames with their objects marked.

    Attributes
    ----------
    indices : list of int
        Numbers of the frames in the plan.
    scales : list of SkyScale
    rules : SkyRules
    """

    indices: list[int]
    scales: list[SkyScale]
    rules: SkyRules


def mark_objects(plan: StackPlan, indices: list[int], store: Store, each: Each) -> SkySet:
    """Find bad pixels, where no mask of them is given, and the objects of every frame.

    Parameters
    ----------
    plan : StackPlan
    indices : list of int
        Frames that could be calibrated.
    store : Store
    each : callable
        See `Each`.

    Returns
    -------
    SkySet
    """
    rules, (ny, nx) = _rules(plan), plan.chip.window.shape
    levels = [SkyScale(store.require(f"frame_{index}").meta["level"]) for index in indices]
    bad = plan.settings.bad_pixels is None
    if bad and store.load_meta(BAD) is None:
        found = find_bad([load_calibrated(store, index) for index in indices])
        store.save(BAD, {"mask": np.where(found, np.uint8(BAD_PIXEL), np.uint8(0))}, {})
    noise = relative_noise([load_calibrated(store, index) for index in indices], levels)
    side = rules.binning
    chosen, shape = spread_members(len(indices)), (ny // side, nx // side)
    members = tuple(indices[k] for k in chosen)
    rough = SkyUnits(_bands("rough", shape[0]), members, shape, noise / side, rough_rules(rules))
    tasks = _band_tasks(rough, store, tuple(levels[k] for k in chosen), masks="", bad=bad, side=side)
    each("sky", make_sky_band, tasks)
    sky = replace(rough, noise=noise, rules=rules)
    marking = [
        ObjectTask(index, store, sky, one.level, bad) for index, one in zip(indices, levels, strict=True)
    ]
    scales = each("objects", mark_objects_of, marking, need=FRAME_BYTES * ny * nx // side)
    return SkySet(indices, scales, rules)


def subtract_skies(
    plan: StackPlan,
    known: SkySet,
    store: Store,
    each: Each,
    *,
    stage: str = "",
    wanted: Collection[int] | None = None,
) -> dict[int, Subtracted]:
    """Subtract the sky of every frame, and keep it ready for resampling as ``sky<stage>_<index>``.

    Parameters
    ----------
    plan : StackPlan
    known : SkySet
    store : Store
    each : callable
        See `Each`.
    stage : str, optional
        Empty in the first pass, where stars are found, too; ``2`` in the second.
    wanted : collection of int, optional
        Frames whose sky is subtracted; all when left out.

    Returns
    -------
    dict
        Of each frame, by its number in the plan.
    """
    # A first pass that is followed by another one only has to find objects and stars.
    last = bool(stage) or not plan.settings.second_pass
    rules = replace(known.rules, shrink=last)
    masks, every, shape = f"objects{stage}", frame_tasks(plan, store), plan.chip.window.shape
    pairs = [load_calibrated(store, index, masks) for index in known.indices]
    noise = relative_noise(pairs, known.scales)
    bands: list[BandTask] = []
    frames: list[SkyTask] = []
    middle = len(known.indices) // 2
    mjd = [plan.chip.frames[index].mjd_middle for index in known.indices]
    for number, (members, targets) in enumerate(sky_groups(mjd, rules)):
        chosen = tuple(known.indices[k] for k in members)
        names = _bands(f"rows{stage}_{number}", shape[0]) if members else ()
        units = SkyUnits(names, chosen, shape, noise, rules)
        own = [k for k in targets if wanted is None or known.indices[k] in wanted]
        if own or middle in targets:
            bands += _band_tasks(units, store, tuple(known.scales[k] for k in members), masks=masks)
        # One sky stands for all in the products: that of the frame in the middle.
        if middle in targets:
            store.save(f"sky{stage}", {}, {"bands": names, "frames": len(members)})
        for k in own:
            index = known.indices[k]
            side = 1 if last else rules.binning
            name = f"sky{stage}_{index}"
            frames.append(SkyTask(name, every[index], known.scales[k], units, masks, not stage, side))
    each("skies", make_sky_band, bands)
    done = each("frames less sky", subtract_frame, frames, need=FRAME_BYTES * shape[0] * shape[1])
    return {task.frame.index: one for task, one in zip(frames, done, strict=True)}


def load_sky(store: Store, stem: str) -> tuple[tuple[str, ...], int] | None:
    """Give the checkpoints of the rows of the sky for the products, and the number of its frames.

    Returns
    -------
    tuple or None
        None for a mesh.
    """
    meta = store.require(stem).meta
    return (tuple(meta["bands"]), int(meta["frames"])) if meta["frames"] else None


def _bands(stem: str, height: int) -> tuple[str, ...]:
    return tuple(f"{stem}_{first:06d}" for first in range(0, height, BAND))


def _band_tasks(
    sky: SkyUnits,
    store: Store,
    scales: tuple[SkyScale, ...],
    *,
    masks: str,
    bad: bool = False,
    side: int = 1,
) -> list[BandTask]:
    height = sky.shape[0]
    common: dict[str, Any] = {"masks": masks, "bad": bad, "scales": scales, "height": height, "side": side}
    common |= {"store": store, "members": sky.members, "noise": sky.noise, "rules": sky.rules}
    return [
        BandTask(name=name, first=k * BAND, last=min((k + 1) * BAND, height), **common)
        for k, name in enumerate(sky.bands)
    ]


def _rules(plan: StackPlan) -> SkyRules:
    settings, window = plan.settings, plan.chip.window
    channel = plan.instrument.detector.channel_width if settings.channel_offsets else None
    return SkyRules(
        kappa=plan.sigma,
        nearest=None if settings.sky_frames == "auto" else settings.sky_frames,
        # As large on the sky where pixels are larger.
        mesh_px=max(settings.mesh_px // window.scale, 16) if settings.mesh_px else 0,
        channel_px=(channel or 0) // window.scale,
        channel_first=window.x0,
        mesh_only=settings.sky == "mesh",
        binning=2 if min(window.shape) >= _LARGE else 1,
    )
