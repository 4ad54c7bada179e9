"""Damaged files end in success or one clear line, in little memory: a small part of `benchmarks/fuzz.py`."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest
from astropy.table import Table
from truthkit.fuzzkit import Fuzzer

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.io.refcat import read_refcat
from photomitrus_cli.io.reffiles import read_star_table
from photomitrus_cli.io.tablefiles import repeated
from photomitrus_cli.run.strictyaml import load_yaml
from photomitrus_cli.wise.dumpformat import open_source

pytestmark = pytest.mark.xdist_group("fuzz")

N_CASES = 200
# Of all that compile kernels or draw, none is needed to reach the readers.
CHEAP = frozenset(
    {
        *("irac frame", "irac mosaic plan", "irac phot plan", "wise frame", "wise coadd plan"),
        *("wise filter frames", "wise filter table", "wise zodi plan", "prime frame", "prime stack plan"),
        *("prime flat plan", "catalogue csv", "catalogue ecsv", "catalogue vot"),
        *("irac correct csv", "irac correct fits", "configuration", "--set", "instrument"),
    }
)


def test_damaged_files_end_in_one_clear_line(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    fuzzer = Fuzzer(tmp_path_factory.getbasetemp(), tmp_path / "work", seed=8, only=CHEAP)
    assert fuzzer.counts.keys() == CHEAP
    found = [finding for number in range(N_CASES) if (finding := fuzzer.case(number)) is not None]
    assert not found
    assert min(fuzzer.counts.values()) > 0
    # Damage that nobody notices would prove nothing.
    assert N_CASES // 3 < sum(fuzzer.refused.values()) < N_CASES


def test_axes_without_number_do_not_fill_the_memory(tmp_path: Path) -> None:
    """astropy makes a list of as many axes as the header says."""
    card = f"NAXIS   = {'1' * 50}".ljust(80)
    header = "SIMPLE  =                    T".ljust(80) + "BITPIX  = 8".ljust(80) + card + "END"
    (tmp_path / "stars.fits").write_bytes(header.ljust(2880).encode())
    with pytest.raises(InputError, match="NAXIS is 1111"):
        read_refcat(tmp_path / "stars.fits")


def test_what_follows_the_last_unit_is_not_searched(tmp_path: Path) -> None:
    """astropy looks there for the end of a header, through all that a file unpacks to."""
    path = tmp_path / "stars.fits"
    Table({"ra": [10.0, 11.0], "dec": [1.0, 2.0]}).write(path)
    with gzip.open(tmp_path / "stars.fits.gz", "wb", compresslevel=1) as packed:
        packed.write(path.read_bytes())
        packed.write(b" " * 50_000_000)
    begin = time.process_time()
    table = read_star_table(tmp_path / "stars.fits.gz")
    assert list(table["ra"]) == [10.0, 11.0]
    # Some milliseconds; the search takes most of a second.
    assert time.process_time() - begin < 0.25


def test_many_columns_take_little_time(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(",".join(f"c{k}" for k in range(100_000)) + "\n")
    begin = time.process_time()
    assert len(open_source(path).names) == 100_000
    assert time.process_time() - begin < 5.0
    assert repeated(["b", "", "a", "b", "", "a", "c"]) == ["a", "b"]


def test_cells_longer_than_csv_allows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("scan_id,frame_num," + "x" * 200_000 + "\n1,2,3\n")
    with pytest.raises(InputError, match="field larger than field limit"):
        open_source(path)


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".tbl", ".csv.gz"])
def test_too_many_columns_are_not_named(tmp_path: Path, suffix: str) -> None:
    """astropy compares each name with all before it: minutes for two hundred thousand."""
    path = tmp_path / f"stars{suffix}"
    text = b"# %ECSV 1.0\n" * (suffix == ".ecsv") + {".tbl": b"|"}.get(suffix, b",") * 200_000 + b"\n1,2\n"
    path.write_bytes(gzip.compress(text) if suffix.endswith(".gz") else text)
    start = time.process_time()
    with pytest.raises(InputError, match="has more than 9999 columns"):
        read_refcat(path)
    assert time.process_time() - start < 1.0


def test_sizes_that_no_file_can_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """astropy goes to where a damaged header says that the next unit begins."""
    path = tmp_path / "stars.fits"
    Table({"ra": [10.0, 11.0], "dec": [1.0, 2.0]}).write(path)

    def far(*_: object, **__: object) -> None:
        raise OverflowError("Python int too large to convert to C ssize_t")

    monkeypatch.setattr("astropy.io.fits.open", far)
    with pytest.raises(InputError, match=r"stars\.fits: the reference catalogue cannot be read: Python int"):
        read_refcat(path)


@pytest.mark.parametrize("value", ["!!float x", "!!int ''", "9" * 5000])
def test_numbers_that_python_refuses(value: str) -> None:
    with pytest.raises(ConfigError, match=r"t\.yaml, line 1: '.{0,40}' is no (int|float)"):
        load_yaml(f"a: {value}\n", "t.yaml")


def test_messages_are_one_line_without_control_characters() -> None:
    error = ConfigError("a\nb\x1b[31m\x9c\u2028é" + "x" * 10_000, hint="c\rd")
    assert error.message.startswith("a\\nb\\x1b[31m\\x9c\\u2028éxxx")
    assert error.hint == "c\\rd"
    assert len(str(error)) < 5000
