"""The flow look_up_pictures: are these pictures in a dataset already?"""

from __future__ import annotations

import pandas as pd
from prefect import flow

from imgvet.flows.ending import completed
from imgvet.flows.server_run import told_to_server
from imgvet.opening import open_finished
from imgvet.search.against import LookUpOptions, in_short
from imgvet.tasks.blocks import with_addresses
from imgvet.tasks.finished_runs import look_up_all


@flow(name="look_up_pictures", persist_result=False)
def look_up_pictures(options: LookUpOptions) -> pd.DataFrame:
    """Tell of each of many pictures the nearest images of a finished run.

    Returns:
        the table of :func:`imgvet.search.against.look_up`, in a state whose message counts copies.
        RunNotFoundError if there is no finished run; else as that function.
    """
    with told_to_server(), with_addresses(options) as placed:
        work = open_finished(placed.work_dir, stored=True)
        found = look_up_all(work, placed)
    return completed(found, in_short(found, work))
