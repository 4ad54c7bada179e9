"""The plan of a stack: frames by name and header, what they must have in common, names of products."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from photomitrus_cli.errors import AstromapError, ConfigError, InputError, NoDataError
from photomitrus_cli.imaging.tangent import directions_of
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.cardvalue import card_image
from photomitrus_cli.prime.geometry import initial_geometry
from photomitrus_cli.prime.headerpointing import pointing_of, read_angle, rotation_of
from photomitrus_cli.prime.headertimes import mjd_of
from photomitrus_cli.prime.instrument import Instrument, load_instrument
from photomitrus_cli.prime.plan import ChipPlan, plan_chip
from photomitrus_cli.prime.ramps import chips_present

Facts = Mapping[str, bool | int | float | str | None]

PRIME = load_instrument("prime")
SIDE = 64
HEADER: Facts = {
    "RA": "10:00:00.0",
    "DEC": "-35:30:00.0",
    "RA-D": 150.0,
    "DEC-D": -35.5,
    "ROTOFF": "n/a",
    "CHIP": 1,
    "FILTER1": "Open",
    "FILTER2": "J",
    "EXPTIME": 60.06,
    "NFRAMES": 22,
    "DATE-BEG": "2024-10-05T01:02:03.5",
    "OBJNAME": "GRB",
}


def cards_of(facts: Facts) -> Cards:
    return Cards(Path("a.fits"), "".join(card_image(k, v) for k, v in facts.items() if v is not None))


def ramp_bytes(side: int = SIDE, **changes: bool | int | float | str | None) -> bytes:
    """A frame of 8-bit pixels; a change to None leaves a keyword out, one underscore stands for a dash."""
    own = {key.replace("_", "-"): value for key, value in changes.items()}
    structure: Facts = {"SIMPLE": True, "BITPIX": 8, "NAXIS": 2, "NAXIS1": side, "NAXIS2": side}
    facts = {**structure, **HEADER, **own}
    text = "".join(card_image(key, value) for key, value in facts.items() if value is not None) + "END"
    pixels = bytes(side * side)
    return text.ljust(-(-len(text) // 2880) * 2880).encode() + pixels + bytes(-len(pixels) % 2880)


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """J_Band with four ramps of chip 1, under all the names that they may have."""
    folder = tmp_path / "J_Band" / "C1"
    folder.mkdir(parents=True)
    (folder / "01599131C1.ramp.fits").write_bytes(ramp_bytes())
    (folder / "01599153C1.fits.ramp").write_bytes(ramp_bytes(DATE_BEG="2024-10-05T01:03:13.5"))
    (folder / "01599175C1.ramp.fits.gz").write_bytes(gzip.compress(ramp_bytes()))
    (folder / "01599197C1.fits").write_bytes(ramp_bytes())
    (folder / "01599131C1.ramp.new").write_bytes(b"of another program")
    (folder / "notes.txt").write_bytes(b"not a frame")
    return folder.parent


def plan(parent: Path, **options: object) -> ChipPlan:
    return plan_chip(parent, 1, PRIME, **options)  # type: ignore[arg-type]


def refused(parent: Path, kind: type[AstromapError], pattern: str, **options: object) -> None:
    with pytest.raises(kind, match=pattern) as caught:
        plan(parent, **options)
    assert "\n" not in str(caught.value)


def test_frames_are_found_and_read(parent: Path) -> None:
    found = plan(parent)
    assert [frame.serial for frame in found.frames] == ["01599131", "01599153", "01599175", "01599197"]
    assert (found.band, found.filters, found.chip, found.left_out) == ("J", ("Open", "J"), 1, ())
    first = found.frames[0]
    assert first.pointing == (150.0, -35.5)
    assert (first.exptime, first.n_frames, first.facts["OBJNAME"]) == (60.06, 22, "GRB")
    assert (first.rotation, first.rotation_source) == (48.0, "default")
    assert first.mjd == pytest.approx(60588.04309606, abs=1e-8)
    middles = [frame.mjd_middle for frame in found.frames]
    assert found.mjd == pytest.approx(np.mean(middles), abs=1e-9)
    assert middles[1] - middles[0] == pytest.approx(70.0 / 86400.0, abs=1e-9)
    assert chips_present(parent, PRIME) == [1]


def test_products_have_the_names_of_the_instruments_pipeline(parent: Path, tmp_path: Path) -> None:
    names = plan(parent).names()
    label = "Open-J.01599131-01599197.C1"
    assert names.sky == parent / "sky" / f"sky.{label}.fits"
    assert names.coadd == parent / "stack" / f"coadd.{label}.fits"
    assert names.weight == parent / "stack" / f"weight.{label}.fits"
    assert plan(parent).names(tmp_path).coadd == tmp_path / "stack" / f"coadd.{label}.fits"


def test_a_frame_gets_its_geometry(parent: Path) -> None:
    frame = plan(parent).frames[0]
    for kind, off_arcsec in (("template", 5.0), ("corners", 5.0)):
        geometry = initial_geometry(frame, PRIME, kind)  # type: ignore[arg-type]
        assert geometry.shape == frame.shape == (SIDE - 2, SIDE - 2)
        # North-west of the pointing, 0.4455 degrees from it.
        direction = directions_of(150.0 - 0.31484 / np.cos(np.radians(35.185)), -35.185)
        x = y = (2044.0 - 2043.5) / 64 + (SIDE - 3) / 2
        assert np.degrees(np.linalg.norm(geometry.directions(x, y) - direction)) * 3600 < 4 * off_arcsec
    turned = initial_geometry(frame, PRIME, rotation=138.0).crval
    assert turned[0] > 150.0
    with pytest.raises(
        ConfigError, match=r"wircam has no 'template' geometry for chip 1 .use geometry header"
    ):
        initial_geometry(frame, load_instrument("wircam"), "template")
    with pytest.raises(InputError, match=r"01599131C1.ramp.fits: the header has no celestial WCS"):
        initial_geometry(frame, PRIME, "header")


def test_rotation_is_the_headers_unless_told_otherwise(parent: Path) -> None:
    assert {frame.rotation for frame in plan(parent, rotation=138.0).frames} == {138.0}
    for text, angle, source in (
        (138.5, 138.5, "ROTOFF"),
        (172800, 48.0, "ROTOFF"),
        ("496800", 138.0, "ROTOFF"),
        ("48:30:00", 48.5, "ROTOFF"),
        ("-42", -42.0, "ROTOFF"),
        ("unknown", 48.0, "default"),
        (None, 48.0, "default"),
    ):
        assert rotation_of(cards_of({"ROTOFF": text}), PRIME) == (angle, source)
    assert rotation_of(cards_of({"ROTOFF": 48.0}), PRIME, 138.0) == (138.0, "option")


@pytest.mark.parametrize(
    ("value", "hours", "angle"),
    [
        ("10:30:36.0", True, 157.65),
        ("-00 30 36", False, -0.51),
        ("+12:30", False, 12.5),
        ("12.5", True, 12.5),
        (7, False, 7.0),
        ("1e999", False, None),
        (True, False, None),
        ("12:xx", True, None),
        ("", False, None),
    ],
)
def test_angles(value: bool | int | str, hours: bool, angle: float | None) -> None:
    found = read_angle(value, hours=hours)
    assert found == (pytest.approx(angle) if angle is not None else None)


def test_pointing_falls_back_on_the_next_keyword() -> None:
    assert pointing_of(cards_of({**HEADER, "RA-D": "n/a", "DEC-D": 95.0}), PRIME) == (150.0, -35.5)
    # A file that the angle step of the instrument's pipeline has gone over points at the chip.
    moved = {**HEADER, "RA-D": 151.0, "DEC-D": -35.0, "RA-D-TEL": 150.0, "DECD-TEL": -35.5}
    assert pointing_of(cards_of(moved), PRIME) == (150.0, -35.5)
    assert pointing_of(cards_of({**HEADER, "RA-D": -10.0}), PRIME)[0] == 350.0


@pytest.mark.parametrize(
    ("facts", "mjd"),
    [
        ({"MJD-BEG": 60588.5, "DATE-BEG": "2024-10-05"}, 60588.5),
        ({"MJD-BEG": 0.0, "DATE-BEG": "2024-10-05T12:00:00"}, 60588.5),
        ({"DATE-OBS": "2024-10-05", "UTC": "6:00:00.0"}, 60588.25),
        ({"DATE-OBS": "2024-10-05T06:00:00Z"}, 60588.25),
        ({"DATE-BEG": "yesterday", "DATE-OBS": "2024-10-05"}, 60588.0),
    ],
)
def test_start_of_the_exposure(facts: Facts, mjd: float) -> None:
    assert mjd_of(cards_of(facts), PRIME) == pytest.approx(mjd, abs=1e-9)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"RA": None, "RA_D": None}, "no usable right ascension of the pointing in the header: RA-D-TEL,"),
        ({"DEC": "south", "DEC_D": None}, "declination of the pointing .*DEC is 'south'"),
        ({"EXPTIME": 10**20}, "exposure time in seconds in the header: EXPTIME.*EXPTIME is 1000"),
        ({"EXPTIME": 0.0}, "exposure time in seconds in the header: EXPTIME.*EXPTIME is 0.0"),
        ({"NFRAMES": -3}, "NFRAMES is -3, not a number of 1 or more"),
        ({"DATE_BEG": None}, "start of the exposure in the header: MJD-BEG, MJD-OBS, DATE-BEG"),
        ({"FILTER1": None}, "name of the filter in the header: FILTER1 .*keywords.filters"),
        ({"CHIP": 2}, "is of chip 2 by its header, not 1 .*-chip 2"),
        ({"CHIP": 7}, "CHIP is '7', which is no chip of prime"),
        ({"side": 60}, "the image has 60 x 60 pixels, no frame of 4096 x 4096"),
    ],
)
def test_unusable_frames_are_named(parent: Path, changes: dict[str, object], problem: str) -> None:
    path = parent / "C1" / "01599219C1.ramp.fits"
    path.write_bytes(ramp_bytes(**changes))  # type: ignore[arg-type]
    refused(parent, InputError, f"01599219C1.ramp.fits: .*{problem}|{problem}")
    found = plan(parent, keep_going=True)
    assert len(found.frames) == 4
    assert [record.name for record in found.left_out] == [str(path)]
    assert str(path) not in found.left_out[0].reason


def test_a_truncated_frame_is_refused_or_left_out(parent: Path) -> None:
    path = parent / "C1" / "01599219C1.ramp.fits"
    path.write_bytes(ramp_bytes()[:-3000])
    refused(parent, InputError, "01599219C1.ramp.fits: ")
    assert plan(parent, keep_going=True).left_out[0].status == "failed"


def test_frames_that_do_not_belong_together_are_refused(parent: Path) -> None:
    path = parent / "C1" / "01599219C1.ramp.fits"
    path.write_bytes(ramp_bytes(FILTER2="H"))
    mixed = (
        r"C1: frames of different filters: 4 of Open-J \(01599131.*\), 1 of Open-H \(01599219C1.ramp.fits\)"
    )
    refused(parent, InputError, mixed, keep_going=True)
    path.write_bytes(ramp_bytes(side=128))
    refused(parent, InputError, r"different shapes: 4 of 64 x 64 pixels .*, 1 of 128 x 128 pixels")


def test_names_that_contradict_are_refused(parent: Path) -> None:
    twin = parent / "C1" / "01599131C1.fits.ramp.fz"
    twin.write_bytes(ramp_bytes())
    refused(parent, InputError, "01599131C1.ramp.fits: has the same number as 01599131C1.fits.ramp.fz")
    twin.rename(parent / "C1" / "01599131C2.ramp.fits")
    refused(parent, InputError, "01599131C2.ramp.fits: is of chip 2 by its name, not 1 .move it to .*/C2")


def test_absent_folders_and_too_few_frames(parent: Path, tmp_path: Path) -> None:
    refused(tmp_path / "H_Band", InputError, "H_Band: no such folder .-parent names")
    with pytest.raises(InputError, match=r"C3: no such folder .there is C1"):
        plan_chip(parent, 3, PRIME)
    with pytest.raises(ConfigError, match=r"prime has no chip 9"):
        plan_chip(parent, 9, PRIME)
    for name in ("01599153C1.fits.ramp", "01599175C1.ramp.fits.gz"):
        (parent / "C1" / name).unlink()
    refused(parent, NoDataError, "C1: 2 usable frames of chip 1 .at least 3 are needed")
    (parent / "C2").mkdir()
    (parent / "C2" / "flat.fits").touch()
    with pytest.raises(NoDataError, match=r"C2: no file is named as a frame of prime; .* such as flat.fits"):
        plan_chip(parent, 2, PRIME)


@pytest.mark.parametrize(
    ("wheels", "wanted", "band"),
    [
        (("Open", "J"), None, "J"),
        (("Z", "Open"), None, "Z"),
        (("Open", "J"), "j", "J"),
        (("NB", "H"), "H", "H"),
    ],
)
def test_band_is_what_is_in_the_beam(
    parent: Path, wheels: tuple[str, str], wanted: str | None, band: str
) -> None:
    for path in (parent / "C1").glob("*.fits*"):
        path.unlink()
    for serial in (1, 2, 3):
        data = ramp_bytes(FILTER1=wheels[0], FILTER2=wheels[1])
        (parent / "C1" / f"{serial:08d}C1.ramp.fits").write_bytes(data)
    found = plan(parent, band=wanted)
    assert (found.band, found.label) == (band, f"{wheels[0]}-{wheels[1]}.00000001-00000003.C1")


@pytest.mark.parametrize(
    ("wheels", "wanted", "kind", "problem"),
    [
        (("Open", "J"), "H", ConfigError, "-band H: the frame .* has FILTER1 Open, FILTER2 J .give -band J"),
        (("Open", "Open"), None, InputError, "there is no filter in the beam"),
        (("Dark", "J"), None, InputError, "no light comes through the filters .FILTER1 Dark"),
        (("NB", "J"), None, InputError, "several filters are in the beam .* which of NB and J"),
    ],
)
def test_wrong_bands_are_refused(
    parent: Path, wheels: tuple[str, str], wanted: str | None, kind: type[AstromapError], problem: str
) -> None:
    for path in (parent / "C1").glob("*.fits*"):
        path.unlink()
    for serial in (1, 2, 3):
        data = ramp_bytes(FILTER1=wheels[0], FILTER2=wheels[1])
        (parent / "C1" / f"{serial:08d}C1.ramp.fits").write_bytes(data)
    refused(parent, kind, problem, band=wanted)


def test_an_instrument_without_folders_for_chips(tmp_path: Path) -> None:
    nirc2: Instrument = load_instrument("nirc2")
    facts = {"RA": 150.1, "DEC": 2.9, "ROTDEST": 30.7, "INSTANGL": 0.7, "FWINAME": "Ks", "FWONAME": "clear"}
    rest = {"ITIME": 8.0, "COADDS": 10, "MJD_OBS": 55664.2}
    for serial in (31, 32, 33):
        (tmp_path / f"n{serial:04d}.fits").write_bytes(ramp_bytes(**facts, **rest))  # type: ignore[arg-type]
    (tmp_path / "flat_Ks.fits").touch()
    found = plan_chip(tmp_path, 1, nirc2)
    assert (found.band, found.label) == ("Ks", "Ks-clear.0031-0033.C1")
    frame = found.frames[0]
    assert frame.rotation == pytest.approx(30.0)
    assert (frame.exptime, frame.n_frames, frame.coadds) == (80.0, 1, 10)
    with pytest.raises(ConfigError, match=r"nirc2 has no 'corners' geometry for chip 1 .it has template"):
        initial_geometry(frame, nirc2, "corners")
