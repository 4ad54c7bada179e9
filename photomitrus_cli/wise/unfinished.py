"""What is left of a product that could not be completed."""

from __future__ import annotations

from contextlib import suppress

from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import Product


def remove_unfinished(product: Product, context: Context) -> None:
    """Remove the files of a product that got no manifest; the next run need not be told to replace them.

    Under ``--overwrite`` and ``--resume`` they may be those of an earlier run, and stay; so they do beside a
    manifest, which another run of the same product has written meanwhile.

    Parameters
    ----------
    product : Product
        Of a run that found none of its files when it began (`guard_outputs`).
    context : Context
    """
    if context.control.overwrite or context.control.resume or product.manifest.exists():
        return
    for path in (*product.paths, product.config):
        # What went wrong before is told, this is not: as a rule it has the same cause.
        with suppress(OSError):
            path.unlink(missing_ok=True)
