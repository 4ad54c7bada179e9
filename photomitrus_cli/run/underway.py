"""A product under way: its checkpoints are open, and a run that fails leaves a record of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from photomitrus_cli.errors import ConfigError, OutputExistsError
from photomitrus_cli.io.atomic import check_folder, remove_stale_parts
from photomitrus_cli.run.checkpoint import Store, open_store
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import Product, RunRecord, guard_outputs, write_failure

_log = logging.getLogger(__name__)


@contextmanager
def under_way(
    product: Product, record: RunRecord, context: Context, *, needed_bytes: int = 0
) -> Iterator[Store]:
    """Open the checkpoints of a product for as long as it is made.

    Parameters
    ----------
    product : Product
    record : RunRecord
        What it has by the time of a failure is written beside the product.
    context : Context
    needed_bytes : int
        How much the run will write.

    Yields
    ------
    Store
        Its folder is removed when the block ends well, and kept for ``--resume`` when it fails.

    Raises
    ------
    ConfigError
        When another run is at work on the product.
    OutputExistsError
        When a file of the product exists, and is neither to be replaced nor resumed.
    WriteError
        When the folder cannot be written to, or has too little space.
    """
    check_folder(product.folder, needed_bytes)
    remove_stale_parts(product.folder)
    try:
        with open_store(product.work, record.key, resume=context.control.resume) as store:
            # Once more, now that no other run of this product can be at work.
            guard_outputs(product, context)
            yield store
    except (ConfigError, OutputExistsError):
        # Another run is, or was just now, at this product; its records are not ours to write.
        raise
    except BaseException as error:
        if any(product.work.glob("*.unit")):
            _log.info("what is finished is kept in %s; --resume continues", product.work)
        write_failure(product, record, context, error)
        raise
