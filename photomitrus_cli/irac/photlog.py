"""The text log of a photometry run: the eight fields of rafia37/IRAC_photometry, one a line."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from photomitrus_cli.irac.photplan import PhotPlan
from photomitrus_cli.irac.phottables import Measurements
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import utc_now

_WIDTH = 17


def log_of(plan: PhotPlan, one: Measurements, problems: Sequence[int], context: Context) -> str:
    """Give the text log of a run.

    Parameters
    ----------
    plan : PhotPlan
    one : Measurements
    problems : sequence of int
        Keys of AORs without a flux.
    context : Context

    Returns
    -------
    str
    """
    pairs = zip(one.columns["channel"].tolist(), one.fluxes.mission.tolist(), strict=True)
    return log_text(
        date=utc_now(),
        parameters=shlex.join([*context.command.split(), *context.argv[len(context.command.split()) - 1 :]]),
        instruments=[f"IRAC channel {channel} ({mission})" for channel, mission in sorted(set(pairs))],
        filetype=plan.settings.filetype,
        targets=[target.name for target in one.targets],
        apertures=[one.radii(k) for k in range(len(plan.settings.apertures))],
        problems=problems,
        comment=plan.settings.comment,
    )


def log_text(
    *,
    date: str,
    parameters: str,
    instruments: Sequence[str],
    filetype: str,
    targets: Sequence[str],
    apertures: Sequence[str],
    problems: Sequence[int],
    comment: str,
) -> str:
    """Write the log.

    Parameters
    ----------
    date : str
        When the run was made, ISO 8601.
    parameters : str
        The command as it was given.
    instruments : sequence of str
        Such as ``IRAC channel 1 (cryo)``.
    filetype : str
    targets : sequence of str
        Names.
    apertures : sequence of str
        Such as ``10,12,20``, native pixels.
    problems : sequence of int
        Keys of the AORs without a flux.
    comment : str

    Returns
    -------
    str
        Keys padded to 17 characters, as the original's; line breaks within a value become blanks.
    """
    fields = {
        "Date Reduced": date,
        "Input Parameters": parameters,
        "Instrument": ", ".join(instruments) or "none",
        "File Type": filetype,
        "Target": "; ".join(targets),
        "Radius Used": "; ".join(apertures),
        "Problem AORs": ", ".join(map(str, problems)) or "none",
        "Comments": comment,
    }
    return "".join(f"{key:<{_WIDTH}}: {' '.join(value.split())}\n" for key, value in fields.items())
