"""What is found and what is refused when frames are held against a catalogue, or against each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from truthkit.faultkit import names, run_here
from truthkit.runs import settings
from truthkit.skytwin import mask_objects, sky_residuals

from photomitrus_cli.errors import ConfigError, NoDataError
from photomitrus_cli.imaging.flatfield import BAD_PIXEL, INVALID, NO_FLAT, SATURATED
from photomitrus_cli.prime.calibrate import calibrate, make_calibration
from photomitrus_cli.prime.detect import detect_sources
from photomitrus_cli.prime.frame import Frame
from photomitrus_cli.prime.rawframes import read_bad, read_plane, read_raw
from photomitrus_cli.prime.skyrules import SkyRules
from photomitrus_cli.prime.sources import Sources
from photomitrus_cli.prime.stackastrom import Judged, judge_frames
from photomitrus_cli.prime.stackplan import StackPlan, make_plans
from photomitrus_cli.run.context import Context
from photomitrus_cli.simulate.prime import run
from photomitrus_cli.simulate.primetruth import read_wcs

# A third of the stars: matches are sought in less time, and there are enough for a polynomial.
FIELD: dict[str, Any] = {
    "scale": 8,
    "n_frames": 3,
    "seed": 5,
    "star_density_deg2": 6000.0,
    "galaxy_density_deg2": 0.0,
    "extended_mag": None,
    **dict.fromkeys(("cloudy", "trailed", "mispointed", "satellites"), 0),
}
BAD = np.uint8(BAD_PIXEL | SATURATED | INVALID | NO_FLAT)


@dataclass(frozen=True)
class Dithers:
    """Frames of chip 1, and the stars found on them."""

    folder: Path
    plan: StackPlan
    sources: list[Sources]

    def judged(self, plan: StackPlan | None = None) -> Judged:
        return judge_frames(plan or self.plan, range(len(self.sources)), self.sources)

    def told(self, chip: int = 1, **changes: Callable[[Frame], Any]) -> StackPlan:
        """Give the plan of frames whose headers say something else."""
        frames = [
            replace(one, chip=chip, **{key: value(one) for key, value in changes.items()})
            for one in self.plan.chip.frames
        ]
        return replace(self.plan, chip=replace(self.plan.chip, chip=chip, frames=tuple(frames)))

    def with_catalogue(self, path: Path | str, **more: Any) -> StackPlan:
        chosen = self.plan.settings.model_copy(update={"refcat": path, **more})
        return replace(self.plan, settings=chosen)

    def off(self, judged: Judged) -> np.ndarray[Any, Any]:
        """Errors of the solution, arcsec east and north, of 25 places of each frame, shape (n, 2, 25)."""
        ny, nx = self.plan.chip.window.shape
        x, y = (v.ravel() for v in np.meshgrid(np.linspace(0, nx - 1, 5), np.linspace(0, ny - 1, 5)))
        out = []
        for frame, wcs in zip(self.plan.chip.frames, judged.solution.wcs, strict=True):
            assert wcs is not None
            ra, dec = wcs.sky(x, y)
            true_ra, true_dec = read_wcs(self.folder, 1, frame.serial).pixel_to_sky(x, y)
            out.append([3600 * (ra - true_ra) * np.cos(np.radians(dec)), 3600 * (dec - true_dec)])
        return np.array(out)


def stack_plan(folder: Path, **changes: Any) -> StackPlan:
    chosen = {
        "parent": str(folder),
        "refcat": str(folder / "refcat.ecsv"),
        "bad_pixels": str(folder / "weightmaps" / "badpixmask_c1.fits"),
    } | changes
    values = {f"prime.stack.{key}": value for key, value in chosen.items()}
    return make_plans(settings(values).prime.stack, Context())[0]


def found_stars(plan: StackPlan) -> list[Sources]:
    window, detector = plan.chip.window, plan.instrument.detector
    assert plan.flat is not None
    assert plan.settings.bad_pixels is not None
    calibration = make_calibration(
        window.shape,
        flat=read_plane(plan.flat, window),
        bad=read_bad(plan.settings.bad_pixels, window),
        saturation=detector.limit(plan.chip.frames[0].n_frames),
        invalid=detector.invalid,
    )
    frames = [calibrate(read_raw(one.source, window)[0], calibration) for one in plan.chip.frames]
    rules = SkyRules(mesh_px=64)
    scales = mask_objects(frames, rules)
    mjd = [one.mjd_middle for one in plan.chip.frames]
    rest = sorted((one for one, _ in sky_residuals(frames, scales, mjd, rules)), key=lambda one: one.index)
    return [detect_sources(one.values, one.rms, (one.mask & BAD) != 0, gain=100.0) for one in rest]


@pytest.fixture(scope="module")
def dithers(tmp_path_factory: pytest.TempPathFactory) -> Dithers:
    folder = tmp_path_factory.mktemp("judged") / "J_Band"
    values = {f"prime.simulate.{key}": value for key, value in (FIELD | {"output": str(folder)}).items()}
    run(settings(values).prime.simulate, Context())
    plan = stack_plan(folder)
    return Dithers(folder, plan, found_stars(plan))


def test_frames_are_true_to_the_catalogue(dithers: Dithers) -> None:
    judged = dithers.judged()
    assert sorted(judged.scales) == [0, 1, 2]
    assert not judged.reasons
    off = dithers.off(judged)
    # Of pixels of 4 arcsec: the mean of all places, and each of them.
    assert np.sqrt(np.mean(off**2)) < 0.08
    assert np.abs(off).max() < 0.4


@pytest.mark.parametrize(("turn", "source"), [(90.0, "option"), (180.0, "default")])
def test_a_turn_of_the_rotator_is_found(dithers: Dithers, turn: float, source: str) -> None:
    plain = dithers.judged()
    plan = dithers.told(rotation=lambda one: one.rotation + turn, rotation_source=lambda _: source)
    turned = dithers.judged(plan)
    assert sorted(turned.scales) == [0, 1, 2]
    np.testing.assert_allclose(dithers.off(turned), dithers.off(plain), atol=0.02)


@pytest.mark.parametrize(
    ("chip", "turn"),
    [(2, 0.0), (4, 0.0), (1, 45.0), (1, 180.0)],
    ids=["a chip beside it", "the opposite chip", "an eighth of a turn", "half a turn that was asked for"],
)
def test_what_is_elsewhere_matches_nothing(dithers: Dithers, chip: int, turn: float) -> None:
    plan = dithers.told(chip, rotation=lambda one: one.rotation + turn, rotation_source=lambda _: "option")
    with pytest.raises(NoDataError, match=rf"chip {chip}: none of 3 frames matches the \d+ catalogue stars"):
        dithers.judged(plan)


def test_solve_field_is_not_asked_about_a_field_that_is_its_own_reference(dithers: Dithers) -> None:
    with pytest.raises(ConfigError, match="-net_refine finds places on the sky, and --refcat self"):
        stack_plan(dithers.folder, refcat="self", net_refine=True)


def test_a_catalogue_of_another_place_is_refused(dithers: Dithers) -> None:
    away = dithers.told(pointing=lambda one: (one.pointing[0], one.pointing[1] + 2.0))
    with pytest.raises(NoDataError, match=r"refcat.ecsv: none of \d+ stars is within .* deg off"):
        dithers.judged(away)


def test_a_catalogue_of_other_stars_is_refused(dithers: Dithers, tmp_path: Path) -> None:
    stars = Table.read(dithers.folder / "refcat.ecsv")
    rng = np.random.default_rng(4)
    for name in ("ra", "dec"):
        stars[name] = rng.uniform(stars[name].min(), stars[name].max(), len(stars))
    stars.write(tmp_path / "other.ecsv")
    with pytest.raises(NoDataError, match="none of 3 frames matches"):
        dithers.judged(dithers.with_catalogue(tmp_path / "other.ecsv"))


def test_a_catalogue_of_too_few_stars_is_refused_one_of_few_is_not(dithers: Dithers, tmp_path: Path) -> None:
    stars = Table.read(dithers.folder / "refcat.ecsv")
    stars = stars[np.argsort(stars["Jmag"])]
    plan = dithers.with_catalogue(tmp_path / "shallow.ecsv")
    stars[:15].write(tmp_path / "shallow.ecsv")
    with pytest.raises(NoDataError, match="none of 3 frames matches"):
        dithers.judged(plan)
    # Some 45 on the chip, of which a third are saturated: there are areas without any that match.
    stars[:300].write(tmp_path / "shallow.ecsv", overwrite=True)
    judged = dithers.judged(plan)
    assert np.nanmin(judged.solution.matched_grid) < 0.2
    assert np.sqrt(np.mean(np.square(dithers.off(judged)))) < 0.08


def test_a_corner_that_is_elsewhere_in_the_catalogue_is_refused(dithers: Dithers, tmp_path: Path) -> None:
    stars = Table.read(dithers.folder / "refcat.ecsv")
    wcs = read_wcs(dithers.folder, 1, dithers.plan.chip.frames[0].serial)
    x, y = wcs.sky_to_pixel(stars["ra"], stars["dec"])
    quarter = dithers.plan.chip.window.shape[0] / 4
    stars["dec"][(x < quarter) & (y < quarter)] += 30.0 / 3600.0
    stars.write(tmp_path / "bent.ecsv")
    with pytest.raises(NoDataError, match=r"matched part in the worst of 16 areas: 0.\d+ \(at least 0.2\)"):
        dithers.judged(dithers.with_catalogue(tmp_path / "bent.ecsv"))


def test_clouds_over_all_frames_are_seen_by_the_zero_point(dithers: Dithers) -> None:
    plain = dithers.judged()
    lost = next(gate for gate in plain.gates if gate.name == "light")
    # Reduced frames have wider stars, of more light by the same factor: the camera would have to be better.
    camera = dithers.plan.instrument
    better = camera.bands["J"].model_copy(update={"zero_point": 23.88 - lost.value + 1.2})
    bands = {**camera.bands, "J": better}
    chip = replace(dithers.plan.chip, instrument=camera.model_copy(update={"bands": bands}))
    cloudy = replace(dithers.plan, chip=chip)
    with pytest.raises(
        NoDataError, match=r"light lost in the clearest frame: clouds: 1.2 mag \(at most 1 mag"
    ):
        dithers.judged(cloudy)
    allowed = replace(cloudy, settings=cloudy.settings.model_copy(update={"allow_poor_wcs": True}))
    assert not all(gate.passed for gate in dithers.judged(allowed).gates)


def test_the_field_is_its_own_reference(dithers: Dithers) -> None:
    judged = dithers.judged(dithers.with_catalogue("self"))
    assert judged.catalogue.relative
    assert sorted(judged.scales) == [0, 1, 2]
    # All frames are off by the pointing error of one of them, 10 arcsec, and agree with each other.
    off = dithers.off(judged).mean(axis=2)
    assert 3.0 < np.hypot(*off.mean(axis=0)) < 20.0
    assert np.abs(off - off.mean(axis=0)).max() < 0.1


def test_columns_may_be_named(dithers: Dithers, tmp_path: Path) -> None:
    stars = Table.read(dithers.folder / "refcat.ecsv")["ra", "dec"]
    stars.rename_columns(["ra", "dec"], ["gra", "gde"])
    stars.write(tmp_path / "named.csv")
    plan = stack_plan(dithers.folder, refcat=str(tmp_path / "named.csv"), refcat_columns="ra=gra, dec=gde")
    assert sorted(dithers.judged(plan).scales) == [0, 1, 2]


def test_nothing_is_written_for_a_wrong_field(dithers: Dithers, tmp_path: Path) -> None:
    stars = Table.read(dithers.folder / "refcat.ecsv")
    stars["dec"] -= 3.0
    stars.write(tmp_path / "away.ecsv")
    words = ("-parent", dithers.folder, "-chip", "1", "-o", tmp_path / "out", "-j", "1")
    done = run_here("prime", "stack", *words, "--refcat", tmp_path / "away.ecsv")
    assert done.code == NoDataError.exit_code
    lines = [line for line in done.stderr.splitlines() if line.startswith("astromap: error: ")]
    assert len(lines) == 1
    assert "away.ecsv: none of" in lines[0]
    assert "Traceback" not in done.stderr
    assert not any(name.endswith(".fits") for name in names(tmp_path / "out" / "stack"))
