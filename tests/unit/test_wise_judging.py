"""Frames that are refused: synthetic scans from pole to pole with known faults."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from photomitrus_cli.wise.judging import UNTESTED, judge_scan, moon_numbers
from photomitrus_cli.wise.levelchain import chain, running_median
from photomitrus_cli.wise.overlaps import Cells, robust_sigma
from photomitrus_cli.wise.verdicts import FrameFacts, JudgeRules, Verdict

RULES = JudgeRules()
NOISE = 27.0
# Cells on a side, cells from frame to frame, and the pixels that these are.
SIDE, STEP = 64, 56
CENTRE = (SIDE - 1) / 2
PER_1000 = 16.0 / 1000.0


@dataclass
class Fault:
    """What is wrong with a frame, DN and DN per 1000 pixels."""

    level: float = 0.0
    along: float = 0.0
    across: float = 0.0


@dataclass
class Scan:
    """A scan of frames on a strip of sky: cells of the sky are numbered by row and column."""

    n: int = 250
    faults: dict[int, Fault] = field(default_factory=dict)
    plane_at: float = 120.0
    plane_dn: float = 400.0
    detector_gradient: float = 10.0
    missing: tuple[int, ...] = ()

    def sky(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Zodiacal light from pole to pole, a sharp bright galactic plane that crosses aslant, a cirrus."""
        place = row / STEP
        zodi = 1500.0 + 1500.0 * np.sin(np.pi * np.clip(place / self.n, 0, 1)) ** 2
        galaxy = self.plane_dn * np.exp(-np.abs(place - self.plane_at - 0.004 * column) / 1.2)
        return zodi + galaxy + 5.0 * np.sin(row / 40.0) * np.cos(column / 25.0)

    def frames(self, rng: np.random.Generator) -> list[FrameFacts]:
        y, x = np.mgrid[0:SIDE, 0:SIDE]
        drift = np.cumsum(rng.normal(0.0, 3.0 / np.sqrt(self.n), self.n))
        facts = []
        for k in range(self.n):
            # Draw in any case, so that a missing frame changes nothing for the others.
            noise = rng.normal(0.0, 2.1, (SIDE, SIDE))
            row, column = y + STEP * k, x + 200
            fault = self.faults.get(k, Fault())
            level = self.sky(row, column) + drift[k] + noise + fault.level
            level += (
                (fault.along + self.detector_gradient) * (y - CENTRE) + fault.across * (x - CENTRE)
            ) * PER_1000
            facts.append(self._facts(k, level, row * 4096 + column))
        return [one for k, one in enumerate(facts) if k not in self.missing]

    def _facts(self, k: int, level: np.ndarray, pixels: np.ndarray) -> FrameFacts:
        x = np.arange(SIDE) - CENTRE
        grad = [float((level.mean(axis=a) * x).sum() / (x * x).sum() / PER_1000) for a in (0, 1)]
        middle = float(np.median(level))
        return FrameFacts(
            f"01772a{k:03d}", 55238.0 + k * 11 / 86400, middle, NOISE, grad[0], grad[1], float(level.std()),
            NOISE, 90.0, 20.0, 0.99, Cells(pixels.astype(np.int64), level.astype(np.float32)),
        )  # fmt: skip


def _refused(verdicts: list[Verdict]) -> set[int]:
    return {k for k, one in enumerate(verdicts) if not one.used}


def test_a_clean_scan_over_the_galactic_plane_is_used_whole() -> None:
    for seed in range(4):
        verdicts = judge_scan(Scan(plane_dn=2000.0).frames(np.random.default_rng(seed)), RULES)
        assert _refused(verdicts) == set()
        assert max(abs(one.level_dn) for one in verdicts) < 2.0


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_frames_off_in_level_are_found_and_no_others(share: float) -> None:
    missed = wrong = n_bad = n_good = 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        bad = set(rng.choice(250, max(int(250 * share), 2), replace=False).tolist())
        sizes = rng.choice([-1, 1], 250) * rng.uniform(5.0, 60.0, 250) * RULES.level_floor * NOISE
        frames = Scan(faults={k: Fault(sizes[k]) for k in bad}).frames(rng)
        refused = _refused(judge_scan(frames, RULES))
        missed += len(bad - refused)
        wrong += len(refused - bad)
        n_bad, n_good = n_bad + len(bad), n_good + 250 - len(bad)
    assert missed <= 0.01 * n_bad
    assert wrong <= 0.002 * n_good


@pytest.mark.parametrize(("start", "n"), [(0, 3), (1, 5), (60, 3), (118, 5), (243, 5), (245, 3), (245, 5)])
def test_a_run_of_bad_frames_takes_no_good_ones_with_it(start: int, n: int) -> None:
    rise = 30.0 + 60.0 * np.sin(np.pi * (np.arange(n) + 0.5) / n)
    run = {start + k: Fault(float(rise[k]), along=40.0, across=-25.0) for k in range(n)}
    verdicts = judge_scan(Scan(faults=run).frames(np.random.default_rng(start)), RULES)
    assert _refused(verdicts) == set(run)


def test_a_moon_passage_of_eight_frames_is_found_by_level_alone() -> None:
    glow = {100 + k: Fault(float(v)) for k, v in enumerate([15, 40, 90, 150, 140, 80, 35, 15])}
    verdicts = judge_scan(Scan(faults=glow).frames(np.random.default_rng(3)), RULES)
    assert _refused(verdicts) == set(glow)
    assert all(verdicts[k].reason == "level" for k in glow)
    assert verdicts[103].level_dn == pytest.approx(150.0, abs=3.0)
    # The first one is 15 above the frame before and 25 below the one after.
    assert verdicts[100].overlap_dn == pytest.approx(-5.0, abs=1.0)


@pytest.mark.parametrize("fault", [Fault(along=60.0), Fault(across=60.0), Fault(along=-50.0, across=20.0)])
@pytest.mark.parametrize("place", [40, 119, 244])
def test_a_gradient_that_the_overlaps_contradict_is_refused(fault: Fault, place: int) -> None:
    verdicts = judge_scan(Scan(faults={place: fault}).frames(np.random.default_rng(place)), RULES)
    assert _refused(verdicts) == {place}
    assert "gradient" in verdicts[place].reason
    length = float(np.hypot(fault.along, fault.across))
    assert verdicts[place].gradient_support == pytest.approx(length, rel=0.3)


def test_first_and_last_frames_have_one_neighbour() -> None:
    verdicts = judge_scan(
        Scan(faults={0: Fault(40.0), 249: Fault(-40.0)}).frames(np.random.default_rng(5)), RULES
    )
    assert _refused(verdicts) == {0, 249}


def test_gaps_in_a_scan_break_the_comparison_and_nothing_else() -> None:
    rng = np.random.default_rng(6)
    scan = Scan(faults={30: Fault(50.0), 101: Fault(50.0)}, missing=(50, 100, 103, 150, 151, 152))
    frames = scan.frames(rng)
    verdicts = judge_scan(frames, RULES)
    # Two frames are left between gaps, and the trend of the levels tells which one of them is off.
    assert {frames[k].name for k in _refused(verdicts)} == {"01772a030", "01772a101"}
    lonely = Scan(n=3, missing=(1,)).frames(rng)
    alone = judge_scan(lonely, RULES)
    assert _refused(alone) == set()
    assert np.isnan([one.overlap_dn for one in alone]).all()
    assert np.isnan([one.level_dn for one in alone]).all()


def test_moon_test_needs_a_wide_histogram_and_a_near_moon() -> None:
    rng = np.random.default_rng(7)
    frames = Scan().frames(rng)
    spread = [replace(one, med16=float(v)) for one, v in zip(frames, rng.normal(27.0, 0.5, 250), strict=True)]
    for k in (80, 81, 82):
        spread[k] = replace(spread[k], med16=33.0, moon_sep=20.0)
    spread[83] = replace(spread[83], moon_sep=20.0)
    spread[150] = replace(spread[150], med16=60.0)
    verdicts = judge_scan(spread, RULES)
    assert _refused(verdicts) == {80, 81, 82}
    assert {verdicts[k].reason for k in (80, 81, 82)} == {"moon"}
    assert verdicts[150].moon_sigma > 40.0
    assert _refused(judge_scan(spread, replace(RULES, moon_all=True))) == {80, 81, 82, 150}
    unknown = [replace(one, moon_sep=np.nan) for one in spread]
    assert _refused(judge_scan(unknown, RULES)) == set()


def test_moon_numbers_follow_the_level_along_the_scan() -> None:
    frames = Scan().frames(np.random.default_rng(8))
    wide = [replace(one, med16=20.0 + 20.0 * np.sin(np.pi * k / 250)) for k, one in enumerate(frames)]
    near = [replace(one, moon_sep=20.0) if 110 <= k < 130 else one for k, one in enumerate(wide)]
    assert np.abs(moon_numbers(near, RULES)).max() < RULES.moon_sigma
    assert np.isnan(moon_numbers([replace(one, moon_sep=1.0) for one in wide], RULES)).all()


def _past_the_moon(frames: list[FrameFacts], peak: float) -> list[FrameFacts]:
    """Put a scan on the sky, 6 deg beside the Moon, whose light overlapping frames share."""
    placed = []
    for k, one in enumerate(frames):
        elat = -89.0 + 178.0 * k / (len(frames) - 1)
        sep = float(np.hypot(elat - 3.0, 6.0))
        light = peak * max(1.0 - sep / 28.0, 0.0) ** 3
        placed.append(replace(one, level=one.level + light, elon=200.0, elat=elat, moon_sep=sep))
    return placed


def test_smooth_moonlight_is_refused_near_the_moon_and_nowhere_else() -> None:
    frames = Scan(plane_at=60.0).frames(np.random.default_rng(14))
    dark, lit = (judge_scan(_past_the_moon(frames, peak), RULES) for peak in (0.0, 3000.0))
    assert _refused(dark) == set()
    assert dark[0].moon_contrast < RULES.moon_contrast < lit[0].moon_contrast
    places = _past_the_moon(frames, 3000.0)
    extra = {k: one.level - frames[k].level for k, one in enumerate(places)}
    refused = _refused(lit)
    assert {k for k in refused if places[k].moon_sep >= RULES.moon_near_deg} == set()
    bright = {k for k, light in extra.items() if light > NOISE}
    assert len(bright) > 50
    assert len(bright - refused) <= 0.03 * len(bright)
    assert {lit[k].reason for k in refused} == {"moon"}
    assert not any(one.note for one in lit)
    blind = replace(RULES, moon_contrast=1000.0)
    assert _refused(judge_scan(places, blind)) == set()


def test_a_wide_histogram_without_more_light_is_not_the_moon() -> None:
    frames = _past_the_moon(Scan(plane_at=60.0).frames(np.random.default_rng(15)), 0.0)
    wide = [replace(one, med16=NOISE + 0.01 * (k % 7)) for k, one in enumerate(frames)]
    wide[128] = replace(wide[128], med16=2.0 * NOISE)
    wide[132] = replace(wide[132], med16=2.0 * NOISE, level=wide[132].level + 5.0 * NOISE)
    verdicts = judge_scan(wide, RULES)
    assert {k: verdicts[k].reason for k in _refused(verdicts)} == {132: "moon"}
    assert verdicts[128].moon_sigma > RULES.moon_sigma


def test_slices_beside_the_moon_say_that_it_was_not_tested() -> None:
    frames = _past_the_moon(Scan().frames(np.random.default_rng(16)), 3000.0)
    assert np.isfinite(judge_scan(frames[70:180], RULES)[0].moon_contrast)
    short = frames[85:165]
    verdicts = judge_scan(short, RULES)
    assert np.isnan([one.moon_contrast for one in verdicts]).all()
    told = {k for k, one in enumerate(verdicts) if one.note == UNTESTED}
    assert told == {k for k, one in enumerate(short) if one.moon_sep < RULES.moon_near_deg}
    assert 60 < len(told) < 80
    assert _refused(verdicts) == set()


def test_few_pixels_are_a_reason_of_their_own() -> None:
    frames = Scan(n=20).frames(np.random.default_rng(9))
    frames[4] = replace(frames[4], used_share=0.1)
    verdicts = judge_scan(frames, RULES)
    assert [(k, one.reason) for k, one in enumerate(verdicts) if not one.used] == [(4, "few pixels")]


def test_empty_short_and_blind_scans() -> None:
    assert judge_scan([], RULES) == []
    rng = np.random.default_rng(10)
    for n in (1, 2, 3, 7):
        assert _refused(judge_scan(Scan(n=n).frames(rng), RULES)) == set()
    frames = Scan(n=5).frames(rng)
    blind = replace(frames[2].cells, level=np.full((SIDE, SIDE), np.nan, np.float32))
    frames[2] = replace(
        frames[2], cells=blind, level=np.nan, sigma=np.nan, grad_x=np.nan, grad_y=np.nan, med16=np.nan
    )
    verdicts = judge_scan(frames, RULES)
    assert _refused(verdicts) == set()
    assert np.isnan(verdicts[2].level_dn)


def test_verdicts_state_every_number() -> None:
    verdicts = judge_scan(Scan(n=60).frames(np.random.default_rng(11)), RULES)
    for name in (
        "overlap_dn",
        "level_dn",
        "overlap_sigma",
        "gradient_excess",
        "gradient_sigma",
        "moon_sigma",
    ):
        assert np.isfinite([getattr(one, name) for one in verdicts]).all()
    assert np.isfinite([one.gradient_support for one in verdicts[1:-1]]).all()


def test_running_median_is_that_of_each_window() -> None:
    values = np.random.default_rng(12).normal(size=40)
    values[[3, 4, 5, 6, 7, 20]] = np.nan
    expected = []
    for k in range(40):
        window = values[max(k - 2, 0) : k + 3]
        good = window[np.isfinite(window)]
        expected.append(np.median(good) if good.size else np.nan)
    np.testing.assert_allclose(running_median(values, 2), expected, rtol=1e-15)
    assert np.isnan(running_median(values, 2)[5])


def test_chain_adds_up_steps_between_overlaps() -> None:
    steps = np.array([np.nan, 0.0, 9.0, 0.0, -9.0, 0.0, 0.0, np.nan, 0.0, 0.0, np.nan])
    none = np.zeros(11, bool)
    assert chain(steps, none, 12)[:7].tolist() == [0, 0, 9, 9, 0, 0, 0]
    assert chain(steps, none, 12)[7:10].tolist() == [0, 0, 0]
    assert np.isnan(chain(steps, none, 12)[10])
    # What frame 2 says at its two ends does not fit; it is known to be bad, and the others agree.
    steps = np.array([np.nan, 0.0, 9.0, -3.0, 0.0, 0.0])
    assert chain(steps, np.arange(6) == 2, 12).tolist() == [0, 0, 6, 0, 0, 0]


def test_robust_sigma_of_normal_values() -> None:
    values = np.append(np.random.default_rng(13).normal(0.0, 3.0, 20_000), [np.nan, 1e9])
    assert robust_sigma(values) == pytest.approx(3.0, rel=0.03)
    assert np.isnan(robust_sigma(np.array([np.nan])))
