"""The data of a header-data unit as bytes, whole, and compared with their checksum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.blocks import BlockReader
from photomitrus_cli.io.checksum import datasum, is_intact, stated_sums
from photomitrus_cli.io.structure import Unit, truncated


def read_data(blocks: BlockReader, unit: Unit) -> NDArray[np.uint8]:
    """Read the data of a unit.

    Parameters
    ----------
    blocks : BlockReader
        At the data; afterwards behind them.
    unit : Unit

    Returns
    -------
    ndarray of uint8
        With their padding; padding that the file lacks is zero.

    Raises
    ------
    InputError
        When the file is too short or the memory too small.
    """
    try:
        data = np.empty(unit.padded, np.uint8)
    except MemoryError as error:
        raise InputError(
            f"{blocks.path}: declares {unit.n_bytes} bytes, more than the memory holds"
        ) from error
    count = blocks.fill(memoryview(data.data))
    if count < unit.n_bytes:
        raise truncated(blocks, unit, count)
    data[count:] = 0
    return data


def verify_data(unit: Unit, data: NDArray[np.uint8]) -> None:
    """Compare header and data with the checksum, where one is stated.

    Parameters
    ----------
    unit : Unit
    data : ndarray of uint8
        With their padding.

    Raises
    ------
    InputError
        When they differ from it.
    """
    stated = stated_sums(unit.cards)
    if stated is not None and not is_intact(unit.header, datasum(data), stated):
        raise InputError(f"{unit.cards.path}: checksum mismatch: the file is damaged")
