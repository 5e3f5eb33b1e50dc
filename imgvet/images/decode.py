"""Decode an image file: bytes in, upright RGB of 8 bits or a reason out; bad bytes never raise.

The content decides what a file is, never its name. JPEG goes through libjpeg-turbo (simplejpeg),
HEIF through libheif, everything else through Pillow, which reports damaged data where OpenCV
returns half a picture; OpenCV decodes what Pillow does not know.
"""

from __future__ import annotations

from imgvet.images.decode_heif import decode_heif
from imgvet.images.decode_jpeg import decode_jpeg
from imgvet.images.decode_other import decode_radiance, decode_with_pillow
from imgvet.images.formats import Format, identify, unsupported_name
from imgvet.images.picture import MAX_PIXELS, Failure, Picture, too_small
from imgvet.images.quiet import silence_decoders
from imgvet.reasons import Reason

__all__ = ["MAX_PIXELS", "Failure", "Picture", "decode", "too_small"]


def decode(data: bytes, *, full_size: bool = False) -> Picture | Failure:
    """Decode the first picture of a file.

    Args:
        data: the whole content of the file.
        full_size: decode a large JPEG with all its pixels instead of at a reduced scale.

    Returns:
        The picture, or why there is none: empty_file, not_an_image, unsupported, truncated,
        corrupt or too_large.
    """
    if not data:
        return Failure(Reason.EMPTY_FILE, "0 bytes")
    kind = identify(data)
    if kind is None:
        return _unknown(data)
    silence_decoders()
    if kind is Format.JPEG:
        return decode_jpeg(data, full_size=full_size)
    if kind is Format.HEIF:
        return decode_heif(data)
    if kind is Format.RADIANCE:
        return decode_radiance(data)
    return decode_with_pillow(data, kind)


def _unknown(data: bytes) -> Failure:
    name = unsupported_name(data)
    if name is not None:
        return Failure(Reason.UNSUPPORTED, f"{name} is not decoded")
    return Failure(Reason.NOT_AN_IMAGE, f"starts with {data[:8].hex(' ')}")
