"""`astromap prime stack` with -compress, --keep and -net_refine."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from truthkit.faultkit import edit, hashes, names
from truthkit.stackset import (
    SERIALS,
    assert_no_products,
    coadd_path,
    copy_dithers,
    dithers,
    ramp,
    reference,
    stack,
)

pytestmark = pytest.mark.xdist_group("prime-stack")

# What the fake solve-field knows: the answer for each frame, by its number.
SCRIPT = """#!/bin/sh
for w in "$@"; do case $w in --dir=*) dir=${w#--dir=};; esac; done
cp "$(dirname "$0")/answers/${dir##*_}.wcs" "$dir/stars.wcs"
"""


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


def sky_frames(folder: Path) -> list[Path]:
    return [folder / "C1_sub" / f"{serial}C1.sky.flat.fits" for serial in SERIALS]


def kept(base: Path) -> Path:
    """Give the folder of a packed stack with what is kept of its frames, made at the first call."""
    folder = base / "prime_kept"
    if not folder.exists():
        before = hashes(dithers(base))
        done = stack(dithers(base), "-o", folder, "-compress", "--keep")
        assert done.code == 0, done.stderr
        assert hashes(dithers(base)) == before
    return folder


def test_packed_products_are_the_plain_ones(base: Path) -> None:
    folder, plain = kept(base), reference(base)
    packed = coadd_path(folder).with_suffix(".fits.fz")
    label = packed.name.removeprefix("coadd.")
    assert names(folder / "sky") == {f"sky.{label}"}
    assert {name for name in names(folder / "stack") if ".fits.fz" in name} == {
        f"coadd.{label}",
        f"weight.{label}",
    }
    manifest = json.loads(packed.with_suffix("").with_suffix(".manifest.json").read_text())
    assert {f"coadd.{label}", f"weight.{label}"} <= {one["name"] for one in manifest["outputs"]}
    with fits.open(packed) as hdus, fits.open(coadd_path(plain)) as original:
        noise = original["NOISE"].data
        seen = np.isfinite(original[0].data) & (noise > 0.0)
        assert seen.mean() > 0.8
        away = np.abs(hdus["SCI"].data - original[0].data)[seen] / noise[seen]
        np.testing.assert_array_equal(np.isnan(hdus["SCI"].data), np.isnan(original[0].data))
        assert 0.0 < away.max() < 0.1
        for name in ("COV", "MASK", "EXP"):
            np.testing.assert_array_equal(hdus[name].data, original[name].data)
        assert WCS(hdus["SCI"].header).to_header_string() == WCS(original[0].header).to_header_string()
        assert hdus["SCI"].header["MAGZP"] == original[0].header["MAGZP"]
    again = stack(dithers(base), "-o", folder, "-compress", "--keep", "--resume")
    assert "up to date" in again.stdout
    assert str(packed) in again.stdout


def test_frames_are_kept_as_the_pipeline_keeps_them(base: Path) -> None:
    """Their stars are where header and head have them; the flat-fielded frame is the ramp over the flat."""
    parent, folder = dithers(base), kept(base)
    assert names(folder / "C1_astrom") == {f"{serial}C1.ramp.new" for serial in SERIALS}
    assert names(folder / "C1_FF") == {f"{serial}C1.flat.fits" for serial in SERIALS}
    endings = (".fits", ".cat", ".head")
    assert names(folder / "C1_sub") == {f"{serial}C1.sky.flat{end}" for serial in SERIALS for end in endings}
    flat = fits.getdata(next((parent / "mflats").glob("*.C1.fits")))
    window = slice(1, -1), slice(1, -1)
    raw = fits.getdata(ramp(parent, 0))[window]
    over = fits.getdata(folder / "C1_FF" / f"{SERIALS[0]}C1.flat.fits")
    alive = (flat > 0.5) & (raw < 2000.0)
    assert alive.mean() > 0.9
    np.testing.assert_allclose(over[alive], raw[alive] / flat[alive], rtol=2e-6)
    tied = []
    for path in sky_frames(folder):
        header = fits.getheader(path)
        head = fits.Header.fromstring(path.with_suffix(".head").read_text(), sep="\n")
        assert header["ASTRSTAT"] == "fitted"
        assert head["FLXSCALE"] == pytest.approx(1.0, abs=0.05)
        assert abs(np.nanmedian(fits.getdata(path))) < header["SKYRMS"]
        stars = fits.getdata(path.with_suffix(".cat"), "LDAC_OBJECTS")
        sky = np.array([stars["ALPHAWIN_J2000"], stars["DELTAWIN_J2000"]])
        for one in (header, head):
            again = np.array(WCS(one).all_pix2world(stars["XWIN_IMAGE"], stars["YWIN_IMAGE"], 1))
            assert np.abs(again - sky).max() * 3600.0 < 1e-4
        tied.append(sky)
    # The fitted geometries agree with each other: the same stars on every frame.
    for sky in tied[1:]:
        gap = (sky[:, None, :] - tied[0][:, :, None]) * 3600.0
        gap[0] *= np.cos(np.radians(tied[0][1].mean()))
        nearest = np.hypot(*gap).min(axis=0)
        assert np.median(nearest) < 0.5


def test_solve_field_finds_frames_whose_headers_mislead(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers half a degree off; the fake program knows better, and what it says is checked by the match."""
    parent = copy_dithers(base, tmp_path / "J_Band", 1)
    _answers(base, tmp_path / "bin")
    for number in range(len(SERIALS)):
        path = ramp(parent, number)
        off = fits.getheader(path)["DEC-D"] + 0.5
        edit(path, **{"DEC-D": off})
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    found = stack(parent, "-net_refine")
    assert found.code == 0, found.stderr
    assert "solve-field: 4 of 4 frames solved" in found.stdout
    assert names(parent / "C1_astrom") == {f"{serial}C1.solve-field.log" for serial in SERIALS}
    with fits.open(coadd_path(parent)) as hdus, fits.open(coadd_path(reference(base))) as original:
        assert hdus[0].header["CRVAL2"] == pytest.approx(original[0].header["CRVAL2"], abs=1e-4)
        assert hdus[0].header["MAGZP"] == pytest.approx(original[0].header["MAGZP"], abs=0.005)
    # Neither the headers nor answers that are wrong themselves are believed.
    for path in (tmp_path / "bin" / "answers").iterdir():
        edit_answer(path)
    wrong = stack(parent, "-net_refine", "-o", tmp_path / "wrong")
    assert wrong.code == 4
    assert_no_products(tmp_path / "wrong")


def _answers(base: Path, folder: Path) -> None:
    """Put the fake program and its answers, linear ones, into a folder."""
    (folder / "answers").mkdir(parents=True)
    (folder / "solve-field").write_text(SCRIPT)
    (folder / "solve-field").chmod(0o755)
    for number, path in enumerate(sky_frames(kept(base))):
        header = fits.getheader(path)
        few = {key: header[key] for key in header if key.startswith(("CRVAL", "CRPIX", "CD"))}
        few |= {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}
        answer = fits.Header()
        answer.update(few)
        fits.PrimaryHDU(None, answer).writeto(folder / "answers" / f"{number}.wcs")


def edit_answer(path: Path) -> None:
    header = fits.getheader(path)
    header["CRVAL1"] += 0.8
    fits.PrimaryHDU(None, header).writeto(path, overwrite=True)


def test_without_solve_field_nothing_begins(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("solve-field") is None
    for more in ((), ("--dry-run",)):
        done = stack(dithers(base), "-o", tmp_path / "out", "-net_refine", *more)
        assert done.code == 2
        assert "Debian package astrometry.net" in done.error
    assert not (tmp_path / "out").exists()
