"""Scan maps known by their headers, and the set of them that is calibrated together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Per sample: the arrays of `Samples`, and those of a scan while it waits to be put together with the others.
_BYTES_OF_SAMPLE, _BYTES_OF_COLUMNS = 29, 36
_BYTES_OF_COMPONENT = 4
# Per pixel of the map: its number and three float32 places.
_BYTES_OF_PIXEL = 20


@dataclass(frozen=True, slots=True)
class ScanRef:
    """A scan map that takes part.

    Attributes
    ----------
    name : str
        Of the scan.
    path : Path
    mjd_first, mjd_last : float
        Of its frames, UTC, d.
    n_pixels, n_bytes : int
        Map pixels listed, and size of the file.
    partial : bool
        Whether frames of it had failed under ``--keep-going``.
    """

    name: str
    path: Path
    mjd_first: float
    mjd_last: float
    n_pixels: int
    n_bytes: int
    partial: bool


@dataclass(frozen=True, slots=True)
class CalibPlan:
    """What will be calibrated.

    Attributes
    ----------
    band, nside : int
    system : {'galactic', 'ecliptic', 'equatorial'}
    magzp : float or None
        Zero point that all frames were brought to, mag; None where they were left as they are.
    scans : tuple of ScanRef
        By time, then name.
    ignored : tuple of Path
        Files of the folders that have names like scan maps and are none.
    mixed : tuple of str
        Settings of the coadd in which the scans differ, for a warning each.
    """

    band: int
    nside: int
    system: str
    magzp: float | None
    scans: tuple[ScanRef, ...]
    ignored: tuple[Path, ...] = ()
    mixed: tuple[str, ...] = ()

    @property
    def n_samples(self) -> int:
        """The most samples that there can be."""
        return sum(scan.n_pixels for scan in self.scans)

    def memory_bytes(self, n_components: int) -> int:
        """Estimate the memory that reading and assembling all scans takes at its peak.

        Parameters
        ----------
        n_components : int
            Of the zodiacal template.

        Returns
        -------
        int
            Bytes: the samples, the columns that they are made from, and the sorting of pixel numbers.
        """
        per_sample = _BYTES_OF_SAMPLE + _BYTES_OF_COLUMNS + 2 * _BYTES_OF_COMPONENT * n_components
        n_pixels = min(self.n_samples, 12 * self.nside**2)
        return self.n_samples * per_sample + n_pixels * _BYTES_OF_PIXEL
