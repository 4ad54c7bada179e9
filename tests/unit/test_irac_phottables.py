"""From rows of measurements to the tables: columns, factors, groups, what is left out and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from truthkit.runs import settings

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.irac.aortable import aor_table
from photomitrus_cli.irac.measure import Flag
from photomitrus_cli.irac.photaors import combine_aors
from photomitrus_cli.irac.photflux import calibrate
from photomitrus_cli.irac.photlog import log_text
from photomitrus_cli.irac.photrows import ImageRow, columns_of
from photomitrus_cli.irac.phottables import Measurements, image_table, problem_aors
from photomitrus_cli.irac.phottelling import flux_facts
from photomitrus_cli.irac.targets import Target

# As rafia37/IRAC_photometry names and orders them.
SEED_IMAGE = [
    *("File#", "Coord Conversion Issue", "Centroiding Issue", "Bad Center Guess", "Not In FOV"),
    *("Ap Out Of Bound", "Xc", "Yc", "Fx", "Fy", "Time[MJD]", "Raw_Flux", "Bkg_Flux", "Res_Flux"),
]
SEED_AOR = [
    *("AORKEY", "Target RA", "Target Dec", "DateObs", "Mission", "Read Mode", "Workable/Total Files in AOR"),
    *("Cycling DPattern", "DScale", "DPosition", "FTime (sec)", "Time (MJD)", "Flux (mJy)", "Error (mJy)"),
    *("Spread (%)", "Outliers Rejected"),
]
CRYO, WARM = 53500.0, 55500.0
FLAT = {"array_location": False, "pixel_phase": False, "aperture_correction": "none"}
MJY = (1.221 / 206265.0) ** 2 * 1e9


def row(**changes: Any) -> ImageRow:
    kinds = {"int": 0, "float": 0.0, "str": ""}
    blank: dict[str, Any] = {field.name: kinds[str(field.type)] for field in fields(ImageRow)}
    usual: dict[str, Any] = {
        "file": "a_bcd.fits",
        "aorkey": 7,
        "channel": 1,
        "plane": -1,
        "mjd": CRYO,
        "readmode": "FULL",
    }
    usual |= {"framtime_s": 0.4, "exptime_s": 0.2, "x": 100.3, "y": 60.7, "x_err": 0.01, "y_err": 0.01}
    usual |= {"raw": 1100.0, "net": 1000.0, "net_err": 2.0, "creator": "S18.25.0", "aorlabel": "IRAC-Cycling"}
    usual |= {"ditherpos": "3", "ditherscale": "small", "gain": 3.3, "fluxconv": 0.1088}
    return ImageRow(**(blank | usual | changes))


def reduce(rows: Sequence[ImageRow], **keys: Any) -> Measurements:
    chosen = settings({f"irac.phot.{key}": value for key, value in keys.items()}).irac.phot
    columns = columns_of(rows)
    fluxes = calibrate(columns, chosen)
    targets = (Target("one", 10.0, 20.0), Target("two", 11.0, 21.0))
    return Measurements(columns, fluxes, combine_aors(columns, fluxes, chosen), targets, chosen)


def fluxes_of(one: Measurements) -> Table:
    return image_table(one)["Flux (mJy)"]


def test_the_columns_of_the_original_come_first_under_their_names() -> None:
    one = reduce([row(), row()])
    assert image_table(one).colnames[: len(SEED_IMAGE)] == SEED_IMAGE
    assert aor_table(one).colnames[: len(SEED_AOR)] == SEED_AOR
    for table in (image_table(one), aor_table(one)):
        assert all(table[name].description for name in table.colnames)
        assert len(set(table.colnames)) == len(table.colnames)
        assert {str(table[name].unit) for name in table.colnames if "(mJy)" in name} == {"mJy"}


def test_what_the_columns_of_an_aor_hold() -> None:
    nets = [1000.0, 1010.0, 990.0, 1004.0]
    rows = [row(net=net, mjd=CRYO + k, date_obs=f"day {k}") for k, net in enumerate(nets)]
    (aor,) = aor_table(reduce(rows, **FLAT))
    values = np.array(nets) * MJY
    assert (aor["AORKEY"], aor["Target"], aor["Target RA"], aor["Target Dec"]) == (7, "one", 10.0, 20.0)
    assert (aor["Mission"], aor["Read Mode"], aor["Cycling DPattern"]) == ("CRYO", "FULL", "YES")
    assert (aor["DScale"], aor["DPosition"], aor["DateObs"]) == ("small", "3", "day 0")
    assert aor["Workable/Total Files in AOR"] == "4/4"
    assert aor["Time (MJD)"] == pytest.approx(CRYO + 1.5)
    assert aor["Flux (mJy)"] == pytest.approx(values.mean(), rel=1e-12)
    # The original's error is the population standard deviation, not the error of the mean.
    assert aor["Error (mJy)"] == pytest.approx(values.std(ddof=0), rel=1e-9)
    assert aor["Spread (%)"] == pytest.approx(100 * values.std() / values.mean(), rel=1e-9)
    assert aor["Scatter (mJy)"] == pytest.approx(values.std(ddof=1), rel=1e-9)
    assert aor["Error of Mean (mJy)"] == pytest.approx(values.std(ddof=1) / 2.0, rel=1e-9)
    assert aor["Formal Error (mJy)"] == pytest.approx(2.0 * MJY / 2.0, rel=1e-9)
    assert (aor["N_used"], aor["Outliers Rejected"], aor["Note"]) == (4, 0, "")


# A to F, and dFx, dFy, x0, y0, sx, sy, F0, of the archive's program for channel 1.
AL = {
    "cryo": (0.98866790, -2.5460463e-05, -4.5413791e-05, -3.7748392e-07, 9.6670990e-07, 1.1259718e-06),
    "warm": (0.98397385, -8.6387206e-05, 3.6310403e-05, -5.6284359e-07, 1.6023687e-06, 1.3574380e-06),
}
PP = {
    "cryo": (0.018823169, 0.030359022, 0.091603768, 0.0067795815, 0.17107575, 0.16949466, 0.97909886),
    "warm": (0.039129220, 0.059108698, 0.15899583, 0.037160298, 0.18512016, 0.17005089, 0.95685578),
}


def responses(mission: str, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = AL[mission]
    i, j = math.trunc(x) - 127, math.trunc(y) - 127
    dfx, dfy, x0, y0, sx, sy, f0 = PP[mission]

    def bump(z: float, sigma: float) -> float:
        z = z if abs(z) <= 0.5 else 1.0 - abs(z)
        return math.exp(-0.5 * (z / sigma) ** 2)

    xp, yp = x - math.floor(x + 0.5), y - math.floor(y + 0.5)
    return (
        a + b * i + c * j + d * i * j + e * i * i + f * j * j,
        dfx * bump(xp - x0, sx) + dfy * bump(yp - y0, sy) + f0,
    )


@pytest.mark.parametrize(("x", "y"), [(100.3, 60.7), (20.5, 230.4), (250.9, 3.1)])
def test_fluxes_are_divided_by_the_responses_of_the_mission_of_each_frame(x: float, y: float) -> None:
    """One AOR with frames of both: each has its own factors; a frame without a date is a warm one."""
    one = reduce([row(x=x, y=y, mjd=mjd) for mjd in (CRYO, WARM, math.nan)], functions="seed")
    table = image_table(one)
    assert list(table["Mission"]) == ["CRYO", "WARM", "WARM"]
    for image, mission, ap_corr in zip(table, ("cryo", "warm", "warm"), (1.0, 1.0, 1.0), strict=True):
        r_al, r_pp = responses(mission, x, y)
        assert image["R_al"] == pytest.approx(r_al, rel=1e-9)
        assert image["R_pp"] == pytest.approx(r_pp, rel=1e-9)
        assert image["Flux (mJy)"] == pytest.approx(1000.0 * MJY * ap_corr / (r_al * r_pp), rel=1e-9)
        assert image["Flux_uncorrected (mJy)"] == pytest.approx(1000.0 * MJY, rel=1e-9)


def test_each_correction_can_be_switched_off() -> None:
    rows = [row(aperture=0), row(aperture=1)]
    apertures = [(3, 3, 7), (10, 12, 20)]
    on = image_table(reduce(rows, apertures=apertures))
    assert list(on["Ap_corr"]) == [1.125, 1.0]
    off = image_table(reduce(rows, apertures=apertures, **FLAT))
    for name in ("R_al", "R_pp", "Ap_corr", "Calibration"):
        assert list(off[name]) == [1.0, 1.0]
    half = image_table(reduce(rows, apertures=apertures, pixel_phase=False, aperture_correction=[1.5, 2.0]))
    assert list(half["R_pp"]) == [1.0, 1.0]
    assert list(half["R_al"]) == list(on["R_al"]) != [1.0, 1.0]
    assert list(half["Ap_corr"]) == [1.5, 2.0]
    assert list(half["Aperture"]) == ["3,3,7", "10,12,20"]


@pytest.mark.parametrize(("channel", "edge"), [(1, 8e-4), (2, 1e-3), (3, 1.9e-3), (4, 1.1e-3)])
def test_small_apertures_scatter_with_the_place_in_the_pixel(channel: int, edge: float) -> None:
    """With positions taken at their word, what is left of that error is the edge of a small aperture."""
    apertures = [(radius, 12, 20) for radius in (2, 3, 4)]
    rows = [row(channel=channel, aperture=k, x_err=0.0, y_err=0.0) for k in range(3)]
    fluxes = reduce(rows, apertures=apertures).fluxes
    np.testing.assert_allclose(fluxes.phase_err / fluxes.flux, [edge, edge, 0.0], rtol=1e-12)


@pytest.mark.parametrize(("x_err", "y_err"), [(0.05, 0.0), (0.0, 0.05), (0.03, 0.04)])
def test_errors_of_positions_go_through_the_slope_of_the_phase(x_err: float, y_err: float) -> None:
    """As far as the response changes between two places half a thousandth of a pixel apart."""
    apart = 5e-4

    def response(dx: float, dy: float) -> float:
        moved = reduce([row(x=100.3 + dx, y=60.7 + dy)], apertures=[(4, 12, 20)])
        return float(image_table(moved)["R_pp"][0])

    slopes = [
        (response(apart, 0.0) - response(-apart, 0.0)) / (2.0 * apart),
        (response(0.0, apart) - response(0.0, -apart)) / (2.0 * apart),
    ]
    # Places have an error beside that of the noise, 0.009 pixels.
    errors = [np.hypot(err, 0.009) if err else 0.0 for err in (x_err, y_err)]
    expected = np.hypot(slopes[0] * errors[0], slopes[1] * errors[1]) / response(0.0, 0.0)
    fluxes = reduce([row(x_err=x_err, y_err=y_err)], apertures=[(4, 12, 20)]).fluxes
    assert fluxes.phase_err[0] / fluxes.flux[0] == pytest.approx(expected, rel=0.02)
    assert expected > 1e-4


def test_unknown_aperture_corrections_are_refused() -> None:
    with pytest.raises(ConfigError, match="no aperture correction is published for the aperture 7 8 9"):
        reduce([row()], apertures=[(7, 8, 9)])


def test_warm_frames_of_channels_3_and_4_stay_as_they_are() -> None:
    one = reduce([row(channel=3, mjd=WARM), row(channel=4, mjd=WARM)], aperture_correction="none")
    assert np.array_equal(fluxes_of(one), image_table(one)["Flux_uncorrected (mJy)"])


def test_the_wrong_fluxconv_of_an_old_pipeline_is_made_good_where_it_was_wrong() -> None:
    rows = [
        row(channel=channel, creator=version) for version in ("S18.18.0", "S18.25.0") for channel in (1, 3)
    ]
    table = image_table(reduce(rows))
    factors = dict(zip(zip(table["Channel"], table["File#"], strict=True), table["Calibration"], strict=True))
    assert [factors[1, 1], factors[1, 2], factors[3, 2]] == [1.0, 1.0, 1.0]
    assert factors[3, 1] != 1.0
    assert "S18.18.0, S18.25.0" in aor_table(reduce(rows))["Note"][0]


def test_positions_and_fluxes_are_never_mispaired() -> None:
    """The original filtered them apart: a frame with a centroid and no flux shifted all that followed."""
    rng = np.random.default_rng(8)
    places = rng.uniform(30.0, 220.0, (6, 2))
    rows = [row(x=x, y=y, net=1000.0 + k) for k, (x, y) in enumerate(places)]
    lost = [row(x=places[2, 0], y=places[2, 1], net=math.nan, flags=int(Flag.FAR_FROM_TARGET))]
    whole = reduce(rows, functions="seed")
    holed = reduce([*rows[:2], *lost, *rows[3:]], functions="seed")
    others = [0, 1, 3, 4, 5]
    assert np.array_equal(np.array(fluxes_of(whole))[others], np.array(fluxes_of(holed))[others])
    (aor,) = aor_table(holed)
    assert aor["Workable/Total Files in AOR"] == "5/6"
    assert aor["Flux (mJy)"] == pytest.approx(np.array(fluxes_of(whole))[others].mean(), rel=1e-12)
    assert list(image_table(holed)["Used"]) == ["Y", "Y", "N", "Y", "Y", "Y"]
    assert list(image_table(holed)["Reason"])[2] == "far from target"
    # As the original would have had it: the third of its fluxes with the place of the second.
    shifted = np.array([responses("cryo", *places[k]) for k in (0, 1, 2, 3, 4)]).prod(axis=1)
    wrong = np.mean(np.array([1000.0, 1001.0, 1003.0, 1004.0, 1005.0]) * MJY / shifted)
    assert abs(aor["Flux (mJy)"] / wrong - 1.0) > 1e-4


def test_saturated_frames_and_one_good_short_one_are_kept_apart() -> None:
    """Clipping would keep the saturated majority and throw the good frame away."""
    star = 640.0 / MJY
    rows = [row(framtime_s=12.0, net=0.4 * star, flags=int(Flag.NO_MASK), expid=k) for k in range(10)]
    rows += [row(framtime_s=0.4, net=star, flags=int(Flag.NO_MASK), expid=10)]
    one = reduce(rows, **FLAT)
    short, long = aor_table(one)
    assert (short["FTime (sec)"], long["FTime (sec)"]) == (0.4, 12.0)
    assert short["Flux (mJy)"] == pytest.approx(640.0, rel=1e-9)
    assert math.isnan(long["Flux (mJy)"])
    assert (long["N_saturated"], long["Workable/Total Files in AOR"]) == (10, "0/10")
    assert long["Note"] == "10 saturated frames; no usable frame: saturated"
    assert problem_aors(one) == []
    table = image_table(one)
    assert list(table["Reason"]) == ["saturated"] * 10 + [""]
    assert all("ABOVE_LIMIT" in flags.split("|") for flags in table["Flags"][:10])
    # All frames of one time: nothing is left, and nothing is made up.
    assert problem_aors(reduce(rows[:10], **FLAT)) == [7]
    kept = aor_table(reduce(rows, saturated="keep", **FLAT))
    assert kept["Flux (mJy)"][1] == pytest.approx(256.0, rel=1e-9)
    assert kept["N_saturated"][1] == 10


def test_a_mask_that_says_unsaturated_outweighs_the_limit() -> None:
    bright = row(framtime_s=12.0, net=300.0 / MJY)
    assert np.isfinite(aor_table(reduce([bright], **FLAT))["Flux (mJy)"][0])
    masked = row(net=1.0, flags=int(Flag.SATURATED))
    assert math.isnan(aor_table(reduce([masked], **FLAT))["Flux (mJy)"][0])


@pytest.mark.parametrize(("n", "rejected"), [(9, 0), (10, 0), (11, 2), (12, 2)])
def test_the_rule_of_the_original_drops_two_of_more_than_ten(n: int, rejected: int) -> None:
    nets = 1000.0 + np.arange(n) ** 2
    one = reduce([row(net=net, expid=k) for k, net in enumerate(nets)], reject="seed", **FLAT)
    (aor,) = aor_table(one)
    left = nets[1:-1] if rejected else nets
    assert aor["Outliers Rejected"] == rejected
    assert aor["Flux (mJy)"] == pytest.approx(left.mean() * MJY, rel=1e-12)
    reasons = [reason for reason in image_table(one)["Reason"] if reason]
    assert reasons == ["below the others (seed)", "above the others (seed)"][:rejected]


def test_every_rejected_frame_is_listed_with_its_reason() -> None:
    nets = [1000.0, 1001.0, 999.0, 1002.0, 998.0, 1300.0]
    rows = [row(net=net, expid=k) for k, net in enumerate(nets)]
    one = reduce(rows, **FLAT)
    assert list(image_table(one)["Reason"]) == [""] * 5 + ["above the others (mad)"]
    assert list(image_table(one)["Used"]) == ["Y"] * 5 + ["N"]
    assert aor_table(one)["Outliers Rejected"][0] == 1
    assert aor_table(one)["Workable/Total Files in AOR"][0] == "6/6"
    assert aor_table(reduce(rows, reject="none", **FLAT))["N_used"][0] == 6


@pytest.mark.parametrize(
    ("flag", "column", "reason"),
    [
        (Flag.NO_POSITION, "Coord Conversion Issue", "no position"),
        (Flag.CENTROID_FAILED, "Centroiding Issue", "centroid failed"),
        (Flag.FAR_FROM_TARGET, "Bad Center Guess", "far from target"),
        (Flag.OFF_FIELD, "Not In FOV", "off field"),
        (Flag.OFF_EDGE, "Ap Out Of Bound", "off edge"),
        (Flag.BAD_IN_CORE, None, "bad in core"),
        (Flag.FEW_BACKGROUND, None, "few background"),
    ],
)
def test_flags_that_leave_a_frame_out(flag: Flag, column: str | None, reason: str) -> None:
    one = reduce([row(), row(net=math.nan if column else 5.0, flags=int(flag | Flag.NO_MASK))])
    table = image_table(one)
    raised = [name for name in SEED_IMAGE[1:6] if table[name][1] == "Y"]
    assert raised == ([column] if column else []) + (["Ap Out Of Bound"] if flag == Flag.OFF_FIELD else [])
    assert not [name for name in SEED_IMAGE[1:6] if table[name][0] == "Y"]
    assert list(table["Reason"]) == ["", reason]
    assert set(table["Flags"][1].split("|")) == {str(flag.name), "NO_MASK"}


@pytest.mark.parametrize("flag", [Flag.BAD_IN_APERTURE, Flag.ANNULUS_CUT, Flag.NO_MASK])
def test_flags_that_only_tell(flag: Flag) -> None:
    assert list(image_table(reduce([row(flags=int(flag))]))["Used"]) == ["Y"]


def test_an_aor_without_a_usable_frame() -> None:
    """A row of NaN and a place in the list of problems, for each target that has none."""
    off = {"net": math.nan, "x": math.nan, "y": math.nan, "flags": int(Flag.OFF_FIELD)}
    rows = [row(), row(target=1, **off), row(aorkey=8, target=1, **off), row(aorkey=9)]
    one = reduce(rows)
    assert problem_aors(one) == [7, 8]
    table = aor_table(one)
    assert [(a["AORKEY"], a["Target"]) for a in table] == [(7, "one"), (9, "one"), (7, "two"), (8, "two")]
    assert np.isfinite(table["Flux (mJy)"]).tolist() == [True, True, False, False]
    assert list(table["Workable/Total Files in AOR"]) == ["1/1", "1/1", "0/1", "0/1"]
    assert list(table["Note"][2:]) == ["no usable frame: off field"] * 2
    for name in ("Error (mJy)", "Spread (%)", "Error of Mean (mJy)", "Scatter (mJy)"):
        assert np.isnan(table[name][2:]).all()


def test_targets_apertures_channels_read_modes_and_frame_times_stay_apart() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"target": 1},
        {"aperture": 1},
        {"channel": 2},
        {"readmode": "SUB", "x": 15.0, "y": 15.0},
        {"framtime_s": 2.0},
        {"aorkey": 8},
    ]
    rows = [row(net=100.0 * (k + 1), **change) for k, change in enumerate(changes)]
    one = reduce(rows, apertures=[(3, 3, 7), (10, 12, 20)], **FLAT)
    assert len(aor_table(one)) == len(rows)
    assert sorted(aor_table(one)["N_used"]) == [1] * len(rows)


def test_images_are_numbered_within_aor_target_and_aperture() -> None:
    rows = [row(aorkey=7), row(aorkey=7), row(aorkey=8), row(aorkey=8, target=1), row(aorkey=8)]
    assert list(image_table(reduce(rows))["File#"]) == [1, 2, 1, 1, 2]


def test_subarray_positions_count_on_the_whole_array() -> None:
    """A subarray frame lies at (8, 216) of the array in channels 1 and 2."""
    small = image_table(reduce([row(x=15.2, y=14.6, readmode="SUB")], functions="seed"))
    whole = image_table(reduce([row(x=23.2, y=230.6)], functions="seed"))
    assert small["R_al"][0] == pytest.approx(whole["R_al"][0], rel=1e-12)
    assert small["R_pp"][0] == pytest.approx(whole["R_pp"][0], rel=1e-12)


def test_the_summary_keeps_channels_apart_and_targets_of_one_name_together() -> None:
    nets = {(channel, aor): 100.0 * channel + aor for channel in (1, 2) for aor in (7, 8, 9)}
    rows = [row(channel=channel, aorkey=aor, net=net / MJY) for (channel, aor), net in nets.items()]
    told = flux_facts(reduce(rows, **FLAT), [])
    names = [name for name in told if " at " in name]
    assert len(names) == 2
    for name, channel in zip(names, (1, 2), strict=True):
        assert f" in channel {channel} at " in name
        alone = flux_facts(reduce([each for each in rows if each.channel == channel], **FLAT), [])
        assert told[name] == alone[name.replace(f" in channel {channel}", "")]
        assert "of 3 AOR fluxes, scatter" in told[name]
    one = reduce([replace(each, target=k) for k, each in enumerate(rows[:3])], **FLAT)
    alike = replace(one, targets=tuple(replace(one.targets[0], ra=10.0 + k) for k in range(3)))
    (line,) = [line for name, line in flux_facts(alike, []).items() if " at " in name]
    assert line.startswith("median 108 mJy of 3 AOR fluxes")


def test_the_summary_says_what_it_leaves_out() -> None:
    """Five targets are shown: that there are more, and where, is said, as is why fluxes are not used."""
    off, failed = Flag.OFF_FIELD, Flag.CENTROID_FAILED
    rows = [row(target=k, net=100.0 / MJY) for k in range(7)]
    rows += [row(target=k, flags=int(flag)) for k, flag in ((0, off), (1, off), (2, failed))]
    one = reduce(rows, **FLAT)
    one = replace(one, targets=tuple(Target(f"star {k}", 10.0 + k, 20.0) for k in range(7)))
    told = flux_facts(one, [])
    assert sum(" at " in name for name in told) == 5
    assert told["not shown here"] == "2 more targets: in run1_aor_data.csv"
    assert told["fluxes"] == "7 of 10 used"
    why = "2 off field, 1 centroid failed; column Reason of run1_img_data.csv"
    assert told["fluxes not used"] == why
    few = flux_facts(reduce(rows[:1], **FLAT), [])
    assert not {"not shown here", "fluxes not used"} & set(few)


def test_the_log_has_the_eight_fields_of_the_original() -> None:
    text = log_text(
        date="2026-01-02T03:04:05+00:00",
        parameters="astromap irac phot r1 --target '1 2'",
        instruments=["IRAC channel 1 (cryo)", "IRAC channel 1 (warm)"],
        filetype="bcd",
        targets=["one", "two"],
        apertures=["3,3,7", "10,12,20"],
        problems=[7, 8],
        comment="first line\nsecond: line",
    )
    lines = text.splitlines()
    assert [line[:17].rstrip() for line in lines] == [
        *("Date Reduced", "Input Parameters", "Instrument", "File Type"),
        *("Target", "Radius Used", "Problem AORs", "Comments"),
    ]
    assert all(line[17:19] == ": " for line in lines)
    assert lines[2][19:] == "IRAC channel 1 (cryo), IRAC channel 1 (warm)"
    assert lines[5][19:] == "3,3,7; 10,12,20"
    assert lines[6][19:] == "7, 8"
    assert lines[7][19:] == "first line second: line"
