"""Every column and every mask bit of the WISE products is in docs/formats.md."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import pytest

from photomitrus_cli.wise.calibmaps import _DESCRIPTIONS, MASK_BITS
from photomitrus_cli.wise.calibtables import _RESIDUAL_COLUMNS, COLUMNS
from photomitrus_cli.wise.coaddtables import COLUMNS as FRAME_COLUMNS

FORMATS = Path(__file__).parents[2] / "docs" / "formats.md"


def section(title: str) -> str:
    """Give the text below a heading, down to the next of its level."""
    text = FORMATS.read_text(encoding="utf-8")
    marks = title.split(" ", maxsplit=1)[0]
    return re.split(rf"^#{{2,{len(marks)}}} ", text.split(f"\n{title}\n")[1], flags=re.MULTILINE)[0]


@pytest.mark.parametrize(
    ("title", "columns"),
    [
        ("### `w<B>_frames.ecsv`", FRAME_COLUMNS),
        ("## The calibrated sky: `w<B>_fullsky.fits`", _DESCRIPTIONS),
        ("### Tables: `w<B>_calibration.ecsv`, `w<B>_residuals.ecsv`", {**COLUMNS, **_RESIDUAL_COLUMNS}),
    ],
)
def test_columns_are_documented(title: str, columns: Collection[str]) -> None:
    cells = " ".join(re.findall(r"^\| (.+?) \|", section(title), re.MULTILINE))
    assert set(columns) <= set(re.findall(r"`([^`]+)`", cells))


def test_mask_bits_are_documented() -> None:
    text = section("## The calibrated sky: `w<B>_fullsky.fits`")
    for bit, meaning in MASK_BITS.items():
        assert f"| {bit.bit_length() - 1} | {bit} | {meaning} |" in text
