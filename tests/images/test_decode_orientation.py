"""EXIF orientation, in every format that carries it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgvet.images.decode import decode
from imgvet.images.picture import Picture, oriented

STORED_FOR = {
    1: lambda shown: shown,
    2: np.fliplr,
    3: lambda shown: np.rot90(shown, 2),
    4: np.flipud,
    5: lambda shown: shown.transpose(1, 0, 2),
    6: lambda shown: np.rot90(shown, 1),
    7: lambda shown: np.rot90(shown.transpose(1, 0, 2), 2),
    8: lambda shown: np.rot90(shown, -1),
}
"""How a picture is stored so that its orientation tag makes it upright (CIPA DC-008, 4.6.4)."""

SIDES = st.integers(1, 40)


@given(orientation=st.integers(1, 8), width=SIDES, height=SIDES)
def test_orientation_restores_the_picture(drawing, orientation, width, height):
    shown = drawing(width, height)
    stored = np.ascontiguousarray(STORED_FOR[orientation](shown))
    assert np.array_equal(oriented(stored, orientation), shown)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
@given(orientation=st.integers(1, 8))
@settings(max_examples=8, deadline=None)
def test_every_format_that_carries_it(saved, drawing, kind, orientation):
    shown = drawing(90, 61)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED_FOR[orientation](shown)))
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95}
    found = decode(saved(stored, kind, exif=exif, **options))
    assert isinstance(found, Picture)
    assert (found.width, found.height) == (90, 61)
    assert np.abs(found.pixels.astype(int) - shown).mean() < 4


def test_it_holds_for_a_jpeg_decoded_at_reduced_scale(saved, drawing):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(drawing(1400, 2000), 1)))
    found = decode(saved(stored, "JPEG", exif=exif))
    assert isinstance(found, Picture)
    assert (found.width, found.height) == (1400, 2000)
    assert found.pixels.shape[0] > found.pixels.shape[1]


@pytest.mark.parametrize("value", [0, 9, 77])
def test_impossible_orientations_are_ignored(saved, drawing, value):
    exif = Image.Exif()
    exif[0x0112] = value
    found = decode(saved(Image.fromarray(drawing(90, 61)), "JPEG", exif=exif))
    assert isinstance(found, Picture)
    assert (found.width, found.height) == (90, 61)


@pytest.mark.parametrize("damaged", [b"", b"II*\0", b"MM\0*\0\0\0\x08\xff\xff", b"junk" * 9])
def test_damaged_exif_does_not_make_a_picture_invalid(saved, drawing, damaged):
    data = saved(Image.fromarray(drawing(90, 61)), "JPEG", exif=b"Exif\0\0" + damaged)
    assert isinstance(decode(data), Picture)
