"""What is known of a model file that is downloaded, and where it is kept."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import platformdirs
from pydantic import BaseModel, ConfigDict, Field

FOLDER_VARIABLE = "IMGVET_MODEL_DIR"
"""Environment variable that names the folder of downloaded models."""

_NO_OTHER_WAY = "try again when the network is back"


class ModelFile(BaseModel):
    """A file that a publisher offers for download.

    Attributes:
        name: what it is called here; its file is named after it.
        url: address it is downloaded from.
        mirrors: further addresses of the same bytes, asked in turn when the one before fails.
        sha256: digest that its publisher gives, 64 hexadecimal digits; None if none is published.
        size: its bytes, perhaps rounded; shown before a download; None if unknown.
        licence: SPDX identifier, or a few words.
        source: page that describes it.
        way_out: what a user without the file can do instead: half a sentence that follows "or".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    url: str
    mirrors: tuple[str, ...] = ()
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    size: int | None = Field(None, gt=0)
    licence: str
    source: str
    way_out: str = _NO_OTHER_WAY

    @property
    def file_name(self) -> str:
        """Its name in the folder of models."""
        return self.name + PurePosixPath(urlsplit(self.url).path).suffix

    @property
    def path(self) -> Path:
        """Where it is kept, whether it is there or not."""
        return model_folder() / self.file_name

    @property
    def size_text(self) -> str:
        """Its size as a person reads it."""
        return "size unknown" if self.size is None else size_text(self.size)


def size_text(size: int) -> str:
    """A number of bytes as a person reads it, in units of 1,000.

    Args:
        size: bytes.
    """
    if size >= 999_500_000:
        return f"{size / 1e9:.2f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 99_950_000 else f"{size / 1e6:.1f} MB"


def model_folder() -> Path:
    """Folder of downloaded models: ``IMGVET_MODEL_DIR``, else ``models`` in the user's cache.

    The cache is where the platform keeps it (``XDG_CACHE_HOME`` where there is one).
    """
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    return Path(platformdirs.user_cache_dir("imgvet")) / "models"
