"""Simulated fields and the mosaics made of them, through the library's own stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from numpy.typing import NDArray

from photomitrus_cli.irac import mosaic
from photomitrus_cli.run.config import build, collect, to_yaml
from photomitrus_cli.run.context import DEFAULT_MEMORY, Context, RunControl
from photomitrus_cli.run.parallel import Executor, SerialExecutor
from photomitrus_cli.settings import SECTIONS, AstromapConfig
from photomitrus_cli.simulate.irac import simulate_field

# Isolated, unsaturated stars and nothing else: what photometry is measured on.
CLEAN_FIELD: dict[str, Any] = {
    "star_layout": "grid",
    "grid_spacing_arcsec": 28.0,
    "flux_min_ujy": 300.0,
    "flux_max_ujy": 3000.0,
    "n_bright_stars": 0,
    "n_galaxies": 0,
    "pointing_rms_arcsec": 0.0,
    "rmask_completeness": 1.0,
    "hot_flagged_fraction": 1.0,
}
# No sources at all, every other accident of real frames.
BLANK_FIELD: dict[str, Any] = {
    "star_density_arcmin2": 0.0,
    "n_bright_stars": 0,
    "n_galaxies": 0,
    "rmask_completeness": 1.0,
    "hot_flagged_fraction": 1.0,
}
# A uniform sky without noise; dead and hot pixels, all flagged.
CONSTANT_FIELD: dict[str, Any] = {
    "star_density_arcmin2": 0.0,
    "n_bright_stars": 0,
    "n_galaxies": 0,
    "noise": False,
    "cosmic_ray_rate": 0.0,
    "offset_rms_mjy_sr": 0.0,
    "first_frame_offset_mjy_sr": 0.0,
    "first_frame_ramp_mjy_sr": 0.0,
    "pointing_rms_arcsec": 0.0,
    "rmask_completeness": 1.0,
    "hot_flagged_fraction": 1.0,
}


@dataclass(frozen=True)
class Mosaic:
    """A mosaic read back from its file.

    Attributes
    ----------
    sci, unc, exptime : ndarray of float, shape (ny, nx)
        MJy/sr, MJy/sr, s.
    coverage : ndarray of int, shape (ny, nx)
    wcs : astropy.wcs.WCS
    correlation : float
        CORRFAC.
    ujy_per_pixel : float
        UJYPIX.
    inputs : astropy.table.Table
    """

    sci: NDArray[np.float64]
    unc: NDArray[np.float64]
    exptime: NDArray[np.float64]
    coverage: NDArray[np.int64]
    wcs: WCS
    correlation: float
    ujy_per_pixel: float
    inputs: Table


def settings(mapping: Mapping[str, Any]) -> AstromapConfig:
    """Build a configuration from packaged defaults and dotted keys."""
    return build(AstromapConfig, collect(SECTIONS, options=dict(mapping), use_local=False))


def simulate(folder: Path, **overrides: Any) -> Path:
    """Simulate a field with the packaged defaults and some keys changed."""
    config = settings({f"irac.simulate.{key}": value for key, value in overrides.items()})
    simulate_field(config.irac.simulate, folder)
    return folder


def make_mosaic(
    inputs: Path | list[Path],
    output: Path,
    *,
    executor: Executor | None = None,
    memory_bytes: int = DEFAULT_MEMORY,
    **overrides: Any,
) -> Mosaic:
    """Run the mosaic stage and read its product."""
    folders = inputs if isinstance(inputs, list) else [inputs]
    keys = {f"irac.mosaic.{key}": value for key, value in overrides.items()}
    config = settings({"irac.mosaic.inputs": folders, "irac.mosaic.output": output, **keys})
    context = Context(
        config_yaml=to_yaml(config),
        control=RunControl(overwrite=True),
        executor=executor or SerialExecutor(),
        memory_bytes=memory_bytes,
    )
    mosaic.run(config.irac.mosaic, context)
    return read_mosaic(output / f"ch{config.irac.mosaic.channel}_mosaic.fits")


def read_mosaic(path: Path) -> Mosaic:
    """Read a mosaic file."""
    with fits.open(path) as hdus:
        header = hdus["SCI"].header
        return Mosaic(
            sci=hdus["SCI"].data.astype(np.float64),
            unc=hdus["UNC"].data.astype(np.float64),
            exptime=hdus["EXP"].data.astype(np.float64),
            coverage=hdus["COV"].data.astype(np.int64),
            wcs=WCS(header),
            correlation=float(header["CORRFAC"]),
            ujy_per_pixel=float(header["UJYPIX"]),
            inputs=Table(hdus["INPUTS"].data),
        )
