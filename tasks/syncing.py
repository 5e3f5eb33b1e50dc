"""Stage sync_s3_to_local: mirror buckets ahead of the run that reads them."""

from __future__ import annotations

from prefect.runtime import task_run
from pydantic import BaseModel, ConfigDict

from imgvet.errors import TransportError
from imgvet.sources.s3_location import parse_location
from imgvet.sources.s3_mirror import remove_downloaded
from imgvet.sources.s3_sync import SyncOptions, SyncReport, sync_to_local
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import TRANSPORT_RETRIES, transport_stage, uncached_stage


class SyncInput(BaseModel):
    """What is mirrored: see :class:`imgvet.sources.s3_sync.SyncOptions`."""

    model_config = ConfigDict(frozen=True)

    name: str
    offset: int = 0
    limit: int | None = None
    min_file_size: int = 0


@transport_stage
def sync_s3_to_local(context: RunContext, wanted: SyncInput, run: str) -> SyncReport:
    """Mirror the images of one bucket or of a folder in it.

    Args:
        context: where the run happens.
        wanted: what is mirrored.
        run: the run, by which :func:`remove_mirrored` knows what it downloaded.
    """
    options = SyncOptions(run, wanted.offset, wanted.limit, wanted.min_file_size)
    report = sync_to_local(parse_location(wanted.name), wanted.name, context.work.mirror, options)
    if report.transient and task_run.run_count <= TRANSPORT_RETRIES:
        # What arrived stays, so the next attempt asks only for the rest; after the last one the
        # rest become rows that say why.
        raise TransportError(
            f"{report.failed} objects of {wanted.name} did not arrive, such as "
            f"{report.failures[0].filename} ({report.failures[0].detail})",
            "Run again: what arrived is kept",
        )
    return report


@uncached_stage
def remove_mirrored(context: RunContext, wanted: SyncInput, run: str) -> int:
    """Remove what this run downloaded of one input, and count it; the parameter delete_img."""
    return remove_downloaded(parse_location(wanted.name), context.work.mirror, run)
