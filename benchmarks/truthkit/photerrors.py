"""True errors of photometry of simulated stars."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from photomitrus_cli.irac.apcorr import CRYO, WARM
from photomitrus_cli.irac.phot import photometer
from photomitrus_cli.simulate.iracfacts import Mission, ReadMode
from truthkit.photfield import Brightness, PhotometryField, aperture_correction, photometry_field

Float = NDArray[np.float64]
Radii = tuple[float, float, float]

APERTURES: tuple[Radii, ...] = ((3, 3, 7), (5, 5, 10), (10, 12, 20))
# Nine stars on 24 frames, or one star on 201 exposures: two hundred fluxes give a scatter to 5 %.
_LAYOUT: dict[ReadMode, dict[str, Any]] = {
    "full": {"stars": "grid", "n_aors": 3, "dithers": 8, "dither_rms_arcsec": 5.0},
    "sub": {"stars": "single", "n_aors": 3, "dithers": 67},
}
_NOISELESS: dict[str, Any] = {"noise": False, "pointing_rms_arcsec": 0.0}
_NOISELESS_DITHERS: dict[ReadMode, int] = {"full": 8, "sub": 10}


@dataclass(frozen=True)
class Cell:
    """What is simulated.

    Attributes
    ----------
    channel : int
    mission : {'cryo', 'warm'}
    readmode : {'full', 'sub'}
    brightness : {'bright', 'faint'}
        Signal-to-noise ratio of 300 or 20 in 10 px.
    folder : Path
        Where; must not exist yet.
    """

    channel: int
    mission: Mission
    readmode: ReadMode
    brightness: Brightness
    folder: Path


@dataclass(frozen=True)
class FluxErrors:
    """Errors of fluxes in one aperture.

    Attributes
    ----------
    n : int
    bias, bias_error : float
        Mean of flux / truth - 1, and its standard error.
    scatter : float
        Sample standard deviation of flux / truth.
    pull : float
        That of (flux - truth) / stated error.
    """

    n: int
    bias: float
    bias_error: float
    scatter: float
    pull: float


@dataclass(frozen=True)
class Noiseless:
    """Errors of bright stars without any noise.

    Attributes
    ----------
    found, known : list of FluxErrors
        By aperture, at the measured place and at the true one; pulls are over the errors that a frame with
        noise would state.
    ratios : dict of str to float
        By published aperture: median flux after the published correction over that of 10 px.
    """

    found: list[FluxErrors]
    known: list[FluxErrors]
    ratios: dict[str, float]


def noisy_errors(cell: Cell) -> list[FluxErrors]:
    """Simulate stars and measure them, with the aperture corrections that they themselves have.

    Parameters
    ----------
    cell : Cell

    Returns
    -------
    list of FluxErrors
        By aperture, as `APERTURES`.
    """
    field = _field(cell)
    return _errors(measure(field, APERTURES, own_corrections(cell.channel)))


def noiseless_errors(cell: Cell) -> Noiseless:
    """Simulate stars without noise and with exact headers, and measure them.

    Parameters
    ----------
    cell : Cell

    Returns
    -------
    Noiseless
    """
    field = _field(cell, dithers=_NOISELESS_DITHERS[cell.readmode], **_NOISELESS)
    own = own_corrections(cell.channel)
    found, known = (_errors(measure(field, APERTURES, own, centroid=how)) for how in ("auto", "fixed"))
    return Noiseless(found, known, published_ratios(field))


def _field(cell: Cell, **more: Any) -> PhotometryField:
    seed = 10 * cell.channel + 5 * (cell.brightness == "faint") + 2 * (cell.mission == "warm")
    return photometry_field(
        cell.folder,
        channel=cell.channel,
        mission=cell.mission,
        readmode=cell.readmode,
        brightness=cell.brightness,
        **(_LAYOUT[cell.readmode] | {"seed": seed} | more),
    )


def own_corrections(channel: int) -> list[float]:
    """Give the simulated stars' own aperture corrections.

    Those of whole annuli, also on subarrays: the library gives every ring of an annulus the weight of its
    full area, however little of it is on the array.
    """
    return [aperture_correction(channel, *radii) for radii in APERTURES]


def measure(
    field: PhotometryField, apertures: tuple[Radii, ...], corrections: list[float] | str, **keys: Any
) -> Table:
    """Measure the targets of a field with the functions that the simulator has.

    Parameters
    ----------
    field : PhotometryField
    apertures : tuple of (float, float, float)
    corrections : list of float, or 'auto'
        Aperture corrections.
    **keys
        Other keys of ``irac.phot``.

    Returns
    -------
    astropy.table.Table
        Images with a flux, used for their AOR or not, and a column ``truth``, mJy.
    """
    names = [str(number) for number in field.targets["id"]]
    pairs = Table({"ra": field.targets["ra"], "dec": field.targets["dec"], "name": names})
    pairs["AOR Filepath"] = "."
    path = field.folder / "pairs.ecsv"
    pairs.write(path, overwrite=True)
    chosen: dict[str, Any] = {"functions": "seed", "filetype": "bcd", "aperture_correction": corrections}
    images = photometer([path], apertures=apertures, **chosen, **keys)[1]
    images = images[np.isfinite(images["Flux (mJy)"])]
    flux = dict(zip(names, field.targets["flux"] / 1000.0, strict=True))
    images["truth"] = [flux[name] for name in images["Target"]]
    return images


def _errors(images: Table) -> list[FluxErrors]:
    found = []
    for radii in APERTURES:
        own = images[images["Aperture"] == written(radii)]
        flux, truth, error = (np.array(own[name]) for name in ("Flux (mJy)", "truth", "Error (mJy)"))
        ratio = flux / truth
        n, scatter = len(own), float(ratio.std(ddof=1))
        pull = float(((flux - truth) / error).std(ddof=1))
        found.append(FluxErrors(n, float(ratio.mean()) - 1.0, scatter / np.sqrt(n), scatter, pull))
    return found


def written(radii: Radii) -> str:
    """Write an aperture as tables do: 10,12,20."""
    return ",".join(f"{radius:g}" for radius in radii)


def published_ratios(field: PhotometryField) -> dict[str, float]:
    """Measure stars in every published aperture and compare with that of 10 px less 12-20 px."""
    known: tuple[Radii, ...] = tuple(CRYO if field.mission == "cryo" else WARM)
    images = measure(field, known, "auto")
    values = {
        name: np.array(images["Flux (mJy)"] / images["truth"])[images["Aperture"] == name]
        for name in map(written, known)
    }
    whole = float(np.median(values["10,12,20"]))
    return {name: float(np.median(ratio)) / whole for name, ratio in values.items()}
