"""A real IRSA frame table and the headers of real frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from photomitrus_cli.wise.frametable import read_frame_table
from photomitrus_cli.wise.headertable import table_from_frames

pytestmark = pytest.mark.real
TABLE = Path("wise-frame-metadata") / "most_imgframes_matched_final_table.tbl"


def test_an_ipac_table_is_read_as_astropy_reads_it(real_data: Path) -> None:
    read = read_frame_table(real_data / TABLE)
    want = Table.read(real_data / TABLE, format="ascii.ipac")
    assert len(read) == len(want) == 12
    assert read["scan_id"].tolist() == want["scan_id"].tolist()
    assert read["frame_num"].tolist() == [f"{number:03d}" for number in want["frame_num"]]
    for name in set(read.columns) & set(want.colnames):
        if read[name].dtype.kind in "fi":
            np.testing.assert_array_equal(read[name], np.asarray(want[name], float), err_msg=name)
    assert read["moon_sep"].min() == 6.709
    assert "qual_scan" not in read


def test_headers_make_a_table(real_data: Path) -> None:
    read = table_from_frames(real_data / "wise-l1b")
    assert sorted(set(read["band"].tolist())) == [1, 2, 3, 4]
    assert set(read["scan_id"].tolist()) == {"00805b", "00808a", "81487a"}
    assert set(read["frame_num"].tolist()) == {"089", "064", "025"}
    assert set(read["scangrp"].tolist()) == {"5b", "8a", "7a"}
    for row, path in enumerate(read["full_filepath"].tolist()):
        assert Path(path).name.startswith(
            f"{read['scan_id'][row]}{read['frame_num'][row]}-w{read['band'][row]}-"
        )
        header = fits.getheader(path)
        for name, key in (("mjd_obs", "MJD_OBS"), ("moon_sep", "MOONSEP"), ("crval1", "CRVAL1")):
            assert read[name][row] == header[key]
    assert "qual_frame" not in read
    only = table_from_frames(real_data / "wise-l1b", 2)
    assert len(only) == 3
