"""Kernels compiled with checks of every index: without these what is written outside an array is not seen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Map pixels on charts and near a pole, whole and mixed.
_AT_A_POLE = """
import numpy as np
from photomitrus_cli.imaging.healbin import bin_frame
from photomitrus_cli.imaging.healnodes import frame_nodes
from photomitrus_cli.imaging.sinsip import SinSip
shape = (40, 50)
sin = SinSip.at((80.0, 89.9), [[-8e-3, 0.0], [0.0, 8e-3]], (25.0, 20.0), shape, np.zeros((2, 3, 3)))
planes = np.ones(shape, np.float32), np.ones(shape, np.float32), np.zeros(shape, np.uint8)
for nside in (16, 1024):
    sums = bin_frame(frame_nodes(sin.directions, shape, np.eye(3)), *planes, nside, level=0.0, per_pixel=True)
    assert sums.hits.sum() == 2000
"""
_OF_NODES = """
import numpy as np
from photomitrus_cli.imaging.nodes import spread_nodes
for shape in ((33, 65), (40, 70), (49, 81), (1, 2)):
    node = np.add.outer(np.arange(4.0), 2.0 * np.arange(6.0))
    out = np.full(shape, np.nan)
    spread_nodes(node, 16, out)
    expected = np.add.outer(np.arange(shape[0]), 2.0 * np.arange(shape[1])) / 16.0
    assert np.allclose(out, expected)
"""


@pytest.mark.parametrize("program", [_AT_A_POLE, _OF_NODES], ids=["map pixels", "nodes"])
def test_every_index_is_within_its_array(program: str, tmp_path: Path) -> None:
    checks = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=checks, check=True)
