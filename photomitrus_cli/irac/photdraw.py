"""The two figures that a photometry run draws, from its measurements."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from photomitrus_cli.io.atomic import atomic_path
from photomitrus_cli.irac.photplots import FluxRows, aor_scatter, time_series
from photomitrus_cli.irac.phottables import Measurements


def draw(series: Path, aors: Path, one: Measurements) -> None:
    """Draw the two figures of a run, of the first aperture.

    Parameters
    ----------
    series, aors : Path
        PNGs to make or replace.
    one : Measurements

    Raises
    ------
    WriteError
        When one cannot be written.
    """
    columns, fluxes = one.columns, one.fluxes
    rows = np.flatnonzero(columns["aperture"] == 0)
    kept = np.array([not reason for reason in one.judged.reasons], dtype=np.bool_)
    frames = FluxRows(
        columns["mjd"][rows], fluxes.flux[rows], fluxes.err[rows], kept[rows], columns["channel"][rows],
        columns["framtime_s"][rows], columns["target"][rows], columns["aorkey"][rows],
    )  # fmt: skip
    groups = [group for group in one.judged.groups if columns["aperture"][group.rows[0]] == 0]
    first = np.array([group.rows[0] for group in groups], dtype=np.intp)
    means = FluxRows(
        columns["mjd"][first],
        np.array([math.nan if group.flux is None else group.flux.flux for group in groups]),
        np.array([math.nan if group.flux is None else group.flux.err_mean for group in groups]),
        np.array([group.flux is not None for group in groups], dtype=np.bool_),
        columns["channel"][first],
        columns["framtime_s"][first],
        columns["target"][first],
        columns["aorkey"][first],
    )
    radii = one.radii(0)
    with atomic_path(series) as part:
        time_series(part, frames, title=f"IRAC aperture {radii}: images")
    with atomic_path(aors) as part:
        aor_scatter(part, means, title=f"IRAC aperture {radii}: AORs")
