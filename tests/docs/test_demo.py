"""`make demo` judges: it fails when a command fails or an error is outside its limits."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.py"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("examples_demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    monkeypatch.setitem(sys.modules, "examples_demo", module)
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("value", "passed"), [(1.0, True), (0.98, True), (0.97, False), (1.03, False), (math.nan, False)]
)
def test_a_check_passes_only_inside_its_limits(demo: ModuleType, value: float, *, passed: bool) -> None:
    check = demo.Check("flux", value, 0.98, 1.02)
    assert check.passed is passed
    assert check.line().endswith("ok" if passed else "WRONG")


@pytest.mark.parametrize(("value", "code"), [(1.0, 0), (2.0, 1)])
def test_the_exit_code_follows_the_measurements(
    demo: ModuleType, value: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "make", lambda *_: None)
    monkeypatch.setattr(demo, "measure", lambda *_: None)
    monkeypatch.setattr(demo, "photometry_checks", lambda *_: [])
    monkeypatch.setattr(demo, "checks", lambda *_: [demo.Check("flux", value, 0.98, 1.02)])
    assert demo.main(tmp_path) == code


def test_a_failing_command_ends_the_demonstration_with_its_code(
    demo: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        demo.run("irac", "mosaic", "nowhere", "-o", "out")
    assert ended.value.code == 3


@pytest.mark.slow
def test_a_mosaic_of_wrong_brightness_is_found(
    demo: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A product 5 % too bright fails the flux check, the right one passes it."""
    import subprocess

    from astropy.io import fits

    field = ["--aors", "1", "--dithers", "6", "--field-size", "0", "--set", "irac.simulate.star_layout=grid"]
    field += ["--set", "irac.simulate.flux_min_ujy=2000", "--set", "irac.simulate.header_cards=100"]
    program = str(Path(sys.executable).with_name("astromap"))
    for command in (
        ["simulate", "irac", "irac", *field],
        ["irac", "mosaic", "irac", "-o", "mosaic", "-j", "1", "-q"],
    ):
        subprocess.run([program, *command], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.syspath_prepend(str(DEMO.parents[1] / "benchmarks"))
    measures = importlib.import_module("truthkit.measures")
    # The blank sky is not what is looked at here, and takes long.
    monkeypatch.setattr(measures, "blank_sky", lambda *_: measures.BlankSky(1, 1.0, 0.0))

    def flux_check() -> bool:
        found = {check.label: check for check in demo.checks(tmp_path, "weighted")}
        return bool(found["star flux / true flux, median"].passed)

    assert flux_check()
    path = tmp_path / "mosaic" / "ch1_mosaic.fits"
    with fits.open(path, mode="update", checksum=False) as hdus:
        hdus["SCI"].data *= 1.05
    assert not flux_check()
