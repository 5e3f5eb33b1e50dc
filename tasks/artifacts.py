"""Registering artifacts, which may never fail a run: what goes wrong is logged."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable

import httpx
from prefect.exceptions import PrefectException

_logger = logging.getLogger(__name__)


def slug(name: str) -> str:
    """A name as lower-case letters, digits and dashes, which keys of artifacts are made of."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return plain or f"dataset-{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}"


def key_of(dataset: str, what: str) -> str:
    """The key of an artifact of a dataset."""
    return f"imgvet-{slug(dataset)}-{what}"


def register(name: str, create: Callable[[], object]) -> None:
    """Register an artifact; log a warning if the server does not take it."""
    try:
        create()
    except (PrefectException, httpx.HTTPError, OSError, RuntimeError) as error:
        _logger.warning("The artifact %s could not be registered: %s", name, error)
