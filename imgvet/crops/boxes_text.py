"""Regions as one line of JSON, in which a listing keeps what is to be cut out of each picture.

Regions are in pixels, or in shares of a picture's width and height, whose size is not known before
it is decoded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import cast

from imgvet.images.corners import region_of_corners
from imgvet.images.region import Box, Corners, Region

NO_REGIONS = "[]"
"""What is kept of a picture of which nothing is to be cut out."""

_SHARES = "shares "
_BOX_NUMBERS = 4


def regions_text(regions: Iterable[Region], *, shares: bool = False) -> str:
    """Boxes and corners of regions; an unknown coordinate (NaN) becomes null.

    Args:
        regions: in pixels, or in shares of the picture's width and height.
        shares: which of these.
    """
    text = json.dumps([_numbers(region) for region in regions], separators=(",", ":"))
    return f"{_SHARES}{text}" if shares and text != NO_REGIONS else text


def regions_of_text(text: str, width: int, height: int) -> tuple[Region, ...]:
    """The regions that :func:`regions_text` wrote, in pixels and without labels.

    Args:
        text: what it wrote.
        width: width of the picture in pixels.
        height: height of the picture in pixels.
    """
    rows = json.loads(text.removeprefix(_SHARES))
    scale = (width, height) if text.startswith(_SHARES) else (1, 1)
    return tuple(_region(row, scale) for row in rows)


def _numbers(region: Region) -> list[float | None]:
    box = region.box
    values = region.corners or (box.x, box.y, box.width, box.height)
    return [value if math.isfinite(value) else None for value in values]


def _region(numbers: list[float | None], scale: tuple[int, int]) -> Region:
    values = tuple(
        math.nan if value is None else float(value) * scale[place % 2]
        for place, value in enumerate(numbers)
    )
    if len(values) == _BOX_NUMBERS:
        return Region(Box(*values))
    return region_of_corners(cast("Corners", values))
