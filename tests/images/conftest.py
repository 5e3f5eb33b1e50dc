"""Pictures of known content, encoded in every format."""

from __future__ import annotations

import io

import cv2
import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
from PIL import Image

Pixels = npt.NDArray[np.uint8]


def draw(width: int, height: int) -> Pixels:
    """A smooth picture that no rotation or mirroring maps onto itself."""
    y, x = np.mgrid[0:height, 0:width]
    red = 40 + 180 * x / max(width - 1, 1)
    green = 30 + 200 * y / max(height - 1, 1)
    blue = 60 + 130 * (x < width / 3) * (y < height / 4)
    return np.stack([red, green, np.broadcast_to(blue, x.shape)], axis=-1).astype(np.uint8)


def pillow_bytes(image: Image.Image, kind: str, **options: object) -> bytes:
    """The file that Pillow writes."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def heic_bytes(pixels: Pixels) -> bytes:
    """The file that libheif writes."""
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(stream, quality=95)
    return stream.getvalue()


def encode_all(pixels: Pixels) -> dict[str, bytes]:
    """The picture in every format that imgvet reads."""
    image = Image.fromarray(pixels)
    return {
        "jpeg": pillow_bytes(image, "JPEG", quality=95, subsampling=0),
        "jpeg progressive": pillow_bytes(image, "JPEG", quality=95, progressive=True),
        "png": pillow_bytes(image, "PNG"),
        "png palette": pillow_bytes(image.quantize(256), "PNG"),
        "gif": pillow_bytes(image, "GIF"),
        "bmp": pillow_bytes(image, "BMP"),
        "tiff": pillow_bytes(image, "TIFF"),
        "tiff lzw": pillow_bytes(image, "TIFF", compression="tiff_lzw"),
        "tiff deflate": pillow_bytes(image, "TIFF", compression="tiff_adobe_deflate"),
        "tiff jpeg": pillow_bytes(image, "TIFF", compression="jpeg", quality=95),
        "webp": pillow_bytes(image, "WEBP", quality=95),
        "webp lossless": pillow_bytes(image, "WEBP", lossless=True),
        "avif": pillow_bytes(image, "AVIF", quality=95),
        "jp2": pillow_bytes(image, "JPEG2000"),
        "ppm": pillow_bytes(image, "PPM"),
        "heic": heic_bytes(pixels),
        "hdr": cv2.imencode(".hdr", pixels[..., ::-1].astype(np.float32) / 255)[1].tobytes(),
    }


@pytest.fixture(scope="session")
def drawing():
    """A function from width and height to a picture without symmetry."""
    return draw


@pytest.fixture(scope="session")
def saved():
    """A function from a Pillow image and a format to the bytes of a file."""
    return pillow_bytes


@pytest.fixture(scope="session")
def heic():
    """A function from pixels to the bytes of a HEIC file."""
    return heic_bytes


@pytest.fixture(scope="session")
def files():
    """The same picture of 90 x 61 pixels in every format: name -> bytes."""
    return encode_all(draw(90, 61))
