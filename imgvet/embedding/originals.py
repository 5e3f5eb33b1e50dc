"""Pixels of originals, for models that want more than thumbnails hold."""

from __future__ import annotations

import logging

from imgvet.crops.crop import cut_picture
from imgvet.images.decode import decode
from imgvet.images.geometry import region_of
from imgvet.images.picture import Pixels
from imgvet.reasons import Failure
from imgvet.sources.entry import item_name
from imgvet.sources.reading import Reader
from imgvet.store.files import FileToRead

_logger = logging.getLogger(__name__)


def read_pixels(file: FileToRead, reader: Reader) -> Pixels | Failure:
    """The pixels of an item, or why they can't be had any more.

    Args:
        file: the item; of a crop, the picture that it was cut from is read.
        reader: reads items.

    Returns:
        RGB, uint8, shape (h, w, 3); large JPEGs at a reduced scale, but crops at full size.
    """
    content = reader.read(file)
    if isinstance(content, Failure):
        return content
    picture = decode(content.data, full_size=file.box is not None)
    if file.box is not None and not isinstance(picture, Failure):
        picture = cut_picture(picture, region_of(file.box))
    return picture if isinstance(picture, Failure) else picture.pixels


def note_missing(file: FileToRead, failure: Failure) -> None:
    """Say that an original is gone and its thumbnail is taken in its place."""
    _logger.warning(
        "%s can't be read again (%s); its thumbnail is embedded instead",
        item_name(file.path, file.member, file.time_ms, file.box),
        failure.detail or failure.reason,
    )
