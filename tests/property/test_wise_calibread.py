"""Samples against a dictionary, for scans of any pixels, many or few for the map."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.wise.calibread import assemble
from photomitrus_cli.wise.scancolumns import scan_columns_of

# Pixels with their times and hits, 0 for those that are not used.
PIXELS = st.dictionaries(
    st.integers(0, 47), st.tuples(st.floats(55000.0, 56000.0), st.integers(0, 2)), min_size=1, max_size=48
)


@settings(max_examples=50, deadline=None)
@given(st.lists(PIXELS, min_size=1, max_size=6), st.sampled_from(["galactic", "ecliptic", "equatorial"]))
def test_every_used_pixel_is_one_sample(scans: list[dict[int, tuple[float, int]]], system: str) -> None:
    scans[0][5] = (55500.0, 1)
    read = []
    for number, scan in enumerate(scans):
        pixels = np.array(sorted(scan))
        rows = [scan[pixel] for pixel in sorted(scan)]
        columns: dict[str, NDArray[Any]] = {
            "VALUE": pixels + 100.0 * number,
            "SIGMA": np.ones(pixels.size),
            "HITS": np.array([hits for _, hits in rows], np.int32),
            "MJD": np.array([mjd for mjd, _ in rows]),
            "MASK": np.zeros(pixels.size, np.int32),
        }
        read.append(scan_columns_of(str(number), PartialMap(2, system, pixels, columns)))
    samples = assemble(read, 2, system)
    for number, scan in enumerate(scans):
        used = {pixel: row for pixel, row in scan.items() if row[1]}
        mine = slice(samples.first[number], samples.first[number + 1])
        pixels = samples.pixels[samples.index[mine]]
        expected = sorted(used, key=lambda pixel: (used[pixel][0], pixel))
        assert pixels.tolist() == expected
        assert samples.value[mine].tolist() == [pixel + 100.0 * number for pixel in expected]
        assert samples.mjd[mine].tolist() == [used[pixel][0] for pixel in expected]
        assert read[number].n_dropped == len(scan) - len(used)
    assert samples.pixels.tolist() == sorted({pixel for scan in scans for pixel in scan if scan[pixel][1]})
    assert len(samples.longitude) == len(samples.pixels)
