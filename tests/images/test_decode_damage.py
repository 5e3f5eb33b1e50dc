"""Damaged files become a reason, never an exception, a warning or a line on standard error."""

from __future__ import annotations

import logging
import random
import struct
import threading
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import imgvet.images.picture as picture_module
from imgvet.images.decode import decode
from imgvet.images.formats import Format, ends_early
from imgvet.images.picture import Picture
from imgvet.reasons import Failure, Reason

TRUNCATABLE = (
    "jpeg", "jpeg progressive", "png", "png palette", "gif", "bmp", "tiff", "tiff lzw",
    "tiff deflate", "tiff jpeg", "webp", "webp lossless", "avif", "jp2", "ppm", "heic",
)  # fmt: skip
FUZZ = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("name", TRUNCATABLE)
def test_truncated_files_are_found(files, name, share):
    data = files[name]
    found = decode(data[: int(len(data) * share)])
    assert isinstance(found, Failure)
    assert found.reason in (Reason.TRUNCATED, Reason.CORRUPT)
    assert found.detail


@pytest.mark.parametrize("name", ["jpeg", "png", "gif", "bmp", "tiff", "webp", "avif", "jp2"])
def test_half_a_file_is_called_truncated(files, name):
    found = decode(files[name][: len(files[name]) // 2])
    assert isinstance(found, Failure)
    assert found.reason == Reason.TRUNCATED


def test_whole_files_do_not_end_early(files):
    for name, kind in {
        "jpeg": Format.JPEG, "png": Format.PNG, "gif": Format.GIF, "bmp": Format.BMP,
        "tiff": Format.TIFF, "webp": Format.WEBP, "avif": Format.AVIF, "heic": Format.HEIF,
        "jp2": Format.JPEG2000,
    }.items():  # fmt: skip
        assert not ends_early(files[name], kind), name


@pytest.mark.parametrize("name", ["png", "png palette", "tiff deflate"])
@pytest.mark.parametrize("where", [0.3, 0.5, 0.7])
def test_damage_that_a_checksum_tells_is_found(files, name, where):
    data = bytearray(files[name])
    data[int(len(data) * where)] ^= 0xFF
    found = decode(bytes(data))
    assert isinstance(found, Failure)
    assert found.reason == Reason.CORRUPT


def insert_before_last_marker(jpeg: bytes, junk: bytes) -> bytes:
    return jpeg[:-2] + junk + jpeg[-2:]


def header_junk(jpeg: bytes) -> bytes:
    """Stray bytes between two segments of the header, which libjpeg skips with a warning."""
    end_of_first = 4 + int.from_bytes(jpeg[4:6], "big")
    return jpeg[:end_of_first] + b"\x11\x22" + jpeg[end_of_first:]


def test_harmless_jpeg_warnings_do_not_make_it_invalid(files, drawing):
    found = decode(header_junk(files["jpeg"]))
    assert isinstance(found, Picture), found
    assert "extraneous" in found.detail
    assert np.abs(found.pixels.astype(int) - drawing(90, 61)).mean() < 5


@pytest.mark.parametrize("cut", [0.5, 0.9])
def test_a_truncated_jpeg_is_found_behind_a_harmless_warning(files, cut):
    data = header_junk(files["jpeg"])
    found = decode(data[: int(len(data) * cut)])
    assert isinstance(found, Failure)
    assert found.reason == Reason.TRUNCATED


def test_bytes_after_a_jpeg_are_ignored(files):
    assert decode(files["jpeg"] + b"more" * 100).detail == ""
    assert isinstance(decode(insert_before_last_marker(files["jpeg"], b"\0\0")), Picture)


def test_a_jpeg_with_a_hole_is_corrupt(files):
    data = files["jpeg"]
    found = decode(data[: len(data) // 2] + b"\xff\xd9")
    assert isinstance(found, Failure)
    assert found.reason == Reason.CORRUPT


def png_claiming(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 100)
    chunks = [header, data, b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )


def jpeg_claiming(jpeg: bytes, width: int, height: int) -> bytes:
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def gif_claiming(width: int, height: int) -> bytes:
    screen = struct.pack("<HHBBB", width, height, 0, 0, 0)
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0)
    return screen + frame + b"\x02\x02\x4c\x01\x00;"


def test_decompression_bombs_are_refused_by_their_header(files):
    bombs = (
        png_claiming(100_000, 100_000),
        jpeg_claiming(files["jpeg"], 60_000, 60_000),
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 99999 +X 99999\n" + b"\0" * 100,
        b"GIF89a" + gif_claiming(65535, 65535),
        b"P6 90000 90000 255\n" + b"\0" * 100,
    )
    for bomb in bombs:
        found = decode(bomb)
        assert isinstance(found, Failure)
        assert found.reason == Reason.TOO_LARGE, found


def test_nothing_is_written_to_standard_error(files, capfd, monkeypatch):
    # As in a program that sets up no logging.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    too_many_samples = bytearray(files["tiff"])
    at = too_many_samples.index(struct.pack("<HHI", 277, 3, 1)) + 8
    too_many_samples[at] = 109
    decode(bytes(too_many_samples))
    for name in TRUNCATABLE:
        data = bytearray(files[name])
        for at in range(len(data) // 3, len(data), len(data) // 7):
            data[at] ^= 0x5A
        decode(bytes(data))
        decode(files[name][: len(files[name]) * 2 // 3])
    assert capfd.readouterr() == ("", "")


def small_enough(data: bytes) -> Picture | Failure:
    """Decode with a low limit, so that a damaged header can't ask for gigabytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picture_module, "MAX_PIXELS", 1_000_000)
        return decode(data)


@given(data=st.binary(max_size=300))
@FUZZ
def test_random_bytes_never_raise(data):
    assert isinstance(small_enough(data), Failure)


# Headers are where a decoder is most easily led astray.
places = st.integers(0, 399) | st.integers(0, 100_000)


@pytest.mark.parametrize("name", [*TRUNCATABLE, "hdr"])
@given(
    end=st.none() | st.integers(0, 100_000),
    flips=st.lists(st.tuples(places, st.integers(1, 255)), max_size=6),
)
@FUZZ
def test_damage_never_raises(files, name, end, flips):
    data = bytearray(files[name])
    if end is not None:
        del data[1 + end % len(data) :]
    for at, change in flips:
        data[at % len(data)] ^= change
    found = small_enough(bytes(data))
    assert isinstance(found, (Picture, Failure))
    if isinstance(found, Picture):
        assert found.pixels.dtype == np.uint8
        assert found.pixels.ndim == 3
        assert found.pixels.shape[2] == 3


def test_headers_that_ask_for_too_much_are_damage_and_no_lack_of_memory(files):
    chance, details = random.Random(1), []
    for _ in range(400):
        data = bytearray(files["heic"])
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(400)] ^= chance.randint(1, 255)
        found = small_enough(bytes(data))
        details += [found.detail] if isinstance(found, Failure) else []
    assert any("Security limit exceeded" in detail for detail in details)


@given(signature=st.sampled_from([b"II*\0", b"BM", b"GIF89a", b"P5 ", b"qoif", b"\xff\xd8\xff",
                                  b"RIFF\0\0\0\0WEBP", b"\0\0\0\x18ftypheic", b"#?RGBE\n",
                                  b"\0\0\0\x18ftypavif", b"\x59\xa6\x6a\x95"]),
       rest=st.binary(max_size=200))  # fmt: skip
@FUZZ
def test_a_signature_alone_never_raises(signature, rest):
    assert isinstance(small_enough(signature + rest), (Failure, Picture))


def test_threads_give_the_same_pictures(files):
    expected = {name: decode(data) for name, data in files.items()}
    wrong: list[str] = []

    def work() -> None:
        for name, data in files.items():
            found = decode(data)
            if not np.array_equal(found.pixels, expected[name].pixels):
                wrong.append(name)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_content_decides_not_a_name(files, tmp_path):
    path = tmp_path / "really_a_jpeg.png"
    path.write_bytes(files["jpeg"])
    assert np.array_equal(decode(path.read_bytes()).pixels, decode(files["jpeg"]).pixels)
