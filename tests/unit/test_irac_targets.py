"""Targets: one position, tables of AOR-target pairs, proper motions."""

from __future__ import annotations

import math
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.time import Time

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.irac.targets import Target, read_pairs, read_wanted

HMS = "18 02 30.74 +58 37 38.16"
HMS_DEG = (270.62808333333334, 58.62726666666667)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("r1/ch1/bcd", "r2/ch1/bcd", "r30"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def table(folder: Path, text: str) -> Path:
    path = folder / "pairs.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_original_tables_work_as_they_are(folder: Path) -> None:
    """Column names of rafia37/IRAC_photometry, absolute and relative paths, both kinds of coordinates."""
    text = f"AOR Filepath,Target Coordinates\nr1,{HMS}\n{folder / 'r2'},270.5 -58.6\nr1,10 20\n"
    found = read_pairs(table(folder, text))
    assert [path for path, _ in found] == [folder / "r1", folder / "r2", folder / "r1"]
    assert (found[0][1].ra, found[0][1].dec) == pytest.approx(HMS_DEG, abs=1e-10)
    assert [(one.ra, one.dec) for _, one in found[1:]] == [(270.5, -58.6), (10.0, 20.0)]
    assert [one.name for _, one in found] == [HMS, "270.5 -58.6", "10 20"]


@pytest.mark.parametrize(
    "text",
    [
        "path,ra,dec,name\nr1,10.5,-3,A star\n",
        "\ufeffAOR Filepath,Target Coordinates,Target Name\nr1,10.5 -3,A star\n",
        " aor filepath , TARGET COORDINATES ,name\r\nr1, 10.5 -3 , A star \r\n\r\n",
        'AOR Filepath,Target Coordinates,Target Name,Notes\nr1,"10.5, -3",A star,"x,y"\n',
        "AOR_Filepath,Target RA,Target Dec,Target,pmra,pmdec\nr1,10.5,-3,A star,,--\n",
    ],
)
def test_spellings(text: str, folder: Path) -> None:
    assert read_pairs(table(folder, text)) == [(folder / "r1", Target("A star", 10.5, -3.0))]


def test_patterns_in_a_table(folder: Path) -> None:
    found = read_pairs(table(folder, "AOR Filepath,Target Coordinates\nr?,10 20\n"))
    assert [path.name for path, _ in found] == ["r1", "r2"]
    assert len({one for _, one in found}) == 1


def test_ecsv_with_units_and_motions(folder: Path) -> None:
    path = folder / "pairs.ecsv"
    Table(
        {
            "AOR Filepath": ["r1", "r2"],
            "ra": np.array([10.5, 11.0]) * u.deg,
            "dec": np.array([-3.0, 4.0]) * u.deg,
            "pmra": np.array([12.0, np.nan]) * u.mas / u.yr,
            "pmdec": np.array([-7.0, np.nan]) * u.mas / u.yr,
            "epoch": [2015.5, 2000.0],
        }
    ).write(path)
    assert [one for _, one in read_pairs(path)] == [
        Target("10.5 -3.0", 10.5, -3.0, 12.0, -7.0, 2015.5),
        Target("11.0 4.0", 11.0, 4.0),
    ]


GOOD = "AOR Filepath,Target Coordinates\nr1,10 20\nr2,11 21\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the table has no rows"),
        ("AOR Filepath,Target Coordinates\n", "the table has no rows"),
        ("AOR Filepath,Target Coordinates\n,\n", "the table has no rows"),
        (
            "AOR,Position angle\nr1,10 20\n",
            "no column Target Coordinates (or ra and dec) among: AOR, Position",
        ),
        ("AOR Filepath,ra\nr1,10\n", "no column Target Coordinates (or ra and dec)"),
        ("Folder,Target Coordinates\nr1,10 20\n", "no column AOR Filepath among: Folder, Target Coordinates"),
        (f"{GOOD}r1,10 ninety\n", "row 3: '10 ninety' is not a sky position"),
        (f"{GOOD}r1,10 95\n", "row 3: '10 95' is not a sky position"),
        (f"{GOOD}r1,510.1 2.15\n", "row 3: '510.1 2.15' is not a sky position: its right ascension"),
        (f"{GOOD}r1,nan nan\n", "row 3: 'nan nan' is not a sky position"),
        (f"{GOOD}r1,\n", "row 3: '' is not a sky position"),
        (f"{GOOD},10 20\n", "row 3: the column AOR Filepath is empty"),
        (f"{GOOD}r1\n", "row 3: not as many cells as the header has columns"),
        (f"{GOOD}r1,10 20,30\n", "row 3: not as many cells as the header has columns"),
        ("path,ra,dec,pmra\nr1,10,20,fast\n", "row 1: pmra is 'fast', not a finite number"),
        ("path,ra,dec,pmra\nr1,10,20,inf\n", "row 1: pmra is 'inf', not a finite number"),
        (f"{GOOD}x*,10 20\n", "x*: the pattern matches nothing"),
        ('AOR Filepath,Target Coordinates\nr1,"10 20\n', "cannot be read as CSV"),
    ],
)
def test_wrong_tables(text: str, told: str, folder: Path) -> None:
    path = table(folder, text)
    with pytest.raises(InputError) as caught:
        read_pairs(path)
    assert told in caught.value.message
    assert str(folder) in caught.value.message
    assert "\n" not in caught.value.message


# What astropy stumbles over in a way of its own.
SERIALIZED = b"""# %ECSV 1.0
# ---
# datatype:
# - {name: ra, datatype: float64}
# meta: !!omap
# - __serialized_columns__:
#     ra: 5
# schema: astropy-2.0
ra
1.0
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"\xff\xfe\x00"),
        ("a.ecsv", b"path,ra\n1,2\n"),
        ("a.ecsv", b""),
        ("a.ecsv", SERIALIZED),
    ],
)
def test_what_is_no_table(name: str, content: bytes, folder: Path) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as") as caught:
        read_pairs(folder / name)
    assert "\n" not in caught.value.message


def test_motions_move_targets_as_astropy_does() -> None:
    one = Target("near", 269.452, 4.6934, -801.551, 10362.394, 2015.5)
    for mjd in (53000.5, 58000.0):
        theirs = SkyCoord(
            one.ra * u.deg,
            one.dec * u.deg,
            pm_ra_cosdec=one.pm_ra_cosdec * u.mas / u.yr,
            pm_dec=one.pm_dec * u.mas / u.yr,
            obstime=Time(one.epoch, format="jyear"),
            distance=10 * u.pc,
        ).apply_space_motion(Time(mjd, format="mjd"))
        here = SkyCoord(*one.at(mjd), unit="deg")
        assert here.separation(theirs).mas < 1.0
        assert here.separation(SkyCoord(one.ra, one.dec, unit="deg")).arcsec > 20.0
    assert one.at(math.nan) == (one.ra, one.dec)
    assert Target("still", 10.0, 20.0).at(58000.0) == (10.0, 20.0)


def test_inputs_and_tables_together(folder: Path) -> None:
    path = table(folder, f"AOR Filepath,Target Coordinates\nr1,10 20\n{folder / 'r2'},11 21\nr1,11 21\n")
    wanted = read_wanted([folder / "r1", path, folder / "r30"], "10 20", "mine", (1.0, 2.0, 2010.0))
    mine = Target("mine", 10.0, 20.0, 1.0, 2.0, 2010.0)
    assert wanted.targets == (mine, Target("10 20", 10.0, 20.0), Target("11 21", 11.0, 21.0))
    assert wanted.pairs == {folder / "r1": (0, 1, 2), folder / "r2": (2,), folder / "r30": (0,)}
    assert wanted.tables == (path,)


def test_the_same_pair_counts_once(folder: Path) -> None:
    path = table(folder, "AOR Filepath,Target Coordinates\nr1,10 20\nr1,10 20\n")
    wanted = read_wanted([path, path], None, "", ())
    assert wanted.pairs == {folder / "r1": (0,)}
    assert len(wanted.targets) == 1


def test_a_position_is_needed_for_what_is_no_table(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no target for") as caught:
        read_wanted([folder / "r1"], None, "", ())
    assert "--target" in str(caught.value.hint)


def test_patterns_among_the_inputs(folder: Path) -> None:
    (folder / "r[1]").mkdir()
    wanted = read_wanted([folder / "r?"], "10 20", "", ())
    assert [path.name for path in wanted.pairs] == ["r1", "r2"]
    # A folder of that very name is itself.
    assert list(read_wanted([folder / "r[1]"], "10 20", "", ()).pairs) == [folder / "r[1]"]
    with pytest.raises(InputError, match="the pattern matches nothing"):
        read_wanted([folder / "q*"], "10 20", "", ())
