"""Every column of every product is in docs/formats.md, with its unit of the file, and so in columns.md."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from astropy import units

from photomitrus_cli.irac import aortable, inputstable, phottables
from photomitrus_cli.prime import stackproducts
from photomitrus_cli.run.provenance import versions
from photomitrus_cli.simulate import iractruth, iractruthrows, primerefcat, primetruth, wisetruth
from photomitrus_cli.wise import calibmaps, calibtables, coaddproducts, coaddtables
from photomitrus_cli.wise.filtertables import Scans, scan_table

DOCS = Path(__file__).parents[2] / "docs"
# What has no unit in the files, as FITS knows none for it.
ONLY_SAID = {"adu/read", "DN"}


@cache
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def described(anchor: str) -> dict[str, set[str]]:
    """The names and units of the columns that the section of an anchor tells of."""
    found: dict[str, set[str]] = {}
    module = generator()
    for head, cells, section in module._rows((DOCS / "formats.md").read_text(encoding="utf-8")):
        if head[0] == "column" and section.endswith(f"#{anchor})"):
            names = module._names(cells[0])
            for name, unit in zip(names, module._units(head, cells, len(names)), strict=True):
                found.setdefault(name, set()).add(unit)
    return found


def listed() -> set[tuple[str, str]]:
    """The names and units in columns.md."""
    text = (DOCS / "columns.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([^`]+)` \| (.*?) \| .* \| column, ", text, re.MULTILINE))


def of_types(columns: Mapping[str, tuple[str, object, str]]) -> dict[str, object]:
    return {name: unit for name, (_, unit, _) in columns.items()}


def of_about(columns: Mapping[str, tuple[str | None, str]]) -> dict[str, object]:
    return {name: unit for name, (unit, _) in columns.items()}


def of_filter() -> dict[str, object]:
    one, time = np.ones(1, np.int64), np.ones(1, np.float64)
    scans = scan_table(Scans(np.array(["01772a"]), one, one, time, time), 3)
    cuts = dict.fromkeys(("cut", "alone", "missing", "in_order", "left", "full_filepath"))
    return {name: scans[name].unit for name in scans.colnames} | cuts


PRODUCTS: dict[str, dict[str, object]] = {
    "inputs": of_types(inputstable._COLUMNS),
    "images": {one.name: one.unit for one in phottables._IMAGE},
    "aors": {one.name: one.unit for one in aortable._AOR},
    "corrected-tables": dict.fromkeys(("r_al", "r_pp")),
    "scan-maps-wb_scanfits": {name: coaddproducts.UNITS.get(name) for name in coaddproducts._DESCRIPTIONS},
    "wb_framesecsv": of_types(coaddtables.COLUMNS),
    "zodiacal-light-wb_scan_zodifits": {"ZODI": "MJy/sr", "RING": "MJy/sr", "MJD": "d"},
    "the-calibrated-sky-wb_fullskyfits": {
        name: calibmaps.UNITS.get(name) for name in calibmaps._DESCRIPTIONS
    },
    "tables-wb_calibrationecsv-wb_residualsecsv": of_types(
        {**calibtables.COLUMNS, **calibtables._RESIDUAL_COLUMNS}
    ),
    "stacks-stackcoaddlabelfits": of_types(stackproducts._COLUMNS),
    "filtered-frame-tables": of_filter(),
    "truth-of-simulated-irac-fields": of_about(
        {
            **iractruthrows.DETECTION_COLUMNS,
            **iractruthrows.FRAME_COLUMNS,
            **iractruthrows.RAY_COLUMNS,
            **iractruthrows.PLANE_COLUMNS,
            **iractruth._SOURCE_COLUMNS,
        }
    ),
    "truth-of-simulated-prime-dithers": of_about({**primetruth._ABOUT, **primerefcat._ABOUT}),
    "truth-of-simulated-wise-slices": of_about(wisetruth._ABOUT),
}


@pytest.mark.parametrize("anchor", PRODUCTS)
def test_columns_are_described_with_their_units(anchor: str) -> None:
    text, names = described(anchor), listed()
    for name, unit in PRODUCTS[anchor].items():
        assert name in text, f"{name} is not described"
        for said in text[name]:
            assert (name, said) in names, f"{name} is lost on the way to columns.md"
        if unit:
            assert any(units.Unit(said) == units.Unit(str(unit)) for said in text[name]), (name, text[name])
        else:
            assert text[name] <= {"", *ONLY_SAID}, (name, text[name])


# Modules that make the headers of products.
HEADERS = (
    *("irac/products", "irac/rejected", "prime/stackcards", "prime/stackproducts", "prime/flatwork"),
    *("simulate/iractruthimage", "wise/calibcards", "wise/coaddproducts", "wise/zodicards"),
)


def keywords_of(module: str) -> set[str]:
    """The keywords of the (keyword, value, comment) that stand in a module, those of the WCS left out."""
    source = (DOCS.parent / "photomitrus_cli" / f"{module}.py").read_text(encoding="utf-8")
    found = set()
    for node in ast.walk(ast.parse(source)):
        card = node.elts if isinstance(node, ast.Tuple) else []
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_numbers":
            card = node.args
        if len(card) == 3 and isinstance(card[0], ast.Constant):
            found |= set(re.findall(r"^[A-Z][A-Z0-9-]{2,7}$", str(card[0].value)))
    return {keyword for keyword in found if not re.match(r"C(TYPE|RPIX|RVAL|UNIT|D)\d|RADESYS", keyword)}


def test_keywords_are_described() -> None:
    text = (DOCS / "columns.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `([^`]+)` \| .* \| keyword, ", text, re.MULTILINE))
    there = {keyword for module in HEADERS for keyword in keywords_of(module)}
    there -= {"VALUE"}  # the first of three columns
    assert {"CORRFAC", "MAGZP", "GAINMED", "ZMODEL", "ZPNORM"} <= there
    assert sorted({*there, "BUNIT"} - named) == []


def test_versions_of_manifests_are_described() -> None:
    text = (DOCS / "formats.md").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| `versions` |"))
    assert [name for name in versions() if name not in row] == []


def test_names_of_a_row_have_each_their_unit_or_all_the_same() -> None:
    module = generator()
    head = ["column", "unit", "meaning"]
    assert module._units(head, ["`a`, `b`, `c`", "deg, , px", "..."], 3) == ["deg", "", "px"]
    assert module._units(head, ["`a`, `b`", "deg", "..."], 2) == ["deg", "deg"]
    assert module._units(["keyword", "meaning"], ["`A`, `B`", "..."], 2) == ["", ""]
    assert module._units(["unit", "BUNIT", "content"], ["`N`", "adu, or DN", "."], 1) == ["adu, or DN"]
    with pytest.raises(ValueError, match="3 names and 2 units"):
        module._units(head, ["`a`, `b`, `c`", "deg, px", "..."], 3)
    assert module._names("`BIT0` to `BIT3`") == ["BIT0", "BIT1", "BIT2", "BIT3"]


def test_mask_bits_are_documented() -> None:
    text = (DOCS / "formats.md").read_text(encoding="utf-8")
    for bit, meaning in calibmaps.MASK_BITS.items():
        assert f"| {bit.bit_length() - 1} | {bit} | {meaning} |" in text
