"""The same product to the bit for any number of local workers, with every pass on."""

from __future__ import annotations

from pathlib import Path

import pytest
from truthkit.faultkit import (
    ALL_PASSES,
    PRODUCT,
    assert_same_masks,
    assert_same_product,
    deep_field,
    deep_reference,
    mosaic,
    names,
    product_names,
    program,
    run_program,
)

pytestmark = pytest.mark.xdist_group("mosaic-interrupted")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


def test_workers_give_the_same_product(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [deep_field(base), "-o", out, "--pixel-scale", "1.2", *ALL_PASSES]
    done = run_program(program(), "irac", "mosaic", *words, "-j", 3)
    assert done.code == 0, done.stderr
    assert names(out) == product_names() | {"ch1_rejected"}
    assert_same_product(out / PRODUCT, deep_reference(base) / PRODUCT)
    assert_same_masks(out, deep_reference(base))


@pytest.mark.parametrize("combine", ["clipped", "median-exptime"])
def test_the_memory_does_not_change_the_product(combine: str, base: Path, tmp_path: Path) -> None:
    words = [deep_field(base), "--combine", combine, "--delta-dark", "--pixel-scale", "0.6"]
    for memory in ("200MB", "2 GB"):
        done = mosaic(*words, "-o", tmp_path / memory, "--memory", memory)
        assert done.code == 0, done.stderr
    assert_same_product(tmp_path / "200MB" / PRODUCT, tmp_path / "2 GB" / PRODUCT)
    # It is no part of what decides the product.
    again = mosaic(*words, "-o", tmp_path / "2 GB", "--memory", "1GB", "--resume")
    assert again.stdout.splitlines()[0] == "IRAC channel 1 mosaic: up to date"


@pytest.mark.parametrize("size", ["200MB", "0.2GB", "1GiB", "300 mb", "auto", "200000000"])
def test_sizes_of_memory(size: str, base: Path, tmp_path: Path) -> None:
    done = mosaic(deep_field(base), "-o", tmp_path / "out", "--memory", size, "--dry-run")
    assert done.code == 0, done.stderr


@pytest.mark.parametrize("size", ["much", "-1GB", "100MB", "0", "1TiBs", "", "200 MB 1"])
def test_nonsense_for_memory_is_refused(size: str, base: Path, tmp_path: Path) -> None:
    done = mosaic(deep_field(base), "-o", tmp_path / "out", "--memory", size, "--dry-run")
    assert done.code == 2
    assert "run.memory" in done.error or "--memory" in done.error
