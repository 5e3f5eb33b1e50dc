"""How crops are named: after their image, with a fragment that says which part of it they are.

    photo.jpg#xywh=10,20,100,80                        an upright box: x, y, width, height in pixels
    photo.jpg#corners=5,10,90.5,20,85,70,0,60          a rotated box: x1, y1, ..., x4, y4
    film.mp4#t=12.0&xywh=10,20,100,80                  of a frame
    photos.tar!a/b.jpg#xywh=10,20,100,80               of a member of an archive

Source of ``xywh``: W3C, Media Fragments URI 1.0, section 4.2.2, with decimals and negative numbers.
Numbers have at most three decimals, and none if they are whole. What precedes the last fragment is
the image's own name, unchanged. Only a whole image that happens to be called like a crop is written
differently, ``photo.jpg%23xywh=1,2,3,4``, so that every name has one meaning.

Boxes of one image that differ by less than half a thousandth of a pixel have the same name.
"""

from __future__ import annotations

import re
from typing import cast

from imgvet.images.corners import region_of_corners
from imgvet.images.region import Box, Corners, Region
from imgvet.sources.location import is_frame_name

_NUMBER = r"(?:-?[0-9]+(?:\.[0-9]{1,3})?|nan|-?inf)"
_FRAGMENT = rf"(xywh={_NUMBER}(?:,{_NUMBER}){{3}}|corners={_NUMBER}(?:,{_NUMBER}){{7}})\Z"
_MARK = re.compile(f"([#&]){_FRAGMENT}")
_LITERAL_MARK = re.compile(f"(#|&|%(?:25)*2[36])(?={_FRAGMENT})")
_ESCAPED_MARK = re.compile(f"%((?:25)*)2([36])(?={_FRAGMENT})")
_ESCAPES = {"#": "%23", "&": "%26"}
_CHARACTERS = {"3": "#", "6": "&"}


def crop_name(filename: str, region: Region | None) -> str:
    """The name of a part of an image, or of the whole of it.

    Args:
        filename: the image's own name: a path, a URI, a member of an archive or a frame.
        region: the part, None for the whole image.
    """
    if region is None:
        return _LITERAL_MARK.sub(_escape, filename) if "=" in filename else filename
    mark = "&" if is_frame_name(filename) else "#"
    return f"{filename}{mark}{_fragment(region)}"


def split_crop_name(name: str) -> tuple[str, Region | None]:
    """The image that a name belongs to and the part of it; the inverse of :func:`crop_name`.

    The part is None for a whole image; its numbers are rounded as in the name, and it has neither
    label, score nor text.
    """
    if "=" not in name:
        return name, None
    found = _MARK.search(name)
    if found is not None and found.start() and _is_mark_of(name[: found.start()], found[1]):
        return name[: found.start()], _region(found[2])
    return _ESCAPED_MARK.sub(_unescape, name), None


def _is_mark_of(filename: str, mark: str) -> bool:
    return mark == ("&" if is_frame_name(filename) else "#")


def _fragment(region: Region) -> str:
    if region.corners is not None:
        return f"corners={','.join(map(_text, region.corners))}"
    box = region.box
    return f"xywh={','.join(map(_text, (box.x, box.y, box.width, box.height)))}"


def _text(value: float) -> str:
    text = f"{value:.3f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _region(fragment: str) -> Region:
    kind, _, numbers = fragment.partition("=")
    values = tuple(map(float, numbers.split(",")))
    if kind == "corners":
        return region_of_corners(cast("Corners", values))
    return Region(Box(*values))


def _escape(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[1], f"%25{found[1][1:]}")


def _unescape(found: re.Match[str]) -> str:
    return f"%{found[1][2:]}2{found[2]}" if found[1] else _CHARACTERS[found[2]]
