"""What the headers of all maps of WISE begin with: the run, and the band."""

from __future__ import annotations

from photomitrus_cli import __version__
from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.run.provenance import RunRecord


def run_cards(record: RunRecord, band: int) -> list[Card]:
    """Give the cards that tell of a run.

    Parameters
    ----------
    record : RunRecord
    band : int

    Returns
    -------
    list of Card
    """
    return [
        ("DATE", record.started.replace("+00:00", ""), "UTC of the start of the run"),
        ("CREATOR", f"astromap {__version__}", "software"),
        ("RUNKEY", record.key[:16], "hash of inputs and configuration"),
        ("TELESCOP", "WISE", ""),
        ("BAND", band, "band"),
    ]
