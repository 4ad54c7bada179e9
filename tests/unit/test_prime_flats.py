"""Master flats from twilight frames, and the flat that is chosen."""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.imaging.skystack import MAX_FRAMES
from photomitrus_cli.prime.flatnames import choose_flat
from photomitrus_cli.prime.flats import MasterFlat, make_flat, twilight_pairs, usable_values


def flat_of(*pairs: tuple[np.ndarray, np.ndarray], limit: float = np.inf) -> MasterFlat:
    """Make a flat of frames as delivered; 65535 stands for none."""
    usable = partial(usable_values, limit=limit, invalid=65535)
    return make_flat((usable(one), usable(two)) for one, two in pairs)


@pytest.mark.parametrize("fading", [True, False])
def test_the_flat_is_free_of_what_does_not_change(fading: bool) -> None:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:60, :80]
    truth = (1.1 - 0.2 * ((x - 40) ** 2 + (y - 30) ** 2) / 2500.0) * rng.normal(1.0, 0.02, (60, 80))
    glow = 300.0 + 200.0 * (x > 70)
    light = 4000.0 * 0.8 ** np.arange(11.0)
    frames = [level * truth + glow + rng.normal(0.0, 3.0, truth.shape) for level in light]
    frames = frames if fading else frames[::-1]
    for frame in frames:
        frame[5, 5] = 65535.0
    # One pair has a star in one frame, and one frame is saturated somewhere.
    frames[1][20:24, 20:24] += 3000.0
    frames[0][40, 40] = 70000.0
    names = [Path(f"{k}") for k in range(11)]
    pairs = [(frames[int(a.name)], frames[int(b.name)]) for a, b in twilight_pairs(names)]
    flat = flat_of(*pairs, limit=6e4)
    assert len(flat.levels) == 5
    assert all(flat.used)
    known = np.isfinite(flat.values)
    assert known.sum() == known.size - 1
    assert not known[5, 5]
    error = flat.values / (truth / np.median(truth)) - 1.0
    assert np.std(error[known]) < 0.004
    assert np.abs(error[known]).max() < 0.02
    assert np.nanmedian(flat.values) == pytest.approx(1.0, abs=1e-6)


def test_pairs_without_light_are_left_out() -> None:
    rng = np.random.default_rng(2)
    bright = np.full((20, 20), 1000.0), np.full((20, 20), 200.0)
    dim = rng.normal(50.0, 1.0, (20, 20)), rng.normal(50.0, 1.0, (20, 20))
    flat = flat_of(bright, dim, bright)
    assert flat.used == (True, False, True)
    np.testing.assert_allclose(flat.values, 1.0)
    same = np.full((20, 20), 50.0)
    with pytest.raises(NoDataError, match="differs in light"):
        flat_of((same, same))
    with pytest.raises(InputError, match="must agree"):
        flat_of((same, same[:10]))
    with pytest.raises(NoDataError, match="two or more"):
        twilight_pairs([Path("a")])


def test_a_frame_without_values_is_told_by_its_own_fault() -> None:
    bright = np.full((20, 20), 1000.0), np.full((20, 20), 200.0)
    full, left, right = np.full((20, 20), 65535.0), bright[0].copy(), bright[1].copy()
    left[:, :10], right[:, 10:] = 65535.0, 65535.0
    flat = flat_of(bright, (full, bright[1]), (bright[0], full), (left, right), (bright[1], bright[1]))
    assert flat.used == (True, False, False, False, False)
    own, partner = "all of its pixels are saturated or invalid", "all pixels of its partner are"
    assert flat.reasons[0] == ("", "")
    assert flat.reasons[1][0] == own
    assert flat.reasons[1][1].startswith(partner)
    assert flat.reasons[2][0].startswith(partner)
    assert flat.reasons[2][1] == own
    assert all("both here and in its partner" in reason for reason in flat.reasons[3])
    assert all("hardly differs" in reason for reason in flat.reasons[4])
    with pytest.raises(NoDataError, match="values in common"):
        flat_of((full, bright[1]))


def test_pairs_beyond_those_that_can_be_combined_are_not_called_used() -> None:
    flat = flat_of(*[(np.full((4, 4), 1000.0), np.full((4, 4), 200.0))] * (MAX_FRAMES + 2))
    assert sum(flat.used) == MAX_FRAMES
    assert flat.used[-3:] == (True, False, False)
    assert all(f"{MAX_FRAMES} pairs at most" in reason for reason in flat.reasons[-1])


def test_the_nearest_flat_is_chosen(tmp_path: Path) -> None:
    def chosen(chip: int = 1, band: str = "J") -> str:
        return choose_flat(tmp_path, band, chip, date(2024, 10, 11)).name

    for name in (
        "mflat.J.20241001.C1.fits",
        "mflat.J.20241013.C1.fits.fz",
        "mflat.J.20241009.C1.fits",
        "mflat.J.20241011.C2.fits",
        "mflat.H.20241011.C1.fits",
        "mflat.J.20241311.C1.fits",
        "old.mflat.J.20241011.C1.fits",
    ):
        (tmp_path / name).touch()
    assert chosen() == "mflat.J.20241009.C1.fits"
    assert chosen(band="H") == "mflat.H.20241011.C1.fits"
    (tmp_path / "sflat.J.20240901-20240930.C1.fits").touch()
    assert chosen() == "sflat.J.20240901-20240930.C1.fits"
    (tmp_path / "sflat.J.20241001-20241031.C1.fits").touch()
    assert chosen() == "sflat.J.20241001-20241031.C1.fits"
    with pytest.raises(InputError, match=r"mflat\.J\.<yyyymmdd>\.C3\.fits.*-no_FF") as error:
        chosen(chip=3)
    assert str(tmp_path) in str(error.value)
    with pytest.raises(InputError, match=r"no such folder.*-no_FF"):
        choose_flat(tmp_path / "none", "J", 1, date(2024, 10, 11))
