"""Tables about the truth of ``prime stack``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from truthkit.pages import heading, row
from truthkit.primespeed import Raced
from truthkit.primetrials import Trial


def _name(trial: Trial) -> tuple[str, ...]:
    one = trial.setup
    return one.band, one.family, f"{one.rotation:g}", str(one.seed)


_NAMES = ("band", "distortion", "rotation", "seed")


def geometry_table(trials: Sequence[Trial]) -> Iterator[str]:
    """Give true errors of geometries."""
    yield heading(
        *_NAMES, "frames", "refused", "rms", "worst corner", "between frames", "stack, offset", text=4
    )
    for one in trials:
        found = one.geometry
        refused = ", ".join(sorted(one.refused)) + ("" if one.right else " (wrong)")
        numbers = (found.rms, found.corner, found.frames, one.offset)
        yield row(*_name(one), one.used, refused, *(f"{value:.4f}" for value in numbers))


def light_table(trials: Sequence[Trial]) -> Iterator[str]:
    """Give errors of magnitudes and positions of stars."""
    yield heading(
        *_NAMES, "mag", "stars", "bias", "scatter", "stated", "scatter / stated", 'position, "', text=4
    )
    for one in trials:
        for part in one.bins:
            yield row(
                *_name(one),
                f"{part.low:g}-{part.high:g}",
                part.stars,
                f"{part.bias:+.4f} ± {part.error:.4f}",
                f"{part.scatter:.4f}",
                f"{part.formal:.4f}",
                f"{part.ratio:.2f}",
                f"{part.position:.4f}",
            )


def noise_table(trials: Sequence[Trial]) -> Iterator[str]:
    """Give noise, depth and zero points."""
    yield heading(*_NAMES, "zero point", "pixels", "apertures", "depth lost", "against photons", text=4)
    for one in trials:
        yield row(
            *_name(one),
            f"{one.zero_point:+.4f} ± {one.zero_point_error:.4f}",
            f"{one.pixel:.3f}",
            f"{one.aperture:.3f}",
            f"{-one.lost:.3f}",
            f"{-one.lost_photons:.3f}",
        )


def clipping_table(trials: Sequence[Trial]) -> Iterator[str]:
    """Give what clipping leaves of hits, and takes from stars."""
    yield heading(
        *_NAMES,
        "strong hits",
        "left",
        "in stars",
        "worst elsewhere",
        "cores",
        "lost, %",
        "blank sky, %",
        "worst",
        text=4,
    )
    for one in trials:
        hits, cores = one.hits, one.cores
        yield row(
            *_name(one),
            hits.strong,
            hits.left,
            hits.near_stars,
            f"{hits.worst:.1f}",
            cores.stars,
            f"{100 * cores.lost:.3f}",
            f"{100 * cores.blank:.3f}",
            cores.worst,
        )


def speed_table(found: Sequence[Raced]) -> Iterator[str]:
    """Give time and memory of programs."""
    yield heading("program", "load", "wall, s", "CPU, s", "memory, GB")
    for one in found:
        took = one.times
        yield row(
            one.name, f"{one.load:.1f}", f"{took.wall:.1f}", f"{took.cpu:.1f}", f"{took.peak / 1e9:.2f}"
        )
