"""What lies beside a product: logs, summaries, manifests, pipes; none of it may harm an input or mislead."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from truthkit.faultkit import (
    PRODUCT,
    copy_field,
    environment,
    frames,
    hashes,
    mosaic,
    program,
    second_channel,
    small_field,
    small_reference,
)

from photomitrus_cli.run.context import Context
from photomitrus_cli.run.summary import Summary


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.mark.parametrize("option", ["--log-file", "--summary"])
@pytest.mark.parametrize("victim", ["list.txt", "run.yaml", "out/ch1_mosaic.manifest.json", "frame.fits"])
def test_a_log_or_summary_never_hits_an_input_or_a_product(
    option: str, victim: str, base: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "list.txt").write_text(f"{small_field(base)}\n")
    (tmp_path / "run.yaml").write_text("run: {jobs: 1}\n")
    (tmp_path / "out" / "ch1_mosaic.manifest.json").write_text("{}")
    (tmp_path / "frame.fits").write_bytes(b"data")
    before = hashes(tmp_path)
    words = [tmp_path / "list.txt", "-o", tmp_path / "out", "--config", tmp_path / "run.yaml"]
    done = mosaic(*words, option, tmp_path / victim)
    assert done.code == 2
    assert option in done.error or victim.split("/")[-1] in done.error
    assert hashes(tmp_path) == before


@pytest.mark.parametrize("option", ["--log-file", "--summary"])
@pytest.mark.parametrize("name", ["mine.csv", "mine.ecsv", "mine.html"])
def test_a_log_or_summary_has_no_name_of_a_table_or_page(
    option: str, name: str, base: Path, tmp_path: Path
) -> None:
    done = mosaic(small_field(base), "-o", tmp_path / "out", option, tmp_path / name)
    assert done.code == 2
    assert "is the name of data" in done.error
    assert list(tmp_path.iterdir()) == []


def test_a_summary_replaces_neither_the_log_nor_a_product(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.json").touch()
    (tmp_path / "two.json").symlink_to("one.json")
    words = ["--log-file", tmp_path / "one.json", "--summary", tmp_path / "two.json"]
    done = mosaic(small_field(base), "-o", tmp_path / "out", *words)
    assert done.code == 2
    assert "two.json: is the file of --log-file" in done.error

    def made(_: object, context: Context) -> Summary:
        del context
        (tmp_path / "log.txt").write_text("the product")
        return Summary("made", products=[tmp_path / "log.txt"])

    monkeypatch.setattr("photomitrus_cli.irac.mosaic.run", made)
    done = mosaic(small_field(base), "-o", tmp_path / "out", "--summary", tmp_path / "log.txt")
    assert done.code == 2
    assert "log.txt: is a product of this run" in done.error
    assert (tmp_path / "log.txt").read_text() == "the product"


def test_a_report_folder_that_cannot_be_is_found_out_before_the_work(base: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = mosaic(small_field(base), "-o", tmp_path / "out", "--report", tmp_path / "file" / "report")
    assert done.code == 1
    assert not (tmp_path / "out").exists()


def test_a_reader_that_leaves_costs_neither_the_product_nor_the_summary(base: Path, tmp_path: Path) -> None:
    words = [
        program(),
        "irac",
        "mosaic",
        str(small_field(base)),
        "-o",
        "out",
        "--pixel-scale",
        "1.2",
        "-j",
        "1",
    ]
    process = subprocess.Popen(
        [*words, "--summary", "s.json"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=120) == 141
    assert json.loads((tmp_path / "s.json").read_text())["status"] == "done"
    assert (tmp_path / "out" / "ch1_mosaic.manifest.json").exists()


@pytest.mark.parametrize("scale", ["1.3", "2.4", "60"])
def test_pixels_coarser_than_the_frames_are_refused(scale: str, base: Path, tmp_path: Path) -> None:
    done = mosaic(small_field(base), "-o", tmp_path / "out", "--pixel-scale", scale)
    assert done.code == 2
    assert "coarser than the frames" in done.error
    assert not (tmp_path / "out").exists()


def test_a_map_larger_than_the_memory_is_planned_and_needs_its_disk(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3.6 Gpx: more than the memory is no reason, more than the disk is one."""
    words = [small_field(base), "-o", tmp_path / "out", "--pixel-scale", "0.01", "--size", "10 10"]
    planned = mosaic(*words, "--dry-run")
    assert planned.code == 0
    assert "60000 x 60000 pixels" in planned.stdout
    [needs] = [line for line in planned.stdout.splitlines() if line.startswith("  needs: ")]
    assert int(needs.split()[1]) > 2 * 19 * 3600
    usage = type(shutil.disk_usage(tmp_path))(10**12, 9 * 10**11, 10**11)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    done = mosaic(*words)
    assert done.code == 1
    assert "GB are needed and 100 GB are free" in done.error


def test_a_map_of_absurdly_many_pixels_is_refused(base: Path, tmp_path: Path) -> None:
    done = mosaic(small_field(base), "-o", tmp_path / "out", "--pixel-scale", "0.001", "--size", "10 10")
    assert done.code == 2
    assert "the map would have 6e+05 x 6e+05 pixels" in done.error


def test_a_damaged_frame_of_another_channel_is_nobodys_business(base: Path, tmp_path: Path) -> None:
    field = copy_field(base, tmp_path / "field")
    second_channel(field)
    victim = sorted(field.rglob("SPITZER_I2_*_cbcd.fits"))[0]
    victim.write_bytes(victim.read_bytes()[:-20_000])
    assert mosaic(field, "-o", tmp_path / "one", "--channel", "1").code == 0
    done = mosaic(field, "-o", tmp_path / "two", "--channel", "2")
    assert done.code == 3
    assert "truncated" in done.error


def test_between_replacing_a_product_and_its_manifest_there_is_no_manifest(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert mosaic(small_field(base), "-o", out, "--background", "none").code == 0

    def killed(*_: object, **__: object) -> None:
        raise SystemExit(143)

    with monkeypatch.context() as patch:
        patch.setattr("photomitrus_cli.irac.mosaic.write_manifest", killed)
        assert mosaic(small_field(base), "-o", out, "--overwrite").code == 143
    assert (out / PRODUCT).exists()
    assert not (out / "ch1_mosaic.manifest.json").exists()
    assert mosaic(small_field(base), "-o", out, "--resume").code == 0


def test_the_record_of_a_failure_lists_every_frame_and_why(base: Path, tmp_path: Path) -> None:
    field = copy_field(base, tmp_path / "field")
    for path in frames(field):
        with fits.open(path, mode="update") as hdus:
            hdus[0].data[:] = np.nan
    done = mosaic(field, "-o", tmp_path / "out")
    assert done.code == 4
    failure = json.loads((tmp_path / "out" / "ch1_mosaic.failed.json").read_text())
    assert failure["exit_code"] == 4
    assert [unit["reason"] for unit in failure["units"]] == ["no usable pixel"] * len(frames(field))
    assert len(failure["inputs"]) == 4 * len(frames(field))


def test_a_mask_with_a_blank_card_is_a_mask(base: Path, tmp_path: Path) -> None:
    field = copy_field(base, tmp_path / "field")
    for path in frames(field, "bimsk"):
        with fits.open(path, mode="update") as hdus:
            hdus[0].header["BLANK"] = -32768
    assert mosaic(field, "-o", tmp_path / "out").code == 0
    ours, theirs = (
        fits.getdata(folder / PRODUCT, "SCI") for folder in (tmp_path / "out", small_reference(base))
    )
    np.testing.assert_array_equal(ours, theirs)


def test_the_mosaic_ends_when_its_last_frame_ends(base: Path) -> None:
    header = fits.getheader(small_reference(base) / PRODUCT)
    starts = [fits.getheader(path)["MJD_OBS"] for path in frames(small_field(base))]
    last = max(frames(small_field(base)), key=lambda path: float(fits.getheader(path)["MJD_OBS"]))
    assert header["TIMESYS"] == "UTC"
    assert header["MJD-BEG"] == min(starts)
    assert header["MJD-END"] == pytest.approx(
        max(starts) + fits.getheader(last)["FRAMTIME"] / 86400, abs=1e-9
    )


def test_the_message_for_no_frames_names_the_types_that_there_are(base: Path, tmp_path: Path) -> None:
    field = copy_field(base, tmp_path / "field")
    for path in frames(field):
        path.rename(path.with_name(path.name.replace("_cbcd", "_clean")))
    done = mosaic(field, "-o", tmp_path / "out")
    assert done.code == 4
    assert f"there are {len(frames(field, 'clean'))} _clean.fits: --filetype clean" in done.error


def test_of_named_files_the_type_asked_for_wins_and_masks_are_no_frames(base: Path, tmp_path: Path) -> None:
    field = copy_field(base, tmp_path / "field")
    for path in frames(field):
        path.with_name(path.name.replace("_cbcd", "_zclean")).write_bytes(path.read_bytes())
    for path in frames(field, "brmsk")[:1]:
        path.with_name(path.name.replace("_brmsk", "_crmsk")).write_bytes(path.read_bytes())
    named = sorted(frames(field)[0].parent.glob("*.fits"))
    done = mosaic(*named, "-o", tmp_path / "out")
    assert done.code == 0
    with fits.open(tmp_path / "out" / PRODUCT) as hdus:
        rows = {Path(row["file"]).name: (row["status"], row["reason"]) for row in hdus["INPUTS"].data}
    assert {name.split("_")[-1] for name, (status, _) in rows.items() if status == "used"} == {"cbcd.fits"}
    assert all("same exposure" in why for name, (_, why) in rows.items() if "zclean" in name)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["", "-o", "x"], "the path is empty"),
        (["-o", ""], "the path is empty"),
        (["-j", "0"], "at least 1, or auto"),
        (["--center", "foo"], "not a sky position"),
        (["--size", "-3 2"], "not a size"),
        (["--imask-bits", "3-9"], "a pattern such as 32520"),
        (["--overwrite", "--resume"], "give one of them"),
    ],
)
def test_nonsense_is_refused_in_words_for_people(words: list[str], said: str) -> None:
    done = mosaic(*words)
    assert done.code == 2
    assert said in done.error


def test_frames_left_out_do_not_count_in_the_summary(base: Path, tmp_path: Path) -> None:
    field = copy_field(base, tmp_path / "field")
    victim = frames(field)[0]
    with fits.open(victim, mode="update") as hdus:
        hdus[0].data[:] = np.nan
    for mask in (*frames(field, "bimsk"), *frames(field, "brmsk")):
        mask.unlink()
    done = mosaic(field, "-o", tmp_path / "out", "--reject", "none")
    n_used = len(frames(field)) - 1
    assert f"without imask / rmask: {n_used} / {n_used}" in done.stdout
    assert f"{n_used} frames have no mask" in done.stdout
    done = mosaic(field, "-o", tmp_path / "rejected")
    assert f"without imask / rmask: {n_used} / {n_used}" in done.stdout
    assert "frames have no mask" not in done.stdout
