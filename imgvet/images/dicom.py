"""DICOM files: their first frame, as its own window shows it.

Source: DICOM PS3.3, C.7.6.3 (image pixel), C.11.1 and C.11.2 (modality and window, linear).
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, config, dcmread
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array

from imgvet.images.picture import Pixels, rgb_of_array
from imgvet.reasons import Failure, Reason

ERRORS = (BytesLengthException, InvalidDicomError)
"""What pydicom raises for bad bytes beside Python's own exceptions."""

config.settings.reading_validation_mode = config.IGNORE  # A wrong date is no fault of a picture.


@dataclass(frozen=True)
class Dicom:
    """A file that was read, but no pixel of it."""

    file: Dataset

    @classmethod
    def of(cls, data: bytes) -> Dicom:
        """Read it; what is wrong with it raises :data:`ERRORS`, or Python's own exceptions."""
        return cls(dcmread(io.BytesIO(data)))

    @property
    def failure(self) -> Failure | None:
        """Why there is no picture in it, or none that can be decoded here."""
        if "PixelData" not in self.file:
            kind = getattr(self.file.get("SOPClassUID"), "name", "no class")
            return Failure(Reason.NOT_AN_IMAGE, f"DICOM without pixels ({kind})")
        packed = self.file.file_meta.TransferSyntaxUID
        try:
            known = get_decoder(packed).is_available
        except NotImplementedError:
            known = False
        return None if known else Failure(Reason.UNSUPPORTED, f"DICOM packed as {packed.name}")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.file.Columns), int(self.file.Rows)

    @property
    def channels(self) -> int:
        """Samples of a pixel."""
        return int(self.file.SamplesPerPixel)

    @property
    def bit_depth(self) -> int:
        """Bits of a sample that are used."""
        return int(self.file.BitsStored)

    def decode(self) -> Pixels:
        """The first frame as RGB, uint8 (h, w, 3); raises as :meth:`of`."""
        stored = pixel_array(self.file, index=0)
        kind = self.file.PhotometricInterpretation
        if kind == "PALETTE COLOR":
            stored = apply_color_lut(stored, self.file)
        if stored.ndim == 3:
            return rgb_of_array(stored[..., ::-1])
        shown = self._windowed(apply_modality_lut(stored, self.file).astype(np.float64))
        levels = np.rint(255 * np.clip(shown, 0, 1)).astype(np.uint8)
        return rgb_of_array(255 - levels if kind == "MONOCHROME1" else levels)

    def _windowed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values (h, w) such that 0 is black and 1 white: by window, table, or all they go to.

        What is beyond a window lies outside of 0..1.
        """
        if "WindowCenter" in self.file and "WindowWidth" in self.file:
            centre, width = (
                float(np.ravel(self.file[name].value)[0])
                for name in ("WindowCenter", "WindowWidth")
            )
            return (values - centre + 0.5) / max(width - 1, 1) + 0.5
        if "VOILUTSequence" in self.file:
            table = self.file.VOILUTSequence[0]
            looked_up = apply_voi_lut(values.astype(np.int64), self.file)
            return np.asarray(looked_up / (2.0 ** int(table.LUTDescriptor[2]) - 1), np.float64)
        low, high = values.min(), values.max()
        return (values - low) / max(high - low, 1e-9)
