"""Prefect's blocks in the place of addresses: ``block:TYPE/NAME``, loaded when it is used.

So parameters, which everybody who sees a server can read, name who is told and where data lie, and
the server keeps addresses and keys encrypted.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from imgvet.environment import environment
from imgvet.errors import InvalidParameterError
from imgvet.monitor.messages import Message
from imgvet.monitor.notify import Sender, post, reachable
from imgvet.monitor.options import NotifyOptions, all_addresses
from imgvet.parameters import BLOCK, Part, block_in, place_in

OptionsType = TypeVar("OptionsType", bound=Part)

_PLACES = {"input_dir", "test_dir", "pictures", "work_dir"}
_VARIABLES = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_REGION": "region_name",
    "IMGVET_S3_ANONYMOUS": "anon",
}
"""What boto3 and :mod:`imgvet.sources.s3` read, by what a RemoteFileSystem calls it."""


def load(name: str, *abilities: str) -> Any:
    """The block of a name; InvalidParameterError if there is none, or it has no such ability."""
    from prefect.blocks.core import Block
    from prefect.settings import PREFECT_API_URL
    from prefect.utilities.asyncutils import run_coro_as_sync

    kind, block, _ = block_in(name)
    if not PREFECT_API_URL.value():
        raise InvalidParameterError(
            f"{name} is a block of a Prefect server, and none is set up",
            "Set PREFECT_API_URL to the server that has it",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of Apprise, as in notify.py
            found = run_coro_as_sync(Block.aload(f"{kind}/{block}"))
    except (ValueError, KeyError, RuntimeError, ImportError) as error:
        raise InvalidParameterError(
            f"{name} can't be had from the server ({str(error).strip().splitlines()[0]})",
            "Make a block of that type and name on its page Blocks",
        ) from None
    if not any(hasattr(found, ability) for ability in abilities):
        raise InvalidParameterError(f"{name} is of no use here", "Name a block of another type")
    return found


def receiver(name: str) -> Any:
    """A block that messages are sent by: of notifications, or a secret with addresses."""
    return load(name, "notify", "get")


def require_blocks(addresses: Iterable[str]) -> None:
    """Refuse what names no block that messages can be sent by."""
    for address in addresses:
        if address.startswith(BLOCK):
            receiver(address)


def post_to(message: Message, address: str) -> str:
    """Send a message to an address or by a block; returns why it did not arrive, or ""."""
    if not address.startswith(BLOCK):
        return post(message, address)
    try:
        block = receiver(address)
        if hasattr(block, "notify"):
            with block.raise_on_failure():
                block.notify(message.body, message.title)
            return ""
        said = (post(message, secret) for secret in str(block.get()).split())
        return next(filter(None, said), "")
    except Exception as error:  # noqa: BLE001 (blocks are code of others)
        return str(error).strip() or type(error).__name__


def senders(options: NotifyOptions) -> dict[str, Sender]:
    """What sends to each address of the parameters and of the environment."""
    return dict.fromkeys(reachable(all_addresses(options.notify)), post_to)


@contextmanager
def with_addresses(options: OptionsType) -> Iterator[OptionsType]:
    """The options with addresses for the blocks that name inputs or work dirs.

    Their credentials are meanwhile in the environment of this process, where S3's client finds
    them. InvalidParameterError if a block can't be had, or two have different credentials.
    """
    found: dict[str, Any] = {}
    credentials: dict[str, str] = {}
    for name in _PLACES & type(options).model_fields.keys():
        value = getattr(options, name)
        if isinstance(value, Path):
            found[name] = Path(_address_of(place_in(value), credentials))
        else:
            found[name] = tuple(_address_of(place, credentials) for place in value)
    with environment(credentials):
        yield options.model_copy(update=found)


def place_at(path: Path) -> Path:
    """The address of a path; credentials of its block stay in the environment of this process."""
    credentials: dict[str, str] = {}
    place = Path(_address_of(place_in(path), credentials))
    os.environ.update(credentials)
    return place


def _address_of(name: str, credentials: dict[str, str]) -> str:
    if not name.startswith(BLOCK):
        return name
    block = load(name, "basepath")
    settings = {**block.settings.get("client_kwargs", {}), **block.settings}
    told = {variable: str(settings[key]) for variable, key in _VARIABLES.items()
            if settings.get(key)}  # fmt: skip
    if credentials not in ({}, told):
        raise InvalidParameterError(
            f"{name} has other credentials than the block before it",
            "Use blocks with the same ones in one run",
        )
    credentials.update(told)
    address = "/".join(filter(None, (block.basepath.rstrip("/"), block_in(name)[2])))
    server = urlsplit(str(settings.get("endpoint_url", "")))
    if not server.netloc:
        return address
    scheme = "minio+http" if server.scheme == "http" else "minio"
    return f"{scheme}://{server.netloc}/{address.partition('://')[2]}"
