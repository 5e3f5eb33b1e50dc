"""DICOM files are shown as their window, tables and colours say; what has no picture says why."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import JPEGLosslessSV1

from benchmarks.seed_files import dicom, picture
from imgvet.images.decode import decode
from imgvet.images.formats import Format, identify
from imgvet.images.picture import Picture
from imgvet.reasons import Failure, Reason

RAMP = np.tile(np.arange(0, 4000, 40, np.int16), (20, 1))
"""100 levels from left to right."""


def shown(data: bytes) -> Picture:
    found = decode(data)
    assert isinstance(found, Picture)
    return found


def ramp_of(data: bytes) -> list[int]:
    row = shown(data).pixels[0]
    assert (row == row[:, :1]).all()
    return row[:, 0].tolist()


def test_colours_are_those_of_the_file() -> None:
    found = shown(dicom(picture()))
    assert np.array_equal(found.pixels, picture())
    assert (found.width, found.height, found.channels, found.bit_depth) == (90, 61, 3, 8)


def test_a_window_says_what_is_black_and_white() -> None:
    levels = ramp_of(dicom(RAMP, WindowCenter=2000, WindowWidth=1001))
    assert levels[:38] == [0] * 38
    assert levels[63:] == [255] * 37
    assert levels[50] == 128
    several = dicom(RAMP, WindowCenter=[2000, 40], WindowWidth=[1001, 400])
    assert ramp_of(several) == levels


def test_a_window_is_of_rescaled_values() -> None:
    rescaled = dicom(
        RAMP, RescaleSlope=2, RescaleIntercept=-1024, WindowCenter=2976, WindowWidth=2001
    )
    plain = dicom(RAMP, WindowCenter=2000, WindowWidth=1000.5)
    assert np.abs(np.subtract(ramp_of(rescaled), ramp_of(plain))).max() <= 1


def test_without_a_window_the_whole_range_is_shown() -> None:
    levels = ramp_of(dicom(RAMP - 1000))
    assert levels == [round(255 * step / 99) for step in range(100)]
    assert ramp_of(dicom(RAMP, PhotometricInterpretation="MONOCHROME1")) == levels[::-1]
    assert set(ramp_of(dicom(RAMP * 0))) == {0}


def test_a_table_of_levels_is_looked_up() -> None:
    table = Dataset()
    table.LUTDescriptor = [256, 0, 12]
    table.LUTData = (4095 - 16 * np.arange(256, dtype="<u2")).tobytes()
    levels = np.tile(np.arange(256, dtype=np.uint16), (20, 1))
    found = ramp_of(dicom(levels, VOILUTSequence=[table]))
    assert found == [round(255 * (4095 - 16 * level) / 4095) for level in range(256)]


def test_a_palette_gives_colours() -> None:
    colours = {"Red": [0, 65535], "Green": [65535, 0], "Blue": [32768, 32768]}
    palette: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, values in colours.items():
        palette[f"{name}PaletteColorLookupTableDescriptor"] = [2, 0, 16]
        palette[f"{name}PaletteColorLookupTableData"] = np.array(values, "<u2").tobytes()
    found = shown(dicom(np.eye(20, dtype=np.uint8), **palette))
    assert found.pixels[0, 0].tolist() == [255, 0, 128]
    assert found.pixels[0, 1].tolist() == [0, 255, 128]


def test_the_first_frame_is_taken() -> None:
    frames = np.concatenate([RAMP, RAMP[:, ::-1]])
    assert ramp_of(dicom(frames, Rows=20, NumberOfFrames=2)) == ramp_of(dicom(RAMP))


def test_it_may_begin_as_another_format() -> None:
    data = b"II*\0" + dicom(RAMP)[4:]
    assert identify(data) is Format.DICOM
    assert shown(data).bit_depth == 16


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (dicom(RAMP)[:-100], Reason.TRUNCATED, "less than expected"),
        (dicom(RAMP)[:200], Reason.NOT_AN_IMAGE, "without pixels"),
        (dicom(RAMP)[:131] + b"M", Reason.NOT_AN_IMAGE, "without pixels (no class)"),
        (dicom(RAMP, Rows=65535, Columns=65535), Reason.TOO_LARGE, "65535 x 65535"),
        (dicom(RAMP, Rows=None), Reason.CORRUPT, "DICOM: "),
    ],
)
def test_what_can_not_be_shown_says_why(data: bytes, reason: Reason, detail: str) -> None:
    found = decode(data)
    assert isinstance(found, Failure)
    assert found.reason is reason
    assert detail in found.detail


def test_what_no_decoder_unpacks_is_unsupported() -> None:
    from io import BytesIO

    from pydicom.encaps import encapsulate

    file = dcmread(BytesIO(dicom(RAMP)))
    file.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    file.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
    stream = BytesIO()
    file.save_as(stream)
    found = decode(stream.getvalue())
    assert isinstance(found, Failure)
    assert found.reason is Reason.UNSUPPORTED
    assert found.detail.startswith("DICOM packed as JPEG Lossless")
