"""The field of a stack: where its frames should look, and the reference stars around there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.io.refmotion import julian_year
from photomitrus_cli.prime.geometry import initial_geometry, pixel_arcsec
from photomitrus_cli.prime.ownfield import SELF_ORIGIN
from photomitrus_cli.prime.refcatalogue import RefCatalogue, read_catalogue
from photomitrus_cli.prime.refonline import online_catalogue, online_plan, require_positions
from photomitrus_cli.prime.skyfield import Field, field_around
from photomitrus_cli.prime.stackplan import StackPlan
from photomitrus_cli.prime.stacksettings import OWN_STARS

# The rotator may be a quarter of a turn away from where the header says. Half a turn brings a chip to the
# place of the opposite one, which looks the same: it is tried only where the header does not tell the angle,
# or frames of a wrong chip would pass.
_TURNS, _HALF_TURN = (0.0, 90.0, 270.0), 180.0


def frame_starts(plan: StackPlan, index: int) -> tuple[TanSip, ...]:
    """Give where a frame should look, and where with the rotator turned by quarters.

    Parameters
    ----------
    plan : StackPlan
    index : int
        Of the frame in the plan.

    Returns
    -------
    tuple of TanSip
        As the header says first; nothing else where the geometry is that of the header.

    Raises
    ------
    ConfigError, InputError
        As `photomitrus_cli.prime.geometry.initial_geometry`.
    """
    frame, kind = plan.chip.frames[index], plan.settings.geometry
    if (kind or plan.instrument.geometry) == "header":
        return (initial_geometry(frame, plan.instrument, kind),)
    turns = (*_TURNS, _HALF_TURN) if frame.rotation_source == "default" else _TURNS
    return tuple(
        initial_geometry(frame, plan.instrument, kind, rotation=frame.rotation + turn) for turn in turns
    )


def stack_year(plan: StackPlan) -> float:
    """Give the Julian year of the frames."""
    return float(julian_year(plan.chip.mjd))


def reference_stars(plan: StackPlan, starts: Sequence[TanSip]) -> RefCatalogue:
    """Read the reference stars around the places where frames may look.

    Parameters
    ----------
    plan : StackPlan
        With a catalogue other than the field itself.
    starts : sequence of TanSip

    Returns
    -------
    RefCatalogue

    Raises
    ------
    InputError, ConfigError
        When the catalogue cannot be read.
    NoDataError
        When it has no stars there, or is not to be had.
    """
    settings, field = plan.settings, _field(starts)
    if settings.refcat_file is None:
        return online_catalogue(
            field,
            stack_year(plan),
            plan.chip.band,
            folder=settings.refcat_cache,
            timeout=settings.refcat_timeout_s,
        )
    columns = dict(one.split("=", 1) for one in settings.refcat_columns)
    return read_catalogue(settings.refcat_file, field, stack_year(plan), plan.chip.band, columns)


def planned_reference(plan: StackPlan) -> str:
    """Tell what the reference of a stack would be; a catalogue that is a file is read.

    Parameters
    ----------
    plan : StackPlan

    Returns
    -------
    str
        Of a file how many stars it has in the field; of catalogues in the network which are kept already.

    Raises
    ------
    InputError, ConfigError, NoDataError
        As `reference_stars` for a file, where no place that is tried has stars.
    """
    if plan.settings.refcat == OWN_STARS:
        return SELF_ORIGIN
    as_told, others = _planned_starts(plan)
    if plan.settings.refcat_file is None:
        return online_plan(_field(as_told), plan.chip.band, plan.settings.refcat_cache)
    try:
        stars, turned = reference_stars(plan, as_told), ""
    except NoDataError as error:
        if not others:
            raise
        try:
            stars, turned = reference_stars(plan, others), ", with the rotator turned"
        except NoDataError:
            raise error from None
    known = int(np.isfinite(stars.mag).sum())
    return (
        f"{plan.settings.refcat_file}: {stars.size} stars in the field{turned}, "
        f"{known} with a magnitude in {plan.chip.band}"
    )


def check_reference(plan: StackPlan) -> None:
    """Refuse a reference of no use before frames are worked on.

    Parameters
    ----------
    plan : StackPlan

    Raises
    ------
    InputError, ConfigError, NoDataError
        As `planned_reference`; NoDataError also when a catalogue in the network cannot be asked for, but
        never where solve-field is to find frames that look elsewhere.
    """
    try:
        if plan.settings.refcat is None:
            fields = [_field(starts) for starts in _planned_starts(plan) if starts]
            require_positions(fields, plan.settings.refcat_cache)
        else:
            planned_reference(plan)
    except NoDataError as error:
        if not plan.settings.net_refine:
            raise NoDataError(f"chip {plan.chip.chip}: {error.message}", hint=error.hint) from None


def _planned_starts(plan: StackPlan) -> tuple[list[TanSip], list[TanSip]]:
    """Give where all frames should look, and where with the rotator turned."""
    starts = [frame_starts(plan, index) for index in range(len(plan.chip.frames))]
    return [one[0] for one in starts], [start for one in starts for start in one[1:]]


def _field(starts: Sequence[TanSip]) -> Field:
    """Give the circle that holds frames at all these places."""
    ny, nx = starts[0].shape
    middles = np.array([one.sky((nx - 1) / 2, (ny - 1) / 2) for one in starts]).reshape(-1, 2).T
    reach = float(np.hypot(nx, ny)) / 2.0 * pixel_arcsec(starts[0]) / 3600.0
    return field_around(middles[0], middles[1], reach)
