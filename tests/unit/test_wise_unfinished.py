"""What is removed of a product that was not completed, and what never is."""

from __future__ import annotations

from pathlib import Path

import pytest

from photomitrus_cli.run.context import Context, RunControl
from photomitrus_cli.run.provenance import Product
from photomitrus_cli.wise.unfinished import remove_unfinished


@pytest.mark.parametrize(
    ("control", "complete", "left"),
    [
        (RunControl(), False, ["other.fits"]),
        # Another run of the same product has completed it meanwhile.
        (RunControl(), True, ["a.fits", "a.manifest.json", "other.fits"]),
        (RunControl(overwrite=True), False, ["a.fits", "other.fits"]),
        (RunControl(resume=True), False, ["a.fits", "other.fits"]),
    ],
)
def test_only_what_this_run_has_begun_goes(
    tmp_path: Path, control: RunControl, complete: bool, left: list[str]
) -> None:
    product = Product(tmp_path, "a", ("a.fits", "a.png"))
    for name in ("a.fits", "other.fits", *([product.manifest.name] if complete else [])):
        (tmp_path / name).write_text(name)
    remove_unfinished(product, Context(control=control))
    assert sorted(path.name for path in tmp_path.iterdir()) == left
