"""Numbers, lists and what others wrote (names, labels, addresses) in messages of one line.

One way for the whole package; foreign text is made safe to show, log and send.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

_LONGEST = 120
_JOINERS = "\u200c\u200d"
_SECRETS = (
    re.compile(r"(\w://)[^/?#\s'\"]+(?=@)"),
    re.compile(r"([?&][\w-]*(?:sig|credential|token|key|secret|password)[\w-]*=)[^&\s'\"]+", re.I),
)


def counted(number: float, one: str, many: str = "") -> str:
    """A number and its noun: ``1 row``, ``2,000 rows``; the plural ends in s if none is given."""
    return f"{number:,.0f} {one if number == 1 else many or f'{one}s'}"


def slug(name: str) -> str:
    """A name as lower-case letters, digits and dashes, which keys of artifacts are made of.

    One that loses letters gets a digest of all of it, so that no two of them share a key.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if plain and all(letter.isascii() or not letter.isalnum() for letter in name):
        return plain
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
    return f"{plain or 'dataset'}-{digest}"


def message_of(error: BaseException) -> str:
    """What an exception says, as one line; its type if it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def storable(text: str) -> str:
    """A text that any table can hold: JSON may spell half a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode()


def number(value: float, digits: int = 4) -> str:
    """So many significant digits, thousands separated: ``1,235``, ``0.01235``."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"


def share(part: float, whole: float = 1.0) -> str:
    """A part in percent, two decimals at most; only nothing is ``0 %`` and only all ``100 %``."""
    value = part / whole if whole else 0.0
    said = f"{100 * value:.2f}".rstrip("0").rstrip(".")
    if said in ("0", "100") and 0.0 < value < 1.0:
        said = "under 0.01" if said == "0" else "over 99.99"
    return f"{said} %"


def rough_percent(share: float) -> str:
    """A share in percent as it is said in a sentence: two digits or so, at most two decimals."""
    value = 100 * share
    digits = 2 if value < 1 else 1 if value < 10 or 99 < value < 100 else 0
    return f"{value:.{digits}f}".removesuffix(".00").removesuffix(".0") + " %"


def size_text(size: int | None) -> str:
    """Bytes in units of 1,000, with three digits: ``980 bytes``, ``1.23 MB``; None is unknown."""
    if size is None or size < 1000:
        return "size unknown" if size is None else counted(size, "byte")
    value, unit = size / 1000, "kB"
    for larger in ("MB", "GB", "TB"):
        if value >= 999.5:
            value, unit = value / 1000, larger
    return f"{number(value, 3)} {unit}"


def table_text(rows: Sequence[Sequence[str]], aligned: str) -> str:
    """Rows as lines with columns below each other; ``aligned`` has a ``<`` or ``>`` for each."""
    widest = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, aligned, widest, strict=True)
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def examples(values: Collection[object], most: int = 3) -> str:
    """The first values, quoted: ``'a.jpg', 'b.jpg', 'c.jpg', ...``; long ones keep their end."""
    texts = [repr(value) for value in islice(values, most)]
    shown = [text if len(text) <= _LONGEST else f"{text[0]}...{text[-_LONGEST:]}" for text in texts]
    return ", ".join([*shown, "..."] if len(values) > most else shown)


def each(numbers: Mapping[str, int]) -> str:
    """How many there are of each: ``2 too_small, 1 truncated``."""
    return ", ".join(f"{number:,} {name}" for name, number in numbers.items())


def most(numbers: Mapping[str, int], names: int = 5) -> dict[str, int]:
    """The greatest numbers first, then by name; those of too many names are summed as ``more``."""
    ranked = sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0]))
    rest = sum(number for _, number in ranked[names:])
    return dict(ranked[:names]) | ({"more": rest} if rest else {})


def listed(words: Sequence[str]) -> str:
    """Words in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


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


def templates_in(package: str, **settings: Any) -> Environment:
    """The folder ``templates`` of a package; a missing name in one is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    folder = PackageLoader(package)
    return Environment(loader=folder, undefined=StrictUndefined, trim_blocks=True, **settings)  # noqa: S701


def filled(template: str, **values: object) -> str:
    """A text of the folder ``templates`` with values in it, just as they are: it is no HTML."""
    made = templates_in("imgvet", keep_trailing_newline=True, autoescape=False)
    known = (counted, each, listed, most, number, rough_percent, share, visible)
    made.filters |= {say.__name__: say for say in known} | {"count": "{:,}".format}
    return made.get_template(template).render(values)
