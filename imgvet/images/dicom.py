"""DICOM files: their first frame, as its own window shows it.

Source: DICOM PS3.3, C.7.6.3 (image pixel), C.11.1 and C.11.2 (modality and window, linear).
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, config, dcmread
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from imgvet.images.picture import Picture, Pixels, rgb_of_array, too_large
from imgvet.reasons import Failure, Reason

ERRORS = (BytesLengthException, InvalidDicomError)
"""What pydicom raises for bad bytes beside Python's own exceptions."""

config.settings.reading_validation_mode = config.IGNORE  # A wrong date is no fault of a picture.


def decode(data: bytes) -> Picture | Failure:
    """The first frame of a file, or why there is none; bad bytes raise :data:`ERRORS` as well."""
    file = dcmread(io.BytesIO(data))
    if "PixelData" not in file:
        kind = getattr(file.get("SOPClassUID"), "name", "no class")
        return Failure(Reason.NOT_AN_IMAGE, f"DICOM without pixels ({kind})")
    packed = file.file_meta.TransferSyntaxUID
    if not _can_decode(packed):
        return Failure(Reason.UNSUPPORTED, f"DICOM packed as {packed.name}")
    width, height = int(file.Columns), int(file.Rows)
    if (failure := too_large(width, height)) is not None:
        return failure
    return Picture(_shown(file), width, height, int(file.SamplesPerPixel), int(file.BitsStored))


def _can_decode(syntax: UID) -> bool:
    """Whether there is a decoder here for pixels that are packed so."""
    try:
        return get_decoder(syntax).is_available
    except NotImplementedError:
        return False


def _shown(file: Dataset) -> Pixels:
    """The first frame as RGB, uint8 (h, w, 3)."""
    stored = pixel_array(file, index=0)
    kind = file.PhotometricInterpretation
    if kind == "PALETTE COLOR":
        stored = apply_color_lut(stored, file)
    if stored.ndim == 3:
        return rgb_of_array(stored[..., ::-1])
    shown = _windowed(apply_modality_lut(stored, file).astype(np.float64), file)
    levels = np.rint(255 * np.clip(shown, 0, 1)).astype(np.uint8)
    return rgb_of_array(255 - levels if kind == "MONOCHROME1" else levels)


def _windowed(values: NDArray[np.float64], file: Dataset) -> NDArray[np.float64]:
    """Values (h, w) such that 0 is black and 1 white: by window, table, or all they go to.

    What is beyond a window lies outside of 0..1.
    """
    if "WindowCenter" in file and "WindowWidth" in file:
        centre, width = (
            float(np.ravel(file[name].value)[0]) for name in ("WindowCenter", "WindowWidth")
        )
        return (values - centre + 0.5) / max(width - 1, 1) + 0.5
    if "VOILUTSequence" in file:
        table = file.VOILUTSequence[0]
        looked_up = apply_voi_lut(values.astype(np.int64), file)
        return np.asarray(looked_up / (2.0 ** int(table.LUTDescriptor[2]) - 1), np.float64)
    low, high = values.min(), values.max()
    return (values - low) / max(high - low, 1e-9)
