"""Reading images: the same pixels as astropy, native, scaled, whole."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.checksum import stated_sums
from photomitrus_cli.io.fitsread import read_cards, read_image

STORED = ["u1", "i2", "i4", "i8", "f4", "f8"]
UNSIGNED = ["i1", "u2", "u4", "u8"]


def pixels(dtype: str, shape: tuple[int, ...] = (5, 7)) -> npt.NDArray[Any]:
    kind = np.dtype(dtype)
    random = np.random.default_rng(7)
    if kind.kind == "f":
        return random.normal(size=shape).astype(kind)
    limits = np.iinfo(kind)
    values = random.integers(limits.min, limits.max, shape, kind, endpoint=True)
    values.flat[:2] = limits.min, limits.max
    return values


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
@pytest.mark.parametrize("dtype", STORED + UNSIGNED)
def test_pixels_types_and_sum(tmp_path: Path, dtype: str, suffix: str) -> None:
    path = tmp_path / f"frame{suffix}"
    data = pixels(dtype)
    fits.PrimaryHDU(data).writeto(path, checksum=True)
    image = read_image(path)
    assert image.data.dtype == np.dtype(dtype)
    assert np.array_equal(image.data, data)
    assert image.data.dtype.isnative
    assert image.data.flags.c_contiguous
    assert image.data.flags.writeable
    assert image.data.flags.aligned
    assert image.crc32 == zlib.crc32(path.read_bytes())
    assert image.n_bytes == path.stat().st_size
    assert dict(read_cards(path)) == dict(image.cards)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (1000, 733)])
def test_shapes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "frame.fits"
    data = pixels("f4", shape)
    fits.PrimaryHDU(data).writeto(path)
    assert np.array_equal(read_image(path).data, data)


@pytest.mark.parametrize(("dtype", "expected"), [("u1", "f4"), ("i2", "f4"), ("i4", "f8"), ("i8", "f8")])
def test_scaling_rounds_once(tmp_path: Path, dtype: str, expected: str) -> None:
    path = tmp_path / "frame.fits"
    raw = pixels(dtype)
    write_raw(path, raw, BSCALE=0.045777764213996, BZERO=1500.1)
    truth = (raw.astype(np.longdouble) * np.longdouble(0.045777764213996) + np.longdouble(1500.1)).astype(
        expected
    )
    data = read_image(path).data
    assert data.dtype == np.dtype(expected)
    np.testing.assert_array_max_ulp(data, truth, maxulp=1)


def test_scaled_floats_stay_floats(tmp_path: Path) -> None:
    path = tmp_path / "frame.fits"
    write_raw(path, np.array([[1, 2], [3, np.nan]], "f4"), BSCALE=2.0, BZERO=1.0)
    data = read_image(path).data
    assert data.dtype == np.float32
    np.testing.assert_array_equal(data, [[3, 5], [7, np.nan]])


def test_blank_becomes_nan(tmp_path: Path) -> None:
    path = tmp_path / "frame.fits"
    raw = np.array([[1, -32768], [3, 4]], "i2")
    write_raw(path, raw, BLANK=-32768)
    np.testing.assert_array_equal(read_image(path).data, [[1, np.nan], [3, 4]])
    write_raw(path, raw, BLANK=-32768, BZERO=32768.0)
    np.testing.assert_array_equal(read_image(path).data, [[32769, np.nan], [32771, 32772]])


def test_trivial_scaling_keeps_integers(tmp_path: Path) -> None:
    path = tmp_path / "frame.fits"
    write_raw(path, np.array([[1, 2]], "i2"), BSCALE=1.0, BZERO=0.0)
    assert read_image(path).data.dtype == np.int16


@pytest.mark.parametrize("card", ["BSCALE  = 0.0", "BSCALE  = 'one'", "BZERO   = 1E999", "BLANK   = 1.5"])
def test_senseless_scaling_is_refused(tmp_path: Path, card: str) -> None:
    path = tmp_path / "frame.fits"
    write_raw(path, np.array([[1, 2]], "i2"), MARK=1)
    path.write_bytes(path.read_bytes().replace(b"MARK    =                    1", card.ljust(30).encode()))
    with pytest.raises(InputError, match=card.split()[0]):
        read_image(path)


def test_first_image_extension_is_found(tmp_path: Path) -> None:
    path = tmp_path / "frame.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("a", "D", array=np.arange(500.0))])
    science = fits.ImageHDU(pixels("f4"), fits.Header({"EXPTIME": 2.0}), name="SCI")
    hdus = fits.HDUList([fits.PrimaryHDU(), table, science, fits.ImageHDU(pixels("i2"))])
    hdus.writeto(path, checksum=True)
    image = read_image(path)
    assert np.array_equal(image.data, science.data)
    assert image.cards.number("EXPTIME") == read_cards(path).number("EXPTIME") == 2.0
    assert image.crc32 == zlib.crc32(path.read_bytes())


@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        ("f4", {"compression_type": "GZIP_2", "quantize_level": 0}),
        ("f4", {"compression_type": "RICE_1", "quantize_level": 16, "dither_seed": 3}),
        ("f8", {"compression_type": "GZIP_1", "quantize_level": 0}),
        ("i2", {"compression_type": "RICE_1"}),
        ("u2", {"compression_type": "RICE_1"}),
        ("i4", {"compression_type": "HCOMPRESS_1"}),
        ("u1", {"compression_type": "PLIO_1"}),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_tile_compressed(tmp_path: Path, dtype: str, options: dict[str, object], *, packed: bool) -> None:
    path = tmp_path / ("frame.fits.fz" + ".gz" * packed)
    data = pixels(dtype, (40, 30))
    if dtype == "i4":
        data = data % 100000
    header = fits.Header({"EXPTIME": 2.0, "OBJECT": "M31"})
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data, header, **options)]).writeto(path, checksum=True)
    image = read_image(path)
    with fits.open(path) as hdus:
        expected = hdus[1].data
    assert image.data.dtype == expected.dtype.newbyteorder("=")
    assert image.data.dtype.isnative
    assert np.array_equal(image.data, expected)
    assert image.cards.integer("NAXIS1") == 30
    assert dict(read_cards(path)) == dict(image.cards)
    assert (image.cards["EXPTIME"], image.cards["OBJECT"]) == (2.0, "M31")
    assert not {"ZIMAGE", "TFIELDS", "XTENSION", "ZTILE1", "CHECKSUM"} & set(image.cards)


def test_compressed_integers_with_blank(tmp_path: Path) -> None:
    path = tmp_path / "frame.fits.fz"
    raw = np.array([[1, -32768], [3, 4]] * 8, "i2")
    hdu = fits.CompImageHDU(raw, compression_type="RICE_1")
    hdu.header["BLANK"] = -32768
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    np.testing.assert_array_equal(read_image(path).data[:2], [[1, np.nan], [3, 4]])


def test_gzip_is_told_by_its_bytes_not_by_its_name(tmp_path: Path) -> None:
    data = pixels("f4")
    fits.PrimaryHDU(data).writeto(tmp_path / "plain.fits")
    packed = tmp_path / "packed.fits"
    packed.write_bytes(gzip.compress((tmp_path / "plain.fits").read_bytes()))
    plain = tmp_path / "plain.fits.gz"
    plain.write_bytes((tmp_path / "plain.fits").read_bytes())
    for path in (packed, plain):
        assert np.array_equal(read_image(path).data, data)


def test_missing_padding_and_trailing_blocks_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "frame.fits"
    data = pixels("f4")
    fits.PrimaryHDU(data).writeto(path)
    whole = path.read_bytes()
    for content in (whole[: 2880 + data.nbytes], whole + bytes(2880), whole + b" " * 2880):
        path.write_bytes(content)
        image = read_image(path)
        assert np.array_equal(image.data, data)
        assert image.crc32 == zlib.crc32(content)
        path.write_bytes(gzip.compress(content))
        assert np.array_equal(read_image(path).data, data)


def test_archive_junk_in_place_of_a_checksum_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "frame.fits"
    data = pixels("f4")
    fits.PrimaryHDU(data, fits.Header([("CHECKSUM", 0, "MIPL computed checksum")])).writeto(path)
    assert np.array_equal(read_image(path).data, data)


def test_a_checksum_of_thousands_of_digits_is_ignored() -> None:
    """Python refuses to make a number of them."""
    part = "1" * 60
    cards = ["CHECKSUM= '0123456789abcdef'", f"DATASUM = '{part}&'", *[f"CONTINUE  '{part}&'"] * 80]
    text = "".join(card.ljust(80) for card in cards)
    assert stated_sums(Cards(Path("a.fits"), text)) is None
    assert stated_sums(Cards(Path("a.fits"), text[:80] + "DATASUM = '  0000000007 '".ljust(80))) == 7


def test_long_headers(tmp_path: Path) -> None:
    path = tmp_path / "frame.fits"
    header = fits.Header([(f"K{number}", number) for number in range(3000)])
    fits.PrimaryHDU(pixels("f4"), header).writeto(path)
    assert read_cards(path).integer("K2999") == 2999
    assert np.array_equal(read_image(path).data, pixels("f4"))


@pytest.mark.real
@pytest.mark.skipif("ASTROMAP_TEST_DATA" not in os.environ, reason="ASTROMAP_TEST_DATA is not set")
def test_real_frames_as_astropy_reads_them() -> None:
    root = Path(os.environ["ASTROMAP_TEST_DATA"])
    patterns = ["irac-*/**/*.fits", "nir/[!n]*/*.f*", "wise-l1b/**/*w4*.fits", "wise-coadd/allwise*/*.fits"]
    paths = [path for pattern in patterns for path in sorted(root.glob(pattern)) if "fcat" not in path.name][
        ::3
    ]
    assert len(paths) > 10
    for path in paths:
        image = read_image(path)
        with fits.open(path, ignore_missing_end=True, do_not_scale_image_data=True) as hdus:
            reference = next(hdu for hdu in hdus if hdu.is_image and hdu.size)
            scale, zero = reference.header.get("BSCALE", 1.0), reference.header.get("BZERO", 0.0)
            np.testing.assert_allclose(image.data, reference.data * scale + zero, rtol=1e-7)
            assert {key: reference.header[key] for key in image.cards} == dict(image.cards), path


@pytest.mark.real
@pytest.mark.skipif("ASTROMAP_TEST_DATA" not in os.environ, reason="ASTROMAP_TEST_DATA is not set")
def test_real_header_padded_with_zero_bytes() -> None:
    """Keck NIRC2 pads headers with NUL and ends files with an extra block; astropy refuses such a file."""
    image = read_image(Path(os.environ["ASTROMAP_TEST_DATA"]) / "nir/nirc2-ks-cosmos01/n0031.fits.gz")
    assert image.data.shape == (1024, 1024)
    assert 5600 < np.median(image.data) < 5900


def write_raw(path: Path, raw: npt.NDArray[Any], **cards: float) -> None:
    """Write integers as they are, with whatever scaling cards."""
    hdu = fits.PrimaryHDU(raw)
    text = hdu.header.tostring(endcard=False, padding=False)
    text += "".join(str(fits.Card(key, value)) for key, value in cards.items()) + "END"
    big = raw.astype(raw.dtype.newbyteorder(">")).tobytes()
    path.write_bytes(text.ljust(2880).encode() + big + bytes(-len(big) % 2880))


def test_an_image_extension_with_groups_is_refused(tmp_path: Path) -> None:
    extension = fits.ImageHDU(np.zeros((10, 11), np.float32))
    fits.HDUList([fits.PrimaryHDU(), extension]).writeto(tmp_path / "a.fits")
    data = (tmp_path / "a.fits").read_bytes()
    changed = data.replace(b"PCOUNT  =                    0", b"PCOUNT  =                   90")
    assert changed != data
    (tmp_path / "a.fits").write_bytes(changed)
    with pytest.raises(InputError, match="PCOUNT"):
        read_image(tmp_path / "a.fits")
