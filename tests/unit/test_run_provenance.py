"""Manifests: what makes a product complete, current, failed; the key of a run."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import pytest

from photomitrus_cli.errors import ConfigError, InputError, OutputExistsError, WriteError
from photomitrus_cli.io.atomic import FileRecord
from photomitrus_cli.run.context import Context, NoProgress, RunControl
from photomitrus_cli.run.provenance import (
    Product,
    RunRecord,
    file_entry,
    guard_outputs,
    is_current,
    recorded_units,
    run_key,
    utc_now,
    write_failure,
    write_manifest,
)
from photomitrus_cli.run.summary import UnitRecord
from photomitrus_cli.run.underway import under_way

UNITS = [UnitRecord("a.fits", "used", "", {"weight": 1.5}), UnitRecord("b.fits", "skipped", "short")]


@pytest.fixture
def product(tmp_path: Path) -> Product:
    (tmp_path / "p.fits").write_bytes(b"mosaic")
    (tmp_path / "p.png").write_bytes(b"picture")
    return Product(tmp_path, "p", ("p.fits", "p.png"))


def record(key: str = "k") -> RunRecord:
    return RunRecord(key, "irac: {}\n", utc_now(), units=UNITS)


def test_a_complete_product_is_current_under_its_key_alone(product: Product) -> None:
    assert not is_current(product, "k")
    write_manifest(product, record(), Context(), status="complete")
    assert is_current(product, "k")
    assert not is_current(product, "other")
    assert recorded_units(product) == UNITS
    assert product.config.read_text() == "irac: {}\n"


def test_files_are_recorded_by_size_and_crc32(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [
        {"name": path.name, "n_bytes": path.stat().st_size, "crc32": f"{zlib.crc32(path.read_bytes()):08x}"}
        for path in product.paths
    ]
    write_manifest(product, record(), Context(), status="complete")
    assert json.loads(product.manifest.read_text())["outputs"] == expected
    picture = FileRecord(product.paths[1], 7, zlib.crc32(b"picture"))
    summed: list[Path] = []

    def crc32_file(path: Path) -> int:
        summed.append(path)
        return 1

    monkeypatch.setattr("photomitrus_cli.run.provenance.crc32_file", crc32_file)
    write_manifest(product, record(), Context(), status="complete", written=[picture])
    assert summed == [product.paths[0]]
    assert json.loads(product.manifest.read_text())["outputs"][1] == expected[1]
    assert file_entry(Path("/a/b.fits"), 5, 0xABC) == {"path": "/a/b.fits", "n_bytes": 5, "crc32": "00000abc"}


@pytest.mark.parametrize(
    "harm", ["changed", "longer", "missing", "partial", "no manifest", "broken manifest", "list"]
)
def test_what_is_not_as_recorded_is_not_current(harm: str, product: Product) -> None:
    write_manifest(product, record(), Context(), status="partial" if harm == "partial" else "complete")
    if harm == "changed":
        product.paths[0].write_bytes(b"mosaiC")
    elif harm == "longer":
        product.paths[1].write_bytes(b"picture\0")
    elif harm == "missing":
        product.paths[1].unlink()
    elif harm == "no manifest":
        product.manifest.unlink()
    elif harm == "broken manifest":
        product.manifest.write_text(product.manifest.read_text()[:-40])
    elif harm == "list":
        product.manifest.write_text("[]")
    assert not is_current(product, "k")


def test_the_key_follows_what_decides_the_product(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"1")
    key = run_key("c", {"x": 1, "y": 2}, [file])
    assert run_key("c", {"y": 2, "x": 1}, [file]) == key
    assert run_key("c", {"x": 1, "y": 3}, [file]) != key
    assert run_key("d", {"x": 1, "y": 2}, [file]) != key
    assert run_key("c", {"x": 1, "y": 2}, []) != key
    status = file.stat()
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))
    assert run_key("c", {"x": 1, "y": 2}, [file]) != key


@pytest.mark.parametrize(
    ("error", "told", "code"),
    [
        (InputError("bad", hint="mend it"), "bad (mend it)", 3),
        (KeyboardInterrupt(), "interrupted", 130),
        (SystemExit(143), "interrupted", 143),
        (SystemExit("odd"), "interrupted", 1),
        (MemoryError(), "MemoryError", 1),
    ],
)
def test_failures_are_recorded_beside_the_product(
    error: BaseException, told: str, code: int, product: Product
) -> None:
    write_manifest(product, record(), Context(), status="complete")
    write_failure(product, record(), Context(), error)
    body = json.loads(product.failure.read_text())
    assert (body["status"], body["error"], body["exit_code"]) == ("failed", told, code)
    assert is_current(product, "k")
    write_manifest(product, record(), Context(), status="complete")
    assert not product.failure.exists()


def fail_under_way(product: Product, *saved: str) -> None:
    with under_way(product, record(), Context()) as store:
        for name in saved:
            store.save(name, {}, {"n": 1})
        raise InputError("bad")


@pytest.mark.parametrize("saved", [(), ("frame",)])
def test_a_run_that_fails_keeps_what_is_finished_and_says_so(
    saved: tuple[str, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    product = Product(tmp_path, "q", ("q.fits",))
    caplog.set_level("INFO")
    with pytest.raises(InputError, match="bad"):
        fail_under_way(product, *saved)
    assert json.loads(product.failure.read_text())["error"] == "bad"
    assert (f"kept in {product.work}" in caplog.text) is bool(saved)
    with under_way(product, record(), Context(control=RunControl(resume=True))) as store:
        assert store.load_meta("frame") == ({"n": 1} if saved else None)
    assert not product.work.exists()


@pytest.mark.parametrize(
    ("stem", "refusal"), [("q", "another run is writing this product"), ("p", "p.fits exists")]
)
def test_another_run_of_a_product_leaves_its_records_alone(stem: str, refusal: str, product: Product) -> None:
    second = Product(product.folder, stem, ("p.fits",))
    with under_way(Product(product.folder, "q", ()), record(), Context()):
        with pytest.raises((ConfigError, OutputExistsError), match=refusal):
            fail_under_way(second)
        assert not second.failure.exists()


def test_a_failure_that_cannot_be_recorded_hides_nothing(
    product: Product, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise WriteError("disk full")

    monkeypatch.setattr("photomitrus_cli.run.provenance.write_json", fail)
    write_failure(product, record(), Context(), InputError("bad"))
    assert "the failure could not be recorded: disk full" in caplog.text


@pytest.mark.parametrize("flag", ["overwrite", "resume", "dry_run"])
def test_existing_products_are_guarded(flag: str, product: Product) -> None:
    with pytest.raises(OutputExistsError, match=r"p\.fits exists"):
        guard_outputs(product, Context())
    guard_outputs(product, Context(control=RunControl(**{flag: True})))
    product.paths[0].unlink()
    with pytest.raises(OutputExistsError, match=r"p\.png exists"):
        guard_outputs(product, Context())
    product.paths[1].unlink()
    guard_outputs(product, Context())


def test_names_taken_by_folders_and_dead_links(product: Product) -> None:
    product.paths[0].unlink()
    product.paths[0].symlink_to("nowhere")
    with pytest.raises(WriteError, match="leads nowhere"):
        guard_outputs(product, Context(control=RunControl(overwrite=True)))
    product.paths[0].unlink()
    product.paths[0].mkdir()
    with pytest.raises(WriteError, match="is a folder"):
        guard_outputs(product, Context(control=RunControl(resume=True)))


def test_a_context_without_a_terminal_runs_serially_and_silently() -> None:
    context = Context()
    assert context.executor.workers == 1
    assert context.control == RunControl(dry_run=False, overwrite=False, resume=False, keep_going=False)
    with NoProgress().task("frames", 3) as advance:
        advance()
        advance(2)
