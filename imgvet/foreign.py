"""Text that others wrote (names, labels, addresses), made safe to show, log and send."""

from __future__ import annotations

import re

_JOINERS = "\u200c\u200d"
_SECRETS = (
    re.compile(r"(\w://)[^/?#\s'\"]+(?=@)"),
    re.compile(r"([?&][\w-]*(?:sig|credential|token|key|secret|password)[\w-]*=)[^&\s'\"]+", re.I),
)


def redacted(text: str) -> str:
    """A text without the passwords and signatures of the addresses in it."""
    for pattern in _SECRETS:
        text = pattern.sub(r"\1***", text)
    return text


def visible(text: str) -> str:
    r"""Foreign text with every character that has no shape of its own spelled out.

    Line breaks, control characters, marks that turn the direction of writing, and bytes that are
    no text (lone surrogates) read as ``\n``, ``\u202e``, ``\udcff``: a name can neither hide a part
    of itself nor rearrange its surroundings. Joiners, which scripts need, stay.
    """
    return "".join(
        letter
        if letter.isprintable() or letter in _JOINERS
        else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def as_markdown(text: str) -> str:
    """Foreign text as Markdown that shows it as it is."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", visible(text))
