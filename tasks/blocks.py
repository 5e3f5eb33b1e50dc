"""Prefect's blocks in the place of addresses: ``block:TYPE/NAME``, loaded each time it is used.

So parameters, which everybody who sees a server can read, name who is told and where data lie, and
the server keeps address and credentials encrypted.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from prefect.blocks.abstract import NotificationBlock, NotificationError
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.filesystems import RemoteFileSystem
from prefect.settings import PREFECT_API_URL

from imgvet.errors import ImgvetError, InvalidParameterError
from imgvet.monitor.history import Event, Run
from imgvet.monitor.messages import Message
from imgvet.monitor.notify import post
from imgvet.parameters import BLOCK, Part, block_in, place_in

OptionsType = TypeVar("OptionsType", bound=Part)

_NAMED = {"input_dir", "test_dir", "pictures", "work_dir"}
_VARIABLES = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_REGION": "region_name",
    "IMGVET_S3_ANONYMOUS": "anon",
}
"""What boto3 and :mod:`imgvet.sources.s3` read, by what s3fs calls it."""


def load(name: str, *kinds: type[Any]) -> Any:
    """The block of a name; InvalidParameterError if there is none, or of no kind that is of use."""
    kind, block, _ = block_in(name)
    if not PREFECT_API_URL.value():
        raise InvalidParameterError(
            f"{name} is a block of a Prefect server, and none is set up",
            "Set PREFECT_API_URL to the server that has it",
        )
    try:
        with warnings.catch_warnings():
            # Those who are told by Apprise, as in imgvet.monitor.notify.
            warnings.simplefilter("ignore", DeprecationWarning)
            found = Block.load(f"{kind}/{block}")
    except (ValueError, KeyError, RuntimeError, ImportError) as error:
        raise InvalidParameterError(
            f"{name} can't be had from the server ({str(error).strip().splitlines()[0]})",
            "Make a block of that type and name on the page Blocks of the server",
        ) from None
    if not isinstance(found, kinds):
        known = " or ".join(kind.__name__ for kind in kinds)
        raise InvalidParameterError(f"{name} is of no use here", f"Name a {known}")
    return found


def require_blocks(addresses: Iterable[str]) -> None:
    """Refuse what is the name of no block that messages can be sent by."""
    for address in addresses:
        if address.startswith(BLOCK):
            load(address, NotificationBlock, Secret)


def send_by_block(_: Run, __: Sequence[Event], message: Message, name: str) -> str:
    """Send a message by a block: a Sender."""
    return post_by_block(message, name)


def post_by_block(message: Message, name: str) -> str:
    """Send a message by a notification block, or to the addresses in a secret.

    Returns why it did not arrive, or "".
    """
    try:
        block = load(name, NotificationBlock, Secret)
        if isinstance(block, Secret):
            said = (post(message, address) for address in str(block.get()).split())
            return next(filter(None, said), "")
        with block.raise_on_failure():
            block.notify(message.body, message.title)
    except (ImgvetError, NotificationError, httpx.HTTPError, OSError, ValueError) as error:
        return str(error).strip() or "it was refused"
    return ""


def with_addresses(options: OptionsType) -> tuple[OptionsType, dict[str, str]]:
    """The options with addresses of buckets for the blocks that name inputs or the work dir.

    And what the environment has to hold for S3's client to use them. InvalidParameterError if a
    block can't be had, or two have different credentials.
    """
    found: dict[str, Any] = {}
    credentials: dict[str, str] = {}
    for name in _NAMED & type(options).model_fields.keys():
        value = getattr(options, name)
        if isinstance(value, Path):
            found[name] = Path(address_of(place_in(value), credentials))
        else:
            found[name] = tuple(address_of(one, credentials) for one in value)
    return options.model_copy(update=found), credentials


@contextmanager
def resolved(options: OptionsType) -> Iterator[OptionsType]:
    """The options of :func:`with_addresses`, while the environment holds what they need."""
    found, credentials = with_addresses(options)
    before = {name: os.environ.get(name) for name in credentials}
    os.environ.update(credentials)
    try:
        yield found
    finally:
        for name, earlier in before.items():
            os.environ.pop(name)
            os.environ.update({} if earlier is None else {name: earlier})


def address_of(name: str, credentials: dict[str, str]) -> str:
    """The address that a name stands for; the credentials of a block are added to those before."""
    if not name.startswith(BLOCK):
        return name
    block = load(name, RemoteFileSystem)
    settings = {**block.settings.get("client_kwargs", {}), **block.settings}
    told = {
        variable: str(settings[key]) for variable, key in _VARIABLES.items() if settings.get(key)
    }
    if credentials and told != credentials:
        raise InvalidParameterError(
            f"{name} has other credentials than the block before it",
            "Use blocks with the same ones in one run",
        )
    credentials.update(told)
    address = "/".join(filter(None, (block.basepath.rstrip("/"), block_in(name)[2])))
    if endpoint := urlsplit(str(settings.get("endpoint_url", ""))).netloc:
        is_http = str(settings["endpoint_url"]).startswith("http:")
        return f"minio{'+http' * is_http}://{endpoint}/{address.partition('://')[2]}"
    return address
