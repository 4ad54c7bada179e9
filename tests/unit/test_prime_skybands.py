"""Rows of a sky that workers make are those of the sky made at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from truthkit.skytwin import make_sky, mask_objects

from photomitrus_cli.prime.skybands import BandTask, make_sky_band
from photomitrus_cli.prime.skyframes import BAND
from photomitrus_cli.prime.skyrules import SkyRules
from photomitrus_cli.prime.skyscale import relative_noise
from photomitrus_cli.prime.skywork import SkyUnits
from photomitrus_cli.run.checkpoint import open_store

SHAPE, N = (2 * BAND + 40, 96), 5


def test_bands_make_the_sky_that_is_made_at_once(tmp_path: Path) -> None:
    rng, rules = np.random.default_rng(4), SkyRules(mesh_px=32, channel_px=32)
    tilt = np.linspace(-3.0, 3.0, SHAPE[1])
    frames = []
    for k in range(N):
        values = (500.0 + 4.0 * k + (k - 2) * tilt + rng.normal(0.0, 4.0, SHAPE)).astype(np.float32)
        values[40 + 90 * k : 46 + 90 * k, 30:36] += 200.0
        frames.append((values, (rng.random(SHAPE) < 0.01).astype(np.uint8)))
    scales = mask_objects(frames, rules)
    noise = relative_noise(frames, scales)
    members = tuple(range(N))
    whole = make_sky(frames, scales, members, noise, rules)
    with open_store(tmp_path / "work", "key", resume=False) as store:
        for k, (values, mask) in enumerate(frames):
            store.save(f"frame_{k}", {"values": values, "mask": np.zeros_like(mask)}, {})
            store.save(f"objects_{k}", {"mask": mask}, {})
        names = []
        for first in range(0, SHAPE[0], BAND):
            names.append(f"rows_{first}")
            last = min(first + BAND, SHAPE[0])
            chosen = (members, "objects", False, tuple(scales), first, last, SHAPE[0], noise, rules)
            make_sky_band(BandTask(names[-1], store, *chosen))
        found = SkyUnits(tuple(names), members, SHAPE, noise, rules).load(store)
        for one, other in zip(
            (found.planes.value, found.planes.centre, found.planes.count),
            (whole.planes.value, whole.planes.centre, whole.planes.count),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)
    assert found.limit == whole.limit
    assert found.structure is not None
    assert whole.structure is not None
    np.testing.assert_array_equal(found.structure.variance, whole.structure.variance)
    # The truth: a sky of 1, whose noise is that of the mean of five frames.
    assert abs(float(np.median(whole.planes.value)) - 1.0) < 0.001
    assert 0.8 < float(np.std(whole.planes.value)) / (4.0 / 508.0 / N**0.5) < 1.3
