"""Layers of the configuration: precedence, sources, relative paths, errors that name their place."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path

import pytest

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.run.config import build, collect, packaged_layers, packaged_yaml, source_lines, to_yaml
from photomitrus_cli.settings import SECTIONS, AstromapConfig


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_packaged_defaults_are_complete_and_valid() -> None:
    config = build(AstromapConfig, packaged_layers(SECTIONS))
    assert config.irac.mosaic.pixel_scale_arcsec == 0.6
    assert sum(1 << bit for bit in config.irac.mosaic.imask_bits) == 32520
    assert sum(1 << bit for bit in config.irac.mosaic.rmask_bits) == 15


def test_packaged_defaults_are_each_callers_own() -> None:
    before = copy.deepcopy(packaged_layers(["wise"]).data)
    packaged_layers(["wise"]).data["wise"]["filter"]["presets"]["seed"].clear()
    assert packaged_layers(["wise"]).data == before


def test_every_packaged_key_has_a_comment() -> None:
    for section in SECTIONS:
        lines = packaged_yaml(section).splitlines()
        for above, line in itertools.pairwise(lines):
            if line.strip() and not line.strip().startswith("#") and not line.rstrip().endswith(":"):
                assert above.strip().startswith("#"), f"{section}.yaml: {line.strip()} has no comment"


def test_precedence(tmp_path: Path) -> None:
    write(
        tmp_path / "astromap.yaml", "irac:\n  mosaic:\n    channel: 2\n    filetype: bcd\n    missing: drop\n"
    )
    one = write(tmp_path / "one.yaml", "irac: {mosaic: {channel: 3, filetype: one}}\n")
    two = write(tmp_path / "two.yaml", "irac: {mosaic: {filetype: two, min_exptime_s: 2}}\n")
    layers = collect(
        SECTIONS,
        config_files=[one, two],
        environment={"ASTROMAP_IRAC__MOSAIC__CHANNEL": "4", "ASTROMAP_IRAC__MOSAIC__MIN_EXPTIME_S": "3"},
        assignments=["irac.mosaic.min_exptime_s=1e1"],
        options={"irac.mosaic.pixel_scale_arcsec": 1.2},
    )
    mosaic = build(AstromapConfig, layers).irac.mosaic
    assert (mosaic.missing, mosaic.filetype, mosaic.channel) == ("drop", "two", 4)
    assert (mosaic.min_exptime_s, mosaic.pixel_scale_arcsec) == (10.0, 1.2)
    lines = "\n".join(source_lines(build(AstromapConfig, layers), layers))
    for expected in (
        f'irac.mosaic.missing = "drop"  # {tmp_path / "astromap.yaml"}:5',
        f'irac.mosaic.filetype = "two"  # {two}:1',
        "irac.mosaic.channel = 4  # environment ASTROMAP_IRAC__MOSAIC__CHANNEL",
        "irac.mosaic.min_exptime_s = 10.0  # --set irac.mosaic.min_exptime_s",
        "irac.mosaic.pixel_scale_arcsec = 1.2  # command line",
        'irac.mosaic.background = "median"  # packaged irac.yaml',
    ):
        assert expected in lines


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    file = write(tmp_path / "runs" / "a.yaml", "irac: {mosaic: {inputs: [data, /abs], output: out}}\n")
    mosaic = build(AstromapConfig, collect(SECTIONS, config_files=[file])).irac.mosaic
    assert mosaic.inputs == (tmp_path / "runs" / "data", Path("/abs"))
    assert mosaic.output == tmp_path / "runs" / "out"
    mosaic = build(AstromapConfig, collect(SECTIONS, options={"irac.mosaic.output": "here"})).irac.mosaic
    assert mosaic.output == tmp_path / "here"


@pytest.mark.parametrize("text", ["{}", "{mosaic: {}}", "{mosaic: {channel: 2}}"])
def test_a_section_given_as_a_whole_keeps_its_other_keys(text: str, tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", f"irac: {text}\n")
    expected = packaged_layers(SECTIONS).data
    expected["irac"]["mosaic"]["channel"] = 2 if "2" in text else 1
    for given in ({"config_files": [file]}, {"assignments": [f"irac={text}"]}):
        assert collect(SECTIONS, **given).data == expected
    with pytest.raises(ConfigError, match=r"--set irac: 'irac.mosaic' is a section"):
        collect(SECTIONS, assignments=["irac={mosaic: 3}"])


def test_resolved_yaml_repeats_the_run(tmp_path: Path) -> None:
    first = build(AstromapConfig, collect(SECTIONS, assignments=["irac.mosaic.imask_bits=any"]))
    file = write(tmp_path / "elsewhere" / "resolved.yaml", to_yaml(first))
    assert build(AstromapConfig, collect(SECTIONS, config_files=[file])) == first


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("irac:\n  mosaic:\n    chanel: 2\n", [":3", "irac.mosaic.chanel", "did you mean 'channel'"]),
        ("irac:\n  mosaik: {}\n", [":2", "irac.mosaik", "did you mean 'mosaic'"]),
        ("irac:\n  mosaic:\n    channel: 5\n", [":3", "irac.mosaic.channel", "a whole number from 1 to 4"]),
        ("irac:\n  mosaic:\n    channel: two\n", [":3", "a whole number", "'two'"]),
        ("irac:\n  mosaic: 3\n", [":2", "is a section"]),
        ("run: {jobs: 0}\n", [":1", "run.jobs"]),
        ("irac: {mosaic: {imask_bits: [3, 17]}}\n", ["imask_bits", "15"]),
    ],
)
def test_errors_name_file_line_and_key(tmp_path: Path, text: str, parts: list[str]) -> None:
    file = write(tmp_path / "bad.yaml", text)
    with pytest.raises(ConfigError) as caught:
        build(AstromapConfig, collect(SECTIONS, config_files=[file]))
    message = str(caught.value)
    assert str(file) in message
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("name", ["ASTROMAP_TYPO", "ASTROMAP_IRCA__CHANNEL", "ASTROMAP_RUN"])
def test_unknown_variables_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        collect(SECTIONS, environment={name: "1"})


def test_reserved_variables_are_left_alone() -> None:
    collect(SECTIONS, environment={"ASTROMAP_TEST_DATA": "/x", "PATH": "/bin"})


@pytest.mark.parametrize(
    ("value", "pattern"),
    [("any", 65535), ("3,8", 264), ("3 8", 264), ("32520", 32520), (15, 15), ([0, 1], 3), ([], 0), ("0", 0)],
)
def test_spellings_of_bit_lists(value: object, pattern: int) -> None:
    layers = collect(SECTIONS, options={"irac.mosaic.imask_bits": value})
    assert sum(1 << bit for bit in build(AstromapConfig, layers).irac.mosaic.imask_bits) == pattern
