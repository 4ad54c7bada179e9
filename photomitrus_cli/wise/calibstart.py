"""An earlier calibration to start from, when scans are added."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.healpixfile import read_partial_map
from photomitrus_cli.wise.calibproducts import map_stem
from photomitrus_cli.wise.calibtableread import read_calibration
from photomitrus_cli.wise.jointstart import Start
from photomitrus_cli.wise.samples import Samples

# Keys of the table's meta data that another run reads.
ZERO_SHIFT, AMPLITUDES, PRIOR, BASELINE_DEG = "zero_shift_mjy_sr", "amplitudes", "prior", "baseline_deg"


def start_files(folder: Path, band: int) -> tuple[Path, Path]:
    """Name the files of an earlier calibration: the table of scans and the map.

    Parameters
    ----------
    folder : Path
    band : int

    Raises
    ------
    InputError
        When one of them is not there.
    """
    table, sky = folder / f"w{band}_calibration.ecsv", folder / f"{map_stem(band, 'fullsky')}.fits"
    for path in (table, sky):
        if not path.is_file():
            raise InputError(
                f"{path}: there is no earlier calibration of band {band}",
                hint="start names the output folder of one; null starts anew",
            )
    return table, sky


def read_start(
    folder: Path, band: int, samples: Samples, modes: tuple[str, ...], baseline_deg: float
) -> Start:
    """Read an earlier calibration.

    Parameters
    ----------
    folder : Path
        Its output.
    band : int
    samples : Samples
        To be calibrated; scans are matched by name.
    modes : tuple of str
        To be fitted to the template; those that the earlier one had not begin at 0.
    baseline_deg : float
        Distance of the offsets along a scan, deg; earlier ones at other distances do not serve.

    Returns
    -------
    Start
        NaN for new or refused scans and new pixels.

    Raises
    ------
    InputError
        When there is none, it is damaged, or its pixels are others.
    """
    path, sky_path = start_files(folder, band)
    table, meta = read_calibration(path)
    old = read_partial_map(sky_path)
    if (old.nside, old.system) != (samples.nside, samples.system):
        raise InputError(
            f"{sky_path}: nside {old.nside}, {old.system}, but the scan maps have nside {samples.nside}, "
            f"{samples.system}"
        )
    if "SKY" not in old.columns:
        raise InputError(f"{sky_path}: has no column SKY")
    shift, amplitudes, prior, spacing = _meta(meta, path)
    rows = {name: row for row, name in enumerate(table.scan.tolist())}
    gain, offset = np.full((2, samples.n_scans), np.nan)
    n_nodes = table.baseline.shape[1] if spacing == baseline_deg else 0
    nodes = np.full((samples.n_scans, n_nodes), np.nan)
    for scan, name in enumerate(samples.names):
        row = rows.get(name)
        if row is not None and table.accepted[row] and table.gain[row] > 0:
            gain[scan] = table.gain[row]
            # What fixed the level then need not do so now.
            offset[scan] = table.offset[row] + shift * table.gain[row]
            nodes[scan] = table.baseline[row, :n_nodes] + shift * table.gain[row]
    return Start(
        gain,
        offset,
        nodes,
        np.array([amplitudes.get(name, 0.0) for name in modes]),
        _sky_at(old.pixels, np.asarray(old.columns["SKY"], np.float64) - shift, samples),
        *(prior.get(name, 0.0) for name in ("walk", "jitter", "baseline_dn")),
    )


def _sky_at(pixels: NDArray[np.int64], values: NDArray[np.float64], samples: Samples) -> NDArray[np.float64]:
    place = np.minimum(np.searchsorted(pixels, samples.pixels), len(pixels) - 1)
    return np.where(pixels[place] == samples.pixels, values[place], np.nan)


def _meta(meta: dict[str, Any], path: Path) -> tuple[float, dict[str, float], dict[str, float], float]:
    try:
        shift, spacing = float(meta[ZERO_SHIFT]), float(meta[BASELINE_DEG])
        amplitudes = {str(name): float(entry["value"]) for name, entry in meta[AMPLITUDES].items()}
        prior = {str(name): float(value) for name, value in meta[PRIOR].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: does not tell its zero level, amplitudes and prior") from error
    finite = {name: value for name, value in prior.items() if np.isfinite(value)}
    return shift, amplitudes, finite, spacing
