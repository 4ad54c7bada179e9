"""Of which kind frames are: their band, and frames of several kinds refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.prime.frame import Frame
from photomitrus_cli.prime.instrument import Instrument


def band_of(frame: Frame, instrument: Instrument, wanted: str | None = None) -> str:
    """Tell the band of a frame from its filter wheels.

    Parameters
    ----------
    frame : Frame
    instrument : Instrument
    wanted : str, optional
        The band that it must be, in any case of letters.

    Returns
    -------
    str
        What is in the one wheel that is not at an empty place, as the header spells it.

    Raises
    ------
    ConfigError
        When that is another one than wanted.
    InputError
        When no wheel has a filter in the beam, several have and none is asked for, or the beam is closed.
    """
    keys = instrument.keywords.filters
    stated = ", ".join(f"{key} {name}" for key, name in zip(keys, frame.filters, strict=True))
    if any(name.lower() in instrument.closed for name in frame.filters):
        raise InputError(f"{frame.path}: no light comes through the filters ({stated})")
    filters = [name for name in frame.filters if name.lower() not in instrument.clear]
    if not filters:
        raise InputError(
            f"{frame.path}: there is no filter in the beam ({stated})", hint="stacks are made of one band"
        )
    if wanted is not None:
        same = [name for name in filters if name.lower() == wanted.lower()]
        if not same:
            hint = f"give -band {filters[0]} or leave it out"
            raise ConfigError(f"-band {wanted}: the frame {frame.path} has {stated}", hint=hint)
        return same[0]
    if len(filters) > 1:
        hint = f"say with -band which of {' and '.join(filters)} is the band"
        raise InputError(f"{frame.path}: several filters are in the beam ({stated})", hint=hint)
    return filters[0]


def refuse_mixed(frames: Sequence[Frame], what: str, kind: Callable[[Frame], str]) -> None:
    """Refuse frames of several kinds, with the first of each.

    Parameters
    ----------
    frames : sequence of Frame
    what : str
        What they must have in common, for the message.
    kind : callable
        Tells it of a frame.

    Raises
    ------
    InputError
        When there are several.
    """
    counts = Counter(kind(frame) for frame in frames)
    if len(counts) < 2:
        return
    firsts = {name: next(frame for frame in frames if kind(frame) == name) for name in counts}
    parts = [f"{count} of {name} ({firsts[name].path.name})" for name, count in counts.most_common()]
    raise InputError(
        f"{frames[0].path.parent}: frames of different {what}: {', '.join(parts)}",
        hint="put each kind in a folder of its own",
    )
