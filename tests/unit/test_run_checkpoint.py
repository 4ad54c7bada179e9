"""Checkpoints: whole or absent, of this run or ignored; the work folder and its lock."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError, InputError, WriteError
from photomitrus_cli.run.checkpoint import Store, exclusive, open_store

ARRAYS: dict[str, NDArray[Any]] = {
    "sci": np.arange(600, dtype=np.float32).reshape(20, 30),
    "mask": np.ones((3, 4), dtype=np.uint8),
}
META = {"reason": "", "level": 0.125, "bbox": [1, 2, 3, 4], "none": None}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path, "key")
    store.save("unit", ARRAYS, META)
    return store


def test_what_was_saved_comes_back(store: Store) -> None:
    checkpoint = store.require("unit")
    assert checkpoint.meta == META
    assert checkpoint.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert checkpoint.arrays[name].dtype == array.dtype
        assert np.array_equal(checkpoint.arrays[name], array)
    assert store.load_meta("unit") == META
    assert [path.name for path in store.folder.iterdir()] == ["unit.unit"]


def test_another_run_or_an_absent_unit_counts_as_nothing(store: Store) -> None:
    assert Store(store.folder, "other").load("unit") is None
    assert store.load("absent") is None
    with pytest.raises(InputError, match="the checkpoint is damaged"):
        store.require("absent")


def test_damage_is_noticed_or_harmless(store: Store) -> None:
    """Any flipped bit or cut: the content as it was, or nothing; never a wrong number, never a crash."""
    path = store.path("unit")
    sound = path.read_bytes()
    source = random.Random(4)  # noqa: S311 - which bits to flip
    noticed = 0
    for _ in range(200):
        content = bytearray(sound)
        for _ in range(source.choice((1, 1, 1, 8))):
            content[source.randrange(len(content))] ^= 1 << source.randrange(8)
        path.write_bytes(
            bytes(content[: source.randrange(len(content))] if source.random() < 0.2 else content)
        )
        loaded = store.load("unit")
        if loaded is None:
            noticed += 1
            continue
        assert loaded.meta == META
        for name, array in ARRAYS.items():
            if name in loaded.arrays:
                assert np.array_equal(loaded.arrays[name], array)
    assert noticed > 150


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"ASTROMAP", b"ASTROMAP" + bytes(8), b"ASTROMAP" + b"\xff" * 60]
)
def test_other_content_counts_as_nothing(content: bytes, store: Store) -> None:
    store.path("unit").write_bytes(content)
    assert store.load("unit") is None


def test_what_is_written_to_a_loaded_array_stays_out_of_the_file(store: Store) -> None:
    store.require("unit").arrays["sci"][:] = -1.0
    assert np.array_equal(store.require("unit").arrays["sci"], ARRAYS["sci"])


def test_arrays_of_every_shape_come_back(tmp_path: Path) -> None:
    arrays = {"none": np.empty((0, 3), np.float64), "one": np.array(2.5), "flags": np.eye(3, dtype=np.bool_)}
    store = Store(tmp_path, "key")
    store.save("unit", {**arrays, "turned": np.arange(6.0).reshape(2, 3).T}, {})
    back = store.require("unit").arrays
    for name, array in arrays.items():
        assert (back[name].shape, back[name].dtype) == (array.shape, array.dtype)
        assert np.array_equal(back[name], array)
    assert np.array_equal(back["turned"], np.arange(6.0).reshape(2, 3).T)


def test_the_folder_lives_until_the_block_ends_well(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "work"
    with contextlib.suppress(RuntimeError), open_store(folder, "key", resume=False) as store:
        store.save("unit", {}, {"n": 1})
        raise RuntimeError
    with open_store(folder, "key", resume=True) as store:
        assert store.load_meta("unit") == {"n": 1}
    assert not folder.exists()


def test_without_resume_the_folder_starts_empty(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "file").touch()
    Store(folder, "key").save("unit", {}, {})
    with open_store(folder, "key", resume=False) as store:
        assert [path.name for path in folder.iterdir()] == ["lock"]
        assert store.load("unit") is None


def test_one_run_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    with open_store(folder, "key", resume=False) as store:
        store.save("unit", {}, {"n": 1})
        with pytest.raises(ConfigError, match="another run"), open_store(folder, "key", resume=False):
            pass
        assert store.load_meta("unit") == {"n": 1}


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "work").touch()
    with (
        pytest.raises(WriteError, match="cannot be written"),
        open_store(tmp_path / "work", "key", resume=False),
    ):
        pass


@pytest.mark.parametrize("resume", [False, True])
def test_a_link_in_the_place_of_the_folder_is_refused(resume: bool, tmp_path: Path) -> None:
    """It may lead to somebody's data, which must not be emptied."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.unit").write_text("years of work")
    (tmp_path / "work").symlink_to(tmp_path / "data")
    with (
        pytest.raises(WriteError, match="work: is a symbolic link"),
        open_store(tmp_path / "work", "key", resume=resume),
    ):
        pass
    with pytest.raises(WriteError, match="work: is a symbolic link"), exclusive(tmp_path / "work"):
        pass
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["mine.unit"]


def test_a_lock_that_another_run_is_taking_over_does_not_spoil_the_end(tmp_path: Path) -> None:
    """Removal is best effort: here a file appears while the folder is being removed."""
    folder = tmp_path / "work"
    with pytest.MonkeyPatch.context() as patch, open_store(folder, "key", resume=False):
        patch.setattr("os.rmdir", lambda *_, **__: (_ for _ in ()).throw(OSError(39, "Directory not empty")))
    assert folder.exists()
