"""Send one message to one address, with Apprise (https://github.com/caronc/apprise)."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable
from typing import Any

from imgvet.errors import InvalidParameterError
from imgvet.monitor.message import Message


def check_addresses(addresses: Iterable[str]) -> None:
    """Check that messages can be sent to addresses at all; nothing is sent.

    Raises:
        InvalidParameterError: a service does not exist, or its address lacks something.
    """
    for address in addresses:
        if _service(address) is None:
            scheme = address.partition("://")[0] if "://" in address else address
            raise InvalidParameterError(
                f"notify: {scheme}://... is no address that messages can be sent to",
                "Write it as Apprise does: json://host:port/path, slack://..., mailto://...",
            )


def shown(address: str) -> str:
    """An address without its secrets and settings."""
    service = _service(address)
    return str(service.url(privacy=True)).partition("?")[0] if service is not None else "?"


def send(message: Message, address: str) -> str:
    """Send a message.

    Args:
        message: the message.
        address: where to, as Apprise writes it.

    Returns:
        Why it did not arrive, one line; empty if it did.
    """
    service = _service(address)
    if service is None:
        return "no such service"
    from apprise import Apprise, LogCapture, NotifyFormat, NotifyType

    capture: Any = LogCapture
    with capture(level=logging.WARNING, fmt="%(message)s") as captured:
        arrived = Apprise(service).notify(
            title=message.title,
            body=message.body,
            notify_type=NotifyType(message.kind),
            body_format=NotifyFormat.TEXT,
        )
        said: list[str] = captured.getvalue().strip().splitlines()
    return "" if arrived else (said[-1] if said else "it was refused").rstrip(".")


def _service(address: str) -> Any:
    """The service behind an address, None if there is none."""
    with warnings.catch_warnings():
        # Apprise's plugins use modules that later versions of Python leave out.
        warnings.simplefilter("ignore", DeprecationWarning)
        from apprise import Apprise

        return Apprise.instantiate(address, suppress_exceptions=True)
