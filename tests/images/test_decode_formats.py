"""What decoding gives for each format, depth and kind of colour."""

from __future__ import annotations

from itertools import chain

import cv2
import numpy as np
import pytest
from PIL import Image

from imgvet.images.decode import decode
from imgvet.images.picture import Picture
from imgvet.reasons import Failure, Reason

FORMATS = (
    "jpeg", "jpeg progressive", "png", "png palette", "gif", "bmp", "tiff", "tiff lzw",
    "tiff deflate", "tiff jpeg", "webp", "webp lossless", "avif", "jp2", "ppm", "heic", "hdr",
)  # fmt: skip
LOSSLESS = {"png", "bmp", "tiff", "tiff lzw", "tiff deflate", "webp lossless", "jp2", "ppm"}


def picture_of(data: bytes) -> Picture:
    found = decode(data)
    assert isinstance(found, Picture), found
    assert found.pixels.dtype == np.uint8
    assert found.pixels.flags.c_contiguous
    return found


def mean_error(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_picture(files, drawing, name):
    found = picture_of(files[name])
    assert (found.width, found.height) == (90, 61)
    error = mean_error(found.pixels, drawing(90, 61))
    assert error == 0 if name in LOSSLESS else error < 5
    assert found.detail == ""


def test_every_format_is_tried(files):
    assert set(files) == set(FORMATS)


def test_gray_jpeg_has_one_channel(saved, drawing):
    found = picture_of(saved(Image.fromarray(drawing(90, 61)).convert("L"), "JPEG"))
    assert found.channels == 1
    assert np.array_equal(found.pixels[..., 0], found.pixels[..., 2])


def test_cmyk_jpeg_has_the_same_colours(saved, drawing):
    found = picture_of(saved(Image.fromarray(drawing(90, 61)).convert("CMYK"), "JPEG", quality=95))
    assert found.channels == 4
    assert mean_error(found.pixels, drawing(90, 61)) < 5


@pytest.mark.parametrize("extension", [".png", ".tiff"])
@pytest.mark.parametrize(("channels", "value"), [(1, 200), (3, 200), (4, 200)])
def test_16_bits_are_scaled_to_8(extension, channels, value):
    array = np.full((20, 30, channels), value * 257, np.uint16)
    array[..., -1] = 65535 if channels == 4 else array[..., -1]
    found = picture_of(cv2.imencode(extension, array.squeeze())[1].tobytes())
    assert found.bit_depth == 16
    assert found.channels == channels
    assert np.all(found.pixels == value)


@pytest.mark.parametrize("extension", [".png", ".tiff"])
@pytest.mark.parametrize(("greatest", "shown"), [(200, 200), (1000, 250), (4000, 250), (16000, 250),
                                                 (40_000, 156), (20 * 257, 20)])  # fmt: skip
def test_fewer_bits_than_16_are_scaled_by_those_there_are(extension, greatest, shown):
    array = np.zeros((20, 30), np.uint16)
    array[:, 10:] = greatest
    found = picture_of(cv2.imencode(extension, array)[1].tobytes())
    assert (found.pixels.min(), found.pixels.max()) == (0, shown)


@pytest.mark.parametrize(("greatest", "shown"), [(4.5, 255), (1.01, 255), (40.0, 40)])
def test_a_float_tiff_of_another_range_is_stretched_but_for_whole_numbers(greatest, shown):
    array = np.zeros((20, 30), np.float32)
    array[:, 10:] = greatest
    assert picture_of(cv2.imencode(".tiff", array)[1].tobytes()).pixels.max() == shown


@pytest.mark.parametrize("channels", [1, 3])
def test_float_tiff_from_0_to_1_is_scaled(channels):
    array = np.full((20, 30, channels), 0.5, np.float32)
    found = picture_of(cv2.imencode(".tiff", array.squeeze())[1].tobytes())
    assert found.bit_depth == 32
    assert np.all(found.pixels == 128)


def test_wide_integers_are_stretched(saved):
    array = np.linspace(-1e6, 1e6, 600).reshape(20, 30).astype(np.int32)
    found = picture_of(saved(Image.fromarray(array), "TIFF"))
    assert found.pixels.min() == 0
    assert found.pixels.max() == 255


def test_constant_wide_integers_do_not_divide_by_zero(saved):
    picture_of(saved(Image.fromarray(np.full((20, 30), 10**6, np.int32)), "TIFF"))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(("alpha", "expected"), [(0, 255), (255, 100), (51, 224)])
def test_alpha_is_composited_on_white(saved, kind, alpha, expected):
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    image = Image.new("RGBA", (30, 20), (100, 100, 100, alpha))
    found = picture_of(saved(image, kind, **options))
    # A WebP of opaque pixels only is written without alpha.
    assert found.channels == 4 or (kind == "WEBP" and alpha == 255)
    assert np.all(np.abs(found.pixels.astype(int) - expected) <= 1)


@pytest.mark.parametrize(("level", "ground"), [(255, 0), (100, 255)])
def test_what_is_white_on_transparent_ground_is_still_seen(saved, level, ground):
    image = Image.new("RGBA", (30, 20), (level, level, level, 0))
    image.paste((level, level, level, 255), (0, 0, 10, 20))
    found = picture_of(saved(image, "PNG"))
    assert np.all(found.pixels[:, :10] == level)
    assert np.all(found.pixels[:, 10:] == ground)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_transparent_palette_entries_become_white(saved, kind):
    image = Image.new("P", (30, 20), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.paste(0, (0, 0, 10, 20))
    found = picture_of(saved(image, kind, transparency=0))
    assert np.all(found.pixels[:, :10] == 255)
    assert np.all(found.pixels[:, 10:] == (10, 20, 30))


def test_one_bit_png(saved):
    found = picture_of(saved(Image.new("1", (30, 20), 1), "PNG"))
    assert (found.channels, found.bit_depth) == (1, 1)
    assert np.all(found.pixels == 255)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_counts(saved, kind):
    first, second = Image.new("RGB", (30, 20), (255, 0, 0)), Image.new("RGB", (30, 20), (0, 0, 255))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(first, kind, save_all=True, append_images=[second], **options)
    assert np.all(picture_of(data).pixels == (255, 0, 0))


def test_large_jpeg_is_decoded_smaller_but_keeps_its_size(saved, drawing):
    found = picture_of(saved(Image.fromarray(drawing(3000, 2200)), "JPEG"))
    assert (found.width, found.height) == (3000, 2200)
    height, width = found.pixels.shape[:2]
    assert 512 <= height < 1024
    assert width / height == pytest.approx(3000 / 2200, rel=0.01)
    expected = cv2.resize(drawing(3000, 2200), (width, height), interpolation=cv2.INTER_AREA)
    assert mean_error(found.pixels, expected) < 2


def test_pictures_that_are_not_large_are_decoded_in_full(saved, drawing):
    assert picture_of(saved(Image.fromarray(drawing(700, 512)), "JPEG")).pixels.shape[0] == 512


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"\0" * 5000, Reason.NOT_AN_IMAGE),
        (b"hello, world", Reason.NOT_AN_IMAGE),
        (b"P", Reason.NOT_AN_IMAGE),
        (b"8BPS\0\1" + b"\0" * 50, Reason.UNSUPPORTED),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Reason.UNSUPPORTED),
        (b'<?xml version="1.0"?>\n<svg/>', Reason.UNSUPPORTED),
        (b"\xff\xd8", Reason.TRUNCATED),
        (b"\x89PNG\r\n\x1a\n", Reason.TRUNCATED),
    ],
)
def test_what_is_not_a_picture_says_so(data, reason):
    found = decode(data)
    assert isinstance(found, Failure)
    assert found.reason == reason
    assert found.detail


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\r\n<!DOCTYPE html><html>404", "text of a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS in place"),
        (b"\0\0\0\x18ftypmp42", "a video"),
        (b"BZh91AY&SY", "a bzip2 archive"),
        (b'{"error": 1}', "starts with '{\"error\"'"),
        (b"\0\1\2\xff", "starts with 00 01 02 ff"),
    ],
)
def test_what_is_not_a_picture_is_named(data, what):
    assert decode(data).detail.startswith(what)


def gray_jpeg(*samples: tuple[int, int]) -> bytes:
    """A JPEG of 64 x 48 gray pixels, whose components have so many samples across and down.

    All its codes are one bit long: each block is a difference of 0 and an end of block.
    """

    def segment(marker: int, *content: int) -> bytes:
        return bytes([0xFF, marker, *(len(content) + 2).to_bytes(2), *content])

    numbers = range(1, len(samples) + 1)
    parts = [[number, h << 4 | v, 0] for number, (h, v) in zip(numbers, samples, strict=True)]
    across, down = (8 * max(sample[axis] for sample in samples) for axis in (0, 1))
    blocks = -(-64 // across) * -(-48 // down) * sum(h * v for h, v in samples)
    one_bit = (1, *[0] * 15, 0)
    return b"".join((
        b"\xff\xd8",
        segment(0xDB, 0, *[16] * 64),
        segment(0xC0, 8, 0, 48, 0, 64, len(parts), *chain.from_iterable(parts)),
        segment(0xC4, 0, *one_bit),
        segment(0xC4, 0x10, *one_bit),
        segment(0xDA, len(parts), *chain(*((number, 0) for number in numbers)), 0, 63, 0),
        bytes(-(-blocks // 4)) + b"\xff\xd9",
    ))  # fmt: skip


@pytest.mark.parametrize("luma", [(2, 2), (4, 2), (1, 4), (3, 1)])
def test_a_jpeg_with_any_share_of_colour_samples_is_a_picture(luma):
    """TurboJPEG, which decodes most, refuses 4:1:0 and others that every viewer shows."""
    found = picture_of(gray_jpeg(luma, (1, 1), (1, 1)))
    assert (found.width, found.height, found.channels, found.bit_depth) == (64, 48, 3, 8)
    assert np.all(found.pixels == 128)
