"""Decode HEIC and HEIF with libheif."""

from __future__ import annotations

import numpy as np
from PIL import Image

from imgvet.images.decoder_errors import DECODER_ERRORS, failure
from imgvet.images.formats import Format
from imgvet.images.picture import Failure, Picture, too_large
from imgvet.images.pixels import rgb_of_image


def decode_heif(data: bytes) -> Picture | Failure:
    """Decode the primary picture; libheif applies its rotation and mirroring."""
    import pillow_heif  # Late: it loads libheif, which few datasets need.

    try:
        heif = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
        width, height = heif.size
    except DECODER_ERRORS as error:
        return failure(error, data, Format.HEIF)
    refused = too_large(width, height)
    if refused is not None:
        return refused
    try:
        levels = np.asarray(heif)
    except DECODER_ERRORS as error:
        return failure(error, data, Format.HEIF)
    pixels = rgb_of_image(Image.fromarray(levels))
    channels = 1 if levels.ndim == 2 else levels.shape[2]
    return Picture(pixels, width, height, channels, int(heif.info.get("bit_depth", 8)))
