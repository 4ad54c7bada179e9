"""Where photometry of real archives goes wrong: targets off the array, bad pixels, saturation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from truthkit.faultkit import edit
from truthkit.photkit import (
    DEC,
    PLAIN,
    RA,
    SMALL,
    SMALL_APERTURE,
    TABLES,
    TARGET,
    Shot,
    column,
    log_fields,
    measured,
    phot,
    rows,
    series,
    star_mjy,
    take,
    write_pairs,
)

from photomitrus_cli.irac.phot import photometer

pytestmark = pytest.mark.xdist_group("phot-traps")

OFF: dict[str, Any] = {"x": 15.2, "y": 500.0}


def images_of(
    folder: Path, *words: object, aperture: tuple[str, ...] = SMALL_APERTURE
) -> list[dict[str, str]]:
    out = folder / "out"
    done = measured(folder / "in", "-o", out, *aperture, "--overwrite", *words)
    assert done.code == 0, done.stderr
    return rows(out, "img")


def test_targets_on_half_of_the_frames_only(tmp_path: Path) -> None:
    """Of a calibrator's archive more than half of the frames do not hold it: that harms nothing."""
    shots = [replace(shot, **(OFF if shot.expid % 2 else {})) for shot in series(6, SMALL)]
    take(tmp_path / "in", *shots)
    done = measured(tmp_path / "in", "-o", tmp_path / "out", *SMALL_APERTURE)
    assert done.code == 0
    assert "  frames: 3 used, 0 skipped, 0 failed" in done.stdout.splitlines()
    assert "  frames without a target: 3" in done.stdout.splitlines()
    images, (aor,) = rows(tmp_path / "out", "img"), rows(tmp_path / "out", "aor")
    assert [row["Not In FOV"] for row in images] == ["N", "Y"] * 3
    assert [row["Ap Out Of Bound"] for row in images] == ["N", "Y"] * 3
    assert [row["Used"] for row in images] == ["Y", "N"] * 3
    told = "  fluxes not used: 3 off field; column Reason of run1_img_data.csv"
    assert told in done.stdout.splitlines()
    assert (aor["Workable/Total Files in AOR"], aor["N_used"]) == ("3/6", "3")
    # What is measured is what is measured without the others.
    take(tmp_path / "few", *shots[::2])
    assert measured(tmp_path / "few", "-o", tmp_path / "alone", *SMALL_APERTURE).code == 0
    alone = rows(tmp_path / "alone", "aor")[0]
    assert alone["Flux (mJy)"] == aor["Flux (mJy)"]


def test_pixels_of_frames_without_the_target_are_not_read(tmp_path: Path) -> None:
    on, _ = take(tmp_path / "in", SMALL, replace(SMALL, expid=1, **OFF))
    assert len(images_of(tmp_path)) == 2
    manifest = json.loads((tmp_path / "out" / "run1.manifest.json").read_text())
    read = {Path(entry["path"]).name for entry in manifest["inputs"]}
    assert read == {on.name, SMALL.name("bunc"), SMALL.name("bimsk")}


def test_a_target_that_is_on_no_frame_at_all(tmp_path: Path) -> None:
    """Mistyped coordinates end in exit code 4 with the position as it was understood, not in empty tables."""
    take(tmp_path / "in", *series(3, SMALL))
    done = phot(tmp_path / "in", "--target", "10 00 24 -02 12 00", "-o", tmp_path / "out", *SMALL_APERTURE)
    assert done.code == 4
    assert "none of 1 targets lies on any of 3 frames: 10 00 24 -02 12 00 (150.10000 -2.20000)" in done.error
    assert "check the coordinates" in done.error
    assert not list((tmp_path / "out").glob("*.csv"))
    words = ("--target", "10 00 24 -02 12 00", "-o", tmp_path / "dry", *SMALL_APERTURE, "--dry-run")
    assert (planned := phot(tmp_path / "in", *words)).code == 4
    assert planned.error == done.error


def test_a_dry_run_knows_the_frames_without_a_target(tmp_path: Path) -> None:
    take(tmp_path / "in", *(replace(shot, **(OFF if shot.expid % 2 else {})) for shot in series(6, SMALL)))
    words = (tmp_path / "in", "-o", tmp_path / "out", *SMALL_APERTURE)
    planned = measured(*words, "--dry-run").stdout.splitlines()
    done = measured(*words).stdout.splitlines()
    for fact in ("  frames: 3 used, 0 skipped, 0 failed", "  frames without a target: 3"):
        assert fact in planned
        assert fact in done


def test_an_aor_without_its_target_is_a_problem_beside_others(tmp_path: Path) -> None:
    take(tmp_path / "in", *series(2, SMALL), *series(2, replace(SMALL, aorkey=2000, **OFF)))
    done = measured(tmp_path / "in", "-o", tmp_path / "out", *SMALL_APERTURE)
    assert done.code == 0
    assert "1 AORs have a target without any usable frame: 2000" in done.stdout + done.stderr
    good, bad = rows(tmp_path / "out", "aor")
    assert np.isfinite(float(good["Flux (mJy)"]))
    assert (bad["AORKEY"], bad["Flux (mJy)"], bad["Workable/Total Files in AOR"]) == ("2000", "nan", "0/2")
    assert log_fields(tmp_path / "out")["Problem AORs"] == "2000"
    assert photometer([tmp_path / "in"], TARGET, apertures=[(3, 3, 7)])[2] == [2000]


def test_an_aor_folder_without_frames_is_told(tmp_path: Path) -> None:
    """The original lists it among its problems; without a frame it has no key, but a path."""
    take(tmp_path / "in", *series(2, SMALL))
    (tmp_path / "in" / "r2000" / "ch1" / "bcd").mkdir(parents=True)
    table = write_pairs(
        tmp_path / "pairs.csv", (f"{tmp_path}/in/r1000", TARGET), (f"{tmp_path}/in/r2000", TARGET)
    )
    done = phot(table, "-o", tmp_path / "out", *SMALL_APERTURE)
    assert done.code == 0
    assert f"no frame to measure in {tmp_path}/in/r2000" in done.stdout + done.stderr


@pytest.mark.parametrize("where", [(0, 1), (1, -1), (2, 0)])
def test_a_bad_pixel_in_the_aperture_does_not_lose_its_light(where: tuple[int, int], tmp_path: Path) -> None:
    """The original left its light out and told nobody."""
    (path,) = take(tmp_path / "in", replace(SMALL, sigma=0.01))
    (before,) = images_of(tmp_path, *PLAIN)
    sci = fits.getdata(path).copy()
    x, y = round(SMALL.x) + where[0], round(SMALL.y) + where[1]
    lost = sci[y, x] - SMALL.sky
    sci[y, x] = np.nan
    edit(path, data=sci)
    (after,) = images_of(tmp_path, *PLAIN)
    assert (before["Flags"], after["Flags"]) == ("", "BAD_IN_APERTURE")
    assert float(after["Bad_area"]) == pytest.approx(1.0, abs=1e-6)
    missed = float(after["Res_Flux"]) - float(before["Res_Flux"])
    assert abs(missed) < 0.5 * lost
    assert abs(missed) < 4.0 * float(after["Repair_err"])
    assert float(after["Error (mJy)"]) > float(before["Error (mJy)"])
    assert after["Used"] == "Y"


def test_a_fatal_mask_bit_is_as_bad_as_nan(tmp_path: Path) -> None:
    take(tmp_path / "in", SMALL)
    mask = np.zeros((32, 32), "i2")
    mask[15, 17] = 1 << 14
    edit(SMALL.path(tmp_path / "in", "bimsk"), data=mask)
    assert images_of(tmp_path)[0]["Flags"] == "BAD_IN_APERTURE"
    assert images_of(tmp_path, "--imask-bits", "3,8")[0]["Flags"] == ""
    # A bad pixel where the star is brightest cannot be made good.
    mask[16, 15] = 1 << 14
    edit(SMALL.path(tmp_path / "in", "bimsk"), data=mask)
    (row,) = images_of(tmp_path)
    assert (row["Used"], row["Reason"]) == ("N", "bad in core")


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_pixels_without_an_uncertainty_do_not_count_as_perfect(value: float, tmp_path: Path) -> None:
    """Masked pixels may come with an uncertainty of 0; an error must not shrink by that."""
    take(tmp_path / "in", SMALL)
    (whole,) = images_of(tmp_path)
    unc = np.full((32, 32), SMALL.sigma, "f4")
    unc[13:18, 13:16] = value
    edit(SMALL.path(tmp_path / "in", "bunc"), data=unc)
    (holed,) = images_of(tmp_path)
    assert holed["Flux (mJy)"] == whole["Flux (mJy)"]
    assert float(holed["Error (mJy)"]) == pytest.approx(float(whole["Error (mJy)"]), rel=0.15)
    assert float(holed["Photon_err"]) > 0.8 * float(whole["Photon_err"])


def test_saturated_cores_are_left_out_whatever_they_read(tmp_path: Path) -> None:
    """Nine frames saturated by their masks and one sound: the sound one is the flux."""
    take(tmp_path / "in", *series(10, SMALL, [500.0 + 20.0 * k for k in range(9)] + [1000.0]))
    for shot in series(9, SMALL):
        mask = np.zeros((32, 32), "i2")
        mask[16, 15] = 1 << 13
        edit(shot.path(tmp_path / "in", "bimsk"), data=mask)
    images = images_of(tmp_path, "--imask-bits", "14", *PLAIN)
    assert [row["Reason"] for row in images] == ["saturated"] * 9 + [""]
    (aor,) = rows(tmp_path / "out", "aor")
    assert float(aor["Flux (mJy)"]) == pytest.approx(star_mjy(1000.0), rel=0.01)
    assert (aor["N_saturated"], aor["N_used"]) == ("9", "1")


def test_frame_times_of_an_observation_stay_apart(tmp_path: Path) -> None:
    """Long frames above their limit without masks, short ones below it."""
    bright = 640.0 / star_mjy(1.0)
    long = series(4, replace(SMALL, framtime=12.0, exptime=10.4), [0.4 * bright] * 4)
    short = [replace(shot, expid=shot.expid + 10) for shot in series(1, SMALL, [bright])]
    take(tmp_path / "in", *long, *short, imask=False)
    images_of(tmp_path, *PLAIN)
    quick, slow = rows(tmp_path / "out", "aor")
    assert (quick["FTime (sec)"], slow["FTime (sec)"]) == ("0.1", "12.0")
    assert float(quick["Flux (mJy)"]) == pytest.approx(640.0, rel=0.01)
    assert (slow["Flux (mJy)"], slow["N_saturated"]) == ("nan", "4")
    assert log_fields(tmp_path / "out")["Problem AORs"] == "none"


def test_the_sign_of_a_pixel_scale_does_not_matter(tmp_path: Path) -> None:
    for name, cards in {"negative": (), "positive": (("PXSCAL1", 1.22), ("PXSCAL2", 5.0))}.items():
        take(tmp_path / name / "in", replace(SMALL, cards=cards))
        images_of(tmp_path / name)
    one, other = (tmp_path / name / "out" / TABLES[0] for name in ("negative", "positive"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("cards", [{"FLUXCONV": 0.1257}, {"GAIN": 3.7}, {"CREATOR": "S19.2.0"}])
def test_frames_of_several_calibrations_are_warned_about(cards: dict[str, Any], tmp_path: Path) -> None:
    """Of the same exposure time all the same."""
    paths = take(tmp_path / "in", *series(3, SMALL))
    assert "several calibrations" not in measured(tmp_path / "in", *SMALL_APERTURE, "--dry-run").stdout
    edit(paths[1], **cards)
    done = measured(tmp_path / "in", *SMALL_APERTURE, "-o", tmp_path / "out")
    assert done.code == 0
    [line] = [line for line in (done.stdout + done.stderr).splitlines() if "several calibrations" in line]
    assert all(str(value) in line for value in cards.values())


def test_mission_and_date_are_those_of_each_frame(tmp_path: Path) -> None:
    """The original took them from whatever file was read last."""
    shots = [replace(SMALL, expid=k, mjd=mjd) for k, mjd in enumerate((55600.0, 54900.0, 55600.0))]
    take(tmp_path / "in", *shots)
    images = images_of(tmp_path)
    assert [row["Mission"] for row in images] == ["WARM", "CRYO", "WARM"]
    assert [float(row["Time[MJD]"]) for row in images] == [55600.0, 54900.0, 55600.0]
    assert images[0]["Ap_corr"] != images[1]["Ap_corr"]


def test_a_frame_without_a_date_is_measured_and_drawn(tmp_path: Path) -> None:
    from truthkit.faultkit import run_here

    paths = take(tmp_path / "in", *series(2, SMALL))
    edit(paths[0], remove=("MJD_OBS", "DATE_OBS", "AORLABEL"))
    words = ["--target", TARGET, *SMALL_APERTURE, "-o", tmp_path / "out", "-j", "1"]
    done = run_here("irac", "phot", tmp_path / "in", *words)
    assert done.code == 0, done.stderr
    assert [row["Mission"] for row in rows(tmp_path / "out", "img")] == ["WARM", "CRYO"]
    (aor,) = rows(tmp_path / "out", "aor")
    assert (aor["N_used"], aor["DateObs"], aor["Cycling DPattern"]) == ("2", "--", "NO")


def test_a_neighbour_in_the_annulus_does_not_raise_the_background(tmp_path: Path) -> None:
    """The mean of the original takes a third of it."""
    (path,) = take(tmp_path / "in", SMALL)
    sci = fits.getdata(path).copy()
    sci[20:22, 18:20] += 200.0
    edit(path, data=sci)
    (clipped,) = images_of(tmp_path, "--centroid", "fixed")
    (mean,) = images_of(tmp_path, "--centroid", "fixed", "--background", "mean")
    assert float(clipped["Background"]) == pytest.approx(SMALL.sky, abs=0.15)
    assert float(mean["Background"]) > SMALL.sky + 2.0


def test_a_centroid_on_another_source_is_no_flux(tmp_path: Path) -> None:
    take(tmp_path / "in", SMALL)
    done = phot(
        tmp_path / "in",
        "--target",
        f"{RA + 3.5 * 1.22 / 3600:.7f} {DEC}",
        "-o",
        tmp_path / "out",
        *SMALL_APERTURE,
    )
    assert done.code == 0, done.stderr
    (row,) = rows(tmp_path / "out", "img")
    assert row["Used"] == "N"
    assert row["Res_Flux"] == "nan"
    assert "Y" in (row["Bad Center Guess"], row["Centroiding Issue"])
    assert column(rows(tmp_path / "out", "aor"), "Flux (mJy)").tolist() != []


def test_an_aperture_beyond_the_edge_is_no_flux(tmp_path: Path) -> None:
    take(tmp_path / "in", replace(SMALL, x=4.1), replace(SMALL, expid=1))
    images = images_of(tmp_path, aperture=("-r", "5", "5", "10"))
    assert [row["Ap Out Of Bound"] for row in images] == ["Y", "N"]
    assert images[0]["Res_Flux"] == "nan"
    assert [row["Used"] for row in images] == ["N", "Y"]


def test_warm_channels_3_and_4(tmp_path: Path) -> None:
    """No such data exist, nor corrections: they are measured on request, uncorrected, with a warning."""
    take(tmp_path / "in", replace(SMALL, channel=3, mjd=55600.0, width=1.2))
    done = measured(tmp_path / "in", "-o", tmp_path / "out", *SMALL_APERTURE)
    assert done.code == 2
    assert "--ap-corr" in done.error
    done = measured(tmp_path / "in", "-o", tmp_path / "out", *SMALL_APERTURE, "--ap-corr", "none")
    assert done.code == 0
    assert "no corrections exist" in done.stdout + done.stderr
    (row,) = rows(tmp_path / "out", "img")
    assert (row["R_al"], row["R_pp"]) == ("1.0", "1.0")


def test_reprocessed_and_linked_frames_count_once(tmp_path: Path) -> None:
    paths = take(tmp_path / "in", *series(3, SMALL))
    more = tmp_path / "in" / "more"
    more.mkdir()
    (more / paths[0].name).symlink_to(paths[0])
    (more / paths[1].name).write_bytes(paths[1].read_bytes())
    edit(more / paths[1].name, CREATOR="S18.7.0", data=np.full((32, 32), 9.0, "f4"))
    assert len(images_of(tmp_path)) == 3
    (aor,) = rows(tmp_path / "out", "aor")
    assert aor["N_used"] == "3"


def test_x_and_y_are_not_swapped(tmp_path: Path) -> None:
    """Where they differ most: a corner of the full array, where the response of channel 3 varies by 12 %."""
    shot = Shot(channel=3, x=20.4, y=230.6, width=1.0)
    take(tmp_path / "in", shot)
    (row,) = images_of(tmp_path, aperture=("-r", "3", "3", "7"))
    assert (float(row["Xc"]), float(row["Yc"])) == pytest.approx((20.4, 230.6), abs=0.02)
    a, b, c, d, e, f = 0.98318195, -4.4891858e-04, 5.7375573e-05, 3.5613363e-07, 1.9036209e-06, 1.1912425e-06
    i, j = 20 - 127, 230 - 127
    expected = a + b * i + c * j + d * i * j + e * i * i + f * j * j
    assert float(row["R_al"]) == pytest.approx(expected, rel=1e-9)
