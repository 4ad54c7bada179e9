"""Cuts: their text, who passes, and what each removes alone and in order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.run.config import packaged_layers
from photomitrus_cli.wise.cuts import apply_cuts, chosen_cuts, ecliptic, judge
from photomitrus_cli.wise.filterplan import repeats
from photomitrus_cli.wise.filtersettings import ALL_BANDS, Cut, CutRule, FilterSettings

READ = TypeAdapter(Cut)


def cut(text: str) -> CutRule:
    rule: CutRule = READ.validate_python(text)
    return rule


def settings(**values: Any) -> FilterSettings:
    packaged = packaged_layers(["wise"]).data["wise"]["filter"]
    return FilterSettings.model_validate(packaged | values)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("moon_sep > 24", ("moon_sep", ">", 24.0, ALL_BANDS, 0.0)),
        ("SAA_sep>=-5", ("saa_sep", ">=", -5.0, ALL_BANDS, 0.0)),
        ("dtanneal > 2000 for w3,w4", ("dtanneal", ">", 2000.0, (3, 4), 0.0)),
        ("dtanneal >= 1e3 for 3, 4 beyond 76", ("dtanneal", ">=", 1000.0, (3, 4), 76.0)),
        ("qual_frame in 5, 10", ("qual_frame", "in", (5.0, 10.0), ALL_BANDS, 0.0)),
        ("qa_status in [A, B]", ("qa_status", "in", ("A", "B"), ALL_BANDS, 0.0)),
        ("moon_masked == '0'", ("moon_masked", "==", "0", ALL_BANDS, 0.0)),
        ("note == 'a > b'", ("note", "==", "a > b", ALL_BANDS, 0.0)),
        ("magzp finite", ("magzp", "finite", None, ALL_BANDS, 0.0)),
    ],
)
def test_text_of_a_cut(text: str, parts: tuple[object, ...]) -> None:
    rule = cut(text)
    assert (rule.column, rule.op, rule.value, rule.bands, rule.beyond_elat_deg) == parts
    assert cut(str(rule)) == rule
    assert READ.validate_python(rule.model_dump(mode="json")) == rule


@pytest.mark.parametrize(
    "text",
    [
        "",
        "moon_sep",
        "moon_sep >",
        "moon_sep > far",
        "moon_sep = 24",
        "a b > 3",
        "magzp finite 3",
        "x in",
        "x in 1 A",
        "moon_sep >> 24",
        "qual_frame !== 0",
        "qual_frame === 10",
        "qual_frame == 10 and saa_sep > 0",
        "qa_status in A, =B",
    ],
)
def test_what_is_no_cut_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="write a cut such as"):
        cut(text)


@pytest.mark.parametrize(
    "bad", [{"column": "x", "op": "=>", "value": 3}, {"column": "x/y", "op": ">", "value": 3}]
)
def test_a_wrong_mapping_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        READ.validate_python(bad)


def test_a_missing_value_fails_every_cut() -> None:
    values = np.array([np.nan, 10.0, 0.0, np.inf])
    for text, want in (
        ("x == 10", [0, 1, 0, 0]),
        ("x != 10", [0, 0, 1, 1]),
        ("x < 5", [0, 0, 1, 0]),
        ("x >= 0", [0, 1, 1, 1]),
        ("x in 0, 10", [0, 1, 1, 0]),
        ("x finite", [0, 1, 1, 0]),
    ):
        passes, missing = judge(cut(text), values, 3)
        assert passes.tolist() == list(map(bool, want)), text
        assert missing.tolist() == [True, False, False, False]


def test_flags_are_read_by_the_character_of_the_band() -> None:
    flags = np.array(["0010", "00", "", "1111"])
    for band, want in ((1, [1, 1, 0, 0]), (3, [0, 0, 0, 0])):
        passes, missing = judge(cut("moon_masked == '0'"), flags, band)
        assert passes.tolist() == list(map(bool, want))
        # NEOWISE has flags of two bands.
        assert missing.tolist() == [False, band == 3, True, False]
    assert judge(cut("qa_status == '0010'"), flags, 3)[0].tolist() == [True, False, False, False]


def test_counts_alone_and_in_order() -> None:
    columns = {
        "a": np.array([1.0, 1.0, 0.0, 0.0, np.nan, 1.0]),
        "b": np.array([1.0, 0.0, 1.0, 0.0, 0.0, 1.0]),
    }
    rows = np.array([True] * 5 + [False])
    cuts = (cut("a > 0"), cut("b > 0 for w4"), cut("b > 0"))
    passed, counts = apply_cuts(cuts, columns, rows, 3)
    assert passed.tolist() == [True, False, False, False, False, False]
    assert [(one.alone, one.missing, one.in_order, one.left) for one in counts] == [
        (3, 1, 3, 2),
        (3, 0, 1, 1),
    ]
    assert len(apply_cuts(cuts, columns, rows, 4)[1]) == 3


def test_polar_cuts_spare_the_rest_of_the_sky() -> None:
    # The north ecliptic pole, the equinox and a position without coordinates.
    columns = {
        "dtanneal": np.array([10.0, 10.0, 10.0, 5000.0]),
        "crval1": np.array([270.0, 0.0, np.nan, 270.0]),
        "crval2": np.array([66.56, 0.0, np.nan, 66.56]),
    }
    passed, _ = apply_cuts((cut("dtanneal >= 1000 beyond 76"),), columns, np.ones(4, bool), 3)
    assert passed.tolist() == [False, True, False, True]


def test_ecliptic_positions_are_those_of_astropy() -> None:
    from astropy.coordinates import SkyCoord

    rng = np.random.default_rng(2)
    ra, dec = rng.uniform(0, 360, 50), rng.uniform(-90, 90, 50)
    longitude, latitude = ecliptic(ra, dec)
    want = SkyCoord(ra, dec, unit="deg", frame="fk5").transform_to("geocentricmeanecliptic")
    got = SkyCoord(longitude, latitude, unit="deg", frame=want.frame.replicate_without_data())
    assert want.separation(got).arcsec.max() < 30.0


def test_presets() -> None:
    seed = chosen_cuts(settings())
    assert [str(one) for one in seed] == [
        "qual_frame == 10",
        "qual_scan > 0",
        "saa_sep > 0",
        "dtanneal > 2000",
        "moon_sep > 24",
    ]
    assert [str(one) for one in chosen_cuts(settings(preset="wssa"))][
        2
    ] == "dtanneal >= 1000 for w3,w4 beyond 76"
    more = chosen_cuts(settings(without=["Qual_Frame", "qual_scan"], cuts="moon_sep > 90"))
    assert [one.column for one in more] == ["saa_sep", "dtanneal", "moon_sep", "moon_sep"]
    with pytest.raises(ConfigError, match="the preset 'unwise' has no cut on it"):
        chosen_cuts(settings(preset="unwise", without=["moon_sep"]))
    with pytest.raises(ValidationError, match="no preset 'strict'; there are: none, seed, unwise, wssa"):
        settings(preset="strict")
    own = settings(preset="own", presets={"own": ["moon_sep > 30"]})
    assert str(chosen_cuts(own)[0]) == "moon_sep > 30"


def test_repeated_frames_are_found_wherever_they_are() -> None:
    scan = np.array(["00805b", "00805a", "00805b", "00805b", "00805b", "10805b"])
    frame = np.array(["001", "001", "001", "001", "0001", "001"])
    band = np.array([3, 3, 4, 3, 3, 3])
    assert repeats(scan, frame, band).tolist() == [False, False, False, True, True, False]
