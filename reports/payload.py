"""Data for the script, as scripts: a page from disk may not fetch JSON, but may load a script."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = "data"

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def as_json(value: Any) -> str:
    """JSON in ASCII that can't end a script element, whatever it holds.

    Line separators, marks of direction and lone surrogates are escapes, too.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.translate(_ESCAPES)


def assignment(name: str, value: Any) -> str:
    """A script that hands ``value`` to the page's scripts as ``imgvet.<name>``."""
    return f"(globalThis.imgvet ??= {{}}).{name} = {as_json(value)};\n"


def packed(values: NDArray[np.generic]) -> str:
    """An array as base64 of its bytes, little-endian, for a typed array of the script."""
    data = np.ascontiguousarray(values)
    return base64.b64encode(data.astype(data.dtype.newbyteorder("<")).tobytes()).decode("ascii")
