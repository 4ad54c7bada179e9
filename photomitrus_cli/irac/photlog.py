"""The text log of a photometry run: the eight fields of rafia37/IRAC_photometry, one a line."""

from __future__ import annotations

from collections.abc import Sequence

_WIDTH = 17


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
