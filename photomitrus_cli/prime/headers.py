"""What the header of a frame says of its exposure, filters and chip, by the keywords of its instrument."""

from __future__ import annotations

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.prime.instrument import Instrument

# Eleven days: more is no exposure, and no date after it.
_LONGEST_S = 1e6


def exposure_of(cards: Cards, instrument: Instrument) -> tuple[float, int, int]:
    """Read how long a frame was exposed.

    Parameters
    ----------
    cards : Cards
    instrument : Instrument

    Returns
    -------
    exptime : float
        Seconds, all coadded exposures together.
    n_frames : int
        Reads of the ramp, 1 where the header does not tell.
    coadds : int
        Exposures that were added up, 1 where the header does not tell.

    Raises
    ------
    InputError
        When there is no positive time, or a count is not a whole number above 0.
    """
    keys = instrument.keywords
    times = (cards.get(key) for key in keys.exptime)
    exptime = next((float(t) for t in times if isinstance(t, int | float) and 0 < t < _LONGEST_S), None)
    if exptime is None:
        raise missing_keyword(cards, keys.exptime, "exposure time in seconds", "exptime")
    coadds = _count(cards, keys.coadds)
    if exptime * coadds > _LONGEST_S:
        raise InputError(f"{cards.path}: {coadds} coadded exposures of {exptime:g} s are no exposure time")
    return exptime * coadds, _count(cards, keys.n_frames), coadds


def _count(cards: Cards, keys: tuple[str, ...]) -> int:
    for key in keys:
        count = cards.integer(key, 1)
        if count < 1:
            raise InputError(f"{cards.path}: {key} is {count}, not a number of 1 or more")
        if key in cards:
            return count
    return 1


def filters_of(cards: Cards, instrument: Instrument) -> tuple[str, ...]:
    """Read what is in each filter wheel.

    Parameters
    ----------
    cards : Cards
    instrument : Instrument

    Returns
    -------
    tuple of str

    Raises
    ------
    InputError
        When a keyword is missing or empty, or cannot be part of the name of a product.
    """
    names = []
    for key in instrument.keywords.filters:
        name = str(cards.get(key, "")).strip()
        if not name or name.lower() == "unknown":
            raise missing_keyword(cards, (key,), "name of the filter", "filters")
        if "/" in name:
            raise InputError(f"{cards.path}: {key} is '{name}', which cannot be part of a file's name")
        names.append(name)
    return tuple(names)


def chip_of(cards: Cards, instrument: Instrument) -> int | None:
    """Read which chip took a frame.

    Parameters
    ----------
    cards : Cards
    instrument : Instrument

    Returns
    -------
    int or None
        None where the header does not tell.

    Raises
    ------
    InputError
        When the header names a chip that the camera does not have.
    """
    for key in instrument.keywords.chip:
        value = str(cards.get(key, "")).strip()
        if not value:
            continue
        for number, chip in instrument.chips.items():
            if value == (chip.label or str(number)):
                return number
        raise InputError(f"{cards.path}: {key} is '{value}', which is no chip of {instrument.name}")
    return next(iter(instrument.chips)) if len(instrument.chips) == 1 else None


def missing_keyword(cards: Cards, keys: tuple[str, ...], what: str, key: str) -> InputError:
    """Make the error for a header without a usable value.

    Parameters
    ----------
    cards : Cards
    keys : tuple of str
        Keywords that may hold it.
    what : str
        What it is.
    key : str
        Of the instrument description that names these keywords.

    Returns
    -------
    InputError
    """
    named = ", ".join(keys) or "(none is named)"
    found = [f"{name} is {cards[name]!r}" for name in keys if name in cards]
    problem = f"; {', '.join(found)}" if found else ""
    return InputError(
        f"{cards.path}: no usable {what} in the header: {named}{problem}",
        hint=f"repair the header, or name its keyword under keywords.{key} of an instrument description",
    )
