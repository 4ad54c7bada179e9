"""Files written piece by piece: read back alike, legal, the same bytes for any order of the pieces."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
import textwrap
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from photomitrus_cli.errors import WriteError
from photomitrus_cli.io import gather
from photomitrus_cli.io.atomic import atomic_path
from photomitrus_cli.io.bintable import Column, table_unit
from photomitrus_cli.io.fitsread import read_image
from photomitrus_cli.io.fitsstream import ImageUnit, StreamedFits

RANDOM = np.random.default_rng(5)
# Odd sides, so that the rows of small pixels begin anywhere in a word of the checksum.
SHAPE = (37, 53)
PLANES: dict[str, NDArray[Any]] = {
    "SCI": RANDOM.normal(size=SHAPE).astype("f4"),
    "COV": RANDOM.integers(-30000, 30000, SHAPE, "i2"),
    "COUNT": RANDOM.integers(-(2**31), 2**31, SHAPE, "i4"),
    "MASK": RANDOM.integers(0, 256, SHAPE, "u1"),
}
CARDS = [
    ("PIXSIZE", 10.123456789012345, "[deg]"),
    ("CORRFAC", 0.0, "noise"),
    ("NAXIS1", 7, "of another array"),
]
TILES = [(y, x) for y in range(0, SHAPE[0], 10) for x in range(0, SHAPE[1], 7)]

Fill = Callable[[StreamedFits], None]


def units() -> list[ImageUnit]:
    images = [ImageUnit(name, SHAPE, data.dtype.str[1:], CARDS, "MJy/sr") for name, data in PLANES.items()]
    return [ImageUnit("PRIMARY", cards=[("OBJECT", "M31", ""), ("NOTE", "a b " * 30, "long")]), *images]


def by_tiles(order: list[tuple[int, int]]) -> Fill:
    def fill(stream: StreamedFits) -> None:
        for y, x in order:
            for name, data in PLANES.items():
                stream.write_tile(name, y, x, data[y : y + 10, x : x + 7])

    return fill


def by_rows(stream: StreamedFits) -> None:
    for name, data in PLANES.items():
        for y in (20, 0):
            stream.write_rows(name, y, data[y : y + 20])


def write(path: Path, fill: Fill) -> bytes:
    with atomic_path(path) as part, StreamedFits(part, units()) as stream:
        fill(stream)
        stream.set_card("sci", "corrfac", 2.27)
        stream.append(table_unit("INPUTS", [Column("n", np.arange(3, dtype="i4"))]))
        record = stream.finish()
        content = part.read_bytes()
        assert (record.path, record.n_bytes, record.crc32) == (part, len(content), zlib.crc32(content))
    return path.read_bytes()


def test_astropy_reads_it_and_confirms_the_checksums(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write(path, by_tiles(TILES))
    with fits.open(path, checksum=True) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", *PLANES, "INPUTS"]
        for hdu in hdus:
            assert hdu.verify_checksum() == 1
            assert hdu.verify_datasum() == 1
        for name, data in PLANES.items():
            assert hdus[name].data.dtype.newbyteorder("=") == data.dtype
            np.testing.assert_array_equal(hdus[name].data, data)
            assert hdus[name].header["BUNIT"] == "MJy/sr"
            assert hdus[name].header["NAXIS1"] == SHAPE[1]
            assert hdus[name].header["PIXSIZE"] == 10.123456789012345
        assert hdus["SCI"].header["CORRFAC"] == 2.27
        assert hdus["SCI"].header.comments["CORRFAC"] == "noise"
        assert hdus["COV"].header["CORRFAC"] == 0.0
        assert hdus[0].header["NOTE"] == ("a b " * 30).strip()
    assert np.array_equal(read_image(path).data, PLANES["SCI"])


def test_the_same_bytes_for_any_order_and_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write(tmp_path / "a.fits", by_tiles(TILES))
    shuffled = [TILES[place] for place in RANDOM.permutation(len(TILES))]
    assert write(tmp_path / "b.fits", by_tiles(shuffled)) == first
    assert write(tmp_path / "c.fits", by_rows) == first
    monkeypatch.setattr("photomitrus_cli.io.planeplace._PIECE_BYTES", 100)
    assert write(tmp_path / "d.fits", by_tiles(shuffled)) == first
    # Cells narrower than the image and of no multiple of the tiles, and no room to gather at all.
    monkeypatch.setattr(gather, "CELL_WIDTH", 16)
    assert write(tmp_path / "e.fits", by_tiles(shuffled)) == first
    monkeypatch.setattr(gather.Gatherer.__init__, "__defaults__", (300,))
    assert write(tmp_path / "f.fits", by_tiles(shuffled)) == first


def test_pieces_from_several_threads(tmp_path: Path) -> None:
    def fill(stream: StreamedFits) -> None:
        threads = [threading.Thread(target=by_tiles(TILES[start::4]), args=(stream,)) for start in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert write(tmp_path / "b.fits", fill) == write(tmp_path / "a.fits", by_tiles(TILES))


@pytest.mark.skipif(not shutil.which("fitsverify"), reason="fitsverify is not installed")
def test_fitsverify_has_nothing_to_say(tmp_path: Path) -> None:
    write(tmp_path / "a.fits", by_rows)
    run = subprocess.run(
        ["fitsverify", str(tmp_path / "a.fits")], capture_output=True, text=True, check=False
    )
    assert "found 0 warning(s) and 0 error(s)" in run.stdout, run.stdout


def test_what_is_not_whole_is_not_finished(tmp_path: Path) -> None:
    def missing(stream: StreamedFits) -> None:
        by_tiles(TILES[1:])(stream)

    def twice(stream: StreamedFits) -> None:
        by_tiles([*TILES, TILES[0]])(stream)

    for fill, count in ((missing, 37 * 53 - 70), (twice, 37 * 53 + 70)):
        with pytest.raises(ValueError, match=f"SCI: {count} pixels were written, not {37 * 53}"):
            write(tmp_path / "a.fits", fill)
    assert list(tmp_path.iterdir()) == []


def test_mistakes_of_the_caller(tmp_path: Path) -> None:
    with StreamedFits(tmp_path / "a.fits", units()) as stream:
        for y, x, block in (
            (30, 0, PLANES["SCI"][:10]),
            (0, 50, PLANES["SCI"][:, :7]),
            (-1, 0, PLANES["SCI"][:2]),
            (0, 0, PLANES["SCI"][0]),
            (0, 0, PLANES["COV"]),
        ):
            with pytest.raises(ValueError, match="SCI: "):
                stream.write_tile("SCI", y, x, block)
        with pytest.raises(ValueError, match="not whole"):
            stream.write_rows("SCI", 0, PLANES["SCI"][:, 1:])
        with pytest.raises(ValueError, match="more cards"):
            stream.set_card("SCI", "CORRFAC", "x" * 100)
        with pytest.raises(KeyError):
            stream.set_card("SCI", "ABSENT", 1)
        with pytest.raises(ValueError, match="whole FITS blocks"):
            stream.append(b"XTENSION")
    for wrong in ([], [ImageUnit("SCI")], [ImageUnit("PRIMARY")] * 2, [ImageUnit("PRIMARY", (2, 2), "f8")]):
        with pytest.raises(ValueError, match="unit"):
            StreamedFits(tmp_path / "b.fits", wrong)
    assert not (tmp_path / "b.fits").exists()


def test_disk_full(tmp_path: Path) -> None:
    """A process that may write 64 kB a file: the old product stays, no part is left, the error is clear."""
    path = tmp_path / "map.fits"
    path.write_bytes(b"old")
    code = f"""
        import resource, signal, sys
        import numpy as np
        from photomitrus_cli.errors import WriteError
        from photomitrus_cli.io.atomic import atomic_path
        from photomitrus_cli.io.fitsstream import ImageUnit, StreamedFits

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))
        units = [ImageUnit("PRIMARY"), ImageUnit("SCI", (200, 200), "f4")]
        try:
            with atomic_path({str(path)!r}) as part, StreamedFits(part, units) as stream:
                stream.write_rows("SCI", 0, np.zeros((200, 200), np.float32))
                stream.finish()
        except WriteError as error:
            sys.stdout.write(str(error))
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout == f"{path}: cannot be written: File too large"
    assert run.stderr == ""
    assert [child.name for child in tmp_path.iterdir()] == ["map.fits"]
    assert path.read_bytes() == b"old"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 65536


def test_the_end_of_the_disk_comes_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short write, and then no space: first the rest is tried again."""
    places = []

    def pwrite(_file: int, octets: memoryview, place: int) -> int:
        places.append(place)
        if len(places) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return min(len(octets), 100)

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(WriteError, match=r"a\.fits: cannot be written: No space left on device"):
        write(tmp_path / "a.fits", by_rows)
    assert places == [places[0], places[0] + 100, places[0] + 200]
    assert list(tmp_path.iterdir()) == []


def test_memory_stays_bounded_and_rows_are_long() -> None:
    written: list[tuple[int, int, tuple[int, ...]]] = []
    gatherer = gather.Gatherer(53, lambda y, x, block: written.append((y, x, block.shape)), 10 * 53 * 4)
    gatherer.add(0, 7, np.zeros((10, 46), "f4"))
    gatherer.add(10, 0, np.zeros((10, 20), "f4"))
    assert written == [(10, 0, (10, 20))]
    gatherer.add(0, 0, np.zeros((10, 7), "f4"))
    assert written[1:] == [(0, 0, (10, 53))]
    gatherer.add(20, 3, np.zeros((10, 20), "f4"))
    gatherer.flush()
    assert written[2:] == [(20, 3, (10, 20))]


def test_table(tmp_path: Path) -> None:
    columns = [
        Column("file", np.array(["a.fits", "bb.fits", ""]), description="frame"),
        Column("sky", np.array([1.5, np.nan, -2.0]), "MJy sr-1", "sky level " * 10),
        Column("exptime", np.array([1.0, 2.0, 3.0], "f4"), "s"),
        Column("count", np.array([-1, 2**31 - 1, 0], "i4")),
    ]
    primary = fits.PrimaryHDU().header.tostring().encode()
    path = tmp_path / "a.fits"
    path.write_bytes(primary + table_unit("INPUTS", columns, [("NINPUT", 3, "rows"), ("NAXIS1", 1, "")]))
    with fits.open(path, checksum=True) as hdus:
        table = hdus["INPUTS"]
        assert table.verify_checksum() == table.verify_datasum() == 1
        assert list(table.data["file"]) == ["a.fits", "bb.fits", ""]
        for column in columns[1:]:
            np.testing.assert_array_equal(table.data[column.name], column.values)
        assert [table.header.get(f"TUNIT{number}") for number in range(1, 5)] == [None, "MJy sr-1", "s", None]
        assert table.header["TCOMM2"] == ("sky level " * 10).strip()
        assert table.header["NINPUT"] == 3
    if shutil.which("fitsverify"):
        run = subprocess.run(["fitsverify", str(path)], capture_output=True, text=True, check=False)
        assert "found 0 warning(s) and 0 error(s)" in run.stdout, run.stdout


def test_table_without_rows_and_mistakes(tmp_path: Path) -> None:
    primary = fits.PrimaryHDU().header.tostring().encode()
    (tmp_path / "a.fits").write_bytes(
        primary + table_unit("T", [Column("a", np.array([], "U4")), Column("b", np.array([], "f8"))])
    )
    with fits.open(tmp_path / "a.fits", checksum=True) as hdus:
        assert len(hdus["T"].data) == 0
        assert hdus["T"].columns.names == ["a", "b"]
    with pytest.raises(ValueError, match="file: a FITS table holds ASCII text only"):
        table_unit("T", [Column("file", np.array(["é"]))])
    with pytest.raises(ValueError, match=r"b: .* values for 1 rows"):
        table_unit("T", [Column("a", np.zeros(1)), Column("b", np.zeros(2))])
    with pytest.raises(ValueError, match="a: values of type complex128"):
        table_unit("T", [Column("a", np.zeros(1, complex))])


def test_images_and_tables_do_without_astropy() -> None:
    modules = [
        "cards",
        "fitsread",
        "fitswrite",
        "fitsstream",
        "bintable",
        "tables",
        "tiles",
        "settle",
        "atomic",
    ]
    code = "; ".join([*(f"import photomitrus_cli.io.{name}" for name in modules), "import sys"])
    code += "; print(*sorted({'astropy', 'scipy', 'numba'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout == "\n"


def test_tiles_that_others_write_give_the_same_bytes(tmp_path: Path) -> None:
    """As workers do it: each opens the file itself, and reports what it has written."""

    def fill(stream: StreamedFits) -> None:
        places = stream.places()
        assert set(places) == set(PLANES)
        for name, plane in PLANES.items():
            for y, x in TILES:
                block = plane[y : y + 10, x : x + 7]
                file = os.open(stream.part, os.O_WRONLY)
                added = places[name].write(file, y, x, block)
                os.close(file)
                stream.account(name, block.size, added)

    assert write(tmp_path / "a.fits", fill) == write(tmp_path / "b.fits", by_rows)
