"""imgvet vets image datasets.

    import imgvet
    dataset = imgvet.create(input_dir="photos", work_dir="out")
    dataset.run()
    dataset.summary()

Importing this package is light: everything heavy is imported on first use.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgvet.dataset import Dataset, create

for _name, _value in {
    # Else these note what they are used for, and send it, some from their import on.
    "DO_NOT_TRACK": "1",  # Prefect
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",  # the server that it starts for a flow
    "GX_ANALYTICS_ENABLED": "false",  # Great Expectations
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime, from 1.29
    "RAY_USAGE_STATS_ENABLED": "0",
    # Else that server is given up after 20 s, which its first start takes where others work, too.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # Else their threads spin after each operation, in the way of ours: a k-means takes four times
    # the processor time, a product of matrices 0.1 s more.
    "OMP_WAIT_POLICY": "PASSIVE",  # FAISS
    "OPENBLAS_THREAD_TIMEOUT": "20",  # NumPy, SciPy: 2 ** 20 cycles instead of 2 ** 28
}.items():
    os.environ.setdefault(_name, _value)

__version__ = "0.1.0"
__all__ = ["Dataset", "__version__", "create"]


if not TYPE_CHECKING:  # else every name would be there, of any type

    def __getattr__(name: str) -> object:
        """Import the Python face on first use, so that ``import imgvet`` costs next to nothing."""
        if name in ("create", "Dataset"):
            return getattr(importlib.import_module("imgvet.dataset"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What is here, and what will be on first use."""
    return list({*globals(), *__all__})
