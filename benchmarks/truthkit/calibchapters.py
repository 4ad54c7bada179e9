"""Chapters of accuracy of the joint calibration, from trials of its benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from truthkit.calibmethods import METHODS
from truthkit.calibtrials import OURS, Pair, Stated, Trial, root_mean_square
from truthkit.pages import heading, row

FLOORS = ("noise", "known", "destriped")
# What the methods are compared in: the attribute, its heading, and how it is written.
COLUMNS = (
    ("gain_mean", "gain: mean, %", "{:.2f}"),
    ("gain_rms", "rms, %", "{:.3f}"),
    ("offset_mean", "offset: mean, DN", "{:.1f}"),
    ("offset_rms", "rms, DN", "{:.2f}"),
    ("monopole", "map: mean, MJy/sr", "{:.3f}"),
    ("residual", "residual", "{:.4f}"),
    ("scatter", "scatter", "{:.4f}"),
)
# Of residual and scatter (MJy/sr) and of the gain's rms (%), with an error that the modes describe.
GOALS = {"residual": 0.10, "scatter": 0.018, "gain_rms": 0.3}
FLOOR_GOAL = 1.2
NEAR = (0.8, 1.2)


def method_table(trials: Sequence[Trial]) -> Iterator[str]:
    """Compare the methods on benchmarks with one error of the template."""
    yield heading("method", *(title for _, title, _ in COLUMNS), "CPU, s")
    for name in (OURS, *METHODS, *FLOORS):
        found = [trial.cpu[name] for trial in trials if name in trial.cpu]
        time = f"{np.median(found):.2g}" if found else ""
        yield row(name, *_cells(trials, name, root_mean_square), time)
        if name == OURS:
            yield row("worst of its seeds", *_cells(trials, name, lambda values: np.abs(values).max()), "")


def best_table(by_error: dict[str, list[Trial]]) -> Iterator[str]:
    """Tell where the joint calibration is best, and else what is better."""
    yield heading("template", *(title.partition(",")[0] for _, title, _ in COLUMNS), text=1 + len(COLUMNS))
    for error, trials in by_error.items():
        yield row(error, *(_rank(trials, attribute) for attribute, _, _ in COLUMNS))


def _rank(trials: Sequence[Trial], attribute: str) -> str:
    found = {
        name: root_mean_square(np.array([getattr(trial.measured[name], attribute) for trial in trials]))
        for name in (OURS, *METHODS)
    }
    better = sorted((value, name) for name, value in found.items() if value < found[OURS])
    if better:
        return f"{found[OURS] / better[0][0]:.2f} x {better[0][1]}"
    return f"best, by {min(found[name] for name in METHODS) / found[OURS]:.1f}"


def goal_table(by_error: dict[str, list[Trial]]) -> Iterator[str]:
    """Weigh the joint calibration's residual against what can be reached, and against its goals."""
    yield heading("template", "residual / known", "worst", "goals met, seeds")
    for error, trials in by_error.items():
        ratios = np.array([_over_known(trial) for trial in trials])
        met = sum(_meets(trial) for trial in trials)
        yield row(error, f"{root_mean_square(ratios):.2f}", f"{ratios.max():.2f}", f"{met} of {len(trials)}")


def _over_known(trial: Trial) -> float:
    return trial.measured[OURS].residual / trial.measured["known"].residual


def _meets(trial: Trial) -> bool:
    ours = trial.measured[OURS]
    if all(getattr(ours, name) <= limit for name, limit in GOALS.items()):
        return True
    return trial.error == "sin2beta" and _over_known(trial) <= FLOOR_GOAL


def _cells(
    trials: Sequence[Trial],
    name: str,
    combine: Callable[[np.ndarray[tuple[int], np.dtype[np.float64]]], float],
) -> Iterator[str]:
    for attribute, _, form in COLUMNS:
        values = np.array([getattr(trial.measured[name], attribute) for trial in trials])
        yield form.format(combine(values))


def seed_table(trials: Sequence[Trial]) -> Iterator[str]:
    """Give errors and what was stated for them, of every benchmark."""
    names = (
        "gain, %",
        "offset, DN",
        "map, MJy/sr",
        "map: chi^2",
        "mean gain, %",
        "mean offset, DN",
        "map: mean",
    )
    yield heading("template", "seed", *names)
    for trial in trials:
        one = trial.stated
        pairs = (
            f"{one.gain.true:.3f} / {one.gain.stated:.3f}",
            f"{one.offset.true:.2f} / {one.offset.stated:.2f}",
        )
        sky = f"{one.sky.true:.4f} / {one.sky.stated:.4f}"
        common = (_signed(one.common_gain, 2), _signed(one.common_offset, 1), _signed(one.zero_level, 3))
        yield row(trial.error, trial.seed, *pairs, sky, f"{one.sky_chi2:.2f}", *common)


def _signed(pair: Pair, digits: int) -> str:
    return f"{pair.true:+.{digits}f} / {pair.stated:.{digits}f}"


def stated_table(by_error: dict[str, list[Trial]]) -> Iterator[str]:
    """Give what is stated over what is true, rms over seeds, and the share of seeds within a fifth."""
    kinds = ("gain", "offset", "sky", "common_gain", "common_offset", "zero_level")
    titles = ("gain", "offset", "map", "mean gain", "mean offset", "map: mean")
    yield heading("template", *titles, "within 20 %")
    every = [trial for trials in by_error.values() for trial in trials]
    for error, trials in (*by_error.items(), ("all", every)):
        ratios = [_ratio([getattr(trial.stated, kind) for trial in trials]) for kind in kinds]
        within = [NEAR[0] <= ratio <= NEAR[1] for ratio in ratios]
        yield row(error, *(f"{ratio:.2f}" for ratio in ratios), f"{sum(within)} of {len(within)}")


def _ratio(pairs: Sequence[Pair]) -> float:
    true = root_mean_square(np.array([pair.true for pair in pairs]))
    return root_mean_square(np.array([pair.stated for pair in pairs])) / true


def amplitude_table(by_error: dict[str, list[Trial]]) -> Iterator[str]:
    """Give errors of amplitudes: rms over seeds, stated, and their ratio."""
    modes = list(next(iter(by_error.values()))[0].stated.amplitudes)
    yield heading("template", *(f"{mode}: {kind}" for mode in modes for kind in ("true", "stated")))
    every = [trial for trials in by_error.values() for trial in trials]
    for error, trials in (*by_error.items(), ("all", every)):
        cells = []
        for mode in modes:
            pairs = [trial.stated.amplitudes[mode] for trial in trials]
            cells += [
                root_mean_square(np.array([getattr(one, kind) for one in pairs]))
                for kind in ("true", "stated")
            ]
        yield row(error, *(f"{value:.4f}" for value in cells))


def difference_table(by_error: dict[str, list[Trial]]) -> Iterator[str]:
    """Give chi^2 per pixel of half-difference maps."""
    names = list(next(iter(by_error.values()))[0].stated.differences)
    yield heading("template", *(f"{name}{kind}" for name in names for kind in ("", ", all sky")))
    for error, trials in by_error.items():
        cells = []
        for name in names:
            for kind in (0, 1):
                found = np.array([_chi2(trial.stated, name, kind) for trial in trials])
                cells.append(f"{found.mean():.2f} ({found.min():.2f}-{found.max():.2f})")
        yield row(error, *cells)


def _chi2(one: Stated, name: str, kind: int) -> float:
    return one.differences[name][kind]
