"""`make demo` judges: it fails when a command fails or an error is outside its limits."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest
from truthkit import demochecks
from truthkit.demochecks import Check
from truthkit.measures import BlankSky

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.py"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("examples_demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    monkeypatch.setitem(sys.modules, "examples_demo", module)
    monkeypatch.setattr(sys, "path", [str(DEMO.parents[1] / "benchmarks"), *sys.path])
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("value", "passed"), [(1.0, True), (0.98, True), (0.97, False), (1.03, False), (math.nan, False)]
)
def test_a_check_passes_only_inside_its_limits(value: float, *, passed: bool) -> None:
    check = Check("flux", value, 0.98, 1.02)
    assert check.passed is passed
    assert check.line().endswith("ok" if passed else "WRONG")


@pytest.mark.parametrize(("value", "code"), [(1.0, 0), (2.0, 1)])
def test_the_exit_code_follows_the_measurements(
    demo: ModuleType, value: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stage in ("wise", "prime", "irac"):
        monkeypatch.setattr(demo, stage, lambda _: None)
    monkeypatch.setattr(demo, "measure", lambda _: {"a map": [Check("flux", value, 0.98, 1.02)]})
    assert demo.main(tmp_path) == code


def test_a_failing_command_ends_the_demonstration_with_its_code(demo: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        demo.run(tmp_path, "irac", "mosaic", "nowhere", "-o", "out")
    assert ended.value.code == 3


@pytest.mark.slow
def test_a_mosaic_of_wrong_brightness_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    # The blank sky is not what is looked at here, and takes long.
    monkeypatch.setattr(demochecks, "blank_sky", lambda *_: BlankSky(1, 1.0, 0.0))
    path = tmp_path / "mosaic" / "ch1_mosaic.fits"

    def flux_check() -> bool:
        checks = demochecks.irac_mosaic_checks(path, tmp_path / "irac" / "truth")
        return {check.label: check for check in checks}["star flux / true flux, median"].passed

    assert flux_check()
    with fits.open(path, mode="update", checksum=False) as hdus:
        hdus["SCI"].data *= 1.05
    assert not flux_check()
