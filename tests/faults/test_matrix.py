"""Every command meets every fault: here, in a test that is named and must exist, or not at all and why."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from truthkit.faultkit import replace_card, run_here
from truthkit.fuzztargets import Target, all_targets
from truthkit.mutations import gzip_bomb

from photomitrus_cli.cli import GROUPS

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
class Never:
    """Cannot happen, and why."""

    reason: str


Cell = At | Here | Never

FAULTS = (
    *("truncated", "flipped bits", "huge NAXIS", "gzip bomb", "NaN alone", "wrong units", "duplicates"),
    *("paths that leave", "input linked to itself", "output is a link", "hostile YAML", "missing companions"),
    *("full disk", "read-only output", "SIGTERM", "SIGKILL and resume", "failing rank"),
)
# Commands that only look, or print.
LOOKING = {"config init", "config show", "config validate"}

READ, FUZZ = "faults/test_broken_fits.py", "property/test_fuzz.py"
ATOMIC, CALIBRATE = "unit/test_io_atomic.py", "faults/test_wise_calibrate_faults.py"
INPUTS, WRITING = "faults/test_mosaic_inputs.py", "faults/test_mosaic_writing.py"
PHOT, STACK = "faults/test_irac_phot_faults.py", "faults/test_prime_stack_faults.py"
COADD, COADD_ENDS = "faults/test_wise_coadd_faults.py", "faults/test_wise_coadd_interrupted.py"
COADD_WRITING, FILTER = "faults/test_wise_coadd_writing.py", "faults/test_wise_filter_inputs.py"
ZODI, CORRECT = "faults/test_wise_zodi_faults.py", "faults/test_irac_correct_inputs.py"
FLAT, RANK = "cli/test_prime_flat.py", "mpi/test_mosaic_mpi.py::test_a_rank_that_dies_ends_the_job"

# All products pass through one writer, all images and maps through one reader, all runs through one edge.
FULL = At(f"{ATOMIC}::test_disk_full")
READ_ONLY = At(f"{ATOMIC}::test_check_folder_on_a_read_only_file_system")
LINK = At(f"{ATOMIC}::test_symbolic_link_is_kept_and_its_target_replaced")
ENDED = At(f"{ATOMIC}::test_failure_keeps_the_old_file_and_removes_the_part")
KILLED = At(f"{ATOMIC}::test_killed_in_the_middle_leaves_only_a_part_that_is_cleaned")
FLIPPED = At(f"{READ}::test_one_flipped_byte")
HOSTILE = At("faults/test_matrix.py::test_hostile_yaml_ends_every_command")
ONE_EXECUTOR = At(RANK)
NO_TABLE_OF_PATHS = Never("no table with paths is read; names of products come from checked header values")
NO_COMPANIONS = Never("every input is one file")
MAKES_INPUTS = Never("reads nothing but its settings")

TABLE: dict[str, Mapping[str, Cell]] = {
    "irac mosaic": {
        "truncated": At(f"{INPUTS}::test_a_broken_frame_ends_the_run[truncated data]"),
        "flipped bits": At(f"{INPUTS}::test_a_broken_frame_ends_the_run[flipped byte]"),
        "huge NAXIS": At(f"{INPUTS}::test_a_broken_frame_ends_the_run[huge NAXIS]"),
        "gzip bomb": At(f"{INPUTS}::test_a_broken_frame_ends_the_run[gz bomb]"),
        "NaN alone": At(f"{INPUTS}::test_an_unusable_frame_is_skipped_with_its_reason[all NaN]"),
        "wrong units": At(f"{INPUTS}::test_an_unusable_frame_is_skipped_with_its_reason[other unit]"),
        "duplicates": At(f"{INPUTS}::test_the_same_exposure_counts_once"),
        "paths that leave": At(f"{INPUTS}::test_what_is_no_list_of_frames"),
        "input linked to itself": Here("irac mosaic plan"),
        "output is a link": At(f"{INPUTS}::test_links_in_the_place_of_a_product"),
        "missing companions": At(f"{INPUTS}::test_missing_companions"),
        "full disk": At(f"{WRITING}::test_a_full_disk"),
        "read-only output": At(f"{WRITING}::test_a_folder_that_cannot_be_written"),
        "SIGTERM": At("faults/test_mosaic_interrupted.py::test_signals_end_a_run_in_order"),
        "SIGKILL and resume": At("faults/test_mosaic_interrupted.py::test_a_killed_run_is_resumed"),
        "failing rank": At(RANK),
    },
    "irac phot": {
        "truncated": At(f"{PHOT}::test_a_broken_file_ends_the_run[truncated frame]"),
        "flipped bits": FLIPPED,
        "huge NAXIS": Here("irac phot plan"),
        "gzip bomb": Here("irac phot plan"),
        "NaN alone": At(f"{PHOT}::test_unusable_frames_are_skipped_with_their_reasons"),
        "wrong units": At(f"{PHOT}::test_unusable_frames_are_skipped_with_their_reasons"),
        "duplicates": At("cli/test_irac_phot_traps.py::test_reprocessed_and_linked_frames_count_once"),
        "paths that leave": Never("the pairs name inputs that are only read, wherever they are"),
        "input linked to itself": Here("irac phot plan"),
        "output is a link": At(f"{PHOT}::test_a_product_that_is_an_input_is_refused"),
        "missing companions": At(f"{PHOT}::test_missing_companions"),
        "full disk": At("faults/test_irac_phot_interrupted.py::test_a_full_disk"),
        "read-only output": At(f"{PHOT}::test_a_failing_write_leaves_no_product_that_looks_whole"),
        "SIGTERM": At("faults/test_irac_phot_interrupted.py::test_a_signal_ends_a_run_in_order"),
        "SIGKILL and resume": At("faults/test_irac_phot_interrupted.py::test_a_killed_run_is_resumed"),
        "failing rank": At("mpi/test_irac_phot_mpi.py::test_a_broken_mask_ends_the_job_with_its_exit_code"),
    },
    "irac correct": {
        "truncated": Here("irac correct fits"),
        "flipped bits": At(f"{FUZZ}::test_damaged_files_end_in_one_clear_line[irac correct fits]"),
        "huge NAXIS": Here("irac correct fits"),
        "gzip bomb": At(f"{FUZZ}::test_damaged_files_end_in_one_clear_line[irac correct fits]"),
        "NaN alone": At(f"{CORRECT}::test_broken_text"),
        "wrong units": At(f"{CORRECT}::test_columns_of_other_kinds"),
        "duplicates": At(f"{CORRECT}::test_broken_text[two columns are called]"),
        "paths that leave": NO_TABLE_OF_PATHS,
        "input linked to itself": Here("irac correct fits"),
        "output is a link": LINK,
        "missing companions": NO_COMPANIONS,
        "full disk": FULL,
        "read-only output": READ_ONLY,
        "SIGTERM": ENDED,
        "SIGKILL and resume": KILLED,
        "failing rank": Never("works in one process"),
    },
    "prime stack": {
        "truncated": At(f"{STACK}::test_a_broken_ramp_ends_the_run[truncated]"),
        "flipped bits": FLIPPED,
        "huge NAXIS": At(f"{STACK}::test_a_broken_ramp_ends_the_run[huge]"),
        "gzip bomb": Here("prime stack plan"),
        "NaN alone": At(f"{STACK}::test_a_broken_ramp_ends_the_run[NaN alone]"),
        "wrong units": At("unit/test_refcat_columns.py::test_hostile_tables_end_in_one_line[is in Jy]"),
        "duplicates": At(f"{STACK}::test_what_is_missing_or_wrong_is_named[one serial twice]"),
        "paths that leave": NO_TABLE_OF_PATHS,
        "input linked to itself": Here("prime stack plan", refused=False),
        "output is a link": At(f"{STACK}::test_the_stack_never_replaces_an_input"),
        "missing companions": At(f"{STACK}::test_what_is_missing_or_wrong_is_named[no flats]"),
        "full disk": At(f"{STACK}::test_a_full_disk"),
        "read-only output": At(f"{STACK}::test_a_folder_that_cannot_be_written"),
        "SIGTERM": At(f"{STACK}::test_a_run_that_was_ended_is_resumed[SIGTERM]"),
        "SIGKILL and resume": At(f"{STACK}::test_a_run_that_was_ended_is_resumed[SIGKILL]"),
        "failing rank": ONE_EXECUTOR,
    },
    "prime flat": {
        "truncated": At(f"{FLAT}::test_a_broken_frame_is_refused_or_left_out"),
        "flipped bits": FLIPPED,
        "huge NAXIS": Here("prime flat plan"),
        "gzip bomb": Here("prime flat plan"),
        "NaN alone": At(f"{STACK}::test_a_broken_ramp_ends_the_run[NaN alone]"),
        "wrong units": Never("counts of a camera; a flat has no unit"),
        "duplicates": Here("prime flat plan"),
        "paths that leave": NO_TABLE_OF_PATHS,
        "input linked to itself": Here("prime flat plan", refused=False),
        "output is a link": LINK,
        "missing companions": NO_COMPANIONS,
        "full disk": FULL,
        "read-only output": READ_ONLY,
        "SIGTERM": ENDED,
        "SIGKILL and resume": At(f"{FLAT}::test_existing_flats_are_kept_resumed_or_replaced"),
        "failing rank": ONE_EXECUTOR,
    },
    "wise filter": {
        "truncated": Here("wise filter frames"),
        "flipped bits": At(f"{FUZZ}::test_damaged_files_end_in_one_clear_line[wise filter frames]"),
        "huge NAXIS": Here("wise filter frames"),
        "gzip bomb": Here("wise filter frames"),
        "NaN alone": Never("no pixels are read"),
        "wrong units": At(f"{FILTER}::test_values_that_cannot_be_used"),
        "duplicates": At(f"{FILTER}::test_repeated_rows"),
        "paths that leave": At(f"{FILTER}::test_paths_of_a_table_that_leave_the_root"),
        "input linked to itself": Here("wise filter frames"),
        "output is a link": LINK,
        "missing companions": At(f"{FILTER}::test_missing_files"),
        "full disk": FULL,
        "read-only output": READ_ONLY,
        "SIGTERM": ENDED,
        "SIGKILL and resume": At("cli/test_wise_filter.py::test_dry_run_writes_nothing_and_resume_keeps"),
        "failing rank": ONE_EXECUTOR,
    },
    "wise coadd": {
        "truncated": At(f"{COADD}::test_a_broken_frame_ends_the_run[truncated frame]"),
        "flipped bits": FLIPPED,
        "huge NAXIS": Here("wise coadd"),
        "gzip bomb": Here("wise coadd"),
        "NaN alone": At(f"{COADD}::test_a_frame_without_usable_pixels_is_skipped[all NaN]"),
        "wrong units": At(f"{COADD}::test_a_broken_frame_ends_the_run[zero point of nothing]"),
        "duplicates": At(f"{COADD}::test_wrong_tables[a frame twice]"),
        "paths that leave": At(f"{COADD}::test_wrong_tables[a scan that leaves the folder]"),
        "input linked to itself": Here("wise coadd"),
        "output is a link": At(f"{COADD}::test_an_output_that_is_an_input_is_refused"),
        "missing companions": At(f"{COADD}::test_missing_companions"),
        "full disk": At(f"{COADD_WRITING}::test_a_full_disk"),
        "read-only output": At(f"{COADD_WRITING}::test_a_folder_that_cannot_be_written"),
        "SIGTERM": At(f"{COADD_ENDS}::test_signals_end_a_run_in_order"),
        "SIGKILL and resume": At(f"{COADD_ENDS}::test_a_killed_run_is_resumed"),
        "failing rank": At("mpi/test_wise_coadd_mpi.py::test_a_rank_that_dies_ends_the_job"),
    },
    "wise zodi": {
        "truncated": At(f"{ZODI}::test_a_broken_map_ends_the_run_unless_it_keeps_going"),
        "flipped bits": At(f"{ZODI}::test_a_broken_map_ends_the_run_unless_it_keeps_going"),
        "huge NAXIS": Here("wise zodi plan"),
        "gzip bomb": Here("wise zodi plan", refused=False),
        "NaN alone": At(f"{ZODI}::test_positions_that_are_not_there"),
        "wrong units": At(f"{ZODI}::test_what_is_no_scan_map_is_named"),
        "duplicates": Here("wise zodi plan", refused=False),
        "paths that leave": NO_TABLE_OF_PATHS,
        "input linked to itself": Here("wise zodi plan"),
        "output is a link": LINK,
        "missing companions": NO_COMPANIONS,
        "full disk": FULL,
        "read-only output": At(f"{ZODI}::test_a_folder_that_cannot_be_written"),
        "SIGTERM": ENDED,
        "SIGKILL and resume": At("cli/test_wise_zodi.py::test_workers_and_resuming_change_nothing"),
        "failing rank": ONE_EXECUTOR,
    },
    "wise calibrate": {
        "truncated": At(f"{CALIBRATE}::test_a_broken_map_ends_the_run_unless_it_keeps_going"),
        "flipped bits": At(f"{CALIBRATE}::test_a_broken_map_ends_the_run_unless_it_keeps_going"),
        "huge NAXIS": Here("wise calibrate plan"),
        "gzip bomb": Here("wise calibrate plan", refused=False),
        "NaN alone": At(f"{CALIBRATE}::test_a_scan_without_a_usable_pixel_is_told_of"),
        "wrong units": At(f"{CALIBRATE}::test_wrong_inputs_are_named"),
        "duplicates": Here("wise calibrate plan", refused=False),
        "paths that leave": NO_TABLE_OF_PATHS,
        "input linked to itself": Here("wise calibrate plan"),
        "output is a link": At(f"{CALIBRATE}::test_the_output_is_never_an_input"),
        "missing companions": At(f"{CALIBRATE}::test_a_damaged_template_is_computed_again"),
        "full disk": FULL,
        "read-only output": At(f"{CALIBRATE}::test_a_folder_that_cannot_be_written"),
        "SIGTERM": ENDED,
        "SIGKILL and resume": At(f"{CALIBRATE}::test_killed_twice_and_resumed"),
        "failing rank": At(
            "mpi/test_wise_calibrate_mpi.py::test_a_broken_map_ends_the_job_with_its_exit_code"
        ),
    },
}
_READING = FAULTS[: FAULTS.index("output is a link")]
for _camera, _again in (
    ("irac", "frames_of_another_simulation_are_never_mixed"),
    ("wise", "an_existing_survey_is_kept_unless_asked"),
    ("prime", "seeds_choose_the_frames_and_existing_ones_are_kept"),
):
    TABLE[f"simulate {_camera}"] = {
        **dict.fromkeys((*_READING, "missing companions"), MAKES_INPUTS),
        "output is a link": LINK,
        "full disk": FULL,
        "read-only output": READ_ONLY,
        "SIGTERM": ENDED,
        "SIGKILL and resume": At(f"cli/test_simulate_{_camera}.py::test_{_again}"),
        "failing rank": ONE_EXECUTOR,
    }
COMMANDS = sorted(TABLE)


def cell(command: str, fault: str) -> Cell | None:
    return HOSTILE if fault == "hostile YAML" else TABLE[command].get(fault)


def test_no_command_and_no_fault_is_missing() -> None:
    there = {f"{group} {name}" for group, entry in GROUPS.items() for name in entry.commands}
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


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2000])


def declare(path: Path) -> None:
    replace_card(path, "NAXIS", "1" * 20)


def bomb(path: Path) -> None:
    path.write_bytes(gzip_bomb(path.read_bytes(), 2_000_000))


def repeat(path: Path) -> None:
    """A second file with the same content under another name that would be taken."""
    head, _, tail = path.name.partition(".")
    more = path.with_name(f"{head}.again.{tail}" if "w3_" in head else f"{head}.fits")
    more.write_bytes(path.read_bytes())


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


DONE_HERE: dict[str, Callable[[Path], None]] = {
    "truncated": truncate,
    "huge NAXIS": declare,
    "gzip bomb": bomb,
    "duplicates": repeat,
    "input linked to itself": loop,
}
CELLS_HERE = [pair for pair in itertools.product(COMMANDS, FAULTS) if isinstance(cell(*pair), Here)]


@pytest.mark.parametrize(("command", "fault"), CELLS_HERE)
def test_a_broken_input_does_no_harm(
    command: str, fault: str, targets: dict[str, Target], tmp_path: Path
) -> None:
    one = cell(command, fault)
    assert isinstance(one, Here)
    target = targets[one.target]
    before = set(target.victim.parent.iterdir())
    valid = target.victim.read_bytes()
    DONE_HERE[fault](target.victim)
    try:
        assert target.run(tmp_path / "out") == ("refused" if one.refused else "")
        left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
        assert not [name for name in left if not name.endswith(".failed.json")]
    finally:
        target.victim.unlink()
        target.victim.write_bytes(valid)
        for path in set(target.victim.parent.iterdir()) - before:
            path.unlink()


YAML = {
    "aliases that multiply": "a: &a [1, 1]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "a tag that runs a program": "run: !!python/object/apply:os.system ['true']\n",
    "a key twice": "run:\n  jobs: 1\n  jobs: 2\n",
    "no end of brackets": "run: " + "[" * 5000,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_hostile_yaml_ends_every_command(command: str, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    for name, text in YAML.items():
        config.write_text(text, encoding="utf-8")
        output = (tmp_path / "out",) if command.startswith("simulate") else ("-o", tmp_path / "out")
        done = run_here(*command.split(), *output, "--config", config)
        assert done.code == 2, (name, done.stderr)
        assert f"{config}, line" in done.error, name
        assert len(done.stderr.splitlines()) == 1, name
    assert [path.name for path in tmp_path.iterdir()] == ["run.yaml"]
