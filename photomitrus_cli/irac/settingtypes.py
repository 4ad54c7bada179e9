"""Types of settings that several commands share: bits, paths, sky positions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.run.settingwords import Words

ANY_BIT = tuple(range(16))


def bit_list(value: Any) -> Any:
    """Read a bit list in any of its spellings: ``[3, 8]``, ``"3,8"``, the pattern ``264``, ``any``.

    Parameters
    ----------
    value : object
        As the configuration has it.

    Returns
    -------
    object
        A list of bits where it is one of these; else as it is, for the type to judge.

    Raises
    ------
    ValueError
        For words that are none of these.
    """
    if isinstance(value, str):
        words = value.replace(",", " ").split()
        if words == ["any"]:
            return ANY_BIT
        if len(words) > 1 or "," in value:
            return words
        if not value.strip().isdigit():
            raise ValueError("give bits such as 3,8, a pattern such as 32520, or any")
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << len(ANY_BIT):
        return [bit for bit in ANY_BIT if value >> bit & 1]
    return value


def single_path(value: Any) -> Any:
    """Take one path for a list of one.

    Parameters
    ----------
    value : object
        As the configuration has it.

    Returns
    -------
    object
    """
    return [value] if isinstance(value, str | Path) else value


def position(text: str | None) -> str | None:
    """Make sure that a sky position can be read; astropy is loaded only when there is one.

    Parameters
    ----------
    text : str or None

    Returns
    -------
    str or None
        The same.

    Raises
    ------
    ValueError
        When it cannot be read.
    """
    return _readable(text, "position")


def size(text: str | None) -> str | None:
    """Make sure that a size on the sky can be read; see `position`."""
    return _readable(text, "size")


def _readable(text: str | None, kind: Literal["position", "size"]) -> str | None:
    if text is None:
        return None
    from photomitrus_cli.imaging.skytext import parse_position, parse_size

    try:
        parse_position(text) if kind == "position" else parse_size(text)
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return text


Bit = Annotated[int, Field(ge=0, le=15)]
Bits = Annotated[
    tuple[Bit, ...],
    BeforeValidator(bit_list),
    Words("bits from 0 to 15 such as 3,8, a pattern such as 32520, or any"),
]
FileType = Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$"), Words("letters and digits such as cbcd")]
