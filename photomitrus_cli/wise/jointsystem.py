"""The linear system of a joint calibration: normal equations with the sky eliminated, never written out.

Unknowns are the changes of every scan's logarithmic gain and offsets, of the template's amplitudes and of the
smooth sky. What is left of the sky, one number per pixel, is eliminated exactly (destriping: Tristram & Ganga
2007, Rep. Prog. Phys. 70, 899, section 5.3), which leaves products of the matrix with vectors, a few passes
over the samples each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.scansums import pixel_sums, scan_blocks, scan_gradient, scan_model
from photomitrus_cli.wise.jointpriors import Priors
from photomitrus_cli.wise.jointunknowns import Design, Threads, Unknowns, smooth_sky, unflatten

Floats = NDArray[np.float64]


class System:
    """Normal equations at one point of linearisation.

    Parameters
    ----------
    design : Design
    gain : ndarray, shape (S,)
        DN per MJy/sr.
    slope : ndarray, shape (n,)
        Change of the sample with the logarithm of its gain, DN.
    weight : ndarray, shape (n,)
        DN^-2; 0 where the sample takes no part.
    priors : Priors
    bright : ndarray, shape (P,)
        Present sky, MJy/sr.
    pool : Threads

    Notes
    -----
    Larger gains make a fainter sky, which its prior would always find more probable. So the prior is put on
    the sky times the mean gain of the scans that see it: the sky's structure tells how gains differ from
    scan to scan, and the template alone what they are.
    """

    def __init__(
        self,
        design: Design,
        gain: Floats,
        slope: Floats,
        weight: Floats,
        bright: Floats,
        priors: Priors,
        pool: Threads,
    ) -> None:
        self.design, self.gain, self.slope, self.weight, self.priors = design, gain, slope, weight, priors
        self._pool = pool
        self._model = np.zeros(len(design.index))
        self._seen = self._sums(np.zeros(len(design.index)))[1]
        # Pixels without samples and without prior: anything but 0.
        total = self._seen + priors.pixel_precision
        self.full = np.where(total > 0, total, 1.0)
        self.share = np.where(self._seen > 0, bright / np.where(self._seen > 0, self._seen, 1.0), 0.0)

    @property
    def size(self) -> int:
        """Number of unknowns."""
        design = self.design
        n_smooth = sum(level.n_blocks for level in self.priors.levels)
        return int(design.n_scans * (1 + design.n_nodes) + design.modes.shape[1] + n_smooth)

    @property
    def left_weight(self) -> Floats:
        """What each pixel tells of the smooth sky beside its own, (MJy/sr)^-2, shape (P,)."""
        return np.asarray(self._seen * (1.0 - self._seen / self.full))

    def _sums(self, value: Floats) -> tuple[Floats, Floats]:
        design = self.design
        sums = np.zeros((2, len(self._pool.parts), design.n_pixels))

        def work(part: int, start: int, stop: int) -> None:
            """Add up one part."""
            pixel_sums(
                design.first, start, stop, design.index, self.weight, self.gain, value,
                sums[0, part], sums[1, part],
            )  # fmt: skip

        self._pool.run(work)
        return sums[0].sum(axis=0), sums[1].sum(axis=0)

    def pixel_sky(self, value: Floats) -> Floats:
        """Give the sky, beyond the smooth one, that fits values best, MJy/sr, shape (P,).

        Parameters
        ----------
        value : ndarray, shape (n,)
            What the rest of the model leaves, DN.
        """
        return np.asarray(self._sums(value)[0] / self.full)

    def gradient(self, value: Floats, sky_pull: Floats | None = None) -> Floats:
        """Project residuals, with the best sky taken out, on the unknowns.

        Parameters
        ----------
        value : ndarray, shape (n,)
            DN.
        sky_pull : ndarray, shape (P,), optional
            What else the pixels' sky is drawn to, as a gradient, (MJy/sr)^-1.
        """
        sums = self._sums(value)[0]
        sky = (sums if sky_pull is None else sums + sky_pull) / self.full
        return self._project(value, sums, sky)

    def _project(self, value: Floats, sums: Floats, sky: Floats, known: Floats | None = None) -> Floats:
        """Project ``value + gain known``, of which sums over pixels are given, with a sky taken out."""
        design, levels = self.design, self.priors.levels
        # What the best sky leaves of a pixel's sum, as far as the prior keeps it from taking all.
        left = sums - self._seen * sky
        pull = left * self.share
        beyond = sky if known is None else sky - known
        to_gain = np.zeros(design.n_scans)
        to_nodes = np.zeros((design.n_scans, design.n_nodes))
        to_modes = np.zeros((design.n_scans, design.modes.shape[1]))

        def work(_: int, start: int, stop: int) -> None:
            """Project one part."""
            scan_gradient(
                design.first, start, stop, design.index, design.node, design.part, self.slope, design.modes,
                self.weight, self.gain, value, beyond, pull, to_gain, to_nodes, to_modes,
            )  # fmt: skip

        self._pool.run(work)
        smooth = tuple(level.gather(left) for level in levels)
        return Unknowns(to_gain, to_nodes, to_modes.sum(axis=0), smooth).flat()

    def product(self, flat: Floats) -> Floats:
        """Multiply the matrix of the normal equations by a vector."""
        design = self.design
        x = unflatten(flat, design, self.priors.levels)
        sums = np.zeros((2, len(self._pool.parts), design.n_pixels))
        model = self._model

        def work(part: int, start: int, stop: int) -> None:
            """Evaluate one part."""
            scan_model(
                design.first, start, stop, design.index, design.node, design.part, self.slope, design.modes,
                self.weight, self.gain, x.log_gain, x.nodes, x.amplitudes, model,
                sums[0, part], sums[1, part],
            )  # fmt: skip

        self._pool.run(work)
        own, changes = sums.sum(axis=1)
        sky = smooth_sky(x.smooth, self.priors.levels, design.n_pixels) - self.share * changes
        total = own + self._seen * sky
        return self._project(model, total, total / self.full, sky) + self.prior_product(flat)

    def prior_product(self, flat: Floats) -> Floats:
        """Multiply the priors' matrix by a vector."""
        priors = self.priors
        x = unflatten(flat, self.design, priors.levels)
        smooth = tuple(
            values * level.precision for values, level in zip(x.smooth, priors.levels, strict=True)
        )
        return Unknowns(
            priors.gain.product(x.log_gain),
            x.nodes @ priors.node_precision,
            x.amplitudes * priors.mode_precision,
            smooth,
        ).flat()

    def blocks(self) -> Floats:
        """Give each scan's own block, sky eliminated, without priors, shape (S, K + 1, K + 1)."""
        design = self.design
        side = design.n_nodes + 1
        blocks = np.zeros((design.n_scans, side, side))

        def work(_: int, start: int, stop: int) -> None:
            """Add up one part."""
            scan_blocks(
                design.first, start, stop, design.index, design.node, design.part, self.slope, self.weight,
                self.gain, self.full, blocks,
            )  # fmt: skip

        self._pool.run(work)
        upper = np.triu(np.ones((side, side)), 1)
        return np.asarray(blocks + np.transpose(blocks * upper, (0, 2, 1)))
