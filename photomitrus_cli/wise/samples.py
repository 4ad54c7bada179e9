"""What a calibration is made of: the map pixels of all scans, one after the other, as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Why a sample takes no part in the fit; it is mapped all the same ...
GALAXY, BRIGHT, USER, PARTIAL = 1, 2, 4, 128
# ... and these keep it out of the maps, too.
MOON, PLANET, FLAGGED, CONTRADICTED = 8, 16, 32, 64
UNMAPPED = MOON | PLANET | FLAGGED | CONTRADICTED


@dataclass(frozen=True, slots=True)
class Samples:
    """The map pixels of scans: n samples of S scans that meet in P pixels of the sky.

    Attributes
    ----------
    names : tuple of str
        The scans, ordered by time.
    first : ndarray of int64, shape (S + 1,)
        Samples of scan s are ``first[s]`` to ``first[s + 1] - 1``, ordered by time. A scan may have none.
    nside : int
    system : {'galactic', 'ecliptic', 'equatorial'}
    pixels : ndarray of int64, shape (P,)
        RING numbers of the pixels that any sample is in, ascending.
    index : ndarray of int32, shape (n,)
        The sample's place in `pixels`.
    value : ndarray of float64, shape (n,)
        DN.
    sigma : ndarray of float32, shape (n,)
        1-sigma uncertainty of `value` from those of detector pixels, DN.
    hits : ndarray of int32, shape (n,)
        Detector pixels.
    mjd : ndarray of float64, shape (n,)
        Mean time, UTC, d.
    excluded : ndarray of uint8, shape (n,)
        Bits GALAXY, BRIGHT, USER, PARTIAL, MOON, PLANET, FLAGGED, CONTRADICTED; 0 takes part in the fit.
    zodi : ndarray of float32, shape (C, n)
        Zodiacal template of each component, MJy/sr.
    components : tuple of str
        Their names.
    longitude, latitude : ndarray of float32, shape (P,)
        Geocentric ecliptic (J2000) of the pixels, deg.
    galactic_latitude : ndarray of float32, shape (P,)
        deg.
    side : ndarray of int8, shape (S,)
        1 where the scan looks ahead of the Earth on its orbit (ecliptic longitude below the Sun's: morning),
        -1 behind it.
    ascending : ndarray of bool, shape (S,)
        Whether the ecliptic latitude grows with time.
    """

    names: tuple[str, ...]
    first: NDArray[np.int64]
    nside: int
    system: str
    pixels: NDArray[np.int64]
    index: NDArray[np.int32]
    value: Floats
    sigma: NDArray[np.float32]
    hits: NDArray[np.int32]
    mjd: Floats
    excluded: NDArray[np.uint8]
    zodi: NDArray[np.float32]
    components: tuple[str, ...]
    longitude: NDArray[np.float32]
    latitude: NDArray[np.float32]
    galactic_latitude: NDArray[np.float32]
    side: NDArray[np.int8]
    ascending: NDArray[np.bool_]

    def __len__(self) -> int:
        """Give the number of samples."""
        return len(self.index)

    @property
    def n_scans(self) -> int:
        """Number of scans."""
        return len(self.names)

    def scan_of_sample(self) -> NDArray[np.int32]:
        """Give the scan of every sample, shape (n,)."""
        return np.repeat(np.arange(self.n_scans, dtype=np.int32), np.diff(self.first))

    def scan_mjd(self) -> Floats:
        """Give the middle of every scan, d, shape (S,); NaN for one without samples."""
        middles = np.full(self.n_scans, np.nan)
        for s in range(self.n_scans):
            mine = self.mjd[self.first[s] : self.first[s + 1]]
            if len(mine):
                middles[s] = 0.5 * (float(mine[0]) + float(mine[-1]))
        return middles
