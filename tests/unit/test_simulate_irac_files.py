"""A simulated IRAC field on disk: the tree, headers, masks and truth tables agree with each other."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from pydantic import ValidationError

from photomitrus_cli.errors import ConfigError, OutputExistsError, WriteError
from photomitrus_cli.simulate.irac import IracSimulation, plan_field, simulate_field
from photomitrus_cli.simulate.iracframe import simulate_frame
from photomitrus_cli.simulate.iracscene import field_model
from photomitrus_cli.simulate.iracsky import make_sky

QUIET: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("simulate_irac_quiet.yaml").read_text())


def config(**changes: Any) -> IracSimulation:
    return IracSimulation(**{**QUIET, **changes})


def read(path: Path) -> np.ndarray:
    return np.asarray(fits.getdata(path))


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> tuple[IracSimulation, Path]:
    settings = config(
        n_aors=2,
        noise=True,
        hdr_frame_time_s=0.6,
        frame_times_s=(30.0, 100.0),
        pointing_rms_arcsec=0.4,
        cosmic_ray_rate=3.0,
        bad_pixels_nan=10,
        n_galaxies=3,
        truth_image=True,
    )
    output = tmp_path_factory.mktemp("field") / "out"
    names: list[str] = []
    made = simulate_field(settings, output, on_frame=names.append)
    assert made.n_frames == len(made.frames) == 8
    assert names == [path.name for path in made.frames]
    assert sorted(made.truth) == ["cosmic_rays", "detections", "frames", "image", "sources"]
    assert all(path.is_file() for path in (*made.frames, *made.truth.values()))
    return settings, output


def test_tree_and_names_are_the_archive_s(field: tuple[IracSimulation, Path]) -> None:
    _, output = field
    folder = output / "r40000256/ch1/bcd"
    names = sorted(path.name for path in folder.iterdir())
    kinds = ("bimsk", "brmsk", "cbcd", "cbunc")
    stems = [f"SPITZER_I1_40000256_{number:04d}_0000_2" for number in range(4)]
    assert names == [f"{stem}_{kind}.fits" for stem in stems for kind in kinds]
    short, long = (fits.getheader(folder / f"{stem}_cbcd.fits") for stem in stems[:2])
    assert (short["FRAMTIME"], short["EXPTIME"], short["HDRFRAME"].strip()) == (0.6, 0.4, "short")
    assert (long["FRAMTIME"], long["EXPTIME"], long["HDRFRAME"].strip()) == (100.0, 93.6, "long")
    assert long["MJD_OBS"] > short["MJD_OBS"] > 54968


def test_headers_are_legal_long_and_complete(field: tuple[IracSimulation, Path]) -> None:
    _, output = field
    folder = output / "r40000000/ch1/bcd"
    with fits.open(folder / "SPITZER_I1_40000000_0001_0000_2_cbcd.fits") as hdus:
        hdus.verify("exception")
        header = hdus[0].header
        assert (hdus[0].data.dtype, hdus[0].data.shape) == (np.dtype(">f4"), (256, 256))
    assert len(header.cards) >= 700
    keywords = [card.keyword for card in header.cards if card.keyword not in {"", "HISTORY", "COMMENT"}]
    assert len(keywords) == len(set(keywords)) > 400
    stated = {"BUNIT": "MJy/sr", "GAIN": 3.7, "FLUXCONV": 0.1257, "RONOISE": 21.0, "CREATOR": "S19.2.0"}
    stated |= {
        "AORKEY": 40_000_000,
        "EXPID": 1,
        "DCENUM": 0,
        "CHNLNUM": 1,
        "READMODE": "FULL",
        "CRPIX1": 128.0,
    }
    assert {key: header[key] for key in stated} == stated
    for name in ("bimsk", "brmsk"):
        with fits.open(folder / f"SPITZER_I1_40000000_0001_0000_2_{name}.fits") as hdus:
            hdus.verify("exception")
            assert hdus[0].data.dtype == np.dtype(">i2")
            assert "CRVAL1" not in hdus[0].header
    assert fits.getheader(folder / "SPITZER_I1_40000000_0001_0000_2_bimsk.fits")["BIT13"] == 1 << 13


def test_files_hold_what_was_rendered(field: tuple[IracSimulation, Path]) -> None:
    settings, output = field
    model = field_model(settings, make_sky(settings))
    plan = plan_field(settings)[5]
    frame = simulate_frame(model, plan)
    stem = output / plan.folder(1) / plan.stem(1, 2)
    for name, data in (
        ("cbcd", frame.sci),
        ("cbunc", frame.unc),
        ("bimsk", frame.imask),
        ("brmsk", frame.rmask),
    ):
        assert np.array_equal(read(Path(f"{stem}_{name}.fits")), data, equal_nan=name.startswith("cb"))


@pytest.mark.skipif(shutil.which("fitsverify") is None, reason="fitsverify is not installed")
def test_fitsverify_finds_nothing(field: tuple[IracSimulation, Path]) -> None:
    _, output = field
    files = [*sorted((output / "r40000000/ch1/bcd").iterdir())[:4], *(output / "truth").glob("*.fits")]
    done = subprocess.run(["fitsverify", *files], capture_output=True, text=True, check=False)
    assert done.stdout.count("found 0 warning(s) and 0 error(s)") == len(files) == 6


def test_header_wcs_is_off_by_the_stated_pointing_error(field: tuple[IracSimulation, Path]) -> None:
    _, output = field
    frames = Table.read(output / "truth/truth_frames.ecsv")
    detections = Table.read(output / "truth/truth_detections.ecsv")
    sources = Table.read(output / "truth/truth_sources.ecsv")
    assert np.std(np.concatenate([frames["dra_cosdec"], frames["ddec"]])) == pytest.approx(0.4, rel=0.5)
    for row in frames:
        wcs = WCS(fits.getheader(output / row["file"]))
        seen = detections[detections["file"] == row["file"]]
        source = sources[seen["source"]]
        ra, dec = wcs.all_pix2world(seen["x"], seen["y"], 0)
        east = (ra - source["ra"]) * np.cos(np.radians(source["dec"])) * 3600.0
        north = (dec - source["dec"]) * 3600.0
        assert np.asarray(east) == pytest.approx(np.full(len(seen), row["dra_cosdec"]), abs=1e-4)
        assert np.asarray(north) == pytest.approx(np.full(len(seen), row["ddec"]), abs=1e-4)


def test_cosmic_ray_truth_is_the_mask_of_found_hits(field: tuple[IracSimulation, Path]) -> None:
    _, output = field
    frames = Table.read(output / "truth/truth_frames.ecsv")
    hits = Table.read(output / "truth/truth_cosmic_rays.fits")
    for row in frames:
        mine = (hits["aorkey"] == row["aorkey"]) & (hits["expid"] == row["expid"])
        assert np.count_nonzero(mine) == row["cosmic_ray_pixels"]
        truth = np.zeros((256, 256), dtype=bool)
        truth[hits["y"][mine], hits["x"][mine]] = True
        assert np.array_equal(truth, read(output / row["file"].replace("cbcd", "brmsk")) != 0)


def test_truth_image_holds_the_light_of_the_sources(field: tuple[IracSimulation, Path]) -> None:
    settings, output = field
    sources = Table.read(output / "truth/truth_sources.ecsv")
    with fits.open(output / "truth/truth_image.fits") as hdus:
        image, wcs = hdus[0].data.astype(float), WCS(hdus[0].header)
        assert hdus[0].header["BUNIT"] == "MJy/sr"
    x, y = wcs.all_world2pix(sources["ra"], sources["dec"], 0)
    to_ujy = (0.6 * np.pi / 648000.0) ** 2 * 1e12
    rows, columns = np.indices(image.shape)
    checked = 0
    for number in np.flatnonzero(sources["kind"] == "star"):
        apart = np.hypot(x - x[number], y - y[number])
        edge = min(x[number], y[number], image.shape[1] - x[number], image.shape[0] - y[number])
        near = np.hypot(columns - x[number], rows - y[number]) < 40.0 / 0.6
        if np.sort(apart)[1] < 85.0 / 0.6 or edge < 45.0 / 0.6:
            continue
        assert image[near].sum() * to_ujy == pytest.approx(sources["flux"][number], rel=5e-3)
        checked += 1
    assert checked >= 2
    assert settings.truth_scale_arcsec == 0.6


def test_same_seed_same_bytes(field: tuple[IracSimulation, Path], tmp_path: Path) -> None:
    settings, output = field
    again = simulate_field(settings, tmp_path)
    for path in (*again.frames, *again.truth.values()):
        digests = {
            hashlib.sha256(file.read_bytes()).hexdigest()
            for file in (path, output / path.relative_to(tmp_path))
        }
        assert len(digests) == 1, path.name


def test_frames_are_never_overwritten_unasked(tmp_path: Path) -> None:
    settings = config(dithers_per_aor=1, grid_spacing_arcsec=1000.0)
    first = simulate_field(settings, tmp_path)
    before = first.frames[0].read_bytes()
    with pytest.raises(OutputExistsError, match="already holds simulated frames"):
        simulate_field(settings.model_copy(update={"seed": 8}), tmp_path)
    assert first.frames[0].read_bytes() == before
    simulate_field(settings.model_copy(update={"seed": 8}), tmp_path, overwrite=True)
    assert first.frames[0].read_bytes() != before
    with pytest.raises(OutputExistsError, match="another simulation"):
        simulate_field(settings.model_copy(update={"first_aorkey": 41_000_000}), tmp_path, overwrite=True)


def test_bcd_and_repeated_dces_of_channel_4(tmp_path: Path) -> None:
    settings = config(
        channel=4, mission="cryo", sip="cryo", dithers_per_aor=1, frame_times_s=(100.0,), write_bcd=True
    )
    made = simulate_field(settings, tmp_path)
    endings = ["_0000_0000_2_cbcd.fits", "_0000_0001_2_cbcd.fits"]
    assert [path.name[-22:] for path in made.frames] == endings
    assert [fits.getheader(path)["DCENUM"] for path in made.frames] == [0, 1]
    bcd = made.frames[0].with_name(made.frames[0].name.replace("_cbcd", "_bcd"))
    assert bcd.read_bytes() == made.frames[0].read_bytes()


def test_parameters_that_cannot_be_are_refused(tmp_path: Path) -> None:
    for changes, words in (
        ({"channel": 3}, "took no data in the warm mission"),
        ({"channel": 3, "mission": "cryo"}, "no warm distortion table"),
        ({"flux_max_ujy": 1.0}, "below flux_min_ujy"),
        ({"colour": "red"}, "colour"),
    ):
        with pytest.raises(ValidationError, match=words):
            config(**changes)
    with pytest.raises(ConfigError, match="frame time of 31 s"):
        simulate_field(config(frame_times_s=(31.0,)), tmp_path)
    blocker = tmp_path / "file"
    blocker.write_text("in the way")
    with pytest.raises(WriteError):
        simulate_field(config(), blocker)
