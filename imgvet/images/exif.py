"""The EXIF orientation of an opened picture."""

from __future__ import annotations

from PIL import ExifTags, Image

from imgvet.images.decoder_errors import DECODER_ERRORS
from imgvet.images.pixels import UPRIGHT


def orientation_of(image: Image.Image) -> int:
    """Orientation, 1 to 8; 1 if there is none or it can't be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    except DECODER_ERRORS:
        return UPRIGHT  # Damaged metadata do not make a picture invalid.
    return value if isinstance(value, int) and 1 <= value <= 8 else UPRIGHT
