"""`simulate wise`, `wise filter`, `wise coadd`, one after the other as the help shows it: the true sky."""

from __future__ import annotations

from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from truthkit.faultkit import run_here
from truthkit.wisefaults import SCANS, columns

pytestmark = pytest.mark.xdist_group("wise-coadd")

NSIDE = 512
SIMULATED = ("--frame-px", "96", "--scans", "3", "--truth-frames", "--seed", "5", "-j", "1")
# The Moon is far, and the survey has nothing that only the truth does not know.
QUIET = {"n_asteroids": 0, "trail_fraction": 0, "bad_frame_fraction": 0, "frame_offset_rms_dn": [0] * 4}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder after the three commands; its own astromap.yaml says where everything is."""
    folder = tmp_path_factory.mktemp("chain") / "slice"
    quiet = [word for key, value in QUIET.items() for word in ("--set", f"wise.simulate.{key}={value}")]
    assert run_here("simulate", "wise", folder, *SIMULATED, *quiet).code == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = run_here("wise", "filter")
        assert done.code == 0, done.stderr
        done = run_here("wise", "coadd", "--nside", NSIDE, "-j", "1")
        assert done.code == 0, done.stderr
        done = run_here("wise", "coadd", "--nside", NSIDE, "-j", "1", "--day", "--all-scans-map", "all.fits")
        assert done.code == 0, done.stderr
    return folder


def truth_sums(folder: Path, scan: str) -> tuple[np.ndarray, np.ndarray]:
    """Sum up the frames without noise by astropy and healpy: counts and sums per map pixel."""
    counts, total = np.zeros((2, healpy.nside2npix(NSIDE)))
    for path in sorted(folder.glob(f"*/{scan}/*/*-tru-1b.fits")):
        sci, header = fits.getdata(path), fits.getheader(str(path).replace("-tru-", "-int-"))
        header.rename_keyword("RADECSYS", "RADESYS")
        ny, nx = sci.shape
        lonlat = WCS(header).all_pix2world(*np.meshgrid(np.arange(nx), np.arange(ny)), 0)
        turned = healpy.rotator.Rotator(coord="CG")(lonlat[0].ravel(), lonlat[1].ravel(), lonlat=True)
        pixels = healpy.ang2pix(NSIDE, *turned, lonlat=True)
        np.add.at(counts, pixels, 1)
        np.add.at(total, pixels, sci.ravel())
    return counts, total


@pytest.mark.parametrize("scan", SCANS)
def test_values_are_those_of_the_sky(scan: str, chain: Path) -> None:
    rows = columns(chain / "coadd" / f"w3_{scan}.fits")
    counts, total = truth_sums(chain, scan)
    assert rows["PIXEL"].tolist() == np.flatnonzero(counts).tolist()
    full = rows["HITS"] > 50
    assert full.sum() > 60
    rows = rows[full]
    assert (rows["HITS"] <= counts[rows["PIXEL"]]).all()
    assert (rows["HITS"] > 0.8 * counts[rows["PIXEL"]]).all()
    pull = (rows["VALUE"] - total[rows["PIXEL"]] / counts[rows["PIXEL"]]) / rows["SIGMA"]
    # What is masked is missing from the mean of the map and not from that of the truth: stars, gradients.
    assert abs(np.median(pull)) < 0.5
    assert 0.75 < 1.4826 * np.median(np.abs(pull - np.median(pull))) < 1.3


def test_the_day_holds_the_frames_of_its_scans(chain: Path) -> None:
    [day] = (chain / "coadd").glob("w3_mjd*.fits")
    rows, everything = columns(day), columns(chain / "all.fits")
    single = [columns(chain / "coadd" / f"w3_{scan}.fits") for scan in SCANS]
    assert rows["HITS"].sum() <= sum(one["HITS"].sum() for one in single)
    assert rows["HITS"].sum() > 0.95 * sum(one["HITS"].sum() for one in single)
    assert columns(day).tobytes() == everything.tobytes()
    assert rows["FRAMES"].max() > 3


def test_frames_tell_where_they_come_from(chain: Path) -> None:
    table = Table.read(chain / "coadd" / "w3_frames.ecsv", format="ascii.ecsv")
    truth = Table.read(chain / "truth" / "truth_frames.ecsv", format="ascii.ecsv")
    assert len(table) == len(truth)
    assert set(table["status"]) == {"used"}
    np.testing.assert_allclose(table["scale"], 1.0, atol=0.05)
    assert Table.read(chain / "coadd" / "w3_day_frames.ecsv", format="ascii.ecsv")["frame"].tolist() == (
        table["frame"].tolist()
    )
