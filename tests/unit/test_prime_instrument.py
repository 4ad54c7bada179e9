"""Instrument descriptions: what is packaged, what is refused, and where frames have their active area."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.prime.instrument import load_instrument, packaged_instruments
from photomitrus_cli.run.config import packaged_yaml

PRIME = packaged_yaml("instruments/prime")


@pytest.fixture
def described(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(PRIME, encoding="utf-8")
    return path


def changed(path: Path, old: str, new: str) -> Path:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_all_packaged_descriptions_are_valid() -> None:
    assert packaged_instruments() == ["nirc2", "prime", "wircam"]
    assert [load_instrument(name).name for name in packaged_instruments()] == packaged_instruments()


def test_a_file_of_the_users_gives_the_same_as_the_packaged_one(described: Path) -> None:
    mine = load_instrument(described)
    assert mine == load_instrument("prime") == load_instrument(str(described))
    assert pickle.loads(pickle.dumps(mine)) == mine  # noqa: S301 - workers get it so


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("gain: 1.8", "gian: 1.8", r"mine.yaml:\d+: unknown key 'detector.gian'; did you mean 'gain'"),
        (
            "scale_x: 0.49692",
            "scale: 0.49692",
            r"mine.yaml:\d+: .*'chips.1.template.scale'; did you mean 'scale",
        ),
        ("gain: 1.8", "gain: -1.8", r"mine.yaml:\d+: 'detector.gain': .*give a number above 0 \(got -1.8\)"),
        ("active: [4, 4092,", "active: [4, 4192,", r"'detector': active .* does not lie within shape"),
        ("pv1: {1: 1, 12:", "pv1: {1: 1, 11:", r"mine.yaml:\d+: 'chips.1.template.pv1.*': term 11 of TPV"),
        ("pv1: {1: 1,", "pv1: {", "term 1, the linear one, is missing"),
        ("(?P<serial>", "(?P<number>", r"mine.yaml:\d+: 'names.stem': has no group"),
        ("folder: C{chip}", "folder: C{detector}", r"'names.folder': may hold \{chip\}"),
        ("x: [0, 0, 4088, 4088]", "x: [0, 0, 4088]", "must have one value for each"),
        ("gain: 1.8", "gain: 1.8\n  gain: 2.0", r"mine.yaml, line \d+: 'gain' is given twice"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(described: Path, old: str, new: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        load_instrument(changed(described, old, new))


def test_unknown_names_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no description of an instrument 'prim'.*did you mean 'prime'"):
        load_instrument("prim")
    with pytest.raises(ConfigError, match=r"cannot read .*none.yaml"):
        load_instrument(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r"prime has no chip 5.*1, 2, 3, 4"):
        load_instrument("prime").chip(5)


@pytest.mark.parametrize(
    ("shape", "slices", "scale"),
    [
        ((4096, 4096), (4, 4092), 1),
        ((4088, 4088), (0, 4088), 1),
        ((1024, 1024), (1, 1023), 4),
        ((512, 512), (1, 511), 8),
    ],
)
def test_active_area_of_whole_cropped_and_binned_frames(
    shape: tuple[int, int], slices: tuple[int, int], scale: int
) -> None:
    window = load_instrument("prime").detector.window(shape)
    assert window.slices == (slice(*slices), slice(*slices))
    assert window.scale == scale
    # The centre of the detector is the centre of every symmetric window.
    middle = (slices[1] - slices[0] - 1) / 2
    assert window.position(2043.5, 2043.5) == (middle, middle)
    # The first pixel of a binned frame covers as many pixels of the detector, beginning at the border.
    first = slices[0] * scale + (scale - 1) / 2 - 4 if shape != (4088, 4088) else 0
    assert window.position(first, first) == (0.0, 0.0)


@pytest.mark.parametrize("shape", [(4096, 4102), (4000, 4000), (4096,), (1, 1), (9000, 9000), (3, 64, 64)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"ramp.fits: the image has .* pixels, no frame of 4096 x 4096"):
        load_instrument("prime").detector.window(shape, "ramp.fits")


def test_saturation_follows_the_number_of_reads() -> None:
    detector = load_instrument("prime").detector
    assert detector.unit == "adu/frame"
    assert detector.limit(22) == pytest.approx(50000 / 21)
    assert load_instrument("nirc2").detector.limit(16) == 18000
