"""Every command meets every fault: here, in a test that is named and must exist, or not at all and why."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from truthkit import fuzztargets
from truthkit.commandruns import CommandRun, all_runs, parts, products
from truthkit.damages import (
    Damage,
    all_frames,
    blank,
    bomb,
    card,
    declare,
    flip,
    loop,
    repeat,
    text,
    truncate,
    unit_of,
)
from truthkit.faultkit import Ran, edit, hashes, run_here
from truthkit.fuzztargets import Target, all_targets

from photomitrus_cli.cli import ROOT, GroupEntry

pytestmark = pytest.mark.xdist_group("fuzz")

TESTS = Path(__file__).parent.parent


@dataclass(frozen=True)
class At:
    """Tested elsewhere: ``file::test``, or ``file::test[case]`` with the case's words."""

    place: str


@dataclass(frozen=True)
class Here:
    """Tested here: the fault done to the input of a target of the fuzzer, refused or done without."""

    target: str
    refused: bool = True


@dataclass(frozen=True)
class Whole:
    """Tested here: the fault done to an input of a whole run, its exit code and what it says."""

    damage: Damage
    code: int
    said: str


@dataclass(frozen=True)
class Never:
    """Cannot happen, and why."""

    reason: str


Cell = At | Here | Whole | Never

FAULTS = (
    *("truncated", "flipped bits", "huge NAXIS", "gzip bomb", "NaN alone", "wrong units", "duplicates"),
    *("paths that leave", "input linked to itself", "output is a link", "hostile YAML", "missing companions"),
    *("full disk", "read-only output", "SIGTERM", "SIGKILL and resume", "failing rank"),
)
# Commands that only look, or print.
LOOKING = {"config show", "config validate", "doctor"}


CALIBRATE, FLAT = "faults/test_wise_calibrate_faults.py", "cli/test_prime_flat.py"
INPUTS, PHOT = "faults/test_mosaic_inputs.py", "faults/test_irac_phot_faults.py"
STACK, COADD = "faults/test_prime_stack_faults.py", "faults/test_wise_coadd_faults.py"
REQUESTS, FILTER = "faults/test_wise_coadd_requests.py", "faults/test_wise_filter_inputs.py"
ZODI, CORRECT = "faults/test_wise_zodi_faults.py", "faults/test_irac_correct_inputs.py"

OUT = "../../../x"
CHECKED = Whole(flip, 3, "checksum mismatch: the file is damaged")
BY_FILE = Never("products are named after files, whose names have no folders")
NO_COMPANIONS = Never("every input is one file")
MAKES_INPUTS = Never("reads nothing but its settings")

# Done by one test to a run of every command. Real signals to workers: tests/faults/test_*_interrupted.py.
ENDINGS: dict[str, Cell] = {
    fault: At(f"faults/test_endings.py::test_{name}")
    for fault, name in {
        "output is a link": "links_in_the_place_of_products",
        "full disk": "a_full_disk",
        "read-only output": "a_folder_that_cannot_be_written",
        "SIGTERM": "a_signal_ends_a_run_in_order",
        "SIGKILL and resume": "a_killed_run_is_made_again",
        # A rank that raises; one that dies ends the job in MPI itself, whatever the command: tests/mpi.
        "failing rank": "a_rank_that_fails_ends_the_run",
    }.items()
}
HOSTILE = At("faults/test_matrix.py::test_hostile_yaml_ends_every_command")

TABLE: dict[str, Mapping[str, Cell]] = {
    "irac mosaic": {
        "truncated": At(f"{INPUTS}::test_a_broken_frame_ends_the_run[truncated data]"),
        "flipped bits": At(f"{INPUTS}::test_a_broken_frame_ends_the_run[flipped byte]"),
        "huge NAXIS": At(f"{INPUTS}::test_a_broken_frame_ends_the_run[huge NAXIS]"),
        "gzip bomb": At(f"{INPUTS}::test_a_broken_frame_ends_the_run[gz bomb]"),
        "NaN alone": At(f"{INPUTS}::test_an_unusable_frame_is_skipped_with_its_reason[all NaN]"),
        "wrong units": At(f"{INPUTS}::test_an_unusable_frame_is_skipped_with_its_reason[other unit]"),
        "duplicates": At(f"{INPUTS}::test_the_same_exposure_counts_once"),
        # Lists of frames name what is only read; this number names the folder of a frame's mask.
        "paths that leave": Whole(card("AORKEY", OUT), 3, "AORKEY is '../../../x', not a whole number"),
        "input linked to itself": Here("irac mosaic plan"),
        "missing companions": At(f"{INPUTS}::test_missing_companions"),
    },
    "irac phot": {
        "truncated": At(f"{PHOT}::test_a_broken_file_ends_the_run[truncated frame]"),
        "flipped bits": CHECKED,
        "huge NAXIS": Here("irac phot plan"),
        "gzip bomb": Here("irac phot plan"),
        "NaN alone": At(f"{PHOT}::test_a_frame_of_nan_alone_counts_for_nothing"),
        "wrong units": At(f"{PHOT}::test_unusable_frames_are_skipped_with_their_reasons[BUNIT is 'DN']"),
        "duplicates": At("cli/test_irac_phot_traps.py::test_reprocessed_and_linked_frames_count_once"),
        # Pairs name inputs that are only read; the name of a run is refused in test_wrong_requests.
        "paths that leave": Whole(card("AORKEY", OUT), 3, "AORKEY is '../../../x', not a whole number"),
        "input linked to itself": Here("irac phot plan"),
        "missing companions": At(f"{PHOT}::test_missing_companions"),
    },
    "irac correct": {
        "truncated": Here("irac correct fits"),
        "flipped bits": Here("irac correct fits"),
        "huge NAXIS": Here("irac correct fits"),
        "gzip bomb": Here("irac correct fits"),
        "NaN alone": Whole(text("x,y,flux\n1,2,nan\nnan,5,6\n"), 0, "corrected: 0 of 2 rows"),
        "wrong units": At(f"{CORRECT}::test_positions_in_other_units"),
        # Of columns; equal rows are two measurements.
        "duplicates": At(f"{CORRECT}::test_broken_text[two columns are called]"),
        "paths that leave": Never("the output is named on the command line alone"),
        "input linked to itself": Here("irac correct fits"),
        "missing companions": NO_COMPANIONS,
        "failing rank": Never("works in one process"),
    },
    "prime stack": {
        "truncated": At(f"{STACK}::test_a_broken_ramp_ends_the_run[truncated]"),
        "flipped bits": CHECKED,
        "huge NAXIS": At(f"{STACK}::test_a_broken_ramp_ends_the_run[huge]"),
        "gzip bomb": Here("prime stack plan"),
        "NaN alone": At(f"{STACK}::test_a_broken_ramp_ends_the_run[NaN alone]"),
        # Of the catalogue: the camera's frames state no unit.
        "wrong units": At("unit/test_refcat_columns.py::test_hostile_tables_end_in_one_line[is in Jy]"),
        "duplicates": At(f"{STACK}::test_what_is_missing_or_wrong_is_named[one serial twice]"),
        "paths that leave": Whole(all_frames("FILTER2", OUT), 3, "cannot be part of a file's name"),
        "input linked to itself": Here("prime stack plan"),
        "missing companions": At(f"{STACK}::test_what_is_missing_or_wrong_is_named[no flats]"),
    },
    "prime flat": {
        "truncated": At(f"{FLAT}::test_a_broken_frame_is_refused_or_left_out"),
        "flipped bits": CHECKED,
        "huge NAXIS": Here("prime flat plan"),
        "gzip bomb": Here("prime flat plan"),
        # Its pair is left out, and the flat is made of the other one.
        "NaN alone": Whole(blank, 0, "01599153C1.ramp.fits: all of its pixels are saturated or invalid"),
        "wrong units": Never("the camera's frames state no unit; a flat has none"),
        "duplicates": Here("prime flat plan"),
        "paths that leave": Whole(all_frames("FILTER2", OUT), 3, "cannot be part of a file's name"),
        "input linked to itself": Here("prime flat plan"),
        "missing companions": NO_COMPANIONS,
    },
    "wise filter": {
        "truncated": Here("wise filter frames"),
        # Of the header, all that is read: the sum of the file cannot tell.
        "flipped bits": Whole(card("SCAN", "p1772a"), 3, "'p1772a' is no scan id"),
        "huge NAXIS": Here("wise filter frames"),
        "gzip bomb": Here("wise filter frames"),
        "NaN alone": Never("no pixels are read"),
        "wrong units": Never("the archive's columns are known by their names, each with one unit"),
        "duplicates": At(f"{FILTER}::test_repeated_rows"),
        "paths that leave": At(f"{FILTER}::test_paths_of_a_table_that_leave_the_root"),
        "input linked to itself": Here("wise filter frames"),
        "missing companions": At(f"{FILTER}::test_missing_files"),
    },
    "wise coadd": {
        "truncated": At(f"{COADD}::test_a_broken_frame_ends_the_run[truncated frame]"),
        "flipped bits": CHECKED,
        "huge NAXIS": Here("wise coadd"),
        "gzip bomb": Here("wise coadd"),
        "NaN alone": At(f"{COADD}::test_a_frame_without_usable_pixels_is_skipped[all NaN]"),
        "wrong units": Whole(lambda path: edit(path, BUNIT="Jy"), 3, "BUNIT is Jy, not DN"),
        "duplicates": At(f"{REQUESTS}::test_wrong_tables[a frame twice]"),
        "paths that leave": At(f"{REQUESTS}::test_wrong_tables[a scan that leaves the folder]"),
        "input linked to itself": Here("wise coadd"),
        "missing companions": At(f"{COADD}::test_missing_companions"),
    },
    "wise zodi": {
        "truncated": Here("wise zodi plan"),
        "flipped bits": At(f"{ZODI}::test_a_broken_map_ends_the_run_unless_it_keeps_going"),
        "huge NAXIS": Here("wise zodi plan"),
        "gzip bomb": Here("wise zodi plan", refused=False),
        # Its pixels and times count, its values do not.
        "NaN alone": Whole(blank, 0, "scans: 2"),
        "wrong units": Never("values are not read; pixels and MJD have one unit each in our own maps"),
        "duplicates": Here("wise zodi plan", refused=False),
        "paths that leave": BY_FILE,
        "input linked to itself": Here("wise zodi plan"),
        "missing companions": At(f"{ZODI}::test_positions_that_are_not_there[there is no table of frames]"),
    },
    "wise calibrate": {
        "truncated": Here("wise calibrate plan"),
        "flipped bits": At(f"{CALIBRATE}::test_a_broken_map_ends_the_run_unless_it_keeps_going"),
        "huge NAXIS": Here("wise calibrate plan"),
        "gzip bomb": Here("wise calibrate plan", refused=False),
        "NaN alone": Whole(blank, 0, "skipped: 01775a: no usable map pixel"),
        "wrong units": Whole(unit_of("VALUE", "Jy"), 3, "VALUE is in Jy, not in DN"),
        "duplicates": Here("wise calibrate plan", refused=False),
        "paths that leave": BY_FILE,
        "input linked to itself": Here("wise calibrate plan"),
        # Reference map, earlier calibration.
        "missing companions": At(f"{CALIBRATE}::test_wrong_inputs_are_named[no earlier calibration]"),
    },
    **{f"simulate {camera}": {} for camera in ("irac", "wise", "prime")},
    "config init": {"hostile YAML": Never("takes no configuration")},
}
READING = (*FAULTS[: FAULTS.index("output is a link")], "missing companions")
ALONE = {"simulate irac", "config init"}
COMMANDS = sorted(TABLE)


def cell(command: str, fault: str) -> Cell | None:
    if fault in TABLE[command]:
        return TABLE[command][fault]
    if fault in READING and command.startswith(("simulate", "config")):
        return MAKES_INPUTS
    if fault == "failing rank" and command in ALONE:
        return Never("works in one process")
    return HOSTILE if fault == "hostile YAML" else ENDINGS.get(fault)


def test_no_command_and_no_fault_is_missing() -> None:
    there = {
        f"{group} {name}".strip()
        for group, entry in {**ROOT.commands, "": ROOT}.items()
        if isinstance(entry, GroupEntry)
        for name, one in entry.commands.items()
        if not isinstance(one, GroupEntry)
    }
    assert set(TABLE) == there - LOOKING
    empty = [pair for pair in itertools.product(COMMANDS, FAULTS) if cell(*pair) is None]
    assert not empty
    assert not {fault for row in TABLE.values() for fault in row} - set(FAULTS)


@cache
def source(file: str) -> str:
    return (TESTS / file).read_text(encoding="utf-8")


def test_every_test_that_is_named_exists() -> None:
    places = {one.place for pair in itertools.product(COMMANDS, FAULTS) if isinstance(one := cell(*pair), At)}
    lost = []
    for place in sorted(places):
        found = re.fullmatch(r"(\S+?)::(\w+)(?:\[(.+)\])?", place)
        assert found, place
        file, name, case = found.groups()
        # The start of a long name is enough.
        if not re.search(rf"^def {name}\w*\(", source(file), re.MULTILINE) or (case or "") not in source(
            file
        ):
            lost.append(place)
    assert not lost


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    made = all_targets(tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("matrix"))
    return {target.name: target for target in made}


DONE_HERE: dict[str, Damage] = {
    "truncated": truncate,
    "flipped bits": flip,
    "huge NAXIS": declare,
    "gzip bomb": bomb,
    "duplicates": repeat,
    "input linked to itself": loop,
}
CELLS_HERE = [pair for pair in itertools.product(COMMANDS, FAULTS) if isinstance(cell(*pair), Here)]


@pytest.mark.parametrize(("command", "fault"), CELLS_HERE)
def test_a_broken_input_does_no_harm(
    command: str, fault: str, targets: dict[str, Target], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = cell(command, fault)
    assert isinstance(one, Here)
    target, out = targets[one.target], tmp_path / "out"
    ends: list[Ran] = []

    def kept(*words: object) -> Ran:
        ends.append(run_here(*words))
        return ends[-1]

    monkeypatch.setattr(fuzztargets, "run_here", kept)
    # What is refused anyway would prove nothing.
    assert target.run(out) == ""
    shutil.rmtree(out, ignore_errors=True)
    before = set(target.victim.parent.iterdir())
    valid = target.victim.read_bytes()
    DONE_HERE[fault](target.victim)
    try:
        assert target.run(out) == ("refused" if one.refused else "")
        sound, broken = ends
        if one.refused:
            assert target.victim.name.partition(".")[0] in broken.error
        else:
            told = set(broken.stdout.splitlines()) - set(sound.stdout.splitlines())
            assert "  ignored: 1 files that are no scan maps" in told
        left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
        assert not [name for name in left if not name.endswith(".failed.json")]
    finally:
        target.victim.unlink()
        target.victim.write_bytes(valid)
        for path in set(target.victim.parent.iterdir()) - before:
            path.unlink()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CommandRun]:
    made = all_runs(tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("whole") / "inputs")
    # `ENDINGS` sends every command to tests of all of these.
    assert {run.command for run in made} == set(TABLE)
    return {run.command: run for run in made}


WHOLE = [pair for pair in itertools.product(COMMANDS, FAULTS) if isinstance(cell(*pair), Whole)]


@pytest.mark.parametrize(("command", "fault"), WHOLE)
def test_a_broken_input_of_a_whole_run(
    command: str, fault: str, runs: dict[str, CommandRun], tmp_path: Path
) -> None:
    one, run = cell(command, fault), runs[command]
    assert isinstance(one, Whole)
    assert run.victim is not None
    folder = run.victim.parent
    valid = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    try:
        one.damage(run.victim)
        before = hashes(folder)
        done = run.run(tmp_path / "a" / "b" / "out")
        assert hashes(folder) == before
    finally:
        for path, content in valid.items():
            path.write_bytes(content)
    assert done.code == one.code, done.stderr
    assert one.said in (done.error if one.code else done.stdout)
    assert not parts(tmp_path)
    # Of the command's own folder only the first of two scans may be done.
    assert all(name.startswith("a/b/out/") for name in products(tmp_path))
    if one.code:
        assert done.stdout == ""
        assert not [name for name in products(tmp_path) if run.victim.stem in name]


@pytest.mark.parametrize("words", [("config", "show"), ("config", "validate"), ("doctor",)])
def test_what_only_looks_changes_nothing(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "astromap.yaml").write_text("run: {jobs: 1}\n", encoding="utf-8")
    before = hashes(tmp_path)
    assert run_here(*words).code == 0
    assert hashes(tmp_path) == before


YAML = {
    "aliases that multiply": "a: &a [1, 1]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "a tag that runs a program": "run: !!python/object/apply:os.system ['true']\n",
    "a key twice": "run:\n  jobs: 1\n  jobs: 2\n",
    "no end of brackets": "run: " + "[" * 5000,
}


@pytest.mark.parametrize("command", [one for one in COMMANDS if cell(one, "hostile YAML") is HOSTILE])
def test_hostile_yaml_ends_every_command(command: str, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    for name, lines in YAML.items():
        config.write_text(lines, encoding="utf-8")
        output = (tmp_path / "out",) if command.startswith("simulate") else ("-o", tmp_path / "out")
        done = run_here(*command.split(), *output, "--config", config)
        assert done.code == 2, (name, done.stderr)
        assert f"{config}, line" in done.error, name
        assert len(done.stderr.splitlines()) == 1, name
    assert [path.name for path in tmp_path.iterdir()] == ["run.yaml"]
