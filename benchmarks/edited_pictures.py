"""Photos and their edits as files, and the vectors that imgvet and the peer give to them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from benchmarks.edits import EDITS, Image
from benchmarks.peer import peer_environment
from benchmarks.process import run
from benchmarks.settings import Settings
from benchmarks.stages import measure_and_embed
from imgvet.images.picture import decode_thumbnail
from imgvet.models.model import Model
from imgvet.store.packs import Thumbnails
from imgvet.store.store import Store
from imgvet.workdir import WorkDir

JPEG_QUALITY = 95
VARIANTS = 1 + len(EDITS)
_PEER_PROGRAM = """
import sys, numpy, fastdup
folder, work = sys.argv[1:]
fastdup.run(folder, work, run_mode=1, num_threads=2, turi_param="nnmodel=0,run_sentry=0")
names, vectors = fastdup.load_binary_feature(work + "/atrain_features.dat")
numpy.savez(work + "/vectors.npz", names=numpy.array(names), vectors=numpy.array(vectors))
"""

Vectors = NDArray[np.float32]


def variants(photo: Image) -> list[Image]:
    """A photo followed by its 17 edits, at full size."""
    return [photo, *(edit(photo) for edit in EDITS.values())]


def edited_files(photos: Sequence[Image], folder: Path) -> list[Path]:
    """Write every photo and its edits; the files are in order of photo, then of edit."""
    folder.mkdir(parents=True)
    files = []
    for index, photo in enumerate(photos):
        for edit, image in enumerate(variants(photo)):
            files.append(folder / f"{index:06d}_{edit:02d}.jpg")
            pixels = np.ascontiguousarray(image)
            encoded = simplejpeg.encode_jpeg(pixels, quality=JPEG_QUALITY, colorsubsampling="420")
            files[-1].write_bytes(encoded)
    return files


def pipeline_vectors(
    files: Sequence[Path], scratch: Path, model: Model, embed: str | None = None
) -> Vectors:
    """Vectors float32 [photos, 18, D] of the files, by the stages of a run.

    Args:
        files: from :func:`edited_files`.
        scratch: where the stages put what they make.
        model: the model that embeds.
        embed: ``package.module:function`` to embed the thumbnails with instead.
    """
    work_dir = scratch / "stages"
    digests, vectors = measure_and_embed(files, work_dir, model)
    if embed is not None:
        module, _, function = embed.partition(":")
        thumbnails = Thumbnails(Store(WorkDir(work_dir)).measures)
        pictures = [decode_thumbnail(thumbnails.read(digest) or b"") for digest in digests]
        vectors = getattr(importlib.import_module(module), function)(pictures)
    return np.asarray(vectors, np.float32).reshape(-1, VARIANTS, vectors.shape[-1])


def peer_vectors(
    files: Sequence[Path], scratch: Path, interpreter: Path, settings: Settings
) -> Vectors:
    """Vectors float32 [photos, 18, D] that fastdup gives to the same files.

    Raises:
        ValueError: it left files out.
    """
    work = scratch / "peer"
    command = [str(interpreter), "-c", _PEER_PROGRAM, str(files[0].parent), str(work)]
    run(command, peer_environment(settings), scratch / "peer.log")
    result = np.load(work / "vectors.npz")
    names = [Path(name).name for name in result["names"]]
    if sorted(names) != [path.name for path in files]:
        raise ValueError(f"fastdup gave {len(names)} vectors for {len(files)} files")
    vectors = result["vectors"][np.argsort(names)]
    return np.asarray(vectors, np.float32).reshape(-1, VARIANTS, vectors.shape[-1])
